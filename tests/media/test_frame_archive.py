"""Kept frames: read in any order as they were written, and nothing that a stranger's packets could do."""

import io
from errno import ENOMEM
from fractions import Fraction
from functools import partial

import av
import numpy as np
import pytest
from av.error import MemoryError as FFmpegMemoryError
from tests.refusals import refusal_of

from listen_and_move.errors import UserError
from listen_and_move.media.conversion import rgb
from listen_and_move.media.frame_archive import GROUP, ArchiveHeader, FrameEncoder, FrameReader
from listen_and_move.media.video import yuv_graph


def encoded(
    count: int = 25, width: int = 64, height: int = 48
) -> tuple[list[np.ndarray], bytes, list[int], ArchiveHeader]:
    """Frames as they were, and what is written of them."""
    graph, file, frames = yuv_graph(width, height), io.BytesIO(), []
    encoder = FrameEncoder(file, width, height, Fraction(30))
    rows, columns = np.indices((height, width))
    for number in range(count):
        wave = 127 + 100 * np.sin((columns + 3 * number) / 9) * np.cos(rows / 7)
        picture = np.stack([wave, 255 - wave, wave // 2], axis=-1).astype(np.uint8)
        graph.push(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        frame = graph.vpull()
        encoder.write(frame)
        frames.append(rgb(frame).astype(int))
    header = encoder.finish()
    return frames, file.getvalue(), encoder.sizes, header


def reader(data: bytes, sizes: list[int], header: ArchiveHeader) -> FrameReader:
    return FrameReader("model", header, sizes, len(data), lambda first, last: data[first:last])


def test_frames_come_back_in_any_order() -> None:
    frames, data, sizes, header = encoded()
    assert header == ArchiveHeader(64, 48, 25, GROUP)
    assert sum(sizes) == len(data)
    order = [24, 3, 4, 5, 19, 0, *np.random.default_rng(0).permutation(25).tolist()]
    found = reader(data, sizes, header)
    for number in order:
        assert np.abs(found.frame(number).astype(int) - frames[number]).mean() < 3
    assert np.array_equal(found.frame(7), reader(data, sizes, header).frame(7))


def test_want_of_memory_is_no_damage_and_loses_no_frame() -> None:
    class Full:
        def decode(self, _: av.Packet) -> list[av.VideoFrame]:
            raise FFmpegMemoryError(ENOMEM, "Cannot allocate memory")

    _, data, sizes, header = encoded()
    archive = reader(data, sizes, header)
    archive.frame(2)
    archive._groups[0]._codec = Full()
    with pytest.raises(MemoryError, match="Cannot allocate memory"):
        archive.frame(5)
    for number in (5, 9, 1):
        assert np.array_equal(archive.frame(number), reader(data, sizes, header).frame(number))


def test_so_many_groups_are_held_at_once() -> None:
    frames, data, sizes, header = encoded(6 * GROUP)
    archive = reader(data, sizes, header)
    archive._most_groups = 3
    for number in (0, GROUP, 2 * GROUP, 0, 3 * GROUP, 4 * GROUP, 5 * GROUP + 1):
        assert np.abs(archive.frame(number).astype(int) - frames[number]).mean() < 3
        assert len(archive._groups) <= 3
    assert list(archive._groups) == [3, 4, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"width": 63},
        {"width": 0},
        {"height": 4098},
        {"frames": 24},
        {"frames": 0},
        {"frames": 10**9},
        {"group": 0},
        {"group": -1},
        {"width": 4096, "height": 4096, "group": GROUP + 1},
        {"width": 1920, "height": 1080, "group": 1000},
    ],
)
def test_headers_that_cannot_be_kept(change: dict[str, int]) -> None:
    _, data, sizes, header = encoded()
    with pytest.raises(UserError, match="the file is damaged"):
        reader(data, sizes, header._replace(**change))


def test_sizes_that_do_not_add_up() -> None:
    _, data, sizes, header = encoded()
    for wrong in ([*sizes[:-1], sizes[-1] + 1], [0, sizes[0] + sizes[1], *sizes[2:]], [-5, *sizes[1:]]):
        with pytest.raises(UserError, match="the file is damaged"):
            reader(data, wrong, header)


def test_a_larger_picture_than_promised_is_not_decoded() -> None:
    """The header says 64x48; the packets hold 640x480."""
    _, data, sizes, header = encoded(width=640, height=480, count=12)
    with pytest.raises(UserError, match="frame 0 cannot be decoded"):
        reader(data, sizes, header._replace(width=64, height=48)).frame(0)


def test_a_smaller_picture_than_promised_is_refused() -> None:
    _, data, sizes, header = encoded(count=12)
    with pytest.raises(UserError, match="frame 0 cannot be decoded"):
        reader(data, sizes, header._replace(width=128, height=96)).frame(0)


def test_packets_of_another_codec_are_not_decoded() -> None:
    codec = av.CodecContext.create("mpeg4", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 64, 48, "yuv420p", Fraction(1, 30)  # type: ignore[attr-defined]
    frame = av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint8), format="yuv420p")
    packets = [bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)]]  # type: ignore[attr-defined]
    header = ArchiveHeader(64, 48, len(packets), GROUP)
    with pytest.raises(UserError, match="cannot be decoded"):
        reader(b"".join(packets), list(map(len, packets)), header).frame(0)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_packets_are_one_line_or_a_picture(seed: int) -> None:
    _, data, sizes, header = encoded()
    random, bad = np.random.default_rng(seed), bytearray(data)
    for place in random.integers(0, len(bad), 40):
        bad[place] = random.integers(0, 256)
    found = reader(bytes(bad), sizes, header)

    def show(number: int) -> None:
        assert found.frame(number).shape == (48, 64, 3)

    for number in range(25):
        error = refusal_of(partial(show, number))
        assert error is None or "the file is damaged" in str(error)
        assert "\n" not in str(error)


def test_a_file_that_ends_early() -> None:
    _, data, sizes, header = encoded()
    short = data[: len(data) // 2]
    found = FrameReader("model", header, sizes, len(data), lambda first, last: short[first:last])
    with pytest.raises(UserError, match="cannot be decoded"):
        found.frame(24)
