"""python-json-logger's documented behaviour, 4.x, holds for our subclass of its formatter."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import io
import json
import logging
import logging.config
import pathlib
import sys
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import pytest
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonEncoder
from pythonjsonlogger.json import JsonFormatter as Upstream

import logweft

Formatter = type[Upstream]
Ours = logweft.JsonFormatter
FMT = "%(message)s %(levelname)s"


def record(
    msg: Any = "hello %s",
    args: Any = ("you",),
    *,
    raised: bool = False,
    stack: str | None = None,
    **extra: Any,
) -> logging.LogRecord:
    """Return a record as a log call makes it, with *extra* as its attributes."""
    info = None
    if raised:
        try:
            raise LookupError("no such order")
        except LookupError:
            info = sys.exc_info()
    made = logging.LogRecord("app", logging.INFO, "/srv/shop/orders.py", 7, msg, args, info, "pay")
    made.stack_info = stack
    vars(made).update(extra)
    return made


def both(made: logging.LogRecord, *args: Any, **options: Any) -> tuple[Any, Any]:
    """Return what upstream and we write of one record, parsed; a prefix is cut off."""
    prefix = options.get("prefix", "")
    lines = [formatter(*args, **options).format(copy.copy(made)) for formatter in (Upstream, Ours)]
    assert all(line.startswith(prefix) for line in lines)
    theirs, ours = (json.loads(line[len(prefix) :]) for line in lines)
    return theirs, ours


class Color(enum.Enum):
    RED = "red"
    BLUE = 3


@dataclasses.dataclass
class Order:
    number: int = 7
    lines: list[str] = dataclasses.field(default_factory=lambda: ["book"])


class Special:
    special = 41

    def __str__(self) -> str:
        return "a special one"


class ComplexEncoder(JsonEncoder):
    """The encoder of a user: one type more, and dates of its own."""

    def default(self, o: Any) -> Any:
        """Convert complex numbers."""
        if isinstance(o, complex):
            return {"re": o.real, "im": o.imag}
        return super().default(o)

    def format_datetime_obj(self, o: Any) -> str:
        """Write the year alone."""
        return f"on {o:%Y}"


def special_default(value: Any) -> Any:
    """Convert as the quickstart shows: one class of the user's own."""
    return {"special": value.special} if isinstance(value, Special) else str(value)


Pair = namedtuple("Pair", "left right")
STACK = "Stack (most recent call last):\n  File 'x'"

