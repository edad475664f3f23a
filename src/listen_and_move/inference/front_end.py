"""The front end: from samples to frames with features, through gain, spectra, and the sound of each frame.

Letters: T frames, F numbers per frame.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from math import floor
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, FeatureState, Matching
from listen_and_move.audio.loudness import GainState, Leveller
from listen_and_move.audio.matching import ChunkMoments, Matcher
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.audio.room import BACK, Room, dried, room_after
from listen_and_move.clock import frame_sample
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings


class AudioState(NamedTuple):
    """State of the front end."""

    gain: GainState
    features: FeatureState
    """State of the features; its last samples serve the spectra and the frames' own sound alike."""
    moments: ChunkMoments | None = None
    """Moments of the sound so far, where it is matched as it comes."""
    before: Float[Tensor, "2 B"] | None = None
    """Levels of the two chunks before the kept ones, where a room may be taken out."""
    room: Room | None = None
    """State of the room, where it is estimated as the sound comes."""


class _Known(NamedTuple):
    """What has been estimated of a sound so far."""

    moments: ChunkMoments | None = None
    room: Room | None = None


class _Heard(NamedTuple):
    """The features of a frame; see `Frame`."""

    features: Float[Tensor, " F"]
    foreign: float
    stroke: float
    compared: Float[Tensor, " F"] | None


class AudioReference(NamedTuple):
    """How a sound is analysed, and the training sound to which it is compared."""

    extractor: FeatureExtractor
    level: float | None
    """dB of the training sound; None: not known, and a running gain stays at 0 dB."""
    repertoire: Repertoire | None
    """Chunks of the training sound; None: not known."""
    fall: float | None = None
    """The fall of the training sound in dB; None: not known. See `audio.room`."""


