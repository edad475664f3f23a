"""Live play of a model on the processor: speed, time to compute, memory, lag, several players.

    python -m benchmarks.live MODEL [--out benchmarks/results/live_cpu.json] [--minutes 10]

Every measurement runs in a process of its own. Sound is noise in bursts at 44.1 kHz. Memory is what the
operating system says is resident, so this needs Linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from benchmarks.machine import machine

RATE = 44_100


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Returns noise in three bursts a second."""
    random, count = np.random.default_rng(seed), int(seconds * RATE)
    return (0.1 * random.standard_normal(count) * np.exp(-8 * (3 * np.arange(count) / RATE % 1))).astype(
        np.float32
    )


def frame_by_frame(model: str, seconds: float = 10.0) -> dict[str, float]:
    """Returns the speed of play with one block of sound for every frame.

    Measured are pictures a second, milliseconds from a block to its picture, and milliseconds of computing.
    """
    from listen_and_move import Animator

    animator = Animator.load(model, "cpu")
    live, taken, frames = animator.live(RATE), [], 0
    blocks = np.array_split(sound(seconds), int(seconds * animator.fps))
    for block in blocks[:20]:
        live.push(block)
    begun, worked = time.perf_counter(), time.process_time()
    for block in blocks[20:]:
        before = time.perf_counter()
        given = len(live.push(block))
        frames += given
        taken += [1000 * (time.perf_counter() - before)] * bool(given)
    speed, work = frames / (time.perf_counter() - begun), 1000 * (time.process_time() - worked) / frames
    p50, p95 = (float(np.percentile(taken, share)) for share in (50, 95))
    latency = 1000 * live.latency
    return {
        "frames_per_second": speed,
        "p50_ms": p50,
        "p95_ms": p95,
        "processor_ms": work,
        "latency_ms": latency,
    }


def several(model: str, players: int, seconds: float = 10.0) -> dict[str, float]:
    """Returns the speed of several players in threads, each as fast as it can.

    Measured are pictures a second of all players, and how many pictures were drawn together.
    """
    from listen_and_move import Animator

    animator = Animator.load(model, "cpu")
    animator.live(RATE).push(sound(1.0))
    draw, sizes = animator.renderer._draw, []
    animator.renderer._draw = lambda requests, frames: (sizes.append(len(requests)), draw(requests, frames))[
        1
    ]

    def play(seed: int) -> None:
        live = animator.live(RATE, seed)
        for block in np.array_split(sound(seconds, seed), int(seconds * animator.fps)):
            live.push(block)
        live.finish()

    threads = [Thread(target=play, args=(seed,)) for seed in range(players)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = players * seconds * float(animator.fps)
    speed = total / (time.perf_counter() - begun)
    return {"players": players, "frames_per_second": speed, "drawn_together": sum(sizes) / len(sizes)}


def memory(model: str, minutes: int) -> dict[str, Any]:
    """Returns the resident megabytes after each minute of sound, played as fast as possible."""
    from listen_and_move import Animator

    animator = Animator.load(model, "cpu")
    live, resident, frames = animator.live(RATE, gain="running"), [], 0
    block = sound(1.0)
    for second in range(60 * minutes):
        frames += len(live.push(block))
        if second % 60 == 59:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            resident.append(round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1))
    return {"frames": frames, "resident_mb": resident}


def lag(model: str, seconds: float = 30.0) -> dict[str, float]:
    """Returns the milliseconds from a sound to its picture.

    A file plays at its own speed into a Matroska file that goes nowhere.
    """
    from listen_and_move.inference.perform import perform
    from listen_and_move.media.wav import write_wav

    seen: list[tuple[float, int, int]] = []
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w", encoding="utf-8") as nobody:  # noqa: PTH123
        write_wav(Path(folder) / "sound.wav", sound(seconds), RATE)
        output, sys.stdout = sys.stdout, nobody
        try:
            perform(
                model,
                str(Path(folder) / "sound.wav"),
                "-",
                realtime=True,
                device="cpu",
                watch=lambda status: seen.append((1000 * status.latency, status.frames, status.repeated)),
            )
        finally:
            sys.stdout = output
    latency, frames, repeated = (np.array(column) for column in zip(*seen, strict=True))
    new = np.flatnonzero(np.diff(frames)) + 1
    first, last = latency[new[20:120]], latency[new[-100:]]
    return {
        "p50_ms": float(np.median(latency[new[20:]])),
        "p95_ms": float(np.percentile(latency[new[20:]], 95)),
        "p50_of_the_first_5_s_ms": float(np.median(first)),
        "p50_of_the_last_5_s_ms": float(np.median(last)),
        "repeated": int(repeated[-1]),
    }


def measured(model: Path, threads: int, name: str, *arguments: object) -> Any:
    """Returns the result of a measurement that runs alone in a process with ``threads`` threads."""
    command = [sys.executable, "-m", "benchmarks.live", "--child", str(model), name, *map(str, arguments)]
    surroundings = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    print(f"{name} {' '.join(map(str, arguments))} on {threads} core(s)", file=sys.stderr)
    return json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings).stdout
    )


def child(model: str, name: str, *arguments: str) -> None:
    """Runs one measurement and prints its result as JSON."""
    found = {"frame_by_frame": frame_by_frame, "several": several, "memory": memory, "lag": lag}[name]
    print(json.dumps(found(model, *map(int, arguments))))


def main() -> None:
    """Measures, prints and writes."""
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/live_cpu.json"))
    options = parser.parse_args()
    model = options.model
    found = {
        "machine": machine(),
        "load_before": os.getloadavg()[0],
        "frame_by_frame_1_core": measured(model, 1, "frame_by_frame"),
        "frame_by_frame_2_cores": measured(model, 2, "frame_by_frame"),
        "players_1_core": [measured(model, 1, "several", players) for players in (1, 2, 4)],
        "lag_2_cores": measured(model, 2, "lag"),
        f"memory_{options.minutes}_minutes": measured(model, 1, "memory", options.minutes),
    }
    text = json.dumps(found, indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    return None


if __name__ == "__main__":
    main()
