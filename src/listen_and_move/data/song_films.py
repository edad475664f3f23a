"""Films of songs: each stretch of a Sub-URMP folder as one take, for what needs files with picture and sound.

The pictures are copied as they are, and the sound is the one that is heard from picture to picture.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from listen_and_move.data.clip import Clip
from listen_and_move.data.suburmp import FPS, Songs, Stretch
from listen_and_move.data.take import Take
from listen_and_move.media.picture_series import write_series
from listen_and_move.media.soundtrack import Waveform


def stretch_name(stretch: Stretch) -> str:
    """Returns the name of a stretch: that of its first picture, and of its split."""
    first = stretch[0].picture
    return f"{first.parent.parent.name}/{first.stem}"


def write_film(stretch: Stretch, span: range, clip: Clip, folder: Path, *, with_sound: bool = True) -> Take:
    """Writes the film of a stretch, and returns it as a take.

    Args:
        stretch: of songs.
        span: its frames in the clip.
        clip: the decoded songs.
        folder: where the film goes.
        with_sound: whether it has the sound of the stretch.
    """
    film = folder / stretch_name(stretch)
    film.parent.mkdir(parents=True, exist_ok=True)
    sound = clip.sound(span) if with_sound and clip.sound is not None else None
    assert sound is None or isinstance(sound, Waveform), "songs are files of their own"
    write_series(film, [pair.picture for pair in stretch], Fraction(FPS), sound)
    return Take(film, clip.box, Fraction(span.start, FPS), span)


@contextmanager
def trained_takes(path: Path, clip: Clip) -> Iterator[Sequence[Take]]:
    """Yields the takes of a clip to train on: its files, or films of its songs that are gone afterwards.

    Args:
        path: that the clip was decoded from.
        clip: the decoded clip.
    """
    if not clip.stretches:
        yield clip.takes
        return
    songs = Songs.find(path)
    with TemporaryDirectory(prefix="listen-and-move-") as folder:
        yield [
            write_film(stretch, span, clip, Path(folder), with_sound=False)
            for stretch, span in zip(songs.stretches, clip.stretches, strict=False)
        ]