# Each: the formatter's arguments, its keywords, and what the record is made of.
SAME: dict[str, tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]] = {
    "percent style": ((FMT,), {}, {}),
    "percent style, padded": (("%(levelname)-8s|%(lineno)05d|%(message)s",), {}, {}),
    "brace style": (("{message}{levelname}",), {"style": "{"}, {}),
    "quickstart: required fields": (
        ("{message}{asctime}{exc_info}",),
        {"style": "{"},
        {"raised": True},
    ),
    "quickstart: required fields, no exception": (
        ("{message}{asctime}{exc_info}",),
        {"style": "{"},
        {},
    ),
    "dollar style": (("${message} $levelname $$literal",), {"style": "$"}, {}),
    "comma style": (("message, levelname ,name,",), {"style": ","}, {}),
    "list of names": ((["message", "levelname", "lineno"],), {}, {}),
    "tuple of names": ((("asctime", "message"),), {}, {}),
    "positional datefmt": (("%(asctime)s %(message)s", "%Y-%m-%d"), {}, {}),
    "positional style": (("{message}", None, "{", True), {}, {}),
    "a name no record has": (("message,nothing",), {"style": ","}, {}),
    "every attribute": ((sorted({*RESERVED_ATTRS} - {"exc_text", "args"}),), {}, {}),
    "extra": ((FMT,), {}, {"my_data": 1, "other_stuff": False}),
    "extra named in fmt": (("%(message)s %(user)s",), {}, {"user": "Ada"}),
    "dict message": ((FMT,), {}, {"msg": {"my_data": 1, "message": "said"}, "args": ()}),
    "dict message without message": ((FMT,), {}, {"msg": {"my_data": 1}, "args": ()}),
    "dict message and extra": ((FMT,), {}, {"msg": {"a": 1, "b": 2}, "args": (), "b": 3}),
    "mapping arguments": ((FMT,), {}, {"msg": "paid", "args": ()}),
    "rename": ((FMT,), {"rename_fields": {"levelname": "LEVEL", "message": "@message"}}, {}),
    "rename extra": ((FMT,), {"rename_fields": {"user": "usr.name"}}, {"user": "Ada"}),
    "rename missing": ((FMT,), {"rename_fields": {"nothing": "else"}}, {}),
    "rename keeps missing": (
        (FMT,),
        {"rename_fields": {"nothing": "else"}, "rename_fields_keep_missing": True},
        {},
    ),
    "static fields": ((FMT,), {"static_fields": {"True on every record?": True}}, {}),
    "static fields renamed": (
        (FMT,),
        {"static_fields": {"env": "dev"}, "rename_fields": {"env": "environment"}},
        {},
    ),
    "defaults": ((FMT,), {"defaults": {"environment": "dev"}}, {}),
    "defaults overwritten": ((FMT,), {"defaults": {"environment": "dev"}}, {"environment": "prod"}),
    "defaults renamed": (
        (FMT,),
        {"defaults": {"environment": "dev"}, "rename_fields": {"environment": "env"}},
        {"environment": "prod"},
    ),
    "defaults under a required field": ((FMT,), {"defaults": {"levelname": "NONE"}}, {}),
    "reserved": (
        (FMT,),
        {"reserved_attrs": [*RESERVED_ATTRS, "request_id", "my_other_field"]},
        {"request_id": 1, "my_other_field": 2, "kept": 3},
    ),
    "cookbook: include all fields": ((FMT,), {"reserved_attrs": []}, {}),
    "include all fields, with exception and stack": (
        ("message",),
        {"style": ",", "reserved_attrs": ["exc_text"]},
        {"stack": STACK},
    ),
    "one attribute more": (
        (FMT,),
        {"reserved_attrs": [name for name in RESERVED_ATTRS if name != "lineno"]},
        {},
    ),
    "timestamp": ((FMT,), {"timestamp": True}, {}),
    "timestamp with a name": ((FMT,), {"timestamp": "ts"}, {}),
    "timestamp renamed": ((FMT,), {"timestamp": True, "rename_fields": {"timestamp": "@t"}}, {}),
    "prefix": ((FMT,), {"prefix": "@cee: "}, {}),
    "json_default": ((FMT,), {"json_default": special_default}, {"x": Special(), "y": 1j}),
    "json_encoder": (
        (FMT,),
        {"json_encoder": ComplexEncoder},
        {"x": 1j, "day": datetime.date(2024, 2, 29), "deep": {"er": [2j]}},
    ),
    "json_serializer": (
        (FMT,),
        {"json_serializer": lambda data, **options: json.dumps({"w": data}, **options)},
        {"day": datetime.date(2024, 2, 29)},
    ),
    "json_indent": ((FMT,), {"json_indent": 2}, {"deep": {"er": [1]}}),
    "json_ensure_ascii": ((FMT,), {"json_ensure_ascii": True}, {"city": "Zürich"}),
    "not ASCII": ((FMT,), {"json_ensure_ascii": False}, {"city": "Zürich"}),
    "exc_info": ((FMT,), {}, {"raised": True}),
    "exc_info as array": ((FMT,), {"exc_info_as_array": True}, {"raised": True}),
    "exc_info renamed": ((FMT,), {"rename_fields": {"exc_info": "error"}}, {"raised": True}),
    "stack_info": ((FMT,), {}, {"stack": STACK}),
    "stack_info as array": ((FMT,), {"stack_info_as_array": True}, {"stack": STACK}),
    "exc_text": ((FMT,), {}, {"exc_text": "Traceback of yesterday"}),
    "date and time": (
        (FMT,),
        {},
        {
            "date": datetime.date(2024, 2, 29),
            "time": datetime.time(12, 30),
            "naive": datetime.datetime(2024, 2, 29, 12, 30, 0, 17),
            "aware": datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc),
            "delta": datetime.timedelta(days=2),
        },
    ),
    "enum": ((FMT,), {}, {"member": Color.RED, "number": Color.BLUE, "cls": Color}),
    "dataclass": ((FMT,), {}, {"order": Order(), "nested": [Order(8)]}),
    "class": ((FMT,), {}, {"cls": int, "own": Order}),
    "exception as a value": ((FMT,), {}, {"error": ValueError("wrong")}),
    "unknown objects": (
        (FMT,),
        {},
        {
            "uuid": uuid.UUID(int=7),
            "decimal": decimal.Decimal("1.50"),
            "path": pathlib.PurePosixPath("/srv"),
            "lazy": Special(),
        },
    ),
    "containers": (
        (FMT,),
        {},
        {"list": [1, [2.5, None, True]], "tuple": (1, 2), "dict": {"a": {"b": "c"}}, "none": None},
    ),
    "odd keys": ((FMT,), {}, {"dict": {1: "a", 2.5: "b", None: "c", False: "d"}}),
    "ordered": ((FMT,), {}, {"dict": OrderedDict(b=1, a=2)}),
    "numbers": ((FMT,), {}, {"float": 1e16, "small": 1e-7, "int": 2**62, "negative": -1.5}),
    "text": ((FMT,), {}, {"text": 'quotes " and \\ and \n and \u2028 and \U0001f600'}),
}
"""What is written by both, as parsed JSON, of one record."""


