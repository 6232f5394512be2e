"""_trace: every header is read as its specification says, and whatever else comes is ignored."""

from __future__ import annotations

import email.message
import json
import re
import sys
import threading
import wsgiref.headers
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweft import _trace
from logweft._trace import (
    ORDER,
    RANDOM,
    Incoming,
    Member,
    is_id,
    is_trace_id,
    mint_ids,
    mint_span_id,
    parse_baggage,
    read_headers,
    write_traceparent,
)
from programs import run

DATA = Path(__file__).parent / "data"
W3C = json.loads((DATA / "w3c-trace-context.json").read_text())["cases"]
BAGGAGE = json.loads((DATA / "w3c-baggage.json").read_text())
B3 = json.loads((DATA / "b3.json").read_text())

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
PARENT = f"00-{T}-{S}-01"
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-(0[0-3])", re.ASCII)
OWN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=-]{0,127}", re.ASCII)


def environ(headers):
    """Return the WSGI environ a server makes of headers, duplicates joined with commas."""
    made = {"REQUEST_METHOD": "GET", "TRACEPARENT": f"00-{'5' * 32}-{'5' * 16}-01"}
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        made[key] = f"{made[key]},{value}" if key in made else value
    return made


def multi(headers):
    """Return ``{name: [value]}``, as multidicts built on dict keep it."""
    made = {}
    for name, value in headers:
        made.setdefault(name.lower(), []).append(value)
    return made


def message(headers):
    """Return the headers as the standard library's HTTP server and client hold them."""
    made = email.message.Message()
    for name, value in headers:
        made[name] = value
    return made


class Multidict:
    """Like the multidicts of the frameworks: items() with duplicates, getall, not a dict."""

    def __init__(self, headers):
        self._headers = headers

    def items(self):
        """Return the pairs, duplicates included."""
        return iter(self._headers)

    def getall(self, name):
        """Return every value of one name."""
        return [value for key, value in self._headers if key.lower() == name.lower()]

    def __iter__(self):
        return (key for key, _ in self._headers)


CARRIERS = {
    "pairs": list,
    "tuple of lists": lambda headers: tuple(map(list, headers)),
    "generator": lambda headers: (pair for pair in headers),
    "raw bytes": lambda headers: [(k.lower().encode(), v.encode("latin-1")) for k, v in headers],
    "str and bytes": lambda headers: [(k, v.encode("latin-1")) for k, v in headers],
    "environ": environ,
    "lists": multi,
    "bytes of lists": lambda headers: {
        k.encode(): [v.encode("latin-1") for v in vs] for k, vs in multi(headers).items()
    },
    "message": message,
    "wsgiref": lambda headers: wsgiref.headers.Headers([(k, v) for k, v in headers]),
    "multidict": Multidict,
    "raw": lambda headers: SimpleNamespace(
        raw=[(k.encode(), v.encode("latin-1")) for k, v in headers], items=lambda: [("x", "y")]
    ),
}


def serve(incoming, calls=1):
    """Answer a request by *calls* outgoing ones, which continue its trace or begin one."""
    said = read_headers(incoming)
    trace_id, flags = said.trace_id, said.trace_flags
    if trace_id is None:
        (trace_id, _), flags = mint_ids(), RANDOM
    return [
        (write_traceparent(trace_id, mint_span_id(), flags), said.tracestate) for _ in range(calls)
    ]


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("case", W3C, ids=lambda case: case["id"])
def test_w3c_trace_context_suite(case, carrier):
    """A service built on it answers each request of the W3C test-suite as the suite demands."""
    sent = serve(
        CARRIERS[carrier]([tuple(pair) for pair in case["headers"]]), case["outgoing_calls"]
    )
    expect = dict(case["expect"])
    parents = [TRACEPARENT.fullmatch(traceparent) for traceparent, _ in sent]
    assert all(parents) is expect.pop("outgoing_traceparent_valid")
    state = sent[0][1]
    members = state.split(",") if state else []
    pairs = dict(member.split("=", 1) for member in members)
    assert len(pairs) == len(members)
    ids = expect.pop("trace_id", {})
    for parent in parents:
        assert parent[1] == ids.get("same_as", parent[1])
        assert parent[1] not in ids.get("not", ())
        assert parent[2] != expect.get("parent_id_not")
        bits = expect.get("trace_flags_has_bits", 0)
        assert int(parent[3], 16) & bits == bits
    if expect.pop("parent_ids_all_distinct", False):
        assert len({parent[2] for parent in parents}) == len(parents)
    for key, value in expect.pop("tracestate_has", {}).items():
        assert pairs[key] == value
    assert not set(expect.pop("tracestate_lacks", ())) & set(pairs)
    assert members == expect.pop("tracestate_members", members)
    assert len(members) == expect.pop("tracestate_size", len(members))
    assert "tracestate_has_member" not in expect or set(members) & set(
        expect.pop("tracestate_has_member")
    )
    assert not set(expect) - {"parent_id_not", "trace_flags_has_bits"}


