"""Files of published network weights: found, checked, added and fetched; the only place that opens them.

They lie in one folder of the user. Nothing is downloaded unasked: `fetch` gets a file by its name, `add`
takes one that is already on this machine. A file is what it should be if its SHA-256 is, and is checked
before anything is read from it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from shutil import copyfile
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from listen_and_move.errors import NoMemoryError, UserError, is_out_of_memory
from listen_and_move.media.replacing import replacing
from listen_and_move.places import in_home, user_cache
from listen_and_move.pretrained.registry import WEIGHTS, WeightFile
from listen_and_move.progress import Progress, untold

if TYPE_CHECKING:
    from torch import Tensor  # takes a second to import, which a list of names need not wait for

TIMEOUT = 30.0
"""Seconds without a byte after which a server is given up."""
_BLOCK = 2**18
"""Bytes read at a time."""


class WeightStatus(NamedTuple):
    """A known file, and whether it is here."""

    name: str
    purpose: str
    size: int
    """In bytes."""
    here: bool
    """There is such a file in the folder; `tensors` checks it."""
    place: Path | str | None
    """Where it is; else the address it can be fetched from, or None if it has none."""


def folder() -> Path:
    """Returns the folder where the files lie; it may not exist yet.

    $LISTEN_AND_MOVE_WEIGHTS, else a folder in the user's cache.

    Raises:
        UserError: there is no such folder, since the user has no home.
    """
    if chosen := os.environ.get("LISTEN_AND_MOVE_WEIGHTS"):
        return in_home(chosen)
    cache = user_cache()
    if cache is None:
        raise UserError(
            "weights: expected a home folder, where they lie; there is none: name one in "
            "LISTEN_AND_MOVE_WEIGHTS"
        )
    return cache / "weights"


def listing() -> list[WeightStatus]:
    """Returns all known files, in the order of the table."""
    found = [(weights, find(weights.name)) for weights in WEIGHTS.values()]
    return [
        WeightStatus(each.name, each.purpose, each.size, path is not None, path or each.url)
        for each, path in found
    ]


def find(name: str) -> Path | None:
    """Returns the file of these weights if it is here (unchecked); None if not.

    Args:
        name: one of `WEIGHTS`.

    Raises:
        UserError: there are no weights of this name.
    """
    file = _known(name).file
    try:
        path = folder() / file
    except UserError:
        return None
    return path if path.is_file() else None


def tensors(name: str) -> "dict[str, Tensor]":
    """Returns the tensors of these weights by their published names, on the CPU.

    A prefix `module.` of all names is left out.

    Args:
        name: one of `WEIGHTS`.

    Raises:
        UserError: no such name, the file is not here, damaged, unreadable, or holds something else than
            tensors.
    """
    weights, path = _known(name), find(name)
    if path is None:
        raise UserError(
            f"expected the weights {name} in {folder()}; they are not there", _how_to_get(weights)
        )
    if mistake := _mistake(weights, path):
        raise UserError(f"{path}: {mistake}: it is damaged", _how_to_get(weights))
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever is not a file of tensors: torch raises errors of a dozen kinds
        if is_out_of_memory(error):
            raise NoMemoryError(path) from None
        content = None
    if not isinstance(content, dict) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise UserError(
            f"{path}: expected tensors alone, which are read without running code; it holds something else"
        )
    parallel = all(key.startswith("module.") for key in content)  # saved from torch.nn.DataParallel
    return {key.removeprefix("module.") if parallel else key: value for key, value in content.items()}


def add(name: str, file: Path) -> Path:
    """Copies a file of this machine into the folder, if it is the published one.

    Args:
        name: one of `WEIGHTS`.
        file: the file to copy.

    Returns:
        Where it lies now.

    Raises:
        UserError: no such name, or the file does not exist, is another one, or cannot be written.
    """
    weights = _known(name)
    if not file.is_file():
        raise UserError(
            f"{file}: expected the file {weights.file} with the weights {name}; there is no such file"
        )
    if mistake := _mistake(weights, file):
        raise UserError(f"{file}: {mistake}; give the published {weights.file}")
    target = _place(weights)
    with replacing(target) as temporary:
        copyfile(file, temporary)
    return target


def fetch(name: str, watch: Progress = untold) -> Path:
    """Downloads these weights; nothing is done if they are here and intact.

    What has come lies in FILE.part until all of it is there: after an interruption the next call goes on from
    it.

    Args:
        name: one of `WEIGHTS`.
        watch: called with the bytes that are here and those of the whole file, whenever some came.

    Returns:
        Where the file lies.

    Raises:
        UserError: no such name, no address, no network, an answer other than the file, no room, or a wrong
            hash.
    """
    weights = _known(name)
    present = find(name)
    if present and _mistake(weights, present) is None:
        return present
    if weights.url is None:
        raise UserError(f"expected weights with a public address; {name} have none; {_how_to_get(weights)}")
    target = _place(weights)
    partial = target.with_name(f"{target.name}.part")
    with _telling(
        f"{partial}: cannot be written",
        "check the space and the rights there, then do the same again to go on",
    ):
        with partial.open("ab") as file:
            _claim(file, weights)
            _download(weights, weights.url, file, watch)
            os.fsync(file.fileno())
        if mistake := _mistake(weights, partial):
            partial.unlink()
            raise UserError(
                f"{weights.url}: {mistake}; it was removed: fetch it again; if it differs again, "
                f"{_by_hand(weights)}"
            )
        partial.replace(target)
    return target


def _download(weights: WeightFile, url: str, file: IO[bytes], watch: Progress) -> None:
    """Appends to an opened file the bytes that it lacks.

    Where the server sends the whole, the file is written anew.
    """
    done = file.seek(0, os.SEEK_END)
    if done == weights.size:
        return
    with _reaching(weights, url):
        response = _opened(url, done if done < weights.size else 0)
    with response:
        done = _first_byte(weights, url, response, done)
        file.truncate(done)
        while done < weights.size:
            with _reaching(weights, url):
                block = response.read(_BLOCK)
            if not block:
                raise UserError(
                    f"{url}: expected {weights.size} bytes; {done} came; do the same again to go on from "
                    "there"
                )
            file.write(block)
            done += len(block)
            watch(done, weights.size)


def _opened(url: str, done: int) -> HTTPResponse:
    """Answer of the server, asked for what comes after the first ``done`` bytes."""
    try:
        return urlopen(Request(url, headers={"Range": f"bytes={done}-"} if done else {}), timeout=TIMEOUT)
    except HTTPError as error:
        with error:
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not done:
                raise
        return _opened(url, 0)


def _first_byte(weights: WeightFile, url: str, response: HTTPResponse, done: int) -> int:
    """Place in the file where the answer begins: after the bytes that are here, or 0 for the whole file.

    Raises:
        UserError: the answer has another length than the file: a login page, a pointer to the file, a newer
            version.
    """
    first = done if response.headers.get("Content-Range", "").startswith(f"bytes {done}-") else 0
    if response.length is not None and first + response.length != weights.size:
        came = first + response.length
        raise UserError(
            f"{url}: expected {weights.size} bytes; got an answer of {came}: not the file; "
            f"{_by_hand(weights)}"
        )
    return first


def _claim(file: IO[bytes], weights: WeightFile) -> None:
    """Keeps other processes from writing to an opened file; the system ends this when the process does."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{file.name}: expected one download of the weights {weights.name} at a time; another is "
                "running; wait for it"
            ) from None


