"""Frames kept on disk, so that the memory of a command does not grow with the length of a video."""

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8


class FrameStore:
    """A file of frames of one size: appended at its end, read in any order.

    Letters: T frames, H height, W width.
    """

    def __init__(self, file: Path, width: int, height: int) -> None:
        self.shape, self.frames = (height, width, 3), 0
        self._bytes = height * width * 3
        self._file = file.open("w+b")

    def __len__(self) -> int:
        return self.frames

    def append(self, frames: UInt8[np.ndarray, "T H W 3"]) -> None:
        """Add frames at the end."""
        if frames.shape[1:] != self.shape or frames.dtype != np.uint8:
            raise ValueError(
                f"frames: expected uint8 (T, {', '.join(map(str, self.shape))}); got {frames.dtype} "
                f"{frames.shape}"
            )
        self._file.seek(self.frames * self._bytes)
        self._file.write(np.ascontiguousarray(frames).data)
        self.frames += len(frames)

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Frames ``first`` to ``last`` (exclusive)."""
        if not 0 <= first <= last <= self.frames:
            raise IndexError(f"frames: expected a part of 0 to {self.frames}; got {first} to {last}")
        self._file.seek(first * self._bytes)
        frames = np.empty((last - first, *self.shape), np.uint8)
        self._file.readinto(frames.data)
        return frames

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Shelf:
    """Frame stores in a temporary folder, which is gone when the context ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="listen-and-move-")
        self._stores: list[FrameStore] = []

    def store(self, width: int, height: int) -> FrameStore:
        """A new, empty store for frames of this size."""
        self._stores.append(FrameStore(self.folder / f"{len(self._stores)}.frames", width, height))
        return self._stores[-1]

    @property
    def folder(self) -> Path:
        """The folder, where other files may lie as long."""
        return Path(self._folder.name)

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in self._stores:
            store.close()
        self._folder.cleanup()
