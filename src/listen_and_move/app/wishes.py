"""What a page asks for: each part of a message is checked before it is used."""

from typing import Any

from listen_and_move.audio.loudness import Gain, checked_gain
from listen_and_move.errors import UserError, shown
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.picture_pipelines import PICTURES, Picture, PictureChoice
from listen_and_move.settings import from_values

MOST_CHANNELS = 8


def channels_of(request: dict[str, Any]) -> int:
    """Channels of the samples; one where nothing is said.

    Raises:
        UserError: not 1 to 8.
    """
    channels = whole_of({"channels": 1, **request}, "channels")
    if not 1 <= channels <= MOST_CHANNELS:
        raise UserError(f"channels: expected 1 to {MOST_CHANNELS}; got {channels}")
    return channels


def whole_of(request: dict[str, Any], name: str) -> int:
    """A whole number in what a page sent; 0 where there is none.

    Raises:
        UserError: something else.
    """
    value = request.get(name, 0)
    if type(value) is not int:
        raise UserError(f"{name}: expected a whole number; got {shown(value)}")
    return value


def gain_of(request: dict[str, Any]) -> Gain:
    """The gain in what a page sent; 0 dB where there is none.

    Raises:
        UserError: neither running nor a number of dB that can be played.
    """
    gain = request.get("gain", 0.0)
    if gain != "running" and (isinstance(gain, bool) or not isinstance(gain, (int, float))):
        raise UserError(f"gain: expected running or a number of dB; got {shown(gain)}")
    return checked_gain(gain)


def choice_of(request: dict[str, Any]) -> PictureChoice:
    """The picture that is asked for live, its size, and how much sound it waits for.

    Raises:
        UserError: one of them makes no sense.
    """
    size = request.get("size", "source")
    if not isinstance(size, str):
        raise UserError(f"size: expected model, source, or a size such as 1280x720; got {shown(size)}")
    look_ahead = whole_of(request, "look_ahead") if request.get("look_ahead") is not None else None
    return PictureChoice(picture_of(request), size, seed=seed_of(request), live=True, look_ahead=look_ahead)


def picture_of(request: dict[str, Any]) -> Picture:
    """The picture in what a page sent; auto where there is none.

    Raises:
        UserError: no such picture.
    """
    asked = request.get("picture", "auto")
    for picture in PICTURES:
        if asked == picture:
            return picture
    raise UserError(f"picture: expected one of {', '.join(PICTURES)}; got {shown(asked)}")


def seed_of(request: dict[str, Any]) -> int:
    """The seed in what a page sent; 0 where there is none.

    Raises:
        UserError: no whole number from 0.
    """
    seed = whole_of(request, "seed")
    if seed < 0:
        raise UserError(f"seed: expected a whole number from 0; got {seed}")
    return seed


def controls_of(request: dict[str, Any]) -> Controls:
    """The controls in what a page sent; as trained where there are none.

    Raises:
        UserError: unknown ones, or no numbers.
    """
    return from_values(Controls, request.get("controls", {}), "controls.")
