"""Live play and work on the page for a long time: what stays of memory, lag and open files.

    python -m benchmarks.soak RUN SOUND [--parts live jobs day] [--minutes 20] [--jobs 200] [--hours 24]
        [--results FILE]

RUN lies in a runs folder and keeps frames; SOUND is what is heard, over and over. Needs the extra `dev`, and
Linux.

- live: the page in real time. Two visitors play at once, one whose clock is 200 millionths fast and one whose
  clock is so slow; each stops for some seconds once a minute, and then sends what it heard meanwhile. A third
  one comes, plays, goes without a word, and comes again.
- jobs: one animation after the other.
- day: live play by a simulated clock that jitters, is 200 millionths fast, and stalls every ten minutes, and
  twice at least.

What grows is told between the end of the first tenth, when everything has been in use, and the end.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np
import torch
from tests.app.serving import Visitor, serving
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.machine import machine
from benchmarks.page import memory_mb
from listen_and_move.app.live import HEAD
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.picture_pipelines import PictureChoice, model_pipeline
from listen_and_move.media.sound import read_sound

RATE, BLOCK = 48_000, 1024
PPM = 200
STALL_EVERY, STALL = 60.0, 3.0
"""Seconds."""
STAY = 7.0
EVERY = 10.0
"""Seconds between two looks at the server."""
DAY_RATE, DAY_BLOCK = 8000, 2000
DAY_STALL, STALL_BLOCKS = 1.5, 2400
Values = dict[str, Any]


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--parts", nargs="+", default=["live", "jobs", "day"])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    run, sound = options.run.resolve(), options.sound.resolve()
    parts: dict[str, Callable[[], Values]] = {
        "live": lambda: on_the_page(run, sound, 60 * options.minutes),
        "jobs": lambda: in_turn(run, sound, options.jobs),
        "day": lambda: by_simulated_clock(run, sound, options.hours),
    }
    found: Values = {}
    if options.results and options.results.exists():
        found = json.loads(options.results.read_text(encoding="utf-8"))
    for part in options.parts:
        found[part] = {"machine": machine(), **parts[part]()}
        print(json.dumps({part: found[part]}, indent=1), flush=True)
        if options.results:
            options.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


class Look(NamedTuple):
    """What a process and its workers take."""

    memory_mb: float
    open_files: int
    processes: int

    @classmethod
    def at(cls, process: int) -> "Look":
        """Returns it as it is now."""
        family = [process, *_children(process)]
        files = sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in family)
        return cls(round(sum(map(memory_mb, family)), 1), files, len(family))


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def grown(looks: list[Look]) -> Values:
    """What is more at the end than after the first tenth."""
    settled, rest = looks[len(looks) // 10], looks[len(looks) // 10 :]
    return {
        "memory_mb": [settled.memory_mb, looks[-1].memory_mb],
        "memory_mb_most": max(look.memory_mb for look in rest),
        "open_files": [settled.open_files, looks[-1].open_files],
        "open_files_most": max(look.open_files for look in rest),
        "processes": [settled.processes, looks[-1].processes],
    }


@contextmanager
def watched(process: int) -> Iterator[list[Look]]:
    """Looks at a process again and again, meanwhile."""
    looks, over = [Look.at(process)], Event()

    def watch() -> None:
        while not over.wait(EVERY):
            looks.append(Look.at(process))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()
        looks.append(Look.at(process))


def on_the_page(run: Path, sound: Path, seconds: float, stay: float = STAY) -> Values:
    """Live play in real time, by three visitors.

    Args:
        run: that is played.
        sound: that is heard, over and over.
        seconds: that it takes.
        stay: seconds that the third visitor stays, and then stays away.
    """
    once = np.concatenate(list(read_sound(sound, RATE, start=0, end=60))).astype("<f4")
    with serving(run.parent) as (address, process), watched(process.pid) as looks:
        fast, slow, guest = asyncio.run(_visited(address, run.name, once, seconds, stay))
        # What is measured last is the page when all are gone.
        time.sleep(min(EVERY, seconds))
    return {"seconds": seconds, "fast": fast, "slow": slow, "guest": guest, "server": grown(looks)}


async def _visited(address: str, model: str, once: np.ndarray, seconds: float, stay: float) -> list[Values]:
    clocks = (1 + PPM * 1e-6, 1 - PPM * 1e-6)
    staying = [_stayed(address, model, once, seconds, clock) for clock in clocks]
    return list(await asyncio.gather(*staying, _guest(address, model, once, seconds, stay)))


def _socket(address: str) -> connect:
    place = address.replace("http", "ws") + "/api/live"
    return connect(place, origin=address, max_size=None)  # type: ignore[arg-type]


async def _begun(socket: ClientConnection, model: str) -> Values:
    """What is answered to the first message."""
    wish = {"model": model, "rate": RATE, "seed": 0, "gain": "running", "controls": {}, "picture": "path"}
    await socket.send(json.dumps(wish))
    return json.loads(await socket.recv())


async def _stayed(address: str, model: str, once: np.ndarray, seconds: float, clock: float) -> Values:
    """Plays so long, and how far pictures lag behind the visitor's own clock."""
    lags: list[tuple[float, float]] = []
    async with _socket(address) as socket:
        hello = await _begun(socket, model)
        begun, told = time.perf_counter(), sum(hello["delays"].values())

        async def looking() -> None:
            async for message in socket:
                if isinstance(message, str):
                    return
                now = time.perf_counter()
                instant = HEAD.unpack(message[: HEAD.size])[0]
                lags.append((now - begun, (now - begun) * clock - instant - told))

        looker = asyncio.create_task(looking())
        sent, stalls = 0, 0
        while (now := time.perf_counter()) < begun + seconds:
            if (now - begun) // STALL_EVERY > stalls:
                stalls += 1
                await asyncio.sleep(STALL)
            while sent < (time.perf_counter() - begun) * clock * RATE:
                await socket.send(np.take(once, np.arange(sent, sent + BLOCK), mode="wrap").tobytes())
                sent += BLOCK
            await asyncio.sleep(BLOCK / RATE / 2)
        await socket.send(json.dumps({"over": True}))
        await looker
    moments, late = np.array(lags).T
    minutes = (moments // STALL_EVERY).astype(int)
    per_minute = [float(np.median(late[minutes == minute])) for minute in np.unique(minutes)]
    return {
        "clock": clock,
        "frame_ms": 1000 / hello["fps"],
        "frames": len(lags),
        "frames_expected": ceil(round(sent / RATE * hello["fps"], 6)),
        "stalls": stalls,
        "lag_ms_first_minutes": [round(1000 * lag, 1) for lag in per_minute[:3]],
        "lag_ms_last_minutes": [round(1000 * lag, 1) for lag in per_minute[-3:]],
        "lag_ms_worst_minute": round(1000 * max(per_minute), 1),
    }


async def _guest(address: str, model: str, once: np.ndarray, seconds: float, stay: float) -> Values:
    """Comes, plays, and goes without a word, again and again."""
    end, visits, pictures = time.perf_counter() + seconds, 0, 0
    while not visits or time.perf_counter() + 2 * stay < end:
        socket = await _socket(address)
        await _begun(socket, model)
        begun, sent = time.perf_counter(), 0
        while time.perf_counter() < begun + stay:
            await socket.send(np.take(once, np.arange(sent, sent + BLOCK), mode="wrap").tobytes())
            sent += BLOCK
            try:
                await asyncio.wait_for(socket.recv(), BLOCK / RATE)
                pictures += 1
            except asyncio.TimeoutError:
                pass
        socket.transport.abort()
        visits += 1
        await asyncio.sleep(stay)
    return {"visits": visits, "pictures": pictures}


def in_turn(run: Path, sound: Path, count: int) -> Values:
    """Animations one after the other, each asked for when the one before is done."""
    looks, seconds = [], []
    with serving(run.parent) as (address, process), closing(Visitor(address)) as visitor:
        uploaded = visitor.upload(sound)["id"]
        for number in range(count):
            begun = time.perf_counter()
            job = visitor.finished(visitor.animate(run.name, uploaded, seed=number))
            assert job["state"] == "done", job
            seconds.append(time.perf_counter() - begun)
            looks.append(Look.at(process.pid))
        kept = len(visitor.get("/api/jobs"))
    tenth = max(1, count // 10)
    return {
        "jobs": count,
        "seconds_each_first_and_last_tenth": [
            round(float(np.median(part)), 2) for part in (seconds[:tenth], seconds[-tenth:])
        ],
        "jobs_kept": kept,
        "server": grown(looks),
    }


def by_simulated_clock(run: Path, sound: Path, hours: float) -> Values:
    """Live play of so many hours, as fast as it goes."""
    torch.set_num_threads(1)
    once = np.concatenate(list(read_sound(sound, DAY_RATE, start=0, end=60)))
    pipeline = model_pipeline(
        Animator.load(run, "cpu"), PictureChoice(picture="path", size="model", live=True), run.name
    )
    live = Live(pipeline, DAY_RATE, gain="running", adapt="auto")
    pacer = Pacer(pipeline.fps, DAY_RATE, live.delays.sound)
    jitter, clock = np.random.default_rng(0), DAY_RATE * (1 + PPM * 1e-6)
    blocks = int(hours * 3600 * DAY_RATE / DAY_BLOCK)
    looks, shown, begun = [], 0, time.perf_counter()
    lags = np.zeros(blocks, np.float32)  # all of it at once, so that it is nothing that grows
    stall_blocks = min(STALL_BLOCKS, 2 * blocks // 5)
    waiting: list[np.ndarray] = []
    drawing_again = 0.0
    for number in range(blocks):
        waiting.append(np.take(once, np.arange(number * DAY_BLOCK, (number + 1) * DAY_BLOCK), mode="wrap"))
        came = (number + 1) * DAY_BLOCK / clock + jitter.uniform(0, 0.2) * DAY_BLOCK / DAY_RATE
        pacer.receive(DAY_BLOCK, came)
        if number % stall_blocks == stall_blocks - 1:
            drawing_again = came + DAY_STALL
        if came >= drawing_again:
            late = pacer.late(live.frame, came)
            shown += max(0, len(live.push(np.concatenate(waiting), late)) - late)
            waiting.clear()
        heard = Fraction((number + 1) * DAY_BLOCK, DAY_RATE) - live.delays.sound
        lags[number] = float(heard * pipeline.fps) - live.frame
        if number % max(1, blocks // 100) == 0:
            looks.append(Look(memory_mb(_own()), len(list(Path("/proc/self/fd").iterdir())), 1))
    part = max(20, blocks // 100)
    return {
        "hours": hours,
        "frames": live.frame,
        "frames_drawn": shown,
        "frames_expected": int((Fraction(blocks * DAY_BLOCK, DAY_RATE) - live.delays.sound) * pipeline.fps),
        "lag_frames_first_and_last": [
            round(float(np.median(some)), 3) for some in (lags[:part], lags[-part:])
        ],
        "lag_frames_most": round(float(lags.max()), 3),
        "seconds_taken": round(time.perf_counter() - begun),
        "process": grown(looks),
    }


def _own() -> int:
    return int(Path("/proc/self").readlink().name)


if __name__ == "__main__":
    main()
