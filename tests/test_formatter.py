"""Any value, one line: what JsonFormatter makes of ordinary calls and ten groups of hostile ones.

A case is a log call and what its line must hold. All cases run synchronously, through a queue, and
with every encoder.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import gc
import io
import itertools
import json
import logging
import pathlib
import re
import sys
import threading
import types
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from pythonjsonlogger.core import RESERVED_ATTRS

import logweft
from logweft._plain import MAX_TEXT
from logweft._redact import Redactor
from programs import strict

MAX_LINE = 15 * 1024
"""Longest default line (bytes, newline included)."""

MAX_DEPTH = 200
"""Deepest nesting a reader has to take (levels)."""

ENCODERS = ("json", "orjson", "msgspec")

ID = "order-7.a"

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of 3.11")


class Case(NamedTuple):
    """A log call, what its line must hold, and (returned by the call) what happens afterwards."""

    name: str
    call: Callable[[logging.Logger], Any]
    want: dict[str, Any] | Callable[[dict[str, Any]], Any]
    marks: tuple[Any, ...] = ()


# -- values nobody should log, and everybody does


class Raises:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class RaisesClass:
    """Cannot be asked what it is."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise RuntimeError("no class")


class RaisesGetattribute:
    """Cannot be asked anything."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no attributes")


class RaisesEverything:
    """Refuses every operator a converter may try."""

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __getitem__ = __contains__ = _refuse
    __eq__ = __lt__ = __int__ = __float__ = __index__ = __bytes__ = __format__ = _refuse
    __hash__ = object.__hash__


class Nameless(type):
    """A metaclass whose classes have no name to show."""

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError("no name")


class OfNameless(metaclass=Nameless):
    """Has a class that cannot be asked for its name."""

    def __str__(self) -> str:
        return "shown"


class NotText:
    """Its text is no text."""

    def __str__(self) -> str:
        return 5

    __repr__ = __str__


class Endless:
    """Can be iterated for ever, and counts how often it was."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            self.taken += 1
            yield self.taken

    def __str__(self) -> str:
        return "endless"


class EndlessMapping(Mapping[Any, Any]):
    """A mapping without an end."""

    def __getitem__(self, key: Any) -> Any:
        return key

    def __iter__(self) -> Iterator[Any]:
        return itertools.count()

    def __len__(self) -> int:
        return sys.maxsize


class RaisingMapping(Mapping[str, Any]):
    """A mapping that cannot be read."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no item")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys")

    def __len__(self) -> int:
        return 1


class LyingStr(str):
    """A str that says something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return 'lie"\n'

    def _lie(self, *_: Any, **__: Any) -> Any:
        return LyingStr("lie")

    __repr__ = __format__ = lower = upper = strip = split = encode = isascii = __getitem__ = _lie


class SlyStr(str):
    """A str that is equal to nothing, so that no set of reserved names knows it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return 1


class LyingInt(int):
    """An int that prints as something JSON does not know."""

    def __str__(self) -> str:
        return "NaN"

    __repr__ = __str__

    def __int__(self) -> int:
        return 10**30

    __index__ = __int__


class LyingFloat(float):
    """A float that prints as something JSON does not know."""

    def __str__(self) -> str:
        return "Infinity"

    __repr__ = __str__


class LyingDict(dict):
    """A dict that denies what is in it."""

    def items(self) -> Any:
        """Refuse."""
        raise RuntimeError("no items")

    def __iter__(self) -> Any:
        return iter(())

    keys = values = copy = items


class RaisingList(list):
    """A list that cannot be iterated or sliced."""

    def __iter__(self) -> Any:
        raise RuntimeError("no members")

    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError("no members")


class NumpyLike:
    """A scalar as numerical libraries have them."""

    def __float__(self) -> float:
        return 2.5

    def __str__(self) -> str:
        return "2.5"


class BadZone(datetime.tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, dt: Any) -> Any:
        """Refuse."""
        raise RuntimeError("no offset")

    dst = tzname = utcoffset


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Level(enum.IntEnum):
    """An enumeration of numbers."""

    HIGH = 3


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class WithLock:
    """What `dataclasses.asdict` fails on."""

    order: int
    lock: Any


@dataclasses.dataclass
class Linked:
    """A dataclass that may refer to itself."""

    name: str
    other: Any = None


class BadStr(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class BadCause(Exception):
    """An exception that does not tell its cause."""

    @property
    def __cause__(self) -> Any:
        raise RuntimeError("no cause")


class BadNotes(Exception):
    """An exception whose notes cannot be read."""

    @property
    def __notes__(self) -> Any:
        raise RuntimeError("no notes")


Forging = type("Forged\nERROR", (Exception,), {"__module__": "evil\x1b[2J"})


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


def cycle() -> list[Any]:
    value: list[Any] = ["good"]
    value.append(value)
    return value


def cyclic_dict() -> dict[str, Any]:
    value: dict[str, Any] = {"good": 1}
    value["self"] = value
    return value


def released() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


def raised(exc: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return *exc* as it is once raised: with a traceback, and from *cause* if there is one."""
    try:
        if cause is None:
            raise exc
        raise exc from cause
    except BaseException as caught:
        return caught


def chain(length: int) -> BaseException:
    exc = raised(ValueError("0"))
    for number in range(1, length):
        exc = raised(ValueError(str(number)), exc)
    return exc


def cyclic_causes() -> BaseException:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return raised(first)


def own_cause() -> BaseException:
    exc = ValueError("self")
    exc.__cause__ = exc.__context__ = exc
    return exc


def suppressed() -> BaseException:
    try:
        try:
            raise KeyError("inner secret-of-nobody")
        except KeyError:
            raise ValueError("outer") from None
    except ValueError as exc:
        return exc


def during() -> BaseException:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")
    except ValueError as exc:
        return exc


def recursed(depth: int) -> BaseException:
    def down(left: int) -> None:
        if left:
            # Two lines in turn, so that the traceback is not folded.
            return up(left - 1)
        raise ValueError("bottom")

    def up(left: int) -> None:
        return down(left)

    try:
        down(depth)
    except ValueError as exc:
        return exc
    raise AssertionError


def noted(notes: Any) -> BaseException:
    exc = ValueError("noted")
    exc.__notes__ = notes
    return exc


def group(members: list[Any]) -> Any:
    return ExceptionGroup("group", members)


def bad_group() -> Any:
    class Bad(ExceptionGroup):
        exceptions = 5

    return Bad("bad", [ValueError("member")])


def wire(**attributes: Any) -> Callable[[logging.Logger], None]:
    """Return a call that handles a record made of *attributes*, as a receiver of records does."""

    def call(log: logging.Logger) -> None:
        usual = {"name": "wire", "levelname": "INFO", "levelno": 20, "msg": "wired"}
        log.handle(logging.makeLogRecord({**usual, **attributes}))

    return call


def says(value: Any, **wanted: Any) -> tuple[Callable[[logging.Logger], Any], dict[str, Any]]:
    """Return a call whose message is *value*, and what the line must hold of it."""
    return lambda log: log.info(value), wanted


def valued(make: Callable[[], Any]) -> Callable[[logging.Logger], None]:
    """Return a call with the value in a field, beside a good sibling."""
    return lambda log: log.info("hi", extra={"bad": make(), "good": "sibling"})


def became(value: Any) -> dict[str, Any]:
    return {"bad": value, "good": "sibling", "message": "hi"}


def stays(line: dict[str, Any]) -> bool:
    """Say whether the good sibling survived beside a value that is shown as some text."""
    return line["good"] == "sibling" and isinstance(line["bad"], str) and bool(line["bad"])


# -- the ten groups

TEXTS = {
    "empty": "",
    "newline": "a\nb",
    "carriage-return": "a\rb\r\n",
    "forged-record": '"}\n{"timestamp":"2020-01-01T00:00:00.000000Z","level":"CRITICAL"}',
    "tab-vt-ff": "a\tb\x0bc\x0cd",
    "nul": "a\x00b",
    "backspace": "a\x08\x08b",
    "escape-sequence": "\x1b[2J\x1b]0;title\x07",
    "all-c0": "".join(map(chr, range(32))),
    "delete": "a\x7fb",
    "next-line": "a\x85b",
    "c1-csi": "\x9b31m",
    "all-c1": "".join(map(chr, range(0x7F, 0xA0))),
    "line-separator": "a\u2028b\u2029c",
    "bidi": "a\u202eb\u2066c",
    "byte-order-mark": "\ufeffa",
    "noncharacter": "a\uffff\ufffe",
    "astral": "\U0001f600\U0010ffff",
    "quotes": "\"\\'/",
    "json-escapes": "\\u0041 \\ud800 \\n",
    "template-languages": "{} {0} ${jndi:ldap://x} {{7*7}} =1+1 <script>",
    "combining": "e\u0301\u200d\u200b",
}

MESSAGE_TEXT = [
    *(Case(name, *says(value, message=value, level="INFO")) for name, value in TEXTS.items()),
    Case("high-surrogate", *says("a\ud800b", message="a\\ud800b")),
    Case("low-surrogate", *says("a\udc80b", message="a\\udc80b")),
    Case("swapped-pair", *says("\udfff\ud83d", message="\\udfff\\ud83d")),
    Case("mebibyte-of-controls", *says("\x01" * 2**20, truncated=True)),
    Case("mebibyte-of-quotes", *says('"' * 2**20, truncated=True)),
    Case("mebibyte-of-separators", *says("\u2028" * 2**20, truncated=True)),
    Case("mebibyte-of-surrogates", *says("\ud800" * 2**20, truncated=True)),
    Case("mebibyte-of-emoji", *says("\U0001f600" * 2**20, truncated=True)),
]

