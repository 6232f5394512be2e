"""install(): levels, formats, options, environment; twice, never half, and all given back."""

from __future__ import annotations

import inspect
import io
import logging
import logging.config
import logging.handlers
import os
import pty
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import logweft
from programs import Finished, clean_environment, parse, run

both_bufferings = pytest.mark.parametrize(
    "env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"]
)


def bare() -> None:
    """Take pytest's handlers off the root logger, which it puts there for each phase of a test."""
    logging.root.handlers[:] = []
    logging.root.setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def fresh_loggers() -> Iterator[None]:
    """Give each test named loggers as getLogger() makes them, whatever the test before has set."""
    yield
    logweft.uninstall()
    for logger in loggers()[1:]:
        for handler in logger.handlers:
            handler.close()
        logger.handlers[:] = []
        logger.filters[:] = []
        logger.setLevel(logging.NOTSET)
        logger.propagate, logger.disabled = True, False


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Return a function that installs onto a file and returns the lines written there."""
    with open(tmp_path / "lines", "w") as stream:

        def written(**options: Any) -> list[dict[str, Any]]:
            installation = logweft.install(**{"stream": stream, "capture": False, **options})
            assert installation.flush(60)
            return parse((tmp_path / "lines").read_text())

        yield written
        logweft.uninstall()


def loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


def state() -> dict[Any, Any]:
    """Return every object install() may touch, for a comparison by identity."""
    found: dict[Any, Any] = {
        (owner, name): getattr(owner, name)
        for owner, names in (
            (sys, ("excepthook", "unraisablehook", "stdout", "stderr")),
            (threading, ("excepthook",)),
            (warnings, ("showwarning",)),
            (logging.Logger, tuple(sorted(vars(logging.Logger)))),
            (logging.config, tuple(sorted(vars(logging.config)))),
            (logging.config.DictConfigurator, ("configure",)),
            (logging, tuple(sorted(vars(logging)))),
        )
        for name in names
    }
    to_close = [reference() for reference in logging._handlerList]
    for logger in loggers():
        found[logger, "level"] = logger.level
        found[logger, "disabled"] = logger.disabled
        found[logger, "propagate"] = logger.propagate
        found[logger, "filters"] = [*logger.filters]
        found[logger, "handlers"] = [*logger.handlers]
        for handler in logger.handlers:
            found[handler, "vars"] = dict(vars(handler))
            found[handler, "closed at exit"] = handler in to_close
    return found


def different(
    before: dict[Any, Any], after: dict[Any, Any], *, closed: bool = False
) -> dict[Any, Any]:
    """Return what is not the same; *closed*: a dictConfig may have closed the handlers."""
    found = {}
    for key in {**before, **after}:
        one, two = before.get(key), after.get(key)
        if closed and key[1] == "vars" and one and two:
            for name in ("_closed", "stream"):
                one, two = ({k: v for k, v in each.items() if k != name} for each in (one, two))
        if not same(one, two):
            found[key] = (one, two)
    return found


def same(one: Any, two: Any) -> bool:
    if isinstance(one, (list, dict)) and type(one) is type(two):
        if isinstance(one, dict):
            return [*one] == [*two] and same([*one.values()], [*two.values()])
        return len(one) == len(two) and all(map(same, one, two))
    return one is two or (isinstance(one, (int, str)) and one == two)


# Level


@both_bufferings
def test_bare_program_logs_from_info_on(env: dict[str, str]) -> None:
    """
    In a program that has configured nothing, INFO and above become one JSON line each, on standard
    error.
    """
    done = run(
        """
        import logging, logweft
        logweft.install()
        log = logging.getLogger("shop.orders")
        log.debug("not shown")
        log.info("paid %d", 7, extra={"amount": 12.5})
        logging.warning("of the root")
        """,
        env=env,
    )
    assert (done.code, done.out) == (0, "")
    first, second = done.lines
    assert (first["level"], first["logger"], first["message"]) == ("INFO", "shop.orders", "paid 7")
    assert (first["amount"], first["line"], first["function"]) == (12.5, 6, "<module>")
    assert (second["level"], second["logger"]) == ("WARNING", "root")


@pytest.mark.parametrize(
    ("before", "options", "env", "shown"),
    [
        ("", "", {}, "info warning error"),
        ("logging.root.setLevel('ERROR')", "", {}, "error"),
        ("logging.root.setLevel('DEBUG')", "", {}, "debug info warning error"),
        ("logging.basicConfig()", "", {}, "warning error"),
        ("logging.basicConfig(level='DEBUG')", "", {}, "debug info warning error"),
        ("", "level='DEBUG'", {}, "debug info warning error"),
        ("", "level='error'", {}, "error"),
        ("", "level=30", {}, "warning error"),
        ("", "level='30'", {}, "warning error"),
        ("logging.basicConfig(level='DEBUG')", "level='ERROR'", {}, "error"),
        ("", "", {"LOGWEFT_LEVEL": "debug"}, "debug info warning error"),
        ("", "", {"LOGWEFT_LEVEL": " 40 "}, "error"),
        ("", "", {"LOGWEFT_LEVEL": ""}, "info warning error"),
        ("", "level='WARNING'", {"LOGWEFT_LEVEL": "DEBUG"}, "warning error"),
    ],
)
def test_level(before: str, options: str, env: dict[str, str], shown: str) -> None:
    """The level is the argument's, else the environment's, else the one configured, else INFO."""
    done = run(
        f"""
        import logging, logweft
        {before}
        logweft.install({options})
        for level in ("debug", "info", "warning", "error"):
            getattr(logging.getLogger("shop"), level)(level)
        """,
        env=env,
    )
    assert done.code == 0
    assert " ".join(line["message"] for line in done.lines) == shown


def test_level_of_a_named_logger_stays() -> None:
    """A level that was set on a named logger is neither raised nor lowered."""
    done = run("""
    import logging, logweft
    logging.getLogger("quiet").setLevel("ERROR")
    logging.getLogger("loud").setLevel("DEBUG")
    logweft.install()
    for name in ("quiet", "loud"):
        logging.getLogger(name).debug("%s debug", name)
        logging.getLogger(name).warning("%s warning", name)
    assert logging.getLogger("quiet").level == logging.ERROR
    assert logging.getLogger("loud").level == logging.DEBUG
    """)
    assert done.code == 0, done.err
    assert [line["message"] for line in done.lines] == ["loud debug", "loud warning"]


# Format and colours: a terminal


def run_on_terminal(program: str, env: dict[str, str] | None = None) -> Finished:
    """Run *program* with a terminal for its standard error; what arrives there is ``err``."""
    import subprocess
    import textwrap

    ours, theirs = pty.openpty()
    try:
        environment = {**clean_environment(), "TERM": "xterm", **(env or {})}
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
    finally:
        os.close(theirs)
    received = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: the last who had it open is gone
            break
        if not part:
            break
        received += part
    os.close(ours)
    assert process.stdout is not None
    with process.stdout:
        out = process.stdout.read().decode()
    return Finished(process.wait(60), out, received.decode().replace("\r\n", "\n"))


ON_TERMINAL = """
import logging, logweft
logweft.install(%s)
logging.getLogger("shop").warning("paid %%d", 7, extra={"amount": 12.5})
"""


def test_terminal_gets_text_for_people() -> None:
    """On a terminal a line is text for people, in colour."""
    done = run_on_terminal(ON_TERMINAL % "")
    assert done.code == 0, done.err
    assert done.err.count("\n") == 1
    assert "\x1b[33mWARNING\x1b[0m" in done.err
    assert "paid 7" in done.err
    assert "amount=12.5" in done.err


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"PYTHON_COLORS": "0"}, False),
        ({"PYTHON_COLORS": "0", "FORCE_COLOR": "1"}, False),
        ({"PYTHON_COLORS": "1", "NO_COLOR": "1"}, True),
        ({"PYTHON_COLORS": "yes", "NO_COLOR": "1"}, False),
    ],
)
def test_colors_on_a_terminal(env: dict[str, str], colored: bool) -> None:
    """Colours follow CPython's order: PYTHON_COLORS, NO_COLOR, FORCE_COLOR, TERM=dumb."""
    done = run_on_terminal(ON_TERMINAL % "", env)
    assert done.code == 0, done.err
    assert ("\x1b[" in done.err) is colored, done.err
    assert "paid 7" in done.err


