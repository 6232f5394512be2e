"""What install() takes over and leaves alone; it stays when others configure logging."""

from __future__ import annotations

import gc
import io
import json
import logging
import logging.config
import logging.handlers
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import logweft
from programs import parse, run

STOCK_HANDLERS: dict[str, Callable[[Path], logging.Handler]] = {
    "StreamHandler": lambda path: logging.StreamHandler(open(path, "a")),  # noqa: SIM115 - closed by the test
    "FileHandler": lambda path: logging.FileHandler(path),
    "FileHandler, delayed": lambda path: logging.FileHandler(path, delay=True),
    "FileHandler, encoding": lambda path: logging.FileHandler(path, encoding="latin-1"),
    "RotatingFileHandler": lambda path: logging.handlers.RotatingFileHandler(path, maxBytes=10**6),
    "TimedRotatingFileHandler": lambda path: logging.handlers.TimedRotatingFileHandler(path),
    "WatchedFileHandler": lambda path: logging.handlers.WatchedFileHandler(path),
}


def formatter_of_uvicorn() -> logging.Formatter:
    from uvicorn.logging import DefaultFormatter

    return DefaultFormatter("%(levelprefix)s %(message)s")


def access_formatter_of_uvicorn() -> logging.Formatter:
    from uvicorn.logging import AccessFormatter

    return AccessFormatter('%(client_addr)s - "%(request_line)s" %(status_code)s')


def formatter_of_gunicorn() -> logging.Formatter:
    from gunicorn.glogging import Logger

    return logging.Formatter(Logger.error_fmt, Logger.datefmt)


def formatter_of_celery() -> logging.Formatter:
    from celery.utils.log import ColorFormatter

    formatter: logging.Formatter = ColorFormatter("%(message)s", use_color=True)
    return formatter


def task_formatter_of_celery() -> logging.Formatter:
    from celery.app.log import TaskFormatter

    formatter: logging.Formatter = TaskFormatter("%(task_name)s %(message)s")
    return formatter


def formatter_of_django() -> logging.Formatter:
    from django.utils.log import ServerFormatter

    formatter: logging.Formatter = ServerFormatter("[{server_time}] {message}", style="{")
    return formatter


STOCK_FORMATTERS: dict[str, Callable[[], logging.Formatter | None]] = {
    "none": lambda: None,
    "logging": lambda: logging.Formatter("%(asctime)s %(message)s"),
    "logging, {": lambda: logging.Formatter("{asctime} {message}", style="{"),
    "uvicorn": formatter_of_uvicorn,
    "uvicorn access": access_formatter_of_uvicorn,
    "gunicorn": formatter_of_gunicorn,
    "celery": formatter_of_celery,
    "celery task": task_formatter_of_celery,
    "django": formatter_of_django,
}


def loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


@pytest.fixture(autouse=True)
def fresh_loggers() -> Iterator[None]:
    """Give each test named loggers as getLogger() makes them, whatever the test before has set."""
    yield
    logweft.uninstall()
    for logger in loggers()[1:]:
        logger.handlers[:] = []
        logger.filters[:] = []
        logger.setLevel(logging.NOTSET)
        logger.propagate, logger.disabled = True, False


def bare() -> None:
    """Take pytest's handlers off the root logger, which it puts there for each phase of a test."""
    logging.root.handlers[:] = []
    logging.root.setLevel(logging.WARNING)


def close(handler: logging.Handler) -> None:
    """Close *handler* and the stream it was given."""
    stream = getattr(handler, "stream", None)
    handler.close()
    if stream is not None and stream not in (sys.stderr, sys.stdout):
        stream.close()


# Taken over


@pytest.mark.parametrize("name", ["", "shop", "shop.cart"])
@pytest.mark.parametrize("kind", STOCK_HANDLERS)
def test_stock_handler_is_taken_over(tmp_path: Path, kind: str, name: str) -> None:
    """
    A stock stream or file handler, on root or any logger, writes JSON to where it wrote, and stays
    the same object, with its level and its filters, in its list.
    """
    bare()
    logger = logging.getLogger(name)
    handler = STOCK_HANDLERS[kind](tmp_path / "a.log")
    formatter = logging.Formatter("%(message)s")
    handler.setFormatter(formatter)
    handler.setLevel(logging.WARNING)
    filters = [lambda record: "secret" not in record.getMessage()]
    handler.addFilter(filters[0])
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    listed = logger.handlers
    with logweft.install(stream=io.StringIO(), capture=False) as installation:
        assert logger.handlers is listed
        assert listed[0] is handler
        assert handler.level == logging.WARNING
        assert handler.filters == filters
        assert isinstance(handler.formatter, logweft.JsonFormatter)
        logger.info("too low")
        logger.warning("a secret")
        logger.warning("pa\u00efd %d", 7, extra={"amount": 12.5})
        assert installation.flush(60)
    (line,) = parse(
        (tmp_path / "a.log")
        .read_bytes()
        .decode(
            "latin-1"
            if "encoding" in kind and b"\xc3" not in (tmp_path / "a.log").read_bytes()
            else "utf-8"
        )
    )
    assert (line["message"], line["amount"], line["logger"]) == (
        "pa\u00efd 7",
        12.5,
        name or "root",
    )
    assert handler.formatter is formatter
    logger.warning("plain")
    close(handler)
    assert (tmp_path / "a.log").read_text(errors="replace").endswith("}\nplain\n")


@pytest.mark.parametrize("kind", STOCK_FORMATTERS)
def test_stock_formatter_is_replaced(tmp_path: Path, kind: str) -> None:
    """
    A handler with the formatter of stdlib, uvicorn, gunicorn, Celery or Django writes JSON, and
    gets that formatter back.
    """
    bare()
    handler = logging.FileHandler(tmp_path / "a.log")
    formatter = STOCK_FORMATTERS[kind]()
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)
    with logweft.install(capture=False) as installation:
        logging.warning("paid")
        assert installation.flush(60)
    assert handler.formatter is formatter
    close(handler)
    (line,) = parse((tmp_path / "a.log").read_text())
    assert line["message"] == "paid"


