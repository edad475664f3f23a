"""Requests of the page as values: kind and bounds of each part of a message are checked here alone.

`messages.read_message` has bounded the length, the depth and the numbers of the whole. Kinds are those of
JSON: ``true`` is no number, and a number is no text.
"""

from typing import Any, NamedTuple

from listen_and_move.app.limits import LIVE_CHANNELS
from listen_and_move.audio.loudness import Gain, checked_gain, parse_gain
from listen_and_move.config import ClipConfig
from listen_and_move.errors import UserError, shown
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.picture_pipelines import PICTURES, Picture, PictureChoice
from listen_and_move.settings import from_values
from listen_and_move.sharing.page import CONSENT, checked_credit

LONGEST_TEXT = 255
"""Characters of a name or a choice: as many as a file's name may have."""
JOB_KINDS = ("inspect", "prepare", "animate", "share")
PARTS = ("crop", "start", "end", "size")
"""Settings of the clip that a request for an inspection may hold."""
TRAINING_SETTINGS = frozenset(
    {*(f"clip.{setting}" for setting in PARTS), "features.future", "training.steps", "training.keep"}
)
"""Settings that a request for a training may hold."""


class TrainingWish(NamedTuple):
    """A training that is to begin."""

    upload: str
    name: str
    preset: str
    settings: dict[str, Any]


class InspectWish(NamedTuple):
    """A video that is to be inspected."""

    upload: str
    clip: ClipConfig


class PrepareWish(NamedTuple):
    """A video that is to be made ready to be played with nothing learnt."""

    upload: str


class AnimateWish(NamedTuple):
    """A sound that is to be played by a model, or by a video."""

    upload: str
    model: str
    """Name of a run; empty where a video is played."""
    video: str
    """Id of an upload; empty where a model is played."""
    seed: int
    gain: Any
    """A `Gain`, or match."""
    controls: Controls
    paste: bool
    picture: Picture
    by_sound: bool
    """Whether frames of the clip are chosen by the sound alone, as before anything was learnt."""


class ShareWish(NamedTuple):
    """A model that is to become a page without a server."""

    model: str
    credit: str


class LiveWish(NamedTuple):
    """A model, or a video, that is to be played live."""

    model: str
    video: str
    """See `AnimateWish`."""
    rate: int
    channels: int
    seed: int
    controls: Controls
    gain: Gain
    choice: PictureChoice


def training_of(request: dict[str, Any]) -> TrainingWish:
    """Returns the training that a request asks for; `Trainings.start` checks its name and values.

    Raises:
        UserError: a part is missing or of another kind, or a setting is none of `TRAINING_SETTINGS`.
    """
    settings = _group(request, "settings", TRAINING_SETTINGS)
    return TrainingWish(_upload(request), text_of(request, "name"), text_of(request, "preset"), settings)


def job_of(request: dict[str, Any]) -> InspectWish | PrepareWish | AnimateWish | ShareWish:
    """Returns the job that a request asks for.

    Raises:
        UserError: a part is missing, of another kind, or out of bounds.
    """
    kind = text_of(request, "kind")
    if kind not in JOB_KINDS:
        raise UserError(f"kind: expected one of {', '.join(JOB_KINDS)}; got {shown(kind)}")
    if kind == "share":
        if not flag_of(request, "agreed"):
            raise UserError(f"agreed: expected true, since {CONSENT}; got false")
        return ShareWish(text_of(request, "model"), checked_credit(text_of(request, "credit")))
    upload = _upload(request)
    if kind == "inspect":
        clip = from_values(ClipConfig, _group({"clip": {}, **request}, "clip", frozenset(PARTS)), "clip.")
        return InspectWish(upload, clip)
    if kind == "prepare":
        return PrepareWish(upload)
    return AnimateWish(
        upload,
        *played_of(request),
        seed_of(request),
        parse_gain(str(_gain_value(request, None, "match, running"))),
        controls_of(request),
        flag_of(request, "paste"),
        picture_of(request),
        flag_of(request, "by_sound"),
    )


def live_of(request: dict[str, Any]) -> LiveWish:
    """Returns the live play that the first message asks for.

    Raises:
        UserError: a part is missing, of another kind, or out of bounds.
    """
    return LiveWish(
        *played_of(request),
        whole_of(request, "rate"),
        channels_of(request),
        seed_of(request),
        controls_of(request),
        gain_of(request),
        choice_of(request),
    )


def steps_of(request: dict[str, Any]) -> int:
    """Returns the steps that a run is to have in all; `Trainings.resume` checks how many.

    Raises:
        UserError: the steps are no whole number.
    """
    return whole_of({"steps": None, **request}, "steps")


