"""Uploaded files: counted, limited, and kept in a temporary folder under generated names."""

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from listen_and_move.app.limits import ALL_BYTES, MEGABYTE, MOST_BYTES, UPLOADS, UPLOADS_EACH
from listen_and_move.app.workers import Worker
from listen_and_move.errors import UserError

LONGEST_UPLOAD_NAME = 80
FULL = "The page is working on as many large files as it can hold: try again in some minutes."


@dataclass
class Upload:
    """One uploaded file of a visitor."""

    id: str
    visitor: str
    kind: str
    """Purpose of the file: sound or video."""
    name: str
    """The visitor's name of the file: shown, never used as a path."""
    path: Path
    size: int = 0
    found: dict[str, Any] = field(default_factory=dict)
    """Contents of the file, as `work.look` reports them."""
    learnt: str = ""
    """Name of the run that learns the video; empty: none does."""
    begun: float = field(default_factory=time.monotonic)

    @property
    def still(self) -> Path:
        """The still picture of a video, a JPEG."""
        return self.path.with_suffix(".jpg")

    @property
    def model(self) -> Path:
        """The model file that plays a video with nothing learnt; it is there once the video is prepared."""
        return self.path.with_suffix(".safetensors")

    def prepared(self, model: Path, result: dict[str, Any]) -> None:
        """Keeps the model file and the result of `work.prepare`."""
        model.replace(self.model)
        self.found["plays"] = result["plays"]
        self.size = self.path.stat().st_size + self.model.stat().st_size

    def named(self, text: str) -> str:
        """Returns a text with the visitor's name of the file in place of its path here."""
        for file in (self.model, self.path):
            text = text.replace(str(file), self.name).replace(file.name, self.name)
        return text

    def shown(self) -> dict[str, Any]:
        """Returns the file as the page shows it."""
        about = {"id": self.id, "kind": self.kind, "name": self.name, "bytes": self.size}
        return about | ({"learnt": self.learnt} if self.learnt else {}) | self.found


