"""Writing: picture and sound together to the sample, a complete file or none."""

import subprocess
import sys
import textwrap
import tracemalloc
import wave
from fractions import Fraction
from math import ceil

import av
import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.media.read import probe, read_frames, read_sound, sound_samples
from listen_and_move.media.write import SoundTrack, VideoWriter, Waveform, replacing, write_wav

VIDEOS = ["mp4", "mov", "mkv", "webm"]
FPS = Fraction(25)


def whole(blocks) -> np.ndarray:
    return np.concatenate(list(blocks))


def clicks(count: int, step: int, channels: int = 1) -> np.ndarray:
    samples = np.zeros((count, channels), np.float32)
    samples[step::step] = 0.8
    return samples


def peaks(samples: np.ndarray) -> list[int]:
    high = samples > max(0.05, samples.max() / 2)
    return [int(at) for at in np.flatnonzero(high & (samples >= np.roll(samples, 1)) & (samples > np.roll(samples, -1)))]


def numbered(number: int) -> np.ndarray:
    """A picture 64x32 with a number as eight upright stripes."""
    stripes = np.array([255 * ((number >> bit) & 1) for bit in range(8)], np.uint8).repeat(8)
    return np.broadcast_to(stripes[None, :, None], (32, 64, 3)).copy()


def number_in(picture: np.ndarray) -> int:
    return sum(1 << bit for bit, level in enumerate(picture.mean(axis=(0, 2)).reshape(8, 8).mean(1)) if level > 128)


def write(path, frames, *, fps=FPS, **settings):
    with VideoWriter(path, width=64, height=32, fps=fps, **settings) as writer:
        for number in range(frames):
            writer.write(numbered(number % 256))
    return path


def names(folder) -> set[str]:
    return {item.name for item in folder.iterdir()}


# ------------------------------------------------------------------------------------------------ picture and sound


@pytest.mark.parametrize("ending", VIDEOS)
@pytest.mark.parametrize("fps", [Fraction(20), Fraction(30000, 1001), Fraction(43, 2)])
def test_every_frame_comes_back_at_its_instant(tmp_path, ending, fps):
    path = write(tmp_path / f"v.{ending}", 70, fps=fps)
    assert [number_in(picture) for picture in read_frames(path, fps, width=64, height=32)] == list(range(70))
    assert abs(probe(path).duration - 70 / fps) < Fraction(1, 500)
    assert names(tmp_path) == {path.name}


@pytest.mark.parametrize("ending", VIDEOS)
@pytest.mark.parametrize("rate, channels", [(8000, 1), (22050, 1), (44100, 2), (48000, 6), (96000, 2), (44100, 8), (192000, 1)])
def test_picture_and_sound_begin_together_to_the_sample_and_end_together(tmp_path, ending, rate, channels):
    step = rate * 3 // 8  # divides at 48 kHz too
    count = 4 * rate + 7
    path = write(tmp_path / f"v.{ending}", ceil(count * FPS / rate), sound=Waveform(clicks(count, step, channels), rate))
    coded = 48000 if ending == "webm" else min(rate, 96000)
    info = probe(path)
    assert (info.sounds[0].sample_rate, info.sounds[0].channels) == (coded, channels)
    assert info.video.start == 0 and abs(info.sounds[0].start) < Fraction(1, 1000)
    heard = whole(read_sound(path, coded, start=0))
    expected = [at * coded / rate for at in range(step, count, step)]
    found = peaks(heard)
    assert len(found) == len(expected)
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 1  # less than a sample
    assert abs(info.video.duration - info.sounds[0].duration) <= max(1 / FPS, Fraction(1024, coded)) + Fraction(1, 500)
    # MP4 gives durations in milliseconds: the last half may be missing
    assert (count / rate - 0.0005) * coded - 1 <= len(heard) <= count * coded / rate + 1 + max(coded / FPS, 1024)


