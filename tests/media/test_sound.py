"""Reading sound: every sample at its place, whatever the container claims."""

import struct
import tracemalloc
from fractions import Fraction
from math import ceil, floor

import av
import numpy as np
import pytest
from tests.media.judge import beeps, ffmpeg, heard, needs_ffmpeg
from tests.media.making import clicks, make_sound, make_wav, peaks, whole

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound, sound_gaps, sound_samples


def make_float_wav(path, samples, rate):
    data = samples.astype("<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(data),
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        rate,
        rate * 4,
        4,
        32,
        b"data",
        len(data),
    )
    path.write_bytes(head + data)
    return path


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_wav_is_the_mean_of_its_channels_sample_by_sample(tmp_path, rate, channels):
    samples = np.random.default_rng(channels).integers(-32768, 32768, (rate // 10 + 3, channels))
    path = make_wav(tmp_path / "s.wav", samples, rate)
    assert np.array_equal(whole(read_sound(path, rate)), (samples.mean(1) / 32768).astype(np.float32))
    assert sound_samples(path) == (len(samples), rate)
    assert len(whole(read_sound(path, 16000))) == ceil(Fraction(len(samples) * 16000, rate))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 192000])
def test_resampling_keeps_time_and_level(tmp_path, rate):
    tone = lambda rate: 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)  # noqa: E731
    path = make_wav(tmp_path / "tone.wav", np.rint(32768 * tone(rate))[:, None], rate)
    samples = whole(read_sound(path, 16000))
    assert len(samples) == 16000
    assert np.abs(samples - tone(16000))[200:-200].max() < 2e-3


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (0.1, 3.3), (2.5, None), (2.0001, 2.0002), (3.9, 99)])
def test_a_part_is_a_part_of_the_whole(tmp_path, rate, start, end):
    samples = np.random.default_rng(0).integers(-20000, 20000, (rate * 4 + 17, 2))
    path = make_wav(tmp_path / "noise.wav", samples, rate)
    complete = whole(read_sound(path, 16000))
    first, last = (
        floor(Fraction(str(start)) * 16000 + Fraction(1, 2)),
        None if end is None else floor(Fraction(str(end)) * 16000 + Fraction(1, 2)),
    )
    section = whole(read_sound(path, 16000, start=start, end=end))
    assert len(section) == len(complete[first:last])
    assert np.abs(section - complete[first:last]).max() < 1e-5


CODED = [
    ("flac", "flac", 44100, None),
    ("ogg", "libopus", 48000, None),
    ("webm", "libopus", 48000, None),
    ("mp3", "libmp3lame", 44100, None),
    ("mp3", "libmp3lame", 22050, None),
    ("m4a", "aac", 44100, None),
    ("m4a", "aac", 8000, None),
    ("mka", "aac", 48000, None),
    ("mka", "flac", 96000, None),
]


@pytest.mark.parametrize(("ending", "codec", "rate", "options"), CODED)
def test_priming_of_coders_is_no_sound(tmp_path, ending, codec, rate, options):
    step = rate // 4
    path = make_sound(tmp_path / f"c.{ending}", clicks(rate * 3, step), rate, codec, options)
    samples = whole(read_sound(path, rate))
    assert peaks(samples) == list(range(step, rate * 3, step))
    assert 0 <= len(samples) - rate * 3 < 1024  # at most the rest of the last packet
    assert sound_samples(path) == (len(samples), rate)
    assert probe(path).sounds[0].codec in codec.removeprefix("lib").replace("mp3lame", "mp3")


def test_an_mp3_without_header_is_counted(tmp_path):
    path = make_sound(
        tmp_path / "plain.mp3", clicks(44100 * 5, 11025), 44100, "libmp3lame", {"write_xing": "0"}
    )
    plain = path.read_bytes()
    frames = plain[plain.index(b"\xff\xfb") :]
    (tmp_path / "cut.mp3").write_bytes(frames[: len(frames) - 100])
    (tmp_path / "twice.mp3").write_bytes(frames + frames)
    count, rate = sound_samples(path)
    assert rate == 44100
    assert count % 1152 == 0
    assert count >= 44100 * 5
    assert sound_samples(tmp_path / "cut.mp3")[0] in (count - 1152, count)
    assert sound_samples(tmp_path / "twice.mp3")[0] == 2 * count
    assert len(whole(read_sound(path, 16000))) == ceil(count * 16000 / 44100)


