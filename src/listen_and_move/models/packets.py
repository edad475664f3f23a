"""Packets of a video inside a safetensors file: its last tensor, which is never read as a whole."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from safetensors.torch import save
from torch import Tensor

from listen_and_move.json_text import parsed
from listen_and_move.media.replacing import replacing
from listen_and_move.models.tensor_file import LONGEST_HEADER

PACKETS = "kept.packets"
"""Name of the tensor."""
_PIECE = 1 << 20


class Packets:
    """Packets that lie in a file, which stays open as long as they are used.

    A file that training replaces meanwhile is therefore read on as it was. Nothing of it is mapped into
    memory, so that memory does not grow with what has been read.

    Args:
        file: open for reading; may be closed afterwards.
        offset: of the first packet, in bytes.
        length: of all packets, in bytes.
    """

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        self.length = length
        # A bare descriptor: a file object complains where it is closed by garbage collection.
        self._descriptor, self._offset, self._reading = os.dup(file.fileno()), offset, Lock()

    def read(self, first: int, last: int) -> bytes:
        """Returns the bytes from one place to another one of all packets."""
        with self._reading:
            os.lseek(self._descriptor, self._offset + first, os.SEEK_SET)
            return b"".join(self._until(last - first))

    def pieces(self) -> Iterator[bytes]:
        """Yields all bytes, a megabyte at a time."""
        for first in range(0, self.length, _PIECE):
            yield self.read(first, min(first + _PIECE, self.length))

    def _until(self, count: int) -> Iterator[bytes]:
        """Yields bytes until there are so many, or the file ends."""
        while count and (found := os.read(self._descriptor, count)):
            count -= len(found)
            yield found

    def __del__(self) -> None:
        os.close(self._descriptor)


def opened_packets(path: Path) -> Packets:
    """Returns the packets of a safetensors file.

    Raises:
        ValueError: it has none.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = parsed(file.read(min(length, LONGEST_HEADER)), "header", longest=LONGEST_HEADER)
        match header.get(PACKETS):
            case {"dtype": "U8", "shape": [int(size)], "data_offsets": [int(first), int(last)]} if (
                last - first == size
            ):
                return Packets(file, 8 + length + first, size)
            case _:
                raise ValueError("no packets")


def write_with_packets(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], packets: Packets
) -> None:
    """Writes a safetensors file with packets, which are streamed; whole or not at all.

    Args:
        path: where it goes.
        tensors: all others.
        metadata: of the file.
        packets: what is streamed.
    """
    beginning = save(dict(tensors), dict(metadata))
    length = int.from_bytes(beginning[:8], "little")
    header: dict[str, Any] = json.loads(beginning[8 : 8 + length])
    end = len(beginning) - 8 - length
    header[PACKETS] = {"dtype": "U8", "shape": [packets.length], "data_offsets": [end, end + packets.length]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.write(beginning[8 + length :])
        for piece in packets.pieces():
            file.write(piece)
