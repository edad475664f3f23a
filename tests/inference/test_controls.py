"""Controls: each does what its help says, whatever the cut of the sound; where they are as trained nothing
changes."""

import asyncio
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, make_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from starlette.requests import Request
from tyro.conf import arg

from listen_and_move.app.page import Page
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import LARGEST_FIXED_GAIN, loudest
from listen_and_move.cli.arguments import parse
from listen_and_move.config import Config
from listen_and_move.errors import SettingError, UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.batching import RenderRequest
from listen_and_move.inference.controls import AS_TRAINED, GAIN, VIEWS, Controls, dial, dials, lacking
from listen_and_move.inference.display import Display, DisplayState
from listen_and_move.inference.front_end import AudioFrontEnd
from listen_and_move.inference.stage import Frame, PlaySettings, pictures
from listen_and_move.models.generator import NetworkState, smooth
from listen_and_move.models.noise import frame_noise
from listen_and_move.presets import preset
from listen_and_move.settings import with_values

FPS = Fraction(20)
EVERYTHING = Controls(
    amount=1.5, motion_gain=0.5, content_gain=0.8, norm_gain=1.2, smoothing=0.1, delay=0.25, freeze=-40.0
)


def moving(run: Path) -> Animator:
    """A tiny model that hears, and shows it."""
    animator = Animator.load(run, "cpu")
    animator.network.generator.picture.convolution.weight.data.mul_(30)
    return animator


def sound(*parts: tuple[float, float]) -> np.ndarray:
    """White noise in parts of so many seconds, each with a level in dB of full scale."""
    random = np.random.default_rng(0)
    return np.concatenate(
        [10 ** (level / 20) * random.standard_normal(round(time * SAMPLE_RATE)) for time, level in parts]
    ).astype(np.float32)


def played(animator: Animator, wave: np.ndarray, controls: Controls = AS_TRAINED) -> np.ndarray:
    return np.stack(list(animator.frames([wave], controls=controls))).astype(int)


def pushed(animator: Animator, blocks: list[np.ndarray], controls: Controls) -> np.ndarray:
    state, seen, settings = None, [], PlaySettings(controls)
    for block in blocks:
        frames, state = animator.pipeline.push(block, state, settings)
        seen += frames
    return np.stack(pictures(seen + animator.pipeline.finish(state, settings))).astype(int)


def rendered(
    animator: Animator, features: torch.Tensor, controls: Controls = AS_TRAINED
) -> tuple[torch.Tensor, NetworkState | None]:
    """Frames in [-1, 1] for features (T, F) from the beginning on, and the state after them."""
    return animator.renderer.draw(RenderRequest(features, None, 0, 0, controls))


def displayed(
    frames: list[np.ndarray], sounds: list[np.ndarray], controls: Controls, state: DisplayState | None = None
) -> tuple[list[np.ndarray], DisplayState | None]:
    """What a display shows of frames with their sounds, and its state."""
    inputs = [
        Frame(number, sound, torch.zeros(0), picture=frame)
        for number, (frame, sound) in enumerate(zip(frames, sounds, strict=True))
    ]
    shown, state = Display(FPS).push(inputs, state, PlaySettings(controls))
    return pictures(shown), state


@pytest.mark.parametrize("form", ["trained", "noisy"])
@pytest.mark.parametrize("cut", [[1, 20_000], [70_000, 70_000], list(range(5000, 179_000, 5000))])
def test_any_cutting_gives_the_same_frames(form: str, cut: list[int], request: pytest.FixtureRequest) -> None:
    animator, wave = moving(request.getfixturevalue(form)), sound((0.8, -20), (1.0, -60), (1.0, -15))
    whole = played(animator, wave, EVERYTHING)
    assert np.abs(pushed(animator, np.split(wave, cut), EVERYTHING) - whole).max() <= 1  # one step of 8 bits
    assert np.abs(np.diff(whole, axis=0)).max() > 5
    assert np.abs(played(animator, wave) - whole).max() > 5


