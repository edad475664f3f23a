"""A page without a server where things go another way than they should: nothing is lost, and it is said."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.sharing.browsing import dropped, hosted, until

QUESTION = """navigator.mediaDevices.getUserMedia = (asked => function (...what) {
  window.given ??= [];
  const answer = new Promise((done) => (window.allow = done));
  return answer.then(() => asked.apply(this, what)).then((stream) => { given.push(stream); return stream; });
})(navigator.mediaDevices.getUserMedia)"""
"""The question whether a microphone may be heard stays open until `allow` is called."""
NO_DECODING = "VideoDecoder.prototype.decode = () => { throw new DOMException('no', 'EncodingError'); }"
NO_SOUND = """window.AudioContext = class extends AudioContext {
  constructor(options) { super(options); this.suspend(); }
  resume() { return window.allowed ? super.resume() : new Promise((done) => { this.later = done; }); }
}"""
"""What a browser does that lets no page sound unasked."""
PLAYING = "body[data-state=playing]"


def test_a_microphone_that_is_allowed_after_stop_goes_off(visit: Any) -> None:
    page = visit(QUESTION)
    page.click("#microphone")
    until(page, "Boolean(window.allow)")
    assert "the browser asks" in page.inner_text("#status")
    page.click("#stop")
    page.wait_for_selector("#status:has-text('Stopped.')")
    page.evaluate("allow()")
    until(page, "window.given?.length === 1")
    until(page, "given[0].getTracks().every((track) => track.readyState === 'ended')")
    assert page.inner_text("#status") == "Stopped."
    assert page.evaluate("document.body.dataset.state") == "ready"


def test_a_microphone_that_is_asked_for_twice_is_heard_once(visit: Any) -> None:
    page = visit(QUESTION)
    page.click("#microphone")
    until(page, "Boolean(window.allow)")
    page.evaluate("{ window.first = allow; window.allow = null; }")
    page.click("#microphone")
    until(page, "Boolean(window.allow)")
    page.evaluate("first(), allow()")
    page.wait_for_selector(PLAYING)
    live = (
        "given.flatMap((stream) => stream.getTracks()).filter((track) => track.readyState === 'live').length"
    )
    until(page, f"given.length === 2 && {live} === 1")
    page.click("#stop")
    until(page, f"{live} === 0")
    assert page.is_hidden("#status.wrong")


def test_a_film_that_cannot_be_decoded_gives_way_to_pictures(visit: Any) -> None:
    page = visit(NO_DECODING)
    assert page.evaluate("document.body.dataset.failed") is None
    assert page.evaluate("[page.film, page.memory instanceof Pictures]") == [False, True]


def test_a_hidden_page_keeps_no_more_than_is_to_come(visit: Any) -> None:
    page = visit()
    page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      window.requestAnimationFrame = () => 0;
    }""")
    page.click("#microphone")
    until(page, "page.session?.path.shown > 60")
    assert page.evaluate("page.session.known.length") < 30
    assert page.evaluate("page.memory.kept.size") <= 10


BROKEN = """window.hearing = function hearing() {
  return { Ear: class { push() { throw new Error("broken"); } } };
}"""
UNPLUGGED = "page.session.stream.getTracks()[0].dispatchEvent(new Event('ended'))"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(BROKEN, "", "Listening has failed"), ("", UNPLUGGED, "The microphone is gone")],
    ids=["audio thread", "device"],
)
def test_hearing_that_ends_is_said(visit: Any, before: str, after: str, said: str) -> None:
    page = visit()
    page.evaluate(before or "0")
    page.click("#microphone")
    if after:
        page.wait_for_selector(PLAYING)
        page.evaluate(after)
    page.wait_for_selector(f"#status.wrong:has-text('{said}')")
    assert page.evaluate("[page.session, document.body.dataset.state]") == [None, "ready"]


def test_sound_that_is_taken_away_comes_back(visit: Any) -> None:
    page = visit()
    page.click("#microphone")
    page.wait_for_selector(PLAYING)
    page.evaluate("page.session.context.suspend()")
    until(page, "page.session.context.state === 'running'")


def test_a_browser_that_lets_no_page_sound_is_said(visit: Any) -> None:
    page = visit(NO_SOUND)
    page.click("#microphone")
    page.wait_for_selector("#status.wrong:has-text('press the button once more')")
    page.evaluate("window.allowed = true")
    page.click("#microphone")
    page.wait_for_selector(PLAYING)
    assert "The microphone is heard" in page.inner_text("#status")


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("keys.bin", 1000, "keys.bin has 1000 bytes"),
        ("frames.vp9", 0, "frames.vp9 has 0 bytes"),
        ("about.json", 300, "about.json is not whole"),
    ],
)
def test_a_page_that_was_copied_in_part_says_so(
    browser: Any, exported: Path, tmp_path: Path, name: str, size: int, said: str
) -> None:
    folder = shutil.copytree(exported, tmp_path / "page")
    (folder / name).write_bytes((exported / name).read_bytes()[:size])
    with hosted(folder) as (address, _):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#status.wrong")
        assert page.inner_text("#status").startswith(said)
        assert "copy all files of this page's folder again" in page.inner_text("#status")
        page.close()


def test_a_file_that_has_gone_is_no_missing_microphone(visit: Any, tune: Path, tmp_path: Path) -> None:
    page = visit()
    gone = Path(shutil.copy(tune, tmp_path / "gone.wav"))
    page.evaluate("""() => {
      document.getElementById("sound").onchange = ({ target }) => { window.file = target.files[0]; };
    }""")
    page.set_input_files("#sound", gone)
    gone.unlink()
    page.evaluate("tried(sound(file))")
    page.wait_for_selector("#status.wrong:has-text('This file cannot be read')")


def test_a_sound_that_is_dropped_while_the_page_loads_plays_then(visit: Any, tune: Path) -> None:
    page = visit()
    page.evaluate("() => { page.loading = new Promise((done) => { window.loaded = done; }); }")
    dropped(page, [tune])
    page.evaluate("loaded()")
    page.wait_for_selector("#status:has-text('Playing tune.wav')")


def test_pictures_that_cannot_be_decoded_are_told(visit: Any) -> None:
    page = visit("delete window.VideoDecoder")
    page.evaluate("() => { page.memory.bytes.fill(0); }")
    page.click("#microphone")
    page.wait_for_selector("#status.wrong:has-text('cannot be decoded any further')")


def test_a_tap_shows_the_controls_and_presses_none(visit: Any) -> None:
    page = visit(touch=True, width=390, height=844)
    page.tap("#microphone")
    page.wait_for_selector(PLAYING)
    box = page.locator("#stop").bounding_box()
    page.evaluate("document.body.classList.add('idle')")
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("body:not(.idle)")
    assert page.evaluate("page.session !== null")
    page.evaluate("() => { document.body.classList.add('idle'); say('It is wrong.', true); }")
    assert page.evaluate("document.body.className") == ""


def test_controls_for_whoever_sees_none(visit: Any) -> None:
    page = visit()
    page.focus("#full")
    page.keyboard.press("Enter")
    page.wait_for_selector("#full:has-text('Leave full screen')")
    page.keyboard.press("Enter")
    page.wait_for_selector("#full:text-is('Full screen')")
    page.click("#microphone")
    page.wait_for_selector(PLAYING)
    page.focus("#stop")
    page.keyboard.press("Enter")
    page.wait_for_selector("#microphone:focus")
