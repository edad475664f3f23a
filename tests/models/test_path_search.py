"""PathSearch: exact where it must be, one path however the sound is cut, and nothing but training frames in
the file."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist

from listen_and_move.models.distances import cheapest
from listen_and_move.models.path_costs import (
    BY_GUIDE,
    BY_SOUND,
    GUIDED,
    PLAIN,
    VITERBI,
    Search,
    usual_search,
)
from listen_and_move.models.path_search import PathCue, PathSearch, PathState, thumbnails

ONE_PART, TWO_PARTS = np.arange(80), np.r_[0:30, 45:95]


def made(
    places: np.ndarray = ONE_PART, search: Search = VITERBI, seed: int = 0, steps: bool = True
) -> PathSearch:
    """Training frames whose sound and picture wander about."""
    random = np.random.default_rng(seed)
    sounds, pictures = (random.standard_normal((len(places), size)).astype(np.float32) for size in (6, 20))
    return PathSearch(
        places, sounds.cumsum(0) if steps else sounds, pictures.cumsum(0) if steps else pictures, search
    )


def driving(replay: PathSearch, frames: int, seed: int = 1) -> torch.Tensor:
    """Sound that lies between what two training frames heard."""
    random = np.random.default_rng(seed)
    one, two = (replay.features[random.integers(len(replay.features), size=frames)] for _ in range(2))
    return torch.from_numpy(one + 0.4 * (two - one))


def cues(sound: torch.Tensor) -> list[PathCue]:
    return [PathCue(row) for row in sound.numpy()]


def jumps(chosen: np.ndarray) -> int:
    return int((np.diff(chosen) != 1).sum())


def cost(replay: PathSearch, sound: torch.Tensor, path: np.ndarray) -> float:
    """Of a path of places, by the definition, frame by frame."""
    spread = replay.features.std(0)
    sounds, heard, index = (
        replay.features / spread,
        sound.numpy() / spread,
        np.searchsorted(replay.places, path),
    )
    total = np.linalg.norm(sounds[index] - heard, axis=1).sum() / pdist(sounds).mean()
    for one, two in pairwise(index):
        if replay.places[one] + 1 in replay.places:
            expected = replay.pictures[one + 1]
        else:
            expected = 2 * replay.pictures[one] - replay.pictures[one - 1]
        total += (
            replay.search.jump_weight
            * np.linalg.norm(expected - replay.pictures[two])
            / pdist(replay.pictures).mean()
        )
    return float(total)


@pytest.mark.parametrize("places", [ONE_PART, TWO_PARTS], ids=["one part", "two parts"])
def test_plain_is_the_nearest_of_all(places: np.ndarray) -> None:
    replay = made(places, PLAIN)
    sound, spread = driving(replay, 60), replay.features.std(0)
    nearest = cdist(sound.numpy() / spread, replay.features / spread).argmin(1)
    assert np.array_equal(replay.whole(sound), places[nearest])


@pytest.mark.parametrize("weight", [0.3, 1.0, 5.0])
def test_with_everything_kept_it_is_the_cheapest_of_all_paths(weight: float) -> None:
    for seed in range(3):
        replay = made(np.r_[0:3, 7:9], Search(weight, nearest=5, beam=5, lag=5), seed, steps=False)
        sound = driving(replay, 5, seed)
        cheapest = min(product(replay.places, repeat=5), key=lambda path: cost(replay, sound, np.array(path)))
        assert np.array_equal(replay.whole(sound), cheapest)


def test_beam_and_lag_cost_little() -> None:
    kept = made(TWO_PARTS, VITERBI._replace(nearest=80, beam=80, lag=400))
    usual, sound = made(TWO_PARTS), driving(kept, 400)
    best, found, plain = (
        cost(usual, sound, each.whole(sound)) for each in (kept, usual, made(TWO_PARTS, PLAIN))
    )
    assert best <= found * (1 + 1e-6)
    assert found < 1.02 * best
    assert found < 0.8 * plain


def test_a_jump_that_costs_nothing_is_plain() -> None:
    free, plain = made(TWO_PARTS, VITERBI._replace(jump_weight=0.0)), made(TWO_PARTS, PLAIN)
    sound = driving(plain, 100)
    assert np.array_equal(free.whole(sound), plain.whole(sound))


def test_a_jump_that_costs_everything_is_not_made() -> None:
    for places, frames in ((ONE_PART, 30), (TWO_PARTS, 30)):
        replay = made(places, VITERBI._replace(jump_weight=1e6))
        assert jumps(replay.whole(driving(replay, frames))) == 0
    assert jumps(made(TWO_PARTS, PLAIN).whole(driving(made(TWO_PARTS), 30))) > 20


def test_the_hole_is_no_way_to_play_on() -> None:
    replay = made(TWO_PARTS, VITERBI._replace(jump_weight=1e6, lag=100, nearest=80, beam=80))
    joined = PathSearch(np.arange(80), replay.features, replay.pictures, replay.search)
    sound = torch.from_numpy(
        replay.features[10:60]
    )  # the end of the first part and the beginning of the second
    assert np.array_equal(joined.whole(sound), np.arange(10, 60))
    assert jumps(replay.whole(sound)) == 0
    assert replay.whole(sound)[0] >= 45


@pytest.mark.parametrize("search", [PLAIN, VITERBI], ids=["plain", "viterbi"])
def test_the_sound_of_the_clip_gives_the_clip(search: Search) -> None:
    replay = made(TWO_PARTS, search)
    assert np.array_equal(replay.whole(torch.from_numpy(replay.features)), TWO_PARTS)


@pytest.mark.parametrize("search", [PLAIN, VITERBI], ids=["plain", "viterbi"])
def test_any_cutting_gives_the_same_path(search: Search) -> None:
    replay = made(TWO_PARTS, search)
    sound = driving(replay, 150)
    whole = replay.whole(sound)
    assert len(whole) == 150
    for cut in ([1], [0, 70, 70], list(range(1, 150)), [32, 33, 65]):
        state, chosen = None, []
        for block in torch.tensor_split(sound, cut):
            again, _ = replay.push(cues(block), state)
            decided, state = replay.push(cues(block), state)
            assert np.array_equal(decided, again), "an old state stays usable"
            chosen.append(decided)
        assert np.array_equal(np.concatenate([*chosen, replay.finish(state)]), whole)


def test_no_sound_no_frames_and_a_state_that_does_not_grow() -> None:
    replay = made()
    assert replay.whole(torch.zeros(0, 6)).shape == (0,)
    decided, state = replay.push(cues(driving(replay, 500)))
    assert len(decided) == 500 - VITERBI.lag
    assert state is not None
    assert state.paths.shape[0] <= VITERBI.beam
    assert state.paths.shape[1] == VITERBI.lag


@pytest.mark.parametrize("search", [PLAIN, VITERBI], ids=["plain", "viterbi"])
def test_units_and_constant_numbers_do_not_matter(search: Search) -> None:
    replay = made(search=search)
    sound = driving(replay, 100)
    units = np.array([1e-3, 1, 7, 1e4, 0.1, 30], np.float32)
    other = PathSearch(replay.places, 5 + units * replay.features, 3 - 100 * replay.pictures, search)
    assert np.array_equal(other.whole(5 + torch.from_numpy(units) * sound), replay.whole(sound))
    constant = np.full((len(replay.places), 1), 0.1, np.float32)
    more = PathSearch(replay.places, np.hstack([replay.features, constant]), replay.pictures, search)
    louder = torch.cat([sound, 1e3 * torch.arange(100.0)[:, None]], dim=1)
    assert np.array_equal(more.whole(louder), replay.whole(sound))


def test_a_clip_in_which_nothing_differs() -> None:
    replay = PathSearch(ONE_PART, np.ones((80, 4), np.float32), np.ones((80, 9), np.float32))
    chosen = replay.whole(torch.randn(50, 4))
    assert len(chosen) == 50
    assert set(chosen) <= set(ONE_PART)


def test_thumbnails_are_means() -> None:
    frames = torch.randint(
        0, 256, (300, 32, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    found = thumbnails(frames, np.array([0, 299])).reshape(2, 3, 16, 16)
    assert np.allclose(found[1, 2, 0, 5], frames[299, :2, 15:18, 2].double().mean() / 255)


@pytest.mark.parametrize("count", [1, 32, 200, 500])
def test_the_cheapest_are_those_of_a_stable_sort(count: int) -> None:
    costs = np.random.default_rng(0).integers(0, 9, 300).astype(np.float32)  # many are equal
    assert np.array_equal(cheapest(costs, count), np.argsort(costs, kind="stable")[:count])


def striking() -> PathSearch:
    """Frames of which every tenth changes much to the next one, whatever is heard."""
    random = np.random.default_rng(5)
    steps = 0.1 * random.standard_normal((160, 20))
    steps[::10] *= 30
    sounds = random.standard_normal((160, 6)).cumsum(0)
    return PathSearch(np.arange(160), sounds.astype(np.float32), steps.cumsum(0).astype(np.float32))


def moved(replay: PathSearch, path: np.ndarray) -> np.ndarray:
    """How much the clip changes from each frame of a path to the clip's next one."""
    changes = np.linalg.norm(np.diff(replay.pictures, axis=0), axis=1)
    return np.append(changes, 0)[path]


