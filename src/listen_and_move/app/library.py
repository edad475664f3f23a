"""The runs folder as the page sees it: names are looked up among its folders, and no file outside is read.

A damaged run does not hide the others: its own card says what is wrong.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from listen_and_move.app.sentences import sentence
from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import Config, ModelConfig, is_whole
from listen_and_move.errors import UserError, is_out_of_memory, shown
from listen_and_move.inference.controls import lacking, lacking_in_replay
from listen_and_move.inference.picture_pipelines import follows
from listen_and_move.media.browser_frames import film_size
from listen_and_move.models.checkpoint import Model, ModelEntry, read_entry
from listen_and_move.models.kept_frames import Holding, held_frames
from listen_and_move.models.tensor_file import opened_tensors
from listen_and_move.runs import RunFolder

CURVE_POINTS = 300
LARGEST_SHOWN = 1e300
"""Largest figure that is shown, so that its distance from any other figure is finite."""


class Library:
    """All runs and models of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of run folders and of folders with a model, the last changed first."""
        return [name for name in self._found() if is_text(name)]

    def cards(self) -> list[dict[str, Any]]:
        """Returns what is shown of every run, the last changed first."""
        return [self._card(RunFolder(self.folder / name)) for name in self._found()]

    def run(self, name: str) -> RunFolder:
        """Returns a run by its name.

        Raises:
            UserError: there is none.
        """
        if name not in self.names():
            raise UserError(f"There is no run {name[:60]!r} here.")
        return RunFolder(self.folder / name)

    def file(self, path: Path) -> Path:
        """Returns a file of a run.

        Raises:
            UserError: it is not there, cannot be read, or is a link that leads out of the runs folder.
        """
        if not path.is_file() or not self._inside(path):
            raise UserError("This file is not there.")
        try:
            path.open("rb").close()
        except OSError as error:
            raise UserError(f"{path.name}: expected a file that can be read; got {error.strerror}") from None
        return path

    def details(self, name: str) -> dict[str, Any]:
        """Returns what the page of a run shows."""
        run = self.run(name)
        lines: list[dict[str, Any]] = []
        with suppress(UserError):  # the card of the run says the error
            lines = list(run.metrics())
        speed = lines[-1].get("steps_per_second") if lines else None
        return {
            **self._card(run),
            "curves": curves(lines),
            "figures": _last_figures(lines),
            "speed": speed if _is_figure(speed) else None,
            "samples": sorted(self._samples(run)),
            "has_report": self._has(run.evaluation_folder / "report.html"),
            "model_bytes": run.model_file.stat().st_size if self._has(run.model_file) else 0,
            "can_paste": self._can_paste(run),
            "publishes": self._publishes(run),
        }

    def _card(self, run: RunFolder) -> dict[str, Any]:
        """Returns what is known of a run; of a damaged run also the first error."""
        name = run.path.name.encode(errors="replace").decode()
        card: dict[str, Any] = {"name": name, "changed": changed(run.path), "picture": None, "step": 0}
        for reader in (self._origin, self._model, self._settings, self._logged):
            try:
                known = reader(run)
            except UserError as error:
                card.setdefault("error", sentence(error))
            except Exception as error:  # unforeseen damage
                damaged = f"{name}: expected a run; it is damaged ({type(error).__name__})"
                card.setdefault("error", sentence(error) if is_out_of_memory(error) else damaged)
            else:
                card |= {**known, "step": max(card["step"], known.get("step", 0))}
        return {"steps": card["step"], **card}

    def _origin(self, run: RunFolder) -> dict[str, Any]:
        """Returns nothing; raises where the run's name or environment is damaged.

        No other part of a card reads these two.
        """
        if not is_text(run.path.name):
            raise UserError(f"{shown(run.path.name)}: expected a folder with a name in UTF-8: rename it")
        if run.environment_file.exists():
            _ = run.films
        return {}

    def _model(self, run: RunFolder) -> dict[str, Any]:
        """Returns when the model last changed, the steps behind it, and what the model is."""
        if not self._has(run.model_file):
            return {}
        config, step, _ = _of_model(run.model_file)
        held = held_frames(run.model_file)
        beside = held_frames(run.frames_file) if self._has(run.frames_file) else None
        return {
            "step": step,
            "picture": run.model_file.stat().st_mtime,
            **_sizes(config),
            **_shows(config, held or beside),
            "holds": holding(config, held),
        }

    def _settings(self, run: RunFolder) -> dict[str, Any]:
        """Returns the number of steps of a run, and what its model is."""
        if not run.exists():
            return {}
        config = run.config()
        return {"steps": config.training.steps, **_sizes(config)}

    def _logged(self, run: RunFolder) -> dict[str, Any]:
        """Returns the last logged step: not every step is logged, and the model may hold fewer steps."""
        return {"step": max((line["step"] for line in run.metrics()), default=0)}

    def _can_paste(self, run: RunFolder) -> bool:
        """Returns whether the learnt video seems to be in its place; its hash is checked when it is used."""
        with suppress(UserError, OSError):
            return all(place is not None and Path(place).exists() for place in run.films.places)
        return False

    def _publishes(self, run: RunFolder) -> dict[str, Any] | None:
        """Returns length and size of the film that a run would publish; None: the run keeps no frames."""
        with suppress(UserError):  # which the card says
            for file in (run.model_file, run.frames_file):
                if self._has(file) and (held := held_frames(file)) is not None:
                    about = held.about
                    width, height = film_size((about.header.width, about.header.height))
                    seconds = float(about.header.frames / about.fps)
                    return {"seconds": seconds, "width": width, "height": height}
        return None

    def _samples(self, run: RunFolder) -> Iterator[int]:
        """Yields the steps that have a sample."""
        for path in run.sample_file(0).parent.glob("step-*.mp4"):
            digits = path.stem.removeprefix("step-")
            if is_whole(digits) and path == run.sample_file(int(digits)) and self._has(path):
                yield int(digits)

    def _found(self) -> list[str]:
        """Returns the names of all folders that seem to be runs, the last changed first."""
        try:
            found = [path for path in self.folder.iterdir() if self._is_run(path)]
        except OSError:
            return []
        return [path.name for path in sorted(found, key=changed, reverse=True)]

    def _is_run(self, path: Path) -> bool:
        with suppress(OSError):  # a folder that may not be read is left out
            run = RunFolder(path)
            known = not path.name.startswith(".") and path.is_dir() and self._inside(path)
            return known and (run.exists() or self._has(run.model_file))
        return False

    def _has(self, path: Path) -> bool:
        return path.is_file() and self._inside(path)

    def _inside(self, path: Path) -> bool:
        with suppress(OSError):
            return path.resolve().is_relative_to(self.folder.resolve())
        return False


def curves(lines: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Returns step and value of every logged figure, thinned evenly to the points that a chart can show."""
    series: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name != "step" and _is_figure(value):
                series.setdefault(name, []).append((line["step"], value))
    return {name: _every(points) for name, points in series.items()}


