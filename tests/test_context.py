"""The Context and its verbs: total for any input, never mixed up, never written over a user's."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import json
import logging
import pickle
import subprocess
import sys
import threading
from collections import ChainMap, UserDict
from collections.abc import AsyncIterator, Callable, Iterator
from http.client import HTTPMessage
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
import logweft
from contracts import MINTED, TRACE, TRACEPARENT, Lines
from logweft._context import enter, with_span
from programs import clean_environment, run, run_command

lines = contracts.lines


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __len__(self) -> int:
        raise RuntimeError("len")


class HostileMapping(dict[str, str]):
    """A mapping that raises when it is read or written."""

    def items(self) -> Any:
        """Raise."""
        raise RuntimeError("items")

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __getitem__(self, key: str) -> str:
        raise RuntimeError("getitem")

    def __setitem__(self, key: str, value: str) -> None:
        raise RuntimeError("setitem")


class LyingText(str):
    """A str that says it is another."""

    def __str__(self) -> str:
        return "lie"

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


ODD: list[Any] = [
    0,
    1.5,
    True,
    b"order-1",
    object(),
    Hostile(),
    HostileMapping(a="b"),
    [],
    [1, 2],
    [("a",)],
    [("a", "b", "c")],
    [(Hostile(), Hostile())],
    {1: 2},
    {"X-Correlation-ID": None},
    {"X-Correlation-ID": Hostile()},
    {None: "x"},
    {b"x-correlation-id": b"\xff\x00"},
    {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
    "",
    " ",
    "a" * 129,
    "a\nb",
    "a\x00b",
    "\ud800",
    "Zoë",
    iter([("x-correlation-id", "bad id")]),
    (each for each in ()),
    type,
    len,
]


@pytest.mark.parametrize("index", range(len(ODD)))
def test_adopt_mints_an_id_where_there_is_no_valid_one(index: int) -> None:
    """Anything but an ID or headers with one gives a new ID, and no exception."""
    with logweft.adopt(ODD[index]) as context:
        assert MINTED.fullmatch(context.correlation_id or "")
        assert context.trace_id == context.correlation_id
        assert not context.shows_trace


@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.dictionaries(
            st.sampled_from(["X-Correlation-ID", "traceparent", "b3", "TRACESTATE", "baggage"]),
            st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.lists(st.text())),
        ),
        st.lists(st.tuples(st.binary(), st.binary())),
        st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner)),
    )
)
def test_adopt_and_inject_are_total(incoming: Any) -> None:
    """Whatever is adopted, the IDs are well-formed, and what is injected can be adopted again."""
    before = logweft.current()
    with logweft.adopt(incoming) as context:
        headers = logweft.inject({})
        assert context.correlation_id is not None
        assert context.correlation_id.isascii()
        assert 1 <= len(context.correlation_id) <= 128
        with logweft.adopt(headers) as again:
            assert again.correlation_id == context.correlation_id
            assert again.trace_id == context.trace_id
            assert again.span_id != context.span_id
    assert logweft.current() is before


def test_an_id_is_the_text_itself_whatever_its_class_says() -> None:
    """A subclass of str is adopted by its characters, not by what its methods return."""
    with logweft.adopt(LyingText("order-1")) as context:
        assert type(context.correlation_id) is str
        assert context.correlation_id == "order-1"


@pytest.mark.parametrize("is_trace", [True, False])
def test_an_id_that_is_a_trace_id_is_the_traces(is_trace: bool) -> None:
    """A plain ID of 32 hex digits is the trace ID too; any other has one beside."""
    told = TRACE if is_trace else TRACE[:-1] + "x"
    with logweft.adopt(told) as context:
        assert context.correlation_id == told
        assert (context.trace_id == told) is is_trace
        assert context.shows_trace is not is_trace
        assert MINTED.fullmatch(context.trace_id or "")
        assert len(context.span_id or "") == 16


def test_adopt_is_always_fresh() -> None:
    """Inside other work, adopt() has new IDs and none of its fields."""
    with logweft.adopt("order-1") as outer, logweft.bind(tenant="acme"):
        with logweft.adopt() as inner:
            assert inner.correlation_id not in (None, outer.correlation_id)
            assert inner.trace_id != outer.trace_id
            assert dict(inner.fields) == {}
            assert inner.tracestate == inner.baggage == ""
        assert logweft.current().fields == {"tenant": "acme"}


def test_a_pipelined_request_has_none_of_the_one_before() -> None:
    """Where a server reuses the contextvars context, the next adopt() does not see the last one."""
    held = contextvars.copy_context()
    first = held.run(logweft.adopt, {"X-Correlation-ID": "one", "X-Request-ID": "r1"})
    second = held.run(logweft.adopt, {})

    assert held.run(logweft.current) is second.__enter__()
    assert first.__enter__().correlation_id == "one"
    assert "request_id" not in second.__enter__().fields
    assert MINTED.fullmatch(second.__enter__().correlation_id or "")


def test_nesting_restores_each_level() -> None:
    """Each block ends with the Context it began with, also when it raises."""
    levels = [logweft.current()]
    with logweft.adopt("order-1"):
        levels.append(logweft.current())
        with logweft.bind(a=1):
            levels.append(logweft.current())
            with pytest.raises(KeyError), logweft.bind(a=2, b=3), logweft.adopt():
                raise KeyError
            assert logweft.current() is levels[2]
        assert logweft.current() is levels[1]
    assert logweft.current() is levels[0]


def test_bind_without_a_block_lasts_as_long_as_the_scope() -> None:
    """A bare bind() is undone by the block around it."""
    with logweft.adopt("order-1"):
        logweft.bind(a=1)
        logweft.bind(b=2)
        assert logweft.current().fields == {"a": 1, "b": 2}
        assert logweft.current().correlation_id == "order-1"
    assert dict(logweft.current().fields) == {}


@pytest.mark.parametrize("name", ["self", "fields", "context", "name", "message", "", "a b"])
def test_any_name_can_be_bound(name: str) -> None:
    """No name of a field clashes with a parameter."""
    with logweft.bind(**{name: 1}) as context:
        assert context.fields == {name: 1}


def test_what_is_bound_is_the_calls_own() -> None:
    """A dict that is bound by its names may change later, and bind() changes none that is there."""
    fields = {"tenant": "acme"}
    with logweft.bind(**fields) as outer:
        fields["tenant"] = "changed"
        with logweft.bind(tenant="inner", step=1) as inner:
            assert inner.fields == {"tenant": "inner", "step": 1}
        assert outer.fields == {"tenant": "acme"}


def test_bind_keeps_all_that_is_known() -> None:
    """Each ID, the flags, tracestate and baggage are after bind() what they were, each its own."""
    known = {
        "correlation_id": "order-1",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "trace_flags": 3,
        "tracestate": "v=1",
        "baggage": "user=7",
        "shows_trace": True,
    }
    with enter(logweft.Context(**known)), logweft.bind(a=1) as context:
        assert {name: getattr(context, name) for name in known} == known
        copied = pickle.loads(pickle.dumps(context))
    assert {name: getattr(copied, name) for name in known} == known
    assert dict(copied.fields) == dict(context.fields) == {"a": 1}
    assert {*known, "fields"} == set(logweft.Context.VALUES)


def test_leaving_twice_does_nothing() -> None:
    """A scope that has been left is left once."""
    scope = logweft.adopt("order-1")
    with scope as first:
        assert logweft.current() is first
    with logweft.adopt("order-2") as other:
        scope.__exit__(None, None, None)
        assert logweft.current() is other


def test_leaving_in_another_task_changes_nothing_there() -> None:
    """A block left in another task than it was entered in raises nothing there."""

    async def main() -> None:
        scope = logweft.adopt("order-1")

        async def leave() -> None:
            with logweft.adopt("order-2") as own:
                scope.__exit__(None, None, None)
                assert logweft.current() is own

        await asyncio.create_task(leave())
        assert logweft.current().correlation_id == "order-1"
        scope.__exit__(None, None, None)

    asyncio.run(main())


def test_leaving_in_another_thread_changes_nothing_there() -> None:
    """A block left by a thread that did not enter it raises nothing."""
    scope = contextvars.copy_context().run(logweft.adopt, "order-1")
    seen: list[str | None] = []

    def leave() -> None:
        with logweft.adopt("order-2"):
            scope.__exit__(None, None, None)
            seen.append(logweft.current().correlation_id)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()

    assert seen == ["order-2"]


def test_an_async_generator_finalised_elsewhere_raises_nothing() -> None:
    """An async generator that adopts is closed in another task without an exception or a mix-up."""
    seen: list[str | None] = []

    async def rows() -> AsyncIterator[int]:
        with logweft.adopt("order-1"):
            yield 1
            yield 2

    async def main() -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        generator = rows()
        await generator.__anext__()

        async def close() -> None:
            with logweft.adopt("order-2"):
                await generator.aclose()
                seen.append(logweft.current().correlation_id)

        await asyncio.create_task(close())
        assert reports == []

    asyncio.run(main())

    assert seen == ["order-2"]


def test_a_generator_left_in_the_middle_raises_nothing() -> None:
    """A generator that adopts may be closed inside other work."""

    def rows() -> Iterator[int]:
        with logweft.adopt("inner"):
            yield 1

    with logweft.adopt("outer"):
        generator = rows()
        next(generator)
        generator.close()
        assert logweft.current().correlation_id == "outer"


def test_scopes_work_with_async_with() -> None:
    """`async with` does what `with` does, for adopt and bind."""

    async def main() -> None:
        async with logweft.adopt("order-1") as context, logweft.bind(a=1) as bound:
            assert context.correlation_id == bound.correlation_id == "order-1"
            assert logweft.current().fields == {"a": 1}
        assert logweft.current().correlation_id is None

    asyncio.run(main())


def test_a_task_has_the_context_of_its_creation() -> None:
    """What is bound later in the parent, or in a sibling, is not seen in a task."""

    async def child(name: str) -> tuple[str | None, dict[str, Any]]:
        logweft.bind(**{name: 1})
        await asyncio.sleep(0)
        return logweft.current().correlation_id, dict(logweft.current().fields)

    async def main() -> list[Any]:
        with logweft.adopt("order-1"):
            tasks = [asyncio.create_task(child(name)) for name in "ab"]
            logweft.bind(late=1)
            return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [("order-1", {"a": 1}), ("order-1", {"b": 1})]


def test_a_context_is_read_only() -> None:
    """Nothing about a Context can be changed, and the error says what to do."""
    with logweft.adopt("order-1"), logweft.bind(a=1) as context:
        with pytest.raises(AttributeError, match=r"use bind\(tenant=\.\.\.\)"):
            context.tenant = 1
        with pytest.raises(AttributeError, match="read-only"):
            context.correlation_id = "x"
        with pytest.raises(AttributeError, match="read-only"):
            del context.correlation_id
        with pytest.raises(TypeError):
            context.fields["a"] = 2
        assert (context.correlation_id, dict(context.fields)) == ("order-1", {"a": 1})


def test_the_repr_of_a_context_shows_no_value() -> None:
    """A field's value may be a secret: the repr has names only."""
    with logweft.adopt("order-1"), logweft.bind(password="hunter2") as context:
        assert "hunter2" not in repr(context)
        assert "password" in repr(context)


