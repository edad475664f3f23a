"""Films that a run learnt, and the places where they are now."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.data.clip import file_hash
from listen_and_move.data.source import find_source
from listen_and_move.data.suburmp import is_song_picture
from listen_and_move.errors import UserError


class LearntTake(NamedTuple):
    """A take that a run learnt."""

    video: str
    """Path of the take when it was learnt."""
    sha256: str


@dataclass(frozen=True)
class LearntFilms:
    """What a run learnt: one video, several takes, or a folder of songs."""

    run: Path
    """Run folder, for messages."""
    video_hash: str
    """sha256 of all files."""
    place: str | None
    """Path of the video as the run notes it; None: the run is too old to know."""
    scene: object
    """Number of the scene that the run learns; None: the part was chosen otherwise."""
    takes: tuple[LearntTake, ...]
    """The takes; empty where the run learnt one video."""

    @classmethod
    def of(cls, run: Path, environment: Any) -> "LearntFilms":
        """Returns the films that a run's environment names.

        Args:
            run: folder of the run.
            environment: that the run has noted, as JSON; anybody may have written it.

        Raises:
            ValueError: it is none.
        """
        match environment:
            case {"video_sha256": str(video_hash)}:
                place, scene = environment.get("video"), environment.get("scene")
                takes = _takes(environment)
                if all(_is_path(each) for each in (place, *(take.video for take in takes))):
                    return cls(run, video_hash, place, scene, takes)
        raise ValueError("no environment of a run")

    @property
    def places(self) -> list[str | None]:
        """Returns the paths of the video or the takes when they were learnt."""
        return [take.video for take in self.takes] or [self.place]

    def learnt_songs(self, elsewhere: Path | None = None) -> bool:
        """Returns whether the run learnt a folder of songs, by what is at its place or at ``elsewhere``."""
        places = (elsewhere, self.place)
        return (elsewhere is not None and is_song_picture(elsewhere)) or any(
            place is not None and os.path.isdir(place)  # noqa: PTH112
            for place in places
        )

    def check_scene(self, scene: int | None) -> None:
        """Refuses another scene than that of the run; None is any scene.

        Raises:
            UserError: it is another one.
        """
        if scene is not None and scene != self.scene:
            part = (
                "the part it was begun with" if self.scene is None else f"scene {self.scene}, which it learns"
            )
            raise UserError(f"{self.run}: expected {part}; got scene {scene}", "choose another --run")

    def video(self, elsewhere: Path | None = None) -> Path:
        """Returns the only video or the folder of songs that the run learnt, where it was or ``elsewhere``.

        Raises:
            UserError: the run is too old to know, it learnt takes, or the file is gone or another one.
        """
        if self.takes:
            raise UserError(
                f"{self.run}: expected a run that learnt one video file; this one learnt {len(self.takes)} "
                "takes"
            )
        if elsewhere is None and self.place is None:
            raise UserError(
                f"{self.run}: expected the place of the video this run learnt; the run is older than this "
                "note",
                "give it with --video",
            )
        path = elsewhere or Path(str(self.place))
        self._check(path, self.video_hash, "give it with --video")
        return path

    def videos(self, elsewhere: Path | None = None) -> list[Path]:
        """Returns the video or the takes that the run learnt, at their old paths.

        One of them may be at ``elsewhere`` now.

        Raises:
            UserError: one is gone or another one, or the file at ``elsewhere`` is none of them.
        """
        if not self.takes:
            return [self.video(elsewhere)]
        paths = [Path(take.video) for take in self.takes]
        if elsewhere is not None:
            paths[_number(self.takes, elsewhere)] = elsewhere
        for path, take in zip(paths, self.takes, strict=True):
            self._check(path, take.sha256, "put it back there, or give it with --video")
        return paths

    def _check(self, path: Path, sha256: str, hint: str) -> None:
        """Refuses a file that is not the learnt one."""
        expected = f"{self.run}: expected the video this run learnt at {path}"
        try:
            same = find_source(path).digest() == sha256
        except OSError as error:
            raise UserError(f"{expected}; got {error.strerror}", hint) from None
        except UserError as error:  # a folder of something else, or songs that are not whole any more
            raise UserError(f"{expected}; got {error.message}", hint) from None
        if not same:
            got = "its pictures or sounds are others" if path.is_dir() else "the file there is another one"
            raise UserError(f"{expected}; {got}", hint)


def _number(takes: Sequence[LearntTake], video: Path) -> int:
    """Returns the number of the take that a file is.

    Raises:
        UserError: none of them.
    """
    with suppress(OSError, ValueError):
        return [take.sha256 for take in takes].index(file_hash(video))
    names = ", ".join(Path(take.video).name for take in takes)
    raise UserError(f"{video}: expected one of the takes that this run learnt, {names}")


def _takes(environment: Mapping[str, Any]) -> tuple[LearntTake, ...]:
    try:
        entries = environment.get("takes", [])
        return tuple(LearntTake(str(entry["video"]), str(entry["sha256"])) for entry in entries)
    except (TypeError, KeyError) as error:
        raise ValueError("no takes") from error


def _is_path(value: object) -> bool:
    with suppress(ValueError):  # a path that the system cannot represent
        return value is None or (isinstance(value, str) and b"\0" not in os.fsencode(value))
    return False
