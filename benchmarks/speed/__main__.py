"""Measures speed, size and distance from the machine's peak.

The result is one table, and JSON with device, versions and commit.

    python -m benchmarks.speed [--device auto] [--presets paper studio quick baseline] [--sizes 64 128 256 \
        512] [--out FILE]

It runs on CPU and CUDA alike. No new measurement begins after `--minutes 8`, so that a session on a GPU ends
in time. Measurements that are left out for that, or because one call would take longer than `--longest`
seconds, are listed. *results_gb*: the most that all results of a call hold, counted without computing, and so
also for measurements that are left out. *share*: operations of our own forms per second over what the
machine's float32 matrix product reaches in the same process. Perceptual weights are random ones. With
OMP_NUM_THREADS=1 seconds are those of the processor, so that other work on the machine does little harm.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import Any

import torch

from benchmarks.speed.counting import Counts
from benchmarks.speed.measure import SpeedMeasurement, matrix_peak, measured, planned
from listen_and_move.environment import environment
from listen_and_move.precision import choose_device
from listen_and_move.settings import from_preset

COLUMNS = (
    "what",
    "preset",
    "size",
    "window",
    "lanes",
    "speed",
    "recompute",
    "fps_windows",
    "fps_frames",
    "s",
    "peak_gb",
    "results_gb",
    "share",
)


def jobs(options: argparse.Namespace, device: str) -> Iterator[SpeedMeasurement]:
    """Yields the first preset at every size, then other windows, lanes and sizes, then the other presets."""
    first, *others = ([*_table(preset, options, device)] for preset in options.presets)
    yield from first
    if options.growth:
        growing = SpeedMeasurement("train", "paper", 64, 16, 1, "exact", device, options.seconds)
        yield from (
            growing._replace(window=window, recompute=again)
            for window in (8, 16, 32, 64)
            for again in (False, True)
        )
        yield from (growing._replace(lanes=lanes) for lanes in (2, 4))
        yield from (
            growing._replace(size=size, window=64, recompute=True)
            for size in options.sizes
            if size > growing.size
        )
    yield from chain(*others)


def _table(preset: str, options: argparse.Namespace, device: str) -> Iterator[SpeedMeasurement]:
    """Yields the measurements of one preset's table.

    ``quick`` is ``studio`` at 64 pixels, so it is measured with its own size, window and lanes, as it is
    trained.
    """
    config = from_preset(preset, {})
    shapes = [(size, 16, 1) for size in options.sizes]
    if preset == "quick":
        shapes = [(config.clip.width, config.training.window, config.training.lanes)]
    for shape, what, speed in product(shapes, ("generate", "train"), ("exact", "fast")):
        yield SpeedMeasurement(what, preset, *shape, speed, device, options.seconds)


def main() -> None:
    """Measures, prints, and writes JSON."""
    if sys.argv[1:2] == ["--child"]:
        job, counts = json.loads(sys.argv[2])
        print(json.dumps(measured(SpeedMeasurement(*job), Counts(*counts))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--presets", nargs="+", default=["paper", "studio", "quick", "baseline"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[64, 128, 256, 512])
    parser.add_argument("--no-growth", dest="growth", action="store_false")
    parser.add_argument("--seconds", type=float, default=1.0, help="to spend on each figure")
    parser.add_argument("--longest", type=float, default=30.0, help="seconds that one call may take")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which nothing new is begun")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    device = choose_device(options.device)
    rows, until = [], time.monotonic() + 60 * options.minutes
    out = options.out or Path(__file__).parent.parent / "results" / f"speed_{device.type}.json"
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    about = environment(Path(), "", name)
    about = {key: value for key, value in about.items() if not key.startswith("video")}
    print(" ".join(f"{name:>11}" for name in COLUMNS))
    peak = matrix_peak(device)
    for job in jobs(options, str(device)):
        rows.append(job._asdict() | _row(job, options.longest, until, peak))
        print(
            " ".join(f"{_cell(rows[-1].get(name)):>11}" for name in COLUMNS),
            rows[-1].get("left_out", ""),
            flush=True,
        )
        found = {"machine": about, "machine_gflops": peak, "rows": rows}
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(out)


def _row(job: SpeedMeasurement, longest: float, until: float, peak: float) -> dict[str, Any]:
    if time.monotonic() > until:
        return {"left_out": "the time was up"}
    counts = planned(job)
    expected = counts.flops / 1e9 / (0.3 * peak)
    if expected > longest:
        return {"left_out": f"a call would take about {expected:.0f} s", "results_gb": counts.peak / 1e9}
    return _here(job, counts) if job.device.startswith("cuda") else _in_a_process_of_its_own(job, counts)


def _here(job: SpeedMeasurement, counts: Counts) -> dict[str, Any]:
    """Returns the figures of a job that is measured in this process.

    CUDA reports peak memory for each measurement, and a new start for each would take as long as the
    measurements.
    """
    try:
        return measured(job, counts)
    except torch.OutOfMemoryError as error:
        return {"left_out": str(error)[:200]}


def _in_a_process_of_its_own(job: SpeedMeasurement, counts: Counts) -> dict[str, Any]:
    """Returns the figures of a job that is measured in a new process, for a peak memory of its own."""
    command = [sys.executable, "-m", "benchmarks.speed", "--child", json.dumps([job, counts])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {
            "left_out": (done.stderr.strip().splitlines() or ["it was killed, perhaps for its memory"])[-1][
                :200
            ]
        }
    return json.loads(done.stdout)


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
