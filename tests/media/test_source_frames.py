"""Frames at the size of their source: the instants and the picture of `read_frames`, as a video holds it."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.making import FPS, blobs, make_planes, make_video, number_in, picture_of

from listen_and_move.clock import Seconds
from listen_and_move.errors import UserError
from listen_and_move.media.conversion import Box, rgb, source_size
from listen_and_move.media.decoding import orientation
from listen_and_move.media.picture import read_frames, source_frames


def pictures_of(
    path: Path, box: Box, fps: Fraction = FPS, start: Seconds = 0, end: Seconds | None = None
) -> Iterator[np.ndarray]:
    """What `read_frames` gives for the same box, without scaling."""
    (left, top, _, _), (width, height) = box, source_size(box)
    exact = (left, top, left + width, top + height)
    return read_frames(path, fps, width=width, height=height, box=exact, start=start, end=end)


def difference(path: Path, box: Box, count: int = 3, fps: Fraction = FPS, start: Seconds = 0) -> float:
    """Mean absolute difference of the first frames from those pictures, in levels."""
    frames = list(islice(source_frames(path, fps, box=box, start=start), count))
    expected = list(islice(pictures_of(path, box, fps, start), count))
    assert [frame.format.name for frame in frames] == ["yuv420p"] * len(expected)
    assert {(frame.colorspace, frame.color_range) for frame in frames} == {(1, 1)}
    assert {(frame.width, frame.height) for frame in frames} == {source_size(box)}
    shown = np.array([rgb(frame) for frame in frames]).astype(int)
    return float(np.abs(shown - np.array(expected)).mean())


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize(("start", "end"), [(0, None), (1.02, 3.1), (Fraction(1, 3), None)])
def test_instants_are_those_of_pictures(
    steady: Path, fps: Fraction, start: Seconds, end: Seconds | None
) -> None:
    box = (0, 0, 64, 32)
    shown = [number_in(rgb(frame)) for frame in source_frames(steady, fps, box=box, start=start, end=end)]
    expected = [number_in(picture) for picture in pictures_of(steady, box, fps, start, end)]
    assert shown == expected
    assert len(shown) > 20


def test_a_frame_that_stays_on_display_is_converted_once(steady: Path) -> None:
    frames = list(source_frames(steady, Fraction(50), box=(0, 0, 64, 32), end=1))
    assert len(frames) == 50
    assert len({id(frame) for frame in frames}) == 25


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("box", [(0, 0, 64, 96), (4, 6, 44, 70), (3, 5, 44, 70), (3, 6, 45, 69)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p"])
def test_rotated_pictures_are_upright(tmp_path: Path, rotation: int, box: Box, pix_fmt: str) -> None:
    coded = np.ascontiguousarray(np.rot90(blobs(64, 96), rotation // 90))
    path = make_video(
        tmp_path / "r.mp4",
        range(5),
        tick=Fraction(1, 25),
        size=coded.shape[1::-1],
        pictures=[coded] * 5,
        rotation=-rotation,
        pix_fmt=pix_fmt,
    )
    assert difference(path, box) < 2
    frame = next(source_frames(path, FPS, box=box))
    assert orientation(frame) == (False, False, False)  # or a player would turn it once more


@pytest.mark.parametrize("box", [(0, 0, 64, 32), (2, 4, 50, 20), (3, 5, 50, 20)])
def test_brightness_is_kept_to_the_bit(steady: Path, box: Box) -> None:
    left, top, _, _ = box
    width, height = source_size(box)
    with av.open(str(steady)) as container:
        frames = zip(container.decode(video=0), source_frames(steady, FPS, box=box), strict=True)
        for decoded, frame in islice(frames, 20):
            expected = decoded.to_ndarray()[:32][top : top + height, left : left + width]
            assert np.array_equal(frame.to_ndarray()[:height], expected)


@pytest.mark.parametrize("size", [(64, 48), (31, 33), (65, 47)])
@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_sizes_are_even_and_every_pixel_is_at_its_place(
    tmp_path: Path, size: tuple[int, int], offset: tuple[int, int]
) -> None:
    path = make_video(
        tmp_path / "o.mkv",
        range(0, 160, 40),
        size=size,
        codec="ffv1",
        pix_fmt="yuv444p",
        pictures=[blobs(*size, seed) for seed in range(4)],
    )
    info = picture_of(path)
    assert info is not None
    assert source_size(info) == (size[0] // 2 * 2, size[1] // 2 * 2)
    box = (*offset, *size)
    assert source_size(box) == ((size[0] - offset[0]) // 2 * 2, (size[1] - offset[1]) // 2 * 2)
    assert difference(path, box) < 2


def test_pixels_that_are_not_square_are_displayed_as_meant(tmp_path: Path) -> None:
    settings = {"size": (64, 48), "aspect": Fraction(4, 3), "pictures": [blobs(64, 48)] * 4}
    path = make_video(tmp_path / "sar.mkv", range(0, 160, 40), **settings)
    assert difference(path, (0, 0, 85, 48)) < 2
    assert difference(path, (11, 3, 60, 40)) < 2


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("pix_fmt", "codec"), [("yuv444p", "libx264"), ("yuv420p", "libx264"), ("yuv420p10le", "libx265")]
)
def test_colours_are_those_of_pictures(
    tmp_path: Path, matrix: str, full: bool, pix_fmt: str, codec: str
) -> None:
    depth = 4 if "10le" in pix_fmt else 1
    planes = [90 * depth, 110 * depth, 170 * depth]
    settings = {"pix_fmt": pix_fmt, "full": full, "matrix": matrix, "codec": codec}
    path = make_planes(tmp_path / "c.mp4", planes, **settings)
    assert difference(path, (0, 0, 64, 64)) <= 1
    assert difference(path, (1, 1, 64, 64)) <= 1


@pytest.mark.parametrize("pix_fmt", ["bgr0", "rgb48le", "gray"])
def test_pictures_without_a_matrix(tmp_path: Path, pix_fmt: str) -> None:
    picture = blobs(64, 48)[:, :, 0] if pix_fmt == "gray" else blobs(64, 48)
    settings = {"size": (64, 48), "codec": "ffv1", "pix_fmt": pix_fmt, "pictures": [picture] * 4}
    path = make_video(tmp_path / "rgb.mkv", range(0, 160, 40), **settings)
    assert difference(path, (0, 0, 64, 48)) < 2


def test_boxes_that_cannot_be_cut_out(steady: Path) -> None:
    with pytest.raises(UserError, match="inside the picture of 64x32"):
        next(source_frames(steady, FPS, box=(0, 0, 66, 32)))
    with pytest.raises(UserError, match="at least 2x2 pixels; got 5,5,6,9"):
        next(source_frames(steady, FPS, box=(5, 5, 6, 9)))


def test_pictures_without_scaling_are_those_of_the_conversion(steady: Path) -> None:
    box = (5, 3, 45, 30)
    picture = next(read_frames(steady, FPS, width=40, height=27, box=box, start=1))
    with av.open(str(steady)) as container:
        frame = list(islice(container.decode(video=0), 26))[25]
    expected = frame.to_ndarray(format="rgb24")[3:30, 5:45]
    assert np.abs(picture.astype(int) - expected).mean() < 3
    assert picture.flags.c_contiguous
    assert picture.flags.writeable


@pytest.mark.parametrize(
    "form", ["hidden frames", "hidden frames at 20 fps", "HEVC in portrait", "wide pixels"]
)
def test_made_up_videos(tmp_path: Path, form: str) -> None:
    """Kinds of files that real videos are."""
    fps, start, size = FPS, Fraction(0), (128, 96)
    settings: dict[str, Any]
    if form.startswith("hidden"):
        settings = {"options": {"preset": "veryfast", "bf": "3"}}
        fps, start = (Fraction(20), Fraction(9, 10)) if "20" in form else (FPS, start)
    elif form.startswith("HEVC"):
        size, settings = (96, 128), {"codec": "libx265", "options": {"x265-params": "log-level=none"}}
        start = Fraction(1, 2)
    else:
        settings = {"aspect": Fraction(299, 298)}
    first = -5 if form.startswith("hidden") else 0
    times, pictures = range(first, 40), [blobs(*size, seed) for seed in range(40 - first)]
    path = make_video(tmp_path / "v.mp4", times, tick=1 / FPS, size=size, pictures=pictures, **settings)
    info = picture_of(path)
    assert info.edit_list == (first < 0)
    assert difference(path, (0, 0, info.width, info.height), 4, fps, start) < 1
    assert difference(path, (21, 13, info.width - 8, info.height - 3), 4, fps, start) < 2


@pytest.mark.parametrize(
    ("name", "fps", "start"),
    [
        ("nature_whale_12s.mp4", Fraction(20), Fraction(99, 10)),  # an edit list hides its first frames
        ("film_friday_6s.mp4", Fraction(30), 3),
    ],
)
def test_real_videos(shared: Path, name: str, fps: Fraction, start: Seconds) -> None:
    """Only a real file can show pictures of cameras, by encoders of their time."""
    path = shared / "data" / "videos" / name
    info = picture_of(path)
    assert info is not None
    whole = (0, 0, info.width, info.height)
    assert difference(path, whole, 4, fps, start) < 1
    assert difference(path, (21, 13, info.width - 8, info.height - 3), 4, fps, start) < 2


@pytest.mark.parametrize(("fps", "count"), [(FPS, 50), (Fraction(20), 40)])
def test_videos_with_hidden_frames_give_every_frame_once(tmp_path: Path, fps: Fraction, count: int) -> None:
    options = {"preset": "veryfast", "bf": "3"}
    path = make_video(tmp_path / "hidden.mp4", range(-5, count), tick=1 / fps, rate=fps, options=options)
    assert picture_of(path).edit_list
    box = (0, 0, 16, 16)
    frames = list(source_frames(path, fps, box=box))
    assert len(frames) == count == len(list(pictures_of(path, box, fps)))
    assert len({id(frame) for frame in frames}) == count
