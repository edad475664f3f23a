"""The commands: each parses its options, makes one public call, and says where the result is.

Torch is imported by the calls, not here, so that help comes at once.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from listen_and_move.cli.arguments import (
    PROGRAM,
    AblationArguments,
    AppArguments,
    BlindArguments,
    CompareArguments,
    CompletionArguments,
    DemoArguments,
    EvaluateArguments,
    ExportArguments,
    FramesArguments,
    GenerateArguments,
    ImportArguments,
    InspectArguments,
    LiveArguments,
    PresetsArguments,
    RobustnessArguments,
    TrainArguments,
    WeightsArguments,
    parse,
)
from listen_and_move.cli.completion import completion_script
from listen_and_move.cli.directing import directed
from listen_and_move.cli.output import print_json, print_lines
from listen_and_move.cli.password import password_of
from listen_and_move.cli.progress import live_watch, progress_bars, stage_watch, study_watch, training_watch
from listen_and_move.distribution.launched import writes
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
            options.folder,
            performance=options.performance,
            seed=options.seed,
            steps=options.steps,
            device=options.device,
            watch=watch,
        )
    print_lines(console, result.lines())
    return 0


def inspect(arguments: list[str]) -> int:
    """Inspect a video."""
    options = parse(InspectArguments, "inspect", arguments)
    from listen_and_move.inspection.inspection import inspect as run
    from listen_and_move.media.replacing import short_name

    picture = options.picture or Path(short_name(options.video.stem, "-inspection.png"))
    found = run(options.video, options.clip, picture)
    if options.json:
        saved_picture = None if found.unwritten else picture
        print_json({"video": options.video, **vars(found), "picture": saved_picture})
    else:
        print_lines(Console(), [*found.lines(), *([] if found.unwritten else [f"picture: {picture}"])])
    if found.unwritten and options.picture:
        raise UserError(found.unwritten)
    if found.unwritten:
        print_lines(Console(stderr=True), [f"note: {found.unwritten}"])
    return 0


def train(arguments: list[str]) -> int:
    """Train, or go on training."""
    try:
        options = parse(TrainArguments, "train", arguments)
        settings = options.settings()
    except UserError:
        if writes():
            raise
        return 2
    from listen_and_move.distribution.processes import ToldElsewhere
    from listen_and_move.training.loop import train as run

    with progress_bars() as (bars, console), training_watch(bars) as watch:
        try:
            result = run(
                options.videos,
                options.run,
                preset_name=options.preset,
                settings=settings,
                scene=options.scene,
                device=options.device,
                watch=watch,
            )
        except ToldElsewhere:
            return 2
    if not writes():
        return 0 if result.finished else INTERRUPTED
    if result.note:
        print_lines(Console(stderr=True), [f"note: {result.note}"])
    model = result.run / "model.safetensors"
    if options.json:
        print_json({**result._asdict(), "model": model})
    else:
        ended = (
            f"{result.step} steps done. Model: {model}"
            if result.finished
            else f"stopped at step {result.step}, saved. The same command goes on from there."
        )
        figures = (
            f"held out, {name.replace('_', ' ')}: {value:.3f}" for name, value in result.figures.items()
        )
        print_lines(console, [*figures, ended])
    return 0 if result.finished else INTERRUPTED


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


def completion(arguments: list[str]) -> int:
    """Print the script with which a shell completes commands."""
    options = parse(CompletionArguments, "completion", arguments)
    print(completion_script(options.shell, {name: kind for name, (_, kind) in COMMANDS.items()}))
    return 0


def generate(arguments: list[str]) -> int:
    """Play a model with sounds."""
    options = parse(GenerateArguments, "generate", arguments)
    if not options.sounds:
        raise UserError("generate: expected MODEL SOUND [SOUND ...]; got no sound: name at least one file")
    from listen_and_move.audio.loudness import parse_gain
    from listen_and_move.audio.matching import parse_adapt
    from listen_and_move.inference.generate import generate
    from listen_and_move.inference.generate_on_cluster import generate_on_cluster

    run = generate if options.cluster is None else partial(generate_on_cluster, options.cluster)
    gain, adapt = parse_gain(options.gain), parse_adapt(options.adapt)
    with progress_bars() as (bars, console):
        tasks: dict[Path, Any] = {}
        files: list[dict[str, Any]] = []
        ended: set[Path] = set()
        together = options.cluster is not None
        every = bars.add_task("all sounds", total=len(options.sounds), note="", visible=together)

        def watch(progress: "GenerateProgress") -> None:
            if progress.out not in tasks:
                tasks[progress.out] = bars.add_task(progress.sound.name, total=progress.frames, note="")
                print_lines(bars.console, [f"note: {line}" for line in progress.notes])
                about = {"sound": progress.sound, "frames": progress.frames, "notes": progress.notes}
                files.append({"file": progress.out, **about})
            bars.update(
                tasks[progress.out], completed=progress.done, note=f"{progress.done}/{progress.frames} frames"
            )
            if together:
                ended.update({progress.out} if progress.done == progress.frames else ())
                note = f"{len(ended)}/{len(options.sounds)} sounds"
                bars.update(every, completed=len(ended), note=note)

        written = run(
            options.model,
            options.sounds,
            options.out,
            track=options.track,
            picture_track=options.picture_track,
            camera=options.camera,
            start=options.start,
            end=options.end,
            seed=options.seed,
            overwrite=options.overwrite,
            sign=options.sign,
            device=options.device,
            precision=options.precision,
            picture=options.picture,
            size=options.size,
            codec=options.codec,
            quality=options.quality,
            path_list=options.path_list,
            preview=options.preview,
            mode=options.mode,
            gain=gain,
            adapt=adapt,
            beats=options.beats,
            controls=options.controls,
            paste=options.paste,
            video=options.video,
            watch=watch,
        )
    if options.json:
        print_json({"files": sorted(files, key=lambda each: written.index(each["file"]))})
    else:
        print_lines(console, [str(path) for path in written])
    return 0


def frames(arguments: list[str]) -> int:
    """Add frames to a model."""
    options = parse(FramesArguments, "frames", arguments)
    from listen_and_move.training.adding_frames import add_frames

    with progress_bars() as (bars, console):
        watch = stage_watch(bars)
        added = add_frames(
            options.model,
            options.video,
            keep=options.keep,
            progress=lambda done, total: watch("reading the video", done, total),
        )
    if options.json:
        print_json(added._asdict())
    else:
        print_lines(console, [f"kept: {added.described}", str(added.model)])
    return 0


def export(arguments: list[str]) -> int:
    """Write a page without a server."""
    options = parse(ExportArguments, "export", arguments)
    from listen_and_move.sharing.page import export_page

    with progress_bars() as (bars, console):
        watch = stage_watch(bars)
        published = export_page(
            options.model,
            options.web,
            options.credit,
            tell=lambda found: print_lines(bars.console, [found.described()]),
            progress=lambda done, total: watch("writing the film", done, total),
        )
    if options.json:
        print_json(published._asdict())
    else:
        print_lines(console, [str(published.folder / "index.html")])
    return 0


def live(arguments: list[str]) -> int:
    """Play a model with sound as it comes; standard output holds media and nothing else."""
    options = parse(LiveArguments, "live", arguments)
    from listen_and_move.audio.loudness import parse_gain
    from listen_and_move.audio.matching import parse_adapt
    from listen_and_move.inference.perform import perform
    from listen_and_move.media.piped import checked_raw

    gain, adapt = parse_gain(options.gain), parse_adapt(options.adapt)
    if gain == "match":
        raise UserError(
            "gain: expected running or a number of dB, since the level of a sound to come is not known; got "
            "match"
        )
    with live_watch() as (watch, console), directed(options, gain, console) as direction:
        perform(
            options.model,
            options.input,
            options.output,
            raw=None if options.rate is None else checked_raw(options.rate, options.channels, options.format),
            realtime=options.realtime,
            track=options.track,
            picture_track=options.picture_track,
            camera=options.camera,
            stream=options.stream,
            seed=options.seed,
            picture=options.picture,
            size=options.size,
            gain=gain,
            adapt=adapt,
            look_ahead=options.look_ahead,
            controls=options.controls,
            paste=options.paste,
            video=options.video,
            overwrite=options.overwrite,
            sign=options.sign,
            device=options.device,
            others=options.models,
            direction=direction,
            watch=watch,
            tell=lambda note: print_lines(console, [f"note: {note}"]),
        )
    return 0


def evaluate(arguments: list[str]) -> int:
    """Measure a run."""
    options = parse(EvaluateArguments, "evaluate", arguments)
    if options.size == "source":
        return _evaluate_source_size(options)
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
    if options.json:
        figures = json.loads(result.results_file.read_text(encoding="utf-8"))
        print_json(
            {"results_file": result.results_file, "report_file": result.report_file, "results": figures}
        )
    else:
        print_lines(console, result.lines())
    return 0


def _evaluate_source_size(options: EvaluateArguments) -> int:
    """Measure what a run shows at the size of the source."""
    if options.sound or options.training or options.protocol != "equal":
        raise UserError(
            "evaluate: expected neither sounds, the training part nor a protocol at the size of the source",
            "leave them away, or --size model",
        )
    from listen_and_move.evaluation.source_size import evaluate_source_size as run

    with progress_bars() as (bars, console):
        result = run(
            options.run,
            video=options.video,
            seed=options.seed,
            device=options.device,
            watch=stage_watch(bars),
        )
    if options.json:
        figures = json.loads(result.results_file.read_text(encoding="utf-8"))
        print_json({"results_file": result.results_file, "results": figures})
    else:
        print_lines(console, result.lines())
    return 0


def blind(arguments: list[str]) -> int:
    """Make a blind page, or count votes."""
    options = parse(BlindArguments, "blind", arguments)
    from listen_and_move.evaluation.blind import count_votes, make_blind_page

    if options.votes:
        count = count_votes(options.run, options.votes)
        if options.json:
            named = [
                {**vars(each), "share": each.share, "interval": each.interval} for each in count.preferences
            ]
            print_json({"votes": count.votes, "preferences": named})
        else:
            print_lines(Console(), count.lines())
        return 0
    with progress_bars() as (bars, console):
        page = make_blind_page(
            options.run,
            options.out,
            video=options.video,
            seed=options.seed,
            overwrite=options.overwrite,
            device=options.device,
            watch=stage_watch(bars),
        )
    if options.json:
        print_json(page)
    else:
        print_lines(console, page.lines())
    return 0


def ablation(arguments: list[str]) -> int:
    """Train and measure the rows of a table."""
    options = parse(AblationArguments, "ablation", arguments)
    from listen_and_move.ablations.ablation import PRESET
    from listen_and_move.ablations.ablation import ablation as run

    with progress_bars() as (bars, console):
        study = run(
            options.video,
            options.out,
            preset_name=options.preset or PRESET,
            rows=options.rows,
            seeds=options.seeds,
            settings=options.settings(),
            published=options.published,
            device=options.device,
            cluster=options.cluster,
            watch=study_watch(bars, "ablation"),
        )
    print_lines(console, study.lines())
    return 0 if study.finished else INTERRUPTED


def compare(arguments: list[str]) -> int:
    """Put runs side by side."""
    options = parse(CompareArguments, "compare", arguments)
    from listen_and_move.evaluation.compare import compare as run

    found = run(options.runs, options.out, options.overwrite)
    if options.json:
        pools = [{"runs": pool.runs, "rows": _pooled(pool.products)} for pool in found.pools]
        columns = [
            {"name": name, "values": values}
            for name, values in zip(found.header(), found.figures(), strict=True)
        ]
        about = {"warnings": found.warnings, "notes": found.notes}
        print_json({"page": found.file, "columns": columns, "pools": pools, **about})
    else:
        print_lines(Console(), found.lines())
    return 0


def _pooled(products: Mapping[str, Any]) -> dict[str, Any]:
    """Dcor of some parts together, and how far it is above chance, by row."""
    return {name: {"dcor": sums.dcor, "excess": sums.excess} for name, sums in products.items()}


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
            cluster=options.cluster,
            watch=stage_watch(bars),
        )
    print_lines(console, result.lines())
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
            print_lines(console, [f"{each.name:20} {each.size / 1e6:7.2f} MB  {state:9} {each.purpose}"])
            print_lines(console, [f"{'':20} {each.place or 'no public address: add a file'}"])
        return 0
    if options.action == "add":
        if len(options.names) != 2:
            raise UserError(
                f"weights add: expected NAME FILE; got {len(options.names)} words: see {PROGRAM} weights list"
            )
        print_lines(console, [str(files.add(options.names[0], Path(options.names[1])))])
        return 0
    if not options.names:
        raise UserError(f"weights fetch: expected at least one name; got none: see {PROGRAM} weights list")
    with progress_bars() as (bars, console):
        watch = stage_watch(bars)
        paths = [
            files.fetch(name, lambda done, total, name=name: watch(name, done, total))
            for name in options.names
        ]
    print_lines(console, [str(path) for path in paths])
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
    print_lines(Console(), [*result.lines(), str(result.path)])
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
                "everybody who can reach this machine can upload, train and play: --ask-password and "
                "--password-file let those in who know a word"
            )
            readable = "the page is not encrypted: its password is safe only in a network that you trust"
            print_lines(
                Console(stderr=True), [f"warning: {open_to_all if place.password is None else readable}"]
            )
        print_lines(console, [f"{place.address}  (Ctrl-C ends it; trainings go on)"])

    learning = serve(options.runs, Place(options.host, options.port, password_of(options)), announce)
    print_lines(console, [f"{name} goes on learning" for name in learning])
    return 0


COMMANDS: dict[str, tuple[Callable[[list[str]], int], type]] = {
    "demo": (demo, DemoArguments),
    "inspect": (inspect, InspectArguments),
    "train": (train, TrainArguments),
    "generate": (generate, GenerateArguments),
    "frames": (frames, FramesArguments),
    "export": (export, ExportArguments),
    "live": (live, LiveArguments),
    "app": (app, AppArguments),
    "evaluate": (evaluate, EvaluateArguments),
    "blind": (blind, BlindArguments),
    "ablation": (ablation, AblationArguments),
    "compare": (compare, CompareArguments),
    "robustness": (robustness, RobustnessArguments),
    "presets": (presets, PresetsArguments),
    "weights": (weights, WeightsArguments),
    "import": (import_model, ImportArguments),
    "completion": (completion, CompletionArguments),
}
