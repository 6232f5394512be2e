"""ConsoleFormatter: the same record for people, and nothing a terminal would obey."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

import logweft

CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

CONTINUED = "  | "

HOSTILE = "a\n::error::b\r\n##[group]\x1b[2J\x9b31m\x85c\u2028d\u202e\x00\t\x7f"


class Keeping(logging.Handler):
    """Keeps what it formats."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.addFilter(logweft.ContextFilter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        self.texts.append(self.format(record))


def text_of(call: Callable[[logging.Logger], Any], **options: Any) -> str:
    """Return what one call gives."""
    handler = Keeping(logweft.ConsoleFormatter(**options))
    log = logging.Logger("shop.orders")  # noqa: LOG001 - not for the whole process
    log.addHandler(handler)
    call(log)
    (text,) = handler.texts
    return text


def record(**attributes: Any) -> logging.LogRecord:
    usual = {"name": "shop", "levelname": "INFO", "levelno": 20, "msg": "hi", "pathname": "a.py"}
    return logging.makeLogRecord({**usual, **attributes})


def safe(text: str) -> list[str]:
    """Return the lines of *text*, none of which a terminal or a CI runner could obey."""
    assert not CONTROLS.search(text), ascii(text)
    first, *rest = text.split("\n")
    assert all(line.startswith(CONTINUED) for line in rest), text
    assert not first.startswith(("::", "##"))
    return [first, *(line.removeprefix(CONTINUED) for line in rest)]


def test_a_line_holds_what_a_person_looks_for() -> None:
    """Time, level, logger, message, fields, ID and place stand on one line, in this order."""
    with logweft.adopt("order-1"), logweft.bind(tenant="t"):
        text = text_of(lambda log: log.info("paid order %d", 7, extra={"amount": 12.5}))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} INFO    shop\.orders  paid order 7  "
        r"tenant=t amount=12\.5  \[order-1\]  test_console\.py:\d+",
        text,
    )


def test_a_plain_message_has_nothing_more() -> None:
    """Without fields and ID there are no brackets and no empty places."""
    text = text_of(lambda log: log.warning("hi"))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} WARNING shop\.orders  hi  test_console\.py:\d+", text
    )


def test_texts_with_blanks_are_quoted() -> None:
    """A field's value that could be taken for two is written as JSON, a bare word as it is."""
    extra = {"a": "two words", "b": "bare", "c": {"d": [1, None]}, "e": "", "f": 'x="y"'}
    text = text_of(lambda log: log.info("hi", extra=extra))
    assert r'a="two words" b=bare c={"d": [1, null]} e="" f="x=\"y\""' in text


def test_service_and_environment_are_shown() -> None:
    """What tells processes apart is a field; template and file path are not repeated."""
    text = text_of(lambda log: log.info("hi %s", 1), service="shop", environment="dev")
    assert "service=shop environment=dev" in text
    assert "template" not in text


@pytest.mark.parametrize(
    "attributes",
    [
        {"msg": HOSTILE},
        {"msg": "%s", "args": (HOSTILE,)},
        {"msg": {"message": HOSTILE, "key": HOSTILE}},
        {"name": HOSTILE},
        {"levelname": HOSTILE},
        {"pathname": HOSTILE},
        {"lineno": HOSTILE},
        {"funcName": HOSTILE},
        {"stack_info": HOSTILE},
        {"exc_text": HOSTILE},
        {"exc_info": (ValueError, ValueError(HOSTILE), None)},
        {"exc_info": (ValueError, type(HOSTILE.replace("\0", ""), (ValueError,), {})("x"), None)},
        {"value": HOSTILE},
        {"nested": {"a": [HOSTILE], HOSTILE: 1}},
        {HOSTILE: "key"},
        {HOSTILE: HOSTILE},
        {"::error::key": 1},
    ],
    ids=lambda attributes: next(iter(attributes))[:9].replace("\n", " "),
)
@pytest.mark.parametrize("colors", [False, True])
def test_nothing_logged_reaches_the_terminal_as_a_control(
    attributes: dict[str, Any], colors: bool
) -> None:
    """Whatever part of a record holds it, no control is written and no line pretends to be one."""
    text = logweft.ConsoleFormatter(colors=colors).format(record(**attributes))
    if colors:
        text = re.sub("\x1b\\[[0-9;]*m(.*?)\x1b\\[0m", r"\1", text, count=1)
    assert "error::" in "".join(safe(text)) or "funcName" in attributes


def test_every_further_line_is_marked() -> None:
    """Lines of a message, a traceback and a stack begin with the mark of a continuation."""
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        text = text_of(lambda log: log.exception("first\nsecond", stack_info=True))
    lines = safe(text)
    assert "first" in lines[0]
    assert lines[1] == "second"
    assert "ValueError: one" in lines
    assert "two" in lines
    assert any(line.startswith("Stack (most recent call last)") for line in lines)


