"""Sound from pipes, as a program on the other side writes it: in pieces of any size."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.media.making import clicks, make_sound, make_wav, whole

from listen_and_move.errors import UserError
from listen_and_move.media.piped import Raw, checked_raw, piped_sound
from listen_and_move.media.sound import opened_sound


def piped(data: bytes, piece: int, raw: Raw | None = None) -> tuple[np.ndarray, int]:
    """What comes out of a pipe into which a thread writes pieces; and its rate."""
    there, here = os.pipe()

    def write() -> None:
        with os.fdopen(here, "wb", buffering=0) as file:
            for place in range(0, len(data), piece):
                file.write(data[place : place + piece])

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(there, "rb", buffering=0) as file:
        try:
            source = piped_sound(file, raw)
            return whole(source.blocks), source.rate
        finally:
            while file.read(1 << 16):  # so that the writer ends
                pass
            thread.join()


@pytest.mark.parametrize("piece", [1001, 1 << 16])
def test_raw_samples(piece: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (5000, 3))
    integers = np.rint(samples * 32767).astype("<i2")
    found, rate = piped(integers.tobytes() + b"?", piece, Raw(44_100, 3))
    assert rate == 44_100
    assert np.array_equal(found, integers.astype(np.float32) / 32768)
    found, _ = piped(samples.astype("<f4").tobytes(), piece, Raw(8000, 3, "f32le"))
    assert np.array_equal(found, samples.astype(np.float32))


@pytest.mark.parametrize("kind", ["sound.wav", "sound.flac", "sound.mkv"])
def test_media_are_as_they_are_in_a_file(tmp_path: Path, kind: str) -> None:
    samples = 0.5 * np.random.default_rng(0).standard_normal(30_000).clip(-1, 1) + clicks(30_000, 3000) / 2
    codec = {"wav": "pcm_s16le", "flac": "flac", "mkv": "pcm_s16le"}[kind.split(".")[1]]
    path = make_sound(tmp_path / kind, samples, 44_100, codec)
    with opened_sound(path) as sound:
        expected = whole(sound.section(None, None))
    found, rate = piped(path.read_bytes(), 3000)
    assert rate == 44_100
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("ending", ["mp4", "m4a", "mov"])
def test_an_mp4_needs_its_index_before_its_media(tmp_path: Path, ending: str) -> None:
    samples = clicks(30_000, 3000)
    options = {"movflags": "+faststart"}
    path = make_sound(tmp_path / f"fast.{ending}", samples, 44_100, "aac", options)
    with opened_sound(path) as sound:
        expected = whole(sound.section(None, None))
    assert np.array_equal(piped(path.read_bytes(), 3000)[0], expected)
    last = make_sound(tmp_path / f"slow.{ending}", samples, 44_100, "aac").read_bytes()
    with pytest.raises(UserError, match=r"standard input: expected an MP4 whose index \(moov\) comes before"):
        piped(last, 3000)
    head, here = os.pipe()
    with os.fdopen(head, "rb", buffering=0) as file, os.fdopen(here, "wb", buffering=0) as other:
        other.write(last[:100])  # it is told at once
        with pytest.raises(UserError, match="index"):
            piped_sound(file)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="standard input: cannot be read as media through a pipe"):
        piped(b"no media " * 1000, 1000)
    with pytest.raises(UserError, match="standard input: cannot be read as media through a pipe"):
        piped(b"", 1)
    with pytest.raises(UserError, match="standard input: expected samples; it ended before the first one"):
        piped(b"?", 1, Raw(44_100))
    cut = make_wav(tmp_path / "cut.wav", np.zeros((44_100, 1), np.int16), 44_100).read_bytes()[:20_000]
    assert len(piped(cut, 500)[0]) == (20_000 - 44) // 2, "a recorder that was stopped leaves such a file"


@pytest.mark.parametrize(("rate", "channels"), [(0, 1), (-5, 1), (10_000_000, 1), (44_100, 0), (44_100, 65)])
def test_impossible_samples_are_refused(rate: int, channels: int) -> None:
    with pytest.raises(UserError, match=r"(rate|channels): expected"):
        checked_raw(rate, channels, "s16le")
