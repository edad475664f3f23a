"""Pages hold everything they show, and escape what they are told."""

from base64 import b64encode
from fractions import Fraction
from hashlib import sha256
from io import BytesIO
from math import inf, nan

import numpy as np
import pytest
from jinja2 import UndefinedError
from matplotlib.image import imread
from tests.evaluation.making import Held, noise
from tests.evaluation.reporting import Page

from listen_and_move.evaluation.report.charts import (
    GAP,
    MOMENTS,
    enlarged,
    error_chart,
    moments,
    motion_chart,
    smoothed,
    strip,
)
from listen_and_move.evaluation.report.page import (
    definitions,
    folded,
    heading,
    listing,
    made_by,
    page,
    paragraph,
    picture,
    rendered,
    table,
    video,
)

NASTY = '<script>alert("1")</script> & </td>'


def test_all_text_is_escaped():
    image = strip(Held(noise(0, 3)))
    parts = [
        heading(NASTY),
        paragraph(NASTY),
        listing([NASTY]),
        definitions([(NASTY, NASTY)]),
        table([NASTY, NASTY], [[NASTY] * 2]),
    ]
    found = Page(
        page(NASTY, [*parts, picture(image, NASTY, NASTY), video(b"", NASTY), folded(NASTY, NASTY)], "test")
    )
    assert "script" not in found.tags
    assert (
        found.text.count("alert") == 14
    )  # the title, nine places of text, two captions, two of what is folded
    assert found.tables == [[[NASTY, NASTY], [NASTY, NASTY]]]


def test_nothing_is_asked_of_a_network():
    text = page("a", [picture(strip(Held(noise(0, 3))), "frames")], "test")
    found = Page(text)
    assert found.sources
    assert all(source.startswith("data:") for source in found.sources)
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert not {"script", "link", "iframe", "object"} & set(found.tags)


def test_a_template_without_one_of_its_values_is_refused():
    with pytest.raises(UndefinedError, match="data"):
        rendered("blind.html")


def test_a_page_runs_the_script_that_it_names_and_no_other():
    text = page("a", [rendered("blind.html", data="{}")], "test", script="blind.js")
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert "localStorage" in script
    assert f"script-src 'sha256-{digest}'" in text


def test_a_page_knows_its_maker(tmp_path):
    file, other = tmp_path / "page.html", tmp_path / "other.html"
    file.write_text(page("a" * 2000, [], "compare"), encoding="utf-8")
    other.write_text(page("a", [paragraph("listen-and-move compare")], "evaluate"), encoding="utf-8")
    assert made_by(file, "compare")
    assert not made_by(file, "evaluate")
    assert not made_by(other, "compare")


def test_tables_mark_and_set_off():
    text = table(
        ["", "a", "b"], [["x", "1", "2"], ["y", "3", "4"]], strong=("y",), marked={(0, 2)}, text=(1,)
    )
    found = Page(text)
    assert found.marked == [(0, 1, 2)]
    assert text.count("<tr class=strong>") == 1
    assert text.count('<td class="text">') == 2
    assert 'class="scroll ' in text


def test_only_pictures_are_pictures():
    with pytest.raises(ValueError, match="PNG or JPEG"):
        picture(b"<svg>", "no")


@pytest.mark.parametrize(("side", "factor"), [(64, 4), (96, 3), (112, 2), (128, 2), (256, 1), (600, 1)])
def test_small_frames_are_enlarged_by_whole_factors(side, factor):
    frames = noise(1, 2, side // 2, side)
    large = enlarged(frames)
    assert large.shape == (2, side // 2 * factor, side * factor, 3)
    assert (large[:, factor - 1 :: factor, ::factor] == frames).all()


def test_moments_are_spread():
    assert moments(3) == [0, 1, 2]
    assert moments(1) == [0]
    assert len(moments(1000)) == MOMENTS
    assert (moments(1000)[0], moments(1000)[-1]) == (0, 999)


def test_a_strip_shows_the_moments():
    flat = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 64 * 64 * 3).reshape(-1, 64, 64, 3)
    shown = imread(BytesIO(strip(Held(flat))), format="jpg")
    assert shown.shape == (128, MOMENTS * 128 + (MOMENTS - 1) * GAP, 3)
    middles = shown[64, 64 :: 128 + GAP, 0].astype(int)
    assert np.abs(middles - flat[moments(25), 0, 0, 0]).max() <= 2


def test_smoothing_is_the_mean_of_what_is_known():
    values = np.array([1.0, 2, 3, nan, 5, 6, 7])
    assert np.allclose(smoothed(values, 3), [1.5, 2, 2.5, 4, 5.5, 6, 6.5])
    assert np.allclose(smoothed(np.full(40, 2.0), 7), 2)
    assert np.isnan(smoothed(np.full(9, nan), 3)).all()


def opaque(png: bytes) -> int:
    """How many pixels of a chart have ink; the rest is transparent."""
    shown = imread(BytesIO(png), format="png")
    assert shown.ndim == 3
    assert shown.shape[2] == 4
    assert shown[0, 0, 3] == 0
    return int((shown[..., 3] > 0.5).sum())


def test_charts_draw_what_is_there():
    fps, count = Fraction(20), 400
    random = np.random.default_rng(0)
    course = random.random(count) - 30, random.random(count)
    one = motion_chart({"model": random.random(count - 1)}, *course, fps)
    two = motion_chart(
        {"real video": random.random(count - 1), "model": random.random(count - 1)}, *course, fps
    )
    assert opaque(two) > opaque(one) > 1000
    curve = random.random(count).tolist()
    assert (
        opaque(
            error_chart({"model": curve, "mean frame": curve[::-1]}, {"model": curve, "mean frame": curve})
        )
        > 1000
    )


@pytest.mark.parametrize(
    "series", [[], [None] * 30, [0.5], [0.0, None, inf, -inf, nan, 1.0] * 50, [-inf] * 12]
)
def test_charts_of_gaps_are_charts(series):
    assert opaque(motion_chart({"model": series}, series, series, Fraction(20))) > 100
    assert (
        opaque(error_chart({"model": series, "mean frame": series}, {"model": series, "mean frame": series}))
        > 100
    )
