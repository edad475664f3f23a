"""What a person is told when something cannot be done, or should be known."""

from unicodedata import category

LONGEST_SHOWN = 100
"""Characters of a value that a message repeats."""
_JOINERS = "\u200c\u200d"  # which letters of some scripts, and emoji, are joined or parted by
_NO_MEMORY = (
    "DefaultCPUAllocator",
    "failed to map segment",
    "CUDA out of memory",
    "Insufficient memory",
    "can't start new thread",
)
LONGEST_MESSAGE = 2000
"""Characters of a message: paths can be long, and stand in it once or twice."""


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
    """Whether an exception says that there is not enough memory; those of torch and of a library that
    is loaded then have no class of their own.
    """
    told = any(sign in str(error) for sign in _NO_MEMORY)
    return isinstance(error, MemoryError) or told


class SettingError(UserError, ValueError):
    """A setting has a value that makes no sense; the message names the setting."""


class DamageWarning(UserWarning):
    """A part of a file could not be decoded and was left out: one line, which the command line prints as a
    note.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Remark(str):
    """A sentence that a user should know, with a hint at flags that its `message` is without.

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
    """A value in a message: as Python writes it, and cut where it is long."""
    # Neither a long text nor a number of many digits is written whole first.
    if isinstance(value, str):
        value = value[: LONGEST_SHOWN + 1]
    elif isinstance(value, int) and value.bit_length() > 4 * LONGEST_SHOWN:
        return f"a number of {value.bit_length()} bits"
    return _cut(repr(value), LONGEST_SHOWN)


def printable(text: str) -> str:
    """A text whose control characters are escaped as Python writes them: what a terminal would take for a
    command, what changes the direction or the line, and halves of letters.
    """
    if text.isprintable():
        return text
    return "".join(each.encode("unicode_escape").decode() if _is_control(each) else each for each in text)


def _is_control(letter: str) -> bool:
    return category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") and letter not in _JOINERS


def one_line(text: str) -> str:
    """A text as one line that can be printed: line breaks become spaces, and what is too long is cut."""
    return _cut(printable(" ".join(text.split())), LONGEST_MESSAGE)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
