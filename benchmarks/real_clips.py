"""Train on real clips and print what the held-out part shows, beside the mean frame, over several seeds.

    python -m benchmarks.real_clips CLIP [CLIP ...] [--seeds 0 1 2] [--out results.json] [--set \
        section.setting=value ...]

Figures: dcor and its null from circular shifts, correlation of motion energy, motion ratio, sharpness in the
moving region, PSNR and SSIM, and motion in digital silence and in -60 dBFS room noise relative to that of the
training part.
"""

import argparse
import ast
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.inference.animator import Animator
from listen_and_move.metrics.frame import MOVING_SHARE, psnr, sharpness_ratio, ssim
from listen_and_move.metrics.sync import (
    best_lag,
    correlation,
    difference_correlation,
    motion_energy,
    motion_ratio,
    shifted_null,
)
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.loop import train
from listen_and_move.training.validation import play


def measured(video: Path, seed: int, settings: dict[str, object], folder: Path) -> dict[str, float]:
    """Train one model and measure it."""
    begun = time.perf_counter()
    run = folder / f"{video.stem}-{seed}"
    result = train(
        video, run, preset_name="quick", settings={**settings, "training.seed": seed}, device="auto"
    )
    seconds = time.perf_counter() - begun
    animator = Animator.load(result.run)
    config = with_values(preset("quick"), {**settings, "clip.crop": animator.config.clip.crop})
    clip = load_clip(video, config)
    real = clip.frames[clip.held_out[0].start : clip.held_out[0].stop].numpy()
    generated = play(animator.network, clip, config, clip.held_out[0])
    np.savez_compressed(folder / f"{video.stem}-{seed}.npz", real=real, generated=generated)
    return {"train_s": seconds, "step": result.step} | compared(generated, real) | stillness(animator, clip)


def compared(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """The held-out part, generated against real."""
    null = shifted_null(generated, real)
    lag, at_lag = best_lag(motion_energy(generated), motion_energy(real), 6)
    return {
        "dcor": difference_correlation(generated, real),
        "dcor_null_mean": float(np.mean(null)),
        "dcor_null_max": float(np.max(null)),
        "motion_correlation": correlation(motion_energy(generated), motion_energy(real)),
        "best_lag_frames": lag,
        "at_best_lag": at_lag,
        "motion_ratio": motion_ratio(generated, real),
        "sharpness_moving": sharpness_ratio(generated, real, MOVING_SHARE),
        "psnr": psnr(generated, real),
        "ssim": ssim(generated, real),
    }


def mean_frame_row(clip: Clip) -> dict[str, float]:
    """What a still picture, the mean of the training frames, scores."""
    real = clip.frames[clip.held_out[0].start : clip.held_out[0].stop].numpy()
    mean = ((clip.mean_frame.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
    still = np.broadcast_to(mean, real.shape)
    return {
        "psnr": psnr(still, real),
        "ssim": ssim(still, real),
        "sharpness_moving": sharpness_ratio(still, real, MOVING_SHARE),
    }


def stillness(animator: Animator, clip: Clip) -> dict[str, float]:
    """Motion in silence and in room noise, relative to that of the training part."""
    moving = np.mean(
        [motion_energy(clip.frames[span.start : span.stop].numpy()).mean() for span in clip.train]
    )
    hiss = 1e-3 * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE).astype(np.float32)
    sounds = {"silence": np.zeros(5 * SAMPLE_RATE, np.float32), "room_noise": hiss}
    settled = 20  # frames until the start is forgotten
    played = {
        name: np.stack(list(animator.frames(_blocks(sound))))[settled:] for name, sound in sounds.items()
    }
    return {
        f"motion_in_{name}": float(motion_energy(frames).mean() / moving) for name, frames in played.items()
    }


def _blocks(sound: np.ndarray) -> Iterator[np.ndarray]:
    yield from np.array_split(sound, 10)


def main() -> None:
    """Parse, measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="section.setting=value")
    parser.add_argument("--runs", type=Path, help="where to keep the runs; default: a temporary folder")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    settings = {name: _value(text) for name, text in (item.split("=", 1) for item in options.set)}
    with tempfile.TemporaryDirectory() as temporary:
        table = {
            str(clip.stem): rows(clip, options.seeds, settings, options.runs or Path(temporary))
            for clip in options.clips
        }
    machine = {
        "device": "cuda" if torch.cuda.is_available() else platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    if options.out:
        options.out.write_text(
            json.dumps({"machine": machine, "settings": settings, "clips": table}, indent=1)
        )


def rows(video: Path, seeds: list[int], settings: dict[str, object], folder: Path) -> dict[str, object]:
    """All seeds of a clip, their mean and spread, and the mean frame's row."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = [measured(video, seed, settings, folder) for seed in seeds]
    still = mean_frame_row(load_clip(video, with_values(preset("quick"), settings)))
    print(f"\n{video.stem}")
    for name in runs[0]:
        values = [run[name] for run in runs]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        beside = f"   mean frame {still[name]:.3f}" if name in still else ""
        each = " ".join(f"{value:.3f}" for value in values)
        print(f"  {name:20} {statistics.mean(values):8.3f} +- {spread:.3f}   {each}{beside}", flush=True)
    return {"seeds": dict(zip(map(str, seeds), runs, strict=True)), "mean_frame": still}


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    main()
