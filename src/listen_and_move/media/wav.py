"""Writing uncompressed sound."""

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from listen_and_move.arrays import not_finite
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath
from listen_and_move.media.replacing import replacing


def write_wav(path: AnyPath, samples: np.ndarray, sample_rate: int) -> None:
    """Writes float samples, (n,) or (n, channels), full scale 1, as 16-bit PCM; what is louder is clipped.

    Raises:
        UserError: see `two_axes` and `replacing`.
    """
    samples = two_axes(samples)
    with replacing(path) as temporary:
        write_blocks(temporary, [samples], sample_rate)


def write_blocks(path: Path, blocks: Iterable[np.ndarray], sample_rate: int) -> None:
    """Writes blocks (n, channels) as they come, unprotected; see `write_wav`."""
    with path.open("wb") as file, wave.open(file, "wb") as sound:
        for index, block in enumerate(blocks):
            if not index:
                sound.setnchannels(block.shape[1])
                sound.setsampwidth(2)
                sound.setframerate(sample_rate)
            sound.writeframes(
                np.rint(block.astype(np.float64) * 32767).clip(-32768, 32767).astype("<i2").tobytes()
            )


def two_axes(samples: np.ndarray) -> np.ndarray:
    """Returns samples (n,) or (n, channels) as (n, channels).

    Raises:
        UserError: a sample is NaN or infinite.
        ValueError: another shape.
    """
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or 0 in samples.shape[1:]:
        raise ValueError(f"samples: expected shape (n,) or (n, channels); got {samples.shape}")
    if (bad := not_finite(samples)) is not None:
        raise UserError(f"samples: expected finite ones; got NaN or infinity at place {bad}: mend the sound")
    return samples[:, None] if samples.ndim == 1 else samples
