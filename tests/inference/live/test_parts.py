"""The parts of live play: sound in time, sound that never waits, readers that are slow or gone, screens."""

import os
import threading
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from tests.waiting import WAIT

from listen_and_move.errors import UserError
from listen_and_move.inference.live.incoming import Incoming
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.inference.live.screens import Screen, opened_camera, opened_window
from listen_and_move.inference.live.sinks import LONGEST_WAIT, MOST_WAITING, FileOutlet, Moments, StreamOutlet
from listen_and_move.inference.live.sources import in_time, opened_source
from listen_and_move.media.streaming import Stream
from listen_and_move.media.video import VideoWriter

FPS, RATE = Fraction(20), 44_100


def picture(number: int) -> np.ndarray:
    return np.full((4, 4, 3), number, np.uint8)


def test_a_file_is_played_at_its_own_speed() -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds + 0.003  # a system that wakes late

    blocks = [np.zeros((n, 2), np.float32) for n in (44_100, 3, 10_000, 88_200)]
    given = []
    for block in in_time(iter(blocks), RATE, lambda: now[0], sleep):
        given.append((len(block), now[0]))
    counts, moments = (np.array(each) for each in zip(*given, strict=True))
    assert counts.sum() == sum(map(len, blocks))
    assert counts.max() <= RATE // 100 + 1
    behind = moments - 100 - np.cumsum(counts) / RATE
    assert behind.min() >= 0
    assert behind.max() <= 0.0061, "being late does not add up"


def test_sound_is_taken_whoever_waits() -> None:
    arrived: list[int] = []
    incoming = Incoming(iter([np.full((3, 1), n, np.float32) for n in range(5)]), 1, arrived.append)
    incoming.thread.join()
    assert arrived == [3] * 5
    taken = incoming.take(0)
    assert taken is not None
    assert taken[:, 0].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert incoming.take(0) is None


def test_sound_that_can_wait_does() -> None:
    arrived = threading.Semaphore(0)
    blocks = (np.zeros((10, 1), np.float32) for _ in range(100))
    incoming = Incoming(blocks, 1, lambda count: arrived.release(), most=30)
    for _ in range(4):  # three wait, and the thread has the next one in hand
        assert arrived.acquire(timeout=WAIT)
    first = incoming.take(0)
    assert first is not None
    assert len(first) == 30
    rest = 0
    while (block := incoming.take(1)) is not None:
        rest += len(block)
    assert len(first) + rest == 1000


def test_what_goes_wrong_comes_after_what_went_well() -> None:
    def damaged():
        yield np.ones((7, 2), np.float32)
        raise UserError("sound.mp3: is damaged")

    incoming = Incoming(damaged(), 2, lambda count: None)
    incoming.thread.join()
    taken = incoming.take(0)
    assert taken is not None
    assert taken.shape == (7, 2)
    with pytest.raises(UserError, match="is damaged"):
        incoming.take(0)


def test_pictures_meet_their_sound() -> None:
    fps = Fraction(30_000, 1001)
    moments, sound = Moments(fps, RATE, 2), np.arange(2 * 5 * RATE, dtype=np.float32).reshape(-1, 2)
    found = []
    for number in range(149):
        moments.show(picture(number))
        moments.hear(sound[number * 1470 : (number + 1) * 1470])
        found += moments.complete()
    assert 140 < len(found) < 149, "the sound comes slowly"
    found += moments.complete(over=True)
    assert [moment.frame for moment in found] == list(range(149))
    assert np.array_equal(np.concatenate([moment.sound for moment in found]), sound[: 149 * 1470])
    assert all(moment.picture[0, 0, 0] == moment.frame for moment in found)


class Slow(Stream):
    """A stream whose reader stands still until told, and then may fail."""

    def __init__(self, failure: OSError | None = None) -> None:
        self.go, self.began, self.frames, self.closed = threading.Event(), threading.Event(), [], False
        self.failure = failure

    def write(self, index: int, picture: np.ndarray, sound: np.ndarray) -> None:
        self.began.set()
        self.go.wait()
        if self.failure is not None:
            raise self.failure
        self.frames.append(index)

    def close(self) -> None:
        self.closed = True


def test_a_slow_reader_loses_the_oldest_and_delays_nobody() -> None:
    stream, now = Slow(), [0.0]
    outlet = StreamOutlet(stream, None, live=True, clock=lambda: now[0])
    outlet.show(picture(0))
    stream.began.wait()
    for number in range(1, 100):
        now[0] = number / 16
        outlet.show(picture(number))
    for number in range(100, 130):  # at once, which is no delay
        outlet.show(picture(number))
    stream.go.set()
    outlet.finish()
    assert stream.frames == [0, *range(99 - int(LONGEST_WAIT * 16), 130)]
    assert stream.closed


