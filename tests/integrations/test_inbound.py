"""Inbound edges, each with its real server on loopback: ASGI, WSGI and the frameworks on them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import aiohttp.web
import django.conf
import django.core.handlers.asgi
import django.core.handlers.wsgi
import django.core.servers.basehttp
import django.test
import fastapi
import flask
import pytest
import starlette.applications
import starlette.responses
import starlette.routing
import uvicorn
import werkzeug.serving
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import path as django_path
from websockets.sync.client import connect

import contracts
import logweft
import logweft.asgi
import logweft.wsgi
from contracts import MINTED, InboundContract, Lines, Response
from programs import run

lines = contracts.lines

log = logging.getLogger("app")

Serving = Callable[[], Any]
"""``() -> context manager of the port``: a server that answers ``/`` and fails at ``/fail``."""


def get(port: int, headers: dict[str, str] | None = None, path: str = "/") -> Response:
    """Send one GET; return what came back."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        response.read()
        return Response(response.status, {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


def ask(port: int, request: bytes) -> bytes:
    """Send bytes; return all that came back until the server closed the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def listening() -> socket.socket:
    """Return a socket that listens already, so that nobody has to wait for the server."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=128)
    sock.set_inheritable(True)
    return sock


def handle(path: str) -> None:
    """Do what every handler here does."""
    log.info("handled")
    if path == "/fail":
        raise RuntimeError("boom")


# ---- servers


@contextmanager
def under_uvicorn(app: Any, **options: Any) -> Iterator[int]:
    """Serve an ASGI application by uvicorn, in a thread."""
    with listening() as sock:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)


class QuietHandler(WSGIRequestHandler):
    """wsgiref's, which writes no lines of its own to standard error."""

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


class ThreadingWSGIServer(ThreadingMixIn, WSGIServer):
    """wsgiref's, with a thread for each request."""


@contextmanager
def running(server: Any) -> Iterator[int]:
    """Run a socketserver in a thread."""
    server.daemon_threads = False  # so that server_close() waits for the requests under way
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


def under_wsgiref(app: Any) -> Any:
    """Serve a WSGI application by wsgiref, in threads."""
    return running(
        make_server("127.0.0.1", 0, app, ThreadingWSGIServer, handler_class=QuietHandler)
    )


@contextmanager
def under_aiohttp(app: aiohttp.web.Application) -> Iterator[int]:
    """Serve an aiohttp application, in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()

    async def start(sock: socket.socket) -> aiohttp.web.AppRunner:
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        await aiohttp.web.SockSite(runner, sock).start()
        return runner

    with listening() as sock:
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(start(sock), loop).result(30)
        try:
            yield sock.getsockname()[1]
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(30)
            loop.close()


# ---- applications


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request, or accept a websocket and close it."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        log.info("handled")
        await send({"type": "websocket.close"})
        return
    handle(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def plain_wsgi(environ: Any, start_response: Any) -> Any:
    """Answer a request with a body that is made while it is sent, and for its own errors."""
    try:
        handle(environ["PATH_INFO"])
    except RuntimeError:
        log.exception("failed")
        start_response("500 Internal Server Error", [], sys.exc_info())
        return [b"failed"]
    logweft.bind(order=1)
    start_response("200 OK", [("Content-Length", "2")])
    return stream()


def failing_wsgi(environ: Any, start_response: Any) -> Any:
    """Answer a request, and leave an error to the server."""
    handle(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "2")])
    return stream()


def stream() -> Iterator[bytes]:
    """Make a body, and tell of it."""
    try:
        for part in (b"o", b"k"):
            log.info("streamed")
            yield part
    finally:
        log.info("closed")


def starlette_app() -> Any:
    async def home(request: Any) -> Any:
        handle(request.url.path)
        return starlette.responses.PlainTextResponse("ok")

    route = starlette.routing.Route("/{rest:path}", home)
    return starlette.applications.Starlette(routes=[route])


def fastapi_app() -> Any:
    app = fastapi.FastAPI()

    @app.get("/{rest:path}")
    def home(rest: str) -> str:  # not async: FastAPI runs it in a thread
        handle(f"/{rest}")
        return "ok"

    return app


def flask_app() -> Any:
    app = flask.Flask("shop")

    @app.get("/", defaults={"rest": ""})
    @app.get("/<rest>")
    def home(rest: str) -> Any:
        handle(f"/{rest}")
        return app.response_class(flask.stream_with_context(stream()))

    return app


def aiohttp_app() -> aiohttp.web.Application:
    async def home(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        handle(request.path)
        return aiohttp.web.Response(text="ok")

    async def teapot(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        raise aiohttp.web.HTTPNotFound

    async def own(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        return aiohttp.web.Response(headers={"x-correlation-id": "mine"})

    async def websocket(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        response = aiohttp.web.WebSocketResponse()
        await response.prepare(request)
        log.info("handled")
        await response.close()
        return response

    app = aiohttp.web.Application()
    app.router.add_get("/missing", teapot)
    app.router.add_get("/own", own)
    app.router.add_get("/ws", websocket)
    app.router.add_get("/{rest:.*}", home)
    return app


def django_view(request: Any, rest: str) -> HttpResponse:
    """Answer a request to Django."""
    handle(request.path)
    return HttpResponse("ok", headers={"x-correlation-ID": "mine"} if rest == "own" else {})


@contextmanager
def django_settings() -> Iterator[None]:
    """Configure Django for an application of one view."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY="-", LOGGING_CONFIG=None, USE_TZ=True)
    django.setup()
    urls = (django_path("<path:rest>", django_view), django_path("", django_view, {"rest": ""}))
    with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], DEBUG=False):
        yield


