"""From sound file to video file, on real files."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.media.wav import write_wav
from listen_and_move.metrics.frame import psnr
from listen_and_move.models.optimized import Precision


@pytest.fixture
def wave(tmp_path: Path) -> Path:
    """1.51 s of two gliding tones: its last frame is not full."""
    path, seconds = tmp_path / "wave.wav", np.arange(72_480) / 48_000
    tones = [0.3 * np.sin(2 * np.pi * (start + 500 * seconds) * seconds) for start in (300, 700)]
    write_wav(path, np.stack(tones, axis=1).astype(np.float32), 48_000)
    return path


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_picture_and_sound_last_equally_long(trained: Path, wave: Path, tmp_path: Path, ending: str) -> None:
    (out,) = generate(trained, wave, tmp_path / f"out{ending}", device="cpu")
    info = probe(out)
    assert info.video is not None
    assert (info.video.width, info.video.height) == (64, 64)
    assert len(list(read_frames(out, Fraction(20), width=32, height=32))) == 31
    samples, rate = sound_samples(out)
    assert Fraction(151, 100) <= Fraction(samples, rate) + Fraction(1, 48_000)
    assert Fraction(samples, rate) <= Fraction(31, 20)


def test_the_original_sound_is_in_the_result(trained: Path, wave: Path, tmp_path: Path) -> None:
    (out,) = generate(trained, wave, tmp_path / "out.mkv", device="cpu")
    before, after = (np.concatenate(list(read_sound(path, 48_000))) for path in (wave, out))
    assert np.corrcoef(before, after[: len(before)])[0, 1] > 0.9


def test_the_file_says_that_it_was_generated(noisy: Path, wave: Path, tmp_path: Path) -> None:
    import av

    (out,) = generate(noisy, wave, tmp_path / "out.mp4", seed=5, device="cpu", end=0.5)
    with av.open(str(out)) as container:
        comment = container.metadata["comment"]
    assert comment.startswith("Generated picture, no recording")
    assert "model sha256" in comment
    assert "seed 5" in comment


def test_part_of_a_sound(trained: Path, wave: Path, tmp_path: Path) -> None:
    (out,) = generate(trained, wave, tmp_path / "out.mp4", start=0.5, end=1.0, device="cpu")
    assert len(list(read_frames(out, Fraction(20), width=32, height=32))) == 10


def test_several_sounds_and_a_video_as_sound(
    trained: Path, wave: Path, performance: Path, tmp_path: Path
) -> None:
    outs = generate(trained, [wave, performance], f"{tmp_path}/", device="cpu", end=0.5)
    assert [out.name for out in outs] == ["wave-tiny.mp4", "performance-tiny.mp4"]
    assert all(out.stat().st_size > 1000 for out in outs)


def test_frames_in_a_folder(trained: Path, wave: Path, tmp_path: Path) -> None:
    (out,) = generate(trained, wave, tmp_path / "frames", device="cpu", end=0.25)
    assert len(list(out.glob("frame-*.png"))) == 5


def test_an_output_is_not_overwritten_unasked(trained: Path, wave: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(UserError, match="--overwrite"):
        generate(trained, wave, out, device="cpu")
    assert out.read_bytes() == b"precious"
    generate(trained, wave, out, device="cpu", overwrite=True, end=0.25)
    assert out.stat().st_size > 1000


def test_the_sound_itself_is_no_output(trained: Path, performance: Path) -> None:
    before = performance.read_bytes()
    with pytest.raises(UserError, match="expected an output that is no input"):
        generate(trained, performance, performance, device="cpu", overwrite=True)
    assert performance.read_bytes() == before


def test_two_sounds_of_one_name_do_not_meet(trained: Path, wave: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / wave.name
    twin.write_bytes(wave.read_bytes())
    with pytest.raises(UserError, match="two sounds would be written there"):
        generate(trained, [wave, twin], f"{tmp_path}/", device="cpu")


def test_many_sounds_need_a_folder(trained: Path, wave: Path, performance: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a folder for 2 sounds"):
        generate(trained, [wave, performance], tmp_path / "out.mp4", device="cpu")


def test_bfloat16_is_near_and_is_left_where_it_is_not(
    trained: Path, wave: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pictures(name: str, precision: Precision) -> tuple[np.ndarray, list[str]]:
        told: list[str] = []
        (out,) = generate(
            trained,
            wave,
            tmp_path / name,
            precision=precision,
            device="cpu",
            watch=lambda progress: told.extend(progress.notes),
        )
        return np.stack(
            [np.asarray(frame) for frame in read_frames(out, Fraction(20), width=32, height=32)]
        ), told

    exact, _ = pictures("exact.mkv", "float32")
    near, told = pictures("near.mkv", "bfloat16")
    assert psnr(near, exact) > 40
    assert not any("bfloat16" in line for line in told)
    monkeypatch.setattr("listen_and_move.inference.generate.NOT_SEEN_DB", 1000.0)
    same, told = pictures("same.mkv", "bfloat16")
    assert np.array_equal(same, exact)
    assert any("drawn in float32" in line for line in told)
    with pytest.raises(UserError, match="only where a model draws"):
        generate(trained, wave, tmp_path / "replay.mp4", mode="replay", precision="bfloat16", device="cpu")
