"""Atomic output: files and folders that are complete or not there.

Everything is written under a temporary name beside its place and gets its own name when it is complete.
Whatever happens before, an existing file keeps what it held and no part of the new one is left behind. An
output that is a link is written through the link, which stays.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from av.error import FFmpegError

from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath, reason

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of writing to an open file when the disk, the user's quota or the largest size is used up."""

LONGEST_FILE_NAME = 255
"""Bytes of one name that every usual file system allows."""

_number = count()


def check_no_input(out: AnyPath, inputs: Iterable[AnyPath | int], option: str = "--out") -> None:
    """Refuses an output that is one of its own inputs, through whatever links, or a folder that holds one.

    Args:
        out: name of a file or folder that will be written; it may not exist.
        inputs: names of files, or descriptors of open ones.
        option: which names the output on the command line.

    Raises:
        UserError: the output is an input.
    """
    for file in inputs:
        if _is_same(out, file) or (not isinstance(file, int) and _holds(out, file)):
            name = "standard input" if isinstance(file, int) else file
            raise UserError(
                f"{out}: expected an output that is no input; it is, or holds, {name}",
                f"choose another {option}",
            )


def _is_same(out: AnyPath, file: AnyPath | int) -> bool:
    """Returns whether both are one file; equal names count too, since the file may not exist yet."""
    try:
        return os.path.samestat(
            Path(out).stat(), os.fstat(file) if isinstance(file, int) else Path(file).stat()
        )
    except OSError:
        return not isinstance(file, int) and os.path.realpath(out) == os.path.realpath(file)


def _holds(out: AnyPath, file: AnyPath) -> bool:
    folder = os.path.realpath(out)
    return Path(folder).is_dir() and Path(os.path.realpath(file)).is_relative_to(folder)


def short_name(stem: str, ending: str, longest: int = LONGEST_FILE_NAME) -> str:
    """Returns the stem and the ending as one file name of at most ``longest`` bytes.

    The stem is cut, between two characters.
    """
    while stem and len(os.fsencode(stem + ending)) > longest:
        stem = stem[:-1]
    return stem + ending


@contextmanager
def replacing(path: AnyPath, overwrite: bool = True) -> Iterator[Path]:
    """Yields a temporary name beside ``path`` to write a file to.

    The file gets its own name when the block ends well. On any exception the temporary file is removed and an
    existing file stays as it was. Exceptions of the block itself are passed on, unless they are about writing
    this file.

    Raises:
        UserError: the file exists and ``overwrite`` is off, its folder does not exist, or it cannot be
            written (no right to, disk full).
    """
    target = _behind_link(path)
    with telling(path):
        check_place(target, overwrite)
        if target.is_dir():
            raise UserError(f"{target}: expected the name of a file; it is a folder")
    temporary = _temporary(target)
    try:
        with telling(path, temporary):
            yield temporary
        with telling(path):
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path, overwrite: bool) -> Iterator[Path]:
    """Yields a temporary folder of frames as `replacing` does.

    Only a folder that holds nothing else is replaced.
    """
    target = _behind_link(target)
    if target.is_dir() and (other := [item.name for item in target.iterdir() if not _is_ours(item)]):
        raise UserError(
            f"{target}: expected a folder of frames to replace; it holds other files, such as {other[0]}; "
            "name a new folder"
        )
    check_place(target, overwrite or (target.is_dir() and not any(target.iterdir())))
    temporary, old = _temporary(target), _temporary(target)
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():
            target.rename(old)
        try:
            temporary.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(item: Path) -> bool:
    return item.name == "sound.wav" or (item.name.startswith("frame-") and item.suffix == ".png")


def half_written(path: Path) -> Iterator[Path]:
    """Yields temporary files for ``path``, whose stem may hold a ``*``.

    They belong to processes that are writing the file or were killed while they did.
    """
    return path.parent.glob(f".{path.stem}.partial-*{path.suffix}")


def _behind_link(path: AnyPath) -> Path:
    """Returns the file or folder itself, by its own name: ``path`` may be a link to it, or end in dots."""
    named = Path(path).name not in ("", "..") and not Path(path).is_symlink()
    return Path(path) if named else Path(os.path.realpath(path))


def _temporary(target: Path) -> Path:
    ending = f".partial-{os.getpid()}-{next(_number)}{target.suffix}"
    return target.with_name(short_name(f".{target.stem}", ending))


def check_place(path: AnyPath, overwrite: bool) -> None:
    """Refuses a place that cannot be written to, as `replacing` does.

    Args:
        path: name of a file or folder that will be written.
        overwrite: whether it may exist.

    Raises:
        UserError: it exists and ``overwrite`` is off, its folder does not exist, or may not be written to.
    """
    target = _behind_link(path)
    if not target.parent.is_dir():
        raise UserError(
            f"{target}: expected an existing folder to write to; {target.parent} does not exist; make it "
            "first"
        )
    if target.exists() and not overwrite:
        raise UserError(f"{target}: exists already", "choose another name, or replace it with --overwrite")
    if not os.access(target.parent, os.W_OK):
        raise UserError(
            f"{target}: expected a folder you may write to; {target.parent} is none; choose another"
        )


@contextmanager
def telling(path: AnyPath, temporary: Path | None = None) -> Iterator[None]:
    """Turns errors of the system or FFmpeg about writing into one line.

    If ``temporary`` is given, only errors about this file are turned.
    """
    try:
        yield
    except MemoryError:
        raise
    except (FFmpegError, OSError) as error:
        if temporary and not _concerns(error, temporary):
            raise
        by_system = isinstance(error, OSError)
        hint = "check the space and the rights there" if by_system else "choose another kind of file"
        raise UserError(f"{path}: cannot be written: {reason(error)}; nothing was kept; {hint}") from None


def _concerns(error: FFmpegError | OSError, file: Path) -> bool:
    """Returns whether an error is about writing a file.

    It names the file or, as when writing to an open one, names none and says that there is no room.
    """
    names = [name for name in (error.filename, getattr(error, "filename2", None)) if name is not None]
    return any(file.name in str(name) for name in names) if names else error.errno in NO_ROOM
