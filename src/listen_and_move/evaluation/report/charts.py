"""Pictures for a report: charts over time, and strips of frames. PNG or JPEG, as bytes.

Charts are transparent, with ink that can be read on white and on black. Letters: T frames, H height, W width.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

from listen_and_move.arrays import Array, FloatArray
from listen_and_move.evaluation.dataset import Frames

Pictures = NDArray[np.uint8]
Numbers = Sequence[float | None] | FloatArray
"""One per frame; None and what is not finite leaves a gap."""
REAL_COLOUR, MODEL_COLOUR, STILL_COLOUR, SOUND_COLOUR, ONSET_COLOUR = (
    "#2f8fd8",
    "#d6478f",
    "#8a8f96",
    "#38a36b",
    "#dd8a1f",
)
_INK = "#7b818a"
MOMENTS = 8
"""Frames of a strip."""
SIDE = 256
"""Longer side, in pixels, up to which small frames are enlarged."""
GAP = 4
"""Pixels between the frames of a strip, grey."""
SHOWN_DB = 60
"""Loudness is drawn down to this far below its peak."""
_SMOOTHING = 40
"""A smoothed line averages this fraction of a series..."""
_LEAST_WINDOW = 5
"""...where that is at least so many frames; shorter ones are left as they are."""


def enlarged(frames: Pictures, side: int = SIDE) -> Pictures:
    """Returns frames repeated pixel by pixel, by a whole factor.

    Args:
        frames: (T, H, W, 3).
        side: in pixels; the factor brings the longer side closest to it.
    """
    factor = max(1, round(side / max(frames.shape[1:3])))
    return frames.repeat(factor, axis=1).repeat(factor, axis=2)


def moments(count: int) -> list[int]:
    """Returns at most `MOMENTS` of ``count`` frames, spread evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, MOMENTS)).round().astype(int)).tolist()


