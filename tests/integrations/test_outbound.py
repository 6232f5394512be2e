"""Outbound edges: what arrives at a real server on loopback, whichever library sent it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import aiohttp
import botocore.session
import httpx
import httpx2
import pytest
import requests
import urllib3
from botocore.config import Config

import logweft
from contracts import TRACE, TRACEPARENT, Lines, OutboundContract
from contracts import lines as lines  # a fixture
from programs import run

OURS = frozenset({"traceparent", "tracestate", "x-correlation-id", "baggage"})
BAGGAGE = {"traceparent": TRACEPARENT, "tracestate": "a=1", "baggage": "tenant=acme"}


class Seen(NamedTuple):
    """One request as it arrived: ``headers`` with lower-case names, each as often as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for each, value in self.headers if each == name]

    def ours(self) -> set[str]:
        """Return which of our headers arrived."""
        return {name for name, _ in self.headers} & OURS


class Handler(BaseHTTPRequestHandler):
    """Record each request; ``/to/<quoted URL>`` redirects there."""

    server: Server

    def do_GET(self) -> None:
        """Record it and answer."""
        self.record()
        if "Transfer-Encoding" in self.headers:
            while size := int(self.rfile.readline(), 16):
                self.server.body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/to/"):
            self.send_response(307)
            self.send_header("Location", unquote(self.path.removeprefix("/to/")))
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_DELETE = do_GET

    def do_CONNECT(self) -> None:
        """Record it and be the server behind the tunnel."""
        self.record()
        self.send_response(200)
        self.end_headers()
        self.close_connection = False

    def record(self) -> None:
        """Keep the request line and the headers as they came."""
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        self.server.seen.append(Seen(self.command, self.path, headers))

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


class Server(ThreadingHTTPServer):
    """A server on a port of the system's choice, whose requests can be read back."""

    # Left behind by a client that keeps its connection; the test does not wait for it.
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[Seen] = []
        self.body = b""
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.localhost = f"http://localhost:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing of a client that hung up."""


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Run a server for the block."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """Hold a port where nobody listens for the block."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


class Outbound(OutboundContract):
    """A driver is one function: GET a URL with headers, through a proxy if there is one."""

    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send one request and read the response."""
        raise NotImplementedError

    def send(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        """Send one request to a server of its own."""
        with serving() as server:
            self.get(server.url + "/", headers)
        (seen,) = server.seen
        return seen.headers

    def fail(self) -> None:
        """Send one request to nobody."""
        with nobody() as url:
            self.get(url + "/", {})

    def test_baggage_goes_nowhere_by_default(self, lines: Lines) -> None:
        """The IDs and the tracestate of the caller are sent on, its baggage is not."""
        with serving() as server, logweft.adopt(BAGGAGE):
            self.get(server.url + "/")

        (seen,) = server.seen
        assert seen.ours() == {"traceparent", "tracestate", "x-correlation-id"}
        assert seen.all("tracestate") == ["a=1"]

    @pytest.mark.parametrize("through_proxy", [False, True])
    def test_nothing_is_sent_to_a_host_that_is_not_meant(
        self, tmp_path: Path, through_proxy: bool
    ) -> None:
        """A request to a host outside of propagate_to has no ID, a proxy within it or not."""
        meant = "127.0.0.1" if through_proxy else "*.example"
        with installed(tmp_path, propagate_to=[meant]), serving() as server:
            with logweft.adopt(BAGGAGE):
                if through_proxy:
                    self.get("http://shop.example/", proxy=server.url)
                else:
                    self.get(server.url + "/")

        (seen,) = server.seen
        assert seen.ours() == set()

    @pytest.mark.parametrize("through_proxy", [False, True])
    def test_baggage_is_sent_to_a_host_that_is_meant(
        self, tmp_path: Path, through_proxy: bool
    ) -> None:
        """A request to a host of propagate_to has IDs and baggage, behind a foreign proxy too."""
        meant = "*.example" if through_proxy else "127.0.0.1"
        with installed(tmp_path, propagate_to=[meant]), serving() as server:
            with logweft.adopt(BAGGAGE):
                if through_proxy:
                    self.get("http://user@shop.example:80/", proxy=server.url)
                else:
                    self.get(server.url + "/")

        (seen,) = server.seen
        assert seen.ours() == OURS
        assert seen.all("baggage") == ["tenant=acme"]
        assert seen.all("x-correlation-id") == [TRACE]

    def test_other_headers_are_what_they_are_without_us(self, lines: Lines) -> None:
        """But for ours the headers are the same, in the same order, and the user's mapping is."""
        headers = {"B-Second": "2", "A-First": "1", "Accept": "x/y"}
        with serving() as server:
            self.get(server.url + "/", headers)
            with logweft.adopt("order-1"):
                self.get(server.url + "/", headers)

        without, ours = server.seen
        assert ours.ours() == {"traceparent", "x-correlation-id"}
        names = [name for name, _ in without.headers]
        assert [name for name, _ in ours.headers if name not in OURS] == names
        assert [ours.all(name.lower()) for name in headers] == [["2"], ["1"], ["x/y"]]
        assert headers == {"B-Second": "2", "A-First": "1", "Accept": "x/y"}

    def test_nothing_is_sent_after_uninstall(self, lines: Lines) -> None:
        """Once logweft is uninstalled, requests are what they were before."""
        logweft.uninstall()
        with serving() as server, logweft.adopt("order-1"):
            self.get(server.url + "/")

        (seen,) = server.seen
        assert seen.ours() == set()


