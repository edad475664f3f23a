"""A decoded clip: frames, features, split, and what is refused."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from listen_and_move.config import ClipConfig
from listen_and_move.data.clip import file_hash, load_clip, split
from listen_and_move.models.pixels import as_network, as_pixels
from listen_and_move.presets import preset
from listen_and_move.settings import with_values


def test_pixels_survive_the_round_trip() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(1, 16, 16, 3)
    network = as_network(pixels)
    assert network.shape == (1, 3, 16, 16)
    assert network.min() == -1
    assert network.max() == 1
    assert torch.equal(as_pixels(network), pixels)
    assert as_pixels(torch.full((3, 2, 2), 5.0)).max() == 255


@pytest.mark.parametrize(
    ("holdout", "train", "held_out"),
    [
        ("0.2", [range(0, 80)], range(80, 100)),
        ("0.4-0.6", [range(0, 40), range(60, 100)], range(40, 60)),
        ("0", [range(0, 100)], range(100, 100)),
        ("0-0.2", [range(20, 100)], range(0, 20)),
    ],
)
def test_split(holdout: str, train: list[range], held_out: range) -> None:
    parts, held = split(100, ClipConfig(holdout=holdout))
    assert list(parts) == train
    assert held == held_out


def test_a_real_clip(performance: Path) -> None:
    config = with_values(preset("quick"), {"clip.size": "32"})
    seen: list[tuple[int, int]] = []
    clip = load_clip(performance, config, lambda done, total: seen.append((done, total)))
    assert clip.frames.shape == (80, 32, 32, 3)
    assert clip.features.shape == (80, config.features.size)
    assert clip.box == (0, 0, 64, 64)
    assert clip.train == (range(0, 64),)
    assert clip.held_out == (range(64, 80),)
    assert seen[-1] == (80, 80)
    assert clip.mean_frame.shape == (3, 32, 32)
    assert clip.mean_frame.abs().max() <= 1
    torch.testing.assert_close(clip.mean_frame, as_network(clip.frames[:64]).mean(0), atol=1e-5, rtol=0)
    assert clip.motion_map.mean().item() == pytest.approx(1, abs=1e-4)


def test_statistics_come_from_the_training_part_alone(performance: Path) -> None:
    config = with_values(preset("quick"), {"clip.size": "32"})
    early, late = (
        load_clip(performance, with_values(config, {"clip.holdout": share})) for share in ("0.5-1", "0-0.5")
    )
    assert early.statistics is not None
    assert late.statistics is not None
    assert not torch.allclose(early.statistics.mean, late.statistics.mean)
    assert torch.equal(early.frames, late.frames)


def test_a_part_of_a_clip_equals_that_part_of_the_whole(performance: Path) -> None:
    config = with_values(preset("paper"), {"clip.size": "32"})
    whole, section = (
        load_clip(performance, config),
        load_clip(performance, with_values(config, {"clip.start": 1.0, "clip.end": 3.0})),
    )
    assert len(section.frames) == 40
    assert torch.equal(section.frames, whole.frames[20:60])
    torch.testing.assert_close(section.features[2:38], whole.features[22:58], atol=0.05, rtol=0)


@pytest.mark.parametrize("fps", ["24000/1001", "30"])
def test_another_frame_rate(performance: Path, fps: str) -> None:
    clip = load_clip(performance, with_values(preset("quick"), {"clip.size": "32", "clip.fps": fps}))
    assert abs(len(clip.frames) - 4 * Fraction(fps)) < 1
    assert len(clip.features) == len(clip.frames)


def test_a_hash_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
