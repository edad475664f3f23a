"""Where the sound of live play comes from.

Shapes: sound is float32 (n, channels), full scale 1.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from math import ceil
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from listen_and_move.errors import UserError
from listen_and_move.media.piped import Raw, piped_sound
from listen_and_move.media.sound import opened_sound
from listen_and_move.media.soundtrack import Source

PIPE, MICROPHONE = "-", "microphone"
SHORT = 100
"""Blocks per second in which a file is played at its own speed, or a microphone is asked."""


@contextmanager
def opened_source(name: str, raw: Raw | None, realtime: bool, track: int | None = None) -> Iterator[Source]:
    """The sound of a file, of standard input (-) or of a microphone.

    Args:
        name: which.
        raw: standard input only: what the samples are where there is no container.
        realtime: play a file at its own speed; a pipe and a microphone have one.
        track: number of the sound in a file or in what comes through the pipe; None: the default one.

    Raises:
        UserError: it cannot be read; there is no microphone.
    """
    if raw is not None and name != PIPE:
        raise UserError(
            f"rate: expected only for raw samples on standard input; got it with the input {name}",
            "leave --rate away, or give --input -",
        )
    if track is not None and (raw is not None or name == MICROPHONE):
        raise UserError(
            f"track: expected only for media with several sounds; got {track} for "
            f"{'raw samples' if raw else 'the microphone'}",
            "leave --track away",
        )
    if name == PIPE:
        yield standard_input(raw, track)
    elif name == MICROPHONE:
        with microphone() as source:
            yield source
    else:
        with opened_sound(Path(name), track) as sound:
            blocks = sound.section(None, None)
            blocks = in_time(blocks, sound.rate) if realtime else blocks
            yield Source(blocks, sound.rate, sound.channels, sound.layout)


def standard_input(raw: Raw | None, track: int | None = None) -> Source:
    """What another program writes.

    Args:
        raw: what the samples are where there is no container.
        track: number of the sound in the container; None: its default one.

    Raises:
        UserError: nobody does, or it cannot be read.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError(
            "input: expected a pipe; got a terminal",
            "pipe sound in, as in ffmpeg ... | listen-and-move live MODEL --input -",
        )
    return piped_sound(os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False), raw, track)


def in_time(
    blocks: Iterator[np.ndarray],
    rate: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[np.ndarray]:
    """The same sound in short blocks, each given when its last sample would have sounded."""
    begun, given = clock(), 0
    for block in blocks:
        for piece in np.array_split(block, ceil(len(block) * SHORT / rate)):
            given += len(piece)
            sleep(max(0.0, begun + given / rate - clock()))
            yield piece


@contextmanager
def microphone() -> Iterator[Source]:
    """The system's microphone, one channel at its own rate.

    Raises:
        UserError: the extra is not installed, or there is no microphone.
    """
    sounddevice, blocks = _sounddevice(), SimpleQueue[np.ndarray]()

    def queue_block(samples: np.ndarray, *_: Any) -> None:
        blocks.put(samples.copy())

    try:
        rate = int(sounddevice.query_devices(kind="input")["default_samplerate"])
        stream = sounddevice.InputStream(
            rate, rate // SHORT, channels=1, dtype="float32", latency="low", callback=queue_block
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{MICROPHONE}: expected one; the system offers none ({reason})", "plug one in, or --input FILE"
        ) from None
    with stream:
        yield Source(iter(blocks.get, None), rate, 1)


def _sounddevice() -> Any:
    try:
        return import_module("sounddevice")
    except ImportError:
        raise UserError(
            f"{MICROPHONE}: expected the extra live; it is not installed: pip install "
            "'listen-and-move[live]', or pipe it in"
        ) from None
    except OSError as error:
        raise UserError(
            f"{MICROPHONE}: expected the library PortAudio; it is not there ({error}): install it (Debian: "
            "libportaudio2)"
        ) from None
