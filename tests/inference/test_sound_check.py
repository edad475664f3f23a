"""Sounds are heard before they are played: matched to the training sound, and told apart from it, on real
files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import Gain, Leveller, gated_level
from listen_and_move.audio.novelty import FAR
from listen_and_move.cli.main import run_command
from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.front_end import AudioReference
from listen_and_move.inference.generate import Progress, generate
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.sound_check import SoundCheck, listen, notes
from listen_and_move.inference.stage import PlaySettings, pictures
from listen_and_move.media.sound import read_sound
from listen_and_move.media.wav import write_wav


@pytest.fixture(scope="module")
def animator(trained: Path) -> Animator:
    return Animator.load(trained, "cpu")


@pytest.fixture(scope="module")
def generated(animator: Animator) -> Pipeline:
    return animator.pipeline


@pytest.fixture(scope="module")
def replayed(trained: Path) -> Pipeline:
    return playable(trained, PictureChoice(by_sound=True)).pipeline


@pytest.fixture(scope="module")
def melody(performance: Path) -> np.ndarray:
    """Two seconds of the training sound."""
    return np.concatenate(list(read_sound(performance, SAMPLE_RATE, end=2)))


@pytest.fixture
def hiss(tmp_path: Path) -> Path:
    """Loud noise above 4 kHz, far from any melody."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(SAMPLE_RATE))
    spectrum[:4000] = spectrum[7600:] = 0  # a second: one bin per Hz
    noise = np.fft.irfft(spectrum)
    write_wav(tmp_path / "hiss.wav", 0.9 * noise / np.abs(noise).max(), SAMPLE_RATE)
    return tmp_path / "hiss.wav"


def quieter(samples: np.ndarray, decibels: float) -> np.ndarray:
    return samples * np.float32(10 ** (-decibels / 20))


@pytest.mark.parametrize("player", ["generated", "replayed"])
@pytest.mark.parametrize("decibels", [13.0, -7.0])
def test_a_matched_copy_is_played_as_the_original(
    player: str, decibels: float, melody: np.ndarray, request: pytest.FixtureRequest
) -> None:
    """The copy is 13 dB quieter, or 7 dB louder."""
    plays = request.getfixturevalue(player)
    both = []
    for samples in (melody, quieter(melody, decibels)):
        check = listen(partial(np.split, samples, [777, 70_000]), plays.front_end.reference)
        both.append(
            (check, np.stack(list(plays.frames([samples], PlaySettings(gain=check.gain)))).astype(int))
        )
    assert float(both[1][0].gain) - float(both[0][0].gain) == pytest.approx(decibels, abs=0.05)
    assert np.abs(both[0][1] - both[1][1]).max() <= 2
    assert np.allclose(both[0][0].novelty, both[1][0].novelty, atol=0.02)


@pytest.mark.parametrize("player", ["generated", "replayed"])
@pytest.mark.parametrize("gain", ["running", 9.0])
def test_a_gain_is_a_louder_sound_for_any_cut(
    player: str, gain: float, melody: np.ndarray, request: pytest.FixtureRequest
) -> None:
    plays, soft = request.getfixturevalue(player), quieter(melody, 12)
    louder, _ = Leveller(gain, plays.front_end.reference.level).push(soft)
    expected = np.stack(list(plays.frames([louder]))).astype(int)
    whole = np.stack(list(plays.frames([soft], PlaySettings(gain=gain))))
    parts = np.stack(list(plays.frames(np.split(soft, [1, 9000, 60_000]), PlaySettings(gain=gain))))
    assert max(np.abs(whole - expected).max(), np.abs(parts - expected).max()) <= 1
    assert np.abs(np.stack(list(plays.frames([soft]))) - expected).max() > 1


def test_live_equals_file_at_a_fixed_gain(animator: Animator, melody: np.ndarray) -> None:
    state, live = None, []
    for block in np.split(melody, range(2000, len(melody), 2000)):
        frames, state = animator.pipeline.push(block, state, PlaySettings(gain=-5.0))
        live += frames
    live += animator.pipeline.finish(state)
    file = np.stack(list(animator.frames([melody], gain=-5.0))).astype(int)
    assert np.abs(np.stack(pictures(live)) - file).max() <= 1


