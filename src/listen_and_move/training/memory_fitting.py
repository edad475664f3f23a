"""Fitting of the frame memory, before the first step: its frames, their keys, and the metric of features.

Letters: K remembered frames, V versions of each key, F features, H height, W width.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.audio.augmentation import augmented_power, room_tone
from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.models.memory import FrameMemory
from listen_and_move.models.metric_fitting import feature_groups, fitted_metric_scale
from listen_and_move.models.pixels import as_pixels

APART_SECONDS = 0.5
"""Seconds from a window within which remembered frames may not be retrieved.

They show, and sound like, the window itself: retrieving them would teach the network to copy."""
_SIDE = 16  # pixels of the small pictures by which the metric is fitted
_VERSIONS = 16  # versions of each key beside the recorded one
_ROOM_TONES = 4  # keys of room tone, each in as many versions as a frame's key


class FittedMemory(NamedTuple):
    """The content of a `models.memory.FrameMemory`, in the order of its method ``remember``."""

    metric_scale: Float[Tensor, " F"]
    """Factor of each feature before distances are taken."""
    typical_distance: Float[Tensor, ""]
    """Median distance of a key to the nearest other one."""
    keys: Float[Tensor, "V K F"]
    """Features of the sound of each frame, in several versions."""
    values: UInt8[Tensor, "K 3 H W"]
    """The frames, 0..255."""


def remembered_frames(clip: Clip, config: Config) -> Int[Tensor, " K"]:
    """Returns the numbers of the remembered frames.

    They are all training frames, or evenly spaced ones if there are too many.

    Args:
        clip: the decoded clip.
        config: the run's settings; generator.recall is the largest number of frames.
    """
    numbers = [number for span in clip.train for number in span]
    return torch.tensor(numbers[:: ceil(len(numbers) / config.generator.recall)])


def fitted_memory(clip: Clip, config: Config) -> FittedMemory:
    """Returns the memory of a clip: its remembered frames and, with a stillness loss, room tone.

    Args:
        clip: the decoded clip.
        config: the run's settings.
    """
    numbers = remembered_frames(clip, config)
    keys, values = clip.features[numbers], clip.frames[numbers].movedim(-1, 1)
    small = torch.nn.functional.adaptive_avg_pool2d(values.float() / 255, _SIDE).flatten(1)
    consecutive = numbers.diff() == numbers.diff().min()
    excluded = _excluded(numbers, config)
    scale = fitted_metric_scale(keys, small, excluded, consecutive, feature_groups(config.features))
    distance = torch.cdist(keys * scale, keys * scale).masked_fill(excluded, torch.inf)
    typical = distance.amin(1).median().clamp(min=1e-3)
    versions = torch.stack([keys, *_augmented_keys(clip, config, numbers)])
    memory = FittedMemory(scale, typical, versions, values)
    return _with_room_tone(memory, clip, config) if config.losses.rest else memory


def _with_room_tone(memory: FittedMemory, clip: Clip, config: Config) -> FittedMemory:
    """Returns the memory with keys of room tone, whose value is the best still frame for silence.

    Room tone is far from all keys of the clip, and without keys of its own it would retrieve one random
    frame after the other: a picture that trembles in a quiet room.
    """
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    frames = FrameMemory(config.features.size, (memory.values.shape[-2], memory.values.shape[-1]))
    frames.fill(*memory)
    _, best = frames(extractor.silence()[None, None])
    still = as_pixels(best[0]).movedim(-1, 1)
    random = torch.Generator().manual_seed(config.training.seed)
    shape = (1 + config.features.past + config.features.future, extractor.columns)
    tones = [
        extractor.assemble(extractor.described(room_tone(shape, config.features.bands, random)))
        for _ in range(len(memory.keys) * _ROOM_TONES)
    ]
    keys = torch.cat(tones).unflatten(0, (-1, _ROOM_TONES))
    values = torch.cat([memory.values, still.expand(_ROOM_TONES, -1, -1, -1)])
    return memory._replace(keys=torch.cat([memory.keys, keys], dim=1), values=values)


def _augmented_keys(clip: Clip, config: Config, numbers: Int[Tensor, " K"]) -> Iterator[Float[Tensor, "K F"]]:
    """Yields keys of the augmented sound, which find a frame by other recordings of its sound.

    None are yielded where training augments no sound.
    """
    strength, power = config.training.disturbance, clip.power
    if not strength or power is None:
        return
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    random = torch.Generator().manual_seed(config.training.seed)
    loudness, around = float(power.mean()), config.features.past + 1 + config.features.future
    chunks = (numbers[:, None] + torch.arange(around)).flatten()
    # In a long clip most chunks belong to no key.
    few = len(chunks) < len(power)
    power, places = (power[chunks], torch.arange(0, len(chunks), around)) if few else (power, numbers)
    for _ in range(_VERSIONS):
        augmented = augmented_power(power, loudness, strength, random)
        yield extractor.assemble(extractor.described(augmented))[places]


def memory_mask(numbers: Int[Tensor, " K"], window: range, config: Config) -> Bool[Tensor, " K"]:
    """Returns which remembered frames a window may not retrieve: those near to it in the clip.

    Args:
        numbers: of the remembered frames in the clip.
        window: frame numbers of the window.
        config: the run's settings, for the frame rate.

    Returns:
        True for frames within `APART_SECONDS`; False everywhere if that would leave no frame.
    """
    apart = ceil(APART_SECONDS * config.clip.rate)
    mask = (numbers >= window.start - apart) & (numbers < window.stop + apart)
    return mask if not mask.all() else torch.zeros_like(mask)


def _excluded(numbers: Int[Tensor, " K"], config: Config) -> Bool[Tensor, "K K"]:
    """Returns which remembered frames are too near to each remembered frame to predict it."""
    return torch.stack([memory_mask(numbers, range(each, each + 1), config) for each in numbers.tolist()])
