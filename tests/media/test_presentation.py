"""Pictures as they are meant: interlaced, transparent, with a clean aperture, of changing size."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.judge import ffmpeg, needs_ffmpeg, seen
from tests.media.making import blobs, make_video, numbered, numbers, picture_of

from listen_and_move.inspection.inspection import inspect
from listen_and_move.media.conversion import rgb
from listen_and_move.media.picture import read_frames, source_frames

FPS = Fraction(25)
pytestmark = needs_ffmpeg


def shown(path, width, height, **settings):
    frames = read_frames(path, FPS, width=width, height=height, **settings)
    return np.stack(list(frames)).astype(int)


@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_pictures_are_deinterlaced_frame_by_frame(tmp_path, first, codec):
    path, top = tmp_path / "i.ts", int(first == "tff")
    moving = f"testsrc2=s=128x96:r=50:d=1,hue=s=0,tinterlace={4 if top else 5},setfield={first}"
    words = ["-c:v", codec, "-flags", "+ildct+ilme", "-top", top]
    words += ["-qp", 1, "-x264-params", f"{first}=1"] if codec == "libx264" else ["-q:v", 2]
    ffmpeg("-f", "lavfi", "-i", moving, *words, path)
    expected = seen(path, 128, 96, "bwdif=mode=send_frame")
    ours = shown(path, 128, 96)
    assert len(ours) == len(expected) == 25
    combed = seen(path, 128, 96)
    assert np.abs(ours - expected).mean() < 0.3 < 1.2 < np.abs(ours - combed).mean()
    at_size = np.stack([rgb(frame) for frame in source_frames(path, FPS, box=(0, 0, 128, 96))])
    assert np.abs(at_size - expected.astype(int)).mean() < 0.5
    assert "deinterlaced" in picture_of(path).remarks


def test_interlaced_frames_stay_at_their_times_and_others_stay_as_they_are(tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = make_video(tmp_path / "i.mkv", range(0, 4000, 40), options=options)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    assert numbers(path, 25) == list(range(100))
    assert numbers(path, 25, start=Fraction(1), end=2) == list(range(25, 50))
    progressive = make_video(tmp_path / "p.mkv", range(0, 4000, 40))
    assert picture_of(progressive).remarks == ()


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("mov", ["-c:v", "qtrle", "-pix_fmt", "argb"]),
        ("mov", ["-c:v", "png", "-pix_fmt", "rgba"]),
        ("mov", ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"]),
        ("mkv", ["-c:v", "ffv1", "-pix_fmt", "yuva420p"]),
        ("webm", ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-lossless", 1]),
        ("webm", ["-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", 0, "-crf", 4, "-b:v", "2M"]),
    ],
)
def test_transparent_pictures_are_blended_onto_black(tmp_path, ending, words):
    path = tmp_path / f"a.{ending}"
    halves = "if(lt(X,32),255,if(lt(Y,32),128,0))"
    colours = f"color=0xff8040:s=64x64:r=25:d=0.2,format=rgba,geq=r=255:g=128:b=64:a='{halves}'"
    ffmpeg("-f", "lavfi", "-i", colours, *words, path)
    colour = np.array([255, 128, 64])
    expected = np.zeros((64, 64, 3))
    expected[:, :32], expected[:32, 32:] = colour, colour * 128 / 255
    inside = np.ones((64, 64), bool)
    inside[:, 28:36] = inside[28:36] = False  # chroma is coarse there, and the codec's edges are soft
    picture = shown(path, 64, 64)[0]
    assert np.abs(picture - expected)[inside].max() <= 5
    at_size = rgb(next(source_frames(path, FPS, box=(0, 0, 64, 64))))
    assert np.abs(at_size - expected)[inside].max() <= 5
    small = shown(path, 2, 2)[0]
    assert np.abs(small - expected.reshape(2, 32, 2, 32, 3).mean((1, 3))).max() <= 6
    assert "blended onto black where it is transparent" in picture_of(path).remarks


def test_the_fourth_byte_of_uncompressed_pixels_is_no_opacity(tmp_path):
    path = tmp_path / "raw.avi"
    colour = "color=0xff8040:s=64x64:r=25:d=0.2,format=rgba,colorchannelmixer=aa=0"
    ffmpeg("-f", "lavfi", "-i", colour, "-c:v", "rawvideo", "-pix_fmt", "bgra", path)
    assert np.abs(shown(path, 64, 64)[0] - [255, 128, 64]).max() <= 1
    assert picture_of(path).remarks == ()


def with_clean_aperture(source, path, *sides: int):
    """A copy of an MP4 whose first picture has a box clap: width, height and offset of its centre."""
    data = bytearray(source.read_bytes())
    box = struct.pack(">I4s8i", 40, b"clap", *(number for side in sides for number in (side, 1)))
    place, enclosing = 0, []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        while data[place + 4 : place + 8] != name:
            place += int.from_bytes(data[place : place + 4], "big")
        enclosing.append(place)
        place += 16 if name == b"stsd" else 8
    end = enclosing[-1] + int.from_bytes(data[enclosing[-1] : enclosing[-1] + 4], "big")
    for place in enclosing:
        data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + 40).to_bytes(4, "big")
    data[end:end] = box
    path.write_bytes(data)
    return path


def test_of_a_picture_with_a_clean_aperture_nothing_else_is_shown(tmp_path):
    picture = blobs(160, 120)
    whole = make_video(
        tmp_path / "w.mp4", range(25), tick=Fraction(1, 25), size=(160, 120), pictures=[picture] * 25
    )
    path = with_clean_aperture(whole, tmp_path / "clean.mp4", 120, 100, 4, -2)
    info = picture_of(path)
    assert (info.width, info.height, info.coded_width, info.coded_height) == (120, 100, 160, 120)
    assert info.remarks == ("the clean aperture alone, 120x100 of 160x120",)
    assert inspect(path).lines()[1] == "picture: the clean aperture alone, 120x100 of 160x120"
    expected = shown(whole, 120, 100, box=(24, 8, 144, 108))[0]
    assert np.abs(shown(path, 120, 100)[0] - expected).mean() < 1
    part = shown(path, 50, 60, box=(10, 20, 60, 80))[0]
    assert np.abs(part - expected[20:80, 10:60]).mean() < 1
    at_size = rgb(next(source_frames(path, FPS, box=(0, 0, 120, 100))))
    assert np.abs(at_size - expected).mean() < 2
    for sides in ((0, 100, 0, 0), (4000, 100, 0, 0), (120, 100, 500, 0)):  # nonsense is not obeyed
        assert picture_of(with_clean_aperture(whole, tmp_path / "no.mp4", *sides)).width == 160


def test_the_shape_of_pixels_is_obeyed_unless_it_is_absurd(tmp_path):
    path = make_video(tmp_path / "wide.mkv", range(0, 400, 40), aspect=Fraction(4, 3))
    assert picture_of(path).remarks == ("pixels of 4:3 made square",)
    absurd = make_video(tmp_path / "absurd.mkv", range(0, 400, 40), aspect=Fraction(200, 1))
    assert (picture_of(absurd).width, numbers(absurd, 25)) == (64, list(range(10)))


@pytest.fixture(scope="module")
def resized(tmp_path_factory):
    """Ten seconds of 64x32 and ten of 128x96 at 5 fps, frame n showing n; H.264 in a transport stream."""
    folder = tmp_path_factory.mktemp("resized")
    sizes = {"a": (64, 32), "b": (128, 96)}
    joined = b""
    for place, (name, size) in enumerate(sizes.items()):
        pictures = [numbered(number + 50 * place, *size) for number in range(50)]
        make_video(
            folder / f"{name}.mp4", range(50), tick=Fraction(1, 5), rate=5, size=size, pictures=pictures
        )
        ffmpeg(
            "-i", folder / f"{name}.mp4", "-c", "copy", "-bsf:v", "h264_mp4toannexb", folder / f"{name}.h264"
        )
        joined += (folder / f"{name}.h264").read_bytes()
    (folder / "joined.h264").write_bytes(joined)
    ffmpeg("-r", 5, "-i", folder / "joined.h264", "-c", "copy", folder / "resized.ts")
    return folder / "resized.ts"


def test_pictures_of_another_size_are_scaled_into_the_first_ones_frame(resized):
    info = picture_of(resized)
    assert (info.width, info.height) == (64, 32)
    assert numbers(resized, 5) == list(range(100))
    halves = read_frames(resized, Fraction(5), width=32, height=32, box=(0, 0, 32, 32))
    bits = [(picture.mean((0, 2)) > 128)[4::8] for picture in halves]
    assert [int(np.packbits(each, bitorder="little")[0]) for each in bits] == [n % 16 for n in range(100)]
    frames = list(source_frames(resized, Fraction(5), box=(0, 0, 64, 32)))
    assert {(frame.width, frame.height) for frame in frames} == {(64, 32)}
    assert len(frames) == 100


def test_a_part_behind_a_change_of_size_is_cut_from_the_same_frame(resized):
    assert numbers(resized, 5, start=15, box=(0, 0, 64, 32)) == list(range(75, 100))
