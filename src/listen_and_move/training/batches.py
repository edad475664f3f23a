"""What a step sees: windows of the clip, how they sound this time, and what is remembered from before
them."""

import torch
from torch import Tensor

from listen_and_move.audio.augmentation import augmented_power, room_tone
from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.windows import Positions, Windows, next_windows
from listen_and_move.models.generator import NetworkState
from listen_and_move.models.pixels import as_network
from listen_and_move.models.recurrent import row, stacked
from listen_and_move.training.memory_fitting import memory_places, near
from listen_and_move.training.state import TrainingState
from listen_and_move.training.step import Batch, SilenceBatch

REST_EVERY = 4
"""Steps from one quiet room to the next."""


class Batches:
    """A clip in the form that steps take it; all that changes is in the training state."""

    def __init__(self, clip: Clip, config: Config, device: torch.device) -> None:
        self.clip, self.config, self.device = clip, config, device
        self.frames = _on_device(clip.frames, device)
        self.features = clip.features.to(device)
        self.extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
        self.loudness = 0.0 if clip.power is None else float(clip.power.mean())
        self.places = memory_places(clip, config) if config.generator.recall else None
        weight = 1 + config.losses.motion_weight * clip.motion_map if config.losses.motion_weight else None
        self.pixel_weight = None if weight is None else (weight / weight.mean()).to(device)

    def next(self, state: TrainingState) -> tuple[Batch, Positions]:
        """The next windows, and where the lanes are after them; draws from the state's random generator."""
        config, length = self.config.training, self.config.training.window
        windows, positions = next_windows(config, self.clip.train, state.positions, state.random)
        real = torch.stack([self.frames[start : start + length].to(self.device) for start in windows.starts])
        heard = self._heard(windows, state.random)
        features = torch.stack([each[-length:] for each in heard])
        if config.feature_noise:
            features = features + config.feature_noise * torch.randn(
                features.shape, generator=state.random
            ).to(features)
        noise = self._noise(state, len(heard), length)
        memory = self._memory(state, windows, [each[:-length] for each in heard])
        quiet, memory_mask = self._quiet(state), self._banned(state, windows)
        return Batch(
            as_network(real), features, *noise, memory, self.pixel_weight, memory_mask, quiet
        ), positions

    def _heard(self, windows: Windows, random: torch.Generator) -> list[Tensor]:
        """Features of each window and of the frames before it on which the state is made anew."""
        starts = [start if primed is None else primed for start, primed in zip(*windows, strict=True)]
        return [
            self._sound(first, start + self.config.training.window, random)
            for first, start in zip(starts, windows.starts, strict=True)
        ]

    def _sound(self, first: int, last: int, random: torch.Generator) -> Tensor:
        """Features of some frames: of the track, or of the track disturbed."""
        strength, power = self.config.training.disturbance, self.clip.power
        if not strength or power is None:
            return self.features[first:last]
        power = power[first : last + self.config.features.past + self.config.features.future]
        return self._described(augmented_power(power, self.loudness, strength, random))

    def _described(self, power: Tensor) -> Tensor:
        return self.extractor.assemble(self.extractor.described(power)).to(self.device)

    def _memory(self, state: TrainingState, windows: Windows, before: list[Tensor]) -> NetworkState | None:
        """The state before each window: carried over, or made anew on the frames before it, as they are
        heard."""
        states = [
            self._carried(state, lane) if primed is None else self._primed(state, sound)
            for lane, (primed, sound) in enumerate(zip(windows.primed, before, strict=True))
        ]
        return stacked(states) if any(each is not None for each in states) else None

    @staticmethod
    def _carried(state: TrainingState, lane: int) -> NetworkState | None:
        return None if state.lanes is None else row(state.lanes, lane)

    @torch.no_grad()
    def _primed(self, state: TrainingState, sound: Tensor) -> NetworkState | None:
        return state.network.prime(sound[None], self._noise(state, 1, len(sound))[0]) if len(sound) else None

    def _noise(self, state: TrainingState, batch: int, length: int) -> tuple[Tensor, list[Tensor] | None]:
        motion, content = self.config.noise_sizes
        moving = torch.rand(batch, length, motion, generator=state.random)
        still = (
            torch.randn(batch, 1, content, generator=state.random)
            if content
            else moving.new_zeros(batch, 1, 0)
        )
        vectors = torch.cat([moving, still.expand(-1, length, -1)], dim=-1)
        shapes = state.network.pixel_noise_shapes
        pixels = [torch.randn(batch, length, 1, *shape, generator=state.random) for shape in shapes]
        vectors, *pixels = (each.to(self.device, non_blocking=True) for each in (vectors, *pixels))
        return vectors, pixels or None

    def _banned(self, state: TrainingState, windows: Windows) -> Tensor | None:
        """What each window may not recall; quiet rooms, which are remembered after the frames, it always
        may."""
        recall = state.network.generator.recall
        if self.places is None or recall is None:
            return None
        length, places = self.config.training.window, self.places
        memory_mask = torch.stack(
            [near(places, range(start, start + length), self.config) for start in windows.starts]
        )
        return torch.nn.functional.pad(memory_mask, (0, len(recall.frames) - len(places))).to(self.device)

    def _quiet(self, state: TrainingState) -> SilenceBatch | None:
        """A quiet room, after some time in it; in every fourth step."""
        if not self.config.losses.rest or state.step % REST_EVERY:
            return None
        before, length = self.config.training.priming, self.config.training.window
        chunks = before + length + self.config.features.past + self.config.features.future
        sound = self._described(
            room_tone((chunks, self.extractor.columns), self.config.features.bands, state.random)
        )
        noise, _ = self._noise(state, 1, length)
        return SilenceBatch(sound[None, before:], noise, self._primed(state, sound[:before]))


def _on_device(frames: Tensor, device: torch.device) -> Tensor:
    """The clip on the device where it takes less than half of the free memory there."""
    if device.type != "cuda":
        return frames if device.type == "cpu" or frames.numel() > 1 << 30 else frames.to(device)
    free, _ = torch.cuda.mem_get_info(device)
    return frames.to(device) if frames.numel() < free // 2 else frames
