"""Scene changes of a film: cuts, dissolves, captions that come and go, and a camera that moves.

Letters: T frames, H height, W width. Frames are uint8 (T, H, W, 3), small: about 96 pixels wide, at about 20
fps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import FloatArray

Frames = NDArray[np.uint8]

_GAP, _REACH, _LEAST = (
    4,
    40,
    10,
)  # frames: half a transition, what is compared on either side, and the least of it
_STEP = 0.08
"""Change of a pixel, 0..1, that is more than noise."""
_SHARE_OF_CUT, _SHARE_OF_TRANSITION, _SHARE_OF_OVERLAY = 0.06, 0.35, 0.02
_AT_ONCE = 0.95
_COARSE = 3


@dataclass(frozen=True)
class SceneChange:
    """A moment after which a part of the picture is different for good."""

    frame: int
    """First frame after the change, or its middle where it takes a while."""
    share: float
    """Share of the picture that was steady before, is steady after, and differs."""
    at_once: float
    """Share of those pixels that change together, within a frame of each other: 1 for a cut or dissolve, less
    for motion."""
    kind: Literal["cut", "transition", "overlay"]
    """cut: everything changes at once, even where two shots match; transition: all of the picture, gradually;
    overlay: a small part at once, such as a caption."""
    first: int
    """First frame that is touched by it: use what is before."""
    last: int
    """First frame after all of it: use what follows."""


def scene_changes(frames: Frames) -> list[SceneChange]:
    """Returns the cuts, match cuts, transitions and captions of a film, in the order of time.

    A pixel counts where it lies on one side of the step for 2 s before and on the other for 2 s after (or as
    far as the film goes, at least half a second). What moves passes pixel after pixel; a cut or a dissolve
    changes them together: that tells a match cut from a player who leans over, however small the difference.
    Flashes do not last and do not count.

    Args:
        frames: uint8 (T, H, W, 3), small, at about 20 fps.
    """
    small = _halved(frames)
    median = cache(lambda first, last: _median(small[first:last:2]))  # after one place is before another one
    found: list[SceneChange] = []
    places = range(_GAP + _LEAST, len(small) - _GAP - _LEAST + 1)
    shares = {place: _change(small, median, place)[0] for place in places[::_COARSE]}
    near = {
        place + offset
        for place, share in shares.items()
        if share >= _SHARE_OF_OVERLAY
        for offset in range(-_COARSE, _COARSE + 1)
    }
    suspects = sorted(near & set(places))
    candidates = [_judged(small, place, *_change(small, median, place)) for place in suspects]
    candidates += [SceneChange(place, 1.0, 1.0, "cut", place - 1, place) for place in _hard_cuts(frames)]
    order = {"cut": 0, "transition": 1, "overlay": 2}
    for change in sorted(
        filter(None, candidates), key=lambda change: (order[change.kind], -change.share * change.at_once)
    ):
        if all(abs(change.frame - other.frame) > _apart(other) for other in found):
            found.append(change)
    return sorted(found, key=lambda change: change.frame)


def _apart(change: SceneChange) -> int:
    """Frames around a change within which no other one is believed."""
    return _REACH if change.kind == "transition" else 2 * _GAP + 2


def _judged(small: FloatArray, place: int, share: float, at_once: float, centred: bool) -> SceneChange | None:
    """The scene change at a frame, of what `_change` found there; None where it is none."""
    if share >= _SHARE_OF_TRANSITION:
        first, last = _extent(small, place)
        return SceneChange(
            place, share, at_once, "cut" if last - first <= 2 * _GAP else "transition", first, last
        )
    if share < _SHARE_OF_OVERLAY or not centred or at_once < _AT_ONCE:
        return None
    return SceneChange(
        place, share, at_once, "cut" if share >= _SHARE_OF_CUT else "overlay", place - 2, place + 2
    )


def _extent(small: FloatArray, place: int) -> tuple[int, int]:
    """First frame of a transition and the first after it."""
    start, end = max(0, place - _REACH), min(len(small), place + _REACH)
    if place - start <= _REACH // 2 or end - place <= _REACH // 2:
        return place - _GAP, place + _GAP
    old, new = (
        np.median(small[start : place - _REACH // 2], axis=0),
        np.median(small[place + _REACH // 2 : end], axis=0),
    )
    step = new - old
    progress = ((small[start:end] - old) * step).sum((1, 2, 3)) / (step**2).sum()
    before, after = (
        np.flatnonzero(progress[: place - start] < 0.05),
        np.flatnonzero(progress[place - start :] > 0.95),
    )
    return start + int(before.max(initial=-1)) + 1, place + int(after.min(initial=end - place))


def _change(
    small: FloatArray, median: Callable[[int, int], FloatArray], place: int
) -> tuple[float, float, bool]:
    """Share of pixels that change for good at a frame, and share of these that do so together.

    The last value says whether they do so in the middle of what is compared.

    Args:
        small: the frames.
        median: of every second frame from one to another one.
        place: number of the frame.
    """
    edges = (
        (max(0, place - _GAP - _REACH), place - _GAP),
        (place + _GAP, min(len(small), place + _GAP + _REACH)),
    )
    before, after = (small[begin:end] for begin, end in edges)
    first, last = (median(*span) for span in edges)
    step = last - first
    size = (step**2).sum(-1)
    pixels = np.flatnonzero(size.ravel() > 3 * _STEP**2)
    if len(pixels) < _SHARE_OF_OVERLAY * size.size:
        return 0.0, 0.0, False

    def progress(frames: FloatArray) -> FloatArray:
        """Places of the pixels on the way from the old to the new colour, 0 to 1: (T, pixels)."""
        along = np.einsum("thwc,hwc->thw", frames, step) - (first * step).sum(-1)
        return along.reshape(len(frames), -1)[:, pixels] / size.ravel()[pixels]

    steady = (np.quantile(progress(before), 0.9, axis=0) < 0.35) & (
        np.quantile(progress(after), 0.1, axis=0) > 0.65
    )
    if not steady.any():
        return 0.0, 0.0, False
    crossing = (progress(small[place - _GAP : place + _GAP])[:, steady] < 0.5).sum(0)
    middle = np.median(crossing)
    return (
        float(steady.sum() / size.size),
        float((np.abs(crossing - middle) <= 1).mean()),
        bool(abs(middle - _GAP) <= 1),
    )


def _median(frames: FloatArray) -> FloatArray:
    """Returns the median of some frames; sorting takes a quarter of the time of `numpy.median`."""
    ordered, half = np.sort(frames, axis=0), len(frames) // 2
    return ordered[half] if len(frames) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _hard_cuts(frames: Frames) -> list[int]:
    """Frames where nearly all of the picture is another at once, in busy shots too."""
    jumps = np.array(
        [0.0, *(np.abs(_unit(after) - _unit(before)).mean() for before, after in pairwise(frames))]
    )
    cuts = []
    for place in np.flatnonzero(jumps > 0.08):
        around = np.r_[jumps[max(1, place - 10) : place], jumps[place + 1 : place + 11]]
        before, after = frames[max(0, place - 6) : place], frames[place : place + 6]
        if len(around) and jumps[place] > 5 * (np.median(around) + 0.004) and len(after) >= 3:
            lasting = np.abs(np.median(_unit(after), axis=0) - np.median(_unit(before), axis=0)).mean()
            if lasting > 0.6 * jumps[place]:  # a flash goes back to what was
                cuts.append(int(place))
    return cuts


def temporal_spread(frames: Frames) -> FloatArray:
    """Returns how much each pixel varies: its standard deviation over time, mean over the channels.

    Args:
        frames: uint8 (T, H, W, 3).

    Returns:
        float32 (H, W), 0..1.
    """
    rows = [frames[:, row].std(0, dtype=np.float32).mean(-1) for row in range(frames.shape[1])]
    return np.stack(rows).astype(np.float32) / np.float32(255)


def camera_speed(frames: Frames, fps: float) -> FloatArray:
    """Returns how fast the picture shifts as a whole, in % of its width per second.

    Medians of a quarter of a second each are laid over one another (the registration of Lucas and Kanade
    1981, with weights that leave out what moves by itself): a static camera gives about 0.1 and less.

    Args:
        frames: uint8 (T, H, W, 3), small.
        fps: frames per second.

    Returns:
        One value per quarter of a second but the first.
    """
    length = max(2, round(fps / 4))
    pictures = [
        np.median(_halved(frames[at : at + length]).mean(-1), axis=0)
        for at in range(0, len(frames) - length + 1, length)
    ]
    shifts = [_shift(before, after) for before, after in pairwise(pictures)]
    width = max(1, frames.shape[2] // 2)
    return np.array([100 * float(np.hypot(*shift)) / width * fps / length for shift in shifts], np.float64)


def _shift(before: FloatArray, after: FloatArray) -> FloatArray:
    """Translation (x, y) in pixels that takes one picture (H, W) to another, small against the picture."""
    down, across = np.gradient((before + after) / 2)
    change, shift = after - before, np.zeros(2)
    for _ in range(8):
        rest = change + across * shift[0] + down * shift[1]
        weight = 1 / (1 + (rest / (1.5 * np.median(np.abs(rest)) + 1e-3)) ** 2)
        mixed = (weight * across * down).sum()
        matrix = np.array(
            [[(weight * across**2).sum(), mixed], [mixed, (weight * down**2).sum()]]
        ) + 1e-6 * np.eye(2)
        shift = -np.linalg.solve(
            matrix, np.array([(weight * across * change).sum(), (weight * down * change).sum()])
        )
    return shift


def _unit(frames: Frames) -> FloatArray:
    return frames.astype(np.float32) / np.float32(255)


def _halved(frames: Frames) -> FloatArray:
    """Frames in [0, 1] at half the size: (T, H // 2, W // 2, 3)."""
    height, width = frames.shape[1] // 2, frames.shape[2] // 2
    parts = frames[:, : 2 * height, : 2 * width].reshape(len(frames), height, 2, width, 2, 3)
    return parts.mean((2, 4), dtype=np.float32).astype(np.float32, copy=False) / np.float32(255)
