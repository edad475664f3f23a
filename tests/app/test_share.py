"""A run is shared as a page without a server, after what it publishes was read and agreed to."""

from contextlib import closing
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tests.app.browser import Visit, violations
from tests.app.serving import Visitor
from tests.sharing.browsing import hosted

CREDIT = 'Film: <b>"friends"</b>'


def test_a_run_is_shared_by_a_dialog(visit: Visit, cinema: str, tmp_path: Path) -> None:
    page: Any = visit("/runs/film", place=cinema)
    page.get_by_role("button", name="Share as a page").click()
    dialog = page.get_by_role("dialog", name="Share film as a page")
    assert "It publishes 3.2 s of the film, 64 × 64 pixels." in dialog.inner_text()
    assert "everybody who is seen in it must agree to that" in dialog.inner_text()
    make = dialog.get_by_role("button", name="Make the page")
    make.click()
    assert dialog.locator(":invalid").count() > 0, "neither agreed nor a credit"
    assert violations(page) == []
    dialog.get_by_label("Everybody who is seen in it agrees.").check()
    dialog.get_by_label("Credit").fill(CREDIT)
    make.click()
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download the page").click()
    assert violations(page) == []
    assert download.value.suggested_filename == "film-page.zip"
    download.value.save_as(tmp_path / "page.zip")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    with ZipFile(tmp_path / "page.zip") as archive:
        archive.extractall(tmp_path)
    with hosted(tmp_path / "film-page") as (address, _):
        exported: Any = visit("/", place=address)
        exported.wait_for_selector("body[data-state=ready]")
        assert CREDIT in exported.inner_text("footer")


def test_a_page_is_of_whoever_asked_for_it_and_of_models_with_frames(cinema: str) -> None:
    wish = {"kind": "share", "model": "film", "credit": "me", "agreed": True}
    with closing(Visitor(cinema)) as visitor, closing(Visitor(cinema)) as other:
        assert visitor.get("/api/runs/tiny")["publishes"] is None
        assert visitor.get("/api/runs/film")["publishes"] == {"seconds": 3.2, "width": 64, "height": 64}
        for changes, said in (
            ({"agreed": False}, "must agree"),
            ({"agreed": 1}, "agreed: expected true or false"),
            ({"credit": " "}, "credit: expected a line"),
            ({"credit": None}, "credit: expected a text"),
            ({"model": "gone"}, "no run 'gone'"),
        ):
            assert said in visitor.post("/api/jobs", wish | changes, 400)["error"]
        without = visitor.finished(visitor.post("/api/jobs", wish | {"model": "tiny"}))
        assert "keeps none" in without["error"]
        job = visitor.finished(visitor.post("/api/jobs", wish))
        assert job["state"] == "done", job["error"]
        other.get(f"/api/jobs/{job['id']}/result", status=400)
        answer = visitor.client.get(f"/api/jobs/{job['id']}/result")
        assert len(answer.content) == job["bytes"]
