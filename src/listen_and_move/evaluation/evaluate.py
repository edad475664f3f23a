"""Measure a run on what it was never trained on, beside baselines that any model must beat."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from listen_and_move.clock import frame_time
from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.evaluation.baselines import (
    blocks,
    drawn,
    mean_spread,
    shifted_sound,
    shuffled_sound,
    silent_sound,
    temporal_spread,
)
from listen_and_move.evaluation.dataset import Course, Frames, Part, Watch, course
from listen_and_move.evaluation.frame_measures import Judge, Series, Values
from listen_and_move.evaluation.interpretation import substitution
from listen_and_move.evaluation.network_measures import (
    MOST_FRAMES,
    MOST_PAIRS,
    by_flow,
    distributions,
    perceptual,
)
from listen_and_move.evaluation.networks import Networks, available
from listen_and_move.evaluation.report.report import Report
from listen_and_move.evaluation.results import FORMAT, formatted, write_results
from listen_and_move.evaluation.rows import MEAN, MODEL, MOVING, PATH, REAL, rows
from listen_and_move.evaluation.sensitivity import Altered, Truth, altered, verdict
from listen_and_move.evaluation.shifts import Products, products
from listen_and_move.evaluation.subject import HELD_OUT, Subject, choose
from listen_and_move.evaluation.unpaired import Training, novelty_of, performed
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.sound_check import notes
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.metrics.frame import MOVING_SHARE, moving_region, ratio
from listen_and_move.metrics.frechet import Protocol
from listen_and_move.metrics.sync import difference_products
from listen_and_move.runs import RunFolder, environment

ALTERED_FRAMES = 400
"""Frames of the part that are also played with altered sound: three times as many more pictures to draw."""
SOUND_LEFT_OUT = "motion with loudness and onsets, AV-Align, and whether the sound is used: the sound of this part is silent"
"""What is not told of a part without sound."""
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
    """Where the figures are, and the figures."""

    results_file: Path
    report_file: Path
    results: Mapping[str, Any]

    def lines(self) -> list[str]:
        """The verdict and the most telling figures, for a person."""
        part = self.results["part"]
        found = {row["name"]: row["values"] for row in self.results["rows"]}
        width = max(map(len, found))
        table = [
            f"  {name:{width}}" + "".join(f"{formatted(each, values.get(each)):>9}" for each in SHOWN)
            for name, values in found.items()
        ]
        return [
            f"{part['name']}: {part['frames']} frames, {part['seconds']:.1f} s",
            f"  {'':{width}}" + "".join(f"{each:>9}" for each in SHOWN.values()),
            *table,
            self.results["sensitivity"]["verdict"],
            *(f"{sound['name']}: {sound['verdict']}" for sound in self.results["sounds"]),
            *(f"note: {note}" for sound in self.results["sounds"] for note in sound["notes"]),
            *([f"note: {substituted}"] if (substituted := substitution(self.results["settings"])) else []),
            *(f"left out: {each}" for each in self.results["left_out"]),
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
    """Measure a run on its held-out part, and write results.json and report.html into its folder.

    Args:
        run: the run folder.
        sounds: files with sound to play as well, for which there is no real picture.
        video: where the run's video is now, or another video to measure on, such as a second take of the same
            scene.
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
        subject = choose(folder, animator, None if video is None else Path(video), training, shelf, watch)
        evaluator = _Evaluator(folder, animator, subject, protocol, seed, shelf, Report(animator.fps), watch)
        results = evaluator.results([Path(sound) for sound in sounds])
        results["took_s"] = round(time.perf_counter() - begun, 1)
        target = folder.evaluation_part("" if subject.name == HELD_OUT else subject.name)
        target.mkdir(parents=True, exist_ok=True)
        write_results(target / "results.json", results)
        evaluator.report.write(target / "report.html", results)
    return Evaluation(target / "results.json", target / "report.html", results)


