"""Ghosts: frames in which two poses are seen at once, told by the clip's own frames.

A real frame is made of pieces that the clip has shown: each block of it looks like the same block of some
known frame, though not all blocks like those of one frame. In a ghost the blocks hold two pictures over each
other, which no known frame has, but the mean of two known frames has in all blocks at once. The score of a
frame is therefore the logarithm of what is left over where each block is explained by a known frame of its
own (shifted a little where that helps), over what is left where all blocks are explained by the mean of one
pair of frames that differ clearly. (The mean of two frames in a row explains the instant between them, which
is no ghost.)

How high the score of a ghost is depends on the clip, so the threshold is set in each by its own frames:
between the scores of nearly all real frames, each judged without the frames near it, and those of nearly all
blends of two frames that differ clearly.

Letters: N known frames, T frames that are judged, B blocks, D pixels of a block, V shifted views of a frame,
H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from listen_and_move.arrays import Array, FloatArray

SIDE = 80
"""Pixels of the longer side of the frames that this is meant for: larger ones tell no more and take
longer."""
MOST_KNOWN = 200
"""Known frames that are enough: beyond them time and memory grow, and little is told better."""
LEAST_KNOWN = 24
"""Fewer frames set no threshold."""
BLOCK_SHARE = 0.15
"""Side of a block, as a share of the longer side of the picture: a hand or a head."""
MOVING_BLOCKS = 0.3
"""Share of the blocks that are looked at: those that vary most."""
SHIFT_SHARE = 1 / 80
"""How far a block may be shifted, as a share of the longer side."""
SMOOTHING = 0.5
"""Standard deviation of the Gaussian that takes grain away, in pixels."""
GRAIN = 1.5 / 255
"""What is left over below this root mean square tells nothing."""
REAL_QUANTILE, BLEND_QUANTILE = 0.97, 0.05
"""Of the scores of real frames and of blends; the threshold is between them."""
BETWEEN = 0.4
"""Where between: nearer to the real ones, which are judged without the second around them and score higher
than where it is known."""
TRIED = 60
"""Real frames and blends by which the threshold is set."""
_AT_ONCE = 32

Grey = Float[np.ndarray, "T H W"]


@dataclass(frozen=True)
class GhostCheck:
    """How well ghosts are told from real frames in a clip, by the frames that the threshold is set by."""

    threshold: float
    real_passed: float
    """Share of real frames below the threshold, each judged without the frames near it."""
    blends_caught: float
    """Share of half-and-half blends of two clearly different frames above it, each judged without the two."""

    @property
    def reliable(self) -> bool:
        """Whether 95 % of the real frames and 95 % of the ghosts are told rightly."""
        return min(self.real_passed, self.blends_caught) >= 0.95


@dataclass(frozen=True, eq=False)
class GhostDetector:
    """Tells ghosts from real frames by the frames of a clip."""

    places: Sequence[tuple[int, int]]
    """Row and column where each block begins."""
    side: int
    """Of a block, in pixels."""
    blocks: Float[np.ndarray, "B N D"]
    """Of the known frames."""
    views: Float[np.ndarray, "B shifted D"]
    """The same, shifted."""
    means: Float[np.ndarray, "N N"]
    """Squared length of the mean of each pair, over all blocks; infinite where the two do not differ
    clearly."""
    check: GhostCheck

    @classmethod
    def of(cls, frames: UInt8[np.ndarray, "N H W 3"], near: int, seed: int = 0) -> "GhostDetector | None":
        """Returns the detector of a clip; None where there are fewer than `LEAST_KNOWN` frames.

        Args:
            frames: real frames of the clip in the order of time, about `SIDE` pixels large.
            near: number of frames on either side of a frame that are taken as unknown when that frame is
                judged to set the threshold: about a second of them.
            seed: of the choice of frames that are blended.
        """
        if len(frames) < LEAST_KNOWN:
            return None
        grey, longest = smoothed_grey(frames), max(frames.shape[1:3])
        side, shift = max(4, round(BLOCK_SHARE * longest)), max(1, round(SHIFT_SHARE * longest))
        places = _moving_blocks(grey.std(0), side)
        blocks = cut_blocks(grey, places, side)
        views = np.concatenate([cut_blocks(each, places, side) for each in _shifted(grey, shift)], 1)
        unset = cls(places, side, blocks, views, _means(blocks), GhostCheck(0.0, 0.0, 0.0))
        return replace(unset, check=unset._checked(grey, min(near, len(frames) // 4), seed))

    def scores(self, frames: UInt8[np.ndarray, "T H W 3"], left_out: Sequence[int] = ()) -> Array:
        """Returns how much better a mix of two known frames explains each frame than known frames do, (T,).

        Args:
            frames: of the size of the known ones.
            left_out: numbers of known frames that are taken as unknown.
        """
        pieces = (frames[at : at + _AT_ONCE] for at in range(0, len(frames), _AT_ONCE))
        return np.concatenate(
            [np.zeros(0), *(self._scores(smoothed_grey(each), left_out) for each in pieces)]
        )

    def ghosts(self, frames: UInt8[np.ndarray, "T H W 3"], left_out: Sequence[int] = ()) -> NDArray[np.bool_]:
        """Returns which frames are ghosts, (T,).

        Args:
            frames: of the size of the known ones.
            left_out: numbers of known frames that are taken as unknown.
        """
        return self.scores(frames, left_out) > self.check.threshold

    def clear_pairs(self, seed: int, most: int) -> NDArray[np.int64]:
        """Returns pairs of known frames that differ clearly: at least as much as half of all pairs do.

        Args:
            seed: of the choice.
            most: largest number of pairs.

        Returns:
            Numbers of frames, (pairs, 2).
        """
        clear = np.argwhere(np.triu(np.isfinite(self.means), 1))
        return np.random.default_rng(seed).permutation(clear)[:most]

    def _checked(self, grey: Grey, near: int, seed: int) -> GhostCheck:
        """Returns the threshold for the known frames, and how well it tells them from their blends."""
        count = len(grey)
        tried = np.unique(np.linspace(0, count - 1, min(TRIED, count)).round().astype(int)).tolist()
        real = [
            self._scores(grey[t : t + 1], range(max(0, t - near), min(count, t + near + 1))) for t in tried
        ]
        pairs = self.clear_pairs(seed, TRIED).tolist()
        blends = [self._scores(grey[pair].mean(0, keepdims=True), pair) for pair in pairs]
        low = float(np.quantile(np.concatenate(real), REAL_QUANTILE))
        high = float(np.quantile(np.concatenate(blends), BLEND_QUANTILE))
        threshold = low + BETWEEN * (high - low)
        passed, caught = np.concatenate(real) <= threshold, np.concatenate(blends) > threshold
        return GhostCheck(threshold, float(passed.mean()), float(caught.mean()))

    def _scores(self, grey: Grey, left_out: Sequence[int] = ()) -> Array:
        """Returns the scores of grey frames, as if some of the known frames were unknown."""
        known = np.ones(self.blocks.shape[1], bool)
        known[list(left_out)] = False
        cut = cut_blocks(grey, self.places, self.side)
        nothing = cut.shape[0] * cut.shape[2] * GRAIN**2
        alone, paired = self._alone(cut, known), self._paired(cut, known)
        return np.log((alone + nothing) / (paired + nothing))

    def _alone(self, cut: Float[np.ndarray, "B T D"], known: NDArray[np.bool_]) -> Array:
        """Returns what is left over where each block is explained by a known frame of its own, (T,)."""
        left = np.zeros(cut.shape[1])
        usable = np.tile(known, self.views.shape[1] // len(known))
        for views, ours in zip(self.views, cut, strict=True):
            chosen = views[usable]
            apart = np.square(chosen).sum(1)[:, None] - 2 * chosen @ ours.T + np.square(ours).sum(1)
            left += np.maximum(apart.min(0), 0)
        return left

    def _paired(self, cut: Float[np.ndarray, "B T D"], known: NDArray[np.bool_]) -> Array:
        """Returns what is left over where all blocks are explained by the mean of one pair, (T,)."""
        ours, theirs = (np.concatenate(list(each), 1) for each in (cut, self.blocks[:, known]))
        means = self.means[np.ix_(known, known)]
        left = []
        for frame, along in zip(ours, ours @ theirs.T, strict=True):
            left.append(np.square(frame).sum() + (means - along[:, None] - along).min())
        return np.maximum(np.array(left, np.float64), 0)


def apart(blocks: Float[np.ndarray, "B N D"]) -> Float[np.ndarray, "N N"]:
    """Returns the squared differences of frames from each other, over all blocks."""
    flat = np.concatenate(list(blocks), 1)
    products = flat @ flat.T
    return np.diag(products)[:, None] + np.diag(products) - 2 * products


def clear_difference(found: Float[np.ndarray, "N N"]) -> float:
    """Returns the squared difference from which on two frames differ clearly: the median of all pairs."""
    return float(np.median(found[np.triu_indices(len(found), 1)]))


def _means(blocks: Float[np.ndarray, "B N D"]) -> Float[np.ndarray, "N N"]:
    """Returns the squared lengths of the means of pairs that differ clearly; infinite for the others."""
    difference = apart(blocks)
    squares = np.square(blocks).sum((0, 2))
    means = (squares[:, None] + squares) / 2 - difference / 4
    return np.where(difference >= clear_difference(difference), means, np.float32(np.inf))


def smoothed_grey(frames: UInt8[np.ndarray, "T H W 3"]) -> Grey:
    """Returns frames in grey, 0..1, without their grain."""
    import cv2

    found = [cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (0, 0), SMOOTHING) for frame in frames]
    return np.stack(found).astype(np.float32) / np.float32(255)


def _moving_blocks(spread: FloatArray, side: int) -> list[tuple[int, int]]:
    """Returns where the blocks begin that vary most; each overlaps the next ones by half."""
    rows, columns = (range(0, length - side + 1, max(1, side // 2)) for length in spread.shape)
    found = [(row, column) for row in rows for column in columns]
    means = [spread[row : row + side, column : column + side].mean() for row, column in found]
    most = np.argsort(means, kind="stable")[::-1][: max(4, round(MOVING_BLOCKS * len(found)))]
    return [found[place] for place in most.tolist()]


def cut_blocks(grey: Grey, places: Sequence[tuple[int, int]], side: int) -> NDArray[Any]:
    """Returns the blocks of frames, (B, T, D)."""
    return np.stack(
        [grey[:, row : row + side, column : column + side].reshape(len(grey), -1) for row, column in places]
    )


def _shifted(grey: Grey, shift: int) -> list[Grey]:
    """Returns frames as they are and shifted in all eight directions; at the sides the picture goes on."""
    height, width = grey.shape[1:]
    padded = np.pad(grey, ((0, 0), (shift, shift), (shift, shift)), "edge")
    offsets = (0, shift, 2 * shift)
    return [padded[:, row : row + height, column : column + width] for row in offsets for column in offsets]
