"""What a person is told when something cannot be done, or should be known."""

LONGEST_SHOWN = 100
"""Characters of a value that a message repeats."""


class UserError(Exception):
    """A problem the user can solve: one line with what was expected, what came and what to do.

    The command line prints ``error: message: hint`` and leaves with exit code 2; it never shows a traceback.
    The page shows the message alone.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        """Sets both parts.

        Args:
            message: what was expected and what came. It names no flag of the command line, since the page
                and callers in Python have none.
            hint: what to do about it on the command line, flags included; empty where the message says it.
        """
        super().__init__(message, hint)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class SettingError(UserError, ValueError):
    """A setting has a value that makes no sense; the message names the setting."""


class DamageWarning(UserWarning):
    """A part of a file could not be decoded and was left out: one line, which the command line prints as a
    note."""


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
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
