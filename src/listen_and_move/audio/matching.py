"""Matching: a foreign sound is changed to have the statistics of a clip's training sound.

Each number of a chunk gets the mean and the spread over time that it has in the training sound: what differs
from moment to moment in a foreign sound then differs as it does in the clip. Silence stays silence, since
only audible chunks are moved. A sound like the training sound stays as it is, since the strength of the
change follows from the novelty of the sound.

Where sounds are compared with each other, as along a path that the sound itself leads, every sound is moved,
also the clip's own: the same mean and spread undo another microphone, an equaliser and steady noise (cepstral
mean and variance normalisation, Viikki and Laurila 1998), which change both slowly. A network has learnt to
hear through them.

Letters: T frames.
"""

from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import HEARD_DB, FeatureExtractor, Matching
from listen_and_move.audio.novelty import Repertoire, novelty
from listen_and_move.errors import UserError, shown

Adapt = Literal["auto"] | float
"""Strength of the matching: 0 unchanged, 1 all the way; auto: the larger, the newer the sound."""
TILT = 12.0
"""Largest tilt of another microphone in dB, by which the top of the clip's sound becomes louder or softer
than its bottom."""
OWN, FOREIGN = 1.75, 2.5
"""Limits of "auto": novelty up to which it is 0, and from which on it is 1.

The novelty is a mean, in units of that of the clip's own sound through other microphones. Of five clips their
own sound has 0.2 to 0.5 (as it is) and up to 1.8 (in rooms, and in noise of 10 dB but for two); music, speech
and noises on them mostly 2 to 6."""
LEAST_TILTED = 0.63
"""Least novelty that other microphones are taken to make, so that a novelty of 1, which training sounds have
to each other, never counts as foreign."""
LEAST_SECONDS = 0.5
"""Seconds of audible sound without which no sound is matched."""
FADE_SECONDS = 5.0
"""Seconds of audible sound in live play until the matching has its full strength."""
REMEMBERED_SECONDS = 30.0
"""Seconds of audible sound in live play over which mean and spread are taken, about."""
COMPARED_SECONDS = 2.0
"""Seconds of audible sound after which it is matched half-way where sounds are compared."""
MOST_SPREAD = 2.0
"""Largest factor by which a spread is divided or multiplied."""
SOFT = 0.1  # added to spreads, so that nearly constant numbers are not blown up


class ChunkMoments(NamedTuple):
    """Moments of the audible chunks of a sound so far."""

    frames: float
    """Number of audible frames."""
    total: Float[Tensor, " chunk"]
    """Sum of the frames' chunks."""
    squares: Float[Tensor, " chunk"]
    """Sum of the squares of the frames' chunks."""
    novelty: float
    """Sum of the frames' novelty."""

    @property
    def mean(self) -> Float[Tensor, " chunk"]:
        """Mean of each number of a chunk."""
        return self.total / self.frames

    @property
    def spread(self) -> Float[Tensor, " chunk"]:
        """Standard deviation of each number of a chunk."""
        return (self.squares / self.frames - self.mean.square()).clamp(min=0).sqrt()