def test_w3c_trace_context_suite_is_complete():
    """All 83 requests of the suite are here."""
    assert len({case["id"] for case in W3C}) == 83


@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_carrier_gives_every_header(carrier):
    """Each kind of headers object gives the same answer for the same headers."""
    said = read_headers(
        CARRIERS[carrier](
            [
                ("Traceparent", PARENT),
                ("Tracestate", "a=1"),
                ("tracestate", "b=2"),
                ("Baggage", "k=v"),
                ("X-Request-ID", "req-1"),
                ("X-Correlation-ID", "corr-1"),
            ]
        )
    )
    assert said == Incoming("corr-1", T, S, 1, "a=1,b=2", "k=v", "req-1")


def test_process_environment():
    """A process environment gives the trace it was started under."""
    started = {"PATH": "/bin", "TRACEPARENT": PARENT, "TRACESTATE": "a=1", "BAGGAGE": "k=v"}
    for carrier in (started, MappingProxyType(started)):
        assert read_headers(carrier) == Incoming(T, T, S, 1, "a=1", "k=v")


def test_environ_without_request_method():
    """HTTP_ names of a dict are header names also where only they are given."""
    assert read_headers({"HTTP_X_REQUEST_ID": "r1", "HTTP_TRACEPARENT": PARENT}) == Incoming(
        T, T, S, 1, request_id="r1"
    )


def test_environ_ignores_the_process():
    """In a WSGI environ a TRACEPARENT of the server's own process is no header of the request."""
    assert read_headers(environ([])) == Incoming()


def test_http_names_are_the_servers_only():
    """A client's own header named HTTP_X_REQUEST_ID is not taken for X-Request-ID."""
    headers = [
        ("HTTP_X_REQUEST_ID", "evil"),
        ("http_traceparent", PARENT),
        ("X_Request_ID", "evil"),
    ]
    for carrier in (list(headers), Multidict(headers), dict(headers[1:])):
        assert read_headers(carrier) == Incoming()


@pytest.mark.parametrize("name", ["X-Request-ID", "X-Correlation-ID", "traceparent"])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_second_value_voids(name, carrier):
    """A header with one value that comes twice, even with equal values, is ignored."""
    value = PARENT if name == "traceparent" else "id-1"
    headers = [(name, value), (name, value)]
    assert read_headers(CARRIERS[carrier](headers)) == Incoming()
    assert read_headers([*headers, ("b3", f"{T}-{S}")]).trace_id == T


def test_second_value_of_another_type_voids():
    """A second value counts even if it is neither str nor bytes; None does not."""
    assert read_headers({"x-request-id": ["a", 1]}) == Incoming()
    assert read_headers([("x-request-id", object()), ("x-request-id", "a")]) == Incoming()
    assert read_headers({"x-request-id": [None, "a"]}).request_id == "a"
    assert state("a=1", 5) == ""


GOOD_IDS = ["a", "0", "A" * 128, "f" * 32, "7b8e8f0e-6b0a-4d5a-9a56-3f4d8d0e6a11", "1-2:3.4_5+6=7"]
BAD_IDS = [
    *("", " ", "-a", "_a", ".a", "=a", "+a", ":a", "a" * 129, "a b", "a/b", "a@b", "a,b", "a;b"),
    *("é", "aé", "a\u0663", "\u0661", "\uff21", "a\u2028", "a\u212a", "\ud800", "a\udc80", "😀"),
    *("<b>", "${jndi:x}", "a'b", 'a"b', "a\\b", "a%0d%0a", "{7b8e8f0e6b0a4d5a9a563f4d8d0e6a11}"),
    *("urn/uuid", "a\x7f", "a\x85", "a\xa0", "a" * 10_000_000),
]
CONTROLS = [chr(code) for code in range(0x20) if chr(code) != "\t"] + ["\x7f"]


@pytest.mark.parametrize("value", GOOD_IDS, ids=repr)
def test_good_ids(value):
    """A well-formed ID is taken as it is."""
    assert is_id(value)
    said = read_headers({"X-Request-ID": value})
    assert said.request_id == said.correlation_id == value


@pytest.mark.parametrize("value", BAD_IDS, ids=lambda value: ascii(value[:40]))
def test_bad_ids(value):
    """A malformed ID, as str or in bytes, is as no ID."""
    assert not is_id(value)
    encoded = value.encode("utf-8", "surrogatepass")
    for header in (value, encoded, bytearray(encoded)):
        assert read_headers({"X-Request-ID": header, "x-correlation-id": header}) == Incoming()


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
def test_controls_anywhere_void(control):
    """A control character or line end at any position voids an ID and a traceparent."""
    for value in ("abc", PARENT):
        for at in range(len(value) + 1):
            broken = value[:at] + control + value[at:]
            assert not is_id(broken)
            for header in (broken, broken.encode()):
                assert read_headers({"x-request-id": header, "traceparent": header}) == Incoming()


