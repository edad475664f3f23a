"""Writes what librosa computes of a made-up sound: the figures that tests of features compare with.

    pip install librosa && python -m tools.librosa_goldens

The tests need these figures alone, and no librosa.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from listen_and_move.audio.features import FFT, HIGHEST_HZ, LOWEST_HZ, SAMPLE_RATE

GOLDEN = Path(__file__).parents[1] / "tests/golden/librosa.safetensors"


def sweep_and_noise() -> np.ndarray:
    """One second at 64 kHz: a sweep over all bands, and numbers that look random."""
    count = np.arange(SAMPLE_RATE)
    times = count / SAMPLE_RATE
    sweep = np.sin(2 * np.pi * (100 * times + 4000 * times**2))
    scattered = (count.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)) / 2**31 - 1.0
    return (0.1 * sweep + 0.05 * scattered * (1 + np.sin(2 * np.pi * 7 * times))).astype(np.float32)


def main() -> None:
    """Computes and writes."""
    import librosa  # pyright: ignore[reportMissingImports]

    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=64, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    power = librosa.feature.melspectrogram(
        y=sweep_and_noise(),
        sr=SAMPLE_RATE,
        n_fft=2048,
        hop_length=640,
        win_length=1600,
        n_mels=64,
        fmin=125,
        fmax=7500,
        pad_mode="constant",
    )
    chunks = [power[:, 5 * frame : 5 * frame + 8] for frame in range(18)]
    features = [librosa.power_to_db(chunk, ref=np.max, top_db=80).mean(1) for chunk in chunks]
    places = np.argwhere(filters)
    save_file(
        {
            "filter_places": np.ascontiguousarray(places, dtype=np.int32),
            "filter_values": filters[tuple(places.T)],
            "features": np.stack(features).astype(np.float32),
        },
        GOLDEN,
        metadata={"librosa": version("librosa")},
    )


if __name__ == "__main__":
    main()
