"""The pipeline: any cut of the sound gives the same frames, for every source and every dial."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from tests.inference.test_controls import moving

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.errors import SettingError
from listen_and_move.inference.compositing import Compositor
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.picture_pipelines import (
    AS_LEARNT,
    PictureChoice,
    composed_pipeline,
    path_pipeline,
)
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.stage import PlaySettings, pictures
from listen_and_move.media.sound import read_sound
from listen_and_move.models.path_costs import CostWeights

DIALS = {
    "as trained": PlaySettings(),
    "amount": PlaySettings(Controls(amount=1.7)),
    "routes": PlaySettings(Controls(motion_gain=0.3, content_gain=2.0, norm_gain=0.5)),
    "smoothing": PlaySettings(Controls(smoothing=0.2)),
    "sharpness": PlaySettings(Controls(sharpness=2.0)),
    "delay": PlaySettings(Controls(delay=0.2)),
    "freeze": PlaySettings(Controls(freeze=-50.0)),
    "freeze and delay": PlaySettings(Controls(freeze=-40.0, delay=0.1)),
    "gain": PlaySettings(gain=-9.0),
    "running gain": PlaySettings(gain="running"),
    "adapt": PlaySettings(adapt=1.0),
    "seed": PlaySettings(seed=7),
}
REPLAYED = ("as trained", "delay", "freeze", "freeze and delay", "gain", "running gain", "adapt")
"""Dials that mean something for real frames."""


@pytest.fixture(scope="module")
def sources(trained: Path, noisy: Path, filmed: Path) -> dict[str, Pipeline]:
    network_pipeline = moving(trained).pipeline
    still = np.random.default_rng(1).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    compositor = Compositor(network_pipeline.size, still, (8, 4, 72, 60))
    return {
        "drawn": network_pipeline,
        "drawn, with noise": moving(noisy).pipeline,
        "drawn, composited": replace(
            network_pipeline, stages=(*network_pipeline.stages, compositor), size=compositor.size
        ),
        "path": playable(filmed, PictureChoice(by_sound=True)).pipeline,
        "path, live": playable(filmed, PictureChoice(by_sound=True, live=True)).pipeline,
        "path, guided": guided(filmed),
        "path, another size": playable(filmed, PictureChoice(by_sound=True, size="48x80", seed=3)).pipeline,
        "composed": composed(filmed, 20),
        "composed, 30 frames/s": composed(filmed, 30),
    }


def guided(run: Path) -> Pipeline:
    """A path that follows the network's picture as well as the sound."""
    animator = moving(run)
    kept = animator.model.kept
    assert kept is not None
    kept = replace(kept, about=kept.about._replace(weights=CostWeights(0.5, 1.0)))
    return path_pipeline(animator.audio_reference, kept, AS_LEARNT, animator=animator)


def composed(run: Path, fps: int) -> Pipeline:
    """What a model draws, with the detail of frames as if they had been filmed at a rate."""
    animator = moving(run)
    kept = animator.model.kept
    assert kept is not None
    kept = replace(kept, about=kept.about._replace(fps=Fraction(fps)))
    return composed_pipeline(animator, kept, AS_LEARNT, kept.picture_size)