def test_a_copy_of_a_context_is_itself() -> None:
    """Who copies a record that has one, deeply even, gets no error."""
    with logweft.adopt("order-1"), logweft.bind(lock=threading.Lock()) as context:
        assert copy.copy(context) is context
        assert copy.deepcopy({"context": context}) == {"context": context}


RECORDS_OF_ANOTHER_PROCESS = """
import logging, logging.handlers, multiprocessing, sys, threading
import logweft

def work(queue):
    handler = logging.handlers.QueueHandler(queue)
    handler.addFilter(logweft.ContextFilter())
    log = logging.getLogger("app")
    log.setLevel("INFO")
    log.addHandler(handler)
    with logweft.adopt("order-1"), logweft.bind(tenant="acme", lock=threading.Lock()):
        log.info("paid %s", 7)

if __name__ == "__main__":
    processes = multiprocessing.get_context("spawn")
    queue = processes.Queue()
    target = logging.StreamHandler(sys.stdout)
    target.setFormatter(logweft.JsonFormatter())
    listener = logging.handlers.QueueListener(queue, target)
    listener.start()
    child = processes.Process(target=work, args=(queue,))
    child.start()
    child.join()
    listener.stop()
"""


def test_a_record_takes_its_context_to_another_process(tmp_path: Path) -> None:
    """The stdlib's QueueHandler pickles records: the ID and the fields arrive, a lock as text."""
    program = tmp_path / "service.py"
    program.write_text(RECORDS_OF_ANOTHER_PROCESS)
    done = run_command([sys.executable, str(program)])

    assert (done.code, done.err) == (0, "")
    (line,) = [json.loads(line) for line in done.out.splitlines()]
    assert (line["message"], line["correlation_id"], line["tenant"]) == (
        "paid 7",
        "order-1",
        "acme",
    )
    assert "lock" in line["lock"], line


