"""The training frames that a model keeps, at the size of the source, and their numbers in files.

Letters: M kept frames.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor, prod
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from listen_and_move.clock import parse_number
from listen_and_move.errors import SettingError, UserError, printable
from listen_and_move.json_text import parsed
from listen_and_move.media.frame_archive import ArchiveHeader, FrameReader
from listen_and_move.models.packets import PACKETS, Packets, opened_packets, write_with_packets
from listen_and_move.models.path_costs import CostWeights
from listen_and_move.models.path_memory import SIDE, PathMemory
from listen_and_move.models.tensor_file import LARGEST_NUMBER, TensorFile, TensorKind, opened_tensors

ENTRY = "kept_frames"
"""Key of the entry in the metadata."""
_SIZES, _POSITIONS, _PATH, _POSES = "kept.sizes", "kept.positions", "path.", "kept.poses"
_LIGHT = "kept.light"
FARTHEST = 4.0
"""Bound of all numbers of a pose (4 widths, 55 times as large, more than half a turn) and of light (16 times
as bright).

Of poses it is 4 widths of the picture, 55 times as large, more than half a turn; of light 16 times as bright.
"""

LATEST = 10**7
"""Largest second (four months) at which a clip may begin in a video."""
LONGEST_TAKE_NAME = 255
"""Most characters of the name of a take."""
FARTHEST_PICTURE = 1e6
"""Bound of all numbers that describe thumbnails, whose own are 0 to 1."""
_KINDS = {
    _SIZES: TensorKind.of("I32 kept"),
    _POSITIONS: TensorKind.of("I32 kept"),
    _POSES: TensorKind.of("F32 kept 4"),
    _LIGHT: TensorKind.of("F32 kept 3"),
    f"{_PATH}numbers": TensorKind.of("I64 trained"),
    f"{_PATH}features": TensorKind.of("F32 trained features"),
    f"{_PATH}metric_scale": TensorKind.of("F32 features"),
    f"{_PATH}descriptions": TensorKind.of("F32 trained components"),
    f"{_PATH}components": TensorKind("F32", ("components", 3 * SIDE**2)),
    f"{_PATH}centre": TensorKind("F32", (3 * SIDE**2,)),
}
"""Kinds of tensors in files of kept frames, without the packets."""


class KeptTake(NamedTuple):
    """A file that frames come from, where there are several takes."""

    name: str
    video: str
    """sha256 of its content; of a song that of its folder."""
    first: int
    """Position of the frame at the file's beginning."""


class KeptAbout(NamedTuple):
    """Metadata of kept frames."""

    header: ArchiveHeader
    """Header of the packets."""
    fps: Fraction
    """Frames per second."""
    start: Fraction
    """Beginning of the clip in the video, in seconds."""
    video: str
    """sha256 of the source video; of several takes that of their hashes."""
    weights: CostWeights
    """Weights of a path's costs, by which a guide may lead it."""
    small: bool = False
    """Whether the frames are smaller than in the video."""
    picture: Literal["path", "composed"] = "path"
    """The default picture of the model."""
    takes: tuple[KeptTake, ...] = ()
    """The files, where there are several takes."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns the sha256 of each source file; of songs that of their folder."""
        return tuple(dict.fromkeys(take.video for take in self.takes)) or (self.video,)

    def moment(self, position: int) -> tuple[Fraction, str]:
        """Returns the instant of a position in its file, in seconds, and the file's name; "" for one file."""
        for take in reversed(self.takes):
            if position >= take.first:
                return (position - take.first) / self.fps, take.name
        return self.start + position / self.fps, ""

    def to_json(self) -> str:
        """Returns the entry as JSON."""
        header, weights = self.header._asdict(), self.weights._asdict()
        entry = {
            "fps": str(self.fps),
            "start": str(self.start),
            "video": self.video,
            "frames": header,
            "weights": weights,
            "small": self.small,
            "picture": self.picture,
        }
        several = {"takes": [take._asdict() for take in self.takes]} if self.takes else {}
        return json.dumps(entry | several)

    @classmethod
    def from_json(cls, text: str) -> "KeptAbout":
        """Returns the metadata in an entry.

        Raises:
            ValueError: it is none.
        """
        try:
            entry = parsed(text, "kept frames")
            fps, start = parse_number(str(entry["fps"])), parse_number(str(entry.get("start", "0")))
            header = ArchiveHeader(**{name: int(value) for name, value in entry["frames"].items()})
            weights = CostWeights(**{name: float(value) for name, value in entry["weights"].items()})
            video, small = _short(entry["video"]), bool(entry["small"])
            composed = entry.get("picture") == "composed"  # without the entry a file shows a path
            takes = tuple(
                KeptTake(_short(take["name"]), _short(take["video"]), int(take["first"]))
                for take in entry.get("takes", ())
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"no entry of kept frames: {error}") from None
        finite = all(0 <= weight < 1e6 for weight in weights)
        if fps is None or not 1 <= fps <= 240 or start is None or not abs(start) <= LATEST or not finite:
            raise ValueError(f"no rate, start or weights of kept frames: {entry['fps']}, {weights}")
        picture = "composed" if composed else "path"
        return cls(header, fps, start, video, weights, small, picture, takes)


