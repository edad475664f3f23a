"""Batches: windows of the clip, their augmented sound, and the network's state before each window.

Letters: B windows, T frames, F features, E noise numbers, K remembered frames, H height, W width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from listen_and_move.audio.augmentation import augmented_power, room_tone
from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.windows import Positions, Windows, next_windows
from listen_and_move.distribution.processes import ALONE, Processes
from listen_and_move.models.generator import NetworkState, PixelNoise
from listen_and_move.models.pixels import as_network
from listen_and_move.models.recurrent import mapped, row, stacked
from listen_and_move.training.memory_fitting import memory_mask, remembered_frames
from listen_and_move.training.state import TrainingState

SILENCE_EVERY = 4
"""Steps from one silence batch to the next, since each takes another pass of the network."""


class SilenceBatch(NamedTuple):
    """One window of room tone, in which nothing is to move."""

    features: Float[Tensor, "1 T F"]
    noise: Float[Tensor, "1 T E"]
    state: NetworkState | None
    """The network's state after some room tone before the window."""


class Batch(NamedTuple):
    """The windows of one step."""

    real: Float[Tensor, "B T 3 H W"]
    """In [-1, 1]."""
    features: Float[Tensor, "B T F"]
    noise: Float[Tensor, "B T E"]
    pixel_noise: PixelNoise | None
    state: NetworkState | None
    """The network's state before each window."""
    pixel_weight: Float[Tensor, "H W"] | None
    """Weight of each pixel in the reconstruction, mean 1; None: all alike."""
    memory_mask: Bool[Tensor, "B K"] | None = None
    """Remembered frames that a window may not retrieve: those that the window itself shows."""
    silence: SilenceBatch | None = None
    """Where the step has a stillness loss."""

    def of_rows(self, rows: slice) -> "Batch":
        """Returns the batch of some of its windows, with all that is not of single windows.

        Args:
            rows: numbers of the windows.
        """
        own = (self.real, self.features, self.noise, self.pixel_noise, self.state, self.memory_mask)
        real, features, noise, pixel_noise, state, mask = mapped(lambda each: each[rows], own)
        return Batch(real, features, noise, pixel_noise, state, self.pixel_weight, mask, self.silence)


