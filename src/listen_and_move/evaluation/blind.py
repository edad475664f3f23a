"""A page on which people say which of two pictures they like better, without knowing what they are.

The page holds short clips of the held-out part, as a path, as drawn, as a replay by sound alone and as it was
filmed, all with the same sound. Which is which is not in the page but in a key beside the run.
"""

import hashlib
import json
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, permutations
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from listen_and_move.errors import UserError
from listen_and_move.evaluation.blind_page import MAKER, blind_page
from listen_and_move.evaluation.dataset import Watch
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.film_part import FilmPart
from listen_and_move.evaluation.json_records import write_json
from listen_and_move.evaluation.report.page import made_by
from listen_and_move.evaluation.shown_rows import (
    COMPOSED,
    DRAWN,
    REPLAY,
    SHOWN_PATH,
    ShownRow,
    film_rows,
    played_rows,
)
from listen_and_move.evaluation.votes import (
    LONGEST_ID,
    BlindKey,
    BlindPair,
    Preference,
    counted,
    page_of,
    preference_lines,
    read_key,
    read_votes,
)
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.resizing import Resizer
from listen_and_move.media.video import VideoWriter
from listen_and_move.runs import RunFolder, write_text

KINDS = {SHOWN_PATH: "path", COMPOSED: "composed", DRAWN: "drawn", REPLAY: "replay"}
"""Rows that are played, by their names in votes."""
REAL_KIND = "real"
CLIP_SECONDS, MOST_CLIPS = Fraction(4), 4
"""Longest clip, and how many there are: a page of a few minutes."""
LONGEST_SIDE = 640
"""Pixels: clips lie in the page, two beside each other."""


@dataclass(frozen=True)
class BlindPage:
    """A blind page that was written, and its key."""

    file: Path
    pairs: int
    kinds: Sequence[str]

    def lines(self) -> list[str]:
        """Returns instructions for the page, for a terminal."""
        return [
            f"{self.pairs} pairs of {', '.join(self.kinds)}",
            f"page: {self.file}",
            "open it, choose with keys 1, 2 and 0, save the votes, and count them with --votes",
        ]


@dataclass(frozen=True)
class BlindCount:
    """The result of counted votes."""

    votes: int
    preferences: Sequence[Preference]

    def lines(self) -> list[str]:
        """Returns the counts, for a person."""
        return [f"{self.votes} votes", *preference_lines(self.preferences)]


def make_blind_page(
    run: Path | str,
    out: Path | str | None = None,
    *,
    video: Path | str | None = None,
    seed: int = 0,
    overwrite: bool = False,
    device: str = "auto",
    watch: Watch = lambda doing, done, total: None,
) -> BlindPage:
    """Makes the page of a run, and keeps its key in the run folder.

    Args:
        run: the run folder.
        out: the page; None: in the run folder.
        video: where the run's video, one of its takes or its songs are now, if not where they were; of songs
            also a picture of the one song that is shown.
        seed: of the order of the pairs, and of the noise, where the model has any.
        overwrite: replace a file that is no such page.
        device: auto, cpu, cuda or mps.
        watch: told what is being done.

    Raises:
        UserError: no run, its video is gone, nothing is held out, or a file in the place of the page.
    """
    folder = RunFolder(Path(run))
    file = folder.blind_folder / "blind.html" if out is None else Path(out)
    if file.exists() and not (overwrite or (file.is_file() and made_by(file, MAKER))):
        raise UserError(
            f"{file}: expected a new name or an older blind page; another file is there",
            "choose another --out, or --overwrite",
        )
    animator = Animator.load(folder.path, device)
    place = None if video is None else Path(video)
    with tempfile.TemporaryDirectory(prefix="listen-and-move-") as scratch:
        film = Film.of_run(folder, Path(scratch), place, lambda done, total: watch("decoding", done, total))
        kept, size = animator.model.kept, film.size
        rows = played_rows(folder.path, kept, video=film.moved(place), size=size, seed=seed, device=device)
        named = {KINDS[row.name]: row for row in rows if row.name in KINDS} | {
            REAL_KIND: film_rows(film, seed)[0]
        }
        parts = parts_of(film)
        clips = {
            kind: [file for part in parts for file in _clips(row, part, watch)] for kind, row in named.items()
        }
    shuffled = _shuffled(_pairs([*clips], len(clips[REAL_KIND])), seed)
    page = _page_id(clips, shuffled)
    folder.blind_folder.mkdir(parents=True, exist_ok=True)
    key = BlindKey(page, tuple(BlindPair(pair.first, pair.second) for pair in shuffled))
    write_json(_key_file(folder, page), key)
    write_text(file, _html(page, clips, shuffled, seed))
    return BlindPage(file, len(shuffled), [*clips])