def test_is_id_of_anything():
    """Only a str is an ID, and an object that claims to be one is not."""

    class Liar:
        __class__ = str

    class Sub(str):
        def __len__(self):
            return 1

    for value in (None, 1, b"a", ["a"], object(), Liar(), Hostile()):
        assert not is_id(value)
    assert is_id(Sub("abc"))
    assert is_id(HostileText("abc"))
    assert not is_id(Sub("a" * 129))


def test_is_trace_id():
    """Only 32 lower-case hex digits, not all zero, are a trace ID."""
    assert is_trace_id(T)
    assert is_trace_id(mint_ids()[0])
    for value in (
        T.upper(),
        T[1:],
        T + "0",
        T[1:] + "\n",
        T + "\n",
        "0" * 32,
        "",
        S,
        "\u0660" * 32,
    ):
        assert not is_trace_id(value)
    for value in (None, 1, T.encode(), [T], Hostile()):
        assert not is_trace_id(value)


def test_order_default():
    """The correlation ID is the first valid one, and the trace is traceparent's all the same."""
    headers = {
        "x-correlation-id": "c1",
        "traceparent": PARENT,
        "b3": f"{'b' * 32}-{'b' * 16}-0",
        "x-cloud-trace-context": f"{'c' * 32}/18;o=1",
        "x-amzn-trace-id": f"Root=1-{'d' * 8}-{'d' * 24};Parent={'d' * 16};Sampled=1",
        "x-request-id": "r1",
    }
    wants = ["c1", T, "b" * 32, "c" * 32, "d" * 32, "r1"]
    traces = [(T, S, 1), (T, S, 1), ("b" * 32, "b" * 16, 0), ("c" * 32, f"{18:016x}", 1)]
    traces += [("d" * 32, "d" * 16, 1), (None, None, 0)]
    assert tuple(headers) == ORDER
    for name, want, trace in zip(ORDER, wants, traces, strict=True):
        assert read_headers(headers) == Incoming(want, *trace, request_id="r1")
        headers[name] = "#"
    assert read_headers(headers) == Incoming()


def test_order_configured():
    """Another order, with names of one's own, is followed; a header left out gives no ID."""
    headers = {"Traceparent": PARENT, "X-Request-ID": "r1", "CF-Ray": "ray-1", "X-Bad": "a b"}
    assert read_headers(headers, ("x-bad", "cf-ray", "traceparent")).correlation_id == "ray-1"
    assert read_headers(headers, ["x-request-id", "traceparent"]).correlation_id == "r1"
    assert read_headers(headers, ("b3", "x-none")) == Incoming(None, T, S, 1, request_id="r1")
    assert read_headers(headers, ()).correlation_id is None
    # A letter whose lower case is ASCII, though it is not.
    assert read_headers({"x-\u212aey": "a"}, ("x-key",)) == Incoming()
    assert read_headers(environ(headers.items()), ("cf-ray",)).correlation_id == "ray-1"


@pytest.mark.parametrize(
    ("value", "flags"),
    [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("fc", 0), ("ff", 3), ("09", 1)],
)
def test_flags(value, flags):
    """The sampled and random bits are read and sent on, the others are not."""
    said = read_headers({"traceparent": f"00-{T}-{S}-{value}"})
    assert said == Incoming(T, T, S, flags)
    assert write_traceparent(T, S, int(value, 16)) == f"00-{T}-{S}-0{flags}"


@pytest.mark.parametrize(
    "value",
    [
        *(f"00-{T.upper()}-{S}-01", f"00-{T}-{S.upper()}-01", f"00-{T}-{S}-0A", f"0A-{T}-{S}-01"),
        *(f"00-{T}-{S}-01-", f"00-{T}-{S}-01-x", f"FF-{T}-{S}-01", f"ff-{T}-{S}-01-x", f"cc-{T}"),
        *(f"00-{T}-{S}", f"{T}-{S}-01", f"00-{T}{S}-01", f"00_{T}_{S}_01", "00", "-", ""),
        *(f"\u0660\u0660-{T}-{S}-01", f"00-{T}-{S}-\u0660\u0661", f"00-{'٠' * 32}-{S}-01"),
        *(f"cc-{T}-{S}-01\n", f"cc-{T}-{S}-01 -", f"cc-{T}-{S}-01,cc-{T}-{S}-01", f"\xa0{PARENT}"),
        *(f"{PARENT},{PARENT}", f'"{PARENT}"', PARENT * 100_000, "0" * 55, "-" * 55),
    ],
    ids=lambda value: ascii(value[:70]),
)
def test_traceparent_malformed(value):
    """A traceparent that breaks its grammar anywhere is ignored, and its tracestate with it."""
    headers = [("traceparent", value), ("tracestate", "a=1")]
    assert read_headers(headers) == Incoming()
    assert read_headers([*headers, ("b3", f"{T}-{S}")]) == Incoming(T, T, S)


