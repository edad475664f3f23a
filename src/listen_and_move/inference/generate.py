"""From a sound file to a video file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from listen_and_move import __version__
from listen_and_move.clock import Seconds, frame_count
from listen_and_move.data.clip import file_hash, load_clip
from listen_and_move.errors import UserError
from listen_and_move.features import SAMPLE_RATE
from listen_and_move.inference.animator import Animator, model_path
from listen_and_move.inference.replay import Replayer, recording
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import VideoWriter


class Player(Protocol):
    """What turns sound into frames: an `Animator` or a `Replayer`."""

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, in pixels."""
        ...

    def frames(self, sound: Iterable[np.ndarray], seed: int = 0) -> Iterator[np.ndarray]:
        """Pictures uint8 (height, width, 3) to a sound at 64 kHz, given in blocks of any length."""
        ...


class Progress(NamedTuple):
    """Frames done of all, for one sound."""

    sound: Path
    out: Path
    done: int
    frames: int


def generate(
    model: Path | str,
    sounds: Sequence[Path | str] | Path | str,
    out: Path | str | None = None,
    *,
    mode: Literal["model", "replay"] = "model",
    video: Path | str | None = None,
    track: int = 0,
    start: Seconds | None = None,
    end: Seconds | None = None,
    seed: int = 0,
    overwrite: bool = False,
    device: str = "auto",
    watch: Callable[[Progress], None] = lambda progress: None,
) -> list[Path]:
    """Play a model, or the recording that it learnt from, with sounds; it is loaded once.

    Args:
        model: a run folder or a model.safetensors.
        sounds: one or more files with sound, videos too.
        out: a file (.mp4, .mov, .mkv, .webm), a name without ending for a folder of PNG frames, or an existing folder
            (or one whose name ends in /) for a file per sound; SOUND-MODEL.mp4 here by default.
        mode: model: the model draws; replay: real frames of the training part are shown in the order that the sound asks for.
        video: replay only: where the run's video is now, if not where it was when the run began.
        track: which of a file's sound streams, from 0.
        start: where to begin in the sound, in seconds.
        end: where to stop in the sound, in seconds.
        seed: of the noise, where the model has any.
        overwrite: replace outputs that exist.
        device: auto, cpu, cuda or mps.
        watch: called after every block of frames.

    Returns:
        The files written, in the order of the sounds.

    Raises:
        UserError: a sound, the model or the run's video cannot be read, or an output cannot be written.
    """
    sources = [Path(sound) for sound in ([sounds] if isinstance(sounds, (str, Path)) else sounds)]
    file = model_path(Path(model))
    outputs = _outputs(sources, file, None if out is None else str(out))
    _check_outputs(sources, outputs, overwrite)
    if mode == "replay":
        player, mark = _replay(Path(model), None if video is None else Path(video))
    elif video is None:
        player, mark = _model(file, device, seed)
    else:
        raise UserError(f"video: expected only where a recording is replayed; got {video}: leave it away, or --mode replay")
    for source, target in zip(sources, outputs, strict=True):
        _one(player, SoundTrack(source, track, start, end), target, {"comment": mark}, seed, overwrite, watch)
    return outputs


def _model(file: Path, device: str, seed: int) -> tuple[Player, str]:
    """The model, and what a file says of itself: the picture is made, not recorded."""
    animator = Animator.load(file, device)
    noise = f", seed {seed}" if animator.config.has_noise else ""
    mark = f"Generated picture, no recording: Listen and Move {__version__}, model sha256 {file_hash(file)}{noise}"
    return animator, mark


def _replay(model: Path, video: Path | None) -> tuple[Player, str]:
    """The recording, and what a file says of itself: the pictures are real, their order is not."""
    source, config = recording(model, video)
    mark = f"Replayed pictures of a recording: Listen and Move {__version__}, video sha256 {file_hash(source)}"
    return Replayer(load_clip(source, config), config), mark


def _one(
    player: Player,
    sound: SoundTrack,
    out: Path,
    marks: dict[str, str],
    seed: int,
    overwrite: bool,
    watch: Callable[[Progress], None],
) -> None:
    samples, rate = sound_samples(sound.path, track=sound.track, start=sound.start, end=sound.end)
    if not samples:
        raise UserError(f"{sound.path}: expected sound; there is none in this part: choose another with --start and --end")
    total = frame_count(samples, rate, player.fps)
    blocks = read_sound(sound.path, SAMPLE_RATE, track=sound.track, start=sound.start, end=sound.end)
    width, height = player.size
    with VideoWriter(out, width=width, height=height, fps=player.fps, sound=sound, metadata=marks, overwrite=overwrite) as writer:
        for done, frame in enumerate(player.frames(blocks, seed), start=1):
            if done > total:  # resampling may round a sound up by a sample, into a frame that nobody would hear
                break
            writer.write(frame)
            if done % 16 == 0 or done == total:
                watch(Progress(Path(sound.path), out, done, total))


def _outputs(sounds: Sequence[Path], model: Path, out: str | None) -> list[Path]:
    name = model.parent.name if model.name == "model.safetensors" and model.parent.name else model.stem
    names = [f"{sound.stem}-{name}.mp4" for sound in sounds]
    if out is None:
        return [Path(name) for name in names]
    if len(sounds) > 1 and Path(out).suffix:
        raise UserError(f"{out}: expected a folder for {len(sounds)} sounds; got the name of one file")
    if len(sounds) > 1 or out.endswith(("/", "\\")) or Path(out).is_dir():
        return [Path(out) / name for name in names]
    return [Path(out)]


def _check_outputs(sounds: Sequence[Path], outputs: Sequence[Path], overwrite: bool) -> None:
    """Before the first frame: an output that exists, is asked for twice, or is an input."""
    for index, out in enumerate(outputs):
        if out in outputs[:index]:
            raise UserError(
                f"{out}: expected a different name for each sound; two sounds would be written there: give them one by one"
            )
        if any(out.resolve() == sound.resolve() for sound in sounds):
            raise UserError(f"{out}: expected an output that is no input; it is the sound itself: choose another --out")
        if out.exists() and not overwrite:
            raise UserError(f"{out}: expected a new file; it exists: choose another --out, or --overwrite")
