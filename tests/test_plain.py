"""_plain: any Python value becomes values that strict JSON can hold."""

from __future__ import annotations

import enum
import json
import os
import pathlib
import re
import sys
import traceback
import types
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import attrs
import pydantic
import pydantic.dataclasses
import pytest

from logweft._plain import (
    EACH,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_TEXT,
    Walk,
    exception_fields,
    integer,
    number,
    path,
    put,
    scrub,
    shorten,
    stack_trace,
    text,
    type_name,
)


def plain(value: Any) -> Any:
    """Return *value* as JSON can hold it, having asserted that JSON can."""
    result = Walk().plain(value)
    json.dumps(result, allow_nan=False)
    return result


class Raises:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class ReprOnly:
    """Can be shown in one way only."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __repr__(self) -> str:
        return "<repr only>"


class Sub(str):
    """A str subclass."""

    __slots__ = ()

    def __str__(self) -> str:
        return "lie"


class Pair(NamedTuple):
    """A named tuple."""

    left: Any
    right: Any


@dataclass
class Order:
    """A dataclass with a field it does not show."""

    number: int
    hidden: str = field(default="hidden", repr=False)


class Attrs:
    """What the attrs library leaves on a class."""

    __attrs_attrs__ = (
        types.SimpleNamespace(name="shown", repr=True),
        types.SimpleNamespace(name="hidden", repr=False),
    )

    def __init__(self) -> None:
        self.shown, self.hidden = 1, 2


class Flags(enum.Flag):
    """Flags."""

    A = 1
    B = 2


class Named(str, enum.Enum):
    """An enumeration of texts."""

    X = "x"


@pytest.mark.parametrize("value", [None, True, False, 0, -1, 1.5, "", "é\U0001f600\n\x00", [], {}])
def test_what_json_holds_stays_what_it_is(value: Any) -> None:
    """JSON's own values come back equal and of the same type."""
    assert plain(value) == value
    assert type(plain(value)) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ab"), ["a", "b"]),
        (deque([1]), [1]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Pair(1, (2,)), {"left": 1, "right": [2]}),
        (Order(7), {"number": 7}),
        (Order, "Order"),
        (Attrs(), {"shown": 1}),
        (Flags.A | Flags.B, 3),
        (Named.X, "x"),
        (Named, ["x"]),
        (Sub("truth"), "truth"),
        (b"a\xff", "a\\xff"),
        (bytearray(b"a"), "a"),
        (memoryview(b"ab")[::2], "a"),
        (ValueError("x"), "ValueError: x"),
        (ReprOnly(), "<repr only>"),
        (range(3), "range(0, 3)"),
        (1j, "1j"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (types.MappingProxyType({1: 2}), {"1": 2}),
        ({"a": {"b": (1,)}}, {"a": {"b": [1]}}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_become_the_nearest_json(value: Any, expected: Any) -> None:
    """Containers become arrays and objects, everything else its text."""
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (10**5000, hex(10**5000)),
        (True, 1),
    ],
    ids=["largest", "smallest", "above", "below", "5000-digits", "bool"],
)
def test_an_integer_beyond_64_bits_is_its_digits(value: int, expected: int | str) -> None:
    """Readers hold 64 bits; the rest is text, in hex where Python refuses to write the digits."""
    assert integer(value) == expected
    assert type(integer(value)) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (sys.float_info.max, sys.float_info.max),
        (5e-324, 5e-324),
    ],
)
def test_what_is_no_json_number_is_its_name(value: float, expected: float | str) -> None:
    """NaN and the infinities are strings, every finite float itself."""
    assert number(value) == expected


def test_a_float_with_an_exponent_is_given_as_digits_where_asked() -> None:
    """The encoders spell exponents differently, so that they are handed the text."""
    walk = Walk(None, lambda digits: ("literal", digits))
    values = [1e16, 1e-7, 1.5, float("nan")]
    assert walk.plain(values) == [("literal", "1e+16"), ("literal", "1e-07"), 1.5, "NaN"]


def test_the_order_of_a_set_does_not_depend_on_the_encoder() -> None:
    """A set of floats is in order whether or not exponents are handed over as text."""
    values = {3e300, 1e300, 2e300, 2.5, 1.5, 1e-300}
    told = Walk(None, lambda digits: _Literal(digits)).plain(values)
    assert [getattr(each, "digits", repr(each)) for each in told] == [
        repr(value) for value in sorted(values)
    ]


