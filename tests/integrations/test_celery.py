"""Celery: workers of every pool, each line of a task under the ID of the work that queued it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import celery
import jsonschema
import pytest
from celery import signals
from celery.contrib.testing.worker import start_worker

import contracts
import logweft
from contracts import MINTED, TRACE, TRACEPARENT, HopContract, Lines
from programs import Finished, clean_environment, parse, run_command

pytestmark = pytest.mark.once

lines = contracts.lines
DEADLINE_S = 30.0
SCHEMA = json.loads((Path(__file__).parent.parent / "schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


# In this process: a worker in a thread, with the broker in memory


def do(name: str) -> Any:
    """Call a function of the contract, in a task."""
    return getattr(contracts, name)()


def make_app(**settings: Any) -> celery.Celery:
    """Return an application whose broker and results are in memory."""
    app = celery.Celery(
        "shop", broker="memory://localhost", backend="cache+memory://", set_as_current=False
    )
    app.conf.update(broker_transport_options={"polling_interval": 0.01}, **settings)
    return app


def leave_logging_alone(**_: Any) -> None:
    """Receive setup_logging, so that the worker in this process configures nothing."""


@contextmanager
def serve_in_thread(app: celery.Celery) -> Iterator[None]:
    """Run a worker of *app* in a thread; logging and the environment stay as they are."""
    signals.setup_logging.connect(leave_logging_alone)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOGLEVEL", "LOGFILE", "LOGFORMAT"):
            patch.setenv(f"_MP_FORK_{name}_", "")
        for name in ("LEVEL", "FILE"):
            patch.setenv(f"CELERY_LOG_{name}", "")
        try:
            with start_worker(app, perform_ping_check=False, shutdown_timeout=DEADLINE_S):
                logging.captureWarnings(False)
                yield
        finally:
            signals.setup_logging.disconnect(leave_logging_alone)


class TestWorker(HopContract):
    task: Any

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def worker(cls) -> Iterator[None]:
        """Run a worker for all tests; each has an installation of its own."""
        app = make_app()
        cls.task = app.task(do, name="shop.do", shared=False)
        with ExitStack() as stack:
            with logweft.install(stream=io.StringIO()):
                stack.enter_context(serve_in_thread(app))
            yield

    def hop(self, func: Callable[[], Any]) -> Any:
        """Queue a task that calls *func*, and wait for the worker to have done it."""
        return self.task.delay(func.__name__).get(timeout=DEADLINE_S)

    def test_id_and_fields_arrive(self, lines: Lines) -> None:
        """The ID arrives; bound fields, which a broker would store, do not, but the task's do."""
        with logweft.adopt("order-1"), logweft.bind(tenant="acme"):
            self.hop(contracts.log_hopped)

        (line,) = [line for line in lines.read() if line["message"] == "hopped"]
        assert (line["correlation_id"], line["task"]) == ("order-1", "shop.do")
        assert re.fullmatch(r"[0-9a-f-]{36}", line["task_id"])
        assert "tenant" not in line

    def test_nothing_arrives_from_outside_of_work(self, lines: Lines) -> None:
        """What is queued outside of any work has a new ID, also behind work that had one."""
        with logweft.adopt("order-1"):
            self.hop(contracts.log_hopped)
        self.hop(contracts.log_hopped)
        self.hop(contracts.log_hopped)

        first, second, third = lines.ids("hopped")
        assert first == "order-1"
        assert MINTED.fullmatch(second or "")
        assert MINTED.fullmatch(third or "")
        assert second != third

    def test_a_trace_is_continued(self, lines: Lines) -> None:
        """Of work that was adopted from a traceparent, the trace ID is that of the task."""
        with logweft.adopt({"traceparent": TRACEPARENT}):
            self.hop(contracts.log_hopped)

        assert lines.ids("hopped") == [TRACE]


def sent(app: celery.Celery, **options: Any) -> dict[str, Any]:
    """Queue a task with *options*; return the headers of the message that a broker has."""
    app.send_task("shop.sent", **options)
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue(options.get("queue", "celery")).get(timeout=DEADLINE_S)
        message.ack()
        return dict(message.headers)


