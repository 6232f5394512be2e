"""Real lines against schema.json, which states every field of the default line."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import logweft
from programs import strict

SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

SYSTEM = set(SCHEMA["properties"])

Call = Callable[[logging.Logger], Any]


def line_of(call: Call, **options: Any) -> dict[str, Any]:
    """Return the one line of *call*, made inside a unit of work."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logweft.JsonFormatter(**options))
    handler.addFilter(logweft.ContextFilter())
    log = logging.Logger("shop.orders")  # noqa: LOG001 - not for the whole process
    log.addHandler(handler)
    with logweft.adopt("order-7"):
        call(log)
    text = stream.getvalue()
    assert text.count("\n") == 1
    return strict(text[:-1])


def extras(log: logging.Logger) -> None:
    extra = {"amount": 12.5, "tags": {"a", "b"}, "level": "mine", "big": 2**70, "none": None}
    log.info("paid %(order)s", {"order": 7}, extra=extra)


def deep_cause(log: logging.Logger) -> None:
    exc: BaseException = ValueError("first")
    for number in range(40):
        try:
            raise KeyError(number) from exc
        except KeyError as caught:
            exc = caught
    log.error("failed", exc_info=exc)


def context(log: logging.Logger) -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")
    except ValueError as exc:
        exc.__notes__ = ["a note"]
        log.exception("failed", stack_info=True)


def group(log: logging.Logger) -> None:
    members: list[Any] = [ValueError("a"), KeyError("b")]
    for _ in range(40):
        members = [ExceptionGroup("g", members)]
    members.append(OSError(2, "gone"))
    log.error("failed", exc_info=ExceptionGroup("all", members))


def long(log: logging.Logger) -> None:
    try:
        raise ValueError("x" * 50_000)
    except ValueError:
        log.exception("m" * 50_000, extra={"blob": ["y" * 999] * 999}, stack_info=True)


def from_wire(log: logging.Logger) -> None:
    odd = {"name": None, "msg": 5, "levelname": None, "lineno": None, "created": "?"}
    log.handle(logging.makeLogRecord({"levelno": 20, **odd}))


def finished(log: logging.Logger) -> None:
    attributes = {"levelname": "ERROR", "levelno": 40, "exc_text": "Traceback ...\nE: x"}
    log.handle(logging.makeLogRecord(attributes))


class Broken(logweft.JsonFormatter):
    """A formatter of the user's own, with a bug in it."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Fail."""
        raise RuntimeError("no")


LINES: dict[str, Call] = {
    "ordinary": lambda log: log.info("paid %s", 7),
    "extras": extras,
    "dict-message": lambda log: log.info({"order": 7, "message": "paid", "level": "mine"}),
    "cause": deep_cause,
    "context": context,
    "long": long,
    "error": lambda log: log.info("%d %s", "x", {"a": 1}),
    "named-error": lambda log: log.info("%(a)s %(b)s", {"a": 1}),
    "wire": from_wire,
    "finished-traceback": finished,
}


@pytest.mark.parametrize("max_line", [1024, 15 * 1024])
@pytest.mark.parametrize("name", LINES)
def test_a_line_is_as_the_schema_says(name: str, max_line: int) -> None:
    """Lines of all kinds, whole and cut, are valid against the schema."""
    options = {"service": "shop", "version": "1", "environment": "prod", "max_line": max_line}
    VALIDATOR.validate(line_of(LINES[name], **options))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of 3.11")
def test_the_line_of_a_group_is_as_the_schema_says() -> None:
    """The members of exception groups, however deep, are valid against the schema."""
    line = line_of(group)
    VALIDATOR.validate(line)
    assert line["exception"]["exceptions"][1]["type"] == "FileNotFoundError"


def test_the_line_of_a_broken_formatter_is_as_the_schema_says() -> None:
    """What is written when rendering fails is valid against the schema."""
    record = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "msg": "hi"})
    line = strict(Broken().format(record))
    VALIDATOR.validate(line)
    assert line["logweft_error"] == "RuntimeError: no"


def test_the_line_of_an_unreadable_record_is_as_the_schema_says() -> None:
    """What is written of a record without its attributes is valid against the schema."""
    record = logging.makeLogRecord({})
    del record.levelname, record.created
    line = strict(logweft.JsonFormatter().format(record))
    VALIDATOR.validate(line)
    assert "logweft_error" in line


def test_the_schema_is_a_schema() -> None:
    """schema.json is valid draft 2020-12 and describes every field, with its type."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, field in value.get("properties", {}).items():
                resolved = field if "description" in field else SCHEMA["$defs"][name]
                assert resolved.get("description"), name
                assert {"type", "anyOf", "const", "$ref"} & resolved.keys(), name
            for member in value.values():
                walk(member)

    walk(SCHEMA)


def test_the_schema_knows_every_field_of_the_line_in_order() -> None:
    """A full line has no field the schema does not name but the user's, and its order is stated."""
    line = line_of(
        lambda log: log.error("a %s", 1, stack_info=True, exc_info=ValueError(), extra={"mine": 1}),
        service="s",
        version="v",
        environment="e",
    )
    assert set(line) - SYSTEM == {"mine"}
    stated = [name for name in SCHEMA["properties"] if name in line]
    assert stated == [name for name in line if name != "mine"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": "2020-01-01 00:00:00"},
        {"timestamp": "2020-01-01T00:00:00.000000+00:00"},
        {"timestamp": 1577836800},
        {"level": 20},
        {"message": None},
        {"correlation_id": "a b"},
        {"exception": "Traceback"},
        {"exception": {"type": "ValueError"}},
        {"exception": {"type": "E", "message": "m", "cause": {"message": "m"}}},
        {"truncated": False},
    ],
)
def test_the_schema_refuses_what_is_no_line(wrong: dict[str, Any]) -> None:
    """A field of the wrong type or form is not valid: the schema says something."""
    line = line_of(lambda log: log.info("hi"))
    assert VALIDATOR.is_valid(line)
    assert not VALIDATOR.is_valid({**line, **wrong})
