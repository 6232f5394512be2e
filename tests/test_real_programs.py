"""Whole programs, each with one install() at its start: every line they write is one of JSON."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from programs import TIMEOUT_S, Finished, clean_environment, parse, run, run_command

both_bufferings = pytest.mark.parametrize(
    "env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"]
)


def messages(lines: list[dict[str, Any]], *loggers: str) -> list[str]:
    """Return the messages of *lines*, those of *loggers* alone if any is named, in order."""
    return [line["message"] for line in lines if not loggers or line["logger"] in loggers]


def like(lines: list[dict[str, Any]], pattern: str) -> list[str]:
    """Return the messages of *lines* that *pattern* matches from the first character."""
    return [line["message"] for line in lines if re.match(pattern, line["message"])]


class Server:
    """A server process: what it has written so far, and a way to wait for more of it."""

    def __init__(self, command: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**clean_environment(), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._text = {"out": "", "err": ""}
        self._more = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: Any) -> None:
        with stream:
            for line in stream:
                with self._more:
                    self._text[name] += line
                    self._more.notify_all()

    def wait_for(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Return the first of *times* matches of *pattern* in standard error."""
        with self._more:
            found = self._more.wait_for(
                lambda: len(re.findall(pattern, self._text["err"])) >= times, TIMEOUT_S
            )
            match = re.search(pattern, self._text["err"])
        assert found, f"no {pattern!r} in {self._text['err']}"
        assert match is not None
        return match

    def finish(self) -> Finished:
        """Return what is left when the process has ended by itself."""
        code = self.process.wait(TIMEOUT_S)
        for reader in self._readers:
            reader.join(TIMEOUT_S)
        return Finished(code, self._text["out"], self._text["err"])


@contextmanager
def serving(command: list[str], cwd: Path, env: dict[str, str]) -> Iterator[Server]:
    """Run *command* for the length of a block; at its end it is gone, whatever happened."""
    server = Server(command, cwd, env)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.finish()


def get(url: str) -> str:
    """Return what *url* answers."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        text: str = answer.read().decode()
        return text


# A server of the standard library

HTTP_SERVER = """
import logging, sys, threading, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import logweft

log = logging.getLogger("shop")
access = logging.getLogger("shop.access")

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        log.info("serving %s", self.path, extra={"path": self.path})
        if self.path == "/missing":
            return self.send_error(404)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format, *args):
        access.info(format, *args)

logweft.install()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = False
thread = threading.Thread(target=server.serve_forever)
thread.start()
for number in range(20):
    url = f"http://127.0.0.1:{server.server_port}/{number}"
    assert urllib.request.urlopen(url, timeout=60).read() == b"hello"
try:
    urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/missing", timeout=60)
except urllib.error.HTTPError as error:
    log.warning("client got %d", error.code)
    error.close()
server.shutdown()
thread.join()
server.server_close()
log.info("bye")
sys.exit(4)
"""


@both_bufferings
def test_http_server(env: dict[str, str]) -> None:
    """A threading http.server that logs its accesses writes each record once, as JSON."""
    done = run(HTTP_SERVER, env=env)
    assert done.code == 4, done.err
    assert done.out == ""
    assert Counter(messages(done.lines, "shop")) == Counter(
        [
            *(f"serving /{number}" for number in range(20)),
            "serving /missing",
            "client got 404",
            "bye",
        ]
    )
    expected = [*(f'"GET /{number} HTTP/1.1" 200 -' for number in range(20))]
    expected += ["code 404, message Not Found", '"GET /missing HTTP/1.1" 404 -']
    assert Counter(messages(done.lines, "shop.access")) == Counter(expected)
    assert len(done.lines) == 23 + 22


# uvicorn

UVICORN = """
import logging, sys, threading, urllib.error, urllib.request
import logweft

logweft.install(%(options)s)

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

log = logging.getLogger("shop")
ready = threading.Event()

async def hello(request):
    log.info("hello %%s", request.path_params["name"])
    return PlainTextResponse("hello")

async def broken(request):
    raise RuntimeError("out of stock")

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        ready.set()

