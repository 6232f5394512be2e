"""The fast ways: they write what the plain way writes, and stand down where others have a say."""

from __future__ import annotations

import contextlib
import enum
import json
import logging
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import logweft
from logweft import _redact
from logweft._context import NOTHING, Context
from logweft._filter import CONTEXT
from logweft._record import init_of
from programs import run

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "password=hunter2",
            "Bearer abcdef1234567890",
            "ada@example.com",
            "plain words",
            "\x7f\x85\u2028",
            "4111 1111 1111 1111",
            "%s",
            "\ud800",
            "",
        ]
    ),
)
SCALARS = st.one_of(
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just(4111111111111111),
    st.sampled_from([1e16, 1e-7, -0.0, 2**63, 10**13]),
)
INNER_NAMES = st.one_of(
    st.sampled_from(
        ["name", "value", "key", "password", "tokens", "url", "stack_trace", "stack", "note", "sku"]
    ),
    TEXTS,
)
WORDS = st.sampled_from(["--password", "-p", "authorization", "password", "x", "https://a:b@c.de"])
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(WORDS, inner)
        | st.lists(st.lists(WORDS, min_size=2, max_size=2), max_size=2)
        | st.dictionaries(INNER_NAMES, inner, max_size=3)
        | st.dictionaries(INNER_NAMES, WORDS, max_size=3)
    ),
)


def raised(message: str, cause: str | None, notes: Any, depth: int) -> BaseException:
    """Return an exception that went through some frames."""
    try:
        if depth:
            raise raised(message, cause, notes, depth - 1)
        raise ValueError(message) from (None if cause is None else KeyError(cause))
    except ValueError as error:
        error.__notes__ = notes  # type: ignore[attr-defined]  # from 3.11
        return error


ERRORS = st.builds(
    raised,
    TEXTS,
    st.none() | TEXTS,
    st.just([]) | st.lists(TEXTS, max_size=2) | TEXTS,
    st.integers(0, 3),
)
NAMES = st.one_of(
    st.sampled_from(
        ["user_id", "password", "tokens", "level", "timestamp", "service", "a.b", "a b", "error"]
    ),
    st.text(min_size=1, max_size=8),
)


def record_of(msg: Any, args: Any, extra: dict[str, Any]) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "/app/shop.py", 7, msg, args, None, "pay")
    for name, value in extra.items():
        if name not in vars(record) and name not in ("message", "asctime"):
            vars(record)[name] = value
    return record


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    template=st.sampled_from(["paid %s by %s", "password=%s for %s", "%s%s", "a%sb%s"]),
    args=st.tuples(SCALARS, SCALARS),
    message=TEXTS,
    extra=st.dictionaries(NAMES, VALUES, max_size=4),
    bound=st.dictionaries(NAMES, VALUES, max_size=2),
    error=st.none() | ERRORS,
    redact=st.sampled_from([True, False, {"names": ["sku"]}, {"rules": {"name": "drop"}}]),
)
def test_the_quick_line_is_the_plain_one(
    template: str,
    args: tuple[Any, Any],
    message: str,
    extra: dict[str, Any],
    bound: dict[str, Any],
    error: BaseException | None,
    redact: Any,
) -> None:
    """Whatever is logged, a formatter with its quick way writes the bytes of one without it."""
    quick = logweft.JsonFormatter(service="shop", redact=redact)
    plain = logweft.JsonFormatter(service="shop", redact=redact)
    plain.renderer = None
    assert quick.renderer is not None
    with logweft.adopt("order-1"), logweft.bind(**bound):
        for msg, given_args in ((template, args), (message, ())):
            record = record_of(msg, given_args, extra)
            vars(record)[CONTEXT] = logweft.current()
            if error is not None:
                record.exc_info = type(error), error, error.__traceback__
            for _ in range(2):  # the second time from what is kept
                assert quick.format(record) == plain.format(record)


@pytest.mark.parametrize(
    ("value", "is_clean"),
    [
        ({"name": "password", "value": "hunter2"}, False),
        ({"name": "colour", "value": "red"}, True),
        ([["authorization", "hunter2"], ["accept", "any"]], False),
        ((("authorization", "hunter2"),), False),
        ([["a", "b"], ["c", "d"]], True),
        (["mysql", "--password", "hunter2"], False),
        (["mysql", "--verbose"], True),
        ({"stack": "  password = hunter2"}, True),
        ({"stack": {"a": "  password = hunter2"}}, False),
        ({"a": {"stack_trace": ["  password = hunter2"]}}, True),
        ({"a": ({"token": "hunter2"}, {"url": "https://a:hunter2@b.de", "n": 1})}, False),
        ({"a": [4111111111111111, 10**13, 10**12]}, False),
        ({"a": {"b": [1e300, -0.0, 1.5, float("nan"), None, True, "\ud800"]}}, True),
        ({"a": {1: 2, "1": 3, None: 4}}, True),
        ({"a" * 70: {"password=hunter2": 1}}, False),
        ([[[[[[[[[[[["deep"]]]]]]]]]]]], True),
        ({"a": {"b": ["x" * 9_000, "y" * 9_000]}}, True),
    ],
)
def test_what_is_nested_is_told_the_plain_way(value: Any, is_clean: bool) -> None:
    """A field's members say what is secret as they do in the plain way; what is clean stays."""
    quick, plain = logweft.JsonFormatter(), logweft.JsonFormatter()
    plain.renderer = None
    for _ in range(2):
        for name in ("about", "token", "note"):
            record = record_of("paid", (), {name: value})
            line = quick.format(record)
            assert line == plain.format(record)
            assert ("[redacted]" not in line) == (is_clean and name != "token")
            assert ("hunter2" in line) == (is_clean and name != "token" and "hunter2" in str(value))