def played_of(request: dict[str, Any]) -> tuple[str, str]:
    """Returns the name of the model and the id of the video that is to be played; one of them is empty.

    Raises:
        UserError: the request names neither, names both, or holds something else in their place.
    """
    if request.get("video") is None:
        return text_of(request, "model"), ""
    if request.get("model") is not None:
        raise UserError("video: expected a model or a video; got both")
    return "", text_of(request, "video")


def text_of(request: dict[str, Any], name: str) -> str:
    """Returns a text of a request.

    Raises:
        UserError: the text is missing, no text, or longer than `LONGEST_TEXT`.
    """
    value = request.get(name)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise UserError(f"{name}: expected a text of at most {LONGEST_TEXT} characters; got {shown(value)}")
    return value


def flag_of(request: dict[str, Any], name: str) -> bool:
    """Returns a truth value of a request; False where it is missing.

    Raises:
        UserError: the value is neither true nor false.
    """
    value = request.get(name, False)
    if not isinstance(value, bool):
        raise UserError(f"{name}: expected true or false; got {shown(value)}")
    return value


def whole_of(request: dict[str, Any], name: str) -> int:
    """Returns a whole number of a request; 0 where it is missing.

    Raises:
        UserError: the value is no whole number.
    """
    value = request.get(name, 0)
    if type(value) is not int:
        raise UserError(f"{name}: expected a whole number; got {shown(value)}")
    return value


def channels_of(request: dict[str, Any]) -> int:
    """Returns the number of channels of the samples; 1 where it is missing.

    Raises:
        UserError: the number is not 1 to `LIVE_CHANNELS`.
    """
    channels = whole_of({"channels": 1, **request}, "channels")
    if not 1 <= channels <= LIVE_CHANNELS:
        raise UserError(f"channels: expected 1 to {LIVE_CHANNELS}; got {channels}")
    return channels


def gain_of(request: dict[str, Any]) -> Gain:
    """Returns the gain of a request for live play; 0 dB where it is missing.

    Raises:
        UserError: the gain is neither running nor a number of dB that can be played.
    """
    gain = _gain_value(request, 0.0, "running")
    if isinstance(gain, str) and gain != "running":
        raise UserError(f"gain: expected running or a number of dB; got {shown(gain)}")
    return checked_gain(gain)


def choice_of(request: dict[str, Any]) -> PictureChoice:
    """Returns the picture that is to be played live, with its size, its seed and its look-ahead.

    Raises:
        UserError: one of these parts is of another kind, or there is no such picture.
    """
    size = request.get("size", "source")
    if not isinstance(size, str):
        raise UserError(f"size: expected model, source, or a size such as 1280x720; got {shown(size)}")
    look_ahead = whole_of(request, "look_ahead") if request.get("look_ahead") is not None else None
    return PictureChoice(picture_of(request), size, seed=seed_of(request), live=True, look_ahead=look_ahead)


def picture_of(request: dict[str, Any]) -> Picture:
    """Returns the picture of a request; auto where it is missing.

    Raises:
        UserError: there is no such picture.
    """
    asked = request.get("picture", "auto")
    for picture in PICTURES:
        if asked == picture:
            return picture
    raise UserError(f"picture: expected one of {', '.join(PICTURES)}; got {shown(asked)}")


def seed_of(request: dict[str, Any]) -> int:
    """Returns the seed of a request; 0 where it is missing.

    Raises:
        UserError: the seed is no whole number from 0.
    """
    seed = whole_of(request, "seed")
    if seed < 0:
        raise UserError(f"seed: expected a whole number from 0; got {seed}")
    return seed


def controls_of(request: dict[str, Any]) -> Controls:
    """Returns the controls of a request; those that are missing are as trained.

    Raises:
        UserError: there is no such control, or a value is none that it can have.
    """
    return from_values(Controls, request.get("controls", {}), "controls.")


def _upload(request: dict[str, Any]) -> str:
    """Returns the id of an upload; empty, which is the id of none, where a request holds no possible id."""
    value = request.get("upload")
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else ""


def _gain_value(request: dict[str, Any], default: float | None, words: str) -> Any:
    """Returns the gain of a request: a short text or a number, which the caller has to check."""
    gain = request.get("gain", default)
    if isinstance(gain, str) and len(gain) <= LONGEST_TEXT:
        return gain
    if isinstance(gain, bool) or not isinstance(gain, (int, float)):
        raise UserError(f"gain: expected {words} or a number of dB; got {shown(gain)}")
    return gain


def _group(request: dict[str, Any], name: str, known: frozenset[str]) -> dict[str, Any]:
    """Returns a group of settings of a request, all of them among ``known`` and no text of them too long."""
    values = request.get(name)
    if not isinstance(values, dict) or not known.issuperset(values):
        raise UserError(f"{name}: expected some of {', '.join(sorted(known))}; got {shown(values)}")
    for each in values:
        if isinstance(values[each], str):
            text_of(values, each)
    return values