class _Literal:
    """Digits that an encoder writes as they are; they have no order."""

    def __init__(self, digits: str) -> None:
        self.digits = digits


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("é", "é"),
        ("\ud800", "\\ud800"),
        ("a\udc80b\U0001f600", "a\\udc80b\U0001f600"),
        (Sub("\udfff"), "\\udfff"),
    ],
    ids=ascii,
)
def test_a_text_is_made_encodable(value: str, expected: str) -> None:
    """Half a surrogate pair becomes its escape; nothing else changes, and the type is str."""
    assert scrub(value) == expected
    assert type(scrub(value)) is str


def test_a_text_has_a_longest_length() -> None:
    """A text far above any budget is cut before anything looks at it, and not within a word."""
    for make in (str, str.encode):
        assert plain(make("x" * MAX_TEXT)) == "x" * MAX_TEXT
        told = plain(make("ab " * MAX_TEXT))
        assert MAX_TEXT - 600 < len(told) <= MAX_TEXT
        assert set(told.split(" ")) == {"ab", f"ab[...{3 * MAX_TEXT - len(told) + 15}...]"}
    assert MAX_TEXT - 600 < len(scrub("ab " * MAX_TEXT)) <= MAX_TEXT


@pytest.mark.parametrize("size", [64, 1_000, 20_000])
def test_of_a_word_that_does_not_end_only_the_begin_is_kept(size: int) -> None:
    """What is left of a token of any length has lost its begin, by which it would be known."""
    for word in ("SGVsbG8+/=_-" * 9_000, "%2Faw.~x:@" * 9_000):
        told = shorten(f"token {word} and more, to the end", size, str)
        begin, _, end = told.partition("[...")
        assert begin.startswith("token ")
        assert end.endswith(("...]more, to the end", "...]nd more, to the end"))
        assert len(told) <= size
        assert shorten(word, size, str).endswith("...]")
        assert shorten("a b " * size, size).endswith("...]")  # nobody looks


def test_text_tries_str_then_repr_then_the_type() -> None:
    """There is always some text of a value, and the last resort names its type."""
    assert text(5) == "5"
    assert text(ReprOnly()) == "<repr only>"
    assert text(Raises()).startswith("<unprintable ")
    assert "Raises" in text(Raises())


def test_a_type_is_named_as_a_traceback_names_it() -> None:
    """Built-in classes have no module in front, others do; one that hides its name is object."""

    class Hiding(type):
        def __getattribute__(cls, name: str) -> Any:
            raise RuntimeError("no name")

    assert type_name(ValueError) == "ValueError"
    assert type_name(OrderedDict) == "collections.OrderedDict"
    hidden = Hiding("Hidden", (), {"__str__": lambda self: "shown"})
    assert (type_name(hidden), text(hidden())) == ("object", "shown")


def test_a_cycle_ends_and_a_shared_value_is_no_cycle() -> None:
    """Only a container inside itself is left out; the same one twice is written twice."""
    cycle: list[Any] = [1]
    cycle.append(cycle)
    shared = {"x": 1}
    assert plain(cycle) == [1, "[circular]"]
    assert plain([shared, shared]) == [{"x": 1}, {"x": 1}]


def test_depth_is_bounded() -> None:
    """What is nested deeper than the limit is left out, and says so."""
    value: Any = "bottom"
    for _ in range(MAX_DEPTH):
        value = [value]
    kept = json.dumps(plain(value))
    assert "bottom" in kept
    assert plain([value]) != [value]
    assert "[too deep]" in json.dumps(plain([value]))


def test_members_are_bounded() -> None:
    """Of a large container the first members are kept, and the end says that there were more."""
    assert plain(list(range(MAX_ITEMS))) == list(range(MAX_ITEMS))
    assert plain(list(range(MAX_ITEMS + 1))) == [*range(MAX_ITEMS), "[truncated]"]
    told = plain({n: n for n in range(MAX_ITEMS + 1)})
    assert (len(told), told["[truncated]"]) == (MAX_ITEMS + 1, True)


def test_values_are_bounded() -> None:
    """A value that would unfold into 2**64 ends after a fixed number."""
    value: Any = []
    for _ in range(64):
        value = [value, value]
    assert json.dumps(plain(value)).count("[") < 8 * MAX_TEXT // EACH


class Long:
    """Has a long text of its own."""

    def __str__(self) -> str:
        return "x" * MAX_TEXT


