"""The same steps in one process and in several: how far their losses differ, and seconds a step.

    python -m benchmarks.processes VIDEO [--steps 50] [--counts 2 4] [--out FILE]

Networks are narrow and pictures have 32 pixels, where `quick` is `studio`; float64 shows that the sums are
the same, float32 how far rounding leads after ten steps. One process with two threads adds in another order
too, and shows what rounding alone does to a training; with no counts, this alone is measured.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from benchmarks.machine import machine
from listen_and_move.data.source import find_source
from listen_and_move.distribution.processes import Processes, joined
from listen_and_move.models.recurrent import mapped
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.batches import Batches
from listen_and_move.training.beginning import first_state
from listen_and_move.training.step import training_step

CPU = torch.device("cpu")
NARROW: dict[str, object] = {
    "clip.size": "32",
    "clip.camera": "as-filmed",
    "generator.channels_base": 64,
    "generator.channels_max": 16,
    "critics.channels_base": 64,
    "critics.channels_max": 16,
    "losses.perceptual": 0.0,
    "training.window": 4,
}
ADVERSARIES: dict[str, object] = {"losses.adversarial_weight": 1.0}
WITHOUT_NORMS: dict[str, object] = {"critics.norm": "none"}
"""The discriminators' batch norms are what enlarges rounding from step to step."""
PRIMED_AND_STILL: dict[str, object] = {
    "training.sampler": "random",
    "features.kind": "shape",
    "losses.rest": 1.0,
    "training.average": 0.9,
}
"""Batch norms meet windows that every process computes."""
ALLOWED = {"float64": 1e-6, "float32": 1e-4}
"""How far losses may differ."""


class ShortTraining(NamedTuple):
    """A short training."""

    preset: str
    lanes: int
    steps: int
    dtype: str
    changes: dict[str, object] | None = None
    """Settings that differ from the preset's."""


class Steps(NamedTuple):
    """What came out of a training."""

    losses: list[dict[str, float]]
    """Of each step."""
    model: dict[str, float]
    """A projection of each tensor of the network that is saved, statistics of norms included."""
    seconds: float
    """That a step took."""