class Redirected(Outbound):
    """What a client owes that follows redirects by itself."""

    def test_a_redirect_doubles_nothing(self, lines: Lines) -> None:
        """Both hops of a redirect carry each header once, with the same correlation ID."""
        with serving() as server, logweft.adopt("order-1"):
            self.get(f"{server.url}/to/{quote(server.url + '/there', '')}")

        assert [seen.target for seen in server.seen][1:] == ["/there"]
        for seen in server.seen:
            assert seen.all("x-correlation-id") == ["order-1"]
            assert len(seen.all("traceparent")) == 1

    def test_a_users_header_is_followed_too(self, lines: Lines) -> None:
        """A header the user set is sent as it is at both hops, once."""
        with serving() as server, logweft.adopt("order-1"):
            url = f"{server.url}/to/{quote(server.url + '/there', '')}"
            self.get(url, {"x-CORRELATION-id": "mine"})

        assert [seen.all("x-correlation-id") for seen in server.seen] == [["mine"], ["mine"]]

    def test_a_redirect_takes_nothing_to_another_host(self, tmp_path: Path) -> None:
        """A redirect out of the hosts of propagate_to carries neither ID nor baggage there."""
        with installed(tmp_path, propagate_to=["127.0.0.1"]), serving() as server:
            with logweft.adopt(BAGGAGE):
                self.get(f"{server.url}/to/{quote(server.localhost + '/there', '')}")

        assert [seen.ours() for seen in server.seen] == [OURS, set()]


