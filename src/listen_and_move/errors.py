"""What a person is told when something cannot be done."""

LONGEST_SHOWN = 100
"""Characters of a value that a message repeats."""


class UserError(Exception):
    """A problem the user can solve: one line with what was expected, what came and what to do.

    The command line prints it as ``error: ...`` and leaves with exit code 2; it never shows a traceback.
    """


class SettingError(UserError, ValueError):
    """A setting has a value that makes no sense; the message names the setting."""


def shown(value: object) -> str:
    """A value in a message: as Python writes it, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
