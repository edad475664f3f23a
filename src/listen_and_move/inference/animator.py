"""A loaded model that plays sound.

Letters: T frames, F numbers per frame, H height, W width.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.audio.loudness import Gain
from listen_and_move.audio.room import home_fall
from listen_and_move.config import ModelConfig
from listen_and_move.data.source_frames import kept_size
from listen_and_move.inference.batching import BatchedRenderer, RenderRequest
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.display import Display
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.guide import Guide
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.sources.drawn import DrawnSource
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.models.checkpoint import Model, load_model, read_frames_file
from listen_and_move.models.generator import NetworkState
from listen_and_move.models.optimized import Precision, optimized
from listen_and_move.models.pixels import as_pixels
from listen_and_move.precision import choose_device
from listen_and_move.runs import RunFolder, model_path


class Animator:
    """A model, loaded once, that turns any number of sounds into pictures.

    Args:
        model: network, settings and what is known of the training sound.
        device: where to compute; the CPU by default.
        precision: bfloat16: faster where the processor has it, and not quite the same picture.
    """

    def __init__(
        self, model: Model, device: torch.device | None = None, precision: Precision = "float32"
    ) -> None:
        self.model, self.precision = model, precision
        self.device = device or torch.device("cpu")
        self.config: ModelConfig = model.config
        self.fps, self.size = model.config.clip.rate, (model.config.clip.width, model.config.clip.height)
        with torch.no_grad():
            self.network = optimized(model.network, precision, self.device).to(self.device)
        self.extractor = FeatureExtractor(model.config.features, self.fps, model.statistics)
        self.renderer = BatchedRenderer(
            self.network, self.extractor, model.config.noise_sizes, self.device, exact=precision == "float32"
        )
        path = None if model.kept is None else model.kept.path
        fall = None if path is None else home_fall(self.extractor, path.features, path.numbers)
        self.audio_reference = AudioReference(self.extractor, model.level, model.repertoire, fall)
        front_end = AudioFrontEnd(self.audio_reference)
        stages = (Guide(self.renderer), DrawnSource(), Display(self.fps))
        self.pipeline = Pipeline(
            front_end, stages, self.size, lambda dials: dials.check_model(self.config), self.fps
        )

    @classmethod
    def load(cls, path: Path | str, device: str = "auto", precision: Precision = "float32") -> "Animator":
        """Loads a run folder or a model file.

        Raises:
            UserError: there is no model, or it cannot be read.
        """
        return cls(loaded_model(model_path(Path(path))), choose_device(device), precision)

    @property
    def source_size(self) -> tuple[int, int]:
        """Width and height of the learnt picture at the size of the source, both even.

        It is the size of the model where the model does not know its source.
        """
        if self.model.kept is not None:
            return self.model.kept.picture_size
        box = self.config.clip.box
        return self.size if box is None else kept_size(box, small=False)

    def frames(
        self, sound: Iterable[np.ndarray], seed: int = 0, controls: Controls = AS_TRAINED, gain: Gain = 0.0
    ) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """Yields the pictures of a sound at 64 kHz.

        The sound comes in blocks of any length, and memory does not grow with it. Frame t belongs to the
        instant t / fps; there are ceil(duration x fps) frames.

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
        return self.pipeline.frames(sound, PlaySettings(controls, gain, seed))

    def draw(
        self,
        features: Float[Tensor, "T F"],
        state: NetworkState | None,
        first: int,
        seed: int = 0,
        controls: Controls = AS_TRAINED,
    ) -> tuple[UInt8[np.ndarray, "T H W 3"], NetworkState | None]:
        """Returns frames ``first`` to first + T as drawn, and the state after them.

        The frames are neither held nor delayed.
        """
        if not len(features):
            return np.zeros((0, self.size[1], self.size[0], 3), np.uint8), state
        frames, state = self.renderer.draw(RenderRequest(features, state, first, seed, controls))
        return as_pixels(frames).cpu().numpy(), state

    def live(
        self, sample_rate: int, seed: int = 0, controls: Controls = AS_TRAINED, gain: Gain = 0.0
    ) -> Live:
        """Returns a player for one sound that comes block by block; any number of players may play at once.

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
        return Live(self.pipeline, sample_rate, seed, controls, gain)


def loaded_model(file: Path) -> Model:
    """Returns the model of a file, and during a training also the frames that lie beside the file.

    Raises:
        UserError: it cannot be read.
    """
    model, frames = load_model(file), RunFolder(file.parent).frames_file
    if model.kept is None and file == RunFolder(file.parent).model_file and frames.exists():
        model = model._replace(kept=read_frames_file(frames, model.config.features.size))
    return model
