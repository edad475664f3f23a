"""Study of a model played with many unpaired sounds, and how its picture bears it.

The paper takes 500 clips of 1 to 5 s from FSD50K.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from listen_and_move.clock import frame_time
from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.distribution.cluster import mapped, portions
from listen_and_move.environment import environment
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import FrameSpan, Watch
from listen_and_move.evaluation.json_records import as_json, write_json
from listen_and_move.evaluation.learnt_frames import LearntFrames
from listen_and_move.evaluation.report.charts import strip
from listen_and_move.evaluation.report.tables import number
from listen_and_move.evaluation.results import FORMAT, DistributionResult, Environment
from listen_and_move.evaluation.robustness.clips import PLAYING, Log, UnpairedPlayer
from listen_and_move.evaluation.robustness.distances import Distances
from listen_and_move.evaluation.robustness.report import report
from listen_and_move.evaluation.robustness.results import (
    ClassedClip,
    PlayedClip,
    PlayedRun,
    RobustnessResults,
    RobustnessSettings,
    Skipped,
    StudySettings,
)
from listen_and_move.evaluation.robustness.sounds import (
    Candidate,
    Lengths,
    candidates,
    class_table,
    classified,
    lengths,
)
from listen_and_move.evaluation.robustness.summary import (
    QUANTITIES,
    SHOWN,
    best_and_worst,
    by_class,
    overall,
    verdict,
)
from listen_and_move.evaluation.unpaired import TrainingReference
from listen_and_move.inference.animator import Animator
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.load import load
from listen_and_move.runs import RunFolder, model_path, write_text

INCEPTION = "inception-fid"
MOST_SOUNDS = 16
"""Sounds of a task on a cluster, which reads the learnt frames once."""
NO_DISTANCES = f"FID and KID: without the weights {INCEPTION} (listen-and-move weights fetch {INCEPTION})"
"""What is left out without the network's weights."""


@dataclass(frozen=True)
class Robustness:
    """Figures of a study, and the files that hold them."""

    results_file: Path
    report_file: Path
    results: RobustnessResults

    def lines(self) -> list[str]:
        """Returns the figures of all clips together, for a person."""
        results, found, unused = self.results, self.results.overall, self.results.not_used
        width = max(len(measure.title) for measure in SHOWN.values())
        rows = [
            f"  {SHOWN[name].title:{width}}"
            + "".join(f"{number(getattr(each, key), SHOWN[name].digits):>9}" for key in QUANTITIES)
            for name, each in found.measures.items()
        ]
        return [
            f"{found.clips} clips, {found.seconds:.1f} s, {found.frames} frames",
            f"  {'':{width}}" + "".join(f"{title:>9}" for title in QUANTITIES.values()),
            *rows,
            results.verdict,
            *(_distance(each) for each in results.distribution),
            *(f"left out: {each}" for each in results.left_out),
            *(f"skipped: {each.reason}" for each in results.skipped),
            *([f"not used: {unused} clips of another model or other settings"] if unused else []),
            f"all figures: {self.results_file}",
            f"report:      {self.report_file}",
        ]


def _distance(found: DistributionResult) -> str:
    counts = f"{found.generated_samples} generated and {found.real_samples} real frames"
    figures = f"{number(found.value)}, real against real {number(found.floor)}, {counts}"
    return f"{found.measure}: {found.note or figures}"


def robustness(
    run: Path | str,
    sounds: Path | str,
    *,
    clips: int = 500,
    seconds: str = "1-5",
    classes: Path | None = None,
    video: Path | str | None = None,
    seed: int = 0,
    device: str = "auto",
    cluster: str | None = None,
    watch: Watch = lambda doing, done, total: None,
) -> Robustness:
    """Plays a model with many unpaired sounds, and writes what was found into its folder.

    results.json and report.html go below evaluation/robustness. What is finished is noted clip by clip: the
    same call goes on after an interruption, and a larger number of clips adds to those that are there. A file
    that cannot be used is skipped and reported; a silent one is played.

    Args:
        run: the run folder.
        sounds: a folder with sounds, at any depth.
        clips: how many at most, one of each file.
        seconds: length of the part that is taken, as one number or a range; all of a shorter sound.
        classes: a table (CSV) of file names and classes; None: the only one in the folder if it fits, else
            the names of folders or files.
        video: where the run's video, or one of its takes, is now, if it was moved.
        seed: of what is taken, and of the noise, where the model has any.
        device: auto, cpu, cuda or mps.
        cluster: where sounds are played at the same time, see `distribution.cluster.mapped`; None: one after
            the other, in this process.
        watch: told what is being done.

    Raises:
        UserError: no run, its video is gone, a table without the sounds, no such cluster, or not
            one sound that can be used.
    """
    begun, folder, place = time.perf_counter(), RunFolder(Path(run)), Path(sounds)
    if clips < 1:
        raise UserError(f"clips: expected at least 1; got {clips}")
    spread, files = lengths(seconds), candidates(place, seed)
    table = class_table(place, classes, files)
    target, settings = folder.evaluation_part("robustness"), RobustnessSettings(spread.text, seed)
    film = None if video is None else Path(video)
    study = _Study(folder, film, spread, seed, device)
    log = study.log
    log.gather()
    if cluster is not None:
        elsewhere = replace(study, folder=RunFolder(folder.path.absolute()), video=film and film.absolute())
        _play_on_cluster(cluster, elsewhere, files[:clips], watch)
    with study.player(log, watch) as (player, learnt):
        shown = strip(FrameSpan(learnt.frames, max(learnt.train, key=len)))
        played, skipped = player.play(files, clips, watch)
    animator, sources = player.animator, folder.films.videos(film)
    _check(place, files, played, skipped)
    source_of_classes, labels = classified([clip.name for clip in played], table)
    found, (best, worst), distances = overall(played), best_and_worst(played), player.distances
    results = RobustnessResults(
        format=FORMAT,
        run=_played_run(folder, animator, learnt, log),
        settings=StudySettings(str(place), clips, settings),
        verdict=verdict(found),
        overall=found,
        classes_from=source_of_classes,
        classes=by_class(played, labels),
        distribution=distances.of_all([clip.key for clip in played]) if distances else [],
        best=best,
        worst=worst,
        clips=[ClassedClip(labels[clip.name], clip) for clip in sorted(played, key=lambda clip: clip.name)],
        left_out=[] if distances else [NO_DISTANCES],
        skipped=skipped,
        not_used=log.clips()[1],
        environment=Environment(**environment(sources[0], folder.films.video_hash, str(animator.device))),
        model_settings=asdict(folder.config()),
        took_s=round(time.perf_counter() - begun, 1),
    )
    write_json(target / "results.json", results)
    write_text(target / "report.html", report(results, shown, lambda key: player.picture(key).read_bytes()))
    return Robustness(target / "results.json", target / "report.html", results)


