"""The sound of a video: together with its picture to the sample, copied where nothing changes."""

import tracemalloc
from fractions import Fraction
from math import ceil

import av
import numpy as np
import pytest
from tests.media.making import (
    FPS,
    VIDEOS,
    clicks,
    make_sound,
    make_video,
    names,
    peaks,
    picture_of,
    whole,
    write,
)

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.media.soundtrack import SoundTrack, Source, Waveform
from listen_and_move.media.wav import write_wav


@pytest.mark.parametrize("ending", VIDEOS)
@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (22050, 1), (44100, 2), (48000, 6), (96000, 2), (44100, 8), (192000, 1)]
)
def test_picture_and_sound_begin_together_to_the_sample_and_end_together(tmp_path, ending, rate, channels):
    step = rate * 3 // 8  # divides at 48 kHz too
    count = 4 * rate + 7
    path = write(
        tmp_path / f"v.{ending}",
        ceil(count * FPS / rate),
        sound=Waveform(clicks(count, step, channels), rate),
    )
    coded = 48000 if ending == "webm" else min(rate, 96000)
    info, picture = probe(path), picture_of(path)
    assert (info.sounds[0].sample_rate, info.sounds[0].channels) == (coded, channels)
    assert picture.start == 0
    assert abs(info.sounds[0].start) < Fraction(1, 1000)
    samples = whole(read_sound(path, coded, start=0))
    expected = [at * coded / rate for at in range(step, count, step)]
    found = peaks(samples)
    assert len(found) == len(expected)
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 1  # less than a sample
    assert abs(picture.duration - info.sounds[0].duration) <= max(1 / FPS, Fraction(1024, coded)) + Fraction(
        1, 500
    )
    # MP4 gives durations in milliseconds: the last half may be missing
    assert (
        (count / rate - 0.0005) * coded - 1
        <= len(samples)
        <= count * coded / rate + 1 + max(coded / FPS, 1024)
    )


def test_the_sound_is_cut_or_filled_up_where_the_picture_ends(tmp_path):
    tone = np.sin(np.arange(44100) / 16) / 2
    for frames in (10, 40):
        for ending in ("mp4", "webm"):
            path = write(tmp_path / f"{frames}.{ending}", frames, sound=Waveform(tone, 44100))
            samples = whole(read_sound(path, 16000))
            assert 0 <= len(samples) / 16000 - frames / 25 < 0.04
            assert np.abs(samples[17000:]).max(initial=0) < 0.01
            assert np.abs(samples[: min(16000, len(samples)) - 1000]).max() > 0.4


@pytest.mark.parametrize("ending", ["mp4", "webm", ""])
def test_a_picture_after_the_end_of_its_sound_is_silent(tmp_path, ending):
    sound = make_sound(tmp_path / "s.flac", clicks(8000, 100), 8000, "flac")
    out = write(
        tmp_path / (f"v.{ending}" if ending else "frames"), 50, sound=SoundTrack(sound, start=5, end=7)
    )
    samples = whole(read_sound(out if ending else out / "sound.wav", 8000, start=0))
    assert len(samples) == pytest.approx(16000, abs=400)
    assert not samples.any()


@pytest.mark.parametrize("ending", VIDEOS)
@pytest.mark.parametrize("source", ["mp3", "flac", "ogg", "m4a", "mka"])
def test_sound_from_every_kind_of_file_keeps_its_place(tmp_path, ending, source):
    codec = {"mp3": "libmp3lame", "flac": "flac", "ogg": "libopus", "m4a": "aac", "mka": "aac"}[source]
    rate = 48000
    with av.open(str(tmp_path / f"s.{source}"), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        stream.codec_context.open(strict=False)
        resampler = av.AudioResampler(
            stream.codec_context.format, "stereo", rate, stream.codec_context.frame_size
        )
        frame = av.AudioFrame.from_ndarray(
            clicks(3 * rate, 12000, 2).T.copy(), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(piece))
    path = write(tmp_path / f"v.{ending}", 75, sound=SoundTrack(tmp_path / f"s.{source}"))
    assert peaks(whole(read_sound(path, rate, start=0))) == list(range(12000, 3 * rate, 12000))
    section = write(
        tmp_path / f"part.{ending}", 50, sound=SoundTrack(tmp_path / f"s.{source}", start=0.6, end=2.5)
    )
    assert peaks(whole(read_sound(section, rate, start=0))) == [
        at - 28800 for at in range(36000, 120000, 12000)
    ]


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


@pytest.mark.parametrize("name", ["nature_whale_12s", "paper_cello_9s_512px"])
def test_real_sound_is_copied_to_the_sample(shared, tmp_path, name):
    """Only a real file can show what other encoders of AAC than FFmpeg's put before the sound."""
    source = shared / "data" / "videos" / f"{name}.mp4"
    count, rate = sound_samples(source)
    path = write(tmp_path / "v.mp4", ceil(count * FPS / rate), sound=SoundTrack(source))
    assert np.array_equal(whole(read_sound(path, rate, start=0)), whole(read_sound(source, rate)))


def test_mp3_in_mp4_is_encoded_and_stays_in_place(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.2, 5 * 44100).clip(-1, 1).astype(np.float32)
    source = make_video(
        tmp_path / "s.mp4", range(0, 5000, 40), sound=(0, noise, 44100), sound_codec="libmp3lame"
    )
    path = write(tmp_path / "v.mp4", 100, sound=SoundTrack(source, end=4))
    before, after = whole(read_sound(source, 44100, end=4)), whole(read_sound(path, 44100, start=0, end=4))
    shifts = {
        shift: np.dot(before[2000:-2000], after[2000 + shift : len(before) - 2000 + shift])
        for shift in range(-1200, 1200)
    }
    assert max(shifts, key=lambda shift: shifts[shift]) == 0


def test_memory_does_not_grow_with_length(tmp_path):
    write_wav(tmp_path / "long.wav", np.zeros((44100 * 60, 2), np.float32), 44100)
    tracemalloc.start()
    try:
        write(tmp_path / "v.mp4", 300, fps=Fraction(5), sound=SoundTrack(tmp_path / "long.wav"))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000  # the sound is 10.6 MB, 21 MB as floats
    finally:
        tracemalloc.stop()


def test_a_sound_that_fails_on_the_way_leaves_nothing(tmp_path):
    sound = np.zeros((44100, 1), np.float32)
    sound[30000] = np.nan
    with pytest.raises(UserError, match=r"v\.mp4: cannot be written: .*nothing was kept"):
        write(tmp_path / "v.mp4", 25, sound=Source(iter(np.split(sound, 4)), 44100, 1))
    with pytest.raises(UserError, match="does not exist"):
        write(tmp_path / "v.mp4", 25, sound=SoundTrack(tmp_path / "none.wav"))
    assert not names(tmp_path)


@pytest.mark.parametrize("name", ["v.mp4", "v.mov", "pictures"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_named_before_anything_is_written(tmp_path, name, value):
    sound = np.zeros((44100, 2), np.float32)
    sound[30000, 1] = value
    with pytest.raises(UserError, match="samples: expected finite ones; got NaN or infinity at place 30000"):
        write(tmp_path / name, 25, sound=Waveform(sound, 44100))
    assert not names(tmp_path)
