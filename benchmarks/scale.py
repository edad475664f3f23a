"""What trainings and films cost on common GPUs, computed: counted operations over published peak rates.

Where that is less, it is the time that a processor takes to launch the kernels.

    python -m benchmarks.scale [--share 0.3] [--out FILE]

Nothing is measured and no GPU is needed. SHARE is the part of the peak that is reached; this project has
reached .7 to .9 on a CPU, and small layers reach less on a GPU.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.speed.counting import counted
from benchmarks.speed.subjects import BenchmarkTraining, settings
from listen_and_move.models.build import build_network
from listen_and_move.settings import from_preset

META = torch.device("meta")


class Gpu(NamedTuple):
    """Peak rates of dense products that its maker publishes, in TFLOP/s."""

    float32: float
    tf32: float
    bfloat16: float


GPUS = {
    "T4": Gpu(8.1, 8.1, 65),  # without TF32 and bfloat16; float16 stands for it
    "L4": Gpu(30.3, 60, 121),
    "RTX 4090": Gpu(82.6, 82.6, 165),
    "A100": Gpu(19.5, 156, 312),
    "H100 or H200": Gpu(67, 494, 989),
}
LAUNCH = 5e-6
"""Seconds that a processor takes to launch a kernel, a usual figure."""
SIZES = {"paper": (128, 256, 512), "studio": (128, 256)}


class Work(NamedTuple):
    """What a step, or a frame, takes."""

    flops: float
    launches: float

    def seconds(self, teraflops: float, share: float) -> float:
        """Returns how long it takes.

        Args:
            teraflops: peak rate of a GPU.
            share: part of the peak that is reached.
        """
        return max(self.flops / (share * teraflops * 1e12), self.launches * LAUNCH)


def step_work(name: str, size: int) -> Work:
    """Returns the work of a training step, the mean over those with and without penalties."""
    config = from_preset(name, {"clip.size": str(size)})
    training = BenchmarkTraining(settings(name, size, config.training.window), META)
    first, second = (counted(training.step) for _ in range(2))  # the first step has the penalty
    penalised = 1 / config.losses.penalty_every
    return Work(
        penalised * first.flops + (1 - penalised) * second.flops,
        penalised * first.launches + (1 - penalised) * second.launches,
    )


def frame_work(name: str, size: int, frames: int = 16) -> Work:
    """Returns the work of a frame that the network draws in windows."""
    config = settings(name, size, frames)
    with META:
        network = build_network(config).eval().requires_grad_(False)
        features = torch.randn(1, frames, config.features.size)
        noise = torch.rand(1, frames, sum(config.noise_sizes))
        counts = counted(lambda: network(features, noise))
    return Work(counts.flops / frames, counts.launches / frames)


def computed(share: float) -> list[dict[str, Any]]:
    """Returns a row for each preset and size.

    Args:
        share: part of the peak that is reached.
    """
    rows: list[dict[str, Any]] = []
    for name, sizes in SIZES.items():
        for size in sizes:
            config = from_preset(name, {"clip.size": str(size)})
            step, frame = step_work(name, size), frame_work(name, size)
            steps, frames = config.training.steps, 3600 * float(config.clip.rate)
            row: dict[str, Any] = {
                "preset": name,
                "size": size,
                "steps": steps,
                "gflop_a_step": round(step.flops / 1e9, 1),
                "launches_a_step": round(step.launches),
                "gflop_a_frame": round(frame.flops / 1e9, 3),
                "launches_a_frame": round(frame.launches, 1),
            }
            for gpu, peak in GPUS.items():
                row[gpu] = {
                    "run_hours_exact": round(steps * step.seconds(peak.float32, share) / 3600, 3),
                    "run_hours_fast": round(steps * step.seconds(peak.bfloat16, share) / 3600, 3),
                    "film_hour_minutes": round(frames * frame.seconds(peak.float32, share) / 60, 2),
                }
            rows.append(row)
    return rows


def main() -> None:
    """Computes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = json.dumps({"computed": True, "share": options.share, "rows": computed(options.share)}, indent=1)
    print(text)
    if options.out:
        options.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
