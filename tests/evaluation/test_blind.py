"""The blind page: what it shows, that it tells nothing, and how votes are counted."""

import json
import re
import shutil
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.app.browser import browsing, chromium
from tests.app.serving import until

from listen_and_move.errors import UserError
from listen_and_move.evaluation.blind import BlindPage, count_votes, make_blind_page
from listen_and_move.evaluation.votes import (
    BlindKey,
    BlindPair,
    Preference,
    Vote,
    counted,
    read_key,
    wilson_interval,
)
from listen_and_move.media.files import probe

KINDS = {"path", "composed", "drawn", "replay", "real"}


@pytest.fixture(scope="module")
def run(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(filmed, tmp_path_factory.mktemp("blind") / "filmed"))


@pytest.fixture(scope="module")
def made(run: Path) -> BlindPage:
    return make_blind_page(run, device="cpu")


@pytest.fixture(scope="module")
def shown(made: BlindPage) -> dict[str, Any]:
    text = made.file.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


def saved(file: Path, shown: dict[str, Any], choices: list[Any], **others: Any) -> Path:
    file.write_text(json.dumps({"format": 1, "page": shown["page"], "votes": choices, **others}))
    return file


def test_every_pair_both_ways_round_with_sound(
    made: BlindPage, shown: dict[str, Any], run: Path, tmp_path: Path
) -> None:
    assert made.file == run / "evaluation" / "blind" / "blind.html"
    assert made.pairs == 20
    assert set(made.kinds) == KINDS
    assert len(shown["clips"]) == 5
    assert len(shown["pairs"]) == 20
    key = read_key(run / "evaluation" / "blind" / f"{shown['page']}.json")
    assert len({*key.pairs}) == 20
    assert {kind for pair in key.pairs for kind in pair} == KINDS
    assert len({tuple(pair) for pair in shown["pairs"]}) == 20
    for place, clip in enumerate(shown["clips"]):
        file = tmp_path / f"{place}.mp4"
        file.write_bytes(b64decode(clip))
        info = probe(file)
        assert info.video is not None
        assert info.sounds
        assert abs(float(info.video.duration) - 0.8) < 0.06


def test_the_page_tells_nothing(made: BlindPage) -> None:
    text = re.sub(r'"clips": \[.*?\]', "", made.file.read_text(encoding="utf-8"))
    assert not re.search(r"drawn|replay|\breal\b", re.sub(r"[A-Za-z0-9+/=]{200,}", "", text))
    assert "http" not in re.sub(r"http-equiv", "", re.sub(r"[A-Za-z0-9+/=]{200,}", "", text))


def test_order_goes_by_the_seed(run: Path, made: BlindPage, shown: dict[str, Any], tmp_path: Path) -> None:
    again = make_blind_page(run, tmp_path / "again.html", device="cpu")
    assert again.file.read_bytes() == made.file.read_bytes()
    other = make_blind_page(run, tmp_path / "again.html", seed=1, device="cpu")  # an older page is replaced
    assert other.file.read_bytes() != made.file.read_bytes()
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(UserError, match="another file"):
        make_blind_page(run, tmp_path / "mine.html", device="cpu")


def test_votes_are_counted(run: Path, shown: dict[str, Any], tmp_path: Path) -> None:
    key = read_key(run / "evaluation" / "blind" / f"{shown['page']}.json")
    votes = [
        {"pair": place, "choice": 1 if pair.first == "real" else 2 if pair.second == "real" else 0}
        for place, pair in enumerate(key.pairs)
    ]
    file = saved(tmp_path / "votes.json", shown, votes)
    found = count_votes(run, [file, file])
    assert found.votes == 40
    named = {(each.kind, each.other): each for each in found.preferences}
    assert len(named) == 10
    real = named["drawn", "real"]
    assert (real.wins, real.losses, real.ties, real.share) == (0, 4, 0, 0.0)
    assert named["drawn", "path"].ties == 4
    assert named["drawn", "path"].share is None
    assert any("drawn or real" in line and "0 to 49 %" in line for line in found.lines())


def test_choices_count_for_the_kind_that_was_there() -> None:
    key = BlindKey("0" * 16, (BlindPair("real", "drawn"), BlindPair("drawn", "real")))
    votes = [Vote(0, 1), Vote(1, 2), Vote(0, 2), Vote(1, 0)]
    assert counted(key, votes) == [Preference("drawn", "real", 1, 2, 1)]


