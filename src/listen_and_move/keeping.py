"""Makes the frames that a model keeps of its clip from the video."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.clock import exact
from listen_and_move.config import ClipConfig, FeatureConfig
from listen_and_move.data.clip import Clip, file_hash
from listen_and_move.data.song_films import trained_takes
from listen_and_move.data.source_frames import encode_clip
from listen_and_move.data.take import take_names
from listen_and_move.models.kept_frames import KeptAbout, KeptFrames, KeptTake
from listen_and_move.models.metric_fitting import clip_metric_scale
from listen_and_move.models.packets import Packets
from listen_and_move.models.path_costs import BY_SOUND
from listen_and_move.models.path_memory import PathMemory, path_memory
from listen_and_move.progress import Progress, untold


def keep_frames(
    video: Path,
    video_hash: str,
    clip: Clip,
    settings: ClipConfig,
    features: FeatureConfig,
    *,
    small: bool = False,
    fleeting: bool = False,
    metric_scale: Float[Tensor, " F"] | None = None,
    progress: Progress = untold,
) -> KeptFrames:
    """Returns the training frames of a clip at the size of the source, with the memory of a path.

    The packets of the frames are in a temporary file.

    Args:
        video: that the clip was decoded from: of several takes the first, of songs their folder.
        video_hash: sha256 of its content; of several takes that of their hashes.
        clip: the decoded clip.
        settings: how it was decoded.
        features: which features a frame has.
        small: whether frames are kept smaller than they are.
        fleeting: whether they are played once and not kept.
        metric_scale: factor of each feature (F) in the distance between sounds; None: fitted to the clip.
        progress: called with frames done and expected.

    Raises:
        UserError: the video cannot be read, or its picture is too large.
    """

    def memory() -> PathMemory:
        numbers, scale = training_frames(clip.train), metric_scale
        if scale is None:
            scale = clip_metric_scale(clip.frames, clip.features, numbers, features, settings.rate)
        return path_memory(clip.frames, clip.features, numbers, scale.cpu().clone())

    # Fitting takes about as long as encoding, and the two are independent.
    with (
        ThreadPoolExecutor(1) as beside,
        tempfile.TemporaryFile() as temporary,
        trained_takes(video, clip) as films,
    ):
        fitting = beside.submit(memory)
        file = cast(BinaryIO, temporary)
        encoded = encode_clip(
            films[0].path if films else video,
            settings,
            clip.box,
            clip.train,
            file,
            takes=films,
            small=small,
            fleeting=fleeting,
            progress=progress,
        )
        file.flush()
        packets = Packets(file, 0, sum(encoded.sizes))
        path = fitting.result()
    takes = tuple(
        KeptTake(name, video_hash if clip.stretches else file_hash(take.path), int(take.begin * encoded.fps))
        for name, take in zip(take_names([take.path for take in films]), films, strict=True)
    )
    start = exact(settings.start)
    about = KeptAbout(encoded.header, encoded.fps, start, video_hash, BY_SOUND, small, takes=takes)
    positions = np.array(encoded.positions)
    poses, light = (
        None if each is None else each[positions.clip(max=len(each) - 1)] for each in (clip.poses, clip.light)
    )
    return KeptFrames(about, encoded.sizes, positions, path, packets, str(video), poses, light)


def training_frames(spans: Sequence[range]) -> Tensor:
    """Returns the numbers of all frames of some spans."""
    return torch.cat([torch.arange(span.start, span.stop) for span in spans])
