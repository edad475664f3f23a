"""The options of every command, and how they are parsed.

Torch is not imported here, so that help comes at once.
"""

import io
from contextlib import redirect_stderr
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro
from tyro.conf import Positional, arg

from listen_and_move.config import (
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
from listen_and_move.settings import from_json

PROGRAM = "listen-and-move"
Device = Literal["auto", "cpu", "cuda", "mps"]


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
    mode: Literal["model", "replay"] = "model"
    """model: the model draws; replay: real frames of the training part, in the order that the sound asks for."""
    video: Path | None = None
    """replay only: where the run's video is now, if it was moved."""
    overwrite: bool = False
    """Replace outputs that exist."""
    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class EvaluateArguments:
    """Measure a run on its held-out part, beside baselines that any model must beat; writes a report."""

    run: Positional[Path]
    """The run folder."""
    sound: tuple[Path, ...] = ()
    """Files with sound to play as well: what can be said without a real picture."""
    video: Path | None = None
    """Where the run's video is now, or another video to measure on, such as a second take of the same scene."""
    training: bool = False
    """Measure on the training part: how well it is learnt, not how well the picture follows."""
    protocol: Literal["equal", "paper"] = "equal"
    """FID and FVD with equal counts of real and generated samples and none where they are too few, or as the paper has them."""
    seed: int = 0
    """Seed of the noise, where the model has any."""
    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class CompareArguments:
    """Put evaluated runs side by side."""

    runs: Positional[tuple[Path, ...]]
    """Run folders that listen-and-move evaluate has measured."""
    out: Path = Path("comparison.html")
    """Where the page goes."""
    overwrite: bool = False
    """Replace a file that is there."""


@dataclass(frozen=True)
class RobustnessArguments:
    """Play a model with many foreign sounds, and say how its picture bears it. The same command again goes on."""

    run: Positional[Path]
    """The run folder."""
    sounds: Positional[Path]
    """A folder with sounds, at any depth."""
    clips: int = 500
    """How many sounds at most; which, by --seed."""
    seconds: str = "1-5"
    """Length of the part that is taken of each, as one number or a range."""
    classes: Path | None = None
    """A table (CSV) of file names and classes; None: the one in the folder, else names of folders or files."""
    video: Path | None = None
    """Where the run's video is now, if it was moved."""
    seed: int = 0
    """Seed of what is taken, and of the noise."""
    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class WeightsArguments:
    """List, fetch or add weights of published networks, which some measures need. Nothing is fetched unasked."""

    action: Positional[Literal["list", "fetch", "add"]] = "list"
    """list: what there is; fetch NAME...: download and check; add NAME FILE: check and keep a file that you have."""
    names: Positional[tuple[str, ...]] = ()
    """Names as listed; for add one name and its file."""


Arguments = TypeVar("Arguments")


def parse(kind: type[Arguments], name: str, arguments: list[str], default: Any = None) -> Arguments:
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


def named(arguments: list[str]) -> tuple[str | None, Path]:
    """Preset and run as far as they can be seen before parsing: help shows their settings as defaults."""
    named: dict[str, str | None] = {"--preset": None, "--run": None}
    for place, word in enumerate(arguments):
        key, equals, value = word.partition("=")
        if key in named:
            named[key] = value if equals else (arguments[place + 1] if place + 1 < len(arguments) else None)
    video = next((word for word in arguments if not word.startswith("-")), "")
    return named["--preset"], Path(named["--run"]) if named["--run"] else default_run(Path(video))


def train_defaults(preset_name: str | None, run: Path) -> TrainArguments:
    """What changes are counted from: the run's settings, else the preset's."""
    config = _base(preset_name, run)
    groups = {item.name: getattr(config, item.name) for item in fields(config)}
    return TrainArguments(video=tyro.MISSING, **groups)  # type: ignore[arg-type]


def default_run(video: Path) -> Path:
    """As in `training.loop`, which imports torch."""
    return Path("runs") / video.stem


def _base(preset_name: str | None, run: Path) -> Config:
    stored = run / "config.json"
    if preset_name is not None:
        return preset(preset_name)
    return from_json(Config, stored.read_text(encoding="utf-8")) if stored.is_file() else PRESETS["quick"]


def changes(base: TrainArguments, options: TrainArguments) -> dict[str, Any]:
    """The settings that differ, as section.setting."""
    groups = [item.name for item in fields(TrainArguments) if is_dataclass(getattr(base, item.name))]
    return {
        f"{group}.{item.name}": getattr(getattr(options, group), item.name)
        for group in groups
        for item in fields(getattr(base, group))
        if getattr(getattr(options, group), item.name) != getattr(getattr(base, group), item.name)
    }
