"""Sound of MP4s with several edits goes into a video as it is heard, copied only where a copy is the same."""

import struct

import av
import pytest
from tests.media.judge import beep_times, beeps, ffmpeg, needs_ffmpeg
from tests.media.making import whole, write

from listen_and_move.errors import DamageWarning, UserError
from listen_and_move.media.replacing import telling
from listen_and_move.media.sound import read_sound
from listen_and_move.media.soundtrack import SoundTrack

PRIMING = 1024


def boxes(data: bytes, at: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Kind of each box to its first byte and the one after it."""
    found = {}
    while at < end:
        (size,) = struct.unpack_from(">I", data, at)
        found[data[at + 4 : at + 8]] = at, at + size
        at += size
    return found


def with_edits(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    """An MP4 of one track with another edit list: milliseconds, and the first sample of each."""
    moov = boxes(data, 0, len(data))[b"moov"]
    trak = boxes(data, moov[0] + 8, moov[1])[b"trak"]
    edts = boxes(data, trak[0] + 8, trak[1])[b"edts"]
    body = struct.pack(">II", 0, len(edits)) + b"".join(
        struct.pack(">iiI", length, first, 1 << 16) for length, first in edits
    )
    new = struct.pack(">I4sI4s", len(body) + 16, b"edts", len(body) + 8, b"elst") + body
    changed = bytearray(data[: edts[0]] + new + data[edts[1] :])
    for box in (moov, trak):
        size = box[1] - box[0] + len(new) - (edts[1] - edts[0])
        changed[box[0] : box[0] + 4] = struct.pack(">I", size)
    return bytes(changed)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(2000, 0), (2000, 144000)], [0.9, 1.9, 2.9, 3.9]),  # leaves a second out
        ([(2000, 96000), (2000, 24000)], [0.9, 1.9, 2.4, 3.4]),  # goes back
        ([(4000, 24000)], [0.4, 1.4, 2.4, 3.4]),
    ],
)
def test_edits_are_heard_in_the_video(tmp_path, edits, expected):
    ffmpeg(*beeps(6), "-c:a", "aac", tmp_path / "plain.m4a")
    sound = tmp_path / "edits.m4a"
    data = (tmp_path / "plain.m4a").read_bytes()
    sound.write_bytes(with_edits(data, [(length, first + PRIMING) for length, first in edits]))
    for ending in ("mp4", "mkv"):
        video = write(tmp_path / f"v.{ending}", 100, sound=SoundTrack(sound))
        found = beep_times(whole(read_sound(video, 48000, start=0)), 48000)
        assert found == pytest.approx(expected, abs=0.022)  # an edit begins with the next packet: FFmpeg


@needs_ffmpeg
def test_a_sound_with_one_edit_is_still_copied(tmp_path):
    ffmpeg(*beeps(4), "-c:a", "aac", tmp_path / "plain.m4a")
    ffmpeg("-ss", 1.3, "-i", tmp_path / "plain.m4a", "-c", "copy", tmp_path / "cut.m4a")
    video = write(tmp_path / "v.mp4", 50, sound=SoundTrack(tmp_path / "cut.m4a"))
    before, after = (
        [bytes(packet) for packet in file.demux(file.streams.audio[0]) if packet.size][:90]
        for file in (av.open(str(tmp_path / "cut.m4a")), av.open(str(video)))
    )
    assert before == after


@needs_ffmpeg
def test_damage_is_no_part_of_a_video(tmp_path):
    """The packets of damaged AAC are not copied: what is lost is silence, and all that is written decodes."""
    sound, video = tmp_path / "s.m4a", tmp_path / "v.mp4"
    noise = ["-f", "lavfi", "-i", "anoisesrc=d=3:r=48000:a=0.3"]
    ffmpeg(*noise, "-c:a", "aac", "-b:a", "128k", sound)
    data = bytearray(sound.read_bytes())
    first, end = boxes(bytes(data), 0, len(data))[b"mdat"]
    for place in range(first + (end - first) // 3, first + 2 * (end - first) // 3, 53):
        data[place] ^= 0xFF
    sound.write_bytes(data)
    with pytest.warns(DamageWarning):
        write(video, 80, sound=SoundTrack(sound))
    with av.open(str(video)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(samples / 48_000 - 3.2) < 0.05
    assert not ffmpeg("-i", video, "-vn", "-f", "null", "-")


def test_what_is_wrong_with_a_video_is_no_lack_of_space(tmp_path):
    told = pytest.raises(UserError, match=r"cannot be written: Invalid argument; .* another kind of file")
    with told, telling(tmp_path / "v.mp4"), av.open(str(tmp_path / "v.mp4"), "w") as video:
        stream = video.add_stream("aac", rate=8000)
        for time in (5, 2):
            packet = av.Packet(b"12")
            packet.stream, packet.pts, packet.dts = stream, time, time
            video.mux(packet)
    told = pytest.raises(UserError, match=r"No such file.*; check the space and the rights")
    with told, telling(tmp_path / "v.mp4"):
        (tmp_path / "none" / "v.mp4").touch()
