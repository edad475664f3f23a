"""MIDI: controllers turn dials, notes and programs recall cues; the map of both is learnt and kept in a file.

    {"control 1/74": "dial amount", "note 10/36": "cue storm", "program 1/3": "model drums"}

Channels count from 1. mido is imported where a port is opened.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.errors import UserError, shown
from listen_and_move.stage.commands import ChangeModel, Command, HoldPicture, Mailbox, RecallCue, TurnDial
from listen_and_move.stage.cues import read_entries, write_entries
from listen_and_move.stage.turning import DIALS, dial_named

FIRST = "first"
MOST_ENTRIES = 4096
HALF = 64 / 127
"""A controller from here on is a button that is pressed; a pitch wheel rests a little below."""
THROUGH = "midi through"
"""ALSA's input that brings what other programs send to it: no controller, and usually the first one."""
_NUMBERS = {"control_change": "control", "note_on": "note", "note_off": "note", "program_change": "program"}


KEYS = frozenset(
    [
        f"{kind} {channel}/{number}"
        for kind in _NUMBERS.values()
        for channel in range(1, 17)
        for number in range(128)
    ]
    + [f"pitchwheel {channel}" for channel in range(1, 17)]
)
"""All that a map can name."""


class Gesture(NamedTuple):
    """A movement on a MIDI controller."""

    key: str
    """Kind, channel and number, as in `MidiMap`."""
    position: float
    """0 to 1: the position of a controller, or how hard a note was hit; always 1 for a program."""


def gesture_of(message: Any) -> Gesture | None:
    """Returns the gesture of a MIDI message; None: the message is none, such as a clock."""
    kind = message.type
    if kind == "pitchwheel":
        return Gesture(f"pitchwheel {message.channel + 1}", (message.pitch + 8192) / 16383)
    if kind not in _NUMBERS:
        return None
    if kind == "control_change":
        number, position = message.control, message.value / 127
    elif kind == "program_change":
        number, position = message.program, 1.0
    else:
        number, position = message.note, message.velocity / 127 if kind == "note_on" else 0.0
    return Gesture(f"{_NUMBERS[kind]} {message.channel + 1}/{number}", position)


class Target(NamedTuple):
    """The dial, cue or model that a gesture acts on, or the hold of the picture."""

    kind: str
    """dial, cue, model or hold."""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


def target_of(text: object) -> Target:
    """Returns the target that a text names: a dial, also by its name alone, a cue, a model, or hold.

    Raises:
        UserError: the text names none of them.
    """
    words = text.split(maxsplit=1) if isinstance(text, str) else []
    match words:
        case ["hold"]:
            return Target("hold")
        case ["dial", name]:
            return Target("dial", dial_named(name).name)
        case [("cue" | "model") as kind, name]:
            return Target(kind, name)
        case [name] if name.replace("-", "_") in DIALS:
            return Target("dial", dial_named(name).name)
    known = f"hold, cue NAME, model NAME, or one of the dials {', '.join(DIALS)}"
    raise UserError(f"target: expected {known}; got {shown(text)}")


