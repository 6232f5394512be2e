"""RedactionFilter: somebody else's formatter writes no secret, and the record stays as it was."""

from __future__ import annotations

import copy
import io
import logging
import logging.config
import logging.handlers
import queue
import sys
from typing import Any

import pytest
from pythonjsonlogger.json import JsonFormatter as TheirJsonFormatter

import logweft
from programs import run, strict

SECRET = "hunter2-k7"


class Vendor(logging.Formatter):
    """A formatter of somebody else's, which `install` leaves alone."""


class Lines:
    """A logger with one stream handler of somebody else's, and what it has written."""

    def __init__(self, fmt: str = "%(message)s", **options: Any) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(Vendor(fmt))
        self.filter = logweft.RedactionFilter(**options)
        self.handler.addFilter(self.filter)
        self.logger = logging.Logger("their.app")  # noqa: LOG001 - pytest adds handlers to others
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        """What the handler has written so far."""
        return self.stream.getvalue()


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_message_and_arguments_are_redacted(lines: Lines) -> None:
    """The message is finished and redacted, with an argument that its template calls a secret."""
    lines.logger.warning("user %s password=%s", "ada", SECRET)
    lines.logger.warning("%(user)s token=%(token)s", {"user": "ada", "token": SECRET})
    lines.logger.warning("to postgres://shop:%s@db/orders", SECRET)
    lines.logger.warning({"user": "ada", "password": SECRET})

    assert lines.text.splitlines() == [
        "user ada password=[redacted]",
        "ada token=[redacted]",
        "to postgres://shop:[redacted]@db/orders",
        "{'user': 'ada', 'password': '[redacted]'}",
    ]


def test_extra_is_redacted_for_a_format_string() -> None:
    """Fields of `extra` come out by their names and depths, numbers as numbers."""
    lines = Lines("%(message)s %(user)s %(api_key)s %(amount)05.1f")

    lines.logger.warning(
        "paid",
        extra={"user": {"n": [{"ssn": SECRET}]}, "api_key": SECRET, "amount": 2.5},
    )

    assert lines.text == "paid {'n': [{'ssn': '[redacted]'}]} [redacted] 002.5\n"


def test_a_traceback_is_redacted(lines: Lines) -> None:
    """Message, cause, note and source of an exception come out in Python's order, redacted."""
    try:
        try:
            raise KeyError(f"token={SECRET}")
        except KeyError as cause:
            error = ValueError(f"password={SECRET}")
            vars(error)["__notes__"] = [f"api_key={SECRET}"]
            raise error from cause
    except ValueError:
        lines.logger.exception("failed", stack_info=True)

    assert SECRET not in lines.text
    told = lines.text.splitlines()
    assert told[:2] == ["failed", "Traceback (most recent call last):"]
    assert "KeyError: 'token=[redacted]'" in told
    assert "The above exception was the direct cause of the following exception:" in told
    assert "ValueError: password=[redacted]" in told
    assert "api_key=[redacted]" in told
    assert "Stack (most recent call last):" in told


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of 3.11")
def test_a_group_is_redacted(lines: Lines) -> None:
    """Each exception of a group comes out, redacted."""
    try:
        raise ExceptionGroup("two", [ValueError(f"password={SECRET}"), OSError("disk")])
    except ExceptionGroup:
        lines.logger.exception("failed")

    assert SECRET not in lines.text
    assert "  | ValueError: password=[redacted]" in lines.text
    assert "  | OSError: disk" in lines.text


def test_a_traceback_in_text_is_redacted(lines: Lines) -> None:
    """Of a record with `exc_text` alone, as another process sends it, no message comes out."""
    text = (
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in f\n'
        "    connect(password=password)\n"
        f"ValueError: password={SECRET}"
    )
    lines.handler.handle(logging.makeLogRecord({"msg": "failed", "exc_text": text}))

    assert "    connect(password=password)" in lines.text
    assert "ValueError: password=[redacted]" in lines.text


def test_names_are_redacted() -> None:
    """Names of logger, thread, process and task come out without the secrets in them."""
    names = ("name", "threadName", "processName", "taskName")
    lines = Lines(" ".join(f"%({name})s" for name in names))

    record = logging.makeLogRecord({"msg": "x", **dict.fromkeys(names, f"job token={SECRET}")})
    lines.handler.handle(record)

    assert lines.text == " ".join(["job token=[redacted]"] * 4) + "\n"


