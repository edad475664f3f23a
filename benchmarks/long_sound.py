"""Generate a short and a long sound with one model and compare peak memory and speed of the whole command.

    python -m benchmarks.long_sound MODEL [--minutes 1 60]

Each length runs in a process of its own; peak memory is the operating system's (ru_maxrss), so this needs
Linux or macOS.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATE = 44_100


def make_sound(path: Path, minutes: float) -> None:
    """Noise bursts once a second, written piece by piece."""
    import wave

    random = np.random.default_rng(0)
    envelope = np.exp(-np.arange(RATE) / (0.1 * RATE))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for _ in range(int(60 * minutes)):
            file.writeframes(
                (8000 * envelope * random.standard_normal(RATE)).clip(-32768, 32767).astype("<i2").tobytes()
            )


def measured(model: Path, minutes: float) -> dict[str, float]:
    """One generation in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        sound, out = Path(folder) / "sound.wav", Path(folder) / "out.mp4"
        make_sound(sound, minutes)
        begun = time.perf_counter()
        command = [sys.executable, __file__, "--child", str(model), str(sound), str(out)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds = time.perf_counter() - begun
        return {
            "minutes": minutes,
            "seconds": seconds,
            "peak_mb": float(printed),
            "output_mb": out.stat().st_size / 1e6,
        }


def child(model: str, sound: str, out: str) -> None:
    """Generate, then print the peak memory in MB."""
    from listen_and_move.inference.generate import generate

    generate(model, sound, out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1e6 if sys.platform == "darwin" else 1e3))


def main() -> None:
    """Measure and print JSON."""
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 60])
    options = parser.parse_args()
    print(json.dumps([measured(options.model, minutes) for minutes in options.minutes], indent=1))
    return None


if __name__ == "__main__":
    main()
