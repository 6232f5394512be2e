"""Tornado on loopback: requests, websockets, its access line, and its formatter."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import tornado.httpclient
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
from websockets.sync.client import connect

import contracts
import logweft
from contracts import InboundContract, Lines, OutboundContract, Response

lines = contracts.lines

log = logging.getLogger("app")


class Home(tornado.web.RequestHandler):
    """Answer, or fail."""

    def initialize(self) -> None:
        """Log before the request is handled."""
        log.info("initialized")

    async def get(self) -> None:
        """Log, wait, answer."""
        log.info("handled")
        await asyncio.sleep(0)
        if self.request.path == "/fail":
            raise RuntimeError("boom")
        if self.request.path == "/teapot":
            raise tornado.web.HTTPError(418, "short and stout")
        if self.request.path == "/own":
            self.set_header("x-correlation-id", "mine")
        self.write("o")
        await self.flush()
        self.write("k")

    def on_finish(self) -> None:
        """Log behind the response."""
        log.info("finished")


class Plain(tornado.web.RequestHandler):
    """A handler that is no coroutine."""

    def get(self) -> None:
        """Log and answer."""
        log.info("handled")
        self.write("ok")


class Echo(tornado.websocket.WebSocketHandler):
    """Log each message."""

    def open(self) -> None:  # type: ignore[override]  # as its documentation has it
        """Log the beginning."""
        log.info("opened")

    def on_message(self, message: Any) -> None:
        """Log a message, and answer it."""
        log.info("message")
        self.write_message(message)

    def on_close(self) -> None:
        """Log the end."""
        log.info("closed")


@contextmanager
def serving(**settings: Any) -> Iterator[int]:
    """Serve the application, in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    rules = [("/ws", Echo), ("/plain", Plain), ("/(?:|fail|own|teapot)", Home)]

    async def start() -> tornado.httpserver.HTTPServer:
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(tornado.web.Application(rules, **settings))
        server.add_sockets(sockets)
        ports.append(sockets[0].getsockname()[1])
        return server

    async def stop(server: tornado.httpserver.HTTPServer) -> None:
        server.stop()
        await server.close_all_connections()

    ports: list[int] = []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield ports[0]
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def get(port: int, path: str, headers: dict[str, str] | None = None) -> Response:
    """Send one GET; return what came back, the header once."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        response.read()
        assert len(response.headers.get_all("X-Correlation-ID", [])) <= 1
        return Response(response.status, {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


class TestTornado(InboundContract):
    @pytest.fixture(autouse=True)
    def _serve(self, lines: Lines) -> Iterator[None]:
        with ExitStack() as stack:
            self.port = stack.enter_context(serving())
            self.stop = stack.close  # what is logged behind the response is logged then
            yield

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """Send one request."""
        return get(self.port, "/fail" if fail else "/", headers)

    def test_every_line_has_the_id(self, lines: Lines) -> None:
        """The handler's lines, before and behind the response too, and the access line have it."""
        self.call({"X-Correlation-ID": "order-4"})
        self.stop()

        told = {line["message"]: line.get("correlation_id") for line in lines.read()}
        assert {"initialized", "handled", "finished"} < set(told)
        assert set(told.values()) == {"order-4"}

    def test_the_exceptions_line_has_the_id(self, lines: Lines) -> None:
        """The one line that tells of an uncaught exception has the ID of its request."""
        self.call({"X-Correlation-ID": "order-4"}, fail=True)
        self.stop()

        told = [line for line in lines.read() if "boom" in str(line.get("exception"))]
        assert [(line["logger"], line["correlation_id"]) for line in told] == [
            ("tornado.application", "order-4")
        ]

    @pytest.mark.parametrize(
        ("path", "status"), [("/plain?a=1", 200), ("/missing", 404), ("/teapot", 418)]
    )
    def test_the_access_line_is_fields(self, path: str, status: int, lines: Lines) -> None:
        """tornado.access tells method, path, status and duration as fields, under the ID."""
        seen = get(self.port, path, {"X-Correlation-ID": "order-5"})
        self.stop()

        assert (seen.status, seen.headers["x-correlation-id"]) == (status, "order-5")
        (line,) = [line for line in lines.read() if line["logger"] == "tornado.access"]
        assert line["correlation_id"] == "order-5"
        assert (line["http.method"], line["http.path"], line["http.status"]) == (
            "GET",
            path.partition("?")[0],
            status,
        )
        assert line["duration_ms"] >= 0

    def test_the_handlers_own_header_wins(self, lines: Lines) -> None:
        """A handler that sets the header is left to it."""
        seen = get(self.port, "/own", {"X-Correlation-ID": "order-6"})

        assert seen.headers["x-correlation-id"] == "mine"

    def test_a_websocket_has_an_id(self, lines: Lines) -> None:
        """The handshake's response has the ID, and so has each message's line."""
        sent = {"X-Correlation-ID": "order-7"}
        url = f"ws://127.0.0.1:{self.port}/ws"
        with connect(url, additional_headers=sent, proxy=None) as client:
            assert client.response is not None
            seen = client.response.headers.get_all("X-Correlation-ID")
            for text in ("a", "b"):
                client.send(text)
                assert client.recv(30) == text

        assert seen == ["order-7"]
        assert lines.ids("opened") == ["order-7"]
        assert lines.ids("message") == ["order-7"] * 2


