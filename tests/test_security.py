"""Security: what an attacker can put into a log call or a header, and what comes of it."""

from __future__ import annotations

import ast
import copy
import io
import json
import logging
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

import logweft
from children import child, messages, succeed
from logweft.wsgi import CorrelationMiddleware
from programs import parse, run_command

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parent.parent

LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
FORGED = '{"level":"CRITICAL","message":"forged"}'


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Give a logger and the stream its JSON lines are in when a call returns."""
    stream = io.StringIO()
    handler = logweft.QueueHandler(logging.StreamHandler(stream), synchronous=True)
    logger = logging.Logger("app")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    yield logger, stream
    handler.detach()


def raised(text: str) -> tuple[type, BaseException, object]:
    """Return the exc_info of an exception whose class name and text are *text*."""
    try:
        raise type(text, (Exception,), {})(text)
    except Exception:
        return sys.exc_info()  # type: ignore[return-value]  # in an except block, so never None


def record(logger: logging.Logger, **attributes: object) -> None:
    each = logger.makeRecord("app", 20, "file.py", 1, "message", (), None)
    vars(each).update(attributes)
    logger.handle(each)


PLACES: dict[str, Callable[[logging.Logger, str], object]] = {
    "message": lambda log, text: log.info(text),
    "argument": lambda log, text: log.info("%s", text),
    "extra value": lambda log, text: log.info("message", extra={"field": text}),
    "extra key": lambda log, text: log.info("message", extra={text: 1}),
    "nested key": lambda log, text: log.info("message", extra={"field": {text: [text]}}),
    "logger name": lambda log, text: record(log, name=text),
    "thread name": lambda log, text: record(log, threadName=text),
    "task name": lambda log, text: record(log, taskName=text),
    "process name": lambda log, text: record(log, processName=text),
    "level name": lambda log, text: record(log, levelname=text),
    "file name": lambda log, text: record(log, pathname=text, filename=text),
    "function name": lambda log, text: record(log, funcName=text),
    "exception": lambda log, text: log.error("message", exc_info=raised(text)),
    "exception text": lambda log, text: record(log, exc_text=text),
    "stack": lambda log, text: record(log, stack_info=text),
    "bound field": lambda log, text: bound(log, text),
}


def bound(log: logging.Logger, text: str) -> None:
    with logweft.adopt(text), logweft.bind(field=text):
        log.info("message")


@pytest.mark.parametrize("place", PLACES)
def test_a_line_end_forges_no_line(place: str, log: tuple[logging.Logger, io.StringIO]) -> None:
    """Whatever ends a line, wherever it stands: as many lines as records, no forged level."""
    logger, stream = log
    for end in LINE_ENDS:
        PLACES[place](logger, f"x{end}{FORGED}{end}")
    text = stream.getvalue()
    assert text.count("\n") == len(text.splitlines()) == len(LINE_ENDS)
    for line in parse(text):
        assert line["message"] != "forged"
        assert place == "level name" or line["level"] in ("INFO", "ERROR")


CONTROLS = [*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0))]


@pytest.mark.parametrize("form", [logweft.JsonFormatter, logweft.ConsoleFormatter])
@pytest.mark.parametrize("place", PLACES)
def test_no_control_reaches_a_terminal(place: str, form: type[logging.Formatter]) -> None:
    """No C0, DEL or C1 is written, but the line's end, in JSON and in the console's form."""
    stream = io.StringIO()
    target = logging.StreamHandler(stream)
    target.setFormatter(form())
    handler = logweft.QueueHandler(target, synchronous=True)
    logger = logging.Logger("app")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    PLACES[place](logger, "".join(CONTROLS) + "\x1b[2J\x1b]0;title\x07\x9b2J")
    assert stream.getvalue()
    assert not set(stream.getvalue()) & (set(CONTROLS) - {"\n"})


def test_no_control_in_our_own_reports() -> None:
    """Our report of an error on standard error has no control, whatever the exception is called."""
    program = r"""
        class Target(logging.Handler):
            def emit(self, record):
                raise type("\x1b[2J\x9b\nEvil", (Exception,), {})("\x1b[2J hunter2")
        log.addHandler(logweft.QueueHandler(Target()))
        log.info("line")
    """
    done = succeed(program)
    assert done.err.startswith("logweft: ")
    assert done.err.count("\n") == 1
    assert "hunter2" not in done.err
    assert not set(done.err) & (set(CONTROLS) - {"\n"}), ascii(done.err)


RUNNERS = [
    "::add-mask::x",
    "##[error]x",
    "##vso[task.setvariable variable=a]x",
    "%%x",
    "##teamcity[x]",
]


@pytest.mark.parametrize("place", ["message", "exception", "stack"])
def test_no_console_line_begins_with_untrusted_text(place: str) -> None:
    """In the console's form no line begins with what a CI runner would take for its command."""
    for command in RUNNERS:
        stream = io.StringIO()
        target = logging.StreamHandler(stream)
        target.setFormatter(logweft.ConsoleFormatter())
        logger = logging.Logger("app")  # noqa: LOG001 - of this test alone
        logger.addHandler(logweft.QueueHandler(target, synchronous=True))
        PLACES[place](logger, f"{command}\n{command}\r{command}")
        for line in stream.getvalue().splitlines():
            assert not line.lstrip().startswith(("::", "##")), line


