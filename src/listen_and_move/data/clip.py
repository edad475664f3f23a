"""One video in memory: its frames as uint8, the features of its sound, and which part is held out.

Letters: N frames, F numbers per frame.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil, isnan, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, Statistics, measure
from listen_and_move.audio.loudness import gated_level
from listen_and_move.clock import exact, frame_count, frame_sample, frame_time
from listen_and_move.config import ClipConfig, Config
from listen_and_move.data import cache
from listen_and_move.data.aligning import Aligner
from listen_and_move.data.take import Take
from listen_and_move.errors import UserError
from listen_and_move.media.conversion import Box, centred_box
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.media.soundtrack import SoundTrack, Waveform
from listen_and_move.memory import machine_bytes
from listen_and_move.progress import Progress, untold

SILENCE = 1e-4
"""Largest sample below which a sound counts as silent: -80 dBFS."""
COPIES, USUAL_MEMORY = 3, 16_000_000_000
"""Copies of the decoded frames that have to fit into memory, and a usual memory in bytes.

Frames are held twice while they are put into one array, and the rest of a training comes beside them. The
usual memory is taken for a machine that does not say its own."""
_BLOCK = 256  # frames added at once: bounds memory


@dataclass(frozen=True)
class Clip:
    """A decoded video, ready to be learnt."""

    frames: UInt8[Tensor, "N H W 3"]
    features: Float[Tensor, "N F"]
    statistics: Statistics | None
    """Statistics of the training part's chunks, where the features are standardised."""
    train: tuple[range, ...]
    """Frames that may be learnt, in ranges that do not touch: one or two of a video, one or more of every
    song."""
    held_out: tuple[range, ...]
    """Frames that are never trained on: a part of the clip, or one of each take; each may be empty."""
    box: Box
    """The crop in pixels of the video: left, top, right, bottom."""
    level: float | None
    """Level of the training part's sound, in dB of full scale; None where it is too quiet to tell."""
    power: Float[Tensor, "chunks C B"] | None = None
    """Mel power of the chunks, those before and after the frames included; where the sound is augmented in
    training."""
    sound: Callable[[range], SoundTrack | Waveform] | None = None
    """Returns the sound of some frames; None: there is no sound to play."""
    takes: tuple[Take, ...] = ()
    """The files, where there are several takes."""
    stretches: tuple[range, ...] = ()
    """Frames of each stretch, where the clip is made of songs: nothing is heard of one stretch in another."""
    poses: Float[np.ndarray, "M 4"] | None = None
    """Poses of the crop at the source's rate, where frames are aligned; None: frames are as they were filmed.
    """
    light: Float[np.ndarray, "M 3"] | None = None
    """Light that was taken out, in stops, at the source's rate; None: it is as it was filmed."""

    def stretch(self, frame: int) -> range:
        """Returns the frames of the stretch that holds a frame: all of them where there is one film."""
        return next((span for span in self.stretches if frame in span), range(len(self.frames)))

    @property
    def mean_frame(self) -> Float[Tensor, "3 H W"]:
        """The mean of the training frames, in [-1, 1]."""
        blocks = (block for span in self.train for block in self.frames[span.start : span.stop].split(_BLOCK))
        total = sum((block.double().sum(0) for block in blocks), torch.zeros(()).double())
        mean = total / sum(len(span) for span in self.train)
        return (mean / 127.5 - 1).permute(2, 0, 1).float()

    @property
    def motion_map(self) -> Float[Tensor, "H W"]:
        """The standard deviation of each pixel over the training frames, over the picture's mean one."""
        rows = (
            torch.cat([self.frames[span.start : span.stop, row] for span in self.train])
            for row in range(self.frames.shape[1])
        )
        spread = torch.stack([row.float().std(0, correction=0).mean(-1) for row in rows])
        return spread / spread.mean().clamp(min=1e-6)


def split(frames: int, config: ClipConfig) -> tuple[tuple[range, ...], range]:
    """Returns the numbers of frames to train on and to hold out."""
    first, last = (ceil(share * frames) for share in config.held_out)
    spans = (range(0, first), range(last, frames))
    return tuple(span for span in spans if len(span)), range(first, last)


