"""Commands from outside, and the mailbox in which they wait for the loop that plays."""

from collections.abc import Hashable
from threading import Lock
from typing import NamedTuple

from listen_and_move.errors import UserError, one_line, shown
from listen_and_move.stage.turning import Value

MOST_WAITING = 64
"""Commands of one kind that wait for the next picture; where more come, the oldest are dropped."""
MOST_LISTENERS = 8
"""Listeners that are told at the same time."""
MOST_NOTES = 50
"""Lines about errors, in a whole play."""
LONGEST_NAME = 60
"""Characters of the name of a cue."""
Address = tuple[str, int]
"""Host and port."""


class TurnDial(NamedTuple):
    """Moves a dial to a value within ``seconds``."""

    dial: str
    value: Value
    seconds: float = 0.0


class HoldPicture(NamedTuple):
    """Lets the picture stand still, or go on."""

    held: bool


class ChangeModel(NamedTuple):
    """Fades to another model."""

    model: str | int
    """Name of the model, or its number from 1."""
    seconds: float | None = None
    """Length of the fade; None: the usual one."""


class RecallCue(NamedTuple):
    """Moves dials to their values in a cue."""

    cue: str
    seconds: float | None = None
    """Length of the fade; None: the one that the cue states."""


class StoreCue(NamedTuple):
    """Stores the values of all dials as a cue."""

    cue: str
    seconds: float | None = None
    """Length of the fade when the cue is recalled; None: the usual one."""


class Follow(NamedTuple):
    """Reports the state of the play to an address with every picture."""

    to: Address


class Unfollow(NamedTuple):
    """Ends the reports to an address."""

    to: Address


class AskStatus(NamedTuple):
    """Reports the state of the play to an address once."""

    to: Address


class AskList(NamedTuple):
    """Reports all dials, models and cues to an address."""

    to: Address


Asking = Follow | Unfollow | AskStatus | AskList
"""Commands of which anybody can send any number, each with another address."""
Command = TurnDial | HoldPicture | ChangeModel | RecallCue | StoreCue | Asking


def checked_name(value: object) -> str:
    """Returns the name of a cue, checked.

    Raises:
        UserError: the value is no text, empty, too long, or cannot be printed.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise UserError(f"cue: expected a name of at most {LONGEST_NAME} characters; got {shown(value)}")
    return value


class Mailbox:
    """Commands on their way from the threads that receive to the loop that plays, which never waits.

    Of several commands about one thing the last one counts, and each kind has room of its own, so that
    nobody can fill the box. Errors are kept as lines, one line for each kind of error.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.waiting: dict[tuple[type, Hashable], Command] = {}
        self.lines: list[str] = []
        self.noted: set[Hashable] = set()

    def post(self, command: Command) -> None:
        """Leaves a command."""
        # A dial, a cue, a listener has a name, and what has none is there once.
        named = not isinstance(command, (HoldPicture, ChangeModel))
        key = (type(command), command[0] if named else None)
        with self.lock:
            self.waiting.pop(key, None)
            same = [each for each in self.waiting if each[0] is key[0]]
            if len(same) >= (MOST_LISTENERS if isinstance(command, Asking) else MOST_WAITING):
                del self.waiting[same[0]]
            self.waiting[key] = command

    def take(self) -> list[Command]:
        """Takes out and returns all waiting commands, in the order in which they came."""
        if not self.waiting:
            return []
        with self.lock:
            waiting, self.waiting = self.waiting, {}
        return list(waiting.values())

    def note(self, kind: Hashable, line: object) -> None:
        """Leaves a line about an error, once for each kind; after `MOST_NOTES` kinds no more are kept."""
        with self.lock:
            if kind in self.noted or len(self.noted) > MOST_NOTES:
                return
            self.noted.add(kind)
            last = len(self.noted) > MOST_NOTES
            told = "more is wrong: nothing of it is told any more" if last else str(line)
            self.lines.append(one_line(told))

    def tell(self, line: object) -> None:
        """Leaves a line that is shown in any case, however often it came before."""
        with self.lock:
            self.lines.append(one_line(str(line)))

    def take_lines(self) -> list[str]:
        """Takes out and returns all waiting lines."""
        if not self.lines:
            return []
        with self.lock:
            lines, self.lines = self.lines, []
        return lines
