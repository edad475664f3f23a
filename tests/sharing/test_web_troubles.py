"""A page without a server where things go another way than they should: nothing is lost, and it is said."""

from typing import Any

import pytest

from tests.sharing.browsing import until

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
    page.evaluate("tried(stop().then(() => say('Stopped.')))")
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
