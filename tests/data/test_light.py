"""Slow changes of light: found in what stands still, taken out as they were put in, and left where there are
none."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from listen_and_move.data.clip import load_clip
from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.light import LightChange, light_of, relit
from listen_and_move.inference.compositing import still_of
from listen_and_move.keeping import keep_frames
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.settings import from_preset, with_values

WIDTH, HEIGHT, COUNT, RATE = 128, 96, 48, Fraction(6)


def scene() -> np.ndarray:
    """Frames in which a body walks about that fills a fifth of the picture: as many each time."""
    noise = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    frames = np.stack([(110 + 25 * smooth / smooth.std()).clip(30, 200).astype(np.uint8)] * COUNT)
    for number, frame in enumerate(frames):
        left = round((WIDTH - 64) * (0.5 + 0.5 * np.sin(0.9 * number)))
        frame[20:60, left : left + 64] = (180, 60, 90)
    return frames


def drift() -> np.ndarray:
    """An exposure that rises by a stop, and a white balance that goes from blue to red, in stops."""
    time = np.linspace(-1, 1, COUNT)[:, None]
    return 0.5 * time * [1, 1, 1] + 0.2 * time**3 * [1, 0, -1]


def brighter(frames: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Frames with another exposure, in linear light by the formula of sRGB."""
    share = frames / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    linear = linear * 2.0 ** stops[:, None, None]
    share = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.rint(255 * share).clip(0, 255).astype(np.uint8)


def found(frames: np.ndarray) -> LightChange:
    with Shelf() as shelf:
        store = shelf.store(frames.shape[2], frames.shape[1])
        store.append(frames)
        return light_of(store, RATE, None)


def test_a_film_too_short_for_slow_changes_is_left_as_it_is() -> None:
    filmed = brighter(scene()[:6], np.linspace(-0.5, 0.5, 6)[:, None] * np.ones(3))
    change = found(filmed)
    assert change.sway > 0.1
    assert change.stops is None
    assert change.left == 1


def test_light_that_was_put_in_is_taken_out() -> None:
    frames, stops = scene(), drift()
    filmed = brighter(frames, stops)
    flash = np.zeros((COUNT, 3))
    flash[30:32] = 1.5
    light = found(brighter(filmed, flash))
    assert light.stops is not None
    assert light.left < 0.5
    np.testing.assert_allclose(light.stops, stops, atol=0.08)  # at its ends it bends faster than in 2 s
    assert np.sqrt(np.mean((light.stops - stops) ** 2)) < 0.03, "stops"
    for number in (3, 24, 44):
        steady = relit(filmed[number], -light.stops[number])
        assert np.abs(steady.astype(int) - frames[number]).max() <= 6, "of 255"
    white = np.full((1, 1, 3), 255, np.uint8)
    assert (relit(white, -stops[-1]) == 255).all(), "what is clipped stays white"


def test_what_is_no_slow_change_of_light_is_left() -> None:
    frames, nothing = scene(), np.zeros((COUNT, 3))
    flicker = nothing + 0.5 * (np.arange(COUNT)[:, None] % 2 < 1)
    lamp = frames.copy()
    lamp[:, :, :32] = brighter(lamp[:, :, :32], 2 * drift())
    for left in (frames, brighter(frames, flicker), lamp, np.zeros_like(frames)):
        assert found(left).stops is None


def test_bursts_of_light_are_no_change_of_light() -> None:
    """What is bright in the dark lights up and fades, as fireworks do, and what stands still is black."""
    frames = np.full((COUNT, HEIGHT, WIDTH, 3), 4, np.uint8)
    random = np.random.default_rng(0)
    for first in range(0, COUNT, 4):
        place = tuple(random.integers(20, (WIDTH - 20, HEIGHT - 20)).tolist())
        for age, frame in enumerate(frames[first : first + 9]):
            cv2.circle(frame, place, 4 + 5 * age, (255 - 25 * age, 220 - 24 * age, 120 - 12 * age), -1)
    assert found(frames).stops is None


def test_fireworks_are_no_change_of_light(shared: Path) -> None:
    """Only a real clip can show real fireworks, which light the whole sky."""
    video = shared / "data" / "videos" / "fireworks_10s.mp4"
    assert found(np.stack(list(read_frames(video, RATE, width=WIDTH, height=72)))).stops is None


def test_frames_are_learnt_in_steady_light(tmp_path, monkeypatch) -> None:
    path, sound = tmp_path / "drift.mp4", np.random.default_rng(0).normal(0, 0.1, 8 * 48_000)
    with VideoWriter(path, width=WIDTH, height=HEIGHT, fps=RATE, sound=Waveform(sound, 48_000)) as out:
        for frame in brighter(scene(), drift()):
            out.write(frame)
    monkeypatch.setenv("LISTEN_AND_MOVE_CACHE", str(tmp_path / "cache"))
    config = from_preset("quick", {"clip.size": "64", "clip.fps": "6"})
    as_filmed_config = with_values(config, {"clip.camera": "as-filmed"})
    steady, again, as_filmed = (load_clip(path, each) for each in (config, config, as_filmed_config))
    assert steady.poses is None
    assert steady.light is not None
    assert as_filmed.light is None
    assert torch.equal(steady.frames, again.frames)
    assert steady.light is not None
    assert again.light is not None
    assert np.array_equal(steady.light, again.light), "cached"
    assert steady.frames.shape == as_filmed.frames.shape
    spreads = [np.median(clip.frames.float().std(0)) for clip in (steady, as_filmed)]
    assert spreads[0] < 0.2 * spreads[1]
    off = [np.abs(still_of(path, each.clip).astype(int) - scene()[0]) for each in (config, as_filmed_config)]
    assert np.median(off[0]) <= np.median(off[1]), "what a picture is put back into"
    scale = torch.ones(steady.features.shape[1])
    kept = keep_frames(path, "", steady, config.clip, config.features, metric_scale=scale)
    assert kept.light is not None
    assert len(kept.light) == len(kept.positions)