UNASKED = ("exc_info", "stack_info")


@pytest.mark.parametrize("what", SAME)
def test_the_line_is_that_of_python_json_logger(what: str) -> None:
    """With a format of one's own, the parsed line is python-json-logger's, whatever is passed."""
    args, options, made = SAME[what]
    theirs, ours = both(record(**made), *args, **options)
    if "all fields" in what:
        # Nobody has asked for these two by name: where there is none, they are left out.
        theirs = {k: v for k, v in theirs.items() if k not in UNASKED or v is not None}
    assert ours == theirs


@pytest.mark.parametrize("what", [what for what in SAME if "static" not in what])
def test_the_order_is_that_of_python_json_logger(what: str) -> None:
    """The fields come in python-json-logger's order, but exception and stack, which are last."""
    args, options, made = SAME[what]
    theirs, ours = both(record(**made), *args, **options)
    late = {*UNASKED, "error"} - {*Upstream(*args, **options)._required_fields}
    theirs, ours = ([*(line.get("w", line))] for line in (theirs, ours))
    assert [name for name in ours if name not in late] == [
        name for name in theirs if name not in late
    ]


# (options, record, field, upstream's value, ours, why): everything that is not upstream's.
Difference = tuple[dict[str, Any], dict[str, Any], str, Any, Any, str]
ABSENT = object()
DIFFERENT: dict[str, Difference] = {
    "bytes": ({}, {"x": b"ab\xff"}, "x", "YWL_", "ab\\xff", "people read and grep lines"),
    "bytearray": ({}, {"x": bytearray(b"a")}, "x", "YQ==", "a", "as bytes"),
    "set": ({}, {"x": {2, 1}}, "x", "{1, 2}", [1, 2], "JSON has lists; a repr is no data"),
    "frozenset": ({}, {"x": frozenset([1])}, "x", "frozenset({1})", [1], "as a set"),
    "namedtuple": (
        {},
        {"x": Pair(1, 2)},
        "x",
        [1, 2],
        {"left": 1, "right": 2},
        "its names are what makes it one",
    ),
    "NaN": ({}, {"x": float("nan")}, "x", "not JSON", "NaN", "RFC 8259 has no such number"),
    "infinity": ({}, {"x": -float("inf")}, "x", "not JSON", "-Infinity", "as NaN"),
    "beyond 64 bits": (
        {},
        {"x": 2**64},
        "x",
        2**64,
        "18446744073709551616",
        "readers round or refuse it: RFC 8259, section 6",
    ),
    "secret": ({}, {"password": "hunter2"}, "password", "hunter2", "[redacted]", "promise 3"),
    "private": ({}, {"_x": 1}, "_x", ABSENT, 1, "nothing that was logged is left out"),
    "spoofed level": (
        {},
        {"msg": {"levelname": "DEBUG"}, "args": ()},
        "levelname",
        "DEBUG",
        "INFO",
        "a message cannot forge what the record says; it is in levelname_",
    ),
    "spoofed exception": (
        {},
        {"msg": {"exc_info": "mine"}, "args": (), "raised": True},
        "exc_info",
        "mine",
        "no such order",
        "as a spoofed level; it is in exc_info_",
    ),
    "spoofed static field": (
        {"static_fields": {"env": "prod"}},
        {"env": "dev"},
        "env",
        "dev",
        "prod",
        "static is what the operator said; the caller's is in env_",
    ),
    "message that cannot be formatted": (
        {},
        {"msg": "%d", "args": ("seven",)},
        "message",
        "raises",
        "%d",
        "a log call never raises, and the line is there",
    ),
    "circular": ({}, {"x": "itself"}, "x", "raises", {"me": "[circular]"}, "as above"),
    "object that cannot be shown": (
        {},
        {"x": "raising"},
        "x",
        "__could_not_encode__",
        "<unprintable",
        "the type says where to look",
    ),
}


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_deliberate_difference_is_as_the_table_says(what: str) -> None:
    """Where we differ from python-json-logger on purpose, both lines are as the table says."""
    options, made, field, theirs, ours, why = DIFFERENT[what]
    if made.get("x") == "itself":
        loop: dict[str, Any] = {}
        loop["me"] = loop
        made = {"x": loop}
    elif made.get("x") == "raising":
        made = {"x": Raising()}
    assert why
    line = json.loads(Ours(FMT, **options).format(record(**made)))
    if isinstance(ours, str):
        assert ours in line[field]
    else:
        assert line[field] == ours
    if theirs == "raises":
        with pytest.raises((TypeError, ValueError, RecursionError)):
            Upstream(FMT, **options).format(record(**made))
        return
    told = Upstream(FMT, **options).format(record(**made))
    if theirs == "not JSON":

        def refuse(name: str) -> None:
            raise ValueError(name)

        with pytest.raises(ValueError, match=r"NaN|Infinity"):
            json.loads(told, parse_constant=refuse)
    elif theirs is ABSENT:
        assert field not in json.loads(told)
    else:
        assert json.loads(told)[field] == theirs