SYSTEM = ("timestamp", "level", "logger", "message", "correlation_id", "trace_id", "file", "line")


@pytest.mark.parametrize("name", SYSTEM)
def test_nobody_overwrites_a_system_field(
    name: str, log: tuple[logging.Logger, io.StringIO]
) -> None:
    """A user's extra, dict message or bound field named like ours is kept beside it, not in it."""
    logger, stream = log
    incoming = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "x-correlation-id": "order-1"}
    with logweft.adopt(incoming):
        logger.info("true", extra={"marker": 1})
        if name != "message":  # which the stdlib refuses, without install()
            logger.info("true", extra={name: "forged"})
        logger.info({"message": "true", name: "forged"} if name != "message" else "true")
        with logweft.bind(**{name: "forged"}):
            logger.info("true")
    truth, *lines = parse(stream.getvalue())
    for line in lines:
        for field in SYSTEM:
            if field not in ("timestamp", "line"):
                assert line[field] == truth[field], field
            assert line[field] != "forged"


SECRETS = {
    "a key": {"extra": {"db_password": "SECRET"}},
    "nested": {"extra": {"a": [{"b": {"api_key": "SECRET"}}]}},
    "header pairs": {"extra": {"headers": [("Authorization", "Bearer SECRET")]}},
    "byte headers": {"extra": {"headers": [(b"authorization", b"Bearer SECRET")]}},
    "text": {"msg": "password=SECRET"},
    "json text": {"msg": '{"password": "SECRET"}'},
    "bearer": {"msg": "Authorization: Bearer SECRET"},
    "an address": {"msg": "to https://me:SECRET@host/x"},
    "an argument": {"msg": "with %s", "args": ({"token": "SECRET"},)},
    "named argument": {"msg": "with %(password)s", "args": ({"password": "SECRET"},)},
}


@pytest.mark.parametrize("where", SECRETS)
def test_a_secret_is_withheld(where: str, log: tuple[logging.Logger, io.StringIO]) -> None:
    """A secret does not reach the line, wherever it stands, and what stands beside it does."""
    logger, stream = log
    secret = "hunter2Xq9-correct-horse"
    given = copy.deepcopy(SECRETS[where])

    def fill(value: object) -> object:
        if isinstance(value, str):
            return value.replace("SECRET", secret)
        if isinstance(value, bytes):
            return value.replace(b"SECRET", secret.encode())
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(map(fill, value))
        return value

    call = fill(given)
    message, args = call.pop("msg", "message"), call.pop("args", ())
    logger.info(f"{message} beside-it", *args, **call)
    assert secret not in stream.getvalue()
    assert "beside-it" in parse(stream.getvalue())[0]["message"]


def test_a_secret_in_an_exception_is_withheld(log: tuple[logging.Logger, io.StringIO]) -> None:
    """A secret in an exception's text, cause or source line does not reach the line."""
    logger, stream = log
    try:
        try:
            raise ValueError("password=hunter2Xq9-correct-horse")
        except ValueError as cause:
            raise RuntimeError("token: hunter2Xq9-correct-horse") from cause
    except RuntimeError:
        logger.exception("failed")
    assert "hunter2" not in stream.getvalue()
    assert parse(stream.getvalue())[0]["exception"]["type"].endswith("RuntimeError")