ORDINARY: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("User %s logged in from %s", (1, "192.168.1.1"), {"user_id": 12345, "success": True}),
    ("no arguments", (), {}),
    ("ünïcode %s", ("é",), {"path": "/a/b", "ratio": 0.5, "none": None}),
    ("password=%s", ("hunter2",), {"password": "hunter2", "nested": {"a": [1]}}),
    ("HTTP Request: GET https://example.com/a?b=1", (), {"status": 200}),
]


@pytest.mark.parametrize(("msg", "args", "extra"), ORDINARY)
def test_ordinary_records_take_the_quick_way(
    msg: str, args: tuple[Any, ...], extra: dict[str, Any]
) -> None:
    """The records that programs write every day are not declined."""
    formatter = logweft.JsonFormatter()
    assert formatter.renderer is not None
    assert formatter.renderer.line(record_of(msg, args, extra), NOTHING) is not None


def test_a_secret_registered_later_leaves_no_line() -> None:
    """What is kept of a call site, a name, a value or a Context is thrown away with each secret."""
    formatter = logweft.JsonFormatter(service="registered-later-1")
    records = [
        record_of("registered-later-1 %s", ("x",), {"registered-later-1": 1}),
        record_of("paid", (), {"note": "registered-later-1"}),
    ]
    with logweft.adopt("registered-later-1"):
        told = []
        for record in records:
            vars(record)[CONTEXT] = logweft.current()
            told.append(formatter.format(record).count("registered-later-1"))
        assert told == [5, 3]
        logweft.register_secret("registered-later-1")
        for record in 2 * records:  # the second time in the quick way again
            assert "registered-later-1" not in formatter.format(record)


def test_a_call_site_looked_up_before_a_secret_is_registered_leaves_no_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread that stops between the two, while others go on, does not write what it has found."""
    formatter, secret = logweft.JsonFormatter(), "registered-meanwhile"
    renderer: Any = formatter.renderer
    monkeypatch.setattr(_redact, "registered", _redact.registered)  # given back at the end
    site = renderer.site("key", ("shop", "INFO", "shop.py", 1, "pay", None))
    assert secret in renderer.render(site, 0.0, secret, (), NOTHING, (), None)

    logweft.register_secret(secret)
    for _ in range(2):  # another thread's calls, with which all begins anew
        formatter.format(record_of("paid", (), {}))

    assert renderer.render(site, 0.0, secret, (), NOTHING, (), None) is None


def test_a_call_while_all_begins_anew_writes_no_registered_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that comes in the midst of the other's renewal sees nothing of before."""
    formatter, secret = logweft.JsonFormatter(), "registered-in-the-midst"
    record, other = record_of("paid by %s", (secret,), {"who": secret}), record_of("paid", (), {})
    lines = []
    for _ in range(20):
        formatter.format(record)
    formatter.format(other)  # so that nothing else is looked at
    monkeypatch.setattr(_redact, "registered", _redact.registered)  # given back at the end
    logweft.register_secret(secret)
    values: Any = _redact.Redactor.values.fget  # type: ignore[attr-defined]  # a property

    def interrupted(self: Any) -> Any:
        monkeypatch.setattr(_redact.Redactor, "values", property(values))
        lines.append(formatter.format(record))
        return values(self)

    monkeypatch.setattr(_redact.Redactor, "values", property(interrupted))
    lines += [formatter.format(other), formatter.format(record)]

    assert len(lines) == 3
    assert not any(secret in line for line in lines)


