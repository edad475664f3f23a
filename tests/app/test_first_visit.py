"""A page with an empty runs folder, as somebody sees it who is here for the first time: with one click there
is a model, and a sound to play it with."""

import io
import json
import shutil
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.app.limits import JOBS_EACH
from listen_and_move.media.wav import write_wav
from tests.app.browser import Visit, violations
from tests.app.serving import Visitor, ended, serving, until

SHORT = "from listen_and_move import demonstration as d; d.LEARNT_SECONDS, d.STEPS = 3.2, 2"
"""A film and a training as short as can be."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder in which nothing is."""
    return tmp_path_factory.mktemp("empty") / "runs"


@pytest.fixture(scope="module")
def first(empty: Path) -> Iterator[str]:
    """Address of a page with it."""
    with ended(empty), serving(empty, before=SHORT) as (address, _):
        yield address


def test_a_click_learns_the_demonstration_and_another_brings_a_melody(
    visit: Visit, first: str, empty: Path
) -> None:
    runs: Any = visit("/runs", place=first)
    runs.wait_for_selector("button >> text=Learn the demonstration")
    assert violations(runs) == []
    page: Any = visit("/", place=first)
    page.get_by_role("button", name="Learn the demonstration").click()
    page.wait_for_selector(".first >> text=marimba is being")
    assert violations(page) == []
    page.get_by_role("button", name="Take a melody").click()
    page.wait_for_selector(".sound:has(:checked) >> text=melody.wav")
    assert page.text_content(".sound:has(:checked) small") == "15.0 s"
    page.wait_for_selector(".model:has(:checked) >> text=marimba")
    assert "512 × 512" in page.text_content(".model small")
    assert until(lambda: page.eval_on_selector(".model img", "i => i.naturalWidth")) == 512
    runs.wait_for_selector(".run >> text=marimba")
    assert (empty / ".page" / "marimba" / "film.mp4").exists()


def test_a_video_plays_at_once_and_what_is_learnt_of_it_plays_next(
    visit: Visit, address: str, runs: Path, performance: Path, sound: Path
) -> None:
    page: Any = visit("/train")
    page.set_input_files("#file-video", performance)
    page.get_by_role("link", name="Play it at once").click()
    page.wait_for_selector(".model:has(:checked) >> text=performance.mp4")
    page.wait_for_selector("button >> text=Learn it")
    page.wait_for_selector(".video-state >> text=It plays by its sound alone")
    assert violations(page) == []
    page.get_by_role("link", name="Live").click()
    page.wait_for_selector("button >> text=Learn it")
    page.get_by_role("button", name="Start").click()
    shown = "Number(document.querySelector('.stage').dataset.frames ?? 0)"
    until(lambda: page.evaluate(shown), lambda frames: frames > 5)

    def small(route: Any) -> Any:
        """As the page asks, but for the size and the length of the training."""
        if route.request.method != "POST":
            return route.continue_()
        settings = {"clip.size": "16", "training.steps": 2}
        return route.continue_(post_data=json.dumps({**route.request.post_data_json, "settings": settings}))

    page.route("**/api/runs", small)
    page.get_by_role("button", name="Learn it").click()
    page.wait_for_selector(".video-state >> text=Meanwhile it plays by its sound alone")
    page.wait_for_selector(".video-state >> text=What is played next is played by the model")
    before = page.evaluate(shown)
    until(lambda: page.evaluate(shown), lambda frames: frames > before)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("link", name="Animate").click()
    page.wait_for_selector(".video-state >> text=What is played next is played by the model")
    page.set_input_files("#file-sound", sound)
    page.wait_for_selector(".sound input:checked")
    page.get_by_role("button", name="Animate").click()
    page.wait_for_selector(".result video")
    assert page.text_content(".card [role=status]") == "", "by the model, and no longer by the sound alone"
    assert (runs / "performance" / "model.safetensors").exists()
    page.context.close()
    shutil.rmtree(runs / "performance")
    shutil.rmtree(runs / ".page" / "performance")


def test_what_plays_a_video_is_asked_for_again(
    visit: Visit, address: str, performance: Path, silent_film: Path, tmp_path: Path
) -> None:
    write_wav(tmp_path / "long.wav", np.zeros(8000 * 600), 8000)
    page: Any = visit("/?model=tiny")
    page.set_input_files("#file-sound", tmp_path / "long.wav")
    page.wait_for_selector(".sound input:checked")
    page.evaluate(
        """async ([kind, most]) => {
            const [{ id }] = await (await fetch("/api/uploads")).json();
            const wish = { kind, model: "tiny", upload: id, gain: 0 };
            const request = { method: "POST", body: JSON.stringify(wish) };
            for (let count = 0; count < most; count++) await fetch("/api/jobs", request);
        }""",
        ["animate", JOBS_EACH],
    )
    page.set_input_files("#file-video", performance)
    refused = f"{JOBS_EACH} of yours are under way already"
    page.wait_for_selector(f".video-state >> text={refused}")
    assert violations(page) == []
    page.evaluate("""async () => {
        const jobs = await (await fetch("/api/jobs")).json();
        for (const { id } of jobs) await fetch(`/api/jobs/${id}`, { method: "DELETE" });
    }""")
    page.wait_for_selector(".video-state >> text=It plays by its sound alone")
    page.set_input_files("#file-video", silent_film)
    page.wait_for_selector(".video-state .failed >> text=silent.mp4")
    failed = """fetch("/api/jobs").then((answer) => answer.json())
        .then((jobs) => jobs.filter(({ state }) => state === "failed").map(({ id }) => id))"""
    (before,) = page.evaluate(failed)
    page.get_by_role("button", name="Try again").click()
    until(lambda: page.evaluate(failed), lambda found: len(found) == 1 and found != [before])
    page.wait_for_selector(".video-state .failed >> text=silent.mp4")
    assert violations(page) == []


def test_a_melody_is_a_sound_of_the_visitor_alone(first: str) -> None:
    with closing(Visitor(first)) as visitor, closing(Visitor(first)) as other:
        _check_melody(visitor, other)


def _check_melody(visitor: Visitor, other: Visitor) -> None:
    upload = visitor.post("/api/melody")
    assert visitor.get("/api/uploads") == [upload]
    content = visitor.client.get(f"/api/uploads/{upload['id']}/file").content
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes() / file.getframerate() == upload["seconds"] == 15.0
    assert upload["bytes"] == len(content)
    assert other.get("/api/uploads") == []
    other.get(f"/api/uploads/{upload['id']}/file", status=400)
    assert "a run marimba already" in visitor.post("/api/demonstration", status=400)["error"]