def test_a_reader_that_is_waited_for_loses_nothing() -> None:
    stream = Slow()
    stream.go.set()
    outlet = StreamOutlet(stream, Moments(FPS, RATE, 1), live=False)
    for number in range(50):
        outlet.show(picture(number))
        outlet.hear(np.zeros((2205, 1), np.float32))
    outlet.finish()
    assert stream.frames == list(range(50))


@pytest.mark.parametrize("live", [True, False])
def test_a_reader_that_is_gone_ends_it_and_another_error_is_told(live: bool) -> None:
    for failure, expected in ((BrokenPipeError(), None), (OSError(28, "No space left on device"), OSError)):
        stream = Slow(failure)
        stream.go.set()
        outlet = StreamOutlet(stream, None, live)

        def play(outlet: StreamOutlet = outlet) -> None:
            outlet.show(picture(0))
            outlet.finish()

        if expected is None:
            play()
            assert outlet.gone
            assert not stream.closed
        else:
            with pytest.raises(expected):
                play()


class Disk:
    """A writer of a file that is slow until told, and may be full."""

    def __init__(self, room: int = 1000) -> None:
        self.go, self.pictures, self.room = threading.Event(), [], room

    def write(self, frame: np.ndarray) -> None:
        self.go.wait()
        if len(self.pictures) == self.room:
            raise OSError(28, "No space left on device")
        self.pictures.append(int(frame[0, 0, 0]))


def filing(disk: Disk) -> FileOutlet:
    """An outlet that compresses in a thread of its own."""
    return FileOutlet(cast(VideoWriter, disk), Moments(FPS, RATE, 1), deque(), live=True)


def test_a_live_play_goes_on_while_a_file_is_written_and_nothing_is_lost() -> None:
    disk = Disk()
    outlet = filing(disk)
    outlet.hear(np.zeros((RATE, 1), np.float32))
    for number in range(MOST_WAITING):  # nobody waits for them
        outlet.show(picture(number))
    assert not disk.pictures
    disk.go.set()
    for number in range(MOST_WAITING, 20):
        outlet.show(picture(number))
    outlet.finish()
    outlet.leave()
    assert disk.pictures == list(range(20))
    assert len(outlet.sounds) == 20


def test_a_full_disk_is_told_and_delays_nobody() -> None:
    disk = Disk(room=3)
    disk.go.set()
    outlet = filing(disk)
    outlet.hear(np.zeros((10 * RATE, 1), np.float32))

    def play() -> None:
        for number in range(100):
            outlet.show(picture(number))

    with pytest.raises(OSError, match="No space left"):
        play()
    outlet.leave()
    assert outlet.thread is not None
    assert not outlet.thread.is_alive()
    assert disk.pictures == [0, 1, 2]


def test_what_waits_for_a_file_that_is_given_up_is_dropped() -> None:
    disk = Disk()
    outlet = filing(disk)
    outlet.hear(np.zeros((RATE, 1), np.float32))
    for number in range(MOST_WAITING):
        outlet.show(picture(number))
    threading.Timer(0.1, disk.go.set).start()
    outlet.leave()
    assert outlet.thread is not None
    assert not outlet.thread.is_alive()
    assert len(disk.pictures) <= 1


def test_a_screen_shows_what_is_due_and_leaves_out_what_was() -> None:
    now, seen = [0.0], []

    class Seen(Screen):
        def display(self, picture) -> None:
            if picture is not None:
                seen.append(int(picture[0, 0, 0]))

    pacer = Pacer(FPS, RATE, Fraction(1, 10))
    screen = Seen(pacer, lambda: now[0])
    pacer.receive(RATE, now[0])
    for number in range(18):
        screen.show(picture(number))
    for now[0] in (0.0, 0.05, 0.11, 0.12, 0.16, 0.41):
        screen.refresh()
    assert seen == [0, 1, 6]
    screen.finish()
    assert seen == [0, 1, 6, 17]


def test_a_window_shows_a_picture_or_says_that_there_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter")
    pacer = Pacer(FPS, RATE, Fraction(0))
    if os.environ.get("DISPLAY"):
        with opened_window(pacer, (4, 4), "test") as window:
            window.display(picture(200))
            assert window.image.get(0, 0) == (200, 200, 200)
            assert not window.gone
            window.root.eval(window.root.protocol("WM_DELETE_WINDOW"))  # as when a user closes it
            assert window.gone
    monkeypatch.delenv("DISPLAY", raising=False)
    with (
        pytest.raises(UserError, match="window: expected a display; there is none"),
        opened_window(pacer, (4, 4), "test"),
    ):
        pass


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sounddevice", "pyvirtualcam"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with (
        pytest.raises(UserError, match=r"microphone: .*listen-and-move\[live\]"),
        opened_source("microphone", None, True),
    ):
        pass
    pacer = Pacer(FPS, RATE, Fraction(0))
    with (
        pytest.raises(UserError, match=r"camera: .*listen-and-move\[live\]"),
        opened_camera(pacer, (4, 4), FPS),
    ):
        pass