class TestRequests(Redirected):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it in a session that reads no environment."""
        with requests.Session() as session:
            session.trust_env = False
            session.get(url, headers=headers, proxies={"http": proxy} if proxy else None)

    def test_a_prepared_request_is_not_changed(self, lines: Lines) -> None:
        """A request that is prepared once and sent twice has the ID of each piece of work."""
        with serving() as server, requests.Session() as session:
            session.trust_env = False
            prepared = session.prepare_request(requests.Request("GET", server.url + "/"))
            before = dict(prepared.headers)
            for order in ("order-1", "order-2"):
                with logweft.adopt(order):
                    session.send(prepared)

        assert [seen.all("x-correlation-id") for seen in server.seen] == [["order-1"], ["order-2"]]
        assert dict(prepared.headers) == before


class TestUrllib3(Redirected):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it with a pool manager."""
        with urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager() as pools:
            pools.request("GET", url, headers=headers, retries=urllib3.Retry(3, connect=0))

    @pytest.mark.parametrize("positional", [False, True])
    @pytest.mark.parametrize(
        "headers",
        [
            {"A": "1"},
            MappingProxyType({"A": "1"}),
            urllib3.HTTPHeaderDict({"A": "1"}),
            requests.structures.CaseInsensitiveDict({"A": "1"}),
            httpx.Headers({"A": "1"}),
        ],
        ids=lambda each: type(each).__name__,
    )
    def test_any_mapping_is_taken_and_kept(
        self, lines: Lines, headers: Mapping[str, str], positional: bool
    ) -> None:
        """Headers of every kind, positional or by name, are sent with ours and not changed."""
        with serving() as server, logweft.adopt("order-1"):
            with urllib3.HTTPConnectionPool("127.0.0.1", server.server_port) as pool:
                if positional:
                    pool.urlopen("GET", "/", None, headers)
                else:
                    pool.urlopen("GET", "/", headers=headers)

        (seen,) = server.seen
        assert seen.all("a") == ["1"]
        assert seen.all("x-correlation-id") == ["order-1"]
        assert {name.lower(): value for name, value in headers.items()} == {"a": "1"}

    def test_several_values_of_a_name_are_kept(self, lines: Lines) -> None:
        """A name that an HTTPHeaderDict holds twice arrives with both values."""
        headers = urllib3.HTTPHeaderDict()
        headers.add("A", "1")
        headers.add("A", "2")
        with serving() as server:
            with urllib3.PoolManager() as pools:
                pools.request("GET", server.url + "/", headers=headers)
                with logweft.adopt("order-1"):
                    pools.request("GET", server.url + "/", headers=headers)

        without, ours = server.seen
        assert ours.all("a") == without.all("a")
        assert "2" in "".join(ours.all("a"))

    def test_a_pools_own_headers_stay_its_default(self, lines: Lines) -> None:
        """A request without headers has the pool's and ours, and the pool's are not changed."""
        with serving() as server, logweft.adopt("order-1"):
            own = {"A": "1"}
            with urllib3.HTTPConnectionPool("127.0.0.1", server.server_port, headers=own) as pool:
                pool.urlopen("GET", "/")
                pool.urlopen("GET", "/", None, None)
                pool.urlopen("GET", "/", headers={})

        assert [seen.all("a") for seen in server.seen] == [["1"], ["1"], []]
        assert all(seen.all("x-correlation-id") == ["order-1"] for seen in server.seen)
        assert own == {"A": "1"}

    def test_a_redirect_within_a_pool_doubles_nothing(self, lines: Lines) -> None:
        """A pool's own redirect, which calls urlopen again, sends each header once."""
        with serving() as server, logweft.adopt("order-1"):
            with urllib3.HTTPConnectionPool("127.0.0.1", server.server_port) as pool:
                pool.urlopen("GET", "/to/%2Fthere")

        assert [seen.target for seen in server.seen] == ["/to/%2Fthere", "/there"]
        assert [seen.all("x-correlation-id") for seen in server.seen] == [["order-1"]] * 2
        assert [len(seen.all("traceparent")) for seen in server.seen] == [1, 1]


