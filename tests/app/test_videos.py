"""A video that a visitor brings is played with nothing learnt, in files and live, by that visitor alone."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.inference.generate import generate
from listen_and_move.media.picture import read_frames
from tests.app.serving import WAIT, Visitor
from tests.app.test_live_page import playing


@pytest.fixture
def video(visitor: Visitor, performance: Path) -> dict[str, Any]:
    """An upload that was made ready to be played."""
    upload = visitor.upload(performance, "video", name="my film.mp4")
    wish = {"kind": "prepare", "upload": upload["id"]}
    assert visitor.finished(visitor.post("/api/jobs", wish))["state"] == "done"
    (found,) = visitor.get("/api/uploads")
    assert found["bytes"] > upload["bytes"], "what plays it takes room too"
    return found


def frames(path: Path) -> np.ndarray:
    return np.stack(list(read_frames(path, Fraction(20), width=64, height=64)))


def test_a_video_plays_as_the_command_plays_it(
    visitor: Visitor, video: dict[str, Any], performance: Path, sound: Path, tmp_path: Path
) -> None:
    assert (video["plays"]["width"], video["plays"]["height"]) == (64, 64)
    upload = visitor.upload(sound)["id"]
    job = visitor.finished(visitor.animate(None, upload, video=video["id"]))
    assert job["state"] == "done", job["error"]
    assert video["id"] not in json.dumps(job)
    answer = visitor.client.get(f"/api/jobs/{job['id']}/result?download")
    assert "strokes-my%20film.mp4" in answer.headers["content-disposition"]
    (tmp_path / "page.mp4").write_bytes(answer.content)
    generate(performance, sound, tmp_path / "command.mp4")
    assert (frames(tmp_path / "page.mp4") == frames(tmp_path / "command.mp4")).all()


def test_a_video_plays_live(visitor: Visitor, video: dict[str, Any]) -> None:
    with playing(visitor.address, visitor, model=None, video=video["id"]) as socket:
        hello = json.loads(socket.recv(timeout=WAIT))
        assert (hello["width"], hello["height"]) == (64, 64), hello
        socket.send(np.zeros(48_000, np.float32).tobytes())
        assert isinstance(socket.recv(timeout=WAIT), bytes)


def test_a_video_is_its_visitors_alone_and_made_ready_before(
    visitor: Visitor, other: Visitor, video: dict[str, Any], performance: Path, sound: Path
) -> None:
    theirs = other.upload(sound)["id"]
    assert "no longer here" in other.animate(None, theirs, 400, video=video["id"])["error"]
    with playing(other.address, other, model=None, video=video["id"]) as socket:
        assert "no longer here" in json.loads(socket.recv(timeout=WAIT))["error"]
    fresh = other.upload(performance, "video")["id"]
    assert "it was not yet" in other.animate(None, theirs, 400, video=fresh)["error"]
    mine = visitor.upload(sound)["id"]
    assert "got both" in visitor.animate("tiny", mine, 400, video=video["id"])["error"]
    assert "video: expected a text" in visitor.animate(None, mine, 400, video=5)["error"]


def test_a_video_without_sound_is_told_by_its_name(visitor: Visitor, silent_film: Path) -> None:
    upload = visitor.upload(silent_film, "video")["id"]
    job = visitor.finished(visitor.post("/api/jobs", {"kind": "prepare", "upload": upload}))
    assert job["state"] == "failed"
    assert job["error"].startswith("silent.mp4: "), job["error"]
    assert upload not in job["error"]
