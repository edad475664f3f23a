"""What is found out about a sound before it is played: how loud and how new it is to the ears of a model.

Letters: S seconds.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.audio.loudness import (
    ABSOLUTE_GATE,
    LARGEST_GAIN,
    Gain,
    Leveller,
    gated_level,
    matching_gain,
)
from listen_and_move.audio.novelty import FAR, FAR_SHARE, Repertoire, by_second, novelty

NOTABLE_DB = 1.0
"""A smaller gain is not worth a line."""


class AudioReference(NamedTuple):
    """How a player hears, and what it has heard."""

    extractor: FeatureExtractor
    level: float | None
    """dB of the training sound; None: not known."""
    repertoire: Repertoire | None
    """None: not known."""


class SoundCheck(NamedTuple):
    """A sound as it is going to be played."""

    level: float | None
    """dB of full scale; None where nothing in it is louder than a quiet room."""
    gain: Gain
    """With which it is played."""
    novelty: Float[np.ndarray, " S"] | None
    """Of each second, 1 as training sounds are to each other; None: not known."""

    @property
    def far(self) -> float:
        """Share of seconds that are far from anything in the training sound."""
        return 0.0 if self.novelty is None or not len(self.novelty) else float((self.novelty > FAR).mean())


def listen(
    sound: Callable[[], Iterable[np.ndarray]],
    audio_reference: AudioReference,
    gain: Gain | Literal["match"] = "match",
) -> SoundCheck:
    """Hear a whole sound, twice, in bounded memory but for a few bytes a second.

    Args:
        sound: gives it from its beginning, at 64 kHz, in blocks of any length.
        ears: of the player.
        gain: match: the one that brings it to the level of the training sound.
    """
    level = gated_level(sound())
    chosen = matching_gain(level, audio_reference.level) if gain == "match" else gain
    return SoundCheck(
        level, chosen, _novelty(Leveller(chosen, audio_reference.level).applied(sound()), audio_reference)
    )


def _novelty(sound: Iterable[np.ndarray], audio_reference: AudioReference) -> Float[np.ndarray, " S"] | None:
    if audio_reference.repertoire is None:
        return None
    state, values = None, []
    for block in sound:
        features, state = audio_reference.extractor.push(torch.from_numpy(block), state)
        values.append(novelty(features, audio_reference.repertoire))
    values.append(novelty(audio_reference.extractor.finish(state), audio_reference.repertoire))
    return by_second(torch.cat(values), audio_reference.extractor.fps)


def notes(
    name: str, heard: SoundCheck, audio_reference: AudioReference, gain: Gain | Literal["match"] = "match"
) -> list[str]:
    """What a user should know of a sound that is played with the gain that was asked for, a line each; often
    nothing."""
    asked = gain in ("match", "running")
    return [*(_level_notes(name, heard, audio_reference) if asked else []), *_novelty_notes(name, heard)]


def _level_notes(name: str, heard: SoundCheck, audio_reference: AudioReference) -> list[str]:
    """What was done about the level."""
    if audio_reference.level is None:
        return [
            f"{name}: the model does not know how loud its training sound was, so this is played as it is"
        ]
    if heard.level is None:
        return [
            f"{name}: nothing in it is louder than {ABSOLUTE_GATE:g} dB of full scale, so it counts as "
            "silence"
        ]
    difference = audio_reference.level - heard.level
    if heard.gain == "running" or abs(difference) < NOTABLE_DB:
        return []
    than, to = ("quieter", "louder") if difference > 0 else ("louder", "quieter")
    found = f"{name}: {abs(difference):.1f} dB {than} than the training sound: played"
    if abs(difference) <= LARGEST_GAIN:
        return [f"{found} {abs(difference):.1f} dB {to} (--gain 0 plays it as it is)"]
    left = abs(difference) - LARGEST_GAIN
    return [
        f"{found} {LARGEST_GAIN:g} dB {to}, the most there is, and still {left:.1f} dB {than} (--gain takes "
        "any number of dB)"
    ]


def _novelty_notes(name: str, heard: SoundCheck) -> list[str]:
    if heard.novelty is None or heard.far < FAR_SHARE:
        return []
    what = f"{heard.far:.0%} of its seconds are far from anything in the training sound (novelty {heard.novelty.mean():.1f}"
    return [
        f"{name}: {what}, among training sounds 1): the picture may move in ways that the clip never taught"
    ]