# inject


def test_inject_writes_what_adopt_reads() -> None:
    """A dict gets traceparent and X-Correlation-ID, of this trace, with a parent ID per call."""
    with logweft.adopt("order-1") as context:
        first, second = logweft.inject({}), logweft.inject({})

    assert set(first) == {"traceparent", "X-Correlation-ID"}
    assert first["X-Correlation-ID"] == "order-1"
    version, trace, parent, _flags = first["traceparent"].split("-")
    assert (version, trace) == ("00", context.trace_id)
    assert parent not in (context.span_id, second["traceparent"].split("-")[2])


def test_inject_returns_what_it_was_given() -> None:
    """The carrier is changed in place and returned; outside of work it is left as it is."""
    assert logweft.inject({}) == {}
    carrier: dict[str, str] = {}
    with logweft.adopt():
        assert logweft.inject(carrier) is carrier
    assert carrier


@pytest.mark.parametrize("name", ["X-Correlation-ID", "x-correlation-id", "X-CORRELATION-ID"])
def test_a_header_that_is_there_is_not_written_again(name: str) -> None:
    """In any case of its letters, and in every kind of carrier, the user's header stays, once."""
    with logweft.adopt("order-1"):
        mapping = logweft.inject({name: "mine"})
        pairs = logweft.inject([(name, "mine")])
        raw = logweft.inject({name.encode(): b"mine"})
        raw_pairs = logweft.inject([(name.encode(), b"mine")])

    assert {key: value for key, value in mapping.items() if key.lower() == name.lower()} == {
        name: "mine"
    }
    assert [pair for pair in pairs if pair[0].lower() == name.lower()] == [(name, "mine")]
    assert raw[name.encode()] == b"mine"
    assert sorted(raw) == sorted([name.encode(), b"traceparent"])
    assert sorted(key for key, _ in raw_pairs) == sorted([name.encode(), b"traceparent"])


