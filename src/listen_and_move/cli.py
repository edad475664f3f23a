"""The command line: parse, make one public call, say where the result is.

Torch is imported by the calls, not here, so that help comes at once.
"""

import io
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro
from rich.console import Console
from tyro.conf import Positional, arg

from listen_and_move import __version__
from listen_and_move.config import (
    NOTES,
    PRESETS,
    ClipConfig,
    Config,
    CriticConfig,
    FeatureConfig,
    GeneratorConfig,
    LossConfig,
    MotionConfig,
    TrainingConfig,
    preset,
)
from listen_and_move.errors import UserError
from listen_and_move.progress import progress_bars, training_watch
from listen_and_move.settings import from_json

if TYPE_CHECKING:
    from listen_and_move.inference.generate import Progress as GenerateProgress

PROGRAM = "listen-and-move"
Device = Literal["auto", "cpu", "cuda", "mps"]
INTERRUPTED = 130
"""Exit code of a command that was stopped by a signal, as shells have it."""


@dataclass(frozen=True)
class DemoArguments:
    """Make a small performance, learn it, and play a melody that the model never heard."""

    folder: Positional[Path] = Path("listen-and-move-demo")
    """Where the clip, the sound, the run and the videos go."""
    seed: int = 0
    """Seed of the unheard melody."""
    steps: int | None = None
    """Training steps in total; None: 600."""
    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class InspectArguments:
    """Say what is in a video, and whether it will make a good model."""

    video: Positional[Path]
    """Any file with picture and sound."""
    clip: Annotated[ClipConfig, arg(name="")] = field(default_factory=ClipConfig)
    picture: Path | None = None
    """Where to write the overview picture; None: VIDEO-inspection.png here."""


