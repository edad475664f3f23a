"""A page that was exported, its address, and a browser to look at it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.data.synthetic.marimba import melody, render_sound
from listen_and_move.media.wav import write_wav
from listen_and_move.sharing.page import export_page
from tests.app.browser import browsing, chromium
from tests.sharing.browsing import hosted

CREDIT = "Film: <script>document.title = 'taken'</script> & \"friends\" $credit"


@pytest.fixture(scope="session")
def exported(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a page; not to be changed."""
    folder = tmp_path_factory.mktemp("web") / "page"
    export_page(filmed, folder, CREDIT)
    return folder


@pytest.fixture(scope="session")
def host(exported: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what was asked for."""
    with hosted(exported) as found:
        yield found


@pytest.fixture(scope="session")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a melody that was never heard, as a file."""
    path = tmp_path_factory.mktemp("sound") / "tune.wav"
    write_wav(path, render_sound(melody(7, 2.0), 2.0).astype(np.float32), 48_000)
    return path


@pytest.fixture(scope="module")
def browser(tune: Path) -> Iterator[Any]:
    """Chromium whose microphone hears the tune, over and over."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with browsing(tune) as found:
        yield found


@pytest.fixture
def visit(browser: Any, host: tuple[str, list[str]]) -> Iterator[Any]:
    """Opens the page as a new visitor; in the end nothing may have been asked of another address."""
    contexts, wrong, address = [], [], host[0]

    def opened(
        before: str = "",
        width: int = 1280,
        height: int = 800,
        place: str = f"{address}/",
        touch: bool = False,
    ) -> Any:
        view = {"width": width, "height": height}
        context = browser.new_context(viewport=view, permissions=["microphone"], has_touch=touch)
        context.set_default_timeout(120_000)
        contexts.append(context)
        page = context.new_page()
        allowed = (place.removesuffix("index.html"), f"blob:{address}/", "blob:null/", "data:")
        page.on("request", lambda request: request.url.startswith(allowed) or wrong.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: line.type == "error" and wrong.append(line.text))
        if before:
            page.add_init_script(before)
        page.goto(place)
        page.wait_for_selector("body[data-state=ready], body[data-failed]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