app = Starlette(routes=[Route("/hello/{name}", hello), Route("/broken", broken)])
config = uvicorn.Config(app, host="127.0.0.1", port=0)  # its dictConfig runs here
server = Server(config)
socket = config.bind_socket()
thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
thread.start()
assert ready.wait(60)
address = "http://127.0.0.1:%%d" %% socket.getsockname()[1]
for name in ("ada", "bob"):
    assert urllib.request.urlopen(f"{address}/hello/{name}", timeout=60).read() == b"hello"
try:
    urllib.request.urlopen(f"{address}/broken", timeout=60)
except urllib.error.HTTPError as error:
    log.warning("client got %%d", error.code)
    error.close()
server.should_exit = True
thread.join()
log.info("bye")
"""

UVICORN_LINES = [
    r"Uvicorn running on",
    r"Started server process \[\d+\]$",
    r"Waiting for application startup\.$",
    r"Application startup complete\.$",
    r"Exception in ASGI application",
    r"Shutting down$",
    r"Waiting for application shutdown\.$",
    r"Application shutdown complete\.$",
    r"Finished server process \[\d+\]$",
]


@both_bufferings
def test_uvicorn(env: dict[str, str]) -> None:
    """
    uvicorn, whose own dictConfig runs after install(), writes server, access and application lines
    as JSON, each once.
    """
    done = run(UVICORN % {"options": ""}, env=env)
    assert done.code == 0, done.err
    lines = done.lines
    for pattern in UVICORN_LINES:
        assert len(like(lines, pattern)) == 1, (pattern, done.err)
    assert messages(lines, "shop") == ["hello ada", "hello bob", "client got 500", "bye"]
    access = parse(done.out)
    assert [re.sub(r":\d+ ", ": ", line["message"]) for line in access] == [
        '127.0.0.1: - "GET /hello/ada HTTP/1.1" 200',
        '127.0.0.1: - "GET /hello/bob HTTP/1.1" 200',
        '127.0.0.1: - "GET /broken HTTP/1.1" 500',
    ]
    assert {line["logger"] for line in access} == {"uvicorn.access"}
    error = next(line for line in lines if line["message"].startswith("Exception in ASGI"))
    assert error["level"] == "ERROR"
    assert error["exception"]["message"] == "out of stock"
    assert len(lines) == len(UVICORN_LINES) + 4, done.err


def test_uvicorn_not_sticky() -> None:
    """With sticky=False uvicorn's own handlers stay as uvicorn wants them: plain text."""
    done = run(UVICORN % {"options": "sticky=False"})
    assert done.code == 0, done.err
    assert re.search(r"^INFO: +Application startup complete\.$", done.err, re.MULTILINE)
    assert '"GET /hello/ada HTTP/1.1" 200' in done.out
    assert not done.out.startswith("{")


UVICORN_APP = """
import logging
import logweft

logweft.install()
log = logging.getLogger("shop")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            log.info("lifespan %s", message["type"])
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    log.info("hello %s", scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_uvicorn_command(tmp_path: Path, number: signal.Signals) -> None:
    """
    `python -m uvicorn`, whose handlers are there before install(), writes JSON from then on, and
    its last line is there after a signal.
    """
    (tmp_path / "app.py").write_text(UVICORN_APP)
    command = [sys.executable, "-m", "uvicorn", "--port", "0", "app:app"]
    with serving(command, tmp_path, {}) as server:
        address = server.wait_for(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")[1]
        assert get(f"{address}/ada") == "hello"
        server.process.send_signal(number)
        done = server.finish()
    lines = done.lines
    assert messages(lines, "shop") == [
        "lifespan lifespan.startup",
        "hello /ada",
        "lifespan lifespan.shutdown",
    ]
    for pattern in UVICORN_LINES:
        if not pattern.startswith("Exception"):
            assert len(like(lines, pattern)) == 1, (pattern, done.err)
    assert len(lines) == len(UVICORN_LINES) - 1 + 3
    assert len(parse(done.out)) == 1


# Django

DJANGO = """
import logging, sys, threading, urllib.request
import logweft

