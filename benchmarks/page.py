"""The page under load: live play in a browser, ten minutes over its WebSocket, four visitors at once.

    python -m benchmarks.page RUN SOUND.wav [--parts browser socket visitors] [--seconds 150] [--out FILE]

RUN lies in a runs folder; SOUND is what the microphone hears. Needs the extra `dev`, Linux, and Debian's
Chromium for `browser`. Every figure is of the real server in a process of its own, on the machine that also
runs the browser.
"""

import argparse
import json
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from tests.app.browser import browsing
from tests.app.serving import Visitor, serving, until
from websockets.sync.client import connect

from benchmarks.machine import machine
from listen_and_move.app.live import HEAD
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound

RATE, BLOCK = 48_000, 512
PARTS = ("latency", "window", "look_ahead", "gathering", "computing", "travelling", "showing")


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1e3


def in_browser(address: str, pid: int, model: str, sound: Path, seconds: float) -> dict[str, Any]:
    """Live play with a microphone, as the page itself measures it, once a second."""
    with browsing(sound) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/live?model={model}")
        page.wait_for_selector(".model")
        page.click("button.large")
        until(
            lambda: page.evaluate("Number(document.querySelector('.stage').dataset.latency)"),
            lambda latency: latency > 0,
        )
        page.wait_for_timeout(3000)
        memory, rows = [memory_mb(pid)], []
        first = page.evaluate("({...document.querySelector('.stage').dataset})")
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            page.wait_for_timeout(1000)
            values = page.evaluate("({...document.querySelector('.stage').dataset})")
            rows.append({key: float(value) for key, value in values.items()})
        lasted = time.monotonic() - begun
        memory.append(memory_mb(pid))
    median = {name: round(statistics.median(row[name] for row in rows), 1) for name in PARTS}
    third = max(1, len(rows) // 5)
    return {
        "seconds": round(lasted),
        "frames_per_second_shown": round((rows[-1]["frames"] - float(first["frames"])) / lasted, 2),
        "left_out": int(rows[-1]["late"] - float(first["late"])),
        "median_ms": median,
        "latency_ms_worst_second": round(max(row["latency"] for row in rows), 1),
        "latency_ms_first_fifth": round(statistics.median(row["latency"] for row in rows[:third]), 1),
        "latency_ms_last_fifth": round(statistics.median(row["latency"] for row in rows[-third:]), 1),
        "server_mb_begin_end": [round(each, 1) for each in memory],
    }


def over_socket(address: str, pid: int, model: str, sound: Path, minutes: float) -> dict[str, Any]:
    """Minutes of sound, each block sent when the picture before has come: as fast as the server draws."""
    once = np.concatenate(list(read_sound(sound, RATE)))
    count = int(minutes * 60 * RATE)
    waits, memory, instants, fps = [], [], [], 20.0
    with connect(address.replace("http", "ws") + "/api/live", origin=address) as socket:  # type: ignore[arg-type]
        socket.send(json.dumps({"model": model, "rate": RATE, "seed": 0, "gain": "running", "controls": {}}))
        hello = json.loads(socket.recv())
        fps, ahead = (
            hello["fps"],
            hello["delays"]["window"] + hello["delays"]["look_ahead"] + hello["delays"]["resampling"],
        )
        begun, sent = time.perf_counter(), 0
        while sent < count:
            socket.send(np.take(once, np.arange(sent, sent + BLOCK), mode="wrap").astype("<f4").tobytes())
            sent += BLOCK
            while len(instants) / fps + ahead < sent / RATE - 0.01:
                asked = time.perf_counter()
                instants.append(HEAD.unpack(socket.recv(decode=False)[: HEAD.size])[0])
                waits.append(1000 * (time.perf_counter() - asked))
            if sent % (RATE * 30 // BLOCK * BLOCK) < BLOCK:
                memory.append(memory_mb(pid))
        lasted = time.perf_counter() - begun
        socket.send(json.dumps({"over": True}))
        while isinstance(message := socket.recv(), bytes):
            instants.append(HEAD.unpack(message[: HEAD.size])[0])
    third = len(waits) // 5
    return {
        "minutes_of_sound": minutes,
        "seconds_taken": round(lasted, 1),
        "frames": len(instants),
        "frames_expected": int(np.ceil(sent / RATE * fps)),
        "frames_per_second": round(len(instants) / lasted, 1),
        "largest_gap_between_instants_ms": round(1000 * float(np.diff(instants).max()), 3),
        "wait_for_a_picture_ms_first_fifth": round(statistics.median(waits[:third]), 2),
        "wait_for_a_picture_ms_last_fifth": round(statistics.median(waits[-third:]), 2),
        "server_mb_after_one_minute_and_end": [
            round(memory[min(2, len(memory) - 1)], 1),
            round(memory[-1], 1),
        ],
    }


def four_visitors(address: str, model: str, sound: Path) -> dict[str, Any]:
    """All ask at once; meanwhile the page is asked for its runs, ten times a second."""
    visitors, taken, answers = [Visitor(address) for _ in range(4)], [], []

    def animate(visitor: Visitor) -> None:
        job = visitor.animate(model, visitor.upload(sound)["id"])
        taken.append((visitor.finished(job, 600)["state"], time.perf_counter() - begun))

    begun = time.perf_counter()
    threads = [threading.Thread(target=animate, args=(visitor,)) for visitor in visitors]
    for thread in threads:
        thread.start()
    fifth = Visitor(address)
    while any(thread.is_alive() for thread in threads):
        asked = time.perf_counter()
        fifth.get("/api/runs")
        answers.append(time.perf_counter() - asked)
        time.sleep(0.1)
    length = probe(sound).duration
    return {
        "seconds_of_sound_each": float(length),
        "finished": sum(state == "done" for state, _ in taken),
        "seconds_until_each_was_done": sorted(round(seconds, 1) for _, seconds in taken),
        "page_answers_ms_median": round(1000 * statistics.median(answers), 1),
        "page_answers_ms_slowest": round(1000 * max(answers), 1),
    }


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--parts", nargs="+", default=["browser", "socket", "visitors"])
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    run, sound = options.run.resolve(), options.sound.resolve()
    results = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    results["machine"] = machine()
    with serving(run.parent) as (address, process):
        if "browser" in options.parts:
            results["browser"] = in_browser(address, process.pid, run.name, sound, options.seconds)
        if "socket" in options.parts:
            results["socket"] = over_socket(address, process.pid, run.name, sound, options.minutes)
        if "visitors" in options.parts:
            results["visitors"] = four_visitors(address, run.name, sound)
    text = json.dumps(results, indent=1)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
