"""The trainer: one clip, one run folder, from the first step or from where it stopped."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch

from listen_and_move.audio.novelty import Repertoire
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.source import find
from listen_and_move.data.windows import lanes
from listen_and_move.errors import UserError
from listen_and_move.interrupts import handled
from listen_and_move.losses.perceptual import PerceptualLoss
from listen_and_move.models.checkpoint import Model, load_model, save_model
from listen_and_move.precision import choose_device, products, reused_memory
from listen_and_move.presets import DEFAULT_PRESET
from listen_and_move.runs import RunFolder, write_text
from listen_and_move.settings import from_preset, to_json, with_values
from listen_and_move.training.batches import Batches
from listen_and_move.training.cuda_graphs import CudaGraphs, CudaGraphStep
from listen_and_move.training.holding import held
from listen_and_move.training.memory_fitting import fitted_memory
from listen_and_move.training.state import TrainingState, fresh_state, load_state, save_state
from listen_and_move.training.step import training_step
from listen_and_move.training.validation import validate, write_sample

CHANGEABLE = frozenset(
    f"training.{name}" for name in ("steps", "save_every", "validate_every", "sample_every", "recompute")
)
"""Settings that may differ when a run goes on: they change nothing of what is learnt until then."""
LOG_EVERY = 10


class Progress(NamedTuple):
    """What a watcher is told after every step, and while the video is decoded (step 0, no losses)."""

    step: int
    steps: int
    values: Mapping[str, float]
    steps_per_second: float
    decoded: tuple[int, int] | None = None


class Result(NamedTuple):
    """How training ended."""

    run: Path
    step: int
    finished: bool
    """False: it was interrupted, and the same call goes on."""
    figures: Mapping[str, float]
    """Of the last validation on the held-out part."""
    note: str = ""
    """Why the last sample that is missing could not be written; empty where none is missing."""


Watcher = Callable[[Progress], None]


def train(
    video: Path | str,
    run: Path | str | None = None,
    *,
    preset_name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    watch: Watcher = lambda progress: None,
) -> Result:
    """Learn a video into a run folder; a run that exists there goes on.

    Args:
        video: any file with picture and sound, or a folder of Sub-URMP (see `data.suburmp`).
        run: the run folder; runs/NAME-OF-VIDEO by default.
        preset_name: the row of settings to start from; ``studio`` for a new run.
        settings: changes to it, such as ``{"training.steps": 2000, "clip.size": "128"}``.
        device: auto, cpu, cuda or mps.
        watch: called after every step.

    Raises:
        UserError: the video cannot be learnt, the run is of another video or other settings, another training
            of it is under way, or the weights of the perceptual loss are not there.
    """
    video, folder = Path(video), RunFolder(default_run(Path(video)) if run is None else Path(run))
    place = choose_device(device)
    with ExitStack() as alone:
        begun = folder.exists()
        if begun:
            alone.enter_context(held(folder))
        else:
            folder.check_new()
        config = run_config(folder, preset_name, settings or {})
        losses = config.losses
        perceptual = (
            PerceptualLoss.load(losses.perceptual_network, place) if losses.perceptual else None
        )  # before it takes time
        source = find(video)
        config = _cropped(config, source.box(config.clip))
        video_hash = source.digest()
        if begun and folder.video_hash() != video_hash:
            raise UserError(
                f"{folder.path}: expected the video that this run learns; {video} is another one: choose "
                "another --run"
            )
        clip = source.load(
            config, lambda done, total: watch(Progress(0, config.training.steps, {}, 0.0, (done, total)))
        )
        lanes(clip.train, config.training.lanes, config.training.window)  # refuses lanes that are too short
        if begun:
            write_text(folder.config_file, to_json(config))
        else:  # what cannot be learnt leaves no folder
            alone.enter_context(held(folder))
            folder.create(config, video, video_hash, str(place))
        with products(exact=config.training.speed == "exact"), reused_memory(not config.training.recompute):
            return _Trainer(folder, config, clip, perceptual, place, watch).run()


def default_run(video: Path) -> Path:
    """Where a video's run goes when nobody says."""
    return Path("runs") / video.stem


def run_config(folder: RunFolder, preset_name: str | None, settings: Mapping[str, Any]) -> Config:
    """The settings to train with: the run's own where there is one, else the preset's; with changes.

    Raises:
        UserError: the run was begun with other settings.
    """
    stored = folder.config() if folder.exists() else None
    if stored is not None and preset_name is None:
        config = with_values(stored, dict(settings))
    else:
        config = from_preset(preset_name or DEFAULT_PRESET, dict(settings))
    if stored is not None:
        box = config.clip.box or stored.clip.box
        config = config if box is None else _cropped(config, box)
        _check_same(folder, stored, config)
    return config


def _cropped(config: Config, box: tuple[int, int, int, int]) -> Config:
    """The settings with the crop written in one way only."""
    return replace(config, clip=replace(config.clip, crop=",".join(map(str, box))))


def _check_same(folder: RunFolder, stored: Config, config: Config) -> None:
    for section, group in vars(stored).items():
        for name, value in vars(group).items():
            got = getattr(getattr(config, section), name)
            if got != value and f"{section}.{name}" not in CHANGEABLE:
                raise UserError(
                    f"{folder.path}: expected the settings it was begun with, {section}.{name} = {value}; "
                    f"got {got}: "
                    "leave the setting away to go on, or choose another --run"
                )


