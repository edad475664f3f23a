"""Report of an evaluation: one page with its pictures, videos and charts inside, that opens from disk."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from listen_and_move.clock import exact, frame_time
from listen_and_move.evaluation.baselines import MEAN, MODEL, REAL
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.interpretation import interpretation
from listen_and_move.evaluation.report.charts import enlarged, error_chart, moments, motion_chart, strip
from listen_and_move.evaluation.report.page import (
    Html,
    heading,
    page,
    paragraph,
    picture,
    rendered,
    scrolling,
    video,
)
from listen_and_move.evaluation.report.tables import (
    altered_table,
    chance_table,
    distribution_part,
    made_table,
    measure_tables,
    novelty_line,
    sensitivity_part,
    sounds_table,
)
from listen_and_move.evaluation.results import Curves, EvaluationResults, UnpairedResult
from listen_and_move.evaluation.unpaired import SoundResult
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import VideoWriter
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import compared
from listen_and_move.runs import write_text

MAKER = "evaluate"
SHOWN_SECONDS = 30
"""Videos in the page are at most so long."""
_AT_ONCE = 32


class Report:
    """Collector of pictures while the frames are there; writes one HTML file at the end.

    Args:
        fps: frames per second of all videos.
    """

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self._seen: list[Html] = []
        self._errors: Html | None = None
        self._sounds: list[list[Html]] = []

    def show_part(
        self,
        real: Frames,
        generated: Frames,
        others: Mapping[str, Frames],
        sound: SoundTrack,
        series: Curves,
    ) -> None:
        """Shows the part that is measured.

        Args:
            real: the real video.
            generated: the model's.
            others: baselines by name.
            sound: of the whole part.
            series: per frame, as in the results.
        """
        content = film([real, generated], self.fps, sound)
        caption = f"Left: real video. Right: model, which hears the same sound. {self._extent(len(real))}"
        motion = {REAL: series.motion_real, MODEL: series.motion}
        self._seen = [
            video(content, caption),
            contact_sheet({REAL: real, MODEL: generated, **others}, self.fps),
            heading("Motion against loudness"),
            _chart(
                motion_chart(motion, series.loudness, series.onsets, self.fps),
                "Motion, loudness and onsets over time",
            ),
        ]
        error = {MODEL: series.error, MEAN: series.error_mean_frame}
        similarity = {MODEL: series.similarity, MEAN: series.similarity_mean_frame}
        self._errors = _chart(
            error_chart(error, similarity), "Mean squared error and SSIM against frame number"
        )

    def show_sound(self, name: str, result: SoundResult, sound: SoundTrack) -> None:
        """Shows the model's picture to a sound that has none of its own, in the order of the results.

        Args:
            name: of the sound.
            result: what the model made of it.
            sound: begins with the picture.
        """
        frames, course = result.frames, result.course
        chart = motion_chart({MODEL: result.motion}, course.loudness, course.onsets, self.fps)
        parts = [
            video(film([frames], self.fps, sound), f"{name}. {self._extent(len(frames))}"),
            contact_sheet({MODEL: frames}, self.fps),
            _chart(chart, "Motion, loudness and onsets over time"),
        ]
        self._sounds.append(parts)

    def write(self, path: Path, results: EvaluationResults) -> None:
        """Writes the page, whole or not at all.

        Args:
            path: of the page.
            results: of which the pictures were shown.

        Raises:
            UserError: the place cannot be written.
        """
        write_text(path, page(f"{results.run.name}: evaluation", [self._body(results)], MAKER))

    def _body(self, results: EvaluationResults) -> Html:
        """Returns the content of the page."""
        rows = results.by_row()
        return rendered(
            "evaluation.html",
            run=results.run,
            span=results.span,
            verdict=results.sensitivity.verdict,
            meanings=interpretation(results),
            seen=self._seen,
            measures=[*measure_tables(results), *chance_table(results.null, rows)],
            sensitivity=sensitivity_part(results.sensitivity, rows[MODEL].get("dcor")),
            distribution=distribution_part(results),
            errors=self._errors,
            sounds_table=sounds_table(results.sounds),
            sounds=self._unpaired_sounds(results.sounds),
            left_out=results.left_out,
            made=made_table(results),
            settings=json.dumps(results.settings, indent=1),
        )

    def _unpaired_sounds(self, sounds: Sequence[UnpairedResult]) -> list[tuple[UnpairedResult, list[Html]]]:
        """Returns each sound with what is shown of it."""
        return [
            (sound, [*seen, *novelty_line(sound.novelty), altered_table(sound.altered)])
            for sound, seen in zip(sounds, self._sounds, strict=True)
        ]

    def _extent(self, count: int) -> str:
        return (
            f"The first {SHOWN_SECONDS} s."
            if count > _most(self.fps)
            else f"{count / float(self.fps):.1f} s."
        )


def film(sources: list[Frames], fps: Fraction, sound: SoundTrack) -> bytes:
    """Returns frames side by side with their sound, MP4: the first `SHOWN_SECONDS`, small frames enlarged.

    Args:
        sources: from left to right; the first one's length counts.
        fps: frames per second.
        sound: begins with the frames.

    Raises:
        UserError: the sound cannot be read.
    """
    count = min(len(sources[0]), _most(fps))
    begin = exact(sound.start or 0)
    height, width = _beside(sources, 0, 1).shape[1:3]
    with tempfile.TemporaryDirectory(prefix="listen-and-move-") as folder:
        path = Path(folder) / "film.mp4"
        # With a start and an end the sound is always coded anew, as AAC, which every browser plays.
        track = replace(sound, start=begin, end=begin + frame_time(count, fps))
        label = Label(compared())
        with VideoWriter(path, width=width, height=height, fps=fps, sound=track, label=label) as writer:
            for first in range(0, count, _AT_ONCE):
                for frame in _beside(sources, first, min(first + _AT_ONCE, count)):
                    writer.write(frame)
        return path.read_bytes()


def _most(fps: Fraction) -> int:
    return int(SHOWN_SECONDS * fps)


def _beside(sources: list[Frames], first: int, last: int) -> NDArray[np.uint8]:
    """Frames of all sources side by side, enlarged, a line repeated where a side is odd."""
    frames = np.concatenate([enlarged(frames.read(first, last)) for frames in sources], axis=2)
    return np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), "edge")


def contact_sheet(sources: Mapping[str, Frames], fps: Fraction) -> Html:
    """Returns a strip of frames per source, all at the same moments.

    Args:
        sources: by name.
        fps: frames per second.
    """
    strips = [picture(strip(frames), f"frames of: {name}", name) for name, frames in sources.items()]
    times = ", ".join(f"{at / float(fps):.1f}" for at in moments(min(map(len, sources.values()))))
    sheet = scrolling(Html("\n".join(strips)), "sheet")
    return Html(f"{sheet}\n{paragraph(f'Frames at {times} s.', 'soft')}")


def _chart(content: bytes, alt: str) -> Html:
    return scrolling(picture(content, alt), "wide")
