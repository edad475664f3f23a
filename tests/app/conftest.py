"""A page with real runs, and a browser to look at it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "uvicorn", reason="the page's packages are not installed: pip install listen-and-move[app]"
)

from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav
from tests.app.browser import Visit, browsing, chromium
from tests.app.serving import WAIT, Visitor, ended, serving


@pytest.fixture(scope="session")
def runs(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with one run, and beside it a file that is nobody's business."""
    folder = tmp_path_factory.mktemp("page") / "runs"
    shutil.copytree(trained, folder / "tiny")
    (folder.parent / "secret.txt").write_text("nobody's business")
    (folder / "link").symlink_to(folder.parent)
    return folder


@pytest.fixture(scope="session")
def films(filmed: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a run that keeps frames, and one that keeps none and was changed before it."""
    folder = tmp_path_factory.mktemp("films") / "runs"
    shutil.copytree(trained, folder / "tiny")
    shutil.copytree(filmed, folder / "film")
    (folder / "film" / "metrics.jsonl").touch()
    return folder


@pytest.fixture(scope="session")
def cinema(films: Path) -> Iterator[str]:
    """Address of a page with them."""
    with serving(films) as (address, _):
        yield address


@pytest.fixture(scope="session")
def silent_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video without sound, which nothing can play."""
    path = tmp_path_factory.mktemp("silent") / "silent.mp4"
    with VideoWriter(path, width=32, height=32, fps=Fraction(20)) as writer:
        for number in range(20):
            writer.write(np.full((32, 32, 3), number, np.uint8))
    return path


@pytest.fixture(scope="session")
def errors(runs: Path) -> Iterator[Path]:
    """What the page writes to its terminal; shown where a test fails."""
    file = runs.parent / "errors.txt"
    yield file
    sys.stderr.write(file.read_text())


@pytest.fixture(scope="session")
def page(runs: Path, errors: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A page in a process of its own: its address and the process."""
    with ended(runs), serving(runs, errors=errors) as found:
        yield found


@pytest.fixture(scope="session")
def address(page: tuple[str, subprocess.Popen[str]]) -> str:
    """Of the page."""
    return page[0]


@pytest.fixture(scope="session")
def server(page: tuple[str, subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """Process of the page."""
    return page[1]


@pytest.fixture
def visitor(address: str) -> Iterator[Visitor]:
    """Somebody who was never here before."""
    someone = Visitor(address)
    yield someone
    someone.close()


@pytest.fixture
def other(address: str) -> Iterator[Visitor]:
    """Somebody else."""
    someone = Visitor(address)
    yield someone
    someone.close()


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.5 s of strokes at 48 kHz: loud, then silence, four times."""
    seconds = np.arange(72_000) / 48_000
    beat = np.sin(2 * np.pi * 440 * seconds) * np.exp(-8 * (seconds % 0.375))
    path = tmp_path_factory.mktemp("sound") / "strokes.wav"
    write_wav(path, (0.5 * beat).astype(np.float32), 48_000)
    return path


@pytest.fixture(scope="module")
def browser(sound: Path) -> Iterator[Any]:
    """Chromium whose microphone hears the strokes; closed before another module opens its own, since of
    Playwright there can be one in a process."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with browsing(sound) as found:
        yield found


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """Opens a path as a new visitor, on a screen of some size, perhaps of another page; in the end all of
    them must have stayed there."""
    contexts, wrong, places = [], [], {address}

    def watch(request: Any) -> None:
        known = [(f"{place}/", f"blob:{place}/", place.replace("http", "ws")) for place in places]
        if not request.url.startswith(("data:", *(each for found in known for each in found))):
            wrong.append(request.url)

    def opened(path: str, width: int = 1280, height: int = 900, place: str = address) -> Any:
        places.add(place)
        context = browser.new_context(viewport={"width": width, "height": height}, permissions=["microphone"])
        context.set_default_timeout(1000 * WAIT)
        contexts.append(context)
        page = context.new_page()
        page.on("request", watch)
        page.on("websocket", watch)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda message: (
                message.type == "error" and "400" not in message.text and wrong.append(message.text)
            ),
        )
        page.goto(place + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
