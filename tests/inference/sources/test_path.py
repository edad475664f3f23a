"""A path shows the frames that a model keeps, at the size and rate of the source."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import loudest
from listen_and_move.data.clip import file_hash, load_clip
from listen_and_move.errors import SettingError, UserError
from listen_and_move.inference.generate import generate
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.playable import playable
from listen_and_move.inference.sources.path import PathSource, nothing_heard
from listen_and_move.inference.sources.stretches import Stretch, shots
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.media.wav import write_wav
from listen_and_move.models.path_search import PathCue, PathSearch
from listen_and_move.runs import RunFolder

BY_SOUND = PictureChoice(by_sound=True)


@pytest.fixture(scope="module")
def wave(performance: Path) -> np.ndarray:
    return np.concatenate(list(read_sound(performance, SAMPLE_RATE, end=3)))


def source_of(run: Path, choice: PictureChoice = BY_SOUND) -> PathSource:
    return next(stage for stage in playable(run, choice).pipeline.stages if isinstance(stage, PathSource))


def test_its_own_sound_gives_the_film(filmed: Path, performance: Path, tmp_path: Path) -> None:
    """Frame after frame of the clip, at its own size, but for what two encodings cost."""
    (out,) = generate(filmed, performance, tmp_path / "out.mkv", mode="replay", gain=0.0, end=3)
    film, found = (
        np.stack(list(read_frames(path, Fraction(20), width=64, height=64, end=3)))
        for path in (performance, out)
    )
    assert found.shape == film.shape == (60, 64, 64, 3)
    error = np.abs(found.astype(int) - film).mean((1, 2, 3))
    assert np.median(error) < 4 < np.abs(film[5:].astype(int) - film[:-5]).mean((1, 2, 3)).max()


def test_nothing_but_frames_of_the_training_part_is_kept(filmed: Path, performance: Path) -> None:
    source, clip = source_of(filmed), load_clip(performance, RunFolder(filmed).config())
    assert source.rate == 20
    assert source.kept.picture_size == (64, 64)
    assert source.kept.positions.tolist() == [number for span in clip.train for number in span]


def test_the_file_says_what_it_shows(filmed: Path, performance: Path, tmp_path: Path) -> None:
    import av

    (out,) = generate(filmed, performance, tmp_path / "out.mp4", start=1.0, end=1.5)
    with av.open(str(out)) as container:
        comment = container.metadata["comment"]
    model = file_hash(RunFolder(filmed).model_file)
    assert comment.startswith("Replayed pictures of a recording: Listen and Move ")
    assert comment.endswith(f"model sha256 {model}, video sha256 {file_hash(performance)}")
    video = probe(out).video
    assert video is not None
    assert (video.width, video.height, video.frame_rate) == (64, 64, 20)


def test_in_silence_it_rests(filmed: Path, wave: np.ndarray) -> None:
    pipeline = playable(filmed, BY_SOUND).pipeline
    random = np.random.default_rng(0)
    tone = 1e-4 * random.standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    for quiet in (np.zeros(3 * SAMPLE_RATE, np.float32), tone):
        frames = np.stack(list(pipeline.frames([np.concatenate([wave[:SAMPLE_RATE], quiet])]))).astype(int)
        assert np.abs(np.diff(frames[:18], axis=0)).max() > 20, "the test could not fail"
        assert np.abs(np.diff(frames[45:], axis=0)).max() == 0


def test_a_seed_gives_another_path(filmed: Path, wave: np.ndarray) -> None:
    unheard = wave[::-1].copy()
    paths = [
        np.stack(list(playable(filmed, BY_SOUND._replace(seed=seed)).pipeline.frames([unheard])))
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(paths[0], paths[1])
    assert not np.array_equal(paths[0], paths[2])


def test_live_adds_no_delay(filmed: Path, wave: np.ndarray) -> None:
    """Every frame whose sound is complete is there at once."""
    pipeline = playable(filmed, BY_SOUND._replace(live=True)).pipeline
    drawn = playable(filmed, PictureChoice("drawn")).pipeline
    half = wave[: SAMPLE_RATE * 3 // 2]
    assert len(pipeline.push(half)[0]) == len(drawn.push(half)[0])


def test_late_frames_stay_without_picture_and_the_path_goes_on(filmed: Path, wave: np.ndarray) -> None:
    pipeline = playable(filmed, BY_SOUND._replace(live=True)).pipeline
    first, state = pipeline.push(wave[:SAMPLE_RATE])
    second, _ = pipeline.push(wave[SAMPLE_RATE:], state, PlaySettings(late=5))
    whole = list(pipeline.frames([wave]))
    shown = [frame.picture for frame in second if frame.picture is not None]
    last = first[-1].picture
    assert last is not None
    assert len(shown) == len(second)
    assert all(np.array_equal(picture, last) for picture in shown[:5])
    assert np.array_equal(shown[6], whole[len(first) + 6])


def test_a_transition_is_between_two_moving_pictures() -> None:
    old = Stretch(0, 10, True, False, (0, 100))
    new = Stretch(8, 50, True, True, (40, 55), before=2, after=2)
    mixed = [shots([old, new], frame) for frame in range(5, 15)]
    assert [len(each) for each in mixed] == [1, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    assert [shot.position for shot in mixed[2]] == [17, 49]
    shares = [each[-1].share for each in mixed[1:5]]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 - shares[3])
    assert mixed[-1][0].position == 55, "beyond the end of its stretch the picture stands"


def test_a_source_of_twice_the_rate(filmed: Path, wave: np.ndarray) -> None:
    """Between two decided frames the clip goes on at its own speed."""
    source = source_of(filmed)
    positions = (2 * source.kept.positions[:, None] + [0, 1]).ravel()
    kept = replace(source.kept, about=source.kept.about._replace(fps=Fraction(40)), positions=positions)

    class Numbered(PathSource):
        def _frame(self, position: int, view: Any = None) -> np.ndarray:
            return np.full((16, 16, 3), position % 256, np.uint8)

    twice = Numbered(kept, source.search, source.fps, source.silence, source.level)
    frames, _ = playable(filmed, BY_SOUND).pipeline.front_end.push(wave, None)
    shown, state = twice.push(frames, None)
    shown += twice.finish(state)
    assert [frame.number for frame in shown] == list(range(2 * len(frames)))
    numbers = [int(frame.picture[0, 0, 0]) for frame in shown if frame.picture is not None]
    assert np.median(np.diff(numbers)) == 1
    assert len(numbers) == len(shown)


class Decided(PathSearch):
    """A search that has decided already, between whose frames all are as far apart."""

    def __init__(self, numbers: list[int], distance: float = 0.1) -> None:
        vars(self).update(numbers=numbers, distance=distance)

    def push(self, cues: Sequence[PathCue], state: Any = None) -> tuple[np.ndarray, Any]:
        begun = state or 0
        return np.array(vars(self)["numbers"][begun : begun + len(cues)]), begun + len(cues)

    def finish(self, state: Any) -> np.ndarray:
        return np.zeros(0, int)

    def apart(self, before: int, after: int) -> float:
        return vars(self)["distance"]


def shown_of(
    run: Path, wave: np.ndarray, numbers: list[int], foreign: float = 1.0, live: bool = False
) -> list[list[float]]:
    """Frames of the clip in each picture, the newest last, whose shares are shown first."""
    frames, _ = playable(run, BY_SOUND).pipeline.front_end.push(wave, None)
    heard = [frame._replace(foreign=foreign) for frame in frames[: len(numbers)]]
    source = replace(source_of(run), search=Decided(numbers), live=live)
    shown, state = source.push(heard, None)
    shown += list(source.finish(state))
    assert len(shown) == len(numbers), "a frame of the clip for every frame of the sound"
    return [[round(float(moment.seconds * 20)) for moment in frame.moments] for frame in shown]


def test_a_frame_left_out_or_shown_twice_is_no_jump(filmed: Path, wave: np.ndarray) -> None:
    """Slower and faster within a stretch of the clip: what was decided is shown, and no transition."""
    numbers = [3, 4, 6, 7, 7, 7, 8, 10, 11, 12, 13, 14, 15, 16]
    assert shown_of(filmed, wave, numbers) == [[number] for number in numbers]


def test_live_a_frame_shown_twice_is_the_one_that_had_begun(filmed: Path, wave: np.ndarray) -> None:
    assert shown_of(filmed, wave, [3, 4, 4, 5, 6], live=True) == [[3], [4], [5], [5], [6]]


def test_what_is_not_foreign_jumps_where_a_frame_is_left_out(filmed: Path, wave: np.ndarray) -> None:
    shown = shown_of(filmed, wave, [3, 4, 5, 6, 8, 9, 10, 11, 12, 13], foreign=0.0)
    assert any(len(moments) == 2 for moments in shown)


@pytest.mark.parametrize("after", [[30, 32, 33, 34], [30, 30, 30, 31]])
@pytest.mark.parametrize("live", [False, True])
def test_a_transition_goes_on_where_the_clip_plays_slower_or_faster(
    filmed: Path, wave: np.ndarray, after: list[int], live: bool
) -> None:
    frames, _ = playable(filmed, BY_SOUND).pipeline.front_end.push(wave, None)
    shares = []
    for numbers in ([30, 31, 32, 33], after):
        path = [3, 4, 5, 6, *numbers, *range(numbers[-1] + 1, numbers[-1] + 10)]
        heard = [frame._replace(foreign=1.0) for frame in frames[: len(path)]]
        source = replace(source_of(filmed), search=Decided(path, distance=4.0), live=live)
        shown, state = source.push(heard, None)
        shown += list(source.finish(state))
        shares.append([frame.moments[-1].share for frame in shown])
    assert shares[1] == pytest.approx(shares[0]), "as if nothing were left out or shown twice"
    assert 0 < min(shares[0]) < 0.4


@pytest.mark.parametrize("level", [-60.0, -50.0, -33.0, -20.0, -5.0])
def test_a_quiet_room_is_nothing_to_be_heard(level: float) -> None:
    """But for clips that are hardly louder."""
    room = 10 ** (-60 / 20) * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    assert (loudest(room) < nothing_heard(level)) == (level > -37)
    assert nothing_heard(level) <= level - 20


def test_what_is_decided_for_an_instant_is_on_display_there(filmed: Path, wave: np.ndarray) -> None:
    """Of a film of 29.97 frames/s: the frame that it shows at the instant of the training frame."""
    source, rate = source_of(filmed), Fraction(30000, 1001)
    frames, _ = playable(filmed, BY_SOUND).pipeline.front_end.push(wave, None)
    numbers = np.concatenate([np.arange(first, first + 9) for first in (4, 25, 14, 39, 8)])

    class Blank(PathSource):
        def _frame(self, position: int, view: Any = None) -> np.ndarray:
            return np.zeros((16, 16, 3), np.uint8)

    positions = np.arange(int(len(source.kept.positions) / source.fps * rate))
    kept = replace(source.kept, about=source.kept.about._replace(fps=rate), positions=positions)
    at_29_97 = Blank(kept, Decided(numbers.tolist()), source.fps, source.silence, source.level)
    shown, _ = at_29_97.push(frames[: len(numbers)], None)
    begins = [
        place for place in range(len(numbers)) if place == 0 or numbers[place] != numbers[place - 1] + 1
    ]
    known = [place for place in begins if int(place * rate / 20) < len(shown)]
    assert len(known) >= 4
    for place in known:
        moment = shown[int(place * rate / 20)].moments[-1]
        assert moment.seconds * rate == int(numbers[place] * rate / 20)


@pytest.mark.parametrize("size", ["0x0", "17x16", "5000x16", "64", "x", "64x", "-2x2", "huge"])
def test_sizes_that_are_none(filmed: Path, size: str) -> None:
    with pytest.raises(SettingError, match="size: expected model, source, or even numbers"):
        playable(filmed, PictureChoice(size=size))


def test_pictures_that_are_not_there(trained: Path, performance: Path) -> None:
    with pytest.raises(UserError, match="expected a model that keeps frames of its clip"):
        playable(trained, PictureChoice("path"))
    with pytest.raises(UserError, match="expected a model, which draws; got a video"):
        playable(performance, PictureChoice("drawn"))


def test_a_moved_source_is_not_missed(filmed: Path, performance: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(RunFolder(filmed).model_file.read_bytes())
    (out,) = generate(model, performance, tmp_path / "out.mp4", mode="replay", end=0.5)
    assert out.stat().st_size > 1000


def test_a_run_without_frames_is_replayed_from_its_video(
    trained: Path, performance: Path, tmp_path: Path
) -> None:
    model, out = RunFolder(trained).model_file, tmp_path / "out.mp4"
    with pytest.raises(UserError, match=r"expected the run folder, .* --video"):
        generate(model, performance, out, mode="replay")
    generate(model, performance, out, mode="replay", video=performance, end=0.5)
    generate(trained, performance, tmp_path / "other.mp4", mode="replay", end=0.5)
    assert out.stat().st_size > 1000


def test_a_video_is_for_replay_alone(trained: Path, performance: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--mode replay"):
        generate(trained, performance, tmp_path / "out.mp4", video=performance)


@pytest.mark.parametrize(
    ("name", "content", "saying"),
    [
        ("empty.mp4", b"", "empty.mp4: expected a video or sound file; it is empty"),
        ("noise.mov", bytes(range(256)) * 20, "noise.mov: cannot be read as video or sound"),
        ("noise.model", bytes(range(256)) * 20, "noise.model: expected a safetensors file"),
    ],
)
def test_what_is_neither_model_nor_video(
    performance: Path, tmp_path: Path, name: str, content: bytes, saying: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=saying):
        generate(tmp_path / name, performance, tmp_path / "out.mp4")


def test_a_sound_is_no_video(performance: Path, tmp_path: Path, wave: np.ndarray) -> None:
    write_wav(tmp_path / "sound.wav", wave, SAMPLE_RATE)
    with pytest.raises(UserError, match="expected a model or a video; the file holds no picture"):
        generate(tmp_path / "sound.wav", performance, tmp_path / "out.mp4")


def test_a_video_plays_without_any_training(performance: Path, tmp_path: Path) -> None:
    told: list[str] = []
    out = tmp_path / "out.mp4"
    generate(performance, performance, out, end=1, watch=lambda progress: told.extend(progress.notes))
    video = probe(out).video
    assert video is not None
    assert (video.width, video.height) == (64, 64)
    assert any("a trained model follows better" in note for note in told)
