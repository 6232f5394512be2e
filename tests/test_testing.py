"""logweft.testing: a leak is found and named, nothing is written, and lines are collected."""

from __future__ import annotations

import io
import logging
import logging.handlers
import sys
from pathlib import Path
from typing import Any

import pytest

import logweft
from logweft.testing import PATHS, Leak, assert_no_leak, capture, find_leaks, make_canaries
from programs import run, run_command


class Vendor(logging.Formatter):
    """A formatter of somebody else's, which `install` leaves alone."""


def leaky(name: str, fmt: str = "%(message)s") -> tuple[logging.Handler, io.StringIO]:
    """Return a handler of somebody else's on the logger *name*, and what it writes to."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Vendor(fmt))
    logging.getLogger(name).addHandler(handler)
    return handler, stream


ALL_FIELDS = "%(message)s %(db_password)s"


def test_our_lines_do_not_leak() -> None:
    """After `install` no canary comes out, whichever way it is logged and however often drawn."""
    with logweft.install():
        for _ in range(20):
            assert_no_leak()


@pytest.mark.parametrize("form", ["json", "console"])
def test_both_forms_are_looked_at(form: str) -> None:
    """With redaction off, every way leaks every category, as JSON and on a terminal."""
    with logweft.install(format=form, redact=False):
        report = find_leaks()

    assert {leak.path for leak in report.leaks} == set(PATHS)
    assert {leak.category for leak in report.leaks} == {each.category for each in make_canaries()}


def test_a_leak_is_named() -> None:
    """The failure names way, category and handler of each leak, and no secret."""
    handler, _ = leaky("their.app")
    handler.set_name("audit")

    with pytest.raises(AssertionError) as failure:
        assert_no_leak("their.app")

    told = str(failure.value).splitlines()
    assert told[0].endswith(" secrets come out:")
    assert "message: password: StreamHandler 'audit' of logger 'their.app'" in told
    assert "third-party logger: jwt: StreamHandler 'audit' of logger 'their.app'" in told
    assert "source line: github: StreamHandler 'audit' of logger 'their.app'" in told


def test_a_handler_behind_the_filter_does_not_leak() -> None:
    """With a RedactionFilter, somebody else's handler passes."""
    handler, _ = leaky("their.app")
    handler.addFilter(logweft.RedactionFilter())

    assert_no_leak(logging.getLogger("their.app"))


def test_a_filter_on_the_logger_is_not_enough() -> None:
    """A RedactionFilter on a logger misses what its children log, and the report says so."""
    leaky("their.app")
    logging.getLogger("their.app").addFilter(logweft.RedactionFilter())
    logging.getLogger("their.app").propagate = False

    assert {leak.path for leak in find_leaks("their.app").leaks} == {"third-party logger"}


def test_nothing_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No handler writes anything, whatever its filters are, and no line is queued."""
    handler, stream = leaky("their.app")
    handler.addFilter(logweft.RedactionFilter())
    file = logging.FileHandler(tmp_path / "app.log")
    logging.getLogger("their.app").addHandler(file)
    before = len(logging.root.handlers)

    with logweft.install() as installed:
        find_leaks()
        assert_no_leak("their.app")
        assert installed.flush(30)
        assert installed.stats().accepted == 0

    file.close()
    assert (tmp_path / "app.log").read_text() == ""
    assert stream.getvalue() == ""
    assert capfd.readouterr() == ("", "")
    assert len(logging.root.handlers) == before


def test_each_handler_of_each_logger_is_looked_at() -> None:
    """Without a logger, all handlers are looked at; with one, those its records reach."""
    leaky("one")
    leaky("two.inner")
    names = [each for each in find_leaks().seen if "root" not in each]

    assert sorted(names) == ["StreamHandler of logger 'one'", "StreamHandler of logger 'two.inner'"]
    logging.getLogger("two").propagate = False
    assert find_leaks("two.inner.child").seen == ["StreamHandler of logger 'two.inner'"]


class Blind(logging.Handler):
    """Sends records where nobody can see it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail: nothing is to be written."""
        raise AssertionError("written")


def test_a_handler_that_cannot_be_seen_is_told() -> None:
    """A handler whose output cannot be seen is warned of beside others, and alone is a failure."""
    logging.getLogger("blind").addHandler(Blind())
    logging.getLogger("blind").propagate = False

    with pytest.raises(AssertionError, match="Blind of logger 'blind'"):
        assert_no_leak("blind")
    leaky("blind")[0].addFilter(logweft.RedactionFilter())
    with pytest.warns(UserWarning, match="not seen: Blind of logger 'blind'"):
        assert_no_leak("blind")


def test_a_format_that_needs_a_field_is_told() -> None:
    """A handler whose format asks for a field of the program's own is listed with the error."""
    leaky("their.app", "%(request_id)s %(message)s")
    logging.getLogger("their.app").propagate = False

    report = find_leaks("their.app")

    assert report.unseen == ["StreamHandler of logger 'their.app', which raises ValueError"]
    assert report.seen == []


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: logging.handlers.MemoryHandler(10, target=inner),
        lambda _: logging.handlers.SocketHandler("localhost", 9),
        lambda _: logging.handlers.HTTPHandler("localhost", "/log"),
        lambda inner: logweft.QueueHandler(inner),
        lambda _: logweft.QueueHandler(logging.handlers.SocketHandler("localhost", 9)),
        lambda _: logging.handlers.SMTPHandler("localhost", "a@b.example", ["c@d.example"], "x"),
    ],
    ids=["memory", "socket", "http", "ours", "ours of a record", "smtp"],
)
def test_the_handlers_of_the_stdlib_are_seen(make: Any) -> None:
    """What a buffer, a socket, an HTTP or mail handler would send is looked at; nothing is sent."""
    inner = logging.StreamHandler(io.StringIO())
    inner.setFormatter(Vendor())
    handler = make(inner)
    logger = logging.getLogger("their.app")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        leaks = find_leaks("their.app").leaks
        assert (
            Leak("message", "password", f"{type(handler).__name__} of logger 'their.app'") in leaks
        )
        handler.addFilter(logweft.RedactionFilter())
        assert find_leaks("their.app").leaks == []
        assert find_leaks("their.app").seen != []
    finally:
        handler.close()


