"""
What every integration owes, whatever the library: the assertions stand here and nowhere else.

A test subclasses the contract of its edge and supplies a driver, which returns what it *saw*:

    class TestFlask(InboundContract):
        def call(self, headers, fail=False): ...

An unfilled driver fails by name.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import logweft

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
MINTED = re.compile(r"[0-9a-f]{32}")


class Lines:
    """The lines written so far, read back from the file behind the root logger."""

    def __init__(self, path: Path, installation: logweft.Installation) -> None:
        self.path = path
        self._installation = installation

    def read(self) -> list[dict[str, Any]]:
        """Return every line, once all that was logged is written."""
        assert self._installation.flush(30)
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def ids(self, message: str) -> list[str | None]:
        """Return the correlation IDs of the lines with this *message*."""
        return [line.get("correlation_id") for line in self.read() if line["message"] == message]


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    """Install logweft with a file as its only target."""
    path = tmp_path / "lines.jsonl"
    with path.open("a") as stream, logweft.install(level="INFO", stream=stream) as installation:
        yield Lines(path, installation)


class Response(NamedTuple):
    """What a client saw: ``headers`` with lower-case names."""

    status: int
    headers: dict[str, str]


class InboundContract:
    """Each request is one unit of work, under the caller's ID or a new one."""

    def call(self, headers: dict[str, str], fail: bool = False) -> Response:
        """
        Send one request to a real server whose handler logs ``"handled"``; return the response.

        With *fail* the handler raises ``RuntimeError("boom")`` behind the log call.
        """
        raise NotImplementedError("call(headers, fail) -> Response is the driver's to write")

    def test_a_callers_id_is_adopted(self, lines: Lines) -> None:
        """The handler's line and the response have the ID the caller sent."""
        seen = self.call({"X-Correlation-ID": "order-1"})

        assert lines.ids("handled") == ["order-1"]
        assert seen.headers["x-correlation-id"] == "order-1"

    def test_a_trace_is_continued(self, lines: Lines) -> None:
        """Of a traceparent, the trace ID is the correlation ID."""
        seen = self.call({"traceparent": TRACEPARENT})

        assert lines.ids("handled") == [TRACE]
        assert seen.headers["x-correlation-id"] == TRACE

    def test_an_id_is_minted_where_there_is_none(self, lines: Lines) -> None:
        """Two requests without an ID get two new ones, and the responses tell them."""
        first, second = self.call({}), self.call({})

        ids = lines.ids("handled")
        assert [first.headers["x-correlation-id"], second.headers["x-correlation-id"]] == ids
        assert len(set(ids)) == 2
        assert all(MINTED.fullmatch(each or "") for each in ids)

    def test_a_malformed_id_is_replaced_and_not_echoed(self, lines: Lines) -> None:
        """An invalid ID appears neither in a line nor in the response."""
        seen = self.call({"X-Correlation-ID": "bad id;<script>"})

        (replaced,) = lines.ids("handled")
        assert MINTED.fullmatch(replaced or "")
        assert seen.headers["x-correlation-id"] == replaced
        assert "<script>" not in lines.path.read_text()

    def test_a_failing_request_has_the_id_too(self, lines: Lines) -> None:
        """The 500 response carries the ID, and so does the line of the exception."""
        seen = self.call({"X-Correlation-ID": "order-2"}, fail=True)

        assert seen.status == 500
        assert seen.headers["x-correlation-id"] == "order-2"
        told = [line for line in lines.read() if "boom" in str(line.get("exception"))]
        assert {line.get("correlation_id") for line in told} <= {"order-2"}

    def test_nothing_is_left_afterwards(self, lines: Lines) -> None:
        """After a request, and after a failed one, the caller's own Context is what it was."""
        self.call({"X-Correlation-ID": "order-3"})
        self.call({"X-Correlation-ID": "order-3"}, fail=True)

        assert logweft.current().correlation_id is None

    def test_two_requests_at_once_do_not_mix(self, lines: Lines) -> None:
        """Of twenty requests, eight at a time, each response has its own ID."""
        wanted = [f"order-{number}" for number in range(20)]
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(lambda each: self.call({"X-Correlation-ID": each}), wanted))

        assert [each.headers["x-correlation-id"] for each in seen] == wanted
        assert sorted(map(str, lines.ids("handled"))) == sorted(wanted)


