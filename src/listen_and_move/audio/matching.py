"""Matching: a foreign sound is heard as if it belonged to the sound world of a clip.

Each number of a chunk gets the mean and the spread over time that it has in the training sound: what differs
from moment to moment in a foreign sound then differs as it does in the clip. Silence stays silence, since
only what is heard is moved. What sounds like what was learnt stays as it is: how far a sound is moved follows
from its novelty.

Where sounds are compared with each other, as a path does that the sound itself leads, every sound is moved,
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
"""How far a sound is moved: 0 as it is, 1 all the way; auto: the farther, the newer it is."""
TILT = 12.0
"""dB by which another microphone may make the top of the clip's own sound louder than its bottom, or
softer."""
OWN, FOREIGN = 1.75, 2.5
"""Mean novelty, in that of the clip's own sound through such microphones, up to which auto is 0, and from
which on it is 1. Of five clips their own sound has 0.2 to 0.5 (as it is) and up to 1.8 (in rooms, and in
noise of 10 dB but for two); music, speech and noises on them mostly 2 to 6."""
LEAST_TILTED = 0.63
"""Novelty that other microphones make at least: so what is as new as training sounds are to each other (1) is
never foreign."""
LEAST_SECONDS = 0.5
"""Of sound that is heard, without which nothing is told of it."""
FADE_SECONDS = 5.0
"""Of sound that is heard live, until a sound is moved as far as it is going to be."""
REMEMBERED_SECONDS = 30.0
"""Of sound that is heard live, over which its mean and spread are taken, about."""
COMPARED_SECONDS = 2.0
"""Of sound that is heard, after which it is moved half-way where sounds are compared."""
MOST_SPREAD = 2.0
"""By which a spread is divided or multiplied at most."""
SOFT = 0.1  # added to spreads, so that what hardly varies is not blown up


class ChunkMoments(NamedTuple):
    """What has been heard of a sound."""

    frames: float
    """That were loud enough to tell."""
    total: Float[Tensor, " chunk"]
    """Sum of their chunks."""
    squares: Float[Tensor, " chunk"]
    """Sum of the squares of their chunks."""
    novelty: float
    """Sum of their novelty."""

    @property
    def mean(self) -> Float[Tensor, " chunk"]:
        """Of each number of a chunk."""
        return self.total / self.frames

    @property
    def spread(self) -> Float[Tensor, " chunk"]:
        """Standard deviation of each number of a chunk."""
        return (self.squares / self.frames - self.mean.square()).clamp(min=0).sqrt()


@dataclass(frozen=True)
class Matcher:
    """Brings sounds into the sound world of a clip."""

    extractor: FeatureExtractor
    """Standardises."""
    repertoire: Repertoire
    """What the training sound was like."""

    @classmethod
    def of(cls, extractor: FeatureExtractor, repertoire: Repertoire | None) -> "Matcher | None":
        """Returns the matcher of a model; None where nothing tells it how loud a chunk is, or what the
        training sound was like.
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
        """Returns what has been heard after some more frames.

        Args:
            chunks: the frames' own ones, raw.
            news: novelty of the frames.
            moments: what was heard before.
        """
        return self._after(self.extractor.standardised(chunks), chunks, news, moments)

    def heard_live(self, chunk: Float[Tensor, "1 chunk"], moments: ChunkMoments | None) -> ChunkMoments:
        """Returns the same after one more frame, where what is long ago counts less and less."""
        news = novelty(self.extractor.standardised(chunk), self.repertoire)
        found, most = self.heard(chunk, news, moments), REMEMBERED_SECONDS * float(self.extractor.fps)
        if found.frames <= most:
            return found
        share = most / found.frames
        return ChunkMoments(most, found.total * share, found.squares * share, found.novelty * share)

    def matching(self, moments: ChunkMoments | None, adapt: Adapt, fade: float = 1.0) -> Matching | None:
        """Returns what is done to a sound; None: nothing.

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
        """Returns what is done to a sound where it is compared with the training sound: the more, the more is
        heard of it, and at least what is done to it anywhere.

        Args:
            moments: what has been heard of it; None: nothing yet.
        """
        if moments is None or moments.frames < LEAST_SECONDS * self.extractor.fps:
            return None
        known = moments.frames / (moments.frames + COMPARED_SECONDS * float(self.extractor.fps))
        return self._moving(moments, max(known, self.foreign(moments.novelty / moments.frames)))

    def _moving(self, moments: ChunkMoments, strength: float) -> Matching:
        """What moves a sound so far."""
        ratio = (self.home.spread + SOFT) / (moments.spread + SOFT)
        ratio = ratio.clamp(1 / MOST_SPREAD, MOST_SPREAD)
        factor, shift = 1 + strength * (ratio - 1), strength * (self.home.mean - ratio * moments.mean)
        matching = Matching(factor.float(), shift.float(), strength)
        if (flux := self.extractor.config.flux) is None:
            return matching
        mean, spread = factor * moments.mean + shift, factor * (moments.spread + SOFT)
        return matching._replace(flux_mean=float(mean[flux]), flux_spread=float(spread[flux]))

    def foreign(self, new: float) -> float:
        """Returns how far a sound is foreign, 0 to 1.

        Args:
            new: mean novelty of what is heard of it.
        """
        return min(1.0, max(0.0, (new / self.tilted_novelty - OWN) / (FOREIGN - OWN)))

    def live_matching(self, moments: ChunkMoments | None, adapt: Adapt) -> Matching | None:
        """Returns the same for a sound whose future is not known: the farther, the more has been heard."""
        known = 0.0 if moments is None else moments.frames / (FADE_SECONDS * float(self.extractor.fps))
        return self.matching(moments, adapt, min(1.0, known))

    @cached_property
    def home(self) -> ChunkMoments:
        """What was heard of the training sound."""
        chunks = self.repertoire.chunks[1:]  # the first one is silence
        return self._after(chunks, self._raw, torch.zeros(len(chunks)), None)

    @cached_property
    def tilted_novelty(self) -> float:
        """Mean novelty of what was heard of the training sound, brighter and duller."""
        extractor = self.extractor
        heard = self._raw[extractor.loudest(self._raw) >= HEARD_DB]
        tilted = torch.cat([extractor.tilted(heard, tilt) for tilt in (TILT, -TILT)])
        return max(float(novelty(extractor.standardised(tilted), self.repertoire).mean()), LEAST_TILTED)

    @cached_property
    def _raw(self) -> Float[Tensor, "kept chunk"]:
        """Chunks of the training sound before they were standardised (and clamped)."""
        return self.extractor.raw(self.repertoire.chunks[1:])

    def _after(
        self, standardised: Tensor, chunks: Tensor, news: Tensor, moments: ChunkMoments | None
    ) -> ChunkMoments:
        """What has been heard after some more chunks."""
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
    """Returns what a user asks for.

    Raises:
        UserError: it is neither auto nor a number from 0 to 1.
    """
    try:
        return checked_adapt("auto" if text == "auto" else float(text))
    except ValueError:
        raise _refused(text) from None


def checked_adapt(adapt: Adapt) -> Adapt:
    """Returns it, where it can be done.

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
