"""Altered films and sounds: each plays, or is refused in one line.

    python -m benchmarks.fuzz.media [FILE ...] --count N [--seed S] [--jobs J] [--number K] [--results FILE]

FILE are the originals; without them small ones are made. Each altered file is described, inspected and
decoded.

What must not be: a traceback, a message that is not one line, more than 20 s or 2 GB, or an end of the
process. Where it is, the number of the file is printed, and the exit code is 1; `--number K --keep FILE`
makes that file again and opens it here.
"""

import json
import sys
import tempfile
import warnings
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.fuzz.media_files import altered, make_originals
from benchmarks.fuzz.outcomes import Outcome, counted, fuzzing, judged, serve
from listen_and_move.config import ClipConfig
from listen_and_move.inspection.inspection import inspect
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.media.sound import read_sound, sound_gaps

LOOKED_SECONDS = 30
"""Of picture and sound that are decoded; a file may claim days."""


def main() -> None:
    """Alter and open, in child processes."""
    parser = fuzzing(__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="originals; without them small ones are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        originals = [str(file.absolute()) for file in options.files or make_originals(Path(folder))]
        if options.number is not None:
            print(_outcome(originals, options.seed, options.keep or Path("altered"), options.number))
            return
        code = counted("benchmarks.fuzz.media", [originals, options.seed], options)
    sys.exit(code)


def play(path: Path) -> None:
    """Does with a file what inspection, training and playing do with it.

    Args:
        path: of the file.

    Raises:
        UserError: it is refused.
    """
    info = probe(path)
    if info.sounds:
        for _ in read_sound(path, 16_000, end=LOOKED_SECONDS):
            pass
        sound_gaps(path, 0, LOOKED_SECONDS)
    if info.video is not None:
        whole, rate = (0, 0, info.video.width, info.video.height), Fraction(20)
        for _ in read_frames(path, rate, width=32, height=32, end=LOOKED_SECONDS):
            pass
        for _ in source_frames(path, rate, box=whole, start=Fraction(1, 4), end=1):
            pass
        inspect(path, ClipConfig(end=2.0))


def _child(job: str) -> None:
    """Opens the files of a job one after the other."""
    originals, seed, numbers = json.loads(job)
    warnings.simplefilter("ignore")
    play(Path(originals[0]))  # what is loaded at the first use counts for no file
    with tempfile.TemporaryDirectory() as folder:
        serve(numbers, partial(_outcome, originals, seed, Path(folder) / "altered"))


def _outcome(originals: list[str], seed: int, file: Path, number: int) -> Outcome:
    """Makes an altered file and opens it."""
    random = Random(f"{seed}/{number}")
    original = Path(random.choice(originals))
    file.write_bytes(altered(original.read_bytes(), random))
    return judged(number, original.name, partial(play, file))


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("["):
        _child(sys.argv[1])
    else:
        main()
