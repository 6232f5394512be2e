"""The W3C suites and B3 by raw bytes against real servers: what is logged, sent on and answered."""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contracts import MINTED
from logweft._trace import Member, parse_baggage
from programs import clean_environment, parse

pytestmark = pytest.mark.once

DATA = Path(__file__).parent.parent / "data"
W3C = json.loads((DATA / "w3c-trace-context.json").read_text())["cases"]
BAGGAGE = json.loads((DATA / "w3c-baggage.json").read_text())
B3 = json.loads((DATA / "b3.json").read_text())

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
PARENT = f"00-{T}-{S}-01"
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-(0[0-3])", re.ASCII)

# One program, which serves the same handler each way. It logs, calls out as often as the path says,
# and answers with the headers of those calls. Lines are written at once: nobody waits for them.
PROGRAM = """
import json, logging, os, socket, sys
import logweft, logweft.asgi, logweft.wsgi

way = os.environ["WAY"]
logweft.install(
    level="INFO",
    propagate_to=["*.internal"],
    queue=False,
    integrations="none" if "middleware" in way else "auto",
)
log = logging.getLogger("app")


def answer(path):
    log.info("handled")
    sent = [logweft.inject({}) for _ in range(int(path.split("/")[1]))]
    named = logweft.inject({}, host="shop.internal")
    return json.dumps({"sent": sent, "named": named}).encode()


async def asgi(scope, receive, send):
    body = answer(scope["path"])
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ, start_response):
    body = answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


if "middleware" in way:
    asgi = logweft.asgi.CorrelationMiddleware(asgi)
    wsgi = logweft.wsgi.CorrelationMiddleware(wsgi)

if __name__ == "__main__":
    listening = socket.socket(fileno=int(sys.argv[1]))
    if "uvicorn" in way:
        import uvicorn

        config = uvicorn.Config(asgi, http=way.split()[1], lifespan="off", log_config=None)
        uvicorn.Server(config).run([listening])
    else:
        from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

        class Handler(WSGIRequestHandler):
            def log_message(self, format, *args):
                logging.getLogger("access").info(format, *args)

        server = WSGIServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        server.server_name, server.server_port = listening.getsockname()
        server.setup_environ()
        server.set_app(wsgi)
        server.serve_forever()
"""

SERVERS = (
    "uvicorn h11",
    "uvicorn httptools",
    "uvicorn h11 middleware",
    "uvicorn httptools middleware",
    "wsgiref middleware",
    "gunicorn",
)


class Seen(NamedTuple):
    """What became of one request."""

    head: dict[str, list[str]]  # of the response, by lower-case name
    sent: list[dict[str, str]]  # the headers of each outgoing call
    named: dict[str, str]  # those of a call to a host that baggage goes to
    line: dict[str, Any]  # what the handler logged
    raw: bytes  # all that came back and all that was logged


class Server:
    """A server in a process of its own, whose lines go to a file."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self._serials = itertools.count()

    def exchange(self, path: str, headers: list[tuple[str, str]]) -> bytes:
        """Send a request with the header lines as they are; return all that comes back."""
        lines = [f"GET {path} HTTP/1.1", "Host: shop", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        request = "\r\n".join([*lines, "", ""]).encode("latin-1")
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def call(self, headers: list[tuple[str, str]], calls: int = 1) -> Seen:
        """Send a request that the application answers; see `Seen`."""
        path = f"/{calls}/{next(self._serials)}."
        begin = self.log.stat().st_size
        answer = self.exchange(path, headers)
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        assert " 200 " in status, (status, body)
        logged = self._until_access(begin, path)
        names: dict[str, list[str]] = {}
        for field in fields:
            name, _, value = field.partition(":")
            names.setdefault(name.lower(), []).append(value.strip())
        # gunicorn's lines from before its worker has imported the program, so install(), are plain.
        lines = parse("\n".join(re.findall(r"^\{.*$", logged.decode(), re.MULTILINE)))
        (line,) = [line for line in lines if line["message"] == "handled"]
        told = json.loads(body)
        return Seen(names, told["sent"], told["named"], line, answer + logged)

    def refuse(self, headers: list[tuple[str, str]]) -> int:
        """Send a request that does not reach the application; return the server's status."""
        answer = self.exchange("/1/refused", headers)
        assert b"traceparent" not in answer
        assert b"/1/refused" not in self.log.read_bytes()
        return int(answer.split(b" ", 2)[1])

    def _until_access(self, begin: int, path: str) -> bytes:
        """Return what was logged since *begin*, once the server's line of this request is there."""
        deadline = time.monotonic() + 30
        while True:
            with self.log.open("rb") as log:
                log.seek(begin)
                logged = log.read()
            if path.encode() in logged and logged.endswith(b"\n"):
                return logged
            assert time.monotonic() < deadline, logged
            time.sleep(0.005)