def test_the_sound_is_cut_or_filled_up_where_the_picture_ends(tmp_path):
    tone = np.sin(np.arange(44100) / 16) / 2
    for frames in (10, 40):
        for ending in ("mp4", "webm"):
            path = write(tmp_path / f"{frames}.{ending}", frames, sound=Waveform(tone, 44100))
            heard = whole(read_sound(path, 16000))
            assert 0 <= len(heard) / 16000 - frames / 25 < 0.04
            assert np.abs(heard[17000:]).max(initial=0) < 0.01
            assert np.abs(heard[: min(16000, len(heard)) - 1000]).max() > 0.4


@pytest.mark.parametrize("ending", VIDEOS)
@pytest.mark.parametrize("source", ["mp3", "flac", "ogg", "m4a", "mka"])
def test_sound_from_every_kind_of_file_keeps_its_place(tmp_path, ending, source):
    codec = {"mp3": "libmp3lame", "flac": "flac", "ogg": "libopus", "m4a": "aac", "mka": "aac"}[source]
    rate = 48000
    with av.open(str(tmp_path / f"s.{source}"), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        stream.codec_context.open(strict=False)
        resampler = av.AudioResampler(stream.codec_context.format, "stereo", rate, stream.codec_context.frame_size)
        frame = av.AudioFrame.from_ndarray(clicks(3 * rate, 12000, 2).T.copy(), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(piece))
    path = write(tmp_path / f"v.{ending}", 75, sound=SoundTrack(tmp_path / f"s.{source}"))
    assert peaks(whole(read_sound(path, rate, start=0))) == list(range(12000, 3 * rate, 12000))
    part = write(tmp_path / f"part.{ending}", 50, sound=SoundTrack(tmp_path / f"s.{source}", start=0.6, end=2.5))
    assert peaks(whole(read_sound(part, rate, start=0))) == [at - 28800 for at in range(36000, 120000, 12000)]


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_aac_is_copied_where_that_changes_no_sample(tmp_path, ending, rate):
    noise = np.random.default_rng(0).normal(size=(2 * rate, 2)) / 5
    first = write(tmp_path / "first.mp4", 50, sound=Waveform(noise, rate))
    second = write(tmp_path / f"second.{ending}", 60, sound=SoundTrack(first))
    assert np.array_equal(whole(read_sound(second, rate, start=0)), whole(read_sound(first, rate, start=0)))
    short = whole(read_sound(write(tmp_path / f"short.{ending}", 25, sound=SoundTrack(first)), rate))
    assert 0 <= len(short) - rate < 1024
    assert np.array_equal(short, whole(read_sound(first, rate))[: len(short)])


@pytest.mark.parametrize(
    "name", ["nature_whale_12s", "animal_beagle_bark_6s", "paper_cello_9s_512px", "percussion_drums_back_10s"]
)
def test_real_sound_is_copied_to_the_sample(shared, tmp_path, name):
    source = shared / "data" / "videos" / f"{name}.mp4"
    count, rate = sound_samples(source)
    path = write(tmp_path / "v.mp4", ceil(count * FPS / rate), sound=SoundTrack(source))
    assert np.array_equal(whole(read_sound(path, rate, start=0)), whole(read_sound(source, rate)))


def test_mp3_in_mp4_is_encoded_and_stays_in_place(shared, tmp_path):
    source = shared / "data" / "videos" / "melodic_ukulele_duet_60s.mp4"
    path = write(tmp_path / "v.mp4", 250, sound=SoundTrack(source, end=10))
    before, after = whole(read_sound(source, 44100, end=10)), whole(read_sound(path, 44100, start=0, end=10))
    shifts = {shift: np.dot(before[2000:-2000], after[2000 + shift : len(before) - 2000 + shift]) for shift in range(-1200, 1200)}
    assert max(shifts, key=lambda shift: shifts[shift]) == 0


@pytest.mark.parametrize("ending", VIDEOS)
def test_titles_and_comments_survive(tmp_path, ending):
    metadata = {"title": "Möwe & Meer", "artist": "A", "comment": "seed 7", "description": "two words"}
    path = write(tmp_path / f"v.{ending}", 3, metadata=metadata)
    with av.open(str(path)) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    assert {key: found.get(key) for key in metadata} == metadata


@pytest.mark.parametrize("ending", VIDEOS)
def test_colours_come_back_and_are_marked(tmp_path, ending):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (230, 77, 38), (128, 128, 128), (255, 255, 255), (0, 0, 0)]
    with VideoWriter(tmp_path / f"c.{ending}", width=32, height=32, fps=FPS) as writer:
        for colour in colours:
            writer.write(np.full((32, 32, 3), colour, np.uint8))
    shown = list(read_frames(tmp_path / f"c.{ending}", FPS, width=32, height=32))
    assert np.abs(np.array([picture[16, 16] for picture in shown]).astype(int) - colours).max() <= 8
    with av.open(str(tmp_path / f"c.{ending}")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)  # BT.709, limited