@contextmanager
def serve_django_wsgi() -> Iterator[int]:
    with django_settings(), under_wsgiref(django.core.handlers.wsgi.WSGIHandler()) as port:
        yield port


@contextmanager
def serve_django_asgi() -> Iterator[int]:
    with django_settings(), under_uvicorn(django.core.handlers.asgi.ASGIHandler()) as port:
        yield port


def serve_flask() -> Any:
    return running(werkzeug.serving.make_server("127.0.0.1", 0, flask_app(), threaded=True))


def serve_werkzeug() -> Any:
    return running(werkzeug.serving.make_server("127.0.0.1", 0, failing_wsgi, threaded=True))


def serve_wsgi() -> Any:
    return under_wsgiref(logweft.wsgi.CorrelationMiddleware(plain_wsgi))


def serve_asgi() -> Any:
    return under_uvicorn(logweft.asgi.CorrelationMiddleware(plain_asgi))


SERVERS: dict[str, Serving] = {
    "uvicorn": lambda: under_uvicorn(plain_asgi),
    "starlette": lambda: under_uvicorn(starlette_app()),
    "fastapi": lambda: under_uvicorn(fastapi_app()),
    "flask": serve_flask,
    "django, wsgi": serve_django_wsgi,
    "django, asgi": serve_django_asgi,
    "werkzeug": serve_werkzeug,
    "aiohttp": lambda: under_aiohttp(aiohttp_app()),
    "asgi": serve_asgi,
    "wsgi": serve_wsgi,
}
AUTOMATIC = [name for name in SERVERS if name not in ("asgi", "wsgi")]


@contextmanager
def installed(path: Path, **options: Any) -> Iterator[Lines]:
    """Install logweft with *options* and a file as its only target."""
    target = path / "lines.jsonl"
    with target.open("a") as stream:
        with logweft.install(level="INFO", stream=stream, **options) as installation:
            yield Lines(target, installation)


# ---- the contract


class Served(InboundContract):
    """The contract's driver: a server of SERVERS, started for each test."""

    server = ""
    exceptions_logger = ""
    """Who logs an exception nobody caught."""

    @pytest.fixture(autouse=True)
    def _serve(self, lines: Lines) -> Iterator[None]:
        with ExitStack() as stack:
            self.port = stack.enter_context(SERVERS[self.server]())
            self.stop = stack.close
            yield

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """Send one request."""
        return get(self.port, headers, "/fail" if fail else "/")

    def test_the_exceptions_line_has_the_id(self, lines: Lines) -> None:
        """The one line that tells of an uncaught exception has the ID of its request."""
        self.call({"X-Correlation-ID": "order-4"}, fail=True)
        self.stop()

        told = [line for line in lines.read() if "boom" in str(line.get("exception"))]
        assert {(line["logger"], line.get("correlation_id")) for line in told} == {
            (self.exceptions_logger, "order-4")
        }

    def test_the_header_is_sent_once(self, lines: Lines) -> None:
        """However many layers could add it, the response has one X-Correlation-ID."""
        head = ask(
            self.port,
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Correlation-ID: order-5\r\n\r\n",
        ).lower()

        assert head.count(b"x-correlation-id") == 1
        assert b"x-correlation-id: order-5\r\n" in head


class TestUvicorn(Served):
    server, exceptions_logger = "uvicorn", "uvicorn.error"


class TestAsgiMiddlewareUnderUvicorn(Served):
    server, exceptions_logger = "asgi", "uvicorn.error"


class TestStarlette(Served):
    server, exceptions_logger = "starlette", "uvicorn.error"


class TestFastApi(Served):
    server, exceptions_logger = "fastapi", "uvicorn.error"


