"""Several models that play one sound: what is seen of each while one fades into another."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import TINY
from tests.inference.live.test_session import cuts, wave
from tests.inference.test_controls import moving

from listen_and_move.inference.controls import Controls
from listen_and_move.inference.guide import Guide
from listen_and_move.inference.live.crossfade import Crossfader, Fade, applying, warm
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.picture_pipelines import Picture, PictureChoice, fitted, model_pipeline
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.resizing import Fitter
from listen_and_move.media.sound import read_sound
from listen_and_move.training.loop import train

RATE, SIZE = 48_000, (64, 64)
SOUND = wave(3.0, RATE)


def pipeline(model: Path, picture: Picture = "drawn", size: str = "64x64") -> Pipeline:
    """A pipeline of a tiny model that hears, and shows it."""
    return fitted(model_pipeline(moving(model), PictureChoice(picture, size, live=True), "tiny"), SIZE)


@pytest.fixture(scope="module")
def slower(performance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model at another rate, which waits for less of the sound."""
    settings = {**TINY, "clip.fps": "12.5", "features.future": 1, "training.steps": 2}
    folder = tmp_path_factory.mktemp("runs") / "slower"
    return train(performance, folder, preset_name="quick", settings=settings, device="cpu").run


@pytest.fixture(scope="module")
def models(trained: Path, filmed: Path, slower: Path) -> dict[str, Pipeline]:
    return {
        "drawn": pipeline(trained),
        "path": pipeline(filmed, "path", "source"),
        "slower": pipeline(slower),
    }


def crossfader(models: dict[str, Pipeline], *names: str) -> Crossfader:
    return Crossfader({name: Live(models[name], RATE) for name in names})


def alone(pipeline: Pipeline, sound: np.ndarray = SOUND) -> list[np.ndarray]:
    live = Live(pipeline, RATE)
    return live.push(sound) + live.finish()


def blocks() -> list[np.ndarray]:
    return np.split(SOUND, cuts(len(SOUND)))


@pytest.mark.parametrize("name", ["drawn", "path", "slower"])
def test_the_first_model_is_played_as_if_it_were_alone(name: str, models: dict[str, Pipeline]) -> None:
    others = [other for other in models if other != name]
    player = crossfader(models, name, *others)
    found = [picture for block in blocks() for picture in player.push(block)] + player.finish()
    expected = alone(models[name])
    assert len(found) == len(expected)
    assert player.latency == max(Live(each, RATE).latency for each in models.values())
    assert np.abs(np.stack(found).astype(int) - np.stack(expected)).max() <= 1


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_model_that_is_chosen_has_heard_all_before(seconds: float, models: dict[str, Pipeline]) -> None:
    """Until the fade there is nothing of it, after it nothing else, and in between both in their shares."""
    player = crossfader(models, "drawn", "slower")
    half = len(SOUND) // 2
    found = player.push(SOUND[:half])
    player.switch("slower", seconds)
    found += player.push(SOUND[half:]) + player.finish()
    first, second = alone(models["drawn"]), alone(models["slower"])
    assert len(found) == len(first)
    begin, frames = player.fade.begin, round(seconds * 20)
    assert begin >= int((1.5 - player.latency) * 20)
    assert frames == player.fade.frames
    for number, picture in enumerate(found):
        share = player.fade.shares(number).get("slower", 0.0)
        pair = first[number], second[int(number * Fraction("12.5") / 20)]
        expected = (1 - share) * pair[0] + share * pair[1].astype(float)
        assert np.abs(picture - expected).max() <= 1.51, number
    assert np.abs(np.stack(first).astype(int)[:30] - second[0]).max() > 20, (
        "equal pictures would prove nothing"
    )
    assert player.fade.shares(begin - 1) == {"drawn": 1.0}
    assert player.fade.shares(begin + max(0, frames - 1)) == {"slower": 1.0}


def test_a_cut_to_a_path_shows_nothing_stale(models: dict[str, Pipeline], performance: Path) -> None:
    """Its own sound gives the film, also where it was heard without drawing until then."""
    sound = np.concatenate(list(read_sound(performance, RATE, end=3))).reshape(3 * RATE, -1).mean(1)
    player, path = crossfader(models, "drawn", "path"), alone(models["path"], sound)
    blocks = np.split(sound, 300)
    found = [picture for block in blocks[:150] for picture in player.push(block)]
    player.switch("path", 0)
    found += [picture for block in blocks[150:] for picture in player.push(block)]
    begin = player.fade.begin
    near = [np.abs(found[begin].astype(int) - picture).mean() for picture in path]
    assert np.argmin(near) == begin
    assert near[begin] < 1 < near[0], "near[0]: as it was a second ago"
    assert 25 <= begin <= 27


def test_a_change_of_mind_goes_on_from_what_is_seen() -> None:
    first = Fade({"a": 1.0}, "b", 10, 20)
    second = Fade(first.shares(19), "c", 20, 10)
    third = Fade(second.shares(24), "a", 25, 10)
    assert first.shares(9) == {"a": 1.0}
    assert first.shares(29) == {"b": 1.0}
    for fade in (first, second, third):
        for frame in range(60):
            assert sum(fade.shares(frame).values()) == pytest.approx(1)
    for before, after, frame in ((first, second, 20), (second, third, 25)):
        for name in "abc":
            step = abs(after.shares(frame).get(name, 0) - before.shares(frame - 1).get(name, 0))
            assert step <= 0.1 + 1e-9
    assert third.shares(34) == {"a": 1.0}


