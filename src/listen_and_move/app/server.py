"""The server of the page: addresses, errors, and where it listens."""

import asyncio
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from listen_and_move.app.connections import OpenConnections
from listen_and_move.app.guard import Guard
from listen_and_move.app.guesses import Guesses
from listen_and_move.app.limits import IDLE_SECONDS, PING_SECONDS
from listen_and_move.app.messages import Answer
from listen_and_move.app.page import Page
from listen_and_move.app.sentences import sentence
from listen_and_move.errors import UserError
from listen_and_move.inference.live.session import core_to_spare
from listen_and_move.interrupts import handled, hang_up

STATIC = Path(__file__).parent / "static"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")
TEMPORARY = "listen-and-move-page-"
LARGEST_MESSAGE = 1_000_000
"""Largest message of a WebSocket, in bytes."""


@dataclass(frozen=True)
class Place:
    """Host and port at which the page listens, and its password."""

    host: str
    port: int
    password: str | None = field(default=None, repr=False)

    @property
    def public(self) -> bool:
        """Whether other machines reach the page."""
        return self.host not in LOOPBACK

    @property
    def names(self) -> frozenset[str]:
        """Host names under which the page answers, beside addresses."""
        machine = socket.gethostname().lower()
        return frozenset(
            {*LOOPBACK, self.host.lower(), machine, f"{machine}.local"} if self.public else LOOPBACK
        )

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        host = socket.gethostname() if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def create_app(page: Page, place: Place, connections: OpenConnections) -> Starlette:
    """Returns the page as an ASGI application."""
    one = "/api/runs/{name}"
    routes = [
        *(Route(path, _index) for path in ("/", "/live", "/train", "/runs", "/runs/{name}")),
        Route("/login", _login, methods=["GET"]),
        Route("/api/choices", page.choices),
        Route("/api/runs", page.runs),
        Route("/api/runs", page.start, methods=["POST"]),
        Route("/api/demonstration", page.demonstrate, methods=["POST"]),
        Route(one, page.run),
        Route(one, page.forget, methods=["DELETE"]),
        Route(f"{one}/resume", page.resume, methods=["POST"]),
        Route(f"{one}/stop", page.stop, methods=["POST"]),
        Route(f"{one}/picture", page.picture),
        Route(f"{one}/model", page.model),
        Route(f"{one}/report", page.report),
        Route(f"{one}/samples/{{step}}", page.sample),
        Route("/api/uploads", page.uploaded),
        Route("/api/melody", page.melody, methods=["POST"]),
        Route("/api/uploads/{kind}", page.upload, methods=["POST"]),
        Route("/api/uploads/{id}/still", page.still),
        Route("/api/uploads/{id}/file", page.uploaded_file),
        Route("/api/jobs", page.asked),
        Route("/api/jobs", page.ask, methods=["POST"]),
        Route("/api/jobs/{id}", page.dismiss, methods=["DELETE"]),
        Route("/api/jobs/{id}/result", page.result),
        WebSocketRoute("/api/live", page.stage.play),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    guesses = Guesses(place.password, connections) if place.password is not None else None
    guard = Middleware(Guard, names=place.names, guesses=guesses, port=place.port)
    handlers = {
        UserError: _told,
        HTTPException: _missing,
        ClientDisconnect: _gone,
        OSError: _failed,
        Exception: _failed,
    }
    handling: Any = handlers  # Starlette's type allows only handlers that take any exception
    return Starlette(routes=routes, middleware=[guard], exception_handlers=handling, lifespan=page.open)


async def _index(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _login(request: Request) -> Response:
    page = (STATIC / "login.html").read_text(encoding="utf-8")
    return HTMLResponse(page.replace(" hidden", "") if "wrong" in request.query_params else page)


async def _told(request: Request, error: Exception) -> Response:
    return Answer({"error": sentence(error)}, 400)


async def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Answer({"error": error.detail}, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    return Answer({"error": sentence(error)}, 500)


def serve(runs: Path, place: Place, announce: Callable[[Place], None] = lambda place: None) -> list[str]:
    """Serves the page until a signal stops it.

    Args:
        runs: the runs folder; made where there is none.
        place: where to listen; port 0 takes a free one.
        announce: told where the page is, when it can be opened.

    Returns:
        Names of trainings that go on without the page.

    Raises:
        UserError: the folder cannot be used, or the port is taken.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{runs}: expected a folder for runs; got {error.strerror}", "choose another --runs"
        ) from None
    with _listening(place) as extractor, _temporary_folder() as temporary:
        place = Place(place.host, extractor.getsockname()[1], place.password)
        page, connections = Page(runs.absolute(), temporary), OpenConnections()
        config = uvicorn.Config(
            create_app(page, place, connections),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=IDLE_SECONDS,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            **connections.protocols(),
        )
        logging.getLogger("uvicorn.error").addFilter(_is_brief)
        announce(place)
        with core_to_spare(), suppress(KeyboardInterrupt):  # how a page is ended
            asyncio.run(_Server(config, page, connections).serve(sockets=[extractor]))
        return page.trainings.under_way()


def _is_brief(record: logging.LogRecord) -> bool:
    """Removes the traceback from the log record of a visitor's invalid text; lets every record pass."""
    if record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError):
        record.exc_info = None
    return True


class _Server(uvicorn.Server):
    """A uvicorn server that watches its connections and ends all work before it waits for clients."""

    def __init__(self, config: uvicorn.Config, page: Page, connections: OpenConnections) -> None:
        super().__init__(config)
        self.page, self.connections = page, connections

    async def main_loop(self) -> None:
        watching = asyncio.create_task(self.connections.watch())
        try:
            await super().main_loop()
        finally:
            watching.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends the page in good order on Ctrl-C, SIGTERM and a closed terminal."""
        with super().capture_signals(), handled(self.handle_exit, hang_up()):
            yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.connections.close()
        await self.page.close()
        await super().shutdown(sockets)


@contextmanager
def _listening(place: Place) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        extractor = socket.create_server((place.host, place.port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        what = getattr(error, "strerror", None) or error
        raise UserError(
            f"{place.host}:{place.port}: expected a free port to listen on; got {what}",
            "choose another --port",
        ) from None
    with extractor:
        yield extractor


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yields a folder that is emptied in the end; folders that killed servers left are removed first."""
    for left in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        if not _is_running(left.name.removeprefix(TEMPORARY).split("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{TEMPORARY}{os.getpid()}-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _is_running(number: str) -> bool:
    """Returns whether a process exists; True where that cannot be told."""
    if os.name == "nt":  # there os.kill would end the process
        return True
    try:
        os.kill(int(number), 0)  # signal 0 only asks whether the process exists
    except ProcessLookupError:
        return False
    except (ValueError, OSError):
        return True
    return True
