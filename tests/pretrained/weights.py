"""Weight files with made-up numbers under the names of published ones, for all but what the numbers say."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch

from listen_and_move.data.clip import file_hash
from listen_and_move.pretrained.registry import WEIGHTS

PUBLISHED: dict[str, dict[str, list[int]]] = json.loads(
    (Path(__file__).parent / "goldens" / "published_files.json").read_text()
)
"""Names and shapes of the tensors in published files; test_weight_files compares them with the files."""


def made_up(name: str) -> dict[str, torch.Tensor]:
    """Tensors as in a published file: products keep their size, weights of channels are positive, and flows
    are so small that they stay in the picture."""
    random, tensors = np.random.Generator(np.random.PCG64(0)), {}
    for key, shape in PUBLISHED[name].items():
        values = random.standard_normal(shape) * (2 / prod(shape[1:])) ** 0.5
        if name.startswith("lpips"):
            values = abs(values)
        if key.startswith("module.update_block.flow_head.conv2"):
            values *= 0.005
        tensors[key] = torch.from_numpy(values.astype(np.float32))
    return tensors


@contextmanager
def made_up_files(folder: Path, *names: str) -> Iterator[Path]:
    """A folder with files of these names, which are taken for the published ones."""
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            file = folder / WEIGHTS[name].file
            torch.save(made_up(name), file)
            known = replace(WEIGHTS[name], size=file.stat().st_size, sha256=file_hash(file))
            patch.setitem(WEIGHTS, name, known)
        yield folder


@contextmanager
def made_up_weights(folder: Path, *names: str) -> Iterator[Path]:
    """The same folder as the user's."""
    with pytest.MonkeyPatch.context() as patch, made_up_files(folder, *names):
        patch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(folder))
        yield folder
