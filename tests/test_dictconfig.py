"""Our classes without install(): alone from dictConfig and fileConfig, the same everywhere."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import logging.config
import logging.handlers
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import logweft
from programs import parse, run

LOG = "app.dictconfig"
tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")

STREAM = io.StringIO()
"""What ``ext://`` finds here by name."""

MADE: list[logging.Handler] = []
"""What the configurations of one test have made; closed after it."""


class Vendor(logging.Handler):
    """A handler as monitoring products bring it: it wants the record, not a line."""

    instances: list[Vendor] = []

    def __init__(self, name: str = "vendor", level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.set_name(name)
        self.seen: list[dict[str, Any]] = []
        self.fail: BaseException | None = None
        Vendor.instances.append(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note what is there to be seen; raise what the test wants."""
        self.seen.append(
            {
                "message": record.getMessage(),
                "record": record,
                "tenant": tenant.get(),
                "thread": threading.current_thread().name,
                "correlation_id": logweft.current().correlation_id,
            }
        )
        if self.fail is not None:
            raise self.fail


class OnlyOrders(logging.Filter):
    """A filter of the user's own, with an argument of its own."""

    def __init__(self, word: str = "order") -> None:
        super().__init__()
        self.word = word

    def filter(self, record: logging.LogRecord) -> bool:
        """Let pass what has the word."""
        return self.word in record.getMessage()


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a configuration name what is in this file: pytest imports it under a name of its own."""
    monkeypatch.setitem(sys.modules, "dictconfig_test", sys.modules[__name__])
    Vendor.instances.clear()
    STREAM.seek(0)
    STREAM.truncate()
    yield
    made = [*MADE, *logging.getLogger(LOG).handlers]
    logging.getLogger(LOG).handlers.clear()
    MADE.clear()
    for handler in made:
        handler.close()
        if isinstance(handler, logweft.QueueHandler):
            handler.detach()
            for target in handler.targets:
                if isinstance(target.handler, logging.Handler):
                    target.handler.close()


def configure(target: Any = None, **options: Any) -> logweft.QueueHandler:
    """Apply a dictConfig with one QueueHandler, and return what it made."""
    handler: dict[str, Any] = {"()": "logweft.QueueHandler", **options}
    if target is not None:
        handler["target"] = target
    apply({"handlers": {"queue": handler}})
    (made,) = logging.getLogger(LOG).handlers
    assert isinstance(made, logweft.QueueHandler)
    return made


def apply(config: dict[str, Any]) -> None:
    """Apply *config*, completed by what is the same in all tests."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "loggers": {
                LOG: {"level": "DEBUG", "handlers": [*config["handlers"]][-1:], "propagate": False}
            },
            **config,
        }
    )
    MADE.extend(logging.getLogger(LOG).handlers)


def vendor() -> Vendor:
    (made,) = Vendor.instances
    return made


VENDOR = {"()": "dictconfig_test.Vendor"}


def test_a_json_formatter_works_in_a_stock_handler(tmp_path: Path) -> None:
    """JsonFormatter by "()" in a plain FileHandler writes our line, with its own parameters."""
    apply(
        {
            "formatters": {
                "json": {
                    "()": "logweft.JsonFormatter",
                    "service": "shop",
                    "rename_fields": {"level": "severity"},
                    "static_fields": {"team": "ext://dictconfig_test.LOG"},
                }
            },
            "handlers": {
                "file": {
                    "class": "logging.FileHandler",
                    "filename": tmp_path / "app.log",
                    "formatter": "json",
                }
            },
        }
    )
    logging.getLogger(LOG).info("paid %d", 7, extra={"password": "hunter2"})
    logging.getLogger(LOG).handlers[0].close()
    (line,) = parse((tmp_path / "app.log").read_text())
    assert (line["message"], line["severity"], line["service"]) == ("paid 7", "INFO", "shop")
    assert (line["team"], line["password"]) == (LOG, "[redacted]")


