"""A moving picture for documents: a part of a film above the level of its sound, as an animated WebP.

    listen-and-move demo demo
    python -m tools.moving_picture demo/comparison-0.mp4 docs/demo.webp

A line shows the instant of the sound that belongs to the picture, since the picture itself is silent.
"""

import argparse
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound

GROUND, SOUND, NOW = (24, 24, 32), (150, 170, 220), (250, 220, 120)
"""Colours of the strip: what lies behind, the level of the sound, the instant that is shown."""
RATE = 16_000
"""Samples a second from which levels are taken."""


def main() -> None:
    """Write the moving picture of a film."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("film", type=Path)
    parser.add_argument("out", type=Path, help="FILE.webp")
    parser.add_argument("--start", type=Fraction, default=Fraction(2), help="first second (2)")
    parser.add_argument("--seconds", type=Fraction, default=Fraction(6), help="length (6)")
    parser.add_argument("--fps", type=int, default=20, help="pictures a second (20)")
    parser.add_argument("--size", default="640x320", help="of the film, WIDTHxHEIGHT (640x320)")
    parser.add_argument("--strip", type=int, default=48, help="height of the strip of sound, in pixels (48)")
    parser.add_argument("--quality", type=int, default=70, help="of WebP, 0 to 100 (70)")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    write_moving_picture(
        options.film,
        options.out,
        (width, height),
        start=options.start,
        seconds=options.seconds,
        fps=options.fps,
        strip=options.strip,
        quality=options.quality,
    )


def write_moving_picture(
    film: Path,
    out: Path,
    size: tuple[int, int],
    *,
    start: Fraction = Fraction(2),
    seconds: Fraction = Fraction(6),
    fps: int = 20,
    strip: int = 48,
    quality: int = 70,
) -> None:
    """Write a part of a film above the level of its sound.

    Args:
        film: the film, with sound.
        out: FILE.webp.
        size: width and height of the film's picture, in pixels.
        start: first second.
        seconds: length.
        fps: pictures a second.
        strip: height of the strip of sound, in pixels.
        quality: of WebP, 0 to 100.
    """
    (width, height), count = size, int(seconds * fps)
    frames = read_frames(film, Fraction(fps), width=width, height=height, start=start, end=start + seconds)
    strips = moving_strip(sound_levels(film, start, seconds, width), strip, count)
    first, *others = (
        Image.fromarray(np.concatenate(pair)) for pair in zip(islice(frames, count), strips, strict=True)
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    duration = round(1000 / fps)
    first.save(out, save_all=True, append_images=others, duration=duration, loop=0, quality=quality, method=6)
    print(f"{out}: {count} pictures, {out.stat().st_size / 1e6:.2f} MB")


def sound_levels(film: Path, start: Fraction, seconds: Fraction, columns: int) -> np.ndarray:
    """Returns the largest absolute sample of each column, over the largest of all."""
    sound = np.concatenate(list(read_sound(film, RATE, start=start, end=start + seconds)))
    peaks = np.array([np.abs(part).max(initial=0.0) for part in np.array_split(sound, columns)])
    return peaks / max(peaks.max(), 1e-9)


def moving_strip(levels: np.ndarray, height: int, count: int) -> Iterator[np.ndarray]:
    """Yields a strip of levels for each of so many pictures, with a line at the picture's instant."""
    rows = np.abs(np.arange(height) - (height - 1) / 2)[:, None]
    strip = np.where((rows <= levels * height * 0.45)[..., None], SOUND, GROUND).astype(np.uint8)
    for index in range(count):
        column = int((index + 0.5) / count * len(levels))
        shown = strip.copy()
        shown[:, max(column - 1, 0) : column + 1] = NOW
        yield shown


if __name__ == "__main__":
    main()