def test_colors_are_cpythons() -> None:
    """
    The decision on colours is the one of CPython's own `_colorize`, for every combination of its
    variables.
    """
    colorize = pytest.importorskip("_colorize", reason="_colorize is new in CPython 3.13")
    from itertools import product

    from logweft._install import wants_colors

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            return slave

    master, slave = pty.openpty()
    choices: dict[str, tuple[str | None, ...]] = {
        "PYTHON_COLORS": (None, "", "0", "1", "x"),
        "NO_COLOR": (None, "1"),  # an empty one counted until 3.13.1
        "FORCE_COLOR": (None, "1"),
        "TERM": (None, "dumb", "xterm"),
    }
    stderr, stdout = sys.stderr, sys.stdout
    try:
        with pytest.MonkeyPatch.context() as patch:
            for values in product(*choices.values()):
                for name, value in zip(choices, values, strict=True):
                    if value is None:
                        patch.delenv(name, raising=False)
                    else:
                        patch.setenv(name, value)
                sys.stderr = sys.stdout = Terminal()
                expected = colorize.can_colorize()
                decided = wants_colors(sys.stderr)
                sys.stderr, sys.stdout = stderr, stdout
                assert decided == expected, dict(zip(choices, values, strict=True))
    finally:
        sys.stderr, sys.stdout = stderr, stdout
        os.close(master)
        os.close(slave)


def test_json_on_a_terminal() -> None:
    """format="json" is JSON on a terminal too, without a colour."""
    (line,) = run_on_terminal(ON_TERMINAL % "format='json'", {"FORCE_COLOR": "1"}).lines
    assert line["message"] == "paid 7"


