"""Evaluation at the size of the source: pictures are written, read back, and compared with the film.

Frames are decoded as they are asked for; written files lie in a temporary folder, one row at a time.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.take import take_names
from listen_and_move.environment import environment
from listen_and_move.evaluation.baselines import REAL
from listen_and_move.evaluation.dataset import HELD_OUT, Watch
from listen_and_move.evaluation.evaluator import evaluated_run
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.film_part import FilmPart, Picture, in_words
from listen_and_move.evaluation.json_records import write_json
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.network_measures import perceptual_networks, spread_evenly
from listen_and_move.evaluation.results import (
    Environment,
    GhostResult,
    MeasuredPart,
    Products,
    RowResult,
    Sampled,
    SourceSizeResults,
)
from listen_and_move.evaluation.row_file import RowFile
from listen_and_move.evaluation.shifts import pooled
from listen_and_move.evaluation.shown_rows import ShownRow, film_rows, played_rows, still_rows
from listen_and_move.evaluation.written_measures import (
    LearntFilm,
    WrittenMeasures,
    WrittenSeries,
    learnt_film,
    region_of,
    transitions,
)
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.picture_pipelines import chosen_picture
from listen_and_move.metrics.ghosts import MOST_KNOWN, GhostDetector
from listen_and_move.runs import RunFolder

MOST_SECONDS = Fraction(60)
"""Most seconds of the held-out part that are measured."""
LOOKED_AT = 30
"""Frames for the perceptual distance, spread evenly over the measured part: each takes a second or two at
1080p."""
KEPT_NONE = "path: this model keeps no frames of its clip (listen-and-move frames adds them)"
SHORT = "ghosts: too few frames were learnt to tell them"
COLUMNS = {
    "sharpness_moving": ("sharp", 2),
    "perceptual_squeeze_caffe": ("perc.", 3),
    "motion_ratio": ("motion", 2),
    "flicker_ratio": ("flicker", 2),
    "largest_change": ("largest", 2),
    "jump": ("jump", 2),
    "ghosts": ("ghosts", 3),
    "dcor": ("dcor", 3),
    "dcor_excess": ("excess", 3),
}
"""Measures that a terminal shows, by short names, with their digits."""


@dataclass(frozen=True)
class SourceSizeEvaluation:
    """Figures at the size of the source, and the file that holds them."""

    results_file: Path
    results: SourceSizeResults

    def lines(self) -> list[str]:
        """Returns the figures as lines of a table."""
        results = self.results
        width = max(len(row.name) for row in results.rows)
        span = results.span
        return [
            f"{span.name}: {span.frames} frames, {span.seconds:.1f} s, {span.width}x{span.height} pixels",
            f"  {'':{width}}" + "".join(f"{title:>9}" for title, _ in COLUMNS.values()),
            *(f"  {row.name:{width}}{_cells(row.values)}" for row in results.rows),
            *(f"note: {note}" for note in results.notes),
            *(f"left out: {each}" for each in results.left_out),
            f"all figures: {self.results_file}",
        ]


def evaluate_source_size(
    run: Path | str,
    *,
    video: Path | str | None = None,
    seed: int = 0,
    device: str = "auto",
    watch: Watch = lambda doing, done, total: None,
) -> SourceSizeEvaluation:
    """Measures what a run shows of its held-out part at the size of the source; writes results.json.

    Of several takes or songs the longest held-out parts are measured (see `Film.measured`), each played by
    itself; means are over all frames.

    Args:
        run: the run folder.
        video: where the run's video, one of its takes or its songs are now, if not where they were; of songs
            also a picture of the one song that is measured.
        seed: of the noise, where the model has any, and of the shifted training video.
        device: auto, cpu, cuda or mps.
        watch: told what is being done.

    Raises:
        UserError: no run, its video is gone, or nothing is held out.
    """
    begun, folder = time.perf_counter(), RunFolder(Path(run))
    animator = Animator.load(folder.path, device)
    watch("decoding", 0, 1)
    place = None if video is None else Path(video)
    with Shelf() as shelf:
        film = Film.of_run(folder, shelf.folder, place, lambda done, total: watch("decoding", done, total))
        evaluator = _SourceSizeEvaluator(folder, animator, film, film.moved(place), seed, device, watch)
        results = evaluator.results(begun, shelf)
    target = folder.source_size_file
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, results)
    return SourceSizeEvaluation(target, results)


@dataclass(frozen=True)
class _SourceSizeEvaluator:
    """The state of one evaluation."""

    folder: RunFolder
    animator: Animator
    film: Film
    video: Path | None
    """Where the run's video, one of its takes or its songs are now, if not where they were."""
    seed: int
    device: str
    watch: Watch

    def results(self, begun: float, shelf: Shelf) -> SourceSizeResults:
        """Returns all figures."""
        learnt, parts = learnt_film(self.film), self.film.measured(MOST_SECONDS)
        region, counts = region_of(part.frames() for part in parts)
        networks = perceptual_networks(self.animator.device, min(self.film.size))
        looked_at = frozenset(spread_evenly(sum(counts), LOOKED_AT).tolist())
        measures = WrittenMeasures(region, learnt.usual_change, networks.perceptual, looked_at)
        detector, rows = self._detector(), self._rows(learnt)
        values = self._values(rows, counts, measures, detector, shelf)
        path = self.film.source
        one, many = self.film.units
        several = [f"each {one} is played by itself: {in_words(parts)}"] if len(parts) > 1 else []
        shorter = len(self.film.held_out) - len(parts)
        unasked, _ = chosen_picture(self.animator, "auto", str(self.folder.path))
        return SourceSizeResults(
            run=evaluated_run(self.folder, self.animator, path),
            span=self._span(parts, sum(counts)),
            rows=[RowResult(name, found) for name, found in values.items()],
            sampled=Sampled(perceptual_frames=len(looked_at)),
            ghosts=None if detector is None else GhostResult(**asdict(detector.check)),
            notes=[*several, f"shown unasked: {unasked}", *_notes(detector, values)],
            left_out=[
                *networks.left_out,
                *([KEPT_NONE] if self.animator.model.kept is None else []),
                *([SHORT] if detector is None else []),
                *([f"{shorter} shorter held-out {many}"] if shorter else []),
            ],
            environment=Environment(**environment(path, self._hash(), str(self.animator.device))),
            settings=asdict(self.folder.config()),
            took_s=round(time.perf_counter() - begun, 1),
        )

    def _rows(self, learnt: LearntFilm) -> list[ShownRow]:
        """Returns the rows in the order of the table."""
        real, shifted = film_rows(self.film, self.seed)
        played = played_rows(
            self.folder.path,
            self.animator.model.kept,
            video=self.video,
            size=self.film.size,
            seed=self.seed,
            device=self.device,
        )
        return [real, *played, *still_rows(self.film, learnt.mean), shifted]

    def _hash(self) -> str:
        """Returns the sha256 of the video, of the first take, or of all songs."""
        return self.folder.films.video_hash if self.film.songs else file_hash(self.film.source)

    def _detector(self) -> GhostDetector | None:
        known, step = self.film.thumbnails(self.film.train, MOST_KNOWN)
        return GhostDetector.of(known, near=max(1, round(1 / step)))

    def _values(
        self,
        rows: Iterable[ShownRow],
        counts: Sequence[int],
        measures: WrittenMeasures,
        detector: GhostDetector | None,
        shelf: Shelf,
    ) -> dict[str, Values]:
        """Returns the figures of each row.

        Args:
            rows: the table.
            counts: frames of each part.
            measures: of what is written.
            detector: of ghosts, if there are frames enough to tell them.
            shelf: takes small frames.
        """
        parts = self.film.measured(MOST_SECONDS)
        plain = replace(measures, networks={})
        real = WrittenSeries.joined([plain.series(part.frames(), part.frames()) for part in parts])
        found = {}
        for row in rows:
            series, ghosts, sums, first = [], [], [], 0
            for part, count in zip(parts, counts, strict=True):
                with tempfile.TemporaryDirectory(prefix="listen-and-move-") as folder:
                    written = RowFile.write(row, part, self.film, count, Path(folder), self.watch)
                    frames = self._watched(written.shown(self.film), f"measuring {row.name}", count)
                    jumps = transitions(written.moments, written.rate)
                    series.append(measures.series(frames, part.frames(), first, jumps))
                    ghosts += [] if detector is None else written.ghosts(self.film, detector)
                    sums.append(written.products(part, shelf))
                first += count
            values = measures.values(WrittenSeries.joined(series), real)
            values["ghosts"] = float(np.mean(ghosts)) if ghosts else None
            found[row.name] = values | _dcor(sums)
        return found

    def _watched(self, frames: Iterable[Picture], doing: str, count: int) -> Iterator[Picture]:
        for done, frame in enumerate(frames, start=1):
            yield frame
            self.watch(doing, min(done, count), count)

    def _span(self, parts: Sequence[FilmPart], count: int) -> MeasuredPart:
        width, height = self.film.size
        return MeasuredPart(
            name=HELD_OUT if len(parts) == 1 else f"{HELD_OUT}s of {len(parts)} {self.film.units[1]}",
            video=", ".join(take_names([part.path for part in parts])),
            start_s=float(parts[0].begin),
            seconds=float(count / self.film.rate),
            first_frame=parts[0].span.start,
            frames=count,
            fps=str(self.film.rate),
            width=width,
            height=height,
        )


def _dcor(parts: Sequence[Products]) -> Values:
    """Returns dcor of several parts, and its excess above chance.

    Parts much shorter than the longest cannot tell the excess.
    """
    shifts = max(len(part.shifted) for part in parts)
    whole, long = pooled(list(parts)), pooled([part for part in parts if 2 * len(part.shifted) >= shifts])
    chance = long.excess if long.generated > 0 else None
    return {"dcor": whole.dcor, "dcor_excess": None if chance is None else chance.above}


def _notes(detector: GhostDetector | None, values: Mapping[str, Values]) -> list[str]:
    """Returns the caveats of the share of ghosts."""
    real = values[REAL]["ghosts"]
    if detector is None or real is None or (detector.check.reliable and real <= 0.05):
        return []
    check = detector.check
    return [
        f"ghosts are not told well in this clip: {100 * check.blends_caught:.0f} % of blends are caught, and "
        f"{100 * real:.0f} % of the real frames are taken for ghosts"
    ]


def _cells(values: Values) -> str:
    found = ((values.get(name), digits) for name, (_, digits) in COLUMNS.items())
    return "".join(f"{'-':>9}" if value is None else f"{value:>9.{digits}f}" for value, digits in found)
