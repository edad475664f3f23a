"""Validation on the held-out parts: a few measures, and a video of real beside generated frames.

Several takes have a held-out part each, measured one by one.

Letters: T frames, H height, W width.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from listen_and_move.clock import frame_sample
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.errors import UserError, passing_over
from listen_and_move.media.sound import read_sound
from listen_and_move.media.soundtrack import SoundTrack, Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.frame import MOVING_SHARE, psnr, sharpness_ratio
from listen_and_move.metrics.sync import correlation, difference_correlation, motion_energy, motion_ratio
from listen_and_move.models.generator import Network
from listen_and_move.models.rendering import played
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import compared

MOST_FRAMES = 200
"""Most frames of a held-out part that are validated, from its beginning, so that it takes seconds."""
LEAST_FRAMES = 3
"""Fewest frames in which changes can be correlated."""
JOINED_RATE = 48_000
"""Sample rate of the sound of several joined parts."""


def play(network: Network, clip: Clip, config: Config, frames: range) -> UInt8[np.ndarray, "T H W 3"]:
    """Returns the network's pictures for some frames of the clip.

    Args:
        network: in any mode, which stays.
        clip: the decoded clip.
        config: the run's settings, whose seed draws the noise.
        frames: frame numbers; the network hears what comes before them.
    """
    training = network.training
    network.eval()
    seed, earliest = config.training.seed, clip.stretch(frames.start).start
    pictures = np.concatenate([*played(network, clip.features, frames, config, seed, earliest=earliest)])
    network.train(training)  # without an EMA, training goes on with this network
    return pictures


def held_out(clip: Clip) -> list[range]:
    """Returns the frame numbers to validate on, part by part; none where too little is held out."""
    most = max(LEAST_FRAMES, MOST_FRAMES // len(clip.held_out))
    return [span[:most] for span in clip.held_out if len(span) >= LEAST_FRAMES]


def figures(generated: UInt8[np.ndarray, "T H W 3"], real: UInt8[np.ndarray, "T H W 3"]) -> dict[str, float]:
    """Measures how well the generated frames follow the real ones.

    Args:
        generated: frames, 0..255.
        real: as many frames of that size.

    Returns:
        The measures of `metrics.sync` and `metrics.frame`, by name.
    """
    return {
        "dcor": difference_correlation(generated, real),
        "motion_correlation": correlation(motion_energy(generated), motion_energy(real)),
        "motion_ratio": motion_ratio(generated, real),
        "sharpness_moving": sharpness_ratio(generated, real, MOVING_SHARE),
        "psnr": psnr(generated, real),
    }


def validate(network: Network, clip: Clip, config: Config) -> dict[str, float]:
    """Measures the network on the held-out parts.

    Args:
        network: to validate.
        clip: the decoded clip.
        config: the run's settings.

    Returns:
        The `figures`, of several parts the mean by their lengths; none where no part is long enough.
    """
    parts = held_out(clip)
    found = [figures(play(network, clip, config, part), _real(clip, part)) for part in parts]
    shares = [len(part) / sum(map(len, parts)) for part in parts]
    names = found[0] if found else {}
    return {name: sum(share * of[name] for share, of in zip(shares, found, strict=True)) for name in names}


def write_sample(path: Path, network: Network, clip: Clip, config: Config) -> None:
    """Writes real (left) beside generated (right) frames of the held-out parts, with their sound.

    Args:
        path: the video file; nothing is written where no part is long enough.
        network: to draw with.
        clip: the decoded clip.
        config: the run's settings.
    """
    parts = held_out(clip)
    if not parts:
        return
    height, width = clip.frames.shape[1:3]
    sound = _sound(clip, parts, config)
    with VideoWriter(
        path,
        width=2 * width,
        height=height,
        fps=config.clip.rate,
        sound=sound,
        label=Label(compared()),
        overwrite=True,
    ) as writer:
        for part in parts:
            for pair in zip(_real(clip, part), play(network, clip, config, part), strict=True):
                writer.write(np.concatenate(pair, axis=1))


def _real(clip: Clip, frames: range) -> UInt8[np.ndarray, "T H W 3"]:
    return clip.frames[frames.start : frames.stop].cpu().numpy()


def _sound(clip: Clip, parts: list[range], config: Config) -> SoundTrack | Waveform | None:
    """Returns the sound of parts one after the other.

    Several parts have one channel, which is silent where a part has no sound.
    """
    if clip.sound is None:
        return None
    tracks = [clip.sound(part) for part in parts]
    if len(tracks) == 1:
        return tracks[0]
    joined = []
    for track, part in zip(tracks, parts, strict=True):
        assert isinstance(track, SoundTrack), "only takes have several parts"
        samples = np.zeros(frame_sample(len(part), config.clip.rate, JOINED_RATE), np.float32)
        with passing_over(UserError):  # the sound ends before the part
            blocks = read_sound(track.path, JOINED_RATE, track=track.track, start=track.start, end=track.end)
            heard = np.concatenate([*blocks])[: len(samples)]
            samples[: len(heard)] = heard
        joined.append(samples)
    return Waveform(np.concatenate(joined), JOINED_RATE)
