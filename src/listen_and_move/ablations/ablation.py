"""Ablation: every row is trained and measured with every seed; what is complete is not done again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.ablations.rows import PUBLISHED, Row, parse_rows
from listen_and_move.ablations.table import Table, tabulated
from listen_and_move.config import Config
from listen_and_move.data.source import find_source
from listen_and_move.distribution.cluster import mapped
from listen_and_move.errors import UserError
from listen_and_move.evaluation.evaluate import evaluate
from listen_and_move.evaluation.json_records import write_json
from listen_and_move.evaluation.results import EvaluationResults, read_results
from listen_and_move.media.replacing import replacing
from listen_and_move.runs import RunFolder, write_text
from listen_and_move.settings import from_preset
from listen_and_move.training.loop import train
from listen_and_move.training.run_settings import run_config
from listen_and_move.training.trainer import TrainingProgress

PRESET = "paper"
Watch = Callable[[str, int, int, str], None]
"""Told what is done, in steps of training: what, done, total, and a word on it."""


@dataclass(frozen=True)
class Study:
    """Outcome of an ablation, finished or interrupted."""

    folder: Path
    finished: bool
    """False: it was interrupted, and the same call goes on."""
    table: Table | None

    def lines(self) -> list[str]:
        """Returns the table and where it is written, for a terminal; else how to go on."""
        if self.table is None:
            return ["stopped. The same command goes on from what is saved."]
        return [
            *self.table.markdown().splitlines(),
            f"written to {self.folder}: {', '.join([*FILES, VALUES, PICTURE])}",
        ]


class _Job(NamedTuple):
    """A run of a study."""

    row: str
    seed: int
    video: Path
    run: Path
    preset_name: str
    settings: Mapping[str, Any]
    within: Callable[[], AbstractContextManager[None]]
    device: str

    @property
    def title(self) -> str:
        return f"{self.row}, seed {self.seed}"


FILES: dict[str, Callable[[Table], str]] = {"table.md": Table.markdown, "table.tex": Table.latex}
VALUES, PICTURE = "table.json", "table.png"


def ablation(
    video: Path | str,
    folder: Path | str | None = None,
    *,
    preset_name: str = PRESET,
    rows: Sequence[str] | Mapping[str, Row] = (),
    seeds: int = 3,
    settings: Mapping[str, Any] | None = None,
    published: str | None = None,
    device: str = "auto",
    cluster: str | None = None,
    watch: Watch = lambda doing, done, total, note: None,
) -> Study:
    """Trains and evaluates every row with every seed, each in a run folder of its own, and writes the table.

    Args:
        video: any file with picture and sound, or a folder of Sub-URMP.
        folder: where the runs and the table go; ablation/NAME-OF-VIDEO by default.
        preset_name: what all rows start from.
        rows: in words, see `parse_rows`, or by name; the paper's six by default.
        seeds: 0 to this number less 1.
        settings: changes for all rows, such as ``{"training.steps": 2000}``; a row's own come after them.
        published: the paper's clip whose figures are put beside: cello, quintet, drums or talking-head.
        device: auto, cpu, cuda or mps.
        cluster: where runs are trained at the same time, see `distribution.cluster.mapped`; None: one after
            the other, in this process.
        watch: called while it works.

    Raises:
        UserError: as of `train` and `evaluate`, a row that is unknown, seeds below 1, no such cluster, or
            runs of another video or of more steps in the folder.
    """
    video = Path(video)
    folder = Path("ablation") / video.stem if folder is None else Path(folder)
    if seeds < 1:
        raise UserError(f"seeds: expected at least 1; got {seeds}")
    if published is not None and published not in PUBLISHED:
        raise UserError(f"published: expected one of {', '.join(PUBLISHED)}; got {published!r}")
    common = dict(settings or {})
    base = from_preset(preset_name, common)
    chosen = rows if isinstance(rows, Mapping) else parse_rows(rows, base)
    film, place = (video, folder) if cluster is None else (video.absolute(), folder.absolute())
    jobs = [
        _Job(
            name,
            seed,
            film,
            place / f"{name}-seed{seed}",
            preset_name,
            {**common, **row.settings, "training.seed": seed},
            row.within,
            device,
        )
        for name, row in chosen.items()
        for seed in range(seeds)
    ]
    for job in jobs:
        from_preset(preset_name, dict(job.settings))  # refused before another row is trained for hours
    _check_begun(film, [RunFolder(job.run) for job in jobs], base.training.steps)
    done, total = [0] * len(jobs), base.training.steps * len(jobs)

    def told(number: int, progress: tuple[int, str]) -> None:
        done[number], note = progress
        watch(jobs[number].title, sum(done), total, note)

    try:
        for number, steps in mapped(_trained_and_measured, jobs, cluster, told):
            told(number, (steps, "done"))
    except KeyboardInterrupt:
        return Study(folder, False, None)
    found: dict[str, list[EvaluationResults]] = {name: [] for name in chosen}
    for job in jobs:
        found[job.row].append(read_results(_results(RunFolder(job.run))))
    table = tabulated(
        {chosen[name].title: results for name, results in found.items()}, _published(chosen, published)
    )
    for file, written in FILES.items():
        write_text(folder / file, written(table))
    write_json(folder / VALUES, table.values())
    with replacing(folder / PICTURE) as temporary:
        temporary.write_bytes(table.picture())
    return Study(folder, True, table)


def _check_begun(video: Path, runs: Sequence[RunFolder], steps: int) -> None:
    """Refuses runs whose figures would not be of this video after these steps.

    Where the video is gone, finished runs still make a table, and training says of others that it is.

    Raises:
        UserError: there is such a run.
    """
    begun = [run for run in runs if run.exists()]
    video_hash = find_source(video).digest() if begun and video.exists() else None
    for run in begun:
        if video_hash not in (None, run.films.video_hash):
            raise UserError(
                f"{run.path}: expected a run of the video of this study; {video} is another one",
                "choose another --out",
            )
        if _results(run).is_file() and (step := read_results(_results(run)).run.step) > steps:
            raise UserError(
                f"steps: expected at least the {step} of {run.path}; got {steps}", "choose another --out"
            )


def _trained_and_measured(job: _Job, told: Callable[[tuple[int, str]], None]) -> int:
    """Trains a run and measures it, as far as that is not done yet.

    Args:
        job: the run.
        told: given its steps that are done, and a word on them.

    Returns:
        Its steps.

    Raises:
        KeyboardInterrupt: it was stopped, and goes on from its save.
    """
    run = RunFolder(job.run)
    config = run_config(run, job.preset_name, job.settings)

    def watch(progress: TrainingProgress) -> None:
        told((progress.step, f"{progress.steps_per_second:.1f} steps/s"))

    if _complete(run, config):
        return config.training.steps
    with job.within():
        trained = train(
            job.video,
            run.path,
            preset_name=job.preset_name,
            settings=job.settings,
            device=job.device,
            watch=watch,
        )
        if not trained.finished:
            raise KeyboardInterrupt
        told((config.training.steps, "measuring"))
        evaluate(run.path, video=job.video, protocol="paper", device=job.device)
    return config.training.steps


def _results(run: RunFolder) -> Path:
    return run.evaluation_part() / "results.json"


def _complete(run: RunFolder, config: Config) -> bool:
    """Whether a run was trained to its end and then measured."""
    return _results(run).is_file() and read_results(_results(run)).run.step >= config.training.steps


def _published(rows: Mapping[str, Row], clip: str | None) -> dict[str, Sequence[float]]:
    """The paper's figures of a clip by title of a row, for the rows that it has."""
    return (
        {}
        if clip is None
        else {rows[name].title: PUBLISHED[clip][name] for name in rows if name in PUBLISHED[clip]}
    )
