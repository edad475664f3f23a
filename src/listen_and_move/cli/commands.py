"""The commands: each parses its options, makes one public call, and says where the result is.

Torch is imported by the calls, not here, so that help comes at once.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from listen_and_move.cli.arguments import (
    PROGRAM,
    AblationArguments,
    AppArguments,
    CompareArguments,
    DemoArguments,
    EvaluateArguments,
    GenerateArguments,
    ImportArguments,
    InspectArguments,
    LiveArguments,
    PresetsArguments,
    RobustnessArguments,
    TrainArguments,
    WeightsArguments,
    ablation_defaults,
    default_run,
    named,
    parse,
    train_defaults,
)
from listen_and_move.cli.progress import live_watch, progress_bars, stage_watch, training_watch
from listen_and_move.errors import UserError
from listen_and_move.presets import PRESETS
from listen_and_move.settings import differences, from_preset, to_json

if TYPE_CHECKING:
    from listen_and_move.inference.generate import Progress as GenerateProgress

INTERRUPTED = 130
"""Exit code of a command that was stopped by a signal, as shells have it."""


def demo(arguments: list[str]) -> int:
    """Run the demonstration."""
    options = parse(DemoArguments, "demo", arguments)
    from listen_and_move.demonstration import demo as run

    with progress_bars() as (bars, console), training_watch(bars) as watch:
        result = run(
            options.folder, seed=options.seed, steps=options.steps, device=options.device, watch=watch
        )
    _print(console, result.lines())
    return 0


def inspect(arguments: list[str]) -> int:
    """Inspect a video."""
    options = parse(InspectArguments, "inspect", arguments)
    from listen_and_move.inspection.inspection import inspect as run
    from listen_and_move.media.replacing import short_name

    picture = options.picture or Path(short_name(options.video.stem, "-inspection.png"))
    found = run(options.video, options.clip, picture)
    _print(Console(), [*found.lines(), *([] if found.unwritten else [f"picture: {picture}"])])
    if found.unwritten and options.picture:
        raise UserError(found.unwritten)
    if found.unwritten:
        _print(Console(stderr=True), [f"note: {found.unwritten}"])
    return 0


def train(arguments: list[str]) -> int:
    """Train, or go on training."""
    preset, run_folder, size = named(arguments)
    base = train_defaults(preset, run_folder, size)
    options = parse(TrainArguments, "train", arguments, base)
    meant = train_defaults(options.preset, options.run or default_run(options.video), size)
    if meant != base:  # a word that looked like the video was the value of a flag
        base, options = meant, parse(TrainArguments, "train", arguments, meant)
    from listen_and_move.training.loop import train as run

    short = {"training.steps": options.steps, "training.seed": options.seed}
    named_too = short | (
        {} if size is None else {"clip.size": options.clip.size}
    )  # what follows from it is in the base
    settings = differences(base, options) | {
        name: value for name, value in named_too.items() if value is not None
    }
    with progress_bars() as (bars, console), training_watch(bars) as watch:
        result = run(
            options.video,
            options.run,
            preset_name=options.preset,
            settings=settings,
            device=options.device,
            watch=watch,
        )
    for name, value in result.figures.items():
        console.print(f"held out, {name.replace('_', ' ')}: {value:.3f}", highlight=False)
    if result.note:
        _print(Console(stderr=True), [f"note: {result.note}"])
    if result.finished:
        console.print(
            f"{result.step} steps done. Model: {result.run / 'model.safetensors'}",
            soft_wrap=True,
            highlight=False,
        )
        return 0
    console.print(
        f"stopped at step {result.step}, saved. The same command goes on from there.", highlight=False
    )
    return INTERRUPTED


def presets(arguments: list[str]) -> int:
    """Print settings."""
    options = parse(PresetsArguments, "presets", arguments)
    size = {} if options.size is None else {"clip.size": options.size}
    if options.name is not None:
        print(to_json(from_preset(options.name, size)))
        return 0
    shown = {name: from_preset(name, size) for name in PRESETS}
    for place, (name, config) in enumerate(shown.items()):
        before = {other: differences(shown[other], config) for other in list(shown)[:place]}
        nearest = min(before, key=lambda other: len(before[other]), default=None)
        print(f"{name}: {'the default' if nearest is None else f'{nearest}, but'}")
        print("".join(f"  {key} = {value}\n" for key, value in before.get(nearest or "", {}).items()), end="")
    return 0


def generate(arguments: list[str]) -> int:
    """Play a model with sounds."""
    options = parse(GenerateArguments, "generate", arguments)
    if not options.sounds:
        raise UserError("generate: expected MODEL SOUND [SOUND ...]; got no sound: name at least one file")
    from listen_and_move.audio.loudness import parse_gain
    from listen_and_move.inference.generate import generate as run

    gain = parse_gain(options.gain)
    with progress_bars() as (bars, console):
        tasks: dict[Path, Any] = {}

        def watch(progress: "GenerateProgress") -> None:
            if progress.out not in tasks:
                tasks[progress.out] = bars.add_task(progress.sound.name, total=progress.frames, note="")
                _print(bars.console, [f"note: {line}" for line in progress.notes])
            bars.update(
                tasks[progress.out], completed=progress.done, note=f"{progress.done}/{progress.frames} frames"
            )

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
            precision=options.precision,
            mode=options.mode,
            gain=gain,
            controls=options.controls,
            paste=options.paste,
            video=options.video,
            watch=watch,
        )
    if options.seed and options.mode == "model" and not _has_noise(options.model):
        console.print("note: this model has no noise, so the seed has no effect", highlight=False)
    _print(console, [str(path) for path in written])
    return 0


def live(arguments: list[str]) -> int:
    """Play a model with sound as it comes; standard output holds media and nothing else."""
    options = parse(LiveArguments, "live", arguments)
    from listen_and_move.audio.loudness import parse_gain
    from listen_and_move.inference.live.perform import perform
    from listen_and_move.media.piped import checked_raw

    gain = parse_gain(options.gain)
    if gain == "match":
        raise UserError(
            "gain: expected running or a number of dB, since the level of a sound to come is not known; got "
            "match"
        )
    with live_watch() as watch:
        perform(
            options.model,
            options.input,
            options.output,
            raw=None if options.rate is None else checked_raw(options.rate, options.channels, options.format),
            realtime=options.realtime,
            stream=options.stream,
            seed=options.seed,
            gain=gain,
            controls=options.controls,
            paste=options.paste,
            video=options.video,
            overwrite=options.overwrite,
            device=options.device,
            watch=watch,
        )
    return 0


def evaluate(arguments: list[str]) -> int:
    """Measure a run."""
    options = parse(EvaluateArguments, "evaluate", arguments)
    from listen_and_move.evaluation.evaluate import evaluate as run

    with progress_bars() as (bars, console):
        result = run(
            options.run,
            sounds=options.sound,
            video=options.video,
            training=options.training,
            protocol=options.protocol,
            seed=options.seed,
            device=options.device,
            watch=stage_watch(bars),
        )
    _print(console, result.lines())
    return 0


def ablation(arguments: list[str]) -> int:
    """Train and measure the rows of a table."""
    preset, _, size = named(arguments)
    base = ablation_defaults(preset, size)
    options = parse(AblationArguments, "ablation", arguments, base)
    from listen_and_move.ablations.ablation import PRESET
    from listen_and_move.ablations.ablation import ablation as run

    named_too = {"training.steps": options.steps, "clip.size": None if size is None else options.clip.size}
    settings = differences(base, options) | {
        name: value for name, value in named_too.items() if value is not None
    }
    with progress_bars() as (bars, console):
        task = bars.add_task("ablation", total=None, note="")

        def watch(doing: str, done: int, total: int, note: str) -> None:
            bars.update(
                task, description=doing, completed=done, total=total, note=f"{done}/{total} steps  {note}"
            )

        study = run(
            options.video,
            options.out,
            preset_name=options.preset or PRESET,
            rows=options.rows,
            seeds=options.seeds,
            settings=settings,
            published=options.published,
            device=options.device,
            watch=watch,
        )
    _print(console, study.lines())
    return 0 if study.finished else INTERRUPTED


def compare(arguments: list[str]) -> int:
    """Put runs side by side."""
    options = parse(CompareArguments, "compare", arguments)
    from listen_and_move.evaluation.compare import compare as run

    _print(Console(), run(options.runs, options.out, options.overwrite).lines())
    return 0


def robustness(arguments: list[str]) -> int:
    """Play many foreign sounds."""
    options = parse(RobustnessArguments, "robustness", arguments)
    from listen_and_move.evaluation.robustness.study import robustness as run

    with progress_bars() as (bars, console):
        result = run(
            options.run,
            options.sounds,
            clips=options.clips,
            seconds=options.seconds,
            classes=options.classes,
            video=options.video,
            seed=options.seed,
            device=options.device,
            watch=stage_watch(bars),
        )
    _print(console, result.lines())
    return 0


def weights(arguments: list[str]) -> int:
    """List, fetch or add weights."""
    options = parse(WeightsArguments, "weights", arguments)
    from listen_and_move.pretrained import weight_files as files

    console = Console()
    if options.action == "list":
        if options.names:
            raise UserError(
                f"weights list: expected no name; got {options.names[0]}: meant weights fetch "
                f"{options.names[0]}?"
            )
        for each in files.listing():
            state = "here" if each.here else "not here"
            _print(console, [f"{each.name:20} {each.size / 1e6:7.2f} MB  {state:9} {each.purpose}"])
            _print(console, [f"{'':20} {each.place or 'no public address: add a file'}"])
        return 0
    if options.action == "add":
        if len(options.names) != 2:
            raise UserError(
                f"weights add: expected NAME FILE; got {len(options.names)} words: see {PROGRAM} weights list"
            )
        _print(console, [str(files.add(options.names[0], Path(options.names[1])))])
        return 0
    if not options.names:
        raise UserError(f"weights fetch: expected at least one name; got none: see {PROGRAM} weights list")
    with progress_bars() as (bars, console):
        watch = stage_watch(bars)
        paths = [
            files.fetch(name, lambda done, total, name=name: watch(name, done, total))
            for name in options.names
        ]
    _print(console, [str(path) for path in paths])
    return 0


def import_model(arguments: list[str]) -> int:
    """Import a checkpoint of the authors."""
    options = parse(ImportArguments, "import", arguments)
    from listen_and_move.models.importing import import_checkpoint

    result = import_checkpoint(
        options.checkpoint,
        options.out,
        fps=options.fps,
        kind=options.kind,
        chunk_ms=options.chunk_ms,
        motion_noise=options.motion_noise,
        dilation=options.dilation,
        overwrite=options.overwrite,
    )
    _print(Console(), [*result.lines(), str(result.path)])
    return 0


def app(arguments: list[str]) -> int:
    """Open the page until it is stopped."""
    options = parse(AppArguments, "app", arguments)
    try:
        from listen_and_move.app.server import Place, serve
    except ModuleNotFoundError as error:
        raise UserError(
            f"app: expected the packages of the page; {error.name} is not installed: pip install "
            "'listen-and-move[app]'"
        ) from None
    console = Console()

    def announce(place: Place) -> None:
        if place.public:
            open_to_all = (
                "everybody who can reach this machine can upload, train and play: --password asks for one"
            )
            readable = "the page is not encrypted: its password is safe only in a network that you trust"
            _print(Console(stderr=True), [f"warning: {open_to_all if place.password is None else readable}"])
        _print(console, [f"{place.address}  (Ctrl-C ends it; trainings go on)"])

    password = options.password or os.environ.get("LISTEN_AND_MOVE_PASSWORD") or None
    learning = serve(options.runs, Place(options.host, options.port, password), announce)
    _print(console, [f"{name} goes on learning" for name in learning])
    return 0


def _print(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _has_noise(model: Path) -> bool:
    from listen_and_move.inference.animator import model_path
    from listen_and_move.models.checkpoint import load_model

    return load_model(model_path(model)).config.has_noise


COMMANDS: dict[str, tuple[Callable[[list[str]], int], type]] = {
    "demo": (demo, DemoArguments),
    "inspect": (inspect, InspectArguments),
    "train": (train, TrainArguments),
    "generate": (generate, GenerateArguments),
    "live": (live, LiveArguments),
    "app": (app, AppArguments),
    "evaluate": (evaluate, EvaluateArguments),
    "ablation": (ablation, AblationArguments),
    "compare": (compare, CompareArguments),
    "robustness": (robustness, RobustnessArguments),
    "presets": (presets, PresetsArguments),
    "weights": (weights, WeightsArguments),
    "import": (import_model, ImportArguments),
}
