"""Live play over a WebSocket: float32 samples come in, JPEGs go out, each with its instant in the sound.

The first message is JSON with model, rate (samples per second), seed, gain and controls; then binary messages are samples,
one channel, any number; JSON messages change gain and controls, or end the sound. A picture is a binary message: `HEAD`, then
a JPEG. The sound never waits: where drawing falls behind, pictures are left out, and at last sound.
"""

import asyncio
import json
import struct
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from listen_and_move.app.library import Library
from listen_and_move.app.limits import ANIMATORS, BACKLOG_SECONDS, LIVE
from listen_and_move.app.pictures import JpegEncoder
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import Controls
from listen_and_move.level import Gain, checked_gain
from listen_and_move.settings import from_values

if TYPE_CHECKING:
    from listen_and_move.inference.animator import Animator
    from listen_and_move.inference.live import Live

HEAD = struct.Struct("<d3f")
"""Of a picture: its instant in the sound in seconds; milliseconds that its sound waited, drawing took, and the JPEG."""
FRESH = 2
"""Pictures of one push that are drawn; what is older is too late to be seen."""
TOO_MANY = f"{LIVE} are playing live already, which is the most that this page takes on: try again later."


@dataclass
class Inbox:
    """Sound that waits to be heard."""

    rate: int
    blocks: list[np.ndarray] = field(default_factory=list)
    arrived: float = 0.0
    """When the last of it came."""
    lost: int = 0
    """Samples that were left out, in all."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def put(self, samples: np.ndarray) -> None:
        """One more block; where too much is waiting, all before it is lost."""
        waiting = sum(map(len, self.blocks))
        if waiting > BACKLOG_SECONDS * self.rate:
            self.lost += waiting
            self.blocks.clear()
        self.blocks.append(samples)
        self.arrived = time.perf_counter()
        self.news.set()

    async def take(self) -> tuple[np.ndarray, float]:
        """All that waits, and when the last of it came."""
        await self.news.wait()
        self.news.clear()
        blocks, self.blocks = self.blocks, []
        return np.concatenate([np.zeros(0, np.float32), *blocks]), self.arrived


class Stage:
    """Live play of all visitors: models are loaded once and kept for a while."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.animators: OrderedDict[tuple[Path, float], Animator] = OrderedDict()
        self.loading = asyncio.Lock()
        self.playing = 0

    async def play(self, socket: WebSocket) -> None:
        """One visitor, from the first message to the end; what is wrong is said in one sentence."""
        await socket.accept()
        self.playing += 1
        try:
            await self._played(socket)
        except UserError as error:
            if socket.client_state == WebSocketState.CONNECTED:
                await socket.send_json({"error": str(error)})
        except (WebSocketDisconnect, RuntimeError):  # it went while a picture was on its way
            return
        finally:
            self.playing -= 1
        if socket.client_state == WebSocketState.CONNECTED:
            await socket.close()

    async def _played(self, socket: WebSocket) -> None:
        wish = _message(await socket.receive_text())
        if self.playing > LIVE:
            raise UserError(TOO_MANY)
        animator = await self._animator(str(wish.get("model")))
        player = animator.live(_whole(wish, "rate"), _whole(wish, "seed"), _controls(wish), _gain(wish))
        (width, height), delays = animator.size, {name: float(value) for name, value in player.delays._asdict().items()}
        await socket.send_json({"width": width, "height": height, "fps": float(animator.fps), "delays": delays})
        show = Show(player, Inbox(player.rate), JpegEncoder(width, height))
        hearing = asyncio.create_task(_hear(socket, show))
        try:
            await _show(socket, show, hearing)
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])
        if not hearing.cancelled() and (error := hearing.exception()) is not None:
            raise error

    async def _animator(self, name: str) -> "Animator":
        from listen_and_move.inference.animator import Animator

        file = self.library.file(self.library.run(name).model_file)
        key = (file, file.stat().st_mtime)
        async with self.loading:
            if key not in self.animators:
                self.animators[key] = await asyncio.to_thread(Animator.load, file)
            self.animators.move_to_end(key)
            while len(self.animators) > ANIMATORS:
                self.animators.popitem(last=False)
            return self.animators[key]


