"""Reading: every frame and every sample at its place, whatever the container claims."""

import struct
import tracemalloc
import wave
from fractions import Fraction
from math import ceil, floor

import av
import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.media.read import centred_box, probe, read_frames, read_sound, sound_samples

RGB_OF = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114)}  # Kr, Kb
SPACES = {"bt709": "bt709", "bt601": "smpte170m"}


def numbered(number: int, width: int, height: int) -> np.ndarray:
    """A grey picture that shows a number as eight upright stripes, black or white."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    return np.repeat(np.repeat(np.array([[0, 255][bit] for bit in bits], np.uint8)[None], height, 0), width // 8, 1)


def number_in(picture: np.ndarray) -> int:
    stripes = picture.mean(axis=(0, 2)).reshape(8, -1).mean(axis=1)
    return sum(1 << bit for bit in range(8) if stripes[bit] > 128)


def make_video(
    path, times, *, tick=Fraction(1, 1000), size=(64, 32), codec="libx264", rate=25, pictures=None, sound=None, **settings
):
    """A video whose frame n shows the number n from ``times[n]`` ticks on; ``sound`` is (start in ticks, samples, rate)."""
    options = (
        {"crf": "10", "preset": "ultrafast", **settings.pop("options", {})} if codec == "libx264" else settings.pop("options", {})
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, settings.get("pix_fmt", "yuv420p")
        stream.codec_context.time_base = tick
        if "aspect" in settings:
            stream.codec_context.sample_aspect_ratio = settings["aspect"]
        if "rotation" in settings:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV cannot write a rotation")
            stream.set_display_rotation(settings["rotation"])
        track = container.add_stream(settings.get("sound_codec", "aac"), rate=sound[2], layout="mono") if sound else None
        for number, time in enumerate(times):
            picture = numbered(number, *size) if pictures is None else pictures[number]
            frame = av.VideoFrame.from_ndarray(picture, format="gray" if picture.ndim == 2 else "rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track:
            start, samples, sound_rate = sound
            for at in range(0, len(samples), 1024):
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1024].astype(np.float32), format="fltp", layout="mono")
                frame.sample_rate, frame.time_base, frame.pts = sound_rate, Fraction(1, sound_rate), start + at
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


def make_planes(path, planes, *, pix_fmt="yuv444p", full=False, matrix="bt709", codec="libx264"):
    """A video of one colour, given as the values of its planes, with marked matrix and range; five frames."""
    colours = {"colorspace": SPACES[matrix], "color_range": "pc" if full else "tv"}
    options = (
        {"qp": "0", "preset": "ultrafast", **colours}
        if codec == "libx264"
        else {"x265-params": "lossless=1:log-level=none", **colours}
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        for number in range(5):
            frame = av.VideoFrame(64, 64, pix_fmt)
            for plane, value in zip(frame.planes, planes, strict=True):
                kind = np.uint16 if "10le" in pix_fmt else np.uint8
                plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, value, kind).tobytes())
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_wav(path, samples, rate):
    """16-bit samples (n, channels), exact."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def make_float_wav(path, samples, rate):
    data = samples.astype("<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, rate, rate * 4, 4, 32, b"data", len(data)
    )
    path.write_bytes(head + data)
    return path