@pytest.mark.parametrize("form", ["trained", "noisy"])
def test_as_trained_is_the_network_itself(form: str, request: pytest.FixtureRequest) -> None:
    animator = moving(request.getfixturevalue(form))
    network, config = animator.network, animator.config
    features = torch.randn(9, config.features.size, generator=torch.Generator().manual_seed(0))
    noise, pixels = frame_noise(range(9), 0, config.noise_sizes, network.generator.pixel_noise_shapes)
    expected, state = network(features[None], noise, None, pixels, sharpness=torch.zeros(1, 1, 1))
    frames, found = rendered(animator, features)
    assert torch.equal(frames, expected[0])
    assert found is not None
    torch.testing.assert_close(found[:2], state[:2], rtol=0, atol=0)


def test_deaf_is_silence_whatever_the_sound(trained: Path) -> None:
    animator, wave = moving(trained), sound((1.5, -20))
    silence = played(animator, np.zeros_like(wave))
    deaf = Controls(motion_gain=0, content_gain=0, norm_gain=0)
    for controls in (Controls(amount=0), deaf):
        assert np.array_equal(played(animator, wave, controls), silence)
    assert np.abs(played(animator, wave) - silence).max() > 5, "the test could not fail"


def test_amount_is_all_three_gains_and_moves_more(trained: Path) -> None:
    animator, wave = moving(trained), sound((0.6, -20), (0.3, -60), (0.6, -25))
    silence = played(animator, np.zeros_like(wave))
    distances = []
    for amount in (0.05, 0.25, 1.0, 2.0):
        frames = played(animator, wave, Controls(amount=amount))
        assert np.array_equal(
            frames,
            played(animator, wave, Controls(motion_gain=amount, content_gain=amount, norm_gain=amount)),
        )
        distances.append(np.abs(frames - silence).mean())
    assert distances == sorted(distances)
    assert distances[-1] > 2 * distances[0]


def test_each_route_hears_its_own(trained: Path) -> None:
    animator, config = moving(trained), Animator.load(trained, "cpu").config
    features = torch.randn(6, config.features.size, generator=torch.Generator().manual_seed(1))
    silence, noise = animator.renderer.silence.expand_as(features), torch.zeros(1, 6, 0)
    network, size, as_played = animator.network, config.motion_size, torch.zeros(1, 1, 1)
    for name in ("motion_gain", "content_gain", "norm_gain"):
        motion, content, norm = (
            (silence if name == f"{route}_gain" else features)[None]
            for route in ("motion", "content", "norm")
        )
        z = torch.cat([network.listen(motion, noise)[0][..., :size], content], dim=-1)
        expected, _ = network.generator(z, norm, sharpness=as_played)
        found, _ = rendered(animator, features, Controls(**{name: 0.0}))
        torch.testing.assert_close(found, expected[0])
        assert (found - rendered(animator, features)[0]).abs().max() > 1e-3


def test_sharpness_goes_from_the_blend_to_the_real_frame_that_sounded_most_alike(trained: Path) -> None:
    animator, wave = Animator.load(trained, "cpu"), sound((1.0, -20))
    # Nothing is drawn upon what is retrieved.
    animator.network.generator.picture.convolution.weight.data.zero_()
    recall = animator.network.generator.memory
    assert recall is not None
    recall.metric_scale.mul_(0.1)  # so that many frames sound alike, and their blend is like none of them
    blend, best = (0.97 * each[0] for each in recall(animator.extractor.whole(torch.from_numpy(wave))[None]))
    apart = {}
    for sharpness in (-4.0, 0.0, 4.0):
        pictures = (
            torch.from_numpy(played(animator, wave, Controls(sharpness=sharpness))).permute(0, 3, 1, 2)
            / 127.5
            - 1
        )
        apart[sharpness] = [float((pictures - each).abs().mean()) for each in (blend, best)]
    assert apart[-4.0][0] < apart[0.0][0] < apart[4.0][0]
    assert apart[4.0][1] < apart[0.0][1] < apart[-4.0][1]
    between = float((blend - best).abs().mean())
    assert between > 0.01
    assert apart[-4.0][0] < 0.1 * between + 0.005
    assert apart[4.0][1] < 0.1 * between + 0.005


