"""From settings to networks: the only place where names become classes."""

from torch import nn

from listen_and_move.config import Config, ModelConfig
from listen_and_move.models.critics import Critic, Critics
from listen_and_move.models.generator import Generator, Network
from listen_and_move.models.layers import (
    BatchNorm,
    Block,
    ConditionalInstanceNorm,
    OwnAffine,
    ResidualPicture,
    SharedAffine,
    Start,
    WholePicture,
    initialise,
)
from listen_and_move.models.prediction import PredictionLayer
from listen_and_move.models.recurrent import MotionEncoder


def build_network(config: ModelConfig) -> Network:
    """A fresh motion encoder and generator; weights from torch's global random generator."""
    network = Network(
        MotionEncoder(config.motion_size, config.motion.layers),
        _generator(config),
        motion_sound=config.motion.sound,
        sound_content=config.generator.sound_content,
    )
    initialise(network)
    return network


def build_critics(config: Config) -> Critics:
    """Fresh critics of single frames and of windows, with as many layers as the generator has doublings."""
    widths = [config.critics.channels(layer) for layer in range(config.clip.doublings, -1, -1)]
    norm = config.critics.norm == "batch"
    critics = Critics(image=Critic(widths, video=False, norm=norm), video=Critic(widths, video=True, norm=norm))
    for critic in critics:
        initialise(critic, keep_scale=not norm)
    return critics


def _generator(config: ModelConfig) -> Generator:
    clip, settings = config.clip, config.generator
    inputs = config.motion_size + (config.features.size if settings.sound_content else 0)
    channels = settings.channels(clip.doublings)
    grid = (clip.height >> clip.doublings, clip.width >> clip.doublings)
    bottlenecked = settings.sound_norm and settings.norm_bottleneck > 0
    whole = settings.picture == "whole"
    return Generator(
        start=Start(inputs, settings.channels(0), grid, noise=settings.noise_injection),
        blocks=[_block(config, layer) for layer in range(clip.doublings)],
        picture=WholePicture(channels) if whole else ResidualPicture(channels, (clip.height, clip.width)),
        prediction=_prediction(config, channels),
        bottleneck=nn.Linear(config.features.size, settings.norm_bottleneck) if bottlenecked else None,
    )


def _block(config: ModelConfig, layer: int) -> Block:
    settings = config.generator
    inputs, outputs = settings.channels(layer), settings.channels(layer + 1)
    sound: nn.Module | None = None
    norms: tuple[nn.Module, nn.Module] = (BatchNorm(outputs), BatchNorm(outputs))
    if settings.sound_norm:
        norms = (ConditionalInstanceNorm(), ConditionalInstanceNorm())
        bottleneck = settings.norm_bottleneck
        sound = OwnAffine(bottleneck, outputs) if bottleneck else SharedAffine(config.features.size, outputs)
    return Block(inputs, outputs, norms, sound, noise=settings.noise_injection)


def _prediction(config: ModelConfig, channels: int) -> PredictionLayer | None:
    settings = config.generator
    if settings.prediction == "none":
        return None
    return PredictionLayer(channels, settings.prediction_kernel, directional=settings.prediction == "directional")