def steps(video: Path, case: ShortTraining, processes: Processes) -> Steps:
    """Trains some steps.

    Args:
        video: to learn.
        case: settings.
        processes: that train together.
    """
    config = with_values(
        preset(case.preset), {**NARROW, "training.lanes": case.lanes, **(case.changes or {})}
    )
    clip = find_source(video).load(config, lambda done, total: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is fitted in float32 would begin 1e-6 apart
    state, dtype = first_state(clip, config, CPU), getattr(torch, case.dtype)
    torch.set_num_threads(threads)
    for module in state.modules.values():
        module.to(dtype)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    power = None if clip.power is None else clip.power.to(dtype)
    clip = replace(clip, features=clip.features.to(dtype), power=power)
    processes = processes.with_lanes(case.lanes)
    processes.share_norms(state.modules.values())
    batches = Batches(clip, config, CPU, processes)
    found: list[dict[str, float]] = []
    begun = time.perf_counter()
    for _ in range(case.steps):
        batch, positions = batches.next(state)
        batch = mapped(lambda each: each.to(dtype) if each.is_floating_point() else each, batch)
        losses = training_step(state, batch, config, processes=processes)
        state.positions = positions
        found.append({key: float(value) for key, value in losses.items()})
    torch.set_default_dtype(usual)
    seconds = (time.perf_counter() - begun) / case.steps
    tensors = state.inference_network.state_dict()
    model = {name: _projection(each) for name, each in tensors.items() if each.numel()}
    return Steps(found, model, seconds)


def _projection(tensor: torch.Tensor) -> float:
    """Returns the sum of a tensor's numbers with random signs: a place or sign that differs is seen."""
    signs = torch.randint(0, 2, (tensor.numel(),), generator=torch.Generator().manual_seed(0)) * 2 - 1
    return float(tensor.detach().double().flatten() @ signs.double())


def together(video: Path, cases: Sequence[ShortTraining], count: int, threads: int = 1) -> list[Steps]:
    """Returns the steps of some cases in some processes, which torchrun starts.

    Args:
        video: to learn.
        cases: one after the other.
        count: of processes.
        threads: of each process.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "steps.json"
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count)]
        task = ["-m", "benchmarks.processes", str(video), "--cases", json.dumps(cases), "--out", str(file)]
        # Threads that spin while they wait take the cores from each other where others compute too.
        surroundings = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        subprocess.run([*torchrun, *task], check=True, capture_output=True, env=surroundings)
        return [Steps(*each) for each in json.loads(file.read_text())]


def difference(one: Steps, other: Steps) -> float:
    """Returns the greatest difference of a loss, as a share of it where it is above 1."""
    return max(_differences(one, other))


def model_difference(one: Steps, other: Steps) -> float:
    """Returns the same of the saved networks."""
    return _difference(one.model, other.model)


def _differences(one: Steps, other: Steps) -> list[float]:
    return [_difference(*each) for each in zip(one.losses, other.losses, strict=True)]


def _difference(one: dict[str, float], other: dict[str, float]) -> float:
    assert one.keys() == other.keys()
    found = [abs(other[name] - value) / max(1.0, abs(value)) for name, value in one.items()]
    return max(found) if all(map(isfinite, found)) else inf


def steps_within(one: Steps, other: Steps, most: float) -> int:
    """Returns after how many steps a loss first differs by more; all of them where none does."""
    differences = _differences(one, other)
    return next((step for step, each in enumerate(differences) if not each <= most), len(differences))


def compared(
    video: Path, cases: Sequence[ShortTraining], alone: Sequence[Steps], count: int, threads: int = 1
) -> list[dict[str, Any]]:
    """Returns how far some processes are from one process of one thread."""
    several = together(video, cases, count, threads)
    return [
        {
            **case._asdict(),
            "processes": count,
            "threads": threads,
            "steps_within": steps_within(one, other, ALLOWED[case.dtype]),
            "difference": difference(one, other),
            "model_difference": model_difference(one, other),
            "seconds_a_step_alone": round(one.seconds, 4),
            "seconds_a_step": round(other.seconds, 4),
        }
        for case, one, other in zip(cases, alone, several, strict=True)
    ]


def main() -> None:
    """Measures and prints, or trains as one of several processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--counts", nargs="*", type=int, default=[2, 4])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cases", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cases:
        with joined() as processes:
            found = [
                steps(options.video, ShortTraining(*case), processes) for case in json.loads(options.cases)
            ]
        if processes.first:
            options.out.write_text(json.dumps(found))
        return
    presets = ("studio", "paper", "baseline")
    cases = [ShortTraining(name, 4, options.steps, "float64") for name in presets]
    cases += [
        ShortTraining("studio", 4, options.steps, "float64", ADVERSARIES),
        ShortTraining("paper", 4, options.steps, "float64", WITHOUT_NORMS),
        ShortTraining("baseline", 4, options.steps, "float64", WITHOUT_NORMS),
        ShortTraining("paper", 4, options.steps, "float64", PRIMED_AND_STILL),
        ShortTraining("paper", 3, options.steps, "float64"),  # lanes that are not shared out evenly
    ]
    cases += [ShortTraining(name, 4, 10, "float32") for name in presets]
    alone = together(options.video, cases, 1)
    rows = compared(options.video, cases, alone, 1, threads=2)
    for count in options.counts:
        shared = [number for number, case in enumerate(cases) if case.lanes >= count]
        rows += compared(
            options.video, [cases[each] for each in shared], [alone[each] for each in shared], count
        )
    text = json.dumps({"machine": machine(), "rows": rows}, indent=1)
    print(text)
    if options.out:
        options.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
