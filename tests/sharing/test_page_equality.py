"""The script of a page hears and chooses as Python does live, of the same samples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.data.synthetic.marimba import melody, render_sound
from listen_and_move.inference.playable import playable
from listen_and_move.media.sound import read_sound
from listen_and_move.sharing import page as sharing_page
from listen_and_move.sharing.page import LIVE_BY_SOUND
from listen_and_move.sharing.page_keys import page_keys
from listen_and_move.training.loop import train
from tests.conftest import TINY
from tests.sharing.browsing import by_page, by_python, same_shots

CLOSE, SAME = 1e-3, 0.99
SECONDS = 5.0
STATIC = Path(sharing_page.__file__).parent / "static"


@pytest.fixture(scope="module")
def script(browser: Any) -> Any:
    """A blank page with the part of the script that hears and chooses."""
    page = browser.new_page()
    for name in ("signal.js", "hearing.js", "choosing.js"):
        page.add_script_tag(path=STATIC / name)
    return page


def tune(rate: int) -> np.ndarray:
    """A melody that was never heard, with a pause at its end."""
    sound = render_sound(melody(3, SECONDS), SECONDS).mean(1)
    sound[-len(sound) // 4 :] = 0
    places = np.arange(0, len(sound), 48_000 / rate)
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def hum(rate: int) -> np.ndarray:
    """A deep, swelling hum, which is foreign to the melody."""
    seconds = np.arange(int(SECONDS * rate)) / rate
    tones = sum(np.sin(2 * np.pi * 55 * k * seconds) / k for k in range(3, 40))
    return (0.2 * tones * (0.6 + 0.4 * np.sin(2 * np.pi * 2.5 * seconds))).astype(np.float32)


@pytest.mark.parametrize(("sound", "rate"), [(tune, 48_000), (tune, 44_100), (hum, 64_000), (hum, 96_000)])
def test_features_and_frames(script: Any, filmed: Path, sound: Any, rate: int) -> None:
    pipeline, samples = playable(filmed, LIVE_BY_SOUND).pipeline, sound(rate)
    python, page = by_python(pipeline, samples, rate), by_page(script, pipeline, samples, rate)
    assert len(python.features) > 80
    assert python.features.shape == page.features.shape
    assert np.abs(python.features - page.features).max() < CLOSE
    assert np.abs(python.foreign - page.foreign).max() < CLOSE
    assert same_shots(python.shots, page.shots) >= SAME
    assert len({place for shots in python.shots for place, _ in shots}) > 10, "the picture moves"
    assert max(map(len, python.shots)) > 1, "there are dissolves"
    if sound is hum:
        assert python.foreign[:, 0].max() > 0.5


def rain(rate: int) -> np.ndarray:
    """Drops of all sizes on a hiss, never silent."""
    random = np.random.default_rng(0)
    drops = np.where(
        random.random(int(SECONDS * rate)) < 0.002, random.normal(0, 0.4, int(SECONDS * rate)), 0
    )
    hiss = random.normal(0, 0.02, int(SECONDS * rate))
    return np.convolve(drops, np.exp(-np.arange(200) / 40), "same").astype(np.float32) + hiss.astype(
        np.float32
    )


def organ(rate: int) -> np.ndarray:
    """Chords of many partials, one after the other without a pause."""
    seconds = np.arange(int(SECONDS * rate)) / rate
    root = np.array([220, 247, 262, 196, 220])[seconds.astype(int)]
    phase = 2 * np.pi * np.cumsum(root) / rate
    tones = [np.sin(k * step * phase) / k for step in (1, 1.25, 1.5) for k in range(1, 9)]
    return (0.1 * np.sum(tones, axis=0)).astype(np.float32)


def horn(rate: int) -> np.ndarray:
    """Two loud tones from the first sample on, which end after 0.7 s, and the sound with them."""
    seconds = np.arange(int(0.7 * rate)) / rate
    tones = [0.4 * np.sign(np.sin(2 * np.pi * tone * seconds)) for tone in (405, 510)]
    return np.sum(tones, axis=0).astype(np.float32)


@pytest.mark.parametrize("sound", [rain, organ, horn])
def test_sounds_of_other_kinds(script: Any, filmed: Path, sound: Any) -> None:
    rate, pipeline = 48_000, playable(filmed, LIVE_BY_SOUND).pipeline
    samples = sound(rate)
    python, page = by_python(pipeline, samples, rate), by_page(script, pipeline, samples, rate)
    assert np.abs(python.features - page.features).max() < CLOSE
    assert same_shots(python.shots, page.shots) >= SAME


def test_a_clip_whose_beginning_is_held_out(script: Any, performance: Path, tmp_path: Path) -> None:
    settings = {**TINY, "training.steps": 1, "training.keep": "source", "clip.holdout": "0-0.2"}
    run = train(performance, tmp_path / "run", preset_name="quick", settings=settings, device="cpu").run
    pipeline, rate = playable(run, LIVE_BY_SOUND).pipeline, 48_000
    assert page_keys(pipeline).arrays["numbers"][0] > 0
    samples = np.concatenate(list(read_sound(performance, rate)))
    python, page = by_python(pipeline, samples, rate), by_page(script, pipeline, samples, rate)
    assert same_shots(python.shots, page.shots) == 1


@pytest.mark.parametrize("kind", ["lms", "mel", "mfcc", "level"])
def test_every_kind_of_features(script: Any, performance: Path, tmp_path: Path, kind: str) -> None:
    settings = {**TINY, "training.steps": 1, "training.keep": "source", "features.kind": kind}
    settings |= {"features.standardise": kind != "mel", "losses.rest": 0.0, "clip.end": 2.0}
    run = train(performance, tmp_path / kind, preset_name="quick", settings=settings, device="cpu").run
    pipeline, samples = playable(run, LIVE_BY_SOUND).pipeline, tune(48_000)
    python, page = by_python(pipeline, samples, 48_000), by_page(script, pipeline, samples, 48_000)
    scale = np.abs(python.features).max() if kind == "mel" else 1.0  # power, of any size
    assert np.abs(python.features - page.features).max() < CLOSE * scale
    assert same_shots(python.shots, page.shots) >= SAME
