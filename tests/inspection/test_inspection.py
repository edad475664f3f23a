"""The inspection: what it says about made-up clips, and about real ones where these are at hand."""

import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.making import make_video

from listen_and_move.config import ClipConfig
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.errors import UserError
from listen_and_move.inspection.inspection import Inspection, inspect
from listen_and_move.inspection.picture import drawable
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav

FPS = Fraction(20)


def film(path, frames, sound=None):
    """A video file of frames (T, H, W, 3), with sound or without."""
    height, width = frames.shape[1:3]
    waveform = None if sound is None else Waveform(sound, 48_000)
    with VideoWriter(path, width=width, height=height, fps=FPS, sound=waveform) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def performance(seed, seconds, width=96, height=64):
    notes = melody(seed, seconds)
    return np.stack(list(render_frames(notes, seconds, FPS, width, height))), render_sound(notes, seconds)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A performance of 12 s."""
    return film(tmp_path_factory.mktemp("inspected") / "made-up.mp4", *performance(0, 12.0))


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    """One of 2 s."""
    return film(tmp_path_factory.mktemp("inspected") / "brief.mp4", *performance(0, 2.0))


def said(found: Inspection, words: str) -> bool:
    return any(words in line for line in found.advice)


@pytest.mark.parametrize(("width", "height"), [(32, 1072), (1072, 32)])
def test_a_picture_of_an_odd_shape(tmp_path, width, height):
    frames, sound = performance(0, 3.0, width, height)
    found = inspect(film(tmp_path / "odd.mp4", frames, sound), ClipConfig(size="32"))
    assert 0 <= found.figures.motion_in_box <= 1


def test_a_good_clip(made_up):
    found = inspect(made_up, ClipConfig(size="64"))
    figures = found.figures
    assert found.advice == ("a good clip: one scene, a static camera, and motion that follows the sound",)
    assert figures.coupling is not None
    assert figures.coupling.correlation > 0.6
    assert abs(figures.coupling.lag) <= 1
    assert 0.1 < figures.silence < 0.4
    assert figures.cuts == ()
    assert figures.train_seconds == pytest.approx(0.8 * 12, abs=0.05)
    assert figures.box == (16, 0, 80, 64)


def test_lines_are_short_and_end_with_the_advice(made_up):
    found = inspect(made_up)
    lines = found.lines()
    assert lines[0].startswith("picture: 96x64, 20.00 fps, 12.00 s, h264")
    assert lines[1].startswith("sound 0: aac, 48000 Hz, 2 channels, 12.0")
    assert all(len(line) <= 130 and "\n" not in line for line in lines)
    assert [line[2:] for line in lines if line.startswith("- ")] == list(found.advice)


def test_a_small_video_for_a_large_model(made_up):
    assert said(inspect(made_up, ClipConfig(size="128")), "smaller than the model's picture (128x128)")


def test_a_part_is_inspected(made_up):
    figures = inspect(made_up, ClipConfig(size="64", start=3.0, end=7.5)).figures
    assert (figures.start, figures.end) == (3.0, 7.5)
    assert len(figures.loudness) == 90


@pytest.mark.parametrize("name", ["$5 and $x_{.mp4", "日本語 😀.mp4", "caf\udce9\n.mp4", "x" * 180 + ".mp4"])
@pytest.mark.filterwarnings("error")
def test_any_name_stands_above_the_picture(brief, tmp_path, name):
    video = tmp_path / name
    shutil.copy(brief, video)
    assert not inspect(video, picture=tmp_path / "found.png").unwritten
    assert (tmp_path / "found.png").stat().st_size > 10_000
    shown = drawable(name)["t"]
    assert shown.isprintable()
    assert len(shown) <= 100
    assert drawable("$a$ é")["t"] == "$a$ é"


def test_the_picture_is_written(brief, tmp_path):
    inspect(brief, picture=tmp_path / "found.png")
    with av.open(str(tmp_path / "found.png")) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert image.shape == (950, 1300, 3)
    assert image.std() > 30
    assert [item.name for item in tmp_path.iterdir()] == ["found.png"]


def test_the_pictures_name_is_checked(brief, tmp_path):
    with pytest.raises(UserError, match=r"ending in \.png"):
        inspect(brief, picture=tmp_path / "found.mp4")
    found = inspect(brief, picture=tmp_path / "nowhere" / "found.png")
    assert "existing folder" in found.unwritten
    assert found.advice, "the findings are not lost"


def test_no_sound_is_a_finding(tmp_path):
    found = inspect(film(tmp_path / "mute.mp4", performance(0, 3.0)[0]), picture=tmp_path / "mute.png")
    assert found.advice[0] == "no sound: nothing can be learnt from this file"
    assert "sound: none" in found.lines()
    assert found.figures.coupling is None


@pytest.mark.parametrize(
    ("begin", "length", "says"),
    [
        (0.0, 2.0, "sound: ends 1.0 s before the picture: silence is learnt there"),
        (1.0, 2.0, "sound: begins 1.0 s after the picture: silence is learnt there"),
        (
            0.5,
            1.5,
            "sound: begins 0.5 s after the picture, ends 1.0 s before the picture: silence is learnt there",
        ),
        (0.0, 3.0, None),
        (0.0, 5.0, None),
    ],
)
def test_a_picture_without_sound_is_said(tmp_path, begin, length, says):
    samples = np.random.default_rng(0).normal(0, 0.2, int(48_000 * length)).clip(-1, 1).astype(np.float32)
    times = [50 * number for number in range(60)]
    path = make_video(tmp_path / "part.mkv", times, rate=20, sound=(int(48_000 * begin), samples, 48_000))
    assert [line for line in inspect(path).lines() if line.startswith("sound: ")] == (
        [] if says is None else [says]
    )


def test_a_part_after_the_end_of_the_sound_is_a_finding(tmp_path):
    times, sound = [50 * number for number in range(60)], (0, np.ones(24_000, np.float32), 24_000)
    path = make_video(tmp_path / "v.mkv", times, rate=20, sound=sound)
    found = inspect(path, ClipConfig(start=2.0))
    assert said(found, "silent: nothing can be learnt")
    assert found.figures.gaps == ((2.0, 3.0),)


def test_silence_is_a_finding(tmp_path):
    frames, sound = performance(0, 3.0)
    found = inspect(film(tmp_path / "silent.mp4", frames, 0 * sound), picture=tmp_path / "silent.png")
    assert said(found, "silent: nothing can be learnt")
    assert found.figures.silence == 1


def test_a_still_is_a_finding(tmp_path):
    frames, sound = performance(0, 4.0)
    found = inspect(
        film(tmp_path / "still.mp4", np.repeat(frames[:1], 80, 0), sound), picture=tmp_path / "still.png"
    )
    assert said(found, "still, or nearly")
    assert said(found, "only 3.2 s remain for training: expect it to memorise")


def test_a_cut_says_what_to_use(tmp_path):
    (first, sound), (second, _) = performance(0, 9.0), performance(1, 3.0)
    path = film(
        tmp_path / "cut.mp4",
        np.concatenate([first, second[:, ::-1]]),
        np.concatenate([sound, sound[: 3 * 48_000]]),
    )
    found = inspect(path)
    assert found.figures.cuts == (pytest.approx(9.0, abs=0.06),)
    assert said(found, "the longest scene is learnt, 0.00 to 8.95 s: --scene takes another one")
    scenes = [line for line in found.lines() if line.startswith("scene ")]
    assert scenes == ["scene 1: 0.00 to 8.95 s, the longest: train takes it", "scene 2: 9.00 to 12.00 s"]
    later = inspect(path, ClipConfig(start=8.0))
    assert said(later, "use --start 9.")


def test_motion_in_a_corner_gets_a_crop(tmp_path):
    frames, sound = performance(0, 8.0)
    wide = np.full((len(frames), 256, 256, 3), 90, np.uint8)
    wide[:, 180:244, 150:246] = frames
    found = inspect(film(tmp_path / "corner.mp4", wide, sound), ClipConfig(size="64"))
    assert found.figures.suggested_box is not None
    left, top, right, bottom = found.figures.suggested_box
    assert left >= 100
    assert top >= 120
    assert right - left == bottom - top >= 64
    assert said(found, f"--crop {left},{top},{right},{bottom}")


def test_sound_that_comes_late(tmp_path):
    frames, sound = performance(0, 10.0)
    late = np.concatenate([np.zeros((48_000 // 5, 2), np.float32), sound])[: len(sound)]
    video = film(tmp_path / "late.mp4", frames, late)
    found = inspect(video)
    assert said(found, "motion precedes sound by 200 ms: look-ahead helps")
    assert any("--features.past 2 --features.future 5 hears 332 ms ahead" in line for line in found.lines())
    faster = inspect(video, ClipConfig(fps="40"))
    assert any("--features.past 2 --features.future 8 hears 282 ms ahead" in line for line in faster.lines())


def test_sound_that_comes_early(tmp_path):
    frames, sound = performance(0, 10.0)
    early = np.concatenate([sound[48_000 // 5 :], np.zeros((48_000 // 5, 2), np.float32)])
    found = inspect(film(tmp_path / "early.mp4", frames, early))
    assert said(found, "motion follows sound by 200 ms: hearing the past helps")
    assert any("--features.past 5 --features.future 1" in line for line in found.lines())


def test_a_foreign_sound_says_little(tmp_path):
    found = inspect(film(tmp_path / "foreign.mp4", performance(0, 12.0)[0], performance(7, 12.0)[1]))
    assert said(found, "say little about the motion")


def test_errors_are_one_line(made_up, tmp_path):
    write_wav(tmp_path / "sound.wav", np.zeros((4800, 1), np.float32), 48_000)
    with pytest.raises(UserError, match="no picture, only sound"):
        inspect(tmp_path / "sound.wav")
    with pytest.raises(UserError, match="does not exist"):
        inspect(tmp_path / "missing.mp4")
    with pytest.raises(UserError, match=r"at least half a second of picture; got 0\.20 s"):
        inspect(made_up, ClipConfig(start=1.0, end=1.2))
    with pytest.raises(UserError, match="inside the picture of 96x64 pixels; got 0,0,97,64"):
        inspect(made_up, ClipConfig(crop="0,0,97,64"))


REAL = {
    "percussion_drumkit_front_10s": ("cut at 7.2",),
    "percussion_congas_cut_10s": ("cut at 6.",),
    "percussion_drums_overhead_10s": ("look-ahead helps",),
    "animal_dog_bark_10s": ("the camera moves",),
    "animal_beagle_bark_6s": ("only 4.8 s remain for training",),
    "fireworks_10s": ("motion precedes sound",),
    "paper_drums_11s": ("a good clip",),
}


@pytest.mark.parametrize("name", REAL)
def test_real_clips(shared, name, tmp_path):
    """Only real clips can show that the bounds of what is advised suit them."""
    found = inspect(shared / "data" / "videos" / f"{name}.mp4", picture=tmp_path / "found.png")
    for words in REAL[name]:
        assert said(found, words), found.lines()
    assert bool(found.figures.cuts) == (name in ("percussion_drumkit_front_10s", "percussion_congas_cut_10s"))
    assert (tmp_path / "found.png").stat().st_size > 50_000


def test_an_edit_list_that_hides_frames_is_said(tmp_path):
    sound, options = (0, performance(0, 2.0)[1].mean(1), 48_000), {"preset": "veryfast", "bf": "3"}
    path = make_video(tmp_path / "v.mp4", range(-5, 40), tick=1 / FPS, rate=FPS, sound=sound, options=options)
    found = inspect(path)
    assert "with an edit list" in found.lines()[0]
    assert found.figures.end == 2.0


def test_what_a_model_would_hold_is_said_before_it_is_trained(tmp_path):
    path = film(tmp_path / "wide.mp4", performance(0, 2.5, 1280, 720)[0])
    clip = ClipConfig(crop="0,0,1280,720", start=0.5, holdout="0.25")
    lines = [line for line in inspect(path, clip).lines() if "training.keep" in line]
    assert lines == [  # at 20 frames a second two thirds of 0.5 MB a second
        "a model with --training.keep source holds about 1.5 s of the clip, 1280x720 pixels, 20 frames/s, "
        "0.5 MB",
        "a model with --training.keep small holds about 1.5 s of the clip, 480x270 pixels, 20 frames/s, "
        "0.1 MB",
    ]
