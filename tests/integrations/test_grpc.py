"""gRPC on loopback: sync and aio servers and channels, all four kinds of RPC."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
import grpc.experimental
import pytest

import contracts
import logweft
from contracts import MINTED, InboundContract, Lines, OutboundContract, Response

lines = contracts.lines

log = logging.getLogger("app")

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
OURS = {"x-correlation-id", "traceparent", "tracestate", "baggage"}
TIMEOUT_S = 30

Pairs = list[tuple[str, str]]


# ---- servicers: each logs "handled" before each response and does what the request says


class Servicer:
    """What the server does, once for each flavour of handler; keeps the metadata that arrived."""

    def __init__(self) -> None:
        self.arrived: list[Pairs] = []

    def begin(self, servicer: Any) -> None:
        """Keep what arrived."""
        self.arrived.append([tuple(pair) for pair in servicer.invocation_metadata()])

    def sync(self, kind: str) -> Any:
        """Return a plain function, or a generator, for one kind of RPC."""

        def respond(requests: Any, servicer: Any) -> Iterator[bytes]:
            self.begin(servicer)
            for request in requests if kind.startswith("stream") else [requests]:
                log.info("handled")
                if request == b"fail":
                    raise RuntimeError("boom")
                if request == b"abort":
                    servicer.abort(grpc.StatusCode.NOT_FOUND, "no such order")
                if request == b"own":
                    servicer.send_initial_metadata([("initial", "1")])
                    servicer.set_trailing_metadata([("trailing", "1")])
                if request == b"mine":
                    servicer.set_trailing_metadata([("x-correlation-id", "mine")])
                logweft.bind(order=1)
                yield b"ok"

        if kind.endswith("stream"):
            return respond
        return lambda requests, servicer: list(respond(requests, servicer))[-1]

    def aio(self, kind: str) -> Any:
        """Return a coroutine function, or an async generator, for one kind of RPC."""

        async def each(requests: Any) -> AsyncIterator[bytes]:
            if kind.startswith("stream"):
                async for request in requests:
                    yield request
            else:
                yield requests

        async def respond(requests: Any, servicer: Any) -> AsyncIterator[bytes]:
            self.begin(servicer)
            async for request in each(requests):
                log.info("handled")
                if request == b"fail":
                    raise RuntimeError("boom")
                if request == b"abort":
                    await servicer.abort(grpc.StatusCode.NOT_FOUND, "no such order")
                if request == b"own":
                    await servicer.send_initial_metadata((("initial", "1"),))
                    servicer.set_trailing_metadata((("trailing", "1"),))
                if request == b"mine":
                    servicer.set_trailing_metadata((("x-correlation-id", "mine"),))
                logweft.bind(order=1)
                yield b"ok"

        async def answer(requests: Any, servicer: Any) -> bytes:
            return [response async for response in respond(requests, servicer)][-1]

        return respond if kind.endswith("stream") else answer


def handlers(flavour: str, servicer: Servicer) -> Any:
    """Return the servicer's four methods, named as their kinds."""
    methods = {}
    for kind in KINDS:
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        methods[kind] = make(servicer.aio(kind) if flavour == "aio" else servicer.sync(kind))
    return grpc.method_handlers_generic_handler("shop", methods)


class Serving(NamedTuple):
    """A server that runs: its port, and what arrived there."""

    port: int
    servicer: Servicer


@contextlib.contextmanager
def sync_server(interceptors: Any = None) -> Iterator[Serving]:
    """Run a sync server."""
    servicer = Servicer()
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, [handlers("sync", servicer)], interceptors)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield Serving(port, servicer)
        finally:
            server.stop(TIMEOUT_S).wait(TIMEOUT_S)


@contextlib.contextmanager
def looping() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT_S)
        loop.close()