class TestFlask(Served):
    server, exceptions_logger = "flask", "shop"


class TestDjangoByWsgi(Served):
    server, exceptions_logger = "django, wsgi", "django.request"


class TestDjangoByAsgi(Served):
    server, exceptions_logger = "django, asgi", "django.request"


class TestWerkzeug(Served):
    server, exceptions_logger = "werkzeug", "werkzeug"

    def test_the_exceptions_line_has_the_id(self, lines: Lines) -> None:
        """Werkzeug's line of an uncaught exception, which is text to it, has the request's ID."""
        self.call({"X-Correlation-ID": "order-4"}, fail=True)
        self.stop()

        told = [line for line in lines.read() if "boom" in line["message"]]
        ids = [(line["logger"], line.get("correlation_id")) for line in told]
        assert ids == [("werkzeug", "order-4")]


class TestAiohttpServer(Served):
    server, exceptions_logger = "aiohttp", "aiohttp.server"


class TestWsgiMiddleware(Served):
    server, exceptions_logger = "wsgi", "app"


class TestAsgiMiddlewareAlone(InboundContract):
    """Without any integration, the middleware is enough where it is the outermost."""

    @pytest.fixture
    def lines(self, tmp_path: Path) -> Iterator[Lines]:
        """Install without integrations."""
        with installed(tmp_path, integrations="none") as lines:
            yield lines

    @pytest.fixture(autouse=True)
    def _serve(self, lines: Lines) -> Iterator[None]:
        app = logweft.asgi.CorrelationMiddleware(starlette_app())
        # uvicorn's own line of the exception is outside of the middleware, and not covered.
        with under_uvicorn(app, log_level="critical") as self.port:
            yield

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """Send one request."""
        return get(self.port, headers, "/fail" if fail else "/")


# ---- trust, hostile headers, switching off


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("trust", "adopts"),
    [("always", True), ("never", False), (["127.0.0.0/8"], True), (["10.0.0.0/8"], False)],
    ids=str,
)
def test_only_a_trusted_callers_id_is_adopted(
    server: str, trust: Any, adopts: bool, tmp_path: Path
) -> None:
    """Who is not trusted gets a new ID, and the one it sent is kept as upstream_id."""
    with installed(tmp_path, trust=trust) as lines, SERVERS[server]() as port:
        seen = get(port, {"X-Correlation-ID": "order-1"})

        (line,) = [line for line in lines.read() if line["message"] == "handled"]
    assert seen.headers["x-correlation-id"] == line["correlation_id"]
    if adopts:
        assert line["correlation_id"] == "order-1"
        assert "upstream_id" not in line
    else:
        assert MINTED.fullmatch(line["correlation_id"])
        assert line["upstream_id"] == "order-1"


