"""What a GPU session measures beside `benchmarks.speed`: recorded against launched steps, and live play.

    python -m benchmarks.gpu graphs|live [--device cuda] [--small] --out FILE

Weights are random. Where there is no GPU the steps are launched alone.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.live import RATE, sound
from benchmarks.machine import machine
from benchmarks.speed.subjects import BenchmarkTraining, animator, settings
from listen_and_move.precision import choose_device, products
from listen_and_move.training.cuda_graphs import WARM_UP, CudaGraphs, CudaGraphStep
from listen_and_move.training.step import training_step

Shapes = tuple[tuple[str, int], ...]
SMALL = (("quick", 32),)


def graphs(device: torch.device, shapes: Shapes, most: int) -> Iterator[dict[str, Any]]:
    """Yields seconds a step of fast trainings, launched and recorded, and how far their losses differ.

    Args:
        device: to train on.
        shapes: preset and size of each training.
        most: steps that are measured, in at most five seconds.
    """
    for name, size in shapes:
        config = settings(name, size, 16 if name == "paper" else 8, speed="fast")
        row: dict[str, Any] = {"preset": name, "size": size}
        losses: dict[str, dict[str, float]] = {}
        for form in ("launched", "recorded") if device.type == "cuda" else ("launched",):
            training = BenchmarkTraining(config, device)
            graph = CudaGraphStep(CudaGraphs(device)) if form == "recorded" else None
            found: dict[str, torch.Tensor] = {}
            with products(exact=False):
                # Steps with and without penalties are recorded apart.
                for _ in range(2 * WARM_UP + 2 if device.type == "cuda" else 1):
                    found = training_step(training.state, training.batch, config, training.perceptual, graph)
                losses[form] = {key: float(value) for key, value in found.items()}
                begun, steps = time.perf_counter(), 0
                while steps < most and time.perf_counter() - begun < 5:
                    found = training_step(training.state, training.batch, config, training.perceptual, graph)
                    _ = torch.stack([*found.values()]).tolist()
                    steps += 1
            row[f"{form}_seconds"] = (time.perf_counter() - begun) / steps
            row[f"{form}_refused"] = graph is not None and graph.refused
        if len(losses) == 2:
            launched, recorded = losses.values()
            row["difference"] = max(abs(recorded[key] - value) for key, value in launched.items())
        yield row


def live(device: torch.device, shapes: Shapes, most: int) -> Iterator[dict[str, Any]]:
    """Yields milliseconds from a block of sound to its picture, one frame at a time.

    Args:
        device: to draw on.
        shapes: preset and size of each model.
        most: blocks that are played.
    """
    for name, size in shapes:
        config = settings(name, size, 16)
        player, taken = animator(config, device), []
        stream = player.live(RATE)
        for block in np.array_split(sound(float(most / player.fps)), most):
            begun = time.perf_counter()
            given = len(stream.push(block))
            taken += [1000 * (time.perf_counter() - begun)] * bool(given)
        p50, p95 = (float(np.percentile(taken[most // 10 :], share)) for share in (50, 95))
        yield {"preset": name, "size": size, "p50_ms": p50, "p95_ms": p95}


SUBJECTS = {
    "graphs": (graphs, (("paper", 128), ("studio", 128), ("paper", 256))),
    "live": (live, (("paper", 128), ("paper", 512), ("studio", 128))),
}


def main() -> None:
    """Measures, and writes after each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("subject", choices=list(SUBJECTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a small picture alone, and few steps")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    device = choose_device(options.device)
    measure, shapes = SUBJECTS[options.subject]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    rows: list[dict[str, Any]] = []
    for row in measure(device, SMALL, 12) if options.small else measure(device, shapes, 100):
        rows.append(row)
        text = json.dumps({"machine": machine(), "device": name, "rows": rows}, indent=1)
        options.out.write_text(f"{text}\n", encoding="utf-8")
        print(row, flush=True)


if __name__ == "__main__":
    main()
