"""From a sound file to a video file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from listen_and_move import __version__
from listen_and_move.clock import Seconds, frame_count
from listen_and_move.data.clip import file_hash
from listen_and_move.errors import UserError
from listen_and_move.features import SAMPLE_RATE
from listen_and_move.inference.animator import Animator, model_path
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import VideoWriter


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
    track: int = 0,
    start: Seconds | None = None,
    end: Seconds | None = None,
    seed: int = 0,
    overwrite: bool = False,
    device: str = "auto",
    watch: Callable[[Progress], None] = lambda progress: None,
) -> list[Path]:
    """Play a model with sounds; the model is loaded once.

    Args:
        model: a run folder or a model.safetensors.
        sounds: one or more files with sound, videos too.
        out: a file (.mp4, .mov, .mkv, .webm), a name without ending for a folder of PNG frames, or an existing folder
            (or one whose name ends in /) for a file per sound; SOUND-MODEL.mp4 here by default.
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
        UserError: a sound or the model cannot be read, or an output cannot be written.
    """
    sources = [Path(sound) for sound in ([sounds] if isinstance(sounds, (str, Path)) else sounds)]
    file = model_path(Path(model))
    outputs = _outputs(sources, file, None if out is None else str(out))
    _check_outputs(sources, outputs, overwrite)
    animator = Animator.load(file, device)
    marks = {"comment": _mark(animator, file, seed)}
    for source, target in zip(sources, outputs, strict=True):
        _one(animator, SoundTrack(source, track, start, end), target, marks, seed, overwrite, watch)
    return outputs


def _one(
    animator: Animator,
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
    total = frame_count(samples, rate, animator.fps)
    blocks = read_sound(sound.path, SAMPLE_RATE, track=sound.track, start=sound.start, end=sound.end)
    width, height = animator.size
    with VideoWriter(
        out, width=width, height=height, fps=animator.fps, sound=sound, metadata=marks, overwrite=overwrite
    ) as writer:
        for done, frame in enumerate(animator.frames(blocks, seed), start=1):
            if done > total:  # resampling may round a sound up by a sample, into a frame that nobody would hear
                break
            writer.write(frame)
            if done % 16 == 0 or done == total:
                watch(Progress(Path(sound.path), out, done, total))


def _mark(animator: Animator, file: Path, seed: int) -> str:
    """What the file says of itself: the picture is made, not recorded."""
    noise = f", seed {seed}" if animator.config.has_noise else ""
    return f"Generated picture, no recording: Listen and Move {__version__}, model sha256 {file_hash(file)}{noise}"


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