@dataclass(frozen=True)
class Matcher:
    """Matches sounds to the training sound of a clip."""

    extractor: FeatureExtractor
    """Extractor that standardises chunks."""
    repertoire: Repertoire
    """Chunks of the training sound."""

    @classmethod
    def of(cls, extractor: FeatureExtractor, repertoire: Repertoire | None) -> "Matcher | None":
        """Returns the matcher of a model.

        It is None where the model's features hold no levels, or its training sound is not known.
        """
        if repertoire is None or not extractor.tells_levels:
            return None
        matcher = cls(extractor, repertoire)
        return matcher if matcher.home.frames >= 2 else None

    def heard(
        self,
        chunks: Float[Tensor, "T chunk"],
        news: Float[Tensor, " T"],
        moments: ChunkMoments | None = None,
    ) -> ChunkMoments:
        """Returns the moments after some more frames.

        Args:
            chunks: the frames' own ones, raw.
            news: novelty of the frames.
            moments: what was heard before.
        """
        return self._after(self.extractor.standardised(chunks), chunks, news, moments)

    def heard_live(self, chunk: Float[Tensor, "1 chunk"], moments: ChunkMoments | None) -> ChunkMoments:
        """Returns the moments after one more frame of live sound, where the past fades."""
        news = novelty(self.extractor.standardised(chunk), self.repertoire)
        found, most = self.heard(chunk, news, moments), REMEMBERED_SECONDS * float(self.extractor.fps)
        if found.frames <= most:
            return found
        share = most / found.frames
        return ChunkMoments(most, found.total * share, found.squares * share, found.novelty * share)

    def matching(self, moments: ChunkMoments | None, adapt: Adapt, fade: float = 1.0) -> Matching | None:
        """Returns the matching of a sound; None where it is not changed.

        Args:
            moments: what has been heard of it; None: nothing yet.
            adapt: how far it is moved.
            fade: times so much.
        """
        if moments is None or moments.frames < LEAST_SECONDS * self.extractor.fps:
            return None
        wanted = self.foreign(moments.novelty / moments.frames) if adapt == "auto" else adapt
        return self._moving(moments, fade * wanted) if fade * wanted else None

    def comparing(self, moments: ChunkMoments | None) -> Matching | None:
        """Returns the matching of a sound that is compared with the training sound; None: no change.

        Its strength grows with the length of the sound, and is at least that of `matching`.

        Args:
            moments: of the sound so far; None: no sound yet.
        """
        if moments is None or moments.frames < LEAST_SECONDS * self.extractor.fps:
            return None
        known = moments.frames / (moments.frames + COMPARED_SECONDS * float(self.extractor.fps))
        return self._moving(moments, max(known, self.foreign(moments.novelty / moments.frames)))

    def _moving(self, moments: ChunkMoments, strength: float) -> Matching:
        """Returns the matching of a strength."""
        ratio = (self.home.spread + SOFT) / (moments.spread + SOFT)
        ratio = ratio.clamp(1 / MOST_SPREAD, MOST_SPREAD)
        factor, shift = 1 + strength * (ratio - 1), strength * (self.home.mean - ratio * moments.mean)
        matching = Matching(factor.float(), shift.float(), strength)
        if (flux := self.extractor.config.flux) is None:
            return matching
        mean, spread = factor * moments.mean + shift, factor * (moments.spread + SOFT)
        return matching._replace(flux_mean=float(mean[flux]), flux_spread=float(spread[flux]))

    def foreign(self, new: float) -> float:
        """Returns how foreign a sound is, 0 to 1.

        Args:
            new: mean novelty of what is heard of it.
        """
        return min(1.0, max(0.0, (new / self.tilted_novelty - OWN) / (FOREIGN - OWN)))

    def live_matching(self, moments: ChunkMoments | None, adapt: Adapt) -> Matching | None:
        """Returns the matching of a sound whose future is not known.

        Its strength grows as more is heard.
        """
        known = 0.0 if moments is None else moments.frames / (FADE_SECONDS * float(self.extractor.fps))
        return self.matching(moments, adapt, min(1.0, known))

    @cached_property
    def home(self) -> ChunkMoments:
        """Moments of the training sound."""
        chunks = self.repertoire.chunks[1:]  # the first one is silence
        return self._after(chunks, self._raw, torch.zeros(len(chunks)), None)

    @cached_property
    def tilted_novelty(self) -> float:
        """Mean novelty of the training sound made brighter and duller."""
        extractor = self.extractor
        heard = self._raw[extractor.loudest(self._raw) >= HEARD_DB]
        tilted = torch.cat([extractor.tilted(heard, tilt) for tilt in (TILT, -TILT)])
        return max(float(novelty(extractor.standardised(tilted), self.repertoire).mean()), LEAST_TILTED)

    @cached_property
    def _raw(self) -> Float[Tensor, "kept chunk"]:
        """Chunks of the training sound before they were standardised; clamped numbers stay clamped."""
        return self.extractor.raw(self.repertoire.chunks[1:])

    def _after(
        self, standardised: Tensor, chunks: Tensor, news: Tensor, moments: ChunkMoments | None
    ) -> ChunkMoments:
        """Returns the moments after some more chunks."""
        telling = self.extractor.loudest(chunks) >= HEARD_DB
        loud = standardised[telling]
        zeros = torch.zeros(standardised.shape[1], dtype=torch.float64)
        before = moments or ChunkMoments(0.0, zeros, zeros, 0.0)
        return ChunkMoments(
            before.frames + len(loud),
            before.total + loud.double().sum(0),
            before.squares + loud.double().square().sum(0),
            before.novelty + float(news[telling].sum()),
        )


def parse_adapt(text: str) -> Adapt:
    """Returns the strength of the matching from a user's text.

    Raises:
        UserError: it is neither auto nor a number from 0 to 1.
    """
    try:
        return checked_adapt("auto" if text == "auto" else float(text))
    except ValueError:
        raise _refused(text) from None


def checked_adapt(adapt: Adapt) -> Adapt:
    """Returns the strength itself if it is valid.

    Raises:
        UserError: a number beyond 0 to 1.
    """
    if adapt != "auto" and not (isfinite(adapt) and 0 <= adapt <= 1):
        raise _refused(adapt)
    return adapt


def _refused(given: object) -> UserError:
    return UserError(
        f"adapt: expected auto or a number from 0 (as it is) to 1 (all the way); got {shown(given)}"
    )
