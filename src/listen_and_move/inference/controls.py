"""Dials of playing: how a picture reacts to its sound. `guide` and `display` apply them.

All data of a dial stands in its entry. The checks, the flags of the command line and the page are made from
the entries, so that a new dial is an entry here and the line where it acts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from math import exp, floor
from typing import Any, Literal, NamedTuple

from listen_and_move.clock import exact
from listen_and_move.config import ModelConfig, require
from listen_and_move.errors import SettingError

VIEWS = ("animate", "live")
"""Views of the page that can show a dial."""


class Dial(NamedTuple):
    """The entry of a dial."""

    default: float | None
    """The value that changes nothing; None: the dial acts only where a value is given."""
    lowest: float
    highest: float
    step: float
    """Step between two values of a slider."""
    label: str
    """Label on a page."""
    help: str
    """Help text for the command line and the page."""
    stage: Literal["front_end", "guide", "display"]
    """The part of the pipeline that applies it."""
    unit: str = ""
    ends: tuple[str, str] = ("", "")
    """Words for the meaning of the lowest and the highest value."""
    usual: float | None = None
    """A value to begin with, where there is no default."""
    percent: bool = False
    """Whether a page shows 1 as 100 %."""
    slider: tuple[float, float] | None = None
    """Range of a slider, where the whole range would be too coarse; None: the whole range."""
    views: tuple[str, ...] = VIEWS
    """Views of the page that show the dial."""
    needs: tuple[str, str] | None = None
    """The setting that a model needs for the dial to act, and what a model does by that setting."""
    name: str = ""
    """Name in Python."""

    @property
    def flag(self) -> str:
        """Name on the command line, and in messages."""
        return self.name.replace("_", "-")

    @property
    def range(self) -> str:
        """Allowed values, in words."""
        low, high = (
            f"{value:g}" + (f" ({meaning})" if meaning else "")
            for value, meaning in zip((self.lowest, self.highest), self.ends, strict=True)
        )
        unit = f" {self.unit}" if self.unit else ""
        return f"{low} to {high}{unit}" + ("" if self.usual is None else f", such as {self.usual:g}")

    def allows(self, value: float | None) -> bool:
        """Returns whether the dial can have a value."""
        return self.default is None if value is None else self.lowest <= value <= self.highest

    def at(self, position: float) -> float | None:
        """Returns the value at a position of a slider, rounded to its step.

        At the low end of a dial without a default it is None.

        Args:
            position: 0 at the slider's low end, 1 at its high end.
        """
        if self.default is None and position <= 0:
            return None
        low, high = self.slider or (self.lowest, self.highest)
        steps = round((low + position * (high - low)) / self.step)
        return min(max(round(steps * self.step, 9), low), high)

    def lacks(self, config: ModelConfig) -> bool:
        """Returns whether a model lacks what this dial acts on."""
        return self.needs is not None and not _setting(config, self.needs[0])

    def described(self) -> dict[str, Any]:
        """Returns the entry for a page, as plain JSON."""
        low, high = self.slider or (self.lowest, self.highest)
        return {**self._asdict(), "slider": {"lowest": low, "highest": high}}


def dial(default: float | None, **entry: Any) -> Any:
    """Declares a field that is a dial.

    Args:
        default: the value of a dial that is not turned.
        entry: the other fields of `Dial`, by their names.
    """
    made = Dial(default, **entry)
    return field(
        default=default, metadata={"dial": made, "help": made.help}
    )  # tyro shows this text as the help of a flag


def dials(kind: type) -> tuple[Dial, ...]:
    """Returns the entries of the dials of a class, in the order of their declaration."""
    declared = {item.name: item.metadata.get("dial") for item in fields(kind)}
    return tuple(entry._replace(name=name) for name, entry in declared.items() if entry is not None)


def check_dials(controls: object) -> None:
    """Refuses a value outside the range of its dial.

    Raises:
        SettingError: there is one; the message names the dial, its range and its unit.
    """
    for each in dials(type(controls)):
        value = getattr(controls, each.name)
        require(each.allows(value), f"{each.flag}: expected {each.range}; got {value}")


_ROUTE: Mapping[str, Any] = {
    "lowest": 0.0,
    "highest": 4.0,
    "step": 0.05,
    "ends": ("deaf", ""),
    "percent": True,
    "stage": "guide",
    "views": (),
}
"""Fields that the gains of the three routes share."""

GAIN = Dial(
    0.0,
    name="gain",
    lowest=-60.0,
    highest=60.0,
    step=1.0,
    slider=(-20.0, 40.0),
    unit="dB",
    label="Loudness as heard",
    stage="front_end",
    help="How loud the model hears the sound; the result keeps it as it is. match: as loud as the training "
    "sound, by one gain of at most 20 dB, since a quieter recording would hardly move the picture (not live, "
    "where the level of the sound to come is not known); running: slowly brought to that level, knowing no "
    "future; or a number of dB, such as 6 or -3.5; 0 plays it as it is.",
)
"""Gain before the features. It is no field of `Controls`, since it can also be a word."""

ADAPT_HELP = (
    "How far a foreign sound is brought into the clip's sound world: each of its features gets the mean and "
    "the spread that it has in the training sound, so that more of the clip is used, and a path moves where "
    "it strikes; silence stays silence. "
    "0: it is heard as it is; 1: all the way; auto: the farther, the newer it is to the model; what sounds "
    "like what was learnt not at all. auto also undoes what another microphone and steady noise do where a "
    "path compares sounds, and what a room leaves behind. Live all this comes with the first seconds."
)
"""Help of the strength of matching, which can also be a word."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """Dials of playing; the defaults play as trained.

    A gain multiplies what a route hears beyond silence: 1 is as trained, 0 deaf, so that with all at 0 any
    sound gives the picture of silence.

    Raises:
        SettingError: a value that makes no sense.
    """

    amount: float = dial(
        1.0,
        lowest=0.0,
        highest=4.0,
        step=0.05,
        slider=(0.0, 3.0),
        ends=("deaf", ""),
        percent=True,
        label="Amount of motion",
        stage="guide",
        help="How much the sound moves the picture, by all three routes: 0 as in silence, 1 as trained, at "
        "most 4.",
    )
    motion_gain: float = dial(
        1.0,
        **_ROUTE,
        label="Gain of motion",
        needs=("motion.sound", "hears by this route"),
        help="The same by one route alone: the motion encoder (MfS).",
    )
    content_gain: float = dial(
        1.0,
        **_ROUTE,
        label="Gain of content",
        needs=("generator.sound_content", "hears by this route"),
        help="The same by one route alone: the generator's input beside the motion (SaC).",
    )
    norm_gain: float = dial(
        1.0,
        **_ROUTE,
        label="Gain of norms",
        needs=("generator.sound_norm", "hears by this route"),
        help="The same by one route alone: the generator's norms (acIN).",
    )
    sharpness: float = dial(
        0.0,
        lowest=-4.0,
        highest=4.0,  # log-odds at which hardly anything of the blend remains (see `models.memory`)
        step=0.25,
        ends=("soft", "sharp"),
        label="Sharpness",
        stage="guide",
        needs=("generator.recall", "recalls frames"),
        help="What the picture is drawn upon: up to 4, more of the one real frame that sounded most alike "
        "(sharper, and it jumps more), down to -4, more of the blend of all that are remembered (softer and "
        "calmer).",
    )
    smoothing: float = dial(
        0.0,
        lowest=0.0,
        highest=10.0,
        step=0.02,
        slider=(0.0, 1.0),
        unit="s",
        label="Smoothing",
        stage="guide",
        help="Seconds in which the picture goes 63 % of the way to what the sound asks for: smoother and as "
        "much later; 0: at once. All that the generator gets is smoothed: motion tokens alone change nothing "
        "that can be seen.",
    )
    delay: float = dial(
        0.0,
        lowest=0.0,
        highest=10.0,
        step=0.05,
        slider=(0.0, 1.0),
        unit="s",
        label="Delay of the picture",
        stage="display",
        views=("animate",),
        help="Seconds by which the picture comes later than the sound, to the nearest frame; until then the "
        "first frame is shown.",
    )
    freeze: float | None = dial(
        None,
        lowest=-100.0,
        highest=0.0,
        step=1.0,
        slider=(-80.0, -20.0),
        usual=-50.0,
        unit="dB",
        label="Freeze in silence below",
        stage="display",
        help="Hold the picture in silence: from half a second below this level on, in dB of full scale after "
        "any gain, such as -50. None: never.",
    )

    def __post_init__(self) -> None:
        check_dials(self)

    @property
    def gains(self) -> tuple[float, float, float]:
        """Returns the gains of the routes MfS, SaC and acIN, the amount included."""
        return self.amount * self.motion_gain, self.amount * self.content_gain, self.amount * self.norm_gain

    def kept(self, fps: Fraction) -> float:
        """Returns the share of the last picture that smoothing keeps from frame to frame, below 1."""
        return exp(-1 / (self.smoothing * float(fps))) if self.smoothing else 0.0

    def delay_frames(self, fps: Fraction) -> int:
        """Returns the delay in frames, the nearest number (a tie goes to the later one)."""
        return floor(exact(self.delay) * fps + Fraction(1, 2))

    def check_model(self, config: ModelConfig) -> None:
        """Refuses a turned dial that a model has nothing for.

        Raises:
            SettingError: there is one; the message names it.
        """
        for each, value in self._turned():
            if each.needs is not None and each.lacks(config):
                setting, does = each.needs
                found = _setting(config, setting)
                off = "off" if found is False else found
                raise SettingError(
                    f"{each.flag}: expected a model that {does}; this one was trained with "
                    f"{setting.replace('_', '-')} {off}; got {value}: leave it away"
                )

    def check_replay(self) -> None:
        """Refuses dials that need a drawing model: real frames can only be delayed and held.

        Raises:
            SettingError: there is some; the message names it.
        """
        for each, value in self._turned():
            require(
                each.stage == "display",
                f"{each.flag}: expected only where a model draws, since a replay shows real frames as they "
                f"are; got {value}: leave it away",
            )

    def _turned(self) -> list[tuple[Dial, float | None]]:
        """Returns the dials with another value than their default, and that value."""
        values = [(each, getattr(self, each.name)) for each in dials(type(self))]
        return [(each, value) for each, value in values if value != each.default]


def lacking(config: ModelConfig) -> list[str]:
    """Returns the names of the dials that have no effect on a model."""
    return [each.name for each in dials(Controls) if each.lacks(config)]


def lacking_in_replay() -> list[str]:
    """Returns the names of the dials that have no effect where real frames are shown by sound alone."""
    return [each.name for each in dials(Controls) if each.stage != "display"]


def _setting(config: ModelConfig, name: str) -> Any:
    section, setting = name.split(".")
    return getattr(getattr(config, section), setting)


AS_TRAINED = Controls()
"""All dials at their defaults."""
