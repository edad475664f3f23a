"""Sound features: one vector per frame of picture, for a whole track or block by block.

Chunk ``t`` starts at the exact instant t / fps and is a few columns of a mel spectrogram (Redondo 2023,
section 3.1): Hann window of 25 ms in an FFT of 2048, hop 10 ms, 64 mel bands from 125 to 7500 Hz, Slaney
scale and normalisation. A frame hears its own chunk and, where the settings say so, a summary of chunks
before and after it.

Letters: T frames, C columns of a chunk, B bands, F numbers per frame, K of what is known
of one, U of what is guessed of it.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.feature_kinds import KINDS, SMALLEST_POWER
from listen_and_move.clock import frame_count, frame_sample
from listen_and_move.config import FeatureConfig

SAMPLE_RATE = 64_000
"""Samples per second of the waveform that is listened to."""
WINDOW, FFT, HOP = 1600, 2048, 640  # 25 ms, zero-padded; 10 ms
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
CLAMP = 4.0
QUIET_DB, HEARD_DB = 6.0, 18.0
"""Loudest band of a chunk, in dB above the noise floor, up to which it counts as silence, and from which on
as heard, where a sound is matched."""
_BLOCK = 256  # chunks analysed at once: bounds the memory of a long track


class Statistics(NamedTuple):
    """How the chunks of the training track are distributed, per number of a chunk."""

    mean: Float[Tensor, " chunk"]
    spread: Float[Tensor, " chunk"]


class Matching(NamedTuple):
    """What is done to a foreign sound: each standardised number of a chunk that is heard becomes factor x
    number + shift; see `audio.matching`.
    """

    factor: Float[Tensor, " chunk"]
    shift: Float[Tensor, " chunk"]
    strength: float
    """How far the sound is moved, 0 to 1."""
    flux_mean: float = 0.0
    """Of how much louder it becomes, standardised and matched."""
    flux_spread: float = 1.0
    """Its standard deviation over what is heard, a little more, so that next to nothing is no stroke."""


class Foresight(NamedTuple):
    """How the last chunks of a frame's look-ahead are guessed, where they are not waited for; see
    `audio.foresight`.
    """

    heard: int
    """Chunks after the frame's own that are heard."""
    weights: Float[Tensor, "K U"]
    """Of what is known, all of it in summaries of chunks, in what is not."""
    bias: Float[Tensor, " U"]


class FeatureState(NamedTuple):
    """What is kept between blocks of sound."""

    samples: Float[Tensor, " samples"]
    """The last samples of the sound, as far back as the next frame's instant and as the next chunk needs."""
    sample_count: int
    """Samples of the sound so far, those that are no longer kept included."""
    chunks: Float[Tensor, "chunks chunk"]
    """The last chunks, from frame - past on."""
    frame: int
    """The next frame to be given out."""


