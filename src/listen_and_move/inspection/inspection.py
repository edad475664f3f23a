"""Inspection of a video before training: measures of it, and advice in plain words.

The picture is looked at whole, at 20 frames per second and 96 pixels wide; the sound at 16 kHz.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array, FloatArray
from listen_and_move.clock import exact
from listen_and_move.config import ClipConfig
from listen_and_move.data.camera import camera_motion
from listen_and_move.errors import Remark, UserError
from listen_and_move.inspection.advice import advice
from listen_and_move.inspection.figures import SAMPLE_RATE, Figures, camera_moves
from listen_and_move.inspection.findings import report
from listen_and_move.media.conversion import centred_box
from listen_and_move.media.files import MediaInfo, VideoInfo, probe
from listen_and_move.media.replacing import check_no_input
from listen_and_move.media.sound import read_sound, sound_gaps
from listen_and_move.metrics.coupling import (
    BLOCKS,
    Coupling,
    onset_strength,
    region_motion,
    spectra,
    strongest,
)
from listen_and_move.metrics.scenes import SceneChange, camera_speed, temporal_spread
from listen_and_move.metrics.sync import SILENCE_DB, loudness
from listen_and_move.scenes import RATE, film_changes, longest, scenes_between, small_frames

LONGEST = 600
"""Seconds that are looked at; a longer video is judged by these."""
LONGEST_ALIGNED = 30
"""Seconds in which it is looked for how the camera moves."""
MAX_LAG = 8
"""Frames: 400 ms."""
QUIET_DB, RANGE_DB = -60.0, 40.0
"""A frame is silent below this loudness, or this much below the loudest one."""
MOVING = 0.05
"""A pixel moves where its standard deviation over time, 0..1, is above this."""
NOISE = 0.02
"""Change of a pixel from frame to frame, 0..1, that is no motion."""
PICTURE_ENDINGS = (".png", ".jpg", ".pdf", ".svg")
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Inspection:
    """Findings about a video; times in seconds of the video."""

    media: MediaInfo
    figures: Figures
    advice: tuple[Remark, ...]
    clip: ClipConfig
    """What would be trained on."""
    unwritten: str = ""
    """Why the picture could not be written; empty where it was, or where none was asked for."""

    def lines(self) -> list[str]:
        """Returns the findings as short lines for a terminal, the advice last."""
        return [*report(self.media, self.figures, self.clip), *(f"- {line}" for line in self.advice)]


@dataclass(frozen=True)
class Material:
    """A decoded clip: small frames of the whole picture and the sound below them."""

    frames: NDArray[np.uint8]
    """(T, H, W, 3) at `RATE`."""
    samples: NDArray[np.float32] | None
    """One channel at `SAMPLE_RATE`; None: there is no sound."""
    start: Fraction
    """The instant of the first frame in the video, in seconds."""
    gaps: tuple[tuple[float, float], ...] = ()
    """Where the picture has no sound, in seconds of the video."""

    def seconds(self, frame: int) -> float:
        """Returns the instant of a frame in the video, in seconds."""
        return float(self.start + frame / RATE)


def inspect(video: Path, clip: ClipConfig | None = None, picture: Path | None = None) -> Inspection:
    """Measures a video and judges it.

    Args:
        video: a file with picture; a missing or silent sound is reported, not refused.
        clip: part, crop and size that would be trained on.
        picture: where to draw what was found: a name that ends in .png, .jpg, .pdf or .svg.

    Returns:
        The findings; they also say why the picture could not be written, if it could not.

    Raises:
        UserError: no such file, no picture, shorter than half a second, or a crop outside the picture.
    """
    clip = clip or ClipConfig()
    if picture is not None:
        _check_picture(Path(picture), video)
    if Path(video).is_dir():
        raise UserError(
            f"{video}: expected a video file; got a folder: inspect looks at one film, not at songs in "
            "pictures or at a run"
        )
    info = probe(video, clip.picture_track)
    if info.video is None:
        raise UserError(f"{video}: expected a video; the file holds no picture, only sound")
    box = _checked_box(video, info.video, clip)
    material = _read(video, info, clip)
    figures, unseen = measure(material, info.video, clip, box), None
    try:
        figures = _with_camera(figures, video, clip)
    except OSError as error:  # small frames lie in a temporary file
        what = f"camera and light were not looked at: {' '.join(str(error).split())}"
        unseen = Remark(what, "make room where temporary files go")
    judged = [*advice(info, figures, clip), *([] if unseen is None else [unseen])]
    if len(material.frames) >= LONGEST * RATE:
        looked = Remark(
            f"only the first {LONGEST} s were looked at", "see the rest with --start", "{message}; {hint}"
        )
        judged = [*judged, looked]
    found = Inspection(info, figures, tuple(judged), clip)
    if picture is not None:
        try:
            from listen_and_move.inspection.picture import (
                draw,  # matplotlib refuses to load where it can write nowhere
            )

            draw(Path(picture), material.frames, material.samples, figures, info.video, Path(video).name)
        except (UserError, OSError) as error:
            return replace(found, unwritten=f"the picture is not written: {' '.join(str(error).split())}")
    return found


def _check_picture(picture: Path, video: Path) -> None:
    """Refuses a place for the picture that is the video itself, or of another kind."""
    check_no_input(picture, [video], "--picture")
    if picture.suffix.lower() not in PICTURE_ENDINGS:
        raise UserError(f"{picture}: expected a picture's name ending in {', '.join(PICTURE_ENDINGS)}")


def _checked_box(video: Path, info: VideoInfo, clip: ClipConfig) -> Box:
    """Crop of the clip in pixels of the video; refused outside the picture."""
    box = clip.box or centred_box(info, clip.width, clip.height)
    if not (0 <= box[0] < box[2] <= info.width and 0 <= box[1] < box[3] <= info.height):
        raise UserError(
            f"{video}: expected a crop inside the picture of {info.width}x{info.height} pixels; got "
            f"{clip.crop}"
        )
    return box


def _read(video: Path, info: MediaInfo, clip: ClipConfig) -> Material:
    """Frames and sound of the clip, at most the first `LONGEST` seconds."""
    assert info.video is not None
    start = exact(clip.start)
    end = start + LONGEST if clip.end is None else min(exact(clip.end), start + LONGEST)
    frames = list(small_frames(video, info.video, start, end, clip.picture_track))
    if len(frames) < RATE / 2:
        raise UserError(
            f"{video}: expected at least half a second of picture; got {float(len(frames) / RATE):.2f} s",
            "check --start and --end",
        )
    if not info.sounds:
        return Material(np.stack(frames), None, start)
    end = start + len(frames) / RATE
    gaps, blocks = sound_gaps(video, start, end, track=clip.track), iter(())
    if gaps != [(start, end)]:
        blocks = read_sound(video, SAMPLE_RATE, track=clip.track, start=start, end=end)
    samples = np.concatenate([np.zeros(0, np.float32), *blocks])
    return Material(
        np.stack(frames), samples, start, tuple((float(first), float(last)) for first, last in gaps)
    )


def measure(material: Material, video: VideoInfo, clip: ClipConfig, box: Box) -> Figures:
    """Returns all figures of a decoded clip.

    Motion and its link with the sound are those of the longest scene.

    Args:
        material: the decoded clip.
        video: the file's picture, for its size in pixels.
        clip: what would be trained on.
        box: the crop, in pixels of the video.
    """
    changes = list(film_changes(material.frames))
    scenes = scenes_between(changes, len(material.frames), material.start)
    part = longest(scenes)
    span = range(*(int((instant - material.start) * RATE) for instant in part))
    frames = material.frames[span.start : span.stop]
    differences = [np.abs(_grey(after) - _grey(before)) for before, after in pairwise(frames)]
    spread = temporal_spread(frames)
    loud = _loudness(material)
    speed = camera_speed(frames, float(RATE))
    camera = (float(np.median(speed)), float(np.quantile(speed, 0.9))) if len(speed) else (0.0, 0.0)
    if camera_moves(*camera):  # then small things come and go at the borders
        changes = [change for change in changes if change.kind != "overlay"]
    inside, suggested = _crops(_motion_power(differences, changes, span), video, clip, box)
    first, end = map(float, part)
    return Figures(
        start=float(material.start),
        end=material.seconds(len(material.frames)),
        changes=tuple(_moments(material, change) for change in changes),
        scenes=tuple((float(scene.start), float(scene.end)) for scene in scenes),
        span=(first, end),
        train_seconds=(end - first) * float(1 - (clip.held_out[1] - clip.held_out[0])),
        motion=float(np.mean([difference.mean() for difference in differences])) if differences else 0.0,
        moving_share=float((spread > MOVING).mean()),
        camera=camera[0],
        camera_at_times=camera[1],
        wander=0.0,
        camera_left=1.0,
        light=None,
        light_left=1.0,
        peak_db=None
        if material.samples is None
        else _decibels(float(np.abs(material.samples).max(initial=0.0))),
        silence=float(np.mean(_silent(loud))),
        coupling=_coupling(material, span, differences, loud),
        box=box,
        motion_in_box=inside,
        suggested_box=suggested,
        loudness=loud,
        gaps=material.gaps,
    )


def _with_camera(figures: Figures, video: Path, clip: ClipConfig) -> Figures:
    """Returns the figures with what is found of camera and light in the beginning of the longest part."""
    first, end = figures.span
    part = replace(clip, start=first, end=min(end, first + LONGEST_ALIGNED))
    found = camera_motion(video, part)
    left = 1.0 if found.poses is None else found.left
    light = found.light
    light_left = 1.0 if light.stops is None else light.left
    return replace(
        figures, wander=100 * found.wander, camera_left=left, light=light.sway, light_left=light_left
    )


def _moments(material: Material, change: SceneChange) -> tuple[str, float, float, float]:
    """Kind of a change, its instant, the first instant touched and the first one after it, in seconds."""
    return (
        change.kind,
        material.seconds(change.frame),
        material.seconds(max(0, change.first)),
        material.seconds(change.last),
    )


def _grey(frame: NDArray[np.uint8]) -> FloatArray:
    return frame.mean(-1, dtype=np.float32) / np.float32(255)


def _decibels(value: float) -> float:
    return float(max(SILENCE_DB, 20 * np.log10(max(value, 1e-9))))


def _motion_power(differences: list[FloatArray], changes: list[SceneChange], span: range) -> FloatArray:
    """Motion of each pixel, (H, W), noise and captions that come or go left out."""
    power = np.zeros(differences[0].shape if differences else (1, 1))
    for index, difference in enumerate(differences, start=span.start):
        if not any(change.first <= index < change.last for change in changes):
            power += np.maximum(difference - NOISE, 0) ** 2
    return power


def _loudness(material: Material) -> Array:
    samples = np.zeros(0, np.float32) if material.samples is None else material.samples
    return loudness(samples, SAMPLE_RATE, RATE, len(material.frames))


def _silent(loud: Array) -> NDArray[np.bool_]:
    """Whether each frame is silent, from loudness in dB."""
    return loud <= max(QUIET_DB, loud.max() - RANGE_DB)


def _coupling(material: Material, span: range, differences: list[FloatArray], loud: Array) -> Coupling | None:
    """Coupling of sound and motion within the span; None where one of them is missing."""
    if material.samples is None or len(differences) < 4 * MAX_LAG or loud.max() <= QUIET_DB:
        return None
    onsets = onset_strength(spectra(material.samples), SAMPLE_RATE, RATE, len(material.frames))
    measures = {"loudness": np.maximum(loud, loud.max() - 50), "onsets": onsets}
    sounds = {name: series[span.start : span.stop - 1] for name, series in measures.items()}
    motion: dict[tuple[int, int] | None, FloatArray] = {
        None: np.array([difference.mean() for difference in differences])
    }
    regions = region_motion(differences)
    motion |= {(row, column): regions[:, row, column] for row in range(BLOCKS) for column in range(BLOCKS)}
    return strongest(motion, sounds, MAX_LAG)


def _crops(power: FloatArray, video: VideoInfo, clip: ClipConfig, box: Box) -> tuple[float, Box | None]:
    """Share of the motion inside the crop, and a better crop.

    A crop is better where motion fills a small part of the given one or lies outside. A suggestion has the
    clip's shape, at least its size in pixels, and holds nine tenths of the motion; None: none is better.

    Args:
        power: motion per pixel of the small picture, (H, W).
        video: size of the video in pixels.
        clip: what would be trained on.
        box: the crop, in pixels of the video.
    """
    total = float(power.sum())
    if total == 0:
        return 1.0, None
    sums = np.pad(power.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    across, down = power.shape[1] / video.width, power.shape[0] / video.height

    def shares(lefts: NDArray[np.int_], tops: NDArray[np.int_], width: int, height: int) -> Array:
        """Share of the motion inside boxes of a size, for each left side (rows) and upper one (columns)."""
        left, right = (np.rint(sides * across).astype(int)[:, None] for sides in (lefts, lefts + width))
        top, bottom = (np.rint(sides * down).astype(int) for sides in (tops, tops + height))
        right, bottom = np.minimum(right, power.shape[1]), np.minimum(bottom, power.shape[0])
        return (sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]) / total

    left, top, right, bottom = box
    inside = float(shares(np.array([left]), np.array([top]), right - left, bottom - top)[0, 0])
    full = min(video.width / clip.width, video.height / clip.height)
    for size in np.arange(1.0, full, full / 16):
        width, height = int(size * clip.width), int(size * clip.height)
        lefts = np.arange(0, video.width - width + 1, 8)
        tops = np.arange(0, video.height - height + 1, 8)
        found = shares(lefts, tops, width, height)
        row, column = np.argwhere(found == found.max())[-1]
        value, x, y = float(found[row, column]), int(lefts[row]), int(tops[column])
        if value >= 0.9:
            area = width * height / ((box[2] - box[0]) * (box[3] - box[1]))
            better = area < 0.5 or (inside < 0.8 and value > inside + 0.1)
            return inside, (x, y, x + width, y + height) if better else None
    return inside, None
