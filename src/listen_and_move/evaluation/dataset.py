"""Dataset of an evaluation: the learnt video and the measured one, frames on disk, sound as features.

Letters: N frames of the video, T frames of the part that is measured, F numbers per frame, H height, W width.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, Statistics
from listen_and_move.audio.loudness import Gain
from listen_and_move.clock import Seconds, exact, frame_sample, frame_time
from listen_and_move.config import ClipConfig, FeatureConfig
from listen_and_move.data.aligning import Aligner
from listen_and_move.data.clip import clip_frames, file_hash, resolved_box, split
from listen_and_move.data.frame_store import FrameStore, Shelf
from listen_and_move.errors import UserError
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound
from listen_and_move.models.rendering import BLOCK
from listen_and_move.runs import RunFolder

HELD_OUT, TRAINING = "held-out part", "training part"
"""Names of the parts of the learnt video that can be measured."""
LEAST_FRAMES = 8
"""Fewest frames that can be measured: fewer say nothing about motion."""
Watch = Callable[[str, int, int], None]
"""Called with the name of the work, how much of it is done, and how much there is."""


@runtime_checkable
class Frames(Protocol):
    """Frames that can be read part by part, wherever they are."""

    def __len__(self) -> int:
        """Returns the number of frames."""
        ...

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Returns frames ``first`` to ``last`` (exclusive)."""
        ...


@dataclass(frozen=True)
class FrameSpan:
    """A stretch of other frames, with the same interface."""

    frames: Frames
    span: range

    def __len__(self) -> int:
        return len(self.span)

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Returns frames ``first`` to ``last`` of the stretch."""
        return self.frames.read(self.span.start + first, self.span.start + last)


class Origin(NamedTuple):
    """What results say of where a video is from."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class Video:
    """A decoded video; frame t shows the instant start + t / fps of the file."""

    path: Path
    start: Fraction
    fps: Fraction
    frames: FrameStore
    features: Float[Tensor, "N F"]
    track: int | None
    """Number of the sound track in the file; None: the default track."""
    made_of: Origin | None = None
    """What the file was made of, where it was made to be measured."""

    @property
    def origin(self) -> Origin:
        """Where the video is from."""
        return self.made_of or Origin(self.path.name, self.path, file_hash(self.path))

    def seconds(self, frame: int) -> Fraction:
        """Returns the instant of a frame in the file, in seconds."""
        return self.start + frame_time(frame, self.fps)


@dataclass(frozen=True)
class Dataset:
    """The learnt video and the measured one, which may be the same."""

    learnt: Video
    train: tuple[range, ...]
    """The trained parts of the learnt video, in frames."""
    measured: Video
    span: range
    """The measured part of the measured video, in frames."""
    name: str
    """The measured part in words: `HELD_OUT`, `TRAINING` or the name of another video."""
    unseen: FrameSpan
    """Real frames that were never trained on; may be empty."""
    left_out: tuple[str, ...] = ()
    """Measures that are left out, in words."""
    subfolder: str = ""
    """Subfolder of the report, where the name of the part does not say it."""

    @property
    def real(self) -> FrameSpan:
        """Frames of the measured part."""
        return FrameSpan(self.measured.frames, self.span)

    @property
    def longest(self) -> range:
        """The longest trained part."""
        return max(self.train, key=len)


def open_dataset(
    folder: RunFolder,
    statistics: Statistics | None,
    video: Path | None,
    training: bool,
    shelf: Shelf,
    watch: Watch,
) -> Dataset:
    """Returns the dataset of a run, its videos decoded.

    Args:
        folder: the run.
        statistics: of the features that the run's model was trained with; None where it has none.
        video: where the run's video is now, or another video to measure on.
        training: measure on the training part.
        shelf: takes the frames.
        watch: told the progress.

    Raises:
        UserError: a video is missing or unreadable, or nothing is held out.
    """
    config = folder.config()
    other = video is not None and probe(video) is not None and file_hash(video) != folder.films.video_hash
    learnt = decode(
        _learnt(folder, None if other else video, other),
        config.clip,
        config.features,
        statistics,
        shelf,
        watch,
    )
    train, held_out = split(len(learnt.frames), config.clip)
    if other and video is not None:
        measured = decode(video, _whole(video, config.clip), config.features, statistics, shelf, watch)
        span = range(len(measured.frames))
        if len(span) < LEAST_FRAMES:
            raise UserError(
                f"{video}: expected at least {LEAST_FRAMES} frames; got {len(span)}: give a longer video"
            )
        return Dataset(learnt, train, measured, span, video.stem, FrameSpan(measured.frames, span))
    if training:
        return Dataset(
            learnt, train, learnt, max(train, key=len), TRAINING, FrameSpan(learnt.frames, held_out)
        )
    if len(held_out) < LEAST_FRAMES:
        raise UserError(
            f"{folder.path}: expected a held-out part of at least {LEAST_FRAMES} frames; got {len(held_out)}",
            "train with --holdout, give another take with --video, or measure on what was trained with "
            "--training",
        )
    return Dataset(learnt, train, learnt, held_out, HELD_OUT, FrameSpan(learnt.frames, held_out))


