"""Files that tests of media make, and what they look for in files."""

import wave
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from listen_and_move.media.files import VideoInfo, probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.video import VideoWriter

VIDEOS = ["mp4", "mov", "mkv", "webm"]
FPS = Fraction(25)
SPACES = {"bt709": "bt709", "bt601": "smpte170m"}


@dataclass(frozen=True)
class Tags:
    """A label that is tags alone."""

    tags: Mapping[str, str]

    def seal(self, file: Path) -> None:
        pass


def numbered(number: int, width: int, height: int) -> np.ndarray:
    """A grey picture that shows a number as eight upright stripes, black or white."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    return np.repeat(
        np.repeat(np.array([[0, 255][bit] for bit in bits], np.uint8)[None], height, 0), width // 8, 1
    )


def number_in(picture: np.ndarray) -> int:
    stripes = picture.mean(axis=(0, 2)).reshape(8, -1).mean(axis=1)
    return sum(1 << bit for bit in range(8) if stripes[bit] > 128)


def striped(number: int) -> np.ndarray:
    """A picture 64x32 in RGB with a number as eight upright stripes."""
    return np.repeat(numbered(number, 64, 32)[:, :, None], 3, 2)


def blobs(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A smooth picture in muted colours, uint8 (height, width, 3), no two parts of which are alike."""
    coarse = np.random.default_rng(seed).integers(60, 200, (height // 16 + 2, width // 16 + 2, 3))
    rows, columns = np.arange(height) / 16, np.arange(width) / 16
    for axis, at in ((0, rows), (1, columns)):
        low, share = at.astype(int), (at % 1).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        coarse = coarse.take(low, axis) * (1 - share) + coarse.take(low + 1, axis) * share
    return coarse.round().astype(np.uint8)


def make_video(
    path,
    times,
    *,
    tick=Fraction(1, 1000),
    size=(64, 32),
    codec="libx264",
    rate: int | Fraction = 25,
    pictures=None,
    sound=None,
    **settings,
):
    """A video whose frame n shows the number n from ``times[n]`` ticks on; ``sound`` is (start in ticks,
    samples, rate)."""
    options = (
        {"crf": "10", "preset": "ultrafast", **settings.pop("options", {})}
        if codec == "libx264"
        else settings.pop("options", {})
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, settings.get("pix_fmt", "yuv420p")
        stream.codec_context.time_base = tick
        if "aspect" in settings:
            stream.codec_context.sample_aspect_ratio = settings["aspect"]
        if "rotation" in settings:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV cannot write a rotation")
            stream.set_display_rotation(settings["rotation"])
        track = None
        if sound is not None:
            start, samples, sound_rate = sound
            track = container.add_stream(settings.get("sound_codec", "aac"), rate=sound_rate, layout="mono")
        for number, time in enumerate(times):
            picture = numbered(number, *size) if pictures is None else pictures[number]
            frame = av.VideoFrame.from_ndarray(picture, format="gray" if picture.ndim == 2 else "rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None and track is not None:
            start, samples, sound_rate = sound
            for at in range(0, len(samples), 1024):
                frame = av.AudioFrame.from_ndarray(
                    samples[None, at : at + 1024].astype(np.float32), format="fltp", layout="mono"
                )
                frame.sample_rate, frame.time_base, frame.pts = (
                    sound_rate,
                    Fraction(1, sound_rate),
                    start + at,
                )
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


def make_planes(path, planes, *, pix_fmt="yuv444p", full=False, matrix="bt709", codec="libx264"):
    """A video of one colour, given as the values of its planes, with marked matrix and range; five frames."""
    colours = {"colorspace": SPACES[matrix], "color_range": "pc" if full else "tv"}
    options = (
        {"qp": "0", "preset": "ultrafast", **colours}
        if codec == "libx264"
        else {"x265-params": "lossless=1:log-level=none", **colours}
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        for number in range(5):
            frame = av.VideoFrame(64, 64, pix_fmt)
            for plane, value in zip(frame.planes, planes, strict=True):
                kind = np.uint16 if "10le" in pix_fmt else np.uint8
                plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, value, kind).tobytes())
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_wav(path, samples, rate):
    """16-bit samples (n, channels), exact."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def make_sound(path, samples, rate, codec, options=None):
    """Mono float samples in any codec."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.codec_context.open(strict=False)
        resampler = av.AudioResampler(
            stream.codec_context.format, "mono", rate, stream.codec_context.frame_size
        )
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def write(path, frames, *, fps=FPS, **settings):
    """A video 64x32 written by the package, whose frame n shows the number n."""
    with VideoWriter(path, width=64, height=32, fps=fps, **settings) as writer:
        for number in range(frames):
            writer.write(striped(number % 256))
    return path


def clicks(count: int, step: int, *channels: int) -> np.ndarray:
    samples = np.zeros((count, *channels), np.float32)
    samples[step::step] = 0.8
    return samples


def peaks(samples: np.ndarray) -> list[int]:
    high = samples > max(0.05, samples.max() / 2)
    return [
        int(at)
        for at in np.flatnonzero(high & (samples >= np.roll(samples, 1)) & (samples > np.roll(samples, -1)))
    ]


def whole(blocks) -> np.ndarray:
    return np.concatenate(list(blocks))


def numbers(path, fps, **settings) -> list[int]:
    return [
        number_in(picture) for picture in read_frames(path, Fraction(fps), width=64, height=32, **settings)
    ]


def picture_of(path, track: int | None = None) -> VideoInfo:
    """What is said of a file's picture, which is there."""
    video = probe(path, track).video
    assert video is not None
    return video


def names(folder) -> set[str]:
    return {item.name for item in folder.iterdir()}