@pytest.mark.parametrize("level", [0.0, 10 ** (-60 / 20)])
def test_silence_and_room_noise_are_played_as_they_are(animator: Animator, level: float) -> None:
    room = (level * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
    check = listen(lambda: [room], animator.audio_reference)
    assert check.level is None
    assert check.gain == 0
    assert check.far == 0
    assert notes("room.wav", check, animator.audio_reference) == [
        "room.wav: nothing in it is louder than -57 dB of full scale, so it counts as silence"
    ]


def test_what_was_trained_on_is_not_new_and_noise_is(
    animator: Animator, melody: np.ndarray, hiss: Path
) -> None:
    own = listen(lambda: [melody], animator.audio_reference)
    new = listen(partial(read_sound, hiss, SAMPLE_RATE), animator.audio_reference)
    assert own.novelty is not None
    assert len(own.novelty) == 2
    assert own.novelty.max() < 0.3
    assert own.far == 0
    assert new.novelty is not None
    assert new.novelty.min() > FAR
    assert new.far == 1


def test_notes() -> None:
    audio_reference = AudioReference(None, -20.0, None)  # type: ignore[arg-type]

    def said(
        level: float | None,
        asked: Gain | Literal["match"] = "match",
        novelty: list[float] | None = None,
        audio_reference: AudioReference = audio_reference,
    ) -> Sequence[str]:
        gain = "running" if asked == "running" else 0.0
        return notes(
            "a.wav",
            SoundCheck(level, gain, None if novelty is None else np.array(novelty)),
            audio_reference,
            asked,
        )

    assert said(-20.9) == []
    assert said(-30.0, 0.0) == []
    assert said(-30.0, "running") == []
    assert said(-34.2) == [
        "a.wav: 14.2 dB quieter than the training sound: played 14.2 dB louder (--gain 0 plays it as it is)"
    ]
    assert "3.0 dB louder than the training sound: played 3.0 dB quieter" in said(-17.0)[0]
    assert "played 20 dB louder, the most there is, and still 12.0 dB quieter" in said(-52.0)[0]
    unknown = audio_reference._replace(level=None)
    assert all(
        "does not know how loud" in said(-30.0, asked, audio_reference=unknown)[0]
        for asked in ("match", "running")
    )
    assert said(-30.0, 3.0, audio_reference=unknown) == []
    assert said(-20.0, novelty=[1, 2.4, 1, 2.6, 1]) == []
    assert said(-20.0, novelty=[]) == []
    (new,) = said(-20.0, novelty=[1, 1, 1, 3.0])
    assert "25% of its seconds are far from anything in the training sound (novelty 1.5" in new


def test_generate_tells_before_the_first_frame_and_matches(
    trained: Path, performance: Path, hiss: Path, tmp_path: Path
) -> None:
    loud = np.concatenate(list(read_sound(performance, 48_000, end=1.5)))
    write_wav(tmp_path / "quiet.wav", quieter(loud, 15), 48_000)
    told: list[Progress] = []
    (out,) = generate(
        trained, tmp_path / "quiet.wav", tmp_path / "quiet.mkv", device="cpu", watch=told.append
    )
    assert told[0].done == 0
    assert told[-1].done == told[-1].frames == 30
    assert all(progress.notes == told[0].notes for progress in told)
    assert "quiet.wav: 15." in told[0].notes[0] or "quiet.wav: 14." in told[0].notes[0]
    kept = gated_level(read_sound(out, SAMPLE_RATE))
    assert kept == pytest.approx(gated_level(read_sound(tmp_path / "quiet.wav", SAMPLE_RATE)), abs=0.5), (
        "the file's sound stays"
    )
    told.clear()
    generate(trained, hiss, tmp_path / "hiss.mp4", device="cpu", gain="running", watch=told.append)
    assert len(told[0].notes) == 1
    assert "100% of its seconds are far" in told[0].notes[0]
    with pytest.raises(UserError, match=r"gain: expected -60 to 60 dB, or running; got 61"):
        generate(trained, hiss, tmp_path / "none.mp4", gain=61.0)


def test_the_command_prints_notes_and_takes_any_gain(
    trained: Path, hiss: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = ["generate", str(trained), str(hiss), "--end", "0.5", "--device", "cpu", "--overwrite", "--out"]
    out = str(tmp_path / "out.mp4")
    assert run_command([*fixed, out]) == 0
    printed = capsys.readouterr()
    assert "note: hiss.wav: " in printed.err
    assert "dB quieter (--gain 0 plays it as it is)" in " ".join(printed.err.split())
    assert printed.out.strip() == out
    for gain in (["--gain", "-6"], ["--gain=running"], ["--gain", "0"]):
        assert run_command([*fixed, out, *gain]) == 0
        assert "training sound: played" not in " ".join(capsys.readouterr().err.split())
    for wrong in ("loud", "1e3", "nan", ""):
        assert run_command([*fixed, out, "--gain", wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
