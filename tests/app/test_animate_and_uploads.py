"""Sounds in, videos out, over the page's addresses: real files, a real model, two visitors."""

import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from listen_and_move.app import limits
from listen_and_move.app.work import look
from listen_and_move.media.files import probe
from listen_and_move.media.wav import write_wav
from tests.app.serving import Visitor, host_and_port, kill_workers, until
from tests.provenance.boxes import said


def test_a_sound_becomes_a_video_with_chart_and_notes(visitor: Visitor, sound: Path, tmp_path: Path) -> None:
    upload = visitor.upload(sound)
    assert upload["name"] == "strokes.wav"
    assert upload["seconds"] == pytest.approx(1.5)
    job = visitor.finished(visitor.animate("tiny", upload["id"], controls={"smoothing": 0.1}))
    assert job["state"] == "done"
    assert job["done"] == job["total"] == 30
    assert len(job["chart"]["motion"]) == len(job["chart"]["loudness"]) == 30
    assert max(job["chart"]["motion"]) == 1
    assert job["notes"]
    assert not any("--" in note or upload["id"] in note for note in job["notes"])
    answer = visitor.client.get(f"/api/jobs/{job['id']}/result?download")
    assert 'filename="strokes-tiny.mp4"' in answer.headers["content-disposition"]
    out = tmp_path / "out.mp4"
    out.write_bytes(answer.content)
    info = probe(out)
    assert said(out)["source type"].endswith("/trainedAlgorithmicMedia")
    assert info.video is not None
    assert info.sounds
    assert float(info.duration) == pytest.approx(1.5, abs=0.05)


def test_a_part_of_the_result_can_be_asked_for(visitor: Visitor, sound: Path) -> None:
    job = visitor.finished(visitor.animate("tiny", visitor.upload(sound)["id"]))
    answer = visitor.client.get(f"/api/jobs/{job['id']}/result", headers={"range": "bytes=0-99"})
    assert answer.status_code == 206
    assert len(answer.content) == 100


def test_visitors_do_not_see_each_other(visitor: Visitor, other: Visitor, sound: Path) -> None:
    upload = visitor.upload(sound)
    job = visitor.animate("tiny", upload["id"])
    assert other.get("/api/jobs") == []
    assert other.get("/api/uploads") == []
    other.get(f"/api/uploads/{upload['id']}/file", status=400)
    other.get(f"/api/jobs/{job['id']}/result", status=400)
    other.remove(f"/api/jobs/{job['id']}", status=400)
    assert "no longer here" in other.animate("tiny", upload["id"], status=400)["error"]
    assert visitor.finished(job)["state"] == "done"


