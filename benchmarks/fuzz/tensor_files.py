"""Alterations of safetensors files, most of which stay well formed."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from math import prod
from random import Random
from typing import Any, NamedTuple

from benchmarks.fuzz.mutations import altered_bytes, altered_value

PACKETS = "kept.packets"
METADATA = "__metadata__"
BYTES_OF = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "F32": 4,
    "I64": 8,
    "F64": 8,
}
"""Bytes of a number of each type of tensors."""


class AlteredFile(NamedTuple):
    """A file that was altered."""

    name: str
    """What was done."""
    content: bytes


class StoredTensor(NamedTuple):
    """A tensor as it is in a file."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class TensorFileParts(NamedTuple):
    """What a safetensors file holds."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, StoredTensor]

    def __repr__(self) -> str:
        return f"{len(self.tensors)} tensors"

    @classmethod
    def of(cls, content: bytes) -> "TensorFileParts":
        """Returns the parts of a good file."""
        header, data = split(content)
        tensors = {
            name: StoredTensor(each["dtype"], tuple(each["shape"]), data[slice(*each["data_offsets"])])
            for name, each in header.items()
            if name != METADATA
        }
        return cls(header.get(METADATA, {}), tensors)

    def content(self) -> bytes:
        """Returns the file."""
        header: dict[str, Any] = {METADATA: dict(self.metadata)} if self.metadata else {}
        place = 0
        for name, tensor in self.tensors.items():
            end = place + len(tensor.data)
            header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [place, end]}
            place = end
        return joined(json.dumps(header).encode(), b"".join(each.data for each in self.tensors.values()))

    def with_tensor(self, name: str, tensor: StoredTensor) -> "TensorFileParts":
        """Returns the parts with another tensor in the place of one, or beside all."""
        return self._replace(tensors={**self.tensors, name: tensor})


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Returns the header of a good safetensors file, and the bytes of its tensors."""
    begin = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:begin]), content[begin:]


def joined(header: bytes, data: bytes) -> bytes:
    """Returns a safetensors file of both."""
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def _bytes(parts: TensorFileParts, chance: Random) -> bytes:
    return altered_bytes(parts.content(), chance)


def _header_bytes(parts: TensorFileParts, chance: Random) -> bytes:
    content = parts.content()
    begin = 8 + int.from_bytes(content[:8], "little")
    return joined(altered_bytes(content[8:begin], chance), content[begin:])


def _header_length(parts: TensorFileParts, chance: Random) -> bytes:
    length = chance.choice([0, 1, 2**16, 10**8, 2**32, 2**63, 2**64 - 1])
    return length.to_bytes(8, "little") + parts.content()[8:]


def _header_field(parts: TensorFileParts, chance: Random) -> bytes:
    header, data = split(parts.content())
    return joined(json.dumps(altered_value(header, chance)).encode(errors="surrogatepass"), data)


def _left_out(parts: TensorFileParts, chance: Random) -> bytes:
    name = chance.choice(list(parts.tensors))
    return parts._replace(tensors={key: each for key, each in parts.tensors.items() if key != name}).content()


def _renamed(parts: TensorFileParts, chance: Random) -> bytes:
    name = chance.choice(list(parts.tensors))
    other = chance.choice(
        [name + "x", name[:-1], chance.choice(list(parts.tensors)), "\x1b[2J\n", "n" * 10_000]
    )
    tensors = {other if key == name else key: each for key, each in parts.tensors.items()}
    return parts._replace(tensors=tensors).content()


def _beside(parts: TensorFileParts, chance: Random) -> bytes:
    name = chance.choice(
        ["extra", "network.extra", "kept.poses", "kept.light", "novelty.chunks", "path.extra"]
    )
    shape = chance.choice([(), (0,), (3,), (242, 4), (242, 3), (1000, 1000), (0, 10**9)])
    return parts.with_tensor(name, StoredTensor("F32", shape, bytes(4 * prod(shape)))).content()


def _shape(parts: TensorFileParts, chance: Random) -> bytes:
    """Another shape of as many numbers."""
    name = chance.choice(list(parts.tensors))
    tensor = parts.tensors[name]
    mixed = list(tensor.shape)
    chance.shuffle(mixed)
    count = prod(tensor.shape)
    shapes = [tuple(mixed), (count,), (1, *tensor.shape), (*tensor.shape, 1), (1, count), (count, 1)]
    return parts.with_tensor(name, tensor._replace(shape=chance.choice(shapes))).content()


