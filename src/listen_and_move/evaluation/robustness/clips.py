"""One foreign sound after the other: each is played, measured and noted, so that an interruption costs one
clip at most."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import Frames, Watch
from listen_and_move.evaluation.report.charts import strip
from listen_and_move.evaluation.robustness.distances import Distances
from listen_and_move.evaluation.robustness.sounds import Candidate, Lengths, holds_sound, part
from listen_and_move.evaluation.sensitivity import UNUSED
from listen_and_move.evaluation.unpaired import Performance, Training, novelty_of, performed
from listen_and_move.inference.animator import Animator
from listen_and_move.media.replacing import replacing

Clip = Mapping[str, Any]
"""What is known of one clip, as in its line of the log."""


@dataclass(frozen=True)
class Log:
    """A file with a line for every finished clip. Lines of another model or other settings stay in it, and
    are not used."""

    file: Path
    identity: Mapping[str, Any]
    """What figures must have in common to be put together: the model, the settings, the format."""

    def clips(self) -> tuple[dict[str, Clip], int]:
        """The finished clips by name, and how many others there are; a line that was torn is passed over."""
        if not self.file.exists():
            return {}, 0
        lines = [_parsed(line) for line in self.file.read_bytes().splitlines()]
        known: list[Clip] = [
            line
            for line in lines
            if isinstance(line, dict) and {"name", "key", "values", *self.identity} <= line.keys()
        ]
        own = [line for line in known if all(line[name] == value for name, value in self.identity.items())]
        ours: dict[str, Clip] = {
            line["name"]: {name: value for name, value in line.items() if name not in self.identity}
            for line in own
        }
        others = {line["key"] for line in known} - {line["key"] for line in own}
        return ours, len(others)

    def add(self, clip: Clip) -> None:
        """Append a line, on a line of its own even where the last one was torn."""
        with self.file.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            begin = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(begin + json.dumps({**self.identity, **clip}, allow_nan=False).encode() + b"\n")

    def key(self, name: str) -> str:
        """What files of a clip are called: different for every model, settings and sound."""
        return sha256(json.dumps([self.identity, name], sort_keys=True).encode()).hexdigest()[:16]


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


class Skipped(NamedTuple):
    """A file that cannot be used."""

    name: str
    reason: str


class _Unusable(Exception):
    """The sound is to blame, not the disk or the program."""


@dataclass(frozen=True)
class Stage:
    """A model that plays foreign sounds."""

    animator: Animator
    training: Training
    distances: Distances | None
    """None where the weights are not there."""
    log: Log
    lengths: Lengths
    seed: int

    def play(self, sounds: Sequence[Candidate], most: int, watch: Watch) -> tuple[list[Clip], list[Skipped]]:
        """At most so many clips, in the order of the sounds, and the files that could not be used on the
        way."""
        finished, _ = self.log.clips()
        clips: list[Clip] = []
        skipped: list[Skipped] = []
        for sound in sounds:
            if len(clips) == most:
                break
            watch("playing foreign sounds", len(clips), min(most, len(sounds)))
            try:
                clip = self._clip(sound, finished.get(sound.name))
            except _Unusable as error:
                skipped.append(Skipped(sound.name, str(error)))
                continue
            clips += [] if clip is None else [clip]
        watch("playing foreign sounds", len(clips), len(clips))
        return clips, skipped

    def picture(self, key: str) -> Path:
        """Some frames of a clip, JPEG."""
        return self.log.file.parent / "clips" / f"{key}.jpg"

    def _clip(self, sound: Candidate, finished: Clip | None) -> Clip | None:
        """The clip, played if it is not finished; None where the file holds no sound."""
        begun = time.perf_counter()
        with Shelf() as shelf:
            with _blaming_the_sound():
                if not holds_sound(sound.path):
                    return None
                content = file_hash(sound.path)
                if (
                    finished is not None
                    and finished.get("sound_sha256") == content
                    and self._intact(finished["key"])
                ):
                    return finished
                start, length = part(sound, self.lengths, self.seed)
                performance = performed(
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
            place = {
                "name": sound.name,
                "key": key,
                "sound_sha256": content,
                "start_s": float(start),
                "seconds": float(length),
            }
            found = self._kept(key, performance.frames)
            clip = {
                **place,
                **_described(performance),
                "distribution": found,
                "took_s": round(time.perf_counter() - begun, 2),
            }
        self.log.add(clip)
        return clip

    def _intact(self, key: str) -> bool:
        return self.picture(key).exists() and (self.distances is None or self.distances.file(key).exists())

    def _kept(self, key: str, frames: Frames) -> list[dict[str, Any]]:
        """Write what later reports need of the frames; FID and KID."""
        with replacing(self.picture(key)) as temporary:
            temporary.write_bytes(strip(frames))
        if self.distances is None:
            return []
        self.distances.file(key).unlink(missing_ok=True)
        return self.distances.of_clip(key, frames)


@contextmanager
def _blaming_the_sound() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise _Unusable(str(error)) from None


def _quietly(doing: str, done: int, total: int) -> None:
    """Parts of a clip are not worth a progress bar of their own."""


def _described(performance: Performance) -> dict[str, Any]:
    """The figures of a clip. A silent sound is a sound: the picture should rest, and has nothing to be
    used."""
    altered = performance.altered
    response = max(each.response for each in altered.values())
    values = {
        **performance.values,
        "response": response,
        "response_shifted": altered["shifted"].response,
        "motion_silenced": altered["silent"].motion_ratio,
    }
    silent = performance.course.silent
    return {
        "frames": len(performance.frames),
        "silent": silent,
        "used": not silent and response >= UNUSED,
        "novelty": novelty_of(performance.heard),
        "verdict": "The sound is silent: the picture should rest." if silent else performance.verdict,
        "values": _finite(values),
        "altered": {
            name: _finite({"response": each.response, "motion_ratio": each.motion_ratio})
            for name, each in altered.items()
        },
    }


def _finite(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: value if value is not None and isfinite(value) else None for name, value in values.items()}
