"""The report of an evaluation: what it shows, and what it says of the figures."""

from fractions import Fraction
from io import BytesIO
from math import inf, nan

import numpy as np
import pytest
from matplotlib.image import imread
from tests.evaluation.making import Held, noise, swinging
from tests.evaluation.reporting import FPS, VALUES, Page, changed, made_up, read

from listen_and_move.evaluation.baselines import MEAN, MODEL, NEAREST, PATH, REAL
from listen_and_move.evaluation.course import Course
from listen_and_move.evaluation.interpretation import best_baseline, goodness, interpretation
from listen_and_move.evaluation.json_records import from_json
from listen_and_move.evaluation.measures import MEASURES, formatted
from listen_and_move.evaluation.report.report import SHOWN_SECONDS, Report, film
from listen_and_move.evaluation.report.tables import titled
from listen_and_move.evaluation.results import Altered, Curves
from listen_and_move.evaluation.unpaired import SoundResult
from listen_and_move.inference.sound_check import SoundCheck
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.media.soundtrack import SoundTrack

COUNT = 60


@pytest.fixture
def track(performance):
    """Three seconds from the middle of a sound of four."""
    return SoundTrack(performance, start=Fraction(1, 2), end=Fraction(7, 2))


def still(value, count=COUNT, height=64, width=64):
    return Held(np.full((count, height, width, 3), value, np.uint8))


def opened(mp4, tmp_path):
    file = tmp_path / "embedded.mp4"
    file.write_bytes(mp4)
    info = probe(file)
    assert info.video is not None
    return file, info, list(read_frames(file, FPS, width=info.video.width, height=info.video.height))


def written(report, results, tmp_path):
    report.write(tmp_path / "report.html", read(results))
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_a_film_is_real_beside_generated_with_the_sound_of_the_part(track, performance, tmp_path):
    file, info, frames = opened(film([still(40), still(200)], FPS, track), tmp_path)
    assert len(frames) == COUNT
    assert frames[0].shape == (256, 512, 3)
    assert np.abs(frames[0][:, :250].astype(int) - 40).max() <= 3
    assert np.abs(frames[0][:, 262:].astype(int) - 200).max() <= 3
    assert [sound.codec for sound in info.sounds] == ["aac"]
    ours = np.concatenate(list(read_sound(file, 16_000)))
    theirs = np.concatenate(list(read_sound(performance, 16_000, start=0.5, end=3.5)))
    assert abs(len(ours) - len(theirs)) <= 16_000 / 20
    length = min(len(ours), len(theirs))
    assert np.corrcoef(ours[:length], theirs[:length])[0, 1] > 0.95


def test_a_film_is_the_beginning_of_what_is_long(performance, tmp_path):
    slow = Fraction(2)  # frames per second: 70 are 35 seconds
    source = still(90, 70, 16, 20)
    file = tmp_path / "film.mp4"
    file.write_bytes(film([source], slow, SoundTrack(performance)))
    assert probe(file).duration == pytest.approx(SHOWN_SECONDS, abs=0.1)
    assert source.largest <= 32


def test_odd_sides_are_made_even(track, tmp_path):
    _, info, frames = opened(film([still(90, 10, 171, 301)], FPS, track), tmp_path)
    assert info.video is not None
    assert (info.video.width, info.video.height) == (302, 172)
    assert len(frames) == 10


@pytest.fixture
def shown(track):
    report, others = Report(FPS), {MEAN: still(100), PATH: Held(swinging(3, COUNT))}
    report.show_part(
        Held(noise(1, COUNT, 64, 64)),
        Held(noise(2, COUNT, 64, 64)),
        others,
        track,
        from_json(Curves, made_up()["series"]),
    )
    return report


def test_the_page_holds_all_that_was_shown(shown, tmp_path):
    results = made_up("<b>bold & run</b>")
    found = written(shown, results, tmp_path)
    assert "<b>bold & run</b>" in found.text
    assert "and <the picture> follows it." in found.text
    assert all(source.startswith("data:") for source in found.sources)
    (mp4,) = found.embedded("video/mp4")
    _, info, frames = opened(mp4, tmp_path)
    assert len(frames) == COUNT
    assert len(info.sounds) == 1
    assert [imread(BytesIO(png), format="png").shape[2] for png in found.embedded("image/png")] == [4, 4]
    assert len(found.embedded("image/jpeg")) == 4
    assert "listen-and-move weights fetch i3d-kinetics400" in found.text
    assert "<none>" in found.text
    assert "/home/somebody" not in found.text


