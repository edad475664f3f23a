"""Decoded clips kept for the next run: the same clip, and never a wrong one."""

import os
from pathlib import Path

import pytest
import torch

from listen_and_move.config import Config
from listen_and_move.data import cache
from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.presets import preset
from listen_and_move.settings import with_values


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LISTEN_AND_MOVE_CACHE", str(tmp_path / "clips"))
    return tmp_path / "clips"


TOLD = 160 + 17
"""Times that progress is told of a clip of 80 frames: they are read twice, some are glanced at between."""


def small(**changes: object) -> Config:
    return with_values(
        preset("quick"),
        {"clip.size": "16", **{name.replace("__", "."): each for name, each in changes.items()}},
    )


def decodings(video: Path, config: Config) -> tuple[Clip, int]:
    """The clip, and how often progress was told: `TOLD` times where it was decoded, or once in
    all."""
    told: list[int] = []
    return load_clip(video, config, lambda done, total: told.append(done)), len(told)


def test_the_second_time_it_is_not_decoded(performance: Path, place: Path) -> None:
    first, frames = decodings(performance, small())
    again, told = decodings(performance, small())
    assert frames == TOLD
    assert told == 1
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.features, again.features)
    assert first.power is not None
    assert again.power is not None
    assert torch.equal(first.power, again.power)
    assert (first.level, first.train, first.held_out, first.box) == (
        again.level,
        again.train,
        again.held_out,
        again.box,
    )
    assert [path.suffix for path in place.iterdir()] == [".safetensors"]


def test_other_settings_and_another_video_are_other_clips(
    performance: Path, place: Path, tmp_path: Path
) -> None:
    decodings(performance, small())
    other = tmp_path / "other.mp4"
    other.write_bytes(performance.read_bytes() + b"\0\0\0\x08free")  # the same to see, another file
    assert all(
        decodings(*each)[1] > 1 for each in ((performance, small(clip__holdout="0.3")), (other, small()))
    )
    assert (
        decodings(performance, small(training__lanes=1))[1] == 1
    )  # what does not change the clip does not count


@pytest.mark.parametrize("damage", ["cut off", "one bit", "something else", "empty"])
def test_a_damaged_entry_counts_as_not_there(damage: str, performance: Path, place: Path) -> None:
    expected, _ = decodings(performance, small())
    (entry,) = place.iterdir()
    data = bytearray(entry.read_bytes())
    data[-100] ^= 1
    entry.write_bytes(
        {"cut off": bytes(data[:-50]), "one bit": bytes(data), "something else": b"PK\3\4", "empty": b""}[
            damage
        ]
    )
    again, told = decodings(performance, small())
    assert told == TOLD
    assert torch.equal(again.frames, expected.frames)
    assert decodings(performance, small())[1] == 1  # and was written anew


def test_no_place_no_cache_and_no_error(
    performance: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write_text("a file where the folder should be")
    assert [decodings(performance, small())[1] for _ in range(2)] == [TOLD, TOLD]
    monkeypatch.setenv("LISTEN_AND_MOVE_CACHE", "off")
    assert cache.folder() is None
    assert decodings(performance, small())[1] == TOLD


def test_the_oldest_go_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_CACHED_BYTES", 100_000)
    tensors = {"frames": torch.zeros(30_000, dtype=torch.uint8)}
    for age, name in enumerate(("old", "used", "new")):
        cache.keep(cache.key(name=name), tensors)
        for path in place.iterdir():
            os.utime(path, (age, age)) if path.stat().st_mtime > 1000 else None
    assert cache.kept(cache.key(name="old")) is not None  # and is the last one used now
    cache.keep(cache.key(name="newest"), tensors)
    left = [name for name in ("old", "used", "new", "newest") if cache.kept(cache.key(name=name)) is not None]
    assert "used" not in left
    assert {"old", "newest"} <= set(left)
    assert sum(path.stat().st_size for path in place.iterdir()) <= 100_000
    cache.keep(cache.key(name="huge"), {"frames": torch.zeros(60_000, dtype=torch.uint8)})
    assert cache.kept(cache.key(name="huge")) is None


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_AND_MOVE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.folder() == Path("/somewhere/listen-and-move/clips")
