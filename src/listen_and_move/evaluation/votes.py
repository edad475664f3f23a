"""Votes of a blind page: read from files that anybody may have written, and counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from listen_and_move.errors import SettingError, UserError, shown
from listen_and_move.evaluation.json_records import from_json
from listen_and_move.json_text import bounded, parsed

VOTES_FORMAT = 1
LARGEST_FILE = 1 << 20
"""Bytes of a file of votes or of a key."""
LONGEST_ID = 16
TIE, FIRST, SECOND = 0, 1, 2
"""What can be chosen of a pair."""
NORMAL_95 = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


class BlindPair(NamedTuple):
    """The two kinds of picture that a pair of the page shows."""

    first: str
    second: str


class BlindKey(NamedTuple):
    """Which kinds a page shows, pair by pair; lies beside the run, not in the page."""

    page: str
    pairs: tuple[BlindPair, ...]


class Vote(NamedTuple):
    """The choice of a person for one pair of the page."""

    pair: int
    choice: int


@dataclass(frozen=True)
class Preference:
    """How two kinds of pictures did against each other."""

    kind: str
    other: str
    wins: int
    losses: int
    ties: int

    @property
    def share(self) -> float | None:
        """Share of the decided votes for the first kind; None where no vote is decided."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else None

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 % around the share, after Wilson."""
        return wilson_interval(self.wins, self.wins + self.losses)


def wilson_interval(wins: int, count: int) -> tuple[float, float]:
    """Returns the bounds in which a share lies in 95 of 100 cases (Wilson 1927); 0 and 1 without a vote.

    Args:
        wins: of the votes.
        count: of all votes.
    """
    if count == 0:
        return 0.0, 1.0
    share, extra = wins / count, NORMAL_95**2 / count
    middle = (share + extra / 2) / (1 + extra)
    reach = NORMAL_95 * sqrt(share * (1 - share) / count + extra / (4 * count)) / (1 + extra)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def page_of(file: Path) -> str:
    """Returns the id of the page that a file of votes belongs to.

    Raises:
        UserError: the file holds no votes.
    """
    return _votes_file(file).page


def read_votes(file: Path, pairs: int) -> list[Vote]:
    """Returns the votes in a file.

    Args:
        file: as the page saves it.
        pairs: that the page shows.

    Raises:
        UserError: the file holds no votes, or some that the page does not ask for.
    """
    found: dict[int, Vote] = {}
    for each in _votes_file(file).votes:
        match each:
            case {"pair": pair, "choice": choice} if type(pair) is int and type(choice) is int:
                vote = Vote(pair, choice)
            case _:
                raise _refused(file, shown(each))
        if not 0 <= vote.pair < pairs or vote.choice not in (TIE, FIRST, SECOND):
            raise _refused(file, f"choice {shown(vote.choice)} of pair {shown(vote.pair)}")
        if vote.pair in found:
            raise _refused(file, f"two votes on pair {vote.pair}")
        found[vote.pair] = vote
    return list(found.values())


def read_key(file: Path) -> BlindKey:
    """Returns the key of a page.

    Raises:
        UserError: the key is missing or damaged.
    """
    try:
        return from_json(BlindKey, parsed(bounded(file, LARGEST_FILE)))
    except (OSError, ValueError, TypeError):
        raise UserError(
            f"{file}: expected the key of the page that was voted on; it is missing or damaged",
            "name the run whose page it was",
        ) from None


def counted(key: BlindKey, votes: Iterable[Vote]) -> list[Preference]:
    """Returns how each two kinds of a page did against each other, in the order in which they are named.

    Args:
        key: of the page.
        votes: by anybody.
    """
    kinds = sorted({kind for pair in key.pairs for kind in pair})
    sums = {(kind, other): [0, 0, 0] for place, kind in enumerate(kinds) for other in kinds[place + 1 :]}
    for vote in votes:
        pair = key.pairs[vote.pair]
        swapped = pair.first > pair.second
        named = (pair.second, pair.first) if swapped else (pair.first, pair.second)
        place = 2 if vote.choice == TIE else int((vote.choice == SECOND) != swapped)
        sums[named][place] += 1
    return [Preference(*named, *count) for named, count in sums.items()]


def preference_lines(found: Sequence[Preference]) -> list[str]:
    """Returns the counts as a table, for a person."""
    names = [f"{each.kind} or {each.other}" for each in found]
    width = max(map(len, names), default=0)
    head = f"  {'':{width}}{'first':>7}{'second':>8}{'no diff.':>10}{'first, share':>14}  95 % of it"
    return [head, *(f"  {name:{width}}{_cells(each)}" for name, each in zip(names, found, strict=True))]


def _cells(found: Preference) -> str:
    share = "-" if found.share is None else f"{100 * found.share:.0f} %"
    low, high = (100 * bound for bound in found.interval)
    counts = f"{found.wins:>7}{found.losses:>8}{found.ties:>10}"
    return f"{counts}{share:>14}  {low:.0f} to {high:.0f} %"


class _VotesFile(NamedTuple):
    """A file of votes, whose votes are not checked yet."""

    page: str
    votes: list[object]


def _votes_file(file: Path) -> _VotesFile:
    try:
        found = parsed(bounded(file, LARGEST_FILE), "votes")
    except OSError as error:
        raise UserError(f"{file}: expected a file of votes; got {error.strerror}: check the name") from None
    except (SettingError, ValueError):
        raise _refused(file, "something else") from None
    match found:
        case {"format": version, "page": str(page), "votes": list(votes)}:
            if type(version) is not int or version != VOTES_FORMAT:
                raise _refused(file, f"format {shown(version)}")
            if len(page) != LONGEST_ID or not all(each in "0123456789abcdef" for each in page):
                raise _refused(file, f"page {shown(page)}")
            return _VotesFile(page, votes)
        case _:
            raise _refused(file, "something else")


def _refused(file: Path, what: str) -> UserError:
    return UserError(
        f"{file}: expected votes as a blind page saves them; got {what}", "save them again from the page"
    )
