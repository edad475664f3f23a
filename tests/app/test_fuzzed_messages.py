"""Requests and messages that a machine makes up: no fault of the server, and no path of it in an answer."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed: pip install listen-and-move[dev]")

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.app import hostile
from tests.app.hostile import GUARDED, LIVE, Hostile
from tests.app.serving import serving
from tests.made_up import SAME_EVERYWHERE


def few(count: int) -> settings:
    """So many examples, the same each time, whatever they take."""
    return settings(SAME_EVERYWHERE, max_examples=count)


@pytest.fixture(scope="module")
def stranger(
    trained: Path, sound: Path, performance: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hostile]:
    """Somebody at a page of their own, which is unharmed in the end."""
    base = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree(trained, base / "runs" / "tiny")
    with serving(base / "runs", errors=base / "errors.txt", before=GUARDED) as (address, _):
        someone = Hostile(address, sound, performance, (str(base), "listen-and-move-page-"))
        yield someone
        someone.unharmed(base / "errors.txt")


@few(40)
@given(request=hostile.requests)
def test_bodies(stranger: Hostile, request: tuple[str, bytes]) -> None:
    stranger.post(*request)


@few(40)
@given(method=st.sampled_from(("GET", "HEAD", "POST", "DELETE", "PUT")), path=hostile.addresses)
def test_addresses(stranger: Hostile, method: str, path: str) -> None:
    stranger.request(method, path)


@few(50)
@given(data=hostile.raw)
def test_bytes(stranger: Hostile, data: bytes) -> None:
    stranger.send(data)


@few(40)
@given(message=hostile.first_messages)
def test_first_messages(stranger: Hostile, message: bytes) -> None:
    stranger.play([message])


@few(15)
@given(messages=hostile.plays)
def test_later_messages(stranger: Hostile, messages: list[bytes]) -> None:
    stranger.play([json.dumps(LIVE).encode(), *messages])