def test_the_text_is_compact_and_not_escaped() -> None:
    """Separators have no blanks, and text is UTF-8 unless json_ensure_ascii=True is given."""
    made = record(city="Zürich")
    assert Ours(FMT).format(made) == ('{"message":"hello you","levelname":"INFO","city":"Zürich"}')
    assert '"Z\\u00fcrich"' in Ours(FMT, json_ensure_ascii=True).format(made)


# Without a format there is our own line; what the documentation adds to a line is added to it.


def line(*args: Any, made: logging.LogRecord | None = None, **options: Any) -> dict[str, Any]:
    """Return our line of a record, parsed."""
    parsed: dict[str, Any] = json.loads(Ours(*args, **options).format(made or record()))
    return parsed


def test_quickstart_without_a_format() -> None:
    """The quickstart's `JsonFormatter()` writes the message, extra fields and dict messages."""
    assert line()["message"] == "hello you"
    assert (
        line(made=record(my_data=1, other_stuff=False)).items()
        >= {
            "message": "hello you",
            "my_data": 1,
            "other_stuff": False,
        }.items()
    )
    said = line(made=record({"my_data": 1, "message": "said", "other_stuff": False}, ()))
    assert said.items() >= {"message": "said", "my_data": 1, "other_stuff": False}.items()
    assert line(made=record({"my_data": 1}, ()))["message"] == ""


def test_quickstart_defaults() -> None:
    """A default is in each line, and `extra` of the same name overwrites it, once."""
    options = {"defaults": {"environment": "dev"}}
    assert line(**options)["environment"] == "dev"
    overwritten = line(made=record(environment="prod"), **options)
    assert overwritten["environment"] == "prod"
    assert "environment_" not in overwritten


