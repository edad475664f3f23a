"""The guard of the page: it checks host, origin and password, knows visitors, and sets headers.

A page on loopback is within reach of every site that its user opens: one may send requests to it (so the
origin is checked), or let its own name point here (DNS rebinding; so the host is checked). Neither needs a
password to be set.
"""

import re
import secrets
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from listen_and_move.app.guesses import Guesses
from listen_and_move.app.messages import Answer

ADDRESS = re.compile(r"(\[[^][]*\]|[^][:]*)(:\d*)?")
"""Of a machine in a request: its name or number, and a port; empty where a browser tells nothing."""
SAFE_METHODS = ("GET", "HEAD")
OPEN_PATHS = ("/login", "/static/app.css", "/static/icon.svg")
"""What is shown without the password."""
LONGEST_FORM = 4096
"""Bytes of a form with a password; the form with the right one is always shorter."""
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
}
"""Of every answer that has no other: nothing from elsewhere is loaded, and nobody frames the page."""


class Refusal(NamedTuple):
    """The status and the sentence with which a request is refused."""

    status: int
    sentence: str


class Guard:
    """Answers, refuses or passes on every request to the page.

    Args:
        app: the page.
        names: host names under which the page answers, beside addresses.
        guesses: the check of the password; None: there is no password.
        port: of the page.
    """

    def __init__(self, app: ASGIApp, *, names: frozenset[str], guesses: Guesses | None, port: int) -> None:
        self.app, self.names, self.guesses = app, names, guesses
        self.cookie = (
            f"listen-and-move-{port}"  # cookies do not know ports, and there may be a page on another one
        )
        self.admitted: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers or refuses a request, or passes it on with the visitor's token in its scope."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._stranger(scope, headers)
        if refusal is not None:
            return await _refuse(refusal, scope, receive, send)
        visitor = _visitor(headers.get("cookie", ""), self.cookie)
        if self.guesses is not None and visitor not in self.admitted and scope["path"] not in OPEN_PATHS:
            return await self._unknown(scope, receive, send)
        if scope["path"] == "/login" and scope["type"] == "http" and scope["method"] == "POST":
            with suppress(ClientDisconnect):
                await self._login(Request(scope, receive), send)
            return None
        new = visitor is None
        scope["visitor"] = visitor or secrets.token_urlsafe(24)
        if scope["type"] == "websocket":
            return await self.app(scope, receive, send)
        await self.app(scope, receive, self._with_headers(send, scope["visitor"] if new else None))
        return None

    def _stranger(self, scope: Scope, headers: Headers) -> Refusal | None:
        host, origin = headers.get("host", ""), headers.get("origin", "").partition("://")[2]
        name = ADDRESS.fullmatch(host)
        if name is None or ADDRESS.fullmatch(origin) is None:
            return Refusal(400, "Expected addresses as Host and Origin of a request; got something else.")
        if not self._known(name[1].strip("[]").lower()):
            return Refusal(
                403,
                f"This page does not answer under the name {host[:100]!r}: use its address, or start it with "
                "--host.",
            )
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and origin != host:
            return Refusal(403, "This request came from another site: open the page itself.")
        return None

    def _known(self, name: str) -> bool:
        """Returns whether a host is an address or one of the page's names."""
        try:
            return name in self.names or bool(ip_address(name))
        except ValueError:
            return False

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith("/api/"):
            return await RedirectResponse("/login", 303)(scope, receive, self._with_headers(send))
        await _refuse(Refusal(401, "The password is needed: reload the page."), scope, receive, send)
        return None

    async def _login(self, request: Request, send: Send) -> None:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > LONGEST_FORM:
                break
        given = parse_qs(body[:LONGEST_FORM].decode("utf-8", "replace")).get("password", [""])[0]
        host = request.client.host if request.client is not None else None
        answer: Response
        if self.guesses is None or await self.guesses.right(given, host):
            token = secrets.token_urlsafe(24)  # a new one, so that a token known before is worth nothing
            self.admitted.add(token)
            answer = RedirectResponse("/", 303)
            answer.headers.append("set-cookie", self._set_cookie(token))
        else:
            answer = RedirectResponse("/login?wrong", 303)
        await answer(request.scope, request.receive, self._with_headers(send))

    def _set_cookie(self, token: str) -> str:
        return f"{self.cookie}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000"

    def _with_headers(self, send: Send, visitor: str | None = None) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache")
                if visitor is not None:
                    headers.append("set-cookie", self._set_cookie(visitor))
            await send(message)

        return sending


def _visitor(cookies: str, name: str) -> str | None:
    """Returns the token of a visitor who was here before; None for a new visitor."""
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return None
    return found.value if found is not None and 20 <= len(found.value) <= 64 else None


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4000 + refusal.status, "reason": refusal.sentence})
        return
    await Answer({"error": refusal.sentence}, refusal.status, HEADERS)(scope, receive, send)
