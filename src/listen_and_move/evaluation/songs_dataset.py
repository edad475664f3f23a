"""Dataset of an evaluation of a run that learnt songs: all are learnt, a stretch of one is measured."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.song_films import stretch_name, write_film
from listen_and_move.data.suburmp import TRAIN as TRAINING_SPLIT
from listen_and_move.data.suburmp import Songs, Stretch, is_song_picture
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import (
    HELD_OUT,
    LEAST_FRAMES,
    TRAINING,
    Dataset,
    FrameSpan,
    Origin,
    Video,
    Watch,
)
from listen_and_move.learnt_films import LearntFilms
from listen_and_move.runs import RunFolder

MOST_NAMED = 6
"""Most stretches that are named of those that are not measured."""


class FoundSongs(NamedTuple):
    """Songs that a run learnt, where they are now."""

    path: Path
    songs: Songs
    asked: int | None
    """Number of the stretch that is to be measured; None: none was asked for."""

    def measured(self, parts: Sequence[range]) -> int:
        """Returns the number of the stretch that is asked for, or else of the one with the longest part."""
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        return longest if self.asked is None else self.asked


def find_songs(folder: RunFolder, video: Path | None) -> FoundSongs:
    """Returns the songs that a run learnt.

    Args:
        folder: the run.
        video: where the songs are now, or a picture of the stretch that is asked for; None: where they were.

    Raises:
        UserError: the songs are gone, or the picture is of none of them.
    """
    picture = None if video is None or video.is_dir() else video
    path = folder.films.video(video if picture is None else _folder(picture, folder.films))
    songs = Songs.find(path)
    return FoundSongs(path, songs, None if picture is None else _place(picture, songs.all, folder))


def open_songs(folder: RunFolder, video: Path | None, training: bool, shelf: Shelf, watch: Watch) -> Dataset:
    """Returns the dataset of a run that learnt songs.

    The measured video is one stretch alone: nothing that is heard in it comes from another one.

    Args:
        folder: the run.
        video: where the songs are now, or a picture of the stretch that is measured; None: of all stretches
            the one of which most is held out (or trained) is measured.
        training: measure on the training part.
        shelf: takes the frames, and the film of the stretch.
        watch: told the progress.

    Raises:
        UserError: the songs are gone, the picture is of none of them, or nothing is held out.
    """
    found, config = find_songs(folder, video), folder.config()
    kind, stretches = TRAINING if training else HELD_OUT, found.songs.all
    clip = found.songs.load(config, lambda done, total: watch("decoding", done, total))
    parts = [longest_part(span, clip.train, training) for span in clip.stretches]
    place = found.measured(parts)
    stretch, span, part = stretches[place], clip.stretches[place], parts[place]
    name = stretch_name(stretch)
    check_long_enough(folder, part, stretch, training)
    store, own = (shelf.store(config.clip.width, config.clip.height) for _ in range(2))
    store.append(clip.frames.numpy())
    own.append(clip.frames[span.start : span.stop].numpy())
    origin = Origin(name, found.path, folder.films.video_hash)
    film = write_film(stretch, span, clip, shelf.folder)
    learnt = Video(found.path, Fraction(0), config.clip.rate, store, clip.features, None, origin)
    heard = clip.features[span.start : span.stop]
    measured = Video(film.path, Fraction(0), config.clip.rate, own, heard, None, origin)
    others = [
        stretch_name(each)
        for number, each in enumerate(stretches)
        if number != place and len(parts[number]) >= LEAST_FRAMES
    ]
    return Dataset(
        learnt,
        clip.train,
        measured,
        range(part.start - span.start, part.stop - span.start),
        kind,
        FrameSpan(store, clip.held_out[0] if training else part),
        _left_out(kind, others),
        "" if found.asked is None else f"{kind} of {name.replace('/', '-')}",
    )


def check_long_enough(folder: RunFolder, part: range, stretch: Stretch, training: bool) -> None:
    """Refuses a part of a stretch that is too short to measure.

    Raises:
        UserError: it is.
    """
    if len(part) < LEAST_FRAMES:
        raise UserError(
            f"{folder.path}: expected a {TRAINING if training else HELD_OUT} of at least {LEAST_FRAMES} "
            f"frames within one song; got {len(part)} in {stretch_name(stretch)}",
            "give a picture of another song with --video"
            if training
            else "train with songs in img/validation or with --holdout, give a picture of another song with "
            "--video, or evaluate what was trained with --training",
        )


def longest_part(span: range, train: Sequence[range], training: bool) -> range:
    """Returns the longest part of a stretch that was trained, or that was not.

    Args:
        span: frames of the stretch.
        train: trained parts of the clip, in order.
        training: whether the trained part is wanted.
    """
    learnt = [each for each in train if each.start in span]
    if training:
        return max(learnt, key=len, default=range(0))
    begins, ends = (
        [span.start, *(each.stop for each in learnt)],
        [*(each.start for each in learnt), span.stop],
    )
    return max((range(*edges) for edges in zip(begins, ends, strict=True)), key=len)


def _place(picture: Path, stretches: Sequence[Stretch], folder: RunFolder) -> int:
    """Returns the number of the stretch that holds a picture.

    Raises:
        UserError: none of them does.
    """
    for place, stretch in enumerate(stretches):
        if any(pair.picture.resolve() == picture.resolve() for pair in stretch):
            return place
    raise UserError(
        f"{picture}: expected the folder of songs that {folder.path} learnt, or a picture in it; "
        + ("got another file" if picture.exists() else "it does not exist")
    )


def _folder(picture: Path, films: LearntFilms) -> Path | None:
    """Returns where the songs of a picture are now; None: where they were learnt, or that cannot be told."""
    learnt = Path(str(films.place))
    if learnt.is_dir() or not is_song_picture(picture):
        return None
    split = learnt.parent.name if learnt.parent.parent.name == "img" else TRAINING_SPLIT
    return picture.absolute().parents[2] / split / picture.parent.name


def _left_out(kind: str, others: Sequence[str]) -> tuple[str, ...]:
    """Returns which stretches are not measured, in words."""
    if not others:
        return ()
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    names = ", ".join(others[:MOST_NAMED])
    return (f"{kind} of the other songs ({names}{more}): --video with a picture of one measures it",)