def make_sound(path, samples, rate, codec, options=None):
    """Mono float samples in any codec."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.codec_context.open(strict=False)
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate, stream.codec_context.frame_size)
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def clicks(count: int, step: int) -> np.ndarray:
    samples = np.zeros(count, np.float32)
    samples[step::step] = 0.8
    return samples


def peaks(samples: np.ndarray) -> list[int]:
    return [
        int(at) for at in np.flatnonzero((samples > 0.25) & (samples >= np.roll(samples, 1)) & (samples > np.roll(samples, -1)))
    ]


def whole(blocks) -> np.ndarray:
    return np.concatenate(list(blocks))


def numbers(path, fps, **settings) -> list[int]:
    return [number_in(picture) for picture in read_frames(path, Fraction(fps), width=64, height=32, **settings)]


# ---------------------------------------------------------------------------------------------------------- picture


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """100 frames at 25 fps with B-frames, 4 s."""
    folder = tmp_path_factory.mktemp("steady")
    options = {"preset": "veryfast", "bf": "3"}
    return make_video(folder / "steady.mp4", range(100), tick=Fraction(1, 25), options=options)


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(20), Fraction(25), Fraction(30000, 1001), Fraction(43, 2), Fraction(60)])
@pytest.mark.parametrize("start, end", [(0, None), (1.02, 3.1), (Fraction(1, 3), None)])
def test_frame_t_is_what_is_shown_at_its_instant(steady, fps, start, end):
    begin, until = Fraction(str(start)) if isinstance(start, float) else Fraction(start), Fraction("3.1") if end else Fraction(4)
    instants = [begin + t / fps for t in range(ceil((until - begin) * fps))]
    expected = [floor(instant * 25 + Fraction(1, 100)) for instant in instants]
    assert numbers(steady, fps, start=start, end=end) == expected


def test_frames_of_unequal_length_are_shown_as_long_as_they_last(tmp_path):
    times = [0, 40, 70, 200, 205, 480, 500]
    path = make_video(tmp_path / "unequal.mkv", times)
    assert probe(path).video.variable_rate
    shown = numbers(path, 100)
    assert shown[:50] == [max(n for n, time in enumerate(times) if time <= 10 * t) for t in range(50)]
    assert set(shown[50:]) == {6}


def test_containers_that_count_milliseconds_neither_lose_nor_gain_frames(tmp_path):
    path = make_video(tmp_path / "ms.mkv", [round(n * 1001 / 30) for n in range(90)], rate=Fraction(30000, 1001))
    assert numbers(path, Fraction(30000, 1001)) == list(range(90))


def test_sound_and_picture_share_a_time_line_when_one_starts_late(tmp_path):
    late_picture = make_video(
        tmp_path / "picture.mp4", range(20, 45), tick=Fraction(1, 25), sound=(0, clicks(80000, 8000), 16000)
    )
    assert numbers(late_picture, 25) == [0] * 20 + list(range(25))
    assert probe(late_picture).video.start == Fraction(20, 25)
    for ending in ("mp4", "mkv"):
        path = make_video(tmp_path / f"s.{ending}", range(75), tick=Fraction(1, 25), sound=(8000, clicks(32000, 8000), 16000))
        assert numbers(path, 25) == list(range(75))
        sound = whole(read_sound(path, 16000, start=0))
        assert peaks(sound) == [16000, 24000, 32000]
        assert not sound[:7500].any()
        begin = round(probe(path).sounds[0].start * 16000)  # what the muxers make of the priming differs
        assert abs(begin - 8000) <= 1024
        assert peaks(whole(read_sound(path, 16000))) == [16000 - begin, 24000 - begin, 32000 - begin]


def test_seeking_changes_nothing(tmp_path):
    options = {"preset": "veryfast", "g": "48"}
    path = make_video(tmp_path / "long.mkv", range(0, 16000, 80), options=options)
    assert numbers(path, Fraction(25, 2), start=12) == list(range(150, 200))
    assert numbers(path, Fraction(25, 2), start=Fraction(1279, 100), end=13) == [159, 160, 161]


@pytest.mark.parametrize(
    "ending, codec, pix_fmt", [("mp4", "libx264", "yuv444p"), ("webm", "libvpx-vp9", "yuv420p"), ("mkv", "ffv1", "yuv420p")]
)
def test_odd_sizes(tmp_path, ending, codec, pix_fmt):
    pictures = [np.full((33, 31, 3), 50 * n, np.uint8) for n in range(4)]
    path = make_video(
        tmp_path / f"odd.{ending}", range(0, 160, 40), size=(31, 33), codec=codec, pix_fmt=pix_fmt, pictures=pictures
    )
    info = probe(path).video
    assert (info.width, info.height) == (31, 33)
    shown = list(read_frames(path, Fraction(25), width=31, height=33))
    assert [round(float(picture.mean()) / 50) for picture in shown] == [0, 1, 2, 3]
    assert shown[0].shape == (33, 31, 3)
    assert shown[3].std() < 4  # no dark rim where the last column or row has half a chroma sample


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("box", [None, (2, 5, 22, 35)])
def test_rotated_pictures_are_upright(tmp_path, rotation, box):
    upright = np.zeros((48, 32, 3), np.uint8)  # height 48, width 32, four colours and a mark off centre
    upright[:24, :16], upright[:24, 16:], upright[24:, :16], upright[24:, 16:] = 220, 40, 120, 180
    upright[6:12, 4:10] = 0
    coded = np.ascontiguousarray(np.rot90(upright, rotation // 90))  # turned clockwise by rotation, it is upright again
    path = make_video(
        tmp_path / "r.mp4",
        range(5),
        tick=Fraction(1, 25),
        size=coded.shape[1::-1],
        pictures=[coded] * 5,
        rotation=-rotation,
        pix_fmt="yuv444p",
    )
    info = probe(path).video
    assert (info.width, info.height, info.rotation) == (32, 48, rotation)
    left, top, right, bottom = box or (0, 0, 32, 48)
    picture = next(read_frames(path, Fraction(25), width=right - left, height=bottom - top, box=box))
    assert np.abs(picture.astype(int) - upright[top:bottom, left:right]).mean() < 6


def test_pixels_that_are_not_square_are_displayed_as_meant(tmp_path):
    path = make_video(
        tmp_path / "sar.mkv", range(0, 160, 40), size=(64, 48), aspect=Fraction(4, 3), pictures=[numbered(85, 64, 48)] * 4
    )
    info = probe(path).video
    assert (info.width, info.height, info.coded_width) == (85, 48, 64)
    assert centred_box(info, 16, 9) == (0, 0, 85, 48)
    picture = next(read_frames(path, Fraction(25), width=42, height=24, box=(0, 0, 85, 48)))
    assert [bool(value > 128) for value in picture[12, 3::5, 0][:8]] == [True, False] * 4


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pix_fmt, codec", [("yuv444p", "libx264"), ("yuv420p", "libx264"), ("yuv420p10le", "libx265")])
def test_colours_follow_their_matrix_and_range(tmp_path, matrix, full, pix_fmt, codec):
    colour = np.array([0.9, 0.3, 0.15])
    red, blue = RGB_OF[matrix]
    luma = red * colour[0] + blue * colour[2] + (1 - red - blue) * colour[1]
    planes = [luma, (colour[2] - luma) / (2 * (1 - blue)), (colour[0] - luma) / (2 * (1 - red))]
    scaled = [255 * planes[0], 255 * planes[1] + 128, 255 * planes[2] + 128]
    if not full:
        scaled = [16 + 219 * planes[0], 128 + 224 * planes[1], 128 + 224 * planes[2]]
    depth = 4 if "10le" in pix_fmt else 1
    path = make_planes(
        tmp_path / "c.mp4", [round(value * depth) for value in scaled], pix_fmt=pix_fmt, full=full, matrix=matrix, codec=codec
    )
    picture = next(read_frames(path, Fraction(25), width=64, height=64))
    assert np.abs(picture - 255 * colour).max() <= 3


def test_a_box_is_cut_out_exactly_and_shrinking_averages(tmp_path):
    columns = np.arange(64) * 4
    picture = np.repeat(np.repeat(columns[None, :, None], 48, 0), 3, 2).astype(np.uint8)
    picture[::2] = 255 - picture[::2]  # rows alternate: an average is grey, a picked pixel is not
    path = make_video(tmp_path / "b.mkv", [0, 40], size=(64, 48), pictures=[picture] * 2, codec="ffv1", pix_fmt="yuv444p")
    cropped = next(read_frames(path, Fraction(25), width=20, height=10, box=(7, 3, 27, 13)))
    assert np.abs(cropped.astype(int) - picture[3:13, 7:27]).max() <= 3
    small = next(read_frames(path, Fraction(25), width=10, height=5, box=(7, 3, 27, 13)))
    assert np.abs(small.astype(int) - 127.5).max() <= 3
    uneven = next(read_frames(path, Fraction(25), width=3, height=5, box=(7, 3, 27, 13)))
    assert np.abs(uneven.astype(int) - 127.5).max() <= 3
    large = next(read_frames(path, Fraction(25), width=64, height=96))
    assert large.shape == (96, 64, 3)


@pytest.mark.parametrize("box", [(0, 0, 65, 32), (10, 0, 10, 8), (-1, 0, 8, 8), (0, 20, 8, 33)])
def test_a_box_outside_the_picture_is_refused_with_its_size(steady, box):
    with pytest.raises(UserError, match="64x32"):
        next(read_frames(steady, Fraction(25), width=16, height=16, box=box))


def test_frames_belong_to_the_caller(steady):
    shown = []
    for picture in read_frames(steady, Fraction(50), width=64, height=32, end=1):
        shown.append(number_in(picture))
        picture[:] = 0
    assert shown == [t // 2 for t in range(50)]


# ------------------------------------------------------------------------------------------------------------ sound


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
    heard = whole(read_sound(path, 16000))
    assert len(heard) == 16000
    assert np.abs(heard - tone(16000))[200:-200].max() < 2e-3


def test_channels_are_averaged_before_anything_else(tmp_path):
    noise = np.random.default_rng(0).integers(-30000, 30000, 22050)
    path = make_wav(tmp_path / "opposite.wav", np.stack([noise, -noise], 1), 22050)
    assert not whole(read_sound(path, 16000)).any()


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("start, end", [(0, 1), (0.1, 3.3), (2.5, None), (2.0001, 2.0002), (3.9, 99)])
def test_a_part_is_a_part_of_the_whole(tmp_path, rate, start, end):
    samples = np.random.default_rng(0).integers(-20000, 20000, (rate * 4 + 17, 2))
    path = make_wav(tmp_path / "noise.wav", samples, rate)
    complete = whole(read_sound(path, 16000))
    first, last = (
        floor(Fraction(str(start)) * 16000 + Fraction(1, 2)),
        None if end is None else floor(Fraction(str(end)) * 16000 + Fraction(1, 2)),
    )
    part = whole(read_sound(path, 16000, start=start, end=end))
    assert len(part) == len(complete[first:last])
    assert np.abs(part - complete[first:last]).max() < 1e-5


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


@pytest.mark.parametrize("ending, codec, rate, options", CODED)
def test_priming_of_coders_is_no_sound(tmp_path, ending, codec, rate, options):
    step = rate // 4
    path = make_sound(tmp_path / f"c.{ending}", clicks(rate * 3, step), rate, codec, options)
    heard = whole(read_sound(path, rate))
    assert peaks(heard) == list(range(step, rate * 3, step))
    assert 0 <= len(heard) - rate * 3 < 1024  # at most the rest of the last packet
    assert sound_samples(path) == (len(heard), rate)
    assert probe(path).sounds[0].codec in codec.removeprefix("lib").replace("mp3lame", "mp3")


def test_an_mp3_without_header_is_counted(tmp_path):
    path = make_sound(tmp_path / "plain.mp3", clicks(44100 * 5, 11025), 44100, "libmp3lame", {"write_xing": "0"})
    plain = path.read_bytes()
    frames = plain[plain.index(b"\xff\xfb") :]
    (tmp_path / "cut.mp3").write_bytes(frames[: len(frames) - 100])
    (tmp_path / "twice.mp3").write_bytes(frames + frames)
    count, rate = sound_samples(path)
    assert rate == 44100 and count % 1152 == 0 and count >= 44100 * 5
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
            frame = av.AudioFrame.from_ndarray(np.full((1, 4000), 1000 * (level + 1), np.int16), format="s16", layout="mono")
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
        assert tracemalloc.get_traced_memory()[1] < 3_000_000  # the samples are 3.8 MB, 21 MB before they are mixed
    finally:
        tracemalloc.stop()


# ----------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "use",
    [probe, lambda path: next(read_frames(path, Fraction(25), width=8, height=8)), lambda path: next(read_sound(path, 8000))],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, use):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    for name, words in [("none.mp4", "does not exist"), ("", "folder"), ("empty.mp4", "empty"), ("text.mp4", "cannot be read")]:
        with pytest.raises(UserError, match=words) as told:
            use(tmp_path / name)
        assert "\n" not in str(told.value)


def test_missing_streams_and_impossible_parts_are_told(tmp_path, steady):
    sound = make_wav(tmp_path / "s.wav", np.ones((8000, 1)), 8000)
    frames = {"width": 64, "height": 32}
    for use, words in [
        (lambda: read_sound(steady, 8000), "holds none"),
        (lambda: read_frames(sound, Fraction(25), **frames), "no picture"),
        (lambda: read_frames(steady, Fraction(25), **frames, start=9), "4.00 s"),
        (lambda: read_frames(steady, Fraction(25), **frames, start=12), "4.00 s"),
        (lambda: read_frames(steady, Fraction(25), **frames, start=3, end=2), "end after the start"),
        (lambda: read_frames(steady, Fraction(25), **frames, start=-1), "0 seconds or later"),
        (lambda: read_sound(sound, 8000, start=1), "before the end"),
        (lambda: read_sound(sound, 8000, start=1, end=0.5), "end after the start"),
        (lambda: read_sound(sound, 8000, track=1), "tracks 0; got 1"),
    ]:
        with pytest.raises(UserError, match=words):
            next(use())


def test_damaged_and_cut_off_videos_are_refused(tmp_path):
    path = tmp_path / "good.mkv"
    noise = np.random.default_rng(0).integers(0, 256, (150, 32, 64, 3), np.uint8)
    make_video(path, range(0, 6000, 40), pictures=noise, sound=(0, np.random.default_rng(0).normal(size=96000) / 4, 16000))
    data = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    middle = len(data) // 2
    (tmp_path / "hole.mkv").write_bytes(data[:middle] + bytes(20000) + data[middle + 20000 :])
    assert sum(1 for _ in read_frames(path, Fraction(25), width=8, height=8)) == 150
    for name, words in [("cut.mkv", "cut off|damaged"), ("hole.mkv", "damaged at")]:
        with pytest.raises(UserError, match=words):
            list(read_frames(tmp_path / name, Fraction(25), width=8, height=8))


def test_a_faststart_video_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "good.mp4"
    samples = np.random.default_rng(0).normal(size=160000) / 4
    path = make_sound(path, samples, 16000, "aac", {"movflags": "+faststart"})
    data = path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut off|damaged"):
        sound_samples(tmp_path / "cut.mp4")
    assert sound_samples(tmp_path / "cut.mp4", end=2) == (32000, 16000)


def test_a_file_name_is_a_name_whatever_it_looks_like(tmp_path):
    path = make_wav(tmp_path / "concat%03d ü.wav", np.ones((100, 1)), 8000)
    assert sound_samples(path) == (100, 8000)


# ------------------------------------------------------------------------------------------------------- real media


def video(shared, name):
    return shared / "data" / "videos" / name


def test_edit_list_hides_coded_frames(shared):
    path = video(shared, "nature_whale_12s.mp4")
    info = probe(path)
    assert info.video.edit_list and info.video.frame_rate == 25 and info.video.duration == Fraction(251, 25)
    assert sum(1 for _ in read_frames(path, Fraction(25), width=16, height=16)) == 251
    with av.open(str(path)) as container:
        shown = next(frame for frame in container.decode(video=0) if frame.pts >= 0)
        expected = shown.reformat(16, 9, "rgb24", interpolation="AREA").to_ndarray()
    first = next(read_frames(path, Fraction(25), width=16, height=9))
    assert np.abs(first.astype(int) - expected).mean() < 6
    assert abs(sound_samples(path)[0] / 44100 - 10.003) < 0.025


@pytest.mark.parametrize(
    "name, fps, count, size",
    [
        ("animal_beagle_bark_6s.mp4", Fraction(30000, 1001), 180, (398, 224)),
        ("percussion_drumkit_front_10s.mp4", Fraction(43, 2), 216, (640, 360)),
        ("percussion_drummer_portrait_36s.mp4", Fraction(1090000, 36301), 1090, (204, 360)),
        ("percussion_drums_back_10s.mp4", Fraction(25), 251, (299, 224)),  # 298 coded, pixels slightly wide
        ("film_friday_6s.mp4", Fraction(30), 185, (640, 480)),
        ("paper_talking_head_5s.mp4", Fraction(20), 100, (256, 256)),  # 106 coded, six hidden by an edit list
    ],
)
def test_real_videos_give_every_frame_once(shared, name, fps, count, size):
    info = probe(video(shared, name)).video
    assert (info.frame_rate, (info.width, info.height)) == (fps, size)
    assert sum(1 for _ in read_frames(video(shared, name), fps, width=16, height=16)) == count


def test_hevc_in_portrait_is_upright(shared):
    path = video(shared, "talking_body_man2_vertical_20s.mp4")
    info = probe(path).video
    assert (info.codec, info.width, info.height, info.pixel_format) == ("hevc", 1080, 1920, "yuv420p")
    assert centred_box(info, 128, 128) == (0, 420, 1080, 1500)
    assert len(list(read_frames(path, Fraction(20), width=64, height=64, end=1))) == 20


def test_sixty_frames_and_mp3_in_mp4(shared):
    path = video(shared, "melodic_ukulele_duet_60s.mp4")
    info = probe(path)
    assert (info.video.frame_rate, info.sounds[0].codec) == (60, "mp3")
    assert len(list(read_frames(path, Fraction(20), width=16, height=16, start=58))) == 40
    assert len(whole(read_sound(path, 16000, start=1, end=2.5))) == 24000
    assert abs(sound_samples(path)[0] - 60 * 44100) < 2 * 1152


@pytest.mark.parametrize(
    "name, count",
    [
        ("music_bach_organ.mp3", (442368, 44100)),
        ("music_piano_liszt.mp3", (1280000, 32000)),
        ("speech_jfk.flac", (485100, 44100)),
        ("horn_car.wav", (30319, 44100)),
        ("animal_robin_whistle.ogg", (59505, 22050)),
        ("music_vibe_ace_jazz.ogg", (1355168, 22050)),
    ],
)
def test_real_sounds_are_counted_and_cover_art_is_no_picture(shared, name, count):
    path = shared / "data" / "sounds" / name
    assert sound_samples(path) == count
    assert probe(path).video is None
    with pytest.raises(UserError, match="no picture"):
        next(read_frames(path, Fraction(25), width=8, height=8))
