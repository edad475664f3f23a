"""Sound in, pixels out, block by block: what a program does that has its own sound and its own screen.

    python examples/live_to_pixels.py MODEL SOUND [--block N]

MODEL is a run folder or a model.safetensors; SOUND is any file with sound and takes the place of a
microphone, a game or a synthesiser. Every push of samples returns the frames that are due: arrays of bytes
(height, width, 3), here as the network draws them. `show` is where a program of your own begins.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from listen_and_move import Animator, Controls
from listen_and_move.media.sound import read_sound

RATE = 48_000
"""Samples per second; a player takes any rate from 8000 to 384000."""


def show(frame: np.ndarray, number: int, seconds: float) -> None:
    """Take a picture: a window, a texture, a wall of lamps; here a line per second."""
    if number % round(1 / seconds) == 0:
        print(f"{number * seconds:6.2f} s   {frame.shape[1]}x{frame.shape[0]}   mean {frame.mean():5.1f}")


def blocks(sound: Path, length: int) -> Iterator[np.ndarray]:
    """Yields a sound in blocks of ``length`` samples, as a sound card gives it; the last may be shorter."""
    samples = np.concatenate(list(read_sound(sound, RATE)))
    for first in range(0, len(samples), length):
        yield samples[first : first + length]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, and return how many frames were shown."""
    parser = argparse.ArgumentParser(description="Sound in, pixels out, block by block.")
    parser.add_argument("model", type=Path)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--block", type=int, default=960, help="samples of a block; default: 960, 20 ms")
    options = parser.parse_args(arguments)

    animator = Animator.load(options.model)
    live = animator.live(RATE, controls=Controls(amount=1.2))
    print(f"{float(animator.fps):g} frames per second, {1000 * live.latency:.0f} ms behind the sound")
    shown = 0
    for block in blocks(options.sound, options.block):
        for frame in live.push(block):
            show(frame, shown, float(1 / animator.fps))
            shown += 1
    for frame in live.finish():  # the last frames hear silence in the place of what comes no more
        show(frame, shown, float(1 / animator.fps))
        shown += 1
    return shown


if __name__ == "__main__":
    main()