@pytest.mark.parametrize(
    "value",
    [
        "x" * MAX_TEXT,
        "\ud800" * MAX_TEXT,
        Sub("x" * MAX_TEXT),
        b"\xff" * MAX_TEXT,
        bytearray(MAX_TEXT),
        memoryview(b"\xff" * MAX_TEXT),
        Long(),
        ValueError("x" * MAX_TEXT),
        1 << (4 * MAX_TEXT),
    ],
    ids=["str", "surrogates", "subclass", "bytes", "bytearray", "view", "object", "error", "int"],
)
def test_the_texts_of_one_record_are_bounded_together(value: Any) -> None:
    """A hundred references to one long text, of whatever it is, become no hundred long texts."""
    told = plain([value] * 100)
    assert told.pop() == "[truncated]"
    assert 1 <= len(told) <= 100
    assert sum(map(len, told)) <= 3 * MAX_TEXT


def test_the_keys_of_one_record_pay_for_their_texts_too() -> None:
    """A hundred long keys do not become a hundred long texts, whether they are texts or not."""
    for kind in (str, str.encode, lambda text: (text,)):
        told = plain([{kind("x" * MAX_TEXT): 1}] * 100)
        assert told.pop() == "[truncated]"
        assert sum(len(key) for each in told for key in each) <= 3 * MAX_TEXT


def test_a_field_is_told_beside_whatever_was_there_before() -> None:
    """What a record has used up leaves room for each further field, and for no more than that."""
    walk = Walk(budget=32_000, longest=1_000)
    walk.field([["x" * 100] * 1_000])
    assert walk.is_spent
    for _ in range(3):
        assert walk.field({"a": {"b": "c"}}) == {"a": {"b": "c"}}
        told = walk.field(["x" * 100] * 1_000)
        assert told.pop() == "[truncated]"
        assert 10 <= len(told) <= 16


def test_bytes_are_cut_as_a_text_is() -> None:
    """Of bytes beyond the longest text no half of a word is kept, which may be a secret's."""
    told = plain(b"ab " * MAX_TEXT)
    assert set(re.split(r" |\[\.{3}\d+\.{3}\]", told)) == {"ab", ""}
    told = plain(b"\xff\xfe " * (MAX_TEXT // 2))
    assert set(re.split(r" |\[\.{3}\d+\.{3}\]", told)) == {r"\xff\xfe", ""}
    for value in (b"a\\udcff\xff\xe2\x82", b"\xe2\x82\xac\xed\xa0\x80\n"):
        assert plain(value) == value.decode(errors="backslashreplace")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", "a"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (2**70, str(2**70)),
        (1.5, "1.5"),
        (float("nan"), "NaN"),
        (b"\xff", "\\xff"),
        ((1, 2), "(1, 2)"),
        ("\ud800", "\\ud800"),
        (Named.X, "x"),
        (Sub("truth"), "truth"),
    ],
    ids=ascii,
)
def test_a_key_is_text(key: Any, expected: str) -> None:
    """Keys become what JSON would call them, or their text."""
    assert Walk().key(key) == expected


def test_a_key_that_cannot_be_shown_keeps_its_value() -> None:
    """The value of an unprintable key is there, and so is its neighbour."""
    told = plain({Raises(): 1, "b": 2})
    assert sorted(told.values()) == [1, 2]


def test_keys_equal_as_text_are_told_apart() -> None:
    """No value is lost when two keys are written alike."""
    assert plain({1: "a", "1": "b", 1.0 + 0j + 1: "c"})["1"] == "a"
    assert plain({1: "a", "1": "b"}) == {"1": "a", "1_": "b"}
    assert plain({"null_": 0, None: 1, "null": 2}) == {"null_": 0, "null": 1, "null__": 2}


def test_put_never_overwrites() -> None:
    """A name that is taken gets as many underscores as it takes."""
    target = {"a": 1, "a_": 2}
    put(target, "a", 3)
    assert target == {"a": 1, "a_": 2, "a__": 3}


def test_a_mapping_that_fails_half_way_keeps_what_it_gave() -> None:
    """The fields before a failing one are there, and a mark says that more were not readable."""

    @dataclass
    class Half:
        first: int
        second: int = field(init=False)

    told = plain(Half(1))
    assert told["first"] == 1
    assert told["[unreadable]"] is True


def test_a_bad_member_does_not_cost_the_others() -> None:
    """Each value stands for itself."""
    told = plain([1, Raises(), {"a": Raises(), "b": 2}])
    assert told[0] == 1
    assert "unprintable" in told[1]
    assert told[2]["b"] == 2