def test_a_model_that_is_on_its_way_may_come_sooner(models: dict[str, Pipeline]) -> None:
    player = crossfader(models, "drawn", "slower")
    player.switch("slower", 30.0)
    player.push(SOUND[: 2 * RATE])
    between = player.fade.shares(player.frame - 1)
    assert 0 < between["slower"] < 0.1
    player.switch("slower", 1.0)
    assert player.fade == Fade(between, "slower", player.frame, 20)
    there = player.fade
    player.push(SOUND[2 * RATE : 2 * RATE + RATE // 4])
    player.switch("slower", 1.0)
    assert player.fade == there, "the same again does not begin anew"
    player.switch("slower", 0.0)
    assert player.fade.shares(player.frame) == {"slower": 1.0}
    there = player.fade
    player.switch("slower", 5.0)
    assert player.fade == there, "nothing is left to fade"


def test_a_model_that_is_awaited_comes_no_sooner_than_its_first_fresh_picture(
    models: dict[str, Pipeline],
) -> None:
    player = crossfader(models, "drawn", "path")
    player.turn(Controls(delay=1.0), 0.0)
    player.push(SOUND[:RATE])
    player.switch("path", 30.0)
    begin = player.fade.begin
    assert begin >= player.frame + 20, "as late as the dial says"
    player.switch("path", 0.0)
    assert (player.fade.begin, player.fade.frames) == (begin, 0)
    assert player.fade.shares(player.frame) == {"drawn": 1.0}
    player.switch("drawn", 0.0)
    assert player.fade.shares(player.frame) == {"drawn": 1.0}


def test_only_who_is_seen_draws(
    models: dict[str, Pipeline], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = crossfader({**models, "other": pipeline(trained)}, "drawn", "other")
    guide = player.players["other"].pipeline.stages[0]
    drawn: list[int] = []
    assert isinstance(guide, Guide)
    usual = guide.renderer.draw

    def counting(request):
        drawn.append(len(request.features))
        return usual(request)

    monkeypatch.setattr(guide.renderer, "draw", counting)
    counts = []
    for second, name in enumerate(("drawn", "other", "drawn")):
        player.switch(name, 0.2)
        for block in np.split(SOUND[second * RATE : (second + 1) * RATE], 100):
            player.push(block)
        counts.append(sum(drawn))
    # The first picture of all is always there; then a second, and the fade out of it.
    assert counts[0] == 1
    assert 20 < counts[2] - counts[0] <= 26


def test_the_picture_is_held_and_goes_on_where_it_would_have_been(models: dict[str, Pipeline]) -> None:
    player, expected = crossfader(models, "drawn"), alone(models["drawn"])
    found = player.push(SOUND[:RATE])
    player.held = True
    held = player.push(SOUND[RATE : 2 * RATE])
    player.held = False
    rest = player.push(SOUND[2 * RATE :]) + player.finish()
    assert all(np.array_equal(picture, found[-1]) for picture in held)
    assert len(held) == 20
    assert np.abs(np.stack(rest).astype(int) - expected[-len(rest) :]).max() <= 1
    assert np.abs(np.stack(expected).astype(int) - found[-1])[len(found) : len(found) + 20].max() > 1


def test_late_pictures_are_repeated_in_all_models(models: dict[str, Pipeline]) -> None:
    player = crossfader(models, "drawn", "slower")
    before = player.push(SOUND[:RATE])
    player.switch("slower", 0)
    after = player.push(SOUND[RATE:], late=30)
    assert len(before) + len(after) + len(player.finish()) == 60
    assert len({picture.tobytes() for picture in after[:28]}) <= 2


def test_each_model_plays_with_the_dials_that_it_has(models: dict[str, Pipeline], noisy: Path) -> None:
    player = Crossfader({"drawn": Live(models["drawn"], RATE), "noisy": Live(pipeline(noisy), RATE)})
    assert "sharpness" not in applying(player.players["noisy"].pipeline)
    assert "sharpness" in player.dials
    player.turn(Controls(sharpness=2.0, smoothing=0.1), 3.0)
    assert player.players["drawn"].controls == Controls(sharpness=2.0, smoothing=0.1)
    assert player.players["noisy"].controls == Controls(smoothing=0.1)
    assert {each.gain for each in player.players.values()} == {3.0}


def test_warming_leaves_no_trace(models: dict[str, Pipeline]) -> None:
    expected = alone(models["path"])
    warm(models["path"])
    assert np.array_equal(np.stack(alone(models["path"])), np.stack(expected))


@pytest.mark.parametrize(
    ("picture", "frame", "inner"),
    [((40, 20), (80, 80), (80, 40)), ((20, 40), (80, 80), (40, 80)), ((640, 360), (64, 64), (64, 36))],
)
def test_whole_pictures_are_fitted_into_a_frame(
    picture: tuple[int, int], frame: tuple[int, int], inner: tuple[int, int]
) -> None:
    found = Fitter(frame).fitted(np.full((picture[1], picture[0], 3), 200, np.uint8))
    seen = found.max(axis=2) > 0
    assert found.shape == (frame[1], frame[0], 3)
    assert (seen.sum(0).max(), seen.sum(1).max()) == inner[::-1]
    assert set(np.unique(found)) == {0, 200}
    assert np.array_equal(seen, seen[::-1, ::-1]), "in the middle"


def test_the_novelty_of_what_is_heard_just_now(trained: Path) -> None:
    live = Live(pipeline(trained), RATE)
    assert live.novelty is None
    live.push(np.zeros(RATE, np.float32))
    assert live.novelty == 0, "silence is never new"
    live.push(SOUND[:RATE] * 5)
    heard = live.novelty
    live.push(SOUND[RATE:] * 0.5)
    assert heard is not None
    assert heard > 0.5
    assert live.novelty not in (None, heard)