def _every(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    stride = max(1, math.ceil(len(points) / CURVE_POINTS))
    return points[::-stride][::-1]  # from the end, so that the last point stays


def _last_figures(lines: list[dict[str, Any]]) -> dict[str, float]:
    for line in reversed(lines):
        figures = {
            name[9:]: value
            for name, value in line.items()
            if name.startswith("held_out/") and value is not None
        }
        if figures:
            return {name: value for name, value in figures.items() if _is_figure(value)}
    return {}


def _is_figure(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_SHOWN


def _sizes(config: ModelConfig) -> dict[str, Any]:
    """Returns size, rate, look-ahead, and which dials have an effect."""
    clip, extractor = config.clip, FeatureExtractor(config.features, config.clip.rate, None)
    return {
        "width": clip.width,
        "height": clip.height,
        "fps": float(clip.rate),
        "hears_ahead": float(extractor.look_ahead),
        "look_ahead": float(config.features.future / clip.rate),
        "has_noise": config.has_noise,
        "lacks": lacking(config),
        "trained": isinstance(config, Config),
    }


def _shows(config: ModelConfig, held: Holding | None) -> dict[str, Any]:
    """Returns the default picture, whether paths are possible, and the dials that a path lacks."""
    if held is None:
        return {"has_path": False}
    path = {
        "has_path": True,
        "path_unasked": follows(config) and held.about.picture == "path",
        "path_lacks": lacking(config) if held.about.weights.guide else lacking_in_replay(),
    }
    header = held.about.header
    shows = {"width": header.width, "height": header.height, "fps": float(held.about.fps)}
    return path | ({"shows": shows} if follows(config) else {})


def unlearnt(model: Model) -> dict[str, Any]:
    """Returns what the page shows of a video that is played with nothing learnt, as it does of a run."""
    assert model.kept is not None, "it has frames"
    width, height = model.kept.picture_size
    sizes = {"width": width, "height": height, "lacks": lacking_in_replay(), "has_noise": True}
    return _sizes(model.config) | sizes | {"has_path": False}


def holding(config: ModelConfig, held: Holding | None) -> str:
    """Returns a sentence that says what anybody who gets a model file can see in it.

    Args:
        config: settings of the model.
        held: the frames in its file that are as large as they are shown.
    """
    if held is not None:
        return f"The model file holds {held.described()}: whoever has it can see them."
    if config.generator.recall:
        size = f"{config.clip.width}x{config.clip.height}"
        return (
            f"The model file holds up to {config.generator.recall} frames of the clip, {size} pixels each: "
            "whoever has it can see them."
        )
    return "The model file holds no frame of the clip."


def _of_model(path: Path) -> ModelEntry:
    """Returns what a model file says of itself; its weights are not read."""
    with opened_tensors(path, path.parent.name) as file:
        return read_entry(file)


def is_text(name: str) -> bool:
    """Returns whether a name can stand in an address, which names outside UTF-8 cannot."""
    return name.encode(errors="ignore").decode() == name


def changed(path: Path) -> float:
    """Returns when a run last changed, in seconds since 1970."""
    run = RunFolder(path)
    for file in (run.metrics_file, run.model_file, run.config_file):
        with suppress(OSError):
            return file.stat().st_mtime
    return 0.0
