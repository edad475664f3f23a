"""What becomes of files that are opened one after the other in a process with limits on time and memory.

A child process opens many files; one that takes too long, or ends the process, is counted, and another child
goes on after it.
"""

import argparse
import json
import os
import resource
import selectors
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import machine
from listen_and_move.errors import LONGEST_MESSAGE, UserError, is_out_of_memory, printable

LONGEST_S = 20
"""Seconds that a file may take, or a part of the work on it; see `ALIVE`."""
ALIVE = "alive"
"""Line that a child prints where a part of the work is done: the seconds begin anew."""
MOST_BYTES = 2_000_000_000
"""Memory that a file may take."""
_MARGIN = 1_500_000_000
"""Bytes beyond that, which a process may ask for before it is refused them: not all of them are used."""
_START_S = 120
FAILURES = ("traceback", "no line", "hang", "memory", "ended")
"""Outcomes that must not be."""


class Outcome(NamedTuple):
    """What became of a file."""

    number: int
    what: str
    """Of the file."""
    outcome: str
    """played; refused; or one of `FAILURES`: traceback; no line: a message that is not one of printable
    characters; hang; memory; ended: the process."""
    said: str
    """The message, or the end of the traceback."""
    seconds: float
    bytes: int
    """Of memory, at most, over what the process had before."""


def judged(number: int, what: str, play: Callable[[], object]) -> Outcome:
    """Returns what becomes of a file in this process.

    Args:
        number: of the file.
        what: the file is.
        play: opens it, and raises UserError where it is refused.
    """
    before, begin = _peak_from_now(), time.perf_counter()
    try:
        play()
        outcome, said = "played", ""
    except UserError as error:
        said = f"{error.message}: {error.hint}" if error.hint else error.message
        line = said == printable(said) and 0 < len(said) <= 2 * LONGEST_MESSAGE
        outcome = "refused" if line else "no line"
    except Exception as error:
        said = "".join(traceback.format_exception(error)[-3:])
        outcome = "memory" if is_out_of_memory(error) or "bad_alloc" in said else "traceback"
    taken = _peak() - before
    if taken > MOST_BYTES:
        outcome, said = "memory", f"{outcome}: {said}"
    return Outcome(number, what, outcome, said[:1500], time.perf_counter() - begin, taken)


def _status(name: str) -> int:
    """Returns a number of bytes that Linux says of this process; 0 elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":")), 0)


def _peak_from_now() -> int:
    """Forgets the peak of memory so far and returns what the process has."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM") or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limit_memory() -> None:
    """Lets this process have so much more memory than it has now, and no core file."""
    most = _status("VmSize") + MOST_BYTES + _MARGIN
    if _status("VmSize"):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fuzzing(about: str | None) -> argparse.ArgumentParser:
    """Options of what alters files and counts what becomes of them."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="of altered files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    parser.add_argument("--number", type=int, help="of the one file that is made, and opened here")
    parser.add_argument("--keep", type=Path, help="where that file goes")
    parser.add_argument("--results", type=Path, help="where figures go, as JSON")
    return parser


def counted(module: str, job: Sequence[Any], options: argparse.Namespace) -> int:
    """Opens altered files in child processes, prints what must not be, and the counts; returns the exit code.

    Args:
        module: see `outcomes`.
        job: see `outcomes`.
        options: of `fuzzing`.
    """
    shares = [range(first, options.count, options.jobs) for first in range(options.jobs)]
    with ThreadPoolExecutor(options.jobs) as pool:
        found = [each for share in pool.map(partial(_share, module, job), shares) for each in share]
    counts = Counter(each.outcome for each in found)
    slowest, largest = max(each.seconds for each in found), max(each.bytes for each in found)
    print(f"seed {options.seed}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    print(f"slowest {slowest:.1f} s, most memory {largest / 1e6:.0f} MB")
    bad = [each._asdict() for each in found if each.outcome in FAILURES]
    if options.results is not None:
        about = {"machine": machine(), "seed": options.seed, "files": options.count, "outcomes": counts}
        told = {**about, "slowest_s": round(slowest, 1), "most_bytes": largest, "failures": bad}
        options.results.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if bad else 0


def _share(module: str, job: Sequence[Any], numbers: Sequence[int]) -> list[Outcome]:
    """Returns what becomes of some files, and tells what must not be."""
    found: list[Outcome] = []
    for outcome in outcomes(module, job, numbers):
        found.append(outcome)
        if outcome.outcome in FAILURES:
            said = "\n".join(map(printable, outcome.said.splitlines()))
            print(f"{outcome.number} ({outcome.what}): {outcome.outcome}: {said}", flush=True)
    return found


def serve(numbers: Sequence[int], outcome: Callable[[int], Outcome]) -> None:
    """Says what becomes of files, one after the other, within limits of memory: the side of a child."""
    limit_memory()
    for number in numbers:
        print(f"begin {number}", flush=True)
        print(json.dumps(outcome(number)), flush=True)


def outcomes(module: str, job: Sequence[Any], numbers: Sequence[int]) -> Iterator[Outcome]:
    """Yields what becomes of files, opened in child processes one after the other.

    Args:
        module: run as `python -m module JSON`, with a list of ``job`` and the numbers; it does `serve`.
        job: what else it is given.
        numbers: of the files.
    """
    left = list(numbers)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    while left:
        command = [sys.executable, "-m", module, json.dumps([*job, left])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            before = len(left)
            for outcome in _from(child):
                left.remove(outcome.number)
                yield outcome
        if len(left) == before:
            raise RuntimeError(f"{module}: expected outcomes; it ended with {child.returncode}")


def _from(child: subprocess.Popen[bytes]) -> Iterator[Outcome]:
    """Yields outcomes until a child ends or has to be ended; of the file at which it does, the last one."""
    number: int | None = None
    for line in _lines(child):
        if line is None:
            child.kill()
            break
        if line == ALIVE:
            continue
        if line.startswith("begin "):
            number = int(line.split()[1])
        else:
            number = None
            yield Outcome(*json.loads(line))
    else:
        if child.wait() and number is not None:
            yield Outcome(number, "?", "ended", f"exit code {child.returncode}", 0.0, 0)
        return
    if number is not None:
        yield Outcome(number, "?", "hang", "", LONGEST_S, 0)


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """Yields the lines of a child; None where the next one takes too long."""
    assert child.stdout is not None
    selector, text, patience = selectors.DefaultSelector(), b"", float(_START_S)
    selector.register(child.stdout, selectors.EVENT_READ)
    while True:
        if not selector.select(patience):
            yield None
            return
        patience = float(LONGEST_S)
        found = os.read(child.stdout.fileno(), 1 << 16)
        if not found:
            return
        *whole, text = (text + found).split(b"\n")
        yield from (line.decode() for line in whole)