def struck(replay: PathSearch, foreign: float, every: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """A path whose sound strikes regularly, not as often as the clip, and where it strikes."""
    sound = driving(replay, 90)
    strokes = np.where(np.arange(90) % every == 3, 3.0, -0.4)
    heard = [PathCue(row, foreign=foreign, stroke=at) for row, at in zip(sound.numpy(), strokes, strict=True)]
    decided, state = replay.push(heard)
    return np.concatenate([decided, replay.finish(state)]), strokes


def test_a_foreign_sound_strikes_where_the_clip_moves() -> None:
    replay = striking()
    path, strokes = struck(replay, 1.0)
    led = np.corrcoef(moved(replay, path), strokes)[0, 1]
    plain = np.corrcoef(moved(replay, struck(replay, 0.0)[0]), strokes)[0, 1]
    assert led > 0.8
    assert abs(plain) < 0.3
    some = np.corrcoef(moved(replay, struck(replay, 0.5)[0]), strokes)[0, 1]
    assert plain < some, "half as foreign, it still strikes"


def test_a_sound_that_is_not_foreign_does_not_mind_its_strokes() -> None:
    replay = striking()
    sound = driving(replay, 90)
    assert np.array_equal(struck(replay, 0.0)[0], replay.whole(sound))


def test_between_strokes_the_clip_plays_slower_or_faster() -> None:
    replay = striking()
    steps = np.diff(struck(replay, 1.0)[0])
    assert (steps == 0).any()
    assert (steps == 2).any()
    assert (np.diff(struck(replay, 0.0)[0]) == 0).sum() < (steps == 0).sum()


def cheaper(replay: PathSearch, frame: int) -> list[int]:
    """The frames to which a path goes from a frame for less where beats count, and it is free to play slower
    or faster; these search for no beats, so that nothing else differs.
    """
    end = np.searchsorted(replay.places, [frame])
    usual, free = (
        replay.push([PathCue(replay.features[0], beat=beat)], PathState(end[:, None], end, np.zeros(1)))[1]
        for beat in (None, 0.5)
    )
    assert usual is not None
    assert free is not None
    saved = usual.costs[np.argsort(usual.ends)] - free.costs[np.argsort(free.ends)]  # but for a constant
    assert len(saved) == len(replay.places), "no path was dropped"
    return replay.places[saved > saved.min() + 1e-3].tolist()


def test_what_the_clip_lacks_cannot_be_left_out() -> None:
    """Over a gap of one frame it costs a jump to go on."""
    everything = VITERBI._replace(nearest=160, beam=160)
    whole, places = replace(striking(), search=everything), np.r_[0:80, 81:160]
    apart = PathSearch(places, whole.features[places], whole.pictures[places], everything)
    for frame in (77, 78, 79, 100):
        assert cheaper(whole, frame) == [frame, frame + 2]
    assert cheaper(apart, 77) == [77, 79]
    assert cheaper(apart, 78) == [78]
    assert cheaper(apart, 79) == [79]
    assert cheaper(apart, 100) == [100, 102]


@pytest.mark.parametrize("steps", [0.0, 0.1])
def test_where_motion_is_even_strokes_lead_nowhere(steps: float) -> None:
    pictures = np.outer(np.arange(80), np.full(9, steps)).astype(np.float32)
    even = PathSearch(ONE_PART, made().features, pictures)
    assert np.array_equal(struck(even, 1.0, every=7)[0], struck(even, 1.0, every=9)[0])


@pytest.mark.parametrize("places", [[5], [0, 2, 4, 6]])
def test_frames_of_which_none_follows_another(places: list[int]) -> None:
    some = made()
    replay = PathSearch(np.array(places), some.features[places], some.pictures[places])
    assert set(struck(replay, 1.0)[0]) <= set(places)


@pytest.mark.parametrize("every", [9, 10, 12])
def test_beats_fall_on_beats(every: int) -> None:
    """The clip's beats are ten frames apart, and those of the sound more or less."""
    plain = made(np.arange(160))
    replay = PathSearch(plain.places, plain.features, plain.pictures, phases=(np.arange(160) - 4) % 10 / 10)
    sound = driving(replay, 120).numpy()
    wanted = np.arange(120) % every / every
    apart = {}
    for name, beats in (("plain", [None] * 120), ("led", wanted.tolist())):
        heard = [PathCue(row, beat=beat) for row, beat in zip(sound, beats, strict=True)]
        decided, state = replay.push(heard)
        path = np.concatenate([decided, replay.finish(state)])
        assert replay.phases is not None
        apart[name] = float(np.cos(2 * np.pi * (replay.phases[path] - wanted)).mean())
    assert apart["led"] > 0.75
    assert apart["plain"] < 0.4


def test_frames_whose_beat_is_not_known_are_as_good_as_half_a_beat_away() -> None:
    plain = made()
    unknown = PathSearch(plain.places, plain.features, plain.pictures, phases=np.full(80, np.nan))
    sound = driving(plain, 60).numpy()
    decided, state = unknown.push([PathCue(row, beat=0.5) for row in sound])
    path = np.concatenate([decided, unknown.finish(state)])
    assert len(path) == 60
    assert set(path) <= set(range(80))


def test_who_knows_little_of_what_comes_jumps_more_readily() -> None:
    """Two poses that are as far apart as two frames are on average, and short strokes that belong to one."""
    random = np.random.default_rng(0)
    pose = np.repeat([0.0, 1.0], 40)
    pictures = pose[:, None] + 0.05 * random.standard_normal((80, 8))
    plain = PathSearch(np.arange(80), pose[:, None], pictures, weights=BY_GUIDE)
    asked = np.tile(np.repeat([0.0, 1.0], [8, 3]), 4)
    frames = [PathCue(np.array([each]), np.full(8, each)) for each in asked]

    def followed(lag: int, weight: float | None = None) -> float:
        usual = usual_search(BY_GUIDE, lag)
        used = usual if weight is None else usual._replace(jump_weight=weight)
        decided, state = replace(plain, search=used).push(frames)
        shown = pose[np.concatenate([decided, plain.finish(state)])]
        return float((shown == asked).mean())

    assert [usual_search(BY_GUIDE, lag).jump_weight for lag in (0, 1, 2)] == [0.5, 1.0, GUIDED.jump_weight]
    assert usual_search(BY_SOUND, 5).jump_weight == VITERBI.jump_weight == usual_search(BY_SOUND).jump_weight
    assert followed(0, weight=3.0) < 0.8 <= followed(0)
    assert followed(1) > 0.95
