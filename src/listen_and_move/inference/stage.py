"""What flows through the stages of a pipeline, and what a stage is.

Letters: H height, W width, F numbers of a frame's features.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.audio.beats import Beats
from listen_and_move.audio.features import Matching
from listen_and_move.audio.loudness import Gain
from listen_and_move.audio.matching import Adapt
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.media.edit_list import ClipMoment


class PlaySettings(NamedTuple):
    """How a sound is played; may change from one push to the next."""

    controls: Controls = AS_TRAINED
    gain: Gain = 0.0
    """dB with which the sound is heard; running: slowly brought to the level of the training sound."""
    seed: int = 0
    """Of the noise, where the model has any."""
    matching: Matching | None = None
    """How the sound is brought into the clip's sound world; None: as `adapt` says, by what has been heard."""
    comparing: Matching | None = None
    """What is done to the sound where it is compared with the training sound, beside `matching`; None:
    nothing else."""
    echo: float = 0.0
    """Share of what was heard a tenth of a second before that is taken out; see `audio.room`."""
    adapt: Adapt = 0.0
    """How far it is brought there, where nothing is known of it before: see `audio.matching`."""
    beats: Beats | None = None
    """Of the sound, on which those of the clip are played; None: they do not count."""
    late: int = 0
    """Of the frames that a push completes, so many come too late to be drawn: the last picture stays on
    display."""


AS_IT_IS = PlaySettings()
"""Every setting where it changes nothing."""


class Frame(NamedTuple):
    """One frame on its way."""

    number: int
    """Of the frame, from 0."""
    samples: Float[np.ndarray, " samples"]
    """Sound at 64 kHz after the gain, from the frame's instant to as far as it hears; ends where the sound
    ends."""
    features: Float[Tensor, " F"]
    """Features of the sound."""
    foreign: float = 0.0
    """How far the sound is led by its strokes, 0 to 1: as far as it was brought into the clip's sound world,
    where its features tell strokes."""
    stroke: float = 0.0
    """How much louder a foreign sound becomes, over its mean, in spreads; see `FeatureExtractor.strokes`."""
    compared: Float[Tensor, " F"] | None = None
    """Features by which the sound is compared with the training sound; None: the same."""
    late: bool = False
    """Too late to be drawn."""
    guide: Float[Tensor, "3 h w"] | None = None
    """The network's picture, [-1, 1]; None before the guide, without one, or where the frame is late."""
    picture: UInt8[np.ndarray, "H W 3"] | None = None
    """What is shown; None before the picture source, or where the frame is late and nothing is on display
    yet."""
    moments: tuple[ClipMoment, ...] = ()
    """Moments of the clip that the picture shows, the oldest first; none where a network drew it."""


class Stage(Protocol):
    """A part of the way. A state is a NamedTuple, or None for the beginning of a sound."""

    def push(self, inputs: list[Frame], state: Any, settings: PlaySettings) -> tuple[list[Frame], Any]:
        """Returns the frames that the inputs complete, and the state to continue from.

        Args:
            inputs: frames of the stage before, in order.
            state: as the last push returned it.
            settings: how the sound is played from here on.
        """
        ...

    def finish(self, state: Any, settings: PlaySettings) -> Iterable[Frame]:
        """Returns the frames that are left when there are no more inputs."""
        ...


def pictures(frames: Iterable[Frame]) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Returns the pictures of frames that came out of a pipeline."""
    return [frame.picture for frame in frames if frame.picture is not None]