@dataclass(frozen=True)
class _Evaluator:
    """One evaluation while it lasts."""

    folder: RunFolder
    animator: Animator
    subject: Subject
    protocol: Protocol
    seed: int
    shelf: Shelf
    report: Report
    watch: Watch

    def results(self, sounds: Sequence[Path]) -> dict[str, Any]:
        """All figures; pictures of them go into the report."""
        real, fps = self.subject.real, self.animator.fps
        networks = available(self.animator.device, min(self.animator.size))
        begin = self.subject.shown.seconds(self.subject.span.start)
        heard = course(self.subject.shown.path, fps, begin, len(real))
        table = rows(self.animator, self.subject, self.seed, self.shelf, self.watch)
        spread = temporal_spread(real, [range(len(real))])
        judge = Judge(real, moving_region(spread, MOVING_SHARE), heard, fps)
        series = self._series(judge, table)
        sums = {name: products(table[name], real) for name in MOVING}
        training = Training.of(self.subject.learnt.frames, self.subject.train, self.subject.unseen)
        values = self._values(judge, series, table, sums, training, networks)
        curves = _curves(series, heard)
        track = SoundTrack(self.subject.shown.path, start=begin, end=begin + frame_time(len(real), fps))
        others = {name: frames for name, frames in table.items() if name not in (REAL, MODEL)}
        self.report.show_part(real, table[MODEL], others, track, curves)
        return {
            "format": FORMAT,
            "run": self._run(),
            "part": self._part(),
            "rows": [{"name": name, "values": values[name]} for name in table],
            "sampled": {
                "perceptual_frames": min(len(real), MOST_FRAMES),
                "flow_pairs": min(len(real) - 1, MOST_PAIRS),
            },
            "null": {name: _null(each) for name, each in sums.items()},
            "pool": {name: each._asdict() for name, each in sums.items()},
            "sensitivity": self._sensitivity(table[MODEL], series, heard, sums[MODEL], mean_spread(spread)),
            "distribution": self._distributions(table, networks),
            "protocol": self.protocol,
            "sounds": [self._sound(sound, training) for sound in sounds],
            "left_out": [*networks.left_out, *([SOUND_LEFT_OUT] if heard.silent else [])],
            "series": curves,
            "environment": environment(
                self.subject.shown.path, file_hash(self.subject.shown.path), str(self.animator.device)
            ),
            "settings": asdict(self.folder.config()),
        }

    def _series(self, judge: Judge, table: Mapping[str, Frames]) -> dict[str, Series]:
        found = {}
        for done, (name, frames) in enumerate(table.items()):
            self.watch("measuring", done, len(table))
            found[name] = judge.series(frames)
        self.watch("measuring", len(table), len(table))
        return found

    def _values(
        self,
        judge: Judge,
        series: Mapping[str, Series],
        table: Mapping[str, Frames],
        sums: Mapping[str, Products],
        training: Training,
        networks: Networks,
    ) -> dict[str, Values]:
        values = {name: judge.values(found, series[REAL]) for name, found in series.items()}
        more = [perceptual(table, judge.real, networks, self.watch)]
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
        self, frames: Frames, series: Mapping[str, Series], heard: Course, sums: Products, real_spread: float
    ) -> dict[str, Any]:
        """The beginning of the part with the sound as it is, shifted, shuffled and silent."""
        span = self.subject.span[:ALTERED_FRAMES]
        count, features, fps = len(span), self.subject.shown.features, self.animator.fps
        right, motion = Part(frames, range(count)), series[REAL].motion[: count - 1]
        sounds = {
            "shifted": shifted_sound(features, span),
            "shuffled": shuffled_sound(features, span, float(fps)),
            "silent": silent_sound(features, span, self.animator.extractor),
        }
        pictures: dict[str, Frames] = {"right": right}
        for name, sound in sounds.items():
            store = self.shelf.store(*self.animator.size)
            pictures[name] = drawn(
                self.animator, sound, span, self.seed, store, f"playing, sound {name}", self.watch
            )
        found: dict[str, Altered] = {}
        for name, other in pictures.items():
            products = series[MODEL].products[: count - 1], _products(other, self.subject.real)
            found[name] = altered(right, other, heard, real_spread, fps, Truth(products, motion))
        moves = ratio(float(series[MODEL].motion.mean()), float(series[REAL].motion.mean()))
        wrong = {name: found[name] for name in sounds}
        return {
            "verdict": verdict(
                wrong, moves, sums.dcor, sums.excess, len(sums.shifted), heard.first(count).silent
            ),
            "frames": count,
            "altered": _described(found),
        }

    def _distributions(self, table: Mapping[str, Frames], networks: Networks) -> list[dict[str, Any]]:
        compared = {name: table[name] for name in (MODEL, MEAN, PATH)}
        other_real = Part(self.subject.learnt.frames, self.subject.longest)
        return distributions(compared, self.subject.real, other_real, networks, self.protocol, self.watch)

    def _sound(self, sound: Path, training: Training) -> dict[str, Any]:
        performance = performed(self.animator, sound, training, self.shelf, seed=self.seed, watch=self.watch)
        self.report.show_sound(sound.name, performance, SoundTrack(sound))
        return {
            "name": sound.name,
            "seconds": float(frame_time(len(performance.frames), self.animator.fps)),
            "verdict": performance.verdict,
            "notes": notes(sound.name, performance.heard, self.animator.audio_reference),
            "novelty": novelty_of(performance.heard),
            "values": performance.values,
            "altered": _described(performance.altered),
        }

    def _run(self) -> dict[str, Any]:
        model = self.folder.model_file
        return {
            "name": self.folder.path.resolve().name,
            "step": self.animator.model.step,
            "video": self.subject.learnt.path.name,
            "video_sha256": self.folder.video_hash(),
            "model_sha256": file_hash(model),
            "model_bytes": model.stat().st_size,
            "parameters": sum(parameter.numel() for parameter in self.animator.network.parameters()),
        }

    def _part(self) -> dict[str, Any]:
        width, height = self.animator.size
        shown, span = self.subject.shown, self.subject.span
        return {
            "name": self.subject.name,
            "video": shown.path.name,
            "start_s": float(shown.seconds(span.start)),
            "seconds": float(frame_time(len(span), shown.fps)),
            "first_frame": span.start,
            "frames": len(span),
            "fps": str(shown.fps),
            "width": width,
            "height": height,
        }


