"""Rooms: late reverberation of a sound is reduced to that of the clip's own sound.

The late reverberation at an instant is the sound of a tenth of a second before, weakened by the rate at which
the room decays (Lebart, Boucher and Denbigh 2001: spectral subtraction of late reverberation). The rate is
told from the sound itself: its bands cannot fall faster. As much reverberation as the clip's own sound has
stays. In steady noise bands fall no deeper than the noise, which so counts as a weak room.

Letters: T chunks, B bands, R of the last chunks, N training frames, F numbers of each.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor

BACK = 2
"""Chunks between a sound and its late reverberation: at 20 frames a second a tenth of a second."""
FASTEST = 0.1
"""Quantile of all falls of loud chunks that counts as the fall of a sound."""
MARGIN_DB = 2.0
"""dB by which a sound may fall slower than the clip's, between two chunks `BACK` apart, and stay unchanged.
"""
TAKEN = 8.0
"""Factor on the excess power that is subtracted."""
LEAST = 0.05
"""Share of a chunk's power that always stays."""
LEAST_ECHO = 0.1
"""Least share of power to subtract; of a smaller share nothing is subtracted."""
REMEMBERED_CHUNKS, TOLD_EVERY = 600, 20
"""Chunks of live sound over which the fall is measured, and chunks between two measurements."""
LOUD_DB, LOUD_SHARE, FEWEST = 20.0, 0.6, 10  # dB and quantile of loud chunks, and the fewest of them


class Room(NamedTuple):
    """State of the room of a live sound."""

    recent: Float[Tensor, "R B"]
    """Levels of the last chunks."""
    chunks: int
    """Number of chunks so far."""
    echo: float
    """Share of power that is subtracted: see `echo_of`."""


def room_after(levels: Float[Tensor, "1 B"], room: Room | None, home: float | None) -> Room:
    """Returns the state after one more chunk.

    Args:
        levels: of the chunk, in dB above the noise floor.
        room: what was known before; None: nothing.
        home: fall of the clip's sound; None: not known, and nothing is taken out.
    """
    before, chunks, echo = room or Room(levels[:0], 0, 0.0)
    recent = torch.cat([before, levels])[-REMEMBERED_CHUNKS:]
    if (chunks + 1) % TOLD_EVERY == 0:
        echo = echo_of(fall_of(recent), home)
    return Room(recent, chunks + 1, echo)


def fall_of(levels: Float[Tensor, "T B"], follows: Bool[Tensor, " T-2"] | None = None) -> float | None:
    """Returns by how many dB bands fall between two chunks `BACK` apart, where they fall fastest.

    The fall is negative; None where too few chunks are loud.

    Args:
        levels: of its chunks, in dB above the noise floor.
        follows: for each chunk but the last `BACK` whether the one `BACK` later follows it; None: all do.
    """
    if len(levels) <= BACK:
        return None
    before, after = levels[:-BACK], levels[BACK:]
    loud = (before >= torch.quantile(levels, LOUD_SHARE, dim=0)) & (before > LOUD_DB)
    if follows is not None:
        loud = loud & follows[:, None]
    falls = (after - before)[loud]
    if loud.any(1).sum() < FEWEST:
        return None
    return float(falls.sort().values[int(FASTEST * len(falls))])


def home_fall(
    extractor: FeatureExtractor, features: Float[Tensor, "N F"], numbers: Int[Tensor, " N"]
) -> float | None:
    """Returns the fall of a training sound; None where its features hold no levels.

    Args:
        extractor: that made the features.
        features: of its frames.
        numbers: of the frames, rising.
    """
    if not extractor.tells_levels:
        return None
    chunks = extractor.raw(features[:, : extractor.config.chunk_size])
    return fall_of(extractor.levels(chunks), numbers[BACK:] - numbers[:-BACK] == BACK)


def echo_of(fall: float | None, home: float | None) -> float:
    """Returns the share of a chunk's power that is subtracted from the chunk `BACK` later.

    Args:
        fall: of the sound.
        home: of the clip's sound.
    """
    if fall is None or home is None:
        return 0.0
    echo = TAKEN * (10 ** ((fall - MARGIN_DB) / 10) - 10 ** (home / 10))
    return echo if echo >= LEAST_ECHO else 0.0


def dried(levels: Float[Tensor, "T B"], echo: float) -> Float[Tensor, "T-2 B"]:
    """Returns the levels of chunks, but for the first `BACK`, without the reverberation of the chunks before.

    Args:
        levels: in dB above the noise floor.
        echo: share of power that is left after `BACK` chunks.
    """
    power = 10 ** (levels.clamp(min=0) / 10) - 1
    left = torch.maximum(power[BACK:] - echo * power[:-BACK], LEAST * power[BACK:])
    return 10 * torch.log10(1 + left)
