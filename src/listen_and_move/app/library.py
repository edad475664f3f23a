"""The runs folder as the page sees it: names are looked up among what is there, and nothing outside is read."""

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from listen_and_move.config import Config, ModelConfig
from listen_and_move.errors import UserError
from listen_and_move.features import Listener
from listen_and_move.modelfile import ENTRY
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_values

CURVE_POINTS = 300


class Library:
    """All runs and models of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Of run folders and folders with a model, the last changed first."""
        try:
            found = [path for path in self.folder.iterdir() if self._is_run(path)]
        except OSError:
            return []
        return [path.name for path in sorted(found, key=changed, reverse=True)]

    def run(self, name: str) -> RunFolder:
        """A run by its name.

        Raises:
            UserError: there is none.
        """
        if name not in self.names():
            raise UserError(f"There is no run {name[:60]!r} here.")
        return RunFolder(self.folder / name)

    def file(self, path: Path) -> Path:
        """A file of a run.

        Raises:
            UserError: it is not there, or a link that leads out of the runs folder.
        """
        if not path.is_file() or not self._inside(path):
            raise UserError("This file is not there.")
        return path

    def summary(self, name: str) -> dict[str, Any]:
        """What a card shows."""
        run = self.run(name)
        return {"name": name, "changed": changed(run.path), "picture": self._picture(run), **self._described(run)}

    def details(self, name: str) -> dict[str, Any]:
        """What the page of a run shows."""
        run = self.run(name)
        lines = [line for line in run.metrics() if isinstance(line.get("step"), int)]
        report = run.evaluation_folder / "report.html"
        return {
            **self.summary(name),
            "curves": curves(lines),
            "figures": _last_figures(lines),
            "speed": lines[-1].get("steps_per_second") if lines else None,
            "samples": sorted(_samples(run)),
            "has_report": self._has(report),
            "model_bytes": run.model_file.stat().st_size if self._has(run.model_file) else 0,
            "can_paste": self._can_paste(run),
        }

    def _picture(self, run: RunFolder) -> float | None:
        """When the model last changed, and its picture with it; None: there is no model."""
        return run.model_file.stat().st_mtime if self._has(run.model_file) else None

    def _described(self, run: RunFolder) -> dict[str, Any]:
        """Steps, size, rate, look-ahead; of a damaged run what is wrong."""
        try:
            if run.exists():
                config, step = run.config(), _last_step(run)
                total = config.training.steps
            else:
                config, step = _model_config(run.model_file)
                total = step
        except UserError as error:
            return {"error": str(error)}
        return {"step": step, "steps": total, **_sizes(config)}

    def _can_paste(self, run: RunFolder) -> bool:
        """Whether the video that it learnt seems to be where it was; its hash is checked when it is used."""
        try:
            video = json.loads(run.environment_file.read_text(encoding="utf-8")).get("video")
            return isinstance(video, str) and Path(video).is_file()
        except (OSError, ValueError, AttributeError):
            return False

    def _is_run(self, path: Path) -> bool:
        if path.name.startswith(".") or not path.is_dir() or not self._inside(path):
            return False
        run = RunFolder(path)
        return run.exists() or self._has(run.model_file)

    def _has(self, path: Path) -> bool:
        return path.is_file() and self._inside(path)

    def _inside(self, path: Path) -> bool:
        with suppress(OSError):
            return path.resolve().is_relative_to(self.folder.resolve())
        return False


def curves(lines: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Step and value of everything that was logged, thinned evenly to what a chart can show."""
    series: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name != "step" and isinstance(value, (int, float)) and math.isfinite(value):
                series.setdefault(name, []).append((line["step"], value))
    return {name: _every(points) for name, points in series.items()}


def _every(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    stride = max(1, math.ceil(len(points) / CURVE_POINTS))
    return points[::-stride][::-1]  # the last one is always there


def _last_figures(lines: list[dict[str, Any]]) -> dict[str, float]:
    for line in reversed(lines):
        figures = {name[9:]: value for name, value in line.items() if name.startswith("held_out/") and value is not None}
        if figures:
            return {name: value for name, value in figures.items() if math.isfinite(value)}
    return {}


def _samples(run: RunFolder) -> Iterator[int]:
    for path in run.sample_file(0).parent.glob("step-*.mp4"):
        with suppress(ValueError):
            yield int(path.stem.removeprefix("step-"))


def _last_step(run: RunFolder) -> int:
    """The last one that was logged, or that the model has behind it: not every step is logged."""
    logged = max((line["step"] for line in run.metrics() if isinstance(line.get("step"), int)), default=0)
    with suppress(UserError):
        return max(logged, _model_config(run.model_file)[1])
    return logged


def _sizes(config: ModelConfig) -> dict[str, Any]:
    clip, listener = config.clip, Listener(config.features, config.clip.rate, None)
    return {
        "width": clip.width,
        "height": clip.height,
        "fps": float(clip.rate),
        "hears_ahead": float(listener.look_ahead),
        "look_ahead": float(config.features.future / clip.rate),
        "has_noise": config.has_noise,
        "recalls": config.generator.recall > 0,
        "trained": isinstance(config, Config),
    }


def _model_config(path: Path) -> tuple[ModelConfig, int]:
    """What a model file says of itself, its weights left alone."""
    try:
        with safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {})[ENTRY])
        return from_values(ModelConfig, entry["settings"]), int(entry["step"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        raise UserError(f"{path.parent.name}: expected a model file; it is damaged or something else") from None


def changed(path: Path) -> float:
    """When a run last went on, in seconds since 1970."""
    run = RunFolder(path)
    for file in (run.metrics_file, run.model_file, run.config_file):
        with suppress(OSError):
            return file.stat().st_mtime
    return 0.0
