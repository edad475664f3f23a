"""Reads ten minutes of 1080p video for training, twice: decoded, then from the cache.

The figures are seconds by the clock and seconds of the processors.

    python -m benchmarks.long_video VIDEO [--minutes 10] [--preset quick] [--out FILE]

VIDEO's first half minute is brought to 1920x1080 at 30 frames/s (H.264, AAC) and repeated. Needs the program
ffmpeg.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from listen_and_move.data.clip import load_clip
from listen_and_move.settings import from_preset

PART = 30.0  # seconds that are repeated


def main() -> None:
    """Makes the video, reads it in two processes, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(read(options.video, options.preset)))
        return
    with tempfile.TemporaryDirectory() as folder:
        video = lengthened(options.video, Path(folder), options.minutes)
        command = [
            sys.executable,
            "-m",
            "benchmarks.long_video",
            str(video),
            "--preset",
            options.preset,
            "--once",
        ]
        own_cache = {**os.environ, "LISTEN_AND_MOVE_CACHE": str(Path(folder) / "cache")}
        passes = [json.loads(subprocess.check_output(command, env=own_cache)) for _ in range(2)]
    result = {
        "machine": machine(),
        "minutes": options.minutes,
        **dict(zip(("decoded", "cached"), passes, strict=True)),
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def read(video: Path, preset: str) -> dict[str, Any]:
    """Decodes, crops and computes features, as training does."""
    begun = time.perf_counter()
    clip = load_clip(video, from_preset(preset, {}))
    seconds = time.perf_counter() - begun
    return {
        "frames": len(clip.frames),
        "seconds": round(seconds, 1),
        "processor_s": round(time.process_time(), 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def lengthened(video: Path, folder: Path, minutes: float) -> Path:
    """Writes the video's beginning at 1080p, repeated to the length, and returns the file."""
    section, whole = folder / "part.mp4", folder / "whole.mp4"
    ffmpeg = ["ffmpeg", "-loglevel", "error", "-y"]
    scaled = ["-vf", "scale=1920:1080,fps=30", "-c:v", "libx264", "-preset", "fast", "-c:a", "aac"]
    subprocess.run([*ffmpeg, "-t", str(PART), "-i", str(video), *scaled, str(section)], check=True)
    repeats = str(round(60 * minutes / PART) - 1)
    subprocess.run(
        [*ffmpeg, "-stream_loop", repeats, "-i", str(section), "-c", "copy", str(whole)], check=True
    )
    return whole


if __name__ == "__main__":
    main()