def count_votes(run: Path | str, files: Sequence[Path | str]) -> BlindCount:
    """Counts the votes on a page of a run.

    Args:
        run: the run folder whose page it was.
        files: as the page saves them, all of one page.

    Raises:
        UserError: a file holds no votes, or votes on another page.
    """
    paths = [Path(file) for file in files]
    pages = {page_of(file): file for file in paths}
    if len(pages) > 1:
        raise UserError(
            f"{next(reversed(pages.values()))}: expected votes on one page; these are on several: count them "
            "one by one"
        )
    key = read_key(_key_file(RunFolder(Path(run)), next(iter(pages))))
    votes = [vote for file in paths for vote in read_votes(file, len(key.pairs))]
    return BlindCount(len(votes), counted(key, votes))


class _ShownPair(NamedTuple):
    """Two kinds beside each other."""

    first: str
    second: str
    clip: int


def _pairs(kinds: Sequence[str], clips: int) -> list[_ShownPair]:
    """Returns all pairs, each both ways round, so that a liking for one side decides nothing."""
    return [_ShownPair(*pair, clip) for clip in range(clips) for pair in permutations(kinds, 2)]


def _shuffled(pairs: list[_ShownPair], seed: int) -> list[_ShownPair]:
    return [pairs[place] for place in np.random.default_rng(seed).permutation(len(pairs)).tolist()]


def parts_of(film: Film) -> list[FilmPart]:
    """Returns the held-out parts, so long that they are not more than `MOST_CLIPS` clips in all."""
    longest = sorted(film.held_out, key=lambda part: len(part.span), reverse=True)[:MOST_CLIPS]
    return [part.first(CLIP_SECONDS * (MOST_CLIPS // len(longest))) for part in longest]


def _clips(row: ShownRow, part: FilmPart, watch: Watch) -> list[bytes]:
    """Returns a row of a part as small video files with the sound of each."""
    seconds = part.end - part.begin
    count = ceil(seconds / CLIP_SECONDS)
    length = seconds / count
    frames, found = row.frames(part), []
    width, height = _smaller(part.size)
    resizer = Resizer((width, height))
    with closing(frames), tempfile.TemporaryDirectory(prefix="listen-and-move-") as folder:
        for place in range(count):
            watch(f"clips, {row.name}", place, count)
            file, sound = Path(folder) / f"{place}.mp4", part.sound_track(place * length, length)
            total = ceil((place + 1) * length * row.rate) - ceil(place * length * row.rate)
            with VideoWriter(file, width=width, height=height, fps=row.rate, sound=sound) as writer:
                for frame in islice(frames, total):
                    writer.write(resizer.resized(frame.picture))
            found.append(file.read_bytes())
    return found


def _smaller(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(size))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in size)
    return width, height


def _page_id(clips: Mapping[str, Sequence[bytes]], pairs: Sequence[_ShownPair]) -> str:
    """Returns a name for a page by all that it shows."""
    digest = hashlib.sha256(json.dumps(pairs).encode())
    for files in clips.values():
        for data in files:
            digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:LONGEST_ID]


def _key_file(folder: RunFolder, page: str) -> Path:
    return folder.blind_folder / f"{page}.json"


def _html(page: str, clips: Mapping[str, Sequence[bytes]], pairs: Sequence[_ShownPair], seed: int) -> str:
    """Returns the page, its clips in an order that tells nothing."""
    named = [(kind, clip) for kind, files in clips.items() for clip in range(len(files))]
    order = np.random.default_rng(seed + 1).permutation(len(named)).tolist()
    places = {named[which]: place for place, which in enumerate(order)}
    files = [clips[named[which][0]][named[which][1]] for which in order]
    shown = [(places[pair.first, pair.clip], places[pair.second, pair.clip]) for pair in pairs]
    return blind_page(page, [b64encode(data).decode() for data in files], shown)