def test_memory_does_not_grow_with_length(tmp_path):
    write_wav(tmp_path / "long.wav", np.zeros((44100 * 60, 2), np.float32), 44100)
    tracemalloc.start()
    try:
        write(tmp_path / "v.mp4", 300, fps=Fraction(5), sound=SoundTrack(tmp_path / "long.wav"))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000  # the sound is 10.6 MB, 21 MB as floats
    finally:
        tracemalloc.stop()


# ----------------------------------------------------------------------------------------------------------- folder


def test_a_folder_holds_exact_pictures_and_the_sound(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 33, 31, 3), np.uint8)  # odd sizes are fine here
    sound = np.random.default_rng(1).uniform(-1, 1, (44100, 2))
    with VideoWriter(tmp_path / "frames", width=31, height=33, fps=FPS, sound=Waveform(sound, 44100)) as writer:
        for picture in noise:
            writer.write(picture)
    assert names(tmp_path) == {"frames"}
    assert names(tmp_path / "frames") == {"frame-000000.png", "frame-000001.png", "frame-000002.png", "sound.wav"}
    for index, picture in enumerate(noise):
        with av.open(str(tmp_path / "frames" / f"frame-{index:06d}.png")) as container:
            assert np.array_equal(next(container.decode(video=0)).to_ndarray(format="rgb24"), picture)
    with wave.open(str(tmp_path / "frames" / "sound.wav")) as file:
        assert (file.getnframes(), file.getnchannels()) == (44100 * 3 // 25, 2)
        heard = np.frombuffer(file.readframes(10**6), "<i2").reshape(-1, 2)
    assert np.abs(heard / 32767 - sound[: len(heard)]).max() < 1e-4


def test_a_folder_is_replaced_only_when_it_holds_nothing_else(tmp_path):
    folder = tmp_path / "out.v1"
    folder.mkdir()
    write(folder, 3)  # an empty folder may be used, a dot in its name or not
    with pytest.raises(UserError, match="--overwrite"):
        write(folder, 2)
    write(f"{folder}/", 2, overwrite=True)
    assert names(folder) == {"frame-000000.png", "frame-000001.png"}
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.txt"):
        write(folder, 2, overwrite=True)
    assert len(names(folder)) == 3 and names(tmp_path) == {"out.v1"}


# ------------------------------------------------------------------------------------------------- complete or none


@pytest.mark.parametrize("name", ["v.mp4", "v.webm", "frames"])
@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_interrupted_video_leaves_nothing_and_touches_nothing(tmp_path, name, problem):
    write(tmp_path / name, 5)
    before = probe(tmp_path / name) if "." in name else names(tmp_path / name)
    with pytest.raises(problem), VideoWriter(tmp_path / name, width=64, height=32, fps=FPS, overwrite=True) as writer:
        for number in range(60):
            writer.write(numbered(number))
        assert len(names(tmp_path)) == 2
        raise problem
    assert names(tmp_path) == {name}
    assert before == (probe(tmp_path / name) if "." in name else names(tmp_path / name))


def test_a_sound_that_fails_on_the_way_leaves_nothing(tmp_path):
    sound = np.zeros(44100, np.float32)
    sound[30000] = np.nan
    with pytest.raises(UserError):
        write(tmp_path / "v.mp4", 25, sound=Waveform(sound, 44100))
    with pytest.raises(UserError, match="does not exist"):
        write(tmp_path / "v.mp4", 25, sound=SoundTrack(tmp_path / "none.wav"))
    assert not names(tmp_path)


def test_what_cannot_be_written_is_told_before_the_work(tmp_path):
    write(tmp_path / "there.mp4", 1)
    before = (tmp_path / "there.mp4").read_bytes()
    for path, words in [
        (tmp_path / "there.mp4", "--overwrite"),
        (tmp_path / "v.avi", r"\.mp4, \.mov, \.mkv, \.webm"),
        (tmp_path / "no" / "v.mp4", "make it first"),
    ]:
        with pytest.raises(UserError, match=words), VideoWriter(path, width=64, height=32, fps=FPS):
            pytest.fail("the block was entered")
    with pytest.raises(UserError, match="at least one frame"):
        write(tmp_path / "v.mp4", 0)
    assert names(tmp_path) == {"there.mp4"} and (tmp_path / "there.mp4").read_bytes() == before


def test_a_folder_without_the_right_to_write_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match="may write"):
        write(tmp_path / "v.mp4", 1)


