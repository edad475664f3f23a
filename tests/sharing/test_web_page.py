"""A page without a server as a person uses it, in Chromium: with a microphone, files, and no network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import model_path
from tests.app.browser import violations
from tests.sharing.browsing import dropped, hosted, until
from tests.sharing.conftest import CREDIT

WITHOUT_CODECS = "delete window.VideoDecoder"
WITHOUT_WORKLET = "delete BaseAudioContext.prototype.audioWorklet"
PIXELS = """async (place) => {
  const bitmap = await page.memory.ready(place), canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, bitmap.width, bitmap.height);
  return [width, height, [...data]];
}"""


SAYINGS = """() => {
  window.sayings = [];
  const status = document.getElementById("status");
  new MutationObserver(() => sayings.push(status.textContent)).observe(status, { childList: true });
}"""


def shown(page: Any) -> int:
    return page.evaluate("page.shown")


def shown_more(page: Any, than: int) -> None:
    """Waits for pictures; a page that shows none runs into the limit of its test."""
    until(page, f"page.shown > {than}")


@pytest.mark.parametrize(
    "before", ["", WITHOUT_CODECS, WITHOUT_WORKLET], ids=["all", "pictures", "no worklet"]
)
def test_a_microphone_moves_the_picture_without_a_network(visit: Any, host: Any, before: str) -> None:
    page = visit(before)
    assert page.evaluate("page.film") == (before != WITHOUT_CODECS)
    asked = len(host[1])
    page.context.set_offline(True)
    page.click("#microphone")
    shown_more(page, 40)
    until(page, "(window.seen ??= new Set()).add(document.getElementById('picture').dataset.frame).size > 5")
    assert len(host[1]) == asked
    page.mouse.move(5, 5)  # the controls are hidden while it plays
    page.mouse.move(50, 50)
    page.click("#stop")
    page.wait_for_selector("body[data-state=ready]")
    assert page.is_hidden("#stop")


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_sound_file_plays_to_its_end(visit: Any, tune: Path, way: str) -> None:
    page = visit()
    page.evaluate(SAYINGS)
    if way == "chosen":
        page.set_input_files("#sound", tune)
    else:
        dropped(page, [tune])
    page.wait_for_selector("#status:has-text('tune.wav is over')")
    assert "Playing tune.wav" in page.evaluate("sayings")
    assert shown(page) > 10
    page.set_input_files("#sound", {"name": "x.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    page.wait_for_selector("#status.wrong")
    assert "no sound that the browser can read" in page.inner_text("#status")


@pytest.mark.parametrize("before", ["", WITHOUT_CODECS], ids=["video", "pictures"])
def test_frames_are_found_in_any_order(visit: Any, filmed: Path, before: str) -> None:
    kept = load_model(model_path(filmed)).kept
    assert kept is not None
    page, last = visit(before), len(kept.sizes) - 1
    for place in (last, 5, 38, 0, 37):
        width, height, data = page.evaluate(PIXELS, place)
        found = np.array(data, np.uint8).reshape(height, width, 4)[..., :3].astype(float)
        films = [kept.reader.frame(each) for each in range(last + 1)]
        assert found.shape == films[place].shape
        errors = [np.square(found - film).mean() for film in films]
        assert 10 * np.log10(255**2 / errors[place]) > 27
        assert errors[place] <= 1.05 * min(errors), "it is another frame"


def test_a_dissolve_is_the_mean_of_two_pictures(visit: Any) -> None:
    page = visit()
    colour = page.evaluate("""() => {
      const solid = (colour) => {
        const canvas = new OffscreenCanvas(64, 64), context = canvas.getContext("2d");
        context.fillStyle = colour;
        context.fillRect(0, 0, 64, 64);
        return canvas.transferToImageBitmap();
      };
      const shots = [{ place: 0, share: 1 }, { place: 1, share: 0.25 }];
      draw(shots, [solid("rgb(200 0 40)"), solid("rgb(0 100 40)")]);
      return [...document.getElementById("picture").getContext("2d").getImageData(9, 9, 1, 1).data];
    }""")
    assert np.abs(np.array(colour) - [150, 25, 40, 255]).max() <= 1


def test_what_the_page_says(visit: Any) -> None:
    page = visit(width=390, height=844)
    text = page.inner_text("body")
    assert "played by an algorithm" in text
    assert "leaves this device" in text
    assert CREDIT in text
    assert page.title() == "Listen and Move"
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_cannot_reach_another_address(browser: Any, host: Any, tmp_path: Path) -> None:
    with hosted(tmp_path) as (elsewhere, asked):
        context = browser.new_context()
        page = context.new_page()
        page.goto(host[0])
        page.wait_for_selector("body[data-state=ready]")
        told = page.evaluate("(address) => fetch(address).then(() => 'reached', () => 'refused')", elsewhere)
        image = """(address) => new Promise((done) => {
          const image = new Image();
          [image.onload, image.onerror] = [() => done("reached"), () => done("refused")];
          image.src = address + "/x.png";
        })"""
        assert (told, page.evaluate(image, elsewhere)) == ("refused", "refused")
        assert not asked
        context.close()


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_opened_from_a_disk_it_says_what_to_do_and_plays(
    visit: Any, exported: Path, tune: Path, way: str
) -> None:
    page = visit(place=f"{exported.as_uri()}/index.html")
    assert "Choose all files of this page's folder" in page.inner_text("#status")
    if way == "chosen":
        page.set_input_files("#folder", [tune])  # by mistake
        page.wait_for_selector("#status.wrong")
        assert page.is_visible("#choose")
        page.set_input_files("#folder", [*exported.iterdir()])
    else:
        dropped(page, [*exported.iterdir()])
    page.wait_for_selector("body[data-state=ready]")
    assert page.is_hidden("#choose")
    page.set_input_files("#sound", tune)
    shown_more(page, 10)


def test_a_microphone_that_is_not_allowed_is_said(browser: Any, host: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    refused = "async () => { throw new DOMException('no', 'NotAllowedError'); }"
    page.add_init_script(f"navigator.mediaDevices.getUserMedia = {refused}")
    page.goto(host[0])
    page.wait_for_selector("body[data-state=ready]")
    page.click("#microphone")
    page.wait_for_selector("#status.wrong")
    assert "allow it in the browser's settings" in page.inner_text("#status")
    assert page.evaluate("page.session") is None
    context.close()


def test_axe_finds_nothing_wrong(visit: Any) -> None:
    page = visit()
    assert violations(page) == []
    page.click("#microphone")
    shown_more(page, 5)
    assert violations(page) == []
