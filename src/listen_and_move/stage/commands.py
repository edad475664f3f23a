"""What can be asked for from outside, and the box in which it waits for the loop that plays."""

from collections.abc import Hashable
from threading import Lock
from typing import NamedTuple

from listen_and_move.errors import UserError, one_line, shown
from listen_and_move.stage.turning import Value

MOST_WAITING = 64
"""Commands of one kind that wait for the next picture, the newest, however many come."""
MOST_LISTENERS = 8
"""Who is told at once."""
MOST_NOTES = 50
"""Lines about what was wrong, in a whole show."""
LONGEST_NAME = 60
"""Characters of the name of a cue."""
Address = tuple[str, int]
"""Host and port."""


class TurnDial(NamedTuple):
    """Send a dial to a value."""

    dial: str
    value: Value
    seconds: float = 0.0


class HoldPicture(NamedTuple):
    """Let the picture stand still, or go on."""

    held: bool


class ChangeModel(NamedTuple):
    """Fade to another model."""

    model: str | int
    """Its name, or its number from 1."""
    seconds: float | None = None
    """None: as long as usual."""


class RecallCue(NamedTuple):
    """Send dials to where a cue has them."""

    cue: str
    seconds: float | None = None
    """None: as long as the cue says."""


class StoreCue(NamedTuple):
    """Keep where all dials are now."""

    cue: str
    seconds: float | None = None
    """That its recall takes; None: as long as usual."""


class Follow(NamedTuple):
    """Tell somebody, with every picture, how it goes."""

    to: Address


class Unfollow(NamedTuple):
    """Tell somebody no more."""

    to: Address


class AskStatus(NamedTuple):
    """Tell somebody once how it goes."""

    to: Address


class AskList(NamedTuple):
    """Tell somebody which dials, models and cues there are."""

    to: Address


Asking = Follow | Unfollow | AskStatus | AskList
"""Which anybody can send under any number of names."""
Command = TurnDial | HoldPicture | ChangeModel | RecallCue | StoreCue | Asking


def checked_name(value: object) -> str:
    """The name of a cue.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise UserError(f"cue: expected a name of at most {LONGEST_NAME} characters; got {shown(value)}")
    return value


class Mailbox:
    """Commands on their way from the threads that receive to the loop that plays, which never waits.

    Of several commands about one thing the last one counts, and each kind has room of its own, so that
    nobody can fill it. What was wrong is kept as a line, each kind once.
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
        """All commands that wait, in the order in which they came."""
        if not self.waiting:
            return []
        with self.lock:
            waiting, self.waiting = self.waiting, {}
        return list(waiting.values())

    def note(self, kind: Hashable, line: object) -> None:
        """Leaves a line about what was wrong, once for each kind and not too often in all."""
        with self.lock:
            if kind in self.noted or len(self.noted) > MOST_NOTES:
                return
            self.noted.add(kind)
            last = len(self.noted) > MOST_NOTES
            told = "more is wrong: nothing of it is told any more" if last else str(line)
            self.lines.append(one_line(told))

    def tell(self, line: object) -> None:
        """Leaves a line that is told whatever has been told before."""
        with self.lock:
            self.lines.append(one_line(str(line)))

    def take_lines(self) -> list[str]:
        """All lines that wait."""
        if not self.lines:
            return []
        with self.lock:
            lines, self.lines = self.lines, []
        return lines