UNIQUE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "correlation_id",
    [
        UNIQUE,
        UNIQUE.upper(),
        UNIQUE[:-1],
        "4111111111111111" * 2,
        "4111111111111111",
        "123e4567-e89b-12d3-a456-426614174000",
        "41111111-1111-1111-1111-411111111111",
        "ghp_" + "a1B2" * 9,
        "AKIAIOSFODNN7EXAMPLE",
        "password:hunter2",
    ],
)
@pytest.mark.parametrize(
    "redact", [True, False, {"patterns": {"hex": "[0-9a-f]{8}"}}, {"environment": ["HIDDEN"]}]
)
def test_an_id_is_told_the_plain_way(
    correlation_id: str, redact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an ID looks like, the quick line tells or withholds it as the plain one does."""
    monkeypatch.setattr(_redact, "registered", ())
    monkeypatch.setenv("HIDDEN", UNIQUE[:12])
    quick = logweft.JsonFormatter(redact=redact)
    plain = logweft.JsonFormatter(redact=redact)
    plain.renderer = None
    assert quick.renderer is not None
    with logweft.adopt(correlation_id) as context:
        for step in range(3):  # the last time from what is kept
            logweft.bind(step=step // 2)
            record = record_of("paid", (), {})
            vars(record)[CONTEXT] = logweft.current()
            assert quick.renderer.line(record, logweft.current()) == plain.format(record)
    assert context.correlation_id == correlation_id


@pytest.mark.parametrize("make", [lambda: None, lambda: str(uuid.uuid4())])
def test_ids_put_out_nothing_that_is_kept(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After thousands of units of work with an ID each, what comes again is known still."""
    monkeypatch.setattr(_redact, "registered", ())
    formatter = logweft.JsonFormatter()
    assert formatter.renderer is not None
    for _ in range(3_000):
        with logweft.adopt(make()), logweft.bind(tenant="acme") as context:
            assert formatter.renderer.line(record_of("paid", (), {}), context) is not None
    assert set(formatter.renderer.known.literals) == {"acme"}


def test_a_context_is_rendered_once() -> None:
    """What a line says of a Context is kept with it, for the lines that follow."""
    formatter = logweft.JsonFormatter()
    assert formatter.renderer is not None
    with logweft.adopt("order-1"), logweft.bind(tenant="acme", step=7) as context:
        lines, kept = [], [context.rendered]
        for _ in range(2):
            lines.append(formatter.renderer.line(record_of("paid", (), {}), context))
            kept.append(context.rendered)
    assert kept[0] is not kept[1] is kept[2]
    assert kept[1][1] in str(lines[0])
    assert "acme" in kept[1][1]


def test_a_secret_registered_while_a_context_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of a Context before another thread made it a secret is not kept."""
    monkeypatch.setattr(_redact, "registered", ())
    formatter = logweft.JsonFormatter()
    renderer = formatter.renderer
    assert renderer is not None
    clean = renderer._clean

    def meanwhile(text: str) -> str:
        if text == "the next one" and not _redact.registered:
            logweft.register_secret("registered-later-2")
            renderer._forget()  # as the other thread's next line does
        return clean(text)

    renderer._clean = meanwhile
    with logweft.bind(first="registered-later-2", second="the next one") as context:
        record = record_of("paid", (), {})
        vars(record)[CONTEXT] = context
        lines = [formatter.format(record) for _ in range(2)]
    assert "the next one" in lines[1]
    assert "registered-later-2" not in lines[1]


class Name(str, enum.Enum):
    """Keys of a kind that equals its text."""

    password = "password"
    value = "value"


class Text(str):
    """Another such kind."""


@pytest.mark.parametrize(
    ("first", "extra"),
    [
        ({"form": {"password": "h"}}, {"form": {Name.password: "h", "n": 1}}),
        ({"form": {"value": 1}}, {"form": {Name.value: 1, "n": 1}}),
        ({"form": {"user": 1}}, {"form": {Text("user"): 1}}),
        ({"user": 1}, {Text("user"): 1}),
        ({}, {"ids": list(range(1001))}),
        ({}, {"ids": {f"k{each}": 1 for each in range(1001)}}),
        ({}, {f"k{each}": 1 for each in range(1001)}),
        ({}, {"stack_trace": "  password = user_pass1"}),
        ({}, {"password": "\ud800abcd"}),
        ({}, {"password": "a" * (1 << 20) + " b1234"}),
    ],
)
def test_odd_fields_are_told_the_plain_way(first: dict[Any, Any], extra: dict[Any, Any]) -> None:
    """A key that only equals a known one, many members, a text to be cut: as the plain way does."""
    quick, plain = (logweft.JsonFormatter(redact={"rules": {"name": "mask"}}) for _ in range(2))
    plain.renderer = None
    for each in (first, extra):
        record = record_of("paid", (), each)
        line = quick.format(record)
        assert line == plain.format(record)
        json.loads(line)


@pytest.mark.parametrize(
    "name", ["message", "template", "file", "line", "function", "service", "level", "logger"]
)
def test_a_field_of_the_line_may_be_secret_by_its_name(name: str) -> None:
    """What the user names is withheld, also where it is a field that each line has."""
    formatter = logweft.JsonFormatter(service="shop", redact={"names": [name]})
    for _ in range(2):
        line = json.loads(formatter.format(record_of("paid %s", ("x",), {})))
        assert line[name] == "[redacted]"


def test_an_option_that_is_a_known_secret_hides_what_is_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In ["--my-password", "x"] the second goes too, though the first is told no more."""
    formatter = logweft.JsonFormatter()
    monkeypatch.setattr(_redact, "registered", _redact.registered)  # given back at the end
    logweft.register_secret("--my-password")
    for _ in range(3):
        record = record_of("run", (), {"argv": ["--my-password", "hunter2"]})
        assert "hunter2" not in formatter.format(record)


@pytest.mark.parametrize("options", [{"rename_fields": {"level": "severity"}}, {"datefmt": "%Y"}])
def test_a_line_of_another_form_takes_the_plain_way(options: dict[str, Any]) -> None:
    """A formatter with python-json-logger's options has no quick way."""
    assert logweft.JsonFormatter(**options).renderer is None


# Records


def made(init: Any, *call: Any, **more: Any) -> dict[str, Any]:
    """Return the attributes of a record that *init* has set."""
    record = logging.LogRecord.__new__(logging.LogRecord)
    init(record, *call, **more)
    return vars(record)


@pytest.mark.parametrize(
    "args", [(), (1, 2), ("x",), ({"a": 1},), ({},), None, [1, 2], (object(),)]
)
@pytest.mark.parametrize("path", ["/app/shop.py", "shop", "", "/app/", b"/app/shop.py", None, 7])
def test_a_lean_record_is_the_stdlibs(args: Any, path: Any) -> None:
    """A lean record has the attributes of the stdlib's, in their order, but for the moment."""
    init = logging.LogRecord.__init__
    call = ("shop", 20, path, 7, "paid", args, None)
    lean = init_of(init)
    assert lean is not init

    for more in ({}, {"func": "pay", "sinfo": "a stack", "whatever": 1}):
        ours, theirs = made(lean, *call, **more), made(init, *call, **more)
        assert list(ours) == list(theirs)
        assert {name: type(value) for name, value in ours.items()} == {
            name: type(value) for name, value in theirs.items()
        }
        for name in ("created", "msecs", "relativeCreated"):
            del ours[name], theirs[name]
        assert ours == theirs


def test_a_lean_record_stands_down_where_python_sets_others() -> None:
    """A version of Python whose records have one attribute more makes them itself."""
    init = logging.LogRecord.__init__

    def newer(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.interpreter = 0

    assert init_of(newer) is newer


def test_a_lean_record_of_a_forked_child_has_the_childs_process() -> None:
    """After a fork a record tells the ID of the child, not that of its parent."""
    program = """
import logging, os
from logweft._record import init_of
record = logging.LogRecord.__new__(logging.LogRecord)
init = init_of(logging.LogRecord.__init__)
child = os.fork()
init(record, "shop", 20, "/app/shop.py", 7, "paid", (), None)
assert record.process == os.getpid(), (record.process, os.getpid())
assert child == 0 or os.waitpid(child, 0)[1] == 0
"""
    done = run(program)
    assert done.code == 0, done.err


@pytest.mark.parametrize("flag", ["logThreads", "logMultiprocessing", "logProcesses"])
def test_a_lean_record_obeys_loggings_flags(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``logging.logThreads = False`` and the like mean what they mean."""
    monkeypatch.setattr(logging, flag, False)
    init = logging.LogRecord.__init__
    call = ("shop", 20, "/app/shop.py", 7, "paid", (), None)
    names = ("thread", "threadName", "processName", "process")
    ours, theirs = made(init_of(init), *call), made(init, *call)

    assert [ours[name] for name in names] == [theirs[name] for name in names]


@contextlib.contextmanager
def written(path: Path, **options: Any) -> Iterator[None]:
    """Install with a file as the only target; pytest's own handlers would want records."""
    logging.root.handlers.clear()
    with path.open("w") as stream, logweft.install(level="INFO", stream=stream, **options):
        yield


# Callers


def outer(log: logging.Logger, **options: Any) -> None:
    inner(log, **options)  # outer's line


def inner(log: logging.Logger, **options: Any) -> None:
    log.info("x", **options)  # inner's line


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("stacklevel", "function"), [(1, "inner"), (2, "outer")])
def test_the_caller_is_exact(fast: bool, stacklevel: int, function: str, tmp_path: Path) -> None:
    """File, line and function are those of the caller, also by stacklevel, by either way."""
    with (
        (tmp_path / "log").open("w") as stream,
        logweft.install(level="INFO", stream=stream, fast=fast),
    ):
        outer(logging.getLogger("shop"), stacklevel=stacklevel)
    line = json.loads((tmp_path / "log").read_text())

    assert line["function"] == function
    assert line["file"] == __file__
    source = Path(__file__).read_text().splitlines()[line["line"] - 1]
    assert source.endswith(f"# {function}'s line")


def test_the_stack_is_the_callers(tmp_path: Path) -> None:
    """stack_info=True ends at the log call, by the fast way too."""
    told = []
    for fast in (True, False):
        path = tmp_path / f"log-{fast}"
        with written(path, fast=fast):
            inner(logging.getLogger("shop"), stack_info=True)
        told.append(json.loads(path.read_text())["stack"].splitlines()[-1].strip())

    assert told == ['log.info("x", **options)  # inner\'s line'] * 2


def test_fields_by_a_field_logger_have_their_caller(tmp_path: Path) -> None:
    """get_logger().info() tells the line it stands in."""
    with written(tmp_path / "log"):
        logweft.get_logger("shop").info("x", user_id=7)
    line = json.loads((tmp_path / "log").read_text())

    assert (line["function"], line["user_id"]) == (
        "test_fields_by_a_field_logger_have_their_caller",
        7,
    )


# Others

SPY = """
import json, logging, sys, logweft
seen = []
log = logging.getLogger("shop")
class Spy(logging.Handler):
    def emit(self, record):
        seen.append(record.getMessage())
class Sub(logging.Logger):
    def makeRecord(self, *args, **kwargs):
        record = super().makeRecord(*args, **kwargs)
        seen.append(record.getMessage())
        return record
def wrapped(owner, name):
    before = getattr(owner, name)
    def spy(*args, **kwargs):
        seen.append("called")
        return before(*args, **kwargs)
    setattr(owner, name, spy)
def factory(*args, **kwargs):
    record = logging.LogRecord(*args, **kwargs)
    seen.append(record.getMessage())
    return record
def a_filter(record):
    seen.append(record.getMessage())
    return True
"""

SAYS = {
    "a second handler on root": "logging.root.addHandler(Spy())",
    "a second handler on the logger": "log.addHandler(Spy())",
    "a filter of the logger": "log.addFilter(a_filter)",
    "a filter of the handler": "logging.root.handlers[0].addFilter(a_filter)",
    "a record factory": "logging.setLogRecordFactory(factory)",
    "a hook on makeRecord": "wrapped(logging.Logger, 'makeRecord')",
    "a hook on handle": "wrapped(logging.Logger, 'handle')",
    "a hook on callHandlers": "wrapped(logging.Logger, 'callHandlers')",
    "a hook on findCaller": "wrapped(logging.Logger, 'findCaller')",
    "a hook on LogRecord": "wrapped(logging.LogRecord, '__init__')",
    "a hook on getMessage": "wrapped(logging.LogRecord, 'getMessage')",
    "a subclass": "logging.setLoggerClass(Sub); log = logging.getLogger('shop.sub')",
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("who", SAYS)
def test_whoever_wants_a_record_gets_one(who: str, when: str) -> None:
    """A handler, filter, factory, hook or subclass sees each call, set up before us or after."""
    setup = SAYS[who]
    root = "logging.root.addHandler(logging.StreamHandler())\n" if when == "before" else ""
    steps = [setup, "logweft.install(level='INFO')"]
    if when == "after":
        steps.reverse()
    program = SPY + root + "\n".join(steps) + "\nlog.info('x')\nprint(len(seen))\n"

    done = run(program)

    assert done.code == 0, done.err
    assert int(done.out) >= 1
    assert [line["message"] for line in done.lines] == ["x"]


class Keeps(logging.Handler):
    """Somebody else's handler: keeps what it gets, and changes it."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.kept: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what there is, and add a field."""
        self.kept.append(vars(record).copy())
        vars(record)["kept"] = len(self.kept)


@pytest.mark.parametrize("place", [0, 1])
def test_a_handler_beside_ours_changes_nothing(place: int, tmp_path: Path) -> None:
    """In front of ours or behind, it gets the stdlib's records; what it adds, the next one sees."""
    log, told = logging.getLogger("shop"), []
    for fast in (True, False):
        path = tmp_path / f"log-{fast}"
        keeps, errors = Keeps(), Keeps(logging.ERROR)
        with written(path, fast=fast):
            logging.root.handlers[place:place] = [keeps, errors]
            with logweft.adopt("order-1"):
                for each in range(3):
                    log.info("paid %s", each, extra={"order": 7})  # one line, so one call site
                log.error("failed")
            logging.root.handlers[:] = [*set(logging.root.handlers) - {keeps, errors}]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for each in (*keeps.kept, *errors.kept, *lines):
            for name in ("created", "msecs", "relativeCreated", "timestamp", "trace_id", "span_id"):
                each.pop(name, None)
        told.append((keeps.kept, errors.kept, lines))

    assert told[0] == told[1]
    keeps_got, errors_got, lines = told[0]
    assert [*map(list, keeps_got)] == [*map(list, told[1][0])]  # in the same order, too
    assert [each["msg"] for each in keeps_got] == ["paid %s"] * 3 + ["failed"]
    assert [each["msg"] for each in errors_got] == ["failed"]
    assert [line.get("kept") for line in lines] == ([1, 2, 3, 1] if place == 0 else [None] * 4)
    assert all("correlation_id" in each for each in keeps_got) == (place == 1)


def test_a_handler_added_while_a_line_is_made_gets_the_next(tmp_path: Path) -> None:
    """A handler that comes during a call, here by an argument's text, costs nobody that call."""
    log, keeps = logging.getLogger("shop"), Keeps()

    class Adds:
        def __str__(self) -> str:
            logging.root.addHandler(keeps)
            return "added"

    with written(tmp_path / "log"):
        log.info("%s %s", Adds(), 1)
        log.info("next")
        logging.root.removeHandler(keeps)

    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["added 1", "next"]
    assert [each["msg"] for each in keeps.kept] == ["next"]


def test_a_hook_on_the_records_init_is_asked(tmp_path: Path) -> None:
    """Whoever replaces `LogRecord.__init__` later makes the next record of a known call site."""
    log, keeps = logging.getLogger("shop"), Keeps()
    with written(tmp_path / "log"):
        logging.root.addHandler(keeps)
        init = logging.LogRecord.__init__

        def hook(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)
            self.hooked = True

        for each in range(4):
            logging.LogRecord.__init__ = hook if each == 2 else init  # type: ignore[method-assign]  # what a hook is
            log.info("paid %s", each)
        logging.root.removeHandler(keeps)

    assert [each.get("hooked", False) for each in keeps.kept] == [False, False, True, False]


def test_two_levels_of_one_name_keep_their_numbers(tmp_path: Path) -> None:
    """A handler behind ours gets the level that was logged, also where another has its name."""
    log, keeps = logging.getLogger("shop"), Keeps()
    logging.addLevelName(35, "NOTICE")
    logging.addLevelName(36, "NOTICE")
    with written(tmp_path / "log"):
        logging.root.addHandler(keeps)
        for level in (35, 36, 35):
            log.log(level, "paid")
        logging.root.removeHandler(keeps)

    assert [each["levelno"] for each in keeps.kept] == [35, 36, 35]


def test_a_level_stays_what_it_is(tmp_path: Path) -> None:
    """A handler behind ours gets the level itself, also where it is a member of an enumeration."""

    class Level(enum.IntEnum):
        NOTICE = 25

    log, keeps = logging.getLogger("shop"), Keeps()
    with written(tmp_path / "log"):
        logging.root.addHandler(keeps)
        for _ in range(2):
            log.log(Level.NOTICE, "paid %s", 7)
        logging.root.removeHandler(keeps)

    assert all(each["levelno"] is Level.NOTICE for each in keeps.kept)
    assert len(keeps.kept) == 2


INTERRUPTED = """
import logging, os, signal, sys, logweft
from logweft import _listener
class Late(Exception): pass
def late(*args):
    raise Late
signal.signal(signal.SIGALRM, late)
installation = logweft.install(level="INFO")
put = _listener.Listener.put
def interrupted(self, *args):
    put(self, *args)
    if sys._getframe(1).f_code.co_name == "put":  # the queue's, of a log call
        _listener.Listener.put = put
        os.kill(os.getpid(), signal.SIGALRM)
_listener.Listener.put = interrupted
try:
    logging.info("once")
except Late:
    logging.info("late")
"""


def test_a_signal_handlers_exception_is_the_callers() -> None:
    """What a signal handler raises after the line is queued goes its way, and the line is one."""
    done = run(INTERRUPTED)

    assert done.code == 0, done.err
    assert [line["message"] for line in done.lines] == ["once", "late"]


FACTORY = """
import logging, sys
before = logging.getLogRecordFactory()
def factory(name, *args, **kwargs):
    record = before(name, *args, **kwargs)
    record.short = name.rsplit(".")[-1]
    record.note = "password=hunter2"
    return record
logging.setLogRecordFactory(factory)
import logweft
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter('{"message": "%(message)s", "note": "%(note)s"}'))
handler.addFilter(logweft.RedactionFilter())
logging.root.addHandler(handler)
logging.warning("hello")
"""


def test_a_record_factory_is_asked_for_log_calls_alone() -> None:
    """One that wants a logger's name breaks no import, and what it sets is redacted."""
    done = run(FACTORY)

    assert done.code == 0, done.err
    assert done.lines == [{"message": "hello", "note": "password=[redacted]"}]


class Signed(logging.LogRecord):
    """A factory's own kind of record."""

    def getMessage(self) -> str:
        """Return the message, with a word of its own."""
        return f"signed: {super().getMessage()}"


def changing(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record and change what a site is known by."""
    record = logging.LogRecord(*args, **kwargs)
    record.name, record.msg, record.lineno = "renamed", f"{record.msg}!", 1
    return record


def telling(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record with a field and, as text, the caller as a walk up the stack finds it."""
    record = logging.LogRecord(*args, **kwargs)
    frame: Any = sys._getframe(2)  # behind the test's own wrapper
    while frame.f_code.co_filename == logging.__file__:
        frame = frame.f_back
    vars(record).update(region="eu", walked=frame.f_code.co_name)
    return record


def demoting(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record of another level than the call's."""
    record = logging.LogRecord(*args, **kwargs)
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return record


@pytest.mark.parametrize("factory", [Signed, changing, telling, demoting])
def test_a_factorys_record_is_written_as_it_is(factory: Any, tmp_path: Path) -> None:
    """What a record factory sets or changes is told, by the fast way too; it is called once."""
    log, told = logging.getLogger("shop"), []
    for fast in (True, False):
        path = tmp_path / f"log-{fast}"
        keeps, calls = Keeps(logging.INFO), []

        def counting(*args: Any, calls: list[Any] = calls, **kwargs: Any) -> Any:
            calls.append(args)
            return factory(*args, **kwargs)

        with written(path, fast=fast):
            logging.root.handlers.append(keeps)
            logging.setLogRecordFactory(counting)
            try:
                with logweft.adopt("order-1"):
                    for each in range(3):
                        log.info("paid %s", each, extra={"order": 7})
                    log.info("paid %(what)s", {"what": "all"})
                    log.info({"paid": 8})
                    log.info("paid %s %s", 1)
                expected = [*calls]
                log.info("paid", extra={"name": "Ada", "region": "us", "walked": 2, "walked_": 3})
            finally:
                logging.setLogRecordFactory(logging.LogRecord)
            logging.root.handlers.remove(keeps)
        assert len(expected) == 6
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for each in (*keeps.kept, *lines):
            for name in ("created", "msecs", "relativeCreated", "timestamp", "trace_id", "span_id"):
                each.pop(name, None)
        told.append((keeps.kept, lines))

    assert told[0] == told[1]
    keeps_got, lines = told[0]
    assert len(lines) == 7
    assert len(keeps_got) == (0 if factory is demoting else 7)
    assert lines[-1]["name_"] == "Ada"
    if factory is telling:
        assert {line["walked"] for line in lines} == {
            "test_a_factorys_record_is_written_as_it_is",
        }
        clash = {name: lines[-1][name] for name in ("region", "region_", "walked_", "walked__")}
        assert clash == {"region": "eu", "region_": "us", "walked_": 2, "walked__": 3}
    if factory is changing:
        assert {(line["logger"], line["line"]) for line in lines} == {("renamed", 1)}


def test_a_factorys_error_is_the_callers(tmp_path: Path) -> None:
    """What a record factory raises arrives where the log call is, as with the stdlib."""

    def refuses(*_: Any, **__: Any) -> logging.LogRecord:
        raise LookupError("no records today")

    with written(tmp_path / "log"):
        logging.setLogRecordFactory(refuses)
        try:
            with pytest.raises(LookupError, match="no records today"):
                logging.getLogger("shop").info("x")
        finally:
            logging.setLogRecordFactory(logging.LogRecord)


def test_a_null_handler_is_nobody(tmp_path: Path) -> None:
    """The NullHandler that libraries give their logger changes no line."""
    library = logging.getLogger("shop.library")
    library.addHandler(logging.NullHandler())
    with written(tmp_path / "log"):
        library.info("paid %s", 7)
    line = json.loads((tmp_path / "log").read_text())

    assert (line["logger"], line["message"]) == ("shop.library", "paid 7")


def test_a_foreign_handlers_walk_finds_the_caller() -> None:
    """A handler that walks up the frames of logging's file arrives at the log call."""
    done = run(
        """
        import logging, sys, logweft
        class Walks(logging.Handler):
            def emit(self, record):
                frame, depth = sys._getframe(1), 0
                while frame.f_code.co_filename == logging.__file__:
                    frame = frame.f_back
                print(frame.f_code.co_name)
        logging.root.addHandler(Walks())
        logweft.install(level="INFO")
        def caller():
            logging.getLogger("shop").info("x")
        caller()
        """
    )

    assert done.out.strip() == "caller", done.err


def test_level_names_changed_later_are_told(tmp_path: Path) -> None:
    """logging.addLevelName() renames a level in the lines that follow."""
    before = logging.getLevelName(25)
    try:
        with written(tmp_path / "log"):
            for name in ("NOTICE", "HINT"):
                logging.addLevelName(25, name)
                logging.getLogger("shop").log(25, "x")
    finally:
        logging.addLevelName(25, before)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    assert [line["level"] for line in lines] == ["NOTICE", "HINT"]


def test_fast_and_plain_write_the_same(tmp_path: Path) -> None:
    """install(fast=False) writes the lines of install(), but for the moment."""
    told = []
    for fast in (True, False):
        path = tmp_path / f"log-{fast}"
        with written(path, fast=fast):
            log = logging.getLogger("shop")
            with logweft.adopt("order-1"), logweft.bind(tenant="acme"):
                for msg, args, extra in ORDINARY:
                    log.info(msg, *args, extra=extra)
                log.warning({"order": 7})
                log.info("%(a)s", {"a": 1})
                log.info("%d", "x")
                log.info("x", extra={"name": 1, "correlation_id": "mine"})
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        told.append([{**line, "timestamp": "", "trace_id": "", "span_id": ""} for line in lines])

    assert told[0] == told[1]
    assert len(told[0]) == len(ORDINARY) + 4


def test_an_ordinary_line_waits_for_no_compiler() -> None:
    """install() compiles what ordinary lines need; the first request does not wait for it."""
    program = """
import logging, re, logweft
logweft.install(level="INFO")
compiled, compile = [], re.compile
re.compile = lambda *args: compiled.append(args) or compile(*args)
log = logging.getLogger("shop")
for each in range(12):
    log.info("User %s logged in from %s", each, "192.168.1.1", extra={"path": "/a/b", "ms": 1.5})
assert not compiled, compiled
"""
    done = run(program)

    assert done.code == 0, done.err
    assert len(done.lines) == 12


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    """Eight threads at once, each with its own ID and fields: every line has its own."""
    with written(tmp_path / "log"):
        log = logging.getLogger("shop")

        def work(number: int) -> None:
            with logweft.adopt(f"order-{number}"), logweft.bind(number=number):
                for each in range(200):
                    log.info("%s of %s", each, number, extra={"again": number})

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    assert len(lines) == 1600
    for line in lines:
        number = line["number"]
        assert line["correlation_id"] == f"order-{number}"
        assert line["again"] == number
        assert line["message"].endswith(f"of {number}")


@settings(deadline=None)
@given(parts=st.lists(st.text(max_size=9) | st.sampled_from(["\\", '"', "\n\t", "\0\x1f"])))
def test_a_long_text_is_escaped_as_a_short_one(parts: list[str]) -> None:
    """Whichever characters a long message has, few or many to escape, it is read back as it was."""
    formatter = logweft.JsonFormatter(redact=False, max_line=10**6)
    for message in (f"{'words ' * 200}{''.join(parts)}", "".join(parts) * 200):
        line = formatter.format(record_of(message, (), {}))
        assert json.loads(line)["message"] == message


def test_a_pattern_of_the_users_spares_the_stamps() -> None:
    """A pattern that any digits fit hides none of the timestamp and of the trace's IDs."""
    quick = logweft.JsonFormatter(redact={"patterns": {"digits": "[0-9a-f]{4}"}})
    plain = logweft.JsonFormatter(redact={"patterns": {"digits": "[0-9a-f]{4}"}})
    plain.renderer = None
    with logweft.adopt("order-1234") as context:
        record = record_of("paid %s", ("12345",), {})
        vars(record)[CONTEXT] = context
        line = json.loads(plain.format(record))
        assert quick.format(record) == plain.format(record)

    assert (line["trace_id"], line["span_id"]) == (context.trace_id, context.span_id)
    assert datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))
    assert line["correlation_id"] == "order-[redacted]"
    assert line["message"] == "paid [redacted]5"


@pytest.mark.parametrize("redact", [True, {"paths": ["note"]}, {"paths": ["**.trace_id"]}])
def test_a_span_whose_id_is_a_cards_number_stays_found(redact: Any) -> None:
    """16 digits that add up as a card's do hide no span, unless a path of the user's says so."""
    trace_id, span_id = "7" * 31 + "a", "5067686635316735"
    context = Context("order-1", trace_id=trace_id, span_id=span_id, shows_trace=True)
    formatter = logweft.JsonFormatter(redact=redact)
    for renderer in (formatter.renderer, None):
        formatter.renderer = renderer
        record = record_of("paid", (), {"card": span_id})
        vars(record)[CONTEXT] = context
        line = json.loads(formatter.format(record))

        assert line["card"] == "[redacted]"
        assert line["span_id"] == span_id
        is_hidden = redact == {"paths": ["**.trace_id"]}
        assert line["trace_id"] == ("[redacted]" if is_hidden else trace_id)


@pytest.mark.parametrize(
    "options",
    [
        {"paths": ["note"]},
        {"paths": ["user.*.note"]},
        {"paths": ["message"]},
        {"paths": ["**.template"]},
        {"patterns": {"ticket": "TCK[0-9]+"}},
        {"names": ["note"]},
        {"allow_names": ["password"]},
        {"allow_values": ["hunter2"]},
        {"rules": {"name": "drop"}},
        {"rules": {"name": "mask", "email": "off"}},
        {"marker": "<{rule}>"},
    ],
)
def test_every_option_of_redaction_is_obeyed(options: dict[str, Any]) -> None:
    """Whatever is withheld or allowed, the quick line is the plain one."""
    quick, plain = logweft.JsonFormatter(redact=options), logweft.JsonFormatter(redact=options)
    plain.renderer = None
    fields = {"note": "n1", "user": {"a": {"note": "n2"}}, "password": "hunter2"}
    for template in ("TCK123 %s ada@example.com", "password=%s", "order %s"):
        for value in ("hunter2", "TCK456", 7):
            record = record_of(template, (value,), fields)
            for _ in range(12):
                line = quick.format(record)
            assert line == plain.format(record)
