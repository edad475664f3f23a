"""The director: carries out outside commands between two pictures, and reports to listeners."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import isfinite
from pathlib import Path

from listen_and_move.audio.loudness import Gain
from listen_and_move.errors import UserError, shown
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.live.crossfade import Crossfader
from listen_and_move.inference.perform import Status
from listen_and_move.stage.commands import (
    MOST_LISTENERS,
    Address,
    AskList,
    AskStatus,
    ChangeModel,
    Command,
    Follow,
    HoldPicture,
    Mailbox,
    RecallCue,
    StoreCue,
    TurnDial,
    Unfollow,
)
from listen_and_move.stage.cues import MOST_CUES, Cue, write_cues
from listen_and_move.stage.turning import DIALS, OFF, Turning, Value

Reply = Callable[[Iterable[Address], Sequence[tuple[str, Sequence[int | float | str]]]], None]
"""Sends messages, each an address and its arguments, to some listeners."""
LEAST_LEVEL = -120.0
"""Level in dB that is reported for digital silence."""
LIST_PART = 16
"""Messages of a list in one packet."""


class Director:
    """Changes how live play goes on.

    Args:
        mailbox: commands from outside.
        controls: initial values of the dials.
        gain: initial gain.
        cues: the known cues.
        cue_file: file for the cues; None: they last until the end.
        fade: seconds of a change of model or of a cue that does not say its own.
        reply: sends reports.
        tell: shows a line.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        controls: Controls,
        gain: Gain,
        cues: Mapping[str, Cue],
        *,
        cue_file: Path | None = None,
        fade: float = 2.0,
        reply: Reply = lambda to, messages: None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.mailbox, self.cue_file, self.fade = mailbox, cue_file, fade
        self.cues, self.reply, self.tell = dict(cues), reply, tell
        self.turning = Turning({**vars(controls), "gain": gain})
        self.listeners: dict[Address, None] = {}
        """Addresses that get a report with every picture."""
        self.told = 0
        """Number of frames that listeners have been told of."""
        self.change: tuple[str, float] | None = None
        """A model to fade to, and the seconds of the fade; it waits as long as the dials say, and follows
        them."""
        self.writer = ThreadPoolExecutor(1, "cues")  # so that a slow disk delays no picture
        self.written: Future[None] | None = None
        """Writing of the newest cues."""
        self.failure = ""
        """Why the file still holds older cues."""
        self.begun = False

    def close(self) -> None:
        """Waits until stored cues are written."""
        self.writer.shutdown()
        for line in self.mailbox.take_lines():
            self.tell(line)

    def direct(self, player: Crossfader, status: Status) -> None:
        """Carries out waiting commands; see `perform`."""
        if not self.begun:
            self.begun = True
            self._tell_missing(player.names)
        now = player.frame / float(player.fps)
        commands = self.mailbox.take()
        for command in commands:
            try:
                self._obey(command, player, now)
            except UserError as error:
                self.mailbox.note((type(command), command[0]), error)
            except Exception as error:  # no message may end live play
                self.mailbox.note((type(command), type(error)), f"{shown(command)}: failed: {error!r}")
        if commands or self.turning.ramps:
            self.turning.settle(now)
            values = self.turning.at(now)
            gain = values.pop("gain")
            player.turn(Controls(**values), gain)  # type: ignore[arg-type]
        if self.change is not None:
            player.switch(*self.change)
            self.change = None
        self._answer(commands, player, status, now)
        for line in self.mailbox.take_lines():
            self.tell(line)

    def _answer(self, commands: Sequence[Command], player: Crossfader, status: Status, now: float) -> None:
        """Sends reports to listeners and to those who asked; each report is made once for all of them."""
        told = [command.to for command in commands if isinstance(command, AskStatus)]
        if status.frames > self.told:
            told += self.listeners
            self.told = status.frames
        if told:
            self.reply(told, state_of(player, status))
        if asking := [command.to for command in commands if isinstance(command, AskList)]:
            listed = self._listed(player, now)
            for first in range(0, len(listed), LIST_PART):
                self.reply(asking, listed[first : first + LIST_PART])

    def _tell_missing(self, names: Sequence[str]) -> None:
        """Shows which cues cannot be recalled."""
        missing = [name for name, cue in self.cues.items() if cue.model not in (None, *names)]
        if missing:
            some = ", ".join(missing[:10]) + (" and others" if len(missing) > 10 else "")
            self.mailbox.tell(f"cues: expected models that are loaded; not those of {some}")

    def _obey(self, command: Command, player: Crossfader, now: float) -> None:
        match command:
            case TurnDial(name, value, seconds):
                if name != "gain" and name not in player.dials:
                    raise UserError(f"{DIALS[name].flag}: expected a model that has it; none of these does")
                self.turning.turn(name, value, seconds, now)
            case HoldPicture(held):
                player.held = held
            case ChangeModel(model, seconds):
                self.change = _named(model, player.names), self.fade if seconds is None else seconds
            case RecallCue(name, seconds):
                self._recall(name, seconds, player, now)
            case StoreCue(name, seconds):
                self._store(name, self.fade if seconds is None else seconds, player, now)
            case Follow(to):
                self.listeners.pop(to, None)
                while len(self.listeners) >= MOST_LISTENERS:  # the oldest listener has probably gone
                    self.listeners.pop(next(iter(self.listeners)))
                self.listeners[to] = None
            case Unfollow(to):
                self.listeners.pop(to, None)
            case AskStatus() | AskList():
                pass  # answered after all commands

    def _recall(self, name: str, seconds: float | None, player: Crossfader, now: float) -> None:
        if name not in self.cues:
            some = ", ".join(list(self.cues)[:10])
            there = f"one of {some}" if some else "one that is stored, and none is"
            raise UserError(f"cue: expected {there}; got {shown(name)}")
        cue = self.cues[name]
        fade = cue.fade if seconds is None else seconds
        if cue.model is not None:
            self.change = _named(cue.model, player.names), fade
        for dial, value in cue.dials.items():
            self.turning.turn(dial, value, fade, now)

    def _store(self, name: str, fade: float, player: Crossfader, now: float) -> None:
        if name not in self.cues and len(self.cues) >= MOST_CUES:
            raise UserError(f"cue: expected at most {MOST_CUES}; {shown(name)} is one more")
        to = player.fade.to if self.change is None else self.change[0]
        model = to if len(player.names) > 1 else None
        self.cues[name] = Cue(self.turning.at(now), fade, model)
        if self.cue_file is None:
            self.mailbox.note("cues", "cues are kept in no file, and end with the play")
        else:
            if self.written is not None:
                self.written.cancel()  # the newest cues include the older ones
            self.written = self.writer.submit(self._write, self.cue_file, dict(self.cues))

    def _write(self, path: Path, cues: Mapping[str, Cue]) -> None:
        try:
            write_cues(path, cues)
            failure = ""
        except (UserError, OSError, ValueError) as error:
            failure = str(error)
        if failure not in ("", self.failure):
            self.mailbox.tell(failure)
        self.failure = failure

    def _listed(self, player: Crossfader, now: float) -> list[tuple[str, list[int | float | str]]]:
        """Returns all names: each dial with its value, range, step, unit and label; models and cues."""
        values = self.turning.at(now)
        listed: list[tuple[str, list[int | float | str]]] = [
            (
                f"/dial/{name}",
                [_told(values[name]), dial.lowest, dial.highest, dial.step, dial.unit, dial.label],
            )
            for name, dial in DIALS.items()
            if name == "gain" or name in player.dials
        ]
        listed += [("/model", [number, name]) for number, name in enumerate(player.names, 1)]
        return listed + [("/cue", [name, cue.fade]) for name, cue in self.cues.items()]


def state_of(player: Crossfader, status: Status) -> list[tuple[str, list[int | float | str]]]:
    """Returns the report for a listener.

    It holds level in dB, novelty where it is known, frames so far, latency in seconds, and the model that is
    seen or will be.
    """
    level = status.level if isfinite(status.level) else LEAST_LEVEL
    novelty = player.seen.novelty
    return [
        ("/level", [max(LEAST_LEVEL, level)]),
        *([] if novelty is None else [("/novelty", [novelty])]),
        ("/frame", [status.frames]),
        ("/latency", [status.latency]),
        ("/model", [player.fade.to]),
    ]


def _told(value: Value) -> float | str:
    return OFF if value is None else value


def _named(model: str | int, names: Sequence[str]) -> str:
    """Returns the name of a model that is given by name or number; a text may hold the number."""
    if model in names:
        return str(model)
    if isinstance(model, str) and model.isascii() and model.isdigit() and len(model) < 4:
        model = int(model)
    if isinstance(model, int) and 0 < model <= len(names):
        return names[model - 1]
    raise UserError(f"model: expected one of {', '.join(names)}, or its number from 1; got {shown(model)}")
