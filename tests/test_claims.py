"""`benchmarks.claims`: made-up tables whose verdicts are known, and a criterion that chance seldom meets."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.claims import (
    CLAIMS,
    COMES_OUT,
    OTHER_WAY,
    TOGETHER,
    UNTOLD,
    ComparedRows,
    claimed,
    counted,
    in_the_paper,
    main,
    orderings,
    read_table,
    together,
)
from benchmarks.verdicts import chance, direction, welch
from scipy.stats import ttest_ind

from listen_and_move.ablations.ablation import VALUES
from listen_and_move.ablations.rows import PAPER, PUBLISHED
from listen_and_move.ablations.table import Figure, Table
from listen_and_move.errors import UserError
from listen_and_move.evaluation.json_records import write_json

Seeds = Mapping[str, Mapping[str, Sequence[float]]]
"""Values of the seeds by row and measure."""
WITHIN = np.array([-0.001, 0.0, 0.001])
"""How far apart seeds lie: less than any two published figures that differ."""


def written(folder: Path, clip: str, values: Seeds) -> Path:
    """A table.json as the command writes it."""
    figures = {
        PAPER[row].title: {name: Figure(tuple(seeds)) for name, seeds in measures.items()}
        for row, measures in values.items()
    }
    published = {PAPER[row].title: PUBLISHED[clip][row] for row in values}
    folder.mkdir(exist_ok=True)
    write_json(folder / VALUES, Table(figures, published, ["36 frames"]).values())
    return folder / VALUES


def as_in_the_paper(clip: str, sign: int = 1) -> Seeds:
    """Seeds that lie around the published figures, or around these with the other sign."""
    names = ("ssim", "perceptual_squeeze_caffe", "FVD")
    return {
        row: {name: (sign * figure + WITHIN).tolist() for name, figure in zip(names, figures, strict=True)}
        | {"sharpness_moving": (1 - sign * (6 - place) / 10 + WITHIN).tolist()}
        for place, (row, figures) in enumerate(PUBLISHED[clip].items())
    }


@pytest.mark.parametrize(("sign", "verdict"), [(1, COMES_OUT), (-1, OTHER_WAY)])
def test_every_published_ordering_is_found(tmp_path: Path, sign: int, verdict: str) -> None:
    found = list(orderings(read_table(written(tmp_path, "cello", as_in_the_paper("cello", sign)))))
    assert {each.verdict for each in found} == {verdict}
    for each in found:
        assert each.published is not None
        assert (each.published[0] > each.published[1]) == (each.measure == "ssim")
        assert (each.ahead > each.within) == (sign == 1)
    # .82 and five times .87; .16, two .09 and three .08; no two FVD of a clip are equal
    assert Counter(each.measure for each in found) == {
        "ssim": 5,
        "perceptual_squeeze_caffe": 5 + 2 * 3,
        "FVD": 15,
    }


def test_what_lies_within_the_spread_cannot_be_told(tmp_path: Path) -> None:
    values = {
        row: {"ssim": (0.5 + place / 100 + np.array([-0.1, 0, 0.1])).tolist()}
        for place, row in enumerate(PAPER)
    }
    found = list(orderings(read_table(written(tmp_path, "drums", values))))
    assert len(found) == 9
    assert {each.verdict for each in found} == {UNTOLD}


@pytest.mark.parametrize(
    ("rnn", "sac", "verdict"),
    [
        ([0.81, 0.82, 0.83], [0.70, 0.71, 0.72], COMES_OUT),
        ([0.70, 0.71, 0.72], [0.81, 0.82, 0.83], OTHER_WAY),
        ([0.81, 0.82, 0.83], [0.70, 0.71, 0.815], UNTOLD),  # not each better than each
        ([0.81, 0.82, 1.40], [0.60, 0.70, 0.80], UNTOLD),  # apart, but for the spread
        ([0.81, 0.82], [0.70, 0.71], UNTOLD),  # two seeds
        ([0.81, 0.82, float("nan")], [0.70, 0.71, 0.72], UNTOLD),  # one run has no value
        ([0.8, 0.8, 0.8], [0.7, 0.7, 0.7], COMES_OUT),
        ([0.8, 0.8, 0.8], [0.8, 0.8, 0.8], UNTOLD),
    ],
)
def test_each_verdict(tmp_path: Path, rnn: Sequence[float], sac: Sequence[float], verdict: str) -> None:
    table = read_table(written(tmp_path, "talking-head", {"rnn": {"ssim": rnn}, "sac": {"ssim": sac}}))
    (found,) = orderings(table)  # .81 and .77 in the paper
    assert (found.better, found.other, found.verdict) == ("rnn", "sac", verdict)


def test_sharpness_is_better_nearer_to_the_real_videos(tmp_path: Path) -> None:
    values = {"baseline": [1.6, 1.61, 1.62], "rnn": [0.8, 0.81, 0.82]}
    table = read_table(
        written(tmp_path, "drums", {row: {"sharpness_moving": seeds} for row, seeds in values.items()})
    )
    (found,) = claimed(table, CLAIMS[0])
    assert (found.verdict, found.published) == (COMES_OUT, None)
    assert found.ahead == pytest.approx(0.61 - 0.19)
    assert list(orderings(table)) == []


def by_measure(
    comparisons: Sequence[ComparedRows], of: Callable[[Sequence[ComparedRows]], str]
) -> dict[str, str]:
    return {
        measure: of([each for each in comparisons if each.measure == measure])
        for measure in dict.fromkeys(each.measure for each in comparisons)
    }


def test_claims_are_counted_beside_the_papers_own_figures(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "drums", as_in_the_paper("drums")))
    parts, whole, predictors = (list(claimed(table, claim)) for claim in CLAIMS)
    names = ("ssim", "perceptual_squeeze_caffe", "FVD", "sharpness_moving")
    assert by_measure(parts, counted) == dict.fromkeys(names, "3 / 0 / 0")
    # acIN has the best SSIM of drums in the paper; .75 and .11 stand there several times.
    expected = dict(zip(names, ["0 / 2 / 4", "4 / 0 / 2", "6 / 0 / 0", "6 / 0 / 0"], strict=True))
    assert by_measure(whole, counted) == expected
    assert by_measure(whole, in_the_paper) == expected | {"sharpness_moving": "not printed"}
    assert by_measure(predictors, in_the_paper)["FVD"] == "1 / 0 / 0"


def test_several_clips_are_also_compared_together(tmp_path: Path) -> None:
    """What each clip leaves open for one run can be told of the mean, and what clips oppose cannot."""
    level = {"baseline": 0.5, "rnn": 0.6}
    noise = {"cello": np.array([-0.08, 0.05, 0.03]), "drums": np.array([0.08, -0.05, -0.03])}
    tables = [
        read_table(
            written(
                tmp_path / clip,
                clip,
                {
                    row: {"ssim": (mean + (noise[clip] if row == "rnn" else -noise[clip])).tolist()}
                    for row, mean in level.items()
                },
            )
        )
        for clip in noise
    ]
    assert [each.verdict for table in tables for each in orderings(table)] == [UNTOLD, UNTOLD]
    (found,) = orderings(together(tables))
    assert (found.clip, found.verdict, found.published) == (TOGETHER, COMES_OUT, (0.81, 0.75))


def test_the_criterion_is_welchs_and_seldom_met_by_chance() -> None:
    random = np.random.default_rng(1)
    first, second = random.standard_normal((2, 3)) * [[1.0], [3.0]]
    difference, half = welch(first, second)
    interval = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (difference - half, difference + half) == pytest.approx((interval.low, interval.high))
    assert 0.03 < chance(3, 3) < 0.04  # complete separation alone: 0.1
    assert chance(2, 5) == 0
    told = direction(random.standard_normal((20_000, 3)) + 4, random.standard_normal((20_000, 3)))
    assert 0.85 < np.mean(told == 1) < 0.92
    assert not (told == -1).any()


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        str(written(tmp_path / clip, clip, as_in_the_paper(clip, sign)))
        for clip, sign in (("cello", 1), ("drums", -1))
    ]
    out = tmp_path / "claims.json"
    monkeypatch.setattr(sys, "argv", ["claims", *files, "--out", str(out)])
    main()
    said = capsys.readouterr().out
    assert "| each of the three parts beats the baseline | SSIM | 3 / 0 / 0 | 0 / 3 / 0 |" in said
    assert "| cello | SSIM | 5 | 5 / 0 / 0 | 0.2 |" in said
    assert "The paper's LPIPS (AlexNet) stands beside perceptual, SqueezeNet of Caffe" in said
    assert not re.search(r"\| LPIPS", said), "no measured column is called so"
    values = json.loads(out.read_text())
    assert {each["verdict"] for each in values["orderings"] if each["clip"] == "drums"} == {OTHER_WAY}
    assert len(values["claims"]) == 3


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("{", "expected JSON"),
        ('{"rows": 3, "notes": []}', "expected a table.json of an ablation"),
        ('{"rows": [], "notes": []}', "with its figures"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, saying: str) -> None:
    file = tmp_path / "table.json"
    file.write_text(text)
    with pytest.raises(UserError, match=saying):
        read_table(file)
    with pytest.raises(UserError, match=r"absent\.json: expected a table\.json"):
        read_table(tmp_path / "absent.json")


def test_one_clip_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(written(tmp_path, "cello", as_in_the_paper("cello")))
    monkeypatch.setattr(sys, "argv", ["claims", file, file])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "expected one of each clip; got several of cello" in capsys.readouterr().err
