"""What control from outside costs a live picture: the same play with and without many messages a second.

    python -m benchmarks.stage MODEL SOUND [--out benchmarks/results/stage_cpu.json]

Each play is a process of its own: a sound at its own speed into a file, while another process sends so many
OSC messages a second over loopback, to all dials in turn, and is told the state with each picture. Plays take
turns, since other programs come and go.
"""

import argparse
import json
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

RATES = (0, 1000, 5000, 50_000)
"""Messages a second."""
TURNS = 2


def sent(port: int, rate: int, until: subprocess.Popen[str]) -> int:
    """How many messages were sent while a play went on."""
    from listen_and_move.stage.osc import bundle
    from listen_and_move.stage.turning import DIALS

    values = [(f"/dial/{name}/position", [0.5]) for name in DIALS if name not in ("delay", "freeze", "gain")]
    packets, count, begin = [bundle([value]) for value in values], 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        sender.sendto(bundle([("/follow", [])]), ("127.0.0.1", port))
        while until.poll() is None:
            due = int((time.monotonic() - begin) * rate)
            while count < due:
                sender.sendto(packets[count % len(packets)], ("127.0.0.1", port))
                count += 1
            time.sleep(0.005)
    return count


def play(model: str, sound: str, rate: int) -> dict[str, Any]:
    """One play: frames that came too late, latency at the end, and processor time."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.mp4")
        line = [sys.executable, "-m", "listen_and_move", "live", model, "--input", sound, "--output", out]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            [*line, "--realtime", "--osc=0", "--device=cpu"], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        port = 0
        while not port:
            found = re.search(r"listens to \S+:(\d+)", process.stderr.readline())
            port = int(found[1]) if found else 0
        messages = sent(port, rate, process)
        last = process.stderr.read().strip().splitlines()[-1]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    late, latency = re.search(r"(\d+) late", last), re.search(r"latency (\d+) ms", last)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "messages_a_second": rate,
        "sent": messages,
        "late": int(late[1]) if late else 0,
        "latency_ms": int(latency[1]) if latency else None,
        "processor_s": round(spent, 2),
    }


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("sound")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    plays = []
    for rate in RATES * TURNS:
        plays.append(play(options.model, options.sound, rate))
        print(plays[-1], flush=True)
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), "plays": plays}, indent=1) + "\n")


if __name__ == "__main__":
    main()
