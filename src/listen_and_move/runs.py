"""The run folder: the only place that knows its names, and how each of its files is written whole or not at
all."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.config import Config, is_step
from listen_and_move.data.clip import file_hash
from listen_and_move.environment import environment
from listen_and_move.errors import SettingError, UserError
from listen_and_move.json_text import LONGEST, bounded, parsed
from listen_and_move.media.replacing import half_written, replacing
from listen_and_move.settings import from_json, to_json

LONGEST_LOG = 256_000_000
"""Bytes of a log that is read: of a million logged steps."""


class _Learnt(NamedTuple):
    """A take that a run learnt."""

    video: str
    """Where it was."""
    sha256: str


@dataclass(frozen=True)
class RunFolder:
    """Everything that a training run leaves, below one folder."""

    path: Path

    @property
    def config_file(self) -> Path:
        """All settings, complete, written before the first step."""
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
        """Held by the training that is under way; see `training.holding`."""
        return self.path / "resume" / "lock"

    @property
    def model_file(self) -> Path:
        """What people share: the generator with its settings."""
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
        """Where the figures of a part are: of the held-out one at the top, of others in a folder of their
        name."""
        return self.evaluation_folder / name.replace(" ", "-") if name else self.evaluation_folder

    @property
    def source_size_file(self) -> Path:
        """Figures of what is shown at the size of the source."""
        return self.evaluation_part("source-size") / "results.json"

    @property
    def blind_folder(self) -> Path:
        """The page on which pictures are judged blindly, and the keys of pages that were made."""
        return self.evaluation_part("blind")

    def sample_file(self, step: int) -> Path:
        """Real beside generated, held-out sound, as of a step."""
        return self.path / "samples" / f"step-{step:06d}.mp4"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.config_file.exists()

    def create(
        self,
        config: Config,
        videos: Sequence[Path],
        video_hash: str,
        device: str,
        scene: int | None = None,
    ) -> None:
        """Begin a run: the folder, its settings and its environment.

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
                about["takes"] = [_Learnt(str(path.absolute()), file_hash(path))._asdict() for path in videos]
            write_text(self.environment_file, json.dumps(about, indent=2))
            write_text(self.config_file, to_json(config))  # last: its presence means that the run was begun
        except OSError as error:
            raise UserError(
                f"{self.path}: expected a folder that can be written; got {error.strerror}",
                "choose another --run",
            ) from None

    def check_new(self) -> None:
        """Refuse a folder that holds more than the beginning of a run, which a kill has cut off.

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
            self._environment()  # refuses one that is of something else

    def half_written(self) -> Iterator[Path]:
        """What a training that was killed left under temporary names, and what one under way is writing."""
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
        """The settings of the run."""
        return from_json(Config, self._read(self.config_file))

    def video_hash(self) -> str:
        """sha256 of the video that the run learns."""
        return str(self._environment()["video_sha256"])

    def check_scene(self, scene: int | None) -> None:
        """Refuses a scene that is not the one which the run learns; None is any.

        Raises:
            UserError: it is another one.
        """
        learnt = self._environment().get("scene")
        if scene is not None and scene != learnt:
            part = "the part it was begun with" if learnt is None else f"scene {learnt}, which it learns"
            raise UserError(f"{self.path}: expected {part}; got scene {scene}", "choose another --run")

    def learnt(self) -> str | None:
        """Where the video was that the run learnt, as it says itself; None: the run is too old to know."""
        return self._environment().get("video")

    def video(self, elsewhere: Path | None = None) -> Path:
        """The only video that the run learnt, where it was then or where it is said to be now.

        Raises:
            UserError: the run is too old to know, it learnt takes or a folder of songs, or the file is gone
                or another one.
        """
        if takes := self.take_names():
            raise UserError(
                f"{self.path}: expected a run that learnt one video file; this one learnt {len(takes)} takes"
            )
        learnt = self.learnt()
        if learnt is not None and os.path.isdir(learnt):  # noqa: PTH112 -- a name of any length
            raise UserError(
                f"{self.path}: expected a run that learnt a video file; this one learnt the Sub-URMP folder "
                f"{learnt}: its model can be played, but its songs are not measured or shown again"
            )
        if elsewhere is None and learnt is None:
            raise UserError(
                f"{self.path}: expected the place of the video this run learnt; the run is older than this "
                "note",
                "give it with --video",
            )
        path = elsewhere or Path(str(learnt))
        self._check_learnt(path, self.video_hash(), "give it with --video")
        return path

    def take_names(self) -> list[str]:
        """Where the takes were that the run learnt; none where it learnt one video."""
        return [take.video for take in self._takes()]

    def videos(self, elsewhere: Path | None = None) -> list[Path]:
        """The video or the takes that the run learnt, where they were then; one of them may be said to be
        elsewhere now.

        Raises:
            UserError: one is gone or another one, or what is elsewhere is none of them.
        """
        takes = self._takes()
        if not takes:
            return [self.video(elsewhere)]
        paths = [Path(take.video) for take in takes]
        if elsewhere is not None:
            paths[self._place(takes, elsewhere)] = elsewhere
        for path, take in zip(paths, takes, strict=True):
            self._check_learnt(path, take.sha256, "put it back there, or give it with --video")
        return paths

    def _place(self, takes: Sequence[_Learnt], video: Path) -> int:
        """Which take a file is.

        Raises:
            UserError: none of them.
        """
        with suppress(OSError, ValueError):
            return [take.sha256 for take in takes].index(file_hash(video))
        names = ", ".join(Path(take.video).name for take in takes)
        raise UserError(f"{video}: expected one of the takes that this run learnt, {names}")

    def _takes(self) -> list[_Learnt]:
        """Nothing where the run learnt one video.

        Raises:
            UserError: the environment is damaged.
        """
        entries = self._environment().get("takes", [])
        with suppress(TypeError, KeyError):
            takes = [_Learnt(str(entry["video"]), str(entry["sha256"])) for entry in entries]
            if all(_is_path(take.video) for take in takes):
                return takes
        raise self._damaged()

    def _check_learnt(self, path: Path, sha256: str, hint: str) -> None:
        """Refuses a file that is not the one that was learnt."""
        expected = f"{self.path}: expected the video this run learnt at {path}"
        try:
            same = file_hash(path) == sha256
        except OSError as error:
            raise UserError(f"{expected}; got {error.strerror}", hint) from None
        if not same:
            raise UserError(f"{expected}; the file there is another one", hint)

    def log(self, values: dict[str, Any]) -> None:
        """Append one line to the metrics."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def metrics(self) -> Iterator[dict[str, Any]]:
        """The logged lines, each with its step, a whole number; one that was torn by a kill or is none is
        passed over.

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
        """Drop logged lines of steps that a kill has undone, and the one it tore, so that each step stands
        there once."""
        kept = {
            values["step"]: json.dumps(values) + "\n" for values in self.metrics() if values["step"] <= step
        }
        if self.metrics_file.exists():
            write_text(self.metrics_file, "".join(kept.values()))

    @property
    def _folders(self) -> tuple[Path, ...]:
        """What a run begins with."""
        return self.state_file.parent, self.sample_file(0).parent, self.evaluation_folder

    def _environment(self) -> dict[str, Any]:
        text = self._read(self.environment_file)
        try:
            values = parsed(text)
        except SettingError:
            values = None
        match values:
            case {"video_sha256": str()} if _is_path(values.get("video")):
                return values
        raise self._damaged()

    def _damaged(self) -> UserError:
        what = f"{self.environment_file}: expected the run's environment as JSON; it is damaged"
        return UserError(what, "start another --run")

    def _read(self, path: Path, longest: int = LONGEST, errors: str = "strict") -> str:
        with suppress(OSError, ValueError):
            return bounded(path, longest).decode(errors=errors)
        expected = f"{path}: expected a file of a run folder"
        raise UserError(f"{expected}; it is missing or damaged", "start another --run")


def _is_path(value: object) -> bool:
    with suppress(ValueError):  # letters that are none
        return value is None or (isinstance(value, str) and b"\0" not in os.fsencode(value))
    return False


def model_path(path: Path) -> Path:
    """The model file of a run folder, or the file itself.

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
    """Write a whole file or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")  # names may be no text
