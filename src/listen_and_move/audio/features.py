"""Sound features: one vector per frame of picture, for a whole track or block by block.

Chunk ``t`` starts at the exact instant t / fps and is a few columns of a mel spectrogram (Redondo 2023,
section 3.1): Hann window of 25 ms in an FFT of 2048, hop 10 ms, 64 mel bands from 125 to 7500 Hz, Slaney
scale and normalisation. A frame hears its own chunk and, where the settings say so, a summary of chunks
before and after it.

Letters: T frames, C columns of a chunk, B bands, F numbers per frame, K known numbers of a frame, U guessed
numbers of a frame.
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
"""Sample rate of the waveform from which features are made, in Hz."""
WINDOW, FFT, HOP = 1600, 2048, 640  # 25 ms, zero-padded; 10 ms
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
CLAMP = 4.0
QUIET_DB, HEARD_DB = 6.0, 18.0
"""dB of a chunk's loudest band above the noise floor: up to the first it counts as silence in matching, from
the second on fully as sound.

Up to the first a chunk counts as silence, from the second on it counts fully as sound."""
_BLOCK = 256  # chunks analysed at once: bounds the memory of a long track


class Statistics(NamedTuple):
    """How the chunks of the training track are distributed, per number of a chunk."""

    mean: Float[Tensor, " chunk"]
    spread: Float[Tensor, " chunk"]


class Matching(NamedTuple):
    """A linear map of standardised chunks that makes a foreign sound like the training sound.

    Each number of a chunk becomes factor x number + shift; see `audio.matching`.
    """

    factor: Float[Tensor, " chunk"]
    shift: Float[Tensor, " chunk"]
    strength: float
    """How far the sound is moved, 0 to 1."""
    flux_mean: float = 0.0
    """Mean of the flux, standardised and matched."""
    flux_spread: float = 1.0
    """Standard deviation of the flux over audible chunks, a little enlarged: faint flux is no stroke."""


class Foresight(NamedTuple):
    """A linear guess of the missing chunks of a frame's look-ahead; see `audio.foresight`."""

    heard: int
    """Number of chunks after the frame's own that have arrived."""
    weights: Float[Tensor, "K U"]
    """Weights from the known numbers to the guessed ones; both are summaries of chunks."""
    bias: Float[Tensor, " U"]


class FeatureState(NamedTuple):
    """State between blocks of sound."""

    samples: Float[Tensor, " samples"]
    """The last samples, as far back as the next frame's instant and the next chunk need."""
    sample_count: int
    """Samples of the sound so far, dropped ones included."""
    chunks: Float[Tensor, "chunks chunk"]
    """The last chunks, from frame - past on."""
    frame: int
    """Number of the next frame."""


