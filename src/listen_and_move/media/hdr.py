"""Tone mapping of pictures with a high dynamic range (PQ of HDR10, HLG of phones and broadcast) for a screen.

The tone mapping is that of FFmpeg's filters zscale and tonemap=mobius, which not every build of FFmpeg has,
as a table for its filter lut3d: 1 of the light is 100 cd/m2, colours above 2 fade, light below 0.3 stays as
it is and the peak becomes 1.

Letters: n numbers per axis of a table.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from listen_and_move.media.decoding import side_data

TRANSFERS = {16: "PQ", 18: "HLG"}
"""Names of the numbers of ITU-T H.273 (TransferCharacteristics)."""
REFERENCE_WHITE = 100
"""Reference white in cd/m2."""
USUAL_PEAK, HIGHEST_PEAK = 1000, 10_000
"""Peaks in cd/m2: of a file that does not say its brightest pixel, and the highest of PQ."""
DESATURATED = 2.0
"""Light, in reference whites, above which colours fade into grey."""
KNEE = 0.3
"""Light, in reference whites, up to which it is left as it is."""
GAMMA = 2.4
"""Gamma of a screen (BT.1886)."""
SIZE = 65
"""Numbers per axis of a table."""
LUMA = np.array([0.2627, 0.6780, 0.0593])
"""Shares of red, green and blue of BT.2020 in its luma."""
PRIMARIES = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ]
)
"""Matrix from light in the colours of BT.2020 to light in those of BT.709."""


def peak_of(frame: Any) -> int:
    """Returns the brightest light of a picture in cd/m2, rounded to hundreds.

    It is what the file says of its content, else of the screen that it was made on.
    """
    level = side_data(frame, "CONTENT_LIGHT_LEVEL")
    screen = side_data(frame, "MASTERING_DISPLAY_METADATA")
    peak = int(np.frombuffer(bytes(level), "<u4")[0]) if level is not None else 0
    if not peak and screen is not None:
        # Before the fraction of the brightest light come nine others (primaries, white, darkest light), after
        # it two flags.
        *_, above, below, _, known = np.frombuffer(bytes(screen), "<i4")[:22].tolist()
        peak = above // below if known and below > 0 else 0
    return min(max(round(peak / 100) * 100, REFERENCE_WHITE), HIGHEST_PEAK) if peak else USUAL_PEAK


def sdr(
    coded: Float[np.ndarray, "*n 3"], transfer: int, peak: float = USUAL_PEAK
) -> Float[np.ndarray, "*n 3"]:
    """Returns RGB of BT.709 for a screen, 0..1.

    Args:
        coded: RGB of BT.2020, 0..1.
        transfer: PQ or HLG, by its number.
        peak: brightest light, in cd/m2.
    """
    light = (_of_pq if TRANSFERS[transfer] == "PQ" else _of_hlg)(coded) @ PRIMARIES.T
    luma = np.maximum(light @ LUMA, 1e-6)[..., None]
    faded = np.maximum(luma - DESATURATED, 0) / luma
    light = light + faded * (luma - light)
    brightest = np.maximum(light.max(-1, keepdims=True), 1e-6)
    mapped = light * (_mobius(brightest, peak / REFERENCE_WHITE) / brightest)
    return mapped.clip(0, 1) ** (1 / GAMMA)


def _of_pq(coded: np.ndarray) -> np.ndarray:
    """Returns the light of PQ values by SMPTE ST 2084, in units of the reference white."""
    power = coded ** (32 / 2523)
    share = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
    return 10_000 / REFERENCE_WHITE * share ** (8192 / 1305)


def _of_hlg(coded: np.ndarray) -> np.ndarray:
    """Returns the light of HLG values by ARIB STD-B67, in units of the reference white.

    The screen has 1000 cd/m2.
    """
    scene = np.where(
        coded <= 0.5, coded**2 / 3, (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return 1000 / REFERENCE_WHITE * scene**1.2


def _mobius(light: np.ndarray, peak: float) -> np.ndarray:
    """Returns mapped light: up to the knee as it is, and the peak as 1."""
    above = max(peak - 1, 1e-6)
    a = -(KNEE**2) * (peak - 1) / (KNEE**2 - 2 * KNEE + peak)
    b = (KNEE**2 - 2 * KNEE * peak + peak) / above
    curve = (b**2 + 2 * b * KNEE + KNEE**2) / (b - a) * (light + a) / (light + b)
    return np.where(light <= KNEE, light, curve)


def table_filter(transfer: int, peak: int) -> tuple[str, str]:
    """Returns the filter that maps the tones of RGB, with its arguments."""
    quoted = str(_table_file(transfer, peak)).replace("'", r"'\''")
    return "lut3d", f"file='{quoted}':interp=tetrahedral"


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Returns a temporary folder that exists as long as the process."""
    return tempfile.TemporaryDirectory(prefix="listen-and-move-")


@cache
def _table_file(transfer: int, peak: int) -> Path:
    """Returns a file with a table, since lut3d reads tables from files alone."""
    steps = np.linspace(0, 1, SIZE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = sdr(np.stack([red, green, blue], -1).reshape(-1, 3), transfer, peak).tolist()
    rows = "\n".join(f"{red:.5f} {green:.5f} {blue:.5f}" for red, green, blue in colours)
    path = Path(_folder().name) / f"{transfer}-{peak}.cube"
    path.write_text(f"LUT_3D_SIZE {SIZE}\n{rows}\n", encoding="ascii")
    return path
