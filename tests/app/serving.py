"""The real page, as its command starts it, and visitors who ask it without a browser."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from listen_and_move.app.trainings import command_of
from tests.waiting import WAIT, until


def host_and_port(address: str) -> tuple[str, int]:
    """What a socket connects to, of an address that names both."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@contextmanager
def serving(
    runs: Path, *flags: str, errors: Path | None = None, before: str = ""
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a page with these runs, and its process.

    Args:
        runs: the runs folder.
        flags: of the command.
        errors: a file for what it writes to stderr; None: it goes where that of the tests goes.
        before: Python that the process runs first, such as ``limits.LIVE = 1``.
    """
    code = (
        f"from listen_and_move.app import limits; {before}\nfrom listen_and_move.cli.main import main; main()"
    )
    start = ["-c", code] if before else ["-m", "listen_and_move"]
    line = [sys.executable, *start, "app", "--runs", str(runs), "--port", "0", *flags]
    with ExitStack() as stack:
        stderr = stack.enter_context(errors.open("w")) if errors is not None else None
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    try:
        found = re.match(r"(http://\S+)", process.stdout.readline())
        assert found, "the page did not say where it is"
        yield found[1], process
    finally:
        process.terminate()
        process.wait(timeout=WAIT)
        process.stdout.close()


class Visitor:
    """Somebody with cookies of their own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=address, headers={"origin": address}, timeout=WAIT)
        self.get("/api/choices")

    def get(self, path: str, status: int = 200) -> Any:
        """The answer as JSON."""
        return self._checked(self.client.get(path), status)

    def post(self, path: str, values: Any = None, status: int = 200) -> Any:
        """The answer as JSON."""
        return self._checked(self.client.post(path, content=json.dumps(values or {})), status)

    def remove(self, path: str, status: int = 200) -> Any:
        """The answer as JSON."""
        return self._checked(self.client.delete(path), status)

    def upload(self, file: Path, kind: str = "sound", name: str | None = None, status: int = 200) -> Any:
        """The answer as JSON."""
        headers = {"x-name": quote(name or file.name)}
        return self._checked(
            self.client.post(f"/api/uploads/{kind}", content=file.read_bytes(), headers=headers), status
        )

    def animate(self, model: str | None, upload: str, status: int = 200, **choices: Any) -> Any:
        """The job."""
        wish = {
            "kind": "animate",
            "model": model,
            "upload": upload,
            "seed": 0,
            "gain": "match",
            "controls": {},
            "paste": False,
        }
        return self.post("/api/jobs", wish | choices, status)

    def finished(self, job: dict[str, Any], seconds: float = WAIT) -> Any:
        """The job when it is done or failed."""
        return until(
            lambda: next(each for each in self.get("/api/jobs") if each["id"] == job["id"]), _is_over, seconds
        )

    def close(self) -> None:
        """Leave."""
        self.client.close()

    def _checked(self, answer: httpx.Response, status: int) -> Any:
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()


def _is_over(job: dict[str, Any]) -> bool:
    return job["state"] in ("done", "failed")


@contextmanager
def waiting(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that seems to be the training of a run."""
    with subprocess.Popen([sys.executable, "-c", "input()", str(run)], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_workers(page: int) -> int:
    """End the processes in which a page decodes and draws; how many."""
    killed = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            works = b"listen_and_move.app.work" in (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if works and parent == page:
            os.kill(int(entry.name), signal.SIGKILL)
            killed += 1
    return killed


@contextmanager
def ended(runs: Path) -> Iterator[None]:
    """Trainings outlive the page, and would outlive a test that fails."""
    try:
        yield
    finally:
        for file in runs.glob(".page/*/process.json"):
            pid = json.loads(file.read_text())["pid"]
            if str(runs) in command_of(pid):
                os.kill(pid, signal.SIGKILL)