@pytest.mark.parametrize(("env", "colored"), [({}, False), ({"FORCE_COLOR": "1"}, True)])
def test_console_in_a_pipe(env: dict[str, str], colored: bool) -> None:
    """format="console" is text for people in a pipe too, in colour where FORCE_COLOR says so."""
    done = run(ON_TERMINAL % "format='console'", env=env)
    assert done.code == 0
    assert "paid 7" in done.err
    assert not done.err.startswith("{")
    assert ("\x1b[" in done.err) is colored


def test_format_by_environment() -> None:
    """LOGWEFT_FORMAT says the format, and an argument beats it."""
    done = run(ON_TERMINAL % "", env={"LOGWEFT_FORMAT": "console"})
    assert "amount=12.5" in done.err
    assert run(ON_TERMINAL % "format='json'", env={"LOGWEFT_FORMAT": "console"}).lines


def test_each_stream_its_own_format(tmp_path: Path) -> None:
    """A file beside a terminal gets JSON while the terminal gets text."""
    program = f"""
    import logging, logweft
    file = logging.FileHandler({str(tmp_path / "a.log")!r})
    logging.basicConfig(handlers=[logging.StreamHandler(), file])
    logweft.install()
    logging.warning("paid")
    """
    done = run_on_terminal(program)
    assert done.code == 0, done.err
    assert "paid" in done.err
    assert not done.err.startswith("{")
    (line,) = parse((tmp_path / "a.log").read_text())
    assert line["message"] == "paid"


# The other options


def test_options_are_keyword_only() -> None:
    """Of install()'s parameters only the dictConfig may be given by position."""
    parameters = inspect.signature(logweft.install).parameters
    kinds = {name: parameter.kind for name, parameter in parameters.items()}
    assert kinds.pop("config") is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(TypeError):
        logweft.install(None, "INFO")


TELL = """
import json, logging, logweft
logweft.install(%s)
logging.warning("x")
"""


@pytest.mark.parametrize(
    ("options", "env", "expected"),
    [
        ("", {}, {}),
        (
            "service='a', version='1', environment='t'",
            {},
            {"service": "a", "version": "1", "environment": "t"},
        ),
        ("", {"LOGWEFT_SERVICE": "b"}, {"service": "b"}),
        ("service='a'", {"LOGWEFT_SERVICE": "b", "OTEL_SERVICE_NAME": "c"}, {"service": "a"}),
        ("", {"LOGWEFT_SERVICE": "b", "OTEL_SERVICE_NAME": "c"}, {"service": "b"}),
        ("", {"LOGWEFT_SERVICE": "", "OTEL_SERVICE_NAME": "c"}, {"service": "c"}),
        ("", {"OTEL_SERVICE_NAME": "c", "DD_SERVICE": "d", "K_SERVICE": "k"}, {"service": "c"}),
        (
            "",
            {"DD_SERVICE": "d", "DD_ENV": "prod", "DD_VERSION": "2"},
            {"service": "d", "environment": "prod", "version": "2"},
        ),
        ("", {"K_SERVICE": "k", "K_REVISION": "k-7"}, {"service": "k", "version": "k-7"}),
        ("", {"AWS_LAMBDA_FUNCTION_NAME": "f"}, {"service": "f"}),
        ("", {"LOGWEFT_VERSION": "3", "DD_VERSION": "2"}, {"version": "3"}),
        ("", {"LOGWEFT_ENVIRONMENT": "e", "DD_ENV": "prod"}, {"environment": "e"}),
        ("environment='code'", {"LOGWEFT_ENVIRONMENT": "e"}, {"environment": "code"}),
    ],
)
def test_service_version_environment(
    options: str, env: dict[str, str], expected: dict[str, str]
) -> None:
    """
    service, version and environment are the argument's, else LOGWEFT_'s, else what OpenTelemetry,
    Datadog, Cloud Run or Lambda were told.
    """
    (line,) = run(TELL % options, env=env).lines
    names = ("service", "version", "environment")
    assert {name: line[name] for name in names if name in line} == expected


@pytest.mark.parametrize(
    ("options", "env", "where"),
    [
        ("", {}, "err"),
        ("stream=sys.stdout", {}, "out"),
        ("", {"LOGWEFT_STREAM": "stdout"}, "out"),
        ("", {"LOGWEFT_STREAM": "stderr"}, "err"),
        ("stream=sys.stderr", {"LOGWEFT_STREAM": "stdout"}, "err"),
    ],
)
def test_stream(options: str, env: dict[str, str], where: str) -> None:
    """Lines go to standard error, or where the argument or LOGWEFT_STREAM says, and only there."""
    done = run("import sys" + TELL % options, env=env)
    assert done.code == 0, done.err
    texts = {"out": done.out, "err": done.err}
    (line,) = parse(texts.pop(where))
    assert line["message"] == "x"
    assert set(texts.values()) == {""}


@pytest.mark.parametrize(
    ("options", "env", "shown"),
    [
        ("", {}, False),
        ("redact=False", {}, True),
        ("", {"LOGWEFT_REDACT": "0"}, True),
        ("redact=True", {"LOGWEFT_REDACT": "off"}, False),
        ("", {"LOGWEFT_REDACT": "yes"}, False),
    ],
)
def test_redact(options: str, env: dict[str, str], shown: bool) -> None:
    """Secrets are withheld unless the argument or LOGWEFT_REDACT says otherwise."""
    program = f"""
    import logging, logweft
    logweft.install({options})
    logging.warning('x', extra={{'password': 'hunter2!'}})
    """
    done = run(program, env=env)
    assert len(done.lines) == 1
    assert ("hunter2!" in done.err) is shown


