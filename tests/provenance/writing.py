"""Small outputs, signed or not."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from listen_and_move.media.video import Codec, VideoWriter
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import drawn
from listen_and_move.provenance.signing import ManifestSigner

PROVENANCE = drawn("ab" * 32)


def write(out: Path, signer: ManifestSigner | None = None, codec: Codec = "auto") -> None:
    """Ten pictures, one of them after the other."""
    label = Label(PROVENANCE, signer)
    with VideoWriter(
        out,
        width=64,
        height=48,
        fps=Fraction(25),
        label=label,
        codec=codec,
        overwrite=True,
    ) as writer:
        for number in range(10):
            writer.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8))