def test_traceparent_of_later_versions():
    """What a later version puts behind its flags is ignored, and answered with version 00."""
    for version in ("01", "cc", "fe"):
        for rest in ("", "-", "-x", "-é\x00", "-" + "y" * 1_000_000):
            ((sent, _),) = serve({"traceparent": f"{version}-{T}-{S}-ff{rest}"})
            assert sent.startswith(f"00-{T}-")
            assert sent.endswith("-03")


@pytest.mark.parametrize(
    "args",
    [
        *((T.upper(), S, 1), (T, S.upper(), 1), ("0" * 32, S, 1), (T, "0" * 16, 1), ("", "", 0)),
        *((T + "\r\n", S, 1), (T, S + "\n", 1), (T[:-1] + "\n", S, 1), (T[:-1] + "é", S, 1)),
        *((None, S, 1), (T, None, 1), (T.encode(), S, 1), (object(), [], {}), (T * 10**6, S, 1)),
    ],
    ids=lambda args: re.sub(r" at 0x[0-9a-f]+", "", ascii(args)[:60]),
)
def test_write_traceparent_malformed(args):
    """Nothing is written of an ID that is not well-formed, so no line end can be sent."""
    assert write_traceparent(*args) == ""


def test_write_traceparent_reads_the_text():
    """A subclass of str cannot write something else than its text, nor flags that are no int."""

    class Evil(str):
        def __str__(self):
            return "\r\n"

        def __format__(self, spec):
            return "\r\n"

    assert write_traceparent(Evil(T), Evil(S), 1) == PARENT
    for flags in (None, "1", 1.5, object()):
        assert write_traceparent(T, S, flags) == f"00-{T}-{S}-00"
    assert write_traceparent(T, S, -1) == f"00-{T}-{S}-03"
    assert write_traceparent(T, S, 1 << 4000) == f"00-{T}-{S}-00"


def test_mint(monkeypatch):
    """New IDs are hex of the right length, differ, and are never all zeros."""
    minted = [
        *(each for _ in range(100) for each in mint_ids()),
        *(mint_span_id() for _ in range(100)),
    ]
    assert len(set(minted)) == len(minted)
    one = b"\1"
    given = [one * 16 + bytes(8), bytes(16) + one * 8, bytes(15) + one * 9]
    sizes = []
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")  # one at a time
    monkeypatch.setattr(_trace, "_minted", [])
    monkeypatch.setattr(_trace.os, "urandom", lambda size: sizes.append(size) or given.pop(0))
    assert mint_ids() == ("0" * 30 + "01", "01" * 8)
    assert sizes == [24, 24, 24]


def test_ids_are_minted_many_at_once(monkeypatch):
    """The system is asked for random bytes once for dozens of IDs."""
    sizes = []
    urandom = _trace.os.urandom
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    monkeypatch.setattr(_trace.os, "urandom", lambda size: sizes.append(size) or urandom(size))
    assert len({each for _ in range(500) for each in mint_ids()}) == 1000
    assert 1 <= len(sizes) <= 10


def test_no_id_is_minted_ahead_where_processes_begin_as_copies(monkeypatch):
    """In AWS Lambda, whose SnapStart copies a process that runs, the copies hold no ID to come."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setattr(_trace, "_minted", [])
    mint_ids()
    mint_span_id()
    assert _trace._minted == []


MINT_IN_FORKS = """
import os
from logweft._trace import mint_ids

def mint():
    os.write(1, "".join(f"{' '.join(mint_ids())} " for _ in range(70)).encode())

def children():
    while True:
        try:
            assert os.wait()[1] == 0
        except ChildProcessError:
            return

mint_ids()
"""


@pytest.mark.parametrize(
    "fork",
    [
        "os.fork(); os.fork()",
        # While it mints, as a signal handler may.
        """
urandom = os.urandom
def forking(size):
    os.urandom = urandom
    drawn = urandom(size)
    os.fork()
    return drawn
