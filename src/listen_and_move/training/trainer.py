"""The trainer: trains step after step with logs, samples and saves, until the last step or a stop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch

from listen_and_move.audio.novelty import Repertoire
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.distribution.processes import ALONE, Processes
from listen_and_move.errors import Remark, UserError
from listen_and_move.interrupts import handled
from listen_and_move.losses.perceptual import PerceptualLoss
from listen_and_move.models.checkpoint import Model, load_model, read_frames_file, save_model
from listen_and_move.runs import RunFolder
from listen_and_move.training.batches import Batches
from listen_and_move.training.beginning import same_state, state_of_run
from listen_and_move.training.cuda_graphs import CudaGraphs, CudaGraphStep
from listen_and_move.training.picture_fitting import with_fitted_picture
from listen_and_move.training.state import save_state
from listen_and_move.training.step import training_step
from listen_and_move.training.validation import validate, write_sample

LOG_EVERY = 10
"""Steps from one logged step to the next."""


class TrainingProgress(NamedTuple):
    """Progress of a training, after every step and while the video is decoded (step 0, no values)."""

    step: int
    steps: int
    values: Mapping[str, float]
    """Losses and measures of the step by log key."""
    steps_per_second: float
    decoded: tuple[int, int] | None = None
    """Frames decoded and expected, while the video is decoded."""
    looked: tuple[int, int] | None = None
    """Frames examined and expected, while scenes are searched."""
    note: Remark = Remark("")
    """A note for the user, shown once."""


class TrainingResult(NamedTuple):
    """The end of a training."""

    run: Path
    step: int
    finished: bool
    """Whether the last step was done; else the training was interrupted, and the same call goes on."""
    figures: Mapping[str, float]
    """Measures of the last validation."""
    note: str = ""
    """Why the last missing sample could not be written; empty where none is missing."""


Watcher = Callable[[TrainingProgress], None]


class Trainer:
    """One run in memory."""

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        clip: Clip,
        perceptual: PerceptualLoss | None,
        device: torch.device,
        watch: Watcher,
        processes: Processes = ALONE,
    ) -> None:
        """Begins the run, or resumes it from its checkpoint.

        Args:
            folder: the run folder, which exists.
            config: the run's settings.
            clip: the decoded clip.
            perceptual: the perceptual loss, where its weight is above 0.
            device: to train on.
            watch: called after every step.
            processes: that train the run together; the first one alone reads and writes the folder.

        Raises:
            UserError: the checkpoint is damaged or of another run.
        """
        self.folder, self.config, self.clip, self.perceptual = folder, config, clip, perceptual
        self.watch, self.processes = watch, processes
        state = state_of_run(folder, clip, config, device, self._told) if processes.first else None
        self.state = same_state(state, config, device, processes)
        processes.share_norms(self.state.modules.values())
        self.batches = Batches(clip, config, device, processes)
        # Only `training.speed fast` records steps; `exact` uses plain launches.
        records = device.type == "cuda" and config.training.speed == "fast" and processes.count == 1
        self.graph_step = CudaGraphStep(CudaGraphs(device)) if records else None
        self.repertoire = Repertoire.of(clip.features, clip.train, self.batches.extractor)
        if processes.first:
            folder.forget_after(self.state.step)  # lines of steps that were logged after the last save
        self.tensorboard = _tensorboard(folder) if processes.first else None
        self.saved: int | None = None
        """Step of the last save of the model file; None: none is of this run's state."""
        self.figures: dict[str, float] = {}
        """Of the last validation."""
        self.note = ""

    def run(self) -> TrainingResult:
        """Trains to the last step, or until a signal asks to stop."""
        state, processes = self.state, self.processes
        if processes.first and self._is_saved():
            self.saved = state.step
        speed = _Speed()
        with _stop_signals() as stopped:
            while not self._finished and not processes.any(stopped()):
                values = self.step()
                if processes.first:
                    self._after_step(values, speed)
            if processes.first and state.step != self.saved:
                self.save()
            if self.tensorboard is not None:
                self.tensorboard.close()
            processes.wait()  # an end of another one would stop the first in its save
        return TrainingResult(self.folder.path, state.step, self._finished, self.figures, self.note)

    def _after_step(self, values: dict[str, float], speed: "_Speed") -> None:
        """Validates, logs, saves and writes a sample, where the step is one of those that do."""
        training, state, last = self.config.training, self.state, self._finished
        if last or state.step % training.validate_every == 0:
            self.figures = validate(state.inference_network, self.clip, self.config)
            values |= {f"held_out/{name}": value for name, value in self.figures.items()}
        rate = speed.after_step()
        self.log(values, rate)
        if state.step % training.save_every == 0 and not last:
            self.save()
        if last or state.step % training.sample_every == 0:
            self._sample()
        self.watch(TrainingProgress(state.step, training.steps, values, rate))

    def _told(self, step: int, note: Remark) -> None:
        self.watch(TrainingProgress(step, self.config.training.steps, {}, 0.0, note=note))

    def step(self) -> dict[str, float]:
        """Trains one step.

        Returns:
            Losses by log key, unweighted.

        Raises:
            UserError: a loss is not finite.
        """
        batch, positions = self.batches.next(self.state)
        losses = training_step(
            self.state, batch, self.config, self.perceptual, self.graph_step, self.processes
        )
        self.state.positions = positions
        # All losses come to the host at once: the only place where a step waits for the device.
        values = dict(zip(losses, torch.stack([*losses.values()]).tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise UserError(
                    f"training stopped at step {self.state.step}: expected finite losses; {name} became "
                    f"{value}; {self.folder.path} keeps the last save",
                    "try smaller learning rates in another --run",
                )
        return values

    def log(self, values: Mapping[str, float], rate: float) -> None:
        """Writes the values of a step to metrics.jsonl and to TensorBoard.

        It does so in every tenth step, and in others that matter.

        Args:
            values: losses and measures of the step by log key.
            rate: steps per second.
        """
        step, last = self.state.step, self.config.training.steps
        held_out = any(name.startswith("held_out/") for name in values)
        if not (step % LOG_EVERY == 0 or step in (1, last) or held_out):
            return
        self.folder.log({"step": step, **values, "steps_per_second": round(rate, 3)})
        if self.tensorboard is not None:
            for name, value in values.items():
                self.tensorboard.add_scalar(name, value, step)

    def _sample(self) -> None:
        """Writes a sample, and goes on where it cannot be written.

        Training needs no more of the video by then.
        """
        state = self.state
        try:
            write_sample(self.folder.sample_file(state.step), state.inference_network, self.clip, self.config)
        except (UserError, OSError) as error:
            self.note = f"no sample of step {state.step}: {error}"

    def _is_saved(self) -> bool:
        """Whether the model file is of this step: a kill may have come between checkpoint and model file."""
        if self.state.step == 0 or not self.folder.model_file.exists():
            return False
        try:
            model = load_model(self.folder.model_file)
            return model.step == self.state.step and (model.kept is not None) == self._keeps
        except UserError:
            return False

    @property
    def _finished(self) -> bool:
        return self.state.step >= self.config.training.steps

    @property
    def _keeps(self) -> bool:
        """Whether the model file holds the kept frames.

        They can be large and saves come often, so they lie beside the model file before the last save.
        """
        return self._finished and self.folder.frames_file.exists()

    def save(self) -> None:
        """Writes the checkpoint and the model file.

        The checkpoint comes first: the model file can be made from it, not the other way round.
        """
        save_state(self.folder.state_file, self.state)
        clip, state = self.clip, self.state
        model = Model(
            state.inference_network, self.config, clip.statistics, state.step, clip.level, self.repertoire
        )
        if self._keeps:
            kept = read_frames_file(self.folder.frames_file, self.config.features.size)
            kept = with_fitted_picture(state.inference_network, clip, self.config, kept)
            model = model._replace(kept=kept)
        save_model(self.folder.model_file, model)
        self.saved = state.step


class _Speed:
    """Measures steps per second, as a running mean that forgets the slow first step."""

    def __init__(self) -> None:
        self.last, self.seconds = time.perf_counter(), 0.0

    def after_step(self) -> float:
        """Returns the steps per second, after each step."""
        now = time.perf_counter()
        took, self.last = now - self.last, now
        self.seconds = took if not self.seconds else 0.95 * self.seconds + 0.05 * took
        return 1 / max(self.seconds, 1e-9)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Within the context Ctrl-C and other signals only set a flag, so that no step or save is cut in two.

    Yields:
        Whether a signal came. Python delivers signals to the main thread alone; elsewhere none ever comes.
    """
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    with handled(note):
        yield lambda: bool(caught)


def _tensorboard(folder: RunFolder) -> Any:
    """Returns a writer where TensorBoard is installed, else None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder.tensorboard_folder))
