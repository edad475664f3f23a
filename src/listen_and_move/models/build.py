"""Builds networks from settings: the only place where names become classes."""

import torch
from torch import nn

from listen_and_move.config import Config, ModelConfig
from listen_and_move.models.discriminators import Discriminator, Discriminators
from listen_and_move.models.generator import Generator, Network
from listen_and_move.models.layers import (
    Block,
    PointConvolution,
    ResidualPicture,
    Start,
    WholePicture,
    initialise,
)
from listen_and_move.models.memory import FrameMemory, ReferenceEncoder, ReferenceGate
from listen_and_move.models.norms import NORMS, ConditionalInstanceNorm, OwnAffine, SharedAffine
from listen_and_move.models.prediction import PredictionLayer
from listen_and_move.models.recurrent import MOTION_ENCODERS


def build_network(config: ModelConfig) -> Network:
    """Returns a fresh motion encoder and generator; weights come from torch's global random generator."""
    network = _network(config)
    initialise(network)
    if network.generator.reference_encoder is not None:
        initialise(network.generator.reference_encoder, keep_scale=True)  # the encoder has no norms
    return network


def outlined_network(config: ModelConfig) -> Network:
    """Returns the network that settings describe, without memory for its tensors.

    Its tensors have names, shapes and types alone, since settings from anybody may ask for any size.
    """
    with torch.device("meta"):
        return _network(config)


def outlined_discriminators(config: Config) -> Discriminators:
    """Returns the discriminators that settings describe, without memory for their tensors."""
    with torch.device("meta"):
        return _discriminators(config)


def build_discriminators(config: Config) -> Discriminators:
    """Returns fresh discriminators of single frames and of windows.

    They have as many layers as the generator has doublings.
    """
    discriminators = _discriminators(config)
    for discriminator in discriminators:
        initialise(discriminator, keep_scale=config.critics.norm != "batch")
    return discriminators


def _network(config: ModelConfig) -> Network:
    return Network(
        MOTION_ENCODERS[config.motion.form](config.motion_size, config.motion.layers, config.motion.dilation),
        _generator(config),
        motion_sound=config.motion.sound,
        sound_content=config.generator.sound_content,
        content_noise=config.generator.content_noise,
    )


def _discriminators(config: Config) -> Discriminators:
    # The layers mirror the generator's, outermost first, so that both work at the same sizes.
    widths = [config.critics.channels(layer) for layer in range(config.clip.doublings, -1, -1)]
    norm = config.critics.norm == "batch"
    image, video = (
        Discriminator(widths, video=each, norm=norm, connections=config.critics.connections)
        for each in (False, True)
    )
    return Discriminators(image, video)


def _generator(config: ModelConfig) -> Generator:
    clip, settings = config.clip, config.generator
    inputs = (
        config.motion_size + (config.features.size if settings.sound_content else 0) + settings.content_noise
    )
    widths = config.widths
    grid = (clip.height >> clip.doublings, clip.width >> clip.doublings)
    # A narrow layer before acIN: with all numbers of a sound, new sounds made the colours flicker.
    bottlenecked = settings.sound_norm and settings.norm_bottleneck > 0
    whole = settings.picture == "whole"
    return Generator(
        start=Start(
            inputs, widths[0], grid, noise=settings.noise_injection, over_time=settings.dimensions == 3
        ),
        blocks=[_block(config, layer) for layer in range(clip.doublings)],
        picture=WholePicture(widths[-1]) if whole else ResidualPicture(widths[-1], (clip.height, clip.width)),
        predictions=_predictions(config),
        bottleneck=nn.Linear(config.features.size, settings.norm_bottleneck) if bottlenecked else None,
        memory=FrameMemory(config.features.size, (clip.height, clip.width)) if settings.recall else None,
        reference_encoder=ReferenceEncoder(widths[-2:0:-1]) if settings.recall else None,
        gate=ReferenceGate(widths[-1]) if settings.recall else None,
        sketches=[PointConvolution(width, 3) for width in widths[1:-1]]
        if settings.connections == "skip"
        else (),
    )


def _block(config: ModelConfig, layer: int) -> Block:
    settings = config.generator
    inputs, outputs = config.widths[layer : layer + 2]
    sound: nn.Module | None = None
    norms: tuple[nn.Module, nn.Module] = (NORMS[settings.norm](outputs), NORMS[settings.norm](outputs))
    if settings.sound_norm:
        norms = (ConditionalInstanceNorm(), ConditionalInstanceNorm())
        bottleneck = settings.norm_bottleneck
        sound = OwnAffine(bottleneck, outputs) if bottleneck else SharedAffine(config.features.size, outputs)
    return Block(
        inputs,
        outputs,
        norms,
        sound,
        noise=settings.noise_injection,
        residual=settings.connections == "residual",
        over_time=settings.dimensions == 3,
    )


def _predictions(config: ModelConfig) -> dict[int, PredictionLayer]:
    settings = config.generator
    directional = settings.prediction == "directional"
    return {
        block: PredictionLayer(config.widths[block + 1], settings.prediction_kernel, directional)
        for block in config.prediction_blocks
    }