def test_the_record_stays_as_it_was(lines: Lines) -> None:
    """The record, its arguments and its fields are the same objects with the same content."""
    seen: list[logging.LogRecord] = []
    after = logging.Handler()
    after.emit = seen.append  # type: ignore[method-assign]  # to see what it gets
    lines.logger.addHandler(after)
    extra = {"user": {"password": SECRET, "tags": ["a", {"token": SECRET}]}}
    before = copy.deepcopy(extra)
    args = ("ada", {"password": SECRET})

    error = ValueError(f"password={SECRET}")
    lines.logger.warning("%s %s", *args, extra=extra, exc_info=error)
    record = seen[0]

    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert SECRET not in lines.text
    assert (record.msg, record.args) == ("%s %s", args)
    assert record.args is not None
    assert record.args[1] is args[1]  # type: ignore[index]  # a tuple, as given
    assert record.__dict__["user"] is extra["user"]
    assert (extra, args[1]) == (before, {"password": SECRET})
    assert record.exc_text is None
    assert not hasattr(record, "message")


def test_the_filters_behind_see_the_copy(lines: Lines) -> None:
    """Further filters are asked, once, about the redacted copy, and may refuse or replace it."""
    seen: list[str] = []

    def behind(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        return "no" not in record.getMessage()

    lines.handler.addFilter(behind)
    lines.logger.warning("password=%s", SECRET)
    lines.logger.warning("no %s", "thanks")

    assert seen == ["password=[redacted]", "no thanks"]
    assert lines.text == "password=[redacted]\n"


def test_the_filters_before_are_asked_once() -> None:
    """A filter that stands before is asked once a record, and its refusal is obeyed."""
    lines = Lines()
    seen: list[str] = []
    lines.handler.filters.insert(0, lambda record: seen.append(record.msg) or record.msg != "no")

    lines.logger.warning("yes")
    lines.logger.warning("no")

    assert (seen, lines.text) == (["yes", "no"], "yes\n")


def test_a_subclass_of_it_works() -> None:
    """A subclass that asks `super().filter` protects as well, on every version."""

    class Mine(logweft.RedactionFilter):
        def filter(self, record: logging.LogRecord) -> Any:
            return super().filter(record) if record.msg != "no" else False

    lines = Lines()
    lines.handler.filters[:] = [Mine()]
    lines.logger.warning("password=%s", SECRET)
    lines.logger.warning("no")

    assert lines.text == "password=[redacted]\n"


def test_two_of_them_on_one_handler() -> None:
    """Two filters with different options withhold what either of them calls a secret."""
    lines = Lines(names=["employee"])
    lines.handler.addFilter(logweft.RedactionFilter(names=["badge"]))

    lines.logger.warning("employee=%s badge=%s", 17, 18)

    assert lines.text == "employee=[redacted] badge=[redacted]\n"


def test_on_a_logger_it_protects_every_handler() -> None:
    """On a logger, the handlers of it and of its parents get the copy, each once."""
    lines = Lines()
    lines.handler.filters.clear()
    child = logging.Logger("their.app.child")  # noqa: LOG001 - as above
    child.parent = lines.logger
    child.addFilter(logweft.RedactionFilter())

    child.warning("password=%s", SECRET)

    assert lines.text == "password=[redacted]\n"


def test_it_stands_before_a_queue() -> None:
    """On the stdlib's QueueHandler, what is queued is the copy."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]  # any queue will do
    handler.addFilter(logweft.RedactionFilter())
    logging.getLogger("their.queue").addHandler(handler)

    logging.getLogger("their.queue").warning("password=%s", SECRET, extra={"token": SECRET})

    record = waiting.get_nowait()
    assert record.getMessage() == "password=[redacted]"
    assert record.__dict__["token"] == "[redacted]"


def test_asked_directly_it_returns_the_copy() -> None:
    """Whoever asks the filter itself is given the copy, on every version: without `exc_info`."""
    stack = f'Stack (most recent call last):\n  File "a", line 1, in f\n    login(pin="{SECRET}")'
    record = logging.makeLogRecord({"msg": "x", "stack_info": stack, "args": ()})
    error = ValueError(f"password={SECRET}")
    record.exc_info = (ValueError, error, None)

    told = logweft.RedactionFilter().filter(record)

    assert (told.exc_info, told.exc_text) == (None, "ValueError: password=[redacted]")
    assert told.stack_info == stack.replace(SECRET, "[redacted]")
    assert record.exc_info == (ValueError, error, None)
    assert record.stack_info == stack


def test_a_queue_of_ours_inside_of_a_filter() -> None:
    """Where a filter hands the record to our queue, each writes to its own stream, once."""
    inner, outer = Lines(), Lines()
    inner.handler.setFormatter(logweft.JsonFormatter(redact=False))
    ours = logweft.QueueHandler(inner.handler)
    outer.handler.filters[:] = [ours.handle]
    outer.handler.setFormatter(Vendor("outer %(levelname)s"))

    outer.logger.warning("password=%s", SECRET)
    assert ours.flush(30)

    assert strict(inner.text.strip())["message"] == "password=[redacted]"
    assert outer.text == "outer WARNING\n"
    ours.detach()


def test_it_may_stand_on_a_handler_that_is_taken_over() -> None:
    """On a handler that `install` takes over, each record is one JSON line, with its rules too."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logweft.RedactionFilter(names=["employee"]))
    logging.root.addHandler(handler)

    with logweft.install():
        logging.getLogger("their.app").warning("employee=%s password=%s", 17, SECRET)

    told = strict(stream.getvalue().strip())
    assert told["message"] == "employee=[redacted] password=[redacted]"


def test_it_keeps_the_context_for_our_formatter() -> None:
    """Before our own formatter, the copy has ID and bound fields of the Context, redacted."""
    lines = Lines(names=["badge"])
    lines.handler.filters.insert(0, logweft.ContextFilter())
    lines.handler.setFormatter(logweft.JsonFormatter(redact=False))

    with logweft.adopt("order-1"), logweft.bind(badge="17", user="ada"):
        lines.logger.warning("paid")

    told = strict(lines.text.strip())
    assert (told["correlation_id"], told["badge"], told["user"]) == ("order-1", "[redacted]", "ada")


def test_it_protects_another_json_formatter() -> None:
    """python-json-logger's own line has the fields and no secret."""
    lines = Lines()
    lines.handler.setFormatter(TheirJsonFormatter("%(message)s"))

    lines.logger.warning({"event": "login", "password": SECRET}, extra={"n": 1, "token": SECRET})

    told = strict(lines.text.strip())
    assert told["event"] == "login"
    assert (told["password"], told["n"], told["token"]) == ("[redacted]", 1, "[redacted]")


class Marked:
    """Says what may be logged of it."""

    def __repr__(self) -> str:
        return SECRET

    def __log__(self) -> Any:
        return {"id": 7}


class Broken(Marked):
    """Raises where it is asked what may be logged."""

    def __log__(self) -> Any:
        raise RuntimeError(SECRET)


def test_own_types_say_what_is_logged() -> None:
    """`__log__` is asked of a message, of an argument and of a field; one that raises, counted."""
    lines = Lines("%(message)s %(user)s")

    lines.logger.warning("%s", Marked(), extra={"user": Marked()})
    lines.logger.warning(Marked(), extra={"user": Broken()})

    assert lines.text.splitlines() == ["{'id': 7} {'id': 7}", "{'id': 7} [redacted]"]
    assert lines.filter.errors == 1


def test_it_fails_closed() -> None:
    """A record that cannot be read is written without anything of it, and counted."""

    class Fields(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError(SECRET)

    lines = Lines("%(levelname)s %(name)s %(user)s %(message)s")
    record = logging.makeLogRecord({"msg": SECRET, "levelno": 30, "user": SECRET})
    object.__setattr__(record, "__dict__", Fields(record.__dict__))

    lines.handler.handle(record)

    assert lines.text == "WARNING  [redacted] [redacted]\n"
    assert lines.filter.errors == 1


def test_a_message_that_does_not_fit_its_arguments_is_written(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong conversion gives a line with template and arguments, redacted, and no report."""
    lines.logger.warning("%d password=%s", {"token": SECRET}, SECRET)

    assert lines.text == "%d password=%s [{'token': '[redacted]'}, '[redacted]']\n"
    assert capsys.readouterr().err == ""


def test_a_dropped_field_leaves_an_empty_one() -> None:
    """Under the strategy `drop` a format that names the field still works."""
    lines = Lines("%(message)s <%(password)s>", rules={"name": "drop"})

    lines.logger.warning("x", extra={"password": SECRET})

    assert lines.text == "x <>\n"


def test_dict_config_says_it_in_plain_data() -> None:
    """By dictConfig the filter is made by `"()"`, with its options."""
    done = run(
        """
        import logging.config
        logging.config.dictConfig({
            "version": 1,
            "filters": {"redacted": {
                "()": "logweft.RedactionFilter",
                "names": ["employee_no"],
                "rules": {"name": "mask"},
            }},
            "handlers": {"out": {"class": "logging.StreamHandler", "filters": ["redacted"]}},
            "root": {"handlers": ["out"]},
        })
        logging.warning("employee_no=%s", "12345678")
        """
    )
    assert (done.code, done.err) == (0, "employee_no=****5678\n")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"nmaes": []}, TypeError, "nmaes"),
        ({"names": "x"}, TypeError, "names must be a list of str"),
        ({"rules": {"nope": "mask"}}, ValueError, "unknown redaction rule 'nope'"),
        ({"patterns": {"p": "("}}, ValueError, "does not compile"),
    ],
)
def test_wrong_options_raise_at_once(
    options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    """A wrong option raises when the filter is made, and says what is right."""
    with pytest.raises(kind, match=words):
        logweft.RedactionFilter(**options)
