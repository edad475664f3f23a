"""A loaded model that plays sound: features, controls, recurrent state and network in one place, block by
block.

Letters: T frames, H height, W width.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, FeatureState
from listen_and_move.audio.loudness import Gain, GainState, Leveller
from listen_and_move.config import ModelConfig
from listen_and_move.errors import UserError
from listen_and_move.inference.ahead import ahead
from listen_and_move.inference.batching import BatchedRenderer, RenderRequest
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.display import UNHEARD, HeardState, ShownState, frame_sounds, shown
from listen_and_move.inference.guide import SteeredState
from listen_and_move.inference.sound_check import AudioReference
from listen_and_move.models.checkpoint import Model, load_model
from listen_and_move.models.optimized import Precision, optimized
from listen_and_move.models.pixels import as_pixels
from listen_and_move.models.rendering import BLOCK
from listen_and_move.precision import choose_device
from listen_and_move.runs import RunFolder

if TYPE_CHECKING:
    from listen_and_move.inference.live.session import Live

BLOCKS_AHEAD = 2
"""Blocks whose features are computed while the network draws."""


class PlayState(NamedTuple):
    """What is kept between blocks of sound."""

    gain: GainState | None = None
    features: FeatureState | None = None
    heard: HeardState = UNHEARD
    drawn: SteeredState | None = None
    shown: ShownState | None = None
    frame: int = 0
    """The next one to be drawn."""


BEGINNING = PlayState()
"""Nothing heard yet."""


class Animator:
    """A model, loaded once, that turns any number of sounds into pictures."""

    def __init__(
        self, model: Model, device: torch.device | None = None, precision: Precision = "float32"
    ) -> None:
        self.model, self.precision = model, precision
        self.device = device or torch.device("cpu")
        with torch.no_grad():
            self.network = optimized(model.network, precision, self.device).to(self.device)
        self.extractor = FeatureExtractor(model.config.features, model.config.clip.rate, model.statistics)
        self.renderer = BatchedRenderer(
            self.network, self.extractor, model.config.noise_sizes, self.device, exact=precision == "float32"
        )

    @classmethod
    def load(cls, path: Path | str, device: str = "auto", precision: Precision = "float32") -> "Animator":
        """Load a run folder or a model file.

        ``precision`` bfloat16: faster where the processor has it, and not quite the same picture.

        Raises:
            UserError: there is no model, or it cannot be read.
        """
        return cls(load_model(model_path(Path(path))), choose_device(device), precision)

    @property
    def config(self) -> ModelConfig:
        """What the model is."""
        return self.model.config

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        return self.config.clip.rate

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, in pixels."""
        return self.config.clip.width, self.config.clip.height

    @property
    def audio_reference(self) -> AudioReference:
        """How it hears."""
        return AudioReference(self.extractor, self.model.level, self.model.repertoire)

    def frames(
        self, sound: Iterable[np.ndarray], seed: int = 0, controls: Controls = AS_TRAINED, gain: Gain = 0.0
    ) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """The picture to a sound at 64 kHz, given in blocks of any length; memory does not grow with the
        sound.

        Frame t belongs to the instant t / fps; their number is ceil(duration x fps).

        Args:
            sound: float32 blocks (samples,).
            seed: of the noise, where the model has any.
            controls: how the picture is played.
            gain: dB with which the sound is heard; running: slowly brought to the level of the training
                sound.

        Raises:
            SettingError: a control that this model does not have.
            UserError: no such gain.
        """
        controls.check_model(self.config)
        state = BEGINNING
        for samples, features in ahead(self._heard(sound, gain), BLOCKS_AHEAD):
            frames, state = self._played(samples, features, state, seed, controls)
            yield from frames

    def _heard(self, sound: Iterable[np.ndarray], gain: Gain) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Samples as they are heard, with the features of the frames that they complete."""
        leveller, gains, state = Leveller(gain, self.model.level), None, None
        for piece in _grouped(sound, ceil(BLOCK * SAMPLE_RATE / self.fps)):
            louder, gains = leveller.push(piece, gains)
            features, state = self.extractor.push(torch.from_numpy(louder), state)
            yield louder, features
        yield np.zeros(0, np.float32), self.extractor.finish(state)

    def push(
        self,
        samples: Float[np.ndarray, " samples"],
        state: PlayState = BEGINNING,
        seed: int = 0,
        controls: Controls = AS_TRAINED,
        gain: Gain = 0.0,
        late: int = 0,
    ) -> tuple[list[UInt8[np.ndarray, "H W 3"]], PlayState]:
        """Hear the next samples at 64 kHz, any number; the frames that they complete, and the state to
        continue from.

        Controls and gain may change from one block to the next. Of the frames, the first ``late`` come too
        late to be worth drawing: they are heard, and the picture before is given in their place.
        """
        louder, gains = Leveller(gain, self.model.level).push(samples, state.gain)
        features, kept = self.extractor.push(torch.from_numpy(louder), state.features)
        return self._played(louder, features, state._replace(gain=gains, features=kept), seed, controls, late)

    def finish(
        self, state: PlayState, seed: int = 0, controls: Controls = AS_TRAINED
    ) -> list[UInt8[np.ndarray, "H W 3"]]:
        """The frames that are left when the sound has ended, silence behind it."""
        return self._played(
            np.zeros(0, np.float32), self.extractor.finish(state.features), state, seed, controls
        )[0]

    def _played(
        self,
        samples: np.ndarray,
        features: Tensor,
        state: PlayState,
        seed: int,
        controls: Controls,
        late: int = 0,
    ) -> tuple[list[np.ndarray], PlayState]:
        sounds, heard = frame_sounds(samples, len(features), self.extractor, state.heard)
        late = (
            min(late, len(features)) if state.shown else 0
        )  # before the first picture there is none to give
        state, pictures = state._replace(heard=heard), []
        for place, piece in _pieces(features, late):
            part = RenderRequest(piece, state.drawn, state.frame, seed, controls)
            frames, drawn = (
                self._repeated(part, state.shown) if place < late and state.shown else self._drawn(part)
            )
            seen, after = shown(frames, sounds[place : place + len(piece)], controls, self.fps, state.shown)
            state = state._replace(drawn=drawn, shown=after, frame=state.frame + len(piece))
            pictures += seen
        return pictures, state

    def _repeated(
        self, part: RenderRequest, before: ShownState
    ) -> tuple[Sequence[np.ndarray], SteeredState | None]:
        return [before.picture] * len(part.features), self.renderer.hear(part)

    def _drawn(self, part: RenderRequest) -> tuple[UInt8[np.ndarray, "T H W 3"], SteeredState | None]:
        frames, state = self.renderer.draw(part)
        return as_pixels(frames).cpu().numpy(), state

    def draw(
        self,
        features: Float[Tensor, "T F"],
        state: SteeredState | None,
        first: int,
        seed: int = 0,
        controls: Controls = AS_TRAINED,
    ) -> tuple[UInt8[np.ndarray, "T H W 3"], SteeredState | None]:
        """Frames ``first`` to first + T as they are drawn, not held or delayed, and the state to continue
        from."""
        if not len(features):
            return np.zeros((0, self.size[1], self.size[0], 3), np.uint8), state
        return self._drawn(RenderRequest(features, state, first, seed, controls))

    def live(
        self, sample_rate: int, seed: int = 0, controls: Controls = AS_TRAINED, gain: Gain = 0.0
    ) -> "Live":
        """A player for one sound that comes block by block, with its own state; any number of them may play
        at once.

        Args:
            sample_rate: of the sound.
            seed: of the noise, where the model has any.
            controls: how the picture is played.
            gain: dB with which the sound is heard; running: slowly brought to the level of the training
                sound.

        Raises:
            SettingError: a control that this model does not have.
            UserError: no such rate or gain.
        """
        from listen_and_move.inference.live.session import Live  # which plays an Animator

        return Live(self, sample_rate, seed, controls, gain)


def _pieces(features: Float[Tensor, "T F"], late: int) -> Iterator[tuple[int, Float[Tensor, "T F"]]]:
    """The late ones as a whole, and then so many as are drawn at once; each with the place of its first."""
    if late:
        yield 0, features[:late]
    for place in range(late, len(features), BLOCK):
        yield place, features[place : place + BLOCK]


def _grouped(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same sound in blocks of so many samples; the last one may be shorter."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= size:
            joined = np.concatenate(waiting)
            whole = len(joined) - len(joined) % size
            yield from np.split(joined[:whole], range(size, whole, size))
            waiting = [joined[whole:]]
    if waiting:
        yield np.concatenate(waiting)


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