def test_logger_filters_and_propagation_stay(tmp_path: Path) -> None:
    """A logger's own filters and its propagate stay in force."""
    bare()
    shop, loud = logging.getLogger("shop"), logging.getLogger("loud")
    handlers = [logging.FileHandler(tmp_path / name) for name in ("root.log", "shop.log")]
    logging.root.addHandler(handlers[0])
    shop.addHandler(handlers[1])
    shop.propagate = False
    loud.addFilter(lambda record: record.levelno > logging.WARNING)
    with logweft.install(capture=False) as installation:
        shop.warning("of the shop")
        loud.warning("filtered")
        loud.error("of root")
        assert installation.flush(60)
    for handler in handlers:
        close(handler)
    messages = [
        [line["message"] for line in parse((tmp_path / name).read_text())]
        for name in ("root.log", "shop.log")
    ]
    assert messages == [["of root"], ["of the shop"]]


def test_rotation_goes_on(tmp_path: Path) -> None:
    """A RotatingFileHandler still rotates at its size, between lines."""
    bare()
    handler = logging.handlers.RotatingFileHandler(
        tmp_path / "a.log", maxBytes=5000, backupCount=100
    )
    logging.root.addHandler(handler)
    with logweft.install(capture=False) as installation:
        for number in range(200):
            logging.warning("line %d", number)
        assert installation.flush(60)
    close(handler)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 5
    assert max(file.stat().st_size for file in files) <= 5000
    lines = [line for file in files for line in parse(file.read_text())]
    assert sorted(line["message"] for line in lines) == sorted(f"line {n}" for n in range(200))


def test_file_that_was_moved_away(tmp_path: Path) -> None:
    """A WatchedFileHandler still opens its file anew when logrotate has moved it."""
    bare()
    handler = logging.handlers.WatchedFileHandler(tmp_path / "a.log")
    logging.root.addHandler(handler)
    with logweft.install(capture=False) as installation:
        logging.warning("before")
        assert installation.flush(60)
        os.rename(tmp_path / "a.log", tmp_path / "b.log")
        logging.warning("after")
        assert installation.flush(60)
    close(handler)
    for name, message in (("b.log", "before"), ("a.log", "after")):
        assert [line["message"] for line in parse((tmp_path / name).read_text())] == [message]


def test_set_stream(tmp_path: Path) -> None:
    """After setStream() on a handler that was taken over, lines go to the new stream."""
    bare()
    with open(tmp_path / "a.log", "w") as first, open(tmp_path / "b.log", "w") as second:
        handler = logging.StreamHandler(first)
        logging.root.addHandler(handler)
        with logweft.install(capture=False) as installation:
            logging.warning("before")
            assert installation.flush(60)
            handler.setStream(second)
            logging.warning("after")
            assert installation.flush(60)
    for name, message in (("a.log", "before"), ("b.log", "after")):
        assert [line["message"] for line in parse((tmp_path / name).read_text())] == [message]


def test_handler_changed_after_install(tmp_path: Path) -> None:
    """
    Whoever holds a handler that was taken over can still set its level and formatter, and
    uninstall() keeps what they set.
    """
    bare()
    handler = logging.FileHandler(tmp_path / "a.log")
    logging.root.addHandler(handler)
    theirs = logging.Formatter("mine: %(message)s")
    with logweft.install(level="DEBUG", capture=False) as installation:
        handler.setLevel("ERROR")
        logging.warning("too low")
        handler.setFormatter(theirs)
        logging.error("paid")
        assert installation.flush(60)
    assert handler.formatter is theirs
    assert handler.level == logging.ERROR
    close(handler)
    assert (tmp_path / "a.log").read_text() == "mine: paid\n"


def test_handler_removed_after_install(tmp_path: Path) -> None:
    """A handler that was taken over can be removed and closed by its owner, and is not put back."""
    bare()
    handler = logging.FileHandler(tmp_path / "a.log")
    logging.root.addHandler(handler)
    with logweft.install(capture=False):
        logging.warning("before")
        logging.root.removeHandler(handler)
        logging.getLogger("shop").error("after")
        assert handler not in logging.root.handlers
    close(handler)
    assert logging.root.handlers == []
    assert [line["message"] for line in parse((tmp_path / "a.log").read_text())] == ["before"]


def test_one_stream_two_handlers() -> None:
    """A record that two handlers write to one stream, as with Django's DEBUG, is written once."""
    done = run("""
    import logging, sys, logweft
    shop = logging.getLogger("shop")
    shop.addHandler(logging.StreamHandler())
    logging.basicConfig(level="INFO")
    logweft.install()
    shop.info("paid")
    logging.info("other")
    logging.getLogger("shop.cart").info("filled")
    """)
    assert done.code == 0
    assert sorted(line["message"] for line in done.lines) == ["filled", "other", "paid"]


def test_one_stream_two_handlers_in_order() -> None:
    """Lines of two handlers on one stream stand there in the order of the calls."""
    done = run("""
    import logging, sys, logweft
    shop = logging.getLogger("shop")
    shop.addHandler(logging.StreamHandler())
    shop.propagate = False
    logging.basicConfig(level="INFO")
    logweft.install()
    for number in range(0, 100, 2):
        shop.info("%d", number)
        logging.info("%d", number + 1)
    """)
    assert done.code == 0
    assert [line["message"] for line in done.lines] == [str(number) for number in range(100)]


# Left alone


class Vendor(logging.Handler):
    """A handler of somebody else: it keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep *record*."""
        self.seen.append(record)


class SubclassedStream(logging.StreamHandler):
    """A stream handler with a reason to exist."""


class SubclassedFile(logging.FileHandler):
    """A file handler with a reason to exist."""


class OwnFormatter(logging.Formatter):
    """A formatter with a reason to exist."""


def with_own_formatter() -> logging.Handler:
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(OwnFormatter("own %(message)s"))
    return handler


def with_json_formatter() -> logging.Handler:
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(JsonFormatter("%(message)s"))
    return handler