FORMATTING = [
    Case("percent-without-args", *says("100% sure %s %", message="100% sure %s %")),
    Case(
        "too-few",
        lambda log: log.info("%s %s", "good"),
        lambda line: (
            line["message"] == "%s %s"
            and line["args"] == ["good"]
            and line["logweft_error"].startswith("TypeError")
        ),
    ),
    Case(
        "too-many",
        lambda log: log.info("%s", 1, "good"),
        lambda line: line["args"] == [1, "good"] and "TypeError" in line["logweft_error"],
    ),
    Case(
        "args-without-placeholder",
        lambda log: log.info("plain", "good"),
        lambda line: line["message"] == "plain" and line["args"] == ["good"],
    ),
    Case(
        "number-wanted",
        lambda log: log.info("%d", "good"),
        lambda line: line["args"] == ["good"] and "TypeError" in line["logweft_error"],
    ),
    Case(
        "unknown-conversion",
        lambda log: log.info("%q", "good"),
        lambda line: line["args"] == ["good"] and "ValueError" in line["logweft_error"],
    ),
    Case(
        "unfinished-conversion",
        lambda log: log.info("50%", "good"),
        lambda line: line["args"] == ["good"] and line["message"] == "50%",
    ),
    Case(
        "character-out-of-range",
        lambda log: log.info("%c", 10**10),
        lambda line: line["args"] == [10**10] and "OverflowError" in line["logweft_error"],
    ),
    Case(
        "more-digits-than-allowed",
        lambda log: log.info("%d", 10**5000),
        lambda line: line["args"] == [hex(10**5000)] and "ValueError" in line["logweft_error"],
    ),
    Case(
        "bad-arg-beside-a-good-one",
        lambda log: log.info("%s %s", Raises(), "good"),
        lambda line: line["args"][1] == "good" and "RuntimeError" in line["logweft_error"],
    ),
    Case(
        "arg-whose-text-is-none",
        lambda log: log.info("%s %s", NotText(), "good"),
        lambda line: line["args"][1] == "good",
    ),
    Case(
        "arg-that-lies",
        lambda log: log.info("%d", LyingInt(7)),
        lambda line: line["level"] == "INFO",
    ),
    Case("arg-holds-a-format", lambda log: log.info("%s", "%s %d"), {"message": "%s %d"}),
    Case("braces-are-text", lambda log: log.info("{} %s", "{0}"), {"message": "{} {0}"}),
    Case(
        "named",
        lambda log: log.info("paid %(order)d by %(who)s", {"order": 7, "who": "Ada"}),
        {"message": "paid 7 by Ada", "order": 7, "who": "Ada"},
    ),
    Case(
        "named-only-those-asked-for",
        lambda log: log.info("paid %(order)d", {"order": 7, "other": 8}),
        lambda line: line["order"] == 7 and "other" not in line,
    ),
    Case(
        "named-missing",
        lambda log: log.info("%(order)s %(gone)s", {"order": 7}),
        lambda line: line["args"] == {"order": 7} and line["order"] == 7,
    ),
    Case(
        "named-like-a-system-field",
        lambda log: log.info("%(level)s %(file)s", {"level": "DEBUG", "file": "/etc/passwd"}),
        lambda line: (
            (line["level"], line["level_"], line["file_"]) == ("INFO", "DEBUG", "/etc/passwd")
            and line["file"] == __file__
        ),
    ),
    Case(
        "named-without-mapping",
        lambda log: log.info("%(order)s", "good"),
        lambda line: line["args"] == ["good"],
    ),
    Case(
        "named-of-empty-mapping",
        lambda log: log.info("%(order)s", {}),
        lambda line: line["args"] == [{}],
    ),
    Case(
        "mapping-that-cannot-be-read",
        lambda log: log.info("%(order)s", RaisingMapping(), extra={"good": 1}),
        lambda line: line["message"] == "%(order)s" and line["good"] == 1 and "args" in line,
    ),
    Case(
        "whole-mapping",
        lambda log: log.info("%s", {"a": 1}),
        {"message": "{'a': 1}"},
    ),
    Case(
        "error-text-with-controls",
        lambda log: log.info("%\n", 1),
        lambda line: line["args"] == [1],
    ),
    Case(
        "surrogate-arg",
        lambda log: log.info("%s", "\udcff"),
        {"message": "\\udcff", "template": "%s"},
    ),
]

CLAIMS = {
    "level": "DEBUG",
    "timestamp": "never",
    "logger": "mine",
    "correlation_id": "forged",
    "file": "mine",
    "line": "mine",
    "function": "mine",
    "good": 1,
}

MESSAGE_TYPES = [
    Case("none", *says(None, message="None")),
    Case("int", *says(7, message="7")),
    Case("nan", *says(float("nan"), message="nan")),
    Case("bytes", *says(b"\xff\n", message="b'\\xff\\n'")),
    Case("exception", *says(ValueError("x\ny"), message="x\ny")),
    Case("list", *says([1, "a"], message="[1, 'a']")),
    Case(
        "lying-str",
        lambda log: log.info(LyingStr("truth")),
        lambda line: isinstance(line["message"], str),
    ),
    Case(
        "lying-str-with-args",
        lambda log: log.info(LyingStr("truth %s"), 1),
        lambda line: line["template"] == "truth %s",
    ),
    Case(
        "raises",
        lambda log: log.info(Raises()),
        lambda line: "Raises" in line["message"] and "RuntimeError" in line["logweft_error"],
    ),
    Case(
        "raises-with-args",
        lambda log: log.info(Raises(), "good"),
        lambda line: line["args"] == ["good"],
    ),
    Case("not-text", lambda log: log.info(NotText()), lambda line: "NotText" in line["message"]),
    Case(
        "no-attributes",
        lambda log: log.info(RaisesGetattribute()),
        lambda line: "RaisesGetattribute" in line["message"],
    ),
    Case("dict", *says({"order": 7, "who": None}, message="", order=7, who=None)),
    Case("dict-with-message", *says({"message": "hi", "n": 1}, message="hi", n=1)),
    Case("dict-with-odd-message", *says({"message": 5}, message="5")),
    Case("dict-with-bad-message", *says({"message": Raises(), "good": 1}, good=1)),
    Case("dict-empty", *says({}, message="")),
    Case(
        "dict-claims-system-fields",
        lambda log: log.info(dict(CLAIMS)),
        lambda line: (
            all(line[f"{name}_"] == value for name, value in CLAIMS.items() if name != "good")
            and (line["level"], line["logger"], line["file"]) == ("INFO", "tests.hostile", __file__)
            and line["good"] == 1
        ),
    ),
    Case(
        "dict-claims-them-in-bytes",
        lambda log: log.info({b"level": "DEBUG", b"file": "mine", b"logger": "mine"}),
        lambda line: (
            (line["level"], line["file"], line["logger"]) == ("INFO", __file__, "tests.hostile")
            and (line["level_"], line["file_"], line["logger_"]) == ("DEBUG", "mine", "mine")
        ),
    ),
    Case(
        "dict-claims-them-slyly",
        lambda log: log.info({SlyStr("level"): "DEBUG", SlyStr("line"): "mine"}),
        lambda line: (
            line["level"] == "INFO"
            and isinstance(line["line"], int)
            and (line["level_"], line["line_"]) == ("DEBUG", "mine")
        ),
    ),
    Case(
        "dict-claims-the-error",
        lambda log: log.info({"logweft_error": "mine", "truncated": "mine"}),
        lambda line: (
            "logweft_error" not in line
            and "truncated" not in line
            and (line["logweft_error_"], line["truncated_"]) == ("mine", "mine")
        ),
    ),
    Case("dict-of-itself", lambda log: log.info(cyclic_dict()), lambda line: line["good"] == 1),
    Case(
        "dict-with-args",
        lambda log: log.info({"good": 1}, "arg", 2),
        {"good": 1, "args": ["arg", 2]},
    ),
    Case("dict-that-lies", *says(LyingDict(good=1), good=1)),
    Case(
        "dict-keys-collide",
        lambda log: log.info({1: "a", "1": "b"}),
        lambda line: {line["1"], line["1_"]} == {"a", "b"},
    ),
    Case("dict-bad-key", *says({Raises: 1, "good": 2}, good=2)),
    Case(
        "dict-key-raises",
        lambda log: log.info({Raises(): 1, "good": 2}),
        lambda line: line["good"] == 2 and 1 in line.values(),
    ),
    Case(
        "mapping-is-text",
        lambda log: log.info(types.MappingProxyType({"a": 1})),
        {"message": "{'a': 1}"},
    ),
]


def late_list(log: logging.Logger) -> Any:
    items = [1]
    log.info("%s", items, extra={"items": items})
    return lambda: items.append(2)


def late_dict(log: logging.Logger) -> Any:
    order = {"items": {"a": 1}}
    log.info("hi", extra={"order": order})
    return order["items"].clear


def late_message(log: logging.Logger) -> Any:
    message = {"state": "before"}
    log.info(message)
    return lambda: message.update(state="after", late=1)


def late_named(log: logging.Logger) -> Any:
    args = {"state": "before"}
    log.info("%(state)s", args)
    return lambda: args.update(state="after")


def late_bound(log: logging.Logger) -> Any:
    cart = ["before"]
    with logweft.bind(cart=cart):
        log.info("hi")
    return lambda: cart.append("after")


def late_exception(log: logging.Logger) -> Any:
    exc = raised(ValueError("before"))
    log.info("hi", exc_info=exc)
    return lambda: setattr(exc, "args", ("after",))


def late_notes(log: logging.Logger) -> Any:
    notes = ["before"]
    log.info("hi", exc_info=noted(notes))
    return lambda: notes.append("after")


def late_weakref(log: logging.Logger) -> Any:
    owner = [Linked("before")]
    log.info("hi", extra={"linked": weakref.proxy(owner[0])})
    return owner.clear


def late_dataclass(log: logging.Logger) -> Any:
    linked = Linked("before")
    log.info("hi", extra={"linked": linked})
    return lambda: setattr(linked, "name", "after")


def late_bytearray(log: logging.Logger) -> Any:
    buffer = bytearray(b"before")
    log.info("hi", extra={"buffer": buffer})
    return buffer.clear


