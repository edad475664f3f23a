"""Live play over a WebSocket: float32 samples come in, JPEGs go out, each with its instant in the sound.

The first message is JSON with model, rate (samples per second), seed, gain and controls, and if wanted
channels (1), picture, size and look_ahead, and comes within `limits.FIRST_MESSAGE_SECONDS`. It is answered by
what is shown: width, height and fps, the delays, and what is left of the motion where less sound is waited
for. Then binary messages are samples, any number, those of an instant beside each other; JSON messages change
gain and controls, or end the sound. A picture is a binary message: `HEAD`, then a JPEG. The sound never
waits: where drawing falls behind, pictures are left out, and at last sound.
"""

import asyncio
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from listen_and_move.app.library import Library
from listen_and_move.app.limits import (
    ANIMATORS,
    BACKLOG_SECONDS,
    FIRST_MESSAGE_SECONDS,
    LIVE,
    LIVE_PIXELS,
    SILENCE_SECONDS,
)
from listen_and_move.app.messages import read_message, written
from listen_and_move.app.pictures import JpegEncoder, jpeg_encoder
from listen_and_move.app.sentences import sentence
from listen_and_move.app.uploads import Uploads
from listen_and_move.app.wishes import controls_of, flag_of, gain_of, live_of
from listen_and_move.errors import UserError
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.look_ahead import motion_left
from listen_and_move.inference.picture_pipelines import PictureChoice, model_pipeline
from listen_and_move.inference.pipeline import Pipeline

if TYPE_CHECKING:
    from listen_and_move.inference.animator import Animator

HEAD = struct.Struct("<d3f")
"""Of a picture: its instant in the sound in seconds; milliseconds that its sound waited, drawing took, and
the JPEG."""
EXPECTED = "expected JSON with model, rate, seed, gain and controls"
TOO_MANY = f"{LIVE} are playing live already, which is the most that this page takes on: try again later."