os.urandom = forking
[mint_ids() for _ in range(70)]
os.fork()
""",
    ],
    ids=["between", "within"],
)
def test_a_forked_child_mints_ids_of_its_own(fork):
    """No ID minted ahead is used by a parent and by its child, or by two children."""
    done = run(f"{MINT_IN_FORKS}\n{fork}\nmint()\nchildren()\n")

    assert (done.code, done.err) == (0, "")
    minted = done.out.split()
    assert len(minted) == len(set(minted)) == 4 * 70 * 2


def test_ids_owe_nothing_to_the_seed():
    """A program that seeds `random` has other IDs in each run."""
    program = (
        "import random; random.seed(7); from logweft._trace import mint_ids; print(mint_ids())"
    )
    outs = {run(program, env={"PYTHONHASHSEED": "0"}).out for _ in range(2)}
    assert len(outs) == 2


def test_threads_mint_different_ids():
    """However threads take turns, no two get one ID."""
    minted = []

    def mint():
        minted.extend([mint_ids()[0] for _ in range(2000)])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=mint) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(minted) == len(set(minted)) == 8000


def test_nothing_is_minted_by_an_import():
    """`import logweft` draws no random bytes for IDs and hooks no fork of its own accord."""
    done = run(
        """
        import os
        hooks = []
        os.register_at_fork = lambda **each: hooks.append(each["after_in_child"].__module__)
        import logweft
        print(logweft._trace._minted, "logweft._trace" in hooks)
        with logweft.adopt():
            print("logweft._trace" in hooks)
        """
    )
    assert (done.out.split(), done.err) == (["[]", "False", "True"], "")


def state(*values):
    return read_headers([("traceparent", PARENT), *(("tracestate", v) for v in values)]).tracestate


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (["a=1, ,\t,b=2,"], "a=1,b=2"),
        (["a=1,b=2,a=3"], "a=1,b=2"),
        (["b=1", "", "a=1"], "b=1,a=1"),
        (["a=  x y "], "a=  x y"),
        (["0=1"], "0=1"),
        ([f"{'k' * 256}={'v' * 255}"], f"{'k' * 256}={'v' * 255}"),
        ([f"a={'v' * 256}"], f"a={'v' * 256}"),
        ([f"a={'v' * 257}"], ""),
        ([f"{'k' * 257}=1"], ""),
        *(
            ([f"ok=1,{bad}"], "")
            for bad in ("a", "a=", "=1", "A=1", "_a=1", "a =1", "a= ", "a=1=2")
        ),
        *(([f"ok=1,{bad}"], "") for bad in ("a=\x7f", "a=é", "a=x\ty", "a=x\n", "é=1", "a=x\ny")),
        (
            [",".join(f"k{i}=1" for i in range(32)) + "," * 300],
            ",".join(f"k{i}=1" for i in range(32)),
        ),
        ([",".join(f"k{i}=1" for i in range(33))], ""),
        ([" " * 1_000_000 + "a=1"], ""),
        (["a=1" + " " * 1_000_000], ""),
        (["a=1", *[" " * 1_000] * 33], ""),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_tracestate(values, want):
    """The tracestate is joined, checked and trimmed; a bad member voids it, a second goes."""
    assert state(*values) == want


def test_tracestate_is_cut_by_members():
    """Up to 512 characters are sent; beyond, long members go first, then the last ones."""
    short = [f"s{i}={'v' * 96}" for i in range(1, 6)]  # 99 characters each
    fits = [*short[:4], f"{'k' * 56}={'v' * 55}"]
    assert len(",".join(fits)) == 512
    assert state(",".join(fits)) == ",".join(fits)
    assert state(",".join([*fits, "x=1"])) == ",".join(fits)
    assert state(",".join([*short[:2], f"long={'v' * 124}", *short[2:]])) == ",".join(short)
    longs = [f"l{i}={'v' * 197}" for i in range(3)]
    assert state(",".join([*longs, "x=1"])) == ",".join([*longs[:2], "x=1"])
    assert state(f"{'k' * 256}={'v' * 256}") == ""


def trace(headers):
    said = read_headers(headers)
    assert said.correlation_id == said.trace_id
    return said.trace_id, said.parent_id, said.trace_flags


def test_b3_examples():
    """Each example of the B3 specification gives its trace, the malformed ones give none."""
    one, two = "80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1"
    wants = [(one, two, 1), (one, two, 1), (one, two, 1), (one, two, 0), (None, None, 0)]
    wants += [("463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", 0)]
    wants += [("0" * 16 + "48485a3953bb6124", "a2fb4a1d1a96d312", 1)]
    for headers, want in zip(B3["valid"], wants, strict=True):
        for carrier in CARRIERS.values():
            assert trace(carrier(list(headers.items()))) == want
    for headers in B3["malformed"]:
        assert read_headers(headers) == Incoming()
        assert trace({**headers, "b3": f"{T}-{S}"}) == (T, S, 0)


def test_b3_rules():
    """The single header outranks the several, first values win, true is lenient for 1."""
    several = {"x-b3-traceid": "a" * 32, "x-b3-spanid": "a" * 16}
    assert trace({**several, "b3": f"{T}-{S}-0"}) == (T, S, 0)
    assert trace({**several, "b3": "0"}) == (None, None, 0)
    assert trace({**several, "b3": "?"}) == ("a" * 32, "a" * 16, 0)
    assert trace([("b3", f"{T}-{S}-1"), ("b3", f"{'b' * 32}-{S}")]) == (T, S, 1)
    for name, value, sampled in (
        *(
            ("sampled", "1", 1),
            ("sampled", "true", 1),
            ("sampled", "0", 0),
            ("sampled", "false", 0),
        ),
        *(("flags", "1", 1), ("flags", "0", 0), ("sampled", "", 0), ("sampled", "yes", 0)),
    ):
        assert trace({**several, f"x-b3-{name}": value}) == ("a" * 32, "a" * 16, sampled)
    assert trace({"b3": f"{S}-{S}"}) == (S.rjust(32, "0"), S, 0)


@pytest.mark.parametrize(
    "headers",
    [
        *({"b3": f"{T}-{S}-{state}"} for state in ("", "2", "true", "D", "-", f"{S}", "1-", "1-x")),
        *({"b3": v} for v in (T, f"{T}-", f"-{S}", f"{T}-{T}", f"{T}-{S}-1\n", f"{T.upper()}-{S}")),
        *(
            {"b3": v}
            for v in (f"{'0' * 32}-{S}", f"{'0' * 16}-{S}", f"{T}-{'0' * 16}", f"{T[1:]}-{S}")
        ),
        *({"b3": v} for v in (f"{T}-{S}-1-{T}", f"{T}-{S}-1-{S}-1", f"{T}{S}", "", "00", "0\n")),
        *({"X-B3-TraceId": T}, {"X-B3-SpanId": S}, {"X-B3-TraceId": T, "X-B3-SpanId": T}),
        *({"X-B3-TraceId": f"{T}-{S}", "X-B3-SpanId": s} for s in ("1", "d", "", f"1-{S}")),
        *({"X-B3-TraceId": T, "X-B3-SpanId": s} for s in (f"{S}-1", f"{S}\n", "0" * 16, S.upper())),
    ],
    ids=ascii,
)
def test_b3_malformed(headers):
    """B3 headers that break their grammar give no trace."""
    assert read_headers(headers) == Incoming()


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (f"{T}/1;o=1", (T, "0000000000000001", 1)),
        (f"{T}/18446744073709551615;o=0", (T, "f" * 16, 0)),
        (f"{T}/00000000000000000016", (T, "0000000000000010", 0)),
        (f"{T};o=1", (T, None, 1)),
        (f"{T}/0;o=3", (T, None, 1)),
        (f"{T};o=2", (T, None, 0)),
        (T, (T, None, 0)),
        *(
            (v, (None, None, 0))
            for v in (f"{T}/18446744073709551616", f"{T}/", f"{T}/-1", f"{T}/a")
        ),
        *(
            (v, (None, None, 0))
            for v in (f"{T}/1;o=", f"{T}/1;o=x", f"{T}/1;", f"{T}/1\n", T.upper())
        ),
        *(
            (v, (None, None, 0))
            for v in ("0" * 32 + "/1", T[1:], f"{T}/{'9' * 5000}", f"{T}/٣", "")
        ),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_cloud_trace_context(value, want):
    """Google's header gives trace, span (decimal there, hex here) and the sampled bit."""
    assert trace({"X-Cloud-Trace-Context": value}) == want