def _known(name: str) -> WeightFile:
    if name not in WEIGHTS:
        raise UserError(f"expected weights of the names {', '.join(WEIGHTS)}; got {name}")
    return WEIGHTS[name]


def _place(weights: WeightFile) -> Path:
    """Path of the file, in a folder that exists."""
    target = folder() / weights.file
    with _telling(
        f"{target.parent}: cannot be made",
        "check the rights there, or name a folder in LISTEN_AND_MOVE_WEIGHTS",
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _mistake(weights: WeightFile, path: Path) -> str | None:
    """Words on what is wrong with a file; None if it is the published one."""
    with _telling(f"{path}: cannot be read", "check its rights"):
        status = path.stat()
        found = _sha256(path, status.st_size, status.st_mtime_ns)
    if found == weights.sha256:
        return None
    return (
        f"expected {weights.size} bytes with sha256 {weights.sha256}; got {status.st_size} bytes "
        f"with sha256 {found}"
    )


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file's bytes.

    Computed once per process as long as its size and time of change stay the same.
    """
    value = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value.update(block)
    return value.hexdigest()


def _how_to_get(weights: WeightFile) -> str:
    fetching = f"fetch them with `listen-and-move weights fetch {weights.name}` or " if weights.url else ""
    return fetching + _by_hand(weights)


def _by_hand(weights: WeightFile) -> str:
    return f"add a file with `listen-and-move weights add {weights.name} FILE`"


def _reaching(weights: WeightFile, url: str) -> AbstractContextManager[None]:
    return _telling(
        f"{url}: cannot be fetched",
        f"check the network and do the same again to go on, or {_by_hand(weights)}",
    )


@contextmanager
def _telling(what: str, advice: str) -> Iterator[None]:
    """Turns an error of the system or of a server into one line."""
    try:
        yield
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error).strip("<>") or type(error).__name__
        raise UserError(f"{what}: {reason}; {advice}") from None