@dataclass(frozen=True)
class FeatureExtractor:
    """Turns a waveform into features at a frame rate.

    Statistics are needed where ``config.standardise`` is on; `measure` makes them from the training track.
    """

    config: FeatureConfig
    fps: Fraction
    statistics: Statistics | None = None
    foresight: Foresight | None = None
    """Guess of the missing look-ahead; None: all of the look-ahead is waited for."""

    @property
    def ahead(self) -> int:
        """Number of chunks after its own that a frame needs."""
        return self.config.future if self.foresight is None else self.foresight.heard

    @property
    def columns(self) -> int:
        """Columns of 10 ms per chunk; a half rounds to even, so 85 ms are 8."""
        return round(self.config.chunk_ms / 10)

    @property
    def look_ahead(self) -> Fraction:
        """Seconds of sound after its own instant that a frame needs."""
        reach = HOP * (self.columns - 1) + WINDOW // 2
        return self.ahead / self.fps + Fraction(reach, SAMPLE_RATE)

    def whole(self, waveform: Float[Tensor, " samples"]) -> Float[Tensor, "T F"]:
        """Returns the features of a whole track at 64 kHz; T = ceil(duration x fps)."""
        frames = frame_count(len(waveform), SAMPLE_RATE, self.fps)
        chunks = self.chunks(waveform, -self.config.past, frames + self.ahead)
        return self.assemble(chunks)

    def silence(self) -> Float[Tensor, " F"]:
        """Returns the features of a frame in digital silence."""
        return self.whole(torch.zeros(1))[0]

    def push(
        self, waveform: Float[Tensor, " samples"], state: FeatureState | None = None
    ) -> tuple[Float[Tensor, "T F"], FeatureState]:
        """Takes the next block, of any length, and returns the frames that it completes."""
        chunks, state = self.push_chunks(waveform, state)
        return self.assemble(chunks), state

    def push_chunks(
        self, waveform: Float[Tensor, " samples"], state: FeatureState | None = None
    ) -> tuple[Float[Tensor, "chunks chunk"], FeatureState]:
        """Takes the next block and returns the raw chunks of the frames that it completes, for `assemble`."""
        state = self._extended_state(waveform, state)
        reach = HOP * (self.columns - 1) + WINDOW // 2
        ready = state.frame  # counts up to the first chunk that cannot be computed yet
        while frame_sample(ready + self.ahead, self.fps, SAMPLE_RATE) + reach <= state.sample_count:
            ready += 1
        return self._given_out(state, ready)

    def finish(self, state: FeatureState | None) -> Float[Tensor, "T F"]:
        """Returns the remaining frames at the end of the sound, which silence follows."""
        return self.assemble(self.finish_chunks(state))

    def finish_chunks(self, state: FeatureState | None) -> Float[Tensor, "chunks chunk"]:
        """Returns the raw chunks of the remaining frames, for `assemble`."""
        if state is None:
            return torch.zeros(0, self.config.chunk_size)
        return self._given_out(state, frame_count(state.sample_count, SAMPLE_RATE, self.fps))[0]

    def chunks(
        self, waveform: Float[Tensor, " samples"], first: int, last: int, offset: int = 0
    ) -> Float[Tensor, "chunks chunk"]:
        """Returns raw chunks ``first`` to ``last`` (exclusive, may be negative); ``offset``: see `powers`."""
        return self.described(self.powers(waveform, first, last, offset))

    def powers(
        self, waveform: Float[Tensor, " samples"], first: int, last: int, offset: int = 0
    ) -> Float[Tensor, "chunks C B"]:
        """Returns the mel power of chunks ``first`` to ``last`` (exclusive), column by column.

        ``offset`` is the place of the waveform's first sample in the sound.
        """
        parts = [
            self._analysed(waveform, range(start, min(start + _BLOCK, last)), offset)
            for start in range(first, last, _BLOCK)
        ]
        return torch.cat(parts) if parts else torch.zeros(0, self.columns, self.config.bands)

    def described(self, power: Float[Tensor, "chunks C B"]) -> Float[Tensor, "chunks chunk"]:
        """Returns raw chunks from their mel power, by the configured kind of features."""
        return KINDS[self.config.kind](power, self.config)

    def assemble(
        self, chunks: Float[Tensor, "chunks chunk"], matching: Matching | None = None
    ) -> Float[Tensor, "T F"]:
        """Returns features from raw chunks -past to T + ahead: standardised, matched, with context."""
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
        """Returns features with the whole look-ahead, whose missing part is guessed."""
        if self.foresight is None:
            return heard
        own, around = heard[:, : self.config.chunk_size], heard[:, self.config.chunk_size :]
        known = torch.cat([summaries(own, self.config), around], dim=1)
        return torch.cat([heard, known @ self.foresight.weights + self.foresight.bias], dim=1)

    def strokes(self, features: Float[Tensor, "T F"], matching: Matching | None) -> list[float]:
        """Returns the strength of the stroke in each frame: the flux over its mean, in `flux_spread`.

        It is 0 where the sound is not foreign, or where the features hold no flux.

        Args:
            features: of some frames.
            matching: with which the features were assembled.
        """
        if matching is None or self.config.flux is None:
            return [0.0] * len(features)
        flux = features[:, self.config.flux]
        return ((flux - matching.flux_mean) / matching.flux_spread).tolist()

    def own(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "T chunk"]:
        """Returns the frames' own chunks out of chunks -past to T + ahead."""
        return chunks[self.config.past : len(chunks) - self.ahead]

    def loudest(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, " chunks"]:
        """Returns the loudest band of raw chunks in dB above the noise floor; kinds level and shape only."""
        return self.levels(chunks).amax(1)

    def tilted(self, chunks: Float[Tensor, "chunks chunk"], decibels: float) -> Float[Tensor, "chunks chunk"]:
        """Returns raw chunks as another, equally loud microphone gives them; kinds level and shape only.

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
        """Returns raw chunks with other levels of their bands; kinds level and shape only."""
        if self.config.kind != "shape":
            return levels
        loud = levels.mean(1, keepdim=True)
        return torch.cat([levels - loud, loud, chunks[:, self.config.bands + 1 :]], dim=1)

    def levels(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "chunks B"]:
        """Returns the bands of raw chunks in dB above the noise floor; kinds level and shape only."""
        if self.config.kind == "shape":  # bands less their mean, then that mean
            return chunks[:, : self.config.bands] + chunks[:, self.config.bands, None]
        return chunks

    def _matched(self, standardised: Tensor, chunks: Tensor, matching: Matching) -> Tensor:
        """Returns standardised chunks after matching, which acts the more the louder a chunk is."""
        heard = ((self.loudest(chunks) - QUIET_DB) / (HEARD_DB - QUIET_DB)).clamp(0, 1)[:, None]
        moved = matching.factor * standardised + matching.shift
        return torch.lerp(standardised, moved, heard).clamp(-CLAMP, CLAMP)

    def standardised(self, chunks: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "chunks chunk"]:
        """Returns raw chunks less the training track's mean, over its spread, where the settings say so."""
        if not self.config.standardise:
            return chunks
        assert self.statistics is not None, "features.standardise needs the statistics of a training track"
        return ((chunks - self.statistics.mean) / (self.statistics.spread + 1)).clamp(-CLAMP, CLAMP)

    def raw(self, standardised: Float[Tensor, "chunks chunk"]) -> Float[Tensor, "chunks chunk"]:
        """Returns chunks as they were before standardisation; what was clamped stays clamped."""
        assert self.statistics is not None, "only of standardised chunks"
        return standardised * (self.statistics.spread + 1) + self.statistics.mean

    @property
    def tells_levels(self) -> bool:
        """Whether the features hold the level of each band, and the training sound's statistics are known."""
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
        """Returns the raw chunks of the frames before ``until``, and the state after them."""
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
    """Returns mean and standard deviation of the chunks of a training track."""
    return Statistics(chunks.mean(0), chunks.std(0, correction=0))


