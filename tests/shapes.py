"""Calls in tests check the shapes that functions declare, by jaxtyping and beartype."""

from collections.abc import Callable
from typing import Any, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, install_import_hook

CHECKED = tuple(f"listen_and_move.{name}" for name in ("audio", "losses", "metrics", "models", "pretrained"))
"""Packages whose functions are checked."""
CONFIGURATION = BeartypeConf(is_pep484_tower=True)
"""An integer is a number too."""


def check_shapes() -> None:
    """Has the packages checked that are imported later."""
    install_import_hook(CHECKED, "tests.shapes.checked")


def checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function with its types checked where one of them is a shape.

    jaxtyping asks for a function of the arguments, whose result may be anything, and for one of the arguments
    and the result. The second alone checks everything, at half the cost.
    """
    kinds = call.__annotations__
    whole = kinds.get("return") is not Any
    return beartype(conf=CONFIGURATION)(call) if whole and any(map(_has_shape, kinds.values())) else call


def _has_shape(kind: object) -> bool:
    """Tells whether a type is that of an array, or is made of one."""
    return (isinstance(kind, type) and issubclass(kind, AbstractArray)) or any(
        map(_has_shape, get_args(kind))
    )