class MidiMap:
    """The map from gestures to targets, kept in a file.

    Args:
        path: of the file, which may not be there yet.

    Raises:
        UserError: the file holds something else, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.targets: dict[str, Target] = {}
        for key, text in read_entries(path, MOST_ENTRIES).items():
            try:
                if key not in KEYS:
                    raise UserError("expected control, note or program, as in control 1/74, or pitchwheel 1")
                self.targets[key] = target_of(text)
            except UserError as error:
                raise UserError(f"{path}: {shown(key)}: {error.message}") from None

    def learn(self, key: str, target: Target) -> None:
        """Sets the target of a gesture, in the file too.

        Args:
            key: of the gesture.
            target: what the gesture acts on.

        Raises:
            UserError: the file cannot be written.
        """
        self.targets[key] = target
        write_entries(self.path, {key: str(target) for key, target in self.targets.items()})


class MidiReceiver:
    """Turns messages into commands; a port calls it in a thread of its own.

    Args:
        map: the targets of gestures.
        mailbox: where commands go.
    """

    def __init__(self, map: MidiMap, mailbox: Mailbox) -> None:
        self.map, self.mailbox = map, mailbox
        self.positions: dict[str, float] = {}
        self.moved: str | None = None
        """Key of the latest gesture; None: nothing has been moved."""

    def receive(self, message: Any) -> None:
        """Takes a message of mido."""
        gesture = gesture_of(message)
        if gesture is None:
            return
        before = self.positions.get(gesture.key, 0.0)
        # A program is chosen again and again, and is never let go.
        self.positions[gesture.key] = 0.0 if gesture.key.startswith("program") else gesture.position
        if gesture.position > 0:
            self.moved = gesture.key
        target = self.map.targets.get(gesture.key)
        command = None if target is None else _command(target, gesture, before)
        if command is not None:
            self.mailbox.post(command)


def _command(target: Target, gesture: Gesture, before: float) -> Command | None:
    """Returns the command of a gesture, None for none: a note that is let go does not turn a dial back."""
    note = gesture.key.startswith("note")
    if target.kind == "dial":
        let_go = note and gesture.position == 0
        return None if let_go else TurnDial(target.name, DIALS[target.name].at(gesture.position))
    down, was_down = (position > 0 if note else position >= HALF for position in (gesture.position, before))
    if target.kind == "hold":
        return HoldPicture(down)
    if not down or was_down:
        return None
    return RecallCue(target.name) if target.kind == "cue" else ChangeModel(target.name)


def learn(receiver: MidiReceiver, ask: Callable[[str], str], say: Callable[[str], None]) -> None:
    """Asks what each controller that is moved is to do, until an empty line.

    Args:
        receiver: knows what was moved.
        ask: shows a question and returns the line that is typed.
        say: shows a line.
    """
    while True:
        receiver.moved = None
        line = ask("move a controller, then type what it turns (nothing: play): ").strip()
        moved = receiver.moved  # which the thread of the port changes
        if not line:
            receiver.mailbox.take()  # what was moved to be learnt is no wish
            return
        try:
            target = target_of(line)
        except UserError as error:
            say(error.message)
            continue
        if moved is None:
            say(f"{target}: expected a controller that is moved first; nothing came")
            continue
        receiver.map.learn(moved, target)
        say(f"{moved}: {target}, kept in {receiver.map.path}")


def chosen_input(name: str, names: Sequence[str]) -> str | None:
    """Returns the name of the input that is asked for; None: there is no such input.

    Args:
        name: of the input, or a part of the name where no input has just that one; first: the first input
            whose name does not hold `THROUGH`.
        names: of all inputs.
    """
    if name == FIRST:
        return min(names, key=lambda each: THROUGH in each.lower(), default=None)
    found = [each for each in names if name.lower() in each.lower()]
    return min(found, key=lambda each: each.lower() != name.lower(), default=None)


@contextmanager
def opened_input(name: str, receive: Callable[[Any], None]) -> Iterator[str]:
    """Opens a MIDI input, and yields its name; the input is closed after the context.

    Args:
        name: as in `chosen_input`.
        receive: called with each message, in a thread of its own.

    Raises:
        UserError: the extra is not installed, or there is no such input.
    """
    try:
        mido: Any = import_module("mido")
        import_module("rtmidi")
    except ImportError:
        raise UserError(
            "MIDI: expected the extra stage; it is not installed: pip install 'listen-and-move[stage]'"
        ) from None
    try:
        with _quiet():
            names = list(dict.fromkeys(mido.get_input_names()))
    except OSError as error:
        raise UserError(f"MIDI: expected an input; the system offers none ({error})", "plug one in") from None
    found = chosen_input(name, names)
    if found is None:
        there = f"one of the inputs {', '.join(names)}" if names else "an input"
        asked = shown(name) if names else "none, since nothing is plugged in"
        raise UserError(f"MIDI: expected {there}; got {asked}", "name a part of one with --midi")
    try:
        port = mido.open_input(found, callback=receive)
    except OSError as error:
        raise UserError(f"MIDI: expected to open {found}; the system refuses ({error})") from None
    with port:
        yield found


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences stderr within the context: ALSA writes there what it raises as well."""
    usual, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(usual, 2)
        os.close(usual)
        os.close(nowhere)
