"""The session of live play: takes the samples of one sound as they come, and gives pictures.

Letters: n samples, H height, W width.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from listen_and_move.arrays import not_finite
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import Gain, checked_gain
from listen_and_move.audio.matching import Adapt, checked_adapt
from listen_and_move.audio.novelty import novelty
from listen_and_move.clock import frame_count
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.stage import Frame, PlaySettings, pictures
from listen_and_move.media.mixing import MonoMix
from listen_and_move.media.resampling import HIGHEST_RATE, LOWEST_RATE, Resampler, delay

LARGEST_SAMPLE = 1e6
"""Largest sample, where full scale is 1: larger ones are in another unit, and may exceed float32."""


class Delays(NamedTuple):
    """Parts of the latency in seconds, without the time of computing."""

    window: Fraction
    """Sound from its own instant on that a frame needs by the method (85 ms as trained by default)."""
    look_ahead: Fraction
    """Sound that is waited for beyond the window, with the last part of a picture of another rate."""
    resampling: Fraction
    """Delay of the filter that resamples the sound to 64 kHz."""
    control: Fraction
    """Delay that the controls ask for."""

    @property
    def sound(self) -> Fraction:
        """Seconds of sound beyond its own instant that a frame waits for: all delays but the controls'."""
        return self.window + self.look_ahead + self.resampling