@pytest.mark.parametrize(
    ("content", "kind", "saying"),
    [
        (b"", "sound", "take.wav: expected a video or sound file; it is empty"),
        (b"no sound at all" * 100, "sound", "take.wav: cannot be read as video or sound"),
        (b"no video at all" * 100, "video", "take.wav: cannot be read as video or sound"),
        (b"x", "picture", "expected one of sound, video"),
    ],
)
def test_wrong_files_get_one_sentence(
    visitor: Visitor, tmp_path: Path, content: bytes, kind: str, saying: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    error = visitor.upload(tmp_path / "file", kind, name="../../take.wav", status=400)["error"]
    assert saying in error
    assert "/" not in error
    assert "\n" not in error
    assert visitor.get("/api/uploads") == []


def test_a_sound_is_no_video_to_learn(visitor: Visitor, sound: Path) -> None:
    assert "expected a video" in visitor.upload(sound, "video", status=400)["error"]


def test_a_name_never_becomes_a_path(visitor: Visitor, sound: Path) -> None:
    for name, shown in {
        "../../etc/passwd": "passwd",
        "..\\..\\boot.wav": "boot.wav",
        "a\nb.wav": "a b.wav",
        " ": "file",
    }.items():
        assert visitor.upload(sound, name=name)["name"] == shown


def test_what_is_too_large_or_too_long_is_refused(visitor: Visitor, tmp_path: Path) -> None:
    announced = limits.MOST_BYTES["sound"] + 1
    with socket.create_connection(host_and_port(visitor.address)) as line:
        host = urlsplit(visitor.address).netloc
        head = [
            "POST /api/uploads/sound HTTP/1.1",
            f"host: {host}",
            f"origin: {visitor.address}",
            f"content-length: {announced}",
        ]
        line.sendall("\r\n".join([*head, "", ""]).encode())
        assert b"expected at most 200 MB" in line.recv(10_000) + line.recv(
            10_000
        )  # before one byte of it is sent
    long = tmp_path / "long.wav"
    write_wav(long, np.zeros(limits.LONGEST_SECONDS["sound"] * 4000 + 4000 * 30, np.float32), 4000)
    assert "expected at most 15 minutes" in visitor.upload(long, status=400)["error"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which makes this file, is not installed")
def test_lengths_that_a_file_does_not_say_are_found(tmp_path: Path) -> None:
    guessed = tmp_path / "guessed.mp3"  # more than 15 minutes, if all of it were as small as its begin
    noise = "aevalsrc='if(lt(t,10),0,random(0)-0.5)':s=24000:d=130"
    live = tmp_path / "live.webm"  # as a browser's recorder writes it
    picture = ["-i", "testsrc2=s=64x32:r=25:d=2", "-c:v", "libvpx", "-live", "1", "-f", "webm", "-"]
    line = ["ffmpeg", "-v", "error", "-f", "lavfi"]
    subprocess.run([*line, "-i", noise, "-q:a", "0", "-write_xing", "0", guessed], check=True)
    live.write_bytes(subprocess.run([*line, *picture], check=True, stdout=subprocess.PIPE).stdout)
    assert probe(guessed).duration > limits.LONGEST_SECONDS["sound"]
    found = look(str(guessed), "sound", "", lambda _: None)
    assert found["seconds"] == pytest.approx(130, abs=0.1)
    found = look(str(live), "video", str(tmp_path / "still.jpg"), lambda _: None)
    assert found["seconds"] == pytest.approx(2, abs=0.01)


def test_only_some_files_are_kept(visitor: Visitor, sound: Path) -> None:
    ids = [visitor.upload(sound)["id"] for _ in range(limits.UPLOADS_EACH + 2)]
    assert [upload["id"] for upload in visitor.get("/api/uploads")] == ids[: -limits.UPLOADS_EACH - 1 : -1]


def test_too_many_jobs_are_refused_and_all_can_be_stopped(
    visitor: Visitor, other: Visitor, sound: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    write_wav(long, np.random.default_rng(0).normal(0, 0.1, 8000 * 120).astype(np.float32), 8000)
    upload = visitor.upload(long)["id"]
    jobs = [visitor.animate("tiny", upload) for _ in range(limits.JOBS_EACH)]
    assert "under way already" in visitor.animate("tiny", upload, status=400)["error"]
    assert [job["before"] for job in visitor.get("/api/jobs")] == [2, 1, 0]
    for job in jobs:
        visitor.remove(f"/api/jobs/{job['id']}")
    assert visitor.get("/api/jobs") == []
    assert other.finished(other.animate("tiny", other.upload(sound)["id"]))["state"] == "done"


@pytest.mark.parametrize(
    ("choices", "saying"),
    [
        ({"model": "huge"}, "There is no run 'huge' here."),
        ({"model": "../secret"}, "There is no run"),
        ({"seed": -1}, "seed: expected a whole number"),
        ({"seed": "1"}, "seed: expected a whole number"),
        ({"gain": "loud"}, "gain: expected match, running or a number of dB"),
        ({"gain": 300}, "gain: expected -60 to 60 dB"),
        ({"controls": {"amount": 9}}, "amount: expected 0 (deaf) to 4"),
        ({"controls": {"speed": 1}}, "controls.speed is not known"),
        ({"controls": [1]}, "controls.: expected a group of settings"),
        ({"upload": "nothing"}, "no longer here"),
        ({"upload": 7}, "no longer here"),
    ],
)
def test_wrong_choices_get_one_sentence(
    visitor: Visitor, sound: Path, choices: dict[str, object], saying: str
) -> None:
    upload = visitor.upload(sound)["id"]
    assert saying in visitor.animate(**{"model": "tiny", "upload": upload, "status": 400, **choices})["error"]  # type: ignore[arg-type]


@pytest.mark.skipif(
    not Path("/proc").exists(), reason="this system has no /proc, where the process is looked for"
)
def test_a_crash_of_the_work_leaves_the_page_alive(
    visitor: Visitor, sound: Path, server: subprocess.Popen[str]
) -> None:
    upload = visitor.upload(sound)["id"]
    assert kill_workers(server.pid) == 3
    job = visitor.finished(visitor.animate("tiny", upload))
    assert job["state"] == "done" or "ended unexpectedly" in job["error"]
    assert visitor.finished(visitor.animate("tiny", upload))["state"] == "done"


def test_the_picture_of_a_model_is_drawn(visitor: Visitor) -> None:
    answer = until(
        lambda: visitor.client.get("/api/runs/tiny/picture"), lambda answer: answer.status_code == 200
    )
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content[:2] == b"\xff\xd8"
