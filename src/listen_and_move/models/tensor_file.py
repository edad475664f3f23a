"""Safetensors files from anybody, whose tensors are checked before they are read."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from listen_and_move.errors import NoMemoryError, UserError, shown

LONGEST_HEADER = 8_000_000
"""Most bytes of a header; the longest of this project, that of a checkpoint, has some 100 000."""
LARGEST_NUMBER = 1e15
"""Largest number in a tensor, whose square is still finite.

Training makes up to 1e12, where a feature hardly varies."""
PICKLED = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""First bytes of pickled checkpoints.

A safetensors file can begin so too, if its header has that length."""

_DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}


class TensorKind(NamedTuple):
    """Type and shape of a tensor, in a file or as expected.

    A side may be a letter: any number from 1 on that is the same wherever the letter stands.
    """

    dtype: str
    """Type as safetensors calls it, such as F32."""
    shape: tuple[int | str, ...]

    @classmethod
    def of(cls, text: str) -> "TensorKind":
        """Returns the kind that a text such as ``"F32 N 3 H W"`` describes."""
        dtype, *sides = text.split()
        return cls(dtype, tuple(int(side) if side.isdecimal() else side for side in sides))

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'alone'}"


def kinds_of(tensors: Mapping[str, Tensor]) -> dict[str, TensorKind]:
    """Returns the kinds of tensors by name; only types that networks have."""
    return {name: TensorKind(_DTYPES[each.dtype], tuple(each.shape)) for name, each in tensors.items()}


@dataclass(frozen=True)
class TensorFile:
    """An open file, of whose tensors none is read yet."""

    path: Path
    name: str
    """Name of the file, for messages."""
    metadata: Mapping[str, str]
    kinds: Mapping[str, TensorKind]
    """Kinds of all tensors, by name."""
    _file: Any

    def read(self, names: Iterable[str], largest: float = LARGEST_NUMBER) -> dict[str, Tensor]:
        """Returns tensors, whose floating-point numbers are finite.

        Args:
            names: of the tensors.
            largest: number in them.

        Raises:
            UserError: a number is not finite, or larger.
        """
        tensors = {name: self._file.get_tensor(name) for name in names}
        check_finite(self.name, tensors, largest)
        return tensors

    def check(
        self,
        expected: Mapping[str, TensorKind],
        optional: Iterable[str] = (),
        sides: Mapping[str, int] | None = None,
    ) -> dict[str, int]:
        """Refuses tensors that are missing or of another type or shape.

        Args:
            expected: kinds by name.
            optional: names of those that may be missing.
            sides: values of letters that are known already.

        Returns:
            The value of every letter.

        Raises:
            ValueError: a tensor is not as expected; the message says how.
        """
        known = dict(sides or {})
        for name in expected.keys() - self.kinds.keys() - set(optional):
            raise ValueError(f"{shown(name)} is missing")
        for name, kind in expected.items():
            if name in self.kinds and not _fits(self.kinds[name], kind, known):
                wanted = TensorKind(kind.dtype, tuple(known.get(str(side), side) for side in kind.shape))
                raise ValueError(f"expected {shown(name)} as {wanted}; got {shown(str(self.kinds[name]))}")
        return known


def _fits(kind: TensorKind, expected: TensorKind, sides: dict[str, int]) -> bool:
    """Returns whether a tensor is as expected, and stores its sides as the values of new letters."""
    if kind.dtype != expected.dtype or len(kind.shape) != len(expected.shape):
        return False
    for side, wanted in zip(kind.shape, expected.shape, strict=True):
        assert isinstance(side, int), "letters are expected, and not found"
        if side != (sides.setdefault(wanted, max(1, side)) if isinstance(wanted, str) else wanted):
            return False
    return True


@contextmanager
def opened_tensors(path: Path, name: str = "") -> Iterator[TensorFile]:
    """Opens a safetensors file.

    Args:
        path: of the file.
        name: for messages; empty: its path.

    Raises:
        UserError: missing, pickled or damaged.
    """
    beginning, name = b"", name or str(path)
    try:
        with path.open("rb") as file:
            beginning = file.read(8)
        if int.from_bytes(beginning, "little") > LONGEST_HEADER:
            raise ValueError("a header of absurd length")
        with safe_open(path, framework="pt") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            kinds = {
                key: TensorKind(each.get_dtype(), tuple(each.get_shape())) for key, each in slices.items()
            }
            yield TensorFile(path, name, file.metadata() or {}, kinds, file)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{name}: expected a model file; there is none: check the name") from None
    except IsADirectoryError:
        raise UserError(f"{name}: expected a file; got a folder") from None
    except PermissionError:
        raise UserError(f"{name}: expected a file that can be read; permission is denied") from None
    except MemoryError:
        raise NoMemoryError(name) from None
    except (SafetensorError, OSError, ValueError, OverflowError):
        if beginning[:2] in PICKLED:
            raise UserError(
                f"{name}: expected a safetensors file; got a pickled checkpoint, which could run code when "
                "opened: it is not opened; give the model.safetensors of a run"
            ) from None
        raise UserError(
            f"{name}: expected a safetensors file; it is damaged or something else: copy it again"
        ) from None


def check_finite(file: str, tensors: Mapping[str, Tensor], most: float = LARGEST_NUMBER) -> None:
    """Refuses NaN and infinity, which would be drawn as black, and numbers that would become infinite.

    Args:
        file: its name, for messages.
        tensors: by name.
        most: that a number may be.

    Raises:
        UserError: one is there.
    """
    # By NumPy: torch's threads would wait for each other longer than the whole check takes.
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel():
            numbers = (tensor.float() if tensor.itemsize < 4 else tensor).numpy()
            largest = max(numbers.max(), -numbers.min())  # NaN where a number is
            if not np.isfinite(largest):
                raise not_finite(file, name)
            if largest > most:
                raise UserError(
                    f"{file}: expected numbers up to {most:g}; got a larger one in {name}: the file is "
                    "damaged"
                )


def not_finite(file: str, name: str) -> UserError:
    """Returns the error for a number that is not finite.

    Args:
        file: its name, for messages.
        name: of what holds it.
    """
    return UserError(
        f"{file}: expected finite numbers; got NaN or infinity in {name}: its training went wrong, or the "
        "file is damaged",
        "train it anew with lower learning rates, or copy it again",
    )