HOSTILE = {
    "CR": b"order-1\rX-Injected: yes",
    "LF": b"order-1\nX-Injected yes",
    "CR LF": b"order-1\r\n X-Injected: yes",
    "NUL": b"order\x001",
    "200 characters": b"x" * 200,
    "not ASCII": "ordér-1".encode(),
    "latin-1": "ordér-1".encode("latin-1"),
    "escaped": b"order-1%0d%0aX-Injected:%20yes",
    "empty": b"",
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_id_is_replaced_and_never_echoed(server: str, value: bytes, lines: Lines) -> None:
    """What is no ID comes back in no header and is in no line's ID, if it is answered at all."""
    with SERVERS[server]() as port:
        seen = ask(
            port,
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"X-Correlation-ID: " + value + b"\r\n\r\n",
        )
    head = seen.partition(b"\r\n\r\n")[0]

    assert b"x-injected" not in head.lower()
    assert not value or value not in head
    for replaced in lines.ids("handled"):
        # wsgiref ends a line at a lone CR or LF: what stands before is an ID then, and a valid one.
        is_cut = any(mark in value and b"\r\n" not in value for mark in (b"\r", b"\n"))
        assert MINTED.fullmatch(replaced or "") or (is_cut and replaced == "order-1")
        assert f"x-correlation-id: {replaced}".encode() in head.lower()


@pytest.mark.parametrize("server", SERVERS)
def test_a_header_that_comes_twice_is_no_id(server: str, lines: Lines) -> None:
    """Two X-Correlation-IDs are none: a new ID is made."""
    with SERVERS[server]() as port:
        ask(
            port,
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"X-Correlation-ID: order-1\r\nX-Correlation-ID: order-2\r\n\r\n",
        )

    (replaced,) = lines.ids("handled")
    assert MINTED.fullmatch(replaced or "")


@pytest.mark.parametrize("server", AUTOMATIC)
def test_installed_twice_and_uninstalled(server: str, tmp_path: Path) -> None:
    """Installed twice, there is one ID; uninstalled under way, requests pass through; and back."""
    with SERVERS[server]() as port:
        with (tmp_path / "lines.jsonl").open("a") as stream:
            first = logweft.install(stream=stream, level="INFO")
            assert logweft.install(stream=stream, level="INFO") is first
            twice = get(port, {"X-Correlation-ID": "order-1"})
            assert Lines(tmp_path / "lines.jsonl", first).ids("handled") == ["order-1"]
            logweft.uninstall()
        without = get(port, {"X-Correlation-ID": "order-1"})
        failed = get(port, {}, "/fail")
        with installed(tmp_path):
            again = get(port, {"X-Correlation-ID": "order-2"})

    assert twice.headers["x-correlation-id"] == "order-1"
    assert (without.status, without.headers.get("x-correlation-id")) == (200, None)
    assert (failed.status, failed.headers.get("x-correlation-id")) == (500, None)
    assert again.headers["x-correlation-id"] == "order-2"


# ---- uvicorn


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_pipelined_requests_have_ids_of_their_own(http: str, lines: Lines) -> None:
    """Of two requests in one packet the second, without an ID, does not get the first one's."""
    first = b"GET /1 HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: order-1\r\n\r\n"
    second = b"GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with under_uvicorn(plain_asgi, http=http) as port:
        seen = ask(port, first + second)

    one, two = lines.ids("handled")
    assert one == "order-1"
    assert MINTED.fullmatch(two or "")
    assert seen.count(b"x-correlation-id: ") == 2
    assert f"x-correlation-id: {two}".encode() in seen
    access = [line for line in lines.read() if line["logger"] == "uvicorn.access"]
    assert [line.get("correlation_id") for line in access] == [one, two]


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_uvicorns_own_500_has_the_id(http: str, lines: Lines) -> None:
    """The response uvicorn gives for an application that raises carries the ID."""
    with under_uvicorn(plain_asgi, http=http) as port:
        seen = get(port, {"X-Correlation-ID": "order-1"}, "/fail")

    assert (seen.status, seen.headers["x-correlation-id"]) == (500, "order-1")
    access = [line for line in lines.read() if line["logger"] == "uvicorn.access"]
    assert [line.get("correlation_id") for line in access] == ["order-1"]


@pytest.mark.parametrize("sent", [{}, {"X-Correlation-ID": "order-1"}], ids=["minted", "adopted"])
def test_a_websocket_has_an_id(sent: dict[str, str], lines: Lines) -> None:
    """The handshake's response carries the ID of the lines, uvicorn's own of it among them."""
    with under_uvicorn(plain_asgi) as port:
        with connect(f"ws://127.0.0.1:{port}/", additional_headers=sent, proxy=None) as client:
            assert client.response is not None
            seen = client.response.headers.get_all("X-Correlation-ID")

    (handled,) = lines.ids("handled")
    assert seen == [handled]
    assert handled == sent.get("X-Correlation-ID", handled)
    accepted = [line for line in lines.read() if "[accepted]" in line["message"]]
    assert [line.get("correlation_id") for line in accepted] == [handled]


def test_a_websocket_in_the_middleware_alone(tmp_path: Path) -> None:
    """The ASGI middleware covers a websocket without any integration."""
    app = logweft.asgi.CorrelationMiddleware(plain_asgi)
    with installed(tmp_path, integrations="none") as lines, under_uvicorn(app) as port:
        with connect(f"ws://127.0.0.1:{port}/", proxy=None) as client:
            assert client.response is not None
            seen = client.response.headers.get_all("X-Correlation-ID")
        assert lines.ids("handled") == seen


UVICORN_APP = """
import logging, logweft
logweft.install(level="INFO")
log = logging.getLogger("app")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                log.info("goodbye")
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    log.info("handled")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""


@contextmanager
def commanded(path: Path, program: str, *command: str) -> Iterator[Any]:
    """Run a server's command in *path*, with *program* as program.py there; its lines go to one."""
    (path / "program.py").write_text(program)
    with (path / "lines.jsonl").open("ab") as out, (path / "stdout").open("ab") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=stdout,
            stderr=out,
            start_new_session=True,  # what it has started is ended with it, whatever happened
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def written(path: Path, name: str = "lines.jsonl") -> list[dict[str, Any]]:
    """Return the lines of a file, which may be written to, that are ours."""
    whole = (path / name).read_text().rpartition("\n")[0]
    return [json.loads(text) for text in whole.splitlines() if text.startswith("{")]


def wait_for(what: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    """Return what *what* does, as soon as it does, while *process* runs."""
    end = time.monotonic() + 60
    while not (found := what()):
        assert time.monotonic() < end, "nothing in 60 s"
        assert process.poll() is None, "the server has ended"
        time.sleep(0.02)
    return found


@pytest.mark.once
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("options", "workers"), [((), 1), (("--workers", "2"), 2), (("--reload",), 1)], ids=str
)
def test_the_last_lines_of_uvicorns_workers_are_written(
    options: tuple[str, ...], workers: int, number: signal.Signals, tmp_path: Path
) -> None:
    """What a worker, which imports the application itself, logs of its shutdown is written."""
    command = ("uvicorn", "--port", "0", *options, "program:app")
    with commanded(tmp_path, UVICORN_APP, *command) as process:

        def count(message: str) -> int:
            return sum(line["message"].startswith(message) for line in written(tmp_path))

        wait_for(lambda: count("Application startup complete") == workers, process)
        process.send_signal(number)
        process.wait(60)
        last = ("Shutting down", "goodbye", "Application shutdown", "Finished server process")
        assert [count(message) for message in last] == [workers] * 4


# ---- hypercorn

HYPERCORN_APP = """
import logging, logweft, os, sys
logweft.install(level="INFO", stream=getattr(sys, os.environ["TARGET"], None))
log = logging.getLogger("app")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            log.info(message["type"])  # first, as it may be stopped once it is complete
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    log.info("handled")
    if scope["path"] == "/fail":
        raise RuntimeError("boom, Bearer abcdefghijklmnopqrstuvwxyz0123456789")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""


@pytest.mark.once
@pytest.mark.parametrize("target", ["", "stderr", "stdout"])
@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_hypercorns_command_writes_each_line_once(
    workers: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its command, hypercorn's own lines are JSON, once, under the ID and without secrets."""
    monkeypatch.setenv("TARGET", target)
    options = ("--bind", "127.0.0.1:0", "--access-logfile", "-", "--workers", workers)

    def console() -> str:
        return "".join((tmp_path / name).read_text() for name in ("lines.jsonl", "stdout"))

    with commanded(tmp_path, HYPERCORN_APP, "hypercorn", *options, "program:app") as process:
        ran = wait_for(lambda: re.search(r"Running on http://[0-9.]+:(\d+)", console()), process)
        well = get(int(ran[1]), {"X-Correlation-ID": "order-1"})
        failed = get(int(ran[1]), {"X-Correlation-ID": "order-2"}, "/fail")
        wait_for(lambda: '"http.status":500' in console(), process)
        number = max(1, int(workers))
        # Of each worker, or one is stopped before it serves.
        wait_for(lambda: console().count('"message":"lifespan.startup') == number, process)
        wait_for(lambda: console().count('"message":"Running on') == number, process)
        process.send_signal(signal.SIGTERM)
        process.wait(60)

    told = [json.loads(text) for text in console().splitlines()]
    by_logger: dict[str, list[dict[str, Any]]] = {}
    for line in told:
        by_logger.setdefault(line["logger"], []).append(line)
    assert (well.headers["x-correlation-id"], well.status) == ("order-1", 200)
    assert (failed.headers["x-correlation-id"], failed.status) == ("order-2", 500)
    access = by_logger["hypercorn.access"]
    # In order of their IDs: two workers write in whichever order.
    assert sorted((line["correlation_id"], line["http.status"]) for line in access) == [
        ("order-1", 200),
        ("order-2", 500),
    ]
    error = [line for line in by_logger["hypercorn.error"] if line["level"] == "ERROR"]
    assert [(line["correlation_id"], "boom" in str(line)) for line in error] == [("order-2", True)]
    assert "abcdefghijklmnopqrstuvwxyz" not in console()
    running = [line for line in told if line["message"].startswith("Running on")]
    assert len(running) == number
    messages = Counter(line["message"] for line in by_logger["app"])
    # As soon as one worker has ended, hypercorn kills the others.
    assert 1 <= messages.pop("lifespan.shutdown") <= number
    assert messages == {"lifespan.startup": number, "handled": 2}


def test_a_client_that_has_gone_has_an_access_line_under_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hypercorn logs of a client that did not wait for its answer has the request's ID."""
    monkeypatch.setenv("TARGET", "stderr")
    program = HYPERCORN_APP.replace(
        'log.info("handled")',
        """log.info("handled")
    while (await receive())["type"] != "http.disconnect":
        pass  # until the client has gone
    return""",
    )
    options = ("--bind", "127.0.0.1:0", "--access-logfile", "-")
    with commanded(tmp_path, program, "hypercorn", *options, "program:app") as process:
        begins = r"Running on http://[0-9.]+:(\d+)"
        running = wait_for(lambda: re.search(begins, str(written(tmp_path))), process)
        port = int(running[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: order-1\r\n\r\n")
            wait_for(lambda: "handled" in str(written(tmp_path)), process)
        (access,) = wait_for(lambda: written(tmp_path, "stdout"), process)

    assert (access["logger"], access["correlation_id"]) == ("hypercorn.access", "order-1")


# ---- WSGI


@pytest.mark.parametrize("server", ["wsgi", "flask"])
def test_a_body_is_made_under_the_id(server: str, lines: Lines) -> None:
    """What is logged while the body is sent, and when it is closed, has the ID."""
    with SERVERS[server]() as port:
        get(port, {"X-Correlation-ID": "order-1"})

    assert lines.ids("streamed") == ["order-1"] * 2
    assert lines.ids("closed") == ["order-1"]


def test_a_body_is_made_with_what_was_bound(lines: Lines) -> None:
    """What the application has bound is on the lines of its body too."""
    with SERVERS["wsgi"]() as port:
        get(port)

    streamed = [line for line in lines.read() if line["message"] in ("streamed", "closed")]
    assert [line["order"] for line in streamed] == [1, 1, 1]


def test_the_server_still_knows_the_length(lines: Lines) -> None:
    """A body that is a list stays one, so that the server can tell its length."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"hello"]

    with under_wsgiref(logweft.wsgi.CorrelationMiddleware(app)) as port:
        seen = get(port)

    assert seen.headers["content-length"] == "5"


def test_the_server_still_sends_files_its_own_way(lines: Lines, tmp_path: Path) -> None:
    """A body of the server's wsgi.file_wrapper stays one, and its file is closed."""
    (tmp_path / "file").write_text("hello")
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "5")])
        seen.append(environ["wsgi.file_wrapper"])
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    def server(environ: Any, start_response: Any) -> Any:
        body = logweft.wsgi.CorrelationMiddleware(app)(environ, start_response)
        seen.append(type(body))
        return body

    with under_wsgiref(server) as port:
        assert get(port).status == 200

    assert seen[0] is seen[1]


