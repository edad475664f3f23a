"""The password of the page: where it comes from, who gets it, and what wrong ones are worth."""

import asyncio
import os
import pty
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from listen_and_move.app import guesses
from listen_and_move.app.connections import OpenConnections
from listen_and_move.app.guesses import Guesses, wait_after
from listen_and_move.app.limits import GUESSERS, LONGEST_WAIT_SECONDS
from listen_and_move.cli.arguments import AppArguments
from listen_and_move.cli.password import PROMPT, VARIABLE, password_of
from listen_and_move.errors import UserError
from tests.app.serving import WAIT, serving, until
from tests.app.test_connections import FEW, connected, ending

WORD = "open sesame é"


def guessed(address: str, word: str) -> str:
    """Where a guess leads."""
    form, headers = {"password": word}, {"origin": address}
    return httpx.post(f"{address}/login", data=form, headers=headers, timeout=WAIT).headers["location"]


def guess(address: str, word: str) -> socket.socket:
    """A connection that waits for the answer to a guess."""
    body = f"password={word}"
    head = f"POST /login HTTP/1.1\nhost: HERE\norigin: http://HERE\ncontent-length: {len(body)}\n\n"
    return connected(address, head + body)


def test_wrong_ones_wait_and_the_right_one_does_not(tmp_path: Path) -> None:
    file, said = tmp_path / "word.txt", tmp_path / "errors.txt"
    file.write_text(f"{WORD}\n", encoding="utf-8")
    before = f"{FEW}; limits.WAIT_SECONDS = limits.LONGEST_WAIT_SECONDS = 10 * {WAIT}"
    page = serving(tmp_path / "runs", "--password-file", str(file), errors=said, before=before)
    with page as (address, _), ExitStack() as stack:
        lines = [stack.enter_context(guess(address, "x")) for _ in range(3)]
        assert guessed(address, WORD) == "/"
        for line in lines:
            line.setblocking(False)
            with pytest.raises(BlockingIOError):
                line.recv(1)
            line.close()  # which frees no place: three wait, and there are five more
        for _ in range(5):
            guess(address, "x").close()
        text = "GET /login HTTP/1.1\nhost: HERE\n\n"
        until(lambda: ending(connected(address, text)), lambda answer: answer.startswith(b"HTTP/1.1 503"))
    assert said.read_text() == ""


def test_who_hangs_up_before_the_password_is_there_leaves_no_trace(tmp_path: Path) -> None:
    said = tmp_path / "errors.txt"
    with serving(tmp_path / "runs", "--password", WORD, errors=said) as (address, _):
        head = "POST /login HTTP/1.1\nhost: HERE\norigin: http://HERE\ncontent-length: 100\n\npass"
        for _ in range(3):
            connected(address, head).close()
        assert guessed(address, WORD) == "/"
    assert re.fullmatch(r"note: other users of this machine can read .*\n", said.read_text())


def test_waits_grow_and_have_an_end() -> None:
    waits = [wait_after(wrong) for wrong in range(1, 100)]
    assert waits[1] == 2 * waits[0] > 0
    assert waits == sorted(waits)
    assert waits[-1] == wait_after(10**6) == LONGEST_WAIT_SECONDS


def test_few_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "LONGEST_WAIT_SECONDS", 0)
    connections = OpenConnections()
    some = Guesses(WORD, connections)

    async def guessing() -> list[bool]:
        hosts = [f"192.0.{number // 250}.{number % 250}" for number in range(GUESSERS + 200)]
        return await asyncio.gather(*(some.right("x", host) for host in hosts), some.right(WORD, hosts[-1]))

    assert asyncio.run(guessing()) == [False] * (GUESSERS + 200) + [True]
    assert len(some.wrong) == GUESSERS - 1
    assert not connections.counts


@pytest.mark.skipif(
    not Path("/proc").exists(), reason="this system has no /proc, where the environment is looked at"
)
def test_no_process_of_the_page_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    with serving(tmp_path / "runs") as (address, process):
        assert httpx.get(f"{address}/api/runs").status_code == 401
        assert guessed(address, WORD) == "/"
        environments = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == process.pid:
                    environments.append((entry / "environ").read_bytes())
            except OSError:
                continue
        assert len(environments) == 3
        assert not any(VARIABLE.encode() in each or WORD.encode() in each for each in environments)


def refusal(**options: object) -> str:
    """Why the command does not begin with these options."""
    with pytest.raises(UserError) as error:
        password_of(AppArguments(**options))  # type: ignore[arg-type]
    return str(error.value)


def test_what_is_no_password_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "password: expected a password; it is empty" in refusal(password="")
    assert "expected one password; got several" in refusal(password="a", ask_password=True)
    assert "in UTF-8" in refusal(password=os.fsdecode(b"\xff"))
    assert "at most 256 characters" in refusal(password="a" * 300)
    file = tmp_path / "word.txt"
    for content, saying in {
        b"": "it is empty",
        b"\n": "it is empty",
        b"one\ntwo\n": "expected one line",
        b"\xff": "expected one line of text in UTF-8",
        b"a" * 10_000: "at most 256 characters",
    }.items():
        file.write_bytes(content)
        assert saying in refusal(password_file=file)
    assert "No such file" in refusal(password_file=tmp_path / "none")
    assert "Is a directory" in refusal(password_file=tmp_path)
    monkeypatch.setenv(VARIABLE, "")
    assert f"{VARIABLE}: expected a password; it is empty" in refusal()
    assert VARIABLE not in os.environ
    assert password_of(AppArguments()) is None
    monkeypatch.setenv(VARIABLE, WORD)
    assert password_of(AppArguments()) == WORD


def test_an_empty_one_is_one_line(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "listen_and_move", "app", "--runs", str(tmp_path / "runs")]
    around = {**os.environ, VARIABLE: ""}
    result = subprocess.run(line, capture_output=True, text=True, timeout=WAIT, env=around)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_it_can_be_asked_for(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()  # as a terminal
    flags = ["--runs", str(tmp_path / "runs"), "--port", "0", "--ask-password"]
    line = [sys.executable, "-m", "listen_and_move", "app", *flags]
    with subprocess.Popen(
        line, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stderr.read(len(PROMPT)) == PROMPT  # what is typed before is thrown away
            os.write(ours, f"{WORD}\n".encode())
            found = re.match(r"(http://\S+)", process.stdout.readline())
            assert found
            assert guessed(found[1], WORD) == "/"
        finally:
            process.terminate()
    os.close(ours)
    os.close(theirs)
