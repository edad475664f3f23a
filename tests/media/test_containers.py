"""Containers as recorders, cutters and joiners leave them: every frame at its instant, the length found."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.making import clicks, make_video, numbered, numbers, peaks, picture_of, whole

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here")
FPS = 25
COUNT = 75


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of H.264 whose B-frames refer to each other in layers, with clicks; keyframes at each
    second."""
    options = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "g": "25", "sc_threshold": "0"}
    folder, sound = tmp_path_factory.mktemp("layered"), (0, clicks(48_000, 16_000), 16_000)
    return make_video(folder / "a.mp4", range(COUNT), tick=Fraction(1, FPS), options=options, sound=sound)


def ffmpeg(*arguments: object) -> bytes:
    """What ffmpeg writes to its standard output."""
    line = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout


def first_shown(shown: list[int], fps: int) -> dict[int, float]:
    """Second at which each frame is shown first."""
    return {number: shown.index(number) / fps for number in dict.fromkeys(shown)}


def best_effort(path: Path) -> list[float]:
    """Instants of the frames as ffprobe says them, on the clock of the file."""
    entry = "frame=best_effort_timestamp_time"
    line = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", entry, "-of", "csv=p=0", path]
    found = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return [float(each.strip(",")) for each in found if "N/A" not in each]


@pytest.mark.parametrize(
    "coding",
    [["copy"], ["mpeg4", "-vtag", "xvid", "-bf", "2", "-q:v", "2"], ["mpeg4", "-q:v", "2"]],
    ids=["h264", "xvid", "mpeg4"],
)
def test_avi_shows_every_frame_when_ffmpeg_does(layered, tmp_path, coding):
    path = tmp_path / "a.avi"
    ffmpeg("-i", layered, "-c:v", *coding, "-c:a", "mp3", path)
    times = first_shown(numbers(path, 200), 200)
    assert list(times) == list(range(COUNT))
    expected = best_effort(path)  # those at the end have none
    assert [times[number] for number in range(1, len(expected))] == pytest.approx(expected[1:], abs=0.006)
    steps = np.diff([times[number] for number in range(1, COUNT)])
    assert steps == pytest.approx([1 / FPS] * len(steps), abs=0.006)
    assert float(picture_of(path).frame_rate) == pytest.approx(FPS, abs=1)


@pytest.mark.parametrize("ending", ["mkv", "ts", "avi", "vob", "flv", "ogv"])
def test_a_part_is_a_part_of_the_whole(tmp_path, ending):
    options = {"preset": "veryfast", "bf": "3", "g": "50", "x264-params": "open-gop=1"}
    whole = make_video(tmp_path / "a.mp4", range(0, 400), tick=Fraction(1, FPS), options=options)
    path = tmp_path / f"a.{ending}"
    coding = {"vob": ["mpeg2video", "-q:v", "3", "-bf", "2"], "ogv": ["libtheora", "-q:v", "9"]}
    ffmpeg("-i", whole, "-c:v", *coding.get(ending, ["copy"]), path)
    shown = numbers(path, 30)
    for start in (11, Fraction("13.9"), 14):
        assert numbers(path, 30, start=start, end=15) == shown[int(start * 30) : 450]


@pytest.mark.parametrize("ending", ["mkv", "webm"])
def test_matroska_that_does_not_start_at_0(layered, tmp_path, ending):
    coding = ["-c", "copy"] if ending == "mkv" else ["-c:v", "libvpx", "-b:v", "1M", "-c:a", "libopus"]
    ffmpeg("-i", layered, *coding, tmp_path / f"whole.{ending}")
    path = tmp_path / f"late.{ending}"
    late = ["-output_ts_offset", "40"]
    ffmpeg("-i", tmp_path / f"whole.{ending}", "-c", "copy", *late, path)
    assert float(picture_of(path).duration) == pytest.approx(3, abs=0.002)
    assert float(probe(path).duration) == pytest.approx(3, abs=0.1)
    assert list(dict.fromkeys(numbers(path, FPS))) == list(range(COUNT))