@pytest.mark.parametrize(
    ("carrier", "kinds"),
    [
        ([("a", b"1")], (str, bytes)),
        ([("n", None), ("a", b"1")], (str, bytes)),
        ({"a": b"1"}, (str, bytes)),
        ({"tries": 3, "a": b"1", "b": "1"}, (str, str)),
        ([("a", "1")], (str, str)),
        ([(b"a", b"1")], (bytes, bytes)),
        ({b"a": None}, (bytes, bytes)),
        ([], (str, str)),
        ({"tries": 3}, (str, str)),
    ],
)
def test_what_is_written_is_of_the_kind_that_is_there(carrier: Any, kinds: Any) -> None:
    """Names are text or bytes as the names there are, and so are values: Kafka's are of both."""
    before = len(carrier)
    with logweft.adopt("order-1"):
        logweft.inject(carrier)

    pairs = list(carrier.items() if isinstance(carrier, dict) else carrier)[before:]
    assert len(pairs) == 2
    assert {tuple(map(type, pair)) for pair in pairs} == {kinds}
    with logweft.adopt(carrier) as context:
        assert context.correlation_id == "order-1"


def test_a_second_inject_adds_nothing() -> None:
    """Two hooks on the same request write one header each."""
    with logweft.adopt("order-1"):
        pairs = logweft.inject(logweft.inject([("Accept", "*/*")]))

    assert sorted(name.lower() for name, _ in pairs) == [
        "accept",
        "traceparent",
        "x-correlation-id",
    ]


