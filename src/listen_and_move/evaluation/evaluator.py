"""All figures of one evaluation; their pictures go into its report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from listen_and_move.arrays import Array
from listen_and_move.clock import frame_time
from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.environment import environment
from listen_and_move.evaluation.baselines import (
    MEAN,
    MODEL,
    MOVING,
    PATH,
    REAL,
    baselines,
    blocks,
    generated_frames,
    mean_spread,
    shifted_sound,
    shuffled_sound,
    silent_sound,
    temporal_spread,
)
from listen_and_move.evaluation.course import Course, course
from listen_and_move.evaluation.dataset import Dataset, Frames, FrameSpan, Watch
from listen_and_move.evaluation.frame_measures import FrameMeasures, Series
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.network_measures import (
    MOST_FRAMES,
    MOST_PAIRS,
    Networks,
    available,
    by_flow,
    distributions,
    perceptual,
)
from listen_and_move.evaluation.report.report import Report
from listen_and_move.evaluation.results import (
    Altered,
    Chance,
    Curves,
    DistributionResult,
    Environment,
    EvaluatedRun,
    EvaluationResults,
    MeasuredPart,
    Products,
    RowResult,
    Sampled,
    Sensitivity,
    UnpairedResult,
)
from listen_and_move.evaluation.sensitivity import Truth, altered, verdict
from listen_and_move.evaluation.shifts import products
from listen_and_move.evaluation.unpaired import TrainingReference, novelty_of, sound_result
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.sound_check import notes
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.metrics.frame import MOVING_SHARE, moving_region, ratio
from listen_and_move.metrics.frechet import Protocol
from listen_and_move.metrics.sync import difference_products
from listen_and_move.runs import RunFolder

ALTERED_FRAMES = 400
"""Frames of the part that are also played with altered sound: three times as many more pictures to draw."""
SOUND_LEFT_OUT = (
    "motion with loudness and onsets, AV-Align, and whether the sound is used: the sound of this part "
    "is silent"
)
"""What is not told of a part without sound."""


@dataclass(frozen=True)
class Evaluator:
    """One evaluation while it lasts."""

    folder: RunFolder
    animator: Animator
    dataset: Dataset
    protocol: Protocol
    seed: int
    shelf: Shelf
    report: Report
    watch: Watch

    def results(self, sounds: Sequence[Path]) -> EvaluationResults:
        """Returns all figures; their pictures go into the report."""
        real, fps = self.dataset.real, self.animator.fps
        networks = available(self.animator.device, min(self.animator.size))
        begin = self.dataset.measured.seconds(self.dataset.span.start)
        measured = self.dataset.measured
        origin = measured.origin
        sound_course = course(measured.path, fps, begin, len(real), measured.track)
        table = baselines(self.animator, self.dataset, self.seed, self.shelf, self.watch)
        spread = temporal_spread(real, [range(len(real))])
        measures = FrameMeasures(real, moving_region(spread, MOVING_SHARE), sound_course, fps)
        series = self._series(measures, table)
        sums = {name: products(table[name], real) for name in MOVING}
        training = TrainingReference.of(self.dataset.learnt.frames, self.dataset.train, self.dataset.unseen)
        values = self._values(measures, series, table, sums, training, networks)
        curves = _curves(series, sound_course)
        end = begin + frame_time(len(real), fps)
        track = SoundTrack(measured.path, measured.track, start=begin, end=end)
        others = {name: frames for name, frames in table.items() if name not in (REAL, MODEL)}
        self.report.show_part(real, table[MODEL], others, track, curves)
        return EvaluationResults(
            run=evaluated_run(self.folder, self.animator, self.dataset.learnt.path),
            span=self._span(),
            rows=[RowResult(name, values[name]) for name in table],
            sampled=Sampled(min(len(real), MOST_FRAMES), min(len(real) - 1, MOST_PAIRS)),
            null={name: Chance.of(each) for name, each in sums.items()},
            pool=sums,
            sensitivity=self._sensitivity(
                table[MODEL], series, sound_course, sums[MODEL], mean_spread(spread)
            ),
            distribution=self._distributions(table, networks),
            protocol=self.protocol,
            sounds=[self._sound(sound, training) for sound in sounds],
            left_out=[
                *self.dataset.left_out,
                *networks.left_out,
                *([SOUND_LEFT_OUT] if sound_course.silent else []),
            ],
            series=curves,
            environment=Environment(**environment(origin.path, origin.sha256, str(self.animator.device))),
            settings=asdict(self.folder.config()),
        )

    def _series(self, measures: FrameMeasures, table: Mapping[str, Frames]) -> dict[str, Series]:
        found = {}
        for done, (name, frames) in enumerate(table.items()):
            self.watch("measuring", done, len(table))
            found[name] = measures.series(frames)
        self.watch("measuring", len(table), len(table))
        return found

    def _values(
        self,
        measures: FrameMeasures,
        series: Mapping[str, Series],
        table: Mapping[str, Frames],
        sums: Mapping[str, Products],
        training: TrainingReference,
        networks: Networks,
    ) -> dict[str, Values]:
        values = {name: measures.values(found, series[REAL]) for name, found in series.items()}
        more = [perceptual(table, measures.real, networks, self.watch)]
        if networks.flow is not None:
            more.append(by_flow(table, table[REAL], networks.flow, self.watch))
        for name, frames in table.items():
            chance = sums[name].excess if name in sums else None
            values[name] |= {} if chance is None else {"dcor_excess": chance.above, "dcor_p": chance.p}
            values[name] |= training.nearest(frames)
            for found in more:
                values[name] |= found[name]
        return values

    def _sensitivity(
        self,
        frames: Frames,
        series: Mapping[str, Series],
        sound_course: Course,
        sums: Products,
        real_spread: float,
    ) -> Sensitivity:
        """Returns what the sound shifted, shuffled and silent does to the beginning of the part."""
        span = self.dataset.span[:ALTERED_FRAMES]
        count, features, fps = len(span), self.dataset.measured.features, self.animator.fps
        right, motion = FrameSpan(frames, range(count)), series[REAL].motion[: count - 1]
        sounds = {
            "shifted": shifted_sound(features, span),
            "shuffled": shuffled_sound(features, span, float(fps)),
            "silent": silent_sound(features, span, self.animator.extractor),
        }
        pictures: dict[str, Frames] = {"right": right}
        for name, altered_features in sounds.items():
            store = self.shelf.store(*self.animator.size)
            pictures[name] = generated_frames(
                self.animator, altered_features, span, self.seed, store, f"playing, sound {name}", self.watch
            )
        found: dict[str, Altered] = {}
        for name, other in pictures.items():
            products = series[MODEL].products[: count - 1], _products(other, self.dataset.real)
            found[name] = altered(right, other, sound_course, real_spread, fps, Truth(products, motion))
        moves = ratio(float(series[MODEL].motion.mean()), float(series[REAL].motion.mean()))
        wrong = {name: found[name] for name in sounds}
        silent = sound_course.first(count).silent
        said = verdict(wrong, moves, sums.dcor, sums.excess, len(sums.shifted), silent)
        return Sensitivity(said, count, found)

    def _distributions(self, table: Mapping[str, Frames], networks: Networks) -> list[DistributionResult]:
        compared = {name: table[name] for name in (MODEL, MEAN, PATH)}
        other_real = FrameSpan(self.dataset.learnt.frames, self.dataset.longest)
        return distributions(compared, self.dataset.real, other_real, networks, self.protocol, self.watch)

    def _sound(self, sound: Path, training: TrainingReference) -> UnpairedResult:
        found = sound_result(self.animator, sound, training, self.shelf, seed=self.seed, watch=self.watch)
        self.report.show_sound(sound.name, found, SoundTrack(sound))
        return UnpairedResult(
            name=sound.name,
            seconds=float(frame_time(len(found.frames), self.animator.fps)),
            verdict=found.verdict,
            notes=notes(sound.name, found.check, self.animator.audio_reference),
            novelty=novelty_of(found.check),
            values=found.values,
            altered=found.altered,
        )

    def _span(self) -> MeasuredPart:
        width, height = self.animator.size
        measured, span = self.dataset.measured, self.dataset.span
        return MeasuredPart(
            name=self.dataset.name,
            video=measured.origin.name,
            start_s=float(measured.seconds(span.start)),
            seconds=float(frame_time(len(span), measured.fps)),
            first_frame=span.start,
            frames=len(span),
            fps=str(measured.fps),
            width=width,
            height=height,
        )


def evaluated_run(folder: RunFolder, animator: Animator, video: Path) -> EvaluatedRun:
    """Returns what is said of the run whose model was measured.

    Args:
        folder: the run.
        animator: plays its model.
        video: that it learnt.
    """
    return EvaluatedRun(
        name=folder.path.resolve().name,
        step=animator.model.step,
        video=video.name,
        video_sha256=folder.films.video_hash,
        model_sha256=file_hash(folder.model_file),
        model_bytes=folder.model_file.stat().st_size,
        parameters=sum(parameter.numel() for parameter in animator.network.parameters()),
    )


def _products(frames: Frames, real: Frames) -> Array:
    """Returns `difference_products` of frames and the beginning of the real ones, (T - 1, 3)."""
    span = [range(len(frames))]
    pairs = zip(blocks(frames, span, overlap=1), blocks(real, span, overlap=1), strict=True)
    return np.concatenate([difference_products(ours, theirs) for ours, theirs in pairs])


def _curves(series: Mapping[str, Series], sound_course: Course) -> Curves:
    return Curves(
        motion_real=series[REAL].motion.tolist(),
        motion=series[MODEL].motion.tolist(),
        loudness=sound_course.loudness.tolist(),
        onsets=sound_course.onsets.tolist(),
        error=series[MODEL].errors[:, 0].tolist(),
        error_mean_frame=series[MEAN].errors[:, 0].tolist(),
        similarity=series[MODEL].similarity[:, 0].tolist(),
        similarity_mean_frame=series[MEAN].similarity[:, 0].tolist(),
    )