class Live:
    """A player of one sound with its own state; many players may play one pipeline, in threads of their own.

    The pictures are those of the same samples in a file, with the same seed, controls and gain, however the
    sound is cut.

    Args:
        pipeline: from samples at 64 kHz to pictures.
        sample_rate: of the sound.
        seed: of the noise, where the model has any.
        controls: how the picture is played.
        gain: dB with which the sound is heard, or running.
        adapt: how far a foreign sound is brought into the clip's sound world, see `audio.matching`.

    Raises:
        SettingError: a control that does not apply.
        UserError: no such rate or gain.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        sample_rate: int,
        seed: int = 0,
        controls: Controls = AS_TRAINED,
        gain: Gain = 0.0,
        adapt: Adapt = 0.0,
    ) -> None:
        self.pipeline, self.rate, self.seed = pipeline, checked_rate(sample_rate), seed
        self.controls = controls
        self._gain: Gain = checked_gain(gain)
        self.adapt: Adapt = checked_adapt(adapt)
        self.mix, self.resampler = MonoMix(sample_rate), Resampler(sample_rate, SAMPLE_RATE)
        self.state = None
        self.frame = 0
        """Number of the next frame, which is the number of frames so far."""
        self.last: Frame | None = None
        """The newest frame so far."""
        self.over = False

    @property
    def controls(self) -> Controls:
        """Dials of the picture; may be changed between pushes."""
        return self._controls

    @controls.setter
    def controls(self, controls: Controls) -> None:
        self.pipeline.check(controls)
        self._controls = controls

    @property
    def gain(self) -> Gain:
        """Gain in dB, or running; may be changed between pushes."""
        return self._gain

    @gain.setter
    def gain(self, gain: Gain) -> None:
        self._gain = checked_gain(gain)

    @property
    def delays(self) -> Delays:
        """Parts of the latency."""
        extractor, fps = self.pipeline.front_end.reference.extractor, self.pipeline.fps
        window = extractor.look_ahead - extractor.ahead / extractor.fps
        waited = (extractor.ahead + self.pipeline.held_back) / extractor.fps
        look_ahead = waited + self.pipeline.until_shown
        resampling = delay(self.rate, SAMPLE_RATE)
        return Delays(window, look_ahead, resampling, self.controls.delay_frames(fps) / fps)

    @property
    def latency(self) -> float:
        """Seconds from an instant of the sound to the frame of that instant."""
        return float(sum(self.delays))

    @property
    def novelty(self) -> float | None:
        """Novelty of the newest frame's sound before matching; None: not known.

        The sound is that from the frame's instant on. 1 is the distance of training sounds from each other,
        see `audio.novelty`.
        """
        extractor, _, repertoire, _ = self.pipeline.front_end.reference
        if self.last is None or repertoire is None:
            return None
        own_chunk = extractor.chunks(torch.from_numpy(self.last.samples), 0, 1)
        return float(novelty(extractor.standardised(own_chunk), repertoire)[0])

    def push(self, samples: Float[np.ndarray, "n ..."], late: int = 0) -> list[UInt8[np.ndarray, "H W 3"]]:
        """Returns the pictures that the next samples complete, often none.

        Args:
            samples: float, full scale 1, (n,) or (n, channels), any n; channels are mixed as those of
                a file.
            late: so many of the frames to come are too late to be worth drawing: they are heard, and the
                picture before them is given in their place.

        Raises:
            UserError: no such samples, or NaN or infinity among them; then nothing of them was heard.
        """
        if self.over:
            raise UserError("live: expected no sound after its end; got more: begin again with Animator.live")
        resampled = self.resampler.push(self.mix.push(checked_samples(samples)))
        frames, self.state = self.pipeline.push(resampled, self.state, self._settings(late))
        self.frame += len(frames)
        self.last = frames[-1] if frames else self.last
        return pictures(frames)

    def finish(self) -> list[UInt8[np.ndarray, "H W 3"]]:
        """Ends the player and returns the remaining pictures.

        There are then ceil(duration x fps) in all.
        """
        if self.over:
            return []
        self.over = True
        frames, state = self.pipeline.push(self.resampler.finish(), self.state, self._settings())
        frames += self.pipeline.finish(state, self._settings())
        # Resampling may round a sound up by a sample, which could begin a frame beyond its end.
        total = frame_count(self.resampler.input_count, self.rate, self.pipeline.fps)
        return pictures(frames[: total - self.frame])

    def _settings(self, late: int = 0) -> PlaySettings:
        return PlaySettings(self.controls, self.gain, self.seed, adapt=self.adapt, late=late)


def checked_rate(rate: int) -> int:
    """Returns a sample rate if it can be used.

    Raises:
        UserError: it is none.
    """
    if (
        isinstance(rate, bool)
        or not isinstance(rate, (int, np.integer))
        or not LOWEST_RATE <= rate <= HIGHEST_RATE
    ):
        raise UserError(
            f"rate: expected {LOWEST_RATE} to {HIGHEST_RATE} samples per second, a whole number; got {rate!r}"
        )
    return int(rate)


def checked_samples(samples: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n channels"]:
    """Returns samples with channels if they can be used.

    Raises:
        UserError: another shape or type, or values that are no samples.
    """
    if (
        not isinstance(samples, np.ndarray)
        or samples.dtype.kind != "f"
        or samples.ndim not in (1, 2)
        or 0 in samples.shape[1:]
    ):
        found = (
            f"{samples.dtype} {samples.shape}" if isinstance(samples, np.ndarray) else type(samples).__name__
        )
        raise UserError(
            f"samples: expected an array of floats, full scale 1, of shape (n,) or (n, channels); got {found}"
        )
    if (bad := not_finite(samples)) is not None:
        raise UserError(
            f"samples: expected finite ones; got NaN or infinity at place {bad}: leave the block away or "
            "mend it"
        )
    if len(samples) and np.abs(samples).max() > LARGEST_SAMPLE:
        raise UserError(
            f"samples: expected full scale 1; got {np.abs(samples).max():.3g}: divide by the full scale"
        )
    return samples[:, None] if samples.ndim == 1 else samples


@contextmanager
def core_to_spare(live: bool = True) -> Iterator[None]:
    """Within the context live play leaves one core to the program that gives the sound or takes the pictures.

    Threads that share a picture wait for the slowest of them: one core too many, busy with another program,
    holds up all.
    """
    usual = torch.get_num_threads()
    if live:
        torch.set_num_threads(max(1, min(usual, (os.cpu_count() or 1) - 1)))
    try:
        yield
    finally:
        torch.set_num_threads(usual)