def test_a_message_carries_the_id(lines: Lines) -> None:
    """Sent are X-Correlation-ID and traceparent, and AMQP's own correlation ID is the task's."""
    with logweft.adopt("order-1") as context:
        headers = sent(make_app())

    assert headers["X-Correlation-ID"] == "order-1"
    assert headers["traceparent"].split("-")[1] == context.trace_id
    assert "correlation_id" not in headers


def test_nothing_is_sent_outside_of_work(lines: Lines) -> None:
    """Without a Context, or after uninstall(), no header is added."""
    app = make_app()
    outside = sent(app)
    with logweft.adopt("order-1"):
        logweft.uninstall()
        off = sent(app)

    assert not {"X-Correlation-ID", "traceparent"} & (outside.keys() | off.keys())


def test_the_users_headers_win(lines: Lines) -> None:
    """A header of the user's, in whatever case, stays; so does a route's; mappings are kept."""
    given = {"x-CORRELATION-id": "mine"}
    app = make_app(task_routes={"shop.sent": {"queue": "side", "headers": {"tenant": "acme"}}})
    with logweft.adopt("order-1"):
        own = sent(make_app(), headers=given)
        routed = sent(app, queue="side")

    assert own["x-CORRELATION-id"] == "mine"
    assert "X-Correlation-ID" not in own
    assert given == {"x-CORRELATION-id": "mine"}
    assert routed["tenant"] == "acme"
    assert routed["X-Correlation-ID"] == "order-1"


def test_an_eager_task_is_part_of_the_work_that_calls_it(lines: Lines) -> None:
    """With task_always_eager the ID and the fields of here are there, and none comes back."""
    app = make_app(task_always_eager=True)
    task = app.task(contracts.log_hopped, name="shop.hop", shared=False)
    with logweft.adopt("order-1"), logweft.bind(tenant="acme"):
        task.delay().get()
        assert dict(logweft.current().fields) == {"tenant": "acme"}
    task.delay().get()
    task.apply(headers={"X-Correlation-ID": "mine"}).get()

    inside, outside, own = [line for line in lines.read() if line["message"] == "hopped"]
    assert own["correlation_id"] == "mine"
    assert (inside["correlation_id"], inside["tenant"]) == ("order-1", "acme")
    assert inside["task"] == outside["task"] == "shop.hop"
    assert MINTED.fullmatch(outside["correlation_id"])
    assert logweft.current().correlation_id is None


# Workers in processes of their own, with the broker in a folder

IMPORTS = """
from celery import Celery, chain, chord, group, signals
from celery.utils.log import get_task_logger
"""

EARLY = """
import celery.app.trace, celery.beat, celery.concurrency.prefork, celery.worker.consumer.consumer
"""

APP = """
import logging, os, sys, time, uuid
from pathlib import Path
from kombu.transport import filesystem
%s


def put(self, queue, payload, **_):
    name = f"{time.monotonic_ns()}_{uuid.uuid4()}.{queue}.msg"
    path = Path(self.data_folder_out, name)
    part = path.with_suffix(".part")
    part.write_text(filesystem.dumps(payload))
    part.rename(path)


# kombu's own lets a worker read the message between its file's creation and its text; then it dies.
filesystem.Channel._put = put

box = Path(__file__).parent
for name in ("messages", "control", "results"):
    (box / name).mkdir(exist_ok=True)
app = Celery("shop", broker="filesystem://localhost", backend=f"file://{box / 'results'}")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(box / "messages"),
        "data_folder_out": str(box / "messages"),
        "control_folder": str(box / "control"),
        "polling_interval": 0.02,
    },
    beat_schedule={"tick": {"task": "shop.tick", "schedule": 0.1}},
    beat_schedule_filename=str(box / "schedule"),
    result_chord_retry_interval=0.1,
    task_protocol=int(os.environ.get("PROTOCOL", "2")),
)
log = logging.getLogger("shop")
task_log = get_task_logger("shop.tasks")


@signals.task_prerun.connect
def prerun(**_):
    log.info("prerun")


@signals.task_postrun.connect
def postrun(**_):
    log.info("postrun")


@signals.worker_process_shutdown.connect
def leaving(pid, **_):
    for number in range(200):
        log.info("leaving", extra={"child": pid})


@app.task(name="shop.add")
def add(*numbers):
    log.info("adding", extra={"numbers": numbers})
    task_log.info("in a task")
    print("printed")
    return sum(numbers)


@app.task(name="shop.total")
def total(numbers):
    log.info("adding", extra={"numbers": numbers})
    return sum(numbers)


@app.task(name="shop.again", bind=True)
def again(self):
    log.info("try %%d", self.request.retries)
    if self.request.retries < 2:
        raise self.retry(exc=ValueError("not yet"), countdown=0)


@app.task(name="shop.fail")
def fail():
    raise RuntimeError("boom")


@app.task(name="shop.order")
def order(name):
    for number in range(5):
        log.info("ordered", extra={"order": name, "number": number})


@app.task(name="shop.tick")
def tick():
    log.info("ticked")


@app.task(name="shop.leave")
def leave():
    log.info("left")
    sys.exit(3)
"""

