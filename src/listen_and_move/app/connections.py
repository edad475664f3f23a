"""Connections to the page: how many may be open, and how long one may keep the server waiting.

A client has to send its request and take the answer, each in a bounded time that a slow line keeps easily
(`limits`). Nothing is asked of a connection while the server works on its answer. uvicorn itself ends
connections that idle between requests, and WebSockets that answer no ping.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Literal, NamedTuple, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from listen_and_move.app.limits import (
    ANSWER_SECONDS,
    CONNECTIONS,
    CONNECTIONS_EACH,
    REQUEST_SECONDS,
    SENT_BYTES,
    STALL_BYTES,
    STALL_SECONDS,
)

MOST_SECONDS = {"request": REQUEST_SECONDS, "body": STALL_SECONDS, "answer": ANSWER_SECONDS}
LOOK_SECONDS = min(1.0, *(seconds / 4 for seconds in MOST_SECONDS.values()))
"""Seconds between two checks of all connections."""
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    b'{"error":"Too many connections: close some pages, or try again in a minute."}'
)


def address_of(host: str | None) -> str:
    """Returns the address by which the connections of a client are counted.

    It is an IPv4 address, or the /64 network of an IPv6 address, since one machine can take all addresses of
    such a network.
    """
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return host or ""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((address, 64), strict=False))
    return str(address)


class Debt(NamedTuple):
    """What a connection owes the server."""

    what: Literal["request", "body", "answer"]
    """The head of a request, more of its body, or reading more of an answer."""
    of: object
    """The request or the answer that is owed."""
    paid: int = 0
    """Bytes so far, counted from any start."""


@dataclass
class Connection:
    """One open connection."""

    protocol: "HttpConnection | WebSocketConnection"
    address: str
    debt: Debt | None = None
    """The debt at `since`; None: the server works, or waits for the next message of a WebSocket."""
    since: float = 0.0
    """When the debt began, or when enough of it had been paid the last time."""

    def is_overdue(self, now: float) -> bool:
        """Returns whether the connection takes longer than it may for what it owes."""
        debt, before = self.protocol.debt(), self.debt
        if debt is None:
            self.debt = None
            return False
        enough = STALL_BYTES if debt.what == "body" else 1
        if before is None or debt[:2] != before[:2] or debt.paid - before.paid >= enough:
            self.debt, self.since = debt, now
        return now - self.since > MOST_SECONDS[debt.what]


class OpenConnections:
    """All open connections, counted by their addresses."""

    def __init__(self) -> None:
        self.open: dict[asyncio.BaseTransport, Connection] = {}
        self.counts: Counter[str] = Counter()
        self.closing = asyncio.Event()
        """Set when the server ends and waits for no client any more."""

    def protocols(self) -> dict[str, Any]:
        """Returns the classes that answer connections, as arguments of uvicorn's configuration."""
        return {"http": partial(HttpConnection, self), "ws": partial(WebSocketConnection, self)}

    def enter(self, protocol: "HttpConnection | WebSocketConnection", transport: asyncio.Transport) -> bool:
        """Counts a connection, or notes that another protocol goes on with a counted one.

        Returns:
            Whether it may stay.
        """
        if transport in self.open:
            self.open[transport].protocol = protocol
            return True
        peer = transport.get_extra_info("peername")
        address = address_of(peer[0] if peer else None)
        if len(self.open) >= CONNECTIONS or self.counts[address] >= CONNECTIONS_EACH:
            return False
        transport.set_write_buffer_limits(0)  # so that a pause of writing ends when the client has read all
        if (line := transport.get_extra_info("socket")) is not None:
            # Otherwise the system buffers megabytes, and nothing tells how much of them the client has read.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_BYTES)
        self.open[transport] = Connection(protocol, address)
        self.counts[address] += 1
        return True

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Removes a connection from the count."""
        if (gone := self.open.pop(transport, None)) is not None:
            self._count_down(gone.address)

    @contextmanager
    def held(self, address: str) -> Iterator[None]:
        """Within the context one place of an address is taken, whether the client stays connected or not."""
        self.counts[address] += 1
        try:
            yield
        finally:
            self._count_down(address)

    async def watch(self) -> None:
        """Ends overdue connections until the watch is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for transport, connection in list(self.open.items()):
                if connection.is_overdue(now):
                    cast(asyncio.Transport, transport).abort()  # close would wait for the client to read all

    def close(self) -> None:
        """Ends all connections that still owe something, since the server stops."""
        self.closing.set()
        for transport, connection in list(self.open.items()):
            debt = connection.protocol.debt()
            if debt is not None and debt.what != "answer":
                cast(asyncio.Transport, transport).abort()

    def _count_down(self, address: str) -> None:
        self.counts[address] -= 1
        if self.counts[address] <= 0:
            del self.counts[address]


class HttpConnection(H11Protocol):
    """uvicorn's HTTP connection, counted and watched."""

    def __init__(self, connections: OpenConnections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.every, self.refused, self.received, self.pauses = connections, False, 0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts or refuses a connection."""
        self.refused = not self.every.enter(self, transport)
        if not self.refused:
            return super().connection_made(transport)
        transport.write(REFUSAL)
        transport.close()
        return None

    def data_received(self, data: bytes) -> None:
        """Counts the bytes that come."""
        if not self.refused:
            self.received += len(data)
            super().data_received(data)

    def pause_writing(self) -> None:
        """Notes which answer the client has to read before writing goes on."""
        if not self.refused:
            self.pauses += 1
            super().pause_writing()

    def resume_writing(self) -> None:
        """Notes that the client has read all of the answer."""
        if not self.refused:
            super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Frees the place of the connection."""
        if not self.refused:
            self.every.leave(self.transport)
            super().connection_lost(exc)

    def debt(self) -> Debt | None:
        """What the client owes."""
        if left := self.transport.get_write_buffer_size():
            return Debt("answer", self.pauses, -left)
        if self.cycle is None or self.cycle.response_complete:
            return Debt("request", self.cycle)
        if self.cycle.more_body and not self.flow.read_paused:
            return Debt("body", self.cycle, self.received)
        return None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, counted and watched."""

    def __init__(self, connections: OpenConnections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.every, self.pauses = connections, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Goes on with a connection that was accepted as HTTP."""
        self.every.enter(self, cast(asyncio.Transport, transport))
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """Notes which picture the client has to read before writing goes on."""
        self.pauses += 1
        super().pause_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Frees the place of the connection."""
        self.every.leave(self.transport)
        super().connection_lost(exc)

    def debt(self) -> Debt | None:
        """What the client owes."""
        left = self.transport.get_write_buffer_size()
        return Debt("answer", self.pauses, -left) if left else None
