"""What the director does between two pictures, with real players and without a network."""

import json
import os
from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from tests.inference.live.test_crossfade import RATE, SOUND, pipeline
from tests.inference.live.test_session import wave

from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.live.crossfade import Crossfader
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.perform import Status, model_name, perform
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.media.wav import write_wav
from listen_and_move.stage.commands import (
    MOST_LISTENERS,
    MOST_NOTES,
    AskList,
    AskStatus,
    ChangeModel,
    Follow,
    HoldPicture,
    Mailbox,
    RecallCue,
    StoreCue,
    TurnDial,
    Unfollow,
)
from listen_and_move.stage.cues import MOST_CUES, Cue, read_cues
from listen_and_move.stage.director import LIST_PART, Director
from listen_and_move.stage.osc import bundle


@pytest.fixture(scope="module")
def drawn(trained: Path) -> Pipeline:
    return pipeline(trained)


class Show:
    """A director of two players, which collects what is told and replied."""

    def __init__(self, drawn: Pipeline, cues: dict[str, Cue] | None = None, file: Path | None = None) -> None:
        self.player = Crossfader({name: Live(drawn, RATE) for name in ("a", "b")})
        self.lines: list[str] = []
        self.replies: list[tuple[list, list]] = []
        self.director = Director(
            Mailbox(), AS_TRAINED, 0.0, cues or {}, cue_file=file, reply=self.reply, tell=self.lines.append
        )

    def reply(self, to: Iterable, messages: Iterable) -> None:
        self.replies.append((list(to), list(messages)))

    def direct(self, *commands) -> None:
        for command in commands:
            self.director.mailbox.post(command)
        self.director.direct(self.player, Status(self.player.frame, 0, -inf, 0.2, 0.2))


@pytest.fixture
def show(drawn: Pipeline) -> Iterator[Show]:
    """A show without cues."""
    show = Show(drawn)
    yield show
    show.director.close()


def test_a_fault_of_one_command_leaves_the_others_and_the_show(show: Show) -> None:
    show.direct(TurnDial("no dial", 0.5), HoldPicture(True), TurnDial("amount", 2.0))
    assert show.player.held
    assert show.player.players["a"].controls.amount == 2
    assert len(show.lines) == 1
    assert "'no dial'" in show.lines[0]
    assert "failed" in show.lines[0]


