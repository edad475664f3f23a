"""Runs side by side, and several held-out parts together."""

import pytest
from tests.evaluation.reporting import Page, changed, made_up, sums

from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import MEAN, MODEL, MOVING
from listen_and_move.evaluation.compare import compare
from listen_and_move.evaluation.json_records import write_json
from listen_and_move.evaluation.shifts import pooled
from listen_and_move.runs import RunFolder


@pytest.fixture
def run(tmp_path):
    """Writes results into the evaluation folder of a run."""

    def evaluated(results, folder=None):
        path = tmp_path / (folder or results["run"]["name"])
        RunFolder(path).evaluation_folder.mkdir(parents=True)
        write_json(RunFolder(path).evaluation_folder / "results.json", results)
        return path

    return evaluated


@pytest.fixture
def out(tmp_path):
    return tmp_path / "comparison.html"


def line(lines, title):
    (found,) = [each for each in lines if each.startswith(f"{title}  ")]
    return found[len(title) :].split()


def test_figures_stand_side_by_side(run, out):
    first, second = made_up("first"), changed(made_up("second"), MODEL, lpips_alex=0.012, ssim=None, dcor=0.1)
    found = compare([run(first), run(second)], out)
    assert found.warnings == []
    assert found.pools == []
    lines = found.lines()
    assert line(lines, "LPIPS, AlexNet ↓") == ["0.019", "0.012", "0.038"]
    assert line(lines, "SSIM ↑") == ["0.900", "-", "0.913"]
    assert f"{MEAN} of first" in lines[1]
    assert len({len(each) for each in lines if "0.0" in each and "  " in each}) == 1
    page = Page(out.read_text(encoding="utf-8"))
    table = page.table("first", "second")
    assert table["LPIPS, AlexNet ↓"] == {"first": "0.019", "second": "0.012", f"{MEAN} of first": "0.038"}
    marked = {page.tables[t][r][0]: page.tables[t][0][c] for t, r, c in page.marked}
    assert marked["LPIPS, AlexNet ↓"] == "second"
    assert marked["dcor ↑"] == "first"
    assert marked["SSIM ↑"] == "first"
    assert all(source.startswith("data:") for source in page.sources)
    assert "and <the picture> follows it." in page.text
    assert lines[-1] == f"page: {out}"


def test_a_substituted_network_is_named(run, out):
    first, second = made_up("first"), made_up("second")
    second["settings"]["losses"] |= {"perceptual": 10.0, "perceptual_network": "squeezenet1_1"}
    note = "second: Trained with a perceptual loss by squeezenet1_1 in place of the paper's vgg16."
    assert f"note: {note}" in compare([run(first), run(second)], out).lines()
    assert note in Page(out.read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"frames": 61}, "numbers of frames"),
        ({"width": 128}, "sizes"),
        ({"fps": "25"}, "frame rates"),
        ({"start_s": 1.0}, "parts"),
        ({"name": "training part"}, "parts"),
        ({"video": "other.mp4"}, "videos"),
    ],
)
def test_what_does_not_compare_is_said(run, out, facts, told):
    found = compare([run(made_up("a")), run(made_up("b", **facts))], out)
    assert len(found.warnings) == 1
    assert f"different {told}," in found.warnings[0]
    assert "a: " in found.warnings[0]
    assert "b: " in found.warnings[0]
    page = Page(out.read_text(encoding="utf-8"))
    assert page.marked == []
    assert found.warnings[0] in page.text


def test_held_out_parts_of_one_video_are_pooled(run, out):
    folds = [made_up(f"fold {at}", start_s=8.0 + 3.1 * at, seconds=3.1) for at in range(3)]
    for at, fold in enumerate(folds):
        fold["pool"][MODEL] = sums(10 + at, shifts=50 + at)._asdict()
    found = compare([run(fold) for fold in folds], out)
    (pool,) = found.pools
    assert pool.runs == ("fold 0", "fold 1", "fold 2")
    assert tuple(pool.products) == MOVING
    expected = pooled([sums(10 + at, shifts=50 + at) for at in range(3)])
    assert pool.products[MODEL] == expected
    assert expected.dcor == pytest.approx(0.3)
    assert expected.excess is not None
    cells = Page(out.read_text(encoding="utf-8")).table("dcor", "wrong times")[MODEL]
    assert cells["dcor"] == "0.300"
    assert cells["wrong times"] == "50"
    assert cells["p"] == f"{expected.excess.p:.3f}"
    assert line(found.lines(), MODEL)[0] == "0.300"


@pytest.mark.parametrize(
    "facts",
    [
        {"start_s": 9.0},
        {"start_s": 20.0, "width": 128},
        {"start_s": 20.0, "name": "training part"},
        {"start_s": 8.0},
    ],
)
def test_what_does_not_belong_together_is_not_pooled(run, out, facts):
    assert compare([run(made_up("a")), run(made_up("b", **facts))], out).pools == []


def test_pools_without_wrong_times_or_figures(run, out):
    folds = [made_up("a"), made_up("b", start_s=30.0)]
    for fold in folds:
        fold["pool"][MODEL]["shifted"] = []
    folds[0]["pool"][MOVING[1]]["product"] = None
    (pool,) = compare([run(fold) for fold in folds], out).pools
    assert MOVING[1] not in pool.products
    assert pool.rows()[0] == [MODEL, "0.300", "-", "-", "-", "-", "0"]


def test_distances_carry_floor_and_counts(run, out):
    row = {
        "measure": "KID",
        "row": MODEL,
        "real_samples": 60,
        "generated_samples": 60,
        "value": 0.5,
        "floor": None,
    }
    first = {**made_up("a"), "distribution": [{**row, "standard_error": None, "note": ""}]}
    found = compare([run(first), run(made_up("b"))], out)
    assert found.tables()["Distribution"] == [["KID ↓", "0.500 (floor -, samples 60 and 60)", "-", "-"]]


def test_runs_are_found_in_any_of_their_places(run, out):
    path = run(made_up("a"))
    results = path / "evaluation/results.json"
    names = list(compare([path, path / "evaluation", results], out).runs)
    assert names == [str(path), str(path / "evaluation"), str(results)], (
        "names that repeat are replaced by places"
    )
    assert list(compare([path, path], out).runs) == [f"1: {path}", f"2: {path}"]


def test_one_run_is_none_too_few(run, out):
    with pytest.raises(UserError, match="at least two runs; got 1"):
        compare([run(made_up("a"))], out)
    with pytest.raises(UserError, match="run listen-and-move evaluate first"):
        compare([run(made_up("b")), out.parent / "never"], out)
    assert not out.exists()


def test_only_its_own_pages_are_replaced(run, out):
    runs = [run(made_up("a")), run(made_up("b"))]
    compare(runs, out)
    compare(runs, out)
    out.write_text("<html>something else</html>", encoding="utf-8")
    with pytest.raises(UserError, match="another file is there"):
        compare(runs, out)
    assert out.read_text(encoding="utf-8") == "<html>something else</html>"
    compare(runs, out, overwrite=True)
    assert "something else" not in out.read_text(encoding="utf-8")
