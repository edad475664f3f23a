"""Which moment of a clip each frame shows, for editors: a table (CSV), or an edit decision list (CMX 3600).

With it the larger original can be conformed to what was played.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import NamedTuple

from listen_and_move.errors import UserError
from listen_and_move.media.replacing import replacing

ENDINGS = (".csv", ".edl")
HEADER = ("frame", "seconds", "clip seconds", "transition", "share", "from clip seconds")
TAKES = ("take", "from take")
"""Columns more, where the clip has several files."""
NAME_LENGTH = 200
"""Characters of a clip's name in a list, which is a line."""


class ClipMoment(NamedTuple):
    """A moment of the clip that is seen in a frame."""

    seconds: Fraction
    """In the video that the clip comes from."""
    share: float
    """Of this moment over those that come before it in the frame."""
    morph: bool
    """The two are morphed; else dissolved."""
    take: str = ""
    """Name of the file, where the clip has several."""


class Event(NamedTuple):
    """Frames that show the clip in its own order, or one moment of it."""

    first: int
    """Frame with which it begins, the transition to it included."""
    last: int
    """Frame behind its last one."""
    seconds: Fraction
    """ClipMoment of the clip at its begin."""
    moving: bool
    transition: int
    """Frames of the transition; 0: a cut."""
    before: Fraction | None
    """ClipMoment of the clip that was shown before, where there is a transition."""
    take: str = ""
    """Name of the file, where the clip has several."""
    take_before: str = ""
    """Name of the file of what was shown before, likewise."""


def check_name(path: Path) -> None:
    """Refuses a name that is none of a list.

    Raises:
        UserError: another ending.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path}: expected a list's name ending in {' or '.join(ENDINGS)}; got {path.suffix}")


def write_edit_list(
    path: Path, frames: Sequence[tuple[ClipMoment, ...]], fps: Fraction, clip: str, overwrite: bool = False
) -> None:
    """Writes a list, whole or not at all.

    Args:
        path: .csv or .edl.
        frames: the moments that each frame shows, the oldest first; at least one each.
        fps: frames per second.
        clip: name of the video.
        overwrite: replace a file that exists.

    Raises:
        UserError: another ending, or the file exists.
    """
    check_name(path)
    text = _table(frames, fps) if path.suffix.lower() == ".csv" else _decisions(frames, fps, clip)
    with replacing(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def events(frames: Sequence[tuple[ClipMoment, ...]], fps: Fraction) -> Iterator[Event]:
    """Yields what is shown as events.

    Args:
        frames: the moments that each frame shows.
        fps: frames per second.
    """
    step, first = 1 / fps, 0
    for number in range(1, len(frames) + 1):
        if number < len(frames):
            goes = frames[number][-1].seconds - frames[number - 1][-1].seconds
            begun = frames[first + 1][-1].seconds - frames[first][-1].seconds if number > first + 1 else goes
            one_take = frames[number][-1].take == frames[number - 1][-1].take
            if one_take and _like(goes, begun, step) and (goes == 0 or _like(goes, step, step)):
                continue
        shown = frames[first:number]
        mixed = next((place for place, each in enumerate(shown) if len(each) == 1), len(shown))
        moving = len(shown) == 1 or shown[1][-1].seconds != shown[0][-1].seconds
        last, before = shown[0][-1], shown[0][-2] if mixed else None
        left = (None, "") if before is None else (before.seconds, before.take)
        yield Event(first, number, last.seconds, moving, mixed, left[0], last.take, left[1])
        first = number


def _like(one: Fraction, other: Fraction, step: Fraction) -> bool:
    """Whether two steps are the same but for half a frame."""
    return abs(one - other) < step / 2


def _table(frames: Sequence[tuple[ClipMoment, ...]], fps: Fraction) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    several = any(moments[-1].take for moments in frames)
    writer.writerow((*HEADER, *TAKES) if several else HEADER)
    for number, moments in enumerate(frames):
        last = moments[-1]
        mixed = len(moments) > 1
        kind = ("morph" if last.morph else "dissolve") if mixed else ""
        before = f"{float(moments[-2].seconds):.6f}" if mixed else ""
        row = (number, f"{float(number / fps):.6f}", f"{float(last.seconds):.6f}", kind)
        takes = (last.take, moments[-2].take if mixed else "") if several else ()
        writer.writerow((*row, f"{last.share:.3f}", before, *takes))
    return text.getvalue()


def _decisions(frames: Sequence[tuple[ClipMoment, ...]], fps: Fraction, clip: str) -> str:
    """Returns a list of CMX 3600, whose timecodes count frames without dropping any."""
    name = _printable(clip)
    lines = [f"TITLE: {name}", "FCM: NON-DROP FRAME", ""]
    for number, event in enumerate(events(frames, fps), start=1):
        span = _timecode(event.first, fps), _timecode(event.last, fps)
        source = floor(event.seconds * fps + Fraction(1, 2))
        length = event.last - event.first if event.moving else 1
        taken = _timecode(source, fps), _timecode(source + length, fps)
        if event.transition and event.before is not None:
            leaves = _timecode(floor(event.before * fps + Fraction(1, 2)), fps)
            lines.append(_line(number, "C", "", leaves, leaves, span[0], span[0]))
            lines.append(_line(number, "D", f"{event.transition:03d}", *taken, *span))
        else:
            lines.append(_line(number, "C", "", *taken, *span))
        if not event.moving:
            lines.append(f"M2   AX       000.0                {taken[0]}")
        if event.take_before:
            lines.append(f"* FROM CLIP NAME: {_printable(event.take_before)}")
            lines.append(f"* TO CLIP NAME: {_printable(event.take)}")
        else:
            lines.append(f"* FROM CLIP NAME: {_printable(event.take) or name}")
    return "\n".join([*lines, ""])


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() else " " for each in name)[:NAME_LENGTH]


def _line(number: int, kind: str, length: str, *codes: str) -> str:
    return f"{number:03d}  AX       V     {kind:4} {length:3} {' '.join(codes)}"


def _timecode(frame: int, fps: Fraction) -> str:
    per_second = ceil(fps)
    seconds, rest = divmod(frame, per_second)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}"