def _products(frames: Frames, real: Frames) -> Any:
    """`difference_products` of frames and the beginning of the real ones."""
    span = [range(len(frames))]
    pairs = zip(blocks(frames, span, overlap=1), blocks(real, span, overlap=1), strict=True)
    return np.concatenate([difference_products(ours, theirs) for ours, theirs in pairs])


def _null(sums: Products) -> dict[str, Any] | None:
    chance = sums.excess
    return None if chance is None else {**chance._asdict(), "shifts": len(sums.shifted)}


def _described(results: Mapping[str, Altered]) -> dict[str, Any]:
    return {
        name: {
            "response": result.response,
            "motion_ratio": result.motion_ratio,
            "dcor": result.dcor,
            "effect": None if result.effect is None else result.effect._asdict(),
            "values": result.values,
        }
        for name, result in results.items()
    }


def _curves(series: Mapping[str, Series], heard: Course) -> dict[str, list[float]]:
    """What changes over time, for the report."""
    return {
        "motion_real": series[REAL].motion.tolist(),
        "motion": series[MODEL].motion.tolist(),
        "loudness": heard.loudness.tolist(),
        "onsets": heard.onsets.tolist(),
        "error": series[MODEL].errors[:, 0].tolist(),
        "error_mean_frame": series[MEAN].errors[:, 0].tolist(),
        "similarity": series[MODEL].similarity[:, 0].tolist(),
        "similarity_mean_frame": series[MEAN].similarity[:, 0].tolist(),
    }
