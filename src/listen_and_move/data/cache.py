"""Decoded clips kept for the next run, so that a long video is decoded once.

They lie in one folder of the user: $LISTEN_AND_MOVE_CACHE, else a folder in the user's cache; ``off`` keeps
none. An entry is a safetensors file whose name is the hash of all it depends on. It is written whole or not
at all, its tensors are checked by their sums, and whatever is not exactly right counts as not there. The
oldest go when there are too many bytes.
"""

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from listen_and_move.errors import UserError
from listen_and_move.media.replacing import replacing
from listen_and_move.places import in_home, user_cache

FORMAT = 6
"""Raised when the same settings would give other frames or features."""
MOST_CACHED_BYTES = 2_000_000_000
"""Bytes of all entries together."""
_KEY, _SUMS = "key", "sums"
_HEAD = 4096  # bytes beside the tensors, at most


def folder() -> Path | None:
    """Where the entries are; None: none are kept."""
    chosen = os.environ.get("LISTEN_AND_MOVE_CACHE", "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return in_home(chosen)
    cache = user_cache()
    return None if cache is None else cache / "clips"


def key(**depends: Any) -> str:
    """A name for what depends on these values, which JSON can write."""
    return json.dumps({"format": FORMAT, **depends}, sort_keys=True)


def kept(key: str) -> dict[str, Tensor] | None:
    """The tensors of an entry; None where it is not there, damaged or foreign."""
    place = folder()
    if place is None:
        return None
    path = _file(place, key)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get(_KEY) != key or json.loads(metadata[_SUMS]) != _sums(tensors):
            return None
        os.utime(path)  # the ones used last stay longest
    except (OSError, SafetensorError, ValueError, KeyError):
        return None
    return tensors


def keep(key: str, tensors: Mapping[str, Tensor]) -> None:
    """Add an entry where there is room for it; a disk that is full or read-only is no error."""
    place, size = folder(), _HEAD + sum(each.numel() * each.element_size() for each in tensors.values())
    if place is None or size > MOST_CACHED_BYTES // 2:
        return
    with suppress(OSError, UserError, SafetensorError):
        place.mkdir(parents=True, exist_ok=True)
        _make_room(place, MOST_CACHED_BYTES - size)
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        with replacing(_file(place, key)) as temporary:
            save_file(whole, temporary, {_KEY: key, _SUMS: json.dumps(_sums(whole))})


def _file(place: Path, key: str) -> Path:
    return place / f"{sha256(key.encode()).hexdigest()}.safetensors"


def _sums(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    return {name: zlib.crc32(tensor.contiguous().numpy().data) for name, tensor in tensors.items()}


def _make_room(place: Path, allowed: int) -> None:
    """Drop the entries used longest ago."""
    entries = sorted(place.glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
    used = 0
    for path in entries:
        used += path.stat().st_size
        if used > allowed:
            path.unlink(missing_ok=True)