class OutboundContract:
    """An outgoing call carries the current ID, and changes nothing else."""

    def send(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        """
        Send one request, with *headers*, to a real server; return the headers that arrived.

        Every one of them as ``(lower-case name, value)``, in case a name arrives twice.
        """
        raise NotImplementedError("send(headers) -> [(name, value)] is the driver's to write")

    def fail(self) -> None:
        """Send one request to a port where nobody listens; raise what the library raises."""
        raise NotImplementedError("fail() is the driver's to write")

    def test_the_current_id_is_sent(self, lines: Lines) -> None:
        """The request carries the correlation ID and a traceparent of the same trace."""
        with logweft.adopt("order-1") as context:
            seen = self.send({})

        assert [value for name, value in seen if name == "x-correlation-id"] == ["order-1"]
        (traceparent,) = [value for name, value in seen if name == "traceparent"]
        assert traceparent.split("-")[1] == context.trace_id
        assert traceparent.split("-")[2] != context.span_id

    def test_each_call_has_a_parent_id_of_its_own(self, lines: Lines) -> None:
        """Two calls of one unit of work have one trace and two parent IDs."""
        with logweft.adopt():
            calls = [dict(self.send({}))["traceparent"].split("-") for _ in range(2)]

        assert calls[0][1] == calls[1][1]
        assert calls[0][2] != calls[1][2]

    def test_nothing_is_sent_outside_of_work(self, lines: Lines) -> None:
        """Without a Context no header is added."""
        names = {name for name, _ in self.send({})}

        assert not names & {"x-correlation-id", "traceparent", "tracestate", "baggage"}

    def test_the_users_header_wins(self, lines: Lines) -> None:
        """A header the user set, in whatever case, is sent as it is, once; the mapping is kept."""
        headers = {"x-CORRELATION-id": "mine"}
        with logweft.adopt("order-1"):
            seen = self.send(headers)

        assert [value for name, value in seen if name == "x-correlation-id"] == ["mine"]
        assert headers == {"x-CORRELATION-id": "mine"}

    def test_the_librarys_exception_is_unchanged(self, lines: Lines) -> None:
        """A call that fails raises what it raises without us."""
        with logweft.adopt("order-1"), pytest.raises(Exception) as ours:  # noqa: PT011 - any one
            self.fail()
        logweft.uninstall()
        with pytest.raises(Exception) as without:  # noqa: PT011 - any one
            self.fail()

        assert type(ours.value) is type(without.value)


class HopContract:
    """Work that is done elsewhere is done under the Context of here."""

    def hop(self, func: Callable[[], Any]) -> Any:
        """Run *func* elsewhere, wait for it, return its result or raise its exception."""
        raise NotImplementedError("hop(func) is the driver's to write")

    def test_id_and_fields_arrive(self, lines: Lines) -> None:
        """The line logged there has the ID and the bound fields of here."""
        with logweft.adopt("order-1"), logweft.bind(tenant="acme"):
            self.hop(log_hopped)

        (line,) = [line for line in lines.read() if line["message"] == "hopped"]
        assert (line["correlation_id"], line["tenant"]) == ("order-1", "acme")

    def test_nothing_arrives_from_outside_of_work(self, lines: Lines) -> None:
        """What is started outside of any work has no ID, also behind work that had one."""
        with logweft.adopt("order-1"):
            self.hop(log_hopped)
        self.hop(log_hopped)

        assert lines.ids("hopped") == ["order-1", None]

    def test_nothing_leaks_back(self, lines: Lines) -> None:
        """What is bound there is not bound here."""
        with logweft.adopt("order-1"):
            self.hop(bind_there)
            assert dict(logweft.current().fields) == {}

    def test_results_and_exceptions_are_unchanged(self, lines: Lines) -> None:
        """The result comes back as it is, and so does an exception."""
        with logweft.adopt("order-1"):
            assert self.hop(answer) == 42
            with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
                self.hop(divide)


def log_hopped() -> None:
    """Log one line; at module level, so that it pickles."""
    logging.getLogger("hop").info("hopped")


def bind_there() -> None:
    """Bind a field where the work is done."""
    logweft.bind(there=True)


def answer() -> int:
    """Return something."""
    return 42


def divide() -> float:
    """Raise something."""
    return 1 / 0