# ---- werkzeug


@pytest.mark.parametrize("server", ["werkzeug", "flask"])
def test_the_access_line_of_werkzeug_has_the_id(server: str, lines: Lines) -> None:
    """Werkzeug's line of each request, of one that failed too, has the ID of the response."""
    with SERVERS[server]() as port:
        seen = [get(port, {"X-Correlation-ID": "order-1"}), get(port), get(port, {}, "/fail")]

    access = [line for line in lines.read() if "http.status" in line]
    assert [line["logger"] for line in access] == ["werkzeug"] * 3
    assert [line.get("correlation_id") for line in access] == [
        each.headers["x-correlation-id"] for each in seen
    ]


def test_a_request_werkzeug_refuses_has_no_id(lines: Lines) -> None:
    """A request line that is none is answered with 400, and its line has not the last one's ID."""
    server = werkzeug.serving.make_server("127.0.0.1", 0, failing_wsgi)  # one thread for all
    with running(server) as port:
        get(port, {"X-Correlation-ID": "order-1"})
        seen = ask(port, b"GET / HTTP/1.1 nonsense\r\n\r\n")

    assert b"400" in seen  # where Python takes it for HTTP/0.9, in the page alone
    assert b"x-correlation-id" not in seen.lower()
    told = [line for line in lines.read() if "nonsense" in line["message"]]
    assert told
    assert {line.get("correlation_id") for line in told} == {None}


