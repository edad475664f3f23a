"""Remembered frames explain a guide together, region by region; what it has beyond them is added."""

import numpy as np
import torch
from torch import Tensor

from listen_and_move.models.composition import composition
from listen_and_move.models.path_memory import PathMemory, path_memory
from listen_and_move.models.region_search import Regions, RegionSearch

SIZE = 128
SMALL = 32


def bars(left: int, right: int) -> np.ndarray:
    """A picture of two bars, each as far down as it was struck, with fine detail on both."""
    picture = np.full((SIZE, SIZE, 3), 40, np.uint8)
    for column, down in ((16, left), (80, right)):
        picture[40 + down : 56 + down, column : column + 32] = 200
        picture[40 + down : 56 + down : 2, column : column + 32] = 120
    return picture


def reduced(picture: np.ndarray) -> Tensor:
    """The picture as a network of 32 pixels would draw it, [-1, 1]."""
    return torch.nn.functional.adaptive_avg_pool2d(
        torch.from_numpy(picture).movedim(-1, 0)[None].float() / 127.5 - 1, SMALL
    )[0]


LEARNT = 2 * ([(down, 0) for down in range(0, 40, 2)] + [(0, down) for down in range(0, 40, 2)])
"""One bar after the other is struck, twice, and never both."""


def memory(frames: list[np.ndarray]) -> PathMemory:
    numbers = torch.arange(len(frames))
    return path_memory(
        torch.from_numpy(np.stack(frames)), torch.zeros(len(frames), 4), numbers, torch.ones(4)
    )


FRAMES = [bars(*each) for each in LEARNT]


def shown(regions: Regions, guide: Tensor) -> np.ndarray:
    parts = [FRAMES[row] for row in regions.rows]
    return composition(parts, [*regions.masks], guide, regions.agreement).astype(int)


def error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_two_bars_struck_at_once_that_never_were() -> None:
    wanted = bars(20, 28)
    found = shown(RegionSearch(memory(FRAMES)).step(reduced(wanted), None), reduced(wanted))
    nearest = min(error(frame, wanted) for frame in FRAMES)
    assert error(found, wanted) < 0.5 < 4 < nearest


def test_of_two_poses_in_one_guide_one_is_taken() -> None:
    """A network that does not know draws the mean of both; a person is in one place."""
    poses = [bars(4, 0), bars(36, 0)]
    mixed = (reduced(poses[0]) + reduced(poses[1])) / 2
    found = shown(RegionSearch(memory(FRAMES)).step(mixed, None), mixed)
    apart = error(*poses)
    assert min(error(found, pose) for pose in FRAMES) < 0.2 * apart


def test_what_the_guide_knows_better_is_seen() -> None:
    """A colour between two that are remembered: the detail is theirs, the colour the guide's."""
    learnt = [(frame // 8 * 8 + shade).astype(np.uint8) for frame in FRAMES[:20] for shade in (0, 6)]
    wanted = learnt[9] // 8 * 8 + 2
    search, guide = RegionSearch(memory(learnt)), reduced(wanted)
    regions = search.step(guide, None)
    parts = [learnt[row] for row in regions.rows]
    plain = composition(parts, [*regions.masks], guide, np.zeros((SMALL, SMALL)))
    found = composition(parts, [*regions.masks], guide, np.ones((SMALL, SMALL)))
    assert error(found, wanted) < 0.5 < 1.5 < error(plain, wanted)


def test_it_rests_where_the_guide_rests() -> None:
    search, guide = RegionSearch(memory(FRAMES)), reduced(bars(19, 7))
    regions, pictures = None, []
    for _ in range(8):
        regions = search.step(guide, regions)
        pictures.append(shown(regions, guide))
        assert np.allclose(regions.masks.sum(0), 1)
    assert all(np.array_equal(picture, pictures[-1]) for picture in pictures[3:])
    assert regions is not None
    assert not regions.moving.any()


def test_it_goes_on_with_the_clip() -> None:
    """A struck bar that is drawn as it was filmed is shown frame after frame as it was filmed."""
    search, regions = RegionSearch(memory(FRAMES)), None
    for row in range(3, 12):
        guide = reduced(FRAMES[row])
        regions = search.step(guide, regions)
        assert error(shown(regions, guide), FRAMES[row]) < 0.5
    assert regions is not None
    assert regions.moving.any()


def test_of_a_long_clip_the_nearest_frames_are_compared() -> None:
    many = [bars(down, 0) for down in range(0, 40, 2) for _ in range(40)]
    search = RegionSearch(memory(many))
    regions = search.step(reduced(bars(22, 0)), None)
    assert {int(row) // 40 for row in regions.rows} == {11}