@pytest.mark.parametrize(
    "text",
    ["a" * 2**20 + "!", "password=" * 2**17, "a@" * 2**19, "://:@" * 2**18, "-----BEGIN " * 2**17],
    ids=["one word", "keys", "addresses", "urls", "keys without end"],
)
def test_a_megabyte_is_rendered_in_bounded_time(
    text: str, log: tuple[logging.Logger, io.StringIO]
) -> None:
    """A message made to slow redaction down takes time in proportion to its length."""
    logger, stream = log
    begun = time.process_time()
    logger.info(text[: len(text) // 8])
    short = time.process_time() - begun
    begun = time.process_time()
    logger.info(text)
    # Eight times the text: quadratic would be 64 times; the floor keeps tiny times out of it.
    assert time.process_time() - begun <= 30 * max(short, 0.02)
    assert all(len(line) <= 16 * 1024 for line in stream.getvalue().splitlines())


def test_the_callers_objects_are_left_alone(log: tuple[logging.Logger, io.StringIO]) -> None:
    """Nothing that was given to a log call is changed, redacted or not."""
    logger, _ = log
    extra = {"user": {"password": "hunter2Xq9", "tags": ["a", {"token": "hunter2Xq9"}]}}
    args = ({"secret": "hunter2Xq9"}, ["password=hunter2Xq9"])
    before = copy.deepcopy((extra, args))
    logger.info("%s %s", *args, extra=extra)
    assert (extra, args) == before


# Headers, at a raw socket


class Quiet(WSGIRequestHandler):
    """A server that says nothing of its own."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def wsgi() -> Iterator[int]:
    """Give the port of a WSGI application behind the middleware, which answers with its ID."""

    def app(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [(logweft.current().correlation_id or "").encode()]

    server = make_server("127.0.0.1", 0, CorrelationMiddleware(app), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, header: bytes) -> tuple[bytes, bytes]:
    """Send *header* as it is; return head and body of the response."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n" + header + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        response = b""
        while piece := connection.recv(65536):
            response += piece
    head, _, body = response.partition(b"\r\n\r\n")
    return head, body


BAD_IDS = [
    *(b"a b", b"a\tb", b"<script>", b"a;b", b"a,b", b'a"b', b"a" * 129, b"-a", b"", b"a\x00b"),
    *(b"a\x7fb", b"a\x1bb", b"\xc3\xa9", b"\xd9\xa3", b"{a}", b"urn:uuid:{x}", b"a\x85b"),
    *(b"a%0d%0aX-Evil: 1", b"a\xe2\x80\xa8b", b"${jndi:ldap://x}"),
]


def test_a_bad_id_of_a_caller_is_replaced_and_never_echoed(wsgi: int) -> None:
    """A malformed ID at a raw socket is replaced by a new one; no byte of it comes back."""
    for bad in BAD_IDS:
        head, body = ask(wsgi, b"X-Correlation-ID: " + bad)
        if not head.startswith(b"HTTP/1.0 200"):
            continue  # the server itself refuses such a request
        assert len(body) == 32, (bad, body)
        assert set(body) <= set(b"0123456789abcdef")
        assert b"X-Correlation-ID: " + body in head
        assert b"Evil" not in head
        assert not bad.strip() or bad not in head


def test_a_good_id_of_a_caller_is_taken(wsgi: int) -> None:
    """A well-formed ID is adopted and comes back, whatever its kind."""
    for good in (
        b"a",
        b"order-1",
        b"A" * 128,
        b"123e4567-e89b-12d3-a456-426614174000",
        b"a.b_c:d+e=f",
    ):
        head, body = ask(wsgi, b"X-Correlation-ID: " + good)
        assert body == good
        assert b"X-Correlation-ID: " + good in head


def test_an_injected_header_does_not_leave() -> None:
    """An ID with a line end, set by the application, sends no header line of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    received = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            received.append(data)
            connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    import http.client

    with logweft.adopt("a\r\nX-Evil: 1"), logweft.bind(**{"x\r\nX-Evil": "1\r\nX-Evil: 2"}):
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=30)
        connection.request("GET", "/", headers=logweft.inject({}))
        connection.getresponse().read()
        connection.close()
    thread.join()
    listener.close()
    assert b"evil" not in received[0].lower()
    assert b"x-correlation-id: " in received[0].lower()


# Code, files, resources


def test_what_cannot_be_pickled_crosses_no_border(tmp_path: Path) -> None:
    """Values that cannot be pickled cost no line in a process of multiprocessing."""
    (tmp_path / "program.py").write_text(
        """
import logging, multiprocessing, sys, threading
import logweft

def work(path):
    logging.getLogger("app").warning("child", extra={"lock": threading.Lock(), "call": lambda: 1})

if __name__ == "__main__":
    logging.basicConfig(filename=sys.argv[1])
    logweft.install()
    process = multiprocessing.get_context("fork").Process(target=work, args=(sys.argv[1],))
    process.start()
    process.join()
    assert process.exitcode == 0
"""
    )
    done = run_command([sys.executable, "program.py", "app.log"], cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert messages((tmp_path / "app.log").read_text()) == ["child"]


def test_no_code_is_named_by_the_environment() -> None:
    """No option can be given a dotted name: nothing in the options' module imports by name."""
    source = (ROOT / "src" / "logweft" / "_options.py").read_text()
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert not names & {"import_module", "__import__", "importlib", "resolve_name"}


HUGE: dict[str, Callable[[], dict[str, object]]] = {
    "a megabyte": lambda: {"value": "x" * 2**20},
    "many keys": lambda: {"value": {f"key{n}": n for n in range(10_000)}},
    "deep": lambda: {"value": deep(100_000)},
    "a huge number": lambda: {"value": 10**5000},
    "bytes": lambda: {"value": b"x" * (20 * 2**20)},
    "a group": lambda: {"value": group()},
}


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def group() -> object:
    if sys.version_info < (3, 11):
        return [ValueError(n) for n in range(5000)]
    return ExceptionGroup("many", [ValueError(n) for n in range(5000)])


@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_value_is_bounded(kind: str, log: tuple[logging.Logger, io.StringIO]) -> None:
    """However large a value, its line is at most 16 KiB, strict, and soon there."""
    logger, stream = log
    value = HUGE[kind]()["value"]
    begun = time.process_time()
    logger.info("message", extra={"value": value})
    assert time.process_time() - begun <= 5
    (line,) = stream.getvalue().splitlines()
    assert len(line) <= 16 * 1024
    assert parse(line)[0]["message"] == "message"


def test_an_endless_iterable_is_not_consumed(log: tuple[logging.Logger, io.StringIO]) -> None:
    """A generator in extra or as argument is shown, not run."""
    logger, _ = log

    def endless() -> Iterator[int]:
        while True:
            taken.append(1)
            yield 1

    taken: list[int] = []
    logger.info("%s", endless(), extra={"value": endless()})
    assert not taken


@pytest.mark.parametrize("text", ["${jndi:ldap://x/a}", "=1+1", "<b>", "%s %d", "{0} {x}", "$x"])
def test_data_stays_data(text: str, log: tuple[logging.Logger, io.StringIO]) -> None:
    """Nothing in a value is looked up, formatted again or escaped for somebody else."""
    logger, stream = log
    logger.info("%s", text, extra={"value": text})
    (line,) = parse(stream.getvalue())
    assert line["message"] == line["value"] == text


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o027])
def test_files_have_the_users_umask(umask: int, tmp_path: Path) -> None:
    """A log file, and the one opened after a rotation, has the mode that open() would give it."""
    program = """
        os.umask(int(sys.argv[2]))
        installation = to_file(sys.argv[1])
        log.info("one")
        assert installation.flush(20)
        os.rename(sys.argv[1], sys.argv[1] + ".1")
        log.handlers[0].close()
        log.info("two")
        assert installation.flush(20)
    """
    succeed(program, tmp_path / "app.log", umask)
    for path in (tmp_path / "app.log", tmp_path / "app.log.1"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
        assert not path.stat().st_mode & stat.S_IWOTH


def test_two_dependencies_and_no_more() -> None:
    """At run time logweft needs python-json-logger and wrapt, with lower and upper bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [text.split(">=")[0] for text in project["dependencies"]]
    assert names == ["python-json-logger", "wrapt"]
    assert all(">=" in text and "<" in text for text in project["dependencies"])


def test_no_local_variable_is_logged() -> None:
    """A secret in a local variable is in no line, neither of log.exception() nor uncaught."""
    program = """
        logweft.install()
        log.propagate = True
        def work():
            hidden = "hunter2" + "Xq9"
            raise ValueError(len(hidden))
        try:
            work()
        except ValueError:
            log.exception("failed")
        work()
    """
    done = child(program)
    assert done.code == 1
    assert len(parse(done.err)) == 2
    assert "hunter2Xq9" not in done.err
    assert json.dumps("hidden") not in done.err


def test_nothing_of_a_peer_is_unpickled() -> None:
    """No module of ours calls pickle, marshal or eval; processes share bytes of JSON."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "pickle.loads", "marshal.loads"), path
    assert os.path.isdir(ROOT / "src")
