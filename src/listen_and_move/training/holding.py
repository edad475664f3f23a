"""The lock of a run folder: one training at a time, whatever became of earlier ones."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from listen_and_move.errors import UserError
from listen_and_move.runs import RunFolder

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""Errors of locking a file that another process has locked."""


@contextmanager
def held(folder: RunFolder) -> Iterator[None]:
    """Within the context no other training writes to a run folder.

    Half-written files of killed trainings are removed first. The lock is on a file that stays; the system
    frees the lock when its process ends, in whatever way. Where the file cannot be opened, or the file system
    has no locks, training goes on without one: then it is up to the user not to train twice in one folder,
    and nothing is removed.

    Raises:
        UserError: another training is under way there.
    """
    with suppress(OSError):
        folder.lock_file.parent.mkdir(parents=True, exist_ok=True)
    file = None
    try:
        try:
            file = folder.lock_file.open("ab")
            _lock(file)
        except OSError as error:
            if file is not None and error.errno in TAKEN:
                raise UserError(
                    f"{folder.path}: expected a run folder in which nobody trains; another training is under "
                    "way there",
                    "wait for its end, stop it, or choose another --run",
                ) from None
        else:  # only under the lock: without it, a training may be writing the files
            for left in folder.half_written():
                with suppress(OSError):
                    left.unlink()
        yield
    finally:
        if file is not None:
            # The file is not removed: a process that has opened it would lock a file without a name.
            file.close()