def with_own_emit() -> logging.Handler:
    handler = logging.StreamHandler(io.StringIO())
    handler.emit = lambda record: None  # type: ignore[method-assign]  # on purpose
    return handler


OTHERS: dict[str, Callable[[], logging.Handler]] = {
    "vendor": Vendor,
    "StreamHandler, own emit": with_own_emit,
    "NullHandler": logging.NullHandler,
    "MemoryHandler": lambda: logging.handlers.MemoryHandler(100),
    "BufferingHandler": lambda: logging.handlers.BufferingHandler(100),
    "SMTPHandler": lambda: logging.handlers.SMTPHandler("127.0.0.1", "a@b.c", ["a@b.c"], "x"),
    "HTTPHandler": lambda: logging.handlers.HTTPHandler("127.0.0.1", "/"),
    "SocketHandler": lambda: logging.handlers.SocketHandler("127.0.0.1", 9),
    "DatagramHandler": lambda: logging.handlers.DatagramHandler("127.0.0.1", 9),
    "StreamHandler, subclass": lambda: SubclassedStream(io.StringIO()),
    "FileHandler, subclass": lambda: SubclassedFile(os.devnull, delay=True),
    "own formatter": with_own_formatter,
    "python-json-logger": with_json_formatter,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_handler_is_left_alone(kind: str) -> None:
    """
    A handler that is not a stock one, or whose formatter is somebody's own, keeps every attribute
    while installed and afterwards.
    """
    handler = OTHERS[kind]()
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    listed = logger.handlers
    before = dict(vars(handler))
    with logweft.install(capture=False):
        assert dict(vars(handler)) == before
        assert logger.handlers is listed
        assert listed == [handler]
    assert dict(vars(handler)) == before
    handler.close()


def test_other_handler_gets_the_record_as_it_was(tmp_path: Path) -> None:
    """
    A vendor's handler gets each record itself, with msg, args, exc_info and extra as they were
    logged, before and after the one we took.
    """
    bare()
    first, last = Vendor(), Vendor()
    file = logging.FileHandler(tmp_path / "a.log")
    for handler in (first, file, last):
        logging.root.addHandler(handler)
    order = {"number": 7}
    with logweft.install(capture=False):
        try:
            1 / 0
        except ZeroDivisionError as error:
            logging.getLogger("shop").warning("paid %s", order, exc_info=True, extra={"a": order})
            caught = error
    close(file)
    for vendor in (first, last):
        (record,) = vendor.seen
        assert record is first.seen[0]
        assert record.msg == "paid %s"
        assert record.args is order
        assert record.exc_info is not None
        assert record.exc_info[1] is caught
        assert vars(record)["a"] is order
        assert record.exc_text is None


def test_caplog_sees_everything(caplog: pytest.LogCaptureFixture) -> None:
    """
    Pytest's caplog sees level, message and arguments of each record while installed, and its
    handler is left alone.
    """
    before = {name: value for name, value in vars(caplog.handler).items() if name != "records"}
    with logweft.install(level="INFO", stream=io.StringIO(), capture=False):
        logging.getLogger("shop").info("paid %d", 7)
        after = {name: value for name, value in vars(caplog.handler).items() if name != "records"}
        assert after == before
    assert caplog.record_tuples == [("shop", logging.INFO, "paid 7")]
    assert "paid 7" in caplog.text


def test_own_formatter_keeps_its_text() -> None:
    """A handler with a formatter of the user's own goes on writing that formatter's text."""
    handler = with_own_formatter()
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    with logweft.install(stream=io.StringIO(), capture=False):
        logger.warning("paid")
    assert handler.stream.getvalue() == "own paid\n"


# Staying installed

RECONFIGURATIONS = {
    "dictConfig": """dictConfig({
        "version": 1,
        "formatters": {"plain": {"format": "plain %(message)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "plain",
                             "stream": "ext://sys.stdout"}},
        "root": {"level": "INFO", "handlers": ["out"]},
    })""",
    "dictConfig of a named logger": """dictConfig({
        "version": 1,
        "formatters": {"plain": {"format": "plain %(message)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "plain",
                             "stream": "ext://sys.stdout"}},
        "loggers": {"shop": {"level": "INFO", "handlers": ["out"], "propagate": False}},
    })""",
    "fileConfig": """fileConfig("logging.ini")""",
    "basicConfig": """basicConfig(force=True, stream=sys.stdout, format="plain %(message)s")""",
}

INI = """
[loggers]
keys=root
[handlers]
keys=out
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=out
[handler_out]
class=StreamHandler
args=(sys.stdout,)
formatter=plain
[formatter_plain]
format=plain %(message)s
"""

IMPORTS = """
from logging.config import dictConfig, fileConfig
from logging import basicConfig
"""

AFTERWARDS = """
import logging, logging.config, sys
{before}
import logweft
logging.getLogger("shop").info("x")
installation = logweft.install({options})
logging.getLogger("early")
{after}
{reconfigure}
for name in ("shop", "early", "late"):
    logging.getLogger(name).warning("of %s", name)
"""


def program(reconfigure: str, imported_before: bool, options: str = "") -> str:
    before, after = (IMPORTS, "") if imported_before else ("", IMPORTS)
    return AFTERWARDS.format(before=before, after=after, options=options, reconfigure=reconfigure)


@pytest.mark.parametrize("imported_before", [True, False])
@pytest.mark.parametrize("kind", RECONFIGURATIONS)
def test_stays_installed(tmp_path: Path, kind: str, imported_before: bool) -> None:
    """
    After somebody else's configuration each record is one JSON line where that one sends it, by
    loggers it has silenced too, and one line says which.
    """
    (tmp_path / "logging.ini").write_text(INI)
    done = run(program(RECONFIGURATIONS[kind], imported_before), cwd=tmp_path)
    assert done.code == 0, done.err
    lines = [*parse(done.out), *done.lines]
    told = [line for line in lines if line["logger"] == "logweft"]
    spoken = [line["message"] for line in lines if line["logger"] != "logweft"]
    assert sorted(spoken) == ["of early", "of late", "of shop"]
    if kind == "dictConfig of a named logger":
        assert [line["message"] for line in parse(done.out)] == ["of shop"]
    else:
        assert done.err == ""
    if kind == "basicConfig":  # which silences nobody
        assert told == []
    else:
        assert len(told) == 1
        assert told[0]["level"] == "WARNING"
        assert "early" in told[0]["loggers"]


@pytest.mark.parametrize("kind", RECONFIGURATIONS)
def test_declined(tmp_path: Path, kind: str) -> None:
    """With sticky=False, or LOGWEFT_STICKY=0, somebody else's configuration has the last word."""
    (tmp_path / "logging.ini").write_text(INI)
    outcomes = [
        run(program(RECONFIGURATIONS[kind], False, options), cwd=tmp_path, env=env)
        for options, env in (("sticky=False", {}), ("", {"LOGWEFT_STICKY": "0"}))
    ]
    for done in outcomes:
        assert done.code == 0, done.err
        assert "plain of shop" in done.out or "plain of late" in done.out
        assert "re-enabled" not in done.out + done.err
        if kind != "basicConfig":
            assert "of early" not in done.out + done.err


def test_disable_existing_loggers_by_hand() -> None:
    """A logger that the program disables itself stays disabled through others' configurations."""
    done = run("""
    import logging, logging.config, logweft
    logweft.install()
    for name in ("quiet", "shop"):
        logging.getLogger(name).info("before")
    logging.getLogger("quiet").disabled = True
    logging.config.dictConfig({"version": 1})
    for name in ("quiet", "shop"):
        logging.getLogger(name).info("after")
    """)
    assert done.code == 0
    spoken = [
        (line["logger"], line["message"]) for line in done.lines if line["logger"] != "logweft"
    ]
    assert spoken == [("quiet", "before"), ("shop", "before"), ("shop", "after")]


def test_incremental_configuration() -> None:
    """An incremental dictConfig changes levels as ever, and lines stay JSON."""
    done = run("""
    import logging, logging.config, logweft
    logweft.install()
    logging.config.dictConfig({"version": 1, "incremental": True, "root": {"level": "DEBUG"}})
    logging.debug("x")
    """)
    assert [line["message"] for line in done.lines] == ["x"]


def test_configuration_that_fails() -> None:
    """Somebody's broken dictConfig raises as ever, and afterwards records are JSON lines."""
    done = run("""
    import logging, logging.config, logweft
    logweft.install()
    try:
        logging.config.dictConfig({"version": 1, "root": {"handlers": ["missing"]}})
    except ValueError as error:
        assert "root" in str(error)
    else:
        raise SystemExit(3)
    logging.getLogger("shop").warning("x")
    """)
    assert done.code == 0, done.err
    assert [line["message"] for line in done.lines if line["logger"] != "logweft"] == ["x"]


def test_configurator_of_ones_own() -> None:
    """A subclass of DictConfigurator, put in place as documented, is followed too."""
    done = run("""
    import logging, logging.config, sys, logweft
    class Own(logging.config.DictConfigurator):
        def configure(self):
            super().configure()
            logging.root.setLevel("DEBUG")
    logging.config.dictConfigClass = Own
    logweft.install()
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"out": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["out"]},
    })
    logging.debug("x")
    """)
    assert done.code == 0
    assert [line["message"] for line in done.lines] == ["x"]


def test_handler_added_later() -> None:
    """
    A stock handler added to a logger after install() is taken over, and replaces the one that stood
    in for it on root.
    """
    done = run("""
    import logging, sys, logweft
    logweft.install()
    logging.warning("first")
    logging.getLogger("shop").addHandler(logging.StreamHandler(sys.stdout))
    logging.root.addHandler(logging.StreamHandler(sys.stdout))
    logging.getLogger("shop").warning("second")
    """)
    assert done.code == 0
    assert [line["message"] for line in done.lines] == ["first"]
    assert [line["message"] for line in parse(done.out)] == ["second"]


def test_handler_added_later_to_a_stream_of_ours() -> None:
    """Where install() was told a stream, a handler added later to another does not replace it."""
    done = run("""
    import logging, sys, logweft
    logweft.install(stream=sys.stderr)
    logging.root.addHandler(logging.StreamHandler(sys.stdout))
    logging.warning("x")
    """)
    assert [line["message"] for line in done.lines] == ["x"]
    assert [line["message"] for line in parse(done.out)] == ["x"]


def test_a_handler_is_collected_while_a_file_is_rotated_and_another_configures(
    tmp_path: Path,
) -> None:
    """
    dictConfig() has logging's lock while it goes through the handlers; it does not wait for one
    whose file is being rotated, since who rotates it may need that lock at any moment.
    """
    done = run(
        """
    import logging, logging.config, logging.handlers, os, sys, threading, logweft
    rotating, seen, collected = threading.Event(), threading.Event(), [logging.Handler()]
    def rotator(source, destination):
        rotating.set()
        while collected and logging._lock.acquire(blocking=False):
            logging._lock.release()  # until whoever configures has it
        seen.set()
        collected.clear()  # whose callback waits for it
        os.rename(source, destination)
    handler = logging.handlers.RotatingFileHandler(sys.argv[1], maxBytes=400, backupCount=1)
    handler.rotator = rotator
    log = logging.getLogger("shop")
    log.addHandler(handler)
    installation = logweft.install(integrations="none")
    for number in range(4):
        log.warning("line %d", number)
    assert rotating.wait(20)
    with logging._lock:  # as dictConfig() does, and for long enough
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        assert seen.wait(20)
    log.warning("last")
    assert installation.flush(20)
    assert not installation.stats().errors
    """,
        str(tmp_path / "shop.log"),
    )
    assert done.code == 0, done.err[-3000:]
    assert parse((tmp_path / "shop.log").read_text())[-1]["message"] == "last"


def test_who_closes_a_handler_does_not_meet_us_half_way(tmp_path: Path) -> None:
    """Who has a handler's lock gets logging's, too, as a handler's own `close` needs both."""
    handler = logging.handlers.RotatingFileHandler(tmp_path / "out.log", maxBytes=10**6)
    log = logging.getLogger("shop")
    log.addHandler(handler)
    with logweft.install(capture=False) as installation:
        log.warning("first")
        assert installation.flush(20)
        with handler.lock:
            vars(handler)["handle"].__self__.close()  # as logging.shutdown() does
            for _ in range(60):  # the listener tries again and again meanwhile
                assert logging._lock.acquire(timeout=20)
                logging._lock.release()
                time.sleep(0.005)
        log.warning("second")
        assert installation.flush(20)
    log.removeHandler(handler)
    handler.close()
    messages = [line["message"] for line in parse((tmp_path / "out.log").read_text())]
    assert messages == ["first", "second"]


@pytest.mark.parametrize("times", [5, 6])
def test_a_configuration_closes_the_rotating_file_that_it_replaces(
    times: int, tmp_path: Path
) -> None:
    """A file that rotates is closed where dictConfig() replaces its handler, as without logweft."""
    config = {
        "version": 1,
        "handlers": {
            "out": {
                "class": "logging.handlers.RotatingFileHandler",
                "filename": str(tmp_path / "out.log"),
                "maxBytes": 10**6,
            }
        },
        "loggers": {"shop": {"handlers": ["out"]}},
    }
    log, replaced = logging.getLogger("shop"), []
    with logweft.install(capture=False) as installation:
        for number in range(times):
            logging.config.dictConfig(config)
            log.warning("line %d", number)
            assert installation.flush(20)
            replaced += log.handlers
        logging.config.dictConfig({"version": 1, "loggers": {"shop": {"handlers": []}}})
        assert installation.flush(20)
        deadline = time.monotonic() + 20
        while any(handler.stream is not None for handler in replaced):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    messages = [line["message"] for line in parse((tmp_path / "out.log").read_text())]
    assert messages == [f"line {number}" for number in range(times)]


@pytest.mark.parametrize("way", ["removeHandler(handler)", "handlers.clear()"])
def test_a_logger_that_has_no_handler_any_more(way: str) -> None:
    """What `logging.lastResort` writes is our line, redacted, from WARNING on; then it is plain."""
    done = run(f"""
    import logging, sys, logweft
    handler = logging.StreamHandler(sys.stdout)
    logging.basicConfig(handlers=[handler], level="INFO")
    log = logging.getLogger("shop")
    installation = logweft.install()
    logging.root.{way}
    log.info("not seen")
    with logweft.adopt("order-7"):
        log.warning("password=%s", "hunter22")
    installation.uninstall()
    log.warning("plain")
    """)
    assert (done.code, done.out) == (0, "")
    line, plain = done.err.splitlines()
    assert parse(line)[0]["message"] == "password=[redacted]"
    assert parse(line)[0]["correlation_id"] == "order-7"
    assert plain == "plain"


@pytest.mark.parametrize(
    "kind", [logging.FileHandler, logging.handlers.RotatingFileHandler], ids=["plain", "rotating"]
)
def test_a_file_that_waits_for_its_first_line(kind: type[Any], tmp_path: Path) -> None:
    """With ``delay=True`` the file is there from the first line on, not before; none is lost."""
    path = tmp_path / "late.log"
    log = logging.getLogger("shop")
    handler = kind(path, delay=True)
    log.addHandler(handler)
    with logweft.install() as installation:
        assert installation.flush(20)
        assert not path.exists()
        for number in range(20):
            log.warning("line %d", number)
            if number in (0, 10):
                assert installation.flush(20)
                assert path.exists()
    log.removeHandler(handler)
    handler.close()
    messages = [line["message"] for line in parse(path.read_text())]
    assert messages == [f"line {number}" for number in range(20)]


@pytest.mark.parametrize(
    "configure",
    [
        'logging.config.dictConfig({"version": 1, "root": {"level": "INFO"}})',
        'logging.basicConfig(level="INFO", force=True)',
        "logging.root.setLevel(logging.INFO)",
    ],
)
def test_a_level_that_somebody_sets_stays(configure: str) -> None:
    """The root logger's level, set by another to what install() chose, is not taken back."""
    done = run(f"""
    import logging, logging.config, logweft
    installation = logweft.install()
    {configure}
    installation.uninstall()
    print(logging.getLevelName(logging.root.level))
    """)
    assert (done.code, done.out) == (0, "INFO\n")


def test_basic_config_without_force() -> None:
    """basicConfig() without force does nothing after install(), as after any configuration."""
    done = run("""
    import logging, logweft
    logweft.install()
    logging.basicConfig(level="DEBUG", format="plain")
    logging.debug("not shown")
    logging.info("x")
    """)
    assert [line["message"] for line in done.lines] == ["x"]


def test_file_config_is_given_back(tmp_path: Path) -> None:
    """uninstall() after somebody's configuration gives their handlers their formatters back."""
    (tmp_path / "logging.ini").write_text(INI)
    done = run(
        """
        import logging, logging.config, logweft
        installation = logweft.install()
        logging.config.fileConfig("logging.ini")
        logging.warning("one")
        installation.uninstall()
        logging.warning("two")
        """,
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    json, plain = done.out.splitlines()
    assert parse(json)[0]["message"] == "one"
    assert plain == "plain two"


def test_others_configure_while_threads_log(tmp_path: Path) -> None:
    """
    Threads that log while somebody configures logging again and again never deadlock, and every
    line is JSON.
    """
    done = run("""
    import logging, logging.config, threading, logweft
    logweft.install()
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler"}},
        "root": {"level": "INFO", "handlers": ["out"]},
    }
    stop = threading.Event()
    def work(number):
        count = 0
        while not stop.is_set():
            logging.getLogger(f"shop.{number}.{count % 50}").info("x")
            count += 1
            stop.wait(0.0005)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        logging.config.dictConfig(config)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    logging.info("last")
    """)
    assert done.code == 0, done.err[-2000:]
    assert done.lines[-1]["message"] == "last"


def test_configuration_while_the_target_hangs() -> None:
    """
    Somebody's dictConfig returns in seconds although a target takes nothing, and no line after it
    is lost.
    """
    done = run("""
    import logging, logging.config, os, sys, threading, time, logweft
    reader, writer = os.pipe()
    logging.basicConfig(level="INFO", stream=os.fdopen(writer, "w"))
    logweft.install()
    for number in range(100):
        logging.info("%d %s", number, "x" * 2000)  # more than the pipe holds
    begun = time.monotonic()
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler"}},
        "root": {"level": "INFO", "handlers": ["out"]},
    })
    assert time.monotonic() - begun < 8
    received = []
    def read():
        while part := os.read(reader, 65536):
            received.append(part)
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert logweft.flush(60)
    logging.info("last")
    """)
    assert done.code == 0, done.err
    assert [line["message"] for line in done.lines] == ["last"]


def test_garbage_is_not_kept() -> None:
    """Handlers that others' configurations throw away are let go, with their descriptors."""
    done = run("""
    import gc, logging, logging.config, os, weakref, logweft
    logweft.install(capture=False)
    config = {
        "version": 1,
        "handlers": {"out": {"class": "logging.FileHandler", "filename": "/dev/null"}},
        "root": {"level": "INFO", "handlers": ["out"]},
    }
    def count():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))
    logging.config.dictConfig(config)
    logging.info("x")
    logweft.flush(60)
    old = weakref.ref(logging.root.handlers[0])
    before = count()
    for _ in range(20):
        logging.config.dictConfig(config)
        logging.info("x")
    logweft.flush(60)
    gc.collect()
    assert old() is None
    assert count() <= before + 1, (before, count())
    """)
    assert done.code == 0, done.err


def test_install_under_a_capturing_stderr() -> None:
    """A stream without a file under it, such as a StringIO for sys.stderr, gets its lines too."""
    stream = io.StringIO()
    bare()
    logging.root.addHandler(logging.StreamHandler(stream))
    with logweft.install(capture=False) as installation:
        logging.warning("x")
        assert installation.flush(60)
    assert [line["message"] for line in parse(stream.getvalue())] == ["x"]


def test_threads_start_with_the_first_line() -> None:
    """install() starts no thread, so that a program may fork before its first line."""
    bare()
    before = threading.active_count()
    with logweft.install(capture=False, stream=io.StringIO()):
        assert threading.active_count() == before


def test_no_accepted_line_is_lost_while_others_reconfigure(tmp_path: Path) -> None:
    """Of lines accepted while handlers are thrown away and made anew, each is written."""
    done = run(
        """
        import logging, logging.config, sys, threading, logweft
        sys.setswitchinterval(1e-5)  # as many calls as possible are under way
        installation = logweft.install(capture=False)
        config = {
            "version": 1,
            "handlers": {
                name: {"class": "logging.FileHandler", "filename": sys.argv[1]} for name in "ab"
            },
            "loggers": {"b": {"handlers": ["b"]}},
            "root": {"level": "INFO", "handlers": ["a"]},
        }
        logging.config.dictConfig(config)
        stop = threading.Event()

        def work(name):
            while not stop.is_set():
                logging.getLogger(name).info("x")

        threads = [threading.Thread(target=work, args=(name,)) for name in "abab"]
        for thread in threads:
            thread.start()
        for _ in range(100):
            logging.config.dictConfig(config)
        stop.set()
        for thread in threads:
            thread.join()
        assert installation.flush(60)
        stats = installation.stats()
        assert stats.depth == 0, stats
        assert stats.accepted == stats.written + sum(stats.dropped.values()), stats
        assert stats.errors == 0, stats
        """,
        str(tmp_path / "lines.log"),
    )

    assert done.code == 0, done.err
    assert done.err == ""


def test_handlers_come_and_go_while_others_configure() -> None:
    """Threads that call dictConfig() and addHandler() at the same time never deadlock."""
    done = run("""
    import logging, logging.config, sys, threading, logweft
    sys.setswitchinterval(1e-5)
    logweft.install(integrations="none")
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler"}},
        "loggers": {f"shop.{number}": {"handlers": ["out"]} for number in range(20)},
    }
    def configure():
        for _ in range(100):
            logging.config.dictConfig(config)
    def add_and_remove():
        log = logging.getLogger("other")
        while configuring.is_alive():
            handler = logging.StreamHandler()
            log.addHandler(handler)
            log.removeHandler(handler)
    configuring = threading.Thread(target=configure, daemon=True)
    adding = threading.Thread(target=add_and_remove, daemon=True)
    configuring.start()
    adding.start()
    for thread in (configuring, adding):
        thread.join(25)
        assert not thread.is_alive()
    logging.warning("last")
    """)
    assert done.code == 0, done.err[-2000:]
    assert done.lines[-1]["message"] == "last"


def test_a_handler_is_collected_while_its_thread_logs_and_another_configures(
    tmp_path: Path,
) -> None:
    """
    Who has the queue's lock may need logging's, since a handler is collected at any moment, and who
    configures has logging's: neither waits for ever, each line comes, and handlers are given back.
    """
    done = run(
        """
    import logging, logging.config, sys, threading, time, logweft
    paths = sys.argv[1:]
    installation = logweft.install(integrations="none")
    log = logging.getLogger("job")
    first = logging.FileHandler(paths[0])
    log.addHandler(first)
    queue = vars(first)["handle"].__self__.queue
    log.warning("before")
    assert installation.flush(20)
    def collect(handlers, entered, seen):
        with queue.lock():
            entered.set()
            while logging._lock.acquire(blocking=False):  # until whoever configures has it
                logging._lock.release()
            seen.set()
            handlers.clear()  # whose callback waits for it
    def meanwhile(configure):
        entered, seen = threading.Event(), threading.Event()
        other = threading.Thread(
            target=collect, args=([logging.Handler()], entered, seen), daemon=True
        )
        other.start()
        assert entered.wait(20)
        with logging._lock:  # as dictConfig() does
            configure()
            assert seen.wait(20)
        other.join(20)
        assert not other.is_alive()
    second, third = (logging.FileHandler(path) for path in paths[1:])
    meanwhile(lambda: log.addHandler(second))
    log.warning("both")
    # A second handler for a file, not known to the queue before its first line.
    again = logging.FileHandler(paths[0])
    meanwhile(lambda: log.addHandler(again))
    log.warning("once")
    assert installation.flush(20)
    first.setLevel("ERROR")
    log.warning("again alone")
    assert installation.flush(20)
    first.setLevel("NOTSET")
    def await_served(*handlers):  # the listener's thread lets the others go
        deadline = time.monotonic() + 20
        expected = [logging.lastResort, *logging.root.handlers, *handlers]
        while [target.handler for target in queue.targets] != expected:
            assert time.monotonic() < deadline, queue.targets
            time.sleep(0.01)
    meanwhile(lambda: log.removeHandler(second))
    await_served(first, again)
    log.warning("after")
    assert installation.flush(20)
    meanwhile(lambda: (log.removeHandler(again), queue.close()))
    await_served(first)
    meanwhile(lambda: log.addHandler(third))
    meanwhile(lambda: log.removeHandler(third))  # which no line has come for
    # It flushes and closes whatever handlers there are.
    meanwhile(lambda: logging.config.dictConfig({"version": 1, "disable_existing_loggers": False}))
    assert installation.flush(20)
    installation.uninstall()
    assert not queue.targets
    for handler in (first, second, third, again):
        assert "handle" not in vars(handler)
    """,
        *[str(tmp_path / name) for name in ("first", "second", "third")],
    )
    assert done.code == 0, done.err[-3000:]
    written = [
        [json.loads(line)["message"] for line in (tmp_path / name).read_text().splitlines()]
        for name in ("first", "second", "third")
    ]
    assert written == [
        ["before", "both", "once", "again alone", "after"],
        ["both", "once", "again alone"],
        [],
    ]


def test_a_handler_is_ours_before_a_logger_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line of another thread, nor of a child forked meanwhile, gets to a new handler as text."""

    class Handlers(list[logging.Handler]):
        def append(self, handler: logging.Handler) -> None:
            states.append("handle" in vars(handler))
            super().append(handler)

    states: list[bool] = []
    bare()
    log = logging.getLogger("job")
    monkeypatch.setattr(log, "handlers", Handlers())
    handler = logging.FileHandler(tmp_path / "log")
    with logweft.install(capture=False, stream=io.StringIO()):
        log.addHandler(handler)
        log.removeHandler(handler)
        assert "handle" not in vars(handler)
    handler.close()
    assert states == [True]


def test_what_is_no_handler_is_left_alone() -> None:
    """Whatever stands among a logger's handlers and can `handle` a record goes on doing so."""

    class Duck:
        level = logging.NOTSET

        def handle(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    told: list[str] = []
    bare()
    log = logging.getLogger("job")
    log.handlers.append(Duck())  # type: ignore[arg-type]  # that is the point
    with logweft.install(capture=False, stream=io.StringIO()) as installation:
        log.addHandler(Duck())  # type: ignore[arg-type]  # that is the point
        log.warning("%s", "quack")
        assert not installation.stats().errors
    assert told == ["quack", "quack"]


def test_no_stream_is_flushed_while_everybody_waits() -> None:
    """To flush a stream may take long, and wait for a thread that logs: logging's lock is free."""
    done = run("""
    import io, logging, logging.config, sys, threading, logweft
    waits = []
    class Stream(io.TextIOWrapper):
        flushed = 0
        def __init__(self):
            super().__init__(io.BytesIO())
        def flush(self):
            other = threading.Thread(target=logging.getLogger, args=("new",), daemon=True)
            other.start()
            other.join(20)
            waits.append(other.is_alive())
            self.flushed += 1
            super().flush()
    streams = [Stream() for _ in range(3)]
    logging.basicConfig(stream=streams[0])
    logweft.install(integrations="none")
    assert streams[0].flushed
    logging.getLogger("shop").addHandler(logging.StreamHandler(streams[1]))
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": streams[2]}},
        "loggers": {"shop.orders": {"handlers": ["out"]}},
    })
    logging.getLogger("shop.orders").warning("to all")
    assert logweft.flush(20)
    assert not any(waits), waits
    print(*[stream.buffer.getvalue().count(b"to all") for stream in streams])
    """)
    assert (done.code, done.out.split()) == (0, ["1", "1", "1"]), done.err[-2000:]


def test_removed_handlers_are_let_go(tmp_path: Path) -> None:
    """A handler that its owner removes leaves no descriptor behind, and all its lines written."""
    bare()
    log, paths = logging.getLogger("job"), [tmp_path / f"{number}.log" for number in range(50)]
    remove_handler = logging.Logger.removeHandler
    with logweft.install(capture=False, stream=io.StringIO()) as installation:
        before = len(os.listdir("/proc/self/fd"))
        for path in paths:
            handler = logging.FileHandler(path)
            log.addHandler(handler)
            for number in range(3):
                log.warning("%d", number)
            log.removeHandler(handler)
            assert "handle" not in vars(handler)
            handler.close()
        assert installation.flush(60)
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert logging.Logger.removeHandler is remove_handler
    for path in paths:
        assert [line["message"] for line in parse(path.read_text())] == ["0", "1", "2"]


def test_removing_a_handler_does_not_wait_for_its_target() -> None:
    """A handler on a stuck pipe is removed at once, and what it was given is written later."""
    done = run("""
    import logging, os, threading, time, logweft
    reader, writer = os.pipe()
    handler = logging.StreamHandler(os.fdopen(writer, "w"))
    logging.root.addHandler(handler)
    logweft.install(capture=False)
    for number in range(100):
        logging.warning("%d %s", number, "x" * 2000)  # more than the pipe holds
    begun = time.monotonic()
    logging.root.removeHandler(handler)
    assert time.monotonic() - begun < 3
    received = bytearray()
    def read():
        while part := os.read(reader, 65536):
            received.extend(part)
    threading.Thread(target=read, daemon=True).start()
    assert logweft.flush(20)
    while received.count(10) < 100:
        time.sleep(0.01)
    print(received.decode(), end="")
    """)
    assert done.code == 0, done.err
    seen = [line["message"].split()[0] for line in parse(done.out)]
    assert seen == [str(number) for number in range(100)]


def test_handler_stays_taken_while_one_logger_has_it(tmp_path: Path) -> None:
    """A handler on two loggers that is removed from one goes on writing our lines."""
    bare()
    handler = logging.FileHandler(tmp_path / "a.log")
    logging.root.addHandler(handler)
    logging.getLogger("shop").addHandler(handler)
    with logweft.install(capture=False):
        logging.getLogger("shop").removeHandler(handler)
        logging.getLogger("shop").warning("paid")
    close(handler)
    assert [line["message"] for line in parse((tmp_path / "a.log").read_text())] == ["paid"]


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("kind", STOCK_HANDLERS)
def test_handler_removed_and_added_again(tmp_path: Path, kind: str, closes: bool) -> None:
    """A handler that is removed, closed or not, and added again writes all lines in order."""
    bare()
    handler = STOCK_HANDLERS[kind](tmp_path / "a.log")
    logging.root.addHandler(handler)
    with logweft.install(capture=False):
        for number in range(100):
            logging.warning("%d", number)
            if number % 10 == 5:
                logging.root.removeHandler(handler)
                if closes:
                    handler.close()
                logging.root.addHandler(handler)
    close(handler)
    lines = parse((tmp_path / "a.log").read_text(encoding="latin-1"))
    assert [line["message"] for line in lines] == [str(number) for number in range(100)]


# One destination or two


def test_set_stream_to_one_without_a_file(tmp_path: Path) -> None:
    """Lines from before setStream() go to the file, those after it to a StringIO, and back."""
    bare()
    streams = [open(tmp_path / "a.log", "w"), io.StringIO(), open(tmp_path / "b.log", "w")]  # noqa: SIM115 - closed below
    handler = logging.StreamHandler(streams[0])
    logging.root.addHandler(handler)
    with logweft.install(capture=False) as installation:
        for stream in streams:
            handler.setStream(stream)
            logging.warning("to %s", type(stream).__name__)
            logging.warning("again")
            if stream is streams[1]:  # which its own emit() writes to, whenever that is
                assert installation.flush(60)
    text = streams[1].getvalue()  # type: ignore[attr-defined]  # the StringIO
    for stream in streams:
        stream.close()
    for told, kind in (
        ((tmp_path / "a.log").read_text(), "TextIOWrapper"),
        (text, "StringIO"),
        ((tmp_path / "b.log").read_text(), "TextIOWrapper"),
    ):
        assert [line["message"] for line in parse(told)] == [f"to {kind}", "again"]


@pytest.mark.parametrize("moved", [0, 1])
def test_set_stream_of_one_of_two_handlers(tmp_path: Path, moved: int) -> None:
    """Of two handlers of one stream each that setStream() moves takes its own lines alone along."""
    bare()
    with open(tmp_path / "a.log", "w") as first, open(tmp_path / "b.log", "w") as second:
        handlers = [logging.StreamHandler(first), logging.StreamHandler(first)]
        logging.root.addHandler(handlers[0])
        logging.getLogger("shop").addHandler(handlers[1])
        with logweft.install(capture=False):
            logging.getLogger("shop").warning("once")
            handlers[moved].setStream(second)
            logging.getLogger("shop").warning("in both")
    for name, expected in (("a.log", ["once", "in both"]), ("b.log", ["in both"])):
        assert [line["message"] for line in parse((tmp_path / name).read_text())] == expected


def test_number_of_a_closed_stream_is_another_destination(tmp_path: Path) -> None:
    """A file that gets the number of one that was closed gets the lines of its own handler."""
    bare()
    with logweft.install(capture=False, stream=io.StringIO()) as installation:
        first = open(tmp_path / "a.log", "w")  # noqa: SIM115 - closed below
        logging.root.addHandler(logging.StreamHandler(first))
        logging.warning("one")
        assert installation.flush(60)
        number = first.fileno()
        first.close()
        # By hand, since the lowest free number may be another by now.
        opened = os.open(tmp_path / "b.log", os.O_WRONLY | os.O_CREAT)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        with open(number, "w") as second:
            logging.root.addHandler(logging.StreamHandler(second))
            logging.warning("two")
            logging.warning("three")
            assert installation.flush(60)
    assert [line["message"] for line in parse((tmp_path / "b.log").read_text())] == ["two", "three"]


def test_id_of_a_stream_that_was_freed_is_another_destination() -> None:
    """A stream that may have the id() of one that another handler had gets its own lines."""
    bare()
    with logweft.install(capture=False, stream=io.StringIO()) as installation:
        stream = io.StringIO()
        freed, handler = id(stream), logging.StreamHandler(stream)
        logging.root.addHandler(handler)
        handler.setStream(io.StringIO())
        del stream
        kept = [io.StringIO() for _ in range(1000)]
        same = next((each for each in kept if id(each) == freed), kept[0])
        logging.root.addHandler(logging.StreamHandler(same))
        logging.warning("paid")
        assert installation.flush(60)
        for each in (same, handler.stream):
            assert [line["message"] for line in parse(each.getvalue())] == ["paid"]


def test_second_handler_of_a_stream_that_goes_leaves_the_fast_way() -> None:
    """Once the second handler of a stream is removed, the first one's lines are made as before."""
    bare()
    with open(os.devnull, "w") as stream:
        first, second = logging.StreamHandler(stream), logging.StreamHandler(stream)
        logging.root.addHandler(first)
        with logweft.install(capture=False):
            front = first.handle.__self__  # type: ignore[attr-defined]  # the QueueHandler's method
            assert front.renderer(logging.WARNING) is not None
            logging.getLogger("shop").addHandler(second)
            assert front.renderer(logging.WARNING) is None
            logging.getLogger("shop").removeHandler(second)
            assert front.renderer(logging.WARNING) is not None