def test_bytes_carriers_get_lower_case_bytes() -> None:
    """A carrier whose names are bytes gets bytes, in lower case, as ASGI and HTTP/2 want."""
    with logweft.adopt("order-1"):
        pairs = logweft.inject([(b"accept", b"*/*")])

    assert (b"x-correlation-id", b"order-1") in pairs
    assert all(type(name) is bytes and type(value) is bytes for name, value in pairs)


@pytest.mark.parametrize("kind", [UserDict, HTTPMessage, ChainMap])
def test_other_mappings_are_carriers_too(kind: Any) -> None:
    """Whatever can be iterated and assigned to takes the headers."""
    carrier = kind()
    with logweft.adopt("order-1"):
        logweft.inject(carrier)

    assert carrier["X-Correlation-ID"] == "order-1"


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: 7,
        lambda: "text",
        lambda: b"bytes",
        tuple,
        frozenset,
        object,
        Hostile,
        HostileMapping,
        lambda: [1],
        lambda: [()],
        lambda: [Hostile()],
        lambda: {Hostile: 1},
        lambda: MappingProxyType({}),
    ],
)
def test_inject_is_total(make: Callable[[], Any]) -> None:
    """What takes no headers gets none, and the caller no exception."""
    carrier = make()
    with logweft.adopt("order-1"):
        assert logweft.inject(carrier) is carrier


def test_a_tracestate_goes_with_our_traceparent_only() -> None:
    """A tracestate is sent on with the trace it came with, never beside somebody else's."""
    with logweft.adopt({"traceparent": TRACEPARENT, "tracestate": "vendor=1"}):
        assert logweft.inject({})["tracestate"] == "vendor=1"
        other = "00-" + "1" * 32 + "-" + "2" * 16 + "-00"
        theirs = logweft.inject({"Traceparent": other})
        assert theirs == {"Traceparent": other, "X-Correlation-ID": TRACE}


def test_the_flags_of_a_trace_are_kept_and_a_minted_one_says_random() -> None:
    """Flags go on as they came; those of a new trace have the bit for random IDs."""
    with logweft.adopt({"traceparent": TRACEPARENT}):
        assert logweft.inject({})["traceparent"].endswith("-01")
    with logweft.adopt():
        assert logweft.inject({})["traceparent"].endswith("-02")


# request_id, upstream_id; what install says


def test_a_proxys_request_id_is_a_field_of_its_own(lines: Lines) -> None:
    """X-Request-ID beside another ID is the line's request_id; alone, it is the correlation ID."""
    log = logging.getLogger("app")
    with logweft.adopt({"traceparent": TRACEPARENT, "X-Request-ID": "edge-7"}):
        log.info("both")
    with logweft.adopt({"X-Request-ID": "edge-8"}):
        log.info("alone")

    both, alone = lines.read()
    assert (both["correlation_id"], both["request_id"]) == (TRACE, "edge-7")
    assert alone["correlation_id"] == "edge-8"
    assert "request_id" not in alone