def test_mistakes_of_the_program_are_no_user_errors(tmp_path):
    with pytest.raises(ValueError, match="63x32"):
        VideoWriter(tmp_path / "v.mp4", width=63, height=32, fps=FPS)
    for bad in (np.zeros((32, 64, 3)), np.zeros((64, 32, 3), np.uint8)):
        with (
            pytest.raises(ValueError, match="expected uint8"),
            VideoWriter(tmp_path / "v.mp4", width=64, height=32, fps=FPS) as writer,
        ):
            writer.write(bad)
    assert not names(tmp_path)


FULL = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from listen_and_move.errors import UserError
from listen_and_move.media.write import VideoWriter, Waveform, replacing, write_wav
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))  # a file that grows past this is like a full disk
random = np.random.default_rng(0)
def video(name, picture, sound):
    with VideoWriter(name, width=64, height=64, fps=Fraction(25), sound=sound) as writer:
        for _ in range(60):
            writer.write(random.integers(0, 256 if picture else 1, (64, 64, 3), np.uint8))
def text():
    with replacing("t.txt") as path:
        path.write_text("x" * 50000)
noise = Waveform(random.uniform(-1, 1, 200000), 44100)
jobs = [lambda n=n, p=p, s=s: video(n, p, s) for n in ("v.mp4", "v.mov", "v.mkv", "v.webm") for p, s in ((1, None), (0, noise))]
jobs += [lambda: video("frames", 1, noise), lambda: write_wav("w.wav", noise.samples, 8000), text]
for job in jobs:
    try:
        job()
    except UserError as error:
        assert "cannot be written" in str(error) and "\\n" not in str(error), error
    else:
        sys.exit("a full disk went unnoticed")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert not names(tmp_path)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_wav_keeps_samples_and_clips_what_is_too_loud(tmp_path, channels):
    samples = np.random.default_rng(0).uniform(-1.5, 1.5, (1000, channels))
    write_wav(tmp_path / "s.wav", samples[:, 0] if channels == 1 else samples, 22050)
    with wave.open(str(tmp_path / "s.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (channels, 22050, 2)
        values = np.frombuffer(file.readframes(1000), "<i2").reshape(-1, channels)
    assert np.abs(values / 32767 - samples.clip(-1, 1)).max() < 1e-4


def test_replacing_gives_the_whole_file_or_none(tmp_path):
    path = tmp_path / "config.json"
    for text in ("one", "two"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == tmp_path and temporary.suffix == ".json"
        assert path.read_text() == text
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("three")
        raise RuntimeError
    with pytest.raises(UserError, match="--overwrite"), replacing(path, overwrite=False):
        pytest.fail("the block was entered")
    with pytest.raises(UserError, match="folder"), replacing(tmp_path):
        pytest.fail("the block was entered")
    assert path.read_text() == "two" and names(tmp_path) == {"config.json"}
