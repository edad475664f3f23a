"""The presets: rows of values. The name of a preset appears nowhere else."""

from dataclasses import replace
from typing import Any

from listen_and_move.config import (
    ClipConfig,
    Config,
    DiscriminatorConfig,
    FeatureConfig,
    GeneratorConfig,
    LossConfig,
    MotionConfig,
    TrainingConfig,
    require,
)
from listen_and_move.errors import shown

_STUDIO = Config(
    clip=ClipConfig(camera="still"),
    features=FeatureConfig(kind="shape", past=2, future=4, standardise=True),
    motion=MotionConfig(noise=0),
    generator=GeneratorConfig(
        channels_base=128,
        channels_max=64,
        norm_bottleneck=32,
        noise_injection=False,
        prediction="none",
        picture="residual",
        recall=512,
    ),
    critics=DiscriminatorConfig(channels_base=256, channels_max=128, norm="none", augment=True),
    losses=LossConfig(
        adversarial="relativistic",
        # Frames of the clip are the picture, and what is drawn leads them alone: adversaries make what is
        # drawn sharper, hardly what is shown, and take two thirds of a step's time.
        adversarial_weight=0.0,
        penalty=1e-4,
        penalty_every=8,
        shuffled=0.0,
        l1=10.0,
        l1_scales=4,
        difference=5.0,
        rest=10.0,
        motion_weight=2.0,
    ),
    training=TrainingConfig(
        steps=1000,
        window=8,
        sampler="random",
        lanes=2,
        feature_noise=0.25,
        disturbance=1.0,
        generator_rate=1e-3,
        critic_rate=5e-4,
        beta2=0.99,
        average=0.995,
        save_every=100,
        validate_every=200,
        sample_every=500,
    ),
)

_PAPER = Config(losses=LossConfig(perceptual=10.0), training=TrainingConfig(keep="none"))

PRESETS: dict[str, Config] = {
    "studio": _STUDIO,
    "quick": replace(
        _STUDIO,
        clip=replace(_STUDIO.clip, size="64"),
        training=replace(_STUDIO.training, steps=500),
    ),
    "paper": _PAPER,
    "baseline": replace(
        _PAPER,
        motion=MotionConfig(layers=1),
        generator=GeneratorConfig(sound_content=False, sound_norm=False, prediction="none"),
    ),
}
"""By name: studio, the default, without adversaries; quick, the same at 64 pixels, in fewer steps; paper,
every published choice for 128 pixels; baseline, the paper's own: motion from sound alone, one recurrent
layer, batch normalisation, no prediction."""

ABOUT: dict[str, str] = {
    "studio": "the default, 128 pixels, four minutes on a CPU",
    "quick": "studio at 64 pixels, a minute on a CPU",
    "paper": "as published; needs the weights of VGG16",
    "baseline": "the paper's own baseline",
}
"""What a preset is for, in a few words."""

_PAPER_BY_SIZE: dict[int, dict[str, Any]] = {
    256: {"training.steps": 60_000},
    512: {"training.steps": 100_000, "generator.prediction_kernel": 5, "features.chunk_ms": 100.0},
}

BY_SIZE: dict[str, dict[int, dict[str, Any]]] = {"paper": _PAPER_BY_SIZE, "baseline": _PAPER_BY_SIZE}
"""What else a preset changes from a size on, by the smaller side in pixels; `settings.from_preset` applies
it."""


DEFAULT_PRESET = "studio"
"""Of a new run."""


def preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        SettingError: there is no preset of that name.
    """
    require(name in PRESETS, f"preset: expected one of {', '.join(sorted(PRESETS))}; got {shown(name)}")
    return PRESETS[name]