@pytest.mark.parametrize(
    ("trust", "peer", "adopted"),
    [
        ("always", None, True),
        ("always", "203.0.113.9", True),
        ("never", None, False),
        ("never", "10.0.0.1", False),
        (["10.0.0.0/8", "::1/128"], "10.1.2.3", True),
        (["10.0.0.0/8", "::1/128"], "::1", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),  # what a socket of both IPv6 and IPv4 says
        (["::ffff:10.0.0.0/104"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:203.0.113.9", False),
        (["10.0.0.0/8"], "203.0.113.9", False),
        (["10.0.0.0/8"], "not an address", False),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], None, True),
    ],
)
def test_whom_to_trust(trust: Any, peer: str | None, adopted: bool) -> None:
    """A stranger's ID is upstream_id beside a new one, and its trace is not continued."""
    incoming = {"X-Correlation-ID": "order-1", "traceparent": TRACEPARENT, "tracestate": "v=1"}
    with logweft.install(trust=trust), logweft.adopt(incoming, peer=peer) as context:
        if adopted:
            assert (context.correlation_id, context.trace_id) == ("order-1", TRACE)
            assert dict(context.fields) == {}
        else:
            assert context.fields == {"upstream_id": "order-1"}
            assert MINTED.fullmatch(context.correlation_id or "")
            assert context.trace_id == context.correlation_id != TRACE
            assert context.tracestate == ""
    assert logweft._context.policy == logweft._context.Policy()


def test_which_header_gives_the_id() -> None:
    """install(id_headers=...) says the order; a header that is not named is not read as an ID."""
    headers = {"X-Correlation-ID": "one", "X-Request-ID": "two", "X-Mine": "three"}
    for order, expected in (
        (["x-request-id", "x-correlation-id"], "two"),
        (["X-Mine", "X-Correlation-ID"], "three"),
        (["X-Correlation-ID"], "one"),
    ):
        with logweft.install(id_headers=order), logweft.adopt(headers) as context:
            assert context.correlation_id == expected


def test_to_whom_the_ids_are_told() -> None:
    """install(propagate_to=...) keeps IDs and baggage from other hosts, the default baggage."""
    incoming = {"X-Correlation-ID": "order-1", "baggage": "user=7"}
    with logweft.install(propagate_to=["*.internal", "api.example"]), logweft.adopt(incoming):
        for host in ("a.internal", "API.example"):
            assert logweft.inject({}, host=host)["baggage"] == "user=7"
        for host in ("internal", "evil.example", "api.example.evil", ""):
            assert logweft.inject({}, host=host) == {}
        assert logweft.inject({})["X-Correlation-ID"] == "order-1"
    with logweft.install(), logweft.adopt(incoming):
        assert set(logweft.inject({}, host="any.example")) == {"traceparent", "X-Correlation-ID"}


# carry


def test_carry_passes_arguments_results_and_exceptions_through() -> None:
    """A carried function is called as it is, and looks as it is."""

    def add(first: int, *, second: int = 2) -> int:
        """Add."""
        return first + second

    carried = logweft.carry(add)
    assert carried(1) == 3
    assert carried(1, second=5) == 6
    assert (carried.__name__, carried.__doc__) == ("add", "Add.")
    with pytest.raises(ZeroDivisionError):
        logweft.carry(contracts.divide)()
    assert logweft.carry(len)([1]) == 1


