"""The program ffmpeg, which makes files for tests and says what is heard and seen in them."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here")


def ffmpeg(*arguments: object) -> bytes:
    """Runs ffmpeg, and returns what it writes to its standard output."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def beeps(seconds: float, rate: int = 48000, every: int = 1) -> list[str]:
    """Arguments that make mono sound: a tone in the last tenth of every so many seconds."""
    tone = rf"0.4*sin(440*2*PI*t)*gte(mod(t\,{every})\,{every}-0.1)"
    return ["-f", "lavfi", "-i", f"aevalsrc={tone}:s={rate}:d={seconds}"]


def beep_times(samples: np.ndarray, rate: int) -> list[float]:
    """Seconds at which a tone begins after silence, rounded to milliseconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.05)
    begins = loud[np.diff(loud, prepend=-rate) > rate // 50]
    return [round(float(at) / rate, 3) for at in begins]


def heard(path: Path, channels: int, *options: object) -> np.ndarray:
    """The sound that ffmpeg hears in a file: float32 (n, channels)."""
    data = ffmpeg(*options, "-i", path, "-map", "0:a:0", "-f", "f32le", "-")
    return np.frombuffer(data, "<f4").reshape(-1, channels)


def seen(path: Path, width: int, height: int, filters: str = "null") -> np.ndarray:
    """The pictures that ffmpeg sees in a file: uint8 (T, height, width, 3) RGB."""
    exact = "accurate_rnd+full_chroma_int+full_chroma_inp"
    chain = f"{filters},scale={width}:{height}:flags=bicubic+{exact},format=rgb24"
    data = ffmpeg("-i", path, "-vf", chain, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


@cache
def has_filter(name: str) -> bool:
    """Whether there is the program, with a filter."""
    return shutil.which("ffmpeg") is not None and f" {name} " in ffmpeg("-filters").decode()