LATE = [
    Case("list", late_list, {"message": "[1]", "items": [1]}),
    Case("extra", late_dict, {"order": {"items": {"a": 1}}}),
    Case(
        "dict-message",
        late_message,
        lambda line: line["state"] == "before" and "late" not in line,
    ),
    Case("named-args", late_named, {"state": "before", "message": "before"}),
    Case("bound", late_bound, {"cart": ["before"]}),
    Case(
        "exception-args",
        late_exception,
        lambda line: line["exception"]["message"] == "before",
    ),
    Case("notes", late_notes, lambda line: line["exception"]["notes"] == ["before"]),
    Case("weakref", late_weakref, lambda line: "before" in line["linked"]),
    Case("dataclass", late_dataclass, {"linked": {"name": "before", "other": None}}),
    Case("bytearray", late_bytearray, {"buffer": "before"}),
]

NUMBERS = [
    Case("nan-deep", valued(lambda: [[{"x": [float("nan")]}]]), became([[{"x": ["NaN"]}]])),
    Case(
        "infinities",
        valued(lambda: [float("inf"), float("-inf")]),
        became(["Infinity", "-Infinity"]),
    ),
    Case("negative-zero", valued(lambda: -0.0), lambda line: str(line["bad"]) == "-0.0"),
    Case("smallest-64-bit", valued(lambda: -(2**63)), became(-(2**63))),
    Case("largest-64-bit", valued(lambda: 2**63 - 1), became(2**63 - 1)),
    Case("one-more", valued(lambda: 2**63), became(str(2**63))),
    Case("one-less", valued(lambda: -(2**63) - 1), became(str(-(2**63) - 1))),
    Case("unsigned", valued(lambda: [2**64 - 1]), became([str(2**64 - 1)])),
    Case("5000-digits", valued(lambda: 10**5000), became(hex(10**5000))),
    Case("minus-5000-digits", valued(lambda: -(10**5000)), became(hex(-(10**5000)))),
    Case("huge-key", valued(lambda: {2**70: 1}), became({str(2**70): 1})),
    Case("lying-int", valued(lambda: LyingInt(7)), became(7)),
    Case("lying-float", valued(lambda: LyingFloat(1.5)), became(1.5)),
    Case("bool-stays-bool", valued(lambda: True), lambda line: line["bad"] is True),
    Case("int-enum", valued(lambda: Level.HIGH), became(3)),
    Case("decimal", valued(lambda: decimal.Decimal("1.10")), became("1.10")),
    Case("decimal-nan", valued(lambda: decimal.Decimal("sNaN")), became("sNaN")),
    Case("fraction", valued(lambda: fractions.Fraction(1, 3)), became("1/3")),
    Case("complex", valued(lambda: complex(1, float("nan"))), became("(1+nanj)")),
    Case("numpy-like", valued(NumpyLike), became("2.5")),
    *(
        Case(f"float-{value!r}", valued(lambda value=value: value), became(value))
        for value in (1e16, 1e-7, 5e-324, 1.7976931348623157e308, -2.5e-10, 123456789.125, 0.1)
    ),
    Case(
        "set-of-floats",
        valued(lambda: {3e300, 1e300, 2e300, 1.5, -1e-9}),
        became([-1e-9, 1.5, 1e300, 2e300, 3e300]),
    ),
    Case("float-keys", valued(lambda: {1e300: 1, 0.5: 2}), became({"1e+300": 1, "0.5": 2})),
]


def unconsumed(log: logging.Logger) -> Any:
    numbers = (n for n in (1, 2, 3))
    log.info("hi", extra={"bad": numbers, "good": "sibling"})
    return lambda: None if next(numbers) == 1 else pytest.fail("the generator was consumed")


def endless(log: logging.Logger) -> Any:
    value = Endless()
    log.info("hi %s", value, extra={"bad": value, "good": "sibling"})
    return lambda: None if not value.taken else pytest.fail("the iterable was consumed")


def recursing() -> Any:
    class Recursing:
        def __repr__(self) -> str:
            return repr(self)

    return Recursing()


def answers_everything() -> Any:
    class Answers:
        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *_: Any, **__: Any) -> Any:
            return self

        def __str__(self) -> str:
            return "answers"

    return Answers()


@dataclasses.dataclass
class Half:
    """A dataclass whose second field cannot be read."""

    name: str
    other: Any = dataclasses.field(init=False)


dead = weakref.proxy(Linked("gone"))  # its referent is gone at once

VALUES = [
    Case(
        "datetime-bad-zone",
        valued(lambda: datetime.datetime(2020, 1, 2, tzinfo=BadZone())),
        stays,
    ),
    Case(
        "datetime",
        valued(lambda: datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)),
        became("2020-01-02T03:04:05+00:00"),
    ),
    Case("date", valued(lambda: datetime.date(2020, 1, 2)), became("2020-01-02")),
    Case("time", valued(lambda: datetime.time(3, 4)), became("03:04:00")),
    Case("timedelta", valued(lambda: datetime.timedelta(seconds=90)), became("0:01:30")),
    Case(
        "dataclass-with-lock",
        valued(lambda: WithLock(7, threading.Lock())),
        lambda line: line["bad"]["order"] == 7 and "lock" in line["bad"]["lock"],
    ),
    Case(
        "dataclass-half-readable",
        valued(lambda: Half("kept")),
        lambda line: line["bad"]["name"] == "kept" and line["good"] == "sibling",
    ),
    Case("dataclass-class", valued(lambda: WithLock), became("WithLock")),
    Case("namedtuple", valued(lambda: Point(1, 2)), became({"x": 1, "y": 2})),
    Case("enum", valued(lambda: Color.RED), became("red")),
    Case("enum-class", valued(lambda: Color), lambda line: line["bad"] == ["red"]),
    Case("class", valued(lambda: Raises), became("Raises")),
    Case("generator", unconsumed, {"good": "sibling"}),
    Case("endless-iterable", endless, {"message": "hi endless", "good": "sibling"}),
    Case("itertools-count", valued(itertools.count), stays),
    Case(
        "endless-mapping",
        valued(EndlessMapping),
        lambda line: line["good"] == "sibling" and isinstance(line["bad"], dict),
    ),
    Case("raising-mapping", valued(RaisingMapping), lambda line: line["good"] == "sibling"),
    Case("raises", valued(Raises), stays),
    Case("raises-class", valued(RaisesClass), stays),
    Case("raises-getattribute", valued(RaisesGetattribute), stays),
    Case("raises-everything", valued(RaisesEverything), stays),
    Case("nameless-class", valued(OfNameless), stays),
    Case("not-text", valued(NotText), stays),
    Case("recursing-repr", valued(recursing), stays),
    Case("answers-everything", valued(answers_everything), stays),
    Case("huge-repr", valued(lambda: types.SimpleNamespace(x="x" * 10**6)), stays),
    Case("bytes", valued(lambda: b"a\xffb\n"), became("a\\xffb\n")),
    Case("bytearray", valued(lambda: bytearray(b"ab")), became("ab")),
    Case("memoryview", valued(lambda: memoryview(b"ab")), became("ab")),
    Case("memoryview-released", valued(released), stays),
    Case("megabytes-of-bytes", valued(lambda: b"\xff" * 10**7), stays),
    Case("uuid", valued(lambda: uuid.UUID(int=1)), became(str(uuid.UUID(int=1)))),
    Case("path", valued(lambda: pathlib.PurePosixPath("/a\udc80")), became("/a\\udc80")),
    Case("exception", valued(lambda: ValueError("x")), became("ValueError: x")),
    Case("exception-bad-str", valued(BadStr), stays),
    Case(
        "traceback",
        valued(lambda: raised(ValueError("x")).__traceback__),
        lambda line: "raise exc" in line["bad"],
    ),
    Case("function", valued(lambda: strict), stays),
    Case("module", valued(lambda: json), stays),
    Case("lock", valued(threading.RLock), stays),
    Case("dead-proxy", valued(lambda: dead), stays),
    Case("lying-str", valued(lambda: LyingStr("truth")), became("truth")),
    Case("surrogates", valued(lambda: ["\ud800"]), became(["\\ud800"])),
    Case("ellipsis", valued(lambda: ...), became("Ellipsis")),
]


def diamond() -> Any:
    value: Any = ["x"]
    for _ in range(64):
        value = [value, value]
    return value


def shared() -> Any:
    one = {"x": 1}
    return [one, one]