def _learnt(folder: RunFolder, video: Path | None, other: bool) -> Path:
    try:
        return folder.films.video(video)
    except UserError as error:
        if not other:
            raise
        raise UserError(f"{error.message}; the baselines are made of it", "put it back there first") from None


def _whole(video: Path, clip: ClipConfig) -> ClipConfig:
    """Returns the settings for the whole of another video.

    It has the run's tracks and crop, where the video has such tracks and is large enough.
    """
    media, box = probe(video), clip.box
    picture, sound = (
        number if number is not None and number < len(tracks) else None
        for number, tracks in ((clip.picture_track, media.pictures), (clip.track, media.sounds))
    )
    info = probe(video, picture).video
    fits = info is not None and box is not None and box[2] <= info.width and box[3] <= info.height
    crop = clip.crop if fits else ""
    return replace(
        clip,
        start=0.0,
        end=None,
        crop=crop,
        holdout="0",
        track=sound,
        picture_track=picture,
        camera="as-filmed",  # the camera of another video stood elsewhere
    )


def decode(
    path: Path,
    clip: ClipConfig,
    features: FeatureConfig,
    statistics: Statistics | None,
    shelf: Shelf,
    watch: Watch,
) -> Video:
    """Returns a decoded video: its frames on the shelf, its sound as features.

    Args:
        path: of the video.
        clip: which part of it, at which size and rate.
        features: settings of the features.
        statistics: of the training track, where features are standardised.
        shelf: takes the frames.
        watch: told the progress.

    Raises:
        UserError: no picture, no sound, or nothing in the part that ``clip`` names.
    """
    box, start = resolved_box(path, clip), exact(clip.start)
    store = shelf.store(clip.width, clip.height)
    for frame, expected in clip_frames(path, clip, box, Aligner.of(path, clip, box)):
        store.append(frame[None])
        if len(store) % BLOCK == 0:
            watch(f"decoding {path.name}", len(store), max(expected, len(store)))
    if len(store) < 3:
        raise UserError(
            f"{path}: expected at least 3 frames from {clip.start} s on; got {len(store)}: choose another "
            "part"
        )
    watch(f"decoding {path.name}", len(store), len(store))
    extractor = FeatureExtractor(features, clip.rate, statistics)
    heard = sound_features(path, extractor, start, len(store), track=clip.track)
    return Video(path, start, clip.rate, store, heard, clip.track)


def sound_features(
    path: Path,
    extractor: FeatureExtractor,
    start: Seconds,
    frames: int,
    gain: Gain = 0.0,
    track: int | None = None,
) -> Float[Tensor, "N F"]:
    """Returns the features of a part of a sound; where the sound has ended there is silence.

    Args:
        path: of a file with sound.
        extractor: of the features, at a frame rate.
        start: of the part, in seconds.
        frames: N.
        gain: with which the sound is heard, in dB.
        track: number of the sound in the file; None: the default one.
    """
    total = frame_sample(frames, extractor.fps, SAMPLE_RATE)
    end = exact(start) + frame_time(frames, extractor.fps)
    sound = padded(read_sound(path, SAMPLE_RATE, track=track, start=start, end=end), total)
    front_end = AudioFrontEnd(AudioReference(extractor, None, None))
    return torch.cat([*front_end.features(sound, PlaySettings(gain=gain))])[:frames]


def padded(blocks: Iterable[NDArray[np.float32]], samples: int) -> Iterator[NDArray[np.float32]]:
    """The blocks, and silence behind them up to a number of samples."""
    for block in blocks:
        samples -= len(block)
        yield block
    if samples > 0:
        yield np.zeros(samples, np.float32)
