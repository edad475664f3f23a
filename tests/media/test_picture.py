"""Reading pictures: every frame at its instant, every pixel at its place, in its colour."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from tests.media.making import (
    FPS,
    blobs,
    clicks,
    make_planes,
    make_video,
    number_in,
    numbered,
    numbers,
    picture_of,
    whole,
)
from tests.songs import add_exif, write_jpeg

from listen_and_move.errors import UserError
from listen_and_move.media.conversion import centred_box
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.picture_series import write_series
from listen_and_move.media.sound import read_sound, sound_samples

RGB_OF = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114)}  # Kr, Kb


@pytest.mark.parametrize(
    "fps", [Fraction(10), Fraction(20), Fraction(25), Fraction(30000, 1001), Fraction(43, 2), Fraction(60)]
)
@pytest.mark.parametrize(("start", "end"), [(0, None), (1.02, 3.1), (Fraction(1, 3), None)])
def test_frame_t_is_what_is_shown_at_its_instant(steady, fps, start, end):
    begin, until = (
        Fraction(str(start)) if isinstance(start, float) else Fraction(start),
        Fraction("3.1") if end else Fraction(4),
    )
    instants = [begin + t / fps for t in range(ceil((until - begin) * fps))]
    expected = [floor(instant * 25 + Fraction(1, 100)) for instant in instants]
    assert numbers(steady, fps, start=start, end=end) == expected


def test_frames_of_unequal_length_are_shown_as_long_as_they_last(tmp_path):
    times = [0, 40, 70, 200, 205, 480, 500]
    path = make_video(tmp_path / "unequal.mkv", times)
    assert picture_of(path).variable_rate
    shown = numbers(path, 100)
    assert shown[:50] == [max(n for n, time in enumerate(times) if time <= 10 * t) for t in range(50)]
    assert set(shown[50:]) == {6}


def test_containers_that_count_milliseconds_neither_lose_nor_gain_frames(tmp_path):
    path = make_video(
        tmp_path / "ms.mkv", [round(n * 1001 / 30) for n in range(90)], rate=Fraction(30000, 1001)
    )
    assert numbers(path, Fraction(30000, 1001)) == list(range(90))


def test_seeking_changes_nothing(tmp_path):
    options = {"preset": "veryfast", "g": "48"}
    path = make_video(tmp_path / "long.mkv", range(0, 16000, 80), options=options)
    assert numbers(path, Fraction(25, 2), start=12) == list(range(150, 200))
    assert numbers(path, Fraction(25, 2), start=Fraction(1279, 100), end=13) == [159, 160, 161]


@pytest.mark.parametrize(
    ("ending", "codec", "pix_fmt"),
    [("mp4", "libx264", "yuv444p"), ("webm", "libvpx-vp9", "yuv420p"), ("mkv", "ffv1", "yuv420p")],
)
def test_odd_sizes(tmp_path, ending, codec, pix_fmt):
    pictures = [np.full((33, 31, 3), 50 * n, np.uint8) for n in range(4)]
    path = make_video(
        tmp_path / f"odd.{ending}",
        range(0, 160, 40),
        size=(31, 33),
        codec=codec,
        pix_fmt=pix_fmt,
        pictures=pictures,
    )
    info = picture_of(path)
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
    coded = np.ascontiguousarray(
        np.rot90(upright, rotation // 90)
    )  # turned clockwise by rotation, it is upright again
    path = make_video(
        tmp_path / "r.mp4",
        range(5),
        tick=Fraction(1, 25),
        size=coded.shape[1::-1],
        pictures=[coded] * 5,
        rotation=-rotation,
        pix_fmt="yuv444p",
    )
    info = picture_of(path)
    assert (info.width, info.height, info.rotation) == (32, 48, rotation)
    left, top, right, bottom = box or (0, 0, 32, 48)
    picture = next(read_frames(path, Fraction(25), width=right - left, height=bottom - top, box=box))
    assert np.abs(picture.astype(int) - upright[top:bottom, left:right]).mean() < 6


TURNED = {
    1: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.transpose(1, 0, 2),
    6: lambda shown: np.rot90(shown),
    7: lambda shown: shown[::-1, ::-1].transpose(1, 0, 2),
    8: lambda shown: np.rot90(shown, -1),
}
"""How a camera stores what is shown, by the orientation in its EXIF (CIPA DC-008, Orientation)."""


@pytest.mark.parametrize("orientation", TURNED)
def test_jpeg_is_turned_as_its_exif_says(tmp_path, orientation):
    upright = np.zeros((48, 32, 3), np.uint8)
    upright[:24, :16], upright[:24, 16:], upright[24:, :16], upright[24:, 16:] = 220, 40, 120, 180
    path = tmp_path / "turned.jpg"
    write_jpeg(path, np.ascontiguousarray(TURNED[orientation](upright)))
    add_exif(path, orientation)
    info = picture_of(path)
    assert (info.width, info.height) == (32, 48)
    (picture,) = read_frames(path, info.frame_rate, width=32, height=48)
    assert np.abs(picture.astype(int) - upright).mean() < 6


def test_each_picture_of_a_film_is_turned_as_its_own_exif_says(tmp_path):
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[:16, :16], upright[:16, 16:], upright[16:, :16], upright[16:, 16:] = 220, 40, 120, 180
    pictures = [tmp_path / f"{orientation}.jpg" for orientation in TURNED]
    for picture, (orientation, turned) in zip(pictures, TURNED.items(), strict=True):
        write_jpeg(picture, np.ascontiguousarray(turned(upright)))
        add_exif(picture, orientation)
    write_series(tmp_path / "film.mov", pictures, Fraction(10))
    shown = list(read_frames(tmp_path / "film.mov", Fraction(10), width=32, height=32))
    assert len(shown) == len(TURNED)
    assert all(np.abs(picture.astype(int) - upright).mean() < 6 for picture in shown)


def test_what_is_turned_within_a_film_is_scaled_into_the_first_picture(tmp_path):
    picture = np.full((24, 32, 3), 200, np.uint8)
    picture[:, 16:] = 50  # dark on the right, or below where it is turned
    for orientation in (1, 6):
        write_jpeg(tmp_path / f"{orientation}.jpg", picture)
        add_exif(tmp_path / f"{orientation}.jpg", orientation)
    film = tmp_path / "film.mov"
    write_series(film, [tmp_path / "1.jpg", tmp_path / "6.jpg"], Fraction(10))
    shown = list(read_frames(film, Fraction(10), width=32, height=24, box=(0, 0, 32, 24)))
    for found, (light, dark) in zip(
        shown, ((np.s_[:, :15], np.s_[:, 17:]), (np.s_[:11], np.s_[13:])), strict=True
    ):
        assert found[light].min() > 180
        assert found[dark].max() < 70


def test_pixels_that_are_not_square_are_displayed_as_meant(tmp_path):
    path = make_video(
        tmp_path / "sar.mkv",
        range(0, 160, 40),
        size=(64, 48),
        aspect=Fraction(4, 3),
        pictures=[numbered(85, 64, 48)] * 4,
    )
    info = picture_of(path)
    assert (info.width, info.height, info.coded_width) == (85, 48, 64)
    assert centred_box(info, 16, 9) == (0, 0, 85, 48)
    picture = next(read_frames(path, Fraction(25), width=42, height=24, box=(0, 0, 85, 48)))
    assert [bool(value > 128) for value in picture[12, 3::5, 0][:8]] == [True, False] * 4


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("pix_fmt", "codec"), [("yuv444p", "libx264"), ("yuv420p", "libx264"), ("yuv420p10le", "libx265")]
)
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
        tmp_path / "c.mp4",
        [round(value * depth) for value in scaled],
        pix_fmt=pix_fmt,
        full=full,
        matrix=matrix,
        codec=codec,
    )
    picture = next(read_frames(path, Fraction(25), width=64, height=64))
    assert np.abs(picture - 255 * colour).max() <= 3


def test_a_box_is_cut_out_exactly_and_shrinking_averages(tmp_path):
    columns = np.arange(64) * 4
    picture = np.repeat(np.repeat(columns[None, :, None], 48, 0), 3, 2).astype(np.uint8)
    picture[::2] = 255 - picture[::2]  # rows alternate: an average is grey, a picked pixel is not
    path = make_video(
        tmp_path / "b.mkv", [0, 40], size=(64, 48), pictures=[picture] * 2, codec="ffv1", pix_fmt="yuv444p"
    )
    cropped = next(read_frames(path, Fraction(25), width=20, height=10, box=(7, 3, 27, 13)))
    assert np.abs(cropped.astype(int) - picture[3:13, 7:27]).max() <= 3
    small = next(read_frames(path, Fraction(25), width=10, height=5, box=(7, 3, 27, 13)))
    assert np.abs(small.astype(int) - 127.5).max() <= 3
    uneven = next(read_frames(path, Fraction(25), width=3, height=5, box=(7, 3, 27, 13)))
    assert np.abs(uneven.astype(int) - 127.5).max() <= 3
    large = next(read_frames(path, Fraction(25), width=64, height=96))
    assert large.shape == (96, 64, 3)


@pytest.mark.parametrize("width", [640, 642, 644, 656])  # whole blocks or not
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p", "bgr0", "gray"])
@pytest.mark.parametrize("box", [(5, 3, 635, 339), None])
def test_shrinking_a_large_picture_averages_the_area_below_each_pixel(tmp_path, width, pix_fmt, box):
    steps = np.random.default_rng(0).integers(0, 256, (12, 21, 1 if pix_fmt == "gray" else 3))
    picture = (
        np.repeat(np.repeat(steps, 30, 0), 32, 1)[:, :width].repeat(3 // steps.shape[-1], 2).astype(np.uint8)
    )
    path = make_video(
        tmp_path / "b.mkv", [0, 40], size=(width, 360), pictures=[picture] * 2, codec="ffv1", pix_fmt=pix_fmt
    )
    size = (30, 16) if box else (width // 40, 9)
    left, top, right, bottom = box or centred_box(picture_of(path), *size)
    small = next(read_frames(path, Fraction(25), width=size[0], height=size[1], box=box))
    summed = np.pad(picture.astype(float), ((1, 0), (1, 0), (0, 0))).cumsum(0).cumsum(1)  # below each corner
    rows, columns = np.linspace(top, bottom, size[1] + 1), np.linspace(left, right, size[0] + 1)
    corners = _between(_between(summed, rows, 0), columns, 1)
    average = (
        np.diff(np.diff(corners, axis=0), axis=1)
        / np.diff(rows)[:, None, None]
        / np.diff(columns)[None, :, None]
    )
    error = small - average
    assert np.sqrt(np.mean(error**2)) < 1
    assert np.abs(error.mean((0, 1))).max() < 0.4


def _between(values, places, axis):
    below = np.floor(places).astype(int)
    shape = [-1 if each == axis else 1 for each in range(values.ndim)]
    share = (places - below).reshape(shape)
    return (1 - share) * values.take(below, axis) + share * values.take(below + 1, axis, mode="clip")


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


@pytest.mark.parametrize(
    ("name", "fps", "count", "size"),
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
    """Only a real file can show what encoders and muxers other than FFmpeg's newest write."""
    info = picture_of(shared / "data" / "videos" / name)
    assert (info.frame_rate, (info.width, info.height)) == (fps, size)
    assert sum(1 for _ in read_frames(shared / "data" / "videos" / name, fps, width=16, height=16)) == count


