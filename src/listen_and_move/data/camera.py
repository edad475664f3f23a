"""Estimates how a hand-held camera moved, and how the light changed.

Both are found by what stands still in the whole picture.

Corners of one frame are found again in all others (Lucas and Kanade 1981), and a similarity is fitted to them
for each frame. Corners that the similarities do not explain over the whole clip belong to what moves by
itself, and count for nothing: those of a body always, however much of one frame it fills. Whether the rest is
what stands still is seen by the result: the picture changes much less once it is aligned. Where it does not,
there is nothing to hold on to.

Letters: M frames at the rate that is shown, K corners, H height, W width.
"""

from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.arrays import Array
from listen_and_move.clock import exact
from listen_and_move.config import ClipConfig
from listen_and_move.data.backdrop import Backdrop, backdrop_of, chosen
from listen_and_move.data.frame_store import FrameStore, Shelf
from listen_and_move.data.light import STEADY_LIGHT, LightChange, light_of, relit
from listen_and_move.data.poses import STANDING, Plane, composed, displacement, inverse, matrix, poses_of
from listen_and_move.data.source_frames import shown_rate
from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.progress import Progress, untold

SIDE = 320
"""Longer side of the pictures that are examined, in pixels."""
STEADY = 0.002
"""Wander, in widths, below which a camera counts as standing still (0.0004 at most for those on tripods,
0.005 and more for those in hands)."""
EXPLAINED = 0.67
"""Most of the picture's change that may be left after alignment (of twenty clips 0.2 to 0.4 where something
stands still, 0.97 and more where nothing does).

Of twenty clips 0.2 to 0.4 is left where something stands still, 0.97 and more where nothing does."""
HELD = 0.9
"""Share of the frames that have to show enough of what stands still."""
GLANCES = 4
"""Frames a second in the first look, which tells whether the others need tracking."""
LOOKED_AT = 48
"""Frames, evenly chosen, in which the change of the picture is measured."""
QUIETER = 1 / 3
"""Share of the pixels, the quieter ones, whose change is measured: a body may fill more than half of the
picture."""
NOISE = 1.0
"""Change, of 255, that counts as noise and not as a movement of the camera."""
_PLACE = 0.4  # place of the reference frame, in lengths of the clip
_CELLS, _IN_CELL = 10, 5  # corners are spread over the picture, since a body has most of them
_LEAST = 8  # corners that a similarity needs
_NEAR = 0.7  # pixels by which a corner may be off before it counts less
_ROUNDS = 8


class CameraMotion(NamedTuple):
    """Estimated motion of a camera."""

    wander: float
    """Root mean square shift of the picture, in widths."""
    left: float
    """Share of the picture's change over time that is left after alignment; 1 without alignment."""
    rate: Fraction
    """Poses per second."""
    poses: Float[np.ndarray, "M 4"] | None = None
    """Poses of the whole picture's frames; None: the camera stands, or nothing in the picture does."""
    backdrop: Backdrop | None = None
    """The whole picture, small, without what moves; None where frames are not aligned."""
    light: LightChange = LightChange()

    @property
    def stands(self) -> bool:
        """Whether the camera stands still."""
        return self.wander < STEADY

    @property
    def changes(self) -> bool:
        """Whether frames are aligned or relit before they are learnt."""
        return self.poses is not None or self.light.stops is not None

    def at(self, number: int | Fraction, fps: Fraction) -> Float[np.ndarray, "4"]:
        """Returns the pose of the frame on display at the instant number / fps, where they are aligned."""
        assert self.poses is not None
        return self.poses[min(int(number * self.rate / fps), len(self.poses) - 1)]

    def light_at(self, number: int | Fraction, fps: Fraction) -> Float[np.ndarray, "3"]:
        """Returns the light of the frame on display at the instant number / fps, in stops over the usual."""
        stops = self.light.stops
        return STEADY_LIGHT if stops is None else stops[min(int(number * self.rate / fps), len(stops) - 1)]


def camera_motion(video: Path, clip: ClipConfig, progress: Progress = untold) -> CameraMotion:
    """Returns how the camera moved, and how the light changed.

    Args:
        video: the file.
        clip: which part of it; the whole picture is looked at, beyond the crop too.
        progress: called with frames done and expected: as they are read, and as they are followed.

    Raises:
        UserError: the video cannot be read.
    """
    info = probe(video, clip.picture_track).video
    if info is None:
        raise UserError(f"{video}: expected a video; got a file without a picture")
    rate, scale = shown_rate(info.frame_rate), min(1.0, SIDE / max(info.width, info.height))
    width, height = (max(16, round(side * scale)) for side in (info.width, info.height))
    whole = (0, 0, info.width, info.height)
    start, end = exact(clip.start), info.duration if clip.end is None else exact(clip.end)
    expected = max(1, ceil((end - start) * rate))
    with Shelf() as shelf:
        frames = shelf.store(width, height)
        for frame in read_frames(
            video,
            rate,
            width=width,
            height=height,
            box=whole,
            start=start,
            end=clip.end,
            track=clip.picture_track,
        ):
            frames.append(frame[None])
            progress(len(frames), max(expected, len(frames)))
        return motion_of(frames, rate, progress)


