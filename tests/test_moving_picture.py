"""The moving pictures of documents: every picture stands above the instant of its sound."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence
from tools.moving_picture import NOW, write_moving_picture

from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from tests.cli.running import tone


def test_pictures_stand_above_their_instant(tmp_path: Path) -> None:
    film, out = tmp_path / "film.mp4", tmp_path / "picture.webp"
    sound = Waveform(tone(2.0).astype(np.float32), 48_000)
    with VideoWriter(film, width=64, height=32, fps=Fraction(10), sound=sound) as writer:
        for level in range(20):
            writer.write(np.full((32, 64, 3), 10 * level, np.uint8))
    write_moving_picture(film, out, (64, 32), start=Fraction(1), seconds=Fraction(1), fps=10, strip=16)

    with Image.open(out) as picture:
        frames = [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(picture)]
    assert len(frames) == 10
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    brightness = [frame[:32].mean() for frame in frames]
    assert np.allclose(brightness, [100 + 10 * index for index in range(10)], atol=6)
    lines = [np.abs(frame[32:] - NOW).mean((0, 2)).argmin() for frame in frames]
    assert np.allclose(lines, [6.4 * (index + 0.5) for index in range(10)], atol=2)