class Batches:
    """A clip in the form that steps take; all that changes is in the training state."""

    def __init__(
        self, clip: Clip, config: Config, device: torch.device, processes: Processes = ALONE
    ) -> None:
        """Brings the clip to the device.

        Args:
            clip: the decoded clip.
            config: the run's settings.
            device: of the batches; the frames lie there too where they take less than half of its memory.
            processes: that train; each draws the same batches.
        """
        self.clip, self.config, self.device, self.processes = clip, config, device, processes
        self.frames = _on_device(clip.frames, device)
        self.features = clip.features.to(device)
        self.extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
        self.loudness = 0.0 if clip.power is None else float(clip.power.mean())
        self.remembered = remembered_frames(clip, config) if config.generator.recall else None
        weight = 1 + config.losses.motion_weight * clip.motion_map if config.losses.motion_weight else None
        self.pixel_weight = None if weight is None else (weight / weight.mean()).to(device)

    def next(self, state: TrainingState) -> tuple[Batch, Positions]:
        """Draws the batch of the next step.

        Args:
            state: the training state; its random generator is drawn from, all else stays.

        Returns:
            The batch, and the lanes' positions after it.
        """
        # What is drawn comes in this order, in every version: a resumed run takes the same numbers.
        config, length = self.config.training, self.config.training.window
        windows, positions = next_windows(config, self.clip.train, state.positions, state.random)
        real = torch.stack([self.frames[start : start + length].to(self.device) for start in windows.starts])
        sounds = self._sounds(windows, state.random)
        features = torch.stack([each[-length:] for each in sounds])
        if config.feature_noise:
            features = features + config.feature_noise * torch.randn(
                features.shape, generator=state.random
            ).to(features)
        noise, pixel_noise = self._noise(state, len(sounds), length)
        before = self._states(state, windows, [each[:-length] for each in sounds])
        silence, mask = self._silence(state), self._memory_mask(state, windows)
        batch = Batch(
            as_network(real), features, noise, pixel_noise, before, self.pixel_weight, mask, silence
        )
        return batch, positions

    def _sounds(self, windows: Windows, random: torch.Generator) -> list[Float[Tensor, "_ F"]]:
        """Returns the features of each window, after those of the frames that prime its state.

        Both come from one augmented sound, since a recording does not change its colour at a window's edge.
        """
        starts = [start if primed is None else primed for start, primed in zip(*windows, strict=True)]
        return [
            self._features(first, start + self.config.training.window, random)
            for first, start in zip(starts, windows.starts, strict=True)
        ]

    def _features(self, first: int, last: int, random: torch.Generator) -> Float[Tensor, "_ F"]:
        """Returns the features of frames first to last: of the track, or of the track augmented."""
        strength, power = self.config.training.disturbance, self.clip.power
        if not strength or power is None:
            return self.features[first:last]
        power = power[first : last + self.config.features.past + self.config.features.future]
        return self._assembled(augmented_power(power, self.loudness, strength, random))

    def _assembled(self, power: Float[Tensor, "chunks C bands"]) -> Float[Tensor, "_ F"]:
        return self.extractor.assemble(self.extractor.described(power)).to(self.device)

    def _states(
        self, state: TrainingState, windows: Windows, before: list[Float[Tensor, "_ F"]]
    ) -> NetworkState | None:
        """Returns the network's state before each window: carried over, or primed on the frames before."""
        states = [
            _carried_over(state, lane) if primed is None else self._primed(state, features)
            for lane, (primed, features) in enumerate(zip(windows.primed, before, strict=True))
        ]
        return stacked(states) if any(each is not None for each in states) else None

    @torch.no_grad()
    def _primed(self, state: TrainingState, features: Float[Tensor, "_ F"]) -> NetworkState | None:
        """Returns the network's state after some frames; None where there are none."""
        if not len(features):
            return None
        noise, _ = self._noise(state, 1, len(features))
        with self.processes.apart(state.network):
            return state.network.prime(features[None], noise)

    def _noise(
        self, state: TrainingState, batch: int, length: int
    ) -> tuple[Float[Tensor, "B T E"], PixelNoise | None]:
        """Draws the noise of some windows: motion noise for each frame, content noise for each window."""
        motion, content = self.config.noise_sizes
        of_frames = torch.rand(batch, length, motion, generator=state.random)
        of_windows = (
            torch.randn(batch, 1, content, generator=state.random)
            if content
            else of_frames.new_zeros(batch, 1, 0)
        )
        vectors = torch.cat([of_frames, of_windows.expand(-1, length, -1)], dim=-1)
        shapes = state.network.generator.pixel_noise_shapes
        pixels = [torch.randn(batch, length, 1, *shape, generator=state.random) for shape in shapes]
        vectors, *pixels = (each.to(self.device, non_blocking=True) for each in (vectors, *pixels))
        return vectors, pixels or None

    def _memory_mask(self, state: TrainingState, windows: Windows) -> Bool[Tensor, "B K"] | None:
        """Returns which remembered frames each window may not retrieve; None without memory.

        The still frames of room tone come after the clip's frames in the memory; no window shows them.
        """
        memory = state.network.generator.memory
        if self.remembered is None or memory is None:
            return None
        length, numbers = self.config.training.window, self.remembered
        masks = [memory_mask(numbers, range(start, start + length), self.config) for start in windows.starts]
        room_tones = len(memory.values) - len(numbers)
        return torch.nn.functional.pad(torch.stack(masks), (0, room_tones)).to(self.device)

    def _silence(self, state: TrainingState) -> SilenceBatch | None:
        """Draws a window of room tone in every fourth step; None in the others and without stillness loss."""
        if not self.config.losses.rest or state.step % SILENCE_EVERY:
            return None
        before, length = self.config.training.priming, self.config.training.window
        chunks = before + length + self.config.features.past + self.config.features.future
        power = room_tone((chunks, self.extractor.columns), self.config.features.bands, state.random)
        features = self._assembled(power)
        noise, _ = self._noise(state, 1, length)
        return SilenceBatch(features[None, before:], noise, self._primed(state, features[:before]))


def _carried_over(state: TrainingState, lane: int) -> NetworkState | None:
    """Returns the network's state at the end of a lane's last window."""
    return None if state.lanes is None else row(state.lanes, lane)


def _on_device(frames: Tensor, device: torch.device) -> Tensor:
    """Returns the frames on the device where they take less than half of its free memory."""
    if device.type != "cuda":
        return frames if device.type == "cpu" or frames.numel() > 1 << 30 else frames.to(device)
    free, _ = torch.cuda.mem_get_info(device)
    return frames.to(device) if frames.numel() < free // 2 else frames
