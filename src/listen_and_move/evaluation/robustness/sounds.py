"""Unpaired sounds that a model is played with: files of a folder, a part of each, and their classes.

All that is random depends on the seed and the name of the file alone, so that the same sounds come again in
the same parts when a run of them is interrupted, repeated or made longer.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from hashlib import sha256
from math import floor
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

import numpy as np

from listen_and_move.clock import parse_number
from listen_and_move.errors import UserError, shown
from listen_and_move.media.files import probe
from listen_and_move.media.sound import sound_samples

UNKNOWN = "without a class"
FILE_COLUMNS = ("fname", "filename", "file_name", "file", "name", "path")
CLASS_COLUMNS = ("category", "class", "class_name", "label", "labels")
"""Titles of the columns of a table of classes, in any case: those of FSD50K (fname, labels), ESC-50
(filename, category), ..."""


class Candidate(NamedTuple):
    """A file that may hold sound."""

    name: str
    """Its place in the folder, parts joined by /."""
    path: Path


class Lengths(NamedTuple):
    """Range of the lengths of the parts, in seconds."""

    shortest: Fraction
    longest: Fraction

    @property
    def text(self) -> str:
        """The range in words: the same for all ways of writing it."""
        return "-".join(f"{float(each):g}" for each in dict.fromkeys(self))


def lengths(text: str) -> Lengths:
    """Returns the range that a text stands for: seconds, such as 3, or a range of them, such as 1-5 or 0.5-2.

    Raises:
        UserError: neither, or not above 0.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:-\s*(\d+(?:\.\d+)?)\s*)?", text)
    shortest, longest = (
        (parse_number(found[1]), parse_number(found[2] or found[1])) if found else (None, None)
    )
    if shortest is None or longest is None or not 0 < shortest <= longest:
        raise UserError(
            f"seconds: expected a length above 0 or a range of them, such as 3 or 1-5; got {shown(text)}"
        )
    return Lengths(shortest, longest)


def candidates(folder: Path, seed: int) -> list[Candidate]:
    """Returns all files below a folder, hidden ones left out, in random order.

    Args:
        folder: with sounds at any depth.
        seed: of the order.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder with sounds; there is none: check the name")
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if not any(name.startswith(".") for name in inside.parts) and path.is_file():
            name = os.fsencode(inside.as_posix()).decode("utf-8", "replace")
            found.append(Candidate(name, path))
    return sorted(found, key=lambda each: (_digest("order", seed, each.name), each.name))


def holds_sound(path: Path) -> bool:
    """Returns whether there is sound in a file.

    What is plainly something else (a text, a picture) just holds none.

    Raises:
        UserError: it should be a sound or a video, by its name, and cannot be read.
    """
    try:
        return bool(probe(path).sounds)
    except MemoryError:
        raise
    except UserError:
        if (guess_type(path.name)[0] or "audio/").startswith(("audio/", "video/")):
            raise
        return False


def excerpt(sound: Candidate, spread: Lengths, seed: int) -> tuple[Fraction, Fraction]:
    """Returns start and length of the part of a sound that is taken, in seconds, to the millisecond.

    Args:
        sound: all of it is taken if it is too short.
        spread: range of the lengths.
        seed: of start and length.

    Raises:
        UserError: the sound cannot be read to its end.
    """
    samples, rate = sound_samples(sound.path, start=0)
    whole = Fraction(samples, rate)
    shares = np.random.default_rng(list(_digest("part", seed, sound.name))).random(2).tolist()
    length = _milliseconds(spread.shortest + Fraction(shares[0]) * (spread.longest - spread.shortest))
    if length >= whole:
        return Fraction(0), whole
    return _milliseconds(Fraction(shares[1]) * (whole - length)), length


def _milliseconds(seconds: Fraction) -> Fraction:
    return Fraction(floor(seconds * 1000), 1000)


def _digest(purpose: str, seed: int, name: str) -> bytes:
    return sha256(f"{purpose}/{seed}/{name}".encode()).digest()


class Classes(NamedTuple):
    """Class of each of some sounds."""

    source: str
    """What they are taken from, in words."""
    of: Mapping[str, str]
    """By the name of the sound."""


Table = Mapping[str, str]
"""Class by file name, with and without its ending."""


def classified(names: Iterable[str], table: tuple[str, Table] | None) -> Classes:
    """Returns the class of each of some sounds.

    By a table, else by their folders, else by their own names.

    Args:
        names: of the sounds, as `Candidate.name`.
        table: its name and its content; None: there is none.
    """
    files = {name: Path(name) for name in names}
    if table is not None:
        source, known = table
        return Classes(
            source,
            {name: known.get(file.name) or known.get(file.stem) or UNKNOWN for name, file in files.items()},
        )
    if len({file.parent for file in files.values()}) > 1:
        return Classes(
            "names of folders", {name: file.parent.name or UNKNOWN for name, file in files.items()}
        )
    return Classes("names of files", by_file_name(files))


def class_table(folder: Path, given: Path | None, sounds: Iterable[Candidate]) -> tuple[str, Table] | None:
    """Returns the table of classes with its name; None where there is none.

    Args:
        folder: with the sounds; the only table in it is taken if its columns fit.
        given: a table that is taken instead.
        sounds: of which the given table must name one.

    Raises:
        UserError: the given table cannot be read, its columns do not fit, or it names none of the sounds.
    """
    if given is None:
        found = [path for path in folder.glob("*.csv") if not path.name.startswith(".")]
        table = _table(found[0]) if len(found) == 1 else None
        return None if table is None else (found[0].name, table)
    table = _table(given)
    if table is None:
        titles = f"a column {', '.join(FILE_COLUMNS)} and one {', '.join(CLASS_COLUMNS)}"
        raise UserError(
            f"{given}: expected a table (CSV) with {titles}; they are not there: give such titles to its "
            "columns"
        )
    if not any(each.path.name in table or each.path.stem in table for each in sounds):
        raise UserError(
            f"{given}: expected the names of files below {folder}; it has none of them: take their own table"
        )
    return given.name, table


def _table(path: Path) -> Table | None:
    """Classes in a file, of several of one sound the first; None where the columns do not fit."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UserError(
            f"{path}: expected a table (CSV, UTF-8) of file names and classes; it cannot be read: mend it, "
            "or take another"
        ) from None
    titles = [title.strip().lower() for title in (rows[0] if rows else [])]
    places = [
        next((titles.index(name) for name in names if name in titles), None)
        for names in (FILE_COLUMNS, CLASS_COLUMNS)
    ]
    table: dict[str, str] = {}
    for row in rows[1:]:
        file, label = (
            row[place].strip() if place is not None and place < len(row) else "" for place in places
        )
        label = re.split("[,;]", label)[0].strip().replace("_", " ")
        table |= {key: label for key in (Path(file).stem, Path(file).name) if label}
    return None if None in places else table


def by_file_name(names: Iterable[str]) -> dict[str, str]:
    """Returns classes from the words of file names: esc10_dog_bark_1-100032-A.ogg is a dog bark.

    Words with digits say nothing. A class of one file falls back to its first word.
    """
    words = {name: _words(Path(name).stem) for name in names}
    members = Counter(map(tuple, words.values()))
    return {
        name: " ".join(each if members[tuple(each)] > 1 else each[:1]) or UNKNOWN
        for name, each in words.items()
    }


def _words(stem: str) -> list[str]:
    """Words of a file name without those with digits; else its runs of letters."""
    words = [word for word in re.split(r"[_\s]+", stem.lower()) if word and not re.search(r"\d", word)]
    return words or re.findall(r"[^\W\d_]+", stem.lower())
