"""The outlet that a user asked for."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from listen_and_move.errors import UserError
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.inference.live.screens import CAMERA, WINDOW, opened_camera, opened_window
from listen_and_move.inference.live.sinks import Moments, Outlet, StreamOutlet, file_outlet
from listen_and_move.inference.live.sources import MICROPHONE, PIPE
from listen_and_move.media.replacing import check_no_input
from listen_and_move.media.soundtrack import Source
from listen_and_move.media.streaming import MatroskaStream, Y4mStream
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.signing import ManifestSigner, SigningFiles, opened_signer

StreamKind = Literal["matroska", "y4m"]


@dataclass(frozen=True)
class Destination:
    """Where pictures go."""

    name: str
    """A file, a folder, - for standard output, window or camera."""
    stream: StreamKind = "matroska"
    """What is written to standard output."""
    overwrite: bool = False
    """Replace a file that exists."""

    @property
    def seen(self) -> bool:
        """Whether it is a screen, which shows pictures in their time."""
        return self.name in (WINDOW, CAMERA)

    def check(self, inputs: Iterable[Path], input: str) -> None:
        """Refuse a file that is also an input.

        Args:
            inputs: files that are read.
            input: where the sound comes from; standard input may be a file too.

        Raises:
            UserError: it is one of them.
        """
        if self.seen or self.name == PIPE:
            return
        check_no_input(self.name, inputs, "--output")
        if input == PIPE and sys.stdin is not None:
            check_no_input(self.name, [sys.stdin.fileno()], "--output")
        elif input not in (PIPE, MICROPHONE):
            check_no_input(self.name, [input], "--output")

    def signer(self, files: SigningFiles) -> ManifestSigner:
        """Returns what signs it.

        Args:
            files: the certificate and its private key.

        Raises:
            UserError: it cannot be signed, or not with these files.
        """
        if self.seen or self.name == PIPE:
            raise UserError(
                f"sign: expected an output that is a file or a folder; got {self.name}, which nothing can be "
                "added to in the end",
                "choose another --output, or leave --sign away",
            )
        return opened_signer(files, [self.name])


@contextmanager
def opened_outlet(
    destination: Destination, size: tuple[int, int], source: Source, pacer: Pacer, label: Label, live: bool
) -> Iterator[Outlet]:
    """Ready for pictures of that width and height.

    Args:
        destination: where they go.
        size: width and height.
        source: of the sound that goes with them.
        pacer: of a screen.
        label: what a file says of itself.
        live: nobody waits for a slow reader.

    Raises:
        UserError: it cannot be opened.
    """
    if destination.name == WINDOW:
        with opened_window(pacer, size, "Listen and Move: generated picture") as window:
            yield window
    elif destination.name == CAMERA:
        with opened_camera(pacer, size, pacer.fps) as camera:
            yield camera
    elif destination.name == PIPE:
        with _standard_output() as file:
            yield _stream(file, destination.stream, size, source, pacer, label, live)
    else:
        overwrite = destination.overwrite
        with file_outlet(destination.name, size, pacer.fps, source, label, overwrite, live) as outlet:
            yield outlet


def _stream(
    file: Any, kind: StreamKind, size: tuple[int, int], source: Source, pacer: Pacer, label: Label, live: bool
) -> StreamOutlet:
    (width, height), fps, rate, channels = size, pacer.fps, source.rate, source.channels
    if kind == "y4m":
        return StreamOutlet(Y4mStream(file, width=width, height=height, fps=fps), None, live)
    stream = MatroskaStream(
        file, width=width, height=height, fps=fps, rate=rate, channels=channels, metadata=label.tags
    )
    return StreamOutlet(stream, Moments(fps, rate, channels), live)


@contextmanager
def _standard_output() -> Iterator[Any]:
    """Its own handle: nothing else is written there."""
    if sys.stdout is None or sys.stdout.isatty():
        raise UserError(
            "output: expected a pipe; got a terminal",
            "pipe it on, as in listen-and-move live ... --output - | mpv -",
        )
    sys.stdout.flush()
    file = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    try:
        yield file
    finally:
        with suppress(BrokenPipeError):
            file.close()
