"""Several models play one sound, and the picture fades from one to another.

All of them hear the whole sound, so that each is in time when it is chosen; those that are not seen do not
draw. Pictures come at the rate and the size of the first one, as late as the one that waits longest.

Letters: n samples, H height, W width.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import Gain
from listen_and_move.errors import SettingError
from listen_and_move.inference.controls import Controls, dials
from listen_and_move.inference.live.session import Delays, Live
from listen_and_move.inference.pipeline import Pipeline

ALL = 1 << 30
"""More frames than a block of sound completes."""


class Fade(NamedTuple):
    """From what was seen to one model."""

    before: Mapping[str, float]
    """The share of each model in the picture before it; the others have none."""
    to: str
    """The model that is seen alone in the end."""
    begin: int
    """The first frame of it."""
    frames: int
    """How many it takes; 0: a cut."""

    def shares(self, frame: int) -> dict[str, float]:
        """The share of each model in a picture; those that are not seen are left out."""
        done = 0.0 if frame < self.begin else min(1.0, (frame - self.begin + 1) / max(1, self.frames))
        shares = {name: share * (1 - done) for name, share in self.before.items()}
        shares[self.to] = shares.get(self.to, 0.0) + done
        return {name: share for name, share in shares.items() if share > 0}


@dataclass
class _Given:
    """Pictures that a player has given and that are still to be shown."""

    first: int = 0
    """Number of the oldest one."""
    pictures: deque[np.ndarray] = field(default_factory=deque)

    @property
    def end(self) -> int:
        """How many have been given in all."""
        return self.first + len(self.pictures)

    def at(self, number: int) -> UInt8[np.ndarray, "H W 3"]:
        """The picture of that number, or the nearest one; those before it are dropped."""
        while self.first < number and len(self.pictures) > 1:
            self.pictures.popleft()
            self.first += 1
        return self.pictures[0]


class Crossfader:
    """Players of one sound of which one is seen, or several while one fades into another.

    Args:
        players: by the names of their models; the first one is seen, and says at which rate.
    """

    def __init__(self, players: Mapping[str, Live]) -> None:
        self.players = dict(players)
        first = next(iter(self.players))
        self.fps = self.players[first].pipeline.fps
        self.fade = Fade({}, first, 0, 0)
        self.frame = 0
        """Number of the next picture: how many have been given out."""
        self.held = False
        """The picture stands still, whatever sounds; under it all goes on."""
        self._given = {name: _Given() for name in self.players}
        self._dials = {name: applying(player.pipeline) for name, player in self.players.items()}
        self._last: np.ndarray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, in order."""
        return tuple(self.players)

    @property
    def seen(self) -> Live:
        """The player that is seen, or will be."""
        return self.players[self.fade.to]

    @property
    def dials(self) -> frozenset[str]:
        """Names of the dials that turn something in any of the models."""
        return frozenset().union(*self._dials.values())

    @property
    def delays(self) -> Delays:
        """What the latency is made of, of the player that waits longest."""
        return max((player.delays for player in self.players.values()), key=lambda delays: delays.sound)

    @property
    def latency(self) -> float:
        """Seconds from an instant of the sound to its picture, without computing."""
        return float(sum(self.delays))

    def turn(self, controls: Controls, gain: Gain) -> None:
        """Plays on with other dials: each model with those of them that it has.

        Args:
            controls: how the picture is played.
            gain: dB with which the sound is heard, or running.
        """
        for name, player in self.players.items():
            player.controls = Controls(**{dial: getattr(controls, dial) for dial in self._dials[name]})
            player.gain = gain

    def switch(self, name: str, seconds: float) -> None:
        """Fades to a model, from whatever is seen now; one that is on its way already gets other seconds.

        With the same seconds it stays on its way.

        Args:
            name: of the model, one of `names`.
            seconds: that it takes; 0: a cut.
        """
        frames = round(seconds * self.fps)
        on_its_way = (self.fade.to, self.fade.frames) == (name, frames)
        if on_its_way or self.fade.shares(self.frame) == {name: 1.0}:
            return
        player = self.players[name]
        pipeline, waits = player.pipeline, player.delays.control
        waits += pipeline.held_back / pipeline.front_end.reference.extractor.fps + pipeline.until_shown
        # What has been heard already without being drawn is not worth seeing.
        fresh = 0 if self._draws(name) else player.frame + ceil(waits * pipeline.fps)
        awaited = self.fade.begin if name == self.fade.to else 0
        begin = max(self.frame, awaited, ceil(fresh * self.fps / pipeline.fps))
        before = self.fade.shares(self.frame - 1) if self.frame else {self.fade.to: 1.0}
        self.fade = Fade(before, name, begin, frames)

    def push(self, samples: Float[np.ndarray, "n ..."], late: int = 0) -> list[UInt8[np.ndarray, "H W 3"]]:
        """Returns the pictures that the next samples complete, often none.

        Args:
            samples: as `Live.push` takes them.
            late: so many of the pictures to come are too late to be worth drawing.

        Raises:
            UserError: no such samples.
        """
        for name, player in self.players.items():
            missed = self._number(player, self.frame + late) - player.frame
            pictures = player.push(samples, max(0, missed) if self._draws(name) else ALL)
            self._given[name].pictures.extend(pictures)
        return self._complete()

    def finish(self) -> list[UInt8[np.ndarray, "H W 3"]]:
        """Returns the pictures that are left when the sound has ended."""
        for name, player in self.players.items():
            self._given[name].pictures.extend(player.finish())
        return self._complete()

    def _draws(self, name: str) -> bool:
        """Whether a model is seen, or will be."""
        return name == self.fade.to or name in self.fade.shares(self.frame)

    def _number(self, player: Live, frame: int) -> int:
        """The frame of a player that is on display at the instant of a picture."""
        return floor(frame * player.pipeline.fps / self.fps)

    def _complete(self) -> list[UInt8[np.ndarray, "H W 3"]]:
        """The pictures for which every player has given its frame."""
        pictures = []
        given = [(player, self._given[name]) for name, player in self.players.items()]
        while all(each.end > self._number(player, self.frame) for player, each in given):
            pictures.append(self._picture())
            self.frame += 1
        return pictures

    def _picture(self) -> UInt8[np.ndarray, "H W 3"]:
        current = {
            name: given.at(self._number(self.players[name], self.frame))
            for name, given in self._given.items()
        }
        if self._last is None or not self.held:
            self._last = self._mixed(current)
        return self._last

    def _mixed(self, current: Mapping[str, np.ndarray]) -> UInt8[np.ndarray, "H W 3"]:
        shares = self.fade.shares(self.frame)
        if len(shares) == 1:
            return current[next(iter(shares))]
        total = sum(np.float32(share) * current[name] for name, share in shares.items())
        return np.rint(total).astype(np.uint8)


def applying(pipeline: Pipeline) -> frozenset[str]:
    """Names of the dials that turn something in what a pipeline shows."""
    names = set()
    for dial in dials(Controls):
        try:
            pipeline.check(Controls(**{dial.name: dial.highest}))
        except SettingError:
            continue
        names.add(dial.name)
    return frozenset(names)


def warm(pipeline: Pipeline) -> None:
    """Plays a second of silence, so that nothing is done for the first time in front of people."""
    pipeline.push(np.zeros(SAMPLE_RATE, np.float32))
