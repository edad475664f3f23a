"""Altered films and sounds: each plays, or is refused in one line.

    python -m benchmarks.fuzz.media [FILE ...] [--count N] [--seed S] [--results FILE] [--keep FOLDER]

FILE are the originals; without them small ones are made. Each altered file is described, inspected, decoded
and counted in a child process, which reads many of them: at most 20 s and 2 GB for each. It is named by its
seed and number: ``--seed S --only N --keep FOLDER`` writes that one file again. Exit code 1 where one of them
ended in a traceback, a crash, a hang, or took more memory.
"""

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.fuzz.media_files import altered, make_originals
from benchmarks.machine import machine
from listen_and_move.config import ClipConfig
from listen_and_move.errors import UserError
from listen_and_move.inspection.inspection import inspect
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.media.sound import read_sound, sound_gaps

try:
    import resource
except ImportError:  # Windows
    resource = None

LONGEST_SECONDS = 20.0
"""Of one file."""
MOST_BYTES = 2_000_000_000
"""Of the memory of a child."""
GUARD_BYTES = 8_000_000_000
"""Beyond which a child gets no memory, so that the machine lives on."""
LOOKED_SECONDS = 30
"""Of picture and sound that are decoded; a file may claim days."""
GOOD = ("played", "refused")
"""What may come of a file."""


class MediaOutcome(NamedTuple):
    """What came of a file."""

    number: int
    kind: str
    """played, refused, traceback, crash, hang or memory."""
    said: str = ""
    """The message, the end of the traceback, or the signal."""


def made(originals: list[Path], seed: int, number: int) -> tuple[str, bytes]:
    """Returns the name of an original and what was made of it.

    Args:
        originals: files to alter.
        seed: of all of them.
        number: of this one.
    """
    random = Random(f"{seed}/{number}")
    original = random.choice(originals)
    return original.name, altered(original.read_bytes(), random)


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


def outcome_of(number: int, path: Path) -> MediaOutcome:
    """Returns what comes of a file in this process.

    Args:
        number: of the file.
        path: of the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            play(path)
    except UserError as error:
        return MediaOutcome(number, "refused", str(error))
    except Exception:
        return MediaOutcome(number, "traceback", traceback.format_exc()[-2000:])
    return MediaOutcome(number, "played")


def serve_numbers(originals: list[Path], seed: int) -> None:
    """Answers each number on stdin with what comes of its file: the side of a child."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (GUARD_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "altered"
        for line in sys.stdin:
            number = int(line)
            path.write_bytes(made(originals, seed, number)[1])
            found = outcome_of(number, path)
            if _peak() > MOST_BYTES:
                found = found._replace(kind="memory", said=f"{_peak() / 1e9:.1f} GB; {found.said}")
            answers.write(json.dumps(found._replace(said=found.said.replace(str(path), "FILE"))) + "\n")
            answers.flush()


def _peak() -> int:
    """Bytes of memory that this process had at most."""
    if resource is None:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1000)


class MediaChild:
    """A process that reads files, a new one after each that did it harm."""

    def __init__(self, originals: list[Path], seed: int) -> None:
        names = [os.fspath(path) for path in originals]
        self.line = [sys.executable, "-m", "benchmarks.fuzz.media", *names, "--seed", str(seed), "--child"]
        self.process: subprocess.Popen[str] | None = None

    def outcome(self, number: int) -> MediaOutcome:
        """Returns what comes of a file, by its number."""
        ready = self.process is not None
        if self.process is None:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(
                self.line, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        seconds = LONGEST_SECONDS * (1 if ready else 2)  # it loads its libraries first
        answered, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if answered else ""
        found = MediaOutcome(number, "hang", f"more than {seconds:g} s")
        if line:
            found = MediaOutcome(*json.loads(line))
        elif answered:
            found = MediaOutcome(number, "crash", f"exit code {self.process.wait()}")
        if found.kind not in (*GOOD, "traceback"):
            self.close()
        return found

    def close(self) -> None:
        """Ends the process."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            self.process = None


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="originals; without them small ones are made")
    parser.add_argument("--count", type=int, default=300, help="of altered files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of the one file that is made")
    parser.add_argument("--results", type=Path, help="where figures go, as JSON")
    parser.add_argument("--keep", type=Path, help="folder for the files that did harm, or for the only one")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        serve_numbers(options.files, options.seed)
        return
    with tempfile.TemporaryDirectory() as folder:
        originals = options.files or make_originals(Path(folder))
        numbers = range(options.count) if options.only is None else [options.only]
        bad = _counted(originals, numbers, options)
    sys.exit(1 if bad else 0)


def _counted(originals: list[Path], numbers: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Prints and keeps what came of the files; returns those that did harm."""
    counts, bad, child = Counter[str](), list[dict[str, Any]](), MediaChild(originals, options.seed)
    try:
        for number in numbers:
            found = child.outcome(number)
            counts[found.kind] += 1
            name, data = made(originals, options.seed, number)
            if found.kind not in GOOD:
                bad.append({"seed": options.seed, "original": name, **found._asdict()})
                print(
                    f"seed {options.seed} number {number} ({name}): {found.kind}: {_place(found.said)}",
                    flush=True,
                )
            if options.keep is not None and (found.kind not in GOOD or options.only is not None):
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{number}-{name}").write_bytes(data)
    finally:
        child.close()
    print(", ".join(f"{kind} {count}" for kind, count in counts.most_common()))
    if options.results is not None:
        told = {"machine": machine(), "seed": options.seed, "files": len(numbers), **counts, "harm": bad}
        options.results.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return bad


def _place(said: str) -> str:
    """The end of a traceback in one line."""
    return " | ".join(line.strip() for line in said.splitlines()[-5:] if set(line) - set(" ^~"))


if __name__ == "__main__":
    main()