def test_smoothing_is_a_one_pole_filter() -> None:
    random = np.random.default_rng(0)
    x, kept = random.standard_normal((2, 30, 3)).astype(np.float32), Controls(smoothing=0.2).kept(FPS)
    start = np.broadcast_to(kept * x[:, :1], (2, 1, 3))
    expected, _ = lfilter([1 - kept], [1, -kept], x, axis=1, zi=start)
    found = smooth(torch.from_numpy(x), torch.from_numpy(x[:, :1]), torch.full((2, 1, 1), kept))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert torch.equal(
        smooth(torch.from_numpy(x), torch.zeros(2, 1, 3), torch.zeros(2, 1, 1)), torch.from_numpy(x)
    )


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(25), Fraction(60_000, 1001)])
def test_smoothing_takes_its_time_at_any_rate(fps: Fraction) -> None:
    kept = Controls(smoothing=0.5).kept(fps)
    step = smooth(torch.ones(1, 200, 1), torch.zeros(1, 1, 1), torch.full((1, 1, 1), kept))[0, :, 0].numpy()
    times = (1 + np.arange(200)) / float(fps)
    np.testing.assert_allclose(step, 1 - np.exp(-times / 0.5), atol=1e-5)


def test_smoothing_calms_the_picture_and_does_not_stop_it(trained: Path) -> None:
    animator, wave = moving(trained), sound(*[(0.1, -15), (0.1, -45)] * 8)
    motion = [
        np.abs(np.diff(played(animator, wave, Controls(smoothing=time)), axis=0)).mean()
        for time in (0, 0.05, 0.2, 1.0)
    ]
    assert motion == sorted(motion, reverse=True)
    assert motion[-1] > 0
    assert motion[2] < 0.5 * motion[0]


@pytest.mark.parametrize(
    ("delay", "fps", "frames"),
    [
        (0, 20, 0),
        (0.1, 20, 2),
        (0.124, 20, 2),
        (0.125, 20, 3),
        (0.1, Fraction(30_000, 1001), 3),
        (10, 20, 200),
    ],
)
def test_delay_is_the_nearest_number_of_frames(delay: float, fps: Fraction, frames: int) -> None:
    assert Controls(delay=delay).delay_frames(Fraction(fps)) == frames


@pytest.mark.parametrize("delay", [0.05, 0.4, 3.0])
def test_delay_shifts_the_picture_and_keeps_its_length(trained: Path, delay: float) -> None:
    animator, wave = moving(trained), sound((0.7, -20), (0.7, -35))
    plain, late = played(animator, wave), played(animator, wave, Controls(delay=delay))
    frames = min(Controls(delay=delay).delay_frames(FPS), len(plain))
    assert len(late) == len(plain)
    assert np.array_equal(late[frames:], plain[: len(plain) - frames])
    assert (late[:frames] == plain[0]).all()


def test_a_delay_may_change_while_playing() -> None:
    frames = [np.full((2, 2, 3), number, np.uint8) for number in range(12)]
    quiet, seen, state = [np.zeros(1)] * 4, [], None
    for place, delay in ((0, 0.0), (4, 0.1), (8, 0.05)):
        shown, state = displayed(frames[place : place + 4], quiet, Controls(delay=delay), state)
        seen += [int(picture[0, 0, 0]) for picture in shown]
    assert seen == [0, 1, 2, 3, 3, 3, 4, 5, 7, 8, 9, 10]


def test_silence_holds_the_picture_until_the_sound_comes(trained: Path) -> None:
    animator, wave = moving(trained), sound((1.0, -20), (2.0, -70), (1.0, -20))
    plain, held = played(animator, wave), played(animator, wave, Controls(freeze=-50.0))
    back = 60 - math.floor(animator.extractor.look_ahead * FPS)  # the first frame that hears the sound coming
    same = (plain == held).all((1, 2, 3))
    assert same[:30].all()
    assert same[back:].all()
    assert not same[31:back].all()
    assert (held[30:back] == held[29]).all(), "half a second after the sound it stands still"
    assert np.abs(np.diff(held[back - 1 :], axis=0)).max() > 5, "and moves again before the sound is heard"


def levels_played(*levels: float, freeze: float = -50.0) -> list[int]:
    """Numbers of the frames that are shown, one frame per level."""
    frames = [np.full((1, 1, 3), number, np.uint8) for number in range(len(levels))]
    sounds = [10 ** (level / 20) * math.sqrt(2) * np.sin(0.1 * np.arange(3200)) for level in levels]
    shown, _ = displayed(frames, sounds, Controls(freeze=freeze))
    return [int(picture[0, 0, 0]) for picture in shown]