def test_a_json_formatter_takes_a_format_as_dictconfig_names_it() -> None:
    """By "()" the keys are those of the constructor: fmt, style and datefmt."""
    apply(
        {
            "formatters": {
                "json": {
                    "()": "logweft.JsonFormatter",
                    "fmt": "{levelname} {message} {asctime}",
                    "style": "{",
                    "datefmt": "%Y",
                }
            },
            "handlers": {
                "out": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://dictconfig_test.STREAM",
                    "formatter": "json",
                }
            },
        }
    )
    logging.getLogger(LOG).warning("paid")
    (line,) = parse(STREAM.getvalue())
    assert list(line) == ["levelname", "message", "asctime"]
    assert (line["levelname"], line["message"], len(line["asctime"])) == ("WARNING", "paid", 4)


def test_a_json_formatter_works_by_class(tmp_path: Path) -> None:
    """The form `"class": "logweft.JsonFormatter"`, with format and datefmt, works as well."""
    apply(
        {
            "formatters": {
                "json": {
                    "class": "logweft.JsonFormatter",
                    "format": "%(message)s %(levelname)s",
                    "datefmt": "%Y",
                }
            },
            "handlers": {
                "out": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://dictconfig_test.STREAM",
                    "formatter": "json",
                }
            },
        }
    )
    logging.getLogger(LOG).info("paid")
    assert parse(STREAM.getvalue()) == [{"message": "paid", "levelname": "INFO"}]


def test_a_context_filter_lends_its_field_to_a_plain_format() -> None:
    """ContextFilter by "()" on a handler makes `%(correlation_id)s` work in a plain text format."""
    apply(
        {
            "filters": {"context": {"()": "logweft.ContextFilter"}},
            "formatters": {"plain": {"format": "[%(correlation_id)s] %(message)s"}},
            "handlers": {
                "out": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://dictconfig_test.STREAM",
                    "formatter": "plain",
                    "filters": ["context"],
                }
            },
        }
    )
    log = logging.getLogger(LOG)
    log.info("outside")
    with logweft.adopt("order-1"):
        log.info("inside")
        log.info("own", extra={"correlation_id": "mine"})
    assert STREAM.getvalue().splitlines() == ["[None] outside", "[order-1] inside", "[mine] own"]


def test_a_queue_handler_takes_its_target_inline(tmp_path: Path) -> None:
    """`target` holds class, level, filters and formatter of a handler, and all of them count."""
    apply(
        {
            "filters": {"orders": {"()": "dictconfig_test.OnlyOrders", "word": "order"}},
            "formatters": {"json": {"()": "logweft.JsonFormatter", "service": "shop"}},
            "handlers": {
                "queue": {
                    "()": "logweft.QueueHandler",
                    "target": {
                        "class": "logging.FileHandler",
                        "filename": str(tmp_path / "app.log"),
                        "level": "WARNING",
                        "filters": ["orders"],
                        "formatter": "json",
                    },
                }
            },
        }
    )
    log = logging.getLogger(LOG)
    log.info("order below the level")
    log.warning("refused by the filter")
    with logweft.adopt("order-1"):
        log.warning("order %d", 7)
    (handler,) = log.handlers
    handler.flush()
    (line,) = parse((tmp_path / "app.log").read_text())
    assert (line["message"], line["correlation_id"]) == ("order 7", "order-1")
    assert (line["level"], line["service"]) == ("WARNING", "shop")


def test_the_queue_handlers_own_formatter_serves_its_targets() -> None:
    """A formatter named on the QueueHandler is that of every target without one."""
    apply(
        {
            "formatters": {
                "json": {"()": "logweft.JsonFormatter", "service": "shop"},
                "plain": {"format": "%(levelname)s %(message)s"},
            },
            "handlers": {
                "queue": {
                    "()": "logweft.QueueHandler",
                    "formatter": "json",
                    "targets": [
                        {
                            "class": "logging.StreamHandler",
                            "stream": "ext://dictconfig_test.STREAM",
                        },
                        {
                            "class": "logging.StreamHandler",
                            "stream": "ext://sys.stderr",
                            "formatter": "plain",
                            "level": "CRITICAL",
                        },
                    ],
                }
            },
        }
    )
    logging.getLogger(LOG).info("paid")
    assert logging.getLogger(LOG).handlers[0].flush()
    (line,) = parse(STREAM.getvalue())
    assert (line["message"], line["service"]) == ("paid", "shop")