@dataclass
class SampleQueue:
    """Blocks of samples that have come and wait for the network."""

    rate: int
    channels: int
    pacer: Pacer
    """Counts the sound, and says which pictures come too late."""
    blocks: list[np.ndarray] = field(default_factory=list)
    arrived: float = 0.0
    """When the last block came, by `time.perf_counter`."""
    lost: int = 0
    """Samples that were dropped, in all."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def put(self, samples: np.ndarray) -> None:
        """Adds a block (samples, channels); where more than `BACKLOG_SECONDS` wait, these are dropped."""
        waiting = sum(map(len, self.blocks))
        if waiting > BACKLOG_SECONDS * self.rate:
            self.lost += waiting
            self.pacer.lose(waiting)
            self.blocks.clear()
        self.blocks.append(samples)
        self.arrived = time.perf_counter()
        self.pacer.receive(len(samples), self.arrived)
        self.changed.set()

    async def take(self) -> tuple[np.ndarray, float]:
        """Waits for a change; returns all that waits (samples, channels), and when the last block came."""
        await self.changed.wait()
        self.changed.clear()
        blocks, self.blocks = self.blocks, []
        return np.concatenate([np.zeros((0, self.channels), np.float32), *blocks]), self.arrived


class LiveService:
    """Live play of all visitors: models are loaded once and kept for a while."""

    def __init__(self, library: Library, uploads: Uploads) -> None:
        self.library, self.uploads = library, uploads
        self.animators: OrderedDict[tuple[Path, float], Animator] = OrderedDict()
        self.left: dict[tuple[Animator, int], float | None] = {}
        """The shares of motion that are left, as `_motion_left` found them, for loaded models."""
        self.loading = asyncio.Lock()
        self.playing = 0

    async def play(self, socket: WebSocket) -> None:
        """Plays for a visitor from the first message to the end; an error is told in one sentence."""
        await socket.accept()
        mistake = None
        try:
            await self._played(socket)
        except WebSocketDisconnect:  # it went while a picture was on its way
            return
        except Exception as error:
            mistake = sentence(error)
        with suppress(WebSocketDisconnect, RuntimeError):
            if mistake is not None:
                await _send(socket, {"error": mistake})
            await socket.close()

    async def _played(self, socket: WebSocket) -> None:
        wish = live_of(await _first_message(socket))
        with ExitStack() as stack:
            stack.enter_context(self._slot())
            choice, name = wish.choice, wish.model
            if wish.video:
                upload = self.uploads.playable(socket.scope["visitor"], wish.video)
                stack.enter_context(self.uploads.needed(upload))
                choice, name, file = choice._replace(picture="path", by_sound=True), upload.name, upload.model
            else:
                file = self.library.file(self.library.run(wish.model).model_file)
            animator = await self._animator(file)
            pipeline = bounded_pipeline(animator, choice, name)
            player = Live(pipeline, wish.rate, wish.seed, wish.controls, wish.gain, "auto")
            delays = {cause: float(value) for cause, value in player.delays._asdict().items()}
            width, height = pipeline.size
            facts = {"width": width, "height": height, "fps": float(pipeline.fps), "delays": delays}
            less = choice.look_ahead is not None and choice.look_ahead < animator.config.features.future
            heard = pipeline.front_end.reference.extractor.ahead
            left = await self._motion_left(animator, heard) if less and not wish.video else None
            await _send(socket, {**facts, "left": left})
            session = LiveSession(
                player,
                SampleQueue(
                    player.rate, wish.channels, Pacer(pipeline.fps, player.rate, player.delays.sound)
                ),
                jpeg_encoder(width, height),
            )
            receiving = asyncio.create_task(_receive(socket, session))
            try:
                await _send_pictures(socket, session, receiving)
            finally:
                receiving.cancel()
                (mistake,) = await asyncio.gather(receiving, return_exceptions=True)
            if isinstance(mistake, Exception):
                raise mistake

    async def _motion_left(self, animator: "Animator", heard: int) -> float | None:
        """Returns the share of motion that is left with ``heard`` frames heard ahead; None: not known."""
        kept = animator.model.kept
        if kept is None:
            return None
        if (animator, heard) not in self.left:
            found = await asyncio.to_thread(motion_left, animator, kept.path.features, heard)
            self.left[animator, heard] = found
        return self.left[animator, heard]

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Holds one of the places for visitors who play at the same time.

        Raises:
            UserError: all places are taken.
        """
        if self.playing >= LIVE:
            raise UserError(TOO_MANY)
        self.playing += 1
        try:
            yield
        finally:
            self.playing -= 1

    async def _animator(self, file: Path) -> "Animator":
        from listen_and_move.inference.animator import Animator

        key = (file, file.stat().st_mtime)
        async with self.loading:
            if key not in self.animators:
                self.animators[key] = await asyncio.to_thread(Animator.load, file)
            self.animators.move_to_end(key)
            while len(self.animators) > ANIMATORS:
                _, gone = self.animators.popitem(last=False)
                self.left = {key: value for key, value in self.left.items() if key[0] is not gone}
            return self.animators[key]


@dataclass
class LiveSession:
    """Live play of one visitor, from samples to messages with pictures."""

    player: Live
    queue: SampleQueue
    encoder: JpegEncoder

    def pictures(self, samples: np.ndarray, arrived: float) -> list[bytes]:
        """Returns the messages with the pictures that some sound completes; late pictures are left out.

        Args:
            samples: (samples, channels).
            arrived: when the last of them came, by `time.perf_counter`.
        """
        begin, first = time.perf_counter(), self.player.frame
        late = self.queue.pacer.late(first, begin)
        return self._messages(self.player.push(samples, late), first, late, arrived, begin)

    def rest(self) -> list[bytes]:
        """Returns the messages with the last pictures, when the sound has ended."""
        begin, first = time.perf_counter(), self.player.frame
        return self._messages(self.player.finish(), first, 0, begin, begin)

    def _messages(
        self, frames: list[np.ndarray], first: int, late: int, arrived: float, begin: float
    ) -> list[bytes]:
        rendered_at, messages = time.perf_counter(), []
        for number, frame in list(enumerate(frames, first))[late:]:
            started = time.perf_counter()
            image = self.encoder(frame)
            spent = (begin - arrived, rendered_at - begin, time.perf_counter() - started)
            instant = number / float(self.player.pipeline.fps) + self.queue.lost / self.player.rate
            messages.append(HEAD.pack(instant, *(1000 * seconds for seconds in spent)) + image)
        return messages


