"""What a model remembers of a clip: frames with their sounds, and by what their likeness is best told.

Letters: K remembered frames, V versions of their sounds, F features, G groups of features, P numbers of a
small picture.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.audio.augmentation import augmented_power, room_tone
from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import Config, FeatureConfig
from listen_and_move.data.clip import Clip
from listen_and_move.models.memory import FrameMemory
from listen_and_move.models.pixels import as_pixels

APART_SECONDS = 0.5
"""Frames nearer than this to a window are no test of memory: they show, and sound like, the window itself."""
_SIDE = 16  # of the pictures that the likeness is judged by
_VERSIONS = 16  # of each sound beside the recorded one
_ROOMS = 4  # quiet rooms, each in as many versions as a sound
_STEPS, _RATE, _CALM = 80, 0.1, 3e-3
_WIDTH, _NARROWEST, _WIDEST = 0.1, 0.05, 0.2  # of the kernel, in mean distances


class Memory(NamedTuple):
    """See `models.memory.Recall`."""

    scale: Float[Tensor, " F"]
    reach: Float[Tensor, ""]
    heard: Float[Tensor, "V K F"]
    frames: UInt8[Tensor, "K 3 H W"]


def memory_places(clip: Clip, config: Config) -> Int[Tensor, " K"]:
    """Numbers of the training frames that are kept: all, or evenly spaced ones where there are too many."""
    numbers = [number for part in clip.train for number in part]
    return torch.tensor(numbers[:: ceil(len(numbers) / config.generator.recall)])


def fitted_memory(clip: Clip, config: Config) -> Memory:
    """The training frames kept, and the weights of their features; after them quiet rooms, where those are to
    be still."""
    places = memory_places(clip, config)
    heard, frames = clip.features[places], clip.frames[places].movedim(-1, 1)
    small = torch.nn.functional.adaptive_avg_pool2d(frames.float() / 255, _SIDE).flatten(1)
    follows = places.diff() == places.diff().min()
    excluded = _excluded(places, config)
    scale = likeness(heard, small, excluded, follows, groups(config.features))
    distance = torch.cdist(heard * scale, heard * scale).masked_fill(excluded, torch.inf)
    reach = distance.amin(1).median().clamp(min=1e-3)
    memory = Memory(scale, reach, torch.stack([heard, *_otherwise(clip, config, places)]), frames)
    return _with_rooms(memory, clip, config) if config.losses.rest else memory


def _with_rooms(memory: Memory, clip: Clip, config: Config) -> Memory:
    """With quiet rooms in which one frame was seen, the one recalled best in silence.

    Their noise is nowhere near what was learnt, and without them one random frame after the other would sound
    most like it.
    """
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    recall = FrameMemory(config.features.size, (memory.frames.shape[-2], memory.frames.shape[-1]))
    recall.remember(*memory)
    _, best = recall(extractor.silence()[None, None])
    still = as_pixels(best[0]).movedim(-1, 1)
    generator = torch.Generator().manual_seed(config.training.seed)
    shape = (1 + config.features.past + config.features.future, extractor.columns)
    count = len(memory.heard) * _ROOMS
    rooms = [
        extractor.assemble(extractor.described(room_tone(shape, config.features.bands, generator)))
        for _ in range(count)
    ]
    heard = torch.cat(rooms).unflatten(0, (-1, _ROOMS))
    frames = torch.cat([memory.frames, still.expand(_ROOMS, -1, -1, -1)])
    return memory._replace(heard=torch.cat([memory.heard, heard], dim=1), frames=frames)


def _otherwise(clip: Clip, config: Config, places: Int[Tensor, " K"]) -> Iterator[Float[Tensor, "K F"]]:
    """The same sounds as they might have been recorded, where training disturbs them too."""
    strength, power = config.training.disturbance, clip.power
    if not strength or power is None:
        return
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    generator = torch.Generator().manual_seed(config.training.seed)
    for _ in range(_VERSIONS):
        other = augmented_power(power, float(power.mean()), strength, generator)
        yield extractor.assemble(extractor.described(other))[places]


def near(places: Int[Tensor, " K"], window: range, config: Config) -> Bool[Tensor, " K"]:
    """Which remembered frames are too near to a window of training; none where that would leave nothing."""
    reach = ceil(APART_SECONDS * config.clip.rate)
    memory_mask = (places >= window.start - reach) & (places < window.stop + reach)
    return memory_mask if not memory_mask.all() else torch.zeros_like(memory_mask)


def groups(config: FeatureConfig) -> Int[Tensor, " F"]:
    """A number per feature: its chunk's bands, or what belongs to no band, share one; the frame's own chunk
    comes first."""
    sizes = [config.chunk_size] + [config.summary_size] * (config.past + config.future)
    numbers: list[int] = []
    for size in sizes:
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first] * (size - config.extras) + list(range(first + 1, first + 1 + config.extras))
    return torch.tensor(numbers)


def likeness(
    heard: Float[Tensor, "K F"],
    pictures: Float[Tensor, "K P"],
    excluded: Bool[Tensor, "K K"],
    follows: Bool[Tensor, " K-1"],
    group: Int[Tensor, " F"],
) -> Float[Tensor, " F"]:
    """The scale of each feature with which the others tell a frame best (leave-one-out, as Goldberger et al.
    2004).

    Each group of features has one weight, so that few frames do not fit many; which chunks count most is
    found: those ahead where motion comes before its sound. Judged by the squared error of pictures and of
    their changes.

    Args:
        heard: features of the sounds.
        pictures: small pictures, any range.
        excluded: which frames may not help to tell which.
        follows: whether frame k + 1 comes right after frame k in the clip.
        group: group number of each feature, from 0.
    """
    spread = heard.std(0, correction=0)
    unit = torch.where(spread > 1e-6 * heard.abs().amax(0).clamp(min=1e-6), 1 / spread.clamp(min=1e-12), 0.0)
    parts = [heard[:, group == number] * unit[group == number] for number in range(int(group.max()) + 1)]
    squares = torch.stack([torch.cdist(part, part).square() for part in parts])  # G, K, K
    typical = squares.sum(0).sqrt().mean().clamp(min=1e-6)
    pictures = pictures - pictures.mean(0)
    weight = torch.zeros(len(parts), requires_grad=True)
    width = torch.tensor(_WIDTH).log().requires_grad_()
    optimizer = torch.optim.Adam([weight, width], lr=_RATE)
    for _ in range(_STEPS):
        distance = ((squares * weight.exp()[:, None, None]).sum(0) + 1e-6).sqrt() / typical
        told = torch.softmax((-distance / width.exp()).masked_fill(excluded, -torch.inf), dim=1) @ pictures
        loss = _error(told, pictures) + _error(told.diff(dim=0)[follows], pictures.diff(dim=0)[follows])
        optimizer.zero_grad()
        (loss + _CALM * weight.square().sum()).backward()
        optimizer.step()
        with torch.no_grad():
            width.clamp_(torch.tensor(_NARROWEST).log(), torch.tensor(_WIDEST).log())
    with torch.no_grad():
        return unit * (weight / 2).exp()[group] / (typical * width.exp())


def _excluded(places: Int[Tensor, " K"], config: Config) -> Bool[Tensor, "K K"]:
    return torch.stack([near(places, range(place, place + 1), config) for place in places.tolist()])


def _error(told: Tensor, real: Tensor) -> Tensor:
    return (told - real).square().sum() / real.square().sum().clamp(min=1e-6)