ROOT = f"Root=1-{T[:8]}-{T[8:]}"


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (f"{ROOT};Parent={S};Sampled=1", (T, S, 1)),
        (f"Sampled=0; Parent={S} ;Self=1-67891234-12456789abcdef012345678;{ROOT}", (T, S, 0)),
        (f"{ROOT};Lineage=a87bd80c:1|68fd508a:5;Sampled=?;CalledFrom=app=1;;", (T, None, 0)),
        (f"{ROOT};Parent=x;Sampled=1", (T, None, 1)),
        (f"{ROOT};Root=1-{'a' * 8}-{'a' * 24}", (T, None, 0)),
        (ROOT, (T, None, 0)),
        *(
            (v, (None, None, 0))
            for v in (f"Self={ROOT[5:]}", f"root={ROOT[5:]}", f"Root={T}", "Root")
        ),
        *((v, (None, None, 0)) for v in (ROOT.upper(), ROOT[:-1], ROOT + "0", f"Root=2{ROOT[6:]}")),
        *((v, (None, None, 0)) for v in (f"Root=1-{'0' * 8}-{'0' * 24}", ROOT + "\n", ";" * 10**6)),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_amzn_trace_id(value, want):
    """Amazon's header gives trace, parent and the sampled bit, in whatever order they come."""
    assert trace({"X-Amzn-Trace-Id": value}) == want


@pytest.mark.parametrize("case", BAGGAGE["parse"], ids=lambda case: case["in"][:40])
def test_w3c_baggage_parse(case):
    """Each baggage of the W3C tests is read as they say, and survives being sent on."""
    wants = [Member(m["key"], m["value"], tuple(map(tuple, m["properties"]))) for m in case["out"]]
    assert parse_baggage(case["in"]) == wants
    assert parse_baggage(read_headers({"baggage": case["in"]}).baggage) == wants


def carried(*values):
    return read_headers([("Baggage", value) for value in values]).baggage