CONTAINERS = [
    Case("list-cycle", valued(cycle), became(["good", "[circular]"])),
    Case("dict-cycle", valued(cyclic_dict), became({"good": 1, "self": "[circular]"})),
    Case(
        "dataclass-cycle",
        valued(lambda: [setattr(one := Linked("a"), "other", one), one][1]),
        became({"name": "a", "other": "[circular]"}),
    ),
    Case("shared-is-no-cycle", valued(shared), became([{"x": 1}, {"x": 1}])),
    Case("diamond", valued(diamond), lambda line: line["good"] == "sibling"),
    Case(
        "deep-list",
        valued(lambda: nested(100_000, lambda value: [value])),
        lambda line: line["good"] == "sibling" and line["bad"][0][0],
    ),
    Case(
        "deep-dict",
        valued(lambda: nested(100_000, lambda value: {"k": value})),
        lambda line: line["good"] == "sibling" and line["bad"]["k"]["k"],
    ),
    Case(
        "deep-tuple",
        valued(lambda: nested(100_000, lambda value: (value,))),
        lambda line: line["good"] == "sibling" and line["bad"][0][0],
    ),
    Case(
        "deep-key",
        valued(lambda: {nested(100, lambda value: (value,)): "kept"}),
        lambda line: "kept" in line["bad"].values(),
    ),
    Case(
        "ten-levels-are-kept",
        valued(lambda: nested(10, lambda value: [value])),
        became(nested(10, lambda value: [value])),
    ),
    Case("keys-collide", valued(lambda: {1: "a", "1": "b"}), became({"1": "a", "1_": "b"})),
    Case(
        "keys-collide-thrice",
        valued(lambda: {None: "a", "null": "b", "null_": "c"}),
        lambda line: sorted(line["bad"].values()) == ["a", "b", "c"],
    ),
    Case(
        "keys-of-json",
        valued(lambda: {None: 1, True: 2, False: 3, 1.5: 4}),
        became({"null": 1, "true": 2, "false": 3, "1.5": 4}),
    ),
    Case("keys-nan", valued(lambda: {float("nan"): 1}), became({"NaN": 1})),
    Case("keys-bytes", valued(lambda: {b"\xff": 1}), became({"\\xff": 1})),
    Case("keys-tuple", valued(lambda: {(1, "a"): 1}), became({"(1, 'a')": 1})),
    Case("keys-surrogate", valued(lambda: {"\ud800": 1}), became({"\\ud800": 1})),
    Case(
        "keys-surrogate-collide",
        valued(lambda: {"\ud800": "a", "\\ud800": "b"}),
        lambda line: sorted(line["bad"].values()) == ["a", "b"],
    ),
    Case("keys-control", valued(lambda: {"a\n\x9b": 1}), became({"a\n\x9b": 1})),
    Case("keys-enum", valued(lambda: {Color.RED: 1}), became({"red": 1})),
    Case(
        "keys-raise",
        valued(lambda: {Raises(): "a", "b": "c"}),
        lambda line: line["bad"]["b"] == "c" and "a" in line["bad"].values(),
    ),
    Case(
        "bad-in-list",
        valued(lambda: [1, Raises(), "x"]),
        lambda line: (line["bad"][0], line["bad"][2]) == (1, "x"),
    ),
    Case(
        "bad-in-dict",
        valued(lambda: {"a": RaisesClass(), "b": 2}),
        lambda line: line["bad"]["b"] == 2 and "a" in line["bad"],
    ),
    Case(
        "bad-in-set",
        valued(lambda: {RaisesEverything(), "x"}),
        lambda line: "x" in line["bad"] and len(line["bad"]) == 2,
    ),
    Case("list-that-raises", valued(lambda: RaisingList([1])), stays),
    Case("dict-that-lies", valued(lambda: LyingDict(a=1)), became({"a": 1})),
    Case("set", valued(lambda: {"b", "a", "c"}), became(["a", "b", "c"])),
    Case(
        "mixed-set",
        valued(lambda: frozenset(["a", 1, None, (1,)])),
        lambda line: len(line["bad"]) == 4,
    ),
    Case("deque", valued(lambda: collections.deque([1, 2])), became([1, 2])),
    Case("counter", valued(lambda: collections.Counter("aab")), became({"a": 2, "b": 1})),
    Case("user-dict", valued(lambda: collections.UserDict(a=1)), became({"a": 1})),
    Case("proxy", valued(lambda: types.MappingProxyType({"a": 1})), became({"a": 1})),
    Case("chain-map", valued(lambda: collections.ChainMap({"a": 1})), became({"a": 1})),
    Case("range", valued(lambda: range(10**12)), became("range(0, 1000000000000)")),
    Case(
        "hundred-thousand-members",
        valued(lambda: list(range(100_000))),
        lambda line: (
            line["bad"][:3] == [0, 1, 2]
            and line["bad"][-1] == "[truncated]"
            and line["good"] == "sibling"
        ),
    ),
    Case(
        "ten-thousand-keys",
        valued(lambda: {str(n): n for n in range(10_000)}),
        lambda line: (
            line["bad"]["0"] == 0
            and line["bad"]["[truncated]"] is True
            and line["good"] == "sibling"
        ),
    ),
    Case(
        "hundred-megabytes-of-one-text",
        valued(lambda: ["x" * 2**20] * 100),
        {"truncated": True, "good": "sibling"},
    ),
]

SYSTEM = (
    "timestamp",
    "level",
    "logger",
    "correlation_id",
    "trace_id",
    "span_id",
    "trace_flags",
    "template",
    "file",
    "line",
    "function",
    "exception",
    "stack",
    "service",
    "version",
    "environment",
    "logweft_error",
    "truncated",
)


def keeps_all(line: dict[str, Any], count: int) -> bool:
    """Say whether *count* small fields are all there, or the line says that some are not."""
    kept = sum(name.startswith("field") for name in line)
    return (kept == count or line.get("truncated") is True) and line["message"] == "hi"


def bound_like_system_fields(log: logging.Logger) -> None:
    with logweft.bind(level="mine", file="mine"):
        log.info("hi")


KEYS = [
    *(
        Case(
            f"named-{name}",
            lambda log, name=name: log.info("paid %s", 7, extra={name: "mine"}),
            lambda line, name=name: line[f"{name}_"] == "mine" and line.get(name) != "mine",
        )
        for name in SYSTEM
    ),
    Case(
        "forged-and-suffixed",
        lambda log: log.info("hi", extra={"level": "a", "level_": "b"}),
        lambda line: line["level"] == "INFO" and {"a", "b"} <= set(map(str, line.values())),
    ),
    Case(
        "suffixed-and-forged",
        lambda log: log.info("hi", extra={"file_": "b", "file": "a"}),
        lambda line: line["file"] == __file__ and {"a", "b"} <= set(map(str, line.values())),
    ),
    Case(
        "near-miss", lambda log: log.info("hi", extra={"Level": 1}), {"Level": 1, "level": "INFO"}
    ),
    Case("int", lambda log: log.info("hi", extra={5: "five"}), {"5": "five"}),
    Case("none", lambda log: log.info("hi", extra={None: "x"}), {"null": "x"}),
    Case(
        "int-and-text",
        lambda log: log.info("hi", extra={5: "a", "5": "b"}),
        lambda line: {line["5"], line["5_"]} == {"a", "b"},
    ),
    Case("bytes", lambda log: log.info("hi", extra={b"k": "x"}), {"k": "x"}),
    Case(
        "bytes-of-a-system-field",
        lambda log: log.info("hi", extra={b"line": "mine"}),
        lambda line: isinstance(line["line"], int) and line["line_"] == "mine",
    ),
    Case("tuple", lambda log: log.info("hi", extra={(1, 2): "x"}), {"(1, 2)": "x"}),
    Case("empty", lambda log: log.info("hi", extra={"": "x"}), {"": "x"}),
    Case("underscore", lambda log: log.info("hi", extra={"_private": "x"}), {"_private": "x"}),
    Case("dunder", lambda log: log.info("hi", extra={"__class__": "x"}), {"__class__": "x"}),
    Case("dunder-dict", lambda log: log.info("hi", extra={"__dict__": "x"}), {"__dict__": "x"}),
    Case(
        "record-method",
        lambda log: log.info("paid %s", 7, extra={"getMessage": "mine"}),
        {"message": "paid 7", "getMessage": "mine"},
    ),
    Case("proto", lambda log: log.info("hi", extra={"__proto__": {}}), {"__proto__": {}}),
    Case("newline", lambda log: log.info("hi", extra={"a\nb": 1}), {"a\nb": 1}),
    Case("quote", lambda log: log.info("hi", extra={'a":1,"level': 1}), {"level": "INFO"}),
    Case(
        "controls", lambda log: log.info("hi", extra={"\x1b\x7f\u2028": 1}), {"\x1b\x7f\u2028": 1}
    ),
    Case("surrogate", lambda log: log.info("hi", extra={"\ud800": 1}), {"\\ud800": 1}),
    Case(
        "surrogates-collide",
        lambda log: log.info("hi", extra={"\ud800": "a", "\\ud800": "b"}),
        lambda line: {"a", "b"} <= set(map(str, line.values())),
    ),
    Case(
        "long",
        lambda log: log.info("hi", extra={"k" * 20_000: 1}),
        {"truncated": True, "message": "hi"},
    ),
    Case(
        "our-private-names",
        lambda log: log.info(
            "hi", extra={"_logweft_context": "mine", "_logweft_seen": "mine", "good": 1}
        ),
        {"message": "hi", "good": 1, "level": "INFO"},
    ),
    Case(
        "a-thousand",
        lambda log: log.info("hi", extra={f"field{n}": n for n in range(1000)}),
        lambda line: keeps_all(line, 1000),
    ),
    Case(
        "some-more",
        lambda log: log.info("hi", extra={f"field{n}": 0 for n in range(1010)}),
        lambda line: keeps_all(line, 1010),
    ),
    Case(
        "ten-thousand",
        lambda log: log.info("hi", extra={f"field{n}": n for n in range(10_000)}),
        lambda line: keeps_all(line, 10_000),
    ),
    Case(
        "bound-like-a-system-field",
        bound_like_system_fields,
        lambda line: (line["level"], line["level_"], line["file_"]) == ("INFO", "mine", "mine"),
    ),
]


def failing(
    make: Callable[[], BaseException], name: str = "hi"
) -> Callable[[logging.Logger], None]:
    """Return a call that logs the exception *make* returns."""
    return lambda log: log.error(name, exc_info=make())


def told(**wanted: Any) -> Callable[[dict[str, Any]], bool]:
    """Return a check of some of the exception's fields."""
    return lambda line: wanted.items() <= line["exception"].items()


