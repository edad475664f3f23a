"""One measurement: its seconds, its frames, its peak memory."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from benchmarks.speed.counting import Counts, counted
from benchmarks.speed.subjects import BenchmarkTraining, animator, settings
from listen_and_move.precision import products, reused_memory


class SpeedMeasurement(NamedTuple):
    """One measurement to make."""

    what: str
    """What is measured: generate or train."""
    preset: str
    size: int
    window: int
    lanes: int
    speed: str
    """exact or fast for training; float32 or bfloat16 for generation."""
    device: str
    seconds: float
    """Seconds to spend on each figure, at most, without the first call."""
    recompute: bool = False


def measured(job: SpeedMeasurement, counts: Counts) -> dict[str, Any]:
    """Returns seconds, frames per second, peak memory and share of the machine's peak of a job.

    The operations of the job were counted before.
    """
    device = torch.device(job.device)
    peak = matrix_peak(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    with reused_memory(not job.recompute), products(exact=job.speed == "exact"):
        found = (_generation if job.what == "generate" else _training)(job, device)
    found |= {"peak_gb": _peak_memory(device), "results_gb": counts.peak / 1e9}
    found |= {"gflop": counts.flops / 1e9, "launches": counts.launches}
    return found | {
        "allocations": counts.allocations,
        "machine_gflops": peak,
        "share": counts.flops / 1e9 / found["s"] / peak,
    }


def matrix_peak(device: torch.device) -> float:
    """Returns the GFLOP per second of the best float32 matrix product without TF32, the machine's peak."""
    side = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(side, side, device=device)
    with products(exact=True):
        times = [_timed(lambda: matrix @ matrix, device) for _ in range(8)]
    return 2 * side**3 / min(times) / 1e9


def planned(job: SpeedMeasurement) -> Counts:
    """Returns the operations of a window or a step, counted without computing."""
    training = BenchmarkTraining(_settings(job), torch.device("meta"))
    if job.what == "train":
        return counted(training.step)
    network, batch = training.state.network.eval(), training.batch
    with torch.no_grad():
        return counted(lambda: network(batch.features, batch.noise, None, batch.pixel_noise))


def _settings(job: SpeedMeasurement) -> Any:
    training = {"speed": job.speed, "recompute": job.recompute} if job.what == "train" else {}
    return settings(job.preset, job.size, job.window, job.lanes, **training)


def _generation(job: SpeedMeasurement, device: torch.device) -> dict[str, Any]:
    """Measures generation from features to pixels on the host, as a user gets them."""
    config = _settings(job)
    player = animator(config, device, precision="float32" if job.speed == "exact" else "bfloat16")
    features = torch.randn(job.window, config.features.size)
    _, state = player.draw(features, None, 0)

    def window() -> None:
        player.draw(features, state, job.window)

    def frame() -> None:
        player.draw(features[:1], state, job.window)

    by_window, by_frame = (_median(call, device, job.seconds) for call in (window, frame))
    return {"s": by_window, "fps_windows": job.window / by_window, "fps_frames": 1 / by_frame}


def _training(job: SpeedMeasurement, device: torch.device) -> dict[str, Any]:
    training = BenchmarkTraining(_settings(job), device)
    return {"s": _median(training.step, device, job.seconds)}


def _median(call: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """Returns the median seconds of as many calls as the time allows, without the first."""
    _timed(call, device)
    times, until = [], time.monotonic() + seconds
    while not times or (time.monotonic() < until and len(times) < 50):
        times.append(_timed(call, device))
    return statistics.median(times)


def _timed(call: Callable[[], Any], device: torch.device) -> float:
    """Returns the seconds of a call.

    With one thread they are those of the processor, so that other programs do not count.
    """
    clock = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    begun = clock()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - begun


def _peak_memory(device: torch.device) -> float:
    """Returns the peak memory in GB: of the device on CUDA, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
