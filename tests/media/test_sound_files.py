"""Sound of files as people have them, with ffmpeg as the judge of what is heard."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.judge import beep_times, beeps, ffmpeg, heard, needs_ffmpeg
from tests.media.making import clicks, make_video, numbers, peaks, whole

from listen_and_move.errors import DamageWarning, UserError
from listen_and_move.media import sound
from listen_and_move.media.decoding import Decoder
from listen_and_move.media.sound import read_sound, sound_samples

RATE = 48000


def rf64(path, seconds: int, beeps_at: list[float]) -> None:
    """A WAV of more than 4 GB: silence, which takes no room on the disk, and beeps of 0.1 s."""
    tone = np.rint(8000 * np.sin(np.arange(RATE // 10) / 5)).astype("<i2").tobytes()
    size = seconds * RATE * 2
    head = struct.pack(
        "<4sI4s4sIQQQI", b"RF64", 2**32 - 1, b"WAVE", b"ds64", 28, 72 + size, size, size // 2, 0
    )
    form = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", 2**32 - 1)
    with path.open("wb") as file:
        file.write(head + form)
        file.truncate(len(head + form) + size)
        for second in beeps_at:
            file.seek(len(head + form) + round(second * RATE) * 2)
            file.write(tone)


def test_a_part_of_a_wav_beyond_4_gb_is_sought(tmp_path, monkeypatch):
    path, seconds = tmp_path / "big.wav", 45000
    rf64(path, seconds, [1, 44000.25, 44998.5])
    if path.stat().st_blocks * 512 > 2**24:
        pytest.skip("files cannot have holes here")
    taken = []

    class Counting(Decoder):
        def __iter__(self):
            for frame in super().__iter__():
                taken.append(frame.samples)
                yield frame

    monkeypatch.setattr(sound, "Decoder", Counting)
    samples = whole(read_sound(path, 16000, start=44000, end=44001))
    assert len(samples) == 16000
    assert beep_times(samples, 16000) == [0.25]
    assert sound_samples(path, start=44990) == (10 * RATE, RATE)
    assert beep_times(whole(read_sound(path, RATE, start=44990)), RATE) == [8.5]
    assert len(taken) < 600
    with pytest.raises(UserError, match="before the end of the sound"):
        sound_samples(path, start=seconds)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "codec"),
    [("wav", "pcm_s24le"), ("w64", "pcm_s16le"), ("aiff", "pcm_s16be"), ("caf", "pcm_f32le")],
)
def test_seeking_is_exact(tmp_path, ending, codec):
    path = tmp_path / f"s.{ending}"
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=30:r=44100:seed=1", "-c:a", codec, path)
    complete = whole(read_sound(path, 44100))
    for start, end in ((12, 13), (20.12345, 21), (29.9, None)):
        first, last = round(start * 44100), None if end is None else end * 44100
        assert np.array_equal(whole(read_sound(path, 44100, start=start, end=end)), complete[first:last])


@needs_ffmpeg
def test_vorbis_in_ogg_has_no_holes(tmp_path):
    """FFmpeg stamps a block of another size than the one before 9 ms too late."""
    path = tmp_path / "s.ogg"
    ffmpeg(*beeps(3), "-c:a", "libvorbis", path)
    assert np.allclose(whole(read_sound(path, RATE)), heard(path, 1)[:, 0], atol=1e-5)


@needs_ffmpeg
def test_a_recording_goes_on_at_another_rate(tmp_path):
    """Joined streams of AAC, as radio is recorded."""
    parts = []
    for number, rate in enumerate((48000, 44100, 22050)):
        ffmpeg(*beeps(2, rate), "-c:a", "aac", tmp_path / f"{number}.aac")
        parts.append((tmp_path / f"{number}.aac").read_bytes())
    path = tmp_path / "joined.aac"
    path.write_bytes(b"".join(parts))
    samples, judged = whole(read_sound(path, RATE)), heard(path, 1)[:, 0]
    assert 0 <= len(samples) - len(judged) < 100  # ffmpeg leaves away what its filter holds back
    assert beep_times(samples, RATE) == pytest.approx(beep_times(judged, RATE), abs=0.002)
    assert len(beep_times(samples, RATE)) == 6


def ape_tag(items: int) -> bytes:
    """Tags as other programs than ffmpeg write them, before the old ones of 128 bytes."""
    body = b"".join(struct.pack("<II", 4, 0) + b"KEY%d\0word" % number for number in range(items))
    ends = (
        struct.pack("<IIIQ", 2000, len(body) + 32, items, 0)[:-8] + flags
        for flags in (b"\0\0\0\xa0", bytes(4))
    )
    head, foot = (b"APETAGEX" + end + bytes(8) for end in ends)
    return head + body + foot + b"TAG" + bytes(125)


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore::listen_and_move.errors.DamageWarning")
@pytest.mark.parametrize(
    "between", [b"", ape_tag(200), b"ID3\4\0\0\0\0\100\0" + bytes(1 << 13)], ids=["id3", "ape", "cover"]
)
def test_joined_mp3s_with_tags_inside(tmp_path, between):
    parts = []
    for number in range(2):
        path = tmp_path / f"{number}.mp3"
        ffmpeg(*beeps(3, 44100), "-c:a", "libmp3lame", "-metadata", f"title={'word' * 300}", path)
        parts.append(path.read_bytes())
    path = tmp_path / "joined.mp3"
    path.write_bytes(between.join(parts))
    samples = whole(read_sound(path, 44100))
    assert np.allclose(samples, heard(path, 1)[:, 0], atol=1e-5)
    assert len(beep_times(samples, 44100)) == 6


@needs_ffmpeg
def test_joined_ogg(tmp_path):
    ffmpeg(*beeps(2), "-c:a", "libvorbis", tmp_path / "part.ogg")
    path = tmp_path / "joined.ogg"
    path.write_bytes((tmp_path / "part.ogg").read_bytes() * 3)
    assert len(beep_times(whole(read_sound(path, RATE)), RATE)) == 6


@needs_ffmpeg
@pytest.mark.parametrize("begin", [0, 100], ids=["set-back", "jump"])
@pytest.mark.parametrize("delay", [0, 0.4], ids=["together", "sound-late"])
def test_joined_recordings_keep_their_sound_with_their_picture(tmp_path, begin, delay):
    """A click comes with picture 25 and with picture 50, in the second part too."""
    count, fps = 75, 25
    sound = (round(delay * 16000), clicks(48000, 16000)[round(delay * 16000) :], 16000)
    plain = make_video(tmp_path / "a.mp4", range(count), tick=1 / Fraction(fps), sound=sound)
    parts = [tmp_path / f"{number}.ts" for number in range(2)]
    for part, offset in zip(parts, (0, begin), strict=True):
        ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", offset, part)
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    shown = numbers(path, 200)
    clicked = peaks(whole(read_sound(path, 16000, start=0)))
    pictures = [shown[at * 200 // 16000 + 1] for at in clicked]
    assert pictures == [25, 50, 25, 50]


@needs_ffmpeg
@pytest.mark.parametrize("ending", ["m4a", "mka", "flac"])
def test_what_is_damaged_is_silent_and_the_rest_in_its_place(tmp_path, ending):
    path, tone = tmp_path / f"s.{ending}", "0.4*sin(440*2*PI*t)+0.2*sin(977*2*PI*t)"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"aevalsrc={tone}:s={RATE}:d=6",
        "-c:a",
        "flac" if ending == "flac" else "aac",
        path,
    )
    complete = whole(read_sound(path, RATE))
    with av.open(str(path)) as file:
        place = next(packet.pos for packet in file.demux() if packet.pts * packet.time_base >= 3) + 20
    data = bytearray(path.read_bytes())
    data[place : place + 60] = np.random.default_rng(0).bytes(60)
    path.write_bytes(data)
    with pytest.warns(
        DamageWarning, match=r"is damaged at [23]\.[019] s: what cannot be decoded there is skipped"
    ):
        samples = whole(read_sound(path, RATE))
    assert abs(len(samples) - len(complete)) < RATE / 1000  # Matroska counts milliseconds
    before, after = round(2.9 * RATE), round(2.7 * RATE)
    assert np.allclose(samples[:before], complete[:before], atol=0.01)
    assert np.allclose(samples[-after:], complete[-after:], atol=0.01)
    assert np.abs(samples[before:-after]).min() == 0