def depth_of(value: Any) -> int:
    """Return how deeply *value*, made of JSON's types, is nested."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(value, (dict, list)):
            members = value.values() if isinstance(value, dict) else value
            waiting += [(member, depth + 1) for member in members]
    return deepest


EXCEPTIONS = [
    Case(
        "raised",
        failing(lambda: raised(ValueError("no\nway"))),
        lambda line: (
            told(type="ValueError", message="no\nway")(line)
            and "raise exc" in line["exception"]["stack_trace"]
        ),
    ),
    Case("never-raised", failing(lambda: ValueError("x")), told(type="ValueError", message="x")),
    Case(
        "cause",
        failing(lambda: raised(ValueError("outer"), KeyError("inner"))),
        lambda line: (
            line["exception"]["cause"] == {"type": "KeyError", "message": "'inner'"}
            and "context" not in line["exception"]
        ),
    ),
    Case(
        "context",
        failing(during),
        lambda line: line["exception"]["context"]["type"] == "KeyError",
    ),
    Case(
        "suppressed-context",
        failing(suppressed),
        lambda line: (
            "inner" not in json.dumps(line) and not {"cause", "context"} & line["exception"].keys()
        ),
    ),
    Case("cyclic-causes", failing(cyclic_causes), told(type="ValueError", message="first")),
    Case("its-own-cause", failing(own_cause), told(type="ValueError", message="self")),
    Case("long-chain", failing(lambda: chain(200)), told(type="ValueError", message="199")),
    Case("bad-str", failing(BadStr), lambda line: "BadStr" in line["exception"]["type"]),
    Case(
        "not-text",
        failing(lambda: ValueError(NotText())),
        told(type="ValueError"),
    ),
    Case(
        "bad-cause",
        failing(lambda: BadCause("kept")),
        lambda line: line["exception"]["message"] == "kept",
    ),
    Case(
        "forging-class-name",
        failing(lambda: Forging("x")),
        lambda line: line["exception"]["type"] == "evil\x1b[2J.Forged\nERROR",
    ),
    Case("surrogate", failing(lambda: ValueError("\ud800")), told(message="\\ud800")),
    Case("key-error", failing(lambda: KeyError("k")), told(type="KeyError", message="'k'")),
    Case(
        "syntax-error",
        failing(lambda: SyntaxError("bad", ("f\n.py", 1, 2, "te\nxt"))),
        told(type="SyntaxError"),
    ),
    Case("base-exception", failing(lambda: raised(KeyboardInterrupt())), told(message="")),
    Case("notes", failing(lambda: noted(["a\nb", "c"])), told(notes=["a\nb", "c"])),
    Case("notes-of-an-int", failing(lambda: noted(5)), told(message="noted")),
    Case("notes-of-anything", failing(lambda: noted([5, Raises()])), told(message="noted")),
    Case("notes-that-raise", failing(lambda: noted(RaisingList(["x"]))), told(message="noted")),
    Case(
        "notes-unreadable",
        failing(lambda: BadNotes("kept")),
        lambda line: line["exception"]["message"] == "kept",
    ),
    Case("notes-endless", failing(lambda: noted(Endless())), told(message="noted")),
    Case(
        "deep-traceback",
        failing(lambda: recursed(300)),
        lambda line: (
            told(type="ValueError", message="bottom")(line)
            and 'raise ValueError("bottom")' in line["exception"]["stack_trace"]
        ),
    ),
    Case(
        "long-message-and-traceback",
        failing(lambda: raised(ValueError("start" + " x" * 500_000 + " end"))),
        lambda line: (
            line["truncated"] is True
            and line["exception"]["type"] == "ValueError"
            and line["exception"]["message"].startswith("start")
            and line["exception"]["message"].endswith("end")
        ),
    ),
    Case(
        "nothing-handled",
        lambda log: log.info("hi", exc_info=True),  # noqa: LOG014 - people do
        lambda line: line["message"] == "hi",
    ),
    Case(
        "garbage-tuple",
        lambda log: log.info("hi", exc_info=("a", "b", "c")),
        {"message": "hi"},
    ),
    Case("short-tuple", lambda log: log.info("hi", exc_info=(1,)), {"message": "hi"}),
    Case(
        "tuple-with-bad-traceback",
        lambda log: log.info("hi", exc_info=(ValueError, ValueError("x"), "tb")),
        told(type="ValueError", message="x"),
    ),
    Case(
        "stack",
        lambda log: log.info("hi", stack_info=True),
        lambda line: "stack_info=True" in line["stack"],
    ),
    Case(
        "group",
        failing(lambda: group([ValueError("a"), KeyError("b")])),
        lambda line: (
            [each["type"] for each in line["exception"]["exceptions"]] == ["ValueError", "KeyError"]
        ),
        (needs_groups,),
    ),
    Case(
        "deep-group",
        failing(lambda: nested(500, lambda value: group([value if value != 1 else OSError("x")]))),
        told(message="group (1 sub-exception)"),
        (needs_groups,),
    ),
    Case(
        "wide-groups",
        failing(lambda: group([group([ValueError(str(n)) for n in range(900)])] * 900)),
        told(message="group (900 sub-exceptions)"),
        (needs_groups,),
    ),
    Case(
        "group-with-garbage-members",
        failing(bad_group),
        lambda line: line["exception"]["message"].startswith("bad"),
        (needs_groups,),
    ),
    Case(
        "shared-member",
        failing(lambda: group([shared_exc := ValueError("a"), shared_exc])),
        told(message="group (2 sub-exceptions)"),
        (needs_groups,),
    ),
]


def in_collection(log: logging.Logger) -> None:
    """Log in a ``__del__`` that the garbage collector runs."""

    class Finalised:
        def __init__(self) -> None:
            self.self = self

        def __del__(self) -> None:
            log.info("finalised %s", [self.__class__.__name__])

    Finalised()
    gc.collect()


def named_logger(name: str) -> Callable[[logging.Logger], None]:
    def call(log: logging.Logger) -> None:
        child = logging.Logger(name)  # noqa: LOG001 - not for the whole process
        child.parent = log
        child.info("hi")

    return call


def in_thread(name: str) -> Callable[[logging.Logger], None]:
    def call(log: logging.Logger) -> None:
        thread = threading.Thread(target=log.info, args=("hi",), name=name)
        thread.start()
        thread.join()

    return call


def stamped(line: dict[str, Any]) -> bool:
    """Say whether the timestamp is one or null, and the message is there."""
    moment = line["timestamp"]
    return line["message"] == "wired" and (moment is None or bool(TIMESTAMP.fullmatch(moment)))


SOURCES = [
    Case("logger-newline", named_logger("a\nb"), {"logger": "a\nb"}),
    Case("logger-escape", named_logger("a\x1b[2J\x9b"), {"logger": "a\x1b[2J\x9b"}),
    Case("logger-surrogate", named_logger("a\ud800"), {"logger": "a\\ud800"}),
    Case(
        "logger-forging", named_logger('","level":"X'), {"logger": '","level":"X', "level": "INFO"}
    ),
    Case("logger-long", named_logger("n" * 10**6), {"truncated": True, "message": "hi"}),
    Case("thread-newline", in_thread("a\nb\x1b\ud800"), {"message": "hi"}),
    Case("level-newline", wire(levelname='X"\n\x85'), {"level": 'X"\n\x85'}),
    Case("level-not-text", wire(levelname=None), lambda line: isinstance(line["level"], str)),
    Case("level-unhashable", wire(levelname=[]), lambda line: isinstance(line["level"], str)),
    Case("file-newline", wire(pathname="/a\n\x1bb.py"), {"file": "/a\n\x1bb.py"}),
    Case("file-undecodable", wire(pathname="/a\udcff.py"), {"file": "/a\\udcff.py"}),
    Case("file-bytes", wire(pathname=b"/a\xff.py"), {"file": "/a\\udcff.py"}),
    Case("file-none", wire(pathname=None), {"message": "wired"}),
    Case("function-newline", wire(funcName="f\n"), {"function": "f\n"}),
    Case("line-text", wire(lineno="7\n"), {"line": "7\n"}),
    Case("line-huge", wire(lineno=10**30), {"line": str(10**30)}),
    Case("name-none", wire(name=None), lambda line: isinstance(line["logger"], str)),
    Case("args-list", wire(msg="%s %s", args=[1, 2]), {"args": [1, 2], "message": "%s %s"}),
    Case("args-number", wire(msg="%s", args=7), {"message": "7"}),
    Case("args-text", wire(msg="%s", args="ab"), {"message": "ab"}),
    Case("args-none", wire(msg="%s", args=None), {"message": "%s"}),
    Case(
        "args-raise", wire(msg="%s", args=RaisesEverything()), lambda line: line["level"] == "INFO"
    ),
    Case("msg-dict", wire(msg={"a": 1}), {"a": 1}),
    Case("created-nan", wire(created=float("nan")), stamped),
    Case("created-infinite", wire(created=float("inf")), stamped),
    Case("created-1e20", wire(created=1e20), stamped),
    Case("created-negative", wire(created=-1.5), {"timestamp": "1969-12-31T23:59:58.500000Z"}),
    Case("created-year-5", wire(created=-6.2e10), stamped),
    Case(
        "created-year-9999",
        wire(created=253402300799.0),
        {"timestamp": "9999-12-31T23:59:59.000000Z"},
    ),
    Case("created-none", wire(created=None), stamped),
    Case("created-text", wire(created="2020"), stamped),
    Case("exc-info-text", wire(exc_info="Traceback ..."), {"message": "wired"}),
    Case("exc-info-true", wire(exc_info=True), {"message": "wired"}),
    Case("exc-text", wire(exc_text="Traceback\n  x"), told(stack_trace="Traceback\n  x")),
    Case("exc-text-raises", wire(exc_text=Raises()), {"message": "wired"}),
    Case("stack-info-list", wire(stack_info=["x"]), {"message": "wired"}),
    Case("stack-info-true", wire(stack_info=True), {"message": "wired"}),
    Case("del-in-collection", in_collection, {"message": "finalised ['Finalised']"}),
]

GROUPS = {
    "message": MESSAGE_TEXT,
    "formatting": FORMATTING,
    "type": MESSAGE_TYPES,
    "late": LATE,
    "number": NUMBERS,
    "value": VALUES,
    "container": CONTAINERS,
    "key": KEYS,
    "exception": EXCEPTIONS,
    "source": SOURCES,
}

hostile = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{group_name}-{case.name}", marks=case.marks)
        for group_name, cases in GROUPS.items()
        for case in cases
    ],
)


@contextmanager
def logger_to(handler: logging.Handler) -> Iterator[logging.Logger]:
    """Give a real logger that writes to *handler* alone."""
    log = logging.getLogger("tests.hostile")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        log.propagate = True  # pytest joins the loggers that do not, and raises what we contain


def check(case: Case, line: str) -> None:
    """Assert that *line* is what every line must be, and what the case says of its own."""
    assert not CONTROLS.search(line), ascii(line[:500])
    assert len(line.encode()) < MAX_LINE
    fields = strict(line)
    assert depth_of(fields) <= MAX_DEPTH
    assert isinstance(fields["message"], str)
    assert isinstance(fields["level"], str)
    if callable(case.want):
        assert case.want(fields), fields
    else:
        assert {name: fields.get(name, "<absent>") for name in case.want} == case.want


def written(text: str) -> str:
    """Return the one line that *text* consists of, its newline included."""
    assert text.count("\n") == 1, ascii(text[:2000])
    assert text.endswith("\n")
    return text[:-1]


@contextmanager
def stream_logger(**options: Any) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Give a logger with an ordinary StreamHandler, and what it writes to."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logweft.JsonFormatter(**options))
    handler.addFilter(logweft.ContextFilter())
    with logger_to(handler) as log:
        yield log, stream


def line_of(call: Callable[[logging.Logger], Any], **options: Any) -> dict[str, Any]:
    """Return the one line of *call* as an object, made by a `JsonFormatter` with *options*."""
    with stream_logger(**options) as (log, stream):
        call(log)
    return strict(written(stream.getvalue()))


# -- every case, every way


@hostile
def test_a_hostile_call_gives_one_strict_line_at_once(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    """A StreamHandler writes exactly one strict, short line of any value, and nothing is raised."""
    with stream_logger() as (log, stream), logweft.adopt(ID):
        after = case.call(log)
        if after is not None:
            after()
    check(case, written(stream.getvalue()))
    assert capfd.readouterr().err == ""


@hostile
def test_a_hostile_call_gives_one_strict_line_through_the_queue(
    case: Case, capfd: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    """A QueueHandler before a file writes exactly one strict, short line of any value."""
    file = logging.FileHandler(tmp_path / "log", encoding="utf-8")
    handler = logweft.QueueHandler(file)
    try:
        with logger_to(handler) as log, logweft.adopt(ID):
            after = case.call(log)
            if after is not None:
                after()
            assert handler.flush()
        assert handler.stats().errors == 0
    finally:
        handler.detach()
        file.close()
    check(case, written((tmp_path / "log").read_bytes().decode("utf-8", "strict")))
    assert capfd.readouterr().err == ""


class Comparing(logging.Handler):
    """Makes the line with every encoder, and looks at the record before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.formatters = [logweft.JsonFormatter(encoder=name) for name in ENCODERS]
        self.lines: list[str] = []
        self.changed: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the lines of *record*."""
        before = dict(record.__dict__)
        self.lines = [formatter.format(record) for formatter in self.formatters]
        after = {name: value for name, value in record.__dict__.items() if name != "message"}
        self.changed = [
            str(name)
            for name in {**before, **after}
            if before.get(name, self) is not after.get(name, self)
        ]


@hostile
def test_every_encoder_writes_the_same_line_and_leaves_the_record_alone(case: Case) -> None:
    """The three JSON libraries give the same characters, and the record keeps what it held."""
    handler = Comparing()
    handler.addFilter(logweft.ContextFilter())
    with logger_to(handler) as log, logweft.adopt(ID):
        case.call(log)
    first, *others = handler.lines
    assert others == [first, first]
    assert handler.changed == []


class Gate(io.StringIO):
    """A stream that takes nothing until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def write(self, text: str) -> int:
        """Wait for the gate, then write *text*."""
        assert self.opened.wait(60)
        return super().write(text)


