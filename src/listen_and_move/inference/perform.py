"""A model plays what it hears, as it comes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from math import inf, log10
from pathlib import Path
from types import FrameType
from typing import NamedTuple, Protocol

import numpy as np

from listen_and_move.audio.loudness import Gain
from listen_and_move.audio.matching import Adapt, checked_adapt
from listen_and_move.data.clip import file_hash
from listen_and_move.errors import Remark, UserError, printable
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.live.crossfade import Crossfader, warm
from listen_and_move.inference.live.incoming import Incoming
from listen_and_move.inference.live.opening import Destination, StreamKind, opened_outlet
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.inference.live.session import Live, core_to_spare
from listen_and_move.inference.live.sinks import Outlet
from listen_and_move.inference.live.sources import MICROPHONE, PIPE, opened_source
from listen_and_move.inference.picture_pipelines import Picture, PictureChoice, fitted
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import Playable, inputs_of, playable
from listen_and_move.inference.sound_check import NOT_MATCHED
from listen_and_move.inference.sources.camera import CameraMode
from listen_and_move.interrupts import handled
from listen_and_move.media.piped import Raw
from listen_and_move.media.soundtrack import Source
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import mixture
from listen_and_move.provenance.signing import SigningFiles

TICK = 0.005
"""Seconds after which a screen is looked after where no sound comes."""


class Status(NamedTuple):
    """How it goes."""

    frames: int
    """Given out so far."""
    repeated: int
    """Of them: too late to be drawn."""
    level: float
    """Of the last sound, in dB of full scale; -inf for digital silence."""
    latency: float
    """Seconds from an instant of the sound to its picture: what the model hears ahead, and what computing
    took."""
    ahead: float
    """The part of it that computing has nothing to do with."""


class Direction(Protocol):
    """Who changes how it is played, from outside."""

    def direct(self, player: Crossfader, status: Status) -> None:
        """Changes what is wished; called between pictures, by who draws them.

        Args:
            player: what plays.
            status: how it goes.
        """
        ...


def perform(
    model: Path | str,
    input: str,
    output: str,
    *,
    raw: Raw | None = None,
    realtime: bool = False,
    stream: StreamKind = "matroska",
    seed: int = 0,
    gain: Gain = "running",
    adapt: Adapt = "auto",
    look_ahead: int | None = None,
    controls: Controls = AS_TRAINED,
    picture: Picture = "auto",
    size: str = "source",
    camera: CameraMode = "still",
    paste: bool = False,
    video: Path | None = None,
    track: int | None = None,
    picture_track: int | None = None,
    overwrite: bool = False,
    sign: SigningFiles | None = None,
    device: str = "auto",
    others: Sequence[Path | str] = (),
    direction: Direction | None = None,
    watch: Callable[[Status], None] = lambda status: None,
    tell: Callable[[Remark], None] = lambda remark: None,
) -> Status:
    """Play until the sound ends, nobody looks any more, or Ctrl-C; what was played until then is complete.

    Where it is live, the sound never waits and pictures that come too late are repeated
    (`inference.live.pacing`); else all are drawn, as fast as it goes, and with a fixed gain and adapt 0 they
    are those of `generate`. It is live with a microphone, a window or a camera, and where ``realtime`` says
    so.

    Args:
        model: a run folder, a model.safetensors, or a video, which is played by its sound alone.
        input: a file with sound, - for standard input, or microphone.
        output: a file (.mp4, .mov, .mkv, .webm) or folder, - for standard output, window or camera.
        raw: standard input only: what the samples are where there is no container.
        realtime: a file is played at its own speed; a pipe delivers at its own speed.
        stream: what is written to standard output.
        seed: of the noise, where the model has any.
        gain: dB with which the sound is heard, or running.
        adapt: how far a foreign sound is brought into the clip's sound world, as in `generate`; by what has
            been heard until then, fading in over seconds.
        look_ahead: frames of sound, at the model's rate, that are waited for; None: as many as the model was
            trained to hear. Where it is given, paths are decided as they are live.
        controls: how the picture is played.
        picture: drawn, path or auto, as in `generate`.
        size: model, source, or WIDTHxHEIGHT.
        camera: still or as-filmed, as in `generate`.
        paste: put the picture back into a still of the whole picture that the clip was cut from.
        video: paste only: where the run's video, or one of its takes, is now.
        track: which of the sounds of a file or pipe, by its number from 0; None: its default one.
        picture_track: of a video that is played: which of its pictures, likewise.
        overwrite: replace an output that exists.
        sign: files with a certificate and its private key, with which the output is signed, as in `generate`.
        device: auto, cpu, cuda or mps.
        others: more of what ``model`` may be, to which the picture can be faded while it plays; all of them
            are loaded before, hear all of the sound, and fit into the size of the first one's picture.
        direction: changes dials and models while it plays, where paths are decided as they are live; None:
            nobody does.
        watch: called after every block of sound.
        tell: called with what there is to say of the model, before it plays.

    Returns:
        How it went.

    Raises:
        UserError: the model, the sound or the output cannot be used, or what was made could not be signed
            and was kept without.
    """
    destination = Destination(output, stream, overwrite)
    live = realtime or input == MICROPHONE or destination.seen
    place = None if video is None else Path(video)
    inputs = [*inputs_of(Path(model), place, needs_video=paste), *map(Path, sign or ())]
    inputs += [each for other in others for each in inputs_of(Path(other), None, needs_video=paste)]
    destination.check(inputs, input)
    signer = None if sign is None else destination.signer(sign)
    # What is changed from outside is changed now: a path may not have been decided long before.
    as_live = live or look_ahead is not None or direction is not None
    choice = PictureChoice(
        picture, size, seed=seed, live=as_live, track=picture_track, camera=camera, look_ahead=look_ahead
    )
    names = [model_name(Path(each)) for each in (model, *others)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"models: expected names that differ; got {twice[0]} twice: rename one of them")
    if others and direction is None:
        raise UserError(
            f"models: expected one where nobody chooses while it plays; got {len(names)}",
            "--osc or --midi lets you choose",
        )
    played = playable(Path(model), choice, paste=paste, video=place, device=device)
    pipeline = played.pipeline
    pipeline.check(controls)
    # Stretched to the size that was asked for, another shape would not stay what it is.
    choice = choice._replace(track=None, size="model" if size == "model" else "source")
    more = [_fitted(playable(Path(each), choice, paste=paste, device=device), pipeline) for each in others]
    for note in (note for each in (played, *more) for note in each.notes):
        tell(note)
    if checked_adapt(adapt) not in ("auto", 0) and pipeline.front_end.matcher is None:
        tell(Remark(f"{NOT_MATCHED}: asking for sounds to be brought there has no effect"))
    if direction is not None:
        for each in (played, *more):
            warm(each.pipeline)
    with opened_source(input, raw, live, track) as source, _stopping() as stopped, core_to_spare(live):
        player: Live | Crossfader = Live(pipeline, source.rate, seed, controls, gain, adapt)
        direct, piece = _undirected, sys.maxsize
        if direction is not None:
            rest = (Live(each.pipeline, source.rate, seed, gain=gain, adapt=adapt) for each in more)
            player = Crossfader(dict(zip(names, (player, *rest), strict=True)))
            player.turn(controls, gain)
            direct = partial(direction.direct, player)
            piece = int(source.rate / pipeline.fps)  # of a picture, however much sound comes at once
        pacer = Pacer(pipeline.fps, source.rate, player.delays.sound)
        sound = file_hash(Path(input)) if signer and input not in (MICROPHONE, PIPE) else ""
        label = Label(mixture([each.provenance for each in (played, *more)]), signer, sound, keeps=True)
        with opened_outlet(destination, pipeline.size, source, pacer, label, live) as outlet:
            status = _Performance(player, source, pacer, outlet, stopped, live, watch, direct, piece).run()
        label.check_signed(output)
        return status


def _undirected(status: Status) -> None:
    """Nobody changes anything."""


def model_name(model: Path) -> str:
    """Returns what a model is called where one of several is chosen: a name that can be sent and printed."""
    return printable(model.stem if model.is_file() else model.name or model.resolve().name)


def _fitted(other: Playable, first: Pipeline) -> Playable:
    """Returns what plays another model in the size of the first one."""
    return other._replace(pipeline=fitted(other.pipeline, first.size))


class _Performance:
    """What plays, while it plays."""

    def __init__(
        self,
        player: Live | Crossfader,
        source: Source,
        pacer: Pacer,
        outlet: Outlet,
        stopped: threading.Event,
        live: bool,
        watch: Callable[[Status], None],
        direct: Callable[[Status], None],
        piece: int,
    ) -> None:
        self.player, self.pacer, self.outlet = player, pacer, outlet
        self.stopped, self.live, self.watch, self.direct = stopped, live, watch, direct
        self.piece = piece
        """Samples after which it may be directed again."""
        self.incoming = Incoming(source.blocks, source.channels, self._arrived, None if live else source.rate)
        self.status = Status(0, 0, -inf, player.latency, player.latency)

    def run(self) -> Status:
        """To the end."""
        try:
            while not (self.stopped.is_set() or self.outlet.gone):
                samples = self.incoming.take(TICK)
                if samples is None:
                    break
                for block in np.split(samples, range(self.piece, len(samples), self.piece)):
                    self.direct(self.status)
                    if len(block):
                        self._play(block)
                self.outlet.refresh()
            self._show(self.player.finish())
            self.outlet.finish()
        finally:
            self.incoming.leave()
        return self.status

    def _play(self, samples: np.ndarray) -> None:
        late = self.pacer.late(self.player.frame, time.monotonic()) if self.live else 0
        self.outlet.hear(samples)
        frames = self.player.push(samples, late)
        self._show(frames)
        repeated = self.status.repeated + min(late, len(frames))
        latency = self._latency() if frames else self.status.latency
        self.status = Status(self.player.frame, repeated, _level(samples), latency, self.player.latency)
        self.watch(self.status)

    def _latency(self) -> float:
        """Of the newest picture, just now; where it is not live, nobody waits for it."""
        if not self.live:
            return self.player.latency
        since = self.pacer.position(time.monotonic()) - (self.player.frame - 1) / self.pacer.fps
        return float(since + self.player.delays.control)

    def _show(self, frames: list[np.ndarray]) -> None:
        for frame in frames:
            self.outlet.show(frame)

    def _arrived(self, samples: int) -> None:
        self.pacer.receive(samples, time.monotonic())


def _level(samples: np.ndarray) -> float:
    square = float(np.square(samples, dtype=np.float64).mean())
    return 10 * log10(square) if square > 0 else -inf


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by Ctrl-C and its like, which end the play where it is; the second one has its usual effect."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()
        handlers.close()

    with ExitStack() as handlers:
        handlers.enter_context(handled(stop))
        yield stopped