def test_under_werkzeug_the_applications_own_header_wins(lines: Lines) -> None:
    """A response that has an X-Correlation-ID already keeps it, and gets no second one."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("x-correlation-ID", "mine")])
        return [b""]

    with running(werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)) as port:
        seen = ask(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: order-1\r\n\r\n")

    assert re.findall(rb"x-correlation-id: (.*)\r", seen.lower()) == [b"mine"]


WERKZEUG_COLOURS = """
import http.client, logging, sys, threading
import logweft
import werkzeug.serving

class Kept(logging.Handler):
    def emit(self, record):
        print(record.getMessage())

def app(environ, start_response):
    start_response(environ["PATH_INFO"][1:] + " Status", [("Content-Length", "0")])
    return [b""]

with logweft.install(level="INFO"):
    if "beside" in sys.argv:
        logging.getLogger().addHandler(Kept())
    server = werkzeug.serving.make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for status in ("200", "304", "302", "404", "400", "500"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/" + status)
        connection.getresponse().read()
        connection.close()
    server.shutdown()
    thread.join()
    server.server_close()
"""


def test_werkzeugs_colours_are_not_in_a_line() -> None:
    """Where werkzeug's lines are all ours, their message has no codes of colours."""
    done = run(WERKZEUG_COLOURS)

    access = [line for line in done.lines if "http.status" in line]
    assert [line["http.status"] for line in access] == [200, 304, 302, 404, 400, 500]
    for line in access:
        assert f'"GET /{line["http.status"]} HTTP/1.1" {line["http.status"]} -' in line["message"]


def test_werkzeugs_colours_stay_for_another_handler() -> None:
    """Who has a handler of their own beside ours gets from werkzeug what they always got."""
    done = run(WERKZEUG_COLOURS, "beside")

    told = [text for text in done.out.splitlines() if "GET /" in text]
    assert ["\x1b[0m" in text for text in told] == [False, True, True, True, True, True]


# ---- Django


@pytest.mark.parametrize("server", ["django, wsgi", "django, asgi"])
def test_djangos_own_lines_have_the_id(server: str, tmp_path: Path, lines: Lines) -> None:
    """What django.request says of a page that is missing has the ID of the request."""
    with SERVERS[server]() as port, override_settings(ROOT_URLCONF=()):
        seen = get(port, {"X-Correlation-ID": "order-1"}, "/nowhere")

    assert seen.headers["x-correlation-id"] == "order-1"
    assert lines.ids("Not Found: /nowhere") == ["order-1"]


def test_the_line_of_runserver_has_the_id(lines: Lines) -> None:
    """The line the development server logs once a response is sent has the ID of the request."""
    with django_settings():
        basehttp = django.core.servers.basehttp
        server = basehttp.ThreadedWSGIServer(("127.0.0.1", 0), basehttp.WSGIRequestHandler)
        server.daemon_threads = False
        server.set_app(django.core.handlers.wsgi.WSGIHandler())
        with running(server) as port:
            get(port, {"X-Correlation-ID": "order-1"})

    told = [line for line in lines.read() if line["logger"] == "django.server"]
    assert [line.get("correlation_id") for line in told] == ["order-1"]


class TestDjangosTestClient(InboundContract):
    """The contract, by Django's test client: what it asks, the handler of no server answers."""

    client_class: Any = django.test.Client

    @pytest.fixture(autouse=True)
    def _settings(self) -> Iterator[None]:
        with django_settings():
            yield

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """Send one request."""
        client = self.client_class(raise_request_exception=False)
        names = {f"HTTP_{name.upper().replace('-', '_')}": each for name, each in headers.items()}
        seen = client.get("/fail" if fail else "/", **names)
        assert "X-Correlation-ID" in seen.headers
        return Response(seen.status_code, {k.lower(): v for k, v in seen.headers.items()})

    def test_a_view_that_raises_raises(self, lines: Lines) -> None:
        """The client raises what the view did, and Django's line of it has the ID."""
        with pytest.raises(RuntimeError, match="boom"):
            self.client_class().get("/fail", HTTP_X_CORRELATION_ID="order-4")

        assert lines.ids("Internal Server Error: /fail") == ["order-4"]

    def test_the_views_own_header_wins(self, lines: Lines) -> None:
        """A response that has the header already keeps it."""
        seen = self.client_class().get("/own")

        assert seen.headers["X-Correlation-ID"] == "mine"

    def test_after_uninstall_there_is_no_header(self, tmp_path: Path) -> None:
        """Without an installation, the client's responses are as without us."""
        with installed(tmp_path):
            assert "X-Correlation-ID" in self.client_class().get("/").headers

        assert "X-Correlation-ID" not in self.client_class().get("/").headers


class AsAsync:
    """Django's asynchronous test client, each call of which has a loop of its own."""

    def __init__(self, **options: Any) -> None:
        self._client = django.test.AsyncClient(**options)

    def get(self, path: str, **names: str) -> Any:
        """Send one GET."""
        headers = {name[5:].replace("_", "-"): value for name, value in names.items()}
        return asyncio.run(self._client.get(path, headers=headers))


class TestDjangosAsyncTestClient(TestDjangosTestClient):
    client_class = AsAsync


# ---- aiohttp


def test_the_access_line_of_aiohttp_has_the_id(lines: Lines) -> None:
    """aiohttp.access tells of each request, of one that failed too, under its ID."""
    with SERVERS["aiohttp"]() as port:
        for path in ("/", "/fail", "/missing"):
            get(port, {"X-Correlation-ID": f"order{path.replace('/', '-')}"}, path)

    access = [line for line in lines.read() if line["logger"] == "aiohttp.access"]
    ids = sorted(line["correlation_id"] for line in access)
    assert ids == ["order-", "order-fail", "order-missing"]


def test_an_http_exception_of_aiohttp_carries_the_id(lines: Lines) -> None:
    """A response that is raised carries the ID; one that has the header already keeps it."""
    with SERVERS["aiohttp"]() as port:
        missing = get(port, {"X-Correlation-ID": "order-1"}, "/missing")
        own = get(port, {"X-Correlation-ID": "order-1"}, "/own")

    assert (missing.status, missing.headers["x-correlation-id"]) == (404, "order-1")
    assert own.headers["x-correlation-id"] == "mine"


def test_a_websocket_of_aiohttp_has_an_id(lines: Lines) -> None:
    """The handshake's response carries the ID of the handler's lines."""
    with SERVERS["aiohttp"]() as port:
        with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
            assert client.response is not None
            seen = client.response.headers.get_all("X-Correlation-ID")

    assert lines.ids("handled") == seen


# ---- gunicorn

GUNICORN_APP = """
import logging, logweft
logweft.install(level="INFO")
log = logging.getLogger("app")

def application(environ, start_response):
    log.info("handled %s", environ["PATH_INFO"])
    if environ["PATH_INFO"] == "/fail":
        raise RuntimeError("boom")
    start_response("200 OK", [("Content-Type", "text/plain")])
    log.info("answers %s", environ["PATH_INFO"])
    yield b"ok"
    log.info("streamed %s", environ["PATH_INFO"])
"""

GUNICORN_FLASK = """
import flask, logging, logweft
logweft.install(level="INFO")
app = flask.Flask("app")

@app.get("/<number>")
def application(number):
    for word in ("handled", "answers", "streamed"):
        app.logger.info("%s /%s", word, number)
    if number == "fail":
        raise RuntimeError("boom")
    return "ok"

application = app
"""


@contextmanager
def gunicorn(path: Path, program: str, *options: str) -> Iterator[tuple[int, Path]]:
    """Serve *program* by two workers; give the port, and the file its lines go to."""
    (path / "program.py").write_text(textwrap.dedent(program))
    target = path / "lines.jsonl"
    with listening() as sock, target.open("ab") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{sock.fileno()}"),
                *("--workers", "2", "--access-logfile", "-", *options, "program:application"),
            ],
            cwd=path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=[sock.fileno()],
            stdout=out,
            stderr=out,
        )
        try:
            yield sock.getsockname()[1], target
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait(30)


