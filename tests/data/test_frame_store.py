"""Frames on disk: what is read is what was written, in any cuts, and nothing stays behind."""

from pathlib import Path

import numpy as np
import pytest

from listen_and_move.data.frame_store import Shelf


def pictures(count: int, height: int = 4, width: int = 6) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("cuts", [[], [1], [5, 6, 20], list(range(1, 23)), [0, 23, 23]])
def test_frames_written_in_any_cuts_are_read_in_any_order(cuts: list[int]) -> None:
    frames = pictures(23)
    with Shelf() as shelf:
        store = shelf.store(6, 4)
        for block in np.split(frames, cuts):
            store.append(block)
        assert len(store) == 23
        for first, last in [(0, 23), (22, 23), (3, 17), (0, 1), (9, 9), (23, 23)]:
            assert np.array_equal(store.read(first, last), frames[first:last])


def test_reading_and_writing_in_turn() -> None:
    frames = pictures(9)
    with Shelf() as shelf:
        store = shelf.store(6, 4)
        for index, frame in enumerate(frames):
            store.append(frame[None])
            assert np.array_equal(store.read(index // 2, index + 1), frames[index // 2 : index + 1])


def test_frames_that_do_not_lie_one_after_another_in_memory() -> None:
    frames = pictures(6)
    with Shelf() as shelf:
        turned, repeated = shelf.store(6, 4), shelf.store(6, 4)
        turned.append(frames[::-2, ::-1, ::-1])
        repeated.append(np.broadcast_to(frames[0], (3, 4, 6, 3)))
        assert np.array_equal(turned.read(0, 3), frames[::-2, ::-1, ::-1])
        assert np.array_equal(repeated.read(1, 3), frames[[0, 0]])


def test_what_was_read_may_be_changed_without_changing_the_store() -> None:
    with Shelf() as shelf:
        store = shelf.store(6, 4)
        store.append(pictures(3))
        store.read(0, 3)[:] = 0
        assert np.array_equal(store.read(0, 3), pictures(3))


@pytest.mark.parametrize("span", [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_parts_outside_are_refused(span: tuple[int, int]) -> None:
    with Shelf() as shelf:
        store = shelf.store(6, 4)
        store.append(pictures(3))
        with pytest.raises(IndexError, match=f"0 to 3; got {span[0]} to {span[1]}"):
            store.read(*span)


@pytest.mark.parametrize(
    "frames",
    [pictures(2, height=6, width=4), pictures(2)[0], pictures(2)[..., :1], pictures(2).astype(np.float32)],
)
def test_frames_of_another_kind_are_refused_and_leave_no_trace(frames: np.ndarray) -> None:
    with Shelf() as shelf:
        store = shelf.store(6, 4)
        with pytest.raises(ValueError, match=r"expected uint8 \(T, 4, 6, 3\)"):
            store.append(frames)
        assert len(store) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_the_folder_is_gone_at_the_end_however_it_ends(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        with Shelf() as shelf:
            stores = [shelf.store(6, 4), shelf.store(8, 8)]
            stores[0].append(pictures(3))
            assert len(stores[1]) == 0
            assert len(list(tmp_path.rglob("*.frames"))) == 2
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert list(tmp_path.iterdir()) == []