def motion_of(frames: FrameStore, rate: Fraction, progress: Progress = untold) -> CameraMotion:
    """Returns how the camera moved, and how the light changed.

    Args:
        frames: small ones of the whole picture.
        rate: per second.
        progress: called with frames done and expected.
    """
    motion = _motion_of(frames, rate, progress)
    motion = motion._replace(light=light_of(frames, rate, motion.poses))
    if motion.poses is None:
        return motion
    numbers = chosen(len(frames))
    steady = (relit(_frame(frames, number), -motion.light_at(number, rate)) for number in numbers.tolist())
    return motion._replace(backdrop=backdrop_of(steady, motion.poses[numbers]))


def _motion_of(frames: FrameStore, rate: Fraction, progress: Progress) -> CameraMotion:
    """Returns how the camera moved, without light or backdrop."""
    height, width, _ = frames.shape
    nothing = CameraMotion(0.0, 1.0, rate)
    if len(frames) < 3:
        return nothing
    reference = _grey(frames, int(_PLACE * (len(frames) - 1)))
    corners = _corners(reference)
    if len(corners) < _LEAST:
        return nothing
    for step in (ceil(rate / GLANCES), 1):
        numbers = range(0, len(frames), step)
        places = _tracked(frames, reference, corners, numbers, progress)
        found, held = _fitted(places, corners, (width, height))
        # Poses relative to the median pose leave little of the picture missing.
        poses = composed(inverse(np.median(found, axis=0)), found)
        wander = float(np.sqrt(np.mean(displacement(poses, height / width) ** 2)))
        if held >= HELD and wander < STEADY:
            return CameraMotion(wander, 1.0, rate)
    left = _left(frames, poses) if held >= HELD else 1.0
    if wander < STEADY or left > EXPLAINED:
        return CameraMotion(wander, left, rate)
    return CameraMotion(wander, left, rate, poses)


def _frame(frames: FrameStore, number: int) -> UInt8[np.ndarray, "H W 3"]:
    return frames.read(number, number + 1)[0]


def _grey(frames: FrameStore, number: int) -> Any:
    import cv2

    return cv2.cvtColor(_frame(frames, number), cv2.COLOR_RGB2GRAY)


def _corners(picture: UInt8[np.ndarray, "H W"]) -> Float[np.ndarray, "K 2"]:
    """Returns the columns and rows of corners all over a picture."""
    import cv2

    found: Any = cv2.goodFeaturesToTrack(picture, 800, 0.005, 5)
    height, width = picture.shape
    side, counts, kept = max(height, width) / _CELLS, {}, []
    for place in [] if found is None else found[:, 0]:
        cell = tuple((place // side).astype(int))
        counts[cell] = counts.get(cell, 0) + 1
        if counts[cell] <= _IN_CELL:
            kept.append(place)
    return np.array(kept, np.float32).reshape(-1, 2)


def _tracked(
    frames: FrameStore,
    reference: UInt8[np.ndarray, "H W"],
    corners: Float[np.ndarray, "K 2"],
    numbers: range,
    progress: Progress,
) -> Float[np.ndarray, "M K 2"]:
    """Returns the places of the reference's corners in some frames; NaN where a corner is not found.

    Args:
        frames: all of them.
        reference: in which the corners were found.
        corners: of the reference.
        numbers: of the frames that are looked at, rising.
        progress: called with frames done and expected.
    """
    done, places = 0, np.full((len(numbers), len(corners), 2), np.nan, np.float32)
    middle = int(_PLACE * (len(numbers) - 1))
    for ways in (range(middle, len(numbers)), range(middle, -1, -1)):
        moves = np.eye(2, 3)
        for place in ways:
            places[place], moves = _followed(_grey(frames, numbers[place]), reference, corners, moves)
            done += 1
            progress(done, len(numbers) + 1)  # the middle frame is tracked in both directions
    return places


def _followed(
    picture: UInt8[np.ndarray, "H W"],
    reference: UInt8[np.ndarray, "H W"],
    corners: Float[np.ndarray, "K 2"],
    moves: Float[np.ndarray, "2 3"],
) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, "2 3"]]:
    """Returns the places of the corners in a frame, and the approximate map from the frame to the reference.

    Args:
        picture: the frame.
        reference: in which the corners were found.
        corners: of the reference.
        moves: the map from the frame before to the reference.
    """
    import cv2 as opencv

    cv2: Any = opencv  # its stubs know neither scalars nor that a mask may be missing
    height, width = reference.shape
    near = cv2.warpAffine(picture, moves, (width, height), borderMode=cv2.BORDER_REPLICATE)
    # The frame is nearly in place, so that few iterations are enough.
    enough = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 10, 0.03)
    window = {"winSize": (15, 15), "maxLevel": 1, "criteria": enough}
    there, found, _ = cv2.calcOpticalFlowPyrLK(reference, near, corners, None, **window)
    back, again, _ = cv2.calcOpticalFlowPyrLK(near, reference, there, None, **window)
    places = cv2.transform(there[None], cv2.invertAffineTransform(moves))[0]
    inside = ((places >= 2) & (places <= (width - 3, height - 3))).all(1)
    same = np.abs(back - corners).max(1) < 0.5
    good = (found[:, 0] == 1) & (again[:, 0] == 1) & inside & same
    if good.sum() >= _LEAST:
        fitted, held = cv2.estimateAffinePartial2D(
            places[good], corners[good], method=cv2.RANSAC, ransacReprojThreshold=1.5, maxIters=500
        )
        if fitted is not None and held.sum() >= max(_LEAST, good.sum() / 4):
            moves = fitted
    places[~good] = np.nan
    return places, moves