def test_a_users_default_goes_first_for_unknown_types() -> None:
    """It is asked for what JSON does not know, may decline, and its result is converted as well."""

    def default(value: Any) -> Any:
        if isinstance(value, set):
            return {"set": (1, 2**70)}
        raise TypeError

    walk = Walk(default)
    assert walk.plain({1}) == {"set": [1, str(2**70)]}
    assert walk.plain(b"x") == "x"
    assert walk.plain([1, {"a": 1}]) == [1, {"a": 1}]


def test_a_users_default_cannot_go_on_for_ever() -> None:
    """A default that returns what it was asked for, wrapped or not, ends at the limit."""
    for default in (lambda value: value, lambda value: [value]):
        json.dumps(Walk(default).plain(Raises()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.py", "a.py"),
        (b"a\xff.py", "a\\udcff.py"),
        (pathlib.PurePath("a.py"), "a.py"),
        (None, "None"),
        (5, "5"),
    ],
    ids=ascii,
)
def test_a_path_is_text(value: Any, expected: str) -> None:
    """File names are text, undecodable bytes escaped, and anything else is shown as it is."""
    assert path(value) == expected


def raised(exc: BaseException) -> BaseException:
    try:
        raise exc
    except BaseException as caught:
        return caught


def test_an_exception_is_data() -> None:
    """Type, message, frames, notes and cause are fields of their own."""
    exc = raised(ValueError("outer"))
    exc.__cause__ = KeyError("inner")
    exc.__notes__ = ["note", 5]
    told = exception_fields(exc, exc.__traceback__)
    assert list(told) == ["type", "message", "stack_trace", "notes", "cause"]
    assert (told["type"], told["message"], told["notes"]) == ("ValueError", "outer", ["note", "5"])
    assert told["cause"] == {"type": "KeyError", "message": "'inner'"}
    assert exception_fields(None, None) == {}


def test_a_suppressed_context_stays_out() -> None:
    """``from None`` means what it means in Python's own traceback."""
    exc = ValueError("x")
    exc.__context__ = KeyError("k")
    assert exception_fields(exc, None)["context"]["type"] == "KeyError"
    exc.__suppress_context__ = True
    assert exception_fields(exc, None) == {"type": "ValueError", "message": "x"}


def count(told: dict[str, Any]) -> int:
    """Return how many exceptions *told* tells."""
    linked = [told[name] for name in ("cause", "context") if name in told]
    return 1 + sum(map(count, [*linked, *told.get("exceptions", ())]))


def test_chains_are_bounded_and_cycles_end() -> None:
    """Of a chain the newest are told, and one that leads back to itself once."""
    first = exc = ValueError("0")
    for turn in range(100):
        exc = ValueError(str(turn))
        exc.__cause__, first = first, exc
    assert 10 <= count(exception_fields(exc, None)) <= 32
    exc.__cause__ = exc
    assert count(exception_fields(exc, None)) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of 3.11")
@pytest.mark.parametrize("width", [2, 31, 40, 900])
def test_groups_are_bounded(width: int) -> None:
    """However many members of groups of members there are, a fixed number is told."""
    members: list[Any] = [ValueError(str(n)) for n in range(width)]
    for _ in range(3):
        group = ExceptionGroup
        members = [group("g", list(members)) for _ in range(min(width, 40))]
    exc = ExceptionGroup("all", members)
    told = exception_fields(exc, None)
    assert told["exceptions"][0]["type"] == "ExceptionGroup"
    assert count(told) <= 64


def test_frames_have_no_values() -> None:
    """A stack trace names files, lines and source, but no variable's value."""

    def fails(value: str) -> None:
        raise ValueError(len(value))

    with pytest.raises(ValueError, match=r"\d") as caught:
        fails("local" + str(os.getpid()) + "value")
    told = stack_trace(caught.tb)
    assert "raise ValueError(len(value))" in told
    assert "local" + str(os.getpid()) not in told


FAILING = """
def deep(n):
    return deep(n - 1) if n else 1 / 0

def two(n):
    first = lambda: 1 / n; second = lambda: first()
    return second()

def lines(n):
    return deep(
        n
    ) + (
        1
    )
"""


@pytest.mark.parametrize("name", ["deep", "two", "lines"])
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4, 9])
def test_a_stack_trace_is_pythons_own(tmp_path: pathlib.Path, name: str, depth: int) -> None:
    """Frames are written as `traceback` does, repeated ones and marked columns too, each time."""
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    names: dict[str, Any] = {}
    exec(compile(FAILING, str(file), "exec"), names)
    for _ in range(3):
        for given in (depth, depth + 1, 0):
            try:
                names[name](given)
            except ZeroDivisionError as error:
                tb = error.__traceback__
                assert tb is not None
                expected = "".join(traceback.format_tb(tb)).rstrip("\n")
                assert stack_trace(tb) == expected
                assert stack_trace(tb) == expected