def test_carry_holds_the_context_of_here_for_every_call() -> None:
    """However often and wherever it is called, each call begins with the Context of the carry()."""

    def work() -> tuple[str | None, dict[str, Any]]:
        context = logweft.current()
        logweft.bind(left="behind")
        return context.correlation_id, dict(context.fields)

    with logweft.adopt("order-1"), logweft.bind(a=1):
        carried = logweft.carry(work)
    with logweft.adopt("order-2"):
        results = [carried(), carried()]
        threads = [threading.Thread(target=lambda: results.append(carried())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert logweft.current().correlation_id == "order-2"

    assert results == [("order-1", {"a": 1})] * 10


def test_a_carried_function_may_call_itself() -> None:
    """Re-entry is no error: each call has a copy of its own."""

    def down(depth: int) -> int:
        return depth if depth == 0 else carried(depth - 1)

    carried = logweft.carry(down)
    assert carried(20) == 0


# Processes: the environment


def test_a_child_environment_carries_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names are upper case; the process's own environment is the base, unchanged."""
    monkeypatch.setenv("BEFORE", "1")
    with logweft.adopt({"traceparent": TRACEPARENT, "tracestate": "v=1"}):
        told = logweft.child_environment()
        alone = logweft.child_environment({"A": "b"})

    assert told["BEFORE"] == "1"
    assert (told["X_CORRELATION_ID"], told["TRACESTATE"]) == (TRACE, "v=1")
    assert told["TRACEPARENT"].startswith(f"00-{TRACE}-")
    assert set(alone) == {"A", "TRACEPARENT", "TRACESTATE", "X_CORRELATION_ID"}
    assert logweft.child_environment({"A": "b"}) == {"A": "b"}


@pytest.mark.parametrize("environment", [[("A", "b")], "A=b", 7])
def test_a_child_environment_is_made_of_a_mapping(environment: Any) -> None:
    """Anything else is refused, with the value."""
    with pytest.raises(TypeError, match="environment must be a mapping, got"):
        logweft.child_environment(environment)


CHILD = """
import logging, logweft
logweft.install(level="INFO")
log = logging.getLogger("child")
log.info("base")
with logweft.adopt("own"):
    log.info("own")
log.info("base again")
logweft.uninstall()
print(logweft.current().correlation_id)
"""


def test_a_process_begins_under_the_id_of_its_environment() -> None:
    """TRACEPARENT at install() is the base Context: of every line outside of other work."""
    done = run(CHILD, env={"TRACEPARENT": TRACEPARENT})

    assert done.code == 0, done.err
    assert [line.get("correlation_id") for line in done.lines] == [TRACE, "own", TRACE]
    assert done.out.strip() == "None"


@pytest.mark.parametrize("value", ["", "garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-00"])
def test_a_process_with_a_bad_environment_begins(value: str) -> None:
    """A malformed TRACEPARENT costs nothing and appears nowhere."""
    done = run(CHILD, env={"TRACEPARENT": value})

    assert done.code == 0, done.err
    assert len(done.lines) == 3
    assert done.lines[1]["correlation_id"] == "own"
    assert "garbage" not in done.err


def test_a_subprocess_is_part_of_the_work() -> None:
    """A child run with child_environment() logs under the correlation ID of its parent."""
    with logweft.adopt("order-1"):
        environment = logweft.child_environment(clean_environment())
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    ids = [json.loads(line).get("correlation_id") for line in done.stderr.splitlines()]
    assert ids == ["order-1", "own", "order-1"]


def test_uninstall_inside_of_work_does_not_end_the_work() -> None:
    """uninstall() takes back the base Context, not the one a caller has adopted since."""
    done = run(
        """
        import logweft
        installation = logweft.install()
        with logweft.adopt("order-1"):
            installation.uninstall()
            print(logweft.current().correlation_id)
        """,
        env={"TRACEPARENT": TRACEPARENT},
    )

    assert done.out.strip() == "order-1", done.err


# OpenTelemetry

OTEL = """
import logging, sys
def hook():
    import logweft
    logweft.install(level="INFO")
def otel():
    global trace
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
for step in sys.argv[1].split():
    {"hook": hook, "otel": otel}[step]()
import logweft
log = logging.getLogger("app")
tracer = trace.get_tracer("t")
log.info("outside")
with tracer.start_as_current_span("span") as span:
    log.info("span", extra={"wanted": f"{span.get_span_context().trace_id:032x}",
                            "span": f"{span.get_span_context().span_id:016x}",
                            "flags": f"{span.get_span_context().trace_flags:02x}"})
    headers = logweft.inject({})
    assert headers["traceparent"].split("-")[1] == f"{span.get_span_context().trace_id:032x}"
    with logweft.adopt("order-1") as context:
        log.info("both")
        assert logweft.inject({})["traceparent"].split("-")[1] != context.trace_id
with trace.use_span(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)):
    log.info("invalid")
with logweft.adopt("order-2"):
    log.info("after")
"""


@pytest.mark.parametrize("order", ["hook otel", "otel hook"])
def test_the_active_span_of_opentelemetry_wins(order: str) -> None:
    """In a span, the line has its trace_id, span_id, trace_flags; so has what is injected."""
    pytest.importorskip("opentelemetry.sdk.trace")
    done = run(OTEL, order)

    assert done.code == 0, done.err
    told = {line["message"]: line for line in done.lines}
    assert list(told) == ["outside", "span", "both", "invalid", "after"]
    for name in ("outside", "invalid"):
        assert not {"correlation_id", "trace_id", "span_id"} & set(told[name])
    span = told["span"]
    assert span["correlation_id"] == span["trace_id"] == span["wanted"]
    assert span["span_id"] == span["span"]
    assert span["trace_flags"] == span["flags"]
    both = told["both"]
    assert (both["correlation_id"], both["trace_id"]) == ("order-1", span["trace_id"])
    assert told["after"]["correlation_id"] == "order-2"
    assert told["after"]["trace_id"] != span["trace_id"]


def test_a_span_leaves_what_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a span the IDs are the span's; tracestate, baggage and fields are the work's still."""
    about = SimpleNamespace(is_valid=True, trace_id=7, span_id=8, trace_flags=1)
    span = SimpleNamespace(get_span_context=lambda: about)
    api = SimpleNamespace(get_current_span=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", api)
    active = SimpleNamespace(get_current=object)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", active)
    incoming = {"traceparent": TRACEPARENT, "tracestate": "v=1", "baggage": "user=7"}
    with logweft.adopt(incoming), logweft.bind(a=1) as work:
        context = with_span(work)

    assert (context.correlation_id, context.fields) == (TRACE, {"a": 1})
    assert (context.tracestate, context.baggage) == ("v=1", "user=7")
    assert (context.trace_id, context.span_id) == (f"{7:032x}", f"{8:016x}")
    assert (context.trace_flags, context.shows_trace) == (1, True)


def test_each_span_has_its_own_lines() -> None:
    """Spans that take turns within one adopt(), in two threads: each line has its own span's ID."""
    pytest.importorskip("opentelemetry.sdk.trace")
    done = run(
        """
        import logging, logweft, threading
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        logweft.install(level="INFO", queue=False)
        log = logging.getLogger("app")
        tracer = TracerProvider().get_tracer("t")
        def work():
            spans = [tracer.start_span("each") for _ in range(3)]
            for turn in range(20):
                span = spans[turn % 3]
                with trace.use_span(span):
                    log.info("x", extra={"own": f"{span.get_span_context().span_id:016x}"})
                log.info("x")
        with logweft.adopt("order-1"):
            threads = [threading.Thread(target=work) for _ in range(2)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """
    )

    assert len(done.lines) == 80, done.err
    for line in done.lines:
        assert line["correlation_id"] == "order-1"
        if "own" in line:
            assert line["span_id"] == line["own"]
    assert len({line["span_id"] for line in done.lines if "own" in line}) == 6
    assert len({line.get("span_id") for line in done.lines if "own" not in line}) == 1


def test_a_broken_opentelemetry_costs_nothing(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of that name that is half imported, or of another version, is passed over."""
    for broken in (object(), Hostile(), None):
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", broken)
        with logweft.adopt("order-1"):
            logging.getLogger("app").info("line")
            assert logweft.inject({})["X-Correlation-ID"] == "order-1"

    assert lines.ids("line") == ["order-1"] * 3


# In the line


def test_the_line_has_the_ids_and_the_calls_own_fields_win(lines: Lines) -> None:
    """A field of the call beats a bound one; the IDs and bound fields of the work are there."""
    with logweft.adopt("order-1") as context, logweft.bind(step="bound", tenant="acme"):
        logging.getLogger("app").info("line", extra={"step": "own"})

    (line,) = lines.read()
    assert (line["step"], line["tenant"]) == ("own", "acme")
    assert (line["trace_id"], line["span_id"]) == (context.trace_id, context.span_id)


def test_the_line_has_no_id_outside_of_work(lines: Lines) -> None:
    """Without adopt() there is no correlation_id, with bind() alone the fields are there."""
    with logweft.bind(tenant="acme"):
        logging.getLogger("app").info("line")

    (line,) = lines.read()
    assert line["tenant"] == "acme"
    assert not {"correlation_id", "trace_id", "span_id", "trace_flags"} & set(line)
