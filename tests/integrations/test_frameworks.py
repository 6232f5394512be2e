"""Frameworks by the servers they are run with: Litestar, Quart, Falcon, Bottle, Pyramid."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from queue import Queue
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import bottle
import falcon
import falcon.asgi
import flask
import hypercorn.asyncio
import hypercorn.config
import litestar
import pytest
import quart
import uvicorn
import waitress.channel
import waitress.server
import werkzeug.serving
from litestar.logging import LoggingConfig
from pyramid.config import Configurator
from pyramid.response import Response as PyramidResponse
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import contracts
import logweft
from contracts import InboundContract, Lines, Response

lines = contracts.lines

log = logging.getLogger("app")


def handle(path: str) -> None:
    """Do what every handler here does."""
    log.info("handled")
    if path == "/fail":
        raise RuntimeError("boom")


def get(port: int, path: str = "/", headers: dict[str, str] | None = None) -> Response:
    """Send one GET; return what came back, the header once."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={**(headers or {}), "Connection": "close"})
        response = connection.getresponse()
        response.read()
        assert len(response.headers.get_all("X-Correlation-ID", [])) <= 1
        return Response(response.status, {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


# ---- servers


@contextmanager
def under_uvicorn(app: Any) -> Iterator[int]:
    """Serve an ASGI application by uvicorn."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    sock.listen(128)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)
        sock.close()


@contextmanager
def under_hypercorn(app: Any) -> Iterator[int]:
    """Serve an ASGI application by hypercorn, whose access lines go to logging."""
    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = logging.getLogger("hypercorn.access")
    config.errorlog = logging.getLogger("hypercorn.error")
    made = config.create_sockets()
    config.create_sockets = lambda: made  # type: ignore[method-assign]  # to know the port
    for sock in made.insecure_sockets:
        sock.listen(128)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    serving = hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]  # it is awaitable
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,))
    thread.start()
    try:
        yield made.insecure_sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


class QuietHandler(WSGIRequestHandler):
    """wsgiref's, which writes no lines of its own to standard error."""

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


@contextmanager
def running(server: Any) -> Iterator[int]:
    """Run a socketserver in a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


def under_wsgiref(app: Any) -> Any:
    """Serve a WSGI application by wsgiref."""
    return running(make_server("127.0.0.1", 0, app, WSGIServer, handler_class=QuietHandler))


def under_werkzeug(app: Any, threaded: bool = True) -> Any:
    """Serve a WSGI application by werkzeug's development server."""
    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=threaded)
    server.daemon_threads = False  # type: ignore[attr-defined]  # waited for at the end
    return running(server)


@contextmanager
def under_waitress(app: Any) -> Iterator[int]:
    """Serve a WSGI application by waitress."""
    server = waitress.server.create_server(app, host="127.0.0.1", port=0, map=(channels := {}))
    running = [True]

    def run() -> None:
        while running:
            server.asyncore.loop(timeout=0.01, map=channels, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server.effective_port
    finally:
        running.clear()
        thread.join(30)
        server.task_dispatcher.shutdown(timeout=30)
        server.close()
        for channel in list(channels.values()):
            channel.close()


# ---- applications


def litestar_app() -> Any:
    @litestar.get(["/", "/fail"], sync_to_thread=True)
    def home(request: litestar.Request) -> str:  # type: ignore[type-arg]  # of no user
        handle(request.url.path)
        return "ok"

    # Its own configuration has handlers of its own kind, and tells of no exception.
    logging_config = LoggingConfig(
        root={"level": "INFO"},
        handlers={},
        loggers={"litestar": {"propagate": True}},
        log_exceptions="always",
        disable_stack_trace=set(),
    )
    return litestar.Litestar([home], logging_config=logging_config)


def quart_app() -> Any:
    app = quart.Quart("app")

    async def home() -> str:
        handle(quart.request.path)
        return "ok"

    app.add_url_rule("/", "home", home)
    app.add_url_rule("/fail", "fail", home)
    return app


def falcon_app(app: Any) -> Any:
    class Home:
        def on_get(self, request: Any, response: Any) -> None:
            handle(request.path)
            response.text = "ok"

    class AsyncHome:
        async def on_get(self, request: Any, response: Any) -> None:
            handle(request.path)
            response.text = "ok"

    home = AsyncHome() if isinstance(app, falcon.asgi.App) else Home()
    for path in ("/", "/fail"):
        app.add_route(path, home)
    return app


def bottle_app() -> Any:
    app = bottle.Bottle()

    def home() -> str:
        handle(bottle.request.path)
        return "ok"

    app.route("/", callback=home)
    app.route("/fail", callback=home)

    @app.error(500)  # type: ignore[untyped-decorator]  # bottle has no types
    def error(error: Any) -> str:
        log.error("failed", exc_info=error.exception)
        return "failed"

    return app


def pyramid_app(with_view: bool) -> Any:
    def home(request: Any) -> Any:
        handle(request.path)
        return PyramidResponse("ok")

    def failed(error: Exception, request: Any) -> Any:
        log.error("failed", exc_info=error)
        return PyramidResponse("failed", status=500)

    with Configurator() as config:
        config.add_route("home", "/")
        config.add_route("fail", "/fail")
        config.add_view(home, route_name="home")
        config.add_view(home, route_name="fail")
        if with_view:
            config.add_view(failed, context=Exception)
        return config.make_wsgi_app()


def flask_app() -> Any:
    app = flask.Flask("shop")

    def home() -> str:
        handle(flask.request.path)
        return "ok"

    app.add_url_rule("/", "home", home)
    app.add_url_rule("/fail", "fail", home)
    return app


def plain_wsgi(environ: Any, start_response: Any) -> Any:
    """Answer, or raise what nobody catches."""
    handle(environ["PATH_INFO"])
    own = [("x-correlation-id", "mine")] if environ["PATH_INFO"] == "/own" else []
    start_response("200 OK", [("Content-Length", "2"), *own])
    return [b"ok"]


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request, or accept a websocket and close it; raise what nobody catches."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    if scope["type"] == "websocket":
        await receive()
        handle(scope["path"])
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        return
    handle(scope["path"])
    own = [(b"x-correlation-id", b"mine")] if scope["path"] == "/own" else []
    await send({"type": "http.response.start", "status": 200, "headers": own})
    await send({"type": "http.response.body", "body": b"ok"})


SERVERS: dict[str, Callable[[], Any]] = {
    "litestar, uvicorn": lambda: under_uvicorn(litestar_app()),
    "litestar, hypercorn": lambda: under_hypercorn(litestar_app()),
    "quart, hypercorn": lambda: under_hypercorn(quart_app()),
    "quart, uvicorn": lambda: under_uvicorn(quart_app()),
    "falcon, uvicorn": lambda: under_uvicorn(falcon_app(falcon.asgi.App())),
    "falcon, hypercorn": lambda: under_hypercorn(falcon_app(falcon.asgi.App())),
    "plain, hypercorn": lambda: under_hypercorn(plain_asgi),
    "flask, hypercorn": lambda: under_hypercorn(flask_app()),
    "falcon, wsgiref": lambda: under_wsgiref(falcon_app(falcon.App())),
    "falcon, waitress": lambda: under_waitress(falcon_app(falcon.App())),
    "bottle, wsgiref": lambda: under_wsgiref(bottle_app()),
    "bottle, waitress": lambda: under_waitress(bottle_app()),
    "pyramid, wsgiref": lambda: under_wsgiref(pyramid_app(True)),
    "pyramid, waitress": lambda: under_waitress(pyramid_app(False)),
    "plain, waitress": lambda: under_waitress(plain_wsgi),
    "plain, werkzeug": lambda: under_werkzeug(plain_wsgi),
}


class Served(InboundContract):
    """The contract's driver: a server of SERVERS, started for each test."""

    server = ""
    exceptions_logger: str | None = ""
    """Who logs an exception nobody caught; None: it is printed, or not told at all."""

    @pytest.fixture(autouse=True)
    def _serve(self, lines: Lines) -> Iterator[None]:
        with ExitStack() as stack:
            self.port = stack.enter_context(SERVERS[self.server]())
            self.stop = stack.close
            yield

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """Send one request."""
        return get(self.port, "/fail" if fail else "/", headers)

    def test_the_exceptions_line_has_the_id(self, lines: Lines) -> None:
        """The one line that tells of an uncaught exception has the ID of its request."""
        self.call({"X-Correlation-ID": "order-4"}, fail=True)
        self.stop()

        told = [line for line in lines.read() if "boom" in str(line)]
        wanted = [] if self.exceptions_logger is None else [(self.exceptions_logger, "order-4")]
        assert [(line["logger"], line.get("correlation_id")) for line in told] == wanted

    def test_a_missing_page_has_the_id(self, lines: Lines) -> None:
        """The framework's own 404 carries the ID."""
        seen = get(self.port, "/missing", {"X-Correlation-ID": "order-5"})

        assert seen.headers["x-correlation-id"] == "order-5"


ACCESS = re.compile(r'1\.1(\x1b\[0m)?" \d')
"""The end of the request line in an access line, before the status."""


class WithAccessLine(Served):
    """A server that logs an access line."""

    access_logger = ""

    def test_the_access_line_has_the_id(self, lines: Lines) -> None:
        """Each request's access line, of a failed one too, has its ID."""
        for path in ("/", "/fail"):
            get(self.port, path, {"X-Correlation-ID": f"order{path.replace('/', '-')}"})
        self.stop()

        told = [line for line in lines.read() if line["logger"] == self.access_logger]
        access = [line for line in told if ACCESS.search(line["message"])]
        assert [line.get("correlation_id") for line in access] == ["order-", "order-fail"]
        assert [line["http.path"] for line in access] == ["/", "/fail"]
        assert [line["http.status"] for line in access] == [200, 500]


class UnderUvicorn(WithAccessLine):
    access_logger = "uvicorn.access"


class UnderHypercorn(WithAccessLine):
    access_logger = "hypercorn.access"


class TestLitestarUnderUvicorn(UnderUvicorn):
    server, exceptions_logger = "litestar, uvicorn", "litestar"


class TestLitestarUnderHypercorn(UnderHypercorn):
    server, exceptions_logger = "litestar, hypercorn", "litestar"


class TestQuartUnderHypercorn(UnderHypercorn):
    server, exceptions_logger = "quart, hypercorn", "app"


class TestQuartUnderUvicorn(UnderUvicorn):
    server, exceptions_logger = "quart, uvicorn", "app"


class TestFalconUnderUvicorn(UnderUvicorn):
    server, exceptions_logger = "falcon, uvicorn", "falcon"


class TestFalconUnderHypercorn(UnderHypercorn):
    server, exceptions_logger = "falcon, hypercorn", "falcon"


class TestHypercorn(UnderHypercorn):
    server, exceptions_logger = "plain, hypercorn", "hypercorn.error"


class TestFlaskUnderHypercorn(UnderHypercorn):
    server, exceptions_logger = "flask, hypercorn", "shop"


class TestFalconUnderWsgiref(Served):
    server, exceptions_logger = "falcon, wsgiref", None


class TestFalconUnderWaitress(Served):
    server, exceptions_logger = "falcon, waitress", None


class TestBottleUnderWsgiref(Served):
    server, exceptions_logger = "bottle, wsgiref", "app"


class TestBottleUnderWaitress(Served):
    server, exceptions_logger = "bottle, waitress", "app"


class TestPyramidUnderWsgiref(Served):
    server, exceptions_logger = "pyramid, wsgiref", "app"


class TestPyramidUnderWaitress(Served):
    server, exceptions_logger = "pyramid, waitress", "waitress"


class TestWaitress(Served):
    server, exceptions_logger = "plain, waitress", "waitress"


class TestWerkzeug(WithAccessLine):
    server, exceptions_logger, access_logger = "plain, werkzeug", "werkzeug", "werkzeug"


@pytest.mark.parametrize("server", SERVERS)
def test_after_uninstall_requests_pass_through(server: str, tmp_path: Path) -> None:
    """Uninstalled under way, responses are as without us; installed again, the ID is back."""
    with SERVERS[server]() as port, (tmp_path / "lines").open("a") as stream:
        with logweft.install(stream=stream):
            first = get(port, "/", {"X-Correlation-ID": "order-1"})
        without = get(port, "/", {"X-Correlation-ID": "order-1"})
        with logweft.install(stream=stream):
            again = get(port, "/", {"X-Correlation-ID": "order-1"})

    assert first.headers["x-correlation-id"] == again.headers["x-correlation-id"] == "order-1"
    assert (without.status, without.headers.get("x-correlation-id")) == (200, None)


@pytest.mark.parametrize("server", ["plain, waitress", "plain, werkzeug", "plain, hypercorn"])
def test_the_applications_own_header_wins(server: str, lines: Lines) -> None:
    """An application that sets the header itself is left to it."""
    with SERVERS[server]() as port:
        seen = get(port, "/own", {"X-Correlation-ID": "order-1"})

    assert seen.headers["x-correlation-id"] == "mine"


GOOD = b"GET / HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: order-1\r\n\r\n"
BAD = b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"


def talk(port: int, *requests: bytes) -> list[bytes]:
    """Send requests over one connection, each after the answer before; return the answers."""
    answers = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for request in requests:
            connection.sendall(request)
            answers.append(_answer(connection))
    return answers


def _answer(connection: socket.socket) -> bytes:
    """Read one answer: as long as it says, or to the end of the connection."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
        head, end, body = answer.partition(b"\r\n\r\n")
        size = re.search(rb"(?i)content-length: *(\d+)", head)
        if end and size is not None and len(body) >= int(size[1]):
            break
    return answer


def test_a_refused_request_has_nobodys_id_under_waitress(lines: Lines) -> None:
    """A request that waitress refuses does not answer with the ID of the one before it."""
    with SERVERS["plain, waitress"]() as port:
        good, bad = talk(port, GOOD, BAD)

    assert b"x-correlation-id: order-1" in good.lower()
    assert bad.startswith(b"HTTP/1.0 400")
    assert b"x-correlation-id" not in bad.lower()


def test_a_refused_request_has_nobodys_id_under_werkzeug(lines: Lines) -> None:
    """In a server of one thread, the line of a refused request has no ID of the one before it."""
    with under_werkzeug(plain_wsgi, threaded=False) as port:
        talk(port, GOOD)
        talk(port, b"NONSENSE\r\n\r\n")

    told = [line for line in lines.read() if line["logger"] == "werkzeug"]
    assert told[0].get("correlation_id") == "order-1"
    assert len(told) > 1
    assert {line.get("correlation_id") for line in told[1:]} == {None}


def test_the_workers_of_waitress_keep_nothing(lines: Lines) -> None:
    """What a worker does behind a request is outside of any work."""
    seen: Queue[str | None] = Queue()

    class Probe:
        """A task of the dispatcher's."""

        def service(self) -> None:
            """Look."""
            seen.put(logweft.current().correlation_id)

    server = waitress.server.create_server(plain_wsgi, port=0, threads=1, map={})
    near, far = socket.socketpair()
    with far:
        channel = waitress.channel.HTTPChannel(server, near, ("127.0.0.1", 1), server.adj, map={})
        channel.received(GOOD)
        server.task_dispatcher.add_task(Probe())
        assert seen.get(timeout=30) is None
        channel.close()
    server.task_dispatcher.shutdown(timeout=30)
    server.close()
    assert lines.ids("handled") == ["order-1"]


def test_a_websocket_of_hypercorn_has_an_id(lines: Lines) -> None:
    """The handshake's response carries the ID of the lines, of the access line too."""
    with SERVERS["plain, hypercorn"]() as port:
        with connect(f"ws://127.0.0.1:{port}/", proxy=None) as client:
            assert client.response is not None
            seen = client.response.headers.get_all("X-Correlation-ID")
        with pytest.raises(InvalidStatus) as raised:
            connect(f"ws://127.0.0.1:{port}/fail", proxy=None).__enter__()
        refused = raised.value.response.headers.get_all("X-Correlation-ID")

    ids = [*seen, *refused]
    assert lines.ids("handled") == ids
    access = [line for line in lines.read() if line["logger"] == "hypercorn.access"]
    assert sorted({str(line.get("correlation_id")) for line in access}) == sorted(ids)
