"""The rows of the table: the real video, the model, and baselines that any model must beat."""

import numpy as np
import torch
from numpy.typing import NDArray

from listen_and_move.data.frame_store import Shelf
from listen_and_move.evaluation.baselines import Picked, Still, blocks, drawn, mean_frame
from listen_and_move.evaluation.dataset import Frames, Watch
from listen_and_move.evaluation.subject import Subject
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.sources.path import PLAIN, VITERBI, Replay, Search, thumbnails

REAL, MODEL, MEAN, HELD, SHIFTED = (
    "real video",
    "model",
    "mean frame",
    "last frame held",
    "training video, shifted",
)
NEAREST, PATH = "replay, nearest sound", "replay, smooth path"
MOVING = (MODEL, SHIFTED, NEAREST, PATH)
"""Rows that move."""


def rows(animator: Animator, subject: Subject, seed: int, shelf: Shelf, watch: Watch) -> dict[str, Frames]:
    """All rows, in the order of the table."""
    learnt, count = subject.learnt.frames, len(subject.span)
    own = subject.shown is subject.learnt
    last = subject.span.start - 1 if own and subject.span.start > 0 else subject.longest.stop - 1
    features, store = subject.shown.features, shelf.store(*animator.size)
    return {
        REAL: subject.real,
        MODEL: drawn(animator, features, subject.span, seed, store, "playing", watch),
        MEAN: Still(mean_frame(learnt, subject.train), count),
        HELD: Still(learnt.read(last, last + 1)[0], count),
        SHIFTED: Picked(learnt, _from_anywhere(subject.longest, count, seed)),
        **{
            name: Picked(learnt, _replayed(subject, search))
            for name, search in ((NEAREST, PLAIN), (PATH, VITERBI))
        },
    }


def _from_anywhere(part: range, count: int, seed: int) -> NDArray[np.int64]:
    """Frame after frame from a random place on, over the end back to the beginning."""
    start = int(np.random.default_rng(seed).integers(len(part)))
    return part.start + (start + np.arange(count)) % len(part)


def _replayed(subject: Subject, search: Search) -> NDArray[np.int64]:
    """Training frames in the order that the sound asks for."""
    places = np.concatenate([np.arange(part.start, part.stop) for part in subject.train])
    small = [
        thumbnails(torch.tensor(block), np.arange(len(block)))
        for block in blocks(subject.learnt.frames, subject.train)
    ]
    replay = Replay(places, subject.learnt.features[places].numpy(), np.concatenate(small), search)
    return replay.whole(subject.shown.features[subject.span.start : subject.span.stop])