def test_w3c_baggage_limits():
    """64 members, in one header or 64, and 8192 bytes are forwarded, beyond that no part of one."""
    members = [f"key{i}=value" for i in range(BAGGAGE["limits"]["must_propagate_members"])]
    assert carried(",".join(members)) == carried(*members) == ",".join(members)
    full = "a=" + "0123456789" * 819
    assert len(full) == BAGGAGE["limits"]["must_propagate_bytes"]
    assert carried(full) == full
    assert carried(full + "0") == ""
    assert carried(f"{full}0,k=v") == "k=v"
    assert carried(f"k=v,{full},l=w") == "k=v,l=w"
    assert carried(" " * ((1 << 15) - 4) + "k=value") == ""
    assert carried("a=1," + " " * ((1 << 15) - 8) + "k=value") == "a=1"
    many = ",".join(f"{i:03}=0123456789a" for i in range(512)) + "b"
    assert len(many) == 8192
    assert carried(many) == many
    assert carried(many + ",x=1") == many
    kept = carried(",".join(f"k{i}=v;p=1" for i in range(100_000))).split(",")
    assert len(",".join(kept)) <= 8192
    assert kept == [f"k{i}=v;p=1" for i in range(len(kept))]


def test_baggage_is_forwarded_as_it_came():
    """Percent-encoding, order, equal keys and properties are kept; only white space goes."""
    text = "a=%41%zz%;p=%c3%28;q, a = b=c ,a=;p\t;\tp=1"
    assert carried(text) == "a=%41%zz%;p=%c3%28;q,a=b=c,a=;p;p=1"


@pytest.mark.parametrize(
    "bad",
    [
        *("", "k", "=v", "k;p=1", "k=a b", 'k="v"', "k=a\\b", "k=é", "ké=v", "k(=v", "k y=v"),
        *("k=v;", "k=v;;p", "k=v;=p", "k=v;p=a b", "k=v;p é", "k=v\n", "k=\x00", "k\n=v", "k=\x7f"),
    ],
    ids=ascii,
)
def test_baggage_bad_member(bad):
    """A malformed member is dropped without its neighbours."""
    assert carried(f"a=1,{bad},b=2") == carried("a=1", bad, "b=2") == "a=1,b=2"
    assert [member.key for member in parse_baggage(f"a=1,{bad},b=2")] == ["a", "b"]


def test_baggage_text():
    """Any text can be a value, what is not UTF-8 comes as U+FFFD, and no baggage has no member."""
    text = 'Zoë \r\n,;=\\"%/+😀'
    written = f"user={quote(text)};p={quote(text)};q;r="
    assert parse_baggage(written) == [Member("user", text, (("p", text), ("q", None), ("r", "")))]
    assert parse_baggage("k=%ff%C3%28x")[0].value == "\ufffd\ufffd(x"
    for nothing in (None, 1, [], object()):
        assert parse_baggage(nothing) == []
    assert parse_baggage(b"k=v") == [Member("k", "v")]


class Hostile:
    """Raises wherever it is touched."""

    def _fail(self, *_: Any) -> Any:
        raise RuntimeError("touched")

    __iter__ = __len__ = __getitem__ = __eq__ = __str__ = __repr__ = __bool__ = _fail
    __getattribute__ = __hash__ = __bytes__ = __contains__ = _fail


class HostileText(str):
    """A str of which every method raises."""

    lower = startswith = isascii = strip = __len__ = __iter__ = __str__ = __getitem__ = (
        Hostile._fail
    )


class HostileBytes(bytes):
    """Bytes of which every method raises."""

    lower = decode = strip = __len__ = __iter__ = __getitem__ = Hostile._fail


class HostileDict(dict):
    """A dict of which every method raises."""

    items = keys = get = __getitem__ = __iter__ = __contains__ = __len__ = Hostile._fail


def broken_off():
    yield "x-request-id", "r1"
    raise OSError("connection lost")


def endless():
    while True:
        yield "x-request-id", "r1"


def test_anything_is_no_headers():
    """What is no headers object, or holds nothing readable, is as no headers; nothing raises."""
    for number, incoming in enumerate(
        [
            *(None, 0, 1.5, True, "traceparent", b"traceparent", "", [], {}, object(), object, len),
            *([None], [()], [("traceparent",)], [("a", "b", "c")], ["ab"], [1, 2], [[[]]], {1: 2}),
            *(Hostile(), [Hostile()], [(Hostile(), Hostile())], {"traceparent": Hostile()}),
            *({"traceparent": [Hostile()] * 2}, [("x-request-id", [[["a"]]])], {None: "a"}),
            *({"x-request-id": memoryview(b"\xff" * 9)}, {("x-request-id",): "a"}, ...),
            *(SimpleNamespace(items=None), SimpleNamespace(items=lambda: 5)),
            *(SimpleNamespace(raw=[1]), {"x-request-id": {}}),
            *(endless(), iter([("x-request-id", ["a"] * 10**6)])),
        ]
    ):
        assert read_headers(incoming) == Incoming(), number


