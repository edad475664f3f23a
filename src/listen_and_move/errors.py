"""Errors and notes for a user."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unicodedata import category

LONGEST_SHOWN = 100
"""Most characters of a value that a message repeats."""
_JOINERS = "\u200c\u200d"  # join or part letters of some scripts, and emoji
_NO_MEMORY = (
    "DefaultCPUAllocator",
    "failed to map segment",
    "CUDA out of memory",
    "Insufficient memory",
    "can't start new thread",
)
LONGEST_MESSAGE = 2000
"""Most characters of a message: paths can be long, and stand in it once or twice."""


class UserError(Exception):
    """A problem the user can solve: one line with what was expected, what came and what to do.

    The command line prints ``error: message: hint`` and leaves with exit code 2; it never shows a traceback.
    The page shows the message alone. Whatever a message repeats, such as the name of a file or what a file
    says, it is one line that can be printed.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        """Sets both parts.

        Args:
            message: what was expected and what came. It names no flag of the command line, since the page
                and callers in Python have none.
            hint: what to do about it on the command line, flags included; empty where the message says it.
        """
        self.message, self.hint = one_line(message), one_line(hint)
        super().__init__(self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an exception says that memory has run out.

    Exceptions of torch, and of the loading of a library, then have no class of their own.
    """
    told = any(sign in str(error) for sign in _NO_MEMORY)
    return isinstance(error, MemoryError) or told


class NoMemoryError(UserError, MemoryError):
    """There is not enough memory for a file, which may be whole, or damaged and claim too much."""

    def __init__(self, path: object) -> None:
        """Names the file."""
        self.path = path
        super().__init__(
            f"{path}: cannot be read, since there is not enough memory for it; make it smaller first, or use "
            "another copy if it is damaged"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)


@contextmanager
def passing_over(*errors: type[Exception]) -> Iterator[None]:
    """As `contextlib.suppress`, but for want of memory, which is no fault of a file."""
    try:
        yield
    except MemoryError:
        raise
    except errors:
        pass


class SettingError(UserError, ValueError):
    """A setting has a value that makes no sense; the message names the setting."""


class DamageWarning(UserWarning):
    """A part of a file could not be decoded and was left out.

    The warning is one line, which the command line prints as a note.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Remark(str):
    """A sentence that a user should know; its `message` is the same without the hint at flags.

    The text itself is the whole, as a terminal shows it.
    """

    message: str
    hint: str

    def __new__(cls, message: str, hint: str = "", form: str = "{message}: {hint}") -> "Remark":
        """Joins both parts.

        Args:
            message: what was found; names no flag.
            hint: what to do about it on the command line; empty where there is nothing.
            form: how both parts are joined.
        """
        remark = super().__new__(cls, form.format(message=message, hint=hint) if hint else message)
        remark.message, remark.hint = message, hint
        return remark


def shown(value: object) -> str:
    """Returns a value for a message: as Python writes it, cut where it is long."""
    # A long text or number is cut before it is written out.
    if isinstance(value, str):
        value = value[: LONGEST_SHOWN + 1]
    elif isinstance(value, int) and value.bit_length() > 4 * LONGEST_SHOWN:
        return f"a number of {value.bit_length()} bits"
    return _cut(repr(value), LONGEST_SHOWN)


def printable(text: str) -> str:
    """Returns a text whose control characters are escaped as Python writes them.

    Control characters are those that a terminal takes for a command, those that change the direction or the
    line, and halves of letters.
    """
    if text.isprintable():
        return text
    return "".join(each.encode("unicode_escape").decode() if _is_control(each) else each for each in text)


def _is_control(letter: str) -> bool:
    return category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") and letter not in _JOINERS


def one_line(text: str) -> str:
    """Returns a text as one printable line: line breaks become spaces, and a long text is cut."""
    return _cut(printable(" ".join(text.split())), LONGEST_MESSAGE)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
