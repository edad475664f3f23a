"""Pictures as large as they were filmed: live and in files, chosen on the page, and what a model holds of
them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from listen_and_move.app import live
from listen_and_move.app.live import bounded_pipeline
from listen_and_move.app.pictures import SMALL, jpeg
from listen_and_move.app.work import picture
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.controls import Controls, dials
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.picture_pipelines import PICTURES, Picture, PictureChoice
from listen_and_move.inference.playable import playable
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound
from tests.app.serving import Visitor
from tests.app.test_live_page import RATE, decoded, played, playing


@pytest.fixture
def guest(cinema: str) -> Iterator[Visitor]:
    """Somebody who was never here before."""
    someone = Visitor(cinema)
    yield someone
    someone.close()


def test_live_shows_the_path_that_is_played_live(cinema: str, films: Path, sound: Path) -> None:
    samples = np.concatenate(list(read_sound(sound, RATE)))
    pipeline = playable(films / "film", PictureChoice(live=True), device="cpu").pipeline
    player = Live(pipeline, RATE, adapt="auto")  # as the page plays
    whole = player.push(samples) + player.finish()
    with playing(cinema, model="film") as socket:
        found = played(socket, samples, 500)
    assert [instant for instant, _ in found] == pytest.approx([number / 20 for number in range(30)])
    assert max(np.abs(a.astype(int) - b).mean() for (_, a), b in zip(found, whole, strict=True)) < 2
    assert whole[0].shape == (64, 64, 3)
    assert np.ptp([each.mean() for each in whole]) > 0, "a still picture would prove nothing"


@pytest.mark.parametrize("frames", [None, 4, 1, 0])
@pytest.mark.parametrize("picture", ["path", "composed", "drawn"])
def test_less_is_waited_for_and_what_is_left_of_the_motion_is_said(
    cinema: str, picture: str, frames: int | None
) -> None:
    with playing(cinema, model="film", picture=picture, look_ahead=frames) as socket:
        hello = json.loads(socket.recv(timeout=60))
    waited = 4 if frames is None else frames
    assert hello["delays"]["look_ahead"] == pytest.approx(waited / 20)
    assert (hello["left"] is None) == (waited == 4)
    assert hello["left"] is None or 0 <= hello["left"] < 1


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ({}, (64, 64)),
        ({"picture": "drawn"}, (64, 64)),
        ({"picture": "drawn", "size": "model"}, (32, 32)),
        ({"picture": "path", "size": "model"}, (32, 32)),
        ({"size": "320x180"}, (320, 180)),
        ({"size": "1920x1080"}, (1920, 1080)),
    ],
)
def test_a_visitor_chooses_picture_and_size(cinema: str, wish: dict[str, Any], size: tuple[int, int]) -> None:
    with playing(cinema, model="film", **wish) as socket:
        hello = json.loads(socket.recv(timeout=60))
        assert (hello["width"], hello["height"], hello["fps"]) == (*size, 20)
        socket.send(np.zeros(RATE // 2, "<f4").tobytes())
        message = socket.recv(timeout=60)
        assert isinstance(message, bytes)
        assert decoded(message[live.HEAD.size :]).shape == (size[1], size[0], 3)


def test_what_is_too_large_for_the_page_is_made_smaller(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    animator = Animator.load(films / "film", "cpu")
    monkeypatch.setattr(live, "LIVE_PIXELS", 50 * 50)
    assert bounded_pipeline(animator, PictureChoice(live=True), "film").size == (50, 50)
    assert bounded_pipeline(animator, PictureChoice(size="48x52"), "film").size == (48, 52)


def test_a_large_jpeg_shows_the_frame_in_fewer_bytes() -> None:
    across = np.linspace(0, 255, 720, dtype=np.uint8)
    frame = np.stack(np.broadcast_arrays(across[None], across[:, None], np.uint8(90)), axis=-1)
    assert frame.shape[0] * frame.shape[1] > SMALL
    image = jpeg(frame)
    assert np.abs(decoded(image).astype(int) - frame).mean() < 2
    assert len(image) < 60_000


@pytest.mark.parametrize("shown", ["auto", "path", "composed", "drawn"])
def test_results_are_as_large_as_they_were_filmed(
    guest: Visitor, sound: Path, tmp_path: Path, shown: str
) -> None:
    upload = guest.upload(sound)["id"]
    job = guest.finished(guest.animate("film", upload, picture=shown))
    assert job["state"] == "done"
    assert job["about"]["picture"] == shown
    (tmp_path / "out.mp4").write_bytes(guest.client.get(f"/api/jobs/{job['id']}/result?download").content)
    info = probe(tmp_path / "out.mp4").video
    assert info is not None
    assert (info.width, info.height) == (64, 64)


def test_a_picture_that_is_none_begins_no_job(guest: Visitor, sound: Path) -> None:
    upload = guest.upload(sound)["id"]
    for asked in ("photo", None, 5, ["path"]):
        error = guest.animate("film", upload, status=400, picture=asked)["error"]
        assert error.startswith("picture: expected one of auto, path, composed, drawn")
    failed = guest.finished(guest.animate("tiny", upload, picture="path"))
    assert failed["error"].endswith("keeps none")
    assert guest.get("/api/choices")["pictures"] == PICTURES


def test_every_picture_has_a_name() -> None:
    assert set(PICTURES) == set(get_args(Picture))


def test_a_run_says_what_it_shows_and_what_its_file_holds(guest: Visitor) -> None:
    runs = {run["name"]: run for run in guest.get("/api/runs")["runs"]}
    film, tiny = runs["film"], runs["tiny"]
    assert film["shows"] == {"width": 64, "height": 64, "fps": 20}
    assert film["has_path"]
    assert film["holds"].startswith("The model file holds 3.2 s of the clip, 64x64 pixels, 20 frames/s, 0.")
    assert film["holds"].endswith(" MB: whoever has it can see them.")
    assert not tiny["has_path"]
    assert "shows" not in tiny
    assert tiny["holds"].startswith("The model file holds up to 512 frames of the clip, 32x32 pixels each")
    assert guest.get("/api/runs/film")["holds"] == film["holds"]
    assert set(film["path_lacks"]) <= {each.name for each in dials(Controls)}


def test_a_model_at_rest_is_shown_as_large_as_it_plays(films: Path, tmp_path: Path) -> None:
    for run, side in (("film", 64), ("tiny", 64)):
        answer: dict[str, Any] = picture(str(films / run / "model.safetensors"), str(tmp_path / run), print)
        assert answer == {}
        assert decoded((tmp_path / run).read_bytes()).shape == (side, side, 3)


def test_a_damaged_entry_of_frames_is_said_in_the_card_alone(guest: Visitor, films: Path) -> None:
    whole = (films / "film" / "model.safetensors").read_bytes()
    broken = films / "broken"
    broken.mkdir()
    weights = b'\\"weights\\": {'
    assert whole.count(weights) == 1
    (broken / "model.safetensors").write_bytes(whole.replace(weights, weights.replace(b"we", b"wa")))
    try:
        cards = {run["name"]: run for run in guest.get("/api/runs")["runs"]}
        assert cards["broken"]["error"] == "broken: expected kept frames; the file is damaged"
        assert "error" not in cards["film"]
    finally:
        (broken / "model.safetensors").unlink()
        broken.rmdir()