def test_a_frame_is_told_by_the_line_that_it_is_at(tmp_path: pathlib.Path) -> None:
    """One place, of which a traceback made by hand gives another line, is another frame."""
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    names: dict[str, Any] = {}
    exec(compile(FAILING, str(file), "exec"), names)
    with pytest.raises(ZeroDivisionError) as caught:
        names["deep"](0)
    tb = caught.tb.tb_next
    assert tb is not None
    for line in (3, 5, 3, 9):
        moved = types.TracebackType(None, tb.tb_frame, tb.tb_lasti, line)
        assert stack_trace(moved) == "".join(traceback.format_tb(moved)).rstrip("\n")


def test_tracebacklimit_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.tracebacklimit` cuts a stack trace as it cuts Python's own."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("x")
    assert 'File "' in stack_trace(caught.tb)
    monkeypatch.setattr(sys, "tracebacklimit", 0, raising=False)
    assert stack_trace(caught.tb) == ""


class Told:
    """Says what may be logged of it."""

    def __init__(self, told: Any) -> None:
        self.told = told

    def __repr__(self) -> str:
        return "<what may not be logged>"

    def __log__(self) -> Any:
        if isinstance(self.told, Exception):
            raise self.told
        return self if self.told is None else self.told


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Told("short"), "short"),
        (Told({"id": 7, "at": pathlib.Path("/x")}), {"id": 7, "at": "/x"}),
        (Told([Told(1), Told((2, 3))]), [1, [2, 3]]),
        ({"user": [Told({"id": 7})]}, {"user": [{"id": 7}]}),
        (Told(None), "[circular]"),
        (Told(RuntimeError("no")), "[redacted]"),
        ([Told(RuntimeError("no")), "next"], ["[redacted]", "next"]),
    ],
)
def test_a_type_says_what_may_be_logged_of_it(value: Any, expected: Any) -> None:
    """What `__log__` returns is logged in place of the value, converted further; else nothing."""
    assert plain(value) == expected


def test_any_class_can_say_what_may_be_logged() -> None:
    """`__log__` is asked of subclasses of dict and str, of enums and dataclasses too."""

    class Name(str):
        __slots__ = ()

        def __log__(self) -> str:
            return f"{self[:1]}."

    class Settings(dict[str, Any]):
        def __log__(self) -> list[str]:
            return sorted(self)

    class Level(enum.Enum):
        TOP = "top secret"

        def __log__(self) -> str:
            return self.name

    @dataclass
    class User:
        id: int
        name: str

        def __log__(self) -> dict[str, int]:
            return {"id": self.id}

    told = plain([Name("Ada"), Settings(key="value"), Level.TOP, User(7, "ada"), User])

    assert told == ["A.", ["key"], "TOP", {"id": 7}, "User"]


class Part(NamedTuple):
    """What Python 3.14 makes of ``{expression!conversion:format_spec}`` in a t-string."""

    value: Any
    expression: str
    conversion: str | None = None
    format_spec: str = ""


class Template:
    """Stands in for the type of t-strings, which is that of Python 3.14 and later."""

    def __init__(self, *parts: str | Part) -> None:
        self.strings = tuple(part for part in parts if isinstance(part, str))
        self.interpolations = tuple(part for part in parts if not isinstance(part, str))

    def __repr__(self) -> str:
        return f"Template(strings={self.strings}, interpolations={self.interpolations})"


Template.__module__ = "string.templatelib"

TEMPLATES = {
    "plain": (lambda: Template("paid ", Part(7, "order.id"), " now"), "paid 7 now"),
    "format": (lambda: Template("", Part(0.5, "x", None, ".0%"), ""), "50%"),
    "repr": (
        lambda: Template("", Part("a", "x", "r"), " ", Part("é", "y", "a", ">8"), ""),
        "'a'   '\\xe9'",
    ),
    "secret": (lambda: Template("with ", Part("hunter2", "password"), "!"), "with [redacted]!"),
    "number": (lambda: Template("", Part(1234, "user.pin", None, ">9"), ""), "[redacted]"),
    "call": (lambda: Template("", Part("hunter2", "password.strip()"), ""), "[redacted]"),
    "key": (lambda: Template("", Part("hunter2", "data['db_password']"), ""), "[redacted]"),
    "none": (lambda: Template("", Part(None, "password"), ""), "None"),
    "count": (lambda: Template("", Part(7, "tokens"), ""), "7"),
    "fails": (lambda: Template("a ", Part(1, "x", None, "zz"), " b"), "a <unprintable int> b"),
    "raises": (
        lambda: Template("", Part(Raises(), "password"), ""),
        f"<unprintable {__name__}.Raises>",
    ),
    "told": (lambda: Template("", Part(Told({"ok": 1}), "user"), ""), "{'ok': 1}"),
    "inner": (
        lambda: Template("a ", Part(Template("b ", Part("hunter2", "token"), ""), "x"), ""),
        "a b [redacted]",
    ),
    "empty": (lambda: Template(""), ""),
    "many": (lambda: Template("a", Part(1, "x"), "b", Part(2, "y"), "c"), "a1b2c"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_t_string_is_the_text_of_the_f_string_without_its_secrets(name: str) -> None:
    """A t-string is told as its f-string would be; a value that its expression names goes."""
    make, expected = TEMPLATES[name]
    walk = Walk(default=str)  # which would give its repr
    assert text(make()) == walk.plain(make()) == expected
    assert walk.plain({"x": [make()]}) == {"x": [expected]}
    assert walk.arguments((1, make())) == (1, expected)
    assert walk.arguments({"a": make()}) == {"a": expected}


def test_a_broken_t_string_is_not_told_by_its_repr() -> None:
    """What claims to be a t-string and is none tells its type's name and nothing of its values."""
    broken = Template("with ", Part("hunter2", "password"), "")
    vars(broken)["strings"] = 5
    assert text(broken) == plain(broken) == "<unprintable string.templatelib.Template>"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings are of 3.14")
def test_pythons_own_t_string() -> None:
    """Python's own t-string is recognised."""
    program = 'password, n = "hunter2", 7\nvalue = t"order {n:>3} with {password}"'
    names: dict[str, Any] = {}
    exec(program, names)  # since earlier Pythons cannot parse it
    assert text(names["value"]) == plain(names["value"]) == "order   7 with [redacted]"


def test_withheld_values_are_counted() -> None:
    """Each `__log__` that raises counts as one error of the record's conversion."""
    walk = Walk()

    walk.plain([Told(RuntimeError("no")), Told("yes"), {"x": Told(ValueError("no"))}])

    assert walk.errors == 2


def test_a_pydantic_model_is_its_shown_fields() -> None:
    """Of a pydantic model, fields of `repr=False` are left out; secret types show as there."""

    class Address(pydantic.BaseModel):
        city: str
        gate_code: str = pydantic.Field(repr=False)

    class User(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        name: str
        pin: str = pydantic.Field(repr=False)
        key: pydantic.SecretStr
        blob: pydantic.SecretBytes
        homes: list[Address]

        @pydantic.computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
        @property
        def initial(self) -> str:
            return self.name[0]

    user = User(
        name="ada",
        pin="4711",
        key="topsecret",
        blob=b"topsecret",
        homes=[Address(city="Bern", gate_code="88")],
        nick="a",
    )

    assert plain(user) == {
        "name": "ada",
        "key": "**********",
        "blob": "b'**********'",
        "homes": [{"city": "Bern"}],
        "nick": "a",
        "initial": "a",
    }
    assert plain(pydantic.SecretStr("topsecret")) == "**********"


def test_a_pydantic_root_model_and_dataclass() -> None:
    """A RootModel is its root, and pydantic's dataclass leaves its `repr=False` fields out."""

    class Names(pydantic.RootModel[list[str]]):
        pass

    @pydantic.dataclasses.dataclass
    class User:
        name: str
        pin: str = pydantic.Field(default="4711", repr=False)

    assert plain(Names(["ada"])) == {"root": ["ada"]}
    assert plain(User("ada")) == {"name": "ada"}


def test_a_real_attrs_class_hides_its_repr_false_fields() -> None:
    """Of a class of the attrs library, slotted or not, fields of `repr=False` are left out."""

    @attrs.define
    class Slotted:
        name: str
        pin: str = attrs.field(repr=False)

    @attrs.define(slots=False)
    class Open:
        name: str
        inner: Slotted
        pin: str = attrs.field(repr=False, default="4711")

    assert plain(Open("ada", Slotted("bob", "0815"))) == {"name": "ada", "inner": {"name": "bob"}}