def test_tables_hold_the_figures_of_the_results(tmp_path):
    found = written(Report(FPS), made_up(), tmp_path)
    seen = set()
    for table in found.tables:
        titles = {titled(name): name for name in MEASURES}
        if not set(table[0][1:]) <= set(titles) or len(table) != len(VALUES) + 1:
            continue
        for row in table[1:]:
            for title, cell in zip(table[0][1:], row[1:], strict=True):
                candidates = {
                    formatted(name, VALUES[row[0]].get(name)) for name in MEASURES if titled(name) == title
                }
                assert cell in candidates, (row[0], title)
                seen.add(title)
    assert seen == {titled(name) for values in VALUES.values() for name in values}
    null = found.table("wrong times", "95 % stay below")
    assert null[MODEL] == {
        "dcor": "0.284", "above the mean": "0.180", "p": "0.010", "mean at wrong times": "0.104",
        "95 % stay below": "0.200", "largest": "0.240", "wrong times": "51",
    }  # fmt: skip
    assert null[PATH]["largest"] == "-"
    assert null[PATH]["wrong times"] == "0"
    altered = found.table("response", "effect size")
    assert altered["shifted"]["effect size"] == "1.20"
    assert altered["shuffled"]["effect size"] == "-"


def test_the_best_baseline_is_marked_where_it_beats_the_model(tmp_path):
    found = written(Report(FPS), made_up(), tmp_path)
    marked = {(found.tables[t][r][0], found.tables[t][0][c]) for t, r, c in found.marked}
    assert (MEAN, "SSIM ↑") in marked
    assert (MEAN, "MSE ↓") in marked
    assert ("training video, shifted", "motion → 1") in marked
    assert not {title for _, title in marked} & {"dcor ↑", "LPIPS, AlexNet ↓"}, "there the model is best"
    assert len(marked) == len([name for name in MEASURES if best_baseline(VALUES, name)])


def test_without_pictures_the_figures_are_still_told(tmp_path):
    found = written(Report(FPS), made_up(), tmp_path)
    assert found.sources == []
    assert "What these figures mean" in found.text


def test_distributions_come_with_floor_count_and_protocol(tmp_path):
    assert "networks for it are not there" in written(Report(FPS), made_up(), tmp_path).text
    row = {
        "measure": "KID",
        "row": MODEL,
        "real_samples": 60,
        "generated_samples": 61,
        "value": 0.5,
        "floor": 0.125,
    }
    refused = {
        **row,
        "measure": "FID",
        "value": None,
        "floor": nan,
        "standard_error": None,
        "note": "too few: <60>",
    }
    results = {**made_up(), "distribution": [{**row, "standard_error": 0.01, "note": ""}, refused]}
    found = written(Report(FPS), results, tmp_path)
    table = found.table("floor", "note")
    assert table["KID"] | {"note": ""} == {
        "row": MODEL, "value ↓": "0.500", "standard error": "0.010", "floor": "0.125", "real samples": "60",
        "generated": "61", "note": "",
    }  # fmt: skip
    assert (table["FID"]["value ↓"], table["FID"]["floor"], table["FID"]["note"]) == (
        "-",
        "-",
        "too few: <60>",
    )
    assert "Protocol: equal" in found.text


def test_other_sounds_are_shown_in_their_order(performance, tmp_path):
    report, results = Report(FPS), made_up()
    for value in (50, 180):
        course = Course(np.linspace(-60, -10, 40), np.zeros(40))
        altered = {"silent": Altered(0.5, 0.1, None, None, {})}
        report.show_sound(
            "same name",
            SoundResult(
                still(value, 40), course, np.zeros(39), {}, altered, "", SoundCheck(-20.0, 3.0, None)
            ),
            SoundTrack(performance),
        )
        result = {"response": 0.5, "motion_ratio": inf, "dcor": None, "effect": None, "values": {}}
        values = {"motion_ratio": value / 100, "loudness_lag_ms": None}
        results["sounds"].append(
            {
                "name": "same name",
                "seconds": 2.0,
                "verdict": f"used {value}",
                "values": values,
                "altered": {"silent": result},
            }
            | {"notes": [f"note <{value}>"], "novelty": [0.25, value] if value == 50 else None}
        )
    found = written(report, results, tmp_path)
    shades = [opened(mp4, tmp_path)[2][0].mean() for mp4 in found.embedded("video/mp4")]
    assert np.allclose(shades, [50, 180], atol=3)
    assert found.text.index("used 50") < found.text.index("used 180")
    assert found.table("seconds", "motion")["same name"] == {
        "seconds": "2.0",
        "motion": "1.80",
        "its lag, ms": "-",
    }
    assert found.text.index("note <50>") < found.text.index("used 180") < found.text.index("note <180>")
    assert found.text.count("second by second: 0.2 50.0.") == found.text.count("second by second") == 1
    assert found.tables[-2] == [["sound", "response", "motion"], ["silent", "0.50", "-"]]


