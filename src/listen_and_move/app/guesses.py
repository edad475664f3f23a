"""The check of the password: the right one is answered at once, a wrong one after a wait."""

import asyncio
import hmac
from collections import OrderedDict
from contextlib import suppress

from listen_and_move.app.connections import OpenConnections, address_of
from listen_and_move.app.limits import GUESSERS, LONGEST_WAIT_SECONDS, WAIT_SECONDS


class Guesses:
    """Checks the passwords that visitors give.

    The answer to a wrong password waits, twice as long for each wrong one from the same address. Meanwhile
    the guess holds one of the connections that the address may have, also where the guesser hangs up: in one
    wait an address has as many guesses as it may have connections. No other address waits.

    Args:
        password: the right one.
        connections: all open connections.
    """

    def __init__(self, password: str, connections: OpenConnections) -> None:
        self.password, self.connections = password.encode(), connections
        self.wrong: OrderedDict[str, int] = OrderedDict()
        """Number of wrong passwords by address, the address that guessed last at the end."""

    async def right(self, given: str, host: str | None) -> bool:
        """Returns whether a password is right; False only after the wait.

        Args:
            given: the password that a visitor gives.
            host: the visitor's address.
        """
        address = address_of(host)
        if hmac.compare_digest(given.encode(), self.password):
            self.wrong.pop(address, None)
            return True
        wrong = self.wrong.pop(address, 0) + 1
        self.wrong[address] = wrong
        while len(self.wrong) > GUESSERS:
            self.wrong.popitem(last=False)
        with self.connections.held(address), suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.connections.closing.wait(), wait_after(wrong))
        return False


def wait_after(wrong: int) -> float:
    """Returns the seconds before the answer to the latest of ``wrong`` wrong passwords of an address."""
    return min(WAIT_SECONDS * 2 ** min(wrong - 1, 16), LONGEST_WAIT_SECONDS)
