"""All settings, each with its meaning and its allowed values.

`presets` has rows of settings, `settings` writes and reads them.

The docstring below a setting is its help text.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any, Literal

from listen_and_move.clock import parse_number, parse_rate
from listen_and_move.errors import SettingError, shown
from listen_and_move.json_text import LARGEST_EXACT

LONGEST_MEMORY = 1024
"""Most frames back from which a recurrent layer may continue."""
MOST_DIGITS = 9
"""Most digits of a whole number inside a text, such as a width."""
MOST_RECALLED = 10**6
"""Most training frames that a network blends."""
WIDEST = 2**16
"""Most channels of a layer, and most numbers of a vector."""
LOUDEST_DB = 200.0
"""Limit in dB, up and down, of a noise floor (of mel power) and of the level of a training sound."""

LATER = {"later": True}
"""Marks a setting that version 0.1 lacks.

At its default such a setting is not written, so that equal trainings give equal files, which version 0.1
reads too."""


def require(condition: bool, message: str, hint: str = "") -> None:
    """Refuses a setting that makes no sense, with a message that names it and a hint at what to do."""
    if not condition:
        raise SettingError(message, hint)


def setting(default: Any, **entry: Any) -> Any:
    """Declares a setting that a page shows.

    Args:
        default: its value where nobody chooses one.
        entry: what a page needs beside the docstring below the setting: its label, and where there are some
            its lowest and highest value, the step between values, and usual values.
    """
    return field(default=default, metadata=entry)


def is_whole(text: str) -> bool:
    """Returns whether a text is a whole number of a sensible length."""
    return text.strip().isdecimal() and len(text) <= MOST_DIGITS


def is_step(value: object) -> bool:
    """Returns whether a value is a number of training steps."""
    return type(value) is int and 0 <= value < LARGEST_EXACT


def require_finite(settings: object) -> None:
    """Refuses infinity and NaN in any setting of a group."""
    for name, value in vars(settings).items():
        require(
            not isinstance(value, float) or isfinite(value),
            f"{name.replace('_', '-')}: expected a finite number; got {value}",
        )


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """The part of the video that is learnt."""

    crop: str = setting("", label="Part that is learnt")
    """Part of the picture to use, as left,top,right,bottom in pixels; empty: the largest centred part of the
    right shape."""
    start: float = setting(0.0, label="From second", lowest=0)
    """Where to begin in the video, in seconds."""
    end: float | None = setting(None, label="To second", lowest=0)
    """Where to stop in the video, in seconds; None: at its end."""
    track: int | None = field(default=None, metadata=LATER)
    """Which of a file's sounds, by its number from 0; None: the one that the file marks as its default."""
    picture_track: int | None = field(default=None, metadata=LATER)
    """Which of a file's pictures, by its number from 0; None: the one that the file marks as its default, of
    several the largest."""
    camera: Literal["still", "as-filmed"] = field(default="as-filmed", metadata=LATER)
    """still: frames of a camera in somebody's hands are aligned by what stands still, where there is such,
    and slow changes of light are taken out; as-filmed: they are learnt as they are."""
    size: str = setting(
        "128",
        label="Size of the picture",
        usual=("64", "112x64", "64x112", "128", "224x128", "128x224", "192", "256"),
    )
    """Size of the generated picture: one number for a square, or WIDTHxHEIGHT; 4 to 7 times the same power of
    two a side."""
    fps: str = "20"
    """Frames per second of the generated picture: a number or a fraction such as 30000/1001."""
    holdout: str = "0.2"
    """Share that is never trained on: 0.2 is the last fifth, 0.4-0.6 a part in the middle, 0 nothing."""

    def __post_init__(self) -> None:
        require_finite(self)
        _ = self.doublings, self.rate, self.box, self.held_out  # each property checks its setting
        require(self.start >= 0, f"start: expected 0 seconds or later; got {self.start}")
        require(
            self.end is None or self.end > self.start,
            f"end: expected later than start ({self.start} s); got {self.end}",
        )
        for name, number in (("track", self.track), ("picture-track", self.picture_track)):
            require(number is None or number >= 0, f"{name}: expected a number from 0 on; got {number}")

    @property
    def rate(self) -> Fraction:
        """Frames per second, exact."""
        return parse_rate(self.fps)

    @property
    def width(self) -> int:
        """Width of a frame, in pixels."""
        return self._sides[0]

    @property
    def height(self) -> int:
        """Height of a frame, in pixels."""
        return self._sides[1]

    @property
    def _sides(self) -> tuple[int, int]:
        sides = self.size.lower().split("x")
        require(
            len(sides) in (1, 2) and all(is_whole(side) for side in sides),
            f"size: expected one number or WIDTHxHEIGHT, such as 128 or 224x128; got {shown(self.size)}",
        )
        return int(sides[0]), int(sides[-1])

    @property
    def doublings(self) -> int:
        """How often the start grid is doubled to reach the size."""
        width, height = self._sides
        for times in range(2, 9):
            if all(side % 2**times == 0 and 4 <= side // 2**times <= 7 for side in (width, height)):
                return times
        raise SettingError(
            "size: width and height must be 4, 5, 6 or 7 times the same power of two (4 to 256), "
            f"such as 64, 128, 112x64, 160x128 or 224x128; got {shown(self.size)}"
        )

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """The crop as numbers: left, top, right, bottom; None when it is chosen from the picture."""
        if not self.crop:
            return None
        sides = [side.strip() for side in self.crop.split(",")]
        require(
            len(sides) == 4 and all(is_whole(side) for side in sides),
            f"crop: expected left,top,right,bottom in pixels, such as 40,0,296,224; got {shown(self.crop)}",
        )
        left, top, right, bottom = (int(side) for side in sides)
        require(
            left < right and top < bottom,
            f"crop: left must be below right and top below bottom; got {shown(self.crop)}",
        )
        return left, top, right, bottom

    @property
    def held_out(self) -> tuple[Fraction, Fraction]:
        """First and last share of the clip that is kept from training."""
        shares = [parse_number(bound) for bound in self.holdout.split("-")]
        edges = [1 - shares[0], Fraction(1)] if len(shares) == 1 and shares[0] is not None else shares
        match edges:
            case [Fraction() as first, Fraction() as last] if (
                0 <= first <= last <= 1 and last - first <= Fraction(9, 10)
            ):
                return first, last
        raise SettingError(
            "holdout: expected a share such as 0.2 (the last fifth) or a part such as 0.4-0.6; got "
            f"{shown(self.holdout)}"
        )


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How sound becomes one vector per frame."""

    kind: Literal["lms", "mel", "mfcc", "level", "shape"] = "lms"
    """lms: dB below the chunk's maximum (the paper); mel: power; mfcc: 20 coefficients; level: dB above a
    noise floor;
    shape: the same around its mean over the bands, then that mean (how loud) and its rise within the chunk
    (flux)."""
    bands: int = 64
    """Mel bands from 125 to 7500 Hz."""
    chunk_ms: float = 85.0
    """Length of sound heard for one frame, in milliseconds, in whole columns of 10 ms: 85 gives 8."""
    past: int = 0
    """Chunks before the frame's own that are heard as well."""
    future: int = setting(0, label="Look-ahead", lowest=0, highest=64, step=1)
    """Chunks after the frame's own that are heard as well: look-ahead, which is latency when live."""
    context_bands: int = 16
    """Bands to which each past or future chunk is summarised."""
    standardise: bool = False
    """Subtract the training track's mean and divide by its spread, clamped to +-4."""
    floor_db: float = -40.0
    """level and shape: power below this counts as silence, in dB of mel power; -47 is white noise at -60
    dBFS."""

    def __post_init__(self) -> None:
        require_finite(self)
        require(8 <= self.bands <= 256, f"features.bands: expected 8 to 256; got {self.bands}")
        require(
            20 <= self.chunk_ms <= 1000,
            f"features.chunk-ms: expected 20 to 1000 milliseconds; got {self.chunk_ms}",
        )
        require(
            0 <= self.past <= 64 and 0 <= self.future <= 64,
            "features.past and features.future: expected 0 to 64 chunks",
        )
        require(
            abs(self.floor_db) <= LOUDEST_DB,
            f"features.floor-db: expected -{LOUDEST_DB:g} to {LOUDEST_DB:g} dB; got {self.floor_db}",
        )
        require(
            self.kind != "mfcc" or self.bands >= 20,
            f"features.bands: expected at least 20 for the 20 coefficients of mfcc; got {self.bands}",
        )
        require(
            self.kind == "mfcc" or (self.context_bands > 0 and self.bands % self.context_bands == 0),
            f"features.context-bands: expected a divisor of features.bands ({self.bands}); got "
            f"{self.context_bands}",
        )

    @property
    def chunk_size(self) -> int:
        """Numbers per chunk, before context."""
        return 20 if self.kind == "mfcc" else self.bands + self.extras

    @property
    def extras(self) -> int:
        """Numbers per chunk that belong to no band."""
        return 2 if self.kind == "shape" else 0

    @property
    def flux(self) -> int | None:
        """Index in a chunk of the flux, the rise of its loudness; None: the features hold none."""
        return self.bands + 1 if self.kind == "shape" else None

    @property
    def summary_size(self) -> int:
        """Numbers per chunk of context."""
        return 20 if self.kind == "mfcc" else self.context_bands + self.extras

    @property
    def size(self) -> int:
        """Numbers per frame."""
        return self.chunk_size + (self.past + self.future) * self.summary_size


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """The motion encoder: a residual, multi-scale, dilated recurrent network that listens."""

    sound: bool = True
    """Motion from sound (MfS): the encoder hears the features; without it, noise alone."""
    noise: int = 2
    """Random numbers per frame (motion noise e), uniform in [0, 1)."""
    layers: int = 3
    """Recurrent layers."""
    dilation: int = 2
    """Layer l, from 0 on, continues from dilation^l frames ago: 2 is the paper's, 1 makes all of them listen
    alike."""
    form: Literal["basic", "feedback"] = "basic"
    """basic: hears the features; feedback: hears them through a linear layer, the motion token before
    added."""

    def __post_init__(self) -> None:
        require(1 <= self.layers <= 8, f"motion.layers: expected 1 to 8; got {self.layers}")
        require(
            self.dilation >= 1 and self.dilation ** (self.layers - 1) <= LONGEST_MEMORY,
            "motion.dilation: expected at least 1, and to the power of the last layer at most "
            f"{LONGEST_MEMORY} frames; "
            f"got {self.dilation} with {self.layers} layers",
        )
        require(0 <= self.noise <= 256, f"motion.noise: expected 0 to 256; got {self.noise}")
        require(
            self.sound or self.noise > 0,
            "motion.noise: expected at least 1 where motion.sound is off, else nothing moves; got 0",
        )


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The generator: motion tokens (and sound) in, one picture per frame out."""

    connections: Literal["residual", "skip", "basic"] = "residual"
    """residual: each block's input is added to its output; skip: each block draws a picture, and all add up;
    basic: neither."""
    dimensions: Literal[2, 3] = 2
    """2: kernels see one frame; 3: this frame and the two before it, so that blocks remember."""
    sound_content: bool = True
    """Sound as content (SaC): the features join the motion tokens at the input."""
    content_noise: int = 0
    """Random numbers that stay the same for a whole sound (a window, in training), normal, beside the motion
    tokens."""
    sound_norm: bool = True
    """Audio-conditional instance normalisation (acIN); without it, batch normalisation."""
    norm: Literal["batch", "instance", "pixel"] = "batch"
    """Normalisation of the blocks without sound_norm: over frames, over each picture's channels, or over
    channels per pixel."""
    norm_bottleneck: int = 0
    """acIN through a tanh layer of this width, shift and 1 + scale, a pair of its own per norm; 0: the
    paper's linear layer."""
    channels_base: int = 1024
    """Width of a layer whose input was doubled l times is min(channels_base / 2^l, channels_max)."""
    channels_max: int = 512
    """Largest width of a layer."""
    double_finest: bool = False
    """Twice the width for the two layers of the largest pictures."""
    noise_injection: bool = True
    """Pixel noise with a learnt strength after each convolution."""
    prediction: Literal["none", "plain", "directional"] = "directional"
    """Recurrent layer that carries pixels from frame to frame."""
    prediction_layers: str = ""
    """Blocks after which it works, the first is 1, such as 3,5; empty: after the last."""
    prediction_kernel: int = 3
    """Size of the prediction layer's kernels: 3, or 5 (the paper from 512 pixels on)."""
    picture: Literal["whole", "residual"] = "whole"
    """whole: the network draws everything; residual: it draws what differs from the training clip's mean
    frame."""
    recall: int = 0
    """residual only: training frames kept at most, blended by the likeness of their sounds to what is drawn
    upon; 0: none."""

    def __post_init__(self) -> None:
        require(
            1 <= self.channels_base <= WIDEST and 1 <= self.channels_max <= WIDEST,
            f"generator.channels-base and channels-max: expected 1 to {WIDEST}",
        )
        require(
            self.prediction_kernel in (3, 5),
            f"generator.prediction-kernel: expected 3 or 5; got {self.prediction_kernel}",
        )
        require(
            not self.prediction_layers
            or all(is_whole(number) for number in self.prediction_layers.split(",")),
            "generator.prediction-layers: expected numbers of blocks, such as 3,5; got "
            f"{shown(self.prediction_layers)}",
        )
        require(
            not self.prediction_layers or self.prediction != "none",
            "generator.prediction-layers: expected none with generator.prediction none; got "
            f"{shown(self.prediction_layers)}",
        )
        require(
            0 <= self.recall <= MOST_RECALLED,
            f"generator.recall: expected 0 to {MOST_RECALLED} frames; got {self.recall}",
        )
        require(
            not self.recall or self.picture == "residual",
            "generator.recall: expected generator.picture residual; got whole",
        )
        require(
            0 <= self.norm_bottleneck <= WIDEST,
            f"generator.norm-bottleneck: expected 0 to {WIDEST}; got {self.norm_bottleneck}",
        )
        require(
            not self.norm_bottleneck or self.sound_norm,
            "generator.norm-bottleneck: expected 0 without generator.sound-norm, whose it is; got "
            f"{self.norm_bottleneck}",
        )
        require(
            self.norm == "batch" or not self.sound_norm,
            "generator.norm: expected generator.sound-norm to be off, which is a norm itself; got "
            f"{self.norm} with it",
        )
        require(
            0 <= self.content_noise <= WIDEST,
            f"generator.content-noise: expected 0 to {WIDEST}; got {self.content_noise}",
        )

    def widths(self, doublings: int) -> list[int]:
        """Width after each number of doublings, from 0 on."""
        widths = [
            max(1, min(self.channels_base // 2**layer, self.channels_max)) for layer in range(doublings + 1)
        ]
        return [*widths[:-2], *(2 * width for width in widths[-2:])] if self.double_finest else widths


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The image discriminator and the video discriminator (patch decision)."""

    connections: Literal["skip", "residual", "basic"] = "skip"
    """skip: every layer also sees the picture itself; residual: its input is added to its output; basic:
    neither."""
    channels_base: int = 1024
    """Width of a layer that works at the generator's l-th doubling is min(channels_base / 2^l,
    channels_max)."""
    channels_max: int = 512
    """Largest width of a layer."""
    norm: Literal["batch", "none"] = "batch"
    """Normalisation after each convolution."""
    augment: bool = False
    """Show the discriminators real and generated windows with the same kinds of random colour, shift and
    cut-out."""

    def __post_init__(self) -> None:
        require(
            1 <= self.channels_base <= WIDEST and 1 <= self.channels_max <= WIDEST,
            f"critics.channels-base and channels-max: expected 1 to {WIDEST}",
        )

    def channels(self, layer: int) -> int:
        """Width at the generator's ``layer``-th doubling."""
        return max(1, min(self.channels_base // 2**layer, self.channels_max))


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What training minimises: one weight per term; 0 leaves the term out."""

    adversarial: Literal[
        "wgan-gp", "wgan", "hinge", "non-saturating", "bce", "least-squares", "relativistic"
    ] = "wgan-gp"
    """wgan-gp: Wasserstein with slope 1; the others, whose penalty is R1 and R2: wgan, hinge, non-saturating
    or bce (the same), least-squares, relativistic (softplus over pairs)."""
    adversarial_weight: float = 1.0
    """Weight of both discriminators in the generator's loss; 0 trains by reconstruction alone."""
    penalty: float = 10.0
    """Weight of the discriminators' gradient penalty (lambda of wgan-gp; gamma / 2 of R1 and R2)."""
    penalty_every: int = 1
    """Apply the penalty in every n-th step, n times as strong."""
    shuffled: float = 1.0
    """Weight of the video discriminator's second fake: the real window with its frames in random order."""
    l1: float = 0.0
    """Weight of the mean absolute difference from the real window."""
    l1_scales: int = 1
    """Scales of that difference: 4 means 1, 1/2, 1/4 and 1/8 of the size."""
    difference: float = 0.0
    """Weight of the mean absolute difference between the changes from frame to frame."""
    rest: float = 0.0
    """Weight of the mean absolute change from frame to frame while a quiet room is heard, in every fourth
    step; above 0, recall remembers quiet rooms too, with one still picture."""
    perceptual: float = 0.0
    """Weight of the mean squared difference between a network's feature maps of the generated and of the real
    window."""
    perceptual_network: Literal["vgg16", "squeezenet1_1", "squeezenet1_1-caffe"] = "vgg16"
    """That network; its weights have to be there: see listen-and-move weights. vgg16: the paper's."""
    total_variation: float = 0.0
    """Weight of the mean absolute difference between neighbouring pixels of the generated window."""
    feature_matching: float = 0.0
    """Weight of the mean absolute difference between the discriminators' activations for the real and the
    generated window."""
    motion_weight: float = 0.0
    """Extra weight of moving pixels in l1: 1 + motion_weight x (their spread over time / mean spread)."""

    def __post_init__(self) -> None:
        require_finite(self)
        for name, value in vars(self).items():
            require(
                isinstance(value, str) or value >= 0,
                f"losses.{name.replace('_', '-')}: expected 0 or more; got {value}",
            )
        require(
            not self.feature_matching or self.adversarial_weight > 0,
            "losses.feature-matching: expected losses.adversarial-weight above 0, since only trained critics "
            "match; got 0",
        )
        require(
            self.adversarial != "wgan-gp" or not self.adversarial_weight or self.penalty > 0,
            "losses.penalty: expected above 0 with wgan-gp, which is made of it; got 0: take "
            "losses.adversarial wgan instead",
        )
        require(
            self.penalty_every >= 1, f"losses.penalty-every: expected at least 1; got {self.penalty_every}"
        )
        require(1 <= self.l1_scales <= 6, f"losses.l1-scales: expected 1 to 6; got {self.l1_scales}")
        require(
            self.adversarial_weight > 0 or self.l1 > 0 or self.difference > 0 or self.perceptual > 0,
            "losses: expected at least one of adversarial-weight, l1, difference and perceptual above 0; got "
            "none",
        )


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and in which order the clip is learnt."""

    steps: int = setting(50_000, label="Steps", lowest=1, step=1)
    """Steps in total; a run that is resumed goes on to this number."""
    window: int = 16
    """Frames per window (T)."""
    sampler: Literal["sequential", "random"] = "sequential"
    """sequential: windows one after the other, states carried over; random: anywhere, states primed on the
    frames before."""
    lanes: int = 1
    """Windows per step; sequential: each from its own part of the clip."""
    priming: int = 16
    """random only: frames before a window on which the state is primed."""
    feature_noise: float = 0.0
    """Spread of random numbers added to the features of a window, so that few chunks are not learnt by
    heart."""
    disturbance: float = 0.0
    """How far the sound is disturbed in training, 0 to 1: 1 is +-6 dB louder, +-12 dB duller, half the
    windows in noise."""
    generator_rate: float = 1e-4
    """Learning rate of encoder and generator (Adam)."""
    critic_rate: float = 4e-4
    """Learning rate of both discriminators (Adam)."""
    beta1: float = 0.3
    """Adam's first beta."""
    beta2: float = 0.999
    """Adam's second beta."""
    average: float = 0.0
    """Largest decay of the generator's running average (EMA), reached gradually; 0: none."""
    speed: Literal["exact", "fast"] = "exact"
    """exact: float32 throughout, on CUDA without TF32; fast: bfloat16 where that is safe (never in the
    penalty), with TF32."""
    recompute: bool = False
    """Keep fewer activations of the generator and compute them again for the gradients: less memory, more
    time, same result."""
    save_every: int = 500
    """Steps between saves."""
    validate_every: int = 500
    """Steps between validations on the held-out part."""
    sample_every: int = 1000
    """Steps between sample videos of the held-out part."""
    keep: Literal["source", "small", "none"] = setting(
        "source", label="Kept in the model", usual=("source", "small", "none")
    )
    """What a model keeps of its training frames, which are the picture that it plays: source: as large as
    they are filmed; small: no side longer than 480 pixels; none: the network draws alone. Whoever has the
    model can see them. Place, time and device of the recording are never in it."""
    seed: int = 0
    """Seed of everything random in training."""

    def __post_init__(self) -> None:
        require_finite(self)
        for name in ("steps", "lanes", "save_every", "validate_every", "sample_every"):
            require(
                getattr(self, name) >= 1,
                f"training.{name.replace('_', '-')}: expected at least 1; got {getattr(self, name)}",
            )
        require(
            self.window >= 2 and self.window % 2 == 0,
            f"training.window: expected an even number of frames; got {self.window}",
        )
        require(
            self.feature_noise >= 0, f"training.feature-noise: expected 0 or more; got {self.feature_noise}"
        )
        require(0 <= self.disturbance <= 1, f"training.disturbance: expected 0 to 1; got {self.disturbance}")
        require(self.priming >= 0, f"training.priming: expected 0 or more; got {self.priming}")
        require(
            self.generator_rate > 0 and self.critic_rate > 0,
            "training.generator-rate and critic-rate: expected above 0",
        )
        require(
            0 <= self.beta1 < 1 and 0 <= self.beta2 < 1,
            "training.beta1 and beta2: expected from 0 to below 1",
        )
        require(0 <= self.average < 1, f"training.average: expected from 0 to below 1; got {self.average}")
        require(0 <= self.seed < 2**63, f"training.seed: expected 0 to 2^63 - 1; got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that is needed to play a model."""

    clip: ClipConfig = field(default_factory=ClipConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)

    def __post_init__(self) -> None:
        require(
            self.motion.sound or self.generator.sound_content or self.generator.sound_norm,
            "motion.sound, generator.sound-content, generator.sound-norm: expected at least one to be on, "
            "else no sound is heard",
        )
        require(
            all(0 <= block < self.clip.doublings for block in self.prediction_blocks),
            f"generator.prediction-layers: expected 1 to {self.clip.doublings}, the blocks for size "
            f"{self.clip.size}; "
            f"got {shown(self.generator.prediction_layers)}",
        )

    @property
    def prediction_blocks(self) -> tuple[int, ...]:
        """Indices of the generator's blocks that a prediction layer follows, in order."""
        settings = self.generator
        if settings.prediction == "none":
            return ()
        numbers = settings.prediction_layers or str(self.clip.doublings)
        return tuple(sorted({int(number) - 1 for number in numbers.split(",")}))

    @property
    def noise_sizes(self) -> tuple[int, int]:
        """Random numbers per frame: those of motion, then those of content."""
        return self.motion.noise, self.generator.content_noise

    @property
    def widths(self) -> list[int]:
        """Widths of the generator's layers after each number of doublings."""
        return self.generator.widths(self.clip.doublings)

    @property
    def motion_size(self) -> int:
        """Numbers per motion token: input and output of the encoder."""
        return self.motion.noise + (self.features.size if self.motion.sound else 0)

    @property
    def has_noise(self) -> bool:
        """Whether a seed makes a difference."""
        return self.motion.noise > 0 or self.generator.content_noise > 0 or self.generator.noise_injection

    @property
    def model(self) -> "ModelConfig":
        """The part of the settings that describes the model alone."""
        return ModelConfig(
            clip=self.clip, features=self.features, motion=self.motion, generator=self.generator
        )


@dataclass(frozen=True, kw_only=True)
class Config(ModelConfig):
    """Everything a run depends on."""

    critics: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        side = min(self.clip.width, self.clip.height)
        require(
            not self.losses.l1 or 2**self.losses.l1_scales <= side,
            f"losses.l1-scales: expected scales that a side of {side} pixels has, 2 to their number at most "
            "that; "
            f"got {self.losses.l1_scales}",
        )
        require(
            not self.losses.rest or self.features.kind != "lms",
            "losses.rest: expected features that hear how loud it is, to which lms is deaf; got lms: take "
            "another features.kind, "
            "or 0",
        )
