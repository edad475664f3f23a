"""How a picture is played: dials over what the sound does to it. `steering` and `showing` apply them."""

from dataclasses import dataclass, fields
from fractions import Fraction
from math import exp, floor

from listen_and_move.clock import exact
from listen_and_move.config import ModelConfig, require

LARGEST_GAIN = 4.0
LONGEST_SECONDS = 10.0
SHARPEST = 4.0
"""Log-odds at which hardly anything of the blend is left (see `models.memory`)."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """Dials of playing; the defaults play as trained.

    A gain multiplies what a route hears beyond silence: 1 is as trained, 0 deaf, so that with all at 0 any
    sound gives the picture of silence.

    Raises:
        SettingError: a value that makes no sense.
    """

    amount: float = 1.0
    """How much the sound moves the picture, by all three routes: 0 as in silence, 1 as trained, at most 4."""
    motion_gain: float = 1.0
    """The same by one route alone: the motion encoder (MfS)."""
    content_gain: float = 1.0
    """The same by one route alone: the generator's input beside the motion (SaC)."""
    norm_gain: float = 1.0
    """The same by one route alone: the generator's norms (acIN)."""
    sharpness: float = 0.0
    """What the picture is drawn upon: up to 4, more of the one real frame that sounded most alike (sharper,
    and it jumps more), down to -4, more of the blend of all that are remembered (softer and calmer)."""
    smoothing: float = 0.0
    """Seconds in which the picture goes 63 % of the way to what the sound asks for: smoother and as much
    later; 0: at once. All that the generator gets is smoothed: motion tokens alone change nothing that can be
    seen."""
    delay: float = 0.0
    """Seconds by which the picture comes later than the sound, to the nearest frame; until then the first
    frame is shown."""
    freeze: float | None = None
    """Hold the picture in silence: from half a second below this level on, in dB of full scale after any
    gain, such as -50.
    None: never."""

    def __post_init__(self) -> None:
        for name in ("amount", "motion_gain", "content_gain", "norm_gain"):
            value = getattr(self, name)
            require(
                0 <= value <= LARGEST_GAIN,
                f"{_flag(name)}: expected 0 (deaf) to {LARGEST_GAIN:g}; got {value}",
            )
        require(
            -SHARPEST <= self.sharpness <= SHARPEST,
            f"sharpness: expected -4 (soft) to 4 (sharp); got {self.sharpness}",
        )
        for name in ("smoothing", "delay"):
            value = getattr(self, name)
            require(
                0 <= value <= LONGEST_SECONDS,
                f"{name}: expected 0 to {LONGEST_SECONDS:g} seconds; got {value}",
            )
        require(
            self.freeze is None or -100 <= self.freeze <= 0,
            f"freeze: expected a level from -100 to 0 dB of full scale, such as -50; got {self.freeze}",
        )

    @property
    def gains(self) -> tuple[float, float, float]:
        """Of the routes MfS, SaC and acIN, the amount included."""
        return self.amount * self.motion_gain, self.amount * self.content_gain, self.amount * self.norm_gain

    def kept(self, fps: Fraction) -> float:
        """The share of what the picture was that smoothing keeps from one frame to the next, below 1."""
        return exp(-1 / (self.smoothing * float(fps))) if self.smoothing else 0.0

    def delay_frames(self, fps: Fraction) -> int:
        """The delay in frames, the nearest number (a tie goes to the later one)."""
        return floor(exact(self.delay) * fps + Fraction(1, 2))

    def check_model(self, config: ModelConfig) -> None:
        """Refuse a gain of a route, or another dial, for what a model does not have.

        Raises:
            SettingError: there is one; the message names it.
        """
        routes = {
            "motion_gain": ("motion.sound", config.motion.sound),
            "content_gain": ("generator.sound-content", config.generator.sound_content),
            "norm_gain": ("generator.sound-norm", config.generator.sound_norm),
        }
        for name, (setting, there) in routes.items():
            value = getattr(self, name)
            message = f"{_flag(name)}: expected a model that hears by this route; this one was trained with {setting} off; "
            require(there or value == 1, f"{message}got {value}: leave it away")
        message = f"sharpness: expected a model that recalls frames; this one was trained with generator.recall 0; got {self.sharpness}"
        require(config.generator.recall > 0 or not self.sharpness, f"{message}: leave it away")

    def check_replay(self) -> None:
        """Refuse what needs a model that draws: real frames can be delayed and held, nothing else.

        Raises:
            SettingError: there is some; the message names it.
        """
        changed = [item.name for item in fields(self) if getattr(self, item.name) != item.default]
        for name in changed:
            message = f"{_flag(name)}: expected only where a model draws, since a replay shows real frames as they are; "
            require(name in ("delay", "freeze"), f"{message}got {getattr(self, name)}: leave it away")


def _flag(name: str) -> str:
    return name.replace("_", "-")


AS_TRAINED = Controls()
"""Every dial where it changes nothing."""