@contextlib.contextmanager
def aio_server(flavour: str = "aio", interceptors: Any = None) -> Iterator[Serving]:
    """Run a grpc.aio server, with handlers of its own kind or with sync ones."""
    servicer = Servicer()

    async def start() -> tuple[Any, int]:
        server = grpc.aio.server(pool, [handlers(flavour, servicer)], interceptors)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    with ThreadPoolExecutor(8) as pool, looping() as loop:
        server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(TIMEOUT_S)
        try:
            yield Serving(port, servicer)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(TIMEOUT_S), loop).result(TIMEOUT_S)


SERVERS: dict[str, Any] = {
    "sync": sync_server,
    "aio": aio_server,
    "aio, sync handlers": lambda interceptors=None: aio_server("sync", interceptors),
}


# ---- clients


class Answer(NamedTuple):
    """What a client saw: the status, and initial and trailing metadata together."""

    code: grpc.StatusCode
    metadata: Pairs

    def all(self, name: str) -> list[str]:
        """Return every value of a name."""
        return [value for each, value in self.metadata if each == name]


def ask(channel: Any, kind: str, *requests: bytes, metadata: Any = None) -> Answer:
    """Call one method over a sync channel."""
    method = getattr(channel, kind)(f"/shop/{kind}")
    argument = iter(requests) if kind.startswith("stream") else requests[0]
    call = method if kind.endswith("stream") else method.future
    responses = call(argument, metadata=metadata, timeout=TIMEOUT_S)
    with contextlib.suppress(grpc.RpcError):
        list(responses) if kind.endswith("stream") else responses.result()
    return Answer(responses.code(), [*responses.initial_metadata(), *responses.trailing_metadata()])


def get(port: int, kind: str, *requests: bytes, metadata: Any = None) -> Answer:
    """Call one method over a channel of its own."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return ask(channel, kind, *requests, metadata=metadata)


@contextlib.contextmanager
def installed(path: Path, **options: Any) -> Iterator[Lines]:
    """Install logweft with *options* and a file as its only target."""
    target = path / "lines.jsonl"
    with target.open("a") as stream:
        with logweft.install(level="INFO", stream=stream, **options) as installation:
            yield Lines(target, installation)


# ---- inbound


class Served(InboundContract):
    """The contract's driver: a server of SERVERS, one kind of RPC, a client without an ID."""

    server = ""
    kind = "unary_unary"

    @pytest.fixture(autouse=True)
    def _serve(self, lines: Lines) -> Iterator[None]:
        with SERVERS[self.server]() as serving:
            self.port = serving.port
            yield

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """Call the method; UNKNOWN is gRPC's 500."""
        metadata = [(name.lower(), value) for name, value in headers.items()]
        seen = get(self.port, self.kind, b"fail" if fail else b"work", metadata=metadata)
        status = {grpc.StatusCode.OK: 200, grpc.StatusCode.UNKNOWN: 500}[seen.code]
        assert len(seen.all("x-correlation-id")) == 1
        return Response(status, dict(seen.metadata))


class TestSync(Served):
    server = "sync"


class TestSyncStream(Served):
    server, kind = "sync", "stream_stream"


class TestAio(Served):
    server = "aio"


class TestAioStream(Served):
    server, kind = "aio", "stream_stream"


class TestAioWithSyncHandlers(Served):
    server = "aio, sync handlers"


class TestAioWithSyncGenerators(Served):
    server, kind = "aio, sync handlers", "stream_stream"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_every_kind_has_the_id(server: str, kind: str, lines: Lines) -> None:
    """Each line of a servicer, also between its responses, has the ID and what was bound before."""
    many = [b"work"] * (3 if kind.startswith("stream") else 1)
    with SERVERS[server]() as serving:
        seen = get(serving.port, kind, *many, metadata=[("x-correlation-id", "order-1")])

    assert seen.code is grpc.StatusCode.OK
    assert seen.all("x-correlation-id") == ["order-1"]
    assert lines.ids("handled") == ["order-1"] * len(many)
    bound = [line.get("order") for line in lines.read() if line["message"] == "handled"]
    assert bound == [None, 1, 1][: len(many)]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_line_of_an_exception_has_the_id(server: str, kind: str, lines: Lines) -> None:
    """What grpc logs of an exception nobody caught has the ID, and the response tells it."""
    with SERVERS[server]() as serving:
        seen = get(serving.port, kind, b"fail", metadata=[("x-correlation-id", "order-1")])

    assert seen.code is grpc.StatusCode.UNKNOWN
    assert seen.all("x-correlation-id") == ["order-1"]
    told = [line for line in lines.read() if "boom" in str(line.get("exception"))]
    assert [line.get("correlation_id") for line in told] == ["order-1"]