class TestBotocore(Outbound):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Ask a bucket's head at this endpoint, signed, with *headers* added before signing."""
        parts = urlsplit(url)
        session = botocore.session.Session()
        session.set_credentials("AKIDEXAMPLE", "wJalrXUtnFEMI")
        config = Config(
            proxies={"http": proxy} if proxy else {},
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        client = session.create_client(
            "s3",
            region_name="eu-west-1",
            endpoint_url=f"{parts.scheme}://{parts.hostname}:{parts.port or 80}",
            config=config,
        )

        def add(request: Any, **_: Any) -> None:
            for name, value in (headers or {}).items():
                request.headers[name] = value

        client.meta.events.register("before-sign.s3", add)
        try:
            client.delete_object(Bucket="bucket", Key="key")
        finally:
            client.close()

    def test_what_is_signed_stays(self, lines: Lines) -> None:
        """Our headers are none of the signed ones, and every signed one arrives once."""
        with serving() as server, logweft.adopt("order-1"):
            self.get(server.url + "/", {"X-Amz-Meta-A": "1"})

        (seen,) = server.seen
        (authorization,) = seen.all("authorization")
        signed = re.findall(r"SignedHeaders=([^,]+)", authorization)[0].split(";")
        assert "x-amz-meta-a" in signed
        assert not OURS & set(signed)
        assert [len(seen.all(name)) for name in signed] == [1] * len(signed)
        assert seen.all("x-correlation-id") == ["order-1"]

    def test_a_signed_header_of_ours_is_not_replaced(self, lines: Lines) -> None:
        """A correlation ID and a traceparent that are signed are sent as they were signed."""
        mine = {"X-Correlation-ID": "mine", "traceparent": TRACEPARENT}
        with serving() as server, logweft.adopt({"tracestate": "a=1", "X-Correlation-ID": "o-1"}):
            self.get(server.url + "/", mine)

        (seen,) = server.seen
        assert "x-correlation-id" in seen.all("authorization")[0]
        assert seen.all("x-correlation-id") == ["mine"]
        assert seen.all("traceparent") == [TRACEPARENT]
        assert seen.all("tracestate") == []


class HttpxLike(Redirected):
    """httpx and its fork httpx2, which are the same to a user of a Client."""

    module: Any = httpx

    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it with a client that reads no environment."""
        proxies = {"proxy": proxy} if proxy else {}
        with self.module.Client(trust_env=False, follow_redirects=True, **proxies) as client:
            client.get(url, headers=headers)

    def test_a_request_is_not_changed(self, lines: Lines) -> None:
        """A request that is built once and sent twice has the ID of each piece of work."""
        with serving() as server, self.module.Client(trust_env=False) as client:
            request = client.build_request("POST", server.url + "/", content=b"body")
            before = dict(request.headers)
            for order in ("order-1", "order-2"):
                with logweft.adopt(order):
                    assert client.send(request).request is request

        assert [seen.all("x-correlation-id") for seen in server.seen] == [["order-1"], ["order-2"]]
        assert dict(request.headers) == before

    def test_a_transport_by_itself_is_covered(self, lines: Lines) -> None:
        """A request given to a transport by name is sent with the IDs, its stream and all."""
        with serving() as server, self.module.HTTPTransport(trust_env=False) as transport:
            request = self.module.Request("POST", server.url + "/", content=iter([b"bo", b"dy"]))
            with logweft.adopt("order-1"):
                transport.handle_request(request=request).read()

        (seen,) = server.seen
        assert seen.all("x-correlation-id") == ["order-1"]
        assert server.body == b"body"


class TestHttpx(HttpxLike):
    """httpx itself, synchronous: all of the contract, and nothing more."""


class TestHttpxAsync(HttpxLike):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it with an asynchronous client that reads no environment."""

        async def main() -> None:
            proxies = {"proxy": proxy} if proxy else {}
            async with self.module.AsyncClient(
                trust_env=False, follow_redirects=True, **proxies
            ) as client:
                await client.get(url, headers=headers)

        asyncio.run(main())


class TestHttpx2(HttpxLike):
    module = httpx2


class TestHttpx2Async(TestHttpxAsync):
    module = httpx2


class TestHttpClient(Outbound):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it over a connection, to a proxy with the whole URL."""
        parts = urlsplit(proxy or url)
        with contextlib.closing(http.client.HTTPConnection(parts.netloc)) as connection:
            target = url if proxy else urlsplit(url).path
            if headers is None:
                connection.request("GET", target)
            else:
                connection.request("GET", target, None, headers)
            connection.getresponse().read()

    def test_a_tunnel_is_judged_by_its_end(self, tmp_path: Path) -> None:
        """Through a tunnel the IDs go to the host behind it, and none to the proxy."""
        with installed(tmp_path, propagate_to=["*.example"]), serving() as server:
            address = ("127.0.0.1", server.server_port)
            with contextlib.closing(http.client.HTTPConnection(*address)) as connection:
                connection.set_tunnel("shop.example", 80)
                with logweft.adopt(BAGGAGE):
                    connection.request("GET", "/", headers={})
                connection.getresponse().read()

        assert [(seen.method, seen.ours()) for seen in server.seen] == [
            ("CONNECT", set()),
            ("GET", OURS),
        ]

    def test_a_request_written_line_by_line_is_left_alone(self, lines: Lines) -> None:
        """Who uses putrequest and putheader writes every header himself."""
        with serving() as server, logweft.adopt("order-1"):
            address = ("127.0.0.1", server.server_port)
            with contextlib.closing(http.client.HTTPConnection(*address)) as connection:
                connection.putrequest("GET", "/")
                connection.endheaders()
                connection.getresponse().read()

        (seen,) = server.seen
        assert seen.ours() == set()

    def test_headers_that_are_no_mapping_are_left_alone(self, lines: Lines) -> None:
        """A Message, which may hold a name several times, is sent as it is."""
        message = http.client.HTTPMessage()
        message["A"] = "1"
        message["A"] = "2"
        with serving() as server, logweft.adopt("order-1"):
            self.get(server.url + "/", message)

        (seen,) = server.seen
        assert seen.all("a") == ["1", "2"]
        assert seen.ours() == set()


class TestUrllibRequest(Redirected):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it with an opener that reads no environment."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": proxy} if proxy else {})
        )
        with opener.open(urllib.request.Request(url, headers=headers or {})) as response:
            response.read()


class TestAiohttp(Redirected):
    def get(self, url: str, headers: Any = None, proxy: str | None = None) -> None:
        """Send it in a session of its own."""

        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                async with session.get(url, headers=headers, proxy=proxy) as response:
                    await response.read()

        asyncio.run(main())

    @pytest.mark.parametrize("kind", [dict, list, MappingProxyType])
    def test_any_headers_are_taken_and_kept(self, lines: Lines, kind: Any) -> None:
        """Headers of every kind are sent with the session's and ours, and not changed."""
        pairs = {"A": "1"}
        headers = list(pairs.items()) if kind is list else kind(pairs)
        own = {"B": "2"}

        async def main(url: str) -> None:
            async with aiohttp.ClientSession(headers=own) as session:
                for order in ("order-1", "order-2"):
                    with logweft.adopt(order):
                        await (await session.get(url, headers=headers)).read()

        with serving() as server:
            asyncio.run(main(server.url))

        assert [seen.all("x-correlation-id") for seen in server.seen] == [["order-1"], ["order-2"]]
        assert [(seen.all("a"), seen.all("b")) for seen in server.seen] == [(["1"], ["2"])] * 2
        assert (dict(headers), own) == ({"A": "1"}, {"B": "2"})

    def test_a_websockets_handshake_has_the_id(self, lines: Lines) -> None:
        """The request that opens a websocket carries the correlation ID."""

        async def main(url: str) -> None:
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.WSServerHandshakeError):  # the server knows none
                    await session.ws_connect(url)

        with serving() as server, logweft.adopt("order-1"):
            asyncio.run(main(server.url))

        assert server.seen[0].all("x-correlation-id") == ["order-1"]

    def test_nothing_is_sent_to_a_proxy_that_makes_a_tunnel(self, lines: Lines) -> None:
        """The CONNECT of an https request carries no ID: it is for the proxy."""

        async def main(proxy: str) -> None:
            timeout = aiohttp.ClientTimeout(10)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                with pytest.raises(aiohttp.ClientError):  # no TLS behind the tunnel
                    await session.get("https://shop.example/", proxy=proxy)

        with serving() as server, logweft.adopt("order-1"):
            asyncio.run(main(server.url))

        assert (server.seen[0].method, server.seen[0].ours()) == ("CONNECT", set())