@pytest.fixture(scope="module")
def wave(performance: Path) -> np.ndarray:
    """The training sound, a silence, and more of it, quieter."""
    sound = np.concatenate(list(read_sound(performance, SAMPLE_RATE, end=2)))
    first, second = np.split(sound[: 25 * SAMPLE_RATE // 16], 2)
    return np.concatenate([first, np.zeros(SAMPLE_RATE * 9 // 10, np.float32), second * np.float32(0.4)])


@pytest.fixture(scope="module")
def whole(sources: dict[str, Pipeline], wave: np.ndarray) -> Callable[[str, str], np.ndarray]:
    """The frames of the uncut sound, of a source and a dial; not to be changed."""

    @cache
    def played(source: str, dial: str) -> np.ndarray:
        return np.stack(list(sources[source].frames([wave], DIALS[dial]))).astype(int)

    return played


def pushed(pipeline: Pipeline, blocks: list[np.ndarray], settings: PlaySettings) -> np.ndarray:
    state, frames = None, []
    for block in blocks:
        ready, state = pipeline.push(block, state, settings)
        frames += ready
    frames += pipeline.finish(state, settings)
    assert [frame.number for frame in frames] == list(range(len(frames)))
    return np.stack(pictures(frames)).astype(int)


def random_cuts(seed: int, length: int) -> list[int]:
    """Places of up to a dozen cuts, two of them the same, so that one block is empty."""
    random = np.random.default_rng(seed)
    places = random.integers(0, length, random.integers(1, 12))
    return sorted([*places.tolist(), int(places[0])])


def tried(source: str) -> Iterable[str]:
    """The dials that a source is tried with: all that it knows, or a few where others have the rest."""
    if source in ("drawn", "drawn, with noise"):
        return DIALS
    if source in ("path", "path, live"):
        return REPLAYED
    if source == "path, guided":
        return ("as trained", "amount", "freeze and delay", "running gain", "adapt", "seed")
    return ("as trained", "amount", "freeze and delay") if source != "path, another size" else REPLAYED[:3]


CASES = [
    (source, dial)
    for source in (
        "drawn",
        "drawn, with noise",
        "drawn, composited",
        "path",
        "path, live",
        "path, guided",
        "path, another size",
        "composed",
        "composed, 30 frames/s",
    )
    for dial in tried(source)
    if (source, dial) != ("drawn, with noise", "sharpness")  # this model has no frame memory
]


@pytest.mark.parametrize(("source", "dial"), CASES)
def test_any_cut_of_the_sound_gives_equal_frames(
    sources: dict[str, Pipeline],
    wave: np.ndarray,
    whole: Callable[[str, str], np.ndarray],
    source: str,
    dial: str,
) -> None:
    pipeline, settings, uncut = sources[source], DIALS[dial], whole(source, dial)
    assert uncut.shape[1:] == (*pipeline.size[::-1], 3)
    assert np.abs(np.diff(uncut, axis=0)).max() > 2
    seed = CASES.index((source, dial))
    cuts = ([1], random_cuts(seed, len(wave)), random_cuts(1000 + seed, len(wave)))
    plays = [pushed(pipeline, np.split(wave, places), settings) for places in cuts]
    plays.append(np.stack(list(pipeline.frames(np.split(wave, cuts[-1]), settings))))
    for found in plays:
        assert found.shape == uncut.shape
        # One step of 8 bits where rounding falls otherwise; a compositor's curve makes up to two of it.
        assert np.abs(found - uncut).max() <= (2 if "composited" in source else 1)


@pytest.mark.parametrize("dial", [dial for dial in DIALS if dial not in ("as trained", "seed")])
def test_every_dial_of_a_drawn_picture_is_seen(whole: Callable[[str, str], np.ndarray], dial: str) -> None:
    assert not np.array_equal(whole("drawn", "as trained"), whole("drawn", dial))


def test_a_state_is_a_value(sources: dict[str, Pipeline], wave: np.ndarray) -> None:
    """Going on twice from one state gives the same frames twice, whatever the source."""
    first, second = np.split(wave, 2)
    for name, pipeline in sources.items():
        settings = PlaySettings(Controls(delay=0.1, freeze=-50.0), gain="running")
        _, state = pipeline.push(first, None, settings)
        once, twice = (pipeline.push(second, state, settings)[0] for _ in range(2))
        assert len(once) > 5 or name.startswith("path")
        assert all(np.array_equal(a, b) for a, b in zip(pictures(once), pictures(twice), strict=True)), name


def test_an_empty_sound_has_no_frames(sources: dict[str, Pipeline]) -> None:
    for pipeline in sources.values():
        assert list(pipeline.frames([])) == [] == pipeline.finish(None)
        frames, state = pipeline.push(np.zeros(0, np.float32))
        assert frames == []
        assert pipeline.finish(state) == []


def test_dials_that_do_not_apply_are_refused(sources: dict[str, Pipeline], wave: np.ndarray) -> None:
    refused = [
        ("path", Controls(amount=0.5), "amount"),
        ("drawn, with noise", Controls(sharpness=1.0), "sharpness"),
    ]
    for source, controls, name in refused:
        with pytest.raises(SettingError, match=f"^{name}: expected"):
            next(iter(sources[source].frames([wave], PlaySettings(controls))))


def test_live_players_of_every_source_play_what_files_play(
    sources: dict[str, Pipeline], wave: np.ndarray
) -> None:
    for pipeline in sources.values():
        player = Live(pipeline, SAMPLE_RATE)
        blocks = np.split(wave, [9000, 9001, 50_000])
        live = [frame for block in blocks for frame in player.push(block)] + player.finish()
        # A frame of the network can end after the sound, and more than one be shown during it.
        expected = list(pipeline.frames([wave]))[: ceil(len(wave) * pipeline.fps / SAMPLE_RATE)]
        assert len(live) == len(expected)
        assert np.abs(np.stack(live).astype(int) - np.stack(expected)).max() <= 2
