"""Hypothesis: arbitrary calls, one strict line each, the same with every encoder."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import logweft
from programs import strict

MAX_LINE = 15 * 1024

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

ENCODERS = ("json", "orjson", "msgspec")

REFUSED = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""Names that the stdlib's own `makeRecord` refuses in `extra`."""

ordinary = settings(
    deadline=None,
    derandomize=True,
    max_examples=300,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def refuse(*_: Any) -> Any:
    raise RuntimeError("refused")


# One of the special methods is missing its mind; LogRecord itself asks a sole argument for
# ``__class__`` and its truth, so these may raise in the stdlib and are not among them.
METHODS = [
    "__str__",
    "__repr__",
    "__iter__",
    "__len__",
    "__eq__",
    "__lt__",
    "__getitem__",
    "__getattr__",
    "__int__",
    "__float__",
    "__index__",
    "__format__",
    "__bytes__",
    "__fspath__",
]


@st.composite
def refusing(draw: st.DrawFn) -> Any:
    names = draw(st.lists(st.sampled_from(METHODS), unique=True, max_size=len(METHODS)))
    base: type = draw(st.sampled_from([object, int, float, str, list, dict, tuple, Exception]))
    space: dict[str, Any] = dict.fromkeys(names, refuse)
    if "__eq__" in names and base not in (list, dict):
        space["__hash__"] = base.__hash__
    return type("Refusing", (base,), space)()


texts = st.text(st.characters(), max_size=40) | st.text(
    st.sampled_from('\n\r\x00\x1b\x7f\x85\x9b\u2028\u2029\u202e\ud800\udcff%"\\{}$ a_é\U0001f600'),
    max_size=20,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.integers(0, 3).map(lambda n: 10 ** (4_000 + n * 500))
    | st.floats()
    | st.complex_numbers()
    | texts
    | st.binary(max_size=20)
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.fractions()
    | st.sampled_from([object, len, sys, Ellipsis, NotImplemented, ValueError("\ud800")])
    | refusing()
)

hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=5),
    lambda members: st.tuples(members, members) | st.frozensets(members, max_size=3),
    max_leaves=5,
)

values = st.recursive(
    scalars,
    lambda members: (
        st.lists(members, max_size=5)
        | st.lists(members, max_size=5).map(tuple)
        | st.dictionaries(hashable, members, max_size=5)
        | st.sets(hashable, max_size=5)
        | st.frozensets(hashable, max_size=5)
    ),
    max_leaves=20,
)

extras = st.dictionaries(texts.filter(lambda name: name not in REFUSED), values, max_size=5)

formats = texts | st.lists(
    st.sampled_from(
        ["%s", "%d", "%r", "%(a)s", "%(level)s", "%", "%%", "%5.1f", "%c", "%x", "x\n", "%q"]
    ),
    max_size=5,
).map("".join)

arguments = st.lists(values, max_size=4).map(tuple) | st.dictionaries(
    st.sampled_from(["a", "level", "b"]) | texts, values, max_size=4
).map(lambda named: (named,))


