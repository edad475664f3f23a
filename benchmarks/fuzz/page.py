"""Sends a page what makes no sense, over HTTP and WebSocket, and counts what comes back.

    python -m benchmarks.fuzz.page --count 2000 --seed 0 [--results FILE]

What is sent is made by the strategies of `tests.app.hostile`, as in the tests, which send little of it. A
fault is an answer of 500 or more, a traceback on the terminal, a path of the server in an answer, what is no
JSON, or a page that does not answer as before in the end. Needs the extra `dev`. The exit code is 1 where
there is a fault.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.app import hostile
from tests.app.serving import serving

from benchmarks.machine import machine
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav
from listen_and_move.training.loop import train

FPS = Fraction(20)
SHOWN = 300
"""Characters of an example and of its fault."""
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS")


def made(folder: Path) -> tuple[Path, Path]:
    """A runs folder with a tiny run, and its video beside it."""
    video, notes = folder / "performance.mp4", melody(1, 4.0)
    sound = Waveform(render_sound(notes, 4.0), 48_000)
    with VideoWriter(video, width=64, height=64, fps=FPS, sound=sound) as writer:
        for frame in render_frames(notes, 4.0, FPS, 64, 64):
            writer.write(frame)
    tiny: dict[str, object] = {
        "clip.size": "32",
        "generator.channels_base": 64,
        "generator.channels_max": 16,
        "training.window": 4,
        "training.steps": 2,
    }
    train(video, folder / "runs" / "tiny", preset_name="quick", settings=tiny, device="cpu")
    return folder / "runs", video


def outcomes(
    strategy: st.SearchStrategy[Any], act: Callable[[Any], str], count: int, start: int
) -> dict[str, Any]:
    """What comes of so many examples: how often what, how long the slowest took, and the faults."""
    counted: Counter[str] = Counter()
    faults: list[dict[str, str]] = []
    slowest = 0.0

    @seed(start)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=QUIET)
    @given(strategy)
    def send(example: Any) -> None:
        nonlocal slowest
        begun = time.monotonic()
        try:
            counted[act(example)] += 1
        except Exception as error:  # whatever it is, the rest is sent
            counted["fault"] += 1
            faults.append({"example": repr(example)[:SHOWN], "fault": repr(error)[:SHOWN]})
        slowest = max(slowest, time.monotonic() - begun)

    send()
    return {"outcomes": dict(counted.most_common()), "slowest_s": round(slowest, 2), "faults": faults}


def fuzzed(folder: Path, count: int, start: int) -> dict[str, Any]:
    """The outcomes of all parts, on one page, and whether it is as it was in the end."""
    runs, video = made(folder)
    sound, errors = folder / "sound.wav", folder / "errors.txt"
    write_wav(sound, np.zeros(8000, np.float32), 8000)
    with serving(runs, errors=errors, before=hostile.GUARDED) as (address, _):
        stranger = hostile.Hostile(address, sound, video, (str(folder), "listen-and-move-page-"))
        hello = json.dumps(hostile.LIVE).encode()
        asked = st.tuples(st.sampled_from(METHODS), hostile.addresses)
        parts: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str]]] = {
            "bodies": (hostile.requests, lambda request: stranger.post(*request)),
            "addresses": (asked, lambda request: stranger.request(*request)),
            "bytes": (hostile.raw, stranger.send),
            "first_messages": (hostile.first_messages, lambda message: stranger.play([message])),
            "later_messages": (hostile.plays, lambda messages: stranger.play([hello, *messages])),
        }
        found = {name: outcomes(*part, count, start) for name, part in parts.items()}
        try:
            stranger.unharmed(errors)
            harm = ""
        except Exception as error:
            harm = repr(error)[-2000:]
    return {"count": count, "seed": start, "machine": machine(), "parts": found, "harm": harm}


def main() -> int:
    """Sends, counts, prints, and writes the results where it is asked to."""
    parser = argparse.ArgumentParser(description="Sends a page what makes no sense.")
    parser.add_argument("--count", type=int, default=2000, help="examples of each part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, help="a JSON file for what is printed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzzed(Path(folder), options.count, options.seed)
    text = json.dumps(found, indent=1)
    print(text)
    if options.results is not None:
        options.results.write_text(f"{text}\n", encoding="utf-8")
    return int(bool(found["harm"]) or any(part["faults"] for part in found["parts"].values()))


if __name__ == "__main__":
    sys.exit(main())
