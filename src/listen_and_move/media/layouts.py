"""Channel layouts: the places of a sound's channels, and the layouts that a codec can write.

A layout is written with the names of FFmpeg, as 5.1(side).
"""

from typing import Any

import av

USUAL = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")
"""Layouts that are assumed for channels without labels, by their number."""
LAYOUTS = {
    "aac": ("mono", "stereo", "2.1", "3.0", "3.0(back)", "4.0", "quad", "5.0", "5.1", "7.1"),
    "libopus": ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"),
    "pcm_s16le": (
        *(
            "mono",
            "stereo",
            "2.1",
            "3.0",
            "3.0(back)",
            "4.0",
            "quad",
            "quad(side)",
            "3.1",
            "5.0",
            "5.0(side)",
        ),
        *("4.1", "5.1", "5.1(side)", "6.0", "6.0(front)", "hexagonal", "6.1", "6.1(back)", "6.1(front)"),
        *("7.0", "7.0(front)", "7.1(wide)", "7.1(wide-side)", "octagonal", "7.1"),
    ),
}
"""Layouts that are read back as they were written, by codec: the smallest first, the fullest last."""
PLACES = {"FL", "FR", "FC", "LFE", "BL", "BR", "BC", "SL", "SR", "FLC", "FRC"}
"""Channels at places in front of, beside or behind the listener."""
BACK = {"SL": "BL", "SR": "BR"}


def layout_of(layout: Any) -> str:
    """Returns the name of the layout of decoded sound.

    Where a channel is not labelled by its place, it is the usual layout; empty then for more than 8 channels.
    """
    placed = PLACES.issuperset(channel.name for channel in layout.channels)
    return layout.name if placed else usual_layout(layout.nb_channels)


def usual_layout(channels: int) -> str:
    """Returns the name of the usual layout of ``channels`` channels without labels; empty for more than 8."""
    return USUAL[channels - 1] if channels <= len(USUAL) else ""


def written_layout(codec: str, layout: str) -> str:
    """Returns the layout that a codec writes for another one.

    It is the same layout, else the smallest that has all of its channels, else the fullest. Channels at the
    sides become those behind where a codec has only these.
    """
    known = LAYOUTS[codec]
    if layout in known:
        return layout
    wanted = set(_places(layout))
    behind = {BACK.get(place, place) for place in wanted}
    accepted = [wanted, behind] if len(behind) == len(wanted) else [wanted]
    for candidate in known:
        if any(places <= set(_places(candidate)) for places in accepted):
            return candidate
    return known[-1]


def _places(layout: str) -> tuple[str, ...]:
    return tuple(channel.name for channel in av.AudioLayout(layout).channels)
