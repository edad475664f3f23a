"""The examples do what they say, on made-up clips of a few seconds."""

import json
import runpy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.data.synthetic.marimba import melody, render_sound
from listen_and_move.media.files import probe
from listen_and_move.media.wav import write_wav

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two seconds of another melody, and a letter."""
    folder = tmp_path_factory.mktemp("sounds")
    write_wav(folder / "tune.wav", render_sound(melody(7, 2.0), 2.0), 48_000)
    (folder / "letter.txt").write_text("dear")
    return folder


def example(name: str) -> Callable[[Sequence[str]], Any]:
    """The `main` of a script."""
    return runpy.run_path(str(EXAMPLES / name))["main"]


def test_a_folder_of_sounds_is_played(
    performance: Path, trained: Path, tune: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = shutil.copytree(trained, tmp_path / "run"), tmp_path / "out"
    made = example("animate_folder.py")(
        [str(performance), str(tune), "--out", str(out), "--run", str(run), "--steps", "4"]
    )
    assert made == [out / "tune.mp4"]
    info = probe(made[0])
    assert len(info.sounds) == len(info.pictures) == 1
    assert float(info.duration) == pytest.approx(2.0, abs=0.05)
    assert "left out: " in capsys.readouterr().out


@pytest.mark.parametrize("block", [960, 7001])
def test_every_frame_of_a_sound_comes_live(trained: Path, tune: Path, block: int) -> None:
    shown = example("live_to_pixels.py")([str(trained), str(tune / "tune.wav"), "--block", str(block)])
    assert shown == 40


def test_motion_is_drawn_over_loudness(performance: Path, tmp_path: Path) -> None:
    picture = tmp_path / "motion.png"
    lag, agreement = example("plot_motion.py")([str(performance), "--picture", str(picture)])
    assert lag in (-1, 0, 1)
    assert agreement > 0.3
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = json.loads((EXAMPLES / "first_video.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells), "outputs are kept"
    namespace: dict[str, Any] = {}
    for cell in cells:
        exec("".join(cell["source"]), namespace)
        if "parameters" in cell["metadata"].get("tags", ()):
            namespace |= {"folder": tmp_path / "first", "seconds": 4.0, "steps": 2}
    frames = namespace["frames"]
    assert len(frames) == 2
    assert all(frame.shape == (128, 128, 3) for frame in frames)
    assert np.std(frames[0]) > 20
