"""Clips of unpaired sounds, one after the other.

Each is played, measured and noted, so that an interruption costs one clip at most.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isfinite
from pathlib import Path

from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import Frames, Watch
from listen_and_move.evaluation.json_records import Json, as_json, from_json
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.report.charts import strip
from listen_and_move.evaluation.results import DistributionResult
from listen_and_move.evaluation.robustness.distances import Distances
from listen_and_move.evaluation.robustness.results import AlteredMotion, PlayedClip, Skipped
from listen_and_move.evaluation.robustness.sounds import Candidate, Lengths, excerpt, holds_sound
from listen_and_move.evaluation.sensitivity import UNUSED
from listen_and_move.evaluation.unpaired import SoundResult, TrainingReference, novelty_of, sound_result
from listen_and_move.inference.animator import Animator
from listen_and_move.json_text import parsed
from listen_and_move.media.replacing import replacing

PLAYING = "playing foreign sounds"
"""What a player does, as it tells it."""
SILENT = "The sound is silent: the picture should rest."
"""Verdict on a silent sound, which is played: there is nothing in it that could be used."""


@dataclass(frozen=True)
class Log:
    """A file with a line for every finished clip.

    Lines of another model or other settings stay in it, and are not used.
    """

    file: Path
    identity: Mapping[str, Json]
    """What figures must have in common to be put together: the model, the settings, the format."""

    def clips(self) -> tuple[dict[str, PlayedClip], int]:
        """Returns the finished clips by name, and how many others there are.

        A line that was torn is passed over.
        """
        if not self.file.exists():
            return {}, 0
        lines = [line for each in self.file.read_bytes().splitlines() if (line := self._parsed(each))]
        own = {clip.key: clip for clip, is_own in lines if is_own}
        others = {clip.key for clip, _ in lines} - own.keys()
        return {clip.name: clip for clip in own.values()}, len(others)

    def add(self, clip: PlayedClip) -> None:
        """Appends a line, on a line of its own even where the last one was torn."""
        with self.file.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            begin = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(begin + json.dumps({**self.identity, **as_json(clip)}).encode() + b"\n")

    def of_task(self, number: int) -> "Log":
        """Returns the log of a task that plays some of the clips; several processes cannot write one file."""
        return replace(self, file=self.file.with_stem(f"{self.file.stem}-{number}"))

    def gather(self) -> None:
        """Moves the lines of the logs of tasks into this one, also of tasks that were cut off."""
        for part in sorted(self.file.parent.glob(f"{self.file.stem}-*{self.file.suffix}")):
            with self.file.open("ab") as file:
                file.write(b"\n" + part.read_bytes() + b"\n")
            part.unlink()

    def key(self, name: str) -> str:
        """Returns the name of the files of a clip: another one for every model, settings and sound."""
        return sha256(json.dumps([self.identity, name], sort_keys=True).encode()).hexdigest()[:16]

    def _parsed(self, line: bytes) -> tuple[PlayedClip, bool] | None:
        """Returns a clip and whether the identity is that of this log; None where a line holds no clip."""
        try:
            values = parsed(line)
            if not {"values", *self.identity} <= values.keys():
                return None
            return from_json(PlayedClip, values), all(
                values[key] == each for key, each in self.identity.items()
            )
        except (ValueError, AttributeError):  # torn, or a line of something else
            return None


class _Unusable(Exception):
    """An error in the file of a sound, not of the disk or the program."""


@dataclass(frozen=True)
class UnpairedPlayer:
    """A model that plays unpaired sounds."""

    animator: Animator
    training: TrainingReference
    distances: Distances | None
    """None where the weights are not there."""
    log: Log
    lengths: Lengths
    seed: int

    def play(
        self, sounds: Sequence[Candidate], most: int, watch: Watch
    ) -> tuple[list[PlayedClip], list[Skipped]]:
        """Returns the clips in the order of the sounds, and the files that could not be used on the way.

        Args:
            sounds: files that may hold sound.
            most: clips at most.
            watch: told the progress.
        """
        finished, _ = self.log.clips()
        clips: list[PlayedClip] = []
        skipped: list[Skipped] = []
        for sound in sounds:
            if len(clips) == most:
                break
            watch(PLAYING, len(clips), min(most, len(sounds)))
            try:
                clip = self._clip(sound, finished.get(sound.name))
            except _Unusable as error:
                skipped.append(Skipped(sound.name, str(error)))
                continue
            clips += [] if clip is None else [clip]
        watch(PLAYING, len(clips), len(clips))
        return clips, skipped

    def picture(self, key: str) -> Path:
        """Returns the file with some frames of a clip, JPEG."""
        return self.log.file.parent / "clips" / f"{key}.jpg"

    def _clip(self, sound: Candidate, finished: PlayedClip | None) -> PlayedClip | None:
        """The clip, played if it is not finished; None where the file holds no sound."""
        begun = time.perf_counter()
        with Shelf() as shelf:
            with _blaming_the_sound():
                if not holds_sound(sound.path):
                    return None
                content = file_hash(sound.path)
                if finished is not None and finished.sound_sha256 == content and self._intact(finished.key):
                    return finished
                start, length = excerpt(sound, self.lengths, self.seed)
                result = sound_result(
                    self.animator,
                    sound.path,
                    self.training,
                    shelf,
                    start=start,
                    seconds=length,
                    seed=self.seed,
                    watch=_quietly,
                )
            key = self.log.key(sound.name)
            response = max(each.response for each in result.altered.values())
            silent = result.course.silent
            clip = PlayedClip(
                name=sound.name,
                key=key,
                sound_sha256=content,
                start_s=float(start),
                seconds=float(length),
                frames=len(result.frames),
                silent=silent,
                used=not silent and response >= UNUSED,
                novelty=novelty_of(result.check),
                verdict=SILENT if silent else result.verdict,
                values=_values(result, response),
                altered=_altered(result),
                distribution=self._kept(key, result.frames),
                took_s=round(time.perf_counter() - begun, 2),
            )
        self.log.add(clip)
        return clip

    def _intact(self, key: str) -> bool:
        return self.picture(key).exists() and (self.distances is None or self.distances.file(key).exists())

    def _kept(self, key: str, frames: Frames) -> list[DistributionResult]:
        """Writes what later reports need of the frames, and returns FID and KID."""
        with replacing(self.picture(key)) as temporary:
            temporary.write_bytes(strip(frames))
        if self.distances is None:
            return []
        self.distances.file(key).unlink(missing_ok=True)
        return self.distances.of_clip(key, frames)


@contextmanager
def _blaming_the_sound() -> Iterator[None]:
    """Turns an error of the user into one of the sound."""
    try:
        yield
    except UserError as error:
        raise _Unusable(str(error)) from None


def _quietly(doing: str, done: int, total: int) -> None:
    """Shows nothing: parts of a clip are not worth a progress bar of their own."""


def _values(result: SoundResult, response: float) -> Values:
    """Figures of a clip; None for what is not finite."""
    values = result.values | {
        "response": response,
        "response_shifted": result.altered["shifted"].response,
        "motion_silenced": result.altered["silent"].motion_ratio,
    }
    return {name: _finite(value) for name, value in values.items()}


def _altered(result: SoundResult) -> dict[str, AlteredMotion]:
    return {
        name: AlteredMotion(_finite(each.response), _finite(each.motion_ratio))
        for name, each in result.altered.items()
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