@pytest.mark.parametrize("name", ["service", "version", "environment"])
def test_a_field_of_a_call_is_written_once(name: str) -> None:
    """An extra called service, version or environment never passes for ours, set or not."""
    told = line(made=record(**{name: "mine"}))
    assert [field for field in told if field.startswith(name)] == [f"{name}_"]
    assert told[f"{name}_"] == "mine"


def test_quickstart_static_and_excluded_fields() -> None:
    """Static fields are in each line; a name in reserved_attrs is in none."""
    assert line(static_fields={"True gets logged on every record?": True})[
        "True gets logged on every record?"
    ]
    excluded = line(
        made=record(request_id=1, kept=2), reserved_attrs=[*RESERVED_ATTRS, "request_id"]
    )
    assert "request_id" not in excluded
    assert excluded["kept"] == 2


def test_cookbook_include_all_fields() -> None:
    """With reserved_attrs=[] every attribute of the record is a field, under its own name."""
    told = line(reserved_attrs=[])
    attributes = vars(record())
    assert {*attributes} <= {*told}
    assert not [name for name in told if name.endswith("_")]
    assert (told["levelname"], told["lineno"], told["pathname"]) == (
        "INFO",
        7,
        "/srv/shop/orders.py",
    )


@pytest.mark.parametrize("timestamp", [True, "ts"])
def test_timestamp_without_a_format(timestamp: bool | str) -> None:
    """The parameter timestamp names the field of our own line, too, and there is one of it."""
    told = line(timestamp=timestamp)
    name = "timestamp" if timestamp is True else "ts"
    assert datetime.datetime.fromisoformat(told[name].replace("Z", "+00:00"))
    assert [field for field in told if field in ("timestamp", "ts")] == [name]


def test_rename_without_a_format() -> None:
    """rename_fields renames the fields of our own line, and those of a call."""
    told = line(made=record(user="Ada"), rename_fields={"level": "severity", "user": "usr"})
    assert (told["severity"], told["usr"]) == ("INFO", "Ada")
    assert not {"level", "user"} & {*told}


# Subclasses


def subclasses(base: Formatter) -> dict[str, Callable[[], logging.Formatter]]:
    """Return the documentation's ways of overriding, for upstream's class or for ours."""

    class CommaSupport(base):
        def parse(self) -> list[str]:
            if isinstance(self._style, str) and self._style == ",":
                return str(self._fmt).split(",")
            return list(super().parse())

    class SemicolonSupport(base):
        def parse(self) -> list[str]:
            return str(self._fmt).split(";")

    class Silly(base):
        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            return {name[::-1]: value for name, value in log_data.items()}

    class RequestId(base):
        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            log_data["request_id"] = "r-1"
            return log_data

    class AddFields(base):
        def add_fields(
            self,
            log_data: dict[str, Any],
            record: logging.LogRecord,
            message_dict: dict[str, Any],
        ) -> None:
            super().add_fields(log_data, record, message_dict)
            log_data["upper"] = record.levelname.upper()
            log_data["message"] = log_data["message"] + "!"
            log_data["keys"] = sorted(message_dict)

    class Jsonify(base):
        def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
            return json.dumps({"wrapped": log_data})

    class Times(base):
        def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
            return "noon"

        def formatException(self, ei: Any) -> str:
            return f"{ei[0].__name__}!"

        def formatStack(self, stack_info: str) -> str:
            return "a stack"

    return {
        "cookbook: custom style": lambda: CommaSupport(
            "message,asctime", style=",", validate=False
        ),
        "a style of one's own": lambda: SemicolonSupport(
            "message;levelname", style=";", validate=False
        ),
        "cookbook: silly": lambda: Silly(FMT),
        "cookbook: request ID": lambda: RequestId(FMT),
        "add_fields": lambda: AddFields(FMT),
        "jsonify_log_record": lambda: Jsonify(FMT),
        "formatTime and others": lambda: Times("%(message)s %(asctime)s"),
    }