async def _receive(socket: WebSocket, session: LiveSession) -> None:
    """Receives sound and changes of dials until the visitor ends the sound or goes."""
    queue = session.queue
    try:
        while not queue.over:
            message = await _within(SILENCE_SECONDS, socket, "expected sound or changes of dials")
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                queue.put(_samples(message["bytes"], queue.channels))
                continue
            request = read_message(message.get("text") or "", EXPECTED)
            if flag_of(request, "over"):
                queue.over = True
            else:
                session.player.controls, session.player.gain = controls_of(request), gain_of(request)
    finally:
        queue.changed.set()


async def _send_pictures(socket: WebSocket, session: LiveSession, receiving: "asyncio.Task[None]") -> None:
    """Sends the pictures of the samples that came, until the sound is over or the visitor has gone."""
    queue = session.queue
    while not receiving.done() or queue.blocks:
        for picture in await asyncio.to_thread(session.pictures, *await queue.take()):
            await _send(socket, picture)
    if queue.over:
        for picture in await asyncio.to_thread(session.rest):
            await _send(socket, picture)
        await _send(socket, {"over": True})


async def _first_message(socket: WebSocket) -> dict[str, Any]:
    """Returns the first message of a visitor, which says what is to be played."""
    message = await _within(FIRST_MESSAGE_SECONDS, socket, EXPECTED)
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return read_message(message.get("text") or "", EXPECTED)


async def _within(seconds: float, socket: WebSocket, expected: str) -> Message:
    """Returns the next message.

    Raises:
        UserError: no message comes in time.
    """
    try:
        return await asyncio.wait_for(socket.receive(), seconds)
    except asyncio.TimeoutError:
        raise UserError(f"{expected} within {seconds:g} seconds; nothing came") from None


async def _send(socket: WebSocket, message: bytes | dict[str, Any]) -> None:
    """Sends a picture, or values as JSON.

    Raises:
        WebSocketDisconnect: the visitor has gone.
    """
    try:
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_text(written(message))
    except RuntimeError:
        raise WebSocketDisconnect from None


def _samples(message: bytes, channels: int) -> np.ndarray:
    if len(message) % (4 * channels):
        raise UserError(f"expected float32 samples of {channels} channels; got {len(message)} bytes")
    return np.frombuffer(message, "<f4").astype(np.float32).reshape(-1, channels)


def bounded_pipeline(animator: "Animator", choice: PictureChoice, name: str) -> Pipeline:
    """Returns a pipeline that plays a model for a visitor, its picture no larger than the page takes on.

    Args:
        animator: the model, which visitors share.
        choice: the picture that is asked for.
        name: of the model, for messages.

    Raises:
        UserError: no such size or a larger one, or a path of a model that keeps no frames.
    """
    pipeline = model_pipeline(animator, choice, name)
    width, height = pipeline.size
    if width * height <= LIVE_PIXELS:
        return pipeline
    if choice.size not in ("source", "model"):
        raise UserError(f"size: expected at most {LIVE_PIXELS} pixels in all; got {choice.size}")
    scale = sqrt(LIVE_PIXELS / (width * height))
    fitting = "x".join(str(int(side * scale) // 2 * 2) for side in (width, height))
    return model_pipeline(animator, choice._replace(size=fitting), name)