# ---- outbound


class Recorder(tornado.web.RequestHandler):
    """Keep the headers of each request; ``/to?url`` redirects there, ``/slow`` waits for a word."""

    def initialize(self, server: Any) -> None:
        """Take the server."""
        self.server = server

    async def get(self) -> None:
        """Record and answer."""
        pairs = [(name.lower(), value) for name, value in self.request.headers.get_all()]
        self.server.seen.append(pairs)
        if self.request.path == "/to":
            self.redirect(self.request.query)
        elif self.request.path == "/slow":
            await self.server.go.wait()


class Recording:
    """What a server has seen, and a URL for it."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[str, str]]] = []
        self.go = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Return the URL of its root."""
        return f"http://127.0.0.1:{self.port}"

    def ids(self) -> list[list[str]]:
        """Return the correlation IDs that each request carried."""
        return [[value for name, value in each if name == "x-correlation-id"] for each in self.seen]


def fetch_all(talk: Any, **client: Any) -> Recording:
    """Run ``talk(client, server)`` in a loop with a server; return what the server saw."""

    async def main() -> None:
        rules = [("/.*", Recorder, {"server": recording})]
        server = tornado.httpserver.HTTPServer(tornado.web.Application(rules))
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        recording.port = sockets[0].getsockname()[1]
        http = tornado.httpclient.AsyncHTTPClient(force_instance=True, **client)
        try:
            await talk(http, recording)
        finally:
            http.close()
            server.stop()
            await server.close_all_connections()

    recording = Recording()
    asyncio.run(main())
    return recording


class TestTornadoClient(OutboundContract):
    def send(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        """Send one request."""

        async def talk(http: Any, server: Recording) -> None:
            await http.fetch(server.url + "/", headers=headers)

        (seen,) = fetch_all(talk).seen
        return seen

    def fail(self) -> None:
        """Send one request to nobody."""

        async def main(port: int) -> None:
            await tornado.httpclient.AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/")

        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            asyncio.run(main(sock.getsockname()[1]))

    def test_a_request_that_waits_has_its_own_id(self, lines: Lines) -> None:
        """A request that another one's end has started carries the ID of who asked for it."""

        async def talk(http: Any, server: Recording) -> None:
            with logweft.adopt("order-1"):
                first = asyncio.ensure_future(http.fetch(server.url + "/slow"))
            await asyncio.sleep(0)
            with logweft.adopt("order-2"):
                second = http.fetch(server.url + "/")
            third = http.fetch(server.url + "/")
            server.go.set()
            await asyncio.gather(first, second, third)

        assert fetch_all(talk, max_clients=1).ids() == [["order-1"], ["order-2"], []]

    def test_a_redirect_doubles_nothing(self, lines: Lines) -> None:
        """Both hops of a redirect carry the ID once."""

        async def talk(http: Any, server: Recording) -> None:
            with logweft.adopt("order-1"):
                await http.fetch(f"{server.url}/to?{server.url}/there")

        assert fetch_all(talk).ids() == [["order-1"]] * 2

    def test_a_redirect_takes_nothing_to_another_host(self, tmp_path: Path) -> None:
        """A redirect out of the hosts of propagate_to carries no ID there."""

        async def talk(http: Any, server: Recording) -> None:
            with logweft.adopt("order-1"):
                there = server.url.replace("127.0.0.1", "localhost")
                await http.fetch(f"{server.url}/to?{there}/there")

        with (tmp_path / "lines").open("a") as stream:
            with logweft.install(stream=stream, propagate_to=["127.0.0.1"]):
                assert fetch_all(talk).ids() == [["order-1"], []]

    def test_a_request_that_is_sent_twice_has_two_ids(self, lines: Lines) -> None:
        """A request object has the ID of each piece of work, and its headers are not ours."""

        async def talk(http: Any, server: Recording) -> None:
            request = tornado.httpclient.HTTPRequest(server.url + "/", headers={"A": "1"})
            for order in ("order-1", "order-2"):
                with logweft.adopt(order):
                    await http.fetch(request)
            assert "X-Correlation-ID" not in request.headers

        assert fetch_all(talk).ids() == [["order-1"], ["order-2"]]

    def test_a_websockets_handshake_has_the_id(self, lines: Lines) -> None:
        """The request that opens a websocket carries the ID."""

        async def talk(http: Any, server: Recording) -> None:
            with logweft.adopt("order-1"), pytest.raises(tornado.websocket.WebSocketError):
                await tornado.websocket.websocket_connect(server.url.replace("http", "ws"))

        assert fetch_all(talk).ids() == [["order-1"]]