@pytest.mark.parametrize("what", subclasses(Upstream))
@pytest.mark.parametrize("kind", ["plain", "exception", "dict"])
def test_a_subclass_is_asked_as_python_json_logger_asks_it(what: str, kind: str) -> None:
    """A subclass that overrides a documented method gives the same line with our class as base."""
    made = {
        "plain": record(user="Ada"),
        "exception": record(raised=True, stack=STACK),
        "dict": record({"order": 7, "message": "paid"}, ()),
    }[kind]
    theirs, ours = (
        json.loads(subclasses(base)[what]().format(copy.copy(made))) for base in (Upstream, Ours)
    )
    if what == "add_fields":
        # Upstream hands over as the message's own what is not: the rendered exception and stack,
        # and the message itself, which has a field already.
        told = {"plain": [], "exception": ["exc_info", "stack_info"], "dict": ["message", "order"]}
        assert theirs.pop("keys") == told[kind]
        assert ours.pop("keys") == (["order"] if kind == "dict" else [])
    assert ours == theirs


@pytest.mark.parametrize("what", ["style", "keyword", "fmt for the style"])
def test_what_python_json_logger_refuses_we_refuse(what: str) -> None:
    """A style, keyword or format that python-json-logger refuses gets the same exception type."""
    calls: dict[str, Callable[[Formatter], object]] = {
        "style": lambda base: base("message", style="x"),
        "keyword": lambda base: base(FMT, colour=True),
        "fmt for the style": lambda base: base("{message}"),
    }
    raised = []
    for base in (Upstream, Ours):
        with pytest.raises((TypeError, ValueError)) as caught:
            calls[what](base)
        raised.append(caught.type)
    assert raised[0] is raised[1]


def test_the_callers_objects_are_left_alone() -> None:
    """A dict message, its values and the extra fields are the same after formatting as before."""
    message = {"order": {"lines": [1, 2]}, "password": "hunter2", "message": "paid"}
    before = copy.deepcopy(message)
    made = record(message, (), raised=True, stack=STACK)
    info = made.exc_info
    Ours(FMT).format(made)
    assert message == before
    assert made.msg is message
    assert (made.args, made.exc_info) == ((), info)


def test_an_expensive_value_is_rendered_only_when_the_line_is() -> None:
    """The cookbook's lazy value is asked for its text by an enabled call alone."""
    asked = []

    class Lazy:
        def __str__(self) -> str:
            asked.append(1)
            return "computed"

    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Ours())
    log = logging.getLogger("app.lazy")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    log.debug({"data": Lazy()})
    assert asked == []
    log.info({"data": Lazy()})
    assert json.loads(out.getvalue())["data"] == "computed"


PROJECT = "test-api"
STREAM = io.StringIO()


def test_the_cookbooks_dictconfig_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cookbook's dictConfig with our class, ext:// values included, gives its line."""
    monkeypatch.setitem(sys.modules, "logging_config", sys.modules[__name__])
    STREAM.seek(0)
    STREAM.truncate()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "default": {
                    "()": "logweft.JsonFormatter",
                    "fmt": "%(asctime)s %(levelname)s %(name)s %(module)s %(funcName)s "
                    "%(lineno)s %(message)s",
                    "rename_fields": {"asctime": "timestamp", "levelname": "status"},
                    "static_fields": {"service": "ext://logging_config.PROJECT", "app_log": "true"},
                }
            },
            "handlers": {
                "default": {
                    "formatter": "default",
                    "class": "logging.StreamHandler",
                    "stream": "ext://logging_config.STREAM",
                }
            },
            "loggers": {
                "app.cookbook": {"level": "INFO", "handlers": ["default"], "propagate": False}
            },
        }
    )
    logging.getLogger("app.cookbook").info("hello")
    told = json.loads(STREAM.getvalue())
    assert list(told) == [
        *("timestamp", "status", "name", "module", "funcName", "lineno", "message"),
        *("service", "app_log"),
    ]
    assert (told["status"], told["message"], told["service"]) == ("INFO", "hello", PROJECT)
