"""generate with its dials, as a user types them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import command, refused, tone

from listen_and_move.media.picture import read_frames
from listen_and_move.media.wav import write_wav
from listen_and_move.runs import RunFolder


@pytest.fixture
def wave(tmp_path: Path) -> Path:
    """A tone, a second and a half of silence, the tone again."""
    path = tmp_path / "wave.wav"
    write_wav(path, np.concatenate([tone(0.5), np.zeros(72_000), tone(0.5)]).astype(np.float32), 48_000)
    return path


def test_every_dial_at_once(trained: Path, wave: Path, tmp_path: Path) -> None:
    dials = ["--amount", 1.5, "--motion-gain=0.5", "--content-gain", 0.8, "--norm-gain", 1.2]
    dials += ["--sharpness=-1.5", "--smoothing", 0.1, "--delay", 0.25, "--freeze", -50, "--paste"]
    made = command("generate", trained, wave, "--out", "out.mp4", *dials, folder=tmp_path)
    assert made.returncode == 0, made.stderr
    frames = list(read_frames(tmp_path / "out.mp4", Fraction(20), width=64, height=64))
    assert len(frames) == 50, "as long as the sound"


def test_a_replay_is_held_in_silence(trained: Path, wave: Path, tmp_path: Path) -> None:
    made = command(
        "generate",
        trained,
        wave,
        "--out",
        "frames",
        "--mode=replay",
        "--freeze=-50",
        "--delay=0.1",
        folder=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    pictures = [path.read_bytes() for path in sorted((tmp_path / "frames").glob("frame-*.png"))]
    assert len(pictures) == 50
    assert len(set(pictures[22:34])) == 1, "equal frames are equal files"
    assert len(set(pictures)) > 3
    assert pictures[0] == pictures[1] == pictures[2]


def test_what_does_not_apply_is_refused(trained: Path, wave: Path, tmp_path: Path) -> None:
    model, kept = RunFolder(trained).model_file, sorted(tmp_path.iterdir())
    refused(
        "generate",
        "run",
        wave,
        "--amount",
        "9",
        saying="amount: expected 0 (deaf) to 4; got 9",
        folder=tmp_path,
    )
    refused(
        "generate",
        "run",
        wave,
        "--freeze",
        "5",
        saying="freeze: expected -100 to 0 dB, such as -50",
        folder=tmp_path,
    )
    replayed = (
        "smoothing: expected only where a model draws, since a replay shows real frames as they are; got 0.2"
    )
    refused(
        "generate", trained, wave, "--mode", "replay", "--smoothing", "0.2", saying=replayed, folder=tmp_path
    )
    refused("generate", model, wave, "--paste", saying="add its video with --video", folder=tmp_path)
    refused("generate", trained, wave, "--video", wave, saying="--mode replay or --paste", folder=tmp_path)
    assert sorted(tmp_path.iterdir()) == kept


def test_how_far_a_foreign_sound_is_brought_is_said(
    filmed: Path, noisy: Path, wave: Path, tmp_path: Path
) -> None:
    brought = command("generate", filmed, wave, "--out=a.mp4", "--adapt=1", folder=tmp_path)
    assert brought.returncode == 0
    assert "brought 100% of the way to how the clip sounds" in brought.stderr
    as_it_is = command("generate", filmed, wave, "--out=b.mp4", "--adapt=0", folder=tmp_path)
    assert as_it_is.returncode == 0
    assert "brought" not in as_it_is.stderr
    in_vain = command("generate", noisy, wave, "--out=c.mp4", "--adapt=0.5", folder=tmp_path)
    assert in_vain.returncode == 0
    assert "heard as it is: this model cannot tell" in in_vain.stderr
    live = command("live", noisy, f"--input={wave}", "--output=d.mp4", "--adapt=0.5", folder=tmp_path)
    assert live.returncode == 0
    assert "brought there has no effect" in live.stderr
    refused("generate", noisy, wave, "--adapt=2", saying="adapt: expected auto or a number", folder=tmp_path)