def test_hostile_beside_good():
    """A pair or value that cannot be read costs itself only, and no method of it is run."""
    key, value = HostileText("X-Request-ID"), HostileBytes(b"r1")
    bad = [(Hostile(), 1), None, (1, 2, 3), "ab", (b"\xff", "x"), ("b3", Hostile())]
    assert read_headers([*bad, (key, value)]).request_id == "r1"
    assert type(read_headers([(key, HostileText("r1"))]).request_id) is str
    assert read_headers(HostileDict({"x-request-id": "r1"})).request_id == "r1"
    assert read_headers(broken_off()).request_id == "r1"
    assert read_headers({"x-request-id": memoryview(b"r1")}).request_id == "r1"


def test_bounds():
    """Huge names, values and numbers of both are read in part, a large environment whole."""
    started = {f"SERVICE_{i}_PORT": "tcp" for i in range(9_000)}
    assert read_headers({**started, "TRACEPARENT": PARENT}).trace_id == T
    shared = ["k=v," * 5_000] * 10_000
    huge = "a=1," * 5_000_000
    assert len(read_headers([("baggage", shared)] * 10_000).baggage) <= 8192
    assert len(carried(huge)) <= 8192
    for name in (*ORDER, "tracestate", "x-b3-traceid", huge):
        for value in (huge, huge.encode(), "\x00" * 10_000_000, "-" * 10_000_000):
            assert read_headers([(name, value), ("traceparent", PARENT)]).tracestate == ""


NAMES = sorted(_trace._WANTED)
PIECES = st.sampled_from(
    [*"-;,=/% \t\n\x00aAé1", T, S, PARENT, ROOT, "0" * 32, "0" * 16, "a=1", "00", "ff", ";o=1", "d"]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join) | st.text(st.characters(), max_size=40)
VALUES = st.one_of(
    TEXTS,
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=40),
    st.lists(TEXTS, max_size=3),
    st.none() | st.integers() | st.builds(object),
)
KEYS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(NAMES).map(str.upper),
    st.sampled_from(NAMES).map(str.encode),
    st.sampled_from(NAMES).map(lambda name: "HTTP_" + name.upper().replace("-", "_")),
    st.sampled_from(["REQUEST_METHOD", ""]) | st.text(max_size=5) | st.integers(),
)


@settings(deadline=None, database=None, max_examples=600)
@given(st.lists(st.tuples(KEYS, VALUES), max_size=8) | st.dictionaries(KEYS, VALUES, max_size=8))
def test_arbitrary_headers(headers):
    """Arbitrary headers never raise, and all that is said of them is well-formed."""
    said = read_headers(headers)
    for own in (said.correlation_id, said.request_id):
        assert own is None or (type(own) is str and OWN_ID.fullmatch(own))
    assert said.trace_id is not None or (said.parent_id, said.trace_flags) == (None, 0)
    if said.trace_id is not None:
        span_id = said.parent_id or mint_span_id()
        sent = write_traceparent(said.trace_id, span_id, said.trace_flags)
        assert TRACEPARENT.fullmatch(sent)
        assert read_headers({"traceparent": sent})[1:4] == (
            said.trace_id,
            span_id,
            said.trace_flags,
        )
    for text, limit in ((said.tracestate, 512), (said.baggage, 8192)):
        assert type(text) is str
        assert len(text) <= limit
        assert text == "" or (text.isascii() and text.isprintable())
    # What was taken is taken again, unchanged.
    again = {"traceparent": PARENT, "tracestate": said.tracestate, "baggage": said.baggage}
    assert read_headers(again)[4:6] == (said.tracestate, said.baggage)


@settings(deadline=None, database=None)
@given(st.recursive(st.none() | st.integers() | TEXTS | st.binary(), st.lists, max_leaves=8))
def test_arbitrary_values(incoming):
    """Arbitrary nested values never raise, given as headers, IDs or baggage."""
    said = read_headers(incoming)
    assert said.trace_id is None or len(said.trace_id) == 32
    assert is_id(incoming) is (isinstance(incoming, str) and bool(OWN_ID.fullmatch(incoming)))
    parse_baggage(incoming)
    assert write_traceparent(incoming, incoming, incoming) == ""


@settings(deadline=None, database=None)
@given(
    st.lists(
        st.builds(
            Member,
            st.from_regex(r"[a-z!#$%&'*+.^_`|~-]{1,9}", fullmatch=True),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
            st.lists(st.tuples(st.sampled_from("pq"), st.none() | TEXTS), max_size=2).map(tuple),
        ),
        max_size=5,
    )
)
def test_baggage_round_trip(members):
    """Baggage of any text is read as it was meant, and sent on as it came."""
    wants = [
        member._replace(
            properties=tuple(
                (key, value and value.encode("utf-8", "replace").decode())
                for key, value in member.properties
            )
        )
        for member in members
    ]
    written = ",".join(
        ";".join(
            key if value is None else f"{key}={quote(value, errors='replace')}"
            for key, value in ((member.key, member.value), *member.properties)
        )
        for member in members
    )
    assert parse_baggage(written) == wants
    assert carried(written) == written