def test_wilson() -> None:
    assert wilson_interval(0, 0) == (0, 1)
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)  # Wilson 1927, as in R
    assert wilson_interval(0, 20)[0] == 0
    assert wilson_interval(20, 20)[1] == 1


@pytest.mark.parametrize(
    "votes",
    [
        [{"pair": 20, "choice": 1}],
        [{"pair": -1, "choice": 1}],
        [{"pair": 0, "choice": 3}],
        [{"pair": True, "choice": 1}],
        [{"pair": 0, "choice": "1"}],
        [{"pair": 0, "choice": 1.0}],
        [{"pair": 0}],
        [7],
        [{"pair": 0, "choice": 1}, {"pair": 0, "choice": 2}],
    ],
)
def test_wrong_votes_are_refused(votes: list[Any], run: Path, shown: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected votes as a blind page saves them") as told:
        count_votes(run, [saved(tmp_path / "votes.json", shown, votes)])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "others",
    [
        {"format": 2},
        {"format": True},
        {"page": "../../secret"},
        {"page": 5},
        {"votes": {}},
        {"page": "A" * 16},
    ],
)
def test_wrong_files_are_refused(
    others: dict[str, Any], run: Path, shown: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="expected votes"):
        count_votes(run, [saved(tmp_path / "votes.json", shown, [], **others)])


def test_large_deep_and_foreign_files_are_refused(run: Path, shown: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "votes.json"
    for content in (b"[" * 100_000, b" " * (2 << 20), b"\xff\xfe", b"", b"3", b"9" * 10_000):
        file.write_bytes(content)
        with pytest.raises(UserError, match="expected votes"):
            count_votes(run, [file])
    with pytest.raises(UserError, match="No such file"):
        count_votes(run, [tmp_path / "none.json"])
    with pytest.raises(UserError, match="expected"):
        count_votes(run, [tmp_path])
    with pytest.raises(UserError, match="key of the page"):
        count_votes(run, [saved(file, shown, [], page="0" * 16)])
    mine = saved(tmp_path / "mine.json", shown, [])
    with pytest.raises(UserError, match="several"):
        count_votes(run, [mine, file])


@pytest.fixture(scope="module")
def visited(performance: Path) -> Iterator[Any]:
    if chromium() is None:
        pytest.skip("needs chromium")
    pytest.importorskip("playwright")
    with browsing(performance) as browser:
        yield browser


def test_voting_with_keys(
    visited: Any, made: BlindPage, run: Path, shown: dict[str, Any], tmp_path: Path
) -> None:
    view, wrong = visited.new_page(), []
    view.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    view.on("pageerror", lambda error: wrong.append(str(error)))
    view.goto(made.file.as_uri())
    view.keyboard.press("1")  # nothing is asked yet
    view.get_by_role("button", name="Start").click()
    assert view.locator("#progress").inner_text() == "1 of 20"
    play = "['first', 'second'].every(id => document.getElementById(id).currentTime > 0)"
    until(lambda: view.evaluate(play))
    assert not view.locator("#first").evaluate("film => film.muted")
    assert view.locator("#second").evaluate("film => film.muted")
    for key in "1220":
        view.keyboard.press(key)
    view.keyboard.press("Backspace")
    assert view.locator("#progress").inner_text() == "4 of 20"
    view.keyboard.press("1")

    def resumed() -> bool:
        """Votes were kept, by a browser that writes them in its own time."""
        view.reload()
        view.get_by_role("button", name="Start").click()
        return view.locator("#progress").inner_text() == "5 of 20"

    until(resumed)
    for _ in range(16):
        view.get_by_role("button", name="2: this one").click()
    assert view.get_by_text("That was all of them").is_visible()
    with view.expect_download() as download:
        view.get_by_role("button", name="Save").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "votes.json"
    choices = {vote["pair"]: vote["choice"] for vote in json.loads(file.read_text())["votes"]}
    assert [choices[pair] for pair in range(20)] == [1, 2, 2, 1, *[2] * 16]
    assert count_votes(run, [file]).votes == 20
    assert wrong == []