def test_several_targets_each_obey_their_own_level(tmp_path: Path) -> None:
    """`targets` is a list of handlers: every record goes to each whose level accepts it."""
    handler = configure(
        targets=[
            {"class": "logging.FileHandler", "filename": str(tmp_path / "all.log")},
            {
                "class": "logging.FileHandler",
                "filename": str(tmp_path / "errors.log"),
                "level": "ERROR",
            },
            {**VENDOR, "level": "WARNING"},
        ]
    )
    log = logging.getLogger(LOG)
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    assert handler.flush()

    def seen(name: str) -> list[str]:
        return [line["message"] for line in parse((tmp_path / name).read_text())]

    assert seen("all.log") == ["debug", "info", "warning", "error"]
    assert seen("errors.log") == ["error"]
    assert [each["message"] for each in vendor().seen] == ["warning", "error"]
    assert handler.stats().accepted == handler.stats().written == 7


def test_a_target_may_be_an_object_or_a_reference(tmp_path: Path) -> None:
    """`cfg://handlers.name` and a handler object itself work as a target too."""
    apply(
        {
            "handlers": {
                "a_file": {"class": "logging.FileHandler", "filename": str(tmp_path / "a.log")},
                "queue": {"()": "logweft.QueueHandler", "target": "cfg://handlers.a_file"},
            }
        }
    )
    log = logging.getLogger(LOG)
    log.info("by reference")
    log.handlers[0].flush()
    assert [line["message"] for line in parse((tmp_path / "a.log").read_text())] == ["by reference"]
    handler = configure(target=logging.StreamHandler(STREAM))
    log.info("by object")
    assert handler.flush()
    assert [line["message"] for line in parse(STREAM.getvalue())] == ["by object"]


def test_a_reference_to_a_handler_that_is_made_later_is_as_inline() -> None:
    """`cfg://` of a handler whose name sorts behind ours gives a target made of its entry."""
    config = {
        "handlers": {
            "z_out": {"class": "logging.StreamHandler", "stream": STREAM},
            "queue": {"()": "logweft.QueueHandler", "target": "cfg://handlers.z_out"},
        }
    }
    apply(config)
    (handler,) = logging.getLogger(LOG).handlers
    assert isinstance(handler, logweft.QueueHandler)
    assert type(handler.targets[0].handler) is logging.StreamHandler


def test_options_may_come_from_the_configuration() -> None:
    """`cfg://` and `ext://` values reach capacity and the target's own arguments."""
    handler: logging.Handler
    apply(
        {
            "mine": {"capacity": 17, "stream": STREAM},
            "handlers": {
                "queue": {
                    "()": "logweft.QueueHandler",
                    "capacity": "cfg://mine.capacity",
                    "target": {"class": "logging.StreamHandler", "stream": "cfg://mine.stream"},
                }
            },
        }
    )
    (handler,) = logging.getLogger(LOG).handlers
    assert isinstance(handler, logweft.QueueHandler)
    assert handler.queue.capacity == 17
    logging.getLogger(LOG).info("paid")
    assert handler.flush()
    assert [line["message"] for line in parse(STREAM.getvalue())] == ["paid"]


def test_a_rotating_file_is_a_target(tmp_path: Path) -> None:
    """A RotatingFileHandler as target rotates at its size, and keeps every line."""
    handler = configure(
        {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": str(tmp_path / "app.log"),
            "maxBytes": 2000,
            "backupCount": 100,
        }
    )
    for number in range(100):
        logging.getLogger(LOG).info("line %d", number)
    assert handler.flush()
    files = list(tmp_path.iterdir())
    assert len(files) > 5
    seen = {line["message"] for path in files for line in parse(path.read_text())}
    assert seen == {f"line {number}" for number in range(100)}


def test_a_vendors_handler_gets_the_record_in_the_context_of_the_call() -> None:
    """A handler of somebody's own gets a record with its fields, final, in the call's context."""
    handler = configure(VENDOR)
    order = {"id": 7}

    def call() -> None:
        tenant.set("acme")
        with logweft.adopt("order-1"), logweft.bind(user_id=3):
            logging.getLogger(LOG).error("paid %s", order, extra={"amount": 12.5})
        tenant.set("somebody else")

    contextvars.copy_context().run(call)
    order["id"] = 8
    assert handler.flush()
    (seen,) = vendor().seen
    assert (seen["message"], seen["tenant"], seen["correlation_id"]) == (
        "paid {'id': 7}",
        "acme",
        "order-1",
    )
    assert seen["thread"] != threading.current_thread().name
    record = seen["record"]
    assert (record.amount, record.correlation_id, record.name) == (12.5, "order-1", LOG)


