"""The password: the right one is let in at once, and wrong ones wait."""

import asyncio
import hmac
from collections import OrderedDict
from contextlib import suppress

from listen_and_move.app.connections import OpenConnections, address_of
from listen_and_move.app.limits import GUESSERS, LONGEST_WAIT_SECONDS, WAIT_SECONDS


class Guesses:
    """Compares what visitors give for a password.

    An answer to a wrong one waits, twice as long with each that came from the same address. Meanwhile it
    holds a place of the address, also where the guesser hangs up: in one wait an address has as many guesses
    as it may have connections. Nobody else notices.
    """

    def __init__(self, password: str, connections: OpenConnections) -> None:
        self.password, self.connections = password.encode(), connections
        self.wrong: OrderedDict[str, int] = OrderedDict()
        """Wrong ones by address, the latest last."""

    async def right(self, given: str, host: str | None) -> bool:
        """Whether this is the password.

        Args:
            given: by a visitor.
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
    """Seconds before the answer to a wrong password, of so many from one address."""
    return min(WAIT_SECONDS * 2 ** min(wrong - 1, 16), LONGEST_WAIT_SECONDS)
