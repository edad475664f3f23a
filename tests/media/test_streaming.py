"""Streams for other programs, read back by FFmpeg's libraries."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from listen_and_move.clock import frame_sample
from listen_and_move.media.streaming import MatroskaStream, Y4mStream

FPS, SIZE = Fraction(30_000, 1001), {"width": 64, "height": 32}


def pictures(count: int) -> list[np.ndarray]:
    """Flat colours in blocks of 8, which survive 4:2:0."""
    random = np.random.default_rng(0)
    return [random.integers(20, 235, (4, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(count)]


def test_matroska_holds_all_at_its_time(tmp_path) -> None:
    shown, file, rate = pictures(30), io.BytesIO(), 44_100
    samples = (
        np.random.default_rng(1)
        .integers(-20_000, 20_000, (frame_sample(30, FPS, rate), 2))
        .astype(np.float32)
        / 32768
    )
    stream = MatroskaStream(file, **SIZE, fps=FPS, rate=rate, channels=2, metadata={"comment": "made"})
    there = []
    for index, picture in enumerate(shown):
        if index != 7:
            stream.write(
                index, picture, samples[frame_sample(index, FPS, rate) : frame_sample(index + 1, FPS, rate)]
            )
        there.append(len(file.getvalue()))
    assert np.diff(there[8:]).min() > 64 * 32 * 3 / 2, "every picture leaves at once"
    stream.close()
    with av.open(io.BytesIO(file.getvalue())) as container:
        assert container.metadata["COMMENT"] == "made"
        found = list(container.decode(video=0))
    assert [round(frame.time * FPS) for frame in found] == [index for index in range(30) if index != 7]
    assert max(abs(frame.time - round(frame.time * FPS) / FPS) for frame in found) <= 0.0006, (
        "milliseconds, rounded"
    )
    kept = [picture for index, picture in enumerate(shown) if index != 7]
    for frame, picture in zip(found, kept, strict=True):
        assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - picture).mean() < 2
    with av.open(io.BytesIO(file.getvalue())) as container:
        blocks = [(frame.time, frame.to_ndarray().reshape(-1, 2)) for frame in container.decode(audio=0)]
    for time, block in blocks:
        begin = frame_sample(round(time * FPS), FPS, rate)
        assert np.array_equal(block, samples[begin : begin + len(block)] * 32768)
    assert sum(len(block) for _, block in blocks) == len(samples) - (
        frame_sample(8, FPS, rate) - frame_sample(7, FPS, rate)
    )


def test_y4m_holds_the_pictures() -> None:
    shown, file = pictures(12), io.BytesIO()
    stream = Y4mStream(file, **SIZE, fps=FPS)
    for index, picture in enumerate(shown):
        stream.write(index, picture, np.zeros((0, 1), np.float32))
    stream.close()
    with av.open(io.BytesIO(file.getvalue())) as container:
        assert container.streams.video[0].average_rate == FPS
        found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(found) == len(shown)
    for frame, picture in zip(found, shown, strict=True):
        assert np.abs(frame.astype(int) - picture).mean() < 2


def test_a_full_disk_is_raised_once_it_is_known() -> None:
    class Full(io.BytesIO):
        def write(self, data) -> int:
            raise OSError(28, "No space left on device")

    def write() -> None:
        stream = MatroskaStream(Full(), width=64, height=32, fps=FPS, rate=8000, channels=1)
        stream.write(0, pictures(1)[0], np.zeros((267, 1), np.float32))

    with pytest.raises(OSError, match="No space left"):
        write()