@dataclass(frozen=True)
class FeatureExtractor:
    """Turns a waveform into features at a frame rate.

    Statistics are needed where ``config.standardise`` is on; `measure` makes them from the training track.
    """

    config: FeatureConfig
    fps: Fraction
    statistics: Statistics | None = None
    foresight: Foresight | None = None
    """None: all of the look-ahead is heard."""

    @property
    def ahead(self) -> int:
        """Chunks after its own that a frame hears."""
        return self.config.future if self.foresight is None else self.foresight.heard

    @property
    def columns(self) -> int:
        """Columns of 10 ms per chunk; a half rounds to even, so 85 ms are 8."""
        return round(self.config.chunk_ms / 10)

    @property
    def look_ahead(self) -> Fraction:
        """How far beyond its own instant a frame hears, in seconds."""
        reach = HOP * (self.columns - 1) + WINDOW // 2
        return self.ahead / self.fps + Fraction(reach, SAMPLE_RATE)

    def whole(self, waveform: Float[Tensor, " samples"]) -> Float[Tensor, "T F"]:
        """The features of a whole track at 64 kHz; T = ceil(duration x fps)."""
        frames = frame_count(len(waveform), SAMPLE_RATE, self.fps)
        chunks = self.chunks(waveform, -self.config.past, frames + self.ahead)
        return self.assemble(chunks)

    def silence(self) -> Float[Tensor, " F"]:
        """The features of a frame that hears digital silence."""
        return self.whole(torch.zeros(1))[0]

    def push(
        self, waveform: Float[Tensor, " samples"], state: FeatureState | None = None
    ) -> tuple[Float[Tensor, "T F"], FeatureState]:
        """Hear the next block, of any length; give out the frames that it completes."""
        chunks, state = self.push_chunks(waveform, state)
        return self.assemble(chunks), state

    def push_chunks(
        self, waveform: Float[Tensor, " samples"], state: FeatureState | None = None
    ) -> tuple[Float[Tensor, "chunks chunk"], FeatureState]:
        """The same, but give out the raw chunks that `assemble` takes for these frames; none for no frame."""
        state = self._extended_state(waveform, state)
        reach = HOP * (self.columns - 1) + WINDOW // 2
        ready = state.frame  # first chunk that cannot be computed yet
        while frame_sample(ready + self.ahead, self.fps, SAMPLE_RATE) + reach <= state.sample_count:
            ready += 1
        return self._given_out(state, ready)

    def finish(self, state: FeatureState | None) -> Float[Tensor, "T F"]:
        """The frames that are left when the sound has ended, silence behind it."""
        return self.assemble(self.finish_chunks(state))

    def finish_chunks(self, state: FeatureState | None) -> Float[Tensor, "chunks chunk"]:
        """The same as raw chunks, which `assemble` takes."""
        if state is None:
            return torch.zeros(0, self.config.chunk_size)
        return self._given_out(state, frame_count(state.sample_count, SAMPLE_RATE, self.fps))[0]

    def chunks(
        self, waveform: Float[Tensor, " samples"], first: int, last: int, offset: int = 0
    ) -> Float[Tensor, "chunks chunk"]:
        """Raw chunks ``first`` to ``last`` (exclusive, negative ones too); ``offset``: place of the first
        sample.

        The sound is silent outside the waveform.
        """
        return self.described(self.powers(waveform, first, last, offset))

    def powers(
        self, waveform: Float[Tensor, " samples"], first: int, last: int, offset: int = 0
    ) -> Float[Tensor, "chunks C B"]:
        """Mel power of chunks ``first`` to ``last`` (exclusive), column by column; ``offset`` as in
        `chunks`.
        """
        parts = [
            self._analysed(waveform, range(start, min(start + _BLOCK, last)), offset)
            for start in range(first, last, _BLOCK)
        ]
        return torch.cat(parts) if parts else torch.zeros(0, self.columns, self.config.bands)

    def described(self, power: Float[Tensor, "chunks C B"]) -> Float[Tensor, "chunks chunk"]:
        """Raw chunks from their mel power, by the kind of features that is set."""
        return KINDS[self.config.kind](power, self.config)

    def assemble(
        self, chunks: Float[Tensor, "chunks chunk"], matching: Matching | None = None
    ) -> Float[Tensor, "T F"]:
        """Features from raw chunks -past to T + ahead: standardised, matched, context attached."""
        past, ahead = self.config.past, self.ahead
        standardised = self.standardised(chunks)
        chunks = standardised if matching is None else self._matched(standardised, chunks, matching)
        frames = len(chunks) - past - ahead
        if frames <= 0:
            return torch.zeros(0, self.config.size)
        summary = summaries(chunks, self.config)
        context = [
            summary[past + shift : past + shift + frames] for shift in range(-past, ahead + 1) if shift != 0
        ]
        return self.completed(torch.cat([chunks[past : past + frames], *context], dim=1))

    def completed(self, heard: Float[Tensor, "T heard"]) -> Float[Tensor, "T F"]:
        """Features with all of the look-ahead, from those without what is not heard of it."""
        if self.foresight is None:
            return heard
        own, around = heard[:, : self.config.chunk_size], heard[:, self.config.chunk_size :]
        known = torch.cat([summaries(own, self.config), around], dim=1)
        return torch.cat([heard, known @ self.foresight.weights + self.foresight.bias], dim=1)

    def strokes(self, features: Float[Tensor, "T F"], matching: Matching | None) -> list[float]:
        """Returns how much louder a sound becomes in each frame, over the mean of what is heard of it, in
        spreads (`Matching.flux_spread`); 0 where the sound is not foreign, or the features do not tell.

        Args:
            features: of some frames.
            matching: with which they were assembled.
        """
        if matching is None or self.config.flux is None:
            return [0.0] * len(features)
        flux = features[:, self.config.flux]
        return ((flux - matching.flux_mean) / matching.flux_spread).tolist()

    def own(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "T chunk"]:
        """The frames' own ones of chunks -past to T + ahead."""
        return chunks[self.config.past : len(chunks) - self.ahead]

    def loudest(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, " chunks"]:
        """The loudest band of raw chunks, in dB above the noise floor; only of level and shape."""
        return self.levels(chunks).amax(1)

    def tilted(self, chunks: Float[Tensor, "chunks chunk"], decibels: float) -> Float[Tensor, "chunks chunk"]:
        """Raw chunks as another microphone would give them, all in all as loud; only of level and shape.

        Args:
            chunks: of a sound.
            decibels: how much louder the highest band becomes over the lowest one.
        """
        power = 10 ** (self.levels(chunks).clamp(min=0) / 10) - 1
        changed = power * 10 ** (torch.linspace(-decibels / 20, decibels / 20, self.config.bands))
        changed = changed * (power.sum() / changed.sum().clamp(min=SMALLEST_POWER))
        return self.with_levels(chunks, 10 * torch.log10(1 + changed))

    def with_levels(
        self, chunks: Float[Tensor, "chunks chunk"], levels: Float[Tensor, "chunks B"]
    ) -> Float[Tensor, "chunks chunk"]:
        """Raw chunks with other levels of their bands; only of level and shape."""
        if self.config.kind != "shape":
            return levels
        loud = levels.mean(1, keepdim=True)
        return torch.cat([levels - loud, loud, chunks[:, self.config.bands + 1 :]], dim=1)

    def levels(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "chunks B"]:
        """Bands of raw chunks in dB above the noise floor; only of level and shape."""
        if self.config.kind == "shape":  # bands around their mean, then that mean
            return chunks[:, : self.config.bands] + chunks[:, self.config.bands, None]
        return chunks

    def _matched(self, standardised: Tensor, chunks: Tensor, matching: Matching) -> Tensor:
        """Standardised chunks as if they were of another sound, the more the louder they are."""
        heard = ((self.loudest(chunks) - QUIET_DB) / (HEARD_DB - QUIET_DB)).clamp(0, 1)[:, None]
        moved = matching.factor * standardised + matching.shift
        return torch.lerp(standardised, moved, heard).clamp(-CLAMP, CLAMP)

    def standardised(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "chunks chunk"]:
        """Raw chunks by the training track's mean and spread, where the settings say so."""
        if not self.config.standardise:
            return chunks
        assert self.statistics is not None, "features.standardise needs the statistics of a training track"
        return ((chunks - self.statistics.mean) / (self.statistics.spread + 1)).clamp(-CLAMP, CLAMP)

    def raw(self, standardised: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "chunks chunk"]:
        """Chunks as they were before they were standardised (and clamped)."""
        assert self.statistics is not None, "only of standardised chunks"
        return standardised * (self.statistics.spread + 1) + self.statistics.mean

    @property
    def tells_levels(self) -> bool:
        """Whether the features tell how loud each band is, beside the training sound's."""
        return self.statistics is not None and self.config.kind in ("level", "shape")

    def _analysed(self, waveform: Tensor, frames: range, offset: int) -> Tensor:
        starts = torch.tensor([frame_sample(frame, self.fps, SAMPLE_RATE) for frame in frames])
        first, last = int(starts[0]) - WINDOW // 2, int(starts[-1]) + HOP * (self.columns - 1) + WINDOW // 2
        piece = _cut(waveform, first - offset, last - offset)
        centres = starts[:, None] + HOP * torch.arange(self.columns) - WINDOW // 2 - first
        windows = piece.unfold(0, WINDOW, 1)[centres]  # chunks, C, 1600
        spectrum = torch.fft.rfft(windows * torch.hann_window(WINDOW), n=FFT)
        return (spectrum.real.square() + spectrum.imag.square()) @ mel_filters(self.config.bands).T

    def _extended_state(self, waveform: Tensor, state: FeatureState | None) -> FeatureState:
        if state is None:
            state = FeatureState(torch.zeros(0), 0, torch.zeros(0, self.config.chunk_size), 0)
        return state._replace(
            samples=torch.cat([state.samples, waveform]), sample_count=state.sample_count + len(waveform)
        )

    def _given_out(self, state: FeatureState, until: int) -> tuple[Tensor, FeatureState]:
        """The raw chunks of the frames before ``until`` and the state after them."""
        if until <= state.frame:
            return torch.zeros(0, self.config.chunk_size), state
        past, ahead = self.config.past, self.ahead
        known = state.frame - past + len(state.chunks)
        new = self.chunks(state.samples, known, until + ahead, offset=state.sample_count - len(state.samples))
        chunks = torch.cat([state.chunks, new])
        kept = chunks[until - state.frame :]
        chunk = frame_sample(until - past + len(kept), self.fps, SAMPLE_RATE) - WINDOW // 2
        needed = min(chunk, frame_sample(until, self.fps, SAMPLE_RATE))
        drop = min(max(0, needed - (state.sample_count - len(state.samples))), len(state.samples))
        return chunks, FeatureState(state.samples[drop:].clone(), state.sample_count, kept.clone(), until)