@contextmanager
def started(way: str, folder: Path) -> Iterator[Server]:
    """Start a server; end it by SIGTERM."""
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    log = folder / "lines.jsonl"
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, log.open("ab") as out:
        number = str(listening.fileno())
        command = [sys.executable, "program.py", number]
        if way == "gunicorn":
            options = ("--access-logfile", "-", "--bind", f"fd://{number}", "program:wsgi")
            command = [sys.executable, "-m", "gunicorn", *options]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment() | {"WAY": way},
            pass_fds=[listening.fileno()],
            stdout=out,
            stderr=out,
        )
        try:
            yield Server(listening.getsockname()[1], log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait(30)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Give each server, started when it is asked for, and once."""
    folder = tmp_path_factory.mktemp("servers")
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def server(way: str) -> Server:
            if way not in running:
                running[way] = stack.enter_context(started(way, folder / way.replace(" ", "-")))
            return running[way]

        yield server


def pairs(headers: Any) -> list[tuple[str, str]]:
    """Return the headers of a case, given as a list of pairs or as a dict, as pairs."""
    return [(name, value) for name, value in getattr(headers, "items", lambda: headers)()]


def check(seen: Seen) -> tuple[str, list[re.Match[str]]]:
    """Return the correlation ID of a request and its outgoing traceparents, all in agreement."""
    own = seen.line["correlation_id"]
    assert seen.head["x-correlation-id"] == [own]
    assert {headers["X-Correlation-ID"] for headers in seen.sent} == {own}
    parents = [TRACEPARENT.fullmatch(headers["traceparent"]) for headers in seen.sent]
    trace = seen.line.get("trace_id", own)
    assert [parent and parent[1] for parent in parents] == [trace] * len(parents)
    return own, [parent for parent in parents if parent]


# ---- W3C trace-context

# No exception is made for any server: WSGI joins duplicates with commas, which voids a traceparent,
# as two do, and is what the suite wants of a tracestate.


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("case", W3C, ids=lambda case: case["id"])
def test_w3c_trace_context_suite(
    case: dict[str, Any], way: str, servers: Callable[[str], Server]
) -> None:
    """A served application logs, sends on and answers each request as the W3C suite demands."""
    seen = servers(way).call(pairs(case["headers"]), case["outgoing_calls"])
    own, parents = check(seen)

    expect = dict(case["expect"])
    assert expect.pop("outgoing_traceparent_valid") is True
    assert len(parents) == case["outgoing_calls"]
    ids = expect.pop("trace_id", {})
    assert own == ids.get("same_as", own)
    for invalid in ids.get("not", ()):
        assert own != invalid
        assert invalid.encode() not in seen.raw
    if "same_as" not in ids and not any(name == "traceparent" for name, _ in case["headers"]):
        assert MINTED.fullmatch(own)
    bits = expect.pop("trace_flags_has_bits", 0)
    not_this = expect.pop("parent_id_not", None)
    for parent in parents:
        assert parent[2] != not_this
        assert int(parent[3], 16) & bits == bits
    # Each call has a parent ID of its own, whether the case asks for it or not.
    expect.pop("parent_ids_all_distinct", None)
    assert len({parent[2] for parent in parents}) == len(parents)

    (state,) = {headers.get("tracestate", "") for headers in seen.sent}
    members = state.split(",") if state else []
    has = dict(member.split("=", 1) for member in members)
    assert len(has) == len(members)
    for key, value in expect.pop("tracestate_has", {}).items():
        assert has[key] == value
    assert not set(expect.pop("tracestate_lacks", ())) & set(has)
    assert members == expect.pop("tracestate_members", members)
    assert len(members) == expect.pop("tracestate_size", len(members))
    one_of = set(expect.pop("tracestate_has_member", members))
    assert set(members) & one_of or not one_of
    assert not expect


# ---- W3C baggage


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("case", BAGGAGE["parse"], ids=lambda case: case["in"][:40])
def test_w3c_baggage_parse(
    case: dict[str, Any], way: str, servers: Callable[[str], Server]
) -> None:
    """Baggage of the W3C tests is sent on, with the meaning they give it, to named hosts alone."""
    seen = servers(way).call([("BaGgAgE", case["in"])])
    check(seen)

    wants = [Member(m["key"], m["value"], tuple(map(tuple, m["properties"]))) for m in case["out"]]
    assert parse_baggage(seen.named["baggage"]) == wants
    assert all("baggage" not in headers for headers in seen.sent)
    assert b"SomeKey" not in seen.raw.replace(seen.named["baggage"].encode(), b"")


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("case", BAGGAGE["serialize"], ids=lambda case: case["out"][:40])
def test_w3c_baggage_serialize(
    case: dict[str, Any], way: str, servers: Callable[[str], Server]
) -> None:
    """Baggage as the W3C tests write it goes through a server unchanged."""
    assert servers(way).call([("baggage", case["out"])]).named["baggage"] == case["out"]


LIMIT = BAGGAGE["limits"]["must_propagate_bytes"]
MEMBERS = [f"key{i}=value" for i in range(BAGGAGE["limits"]["must_propagate_members"])]
FULL = "a=" + "0123456789" * ((LIMIT - 2) // 10)
LIMITS = {
    "64 in one": ([",".join(MEMBERS)], ",".join(MEMBERS)),
    "64 in 64": (MEMBERS, ",".join(MEMBERS)),
    "8192 bytes": ([FULL], FULL),
    "8193 bytes": ([FULL + "0"], ""),
    "8193 bytes and a short one": ([FULL + "0", "k=v"], "k=v"),
    "a bad one between": (["k=v,b d=1,l=w"], "k=v,l=w"),
}


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize(("values", "want"), LIMITS.values(), ids=LIMITS)
def test_w3c_baggage_limits(
    values: list[str], want: str, way: str, servers: Callable[[str], Server]
) -> None:
    """64 members and 8192 bytes go through, beyond that whole members are left out."""
    if way == "gunicorn" and any(len(value) >= LIMIT for value in values):
        # Its limit_request_field_size is 8190 with the name; 25 and older say 400.
        assert servers(way).refuse([("baggage", value) for value in values]) in (400, 431)
        return
    seen = servers(way).call([("baggage", value) for value in values])

    assert seen.named.get("baggage", "") == want


# ---- B3

B3_VALID = dict(
    zip(
        map(json.dumps, B3["valid"]),
        [
            *[("80f198ee56343ba864fe8b2a57d3eff7", 1)] * 3,
            ("80f198ee56343ba864fe8b2a57d3eff7", 0),
            (None, None),  # a decision without IDs
            ("463ac35c9f6413ad48485a3953bb6124", 0),
            ("000000000000000048485a3953bb6124", 1),
        ],
        strict=True,
    )
)


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize(("case", "want"), B3_VALID.items(), ids=B3_VALID)
def test_b3(
    case: str, want: tuple[str | None, int | None], way: str, servers: Callable[[str], Server]
) -> None:
    """Each example of B3 is continued as a W3C trace, with its sampling decision."""
    own, (parent,) = check(servers(way).call(pairs(json.loads(case))))

    if want[0] is None:
        assert MINTED.fullmatch(own)
    else:
        assert (own, int(parent[3], 16)) == want


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("case", B3["malformed"], ids=json.dumps)
def test_b3_malformed(case: dict[str, str], way: str, servers: Callable[[str], Server]) -> None:
    """Each malformed example of B3 begins a new trace."""
    own, _ = check(servers(way).call(pairs(case)))

    assert MINTED.fullmatch(own)


# ---- invalid IDs

MARK = "zq7evil"
HOSTILE = {
    "empty": "",
    "space": f"a {MARK}",
    "markup": f"<script>{MARK}</script>",
    "escaped": f"a%0d%0aX-Injected:{MARK}",
    "latin-1": f"ord\xe9r-{MARK}",
    "UTF-8": f"ord\xc3\xa9r-{MARK}",
    "lookup": f"${{jndi:ldap://{MARK}/a}}",
    "long": MARK * 40,
    "comma": f"{MARK},{MARK}",
    "quoted": f'"{MARK}"',
    "template": f"{{{{{MARK}}}}}%s%({MARK})s",
}
HEADERS = (
    *("X-Correlation-ID", "X-Request-ID", "traceparent", "tracestate", "b3", "X-B3-TraceId"),
    *("X-Cloud-Trace-Context", "X-Amzn-Trace-Id"),
)


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("name", HEADERS)
def test_an_invalid_value_is_replaced_and_appears_nowhere(
    name: str, way: str, servers: Callable[[str], Server]
) -> None:
    """Nothing of an invalid value is in the response, in an outgoing header or in the log."""
    beside = {"tracestate": [("traceparent", PARENT)], "X-B3-TraceId": [("X-B3-SpanId", S)]}
    for kind, value in HOSTILE.items():
        seen = servers(way).call([(name, value), *beside.get(name, [])])
        own, _ = check(seen)

        assert (own == T) if name == "tracestate" else (own != T and MINTED.fullmatch(own)), kind
        assert MARK.encode() not in seen.raw, kind


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("name", ["X-Correlation-ID", "X-Request-ID", "traceparent"])
def test_an_id_that_comes_twice_is_replaced(
    name: str, way: str, servers: Callable[[str], Server]
) -> None:
    """Two values, equal or not, adjacent or not, in any case, are none, and appear nowhere."""
    one = PARENT if name == "traceparent" else MARK
    for other in (one, one.replace("0", "1").replace("q", "x")):
        seen = servers(way).call([(name, one), ("X-Between", "1"), (name.upper(), other)])
        own, _ = check(seen)

        assert MINTED.fullmatch(own)
        for value in (one, other, T):
            assert value.encode() not in seen.raw


# Where a server ends, refuses or joins a header line itself. The application sees nothing else.
REFUSED, REPLACED, CUT = "refused", "replaced", "cut"
CONTROLS = {
    # Where a lone CR or LF ends the line, what stands before it is an ID, and a valid one.
    # server: what it does with NUL, CR, LF, and a line folded into the next
    "uvicorn h11": (REFUSED, REFUSED, CUT, REPLACED),
    "uvicorn httptools": (REFUSED, REFUSED, REFUSED, REFUSED),
    "uvicorn h11 middleware": (REFUSED, REFUSED, CUT, REPLACED),
    "uvicorn httptools middleware": (REFUSED, REFUSED, REFUSED, REFUSED),
    "wsgiref middleware": (REPLACED, CUT, CUT, REPLACED),
    "gunicorn": (REFUSED, REFUSED, REFUSED, REFUSED),
}
assert tuple(CONTROLS) == SERVERS


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize("control", [0, 1, 2, 3], ids=["NUL", "CR", "LF", "folded"])
def test_a_control_character_in_an_id(
    control: int, way: str, servers: Callable[[str], Server]
) -> None:
    """An ID with a control character is refused by the server, or replaced, and never echoed."""
    server, outcome = servers(way), CONTROLS[way][control]
    value = MARK + ("\x00", "\r", "\n", "\r\n ")[control] + "X-Injected: yes"
    if outcome is REFUSED:
        assert server.refuse([("X-Correlation-ID", value)]) == 400
        return
    seen = server.call([("X-Correlation-ID", value)])
    own, _ = check(seen)

    assert "x-injected" not in seen.head
    assert b"X-Injected" not in seen.raw
    if outcome is CUT:
        assert own == MARK
    else:
        assert MINTED.fullmatch(own)
        assert MARK.encode() not in seen.raw


@pytest.mark.parametrize("way", SERVERS)
def test_the_header_under_another_spelling(way: str, servers: Callable[[str], Server]) -> None:
    """X_Correlation_ID is another header; where a server lets it through, WSGI cannot tell."""
    seen = servers(way).call([("X_Correlation_ID", MARK), ("X_Request_ID", f"<{MARK}>")])
    own, _ = check(seen)

    if way == "wsgiref middleware":  # gunicorn leaves such names out
        assert own == MARK
    else:
        assert MINTED.fullmatch(own)
        assert MARK.encode() not in seen.raw