def test_goodness_knows_which_way_is_better():
    assert goodness("ssim", 0.9) > goodness("ssim", 0.8)  # type: ignore[operator]
    assert goodness("mse", 0.1) < goodness("mse", 0.01)  # type: ignore[operator]
    assert goodness("motion_ratio", 2.0) == pytest.approx(goodness("motion_ratio", 0.5))
    assert goodness("motion_ratio", 0.0) == -inf
    assert goodness("motion_lag_ms", -50.0) == goodness("motion_lag_ms", 50.0)
    assert goodness("ssim", 0.90001) == goodness("ssim", 0.9), "as printed"
    assert [goodness("ssim", value) for value in (None, nan, inf)] == [None] * 3
    assert goodness("flicker", 0.1) is None


def said(results):
    return " ".join(interpretation(read(results)))


def test_what_is_said_of_a_good_model():
    text = said(made_up())
    assert "So few frames make every figure uncertain" in text
    assert (
        "LPIPS, AlexNet from the real video: model 0.019, the mean frame 0.038, the replay (nearest sound) "
        "0.026." in text
    )
    assert "closer than the mean frame and the replay (nearest sound)." in text
    assert "softer than the real video: it has 66% of the real detail" in text
    assert "about as lively: its mean motion is 95%" in text
    assert (
        "In step: the right pixels change at the right time (dcor 0.284; at wrong times 0.104 on average"
        in text
    )
    assert "The better replay reaches 0.270." in text
    assert "50 ms late (correlation 0.52)" in text
    assert "In the silences of this part it moves 10% as much" in text
    assert "it comes to rest: 5% of its motion" in text
    assert "no replay" in text


def test_what_is_said_of_a_bad_model():
    bad = {
        "lpips_alex": 0.05,
        "sharpness_moving": 0.2,
        "motion_ratio": 0.02,
        "motion_at_best_lag": 0.1,
        "newness": 0.05,
    }
    results = changed(made_up(frames=400, seconds=20.0), MODEL, **bad)
    results["null"][MODEL] |= {"p": 0.4, "above": 0.01}
    results["sensitivity"]["altered"]["silent"]["motion_ratio"] = 1.0
    text = said(results)
    assert "uncertain" not in text
    assert "not closer than the mean frame and the replay (nearest sound)." in text
    assert "closer than" in text
    assert "blurred" in text
    assert "hardly moves" in text
    assert "no lag can be told" in text
    assert "mostly repeats training" in text
    assert "Not shown to be in step" in text
    assert "it moves on regardless" in text
    beaten = [name for name in MEASURES if best_baseline(read(results).by_row(), name)]
    assert f"A baseline beats the model in {len(beaten)} of the" in text


@pytest.mark.parametrize("nothing", [None, nan, inf])
def test_nothing_is_said_of_what_is_not_known(nothing, tmp_path):
    results = changed(made_up(), MODEL, **dict.fromkeys(VALUES[MODEL], nothing))
    results["null"] = {MODEL: None}
    results["sensitivity"]["altered"]["silent"]["motion_ratio"] = nothing
    assert len(interpretation(read(results))) == 2, "what was measured, and that silence could not be"
    assert "nan" not in said(results)
    assert "inf" not in said(results).replace("info", "")
    for row in (MEAN, NEAREST, PATH):
        results = changed(made_up(), row, **dict.fromkeys(VALUES[row], nothing))
        assert interpretation(read(results))
    assert " nan " not in written(Report(FPS), results, tmp_path).text


def test_without_perceptual_distance_the_error_is_called_what_it_is():
    results = changed(made_up(), MODEL, lpips_alex=None)
    assert "MSE from the real video: model 0.0025" in said(results)
    assert "favours still pictures" in said(results)


def test_short_and_trained_and_other_parts_are_named():
    short = made_up()
    short["null"][MODEL]["shifts"] = 8
    assert "too short to tell whether its timing" in said(short)
    assert "trained on" in said(made_up(name="training part"))
    assert "another video, take2.mp4" in said(made_up(name="take2", video="take2.mp4"))


def test_another_network_of_the_perceptual_loss_is_named():
    results = made_up()
    for losses, named in (
        ((10.0, "squeezenet1_1-caffe"), True),
        ((0.0, "squeezenet1_1-caffe"), False),
        ((10.0, "vgg16"), False),
    ):
        results["settings"]["losses"] = dict(zip(("perceptual", "perceptual_network"), losses, strict=True))
        assert ("by squeezenet1_1-caffe in place of the paper's vgg16" in said(results)) == named


def test_real_rows_are_no_rivals():
    assert best_baseline({REAL: {"ssim": 1.0}, MODEL: {"ssim": 0.5}, MEAN: {"ssim": 0.4}}, "ssim") is None
    assert best_baseline({REAL: {"ssim": 1.0}, MODEL: {"ssim": 0.5}, MEAN: {"ssim": 0.6}}, "ssim") == MEAN