def test_a_chain_is_told_oldest_first() -> None:
    """Cause, then what it caused, with Python's own words between them, and notes at the end."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as exc:
        exc.__notes__ = ["a note"]
        lines = safe(text_of(lambda log: log.exception("failed")))
    wanted = [
        "KeyError: 'inner'",
        "The above exception was the direct cause of the following exception:",
        "ValueError: outer",
        "a note",
    ]
    assert [line for line in lines if line in wanted] == wanted


def test_what_was_being_handled_is_told() -> None:
    """An exception raised while another was handled shows both."""
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")
    except ValueError:
        lines = safe(text_of(lambda log: log.exception("failed")))
    assert "During handling of the above exception, another exception occurred:" in lines
    assert lines.index("KeyError: 'inner'") < lines.index("ValueError: outer")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of 3.11")
def test_members_of_a_group_are_indented() -> None:
    """A group shows its members, further in than itself."""
    exc = ExceptionGroup("both", [ValueError("a"), KeyError("b")])
    lines = safe(text_of(lambda log: log.error("failed", exc_info=exc)))
    assert "ExceptionGroup: both (2 sub-exceptions)" in lines
    assert "  ValueError: a" in lines


def test_secrets_are_withheld() -> None:
    """What JSON lines withhold is withheld here: message, arguments, fields, exception."""

    def call(log: logging.Logger) -> None:
        try:
            raise ValueError("password=hunter2hunter2")
        except ValueError:
            extra = {"api_key": "hunter2hunter2", "nested": {"token": "hunter2hunter2"}}
            log.exception("secret=%s", "hunter2hunter2", extra=extra)

    text = text_of(call)
    assert "hunter2hunter2" not in re.sub(r".*raise ValueError.*", "", text)
    assert text.count("[redacted]") >= 4


def test_colours_are_only_around_the_level() -> None:
    """With colours, the level's name is painted and the line is otherwise the same."""
    plain = logweft.ConsoleFormatter().format(record(created=0.0))
    painted = logweft.ConsoleFormatter(colors=True).format(record(created=0.0))
    assert painted == plain.replace("INFO", "\x1b[32mINFO\x1b[0m", 1)


def test_an_unknown_level_has_no_colour() -> None:
    """A level the application added is shown as it is."""
    assert "\x1b" not in logweft.ConsoleFormatter(colors=True).format(record(levelname="TRACE"))


@pytest.mark.parametrize("colors", [False, True])
@pytest.mark.parametrize(
    "attributes",
    [
        {"created": float("nan")},
        {"created": "yesterday"},
        {"created": 1e300},
        {"levelname": []},
        {"levelname": None},
        {"name": None},
        {"pathname": None},
        {"msg": object()},
        {"args": 5, "msg": "%s %s"},
        {"exc_info": (1, 2, 3)},
        {"stack_info": 7},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_no_record_makes_it_raise(attributes: dict[str, Any], colors: bool) -> None:
    """Records made of anything give a text, with colours and without."""
    assert logweft.ConsoleFormatter(colors=colors).format(record(**attributes))


@pytest.mark.parametrize("colors", [False, True])
@pytest.mark.parametrize("name", ["levelname", "name", "msg", "args", "created", "exc_info"])
def test_a_record_that_lacks_something_gives_a_text(name: str, colors: bool) -> None:
    """A record from which an attribute was taken gives a text, with colours and without."""
    lacking = record()
    delattr(lacking, name)
    assert logweft.ConsoleFormatter(colors=colors).format(lacking)


def test_a_message_that_cannot_be_formatted_is_shown_with_its_arguments() -> None:
    """The text, the arguments and what is wrong with them are on the line."""
    text = text_of(lambda log: log.info("%d items", "seven"))
    assert "%d items" in text
    assert 'args=["seven"]' in text
    assert "logweft_error=" in text


class Broken(logweft.ConsoleFormatter):
    """A formatter of the user's own, with a bug in it."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Fail."""
        raise RuntimeError("no")


def test_a_broken_formatter_still_writes_the_message() -> None:
    """When rendering fails the message, the level and the error are there."""
    text = Broken().format(record(msg="hi there"))
    assert "hi there" in text
    assert "INFO" in text
    assert "RuntimeError: no" in text


def test_the_record_is_left_alone() -> None:
    """Making a text changes nothing that other handlers read."""
    original = record(msg="a %s", args=("b",), exc_info=(ValueError, ValueError("x"), None))
    before = dict(original.__dict__)
    logweft.ConsoleFormatter().format(original)
    del original.__dict__["message"]
    assert original.__dict__ == before


def test_an_unknown_option_is_refused() -> None:
    """A mistake in the configuration raises where the formatter is made."""
    with pytest.raises(TypeError):
        logweft.ConsoleFormatter(colour=True)
