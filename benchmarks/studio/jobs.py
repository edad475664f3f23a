"""A job of a study: what names it, and the trial that it is; in a module that workers of a cluster find."""

import argparse
import subprocess
from collections.abc import Callable
from typing import Any

from benchmarks.studio.forms import FORMS, form
from benchmarks.studio.trial import STILLS, baseline_row, model_row
from benchmarks.studio.variants import settings

KEY = ("variant", "clip", "fold", "seed", "steps", "size")


def row_of(task: tuple[dict[str, Any], argparse.Namespace], told: Callable[[Any], None]) -> dict[str, Any]:
    """Returns the row of a trial.

    Args:
        task: the job and the options.
        told: given nothing: a trial is one step of the study's progress.
    """
    job, options = task
    return job | {"commit": _commit()} | trial(job, options)


def trial(job: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """One of them."""
    video = next(options.videos.glob(f"{job['clip']}.*"))
    values = {"clip.size": job["size"]}
    if job["variant"] in STILLS:
        return baseline_row(job["variant"], video, job["fold"], values, options.preset)
    changes = (
        values | {"training.steps": 10**6 if options.minutes else job["steps"]} | settings(job["variant"])
    )
    name = "-".join(str(job[key]).replace(" ", "_") for key in KEY)
    keep = options.keep and options.keep / name
    with form(next((component for component in job["variant"].split("+") if component in FORMS), "full")):
        return model_row(video, job["fold"], job["seed"], changes, options.preset, keep, options.minutes)


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"