class Rendering(logging.Handler):
    """Renders each record with every encoder, and for people."""

    def __init__(self) -> None:
        super().__init__()
        self.formatters = [logweft.JsonFormatter(encoder=name) for name in ENCODERS]
        self.console = logweft.ConsoleFormatter()
        self.lines: list[list[str]] = []
        self.texts: list[str] = []
        self.addFilter(logweft.ContextFilter())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is made of *record*, which must stay what it was."""
        before = dict(record.__dict__)
        self.lines.append([formatter.format(record) for formatter in self.formatters])
        self.texts.append(self.console.format(record))
        record.__dict__.pop("message", None)
        assert before.keys() == record.__dict__.keys()
        assert all(before[name] is record.__dict__[name] for name in before)


def verify(
    msg: Any, args: tuple[Any, ...], extra: Any = None, exc_info: Any = None
) -> dict[str, Any]:
    """Log once and return the line, having asserted what holds of all lines."""
    handler = Rendering()
    log = logging.Logger("properties")  # noqa: LOG001 - not for the whole process
    log.addHandler(handler)
    with logweft.adopt("order-7"):
        log.warning(msg, *args, extra=extra, exc_info=exc_info)
    ((line, *others),) = handler.lines
    (text,) = handler.texts
    assert others == [line, line]
    assert not CONTROLS.search(line), ascii(line)
    assert len(line.encode()) < MAX_LINE
    fields = strict(line)
    assert isinstance(fields["message"], str)
    assert fields["level"] == "WARNING"
    assert fields["logger"] == "properties"
    assert fields["correlation_id"] == "order-7"
    assert fields["line"] > 0
    first, *rest = text.split("\n")
    assert not CONTROLS.search(text.replace("\n", "")), ascii(text)
    assert all(each.startswith("  | ") for each in rest), ascii(text)
    assert "WARNING properties" in first
    return fields


@ordinary
@given(msg=formats | values, args=arguments)
def test_any_message_and_arguments_give_one_strict_line(msg: Any, args: tuple[Any, ...]) -> None:
    """Whatever is logged with whatever arguments: one line, no exception, nothing lost."""
    line = verify(msg, args)
    if isinstance(msg, str) and type(msg) is str and args and "truncated" not in line:
        assert "template" in line


@ordinary
@given(extra=extras)
def test_any_extra_gives_one_strict_line(extra: dict[str, Any]) -> None:
    """Whatever the extra fields are: one line, and as many fields as were given."""
    line = verify("hi", (), extra)
    own = {"timestamp", "level", "logger", "message", "correlation_id", "file", "line", "function"}
    if "truncated" not in line:
        assert len(line.keys() - own) >= len(extra)


@ordinary
@given(fields=st.dictionaries(hashable, values, max_size=5))
def test_any_dict_message_gives_one_strict_line(fields: dict[Any, Any]) -> None:
    """Whatever a dict message holds under whatever keys: one line, the system's fields right."""
    line = verify(fields, ())
    assert line["function"] == "verify"
    assert line["file"] == __file__


@ordinary
@given(value=values)
def test_a_bad_value_does_not_cost_its_sibling(value: Any) -> None:
    """Beside any value, at any depth, a good one is written as it is."""
    line = verify("hi", (), {"bad": value, "nested": {"bad": [value, "good"]}, "good": "sibling"})
    assert line["good"] == "sibling"
    if "truncated" not in line:
        assert line["nested"]["bad"][-1] == "good"


@ordinary
@given(words=st.lists(values, max_size=3), cause=values, notes=values, chained=st.booleans())
def test_any_exception_gives_one_strict_line(
    words: list[Any], cause: Any, notes: Any, chained: bool
) -> None:
    """Whatever an exception's arguments and notes are: its type is on the line."""
    exc = ValueError(*words)
    exc.__notes__ = notes
    if chained:
        exc.__cause__ = KeyError(cause)
    line = verify("failed", (), exc_info=exc)
    assert line["exception"]["type"] == "ValueError"
    if chained:
        assert line["exception"]["cause"]["type"] == "KeyError"


@ordinary
@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1))
def test_a_number_comes_back_as_it_was(number: float) -> None:
    """Finite floats and integers of 64 bits lose nothing on their way through a line."""
    line = verify("hi", (), {"number": number})
    assert line["number"] == number
    assert type(line["number"]) is type(number)


@ordinary
@given(text=st.text(max_size=200))
def test_a_text_comes_back_as_it_was(text: str) -> None:
    """Any text UTF-8 can hold is in the message, character by character."""
    assert verify("%s", (text,))["message"] == text or logweft.redact(text) != text


@ordinary
@given(value=values)
def test_redaction_is_total_and_changes_no_shape(value: Any) -> None:
    """`redact` raises for no value, and a dict keeps its keys."""
    line = verify("hi", (), {"value": value})
    assert logweft.redact(line).keys() == line.keys()
