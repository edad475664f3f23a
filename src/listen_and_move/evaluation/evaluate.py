"""Evaluation of a run on what it was never trained on, beside baselines that any model must beat."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from listen_and_move.data.frame_store import Shelf
from listen_and_move.evaluation.dataset import HELD_OUT, Watch, open_dataset
from listen_and_move.evaluation.evaluator import Evaluator
from listen_and_move.evaluation.interpretation import substitution
from listen_and_move.evaluation.json_records import write_json
from listen_and_move.evaluation.measures import formatted
from listen_and_move.evaluation.report.report import Report
from listen_and_move.evaluation.results import (
    EvaluationResults,
)
from listen_and_move.evaluation.songs_dataset import open_songs
from listen_and_move.evaluation.takes_dataset import open_takes
from listen_and_move.inference.animator import Animator
from listen_and_move.metrics.frechet import Protocol
from listen_and_move.runs import RunFolder

SHOWN = {
    "dcor": "dcor",
    "dcor_excess": "excess",
    "motion_correlation": "motion r",
    "motion_lag_ms": "lag, ms",
    "motion_ratio": "motion",
    "sharpness_moving": "sharp",
    "ssim": "SSIM",
    "psnr": "PSNR",
    "newness": "newness",
}
"""Measures that a terminal shows, by short names."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of an evaluation, and the files that hold them."""

    results_file: Path
    report_file: Path
    results: EvaluationResults

    def lines(self) -> list[str]:
        """Returns the verdict and the most telling figures, for a person."""
        results, found = self.results, self.results.by_row()
        width = max(map(len, found))
        table = [
            f"  {name:{width}}" + "".join(f"{formatted(each, values.get(each)):>9}" for each in SHOWN)
            for name, values in found.items()
        ]
        return [
            f"{results.span.name}: {results.span.frames} frames, {results.span.seconds:.1f} s",
            f"  {'':{width}}" + "".join(f"{each:>9}" for each in SHOWN.values()),
            *table,
            results.sensitivity.verdict,
            *(f"{sound.name}: {sound.verdict}" for sound in results.sounds),
            *(f"note: {note}" for sound in results.sounds for note in sound.notes),
            *([f"note: {substituted}"] if (substituted := substitution(results.settings)) else []),
            *(f"left out: {each}" for each in results.left_out),
            f"all figures: {self.results_file}",
            f"report:      {self.report_file}",
        ]


def evaluate(
    run: Path | str,
    *,
    sounds: Sequence[Path | str] = (),
    video: Path | str | None = None,
    training: bool = False,
    protocol: Protocol = "equal",
    seed: int = 0,
    device: str = "auto",
    watch: Watch = lambda doing, done, total: None,
) -> Evaluation:
    """Measures a run on its held-out part, and writes results.json and report.html into its folder.

    Args:
        run: the run folder.
        sounds: files with sound to play as well, for which there is no real picture.
        video: where the run's video is now, or another video to measure on, such as a second take of the same
            scene; of songs a picture of the song that is measured.
        training: measure on the training part instead: how well is it learnt, not how well does it follow.
        protocol: of FID and FVD: "equal" counts of real and generated samples, none where they are too few;
            "paper" as papers print them.
        seed: of the noise, where the model has any, and of the shifted training video.
        device: auto, cpu, cuda or mps.
        watch: told what is being done.

    Raises:
        UserError: no run, its video is gone, nothing is held out, or a sound cannot be read.
    """
    begun, folder = time.perf_counter(), RunFolder(Path(run))
    animator = Animator.load(folder.path, device)
    with Shelf() as shelf:
        place, statistics = None if video is None else Path(video), animator.model.statistics
        if folder.films.takes:
            dataset = open_takes(folder, place, training, shelf, watch)
        elif folder.films.learnt_songs(place):
            dataset = open_songs(folder, place, training, shelf, watch)
        else:
            dataset = open_dataset(folder, statistics, place, training, shelf, watch)
        evaluator = Evaluator(folder, animator, dataset, protocol, seed, shelf, Report(animator.fps), watch)
        results = evaluator.results([Path(sound) for sound in sounds])
        results = replace(results, took_s=round(time.perf_counter() - begun, 1))
        name = "" if dataset.name == HELD_OUT else dataset.name
        target = folder.evaluation_part(dataset.subfolder or name)
        target.mkdir(parents=True, exist_ok=True)
        write_json(target / "results.json", results)
        evaluator.report.write(target / "report.html", results)
    return Evaluation(target / "results.json", target / "report.html", results)
