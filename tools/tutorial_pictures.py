"""The pictures of docs/tutorial.md, by the commands that it names, of the demonstration's film.

    listen-and-move demo demo
    python -m tools.tutorial_pictures demo docs/tutorial

The marimba stands beside the middle of a wider picture, as in the video of a phone. Needs the extra `dev` and
Chromium; takes some minutes.
"""

import argparse
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from tests.app.browser import browsing
from tests.sharing.browsing import hosted

from listen_and_move.data.synthetic.marimba import melody, render_sound
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav
from tools.moving_picture import write_moving_picture

WIDTH, HEIGHT, LEFT, TOP, SIDE = 960, 540, 330, 14, 512
WALL = (42, 36, 56)
FPS, RATE = Fraction(20), 48_000


def main() -> None:
    """Run the tutorial and write its pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("demo", type=Path, help="the folder of the demonstration")
    parser.add_argument("out", type=Path, help="where the pictures go")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_phone_film(options.demo / "performance.mp4", folder / "phone.mp4")
        write_wav(folder / "song.wav", render_sound(melody(7, 10.0), 10.0, RATE), RATE)
        crop = f"{LEFT},{TOP},{LEFT + SIDE},{TOP + SIDE}"
        run(folder, "inspect", "phone.mp4")
        run(folder, "train", "phone.mp4", "--crop", crop, "--preset", "quick")
        run(folder, "generate", "runs/phone", "song.wav", "--paste")
        run(folder, "export", "runs/phone", "--web", "page", "--credit", "Listen and Move")
        shrink(folder / "phone-inspection.png", options.out / "inspect.webp", 900)
        write_moving_picture(
            folder / "song-phone.mp4",
            options.out / "played.webp",
            (480, 270),
            seconds=Fraction(4),
            fps=10,
            quality=40,
        )
        photograph(folder / "page", folder / "song.wav", folder / "page.png")
        shrink(folder / "page.png", options.out / "page.webp", 900)


def write_phone_film(clip: Path, film: Path) -> None:
    """Write the clip as a part of a wider picture, with its sound."""
    wall = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    with VideoWriter(film, width=WIDTH, height=HEIGHT, fps=FPS, sound=SoundTrack(clip)) as writer:
        for frame in read_frames(clip, FPS, width=SIDE, height=SIDE):
            picture = wall.copy()
            picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = frame
            writer.write(picture)


def run(folder: Path, *words: str) -> None:
    """Run a command of the tutorial."""
    subprocess.run([sys.executable, "-m", "listen_and_move", *words], cwd=folder, check=True)


def shrink(picture: Path, out: Path, width: int) -> None:
    """Write a picture as a smaller WebP."""
    image = Image.open(picture).convert("RGB")
    image.resize((width, round(image.height * width / image.width))).save(out, quality=60, method=6)


def photograph(page: Path, sound: Path, out: Path) -> None:
    """Write what a browser shows of the exported page while it hears a sound."""
    with hosted(page) as (address, _), browsing(sound) as browser:
        context = browser.new_context(viewport={"width": 900, "height": 640}, permissions=["microphone"])
        shown = context.new_page()
        shown.goto(address)
        shown.wait_for_selector("body[data-state=ready]")
        shown.click("#microphone")
        shown.wait_for_timeout(3000)
        shown.mouse.move(500, 300)  # the controls come back
        shown.wait_for_timeout(600)
        shown.screenshot(path=out)


if __name__ == "__main__":
    main()