logweft.install()
log = logging.getLogger("shop")
early = logging.getLogger("early")

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

def hello(request):
    log.info("hello %%s", request.GET["name"])
    return HttpResponse("hello")

def broken(request):
    raise RuntimeError("out of stock")

urlpatterns = [path("hello", hello), path("broken", broken)]
settings.configure(
    DEBUG=%(debug)s,
    SECRET_KEY="s" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    %(logging)s
)
django.setup()
early.info("set up")

from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.core.wsgi import get_wsgi_application
from django.test import Client

client = Client(raise_request_exception=False)
assert client.get("/hello?name=ada").status_code == 200
assert client.get("/missing").status_code == 404
assert client.get("/broken").status_code == 500

server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(get_wsgi_application())
thread = threading.Thread(target=server.handle_request)
thread.start()
answer = urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/hello?name=bob", timeout=60)
assert answer.read() == b"hello"
thread.join()
server.server_close()
log.info("bye")
sys.exit(5)
"""


def check_django(done: Finished) -> None:
    assert done.code == 5, done.err
    assert done.out == ""
    lines = done.lines
    assert messages(lines, "early", "shop") == ["set up", "hello ada", "hello bob", "bye"]
    assert messages(lines, "django.request") == [
        "Not Found: /missing",
        "Internal Server Error: /broken",
    ]
    assert [line["level"] for line in lines if line["logger"] == "django.request"] == [
        "WARNING",
        "ERROR",
    ]
    error = next(line for line in lines if line["message"].startswith("Internal"))
    assert error["exception"]["message"] == "out of stock"
    assert error["exception"]["type"] == "RuntimeError"


@pytest.mark.parametrize("debug", [True, False])
@both_bufferings
def test_django(debug: bool, env: dict[str, str]) -> None:
    """
    Django with its stock LOGGING, DEBUG on or off, writes its own, its server's and the
    application's records once, as JSON.
    """
    done = run(DJANGO % {"debug": debug, "logging": ""}, env=env)
    check_django(done)
    assert like(done.lines, '"GET /hello') == ['"GET /hello?name=bob HTTP/1.1" 200 5']
    assert {line["logger"] for line in done.lines} <= {
        "early",
        "shop",
        "django.request",
        "django.server",
    }
    assert len(done.lines) == 4 + 2 + 1


DJANGO_LOGGING = """
    LOGGING={
        "version": 1,
        "disable_existing_loggers": True,
        "formatters": {"plain": {"format": "%%(levelname)s %%(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "root": {"level": "INFO", "handlers": ["console"]},
    },
"""


def test_django_with_own_logging() -> None:
    """
    A Django LOGGING with disable_existing_loggers silences nobody: the loggers come back and one
    line says so.
    """
    done = run(DJANGO % {"debug": False, "logging": DJANGO_LOGGING % ()})
    check_django(done)
    told = [line for line in done.lines if line["logger"] == "logweft"]
    assert len(told) == 2, done.err  # get_wsgi_application() sets up Django a second time
    assert {line["level"] for line in told} == {"WARNING"}
    assert "re-enabled" in told[0]["message"]
    assert len(like(done.lines, '"GET /hello')) == 1
    assert len(done.lines) == 4 + 2 + 1 + 2


# Alembic and fileConfig

MIGRATE = """
import logging, sys
%(imports)s
import logweft

logweft.install()
log = logging.getLogger("shop")
log.info("before")

from alembic import command
from alembic.config import Config

command.upgrade(Config("alembic.ini"), "head")
log.warning("after")
sys.exit(6)
"""


def alembic_project(folder: Path) -> None:
    """Make the project that ``alembic init`` makes, with one revision and a database in a file."""
    for arguments in (["init", "migrations"], ["revision", "-m", "first"]):
        done = run_command([sys.executable, "-m", "alembic", *arguments], cwd=folder)
        assert done.code == 0, done.err + done.out
        ini = folder / "alembic.ini"
        text = re.sub(
            r"(?m)^sqlalchemy\.url *=.*", "sqlalchemy.url = sqlite:///a.db", ini.read_text()
        )
        ini.write_text(text)


@pytest.mark.parametrize("imports", ["", "from logging.config import fileConfig"])
def test_alembic(tmp_path: Path, imports: str) -> None:
    """
    After the fileConfig in the stock env.py of Alembic, its lines are JSON and the application's
    loggers still speak.
    """
    alembic_project(tmp_path)
    done = run(MIGRATE % {"imports": imports}, cwd=tmp_path)
    assert done.code == 6, done.err
    assert done.out == ""
    lines = done.lines
    assert messages(lines, "shop") == ["before", "after"]
    assert len(like(lines, "Context impl SQLiteImpl")) == 1
    assert len(like(lines, "Will assume non-transactional DDL")) == 1
    assert len(like(lines, "Running upgrade  -> .*, first$")) == 1
    told = [line for line in lines if line["logger"] == "logweft"]
    assert len(told) == 1
    assert "shop" in told[0]["loggers"]
    others = [line for line in lines if line["logger"] != "alembic.runtime.plugins"]
    assert len(others) == 2 + 3 + 1, done.err
    identities = Counter((line["logger"], line["message"]) for line in lines)
    assert set(identities.values()) == {1}


FILE_CONFIG = """
[loggers]
keys=root,shop

[handlers]
keys=console,file

[formatters]
keys=plain

[logger_root]
level=WARNING
handlers=console

[logger_shop]
level=DEBUG
handlers=file
qualname=shop

[handler_console]
class=StreamHandler
args=(sys.stdout,)
level=NOTSET
formatter=plain

[handler_file]
class=FileHandler
args=("shop.log",)
level=INFO
formatter=plain

[formatter_plain]
format=%(asctime)s %(levelname)s %(message)s
"""


@pytest.mark.parametrize("install_first", [True, False])
def test_file_config(tmp_path: Path, install_first: bool) -> None:
    """
    A fileConfig before or after install() keeps its levels and destinations, and every line is
    JSON.
    """
    (tmp_path / "logging.ini").write_text(FILE_CONFIG)
    steps = ["logweft.install()", "fileConfig('logging.ini', disable_existing_loggers=False)"]
    if not install_first:
        steps.reverse()
    program = f"""
    import logging
    from logging.config import fileConfig
    import logweft
    {steps[0]}
    {steps[1]}
    logging.getLogger("shop").debug("too low for the file, not for the console")
    logging.getLogger("shop.cart").info("in both")
    logging.getLogger("other").info("too low")
    logging.getLogger("other").warning("on the console")
    """
    done = run(program, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert messages(parse(done.out)) == [
        "too low for the file, not for the console",
        "in both",
        "on the console",
    ]
    assert messages(parse((tmp_path / "shop.log").read_text())) == ["in both"]


# Libraries


def test_sqlalchemy_echo() -> None:
    """
    SQLAlchemy's echo=True, which adds a handler on stdout by itself, writes each statement once a
    stream, as JSON.
    """
    done = run("""
    import logging
    import logweft
    logweft.install()
    from sqlalchemy import create_engine, text
    engine = create_engine("sqlite://", echo=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cart (number INTEGER)"))
        connection.execute(text("INSERT INTO cart VALUES (:number)"), [{"number": 7}])
        assert connection.execute(text("SELECT number FROM cart")).scalar() == 7
    engine.dispose()
    logging.getLogger("shop").info("bye")
    """)
    assert done.code == 0, done.err
    statements = [
        "BEGIN (implicit)",
        "CREATE TABLE cart (number INTEGER)",
        "INSERT INTO cart VALUES (?)",
        "SELECT number FROM cart",
        "COMMIT",
    ]
    for lines in (parse(done.out), done.lines):
        told = messages(lines, "sqlalchemy.engine.Engine")
        assert [message for message in told if not message.startswith("[")] == statements
        assert len(told) == len(statements) + 3  # "[generated in 0.0001s] (7,)" and its like
    assert messages(parse(done.out), "shop") == []
    assert messages(done.lines, "shop") == ["bye"]


@both_bufferings
def test_thread_pool(env: dict[str, str]) -> None:
    """
    A thread pool's 2,000 records are each written once, those of tasks that outlive the main thread
    included.
    """
    program = """
    import logging, threading
    from concurrent.futures import ThreadPoolExecutor
    import logweft

    logweft.install()
    log = logging.getLogger("shop")
    main_is_over = threading.main_thread().join

    def work(number):
        for step in range(200):
            log.info("step", extra={"number": number, "step": step})

    def late():
        main_is_over()
        log.info("late")

    pool = ThreadPoolExecutor(5)
    futures = [pool.submit(work, number) for number in range(10)]
    for future in futures:
        future.result()
    threading.Thread(target=late).start()
    """
    done = run(program, env=env)
    assert done.code == 0, done.err
    steps = Counter((line["number"], line["step"]) for line in done.lines if "step" in line)
    assert steps == Counter((number, step) for number in range(10) for step in range(200))
    assert messages(done.lines).count("late") == 1
    assert len(done.lines) == 2001


def test_thread_pool_running_at_exit() -> None:
    """Tasks that a thread pool still has to do when the script ends lose none of their records."""
    done = run("""
    import logging
    from concurrent.futures import ThreadPoolExecutor
    import logweft
    logweft.install()
    pool = ThreadPoolExecutor(2)
    for number in range(500):
        pool.submit(logging.getLogger("shop").info, "task %d", number)
    """)
    assert done.code == 0
    assert sorted(messages(done.lines)) == sorted(f"task {number}" for number in range(500))


def test_process_pool() -> None:
    """
    Processes of a ProcessPoolExecutor and a multiprocessing.Process, forked after lines were
    queued, write theirs once, none of the parent's.
    """
    done = run("""
    import logging, multiprocessing, os
    from concurrent.futures import ProcessPoolExecutor
    import logweft

    def work(number):
        logging.getLogger("shop").info("work %d", number)
        return os.getpid()

    if __name__ == "__main__":
        logweft.install()
        logging.getLogger("shop").info("before")
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(2, mp_context=fork) as pool:
            assert os.getpid() not in set(pool.map(work, range(20)))
        process = fork.Process(target=work, args=(20,))
        process.start()
        process.join()
        logging.getLogger("shop").info("after")
    """)
    assert done.code == 0, done.err
    expected = ["before", *(f"work {number}" for number in range(21)), "after"]
    assert Counter(messages(done.lines, "shop")) == Counter(expected)


def test_warnings_of_a_program(tmp_path: Path) -> None:
    """What a program and its libraries warn about is JSON, with the place that is warned of."""
    (tmp_path / "library.py").write_text(
        textwrap.dedent("""
        import warnings

        def old():
            warnings.warn("use new()", DeprecationWarning, stacklevel=2)
        """)
    )
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""
        import warnings
        import logweft
        logweft.install()
        from library import old
        old()
        warnings.warn("careful")
        """)
    )
    done = run_command([sys.executable, "program.py"], cwd=tmp_path)
    assert done.code == 0
    assert [(line["message"], line["category"], line["line"]) for line in done.lines] == [
        ("use new()", "DeprecationWarning", 6),
        ("careful", "UserWarning", 7),
    ]
    assert all(line["file"].endswith("program.py") for line in done.lines)
    assert all(line["level"] == "WARNING" for line in done.lines)


# gunicorn

GUNICORN_APP = """
import logging, os
%s

log = logging.getLogger("shop")

def app(environ, start_response):
    log.info("hello %%s", environ["PATH_INFO"], extra={"worker": os.getpid()})
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("out of stock")
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""


WHEN_READY = """
def post_worker_init(worker):
    worker.log.info("worker is ready")
"""


def gunicorn(folder: Path, *options: str) -> Finished:
    """Serve ten requests and a broken one with two workers, and stop."""
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0"]
    command += ["--access-logfile", "-", "--worker-tmp-dir", ".", "--no-control-socket", *options]
    if not has_control_socket():
        command.remove("--no-control-socket")
    with serving([*command, "app:app"], folder, {}) as server:
        address = server.wait_for(r"Listening at: (http://127\.0\.0\.1:\d+)")[1]
        server.wait_for("worker is ready", times=2)
        for number in range(10):
            assert get(f"{address}/{number}") == "hello"
        with pytest.raises(urllib.error.HTTPError) as error:
            get(f"{address}/broken")
        error.value.close()
        server.process.send_signal(signal.SIGTERM)
        return server.finish()


def has_control_socket() -> bool:
    """Say whether this gunicorn has a control socket, new in 25, which would live in the home."""
    from gunicorn.config import KNOWN_SETTINGS

    return any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS)


def check_gunicorn_application(done: Finished) -> None:
    expected = [*(f"hello /{number}" for number in range(10)), "hello /broken"]
    shop = [line for line in read(done.err) if line.get("logger") == "shop"]
    assert Counter(line["message"] for line in shop) == Counter(expected)


def read(text: str) -> list[dict[str, Any]]:
    """Return the lines of *text* that look like JSON, parsed; others are gunicorn's own."""
    return parse("\n".join(line for line in text.split("\n") if line.startswith("{")))


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_gunicorn(tmp_path: Path, preload: tuple[str, ...]) -> None:
    """
    With install() in gunicorn.conf.py, master, workers, access log and application write JSON, each
    record once.
    """
    (tmp_path / "gunicorn.conf.py").write_text(f"import logweft\nlogweft.install()\n{WHEN_READY}")
    (tmp_path / "app.py").write_text(GUNICORN_APP % "")
    done = gunicorn(tmp_path, *preload)
    assert done.code == 0, done.err
    check_gunicorn_application(done)
    lines = done.lines
    assert len(like(lines, "Starting gunicorn")) == 1
    assert len(like(lines, "Booting worker with pid")) == 2
    assert len(like(lines, "Worker exiting")) == 2
    assert len(like(lines, "Shutting down: Master")) == 1
    assert len(like(lines, r"Error handling request .*/broken$")) == 1
    access = parse(done.out)
    assert len(access) == 10 + sum("GET /broken" in line["message"] for line in access)
    assert {line["logger"] for line in access} == {"gunicorn.access"}


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_gunicorn_installed_by_application(tmp_path: Path, preload: tuple[str, ...]) -> None:
    """
    With install() in the application's module, what comes after its import is JSON, each record
    once.
    """
    (tmp_path / "gunicorn.conf.py").write_text(WHEN_READY)
    (tmp_path / "app.py").write_text(GUNICORN_APP % "import logweft\nlogweft.install()")
    done = gunicorn(tmp_path, *preload)
    assert done.code == 0, done.err
    check_gunicorn_application(done)
    lines = read(done.err)
    assert len(like(lines, "Worker exiting")) == 2
    assert len(like(lines, r"Error handling request .*/broken$")) == 1
    assert len(parse(done.out)) >= 10


# Celery

CELERY = """
import logging, sys
import logweft

logweft.install()
log = logging.getLogger("shop")

from celery import Celery
from celery.utils.log import get_task_logger

app = Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.worker_hijack_root_logger = %(hijack)s
task_log = get_task_logger("shop.tasks")

@app.task
def add(x, y):
    log.info("adding %%d and %%d", x, y)
    task_log.info("in a task")
    print("printed")
    return x + y

@app.task
def fail():
    raise RuntimeError("out of stock")

@app.task
def stop():
    from celery.worker import state
    state.should_stop = True

log.info("before")
for number in range(5):
    add.delay(number, 1)
fail.delay()
stop.delay()
app.worker_main("worker --pool=solo --loglevel=INFO --without-gossip --without-mingle".split())
log.info("after")
sys.exit(7)
"""


@pytest.mark.parametrize("hijack", [True, False])
def test_celery(hijack: bool) -> None:
    """
    A Celery worker, whether it takes the root logger for itself or not, writes worker, task and
    printed lines as JSON, each once.
    """
    done = run(CELERY % {"hijack": hijack}, env={"C_FORCE_ROOT": "1"})
    assert done.code == 7, done.err
    lines = done.lines
    added = [f"adding {number} and 1" for number in range(5)]
    assert messages(lines, "shop") == ["before", *added, "after"]
    assert messages(lines, "shop.tasks") == ["in a task"] * 5
    assert messages(lines, "celery.redirected") == ["printed"] * 5
    assert len(like(lines, r"Task shop\.add\[.*\] received")) == 5
    assert len(like(lines, r"Task shop\.add\[.*\] succeeded")) == 5
    failed = [line for line in lines if re.match(r"Task shop\.fail\[.*\] raised", line["message"])]
    assert len(failed) == 1
    assert failed[0]["exception"]["message"] == "out of stock"
    identities = Counter((line["logger"], line["line"], line["message"]) for line in lines)
    repeated = {logger for (logger, _, _), times in identities.items() if times > 1}
    assert repeated <= {"shop.tasks", "celery.redirected", "kombu.connection"}


# The end of a program

ENDINGS = {
    "end of script": ("pass", 0, 0),
    "sys.exit": ("sys.exit(3)", 3, 0),
    "uncaught": ("raise RuntimeError('out of stock')", 1, 1),
    "exit in a thread": ("threading.Thread(target=sys.exit, args=(3,)).start()", 0, 0),
}


@pytest.mark.parametrize("ending", ENDINGS)
@both_bufferings
def test_all_is_written_at_exit(ending: str, env: dict[str, str]) -> None:
    """
    However a program ends in good order, its 5,000 queued lines are written, once and in order, and
    its exit code stays.
    """
    statement, code, more = ENDINGS[ending]
    done = run(
        f"""
        import logging, sys, threading
        import logweft
        logweft.install()
        log = logging.getLogger("shop")
        for number in range(5000):
            log.info("line %d", number)
        {statement}
        """,
        env=env,
    )
    assert done.code == code
    assert done.out == ""
    assert messages(done.lines, "shop") == [f"line {number}" for number in range(5000)]
    assert len(done.lines) == 5000 + more
    if more:
        assert done.lines[-1]["exception"]["message"] == "out of stock"


@pytest.mark.parametrize(
    "handler",
    [
        "logging.FileHandler('a.log')",
        "logging.handlers.RotatingFileHandler('a.log', maxBytes=10**9, backupCount=1)",
        "logging.handlers.TimedRotatingFileHandler('a.log')",
        "logging.handlers.WatchedFileHandler('a.log')",
    ],
)
def test_all_is_written_to_a_file_at_exit(tmp_path: Path, handler: str) -> None:
    """
    Into a file, too, all 5,000 lines are written at an uncaught exception, which is the last of
    them.
    """
    done = run(
        f"""
        import logging, logging.handlers
        import logweft
        logging.basicConfig(level="INFO", handlers=[{handler}])
        logweft.install()
        for number in range(5000):
            logging.info("line %d", number)
        raise RuntimeError("out of stock")
        """,
        cwd=tmp_path,
        python=("-X", "dev", "-W", "error"),
    )
    assert (done.code, done.out, done.err) == (1, "", "")
    lines = parse((tmp_path / "a.log").read_text())
    assert messages(lines, "root") == [f"line {number}" for number in range(5000)]
    assert len(lines) == 5001
    assert lines[-1]["exception"]["message"] == "out of stock"


@both_bufferings
def test_thread_logs_after_main(env: dict[str, str]) -> None:
    """A thread that logs after the main thread has ended, and an atexit function, lose no line."""
    done = run(
        """
        import atexit, logging, threading
        import logweft

        def late():
            threading.main_thread().join()
            for number in range(10):
                logging.info("late %d", number)

        atexit.register(logging.info, "registered before")
        logweft.install()
        atexit.register(logging.info, "registered after")
        threading.Thread(target=late).start()
        """,
        env=env,
    )
    assert done.code == 0
    expected = [*(f"late {number}" for number in range(10)), "registered after"]
    assert messages(done.lines) == [*expected, "registered before"]


# fork

FORK = """
import logging, os, sys
import logweft

logweft.install()
log = logging.getLogger("shop")
for number in range(1000):
    log.info("parent %d", number)
sys.stdout.flush()
child = os.fork()
if child == 0:
    for number in range(1000):
        log.info("child %d", number)
    sys.exit(0)
for number in range(1000, 2000):
    log.info("parent %d", number)
assert os.waitpid(child, 0)[1] == 0
log.info("parent 2000")
"""


@both_bufferings
def test_fork(env: dict[str, str]) -> None:
    """
    After os.fork with lines queued, parent and child write theirs once each, in order, and no line
    is torn.
    """
    done = run(FORK, env=env, python=("-W", "ignore"))
    assert done.code == 0, done.err
    told = messages(done.lines)
    parents = [message for message in told if message.startswith("parent")]
    children = [message for message in told if message.startswith("child")]
    assert parents == [f"parent {number}" for number in range(2001)]
    assert children == [f"child {number}" for number in range(1000)]
    assert len(told) == 3001


def test_processes_share_a_pipe() -> None:
    """Four processes that write to one pipe at once, as containers and pools do, tear no line."""
    done = run(
        """
        import logging, os, sys, logweft
        logweft.install()
        children = []
        for child in range(4):
            pid = os.fork()
            if pid == 0:
                for number in range(10_000):
                    logging.info("%d of %d, %s", number, child, "x" * 100)
                sys.exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        """,
        python=("-W", "ignore"),
    )
    assert done.code == 0
    told = Counter(message.partition(",")[0] for message in messages(done.lines))
    assert told == Counter(f"{n} of {child}" for child in range(4) for n in range(10_000))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_install_in_a_process_of_multiprocessing(tmp_path: Path, method: str) -> None:
    """install() in a multiprocessing child, which ends without atexit, loses no line."""
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""
        import logging, multiprocessing, sys

        def work(number):
            import logweft
            logweft.install()
            logging.info("child %d", number)

        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[1])
            processes = [context.Process(target=work, args=(number,)) for number in range(3)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
                assert process.exitcode == 0
        """)
    )
    done = run_command([sys.executable, "program.py", method], cwd=tmp_path)
    assert done.code == 0, done.err
    assert sorted(messages(done.lines)) == [f"child {number}" for number in range(3)]


def test_fork_from_many_threads(tmp_path: Path) -> None:
    """Children forked while other threads log never hang, and each writes its lines once."""
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""
        import logging, os, threading
        import logweft

        logweft.install()
        stop = threading.Event()

        def busy():
            while not stop.is_set():
                logging.info("busy")
                stop.wait(0.0005)

        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(20):
            child = os.fork()
            if child == 0:
                logging.info("child %d", number)
                os._exit(0 if logweft.flush(30) else 9)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        """)
    )
    done = run_command([sys.executable, "-W", "ignore", "program.py"], cwd=tmp_path)
    assert done.code == 0, done.err
    children = [message for message in messages(done.lines) if message != "busy"]
    assert Counter(children) == Counter(f"child {number}" for number in range(20))


def test_install_in_fork_child() -> None:
    """
    install() in the child of a fork, the parent having none, works there and leaves the parent
    alone.
    """
    done = run("""
    import logging, os, sys
    import logweft
    child = os.fork()
    if child == 0:
        logweft.install()
        logging.info("child")
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert logging.root.handlers == []
    """)
    assert done.code == 0
    assert messages(done.lines) == ["child"]


def test_no_thread_and_no_descriptor_left() -> None:
    """uninstall() leaves no thread and no open descriptor behind."""
    done = run("""
    import logging, os, threading
    import logweft
    def descriptors():
        return set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    before = descriptors()
    for number in range(3):
        installation = logweft.install()
        logging.info("line %d", number)
        installation.flush()
        thread = next(thread for thread in threading.enumerate() if thread.name == "logweft")
        installation.uninstall()
        thread.join(60)
        assert not thread.is_alive()
    del installation, thread  # a thread keeps the excepthook of the day it was made
    import gc; gc.collect()
    assert descriptors() <= before, (descriptors(), before)
    """)
    assert done.code == 0, done.err
    assert messages(done.lines) == ["line 0", "line 1", "line 2"]