def _fitted(
    places: Float[np.ndarray, "M K 2"], corners: Float[np.ndarray, "K 2"], size: tuple[int, int]
) -> tuple[Float[np.ndarray, "M 4"], float]:
    """Returns the poses that explain the still corners, and the share of frames that have enough of them.

    A corner's weight falls with its usual distance from the fit, and in a frame with its distance there. A
    frame in which too few corners are found has the pose of the frames around it.

    Args:
        places: of the corners in every frame; NaN where they are not found.
        corners: in the reference frame.
        size: width and height, in pixels.
    """
    middle, near = (np.array(size) - 1) / 2, _NEAR / size[0]
    seen = ~np.isnan(places[..., 0])
    there = _complex(np.nan_to_num(places), middle) / size[0]
    target = _complex(corners, middle) / size[0]
    usual = (seen.mean(0) > 0.2).astype(float)
    weights = seen * usual
    factor, shift = np.ones(len(places), complex), np.zeros(len(places), complex)
    for _ in range(_ROUNDS):
        factor, shift = _similarities(there, target, weights)
        off = np.abs(factor[:, None] * there + shift[:, None] - target)
        typical = np.array(
            [
                np.median(off[seen[:, corner], corner]) if usual[corner] else np.inf
                for corner in range(len(corners))
            ]
        )
        weights = seen * _trust(typical, near) * _trust(off, near)
    enough = weights.sum(1) >= _LEAST / 4
    poses = poses_of(factor, shift)
    if not enough.any():
        return np.tile(STANDING, (len(places), 1)), 0.0
    numbers = np.arange(len(places))
    between = [np.interp(numbers, numbers[enough], each[enough]) for each in poses.T]
    return np.stack(between, axis=-1), float(enough.mean())


def _trust(off: Array, near: float) -> Array:
    """Returns the weight of something that is ``off`` from the fit."""
    return 1 / (1 + (off / near) ** 2) ** 2


def _complex(places: Float[np.ndarray, "*K 2"], middle: Array) -> Plane:
    return (places[..., 0] - middle[0]) + 1j * (places[..., 1] - middle[1])


def _similarities(places: Plane, target: Plane, weights: Float[np.ndarray, "M K"]) -> tuple[Plane, Plane]:
    """Returns the factors and shifts that bring places to a target, by least squares."""
    share = weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
    centre, aim = (share * places).sum(1), share @ target
    around = places - centre[:, None]
    size = (share * np.abs(around) ** 2).sum(1)
    factor = (share * around.conj() * (target - aim[:, None])).sum(1) / np.maximum(size, 1e-12)
    factor = np.where((size > 1e-12) & (np.abs(factor) > 1e-3), factor, 1)
    return factor, aim - factor * centre


def _left(frames: FrameStore, poses: Float[np.ndarray, "M 4"]) -> float:
    """Returns the share of the picture's change over time that is left after alignment.

    The change is the spread of the quieter of the pixels that most frames show.
    """
    import cv2 as opencv

    cv2: Any = opencv
    height, width, _ = frames.shape
    before, after = [], []
    for number in np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).astype(int)):
        grey = _grey(frames, number).astype(np.float32)
        moves = matrix(poses[number], (width, height))
        before.append(grey)
        after.append(cv2.warpAffine(grey, moves, (width, height), borderValue=np.nan))
    missing = np.isnan(after)
    shown = missing.mean(0) < 0.4
    if shown.mean() < 0.25:
        return 1.0
    usual, aligned = np.stack(before)[:, shown], np.ma.masked_array(after, missing)[:, shown]
    change, rest = (
        np.quantile(spread, QUIETER) for spread in (usual.std(0), np.asarray(aligned.std(0).filled(0)))
    )
    return float(rest / change) if change > NOISE else 1.0