def load_clip(path: Path, config: Config, progress: Progress = untold) -> Clip:
    """Decodes a video with its sound, or takes it from the cache.

    The cache holds what was decoded before with the same settings (see `data.cache`). ``progress`` is called
    with frames done and expected.

    Raises:
        UserError: no picture, no sound, silent, too short for one window, or the crop lies outside.
    """
    path = Path(path)
    box = resolved_box(path, config.clip)
    frames, power, level, poses, light = decoded(path, config, box, progress)
    train, held_out = split(len(frames), config.clip)
    features, statistics = assembled(power, train, config)
    kept = power if config.training.disturbance else None
    track = partial(_track, path, config.clip)
    return Clip(
        frames, features, statistics, train, (held_out,), box, level, kept, track, poses=poses, light=light
    )


class Decoded(NamedTuple):
    """All that is read from a file, and so takes time."""

    frames: UInt8[Tensor, "N H W 3"]
    power: Float[Tensor, "chunks C B"]
    level: float | None
    poses: Float[np.ndarray, "M 4"] | None
    light: Float[np.ndarray, "M 3"] | None


def decoded(path: Path, config: Config, box: Box, progress: Progress) -> Decoded:
    """Decodes a video with its sound, or takes it from the cache.

    Args:
        path: of the video.
        config: which part of it, and how it is heard.
        box: the crop in pixels of the video.
        progress: called with frames done and expected.
    """
    clip = asdict(replace(config.clip, crop=",".join(map(str, box))))
    key = cache.key(
        video=file_hash(path), clip=clip, features=asdict(config.features), window=config.training.window
    )
    kept = cache.kept(key)
    if kept is not None:
        progress(len(kept["frames"]), len(kept["frames"]))
        level = float(kept["level"])
        known = None if isnan(level) else level
        poses, light = (kept[name].numpy() if name in kept else None for name in ("poses", "light"))
        return Decoded(kept["frames"], kept["power"], known, poses, light)
    frames, poses, light = _frames(path, config, box, progress)
    train, _ = split(len(frames), config.clip)
    check_length(path, train, config)
    waveform = _waveform(path, config, len(frames))
    power, level = _power(waveform, len(frames), config), _level(waveform, train, config)
    known = torch.tensor(nan if level is None else level, dtype=torch.float64)
    changed = {
        name: torch.from_numpy(each)
        for name, each in (("poses", poses), ("light", light))
        if each is not None
    }
    cache.keep(key, {"frames": frames, "power": power, "level": known, **changed})
    return Decoded(frames, power, level, poses, light)


def resolved_box(path: Path, clip: ClipConfig) -> Box:
    """Returns the crop as given, or the largest centred part of the right shape."""
    info = probe(path, clip.picture_track)
    if info.video is None:
        raise UserError(
            f"{path}: expected a video with sound; got a file without a picture: give it to generate instead"
        )
    if not info.sounds:
        raise UserError(
            f"{path}: expected a video with sound; got one without a sound stream: nothing can be learnt "
            "from it"
        )
    return clip.box or centred_box(info.video, clip.width, clip.height)