def test_a_pause_is_no_silence_and_noise_at_the_level_does_not_flutter() -> None:
    assert levels_played(*[-20, *[-80] * 10] * 3) == list(range(33))
    assert levels_played(-20, *[-80] * 14, -20)[8:] == [8, 9, 10, 10, 10, 10, 10, 15]
    assert levels_played(-20, *[-51] * 12, *[-49, -51] * 5, -43, -49)[10:] == [10] * 13 + [23, 24]
    assert levels_played(*[-49] * 30) == list(range(30))
    assert levels_played(*[-80] * 30, freeze=-100) == list(range(30))


def test_held_is_held_however_it_is_cut() -> None:
    frames = [np.full((1, 1, 3), number, np.uint8) for number in range(40)]
    sounds = [np.full(3200, 0.0)] * 30 + [0.5 * np.sin(0.1 * np.arange(3200))] * 10
    controls = Controls(freeze=-50, delay=0.1)
    whole, end = displayed(frames, sounds, controls)
    for cut in (1, 9, 11, 31):
        first, state = displayed(frames[:cut], sounds[:cut], controls)
        old = state
        second, last = displayed(frames[cut:], sounds[cut:], controls, state)
        assert np.array_equal(first + second, whole)
        assert state is old
        assert isinstance(last, DisplayState)
        assert end is not None
        waiting, expected = ([shown.picture for shown in each.waiting] for each in (last, end))
        assert last.quiet == end.quiet
        assert np.array_equal(waiting, expected)


def test_level_of_a_sine_of_an_offset_and_of_nothing() -> None:
    time = np.arange(16_000) / SAMPLE_RATE
    for hertz in (200, 1000, 5000):
        assert loudest(np.sin(2 * np.pi * hertz * time)) == pytest.approx(-3.01, abs=0.3)
    assert loudest(np.ones(16_000)) < -60, "an offset is not heard"
    assert loudest(np.zeros(5000)) == -math.inf == loudest(np.zeros(0))
    burst = np.zeros(16_000)
    burst[9000:12_000] = np.sin(2 * np.pi * 1000 * time[:3000])
    assert loudest(burst) == pytest.approx(-3, abs=0.5), "the loudest part counts, not the mean"


def test_the_sound_of_a_frame_is_what_it_hears_from_its_instant_on(trained: Path) -> None:
    reference = Animator.load(trained, "cpu").audio_reference
    front_end, wave = AudioFrontEnd(reference), np.arange(64_000, dtype=np.float32)
    reach = float(reference.extractor.look_ahead) * SAMPLE_RATE
    for cuts in ([], [1, 3199, 3200, 20_000], list(range(777, 64_000, 777))):
        state, frames = None, []
        for block in np.split(wave, cuts):
            ready, state = front_end.push(block, state)
            frames += ready
        assert all(reach - 2 <= len(frame.samples) <= reach for frame in frames)
        assert len(frames) == 15
        frames += front_end.finish(state)
        assert [frame.number for frame in frames] == list(range(20))
        for frame in frames:
            assert frame.samples[0] == 3200 * frame.number
            assert (np.diff(frame.samples) == 1).all()
        assert len(frames[-1].samples) == 3200, "it ends where the sound ends"


@pytest.mark.parametrize(
    ("values", "saying"),
    [
        ({"amount": -0.1}, r"amount: expected 0 \(deaf\) to 4; got -0.1"),
        ({"motion_gain": 5}, "motion-gain: expected"),
        ({"norm_gain": math.nan}, "norm-gain: expected"),
        ({"sharpness": -5}, r"sharpness: expected -4 \(soft\) to 4 \(sharp\); got -5"),
        ({"sharpness": math.nan}, "sharpness: expected"),
        ({"smoothing": -1}, "smoothing: expected 0 to 10 s; got -1"),
        ({"delay": 11}, "delay: expected 0 to 10 s; got 11"),
        ({"freeze": 3}, "freeze: expected -100 to 0 dB, such as -50; got 3"),
    ],
)
def test_values_that_make_no_sense(values: dict[str, float], saying: str) -> None:
    with pytest.raises(SettingError, match=saying):
        Controls(**values)


