"""Folders of the user that are not named on the command line."""

import os
import sys
from contextlib import suppress
from pathlib import Path


def user_cache() -> Path | None:
    """The project's folder in the user's cache, which may not exist yet; None where the user has no home.

    The XDG specification says that a relative path is to be ignored.
    """
    given = Path(os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else in_home("~/.cache")
    return base / "listen-and-move" if base.is_absolute() else None


def in_home(path: str) -> Path:
    """The path with a ``~`` at its beginning replaced by the home it means; left as it is where there is no
    such home.
    """
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)
