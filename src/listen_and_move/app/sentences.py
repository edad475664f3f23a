"""Sentences that tell a visitor of an error: one short line, without any path of the server."""

import re
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from listen_and_move.errors import UserError, is_out_of_memory, one_line

LONGEST_SENTENCE = 500
"""Characters of what is said of an error."""
UNEXPECTED = "Something went wrong that nobody expected; the terminal shows more."
NO_MEMORY = "There is not enough memory for this here: try a shorter or smaller file."
FOLDERS = re.compile(
    r"(?<![\w.~/\\-])(?!//)~?/(?:[^\s/'\":;,()<>]+/)*(?=[\w.])"  # /home/someone/, ~/
    r"|(?:(?<!\w)[A-Za-z]:|(?<![\w\\])\\)[\\/]+(?:[^\s\\/'\":;,()<>]+[\\/]+)*"  # C:\Users\someone\, \\host\
)
"""The folders before the name of a file, where a text names it by its whole path."""
_private: list[str] = []


def hide(*folders: Path) -> None:
    """Hides where some folders are: messages name files in them by their path inside the folder.

    `without_paths` finds other paths by itself, but not where a path with spaces in its folders ends.
    """
    spelled = {str(place) for folder in folders for place in (folder.absolute(), folder.resolve())}
    escaped = {repr(place)[1:-1] for place in spelled}
    roots = {Path(place).anchor for place in spelled}
    _private[:] = sorted({*_private, *spelled, *escaped} - roots, key=len, reverse=True)


hide(Path(tempfile.gettempdir()), Path(sys.prefix), Path(__file__).parents[2])
with suppress(RuntimeError):  # whoever has no home has none to hide
    hide(Path.home())


def without_paths(text: str) -> str:
    """Returns a text with the names of files in place of their paths on this machine."""
    for folder in _private:
        if folder in text:
            inside = re.compile(rf"(?<![\w.~-]){re.escape(folder)}(?:[\\/]+(?=[^\s\\/])|(?![\w.-]))")
            text = inside.sub(lambda found: "" if found[0][-1] in "\\/" else "a folder", text)
    return FOLDERS.sub("", text)


def brief(text: str) -> str:
    """Returns a text as one line of at most `LONGEST_SENTENCE` characters, without control characters."""
    line = one_line(text)
    return line if len(line) <= LONGEST_SENTENCE else f"{line[: LONGEST_SENTENCE - 3]}..."


def told(error: BaseException) -> str:
    """Returns what is said of an error; files are named by their paths.

    The traceback of an unexpected error goes to the terminal.

    Args:
        error: any error: one with a message for people, one of the system, or an unexpected one.
    """
    if isinstance(error, UserError):
        return error.message
    if isinstance(error, OSError):
        return f"A file could not be read or written here: {error.strerror or type(error).__name__}."
    if is_out_of_memory(error):
        return NO_MEMORY
    traceback.print_exception(error)
    return UNEXPECTED


def sentence(error: BaseException) -> str:
    """Returns the sentence that tells a visitor of an error.

    Args:
        error: see `told`.
    """
    return brief(without_paths(told(error)))