@pytest.mark.parametrize(
    ("options", "env"), [("queue=False", {}), ("queue=0", {}), ("", {"LOGWEFT_QUEUE": "0"})]
)
def test_without_queue(options: str, env: dict[str, str]) -> None:
    """Without the queue a line is written before the log call returns, and no thread is started."""
    done = run(
        f"""
        import logging, os, threading, logweft
        logweft.install({options})
        logging.warning("x")
        assert threading.active_count() == 1
        os._exit(0)
        """,
        env=env,
    )
    assert done.code == 0
    assert [line["message"] for line in done.lines] == ["x"]


@pytest.mark.parametrize(("options", "env"), [("queue=5", {}), ("", {"LOGWEFT_QUEUE": "5"})])
def test_capacity(options: str, env: dict[str, str]) -> None:
    """
    The queue's capacity is what the argument or LOGWEFT_QUEUE says; what does not fit is counted
    and told in the log.
    """
    done = run(
        f"""
        import logging, os, logweft
        reader, writer = os.pipe()
        stream = os.fdopen(writer, "w")
        installation = logweft.install({options + ", " if options else ""}stream=stream)
        while not installation.stats().dropped:  # nobody reads: the pipe fills, then the queue
            logging.warning("x" * 5000)
        assert installation.stats().depth <= 5 * 2
        os.set_blocking(reader, True)
        import threading
        threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 65536), b"")],
                         daemon=True).start()
        assert installation.flush(60)
        stats = installation.stats()
        # The line that tells of the drops may be on its way still.
        assert stats.accepted == stats.written + sum(stats.dropped.values()) + stats.depth
        print(stats.dropped)
        """,
        env=env,
    )
    assert done.code == 0, done.err
    assert done.out.startswith("{'WARNING': ")


# Bad input: raised at once, and nothing is left of it

BAD_OPTIONS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"level": "LOUD"}, ValueError, "LOUD"),
    ({"level": True}, ValueError, "True"),
    ({"level": 1.5}, ValueError, "1.5"),
    ({"level": ["INFO"]}, ValueError, "INFO"),
    ({"format": "xml"}, ValueError, "xml"),
    ({"format": 7}, ValueError, "7"),
    ({"format": ["json"]}, ValueError, "json"),
    ({"stream": "stdout"}, TypeError, "stdout"),
    ({"stream": 2}, TypeError, "2"),
    ({"service": 7}, TypeError, "7"),
    ({"version": 1.0}, TypeError, "1.0"),
    ({"environment": b"prod"}, TypeError, "got bytes object"),
    ({"redact": "no"}, TypeError, "no"),
    ({"redact": 0}, TypeError, "0"),
    ({"queue": -1}, ValueError, "-1"),
    ({"queue": "10"}, TypeError, "10"),
    ({"queue": 1.5}, TypeError, "1.5"),
    ({"capture": ["main", "asyncio"]}, ValueError, "asyncio"),
    ({"capture": "everything"}, ValueError, "everything"),
    ({"capture": 7}, TypeError, "7"),
    ({"capture": [["main"]]}, TypeError, "got list object in it"),
    ({"capture": [7]}, TypeError, "got 7 in it"),
    ({"sticky": "yes"}, TypeError, "yes"),
    ({"sticky": 1}, TypeError, "1"),
    ({"config": "logging.ini"}, TypeError, "logging.ini"),
    ({"config": [("version", 1)]}, TypeError, "got list object"),
    ({"config": {}}, ValueError, ""),
    ({"config": {"version": 2}}, ValueError, "2"),
    ({"config": {"version": 1, "handlers": {"a": {"class": "no.such"}}}}, ValueError, "'a'"),
    ({"config": {"version": 1, "root": {"level": "LOUD", "handlers": []}}}, ValueError, "root"),
    ({"config": {"version": 1, "root": {"handlers": ["missing"]}}}, ValueError, "root"),
    ({"config": {"version": 1, "formatters": {"a": {"()": "no.such"}}}}, ValueError, "'a'"),
    ({"unknown": 1}, TypeError, "unknown"),
]


@pytest.mark.parametrize(
    ("options", "error", "told"), BAD_OPTIONS, ids=[str(options) for options, *_ in BAD_OPTIONS]
)
def test_bad_option(
    options: dict[str, Any], error: type[Exception], told: str, tmp_path: Path
) -> None:
    """A bad option raises an error that names it, and its value where that cannot hold a secret."""
    handler = logging.FileHandler(tmp_path / "a.log")
    handler.setFormatter(logging.Formatter("%(message)s"))
    shop = logging.getLogger("shop")
    shop.setLevel("INFO")
    shop.addHandler(handler)
    before = state()
    with pytest.raises(error) as raised:
        logweft.install(**options)
    assert told in str(raised.value)
    assert "config" in options or next(iter(options)) in str(raised.value)
    assert different(before, state(), closed="config" in options) == {}
    shop.info("plain")
    handler.close()
    assert (tmp_path / "a.log").read_text() == "plain\n"