def strip(frames: Frames) -> bytes:
    """Returns frames at `moments` side by side, JPEG."""
    some = np.concatenate([frames.read(at, at + 1) for at in moments(len(frames))])
    content = BytesIO()
    gapped = np.pad(enlarged(some, SIDE // 2), ((0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=128)
    row = np.concatenate(list(gapped), axis=1)[:, :-GAP]
    imsave(content, np.ascontiguousarray(row), format="jpg", pil_kwargs={"quality": 90, "subsampling": 0})
    return content.getvalue()


def motion_chart(motion: Mapping[str, Numbers], loudness: Numbers, onsets: Numbers, fps: Fraction) -> bytes:
    """Returns a chart of motion over time above what is heard, PNG.

    Args:
        motion: by name, real video first if there is one: motion energy (T - 1,).
        loudness: dB of full scale, (T,).
        onsets: onset strength, (T,).
        fps: frames per second.
    """
    figure, (above, below) = _figure(4.2, 2, 1)
    colours = (REAL_COLOUR, MODEL_COLOUR) if len(motion) > 1 else (MODEL_COLOUR,)
    for (name, values), colour in zip(motion.items(), colours, strict=True):
        _line(above, 100 * _array(values), name, colour, fps)
    above.set_ylabel("motion,\n% per frame")
    above.set_ylim(bottom=0)
    _line(below, _shown(loudness), "loudness", SOUND_COLOUR, fps)
    below.set_ylabel("loudness,\ndB of full scale")
    below.set_xlabel("seconds")
    right = below.twinx()
    _line(right, _array(onsets), "onsets", ONSET_COLOUR, fps)
    right.set_ylabel("onset strength")
    right.set_ylim(bottom=0)
    for axis in (above, below, right):
        _plain(axis)
    _legend(above, above)
    _legend(below, below, right)
    return _png(figure)


def error_chart(error: Mapping[str, Numbers], similarity: Mapping[str, Numbers]) -> bytes:
    """Returns a chart of error and SSIM against frame number, PNG.

    Args:
        error: mean squared error (T,) by name, the model first, then the mean frame.
        similarity: SSIM likewise.
    """
    figure, axes = _figure(4.2, 2, 1)
    for axis, rows, label in zip(axes, (error, similarity), ("mean squared\nerror", "SSIM"), strict=True):
        for (name, values), colour in zip(rows.items(), (MODEL_COLOUR, STILL_COLOUR), strict=True):
            _line(axis, _array(values), name, colour)
        axis.set_ylabel(label)
        _plain(axis)
    axes[0].set_ylim(bottom=0)
    axes[1].set_xlabel("frame")
    _legend(axes[0], axes[0])
    return _png(figure)


def bar_chart(panels: Mapping[str, Mapping[str, tuple[float, float]]]) -> bytes:
    """Returns a chart of means and spreads, PNG: one panel of bars per measure, the rows from the top down.

    Args:
        panels: mean and spread (nan: none) by measure and row.
    """
    count = len(next(iter(panels.values())))
    figure = Figure(figsize=(2.4 * len(panels) + 1.6, 0.32 * count + 0.7), layout="constrained")
    for place, (title, rows) in enumerate(panels.items()):
        axis = figure.add_subplot(1, len(panels), place + 1)
        means, spreads = np.array(list(rows.values())).T
        axis.barh(
            np.arange(count), means, xerr=np.nan_to_num(spreads), color=MODEL_COLOUR, ecolor=_INK, capsize=2
        )
        axis.set_yticks(np.arange(count), list(rows) if place == 0 else [""] * count)
        axis.set_title(title, fontsize=9, color=_INK)
        axis.invert_yaxis()
        _plain(axis)
    return _png(figure)


def smoothed(values: Array, window: int) -> Array:
    """Returns the centred mean of a series (fewer values at the ends), gaps left out.

    Args:
        values: (T,), nan in gaps.
        window: how many values are averaged.

    Returns:
        (T,), nan where there is nothing to average.
    """
    known, weights = np.isfinite(values), np.ones(window)
    counts = np.convolve(known.astype(float), weights, "same")
    sums = np.convolve(np.where(known, values, 0.0), weights, "same")
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _line(axis: Any, values: Array, name: str, colour: str, fps: Fraction | None = None) -> None:
    """Draws a series against frame number or seconds, faint under its smoothed line where it is long."""
    at = (
        np.arange(len(values)) if fps is None else (np.arange(len(values)) + 0.5) / float(fps)
    )  # the middle of what it spans
    window = len(values) // _SMOOTHING
    if window < _LEAST_WINDOW:
        axis.plot(at, values, color=colour, linewidth=1.3, label=name)
        return
    axis.plot(at, values, color=colour, linewidth=0.6, alpha=0.35)
    axis.plot(
        at,
        smoothed(values, window),
        color=colour,
        linewidth=1.6,
        label=f"{name} (and mean of {window} frames)",
    )


def _shown(loudness: Numbers) -> Array:
    """Loudness, nowhere farther below its peak than `SHOWN_DB`."""
    values = _array(loudness)
    return (
        np.maximum(values, np.max(values, where=np.isfinite(values), initial=-np.inf) - SHOWN_DB)
        if len(values)
        else values
    )


def _array(values: Numbers) -> Array:
    """Numbers as float64; nan for None and what is not finite."""
    numbers = np.array(values, np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _figure(height: float, rows: int, columns: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(10.5, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, sharex=True)


def _plain(axis: Any) -> None:
    """Gives an axis ink for both kinds of paper, and no frame."""
    axis.margins(x=0)
    axis.set_xlim(0, axis.get_xlim()[1] or 1)  # bars that are all 0 have no width
    axis.tick_params(colors=_INK)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set_color(_INK)
    for name, spine in axis.spines.items():
        spine.set_color(_INK)
        spine.set_visible(name == "bottom")
    axis.grid(axis="x", color=_INK, alpha=0.2)


def _legend(place: Any, *axes: Any) -> None:
    lines = [line for axis in axes for line in axis.get_legend_handles_labels()[0]]
    place.legend(
        handles=lines,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(lines),
        frameon=False,
        labelcolor=_INK,
        borderaxespad=0.1,
    )


def _png(figure: Figure) -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120, transparent=True)
    return content.getvalue()