@pytest.mark.parametrize(
    ("fps", "count"), [(Fraction(30000, 1001), 180), (Fraction(43, 2), 216), (FPS, 251), (Fraction(60), 120)]
)
def test_made_up_videos_give_every_frame_once(tmp_path, fps, count):
    options = {"preset": "veryfast", "bf": "3"}
    path = make_video(tmp_path / "v.mp4", range(count), tick=1 / fps, rate=fps, options=options)
    assert picture_of(path).frame_rate == fps
    assert numbers(path, fps) == list(range(count))


def test_made_up_hevc_in_portrait_is_upright(tmp_path):
    pictures = [blobs(108, 192, seed) for seed in range(30)]
    options, settings = {"x265-params": "log-level=none"}, {"codec": "libx265", "size": (108, 192)}
    path = make_video(
        tmp_path / "v.mp4", range(30), tick=1 / FPS, pictures=pictures, options=options, **settings
    )
    info = picture_of(path)
    assert (info.codec, info.width, info.height, info.pixel_format) == ("hevc", 108, 192, "yuv420p")
    assert centred_box(info, 128, 128) == (0, 42, 108, 150)
    shown = list(read_frames(path, Fraction(20), width=108, height=192, end=1))
    assert len(shown) == 20
    assert np.abs(shown[4].astype(int) - pictures[5]).mean() < 6


def test_sixty_frames_and_mp3_in_mp4(tmp_path):
    sound = (0, clicks(6 * 44100, 4410), 44100)
    path = make_video(
        tmp_path / "v.mp4", range(360), tick=Fraction(1, 60), rate=60, sound=sound, sound_codec="libmp3lame"
    )
    info = probe(path).sounds[0].codec
    assert picture_of(path).frame_rate == 60
    assert info.startswith("mp3")
    assert len(list(read_frames(path, Fraction(20), width=16, height=16, start=4))) == 40
    assert len(whole(read_sound(path, 16000, start=1, end=2.5))) == 24000
    assert abs(sound_samples(path)[0] - 6 * 44100) < 2 * 1152
