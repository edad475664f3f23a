"""Mending of time stamps: clocks that are set back or jump, and frames whose stamps are missing or go back.

Joined recordings restart their clock in the middle of the file. `Timeline` moves the packets after such a
break so that time goes on. `FrameClock` finds the instants of decoded frames, as FFmpeg's best effort does.
"""

from dataclasses import dataclass, field

SET_BACK = 0.1
"""Seconds that a packet may be earlier than the one before; beyond, the clock was set back."""
JUMP = 10.0
"""Seconds that a packet may be later than expected; beyond, the clock jumped."""
NEAR = 0.1
"""Seconds within which a packet counts as expected."""
LONGEST_GAP = 600
"""Longest seconds of a frame or a silence; a longer one is damage."""


@dataclass
class _Place:
    """The position of a stream in time."""

    time: float
    """Mended time stamp of the last packet, in seconds."""
    expected: float
    """Mended time stamp of the next packet."""
    shift: float
    """Seconds by which the stream's packets are moved."""


@dataclass
class Timeline:
    """Mends the clock of a file. It is fed with the packets of all streams, in the order of the file.

    All streams are moved alike at a break, so that picture and sound stay together: the first stream that
    comes to it goes on without a gap.
    """

    jumps: bool
    """Whether the container's clock may jump forward without a meaning, as in MPEG-TS; else a jump is a gap.
    """
    shift: float = 0.0
    """Seconds by which packets after the last break are moved."""
    places: dict[int, _Place] = field(default_factory=dict)

    def moved(self, stream: int, time: float, length: float) -> float:
        """Returns the seconds by which a packet has to be moved.

        Args:
            stream: number of the packet's stream.
            time: decoding time stamp of the packet, in seconds.
            length: seconds that the packet lasts; 0 where it is not known.
        """
        place = self.places.get(stream)
        shift = self.shift if place is None else self._shift(stream, place, time)
        length = length or (time + shift - place.time if place else 0)
        self.places[stream] = _Place(time + shift, time + shift + max(length, 0), shift)
        return shift

    def _shift(self, stream: int, place: _Place, time: float) -> float:
        """Returns the shift of a packet's stream.

        It is that of the stream so far, that of another stream that reached a break first, or that of a new
        break.
        """
        if abs(time + place.shift - place.expected) <= NEAR:
            return place.shift
        if not self._breaks(stream, place, time + self.shift):
            return self.shift
        self.shift = place.expected - time
        return self.shift

    def _breaks(self, stream: int, place: _Place, time: float) -> bool:
        if time < place.time - SET_BACK:
            return True
        if not self.jumps or time <= place.expected + JUMP:
            return False
        others = (other.expected for number, other in self.places.items() if number != stream)
        return all(abs(time - expected) > JUMP for expected in others)  # else this stream alone has a gap


@dataclass
class FrameClock:
    """Finds the instants of frames in order of display, in ticks: FFmpeg's best effort.

    Presentation time stamps are taken while they go back less often than decoding time stamps; a frame
    without any follows the one before.
    """

    usual: int
    """Ticks that a frame lasts where the file does not say it."""
    last: int | None = None
    _last_pts: int | None = None
    _last_dts: int | None = None
    _faulty_pts: int = 0
    _faulty_dts: int = 0

    def stamp(self, pts: int | None, dts: int | None) -> int:
        """Returns the instant of the next frame, from its two time stamps."""
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
        self._last_dts = next((stamp for stamp in (dts, pts, self._last_dts) if stamp is not None), None)
        self._last_pts = next((stamp for stamp in (pts, dts, self._last_pts) if stamp is not None), None)
        trusted = dts is None or self._faulty_pts <= self._faulty_dts
        stamp = pts if pts is not None and trusted else dts
        if stamp is None:
            stamp = 0 if self.last is None else self.last + self.usual
        self.last = stamp
        return stamp

    def length(self, duration: int) -> int:
        """Returns the ticks that a frame lasts; FFmpeg says one tick where it does not know."""
        return duration if duration > 1 else self.usual