def test_a_vendors_handler_gets_the_exception_itself() -> None:
    """The record a vendor's handler gets still has exc_info, for it groups by exceptions."""
    handler = configure(VENDOR)
    try:
        raise LookupError("no such order")
    except LookupError as error:
        logging.getLogger(LOG).exception("failed")
        raised = error
    assert handler.flush()
    assert vendor().seen[0]["record"].exc_info[1] is raised


def test_the_record_handed_in_is_left_as_it_was() -> None:
    """Other handlers of the same logger see the record's own msg, args and exc_info."""
    configure(targets=[VENDOR, {"class": "logging.StreamHandler", "stream": STREAM}])
    records: list[logging.LogRecord] = []
    other = logging.Handler()
    other.emit = records.append
    log = logging.getLogger(LOG)
    log.addHandler(other)
    log.info("paid %d", 7)
    log.removeHandler(other)
    assert (records[0].msg, records[0].args) == ("paid %d", (7,))


@pytest.mark.parametrize(
    "failure", [ValueError("hunter2"), RecursionError("hunter2"), SystemExit("hunter2")], ids=repr
)
def test_an_exception_of_a_target_is_contained(
    failure: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a target raises, the caller sees nothing, and other targets get their lines."""
    handler = configure(targets=[VENDOR, {"class": "logging.StreamHandler", "stream": STREAM}])
    log = logging.getLogger(LOG)
    vendor().fail = failure
    log.info("bad")
    assert handler.flush()
    vendor().fail = None
    log.info("good")
    assert handler.flush()
    assert [each["message"] for each in vendor().seen] == ["bad", "good"]
    assert [line["message"] for line in parse(STREAM.getvalue())] == ["bad", "good"]
    stats = handler.stats()
    assert (stats.accepted, stats.written, stats.dropped, stats.errors) == (4, 3, {"INFO": 1}, 1)
    assert "hunter2" not in capfd.readouterr().err


def test_two_configurations_in_a_row_work(tmp_path: Path) -> None:
    """A second dictConfig closes the first handler; both go on writing, no line is lost."""
    first = configure({"class": "logging.FileHandler", "filename": str(tmp_path / "first.log")})
    log = logging.getLogger(LOG)
    for number in range(500):
        log.info("line %d", number)
    second = configure({"class": "logging.FileHandler", "filename": str(tmp_path / "second.log")})
    assert second is not first
    log.info("second")
    log.addHandler(first)
    log.info("both")
    assert first.flush()
    assert second.flush()

    def seen(name: str) -> list[str]:
        return [line["message"] for line in parse((tmp_path / name).read_text())]

    assert seen("first.log") == [*(f"line {number}" for number in range(500)), "both"]
    assert seen("second.log") == ["second", "both"]


def test_the_same_configuration_twice_gives_one_line_a_call() -> None:
    """Applying one dict thrice leaves one handler, one line a call, and the dict as it was."""
    config = {
        "handlers": {
            "queue": {
                "()": "logweft.QueueHandler",
                "target": {"class": "logging.StreamHandler", "stream": STREAM},
            }
        }
    }
    before = repr(config)
    for _ in range(3):
        apply(config)
    logging.getLogger(LOG).info("paid")
    (handler,) = logging.getLogger(LOG).handlers
    handler.flush()
    assert len(parse(STREAM.getvalue())) == 1
    assert repr(config) == before


def test_an_incremental_configuration_keeps_the_handler() -> None:
    """`incremental: true` changes the level of a named QueueHandler and leaves the rest alone."""
    handler = configure({"class": "logging.StreamHandler", "stream": STREAM})
    logging.config.dictConfig(
        {"version": 1, "incremental": True, "handlers": {"queue": {"level": "ERROR"}}}
    )
    log = logging.getLogger(LOG)
    assert log.handlers == [handler]
    log.info("below")
    log.error("above")
    assert handler.flush()
    assert [line["message"] for line in parse(STREAM.getvalue())] == ["above"]


WRONG: dict[str, tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = {
    "a name": (
        {"target": "stdout"},
        TypeError,
        (
            "target must be a logging.Handler, got 'stdout'",
            'in dictConfig write it inline: "target": {"class": "logging.StreamHandler"}',
        ),
    ),
    "nothing": ({}, ValueError, ("needs a target", '"target": {"class": "logging.StreamHandler"}')),
    "names": ({"targets": ["a", "b"]}, TypeError, ("must be a logging.Handler, got 'a'",)),
    "an object": ({"target": 7}, TypeError, ("must be a logging.Handler, got 7",)),
    "not a handler": (
        {"target": {"()": "dictconfig_test.OnlyOrders"}},
        TypeError,
        ("must be a logging.Handler",),
    ),
    "one for a list": (
        {"targets": {"class": "logging.StreamHandler"}},
        TypeError,
        ("targets must be a list",),
    ),
    "capacity": (
        {"target": {"class": "logging.StreamHandler"}, "capacity": 0},
        ValueError,
        ("capacity must be >= 1, got 0",),
    ),
    "class": ({"target": {"class": "logging.NoHandler"}}, ValueError, ("logging.NoHandler",)),
    "class missing": ({"target": {"level": "INFO"}}, TypeError, ("target", '"class"')),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_target_is_refused_with_what_is_right(what: str) -> None:
    """A dictConfig fails on a wrong target, and the reason it gives says what to write instead."""
    options, kind, words = WRONG[what]
    with pytest.raises(ValueError, match="queue") as caught:
        configure(**options)
    chain: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__
    told = "\n".join(map(str, chain[1:]))
    assert any(isinstance(each, kind) for each in chain[1:]), chain
    for word in words:
        assert word in told


FILE_CONFIG = """
[loggers]
keys=root
[handlers]
keys=queue,out
[formatters]
keys=json
[logger_root]
level=INFO
handlers=queue,out
[handler_queue]
class=logweft.QueueHandler
args=(StreamHandler(sys.stdout),)
[handler_out]
class=StreamHandler
formatter=json
args=(sys.stderr,)
[formatter_json]
class=logweft.JsonFormatter
format=%(levelname)s %(message)s
"""


def test_file_config_works(tmp_path: Path) -> None:
    """A fileConfig takes JsonFormatter by `class=`, and QueueHandler with its target in `args=`."""
    (tmp_path / "logging.ini").write_text(FILE_CONFIG)
    program = """
        import logging, logging.config
        logging.config.fileConfig("logging.ini")
        logging.info("paid %d", 7)
    """
    done = run(program, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.lines == [{"levelname": "INFO", "message": "paid 7"}]
    (line,) = [json.loads(text) for text in done.out.splitlines()]
    assert (line["message"], line["logger"]) == ("paid 7", "root")


def test_no_warning_and_no_thread_comes_of_a_configuration_alone(tmp_path: Path) -> None:
    """Under -X dev and -W error a dictConfig of ours starts no thread and leaves nothing open."""
    program = """
        import logging, logging.config, sys, threading
        logging.config.dictConfig({
            "version": 1,
            "handlers": {"queue": {
                "()": "logweft.QueueHandler",
                "target": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}},
            "root": {"level": "INFO", "handlers": ["queue"]},
        })
        assert threading.active_count() == 1
        logging.info("paid")
    """
    done = run(program, cwd=tmp_path, python=("-X", "dev", "-W", "error"))
    assert (done.code, done.err) == (0, "")
    assert [line["message"] for line in parse(done.out)] == ["paid"]


def test_the_files_of_a_configuration_are_closed_by_the_next(tmp_path: Path) -> None:
    """A target's file is closed when dictConfig() replaces its handlers, as one without a queue."""
    done = run(
        """
        import gc, logging, logging.config, sys
        config = {
            "version": 1,
            "handlers": {
                "queue": {
                    "()": "logweft.QueueHandler",
                    "target": {
                        "class": "logging.handlers.RotatingFileHandler",
                        "filename": sys.argv[1],
                        "maxBytes": 10**6,
                    },
                },
            },
            "root": {"handlers": ["queue"]},
        }
        for number in range(5):
            logging.config.dictConfig(config)
            logging.warning("line %d", number)
            assert logging.root.handlers[0].flush()
        gc.collect()
        """,
        str(tmp_path / "app.log"),
        python=("-X", "dev", "-W", "error::ResourceWarning"),
    )
    assert (done.code, done.err) == (0, "")
    messages = [line["message"] for line in parse((tmp_path / "app.log").read_text())]
    assert messages == [f"line {number}" for number in range(5)]
