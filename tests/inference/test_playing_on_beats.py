"""A clip with a beat is played on the beats of another sound: real files, through the command's own way."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.inference.generate import Progress, generate
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav

RATE = 48_000
CLIP, SONG = 0.5, 0.6
"""Seconds from beat to beat."""


def clicks(seconds: float, period: float, hertz: float) -> np.ndarray:
    """Short tones, (samples,)."""
    times = np.arange(round(seconds * RATE)) / RATE
    since = times % period
    return (0.4 * np.sin(2 * np.pi * hertz * since) * np.exp(-25 * since)).astype(np.float32)


@pytest.fixture(scope="module")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bar that falls on every beat and rises slowly."""
    path = tmp_path_factory.mktemp("beats") / "beating.mp4"
    sound = Waveform(clicks(8, CLIP, 500), RATE)
    with VideoWriter(path, width=64, height=64, fps=Fraction(20), sound=sound) as writer:
        for number in range(160):
            picture = np.full((64, 64, 3), 30, np.uint8)
            top = 8 + round(40 * (1 - number / 20 % CLIP / CLIP))
            picture[top : top + 10, 10:54] = 220
            writer.write(picture)
    return path


def phases(listed: Path) -> tuple[np.ndarray, np.ndarray]:
    """How far frames of a file, and the moments of the clip that they show, are from beat to beat."""
    with listed.open() as file:
        rows = [row for row in csv.DictReader(file) if float(row["seconds"]) > 1]
    of_song = np.array([float(row["seconds"]) for row in rows]) % SONG / SONG
    return of_song, np.array([float(row["clip seconds"]) for row in rows]) % CLIP / CLIP


def together(listed: Path) -> float:
    """1 where beats are on beats, 0 by chance."""
    song, clip = phases(listed)
    return float(np.cos(2 * np.pi * (song - clip)).mean())


def test_beats_fall_on_beats(beating: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav", clicks(8, SONG, 1500), RATE)
    told: list[Progress] = []
    found = {}
    for beats in (False, True):
        out, listed = tmp_path / f"{beats}.mp4", tmp_path / f"{beats}.csv"
        generate(
            beating, tmp_path / "song.wav", out, beats=beats, adapt=0.0, path_list=listed, watch=told.append
        )
        found[beats] = together(listed)
    assert found[True] > 0.8
    assert any("100 beats a minute" in str(note) for note in told[-1].notes)
    assert not any("beats" in str(note) for note in told[0].notes)


def test_the_own_sound_is_on_its_beats_already(beating: Path, tmp_path: Path) -> None:
    listed = tmp_path / "own.csv"
    generate(beating, beating, tmp_path / "own.mp4", beats=True, path_list=listed)
    with listed.open() as file:
        rows = [(float(row["seconds"]), float(row["clip seconds"])) for row in csv.DictReader(file)]
    apart = [(here - there + CLIP / 2) % CLIP - CLIP / 2 for here, there in rows]
    assert np.median(np.abs(apart)) < 0.03


def test_a_sound_without_a_beat_is_played_as_ever_and_that_is_said(beating: Path, tmp_path: Path) -> None:
    noise = 0.2 * np.random.default_rng(0).standard_normal(6 * RATE).astype(np.float32)
    write_wav(tmp_path / "noise.wav", noise, RATE)
    told: list[Progress] = []
    lists = [tmp_path / "with.csv", tmp_path / "without.csv"]
    for beats, listed in zip((True, False), lists, strict=True):
        out = tmp_path / f"{beats}.mp4"
        generate(beating, tmp_path / "noise.wav", out, beats=beats, path_list=listed, watch=told.append)
    assert any("no steady beat is heard" in str(note) for note in told[0].notes)
    assert lists[0].read_text() == lists[1].read_text()


def test_what_cannot_play_on_beats_says_so(filmed: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav", clicks(3, SONG, 1500), RATE)
    with pytest.raises(UserError, match="beats: expected a path"):
        generate(filmed, tmp_path / "song.wav", tmp_path / "drawn.mp4", picture="drawn", beats=True)
    still = tmp_path / "still.mp4"
    random = np.random.default_rng(0)
    sound = Waveform(0.1 * random.standard_normal(6 * RATE).astype(np.float32), RATE)
    with VideoWriter(still, width=64, height=64, fps=Fraction(20), sound=sound) as writer:
        for _ in range(120):
            writer.write(random.integers(0, 255, (64, 64, 3), np.uint8))
    with pytest.raises(UserError, match="beats: expected a clip whose sound has a steady beat"):
        generate(still, tmp_path / "song.wav", tmp_path / "still-song.mp4", beats=True)
    assert not (tmp_path / "still-song.mp4").exists()
    assert not (tmp_path / "drawn.mp4").exists()