def measure(chunks: Float[Tensor, "chunks chunk"]) -> Statistics:
    """Mean and standard deviation of the chunks of a training track."""
    return Statistics(chunks.mean(0), chunks.std(0, correction=0))


@lru_cache(maxsize=8)
def mel_filters(bands: int) -> Float[Tensor, "bands bins"]:
    """Triangular filters on Slaney's mel scale, each of area 1 (Slaney's Auditory Toolbox, 1998)."""
    edges = _mel_to_hz(
        torch.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), bands + 2, dtype=torch.float64)
    )
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp(min=0)
    return (triangles * 2 / (high - low)).float()


def _hz_to_mel(hz: float) -> float:
    """Linear below 1 kHz (3 mel per 200 Hz), logarithmic above (27 mel per factor 6.4)."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _mel_to_hz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))


def _cut(waveform: Tensor, first: int, last: int) -> Tensor:
    """Samples first to last, zeros where there are none."""
    inside = waveform[max(0, first) : max(0, last)]
    left = min(max(0, -first), last - first)
    return torch.nn.functional.pad(inside, (left, last - first - left - len(inside)))


def summaries(
    chunks: Float[Tensor, "chunks chunk"], config: FeatureConfig
) -> Float[Tensor, "chunks summary"]:
    """Chunks in fewer numbers, as they are heard around a frame's own: neighbouring bands averaged; what
    belongs to no band is kept.
    """
    bands, extras = chunks.tensor_split([config.chunk_size - config.extras], dim=1)
    return torch.cat([bands.unflatten(1, (config.summary_size - config.extras, -1)).mean(2), extras], dim=1)