@dataclass
class _Trainer:
    """One run in memory."""

    folder: RunFolder
    config: Config
    clip: Clip
    perceptual: PerceptualLoss | None
    device: torch.device
    watch: Watcher

    def __post_init__(self) -> None:
        if self.folder.state_file.exists():
            self.state = load_state(self.folder.state_file, self.config, self.device)
        else:
            self.state = self._first_state()
        self.folder.forget_after(self.state.step)
        self.batches = Batches(self.clip, self.config, self.device)
        records = self.device.type == "cuda" and self.config.training.speed == "fast"
        self.graph_step = CudaGraphStep(CudaGraphs(self.device)) if records else None
        self.repertoire = Repertoire.of(self.clip.features, self.clip.train, self.batches.extractor)
        self.board = _tensorboard(self.folder)
        self.figures: dict[str, float] = {}
        self.note = ""

    def run(self) -> Result:
        """Train to the last step, or until a signal asks to stop."""
        training = self.config.training
        saved, speed = self.state.step if self._is_shared() else None, _Speed()
        with _stop_signals() as stopped:
            while self.state.step < training.steps and not stopped():
                values = self._step()
                if self.state.step % training.validate_every == 0 or self.state.step == training.steps:
                    self.figures = validate(self.state.best, self.clip, self.config)
                    values |= {f"held_out/{name}": value for name, value in self.figures.items()}
                rate = speed.after_step()
                self._log(values, rate)
                if self.state.step % training.save_every == 0:
                    self._save()
                    saved = self.state.step
                if self.state.step % training.sample_every == 0 or self.state.step == training.steps:
                    self._sample()
                self.watch(Progress(self.state.step, training.steps, values, rate))
            if self.state.step != saved:
                self._save()
            if self.board is not None:
                self.board.close()
        return Result(
            self.folder.path, self.state.step, self.state.step >= training.steps, self.figures, self.note
        )

    def _first_state(self) -> TrainingState:
        state = fresh_state(self.config, self.device)
        for network in (state.network, state.average):
            if network is not None and network.mean_frame is not None:
                network.mean_frame.copy_(self.clip.mean_frame)
        if self.config.generator.recall:
            memory = fitted_memory(self.clip, self.config)
            for network in (state.network, state.average):
                if network is not None and network.generator.recall is not None:
                    network.generator.recall.remember(*(each.to(self.device) for each in memory))
        return state

    def _step(self) -> dict[str, float]:
        batch, positions = self.batches.next(self.state)
        losses = training_step(self.state, batch, self.config, self.perceptual, self.graph_step)
        self.state.positions = positions
        values = dict(
            zip(losses, torch.stack([*losses.values()]).tolist(), strict=True)
        )  # the only wait for the device
        for name, value in values.items():
            if not math.isfinite(value):
                raise UserError(
                    f"training stopped at step {self.state.step}: expected finite losses; {name} became "
                    f"{value}; "
                    f"{self.folder.path} keeps the last save: try smaller learning rates in another --run"
                )
        return values

    def _log(self, values: Mapping[str, float], rate: float) -> None:
        step, last = self.state.step, self.config.training.steps
        held_out = any(name.startswith("held_out/") for name in values)
        if not (step % LOG_EVERY == 0 or step in (1, last) or held_out):
            return
        self.folder.log({"step": step, **values, "steps_per_second": round(rate, 3)})
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)

    def _sample(self) -> None:
        """Write a sample; a video whose sound cannot be read any more, say, keeps nobody from learning what
        was read."""
        try:
            write_sample(self.folder.sample_file(self.state.step), self.state.best, self.clip, self.config)
        except (UserError, OSError) as error:
            self.note = f"no sample of step {self.state.step}: {error}"

    def _is_shared(self) -> bool:
        """Whether the model file is of this step: a kill may have come between the saving of the state and of
        the model."""
        if self.state.step == 0 or not self.folder.model_file.exists():
            return False
        try:
            return load_model(self.folder.model_file).step == self.state.step
        except UserError:
            return False

    def _save(self) -> None:
        """The checkpoint first: the model file can be made from it, not the other way round."""
        save_state(self.folder.state_file, self.state)
        clip, state = self.clip, self.state
        model = Model(state.best, self.config, clip.statistics, state.step, clip.level, self.repertoire)
        save_model(self.folder.model_file, model)


class _Speed:
    """Steps per second, a running mean that forgets the slow first step."""

    def __init__(self) -> None:
        self.last, self.seconds = time.perf_counter(), 0.0

    def after_step(self) -> float:
        now = time.perf_counter()
        took, self.last = now - self.last, now
        self.seconds = took if not self.seconds else 0.95 * self.seconds + 0.05 * took
        return 1 / max(self.seconds, 1e-9)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and its like only set a flag meanwhile, so that a step is never cut in two."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    with handled(note):
        yield lambda: bool(caught)


def _tensorboard(folder: RunFolder) -> Any:
    """A writer where TensorBoard is installed, else None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder.tensorboard_folder))
