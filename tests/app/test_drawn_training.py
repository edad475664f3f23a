"""The process that learns the demonstration says in one line why it could not draw."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_film_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "listen_and_move.app.drawn_training", str(tmp_path / "gone" / "film.mp4")]
    ended = subprocess.run([*line, "1", "train"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == ""
    assert "film.mp4: expected an existing folder to write to" in json.loads(ended.stdout)["error"]