@dataclass
class Show:
    """What one visitor hears and sees."""

    player: "Live"
    inbox: Inbox
    encoder: JpegEncoder
    heard: int = 0
    """Samples so far."""

    def pictures(self, samples: np.ndarray, arrived: float) -> list[bytes]:
        """The messages with the pictures that some sound completes, those that are late left out."""
        begin, first = time.perf_counter(), self.player.frame
        self.heard += len(samples)
        late = max(0, self._complete() - first - FRESH)
        return self._messages(self.player.push(samples, late), first, late, arrived, begin)

    def rest(self) -> list[bytes]:
        """The messages that are left when the sound has ended."""
        begin, first = time.perf_counter(), self.player.frame
        return self._messages(self.player.finish(), first, 0, begin, begin)

    def _complete(self) -> int:
        """How many pictures the sound so far is enough for."""
        delays = self.player.delays
        instant = Fraction(self.heard, self.player.rate) - delays.window - delays.look_ahead - delays.resampling
        return floor(instant * self.player.animator.fps) + 1

    def _messages(self, frames: list[np.ndarray], first: int, late: int, arrived: float, begin: float) -> list[bytes]:
        drawn, messages = time.perf_counter(), []
        for number, frame in list(enumerate(frames, first))[late:]:
            started = time.perf_counter()
            image = self.encoder(frame)
            spent = (begin - arrived, drawn - begin, time.perf_counter() - started)
            instant = number / float(self.player.animator.fps) + self.inbox.lost / self.player.rate
            messages.append(HEAD.pack(instant, *(1000 * seconds for seconds in spent)) + image)
        return messages


async def _hear(socket: WebSocket, show: Show) -> None:
    """What the visitor sends, as it comes."""
    inbox = show.inbox
    try:
        while not inbox.over:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                inbox.put(_samples(message["bytes"]))
                continue
            wish = _message(message.get("text") or "")
            if wish.get("over"):
                inbox.over = True
            else:
                show.player.controls, show.player.gain = _controls(wish), _gain(wish)
    finally:
        inbox.news.set()


async def _show(socket: WebSocket, show: Show, hearing: "asyncio.Task[None]") -> None:
    """Pictures of what was heard, until the sound is over or the visitor gone."""
    inbox = show.inbox
    while not hearing.done() or inbox.blocks:
        for picture in await asyncio.to_thread(show.pictures, *await inbox.take()):
            await socket.send_bytes(picture)
    if inbox.over:
        for picture in await asyncio.to_thread(show.rest):
            await socket.send_bytes(picture)
        await socket.send_json({"over": True})


def _message(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise UserError("expected JSON with model, rate, seed, gain and controls; got something else")
    return values


def _samples(message: bytes) -> np.ndarray:
    if len(message) % 4:
        raise UserError(f"expected float32 samples; got {len(message)} bytes")
    return np.frombuffer(message, "<f4").astype(np.float32)


def _whole(wish: dict[str, Any], name: str) -> int:
    value = wish.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{name}: expected a whole number; got {str(value)[:20]!r}")
    return value


def _gain(wish: dict[str, Any]) -> Gain:
    gain = wish.get("gain", 0.0)
    if gain != "running" and (isinstance(gain, bool) or not isinstance(gain, (int, float))):
        raise UserError(f"gain: expected running or a number of dB; got {str(gain)[:20]!r}")
    return checked_gain(gain)


def _controls(wish: dict[str, Any]) -> Controls:
    return controls_of(wish.get("controls", {}))


def controls_of(values: Any) -> Controls:
    """Controls from what a page sent.

    Raises:
        UserError: unknown ones, or no numbers.
    """
    return from_values(Controls, values, "controls.")