@dataclass(frozen=True)
class TrainArguments:
    """Learn a video with its sound into a run folder. The same command again goes on where it stopped."""

    video: Positional[Path]
    """Any file with picture and sound."""
    run: Path | None = None
    """The run folder; None: runs/NAME-OF-VIDEO."""
    preset: str | None = None
    """Settings to start from: quick (a small model in minutes, on a CPU too) or paper (as published). None: quick."""
    steps: int | None = None
    """Steps in total, not in addition; short for --training.steps."""
    seed: int | None = None
    """Seed of everything random; short for --training.seed."""
    device: Device = "auto"
    """Where to compute."""
    clip: Annotated[ClipConfig, arg(name="")] = field(default_factory=ClipConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    critics: CriticConfig = field(default_factory=CriticConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class GenerateArguments:
    """Play a trained picture with any sound."""

    model: Positional[Path]
    """A run folder or a model.safetensors."""
    sounds: Positional[tuple[Path, ...]]
    """Files with sound, videos too."""
    out: str | None = None
    """A file (.mp4, .mov, .mkv, .webm), a name without ending for a folder of PNG frames, or a folder (existing, or ending
    in /) for one file per sound. None: SOUND-MODEL.mp4 here."""
    track: int = 0
    """Which of a file's sound streams, from 0."""
    start: float | None = None
    """Where to begin in the sound, in seconds."""
    end: float | None = None
    """Where to stop in the sound, in seconds."""
    seed: int = 0
    """Seed of the noise, where the model has any."""
    overwrite: bool = False
    """Replace outputs that exist."""
    device: Device = "auto"
    """Where to compute."""


def demo(arguments: list[str]) -> int:
    """Run the demonstration."""
    options = _parse(DemoArguments, "demo", arguments)
    from listen_and_move.demonstration import demo as run

    with progress_bars() as (bars, console), training_watch(bars) as watch:
        result = run(options.folder, seed=options.seed, steps=options.steps, device=options.device, watch=watch)
    for line in result.lines():
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def inspect(arguments: list[str]) -> int:
    """Inspect a video."""
    options = _parse(InspectArguments, "inspect", arguments)
    from listen_and_move.inspection import inspect as run

    picture = options.picture or Path(f"{options.video.stem}-inspection.png")
    for line in [*run(options.video, options.clip, picture).lines(), f"picture: {picture}"]:
        Console().print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def train(arguments: list[str]) -> int:
    """Train, or go on training."""
    base = _train_defaults(*_named(arguments))
    options = _parse(TrainArguments, "train", arguments, base)
    meant = _train_defaults(options.preset, options.run or _default_run(options.video))
    if meant != base:  # a word that looked like the video was the value of a flag
        base, options = meant, _parse(TrainArguments, "train", arguments, meant)
    from listen_and_move.training.loop import train as run

    short = {"training.steps": options.steps, "training.seed": options.seed}
    if options.preset in NOTES:
        print(f"note: {NOTES[options.preset]}", file=sys.stderr)
    settings = _changes(base, options) | {name: value for name, value in short.items() if value is not None}
    with progress_bars() as (bars, console), training_watch(bars) as watch:
        result = run(
            options.video, options.run, preset_name=options.preset, settings=settings, device=options.device, watch=watch
        )
    for name, value in result.figures.items():
        console.print(f"held out, {name.replace('_', ' ')}: {value:.3f}", highlight=False)
    if result.finished:
        console.print(f"{result.step} steps done. Model: {result.run / 'model.safetensors'}", soft_wrap=True, highlight=False)
        return 0
    console.print(f"stopped at step {result.step}, saved. The same command goes on from there.", highlight=False)
    return INTERRUPTED


def generate(arguments: list[str]) -> int:
    """Play a model with sounds."""
    options = _parse(GenerateArguments, "generate", arguments)
    if not options.sounds:
        raise UserError("generate: expected MODEL SOUND [SOUND ...]; got no sound: name at least one file")
    from listen_and_move.inference.generate import generate as run

    with progress_bars() as (bars, console):
        tasks: dict[Path, Any] = {}

        def watch(progress: "GenerateProgress") -> None:
            if progress.out not in tasks:
                tasks[progress.out] = bars.add_task(progress.sound.name, total=progress.frames, note="")
            bars.update(tasks[progress.out], completed=progress.done, note=f"{progress.done}/{progress.frames} frames")

        written = run(
            options.model,
            options.sounds,
            options.out,
            track=options.track,
            start=options.start,
            end=options.end,
            seed=options.seed,
            overwrite=options.overwrite,
            device=options.device,
            watch=watch,
        )
    if options.seed and not _has_noise(options.model):
        console.print("note: this model has no noise, so the seed has no effect", highlight=False)
    for path in written:
        console.print(str(path), soft_wrap=True, markup=False, highlight=False)
    return 0


COMMANDS: dict[str, tuple[Callable[[list[str]], int], type]] = {
    "demo": (demo, DemoArguments),
    "inspect": (inspect, InspectArguments),
    "train": (train, TrainArguments),
    "generate": (generate, GenerateArguments),
}


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exits with 0, with 2 and one line on stderr when the user can mend it, with 130 when interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a command as Ctrl-C does: what is half written is removed."""
    raise KeyboardInterrupt


def run_command(arguments: list[str]) -> int:
    """One command; the exit code."""
    try:
        return _dispatch(arguments)
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:  # a disk that fills up while a run is logged, say
        print(f"error: {error.filename or 'file'}: expected to read or write it; got {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing half written is left", file=sys.stderr)
        return INTERRUPTED


def _dispatch(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if name in ("-h", "--help"):
        print(_overview())
        return 0
    if name == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    if name not in COMMANDS:
        raise UserError(f"expected one of the commands {', '.join(COMMANDS)}; got {name!r}: see {PROGRAM} --help")
    return COMMANDS[name][0](rest)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    rows = [f"  {name:{width}}  {_first_line(kind)}" for name, (_, kind) in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND ...",
            "",
            "Learn one video with its sound, then play that same picture with any other sound.",
            "",
            "commands:",
            *rows,
            "",
            f"{PROGRAM} COMMAND --help  every option of a command",
            f"{PROGRAM} --version       the version",
        ]
    )


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").split("\n")[0]


Arguments = TypeVar("Arguments")


def _parse(kind: type[Arguments], name: str, arguments: list[str], default: Any = None) -> Arguments:
    """Parse with tyro; its framed errors become one line."""
    errors = io.StringIO()
    try:
        with redirect_stderr(errors):
            return tyro.cli(kind, prog=f"{PROGRAM} {name}", args=arguments, default=default)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(f"{name}: {_one_line(errors.getvalue())}: see {PROGRAM} {name} --help") from None


def _one_line(text: str) -> str:
    """The message of tyro's frame: the rows from its title down to the first rule."""
    rows: list[str] = []
    for line in text.splitlines():
        row = line.strip("╭╮╰╯│─━ ")
        if rows and (not row or row.startswith(("Argument helptext", "For full helptext"))):
            break
        rows += [row] if row else []
    title, *message = rows or ["cannot be understood"]
    return " ".join(" ".join(message or [title]).split()).rstrip(".:")


def _named(arguments: list[str]) -> tuple[str | None, Path]:
    """Preset and run as far as they can be seen before parsing: help shows their settings as defaults."""
    named: dict[str, str | None] = {"--preset": None, "--run": None}
    for place, word in enumerate(arguments):
        key, equals, value = word.partition("=")
        if key in named:
            named[key] = value if equals else (arguments[place + 1] if place + 1 < len(arguments) else None)
    video = next((word for word in arguments if not word.startswith("-")), "")
    return named["--preset"], Path(named["--run"]) if named["--run"] else _default_run(Path(video))


def _train_defaults(preset_name: str | None, run: Path) -> TrainArguments:
    """What changes are counted from: the run's settings, else the preset's."""
    config = _base(preset_name, run)
    groups = {item.name: getattr(config, item.name) for item in fields(config)}
    return TrainArguments(video=tyro.MISSING, **groups)  # type: ignore[arg-type]


def _default_run(video: Path) -> Path:
    """As in `training.loop`, which imports torch."""
    return Path("runs") / video.stem


def _base(preset_name: str | None, run: Path) -> Config:
    stored = run / "config.json"
    if preset_name is not None:
        return preset(preset_name)
    return from_json(Config, stored.read_text(encoding="utf-8")) if stored.is_file() else PRESETS["quick"]


def _changes(base: TrainArguments, options: TrainArguments) -> dict[str, Any]:
    """The settings that differ, as section.setting."""
    groups = [item.name for item in fields(TrainArguments) if is_dataclass(getattr(base, item.name))]
    return {
        f"{group}.{item.name}": getattr(getattr(options, group), item.name)
        for group in groups
        for item in fields(getattr(base, group))
        if getattr(getattr(options, group), item.name) != getattr(getattr(base, group), item.name)
    }


def _has_noise(model: Path) -> bool:
    from listen_and_move.inference.animator import model_path
    from listen_and_move.modelfile import load_model

    return load_model(model_path(model)).config.has_noise
