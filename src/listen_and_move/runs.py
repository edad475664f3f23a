"""The run folder: the only place that knows the names of its files.

Each file is written whole or not at all.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from listen_and_move.config import Config, is_step
from listen_and_move.data.clip import file_hash
from listen_and_move.environment import environment
from listen_and_move.errors import SettingError, UserError
from listen_and_move.json_text import LONGEST, bounded, parsed
from listen_and_move.learnt_films import LearntFilms, LearntTake
from listen_and_move.media.replacing import half_written, replacing
from listen_and_move.settings import from_json, to_json

LONGEST_LOG = 256_000_000
"""Most bytes of a log that are read: those of a million logged steps."""


@dataclass(frozen=True)
class RunFolder:
    """All files of a training run, below one folder."""

    path: Path

    @property
    def config_file(self) -> Path:
        """All settings, written completely before the first step."""
        return self.path / "config.json"

    @property
    def environment_file(self) -> Path:
        """Versions, device, commit, place and hash of the video."""
        return self.path / "environment.json"

    @property
    def metrics_file(self) -> Path:
        """One line of JSON per logged step."""
        return self.path / "metrics.jsonl"

    @property
    def state_file(self) -> Path:
        """All that changes in training, as of the last save."""
        return self.path / "resume" / "state.safetensors"

    @property
    def lock_file(self) -> Path:
        """Locked by a running training; see `training.holding`."""
        return self.path / "resume" / "lock"

    @property
    def model_file(self) -> Path:
        """The model: the generator with its settings, which people share."""
        return self.path / "model.safetensors"

    @property
    def frames_file(self) -> Path:
        """Training frames at the size of the source, written once, before the first step."""
        return self.path / "frames.safetensors"

    @property
    def tensorboard_folder(self) -> Path:
        """Event files, where TensorBoard is installed."""
        return self.path / "tensorboard"

    @property
    def evaluation_folder(self) -> Path:
        """Reports on the trained model."""
        return self.path / "evaluation"

    def evaluation_part(self, name: str = "") -> Path:
        """Returns the folder for the figures of a part.

        Figures of the held-out part lie at the top, those of other parts in a folder of their name.
        """
        return self.evaluation_folder / name.replace(" ", "-") if name else self.evaluation_folder

    @property
    def source_size_file(self) -> Path:
        """Figures of the shown pictures at the size of the source."""
        return self.evaluation_part("source-size") / "results.json"

    @property
    def blind_folder(self) -> Path:
        """The page for blind judgements of pictures, and the keys of pages that were made."""
        return self.evaluation_part("blind")

    def sample_file(self, step: int) -> Path:
        """Returns the sample video of a step: real beside generated frames, with held-out sound."""
        return self.path / "samples" / f"step-{step:06d}.mp4"

    def exists(self) -> bool:
        """Returns whether a run was begun here."""
        return self.config_file.exists()

    def create(
        self,
        config: Config,
        videos: Sequence[Path],
        video_hash: str,
        device: str,
        scene: int | None = None,
    ) -> None:
        """Begins a run: the folder, its settings and its environment.

        Args:
            config: its settings.
            videos: that it learns: one, or several takes.
            video_hash: sha256 of their content.
            device: that it is begun on.
            scene: number of the scene that it learns; None: the part was named otherwise.

        Raises:
            UserError: the folder holds something else, or cannot be written.
        """
        self.check_new()
        try:
            for folder in (self.path, *self._folders):
                folder.mkdir(parents=True, exist_ok=True)
            about = environment(videos[0], video_hash, device) | ({} if scene is None else {"scene": scene})
            if len(videos) > 1:
                takes = (LearntTake(str(path.absolute()), file_hash(path)) for path in videos)
                about["takes"] = [take._asdict() for take in takes]
            write_text(self.environment_file, json.dumps(about, indent=2))
            write_text(self.config_file, to_json(config))  # last, since this file marks a begun run
        except OSError as error:
            raise UserError(
                f"{self.path}: expected a folder that can be written; got {error.strerror}",
                "choose another --run",
            ) from None

    def check_new(self) -> None:
        """Refuses a folder that holds more than the beginning of a run that a kill has cut off.

        Raises:
            UserError: it does.
        """
        begun = {*self._folders, self.lock_file, self.environment_file, *self.half_written()}
        if self.path.exists() and (
            not self.path.is_dir() or any(item not in begun for item in self.path.rglob("*"))
        ):
            raise UserError(
                f"{self.path}: expected a run folder or a new name; got something else",
                "choose another --run",
            )
        if self.environment_file.exists():
            _ = self.films  # refuses an environment of something else

    def half_written(self) -> Iterator[Path]:
        """Yields temporary files of killed trainings, and of one under way."""
        samples = self.sample_file(0).with_stem("step-*")
        for path in (
            self.config_file,
            self.environment_file,
            self.metrics_file,
            self.state_file,
            self.model_file,
            self.frames_file,
            samples,
        ):
            yield from half_written(path)

    def config(self) -> Config:
        """Returns the settings of the run."""
        return from_json(Config, self._read(self.config_file))

    @property
    def films(self) -> LearntFilms:
        """The films that the run learnt, by its environment.

        Raises:
            UserError: it is missing or damaged.
        """
        text = self._read(self.environment_file)
        with suppress(ValueError):
            return LearntFilms.of(self.path, parsed(text))
        what = f"{self.environment_file}: expected the run's environment as JSON; it is damaged"
        raise UserError(what, "start another --run")

    def log(self, values: dict[str, Any]) -> None:
        """Appends one line to the metrics."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def metrics(self) -> Iterator[dict[str, Any]]:
        """Yields the logged lines, each with its step, a whole number.

        A line that a kill has cut, or that is no such line, is skipped.

        Raises:
            UserError: the file is there and cannot be read.
        """
        if not self.metrics_file.exists():
            return
        for line in self._read(self.metrics_file, LONGEST_LOG, errors="replace").splitlines():
            try:
                values = parsed(line)
            except SettingError:
                continue
            if isinstance(values, dict) and is_step(values.get("step")):
                yield values

    def forget_after(self, step: int) -> None:
        """Removes logged lines of later steps, which a kill has undone, and a cut line.

        Each step then stands in the log once.
        """
        kept = {
            values["step"]: json.dumps(values) + "\n" for values in self.metrics() if values["step"] <= step
        }
        if self.metrics_file.exists():
            write_text(self.metrics_file, "".join(kept.values()))

    @property
    def _folders(self) -> tuple[Path, ...]:
        """The folders that a run begins with."""
        return self.state_file.parent, self.sample_file(0).parent, self.evaluation_folder

    def _read(self, path: Path, longest: int = LONGEST, errors: str = "strict") -> str:
        with suppress(OSError, ValueError):
            return bounded(path, longest).decode(errors=errors)
        expected = f"{path}: expected a file of a run folder"
        raise UserError(f"{expected}; it is missing or damaged", "start another --run")


def model_path(path: Path) -> Path:
    """Returns the model file of a run folder, or the file itself.

    Raises:
        UserError: nothing there, or a run that has no model yet.
    """
    if not path.exists():
        raise UserError(
            f"{path}: expected a run folder or a model.safetensors; there is none: check the name"
        )
    if path.is_file():
        return path
    model = RunFolder(path).model_file
    if not model.exists():
        raise UserError(
            f"{path}: expected a run folder with a model; there is no {model.name} in it yet: train first"
        )
    return model


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")  # names may not be valid text