CLIENTS = {
    "requests": (
        "import requests; session = requests.Session(); session.trust_env = False",
        "session.get(url)",
    ),
    "urllib3": ("import urllib3; pools = urllib3.PoolManager()", "pools.request('GET', url)"),
    "httpx": ("import httpx; client = httpx.Client(trust_env=False)", "client.get(url)"),
    "httpx async": (
        "import asyncio, httpx; client = httpx.AsyncClient(trust_env=False)",
        "asyncio.run(client.get(url))",
    ),
    "http.client": (
        "import http.client, sys\nc = http.client.HTTPConnection(sys.argv[1].split('/')[2])",
        "c.request('GET', '/'); c.getresponse().read()",
    ),
    "urllib.request": (
        "import urllib.request as u; opener = u.build_opener(u.ProxyHandler({}))",
        "opener.open(url).read()",
    ),
    "aiohttp": (
        """
import asyncio, aiohttp
loop = asyncio.new_event_loop()
async def make():
    return aiohttp.ClientSession()
session = loop.run_until_complete(make())
async def get(url):
    async with session:
        await (await session.get(url)).read()
""",
        "loop.run_until_complete(get(url))",
    ),
}
"""How to make a client, and how to send a request with it."""

INSTALL = "import logweft; logweft.install()"


@pytest.mark.parametrize("first", ["client", "install"])
@pytest.mark.parametrize("name", CLIENTS)
def test_the_order_of_import_and_install_does_not_matter(name: str, first: str) -> None:
    """A client that was imported and made before install() sends the IDs, and so does one after."""
    make, send = CLIENTS[name]
    begin = f"{make}\n{INSTALL}" if first == "client" else f"{INSTALL}\n{make}"
    program = (
        f"import sys\n{begin}\nurl = sys.argv[1]\nwith logweft.adopt('order-1'):\n    {send}\n"
    )
    with serving() as server:
        done = run(program, server.url + "/")

    assert done.code == 0, done.err
    assert [seen.all("x-correlation-id") for seen in server.seen] == [["order-1"]]
    assert [len(seen.all("traceparent")) for seen in server.seen] == [1]


def test_installing_imports_no_library() -> None:
    """`install()` imports none of the libraries it knows how to change, not even http.client."""
    done = run(
        """
        import logweft, sys
        logweft.install()
        names = "http.client urllib.request urllib3 requests botocore httpx httpx2 aiohttp"
        print([name for name in names.split() if name in sys.modules])
        """
    )

    assert (done.code, done.out, done.err) == (0, "[]\n", "")


@contextlib.contextmanager
def installed(tmp_path: Path, **options: Any) -> Iterator[None]:
    """Install logweft with *options* for the block, with a file as its only target."""
    with (tmp_path / "lines.jsonl").open("a") as stream, logweft.install(stream=stream, **options):
        yield
