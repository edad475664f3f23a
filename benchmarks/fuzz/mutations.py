"""Alterations of bytes and of JSON values.

Every alteration takes its choices from the random generator that it is given, so that a seed and a number
make the same file again.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

ODD_NUMBERS: Sequence[float] = (
    0,
    -1,
    1,
    2,
    3,
    7,
    255,
    1000,
    4097,
    65537,
    2**31 - 1,
    2**31,
    2**53,
    2**63,
    10**30,
)
ODD_FRACTIONS: Sequence[float] = (
    0.5,
    -0.5,
    1e-30,
    1e30,
    -1e30,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)
ODD_TEXTS = (
    "",
    "path",
    "composed",
    "1",
    "-1",
    "0",
    "1e999",
    "30000/1001",
    "1/0",
    "64x64",
    "1792",
    "112x1792",
    "0,0,2,2",
    "0.5-0.6",
    "1,2,3,4",
    "\x1b[31mred\x1b[0m\r\n\tnext line\x00",
    "\u202egpj.elif\u2028",
    "\ud800",
    "../../etc/passwd",
    "a" * 100_000,
    "9" * 5000,
)
_DEEP = 500


def altered_bytes(content: bytes, chance: Random) -> bytes:
    """Returns bytes of which some are flipped, overwritten, cut off, left out, doubled or put in between."""
    if not content:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(100)))
    place = chance.randrange(len(content))
    piece = content[place : place + chance.choice([1, 4, 64, 4096])]
    junk = bytes(chance.randrange(256) for _ in piece)
    before, after = content[:place], content[place + len(piece) :]
    return chance.choice(
        [
            before + bytes([piece[0] ^ (1 << chance.randrange(8))]) + piece[1:] + after,
            before + junk + after,
            before + bytes(len(piece)) + after,
            before + b"\xff" * len(piece) + after,
            before,
            before + after,
            before + piece + piece + after,
            before + junk + piece + after,
            content + piece,
        ]
    )


def odd_value(chance: Random) -> Any:
    """Returns a JSON value of any kind, size and depth."""
    kind = chance.randrange(10)
    if kind < 3:
        return chance.choice(ODD_NUMBERS)
    if kind < 5:
        return chance.choice(ODD_FRACTIONS)
    if kind < 7:
        return chance.choice(ODD_TEXTS)
    if kind < 8:
        return chance.choice([None, True, False, [], {}, [[]], [None], {"": None}])
    if kind < 9:
        return [chance.choice(ODD_NUMBERS)] * chance.choice([1, 2, 4, 1000])
    deep: Any = 1
    for _ in range(chance.choice([2, 33, _DEEP])):
        deep = [deep] if chance.random() < 0.5 else {"a": deep}
    return deep


def altered_value(value: Any, chance: Random) -> Any:
    """Returns a JSON value with one place in it replaced, left out, or with something beside it."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.05:
            return {name: each for name, each in value.items() if name != key}
        if chance.random() < 0.05:
            return {**value, str(chance.choice(ODD_TEXTS)): odd_value(chance)}
        return {**value, key: altered_value(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], altered_value(value[place], chance), *value[place + 1 :]]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and chance.random() < 0.4:
        return chance.choice([value + 1, value - 1, 2 * value, -value, value // 2, 10 * value])
    if isinstance(value, bool) and chance.random() < 0.7:
        return not value
    return odd_value(chance)