def _resized(parts: TensorFileParts, chance: Random) -> bytes:
    """One side shorter or longer, and the numbers that belong to that."""
    name = chance.choice(list(parts.tensors))
    tensor = parts.tensors[name]
    shape = list(tensor.shape) or [1]
    place = chance.randrange(len(shape))
    shape[place] = max(0, chance.choice([0, 1, shape[place] - 1, shape[place] + 1, 2 * shape[place]]))
    if chance.random() < 0.1:
        shape = [0, 10**15]
    wanted = prod(shape) * BYTES_OF[tensor.dtype]
    data = (tensor.data * (1 + wanted // max(1, len(tensor.data))))[:wanted].ljust(wanted, b"\0")
    return parts.with_tensor(name, StoredTensor(tensor.dtype, tuple(shape), data)).content()


def _dtype(parts: TensorFileParts, chance: Random) -> bytes:
    """The same bytes as numbers of another type, or as many numbers of it."""
    name = chance.choice(list(parts.tensors))
    tensor = parts.tensors[name]
    dtype, size = chance.choice(list(BYTES_OF.items()))
    data = (tensor.data * 8)[: size * prod(tensor.shape)].ljust(size * prod(tensor.shape), b"\0")
    return parts.with_tensor(name, StoredTensor(dtype, tensor.shape, data)).content()


_FORMS = {"F32": "<f", "F64": "<d", "I32": "<i", "I64": "<q", "U8": "<B", "F16": "<e"}


def _values(parts: TensorFileParts, chance: Random) -> bytes:
    """Numbers that no training makes: a few of them, or all."""
    name = chance.choice([name for name, each in parts.tensors.items() if each.data and each.dtype in _FORMS])
    tensor = parts.tensors[name]
    form, size = _FORMS[tensor.dtype], BYTES_OF[tensor.dtype]
    fractions = (0.0, -0.0, 1e-38, 1e6, -1e6, 1e11, 1e20, -3e38, float("nan"), float("inf"), float("-inf"))
    most = 2 ** (8 * size - 1)
    whole = (0, 1, 255) if tensor.dtype == "U8" else (0, -1, 1, 2**20, most - 1, -most)
    value = chance.choice(fractions if tensor.dtype.startswith("F") else whole)
    if tensor.dtype == "F16":
        value = max(-6e4, min(6e4, value))
    number = struct.pack(form, value)
    count = len(tensor.data) // size
    data = bytearray(tensor.data)
    if chance.random() < 0.3:
        data = bytearray(number * count)
    for _ in range(chance.choice([1, 1, 10])):
        place = size * chance.randrange(count)
        data[place : place + size] = number
    return parts.with_tensor(name, tensor._replace(data=bytes(data))).content()


def _with_entry(parts: TensorFileParts, chance: Random, change: Callable[[Any], Any]) -> bytes:
    """A metadata entry, which is JSON, changed."""
    name = chance.choice(list(parts.metadata))
    text = json.dumps(change(json.loads(parts.metadata[name])))
    return parts._replace(metadata={**parts.metadata, name: text}).content()


def _entry_value(parts: TensorFileParts, chance: Random) -> bytes:
    return _with_entry(parts, chance, lambda entry: altered_value(entry, chance))


def _entry_text(parts: TensorFileParts, chance: Random) -> bytes:
    name = chance.choice(list(parts.metadata))
    junk = [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"", b"null", b"[" * 900 + b"]" * 900]
    text = parts.metadata[name].encode()
    text = chance.choice(junk) if chance.random() < 0.3 else altered_bytes(text, chance)
    return parts._replace(metadata={**parts.metadata, name: text.decode(errors="replace")}).content()


def _several_settings(parts: TensorFileParts, chance: Random) -> bytes:
    """Settings that each make sense, and together another network, mostly a much larger one."""
    usual: dict[str, dict[str, Sequence[Any]]] = {
        "clip": {"size": ["32", "112x64", "1792", "1792x1024"], "fps": ["1", "30000/1001", "240"]},
        "features": {
            "kind": ["lms", "mel", "mfcc", "level", "shape"],
            "bands": [8, 32, 256],
            "chunk_ms": [20.0, 1000.0],
            "past": [0, 64],
            "future": [0, 64],
            "standardise": [True, False],
            "floor_db": [-1e6, 0.0, 1e300],
        },
        "motion": {
            "noise": [0, 2, 256],
            "layers": [1, 8],
            "form": ["basic", "feedback"],
            "dilation": [1, 10**9],
        },
        "generator": {
            "channels_base": [1, 4096, 2**15, 10**12],
            "channels_max": [1, 4096, 2**15, 10**12],
            "norm_bottleneck": [0, 2**20, 10**12],
            "content_noise": [0, 4, 10**9],
            "prediction": ["none", "plain", "directional"],
            "prediction_layers": ["", "1,2", "1,1", "9"],
            "dimensions": [2, 3],
            "recall": [0, 10**9],
            "picture": ["whole", "residual"],
        },
    }

    def change(entry: Any) -> Any:
        settings: Any = entry.get("settings")
        if settings is None and "frames" not in entry:  # neither of a model nor of kept frames
            return altered_value(entry, chance)
        if settings is None:
            frames = {"width": [2, 4096], "height": [2, 4096], "frames": [1, 10**6], "group": [1, 1000]}
            name = chance.choice(list(frames))
            return {**entry, "frames": {**entry["frames"], name: chance.choice(frames[name])}}
        for _ in range(chance.choice([1, 2, 3])):
            group = chance.choice(list(usual))
            name = chance.choice(list(usual[group]))
            values = {name: chance.choice(usual[group][name])}
            if "channels" in name and chance.random() < 0.7:  # one alone is held down by the other
                values = dict.fromkeys(("channels_base", "channels_max"), values[name])
            settings = {**settings, group: settings[group] | values}
        return {**entry, "settings": settings}

    return _with_entry(parts, chance, change)


def _packets(parts: TensorFileParts, chance: Random) -> bytes:
    """Bytes of kept frames, as many as before."""
    tensor = parts.tensors.get(PACKETS)
    if tensor is None:
        return _bytes(parts, chance)
    data = bytearray(tensor.data)
    for _ in range(chance.choice([1, 3, 30])):
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
    if chance.random() < 0.3:
        place, other = chance.randrange(len(data)), chance.randrange(len(data))
        data = bytearray((bytes(data[:place]) + bytes(data[other:]) + bytes(data))[: len(data)])
    return parts.with_tensor(PACKETS, tensor._replace(data=bytes(data))).content()


def _swapped(parts: TensorFileParts, chance: Random) -> bytes:
    """The numbers of two tensors of one type and shape, such as sizes and positions of frames."""
    kinds: dict[Any, list[str]] = {}
    for name, each in parts.tensors.items():
        kinds.setdefault((each.dtype, each.shape), []).append(name)
    one, other = chance.sample(chance.choice([names for names in kinds.values() if len(names) > 1]), 2)
    tensors = parts.tensors
    return parts.with_tensor(one, tensors[other]).with_tensor(other, tensors[one]).content()


ALTERATIONS: Mapping[str, Callable[[TensorFileParts, Random], bytes]] = {
    "bytes": _bytes,
    "bytes of the header": _header_bytes,
    "length of the header": _header_length,
    "field of the header": _header_field,
    "tensor left out": _left_out,
    "tensor renamed": _renamed,
    "tensor beside the others": _beside,
    "shape": _shape,
    "resized": _resized,
    "type": _dtype,
    "values": _values,
    "value of an entry": _entry_value,
    "text of an entry": _entry_text,
    "several settings": _several_settings,
    "packets": _packets,
    "tensors swapped": _swapped,
}
_OFTEN = ("resized", "type", "shape", "values", "value of an entry", "value of an entry", "several settings")


def altered_tensor_file(content: bytes, chance: Random) -> AlteredFile:
    """Returns a safetensors file altered in one way.

    Args:
        content: the good file.
        chance: what is drawn from.
    """
    name = chance.choice([*ALTERATIONS, *_OFTEN, *_OFTEN])
    return AlteredFile(name, ALTERATIONS[name](TensorFileParts.of(content), chance))
