"""Sound check: level, novelty, room and beats of a sound before it is played.

Letters: S seconds.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.beats import Beats, find_beats
from listen_and_move.audio.features import Matching
from listen_and_move.audio.loudness import (
    ABSOLUTE_GATE,
    LARGEST_GAIN,
    Gain,
    gated_level,
    matching_gain,
)
from listen_and_move.audio.matching import Adapt, ChunkMoments, Matcher
from listen_and_move.audio.novelty import FAR, FAR_SHARE, by_second, novelty
from listen_and_move.audio.room import echo_of, fall_of
from listen_and_move.errors import Remark
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.stage import AS_IT_IS, PlaySettings

NOT_MATCHED = "this model cannot tell how its clip sounds"
"""Reason that a message gives where a sound cannot be matched."""
FALL_SECONDS = 300
"""Seconds of a sound on which its fall is measured: bounds memory."""
NOTABLE_DB = 1.0
"""A smaller gain is not worth a line."""


class SoundCheck(NamedTuple):
    """Findings about a sound, and how it is going to be played."""

    level: float | None
    """dB of full scale; None where all of it is as quiet as a quiet room."""
    gain: Gain
    """Gain of the sound."""
    novelty: Float[np.ndarray, " S"] | None
    """Novelty of each second, 1 as training sounds are to each other; None: not known."""
    matching: Matching | None = None
    """Matching of the sound; None: it stays unchanged."""
    comparing: Matching | None = None
    """Matching where the sound is compared with the training sound; None: `matching`."""
    echo: float = 0.0
    """Share of power that is subtracted as late reverberation; see `audio.room`."""
    beats: Beats | None = None
    """Beats of the sound; None: it has no steady ones, or they were not looked for."""

    @property
    def far(self) -> float:
        """Share of seconds that are far from the training sound."""
        return 0.0 if self.novelty is None or not len(self.novelty) else float((self.novelty > FAR).mean())

    def settings(self, settings: PlaySettings = AS_IT_IS) -> PlaySettings:
        """Returns the settings with those of this sound.

        Args:
            settings: those that do not depend on the sound.
        """
        return settings._replace(
            gain=self.gain, matching=self.matching, comparing=self.comparing, echo=self.echo, beats=self.beats
        )


class _Listening(NamedTuple):
    """Findings of one pass over a sound."""

    novelty: Float[Tensor, " T"]
    moments: ChunkMoments | None
    rises: Float[np.ndarray, " T"] | None
    """Flux of each frame; None: the features hold none."""
    fall: float | None
    """Fall of the sound; see `audio.room`."""


def listen(
    sound: Callable[[], Iterable[np.ndarray]],
    reference: AudioReference,
    gain: Gain | Literal["match"] = "match",
    adapt: Adapt = 0.0,
    beats: bool = False,
) -> SoundCheck:
    """Checks a whole sound in two or three passes, in bounded memory but for a few bytes a second.

    Args:
        sound: gives it from its beginning, at 64 kHz, in blocks of any length.
        reference: how it is heard, and the training sound that it is compared with.
        gain: match: the one that brings it to the level of the training sound.
        adapt: how far it is brought into the clip's sound world.
        beats: they are looked for.
    """
    level = gated_level(sound())
    chosen = matching_gain(level, reference.level) if gain == "match" else gain
    if reference.repertoire is None:
        return SoundCheck(level, chosen, None)
    matcher = Matcher.of(reference.extractor, reference.repertoire)
    heard = _heard(sound(), reference, matcher, PlaySettings(gain=chosen))
    matching = None if matcher is None else matcher.matching(heard.moments, adapt)
    echo, comparing = 0.0, None
    if matcher is not None and adapt == "auto":
        moments = heard.moments
        # The fall of a foreign sound does not tell of a room.
        echo = 0.0 if matching is not None else echo_of(heard.fall, reference.fall)
        if echo:
            moments = _heard(sound(), reference, matcher, PlaySettings(gain=chosen, echo=echo)).moments
        comparing = matcher.comparing(moments)
    fps = reference.extractor.fps
    found = find_beats(heard.rises, fps) if beats and heard.rises is not None else None
    return SoundCheck(level, chosen, by_second(heard.novelty, fps), matching, comparing, echo, found)


def _heard(
    sound: Iterable[np.ndarray], reference: AudioReference, matcher: Matcher | None, settings: PlaySettings
) -> _Listening:
    """Returns the findings of a pass over a sound."""
    extractor, repertoire = reference.extractor, reference.repertoire
    assert repertoire is not None, "see `listen`"
    most, flux = FALL_SECONDS * extractor.fps, extractor.config.flux
    values, rises, levels, moments = [], [], [], None
    for chunks in AudioFrontEnd(reference).chunks(sound, settings):
        values.append(novelty(extractor.assemble(chunks), repertoire))
        own = extractor.own(chunks)
        if matcher is not None:
            moments = matcher.heard(own, values[-1], moments)
            if sum(map(len, levels)) < most:
                levels.append(extractor.levels(own))
        if flux is not None:
            rises.append(own[:, flux])
    return _Listening(
        torch.cat(values) if values else torch.zeros(0),
        moments,
        torch.cat(rises).double().numpy() if rises else None,
        fall_of(torch.cat(levels)) if levels else None,
    )


def notes(
    name: str,
    check: SoundCheck,
    reference: AudioReference,
    gain: Gain | Literal["match"] = "match",
    adapt: Adapt = 0.0,
    beats: bool = False,
) -> list[Remark]:
    """Returns the notes for the user on a sound that is played with a gain and a matching.

    With ``beats`` there are notes on its beats too.

    Each is one line; often there are none.
    """
    level = _level_notes(name, check, reference) if gain in ("match", "running") else []
    unmatched = []
    if check.matching is None and adapt not in ("auto", 0):
        can = Matcher.of(reference.extractor, reference.repertoire) is not None
        why = "hardly anything is heard" if can else NOT_MATCHED
        unmatched = [Remark(f"{name}: heard as it is: {why}")]
    told = [*level, *unmatched, *_novelty_notes(name, check), *_room_notes(name, check)]
    return [*told, *_beat_notes(name, check, reference)] if beats else told


def _room_notes(name: str, check: SoundCheck) -> list[Remark]:
    """Returns the notes on a room."""
    if not check.echo:
        return []
    slower = f"{name}: falls silent more slowly than the training sound, as in a room"
    said = f"{slower}: what is left over is taken out"
    return [Remark(said, "--adapt 0 plays it as it is")]


def _beat_notes(name: str, check: SoundCheck, reference: AudioReference) -> list[Remark]:
    """Returns the notes on the beats, where they were asked for."""
    if check.beats is None:
        return [Remark(f"{name}: no steady beat is heard: asking for its beats has no effect")]
    rate = 60 * float(reference.extractor.fps) / check.beats.period
    return [Remark(f"{name}: {rate:.0f} beats a minute")]


def _level_notes(name: str, check: SoundCheck, reference: AudioReference) -> list[Remark]:
    """Returns the notes on the level."""
    if reference.level is None:
        return [
            Remark(
                f"{name}: the model does not know how loud its training sound was, so this is played as it is"
            )
        ]
    if check.level is None:
        return [
            Remark(
                f"{name}: nothing in it is louder than {ABSOLUTE_GATE:g} dB of full scale, so it counts as "
                "silence"
            )
        ]
    difference = reference.level - check.level
    if check.gain == "running" or abs(difference) < NOTABLE_DB:
        return []
    than, to = ("quieter", "louder") if difference > 0 else ("louder", "quieter")
    found = f"{name}: {abs(difference):.1f} dB {than} than the training sound: played"
    if abs(difference) <= LARGEST_GAIN:
        played = f"{abs(difference):.1f} dB {to}"
        hint = "--gain 0 plays it as it is"
    else:
        left = abs(difference) - LARGEST_GAIN
        played = f"{LARGEST_GAIN:g} dB {to}, the most there is, and still {left:.1f} dB {than}"
        hint = "--gain takes any number of dB"
    return [Remark(f"{found} {played}", hint, "{message} ({hint})")]


def _novelty_notes(name: str, check: SoundCheck) -> list[Remark]:
    if check.novelty is None or (check.far < FAR_SHARE and check.matching is None):
        return []
    what = f"novelty {check.novelty.mean():.1f}, among training sounds 1"
    if check.far >= FAR_SHARE:
        what = f"{check.far:.0%} of its seconds are far from anything in the training sound ({what})"
    if check.matching is None:
        return [Remark(f"{name}: {what}: the picture may move in ways that the clip never taught")]
    brought = f"brought {check.matching.strength:.0%} of the way to how the clip sounds"
    return [Remark(f"{name}: {what}: {brought}", "--adapt 0 plays it as it is")]
