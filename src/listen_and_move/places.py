"""Folders of the user that are not named on the command line."""

import os
import sys
from contextlib import suppress
from pathlib import Path


def user_cache() -> Path | None:
    """Returns the project's folder in the user's cache; None where the user has no home.

    The folder may not exist yet.

    A relative path in the environment is ignored, as the XDG specification says.
    """
    given = Path(os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else in_home("~/.cache")
    return base / "listen-and-move" if base.is_absolute() else None


def in_home(path: str) -> Path:
    """Returns the path with a ``~`` at its beginning replaced by the home that it means.

    Where there is no such home the path is returned unchanged.
    """
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)