@dataclass(frozen=True, kw_only=True)
class MadeUp(Controls):
    """Controls with one dial more, whose entry is all that is written of it."""

    warmth: float = dial(
        0.0,
        lowest=-1.0,
        highest=1.0,
        step=0.1,
        unit="stops",
        ends=("blue", "red"),
        label="Warmth",
        stage="display",
        needs=("generator.recall", "recalls frames"),
        help="How red the picture is.",
    )


def test_a_made_up_dial_takes_one_entry(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"^warmth: expected -1 \(blue\) to 1 \(red\) stops; got 2$"):
        MadeUp(warmth=2)
    with pytest.raises(SettingError, match=r"trained with generator\.recall 0; got 0\.5"):
        MadeUp(warmth=0.5).check_model(Config())
    MadeUp(warmth=0.5).check_replay()  # the display shows real frames too

    arguments = make_dataclass("Arguments", [("controls", Annotated[MadeUp, arg(name="")], MadeUp())])
    assert parse(arguments, "play", ["--warmth", "-0.5"]).controls == MadeUp(warmth=-0.5)  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"warmth: expected -1 \(blue\) to 1 \(red\) stops; got 3"):
        parse(arguments, "play", ["--warmth", "3"])
    with pytest.raises(SystemExit, match=r"^0$"):
        parse(arguments, "play", ["--help"])
    assert "--warmth FLOAT" in (told := capsys.readouterr().out)
    assert "How red the picture is." in told

    monkeypatch.setattr("listen_and_move.app.page.Controls", MadeUp)
    with ThreadPoolExecutor(1) as alone:  # a browser test before this one may have left a loop in this thread
        answer = alone.submit(
            asyncio.run, Page(tmp_path, tmp_path).choices(Request({"type": "http"}))
        ).result()
    (entry,) = [each for each in json.loads(bytes(answer.body))["dials"] if each["name"] == "warmth"]
    assert (entry["label"], entry["help"]) == ("Warmth", "How red the picture is.")
    assert (entry["lowest"], entry["highest"], entry["step"], entry["unit"]) == (-1, 1, 0.1, "stops")


def test_every_dial_is_described_whole() -> None:
    for each in (*dials(Controls), GAIN):
        low, high = each.slider or (each.lowest, each.highest)
        assert each.label
        assert each.help
        assert each.step > 0
        assert set(each.views) <= set(VIEWS)
        assert each.lowest <= low < high <= each.highest
        assert each.default is None or low <= each.default <= high
    assert [each.name for each in dials(Controls)] == [item.name for item in fields(Controls)]
    assert GAIN.highest == -GAIN.lowest == LARGEST_FIXED_GAIN
    assert lacking(Config()) == ["sharpness"]
    assert lacking(preset("studio")) == []


def test_none_is_a_value_only_where_it_is_the_default() -> None:
    assert Controls(freeze=None) == AS_TRAINED
    with pytest.raises(SettingError, match=r"amount: expected 0 \(deaf\) to 4; got None"):
        Controls(amount=None)  # type: ignore[arg-type]


def test_a_route_that_a_model_does_not_have() -> None:
    for name, setting in {"motion_gain": "motion.sound", "content_gain": "generator.sound_content"}.items():
        config = with_values(Config(), {setting: False})
        with pytest.raises(
            SettingError,
            match=rf"{name.replace('_', '-')}: .* trained with {setting.replace('_', '-')} off; got 0.5",
        ):
            Controls(**{name: 0.5}).check_model(config)
        Controls(amount=0.5, smoothing=1.0).check_model(config)
    EVERYTHING.check_model(Config())
    with pytest.raises(
        SettingError,
        match=r"sharpness: expected a model that recalls frames; .* generator\.recall 0; got 1\.0: leave",
    ):
        Controls(sharpness=1.0).check_model(Config())


def test_what_a_replay_cannot_do() -> None:
    for values in ({"amount": 0.5}, {"norm_gain": 0.0}, {"sharpness": 1.0}, {"smoothing": 0.1}):
        with pytest.raises(SettingError, match="expected only where a model draws"):
            Controls(**values).check_replay()
    Controls(delay=0.5, freeze=-50.0).check_replay()