def test_a_fade_of_the_gain_comes_to_its_end(show: Show) -> None:
    for gain, seconds in ((-60.0, 0.3), (30.0, 0.7), (-60.0, 0.9)):
        show.direct(TurnDial("gain", gain, seconds))
        for block in np.split(SOUND[: RATE // 2], 10):
            show.player.push(block)
            show.direct()
    for block in np.split(SOUND[:RATE], 20):
        show.player.push(block)
        show.direct()
    assert show.player.players["a"].gain == -60
    assert not show.lines


def test_many_who_ask_cost_one_answer(drawn: Pipeline) -> None:
    cues = {f"cue {number}": Cue({}, 1.0) for number in range(MOST_CUES)}
    show = Show(drawn, cues)
    askers = [("127.0.0.1", port) for port in range(1, 300)]
    show.direct(*map(AskList, askers), *map(AskStatus, askers))
    lists = [messages for _, messages in show.replies if messages[0][0] != "/level"]
    assert all(to == askers[-MOST_LISTENERS:] for to, _ in show.replies)
    assert len(lists) == len(show.replies) - 1 == -(-sum(map(len, lists)) // LIST_PART)
    listed = [arguments[0] for messages in lists for address, arguments in messages if address == "/cue"]
    assert listed == [*cues]


def test_listeners_are_told_with_each_picture_until_they_have_enough(show: Show) -> None:
    listener = ("127.0.0.1", 9001)
    show.player.push(SOUND[:RATE])
    show.direct(Follow(listener))
    show.direct()
    show.player.push(SOUND[RATE:])
    show.direct(Unfollow(listener))
    assert [to for to, _ in show.replies] == [[listener]]


def test_only_the_newest_cues_are_written(drawn: Pipeline, tmp_path: Path) -> None:
    """However slow the disk is, one set of cues waits for it."""
    show, free = Show(drawn, file=tmp_path / "cues.json"), Event()
    show.director.writer.submit(free.wait)
    waiting = []
    for number in range(50):
        show.direct(StoreCue(f"cue {number}"))
        waiting.append(show.director.written)
    free.set()
    show.director.close()
    assert [each.cancelled() for each in waiting] == [True] * 49 + [False]
    assert len(read_cues(tmp_path / "cues.json", 2.0)) == 50
    assert show.lines == []


def test_cues_that_cannot_be_written_are_told_whatever_was_told_before(
    drawn: Pipeline, tmp_path: Path
) -> None:
    folder = tmp_path / "cues"
    show = Show(drawn, file=folder / "cues.json")
    for number in range(MOST_NOTES + 10):
        show.director.mailbox.note(number, "junk")
    show.direct()
    show.lines.clear()

    def store() -> list[str]:
        show.direct(StoreCue("a"))
        assert show.director.written is not None
        show.director.written.result()
        show.direct()
        told = show.lines.copy()
        show.lines.clear()
        return told

    assert ["expected an existing folder" in line for line in store()] == [True]
    assert store() == [], "once is enough, as long as nothing changes"
    folder.mkdir()
    assert store() == []
    assert json.loads((folder / "cues.json").read_text())
    (folder / "cues.json").unlink()
    folder.rmdir()
    assert len(store()) == 1
    show.director.close()


@pytest.mark.parametrize("fade", [0.0, 1.0])
@pytest.mark.parametrize("as_cue", [False, True])
def test_a_model_waits_as_long_as_the_dial_says_that_comes_with_it(
    fade: float, as_cue: bool, drawn: Pipeline
) -> None:
    show = Show(drawn, {"late": Cue({"delay": 1.0}, 0.0, "b")})
    show.player.push(SOUND[:RATE])
    frame = show.player.frame
    if as_cue:
        show.direct(RecallCue("late", 0.0))
    else:
        show.direct(ChangeModel("b", fade), TurnDial("delay", 1.0))
    assert show.player.fade.to == "b"
    assert show.player.fade.begin >= frame + 20


def test_a_cue_keeps_the_model_that_is_chosen_with_it(show: Show) -> None:
    show.direct(ChangeModel("b", 0.0), StoreCue("both"))
    assert show.director.cues["both"].model == "b"


def test_a_cue_whose_model_is_not_there_changes_nothing(drawn: Pipeline) -> None:
    some = {f"other {number}": Cue({}, 0.0, "nothing") for number in range(20)}
    show = Show(drawn, {"storm": Cue({"amount": 3.0}, 0.0, "nothing"), "calm": Cue({}, 0.0, "b"), **some})
    show.direct()
    (line,) = show.lines
    assert line.startswith("cues: expected models that are loaded; not those of storm, other 0")
    assert "calm" not in line
    assert line.endswith("and others")
    show.direct(RecallCue("storm"))
    assert show.player.players["a"].controls == AS_TRAINED
    assert "got 'nothing'" in show.lines[1]


def test_models_are_called_by_names_that_can_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latin = model_name(Path(os.fsdecode(b"caf\xe9")))
    assert latin == r"caf\udce9"
    assert bundle([("/model", [latin])])
    monkeypatch.chdir(tmp_path)
    assert model_name(Path()) == tmp_path.name
    assert model_name(Path("runs/Schön")) == "Schön"


class Watching:
    """Changes nothing, and keeps what it saw."""

    def __init__(self) -> None:
        self.delays: set[float] = set()
        self.seen: list[Status] = []

    def direct(self, player: Crossfader, status: Status) -> None:
        self.delays |= {each.controls.delay for each in player.players.values()}
        self.seen.append(status)


def test_a_play_begins_as_it_is_asked_for_and_can_be_changed_with_each_picture(
    filmed: Path, trained: Path, tmp_path: Path
) -> None:
    write_wav(tmp_path / "sound.wav", wave(2, RATE), RATE)
    watching = Watching()
    perform(
        filmed,
        str(tmp_path / "sound.wav"),
        str(tmp_path / "out.mp4"),
        controls=Controls(delay=1.0),
        others=[trained],
        direction=watching,
        device="cpu",
    )
    assert watching.delays == {1.0}, "of all models, also of those that are not seen yet"
    assert watching.seen[0].level == -inf, "nothing has been heard yet"
    frames = [status.frames for status in watching.seen]
    assert max(np.diff(frames)) <= 2
    assert frames[-1] > 20