@lru_cache(maxsize=8)
def mel_filters(bands: int) -> Float[Tensor, "bands bins"]:
    """Returns triangular filters on Slaney's mel scale, each of area 1 (Slaney's Auditory Toolbox, 1998)."""
    edges = _mel_to_hz(
        torch.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), bands + 2, dtype=torch.float64)
    )
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp(min=0)
    return (triangles * 2 / (high - low)).float()


def _hz_to_mel(hz: float) -> float:
    """Returns Slaney's mel: linear (3 per 200 Hz) up to 1 kHz, logarithmic above (27 per factor 6.4)."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _mel_to_hz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))


def _cut(waveform: Tensor, first: int, last: int) -> Tensor:
    """Returns samples first to last, zeros outside the waveform."""
    inside = waveform[max(0, first) : max(0, last)]
    left = min(max(0, -first), last - first)
    return torch.nn.functional.pad(inside, (left, last - first - left - len(inside)))


def summaries(
    chunks: Float[Tensor, "chunks chunk"], config: FeatureConfig
) -> Float[Tensor, "chunks summary"]:
    """Returns chunks in fewer numbers, for the context of a frame.

    Neighbouring bands are averaged; numbers that belong to no band are kept.
    """
    bands, extras = chunks.tensor_split([config.chunk_size - config.extras], dim=1)
    return torch.cat([bands.unflatten(1, (config.summary_size - config.extras, -1)).mean(2), extras], dim=1)
