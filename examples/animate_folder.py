"""One video, many sounds: learn a video once and play it with every sound of a folder.

    python examples/animate_folder.py VIDEO SOUNDS [--out FOLDER] [--run FOLDER] [--steps N]

VIDEO is any file with picture and sound. SOUNDS is a folder; its files that hold sound are played, the others
are named and left out. OUT gets one video per sound. RUN is where the model lives: a video that was learnt
there is not learnt again, and one that was left half learnt goes on.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from listen_and_move import UserError, generate, train


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Learn, play, and return the videos that were made."""
    parser = argparse.ArgumentParser(description="One video, many sounds.")
    parser.add_argument("video", type=Path)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("--out", type=Path, default=Path("animated"))
    parser.add_argument("--run", type=Path, help="default: runs/NAME-OF-VIDEO")
    parser.add_argument("--steps", type=int, help="of training; default: what the preset says")
    options = parser.parse_args(arguments)

    run = options.run or Path("runs") / options.video.stem
    settings = {} if options.steps is None else {"training.steps": options.steps}
    preset = None if run.exists() else "quick"  # what was begun goes on with its own settings
    trained = train(options.video, run, preset_name=preset, settings=settings)

    options.out.mkdir(parents=True, exist_ok=True)
    made = []
    for sound in sorted(file for file in options.sounds.iterdir() if file.is_file()):
        try:
            made += generate(trained.run, sound, options.out / f"{sound.stem}.mp4", overwrite=True)
        except UserError as error:  # no sound in it, or a damaged file: the others are played
            print(f"left out: {error}")
        else:
            print(made[-1])
    return made


if __name__ == "__main__":
    main()