@pytest.mark.once
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_aborted_call_tells_the_id(server: str, kind: str, lines: Lines) -> None:
    """A call the servicer aborts keeps its status, and its metadata tell the ID."""
    if server == "aio, sync handlers" and kind.endswith("stream"):
        pytest.skip("grpc.aio itself leaves the worker of an aborted sync generator waiting")
    with SERVERS[server]() as serving:
        seen = get(serving.port, kind, b"abort", metadata=[("x-correlation-id", "order-1")])

    assert seen.code is grpc.StatusCode.NOT_FOUND
    assert seen.all("x-correlation-id") == ["order-1"]


@pytest.mark.once
@pytest.mark.parametrize("server", ["sync", "aio"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_servicers_own_metadata_are_kept(server: str, kind: str, lines: Lines) -> None:
    """Initial and trailing metadata of the servicer arrive, with the ID, and its own ID wins."""
    with SERVERS[server]() as serving:
        own = get(serving.port, kind, b"own", metadata=[("x-correlation-id", "order-1")])
        mine = get(serving.port, kind, b"mine", metadata=[("x-correlation-id", "order-1")])

    assert (own.all("initial"), own.all("trailing")) == (["1"], ["1"])
    assert own.all("x-correlation-id") == ["order-1"]
    assert mine.all("x-correlation-id") == ["mine"]


@pytest.mark.parametrize("server", ["sync", "aio, sync handlers"])
@pytest.mark.parametrize("trust", ["always", ["127.0.0.0/8"]], ids=str)
def test_workers_keep_nothing(server: str, trust: Any, tmp_path: Path) -> None:
    """A worker of the server's pool has no Context once its RPC is done, without hops too."""
    seen: list[str | None] = []
    executors: list[ThreadPoolExecutor] = []
    with (
        installed(tmp_path, integrations=["grpc_server"], trust=trust),
        pytest.MonkeyPatch.context() as patch,
    ):
        made = ThreadPoolExecutor.__init__

        def remember(self: ThreadPoolExecutor, *args: Any) -> None:
            made(self, 1)
            executors.append(self)

        patch.setattr(ThreadPoolExecutor, "__init__", remember)
        with SERVERS[server]() as serving:
            for kind in KINDS:
                get(serving.port, kind, b"work", metadata=[("x-correlation-id", "order-1")])
                get(serving.port, kind, b"fail", metadata=[("x-correlation-id", "order-1")])
                look = executors[0].submit(lambda: logweft.current().correlation_id)
                seen.append(look.result(TIMEOUT_S))

    assert seen == [None] * len(KINDS)


class SyncInterceptor(grpc.ServerInterceptor):
    """A user's interceptor, which logs."""

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Log and go on."""
        log.info("intercepted")
        return continuation(handler_call_details)


class AioInterceptor(grpc.aio.ServerInterceptor):
    """The same for grpc.aio."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Log and go on."""
        log.info("intercepted")
        return await continuation(handler_call_details)


@pytest.mark.once
@pytest.mark.parametrize("server", ["sync", "aio"])
@pytest.mark.parametrize("kind_of", [list, tuple])
def test_the_users_interceptors_are_kept(server: str, kind_of: Any, lines: Lines) -> None:
    """The user's interceptors run, in their order, under the ID; the user's sequence is kept."""
    own = kind_of([SyncInterceptor(), SyncInterceptor()])
    if server == "aio":
        own = kind_of([AioInterceptor(), AioInterceptor()])
    before = kind_of(own)
    with SERVERS[server](interceptors=own) as serving:
        get(serving.port, "unary_unary", b"work", metadata=[("x-correlation-id", "order-1")])

    assert lines.ids("intercepted") == ["order-1"] * 2
    assert own == before


def test_a_wrong_interceptor_is_refused_as_ever(lines: Lines) -> None:
    """grpc.aio's ValueError for what is no interceptor is what it is without us."""

    async def make() -> None:
        grpc.aio.server(interceptors=[object()])

    with pytest.raises(ValueError, match="Interceptor must be ServerInterceptor"):
        asyncio.run(make())


@pytest.mark.parametrize("server", ["sync", "aio"])
def test_a_method_that_is_missing_is_unimplemented(server: str, lines: Lines) -> None:
    """An unknown method is refused as ever, and the next call works."""
    with SERVERS[server]() as serving:
        with grpc.insecure_channel(f"127.0.0.1:{serving.port}") as channel:
            missing = channel.unary_unary("/shop/nothing")
            with pytest.raises(grpc.RpcError) as raised:
                missing(b"", timeout=TIMEOUT_S)
            assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]  # an RpcError is a Call
            assert ask(channel, "unary_unary", b"work").code is grpc.StatusCode.OK


@pytest.mark.once
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", ["unary_unary", "stream_stream"])
@pytest.mark.parametrize(
    ("trust", "adopts"),
    [("always", True), ("never", False), (["127.0.0.0/8"], True), (["10.0.0.0/8"], False)],
    ids=str,
)
def test_only_a_trusted_callers_id_is_adopted(
    server: str, kind: str, trust: Any, adopts: bool, tmp_path: Path
) -> None:
    """Who is not trusted gets a new ID, and the one it sent is kept as upstream_id."""
    with installed(tmp_path, trust=trust) as lines, SERVERS[server]() as serving:
        seen = get(serving.port, kind, b"work", metadata=[("x-correlation-id", "order-1")])
        failed = get(serving.port, kind, b"fail", metadata=[("x-correlation-id", "order-1")])
        line, second = [line for line in lines.read() if line["message"] == "handled"]

    assert seen.all("x-correlation-id") == [line["correlation_id"]]
    assert failed.all("x-correlation-id") == [second["correlation_id"]]
    if adopts:
        assert line["correlation_id"] == "order-1"
        assert "upstream_id" not in line
    else:
        assert MINTED.fullmatch(line["correlation_id"])
        assert line["upstream_id"] == "order-1"


@pytest.mark.parametrize("server", SERVERS)
def test_an_uninstalled_server_passes_through(server: str, tmp_path: Path) -> None:
    """Uninstalled under way, calls are what they are without us; installed again, it is back."""
    sent = [("x-correlation-id", "order-1")]
    with installed(tmp_path):
        stack = contextlib.ExitStack()
        serving = stack.enter_context(SERVERS[server]())
        first = get(serving.port, "unary_unary", b"work", metadata=sent)
    with stack:
        without = get(serving.port, "unary_unary", b"work", metadata=sent)
        with installed(tmp_path):
            again = get(serving.port, "unary_unary", b"work", metadata=sent)

    assert first.all("x-correlation-id") == again.all("x-correlation-id") == ["order-1"]
    assert (without.code, without.all("x-correlation-id")) == (grpc.StatusCode.OK, [])


# ---- outbound


class Client(OutboundContract):
    """The contract's driver: one call of one kind, to a server that says what arrived."""

    kind = "unary_unary"

    def ask(self, port: int, kind: str, metadata: Any) -> None:
        """Call one method; raise what grpc raises."""
        raise NotImplementedError

    def send(self, headers: dict[str, str]) -> Pairs:
        """Call the method; grpc refuses names that are not lower-case."""
        metadata = [(name.lower(), value) for name, value in headers.items()]
        with sync_server() as serving:
            self.ask(serving.port, self.kind, metadata or None)
        (arrived,) = serving.servicer.arrived
        return arrived

    def fail(self) -> None:
        """Call nobody."""
        with contextlib.closing(nobody()) as sock:
            self.ask(sock.getsockname()[1], self.kind, None)

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_carries_the_ids_once(self, kind: str, lines: Lines) -> None:
        """Each kind of RPC carries each of ours once, beside the user's own metadata."""
        own = (("b-second", "2"), ("a-first", "1"), ("raw-bin", b"\x00"))
        with sync_server() as serving, logweft.adopt("order-1"):
            self.ask(serving.port, kind, own)

        (arrived,) = serving.servicer.arrived
        names = [name for name, _ in arrived]
        assert sorted(name for name in names if name in OURS) == ["traceparent", "x-correlation-id"]
        assert [pair for pair in arrived if pair[0] in dict(own)] == list(own)
        assert own == (("b-second", "2"), ("a-first", "1"), ("raw-bin", b"\x00"))

    @pytest.mark.parametrize("meant", ["127.0.0.1", "*.example"])
    def test_only_hosts_that_are_meant_get_anything(self, tmp_path: Path, meant: str) -> None:
        """With propagate_to a host within it gets IDs and baggage, one outside of it nothing."""
        told = {"traceparent": contracts.TRACEPARENT, "baggage": "tenant=acme"}
        with installed(tmp_path, propagate_to=[meant]), sync_server() as serving:
            with logweft.adopt(told):
                self.ask(serving.port, self.kind, None)

        (arrived,) = serving.servicer.arrived
        wanted = {"traceparent", "x-correlation-id", "baggage"} if meant == "127.0.0.1" else set()
        assert {name for name, _ in arrived} & OURS == wanted


def nobody() -> Any:
    """Hold a port where nobody listens."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


class TestSyncChannel(Client):
    def ask(self, port: int, kind: str, metadata: Any) -> None:
        """Call one method, by all spellings that there are of it."""
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            method = getattr(channel, kind)(f"/shop/{kind}")
            argument: Any = iter([b"work"]) if kind.startswith("stream") else b"work"
            answer = method(argument, TIMEOUT_S, metadata)  # positional
            if kind.endswith("stream"):
                list(answer)

    @pytest.mark.parametrize("kind", ["unary_unary", "stream_unary"])
    @pytest.mark.parametrize("spelling", ["with_call", "future"])
    def test_every_spelling_of_a_call_is_covered(
        self, kind: str, spelling: str, lines: Lines
    ) -> None:
        """with_call() and future() carry the ID too, of a channel made before install()."""
        with sync_server() as serving, logweft.adopt("order-1"):
            with grpc.insecure_channel(f"127.0.0.1:{serving.port}") as channel:
                method = getattr(channel, kind)(f"/shop/{kind}")
                argument: Any = iter([b"work"]) if kind.startswith("stream") else b"work"
                answer = getattr(method, spelling)(argument, timeout=TIMEOUT_S)
                assert spelling == "with_call" or answer.result() == b"ok"

        (arrived,) = serving.servicer.arrived
        assert [value for name, value in arrived if name == "x-correlation-id"] == ["order-1"]

    def test_metadata_that_can_be_read_once_arrive(self, lines: Lines) -> None:
        """An iterator of metadata arrives, whether there is an ID to be added or not."""
        with sync_server() as serving:
            get(serving.port, "unary_unary", b"work", metadata=iter([("a", "1")]))
            with logweft.adopt("order-1"):
                get(serving.port, "unary_unary", b"work", metadata=iter([("a", "1")]))

        assert [dict(each)["a"] for each in serving.servicer.arrived] == ["1", "1"]

    def test_a_single_threaded_stream_is_covered(self, lines: Lines) -> None:
        """The experimental stream that is read in the caller's thread carries the ID."""
        option = (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1)
        with sync_server() as serving, logweft.adopt("order-1"):
            target = f"127.0.0.1:{serving.port}"
            with grpc.insecure_channel(target, options=[option]) as channel:
                assert ask(channel, "unary_stream", b"work").code is grpc.StatusCode.OK

        (arrived,) = serving.servicer.arrived
        assert dict(arrived)["x-correlation-id"] == "order-1"

    @pytest.mark.parametrize("sets", [True, False])
    def test_what_an_interceptor_has_set_wins(self, sets: bool, lines: Lines) -> None:
        """The user's interceptors run as ever, and an ID they set is the one that is sent."""

        class Interceptor(grpc.UnaryUnaryClientInterceptor):
            def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
                if sets:
                    details = details._replace(metadata=[("x-correlation-id", "mine")])
                return continuation(details, request)

        with sync_server() as serving, logweft.adopt("order-1"):
            with grpc.insecure_channel(f"127.0.0.1:{serving.port}") as plain:
                channel = grpc.intercept_channel(plain, Interceptor())
                assert channel.unary_unary("/shop/unary_unary")(b"work", timeout=TIMEOUT_S) == b"ok"

        (arrived,) = serving.servicer.arrived
        ids = [value for name, value in arrived if name == "x-correlation-id"]
        assert ids == ["mine" if sets else "order-1"]

    def test_a_channel_made_before_is_covered(self, tmp_path: Path) -> None:
        """A channel and a method made before install() carry the ID, and do not after uninstall."""
        with sync_server() as serving:
            with grpc.insecure_channel(f"127.0.0.1:{serving.port}") as channel:
                method = channel.unary_unary("/shop/unary_unary")
                with installed(tmp_path), logweft.adopt("order-1"):
                    method(b"work", timeout=TIMEOUT_S)
                with logweft.adopt("order-1"):
                    method(b"work", timeout=TIMEOUT_S)

        with_us, without = serving.servicer.arrived
        assert dict(with_us)["x-correlation-id"] == "order-1"
        assert not {name for name, _ in without} & OURS


class TestAioChannel(Client):
    def ask(self, port: int, kind: str, metadata: Any, interceptors: Any = None) -> None:
        """Call one method."""

        async def call() -> None:
            target = f"127.0.0.1:{port}"
            async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
                method = getattr(channel, kind)(f"/shop/{kind}")
                argument: Any = iter([b"work"]) if kind.startswith("stream") else b"work"
                answer = method(argument, timeout=TIMEOUT_S, metadata=metadata)
                if kind.endswith("stream"):
                    assert [response async for response in answer] == [b"ok"]
                else:
                    assert await answer == b"ok"

        asyncio.run(call())

    @pytest.mark.parametrize("sets", [True, False])
    def test_what_an_interceptor_has_set_wins(self, sets: bool, lines: Lines) -> None:
        """The user's interceptors run as ever, and an ID they set is the one that is sent."""

        class Interceptor(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # untyped
            async def intercept_unary_unary(
                self, continuation: Any, client_call_details: Any, request: Any
            ) -> Any:
                if sets:
                    client_call_details.metadata.add("x-correlation-id", "mine")
                return await continuation(client_call_details, request)

        with sync_server() as serving, logweft.adopt("order-1"):
            self.ask(serving.port, "unary_unary", None, [Interceptor()])

        (arrived,) = serving.servicer.arrived
        ids = [value for name, value in arrived if name == "x-correlation-id"]
        assert ids == ["mine" if sets else "order-1"]


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"dns:///shop.internal:443", "shop.internal"),
        (b"dns:///shop.internal", "shop.internal"),
        (b"dns://8.8.8.8/shop.internal:443", "shop.internal"),
        (b"dns:///[::1]:443", "::1"),
        (b"ipv6:[::1]:443", "::1"),
        (b"ipv4:127.0.0.1:443", "127.0.0.1"),
        (b"xds:///shop", "shop"),
        (b"shop.internal:443", "shop.internal"),
        (b"shop.internal", "shop.internal"),
        (b"[::1]:443", "::1"),
    ],
)
def test_the_host_of_a_target(target: bytes, host: str) -> None:
    """The host that propagate_to is asked about is the channel's, however spelled."""
    from logweft.integrations._grpc_client import _host

    assert _host(target) == host
