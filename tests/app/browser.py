"""Debian's Chromium without a window, with a microphone that hears a file."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)

Visit = Callable[..., Any]
"""Opens a path as a new visitor."""
SCHEMES = ("light", "dark")


def chromium() -> str | None:
    """Where it is; None: it is not installed."""
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


@contextmanager
def browsing(microphone: Path) -> Iterator[Any]:
    """A browser whose microphone hears a WAV file, over and over."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        browser = player.chromium.launch(executable_path=chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Any) -> list[str]:
    """Rules of accessibility that what a page shows breaks, light and dark, each with the element."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for rule in Axe().run(page).response["violations"]:
            found += [f"{scheme}: {rule['id']} ({rule['impact']}): {node['html']}" for node in rule["nodes"]]
    return found