def test_without_a_handler_the_last_resort_is_looked_at() -> None:
    """A program without any handler writes by `logging.lastResort`, which leaks."""
    done = run(
        """
        from logweft.testing import find_leaks
        report = find_leaks()
        print(report.seen, {leak.path for leak in report.leaks} >= {"message", "cause"})
        """
    )
    assert done.out == """["_StderrHandler of logger 'root'"] True\n"""


def test_what_the_user_allows_may_come_out() -> None:
    """What a rule switched off, or `allow`, lets come out is no leak; all else still is."""
    with logweft.install(redact={"rules": {"email": "off"}}):
        assert_no_leak()
    logweft.uninstall()
    leaky("their.app")
    logging.getLogger("their.app").propagate = False
    everything = [each.category for each in make_canaries()]
    assert_no_leak("their.app", allow=everything)
    assert {each.category for each in find_leaks("their.app", allow=everything[1:]).leaks} == {
        everything[0]
    }


def test_each_canary_is_its_own() -> None:
    """Canaries differ from call to call, are the same for one seed, and hold their core."""
    first, second = make_canaries(1), make_canaries()

    assert make_canaries(1) == first
    assert not {each.core for each in first} & {each.core for each in second}
    for each in first:
        assert each.core in each.value
        assert each.core in each.text


def test_a_wrong_logger_raises() -> None:
    """What is neither a logger nor a name is a TypeError that says so."""
    with pytest.raises(TypeError, match=r"logger must be a logging\.Logger or its name, got int"):
        assert_no_leak(7)  # type: ignore[arg-type]  # a wrong type is what is tested


def test_capture_collects_lines_as_dicts() -> None:
    """Inside `capture` each line is a dict with context and fields, redacted; outside, none."""
    log = logging.getLogger("shop")
    with capture(level="DEBUG") as lines, logweft.adopt("order-1"):
        log.debug("paid %s", "ada", extra={"password": "hunter2", "amount": 2.5})
    log.warning("later")

    assert len(lines) == 1
    told = lines[0]
    assert (told["message"], told["correlation_id"], told["amount"]) == ("paid ada", "order-1", 2.5)
    assert told["password"] == "[redacted]"


def test_capture_of_one_logger() -> None:
    """Given a logger, only its lines and its children's are collected, its level is given back."""
    with capture("shop", level="DEBUG") as lines:
        logging.getLogger("shop.orders").debug("in")
        logging.getLogger("other").critical("out")

    assert [each["message"] for each in lines] == ["in"]
    assert logging.getLogger("shop").level == logging.NOTSET
    assert logging.getLogger("shop").handlers == []


def test_capture_takes_the_options_of_install() -> None:
    """With `install` active, the lines are those that it writes."""
    with logweft.install(service="shop", redact={"names": ["badge"]}), capture() as lines:
        logging.getLogger("shop").warning("x", extra={"badge": 17})

    assert (lines[0]["service"], lines[0]["badge"]) == ("shop", "[redacted]")


def pytest_run(folder: Path, program: str) -> str:
    """Return what pytest writes for a test file, run as a user would."""
    (folder / "test_it.py").write_text(program)
    without = [f"-pno:{plugin}" for plugin in ("randomly", "cacheprovider", "ddtrace")]
    command = [sys.executable, "-m", "pytest", "-q", *without]
    return run_command([*command, str(folder)], cwd=folder).out


def test_the_fixture_fails_a_test_that_leaks(tmp_path: Path) -> None:
    """With `logweft_no_leak` a test whose handlers leak fails and names them; others pass."""
    told = pytest_run(
        tmp_path,
        "import logging, io, logweft\n"
        "def test_bad(logweft_no_leak):\n"
        "    logging.getLogger('bad').addHandler(logging.StreamHandler(io.StringIO()))\n"
        "def test_good(logweft_no_leak):\n"
        "    logging.getLogger('bad').handlers.clear()\n"
        "    with logweft.install():\n"
        "        logweft_no_leak()\n"
        "    handler = logging.StreamHandler(io.StringIO())\n"
        "    handler.addFilter(logweft.RedactionFilter())\n"
        "    logging.getLogger('good').addHandler(handler)\n",
    )

    assert "message: password: StreamHandler of logger 'bad'" in told
    assert "2 passed, 1 error" in told


def test_the_plugin_is_light() -> None:
    """What pytest imports of ours at its start brings in no module that is slow to import."""
    done = run(
        """
        import sys, logging.handlers, pythonjsonlogger.json, pytest
        before = set(sys.modules)
        import logweft.testing
        print(*sorted({name for name in set(sys.modules) - before if "logweft" not in name}))
        """
    )
    heavy = {"asyncio", "random", "ssl", "subprocess", "unittest", "wrapt", "hypothesis", "orjson"}
    assert done.code == 0, done.err
    assert not heavy & set(done.out.split())


def test_it_works_without_pytest() -> None:
    """Imported by a program, `logweft.testing` does not import pytest."""
    done = run("import sys, logweft.testing; print('pytest' in sys.modules)")
    assert (done.out, done.err) == ("False\n", "")
