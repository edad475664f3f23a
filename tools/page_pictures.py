"""The pictures of docs/app.md: the page in a browser, with the demonstration's model.

    python -m tools.page_pictures RUNS docs

RUNS is a runs folder with one model of made-up media, such as the one that the demonstration of the page
leaves. Needs the extra `dev` and Chromium; takes a minute.
"""

import argparse
import tempfile
from pathlib import Path

from tests.app.browser import browsing
from tests.app.serving import serving

from listen_and_move.data.synthetic.marimba import melody, render_sound
from listen_and_move.media.wav import write_wav

RATE = 48_000
WAIT = 250_000
"""Milliseconds that a video may take beside other programs."""


def main() -> None:
    """Visit the page and write its pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, help="a runs folder with one model")
    parser.add_argument("out", type=Path, help="where app-animate.png and app-live.png go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sound = Path(temporary) / "melody.wav"
        write_wav(sound, render_sound(melody(1000, 15.0), 15.0, RATE), RATE)
        with serving(options.runs) as (address, _), browsing(sound) as browser:
            viewport = {"width": 1280, "height": 960}
            page = browser.new_context(viewport=viewport, permissions=["microphone"]).new_page()
            page.set_default_timeout(WAIT)
            page.goto(address)
            page.wait_for_selector(".model")
            page.get_by_role("button", name="Take a melody").click()
            page.wait_for_selector(".sound input:checked")
            page.get_by_role("button", name="Animate").click()
            page.wait_for_selector(".result video")
            page.eval_on_selector(".result video", "video => { video.currentTime = 3.1 }")
            page.wait_for_timeout(3000)
            page.screenshot(path=options.out / "app-animate.png")
            page.goto(f"{address}/live")
            page.wait_for_selector(".model")
            page.get_by_role("button", name="Start").click()
            page.wait_for_function("() => Number(document.querySelector('.stage').dataset.frames) > 60")
            page.wait_for_timeout(1200)
            page.screenshot(path=options.out / "app-live.png")


if __name__ == "__main__":
    main()
