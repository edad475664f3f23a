"""Attempts that may go well or be refused, and how they were refused."""

from collections.abc import Callable

from listen_and_move.errors import UserError


def refusal_of(attempt: Callable[[], object]) -> UserError | None:
    """The error with which an attempt is refused; none where it goes well. Any other error is raised."""
    try:
        attempt()
    except UserError as error:
        return error
    return None