def _short(text: object) -> str:
    """Returns a name from a file in a form that can be shown and written into other files."""
    return printable(str(text)[:LONGEST_TAKE_NAME])


class Holding(NamedTuple):
    """The frames of a clip in a file."""

    about: KeptAbout
    length: int
    """Bytes of all packets."""

    def described(self) -> str:
        """Returns the held frames in words."""
        header, fps = self.about.header, float(self.about.fps)
        return described(header.frames / fps, (header.width, header.height), fps, self.length)


def described(seconds: float, size: tuple[int, int], fps: float, length: float) -> str:
    """Returns held frames in words.

    Args:
        seconds: of the clip.
        size: width and height in pixels.
        fps: frames per second.
        length: bytes.
    """
    return (
        f"{seconds:.1f} s of the clip, {size[0]}x{size[1]} pixels, {fps:.4g} frames/s, {length / 1e6:.1f} MB"
    )


@dataclass(frozen=True)
class KeptFrames:
    """Frames of a clip, and the memory by which a path through them is searched."""

    about: KeptAbout
    sizes: list[int]
    """Bytes of each packet."""
    positions: Int[np.ndarray, " M"]
    """Number of each kept frame in the clip at its own rate, rising: position / about.fps is its time."""
    path: PathMemory
    packets: Packets
    name: str
    """Name of the file, for messages."""
    poses: Float[np.ndarray, "M 4"] | None = None
    """Poses that bring each frame to where the camera would stand still (shift to the right and downwards in
    widths, logarithm of the scale, angle); None: frames need none."""
    light: Float[np.ndarray, "M 3"] | None = None
    """Light of the frames, in stops over the usual: red, green, blue; None: it is steady."""

    @property
    def steadied(self) -> bool:
        """Whether frames are shown in one pose, one light, or both, other than they were filmed."""
        return self.poses is not None or self.light is not None

    @cached_property
    def reader(self) -> FrameReader:
        """Reader of the frames in any order.

        Raises:
            UserError: the header and the sizes of the packets do not fit together.
        """
        return FrameReader(self.name, self.about.header, self.sizes, self.packets.length, self.packets.read)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the frames, in pixels."""
        return self.about.header.width, self.about.header.height

    def place(self, position: int) -> int:
        """Returns the index of the kept frame that is shown at a position.

        It is the frame of that position, else the nearest before it, else the first.
        """
        return max(0, int(np.searchsorted(self.positions, position, "right")) - 1)

    def stretch(self, position: int) -> tuple[int, int]:
        """Returns the first and the last position of the stretch of kept frames that holds a position."""
        place = self.place(position)
        breaks = np.flatnonzero(np.diff(self.positions) != 1)
        before = np.searchsorted(breaks, place)
        first = 0 if before == 0 else int(breaks[before - 1]) + 1
        last = int(breaks[before]) if before < len(breaks) else len(self.positions) - 1
        return int(self.positions[first]), int(self.positions[last])

    def described(self) -> str:
        """Returns the kept frames in words."""
        return Holding(self.about, self.packets.length).described()


def position_at(number: int, fps: Fraction, rate: Fraction) -> int:
    """Returns the position, at a rate, of the frame that is on display at the instant number / fps."""
    return floor(number * rate / fps)


def kept_tensors(kept: KeptFrames) -> dict[str, Tensor]:
    """Returns the tensors that are written of kept frames, without the packets."""
    counted = {
        _SIZES: torch.tensor(kept.sizes, dtype=torch.int32),
        _POSITIONS: torch.from_numpy(kept.positions).int(),
    }
    moved = {} if kept.poses is None else {_POSES: torch.from_numpy(kept.poses).float()}
    path = {_PATH + name: tensor.contiguous() for name, tensor in kept.path._asdict().items()}
    relit = {} if kept.light is None else {_LIGHT: torch.from_numpy(kept.light).float()}
    return counted | moved | relit | path


def kept_frames(file: TensorFile, features: int | None = None) -> KeptFrames | None:
    """Returns the kept frames of a file; None where it has none.

    Args:
        file: open.
        features: numbers of sound per frame, of the model that they belong to; None: any.

    Raises:
        UserError: what belongs to them is damaged.
    """
    if ENTRY not in file.metadata:
        return None
    try:
        about = KeptAbout.from_json(file.metadata[ENTRY])
        file.check(_KINDS, (_POSES, _LIGHT), {} if features is None else {"features": features})
        tensors = file.read(name for name in _KINDS if name in file.kinds)
        sizes, positions = (tensors[name].tolist() for name in (_SIZES, _POSITIONS))
        memory = PathMemory(**{name: tensors[_PATH + name] for name in PathMemory._fields})
        poses, light = (
            tensors[name].double().numpy() if name in tensors else None for name in (_POSES, _LIGHT)
        )
        _check_numbers(memory, positions, poses, light)
        packets = opened_packets(file.path)
    except SettingError as error:  # an entry that is not JSON
        raise _damaged(file.name, error) from None
    except UserError:
        raise
    except ValueError as error:
        raise _damaged(file.name, error) from None
    kept = KeptFrames(about, sizes, np.array(positions), memory, packets, file.path.name, poses, light)
    _ = kept.reader  # refuses a header and sizes that do not fit together, before anything is played
    return kept


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(
        f"{name}: expected kept frames with their path; names or sizes differ: {error}: the file is damaged",
        "copy it again or train anew",
    )


def _check_numbers(
    memory: PathMemory,
    positions: Sequence[int],
    poses: Float[np.ndarray, "M 4"] | None,
    light: Float[np.ndarray, "M 3"] | None,
) -> None:
    """Refuses numbers that no clip has.

    Raises:
        ValueError: one is there.
    """
    for name, numbers in (("positions", positions), (f"{_PATH}numbers", memory.numbers.tolist())):
        if numbers[0] < 0 or numbers[-1] >= 2**31 or (np.diff(numbers) < 1).any():
            raise ValueError(f"expected rising {name} from 0 on")
    for name, far in (("poses", poses), ("light", light)):
        if far is not None and not (np.abs(far) < FARTHEST).all():
            raise ValueError(f"expected {name} below {FARTHEST}")
    for name in ("descriptions", "components", "centre"):
        if not (getattr(memory, name).abs() < FARTHEST_PICTURE).all():
            raise ValueError(f"expected {_PATH}{name} below {FARTHEST_PICTURE:g}")
    if not ((memory.features * memory.metric_scale).abs() < LARGEST_NUMBER).all():
        raise ValueError(f"expected scaled {_PATH}features below {LARGEST_NUMBER:g}")


def held_frames(path: Path) -> Holding | None:
    """Returns the frames that a file says it holds, without reading its tensors; None where it holds none.

    Raises:
        UserError: it cannot be read, or what it says is damaged.
    """
    name = path.parent.name
    with opened_tensors(path, name) as file:
        if ENTRY not in file.metadata:
            return None
        try:
            about, kind = KeptAbout.from_json(file.metadata[ENTRY]), file.kinds[PACKETS]
        except (ValueError, KeyError):
            raise UserError(f"{name}: expected kept frames; the file is damaged") from None
        return Holding(about, prod(int(side) for side in kind.shape))


def write_with_frames(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], kept: KeptFrames
) -> None:
    """Writes a safetensors file with kept frames; whole or not at all.

    Args:
        path: where it goes.
        tensors: all others.
        metadata: of the file, without that of the frames.
        kept: the frames.
    """
    whole = {**tensors, **kept_tensors(kept)}
    write_with_packets(path, whole, {**metadata, ENTRY: kept.about.to_json()}, kept.packets)
