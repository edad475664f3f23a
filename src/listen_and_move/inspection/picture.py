"""The picture of an inspection: frames with the crop, where it moves, the sound, motion against loudness."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from listen_and_move.inspection.figures import SAMPLE_RATE, Figures
from listen_and_move.media.files import VideoInfo
from listen_and_move.media.replacing import replacing
from listen_and_move.metrics.coupling import spectra
from listen_and_move.metrics.scenes import temporal_spread
from listen_and_move.metrics.sync import motion_energy
from listen_and_move.scenes import RATE

SHOWN = 8
"""Number of frames in the contact sheet."""
LONGEST_TITLE = 100
"""Most characters of a title."""
MISSING, PLACEHOLDERS = "□", "Last Resort"
"""Sign for a character that no font has, and the font with such a sign for every character."""
_CROP, _SUGGESTED, _CUT = "#ffb000", "#35d0ff", "#e8505b"


def draw(
    path: Path,
    frames: NDArray[np.uint8],
    samples: NDArray[np.float32] | None,
    figures: Figures,
    video: VideoInfo,
    title: str,
) -> None:
    """Draws the findings into a file.

    Args:
        path: ends in .png, .jpg, .pdf or .svg.
        frames: uint8 (T, H, W, 3) at 20 fps, the whole picture.
        samples: one channel at 16 kHz, or None.
        figures: what was measured.
        video: size of the video in pixels.
        title: name above the picture.

    Raises:
        UserError: the file cannot be written.
    """
    figure = Figure(figsize=(13, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    sheet, course = np.ravel(
        np.asarray(figure.subfigures(2, 1, height_ratios=(0.75 if video.width >= video.height else 1.1, 1)))
    )
    figure.suptitle(**drawable(title))
    _draw_sheet(sheet, frames, figures, video)
    above, below = course.subplots(2, 1, sharex=True)
    _draw_sound(above, samples, figures)
    _draw_course(below, frames, figures)
    with replacing(path) as place:
        figure.savefig(place, dpi=100, format=path.suffix[1:].lower())


def drawable(name: str) -> dict[str, Any]:
    """Returns a name as arguments of a text in a figure.

    The text uses fonts that have its characters; characters that no font here has, such as bytes that are no
    text, become boxes.
    """
    wanted, font = {ord(each) for each in name}, rcParams["font.sans-serif"][0]
    families, known = [font], set(get_font(findfont(font)).get_charmap())
    fonts = [entry for entry in fontManager.ttflist if not entry.name.startswith(PLACEHOLDERS)]
    for entry in fonts if wanted - known else ():
        with suppress(OSError, RuntimeError):  # a font file that is gone or damaged
            found = set(get_font(entry.fname).get_charmap())
            if (wanted - known) & found:
                families, known = [*families, entry.name], known | found
        if wanted <= known:
            break
    text = "".join(each if ord(each) in known and each.isprintable() else MISSING for each in name)
    short = text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"
    return {"t": short, "family": families, "parse_math": False}


def _draw_sheet(place: Any, frames: NDArray[np.uint8], figures: Figures, video: VideoInfo) -> None:
    """Draws frames from the whole time with the crop, and last how much each pixel varies."""
    extent = (0, video.width, video.height, 0)
    axes = place.subplots(2, 5).ravel()
    for axis, index in zip(axes, np.linspace(0, len(frames) - 1, SHOWN + 1).astype(int), strict=False):
        axis.imshow(frames[index], extent=extent)
        axis.set_title(f"{figures.start + index / float(RATE):.2f} s", fontsize=9)
    axes[-1].imshow(temporal_spread(frames), extent=extent, cmap="magma")
    axes[-1].set_title("where it moves", fontsize=9)
    for axis in axes:
        _outline(axis, figures.box, _CROP, "-")
        if figures.suggested_box is not None:
            _outline(axis, figures.suggested_box, _SUGGESTED, "--")
        axis.set_xticks([])
        axis.set_yticks([])


def _outline(axis: Any, box: tuple[int, int, int, int], colour: str, style: str) -> None:
    left, top, right, bottom = box
    axis.add_patch(
        Rectangle(
            (left, top),
            right - left,
            bottom - top,
            fill=False,
            edgecolor=colour,
            linestyle=style,
            linewidth=1.5,
        )
    )


def _draw_sound(axis: Any, samples: NDArray[np.float32] | None, figures: Figures) -> None:
    """Draws the spectrogram over the time of the video."""
    axis.set_xlim(figures.start, figures.end)
    axis.set_ylabel("kHz")
    if samples is None or not len(samples):
        axis.text(0.5, 0.5, "no sound", transform=axis.transAxes, ha="center")
        return
    decibels = spectra(samples).T
    decibels = decibels[:, :: max(1, decibels.shape[1] // 4000)]
    extent = (figures.start, figures.start + len(samples) / SAMPLE_RATE, 0, SAMPLE_RATE / 2000)
    axis.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="viridis",
        vmin=decibels.max() - 80,
        vmax=decibels.max(),
    )
    axis.set_xlim(figures.start, figures.end)
    _mark(axis, figures)


def _draw_course(axis: Any, frames: NDArray[np.uint8], figures: Figures) -> None:
    """Draws motion and loudness over the time of the video."""
    times = figures.start + np.arange(len(frames)) / float(RATE)
    axis.plot(
        times[:-1] + 0.5 / float(RATE),
        100 * motion_energy(frames),
        color="#d768a8",
        label="motion (% per frame)",
    )
    axis.set_ylabel("motion (% per frame)")
    axis.set_xlabel("seconds")
    axis.set_xlim(figures.start, figures.end)
    other = axis.twinx()
    floor = max(-80.0, float(figures.loudness.max()) - 60)
    other.plot(times, np.maximum(figures.loudness, floor), color="#4d9de0", label="loudness (dBFS)")
    other.set_ylabel("loudness (dBFS)")
    _mark(axis, figures)
    lines = [*axis.get_legend_handles_labels()[0], *other.get_legend_handles_labels()[0]]
    axis.legend(handles=lines, loc="lower right", fontsize=8)


def _mark(axis: Any, figures: Figures) -> None:
    """Draws cuts as full lines, and captions that come or go as dotted ones."""
    for kind, moment, _, _ in figures.changes:
        axis.axvline(moment, color=_CUT, linestyle=":" if kind == "overlay" else "-", linewidth=1.5)
