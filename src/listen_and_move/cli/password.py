"""The password of the page: read from an option, a file, the environment or the terminal.

It is passed to no other process.
"""

import os
import sys
from codecs import BOM_UTF8
from getpass import getpass
from pathlib import Path

from listen_and_move.app.limits import LONGEST_PASSWORD
from listen_and_move.cli.arguments import AppArguments
from listen_and_move.errors import UserError, printable

PROMPT = "Password for visitors: "
VARIABLE = "LISTEN_AND_MOVE_PASSWORD"
READABLE = (
    "note: other users of this machine can read a password on the command line: --ask-password, "
    f"--password-file or {VARIABLE} keep it from them"
)


def password_of(options: AppArguments) -> str | None:
    """Returns the password that visitors need; None where none is set.

    The password is removed from the environment, so that no process that the page starts gets it.

    Args:
        options: of the command; their password comes before that of the environment.

    Raises:
        UserError: the password is given in two ways, or no visitor could type it.
    """
    environment = os.environ.pop(VARIABLE, None)
    ways = (options.password is not None, options.password_file is not None, options.ask_password)
    if sum(ways) > 1:
        raise UserError(
            "expected one password; got several",
            "choose one of --password, --password-file and --ask-password",
        )
    if options.password is not None:
        print(READABLE, file=sys.stderr)
        return _checked(options.password, "password")
    if options.password_file is not None:
        return _checked(_read(options.password_file), str(options.password_file))
    if options.ask_password:
        return _checked(_asked(), "password")
    return None if environment is None else _checked(environment, VARIABLE)


def _read(file: Path) -> str:
    """Returns the one line of a file, or of a pipe such as a shell gives for a command."""
    try:
        with file.open("rb") as opened:
            content = opened.read(8 * LONGEST_PASSWORD)
    except OSError as error:
        raise UserError(f"{file}: expected a file with a password; got {error.strerror}") from None
    return (
        content.removeprefix(BOM_UTF8)
        .decode("utf-8", "surrogateescape")
        .removesuffix("\n")
        .removesuffix("\r")
    )


def _asked() -> str:
    try:
        return getpass(PROMPT)
    except EOFError:
        return ""


def _checked(password: str, where: str) -> str:
    """Returns the password if a visitor can type it into the form.

    Raises:
        UserError: it is empty, longer than the form takes, or no line of text.
    """
    if not password:
        raise UserError(
            f"{where}: expected a password; it is empty: set one, or leave it out for a page without one"
        )
    if len(password) > LONGEST_PASSWORD:
        raise UserError(f"{where}: expected at most {LONGEST_PASSWORD} characters; got more")
    if printable(password) != password:
        raise UserError(f"{where}: expected one line of text in UTF-8; got something else")
    return password