@pytest.mark.parametrize("begin", [0, 100], ids=["set-back", "jump"])
@pytest.mark.parametrize("ending", ["ts", "vob"])
def test_joined_recordings_follow_each_other(layered, tmp_path, begin, ending):
    coding = ["-c", "copy"] if ending == "ts" else ["-c:v", "mpeg2video", "-q:v", "3", "-bf", "2"]
    parts = [tmp_path / f"{number}.{ending}" for number in range(2)]
    for part, offset in zip(parts, (0, begin), strict=True):
        ffmpeg("-i", layered, *coding, "-output_ts_offset", offset, part)
    path = tmp_path / f"joined.{ending}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    shown = numbers(path, FPS)
    assert len(shown) == pytest.approx(2 * COUNT, abs=4), "the sound lasts a little longer than the picture"
    seen = [number for before, number in zip([-1, *shown], shown, strict=False) if number != before]
    assert seen == [*range(COUNT), *range(COUNT)]
    assert float(picture_of(path).duration) == pytest.approx(6, abs=0.1)
    places = numbers(path, 1000)
    sound = whole(read_sound(path, 16_000, start=0))
    heard = [places[at // 16 + 5] for at in peaks(sound)]
    assert heard == [25, 50, 25, 50], "picture and sound stay together"


def test_streams_that_appear_later_are_no_trouble(layered, tmp_path):
    """PyAV reads memory that nobody wrote there: it fails now and then."""
    for number, first in enumerate((0x100, 0x200)):
        pids = ["-streamid", f"0:{first}", "-streamid", f"1:{first + 1}"]
        ffmpeg("-stream_loop", 4, "-i", layered, "-c", "copy", *pids, tmp_path / f"{number}.ts")
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join((tmp_path / f"{number}.ts").read_bytes() for number in range(2)))
    assert float(picture_of(path).duration) == pytest.approx(15, abs=0.3)
    assert set(numbers(path, FPS)) == set(range(COUNT))


def test_a_part_behind_a_join(tmp_path):
    options = {"preset": "veryfast", "bf": "3", "g": "50"}
    whole = make_video(tmp_path / "a.mp4", range(200), tick=Fraction(1, FPS), options=options)
    ffmpeg("-i", whole, "-c", "copy", tmp_path / "a.ts")
    path = tmp_path / "joined.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() * 2)
    assert numbers(path, FPS, start=13, end=14) == list(range(125, 150))


def test_a_frame_that_lasts_for_ever_is_refused(tmp_path):
    path = make_video(tmp_path / "gap.mkv", [0, 40, 3_000_000])
    with pytest.raises(UserError, match=r"a frame at 0.04 s that lasts for 3000 s, more than 600 s"):
        list(read_frames(path, Fraction(25), width=8, height=8))
    assert numbers(path, FPS, end=1) == [0] + [1] * 24
    path = make_video(tmp_path / "last.mp4", [0, 1, 2], tick=Fraction(1, 25))
    data = path.read_bytes()
    table = data.index(b"stts") + 8  # entries of (frames, ticks)
    count = int.from_bytes(data[table : table + 4], "big")
    last = table + 8 * count
    path.write_bytes(data[:last] + (1 << 30).to_bytes(4, "big") + data[last + 4 :])
    with pytest.raises(UserError, match="lasts for"):
        list(read_frames(path, Fraction(25), width=8, height=8))


def test_a_length_that_no_container_says_is_read(layered, tmp_path):
    live, raw = tmp_path / "live.webm", tmp_path / "raw.h264"
    coding = ["-c:v", "libvpx", "-b:v", "1M", "-c:a", "libopus"]
    live.write_bytes(ffmpeg("-i", layered, *coding, "-live", "1", "-f", "webm", "-"))  # as MediaRecorder
    assert float(probe(live).duration) == pytest.approx(3, abs=0.1)
    assert float(picture_of(live).duration) == pytest.approx(3, abs=0.002)
    ntsc = Fraction(30_000, 1001)
    ffmpeg("-r", ntsc, "-i", layered, "-c:v", "libx264", "-bf", "3", "-an", raw)
    assert picture_of(raw).frame_rate == ntsc
    assert probe(raw).duration == picture_of(raw).duration == COUNT / ntsc
    assert numbers(raw, ntsc) == list(range(COUNT))
    ffmpeg("-i", layered, "-vn", "-c:a", "copy", tmp_path / "raw.aac")
    assert float(probe(tmp_path / "raw.aac").duration) == pytest.approx(3, abs=0.2)
    shutil.copy(live, tmp_path / "other.webm")
    probe(live)
    live.write_bytes((tmp_path / "raw.aac").read_bytes())
    assert probe(live).video is None, "what was read is not kept for another file of this name"


def test_raw_mpeg_2_begins_with_its_first_frame(layered, tmp_path):
    ffmpeg("-i", layered, "-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", "-an", tmp_path / "raw.m2v")
    assert numbers(tmp_path / "raw.m2v", FPS) == list(range(COUNT))


def test_packets_without_data_show_the_same_picture_again(tmp_path):
    shown = [0, 1, 2] + [3] * 9 + [4, 5] + [6] * 20
    pictures = [numbered(number, 64, 32) for number in shown]
    times = range(0, 40 * len(shown), 40)
    whole = make_video(tmp_path / "a.mkv", times, codec="ffv1", pictures=pictures)
    ffmpeg("-i", whole, "-c:v", "libtheora", "-q:v", "9", "-page_duration", 1, tmp_path / "a.ogv")
    assert numbers(tmp_path / "a.ogv", FPS) == shown