class Uploads:
    """All uploaded files."""

    def __init__(self, folder: Path, worker: Worker) -> None:
        self.folder, self.worker = folder, worker
        self.all: dict[str, Upload] = {}
        self.uses: Counter[str] = Counter()
        """Number of users of each file in use, by its id; such files are not removed."""

    async def receive(
        self, visitor: str, kind: str, name: str, announced: int, pieces: AsyncIterator[bytes]
    ) -> Upload:
        """Receives a file and checks its contents; a file that cannot be used is deleted.

        Raises:
            UserError: too large, cut off, or not what it should be.
        """
        if kind not in MOST_BYTES:
            raise UserError(f"expected one of {', '.join(MOST_BYTES)}; got {kind[:20]!r}")
        upload = self._new(visitor, kind, name)
        self._check_size(upload, announced)
        with self._place_for(upload, announced):
            await self._write(upload, pieces)
            looking = {"path": str(upload.path), "kind": kind, "still": str(upload.still)}
            upload.found = await self._looked("look", looking, upload)
        return upload

    async def melody(self, visitor: str) -> Upload:
        """Makes a sound for a visitor who has none at hand, and returns it.

        Raises:
            UserError: there is no room for the file.
        """
        upload = self._new(visitor, "sound", "melody.wav")
        with self._place_for(upload, 0):
            upload.found = await self._looked("melody", {"path": str(upload.path)}, upload)
            upload.size = upload.path.stat().st_size
        return upload

    async def _looked(self, task: str, arguments: dict[str, Any], upload: Upload) -> dict[str, Any]:
        try:
            return await self.worker.do(task, arguments)
        except UserError as error:
            raise UserError(upload.named(error.message)) from None

    def _new(self, visitor: str, kind: str, name: str) -> Upload:
        identity = secrets.token_hex(12)
        return Upload(identity, visitor, kind, _shown_name(name), self.folder / identity)

    @contextmanager
    def _place_for(self, upload: Upload, announced: int) -> Iterator[None]:
        """Keeps a place for a file while it comes; the file is deleted where the context raises."""
        self._check_place(upload.visitor, announced)
        self.all[upload.id] = upload
        with self.needed(upload):
            try:
                self._make_room(0)
                yield
            except BaseException:
                self.remove(upload)
                raise

    def get(self, visitor: str, identity: Any, kind: str | None = None) -> Upload:
        """Returns a visitor's own file.

        Raises:
            UserError: the visitor has no such file, or none of that kind.
        """
        upload = self.all.get(identity) if isinstance(identity, str) else None
        if upload is None or upload.visitor != visitor or kind not in (None, upload.kind) or not upload.found:
            raise UserError("This file is no longer here: choose it again.")
        return upload

    def of(self, visitor: str) -> list[Upload]:
        """Returns a visitor's files, the newest first."""
        mine = [upload for upload in self.all.values() if upload.visitor == visitor and upload.found]
        return sorted(mine, key=lambda upload: -upload.begun)

    def playable(self, visitor: str, identity: str) -> Upload:
        """Returns a visitor's own video that was prepared.

        Raises:
            UserError: the visitor has no such video, or it was not prepared.
        """
        upload = self.get(visitor, identity, "video")
        if "plays" not in upload.found:
            raise UserError(f"{upload.name}: expected a video that was prepared to be played; it was not yet")
        return upload

    def prepared(self, upload: Upload, model: Path, result: dict[str, Any]) -> None:
        """Keeps the model file that plays a video in use.

        Args:
            upload: the video.
            model: the file that `work.prepare` wrote; it moves to the video.
            result: of that task.

        Raises:
            UserError: there is no room for the model file.
        """
        self._make_room(model.stat().st_size)
        upload.prepared(model, result)

    @contextmanager
    def needed(self, upload: Upload) -> Iterator[None]:
        """Keeps a file from being removed within the context; contexts of one file may overlap."""
        self.uses[upload.id] += 1
        try:
            yield
        finally:
            self.uses -= Counter([upload.id])

    def remove(self, upload: Upload) -> None:
        """Deletes a file with its still picture and its model."""
        self.all.pop(upload.id, None)
        upload.path.unlink(missing_ok=True)
        upload.still.unlink(missing_ok=True)
        upload.model.unlink(missing_ok=True)

    async def _write(self, upload: Upload, pieces: AsyncIterator[bytes]) -> None:
        with upload.path.open("wb") as file:
            async for piece in pieces:
                self._check_size(upload, upload.size + len(piece))
                self._make_room(len(piece))
                upload.size += len(piece)
                file.write(piece)

    def _check_size(self, upload: Upload, size: int) -> None:
        most = MOST_BYTES[upload.kind]
        if size > most:
            raise UserError(f"{upload.name}: expected at most {most // MEGABYTE} MB; got more: cut it first")

    def _check_place(self, visitor: str, announced: int) -> None:
        """Makes place for one more file of a visitor, by deleting the visitor's oldest files.

        A file for which there cannot be room is refused before it is received.
        """
        mine = [upload for upload in self.all.values() if upload.visitor == visitor]
        surplus = len(mine) - UPLOADS_EACH + 1
        idle = [upload for upload in mine if upload.id not in self.uses]
        if surplus > len(idle):
            raise UserError(
                f"{UPLOADS_EACH} of your files are on their way or worked on, which is the most: wait for one"
            )
        for upload in idle[: max(0, surplus)]:
            self.remove(upload)
        busy = sum(upload.size for upload in self.all.values() if upload.id in self.uses)
        if busy + announced > ALL_BYTES:
            raise UserError(FULL)

    def _make_room(self, size: int) -> None:
        """Deletes the oldest unused files until ``size`` bytes more fit into all limits."""
        total = sum(upload.size for upload in self.all.values()) + size
        idle = [upload for upload in self.all.values() if upload.id not in self.uses]
        while total > ALL_BYTES or len(self.all) > UPLOADS:
            if not idle:
                raise UserError(FULL)
            total -= idle[0].size
            self.remove(idle.pop(0))


def _shown_name(name: str) -> str:
    """Returns a name as one short line without control characters."""
    line = "".join(each if each.isprintable() else " " for each in name).strip()
    return line.replace("\\", "/").rsplit("/", 1)[-1][-LONGEST_UPLOAD_NAME:] or "file"