def objects(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file that are ours; those before install() are gunicorn's own."""
    texts = path.read_text().splitlines()
    return [json.loads(text) for text in texts if text.startswith("{")]


@pytest.mark.once
@pytest.mark.parametrize("program", [GUNICORN_APP, GUNICORN_FLASK], ids=["plain", "flask"])
@pytest.mark.parametrize(
    "options", [(), ("--threads", "4"), ("--preload",)], ids=["sync", "gthread", "preload"]
)
def test_gunicorn_mixes_no_requests(program: str, options: tuple[str, ...], tmp_path: Path) -> None:
    """Of fifty requests at once each response, line and access line has its own ID."""
    numbers = range(50)
    with gunicorn(tmp_path, program, *options) as (port, target):
        with ThreadPoolExecutor(16) as pool:
            seen = list(
                pool.map(lambda n: get(port, {"X-Correlation-ID": f"order-{n}"}, f"/{n}"), numbers)
            )
        minted = get(port, {}, "/minted").headers["x-correlation-id"]

    assert [each.headers["x-correlation-id"] for each in seen] == [f"order-{n}" for n in numbers]
    told: dict[Any, list[str]] = {}
    for line in objects(target):
        if line["logger"] in ("app", "gunicorn.access"):
            told.setdefault(line.get("correlation_id"), []).append(line["message"])
    assert set(told) == {*(f"order-{n}" for n in numbers), minted}
    for each, messages in told.items():
        name = "/minted" if each == minted else each.replace("order-", "/")
        assert sorted(messages)[1:] == [f"answers {name}", f"handled {name}", f"streamed {name}"]
        assert f"GET {name} HTTP" in sorted(messages)[0]


@pytest.mark.parametrize("options", [(), ("--threads", "4")], ids=["sync", "gthread"])
def test_gunicorns_line_of_an_exception_has_the_id(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """What gunicorn logs of an exception nobody caught has the ID; the next request has its own."""
    with gunicorn(tmp_path, GUNICORN_APP, *options) as (port, target):
        assert get(port, {"X-Correlation-ID": "order-1"}, "/fail").status == 500
        assert get(port, {"X-Correlation-ID": "order-2"}, "/2").status == 200

    told = [line for line in objects(target) if "boom" in str(line.get("exception"))]
    assert [line.get("correlation_id") for line in told] == ["order-1"]
    own = [line for line in objects(target) if line["message"] == "handled /2"]
    assert [line["correlation_id"] for line in own] == ["order-2"]