def file_hash(path: Path) -> str:
    """Returns the sha256 of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def clip_frames(
    path: Path, clip: ClipConfig, box: Box, aligner: Aligner | None
) -> Iterator[tuple[UInt8[np.ndarray, "H W 3"], int]]:
    """Yields the frames of a clip, and with each how many are expected in all.

    Args:
        path: of the video.
        clip: which part of it, at which size and rate.
        box: the crop in pixels of the video.
        aligner: brings frames to one pose and light, see `Aligner.of`; None: frames are as they were filmed.
    """
    end = probe(path, clip.picture_track).duration if clip.end is None else exact(clip.end)
    expected = max(1, ceil((end - exact(clip.start)) * clip.rate))
    width, height, part = (clip.width, clip.height, box) if aligner is None else (*aligner.size, aligner.part)
    frames = read_frames(
        path,
        clip.rate,
        width=width,
        height=height,
        box=part,
        start=clip.start,
        end=clip.end,
        track=clip.picture_track,
    )
    for number, frame in enumerate(frames):
        yield frame if aligner is None else aligner.aligned(frame, number), expected


def _frames(
    path: Path, config: Config, box: Box, progress: Progress
) -> tuple[UInt8[Tensor, "N H W 3"], Float[np.ndarray, "M 4"] | None, Float[np.ndarray, "M 3"] | None]:
    """Returns the frames, and where they were changed, the poses of the crop and the light."""
    clip, frames = config.clip, []
    aligner = Aligner.of(path, clip, box, progress)
    for frame, expected in clip_frames(path, clip, box, aligner):
        frames.append(frame)
        check_memory(path, len(frames) * frame.nbytes)
        progress(len(frames), max(expected, len(frames)))
    if not frames:
        raise UserError(
            f"{path}: expected frames from {clip.start} s on; the picture ends before", "set --start earlier"
        )
    stacked = torch.from_numpy(np.stack(frames))
    if aligner is None:
        return stacked, None, None
    return stacked, aligner.crop_poses, aligner.motion.light.stops


def check_memory(path: Path, held: int) -> None:
    """Refuses frames that do not fit into the memory of the machine.

    Args:
        path: of what is learnt.
        held: bytes of all frames.

    Raises:
        UserError: they do not fit.
    """
    most = (machine_bytes() or USUAL_MEMORY) // COPIES
    if held > most:
        raise UserError(
            f"{path}: expected a clip whose frames fit into memory; got more than {most / 1e9:.1f} GB",
            "learn less (of one video a part by --start and --end), or a smaller --size",
        )


def check_length(path: Path, train: tuple[range, ...], config: Config) -> None:
    """Refuses a clip in which no window fits into one piece."""
    longest, needed = max((len(span) for span in train), default=0), config.training.window
    if longest < needed:
        raise UserError(
            f"{path}: expected at least {needed} frames in a row to train on (training.window); got "
            f"{longest} at "
            f"{config.clip.fps} fps beside the held-out part",
            "use a longer video, or in training a smaller --holdout or --training.window",
        )


def _waveform(path: Path, config: Config, frames: int) -> Tensor:
    """Returns the sound under the frames, and as much after them as the last frame's features need."""
    start = exact(config.clip.start)
    end = start + frames / config.clip.rate
    blocks = list(read_sound(path, SAMPLE_RATE, track=config.clip.track, start=start, end=end))
    waveform = torch.from_numpy(np.concatenate(blocks)) if blocks else torch.zeros(0)
    check_audible(path, waveform, "choose another --start or --end, or of several takes leave this one away")
    return waveform


def check_audible(path: Path, waveform: Tensor, hint: str = "") -> None:
    """Refuses a silent sound, with a hint at what to do."""
    if not len(waveform) or waveform.abs().max() < SILENCE:
        raise UserError(f"{path}: expected sound to learn from; what is to be learnt is silent", hint)


def _track(path: Path, clip: ClipConfig, frames: range) -> SoundTrack:
    begin = exact(clip.start) + frame_time(frames.start, clip.rate)
    return SoundTrack(path, clip.track, start=begin, end=begin + frame_time(len(frames), clip.rate))


def _level(waveform: Tensor, train: tuple[range, ...], config: Config) -> float | None:
    edges = [
        [frame_sample(frame, config.clip.rate, SAMPLE_RATE) for frame in (span.start, span.stop)]
        for span in train
    ]
    return gated_level(waveform[first:last].numpy() for first, last in edges)


def _power(waveform: Tensor, frames: int, config: Config) -> Float[Tensor, "chunks C B"]:
    """Returns the mel power of every chunk in a frame's features.

    The context before the first and after the last frame is included.
    """
    settings = config.features
    assert frame_count(len(waveform), SAMPLE_RATE, config.clip.rate) <= frames + 1
    return FeatureExtractor(settings, config.clip.rate).powers(
        waveform, -settings.past, frames + settings.future
    )


def blank(length: int, config: Config) -> tuple[UInt8[Tensor, "N H W 3"], Float[Tensor, "chunks C B"]]:
    """Returns frames and mel power of silence, to lie between parts that are joined.

    Args:
        length: frames in all.
        config: of the clip.
    """
    settings, extractor = config.features, FeatureExtractor(config.features, config.clip.rate)
    frames = torch.zeros(length, config.clip.height, config.clip.width, 3, dtype=torch.uint8)
    return frames, torch.zeros(settings.past + length + settings.future, extractor.columns, settings.bands)


def assembled(
    power: Float[Tensor, "chunks C B"], train: tuple[range, ...], config: Config
) -> tuple[Float[Tensor, "N F"], Statistics | None]:
    """Returns features from the mel power of chunks -past to N + future, and their statistics."""
    settings = config.features
    chunks = FeatureExtractor(settings, config.clip.rate).described(power)
    statistics = None
    if settings.standardise:
        train_chunks = torch.cat(
            [chunks[span.start + settings.past : span.stop + settings.past] for span in train]
        )
        statistics = measure(train_chunks)
    return FeatureExtractor(settings, config.clip.rate, statistics).assemble(chunks), statistics