def test_a_gap_in_the_time_stamps_is_silence(tmp_path):
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for at in [*range(0, 8000, 400), *range(12000, 16000, 400)]:
            frame = av.AudioFrame.from_ndarray(np.full((1, 400), 8192, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 8000, Fraction(1, 8000), at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    expected = np.full(16000, 0.25, np.float32)
    expected[8000:12000] = 0
    assert np.array_equal(whole(read_sound(path, 8000)), expected)
    assert np.array_equal(whole(read_sound(path, 8000, start=0.9, end=1.6)), expected[7200:12800])
    assert sound_samples(path, start=0.9, end=1.6) == (5600, 8000)


def test_where_the_picture_has_no_sound(tmp_path):
    path = tmp_path / "gap.mkv"
    samples = np.full(1000, 8000, np.int16)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 32, "yuv420p"
        track = container.add_stream("pcm_s16le", rate=1000, layout="mono")
        black = av.VideoFrame.from_ndarray(np.zeros((32, 64), np.uint8), "gray").reformat(format="yuv420p")
        for number in range(100):
            black.pts, black.time_base = number, Fraction(1, 10)
            container.mux(picture.encode(black))
        container.mux(picture.encode(None))
        for second in (2, 3, 6):
            frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.rate, frame.pts, frame.time_base = 1000, 1000 * second, Fraction(1, 1000)
            container.mux(track.encode(frame))
    for (start, end), gaps in {
        (0, 10): [(0, 2), (4, 6), (7, 10)],
        (0, 1): [(0, 1)],
        (3, 4): [],
        (3, 5): [(4, 5)],
        (Fraction(30001, 10000), Fraction(40001, 10000)): [],
        (8, Fraction(99999, 10000)): [(8, Fraction(99999, 10000))],
    }.items():
        assert sound_gaps(path, start, end) == gaps, (start, end)
    with pytest.raises(UserError, match="before the end"):
        sound_samples(path, start=8)
    with pytest.raises(UserError, match="before the end"):
        next(read_sound(path, 1000, end=1))  # a sound that is heard from its beginning on, which is later


@pytest.mark.parametrize("rate", [1, 999, 1_000_001, 2**31 - 1])
def test_rates_that_no_sound_has_are_refused(tmp_path, rate):
    path = make_wav(tmp_path / "s.wav", np.ones((5000, 1)), rate)
    with pytest.raises(UserError, match=f"expected 1000 to 1000000 samples per second; got {rate}"):
        next(read_sound(path, 16000))


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["pcm_s64le", "pcm_f64le"])
def test_samples_of_64_bits(tmp_path, codec):
    path = tmp_path / "s.nut"
    ffmpeg(*beeps(1, 8000), "-c:a", codec, path)
    assert np.array_equal(whole(read_sound(path, 8000)), heard(path, 1)[:, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_second(tmp_path, bad):
    samples = np.zeros(40000, np.float32)
    samples[20000] = bad
    path = make_float_wav(tmp_path / "bad.wav", samples, 8000)
    with pytest.raises(UserError, match=r"2\.50 s"):
        whole(read_sound(path, 16000))
    assert len(whole(read_sound(path, 8000, end=2))) == 16000


def test_every_track_is_reached(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=rate, layout="mono") for rate in (8000, 16000)]
        for level, stream in enumerate(streams):
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 4000), 1000 * (level + 1), np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = stream.rate, 0
            container.mux(stream.encode(frame))
    assert [(sound.track, sound.sample_rate) for sound in probe(path).sounds] == [(0, 8000), (1, 16000)]
    assert sound_samples(path, track=1) == (4000, 16000)
    assert np.allclose(whole(read_sound(path, 16000, track=1)), 2000 / 32768)
    for track in (2, -1):
        with pytest.raises(UserError, match="0, 1"):
            sound_samples(path, track=track)


def test_memory_does_not_grow_with_length(tmp_path):
    path = make_wav(tmp_path / "long.wav", np.ones((44100 * 60, 2), np.int16), 44100)
    tracemalloc.start()
    try:
        assert sum(len(block) for block in read_sound(path, 16000)) == 960000
        assert (
            tracemalloc.get_traced_memory()[1] < 3_000_000
        )  # the samples are 3.8 MB, 21 MB before they are mixed
    finally:
        tracemalloc.stop()
