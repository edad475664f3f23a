"""Calls in tests check the shapes that functions declare, by jaxtyping and beartype.

In each test the first calls of each function are checked: what is called for every frame would take a fifth
of the time of all tests.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, get_args

import jaxtyping
import numpy as np
from beartype import BeartypeConf, BeartypeHintOverrides, beartype
from jaxtyping import AbstractArray, install_import_hook, jaxtyped

NUMBERS: Any = {int: int | np.integer, float: float | int | np.floating | np.integer}
CONFIGURATION = BeartypeConf(hint_overrides=BeartypeHintOverrides(NUMBERS))  # type: ignore[operator]
"""An integer is a number too, and NumPy's numbers are as good as Python's."""
CALLS = 20
"""Of each function, that are checked in each test."""

_tests_begun = 0


def begin_test() -> None:
    """Has the first calls of each function checked again."""
    global _tests_begun
    _tests_begun += 1


def check_shapes() -> None:
    """Has all modules of the package checked that are imported later.

    The hook decorates every function and class by the name that is set here: to wrap them all, as jaxtyping
    does, takes longer than to import torch.
    """
    jaxtyping.jaxtyped = jaxtyped_where_shaped
    install_import_hook("listen_and_move", "tests.shapes.checked")


def jaxtyped_where_shaped(*, typechecker: Callable[..., Any]) -> Callable[[Any], Any]:
    """Returns a decorator that leaves alone what declares no shape."""

    def decorated(declared: Any) -> Any:
        if isinstance(declared, type):
            shaped = _is_shaped(getattr(declared, "__init__", None))
            return jaxtyped(declared, typechecker=typechecker) if shaped else declared
        return (
            first_calls(declared, jaxtyped(declared, typechecker=typechecker))
            if _is_shaped(declared)
            else declared
        )

    return decorated


def first_calls(call: Callable[..., Any], checked_call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function whose first calls in each test are checked."""
    test, left = _tests_begun, CALLS

    @wraps(call)
    def either(*arguments: Any, **named: Any) -> Any:
        nonlocal test, left
        if test != _tests_begun:
            test, left = _tests_begun, CALLS
        if not left:
            return call(*arguments, **named)
        left -= 1
        return checked_call(*arguments, **named)

    return either


def checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function with its types checked.

    jaxtyping asks for a function of the arguments, whose result may be anything, and for one of the arguments
    and the result. The second alone checks everything, at half the cost.
    """
    whole = call.__annotations__.get("return") is not Any
    return beartype(conf=CONFIGURATION)(call) if whole and _is_shaped(call) else call


def _is_shaped(call: Any) -> bool:
    """Tells whether a function takes or returns arrays of a declared shape."""
    return any(map(_has_shape, getattr(call, "__annotations__", {}).values()))


def _has_shape(kind: object) -> bool:
    """Tells whether a type is that of an array, or is made of one."""
    return (isinstance(kind, type) and issubclass(kind, AbstractArray)) or any(
        map(_has_shape, get_args(kind))
    )