@dataclass(frozen=True)
class _Study:
    """What a model is played with, wherever that is done."""

    folder: RunFolder
    video: Path | None
    lengths: Lengths
    seed: int
    device: str

    @property
    def log(self) -> Log:
        """The log of finished clips."""
        identity = {
            "format": FORMAT,
            "model_sha256": file_hash(model_path(self.folder.path)),
            "settings": as_json(RobustnessSettings(self.lengths.text, self.seed)),
        }
        return Log(self.folder.evaluation_part("robustness") / "clips.jsonl", identity)

    @contextmanager
    def player(self, log: Log, watch: Watch) -> Iterator[tuple[UnpairedPlayer, LearntFrames]]:
        """Yields a player with figures of what was learnt, and the learnt frames.

        Args:
            log: of finished clips.
            watch: told the progress.
        """
        animator = Animator.load(self.folder.path, self.device)
        (log.file.parent / "clips").mkdir(parents=True, exist_ok=True)
        sources = self.folder.films.videos(self.video)
        with Shelf() as shelf:
            learnt = LearntFrames.of(sources, self.folder.config(), animator.model.statistics, shelf, watch)
            training = TrainingReference.of(learnt.frames, learnt.train, learnt.unseen)
            distances = _distances(animator, learnt, log, watch)
            yield UnpairedPlayer(animator, training, distances, log, self.lengths, self.seed), learnt


class _Portion(NamedTuple):
    """Some sounds that a task plays."""

    study: _Study
    number: int
    sounds: Sequence[Candidate]


def _play_on_cluster(cluster: str, study: _Study, sounds: Sequence[Candidate], watch: Watch) -> None:
    """Plays sounds that are not finished, several at the same time; the log has the clips then.

    Args:
        cluster: see `distribution.cluster.mapped`.
        study: what they are played with.
        sounds: all that are wanted.
        watch: told the progress.
    """
    finished = study.log.clips()[0]
    left = [Candidate(each.name, each.path.absolute()) for each in sounds if each.name not in finished]
    tasks = [_Portion(study, number, some) for number, some in enumerate(portions(left, MOST_SOUNDS))]
    done = [0] * len(tasks)

    def told(number: int, count: int) -> None:
        done[number] = count
        watch(PLAYING, len(sounds) - len(left) + sum(done), len(sounds))

    try:
        for number, count in mapped(_play_portion, tasks, cluster, told):
            told(number, count)
    finally:
        study.log.gather()


def _play_portion(portion: _Portion, told: Callable[[int], None]) -> int:
    """Plays some sounds into a log of their own, and returns how many there are."""
    study = portion.study

    def watch(doing: str, done: int, total: int) -> None:
        if doing == PLAYING:
            told(done)

    with study.player(study.log.of_task(portion.number), watch) as (player, _):
        player.play(portion.sounds, len(portion.sounds), watch)
    return len(portion.sounds)


def _distances(animator: Animator, learnt: LearntFrames, log: Log, watch: Watch) -> Distances | None:
    if weights.find(INCEPTION) is None:
        return None
    watch("FID and KID of the real video", 0, 1)
    network = load(INCEPTION, animator.device)
    found = Distances.of(network, learnt.filmed, log.file.parent / "clips", log.key(learnt.name))
    watch("FID and KID of the real video", 1, 1)
    return found


def _check(folder: Path, files: list[Candidate], played: list[PlayedClip], skipped: list[Skipped]) -> None:
    """Refuses a study in which nothing was played."""
    if played:
        return
    if not skipped:
        raise UserError(
            f"{folder}: expected a folder with sounds; there is none in its {len(files)} files: choose "
            "another"
        )
    first = skipped[0].reason
    raise UserError(
        f"{folder}: expected a sound that can be used; none of {len(skipped)} can, the first because: {first}"
    )


def _played_run(folder: RunFolder, animator: Animator, learnt: LearntFrames, log: Log) -> PlayedRun:
    width, height = animator.size
    return PlayedRun(
        name=folder.path.resolve().name,
        step=animator.model.step,
        video=learnt.name,
        video_sha256=folder.films.video_hash,
        model_sha256=str(log.identity["model_sha256"]),
        width=width,
        height=height,
        fps=str(animator.fps),
        real_seconds=float(frame_time(len(learnt.filmed), animator.fps)),
    )
