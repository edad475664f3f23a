"""What a person is told when something cannot be done."""


class UserError(Exception):
    """A problem the user can solve: one line with what was expected, what came and what to do.

    The command line prints it as ``error: ...`` and leaves with exit code 2; it never shows a traceback.
    """


class SettingError(UserError, ValueError):
    """A setting has a value that makes no sense; the message names the setting."""