@pytest.mark.parametrize("case", LATE, ids=[case.name for case in LATE])
def test_what_changes_after_the_call_does_not_change_the_line(case: Case) -> None:
    """A line still waiting in the queue shows the values of the call, not those of the write."""
    gate = Gate()
    handler = logweft.QueueHandler(logging.StreamHandler(gate))
    try:
        with logger_to(handler) as log:
            case.call(log)()
            gate.opened.set()
            assert handler.flush()
    finally:
        gate.opened.set()
        handler.detach()
    check(case, written(gate.getvalue()))


def test_there_are_cases_enough() -> None:
    """The suite covers ten groups with at least 120 cases of different names."""
    names = [f"{name}-{case.name}" for name, cases in GROUPS.items() for case in cases]
    assert len(GROUPS) == 10
    assert len(set(names)) == len(names) >= 120


# -- the line itself


def full_call(log: logging.Logger) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("paid %(order)s", {"order": 7}, stack_info=True, extra={"amount": 12.5})


FULL = [
    "timestamp",
    "level",
    "logger",
    "message",
    "correlation_id",
    "trace_id",
    "span_id",
    "trace_flags",
    "tenant",
    "amount",
    "order",
    "template",
    "file",
    "line",
    "function",
    "exception",
    "stack",
    "service",
    "version",
    "environment",
]


def test_extra_beats_a_named_argument_and_both_a_bound_field() -> None:
    """Of equal names the call's is kept, of the call's that in extra; each stands once."""
    with logweft.bind(order="bound", tenant="bound"):
        line = line_of(
            lambda log: log.error(
                "%(order)s %(tenant)s", {"order": "arg", "tenant": "arg"}, extra={"order": "extra"}
            )
        )

    assert (line["order"], line["tenant"]) == ("extra", "arg")
    assert not [name for name in line if name.endswith("_")]


def full_line(**options: Any) -> dict[str, Any]:
    with logweft.adopt(ID), logweft.bind(tenant="t"):
        return line_of(full_call, **options)


def test_the_default_line_has_its_fields_in_order() -> None:
    """All fields stand in the documented order: head, bound, extra, named arguments, tail."""
    line = full_line(service="shop", version="1.2", environment="prod")
    assert list(line) == FULL
    assert TIMESTAMP.fullmatch(line["timestamp"])
    expected = {
        "level": "ERROR",
        "logger": "tests.hostile",
        "message": "paid 7",
        "correlation_id": ID,
        "tenant": "t",
        "order": 7,
        "amount": 12.5,
        "template": "paid %(order)s",
        "file": __file__,
        "function": "full_call",
        "service": "shop",
        "version": "1.2",
        "environment": "prod",
    }
    assert {name: line[name] for name in expected} == expected


def test_the_shortest_line_has_no_field_without_a_value() -> None:
    """A plain call outside of any unit of work has neither ID, template nor exception."""
    line = line_of(lambda log: log.info("hi"))
    assert list(line) == ["timestamp", "level", "logger", "message", "file", "line", "function"]


def test_the_timestamp_is_that_of_the_record_in_utc() -> None:
    """The timestamp is the record's own time, to the microsecond, whatever the local zone."""
    line = line_of(wire(created=1_600_000_000.123456))
    assert line["timestamp"] == "2020-09-13T12:26:40.123456Z"


def test_the_more_specific_of_equal_names_wins() -> None:
    """A field of the call wins over a bound one of the same name."""

    def call(log: logging.Logger) -> None:
        with logweft.bind(order=1, tenant="t"):
            log.info("hi", extra={"order": 2})

    line = line_of(call)
    assert (line["order"], line["tenant"]) == (2, "t")


@pytest.mark.parametrize(
    "name",
    [name for name in FULL if name not in ("level", "message", "tenant", "order")],
)
def test_an_optional_field_can_be_switched_off(name: str) -> None:
    """A name in reserved_attrs is left out, and nothing else changes."""
    options = {"service": "s", "version": "v", "environment": "e"}
    with_it = full_line(**options)
    without = full_line(**options, reserved_attrs=[*RESERVED_ATTRS, name])
    assert list(without) == [each for each in with_it if each != name]


@pytest.mark.parametrize("name", FULL)
def test_a_field_can_be_renamed(name: str) -> None:
    """A renamed field keeps its place and its value, and its old name is gone."""
    options = {"service": "s", "version": "v", "environment": "e"}
    line = full_line(**options, rename_fields={name: "renamed.field"})
    assert list(line) == ["renamed.field" if each == name else each for each in FULL]


def test_a_renamed_system_field_cannot_be_overwritten() -> None:
    """A user's field of a system field's new name is moved aside like one of its old name."""
    options = {"rename_fields": {"level": "severity", "file": "source"}}
    line = line_of(
        lambda log: log.info("hi", extra={"severity": "DEBUG", "source": "mine"}), **options
    )
    assert (line["severity"], line["source"]) == ("INFO", __file__)
    assert (line["severity_"], line["source_"]) == ("DEBUG", "mine")


def test_a_renamed_field_cannot_be_overwritten_by_a_dict_message() -> None:
    """A dict message of a system field's new name is moved aside, too."""
    line = line_of(lambda log: log.info({"severity": "DEBUG"}), rename_fields={"level": "severity"})
    assert (line["severity"], line["severity_"]) == ("INFO", "DEBUG")


def test_static_fields_are_on_every_line_and_cannot_be_overwritten() -> None:
    """A static field is written and a user's field of its name moved aside."""
    line = line_of(
        lambda log: log.info("hi", extra={"region": "mine"}), static_fields={"region": "eu"}
    )
    assert (line["region"], line["region_"]) == ("eu", "mine")


def test_defaults_stand_until_a_call_says_otherwise() -> None:
    """A default field is written, and replaced by the call's own."""
    options = {"defaults": {"tenant": "none"}}
    assert line_of(lambda log: log.info("hi"), **options)["tenant"] == "none"
    assert line_of(lambda log: log.info("hi", extra={"tenant": "t"}), **options)["tenant"] == "t"


@pytest.mark.parametrize(
    ("fmt", "style"),
    [
        ("%(levelname)s %(message)s %(correlation_id)s", "%"),
        ("{levelname} {message} {correlation_id}", "{"),
        ("${levelname} $message ${correlation_id}", "$"),
        ("levelname,message,correlation_id", ","),
        (["levelname", "message", "correlation_id"], "%"),
    ],
)
def test_a_format_chooses_the_fields(fmt: Any, style: str) -> None:
    """A format, in any of python-json-logger's styles, is the list of fields and their order."""
    with logweft.adopt(ID):
        line = line_of(lambda log: log.info("hi", extra={"order": 7}), fmt=fmt, style=style)
    expected = {"levelname": "INFO", "message": "hi", "correlation_id": ID, "order": 7}
    assert list(line.items()) == list(expected.items())


def test_a_field_of_the_call_that_the_format_names_is_written_once() -> None:
    """An extra field, a bound one and a dict message's, named in the format, fill their place."""
    fmt = ["message", "order", "levelname"]
    by_extra = line_of(lambda log: log.info("hi", extra={"order": 7}), fmt=fmt)
    by_dict = line_of(lambda log: log.info({"order": 7}), fmt=fmt)
    with logweft.bind(order=7):
        by_context = line_of(lambda log: log.info("hi"), fmt=fmt)
    assert by_extra == {"message": "hi", "order": 7, "levelname": "INFO"}
    assert by_dict == {"message": "", "order": 7, "levelname": "INFO"}
    assert by_context == by_extra