INSTALL = "import logweft\nlogweft.install(level='INFO', service='shop')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a module ``shop`` that installs logweft and defines the application."""
    write_app(tmp_path, INSTALL + IMPORTS)
    return tmp_path


def write_app(folder: Path, imports: str) -> None:
    """Write the module; *imports* are its first lines."""
    (folder / "shop.py").write_text(APP % imports)


class Served:
    """What a process of Celery left: its lines, read once it has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self) -> str:
        """Return its standard error so far."""
        return self._path.read_text("utf-8", "surrogateescape")

    def lines(self) -> list[dict[str, Any]]:
        """Return every line, each strict JSON and as the schema has it."""
        # Before 5.4 Celery prints this one past its own logging, on standard error.
        found = parse(self.text().replace("\nworker: Warm shutdown (MainProcess)\n", "\n"))
        for line in found:
            VALIDATOR.validate(line)
        return found

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until *text* has been written *times* times."""
        deadline = time.monotonic() + DEADLINE_S
        while self.text().count(text) < times:
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)


@contextmanager
def serve(
    folder: Path, *arguments: str, command: tuple[str, ...] = ("-m", "celery")
) -> Iterator[Served]:
    """Run a command of Celery with the module ``shop``; end it in good order, with exit code 0."""
    path = folder / f"{arguments[0]}.err"
    with path.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, *command, "-A", "shop", *arguments],
            cwd=folder,
            env={**clean_environment(), "C_FORCE_ROOT": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err,
            start_new_session=True,
        )
        served = Served(path)
        try:
            yield served
            process.terminate()
            assert process.wait(DEADLINE_S) == 0, served.text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(DEADLINE_S)


def worker(pool: str, *arguments: str, count: int = 2) -> tuple[str, ...]:
    """Return the arguments of a worker."""
    options = ("--loglevel=INFO", "--without-gossip", "--without-mingle")
    return ("worker", f"--pool={pool}", f"--concurrency={count}", *options, *arguments)


def ask(folder: Path, program: str) -> Finished:
    """Run *program*, which imports the module ``shop`` and waits for the results it wants."""
    wait = {"timeout": DEADLINE_S, "interval": 0.05}
    head = f"from shop import *\nimport logweft\nWAIT = {wait}\n"
    (folder / "client.py").write_text(head + textwrap.dedent(program))
    done = run_command([sys.executable, "client.py"], cwd=folder)
    assert done.code == 0, done.err
    return done


def once(found: list[dict[str, Any]]) -> bool:
    """Say whether no line is there twice, which those of one place at different times are not."""
    seen = Counter(json.dumps(line) for line in found)
    return set(seen.values()) <= {1}