def test_bad_config_gives_back_what_dict_config_had_changed(tmp_path: Path) -> None:
    """A dictConfig that fails half way leaves handlers, levels and loggers as they were."""
    handler = logging.FileHandler(tmp_path / "a.log")
    shop, other = logging.getLogger("shop"), logging.getLogger("other")
    shop.setLevel("INFO")
    shop.addHandler(handler)
    before = state()
    config = {
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {
            "shop": {"level": "ERROR", "handlers": ["console"], "propagate": False},
            "zebra": {"handlers": ["missing"]},
        },
    }
    with pytest.raises(ValueError, match="zebra"):
        logweft.install(config)
    after = {
        key: value for key, value in state().items() if key[0] is not logging.getLogger("zebra")
    }
    assert different(before, after, closed=True) == {}
    assert not other.disabled
    shop.info("plain")
    handler.close()
    assert (tmp_path / "a.log").read_text() == "plain\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEVEL", "LOUD"),
        ("LEVEL", "1.5"),
        ("FORMAT", "xml"),
        ("STREAM", "file"),
        ("REDACT", "maybe"),
        ("QUEUE", "many"),
        ("QUEUE", "-1"),
        ("CAPTURE", "main,asyncio"),
        ("CAPTURE", "everything"),
        ("STICKY", "2"),
    ],
)
def test_bad_environment(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """
    A bad LOGWEFT_ variable raises ValueError that names variable and value, and leaves nothing
    installed.
    """
    monkeypatch.setenv(f"LOGWEFT_{name}", value)
    before = state()
    with pytest.raises(ValueError, match=name) as raised:
        logweft.install()
    wrong = value.split(",")[-1]
    assert wrong in str(raised.value)
    assert f"LOGWEFT_{name}" in str(raised.value)
    assert different(before, state()) == {}


def test_bad_environment_is_not_asked_where_code_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument beats a LOGWEFT_ variable even where that one is bad."""
    bare()
    monkeypatch.setenv("LOGWEFT_FORMAT", "xml")
    with logweft.install(format="json") as installation:
        assert installation.stats().accepted == 0


# A configuration given to install()


def test_config_of_dict_config(tmp_path: Path) -> None:
    """install() takes a dictConfig dict: levels and files are as it says, the lines JSON."""
    bare()
    config = {
        "version": 1,
        "disable_existing_loggers": True,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {
            "file": {
                "class": "logging.FileHandler",
                "filename": str(tmp_path / "a.log"),
                "formatter": "plain",
                "level": "WARNING",
            }
        },
        "root": {"level": "DEBUG", "handlers": ["file"]},
        "loggers": {"quiet": {"level": "CRITICAL"}},
    }
    frozen = repr(config)
    with logweft.install(MappingProxyType(config), capture=False) as installation:
        logging.getLogger("shop").info("too low")
        logging.getLogger("shop").warning("told")
        logging.getLogger("quiet").error("too low")
        assert logging.root.level == logging.DEBUG
        assert installation.flush(60)
        (opened,) = logging.root.handlers
    opened.close()
    assert repr(config) == frozen
    lines = parse((tmp_path / "a.log").read_text())
    assert [line["message"] for line in lines if line["logger"] != "logweft"] == ["told"]


def test_config_is_given_back(tmp_path: Path) -> None:
    """After uninstall() nothing of the dictConfig given to install() is left."""
    handler = logging.FileHandler(tmp_path / "a.log")
    shop = logging.getLogger("shop")
    shop.addHandler(handler)
    shop.setLevel("INFO")
    shop.addFilter(str)
    before = state()
    config = {
        "version": 1,
        "disable_existing_loggers": True,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(tmp_path / "b.log")}},
        "root": {"level": "DEBUG", "handlers": ["file"]},
        "loggers": {"shop": {"level": "DEBUG", "handlers": ["file"], "propagate": False}},
    }
    with logweft.install(config):
        opened = logging.root.handlers[0]
        assert shop.handlers == [opened]
    opened.close()
    assert different(before, state(), closed=True) == {}
    shop.info("plain")
    handler.close()
    assert (tmp_path / "a.log").read_text() == "plain\n"


def test_config_with_our_own_classes() -> None:
    """A dictConfig may name logweft's own classes, and they stay as configured."""
    done = run("""
    import logging, logweft
    logweft.install({
        "version": 1,
        "formatters": {"json": {"()": "logweft.JsonFormatter", "service": "configured"}},
        "handlers": {"queue": {
            "()": "logweft.QueueHandler", "formatter": "json",
            "target": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
        }},
        "root": {"level": "INFO", "handlers": ["queue"]},
    })
    logging.info("x")
    """)
    assert (done.code, done.err) == (0, "")
    (line,) = parse(done.out)
    assert (line["message"], line["service"]) == ("x", "configured")


# Twice, in parallel, undone


def test_install_twice_is_one_installation() -> None:
    """A second install() with the same options returns the first one and changes nothing."""
    bare()
    first = logweft.install(level="INFO")
    once = state()
    assert logweft.install(level="info") is first
    assert logweft.install(level=20) is first
    assert different(once, state()) == {}


def test_install_twice_with_other_options() -> None:
    """
    A second install() with other options raises RuntimeError that names file and line of the first,
    and changes nothing.
    """
    bare()
    logweft.install(level="INFO")
    line = inspect.currentframe().f_lineno - 1
    once = state()
    for options in ({"level": "DEBUG"}, {}, {"level": "INFO", "config": {"version": 1}}):
        with pytest.raises(RuntimeError) as raised:
            logweft.install(**options)
        assert f"{os.path.basename(__file__)}:{line}" in str(raised.value)
    assert different(once, state()) == {}


def test_install_from_many_threads() -> None:
    """Eight threads that install at once get one and the same installation."""
    bare()
    barrier = threading.Barrier(8)

    def install() -> logweft.Installation:
        barrier.wait(60)
        return logweft.install()

    with ThreadPoolExecutor(8) as pool:
        installations = {future.result(60) for future in [pool.submit(install) for _ in range(8)]}
    assert len(installations) == 1
    assert len(logging.root.handlers) == 1


def test_install_again_after_uninstall(lines: Callable[..., list[dict[str, Any]]]) -> None:
    """After uninstall() an install() with other options works, and a record is written once."""
    bare()
    lines(level="ERROR")
    logweft.uninstall()
    lines(level="DEBUG")
    logging.getLogger("shop").debug("x")
    assert [line["message"] for line in lines(level="DEBUG")] == ["x"]


def test_uninstall_without_install() -> None:
    """uninstall() and flush() without an installation do nothing."""
    before = state()
    logweft.uninstall()
    assert logweft.flush(1) is True
    assert different(before, state()) == {}


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("level", [None, "DEBUG"])
def test_uninstall_gives_everything_back(tmp_path: Path, bare: bool, level: str | None) -> None:
    """
    uninstall() gives back the same handlers, formatters, levels, attributes and hooks, object by
    object.
    """
    if bare:
        logging.root.handlers[:] = []
    shop = logging.getLogger("shop")
    formatter = logging.Formatter("%(message)s")
    kinds: list[logging.Handler] = [
        logging.StreamHandler(),
        logging.StreamHandler(io.StringIO()),
        logging.FileHandler(tmp_path / "a.log"),
        logging.FileHandler(tmp_path / "late.log", delay=True),
        logging.handlers.RotatingFileHandler(tmp_path / "b.log", maxBytes=1000, backupCount=1),
        logging.handlers.TimedRotatingFileHandler(tmp_path / "c.log"),
        logging.handlers.WatchedFileHandler(tmp_path / "d.log"),
        logging.handlers.MemoryHandler(10),
        logging.NullHandler(),
    ]
    kinds[0].setFormatter(formatter)
    for handler in kinds:
        shop.addHandler(handler)
    before = state()
    installation = logweft.install(level=level)
    shop.warning("one line")
    installation.uninstall()
    installation.uninstall()
    late = before[kinds[3], "vars"]
    late["stream"] = vars(kinds[3])["stream"]  # opened by the line, as without us
    assert different(before, state()) == {}
    assert kinds[0].formatter is formatter
    for handler in kinds:
        shop.removeHandler(handler)
        handler.close()
    assert len(parse((tmp_path / "a.log").read_text())) == 1


def test_with_block() -> None:
    """
    `with install():` gives everything back at its end, also when its block raises; the inner of two
    leaves it installed.
    """
    bare()
    before = state()
    with pytest.raises(ZeroDivisionError):
        with logweft.install() as outer:
            with logweft.install() as inner:
                assert inner is outer
            assert logging.root.handlers
            1 / 0
    assert different(before, state()) == {}


def test_install_then_with_block() -> None:
    """A `with install():` in a program that has called install() does not uninstall that."""
    bare()
    logweft.install()
    installed = state()
    with logweft.install():
        pass
    assert different(installed, state()) == {}


def test_uninstall_writes_what_waits(tmp_path: Path) -> None:
    """uninstall() writes the lines that wait before it gives the handlers back."""
    bare()
    with open(tmp_path / "lines", "w") as stream:
        with logweft.install(stream=stream):
            for number in range(1000):
                logging.warning("line %d", number)
        lines = parse((tmp_path / "lines").read_text())
    assert [line["message"] for line in lines] == [f"line {number}" for number in range(1000)]


def test_hooks_of_others_stay() -> None:
    """A hook that somebody put over ours stays after uninstall()."""
    bare()
    before = sys.excepthook
    installation = logweft.install()
    ours = sys.excepthook

    def theirs(*args: Any) -> None:
        ours(*args)

    try:
        sys.excepthook = theirs
        installation.uninstall()
        assert sys.excepthook is theirs
    finally:
        sys.excepthook = before


@pytest.mark.parametrize(
    "python",
    [("-O",), ("-X", "dev", "-W", "error"), ("-I",), ("-X", "utf8=0"), ("-u",)],
    ids=" ".join,
)
def test_interpreter_options(python: tuple[str, ...], tmp_path: Path) -> None:
    """Under -O, -X dev, -W error and others there is one line a record, and no warning of ours."""
    source = os.path.dirname(os.path.dirname(os.path.abspath(logweft.__file__)))
    done = run(
        f"""
        import sys
        sys.path.append({source!r})
        import logging, logweft
        logweft.install()
        logweft.install()
        logging.warning("pa\\u00efd")
        logweft.uninstall()
        logweft.install()
        logging.warning("again")
        """,
        python=python,
        env={"LC_ALL": "C"},
    )
    assert done.code == 0
    assert [line["message"] for line in done.lines] == ["pa\u00efd", "again"]


def test_import_changes_nothing() -> None:
    """`import logweft` alone touches no logger and no hook, and starts no thread."""
    done = run("""
    import logging, logging.config, logging.handlers, sys, threading, warnings
    def hooks():
        return [sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning,
                logging.Logger.makeRecord, logging.Logger.addHandler, logging.config.dictConfig,
                logging.getLogRecordFactory(), logging.getLoggerClass(), logging.root.level]
    before = hooks()
    import logweft
    assert hooks() == before
    assert logging.root.handlers == []
    assert threading.active_count() == 1
    """)
    assert (done.code, done.err) == (0, "")


# Values and names a log call may have

RECORD_NAMES = sorted({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


@contextmanager
def installed(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Install onto a file; yields what reads its lines."""
    with open(tmp_path / "lines", "w") as stream:
        with logweft.install(level="DEBUG", stream=stream, capture=False) as installation:

            def read() -> list[dict[str, Any]]:
                assert installation.flush(60)
                return parse((tmp_path / "lines").read_text())

            yield read


@pytest.mark.parametrize("name", RECORD_NAMES)
def test_reserved_name_in_extra(tmp_path: Path, name: str) -> None:
    """
    extra={"name": ...} and every other name of a record does not raise, and the value is in the
    field `name_`.
    """
    bare()
    with installed(tmp_path) as read:
        logging.getLogger("shop").warning("paid %d", 7, extra={name: "Ada", "amount": 12.5})
        (line,) = read()
    assert line["message"] == "paid 7"
    assert line["logger"] == "shop"
    assert line["amount"] == 12.5
    if name == "taskName" and sys.version_info < (3, 12):
        assert "Ada" in (line.get("taskName"), line.get("taskName_"))
    else:
        assert line[f"{name}_"] == "Ada"


def test_reserved_names_that_clash(tmp_path: Path) -> None:
    """Of extra={"name": 1, "name_": 2} both values are kept."""
    bare()
    with installed(tmp_path) as read:
        logging.warning("x", extra={"name": 1, "name_": 2, "msg": 3, "args": 4, "message": 5})
        (line,) = read()
    assert {value for key, value in line.items() if key.startswith("name_")} == {1, 2}
    assert (line["msg_"], line["args_"], line["message_"]) == (3, 4, 5)


def test_make_record_called_directly() -> None:
    """
    Logger.makeRecord, called directly, still raises the documented KeyError for reserved names, in
    either way of calling.
    """
    bare()
    with logweft.install():
        logger = logging.getLogger("shop")
        arguments = ("shop", logging.INFO, "f.py", 1, "x", (), None, "main")
        with pytest.raises(KeyError, match="Attempt to overwrite 'name'"):
            logger.makeRecord(*arguments, extra={"name": 1})
        with pytest.raises(KeyError, match="Attempt to overwrite 'msg'"):
            logger.makeRecord(*arguments, {"msg": 1})
        record = logger.makeRecord(*arguments, {"amount": 7})
        assert vars(record)["amount"] == 7


WRONG_CALLS: list[tuple[str, Callable[[logging.Logger], object]]] = [
    ("unknown keyword", lambda log: log.warning("x", user_id=1)),
    ("extra is a list", lambda log: log.warning("x", extra=["a"])),
    ("extra is a str", lambda log: log.warning("x", extra="name")),
    ("extra is an int", lambda log: log.warning("x", extra=7)),
    ("no message", lambda log: log.warning()),
    ("level is a str", lambda log: log.log("INFO", "x")),
    ("stacklevel is a str", lambda log: log.warning("x", stacklevel="2")),
]


@pytest.mark.parametrize(("what", "call"), WRONG_CALLS, ids=[what for what, _ in WRONG_CALLS])
def test_wrong_calls(what: str, call: Callable[[logging.Logger], object]) -> None:
    """A wrong log call raises what it raises without install(): the same type, the same words."""
    bare()
    logger = logging.getLogger("shop")
    logger.setLevel("INFO")
    logger.addHandler(logging.NullHandler())

    def raised() -> tuple[type[BaseException], str] | None:
        try:
            call(logger)
        except Exception as error:
            return type(error), str(error)
        return None

    without = raised()
    with logweft.install(capture=False):
        assert raised() == without, what
    assert without is not None
    assert without[0] is TypeError


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical", "exception"])
def test_get_logger(tmp_path: Path, level: str) -> None:
    """
    Each method of get_logger()'s logger takes fields as keywords and tells the caller's file, line
    and function.
    """
    bare()
    with installed(tmp_path) as read:
        log = logweft.get_logger("shop")
        here = inspect.currentframe().f_lineno + 1
        getattr(log, level)("User login", user_id=12345, success=True)
        (line,) = read()
    assert (line["message"], line["user_id"], line["success"]) == ("User login", 12345, True)
    assert line["level"] == ("ERROR" if level == "exception" else level.upper())
    assert line["logger"] == "shop"
    assert os.path.basename(line["file"]) == os.path.basename(__file__)
    assert (line["line"], line["function"]) == (here, "test_get_logger")


def test_get_logger_log(tmp_path: Path) -> None:
    """log.log() takes level, message, arguments and fields, and tells the caller's line."""
    bare()
    with installed(tmp_path) as read:
        here = inspect.currentframe().f_lineno + 1
        logweft.get_logger("shop").log(logging.WARNING, "paid %d of %s", 7, "x", amount=12.5)
        (line,) = read()
    assert (line["message"], line["level"], line["amount"]) == ("paid 7 of x", "WARNING", 12.5)
    assert (line["line"], line["function"]) == (here, "test_get_logger_log")


def test_get_logger_stacklevel(tmp_path: Path) -> None:
    """stacklevel=2 tells the caller's caller, as in stdlib."""
    bare()
    log = logweft.get_logger("shop")

    def helper() -> None:
        log.info("new", stacklevel=2)
        logging.getLogger("shop").info("stdlib", stacklevel=2)

    with installed(tmp_path) as read:
        here = inspect.currentframe().f_lineno + 1
        helper()
        new, stdlib = read()
    assert new["function"] == stdlib["function"] == "test_get_logger_stacklevel"
    assert new["line"] == stdlib["line"] == here


def test_caller_of_stdlib_calls(tmp_path: Path) -> None:
    """
    The caller of logging's own functions and methods is told exactly, with reserved names in extra
    too.
    """
    bare()
    with installed(tmp_path) as read:
        here = inspect.currentframe().f_lineno
        logging.info("1")
        logging.getLogger("shop").info("2", extra={"name": 1})
        logging.LoggerAdapter(logging.getLogger("shop"), {}).info("3")
        lines = read()
    assert [line["line"] for line in lines] == [here + 1, here + 2, here + 3]
    assert {line["function"] for line in lines} == {"test_caller_of_stdlib_calls"}


def test_get_logger_bind(tmp_path: Path) -> None:
    """
    bind() gives a logger with more fields; the one it came from and the call's own fields are not
    changed.
    """
    bare()
    with installed(tmp_path) as read:
        log = logweft.get_logger("shop")
        bound = log.bind(order=7, step="pay").bind(step="ship")
        bound.info("a")
        bound.info("b", step="call")
        log.info("c")
        a, b, c = read()
    assert (a["order"], a["step"]) == (7, "ship")
    assert (b["order"], b["step"]) == (7, "call")
    assert "order" not in c


# exc_info and stack_info are parameters with a meaning of their own.
FIELD_NAMES = [name for name in RECORD_NAMES if name not in ("exc_info", "stack_info")]


@pytest.mark.parametrize(
    "name", [*FIELD_NAMES, "level", "self", "logger", "fields", "kwargs", "timestamp", "exception"]
)
def test_get_logger_field_named_like_a_part_of_the_line(tmp_path: Path, name: str) -> None:
    """
    A field with the name of a parameter, of a record's attribute or of the line's own field does
    not raise, and its value is kept.
    """
    bare()
    with installed(tmp_path) as read:
        logweft.get_logger("shop").info("x", **{name: "Ada"})
        logweft.get_logger("shop").bind(**{name: "Ada"}).info("x")
        lines = read()
    for line in lines:
        assert (line["message"], line["level"], line["logger"]) == ("x", "INFO", "shop")
        assert "Ada" in (line.get(name), line.get(f"{name}_"))
    assert len(lines) == 2


def test_get_logger_exception(tmp_path: Path) -> None:
    """exc_info, stack_info and extra mean what they mean in stdlib."""
    bare()
    with installed(tmp_path) as read:
        log = logweft.get_logger("shop")
        try:
            1 / 0
        except ZeroDivisionError as error:
            log.exception("a", order=7)
            log.info("b", exc_info=error)
            log.warning("c", exc_info=True, stack_info=True, extra={"amount": 7})
            log.exception("d", exc_info=False)  # noqa: LOG007 - what is tested
        a, b, c, d = read()
    for line in (a, b, c):
        assert line["exception"]["type"] == "ZeroDivisionError"
    assert a["order"] == 7
    assert (c["amount"], "stack" in c) == (7, True)
    assert "exception" not in d


def test_get_logger_without_install() -> None:
    """get_logger() is an ordinary LoggerAdapter that also works without install()."""
    done = run("""
    import logging, logweft
    logging.basicConfig(format="%(levelname)s %(name)s %(funcName)s %(message)s %(user_id)s")
    log = logweft.get_logger("shop")
    assert isinstance(log, logging.LoggerAdapter)
    assert log.logger is logging.getLogger("shop")
    assert not log.isEnabledFor(logging.INFO)
    log.warning("User login", user_id=7)
    """)
    assert (done.code, done.err) == (0, "WARNING shop <module> User login 7\n")
