"""How a picture moves with its sound: motion and loudness over time, and the lag at which they agree best.

    python examples/plot_motion.py VIDEO [--picture FILE.png]

VIDEO is any file with picture and sound: one to learn (does its motion follow its sound?) or one that was
played (does it still?). A positive lag means that the picture is late.
"""

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.sync import best_lag, loudness, motion_energy

FPS, RATE, SIDE = Fraction(20), 48_000, 64
"""At what rates and size the video is read, whatever its own are."""
LARGEST_LAG = 10
"""Frames to each side among which the lag is looked for."""


def main(arguments: Sequence[str] | None = None) -> tuple[int, float]:
    """Draw, and return the lag in frames and the correlation at it."""
    parser = argparse.ArgumentParser(description="How a picture moves with its sound.")
    parser.add_argument("video", type=Path)
    parser.add_argument("--picture", type=Path, default=Path("motion.png"))
    options = parser.parse_args(arguments)

    frames = np.stack(list(read_frames(options.video, FPS, width=SIDE, height=SIDE)))
    samples = np.concatenate(list(read_sound(options.video, RATE, start=0)))
    motion = motion_energy(frames)
    loud = loudness(samples, RATE, FPS, len(frames))[1:]  # motion t is what changed up to frame t + 1
    lag, agreement = best_lag(motion, loud, LARGEST_LAG)
    print(f"lag {lag} frames, correlation {agreement:.3f}")

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    times = np.arange(1, len(frames)) / float(FPS)
    axes.plot(times, motion, color="tab:blue")
    axes.set_xlabel("seconds")
    axes.set_ylabel("motion", color="tab:blue")
    level = axes.twinx()
    level.plot(times, loud, color="tab:orange", alpha=0.7)
    level.set_ylabel("loudness, dB of full scale", color="tab:orange")
    axes.set_title(f"{options.video.name}: lag {lag} frames, correlation {agreement:.2f}")
    figure.savefig(options.picture)
    return lag, agreement


if __name__ == "__main__":
    main()