CLIENT = """
with logweft.adopt("order-1"):
    add.delay(1, 2).get(**WAIT)
with logweft.adopt("order-2"):
    again.delay().get(**WAIT)
with logweft.adopt("order-3"):
    assert chain(add.s(1, 1), add.s(2), add.s(3)).delay().get(**WAIT) == 7
with logweft.adopt("order-4"):
    assert chord([add.s(1, 1), add.s(2, 2)], total.s()).delay().get(**WAIT) == 6
with logweft.adopt("order-5"):
    assert group(add.s(1, 1), add.s(2, 2)).delay().get(**WAIT) == [2, 4]
with logweft.adopt("order-6"):
    fail.delay().get(propagate=False, **WAIT)
with logweft.adopt("order-7"):
    app.send_task("shop.unknown")
add.delay(7, 7).get(**WAIT)
with logweft.adopt("order-8"):
    add.apply_async((8, 8), countdown=0.1).get(**WAIT)
"""


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_all_lines_of_a_task_have_its_id(folder: Path, pool: str) -> None:
    """
    Received, signals, log calls, prints, retries, chains, chords, failures: each line of a task is
    JSON and under the ID of who queued it; what the worker says of itself is JSON without one.
    """
    with serve(folder, *worker(pool)) as served:
        ask(folder, CLIENT)
        served.wait_for("shop.unknown")
    found = served.lines()

    assert once(found)
    told: dict[str | None, Counter[str]] = {}
    for line in found:
        message = re.sub(r"^Task \S+ (\w+).*", r"Task \1", line["message"], flags=re.DOTALL)
        told.setdefault(line.get("correlation_id"), Counter())[message] += 1
        if line["message"].startswith("Task "):
            assert line["task"] in line["message"]
            assert line["task_id"] in line["message"]
    task = [
        "Task received",
        "prerun",
        "adding",
        "in a task",
        "printed",
        "Task succeeded",
        "postrun",
    ]
    assert told["order-1"] == dict.fromkeys(task, 1)
    assert told["order-2"] == {
        **dict.fromkeys(("prerun", "postrun", "Task received"), 3),
        **dict.fromkeys(("try 0", "try 1", "try 2", "Task succeeded"), 1),
        "Task retry": 2,
    }
    assert told["order-3"] == dict.fromkeys(task, 3)
    assert told["order-4"]["adding"] == 3
    assert told["order-5"] == dict.fromkeys(task, 2)
    assert told["order-6"] == dict.fromkeys(
        ("Task received", "prerun", "Task raised", "postrun"), 1
    )
    assert len(told["order-7"]) == 1
    assert told["order-8"] == dict.fromkeys(task, 1)
    (outside,) = [each for each in told if each and not each.startswith("order-")]
    assert MINTED.fullmatch(outside)
    assert told[outside] == dict.fromkeys(task, 1)
    assert {line["logger"] for line in found if "correlation_id" not in line} <= {
        "celery.apps.worker",
        "celery.worker.consumer.connection",
        "kombu.transport.virtual.base",
        "py.warnings",  # of a worker run by root
        "shop",  # a child's last lines
    }


def test_fifty_tasks_at_once_do_not_mix(folder: Path) -> None:
    """Of fifty tasks over two processes no line is missing, twice, or under another's ID."""
    with serve(folder, *worker("prefork")) as served:
        ask(
            folder,
            """
            results = []
            for number in range(50):
                with logweft.adopt(f"order-{number}"):
                    results.append(order.delay(f"order-{number}"))
            for result in results:
                result.get(**WAIT)
            """,
        )
    found = [line for line in served.lines() if line["message"] == "ordered"]

    assert [line for line in found if line["correlation_id"] != line["order"]] == []
    wanted = {(f"order-{each}", number): 1 for each in range(50) for number in range(5)}
    assert Counter((line["order"], line["number"]) for line in found) == wanted