def test_a_format_shows_exceptions_as_python_json_logger_does() -> None:
    """With a format, exc_info and stack_info are texts under those names."""
    line = line_of(full_call, fmt=["message"])
    assert line["exc_info"].endswith("ValueError: no")
    assert line["stack_info"].startswith("Stack")


def test_exceptions_and_stacks_can_be_lists_of_lines() -> None:
    """python-json-logger's options for arrays work on the default line."""
    line = line_of(full_call, exc_info_as_array=True, stack_info_as_array=True)
    assert isinstance(line["exception"]["stack_trace"], list)
    assert line["stack"][0].startswith("Stack")


def test_a_prefix_stands_before_the_json() -> None:
    """The prefix is written as it is, and counts for the budget."""
    with stream_logger(prefix="@cee: ", max_line=1024) as (log, stream):
        log.info("x" * 2000)
    line = written(stream.getvalue())
    assert len(line) < 1024
    assert strict(line.removeprefix("@cee: "))["truncated"] is True


def test_a_users_default_is_asked_for_unknown_types_and_may_decline() -> None:
    """json_default converts what it knows; what it declines by TypeError is shown as ever."""

    def default(value: Any) -> Any:
        if isinstance(value, decimal.Decimal):
            return float(value)
        raise TypeError

    extra = {"price": decimal.Decimal("1.5"), "id": uuid.UUID(int=1)}
    line = line_of(lambda log: log.info("hi", extra=extra), json_default=default)
    assert (line["price"], line["id"]) == (1.5, str(uuid.UUID(int=1)))


def test_a_users_default_that_fails_costs_its_value_only() -> None:
    """Whatever json_default raises or returns, the rest of the line is there."""

    def default(value: Any) -> Any:
        return [value] if isinstance(value, uuid.UUID) else 1 / 0

    extra = {"endless": uuid.UUID(int=1), "bad": decimal.Decimal(1), "good": 1}
    line = line_of(lambda log: log.info("hi", extra=extra), json_default=default)
    assert (line["message"], line["good"]) == ("hi", 1)


def test_a_users_serializer_that_fails_still_gives_a_line() -> None:
    """A json_serializer that raises costs the fields, not the line."""

    def serializer(*_: Any, **__: Any) -> str:
        raise RuntimeError("no JSON today")

    line = line_of(lambda log: log.info("hi"), json_serializer=serializer)
    assert (line["message"], line["level"]) == ("hi", "INFO")
    assert "no JSON today" in line["logweft_error"]


class Failing(logweft.JsonFormatter):
    """A formatter of the user's own, with a bug in it."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Fail."""
        raise RuntimeError("password=hunter2hunter2 \x9b\u2028")


def test_the_line_of_a_broken_formatter_is_short_strict_and_redacted() -> None:
    """When rendering fails the line has level, logger, message, ID and the error, redacted."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Failing())
    handler.addFilter(logweft.ContextFilter())
    with logger_to(handler) as log, logweft.adopt(ID):
        log.info("token=abcdef0123456789 \x85" + "x" * 10**6)
    raw = written(stream.getvalue())
    line = strict(raw)
    assert not CONTROLS.search(raw)
    assert len(raw) < 4096
    assert (line["level"], line["logger"], line["correlation_id"]) == ("INFO", "tests.hostile", ID)
    assert "RuntimeError" in line["logweft_error"]
    assert "hunter2" not in raw
    assert "abcdef0123456789" not in raw


def test_a_clock_gone_mad_costs_the_time_only() -> None:
    """A record whose time is no number is written with all its fields, whatever the date format."""
    for options in (
        {"datefmt": "%H:%M"},
        {"fmt": ["asctime", "message"]},
        {"fmt": ["message"], "timestamp": True},
    ):
        line = line_of(wire(created=float("nan"), order=7), **options)
        assert (line["message"], line["order"]) == ("wired", 7), options


def test_a_plain_text_format_may_name_the_id() -> None:
    """ContextFilter gives the stdlib's own formatter the ID, and leaves the call's own alone."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(correlation_id)s %(message)s"))
    handler.addFilter(logweft.ContextFilter())
    with logger_to(handler) as log:
        log.info("outside")
        with logweft.adopt(ID):
            log.info("inside")
            log.info("own", extra={"correlation_id": "mine"})
    assert stream.getvalue().splitlines() == ["None outside", f"{ID} inside", "mine own"]


# -- the budget


def test_a_line_within_the_budget_is_not_cut() -> None:
    """A line one byte below the limit is written as it is, one byte above is marked as cut."""

    def call(log: logging.Logger, size: int) -> None:
        wire(msg="x" * size, created=0.0)(log)

    with stream_logger() as (log, stream):
        call(log, 0)
    room = MAX_LINE - len(stream.getvalue())
    for size, cut in ((room, False), (room + 1, True)):
        with stream_logger() as (log, stream):
            call(log, size)
        text = stream.getvalue()
        assert len(text) <= MAX_LINE
        assert ("truncated" in strict(written(text))) is cut


@pytest.mark.parametrize("filler", ["x", "\x01", "é", "\U0001f600", "\u2028", '"'])
@pytest.mark.parametrize("max_line", [1024, 4096, MAX_LINE, 100_000])
def test_no_line_is_longer_than_the_budget(filler: str, max_line: int) -> None:
    """Bytes are counted as written, escapes and UTF-8 included, wherever the long text is."""

    def call(log: logging.Logger) -> None:
        long = filler * 200_000
        try:
            raise ValueError(long)
        except ValueError:
            log.exception("%s", long, extra={"a": long, "b": {"c": [long] * 3}})

    with stream_logger(max_line=max_line) as (log, stream), logweft.adopt(ID):
        call(log)
    raw = written(stream.getvalue())
    line = strict(raw)
    assert len(raw.encode()) < max_line
    assert line["truncated"] is True
    assert (line["level"], line["correlation_id"]) == ("ERROR", ID)
    assert TIMESTAMP.fullmatch(line["timestamp"])
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["message"].startswith(filler)


@pytest.mark.parametrize("size", [20_000, 100_000, 3_000_000])
@pytest.mark.parametrize("max_line", [1024, MAX_LINE])
@pytest.mark.parametrize("fields", [0, 9])
def test_a_cut_text_says_how_much_is_left_out(size: int, max_line: int, fields: int) -> None:
    """What is shown of a text and the number between make its length, however often it is cut."""
    long = ("a few words " * size)[:size]

    def call(log: logging.Logger) -> None:
        log.info(long, extra={f"field{place}": long for place in range(fields)})

    line = line_of(call, max_line=max_line)
    for text in [value for name, value in line.items() if name == "message" or "field" in name]:
        begin, *_, end = shown = re.split(r"\[\.\.\.\d+\.\.\.\]", text)
        counts = map(int, re.findall(r"\[\.\.\.(\d+)\.\.\.\]", text))
        assert sum(map(len, shown)) + sum(counts) == size
        assert len(shown) == 2 or size > MAX_TEXT
        assert long.startswith(begin)
        assert long.endswith(end)


class Counting(Redactor):
    """Notes how long the texts are that it looks at."""

    longest = all = 0

    def text(self, text: str, *, is_source: bool = False) -> str:  # noqa: D102 - as the other
        self.longest = max(self.longest, len(text))
        self.all += len(text)
        return super().text(text, is_source=is_source)


@pytest.mark.parametrize(
    "call",
    [
        lambda log, text: log.info(text),
        lambda log, text: log.info("body: %s", text),
        lambda log, text: log.info({"message": "body", "body": text}),
        lambda log, text: log.info("body", extra={"body": text}),
        lambda log, text: log.info("body", extra={"token": text}),
        lambda log, text: log.info(
            "body", extra={"body": {"parts": [text, text.encode(errors="replace")]}}
        ),
        lambda log, text: log.info("body", exc_info=ValueError(text)),
        lambda log, text: log.info("body", extra={text: text}),
    ],
)
@pytest.mark.parametrize("filler", ["some words ", "x", "\xe9 ", "\ud800"])
def test_what_no_line_has_room_for_is_not_looked_at(
    call: Callable[[logging.Logger, str], Any], filler: str
) -> None:
    """However long a text is, two lines of it at most are looked at, and the line says so."""
    redactor = Counting()
    line = line_of(lambda log: call(log, filler * 300_000), redact=redactor)
    assert redactor.longest <= 2 * MAX_LINE
    assert line["truncated"] is True or line.get("token") == "[redacted]"


@pytest.mark.parametrize(
    "value",
    [
        [[b"\xff" * 1_000] * 1_000] * 20,
        [["some words"] * 1_000] * 1_000,
        [{f"column{place}": "some words" for place in range(20)}] * 1_000,
        {f"name{place}" * 100: {"a": "some words " * 300} for place in range(1_000)},
    ],
    ids=["bytes", "texts", "rows", "names"],
)
def test_an_exception_is_told_whatever_it_is_logged_with(value: Any) -> None:
    """Of more values than any line has room for few are looked at, and the exception is there."""
    redactor = Counting()
    line = line_of(
        lambda log: log.error("hi", exc_info=recursed(300), extra={"a": value, "b": {"c": 1}}),
        redact=redactor,
    )
    assert redactor.all <= 40 * MAX_LINE
    assert line["truncated"] is True
    assert (line["exception"]["type"], line["exception"]["message"]) == ("ValueError", "bottom")
    assert line["exception"]["stack_trace"].endswith('raise ValueError("bottom")')
    assert line["b"] == {"c": 1}


