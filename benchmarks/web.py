"""An exported page in Chromium: size, first picture from loopback, pictures a second with a microphone.

    python -m benchmarks.web MODEL SOUND.wav [--seconds 20] [--out FILE]

MODEL is a run, a model that keeps frames, or a video; SOUND is what the microphone hears. Needs the extra
`dev` and Debian's Chromium, which decodes and draws on the processor here.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.app.browser import browsing
from tests.sharing.browsing import hosted

from benchmarks.machine import machine
from listen_and_move.sharing.page import export_page

COUNTS = "[page.shown, page.late, performance.now()]"


def played(browser: Any, address: str, seconds: float, before: str = "") -> dict[str, Any]:
    """First picture, and pictures a second."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, permissions=["microphone"])
    page = context.new_page()
    if before:
        page.add_init_script(before)
    begun = time.monotonic()
    page.goto(address)
    page.wait_for_selector("body[data-state=ready]")
    first = time.monotonic() - begun
    page.click("#microphone")
    page.wait_for_timeout(3000)
    before_counts = page.evaluate(COUNTS)
    page.wait_for_timeout(1000 * seconds)
    shown, late, milliseconds = (
        after - early for after, early in zip(page.evaluate(COUNTS), before_counts, strict=True)
    )
    rate = page.evaluate("page.about.rate[0] / page.about.rate[1]")
    context.close()
    per_second = 1000 / milliseconds
    return {
        "first_picture_seconds": round(first, 3),
        "film_rate": rate,
        "shown_a_second": round(shown * per_second, 2),
        "late_a_second": round(late * per_second, 2),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "page"
        published = export_page(options.model, folder, "Benchmark")
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
        with hosted(folder) as (address, _), browsing(options.sound) as browser:
            found = {
                "video": played(browser, address, options.seconds),
                "pictures": played(browser, address, options.seconds, "delete window.VideoDecoder"),
            }
    film = {"seconds": published.seconds, "size": published.size, "bytes": published.bytes, "files": sizes}
    about = {"machine": machine(), "cores": os.cpu_count(), "load_average": os.getloadavg()}
    text = json.dumps({**about, "model": options.model.name, "film": film, **found}, indent=1)
    print(text)
    if options.out:
        options.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