@pytest.mark.parametrize("way", ["install after celery", "logweft run"])
def test_however_it_is_installed(tmp_path: Path, way: str) -> None:
    """Celery imported before install(), and an unmodified module under `logweft run`, log alike."""
    is_run = way == "logweft run"
    write_app(tmp_path, IMPORTS + ("" if is_run else EARLY + INSTALL))
    command = ("-m", "logweft", "run", "-m", "celery") if is_run else ("-m", "celery")
    pool = "prefork" if is_run else "threads"
    with serve(tmp_path, *worker(pool), command=command) as served:
        ask(
            tmp_path,
            """
            logweft.uninstall()
            with logweft.install():
                with logweft.adopt("order-1"):
                    chain(add.s(1, 1), add.s(2)).delay().get(**WAIT)
                with logweft.adopt("order-2"):
                    add.apply_async((1, 1), countdown=0.1).get(**WAIT)
                add.delay(1, 1).get(**WAIT)
            """,
        )
    found = [line for line in served.lines() if "task" in line]

    assert once(found)
    counts = Counter(line["correlation_id"] for line in found)
    assert sorted(counts.values()) == [7, 7, 14]
    assert (counts["order-1"], counts["order-2"]) == (14, 7)


def test_a_message_of_protocol_1_is_adopted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the message's headers are the user's alone, the lines have the ID as well."""
    monkeypatch.setenv("PROTOCOL", "1")
    with serve(folder, *worker("prefork", count=1)) as served:
        ask(folder, "with logweft.adopt('order-1'):\n    add.delay(1, 1).get(**WAIT)\n")

    of_task = [line for line in served.lines() if line.get("correlation_id") == "order-1"]
    assert len(of_task) == 7
    assert [line["task"] for line in of_task if line["message"] == "adding"] == ["shop.add"]


def test_each_run_of_beat_has_an_id_of_its_own(folder: Path) -> None:
    """Beat's line about a run and the lines of its task share a new ID for each run."""
    with serve(folder, *worker("solo")) as served:
        served.wait_for("ready.")
        with serve(folder, "beat", "--loglevel=INFO") as beat:
            served.wait_for("ticked", 3)

    runs = [line for line in beat.lines() if "Sending due task" in line["message"]]
    ids = [line["correlation_id"] for line in runs]
    ticked = [line["correlation_id"] for line in served.lines() if line["message"] == "ticked"]
    assert len(set(ids)) == len(ids) >= 3
    assert len(set(ticked)) == len(ticked) >= 3
    assert set(ticked) <= set(ids)


def test_lines_about_a_child_that_is_lost_have_the_id(folder: Path) -> None:
    """What the main process says of a child that left, and of its task, has the task's ID."""
    with serve(folder, *worker("prefork", count=1)) as served:
        ask(
            folder,
            """
            with logweft.adopt("order-1"):
                leave.delay().get(propagate=False, **WAIT)
            with logweft.adopt("order-2"):
                add.delay(1, 1).get(**WAIT)
            """,
        )
    found = served.lines()

    (lost,) = [line for line in found if "WorkerLostError" in line["message"]]
    assert (lost["correlation_id"], lost["task"]) == ("order-1", "shop.leave")
    assert [line["correlation_id"] for line in found if line["message"] == "left"] == ["order-1"]
    assert "order-2" in {line.get("correlation_id") for line in found}


def test_the_last_lines_of_children_are_written(folder: Path) -> None:
    """Children that are replaced after each task, and at the end, have written all they logged."""
    with serve(folder, *worker("prefork", "--max-tasks-per-child=1")) as served:
        ask(
            folder,
            """
            for number in range(3):
                with logweft.adopt(f"order-{number}"):
                    add.delay(1, 1).get(**WAIT)
            """,
        )
    left = Counter(line["child"] for line in served.lines() if line["message"] == "leaving")

    assert len(left) >= 3
    assert set(left.values()) == {200}


def test_log_files_of_each_process_have_lines(folder: Path) -> None:
    """With --logfile, main process and children write JSON to their own files as they did text."""
    with serve(folder, *worker("prefork", "--logfile=worker%I.log")):
        ask(folder, "with logweft.adopt('order-1'):\n    add.delay(1, 1).get(**WAIT)\n")
    files = {path.name: Served(path).lines() for path in folder.glob("worker*.log")}

    found = [line for lines in files.values() for line in lines]
    of_task = [line for line in found if line.get("correlation_id") == "order-1"]
    assert len(files) == 3
    assert once(found)
    assert len(of_task) == 7
    assert [line["message"] for line in of_task].count("printed") == 1