def test_a_secret_longer_than_a_line_is_withheld_whole() -> None:
    """A registered secret and a match of a user's pattern leave nothing of theirs in the line."""
    secret = " ".join(f"part{place}" for place in range(5_000))
    text = "see " + "<doc>" + secret + "</doc>" + " more" * 9_000
    texts = (text, text[::-1][:4_000] + text, "word " * 2_000 + text)
    for options in (
        {"environment": ["LONG_SECRET"]},
        {"patterns": {"doc": r"<doc>[^<]{1,100000}</doc>"}},
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LONG_SECRET", secret)
            for each in texts:
                line = line_of(lambda log, each=each: log.info(each), redact=options)
                assert not re.search(r"part\d", line["message"])
                assert line["message"].endswith(" more")
                assert line["truncated"] is True


@pytest.mark.parametrize("before", [0, *range(20, 30)])
@pytest.mark.parametrize("make", [str, str.encode, lambda text: b"\xff" + text.encode()])
def test_no_part_of_a_keys_block_is_left(before: int, make: Callable[[str], Any]) -> None:
    """Wherever a text is cut that has a private key in it, nothing of the key is in the line."""
    begin, end = (f"-----{edge} PGP PRIVATE KEY BLOCK-----\n" for edge in ("BEGIN", "END"))
    block = begin + f"{'part7/+' * 9}\n" * 250 + end
    for more in range(1, 4_000, 250):
        for words in (100, 900, 9_000):
            texts = [
                *["some words" * 1_000] * before,
                make("word " * words + block + "more " * more),
            ]
            line = line_of(lambda log, texts=texts: log.info("hi", extra={"texts": texts}))
            assert "part7" not in json.dumps(line)


@pytest.mark.parametrize("max_line", [1024, MAX_LINE, 100_000])
@pytest.mark.parametrize("name", ["text", "message"])
def test_no_part_of_many_keys_is_left(max_line: int, name: str) -> None:
    """Of a text of nothing but private keys, which redaction makes short, no key comes out."""
    body = "".join(f"{'part7/+' * 9}\n" for _ in range(26))
    block = f"-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n"
    for more in range(0, 2_000, 40):
        for count in (20, 60, 400):
            text = "keys: " + block * count + "x " * more
            msg, extra = (text, {}) if name == "message" else ("hi", {"text": text})
            line = line_of(
                lambda log, msg=msg, extra=extra: log.info(msg, extra=extra), max_line=max_line
            )
            assert "part7" not in line[name]
            assert line[name].startswith("keys: -----BEGIN PRIVATE KEY-----[redacted]")


@pytest.mark.parametrize("max_line", [1024, 2048, MAX_LINE])
def test_a_cut_traceback_keeps_its_newest_frame(max_line: int) -> None:
    """What is cut out of a long traceback is its middle; type, message and newest frame stay."""
    line = line_of(
        lambda log: log.error("failed", exc_info=recursed(300), extra={"blob": "x" * 20_000}),
        max_line=max_line,
    )
    assert line["truncated"] is True
    assert (line["exception"]["type"], line["exception"]["message"]) == ("ValueError", "bottom")
    assert line["exception"]["stack_trace"].endswith('raise ValueError("bottom")')
    assert line["message"] == "failed"


def test_the_longest_id_survives_the_smallest_budget() -> None:
    """A correlation ID of 128 characters is whole in the shortest line there can be."""
    longest = "a" * 128
    with logweft.adopt(longest):
        line = line_of(
            lambda log: log.error(
                "m" * 5000,
                exc_info=raised(ValueError("e" * 5000)),
                extra={f"k{n}": "v" * 99 for n in range(99)},
            ),
            max_line=1024,
        )
    assert line["correlation_id"] == longest
    assert TIMESTAMP.fullmatch(line["timestamp"])
    assert line["exception"]["type"] == "ValueError"


def test_a_long_field_does_not_cost_the_short_ones() -> None:
    """When one field is too long, that one is cut and the others are whole."""
    extra = {"long": "x" * 50_000, "order": 7, "items": [1, 2, 3]}
    line = line_of(lambda log: log.info("hi", extra=extra))
    assert (line["order"], line["items"], line["message"]) == (7, [1, 2, 3], "hi")
    assert len(line["long"]) < 15_000


def test_cutting_happens_after_redaction() -> None:
    """No half of a secret is left where the cut goes through it."""
    secret = "hunter2" * 3000
    with stream_logger() as (log, stream):
        log.info("hi", extra={"password": secret, "text": f"password={secret} and more"})
    assert "hunter2" not in stream.getvalue()


def test_no_part_of_a_registered_secret_is_left_at_the_longest_texts_end() -> None:
    """A secret that lies across the end of what is looked at leaves no part behind."""
    logweft.register_secret("Zq7-registered-Zq7")
    with stream_logger() as (log, stream):
        log.info("x" * (2**20 - 9) + "Zq7-registered-Zq7")
    assert "Zq7-regis" not in stream.getvalue()


# -- what is the caller's stays the caller's


def test_the_callers_objects_are_unchanged() -> None:
    """Message, arguments, extra, bound fields and the exception are deeply what they were."""
    message = {"order": {"password": "hunter2hunter2", "items": [1, {"a": {1, 2}}]}, 5: "x"}
    args = {"who": {"token": "abcdef0123456789"}, "big": 10**40}
    extra = {"level": "mine", "nested": [[float("inf")], bytearray(b"x")], "long": "x" * 20_000}
    exc = raised(ValueError("no", [1, 2]), KeyError("k"))
    bound = {"cart": [{"secret": "s"}]}
    before = copy.deepcopy((message, args, extra, bound))
    frames, words = exc.__traceback__, exc.args
    with stream_logger() as (log, _), logweft.bind(**bound):
        log.info(message, exc_info=exc, extra=extra)
        log.info("%(who)s %(gone)s", args, extra=extra)
    assert (message, args, extra, bound) == before
    assert (exc.__traceback__, exc.args) == (frames, words)
    assert not hasattr(exc, "__notes__")


def test_the_record_does_not_remember_our_rendering() -> None:
    """exc_text, which other handlers would print, is not set by making a line."""
    record = logging.makeLogRecord({"msg": "a %s", "args": ("b",), "exc_info": None})
    exc = raised(ValueError("x"))
    record.exc_info = (type(exc), exc, exc.__traceback__)
    for formatter in (
        logweft.JsonFormatter(),
        logweft.JsonFormatter(["message"]),
        logweft.ConsoleFormatter(),
    ):
        formatter.format(record)
    assert record.exc_text is None
    assert (record.msg, record.args) == ("a %s", ("b",))
    assert logging.Formatter("%(message)s").format(record).startswith("a b\nTraceback")


def test_a_formatter_may_be_shared_by_threads() -> None:
    """Lines made by one formatter in eight threads at once do not mix."""
    formatter = logweft.JsonFormatter()
    start = threading.Barrier(8)
    wrong: list[int] = []

    def work(number: int) -> None:
        start.wait(60)
        for turn in range(50):
            record = logging.makeLogRecord({"msg": "%s %s", "args": (number, turn), "n": [number]})
            line = strict(formatter.format(record))
            if (line["message"], line["n"]) != (f"{number} {turn}", [number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -- configuration fails early


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"max_line": 1023}, ValueError, "max_line must be an int >= 1024"),
        ({"max_line": "9999"}, ValueError, "max_line"),
        ({"encoder": "yaml"}, ValueError, "encoder must be"),
        ({"style": "&"}, ValueError, "Style must be"),
        ({"fmt": 5}, TypeError, "fmt must be"),
        ({"redact": "yes"}, TypeError, "redact must be"),
        ({"no_such_option": 1}, TypeError, "no_such_option"),
    ],
)
def test_a_wrong_option_is_refused_at_once(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A mistake in the configuration raises where the formatter is made, and says what is wrong."""
    with pytest.raises(error, match=words):
        logweft.JsonFormatter(**options)


def test_local_variables_are_never_written() -> None:
    """The values of a frame's variables appear in no line, however the exception is logged."""

    def fails(kept: str) -> None:
        raise ValueError(f"failed with {len(kept)}")

    with stream_logger() as (log, stream):
        value = "-".join(["local", "value", "4711"])
        try:
            fails(value)
        except ValueError:
            log.exception("failed", stack_info=True)
    assert "local-value-4711" not in stream.getvalue()
    assert "raise ValueError(f" in strict(written(stream.getvalue()))["exception"]["stack_trace"]


class Account:
    """Says what may be logged of it."""

    def __repr__(self) -> str:
        return "<what may not be logged>"

    def __log__(self) -> Any:
        return {"id": 7, "pin": "4711"}


class Unwilling(Account):
    """Raises where it is asked what may be logged."""

    def __log__(self) -> Any:
        raise RuntimeError("no")


def test_an_argument_says_what_may_be_logged_of_it() -> None:
    """A `%` argument, positional or named, with a `__log__` is replaced by what that returns."""
    formatter = logweft.JsonFormatter(datefmt="%Y", args=True)  # not the ordinary line
    ordinary = logweft.JsonFormatter().format(
        logging.makeLogRecord({"msg": "%s", "args": (Account(),)})
    )
    assert strict(ordinary)["message"] == "{'id': 7, 'pin': '[redacted]'}"

    def told(msg: str, args: Any) -> dict[str, Any]:
        return strict(formatter.format(logging.makeLogRecord({"msg": msg, "args": args})))

    assert told("%s", (Account(),))["message"] == "{'id': 7, 'pin': '[redacted]'}"
    assert told("%s", (Account(),))["args"] == [{"id": 7, "pin": "[redacted]"}]
    assert told("%(a)s", {"a": Account()})["a"] == {"id": 7, "pin": "[redacted]"}
    assert told("%s", (Unwilling(),))["message"] == "[redacted]"


def test_a_withheld_value_is_counted() -> None:
    """Each `__log__` that raises counts as an error of the redaction; the line is written."""
    redactor = Redactor()
    formatter = logweft.JsonFormatter(redact=redactor)

    line = strict(formatter.format(logging.makeLogRecord({"msg": "x", "user": Unwilling()})))

    assert (line["user"], redactor.errors) == ("[redacted]", 1)


def test_a_traceback_that_came_as_text_is_redacted() -> None:
    """Of a record with `exc_text` alone, messages are redacted as text and frames as source."""
    trace = (
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in f\n'
        "    connect(password=password)\n"
        "ValueError: password=hunter2"
    )

    line = strict(logweft.JsonFormatter().format(logging.makeLogRecord({"exc_text": trace})))

    assert line["exception"]["stack_trace"] == trace.replace("hunter2", "[redacted]")