@dataclass(frozen=True)
class AudioFrontEnd:
    """The first stage of every pipeline: turns samples into frames with features."""

    reference: AudioReference
    compares: bool = False
    """Whether a later stage compares sounds; see `Matcher.comparing`."""

    def push(
        self,
        inputs: Float[np.ndarray, " samples"],
        state: AudioState | None,
        settings: PlaySettings = AS_IT_IS,
    ) -> tuple[list[Frame], AudioState]:
        """Returns the frames whose sound is complete, and the state to continue from."""
        before = None if state is None else state.features
        louder, gain = Leveller(settings.gain, self.reference.level).push(inputs, state and state.gain)
        chunks, after = self.reference.extractor.push_chunks(torch.from_numpy(louder), before)
        levels, later = self._levels(chunks, state and state.before, settings)
        known = _Known() if state is None else _Known(state.moments, state.room)
        heard, known = self._assembled(self._dried(chunks, levels, settings.echo), levels, known, settings)
        held = louder if before is None else np.concatenate([before.samples.numpy(), louder])
        frames = self._frames(
            heard, held, after.sample_count - len(held), 0 if before is None else before.frame
        )
        return self._late(frames, settings.late), AudioState(gain, after, known.moments, later, known.room)

    def finish(self, state: AudioState | None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns the remaining frames at the end of the sound, which silence follows."""
        if state is None:
            return []
        held = state.features
        chunks = self.reference.extractor.finish_chunks(held)
        levels, _ = self._levels(chunks, state.before, settings)
        known = _Known(state.moments, state.room)
        heard, _ = self._assembled(self._dried(chunks, levels, settings.echo), levels, known, settings)
        frames = self._frames(heard, held.samples.numpy(), held.sample_count - len(held.samples), held.frame)
        return self._late(frames, settings.late)

    def all(
        self, sound: Iterable[Float[np.ndarray, " samples"]], settings: PlaySettings = AS_IT_IS
    ) -> Iterator[list[Frame]]:
        """Yields the frames of a whole sound, given in blocks at 64 kHz, block by block."""
        state = None
        for block in sound:
            frames, state = self.push(block, state, settings)
            yield frames
        yield self.finish(state, settings)

    def features(
        self, sound: Iterable[Float[np.ndarray, " samples"]], settings: PlaySettings = AS_IT_IS
    ) -> Iterator[Float[Tensor, "T F"]]:
        """Yields the features of a whole sound, block by block."""
        for frames in self.all(sound, settings):
            if frames:
                yield torch.stack([frame.features for frame in frames])

    def chunks(
        self, sound: Iterable[Float[np.ndarray, " samples"]], settings: PlaySettings
    ) -> Iterator[Float[Tensor, "chunks chunk"]]:
        """Yields the raw chunks of a whole sound block by block, each with the context of its frames."""
        leveller, extractor = Leveller(settings.gain, self.reference.level), self.reference.extractor
        gain, state, before = None, None, None
        for block in sound:
            louder, gain = leveller.push(block, gain)
            found, state = extractor.push_chunks(torch.from_numpy(louder), state)
            levels, before = self._levels(found, before, settings)
            yield self._dried(found, levels, settings.echo)
        found = extractor.finish_chunks(state)
        yield self._dried(found, self._levels(found, before, settings)[0], settings.echo)

    def _levels(
        self,
        chunks: Float[Tensor, "chunks chunk"],
        before: Float[Tensor, "2 B"] | None,
        settings: PlaySettings,
    ) -> tuple[Float[Tensor, "chunks+2 B"] | None, Float[Tensor, "2 B"] | None]:
        """Returns the levels of raw chunks with the two before them, and the levels for the next chunks.

        Both are None where no room is taken out.
        """
        extractor = self.reference.extractor
        frames = len(chunks) - extractor.config.past - extractor.ahead
        if not (settings.echo or self._tells_room(settings)) or frames <= 0:
            return None, before
        silence = torch.zeros(BACK, extractor.config.bands)
        levels = torch.cat([silence if before is None else before, extractor.levels(chunks)])
        return levels, levels[frames : frames + BACK]

    def _tells_room(self, settings: PlaySettings) -> bool:
        """Returns whether a room is estimated as the sound comes."""
        fixed = settings.matching is not None or settings.adapt != "auto"
        return not fixed and self.matcher is not None and self.reference.fall is not None

    def _dried(
        self, chunks: Float[Tensor, "chunks chunk"], levels: Float[Tensor, "chunks+2 B"] | None, echo: float
    ) -> Float[Tensor, "chunks chunk"]:
        """Returns raw chunks without the reverberation of the chunks before."""
        if levels is None or not echo:
            return chunks
        return self.reference.extractor.with_levels(chunks, dried(levels, echo))

    def _assembled(
        self,
        chunks: Float[Tensor, "chunks chunk"],
        levels: Float[Tensor, "chunks+2 B"] | None,
        known: _Known,
        settings: PlaySettings,
    ) -> tuple[list[_Heard], _Known]:
        """Returns the frames' features, matched as the settings say, and what is known after them."""
        extractor, matcher = self.reference.extractor, self.matcher
        if matcher is None or settings.matching is not None or not settings.adapt:
            return self._heard(chunks, settings.matching, settings.comparing), known
        (moments, room), past, heard = known, extractor.config.past, []
        window, tells = past + 1 + extractor.ahead, levels is not None and self._tells_room(settings)
        for place in range(len(chunks) - window + 1):
            around = chunks[place : place + window]
            moments = matcher.heard_live(extractor.own(around), moments)
            matching = matcher.live_matching(moments, settings.adapt)
            comparing = matcher.comparing(moments) if self.compares and settings.adapt == "auto" else None
            if levels is not None and tells:
                own = place + BACK + past
                room = room_after(levels[own : own + 1], room, self.reference.fall)
                # The fall of a foreign sound does not tell of a room.
                echo = 0.0 if matching is not None else room.echo
                around = self._dried(around, levels[place : place + window + BACK], echo)
            heard += self._heard(around, matching, comparing)
        return heard, _Known(moments, room)

    def _heard(
        self, chunks: Float[Tensor, "chunks chunk"], matching: Matching | None, comparing: Matching | None
    ) -> list[_Heard]:
        """Returns the features of frames that are matched in one way."""
        extractor = self.reference.extractor
        features = extractor.assemble(chunks, matching)
        strokes = extractor.strokes(features, matching)
        foreign = 0.0 if matching is None or extractor.config.flux is None else matching.strength
        if comparing is None or not self.compares:
            compared = repeat(None, len(features))
        else:
            compared = extractor.assemble(chunks, comparing)
        rows = zip(features, strokes, compared, strict=True)
        return [_Heard(row, foreign, stroke, other) for row, stroke, other in rows]

    @cached_property
    def matcher(self) -> Matcher | None:
        """The matcher of foreign sounds; None: the model has none."""
        return Matcher.of(self.reference.extractor, self.reference.repertoire)

    def _frames(
        self, heard: list[_Heard], held: Float[np.ndarray, " samples"], offset: int, first: int
    ) -> list[Frame]:
        """Returns the frames from number ``first`` on; ``held`` is the sound from sample ``offset`` on."""
        extractor = self.reference.extractor
        reach = floor(extractor.look_ahead * SAMPLE_RATE) - 1  # an instant is rounded by up to half a sample
        frames = []
        for number, each in enumerate(heard, start=first):
            start = frame_sample(number, extractor.fps, SAMPLE_RATE) - offset
            frames.append(Frame(number, held[start : start + reach], *each))
        return frames

    @staticmethod
    def _late(frames: list[Frame], count: int) -> list[Frame]:
        """Returns the frames with the first ``count`` marked as late.

        The very first picture is never late, since there is none before it to stay on display.
        """
        late = count if frames and frames[0].number > 0 else 0
        return [frame._replace(late=place < late) for place, frame in enumerate(frames)]
