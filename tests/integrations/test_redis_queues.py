"""RQ, Dramatiq, arq and Huey over a real Redis: a job logs under the ID of what queued it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import contracts
import logweft
import redis_server
from contracts import MINTED, HopContract, Lines
from programs import Finished, clean_environment, parse, run_command

pytestmark = pytest.mark.once

redis = pytest.importorskip("redis")
lines = contracts.lines
redis_port = redis_server.redis_port

ENOUGH_S = 30.0
"""Longest wait for a worker to do what was queued (seconds)."""

HEAD = """
import logging, os, sys
if os.environ.get("WITH") == "logweft":
    import logweft
    logweft.install(level="INFO")
URL = os.environ["REDIS_URL"]
log = logging.getLogger("jobs")

def done(*words):
    with open("done.txt", "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")
"""
"""How each worker's module begins, with logweft or without."""


class Library(NamedTuple):
    """
    How a library's jobs are written, queued and worked off.

    Attributes:
        jobs: source of the module ``jobs``: ``work(order)``, which queues ``child(order)``;
            ``flaky(order)``, which fails at its first attempt; ``boom(order)``, which always does;
            ``show(*args, **kwargs)``.
        send: source of ``send(name, *args, **kwargs)``, which queues a job of that name.
        worker: the worker's command behind ``python``.
        is_burst: the worker ends by itself when there is nothing left to do.
    """

    jobs: str
    send: str
    worker: tuple[str, ...]
    is_burst: bool = False


WORK = """
{define}
def work({first}order):
    log.info("worked", extra={{"order": order}})
    {queue_child}
    done("work", order)
{define}
def child({first}order):
    log.info("worked", extra={{"order": order}})
    done("child", order)
{flaky}
def flaky({first}order):
    log.info("tried", extra={{"order": order}})
    if not os.path.exists(order + ".tried"):
        open(order + ".tried", "w").close()
        raise {retry}
    done("flaky", order)
{define_once}
def boom({first}order):
    done("boom", order)
    raise ValueError("boom " + order)
{define}
def show({first}*args, **kwargs):
    done("show", args, sorted(kwargs.items()))
"""


def work(define: str, queue_child: str, **changes: str) -> str:
    """Return the source of the jobs, as a library wants them."""
    names = {"flaky": define, "define_once": define, "first": "", "retry": 'ValueError("again")'}
    source = WORK.format(define=define, queue_child=queue_child, **{**names, **changes})
    return source.replace("def ", "async def ") if "ctx" in source else source


RQ = Library(
    jobs="from redis import Redis\nfrom rq import Queue\n"
    "queue = Queue(connection=Redis.from_url(URL))\n"
    + work("", 'queue.enqueue("jobs.child", order)'),
    send="from redis import Redis\nfrom rq import Queue, Retry\n"
    "def send(name, *args, **kwargs):\n"
    "    retry = Retry(2) if name == 'flaky' else None\n"
    "    queue = Queue(connection=Redis.from_url(os.environ['REDIS_URL']))\n"
    "    queue.enqueue('jobs.' + name, args=args, kwargs=kwargs, retry=retry)\n",
    worker=("rq_worker.py", "Worker"),
    is_burst=True,
)
RQ_WORKER = """
import jobs, sys, rq
getattr(rq.worker, sys.argv[1])([jobs.queue], connection=jobs.queue.connection).work(burst=True)
"""

DRAMATIQ = Library(
    jobs="import dramatiq\nfrom dramatiq.brokers.redis import RedisBroker\n"
    "dramatiq.set_broker(RedisBroker(url=URL))\n"
    + work(
        "@dramatiq.actor(max_retries=0)",
        "child.send(order)",
        flaky="@dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=1)",
    ),
    send="import dramatiq\nfrom dramatiq.brokers.redis import RedisBroker\n"
    "def send(name, *args, **kwargs):\n"
    "    broker = RedisBroker(url=os.environ['REDIS_URL'])\n"
    "    broker.enqueue(dramatiq.Message('default', name, args, kwargs, {}))\n",
    worker=("-m", "dramatiq", "jobs", "--processes", "1", "--threads", "4"),
)

ARQ = Library(
    jobs="from arq import func, Retry\nfrom arq.connections import RedisSettings\n"
    + work("", 'await ctx["redis"].enqueue_job("child", order)', first="ctx, ", retry="Retry()")
    + "class WorkerSettings:\n"
    "    redis_settings = RedisSettings.from_dsn(URL)\n"
    "    functions = [work, child, flaky, boom, show]\n"
    "    poll_delay = 0.05\n",
    send="import asyncio\nfrom arq import create_pool\n"
    "from arq.connections import RedisSettings\n"
    "def send(name, *args, **kwargs):\n"
    "    async def main():\n"
    "        pool = await create_pool(RedisSettings.from_dsn(os.environ['REDIS_URL']))\n"
    "        try:\n"
    "            await pool.enqueue_job(name, *args, **kwargs)\n"
    "        finally:\n"
    "            await pool.aclose(close_connection_pool=True)\n"
    "    asyncio.run(main())\n",
    worker=("-m", "arq", "jobs.WorkerSettings", "--burst"),
    is_burst=True,
)

HUEY = Library(
    jobs="from huey import RedisHuey\nhuey = RedisHuey('jobs', url=URL)\n"
    + work("@huey.task()", "child(order)", flaky="@huey.task(retries=1)"),
    send="from huey import RedisHuey\n"
    "def send(name, *args, **kwargs):\n"
    "    huey = RedisHuey('jobs', url=os.environ['REDIS_URL'])\n"
    "    def job(*args, **kwargs): pass\n"
    "    job.__module__ = 'jobs'\n"
    "    options = {'retries': 1, 'retry_delay': 1} if name == 'flaky' else {}\n"
    "    huey.task(name=name, **options)(job)(*args, **kwargs)\n",
    worker=("-m", "huey.bin.huey_consumer", "jobs.huey", "--workers", "2", "--delay", "0.05"),
)

LIBRARIES = {
    "rq": RQ,
    "rq_simple": RQ._replace(worker=("rq_worker.py", "SimpleWorker")),
    "dramatiq": DRAMATIQ,
    "arq": ARQ,
    "huey": HUEY,
    "huey_process": HUEY._replace(worker=(*HUEY.worker, "--worker-type", "process")),
}


class Driver:
    """One library, with an empty Redis and a folder for its worker."""

    def __init__(self, library: Library, url: str, folder: Path) -> None:
        self.library, self.url, self.folder = library, url, folder
        (folder / "jobs.py").write_text(HEAD + library.jobs)
        (folder / "rq_worker.py").write_text(RQ_WORKER)
        names: dict[str, Any] = {}
        exec("import os\n" + library.send, names)
        self.send: Callable[..., None] = names["send"]

    def send_without_us(self, call: str) -> None:
        """Run ``send(...)`` in a program that knows nothing of logweft."""
        source = (
            f"import os, sys\n{self.library.send}\nsend{call}\nassert 'logweft' not in sys.modules"
        )
        done = run_command([sys.executable, "-c", source], env={"REDIS_URL": self.url})
        assert done.code == 0, done.err

    def done(self) -> list[str]:
        """Return what the jobs say they have done."""
        path = self.folder / "done.txt"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    def work(
        self, jobs: int, *command: str, with_us: bool = True, at_least: bool = False
    ) -> Finished:
        """Run a worker until this number of *jobs* is done; return what it wrote."""
        environment = {**clean_environment(), "REDIS_URL": self.url}
        if with_us:
            environment["WITH"] = "logweft"
        out, err = self.folder / "out.txt", self.folder / "err.txt"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            worker = subprocess.Popen(
                [sys.executable, *(command or self.library.worker)],
                cwd=self.folder,
                env={**environment, "PYTHONPATH": str(self.folder)},
                stdout=stdout,
                stderr=stderr,
            )
        try:
            wait_for(lambda: worker.poll() is not None or len(self.done()) >= jobs, err)
            if not self.library.is_burst and worker.poll() is None:
                # Of Huey, SIGINT is the graceful one.
                worker.send_signal(signal.SIGINT)
            worker.wait(ENOUGH_S)
        finally:
            worker.kill()
            worker.wait()
        assert len(self.done()) == jobs or at_least, err.read_text()
        return Finished(worker.returncode, out.read_text(), err.read_text())


def wait_for(is_there: Callable[[], bool], told: Path) -> None:
    """Wait for something to become true; after `ENOUGH_S`, fail with the text of a file."""
    deadline = time.monotonic() + ENOUGH_S
    while not is_there():
        assert time.monotonic() < deadline, told.read_text()
        time.sleep(0.02)


def drive(library: Library, port: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Return the driver of *library*, on an empty Redis."""
    url = f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url)
    client.flushall()
    client.close()
    monkeypatch.setenv("REDIS_URL", url)
    return Driver(library, url, folder)


def json_lines(done: Finished) -> list[dict[str, Any]]:
    """Return the lines of JSON; Dramatiq's main process, which does no jobs, writes text."""
    return [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]


# Logweft on both sides: everything is sent first, and then done by one worker

ORDERS = [f"order-{number}" for number in range(30)]
ARGUMENTS = ("show", "ü", 7, {"a": [1]}), {"label": "x", "order": None}
SHOWN = "show ('ü', 7, {'a': [1]}) [('label', 'x'), ('order', None)]"


class Served(NamedTuple):
    """What a worker has written and done, and the trace ID of each order that was sent."""

    library: str
    told: list[dict[str, Any]]
    done: list[str]
    traces: dict[str, str | None]

    def of(self, message: str, *orders: str) -> list[dict[str, Any]]:
        """Return the lines with this *message* that are about *orders*."""
        return [
            line for line in self.told if line["message"] == message and line["order"] in orders
        ]


@pytest.fixture(scope="module", params=LIBRARIES)
def served(
    request: pytest.FixtureRequest, redis_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Served:
    """Send jobs of every kind, inside of work and outside, and have a real worker do them."""
    folder = tmp_path_factory.mktemp(request.param)
    traces = {}
    args, kwargs = ARGUMENTS
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        (folder / "sent.jsonl").open("w") as stream,
        logweft.install(stream=stream),
    ):
        driver = drive(LIBRARIES[request.param], redis_port, folder, monkeypatch)
        for order in ORDERS:
            with logweft.adopt(order) as context:
                driver.send("work", order)
                traces[order] = context.trace_id
        for order in ("alone-1", "alone-2"):
            driver.send("work", order)
        with logweft.adopt("order-flaky"):
            driver.send("flaky", "order-flaky")
        driver.send("flaky", "alone-flaky")
        with logweft.adopt("order-boom"):
            driver.send("boom", "order-boom")
            driver.send(*args, **kwargs)
        assert logweft.current().correlation_id is None
        told = json_lines(driver.work(30 * 2 + 2 * 2 + 4))
    return Served(request.param, told, driver.done(), traces)


def test_thirty_jobs_have_the_ids_of_their_orders(served: Served) -> None:
    """Of 30 jobs and the 30 that they queue, no line has a foreign ID, and none is without."""
    worked = served.of("worked", *ORDERS)

    assert len(worked) == 60
    assert [line for line in worked if line.get("correlation_id") != line["order"]] == []
    assert {line["job"].rpartition(".")[2] for line in worked} == {"work", "child"}


def test_the_workers_own_lines_have_the_id_of_their_job(served: Served) -> None:
    """Whatever line names a job, of the worker's start, success and retry too, has its ID."""
    jobs = {line["job_id"]: line["order"] for line in served.of("worked", *ORDERS)}
    about = [
        (line, order)
        for line in served.told
        for job, order in jobs.items()
        if line.get("job_id") == job or job in line["message"]
    ]

    assert len(jobs) == 60
    assert [line for line, order in about if line.get("correlation_id") != order] == []


def test_the_trace_goes_on_in_the_job(served: Served) -> None:
    """The trace of a job, and of the job it queues, is that of the order; its span is its own."""
    worked = served.of("worked", *ORDERS)

    assert [line for line in worked if line["trace_id"] != served.traces[line["order"]]] == []
    assert len({line["span_id"] for line in worked}) == 60


def test_a_job_queued_outside_of_work_gets_an_id(served: Served) -> None:
    """Two jobs that no work has queued get two new IDs, and hand them to the jobs they queue."""
    ids = [
        {line["correlation_id"] for line in served.of("worked", order)}
        for order in ("alone-1", "alone-2")
    ]

    assert [len(each) for each in ids] == [1, 1]
    assert len(ids[0] | ids[1]) == 2
    assert all(MINTED.fullmatch(each) for each in ids[0] | ids[1])


@pytest.mark.parametrize("order", ["order-flaky", "alone-flaky"])
def test_a_retry_keeps_the_id(served: Served, order: str) -> None:
    """Both attempts of a job that fails once have one ID: of its order, or a new one."""
    first, second = served.of("tried", order)

    assert (first["correlation_id"], first["job_id"]) == (
        second["correlation_id"],
        second["job_id"],
    )
    assert (first["correlation_id"] == order) == (order == "order-flaky")


def test_the_line_of_a_failure_has_the_id(served: Served) -> None:
    """The worker's own line of a failed job, with its traceback, has the job's ID."""
    failed = [line for line in served.told if "boom order-boom" in json.dumps(line)]

    assert failed
    for line in failed:
        assert line["correlation_id"] == "order-boom"
        assert line["job_id"]
    assert any(line["level"] == "ERROR" and "jobs.py" in json.dumps(line) for line in failed)


def test_arguments_arrive_as_they_were_sent(served: Served) -> None:
    """The function sees its own arguments and no others."""
    assert served.done.count(SHOWN) == 1


LAST_WORDS = {
    "rq": "subscribing from channel",
    "dramatiq": "Worker has been shut down.",
    "arq": "child ●",
    "huey": "Consumer exiting.",
}


def test_the_workers_last_words_are_written(served: Served) -> None:
    """What the worker logs before it ends is there, however it ends."""
    words = LAST_WORDS[served.library.partition("_")[0]]

    assert any(words in line["message"] for line in served.told)


# Logweft on one side


@pytest.fixture(params=["rq", "dramatiq", "arq", "huey"])
def driver(
    request: pytest.FixtureRequest,
    redis_port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Driver:
    """Return the driver of each library, on an empty Redis."""
    return drive(LIBRARIES[request.param], redis_port, tmp_path, monkeypatch)


def test_a_worker_without_us_does_the_job(driver: Driver, lines: Lines) -> None:
    """A job queued under an ID is done, with its arguments, by a worker that knows no logweft."""
    args, kwargs = ARGUMENTS
    with logweft.adopt("order-1"):
        driver.send(*args, **kwargs)
        driver.send("flaky", "order-1")

    done = driver.work(2, with_us=False)

    assert driver.done() == ["flaky order-1", SHOWN]
    assert json_lines(done) == []


def test_a_job_queued_without_us_is_done_and_gets_an_id(driver: Driver) -> None:
    """A program that knows no logweft queues a job; our worker does it under a new ID."""
    args, kwargs = ARGUMENTS
    driver.send_without_us(f"(*{args!r}, **{kwargs!r})")
    driver.send_without_us("('flaky', 'order-1')")

    told = json_lines(driver.work(2))

    assert driver.done() == ["flaky order-1", SHOWN]
    first, second = [line for line in told if line["message"] == "tried"]
    assert first["correlation_id"] == second["correlation_id"]
    assert MINTED.fullmatch(first["correlation_id"])


# In this process: the contract of hops, but that a job outside of work gets an ID


class JobContract(HopContract):
    """A job takes the ID along and not the fields, which are not for other processes to know."""

    def test_id_and_fields_arrive(self, lines: Lines) -> None:
        """The line logged there has the ID of here, and the job's fields and not those of here."""
        with logweft.adopt("order-1"), logweft.bind(tenant="acme"):
            self.hop(contracts.log_hopped)

        (line,) = [line for line in lines.read() if line["message"] == "hopped"]
        assert line["correlation_id"] == "order-1"
        assert line["job_id"]
        assert line["job"].endswith("call")
        assert "tenant" not in line

    def test_nothing_arrives_from_outside_of_work(self, lines: Lines) -> None:
        """What is queued outside of any work has a new ID, also behind work that had one."""
        with logweft.adopt("order-1"):
            self.hop(contracts.log_hopped)
        self.hop(contracts.log_hopped)
        assert logweft.current().correlation_id is None

        first, second = lines.ids("hopped")
        assert first == "order-1"
        assert MINTED.fullmatch(second or "")


FUNCTIONS = {
    each.__name__: each
    for each in (contracts.log_hopped, contracts.bind_there, contracts.answer, contracts.divide)
}


def call(name: str) -> Any:
    """Call a function of the contract; what the libraries find by its name."""
    return FUNCTIONS[name]()


class TestRqSimpleWorker(JobContract):
    @pytest.fixture(autouse=True)
    def _connect(self, redis_port: int) -> Iterator[None]:
        self.connection = redis.Redis(port=redis_port)
        self.connection.flushall()
        sys.modules.setdefault("queue_jobs", sys.modules[__name__])
        yield
        self.connection.close()

    def hop(self, func: Callable[[], Any]) -> Any:
        """Queue *func*, and do all that is queued."""
        import rq

        queue = rq.Queue(connection=self.connection)
        job = queue.enqueue("queue_jobs.call", func.__name__)
        worker = rq.SimpleWorker([queue], connection=self.connection, exception_handlers=[keep])
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            Context().run(worker.work, burst=True)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if job.get_status() == "failed":
            raise FAILED.pop()
        return job.return_value()


FAILED: list[BaseException] = []


def keep(job: Any, kind: Any, error: BaseException, trace: Any) -> bool:
    """Keep the exception of a job; RQ itself keeps its text."""
    FAILED.append(error)
    return True


class TestRqWithoutWorker(TestRqSimpleWorker):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Queue *func* where it is done at once."""
        import rq

        queue = rq.Queue(connection=self.connection, is_async=False)
        job = queue.enqueue("queue_jobs.call", func.__name__)
        if job.get_status() == "failed":
            raise ZeroDivisionError("division by zero")
        return job.return_value()


class TestDramatiqStubBroker(JobContract):
    is_async = False

    def hop(self, func: Callable[[], Any]) -> Any:
        """Send *func*, and wait for a worker's thread to do it."""
        import dramatiq
        from dramatiq.brokers.stub import StubBroker
        from dramatiq.middleware import AsyncIO

        broker = StubBroker()
        broker.add_middleware(AsyncIO())
        future: Future[Any] = Future()

        def act(name: str) -> None:
            try:
                future.set_result(call(name))
            except Exception as error:
                future.set_exception(error)

        async def act_async(name: str) -> None:
            await asyncio.sleep(0)
            act(name)

        actor = act_async if self.is_async else act
        dramatiq.actor(actor, broker=broker, actor_name="call").send(func.__name__)
        worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
        Context().run(worker.start)
        try:
            broker.join("default", timeout=30_000)
            return future.result(30)
        finally:
            worker.stop()
            broker.close()


class TestDramatiqAsyncActor(TestDramatiqStubBroker):
    is_async = True


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's own
class TestArq(JobContract):
    @pytest.fixture(autouse=True)
    def _settings(self, redis_port: int) -> None:
        from arq.connections import RedisSettings

        with redis.Redis(port=redis_port) as connection:
            connection.flushall()
        self.settings = RedisSettings(port=redis_port)

    def hop(self, func: Callable[[], Any]) -> Any:
        """Queue *func*, and do all that is queued."""
        import arq
        from arq.jobs import Job

        async def call_job(ctx: dict[str, Any], name: str) -> Any:
            return call(name)

        async def queue() -> str:
            pool = await arq.create_pool(self.settings)
            try:
                return (await pool.enqueue_job("call", func.__name__)).job_id
            finally:
                await pool.aclose(close_connection_pool=True)

        async def work(job_id: str) -> Any:
            worker = arq.Worker(
                [arq.func(call_job, name="call")],
                redis_settings=self.settings,
                burst=True,
                poll_delay=0.01,
                handle_signals=False,
            )
            try:
                await worker.async_run()
                return await Job(job_id, worker.pool).result(30)
            finally:
                worker.main_task = None
                await worker.close()

        job_id = asyncio.run(queue())
        return Context().run(asyncio.run, work(job_id))


class TestHueyInMemory(JobContract):
    immediate = False

    def hop(self, func: Callable[[], Any]) -> Any:
        """Queue *func*, and execute what is queued."""
        from huey import MemoryHuey

        huey = MemoryHuey(immediate=self.immediate)
        failed: list[BaseException] = []
        huey.signal("error")(lambda signal, task, error: failed.append(error))
        result = huey.task(name="call")(call)(func.__name__)
        if not self.immediate:
            Context().run(huey.execute, huey.dequeue())
        if failed:
            raise failed[0]
        return result.get()


class TestHueyImmediate(TestHueyInMemory):
    immediate = True


def outcome(wrong: Callable[[], Any]) -> tuple[type, str]:
    """Return type and text of what a wrong call raises."""
    with pytest.raises(TypeError) as raised:
        wrong()
    return raised.type, str(raised.value)


def test_wrong_calls_fail_as_they_do_without_us() -> None:
    """A TypeError of the caller's is, word for word, the one of the library without us."""
    import arq
    import dramatiq.worker
    import huey
    import rq

    memory = huey.MemoryHuey()
    calls: list[Callable[[], Any]] = [
        lambda: rq.job.Job.create(),
        lambda: rq.worker.Worker.execute_job(),
        lambda: rq.worker.Worker.perform_job(rq.worker.Worker.__new__(rq.worker.Worker)),
        lambda: rq.worker.Worker.execute_job(rq.worker.Worker.__new__(rq.worker.Worker)),
        lambda: rq.repeat.Repeat.schedule(),
        lambda: dramatiq.worker.WorkerThread.process_message(threading.Thread()),
        lambda: arq.ArqRedis.enqueue_job(None),
        lambda: arq.Worker.run_job(None),
        lambda: arq.Worker.run_cron(None),
        lambda: memory.execute(),
        lambda: memory.serialize_task(),
        lambda: memory.deserialize_task(),
        lambda: memory.execute(nonsense=1),
    ]
    without = [outcome(each) for each in calls]
    with logweft.install(), logweft.adopt("order-1"):
        assert [outcome(each) for each in calls] == without


# What each library has of its own


@pytest.fixture
def rq_driver(redis_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Return the driver of RQ, on an empty Redis."""
    return drive(RQ, redis_port, tmp_path, monkeypatch)


def test_rq_leaves_the_users_meta_alone(rq_driver: Driver, lines: Lines) -> None:
    """A job's meta, and the dict it was given as, are what the user made them."""
    import rq

    meta = {"tenant": "acme"}
    with redis.Redis.from_url(rq_driver.url) as connection:
        with logweft.adopt("order-1"):
            job = rq.Queue(connection=connection).enqueue("jobs.child", "x", meta=meta)
        fetched = rq.job.Job.fetch(job.id, connection=connection)
        with logweft.adopt("order-2"):  # who looks at a job does not make it theirs
            fetched.save()
        stored = connection.hgetall(job.key)

    assert meta == job.meta == fetched.meta == {"tenant": "acme"}
    assert stored[b"X-Correlation-ID"] == b"order-1"


def test_rq_tells_of_a_work_horse_that_died_under_the_jobs_id(
    rq_driver: Driver, lines: Lines
) -> None:
    """What the parent says of a child that was killed has the job's ID."""
    (rq_driver.folder / "jobs.py").write_text(
        HEAD + RQ.jobs + "\ndef die():\n    log.info('dying')\n    done('die')\n"
        "    logweft.flush()\n    os.kill(os.getpid(), 9)\n"
    )
    with logweft.adopt("order-1"):
        rq_driver.send("die")

    told = json_lines(rq_driver.work(1))

    about = [line for line in told if "terminated unexpectedly" in line["message"]]
    assert [line["correlation_id"] for line in about] == ["order-1"]
    assert [line["correlation_id"] for line in told if line["message"] == "dying"] == ["order-1"]


def test_rq_handlers_set_up_before_us_write_json(rq_driver: Driver, lines: Lines) -> None:
    """The handlers that RQ gives its worker, on standard output and error, are taken over."""
    (rq_driver.folder / "rq_early.py").write_text(
        "from rq.logutils import setup_loghandlers\nsetup_loghandlers('INFO')\n" + RQ_WORKER
    )
    with logweft.adopt("order-1"):
        rq_driver.send("child", "order-1")
        rq_driver.send("boom", "order-1")

    done = rq_driver.work(2, "rq_early.py", "Worker")

    out, err = parse(done.out), parse(done.err)
    assert {line["level"] for line in out} == {"INFO"}
    assert any("Job OK" in line["message"] for line in out)
    assert any("boom order-1" in line["message"] for line in err if line["level"] == "ERROR")
    ids = {line["correlation_id"] for line in (*out, *err) if "job_id" in line}
    assert ids == {"order-1"}


@pytest.mark.parametrize("way", ["run", "settings"])
def test_rq_command(rq_driver: Driver, lines: Lines, way: str) -> None:
    """`rq worker`, by `logweft run` or by settings that call install(), takes the orders' IDs."""
    (rq_driver.folder / "settings.py").write_text("import logweft\nlogweft.install()\n")
    for order in ("order-1", "order-2"):
        with logweft.adopt(order):
            rq_driver.send("work", order)
    rq_driver.send("child", "alone")

    worker = ["-m", "rq.cli", "worker", "--burst", "-u", rq_driver.url]
    command = ["-m", "logweft", "run", *worker] if way == "run" else [*worker, "-c", "settings"]
    told = parse(rq_driver.work(5, *command, with_us=False).err)

    worked: dict[str, set[str]] = {}
    for line in told:
        if line["message"] == "worked":
            worked.setdefault(line["order"], set()).add(line["correlation_id"])
    (alone,) = worked.pop("alone")
    assert worked == {"order-1": {"order-1"}, "order-2": {"order-2"}}
    assert alone not in {line.get("correlation_id") for line in told if "job_id" not in line}


def test_rq_jobs_put_off_and_depending_on_others_keep_the_id(
    rq_driver: Driver, lines: Lines
) -> None:
    """What the scheduler queues later, and what waits for another job, has the ID of its order."""
    import rq

    (rq_driver.folder / "rq_later.py").write_text(
        "import jobs, rq\nqueue = jobs.queue\n"
        "rq.Worker([queue], connection=queue.connection).work(burst=True, with_scheduler=True)\n"
    )
    with redis.Redis.from_url(rq_driver.url) as connection:
        queue = rq.Queue(connection=connection)
        with logweft.adopt("order-1"):
            queue.enqueue_in(timedelta(0), "jobs.child", "order-1")
        with logweft.adopt("order-2"):
            first = queue.enqueue("jobs.child", "order-2")
        with logweft.adopt("order-3"):
            queue.enqueue("jobs.child", "order-3", depends_on=first)

    told = json_lines(rq_driver.work(3, "rq_later.py"))

    worked = {line["order"]: line["correlation_id"] for line in told if line["message"] == "worked"}
    assert worked == {order: order for order in ("order-1", "order-2", "order-3")}


def test_each_run_of_rq_cron_has_an_id_of_its_own(rq_driver: Driver, lines: Lines) -> None:
    """Two runs of a periodic job have two new IDs, and not that of the process they came from."""
    cron = pytest.importorskip("rq.cron")

    def child(order: str) -> None:
        """Stand for the function of that name in the worker's module."""

    child.__module__, child.__qualname__ = "jobs", "child"
    with redis.Redis.from_url(rq_driver.url) as connection, logweft.adopt("process"):
        job = cron.CronJob(
            func=child, queue_name="default", name="tick", args=("periodic",), interval=60
        )
        job.enqueue(connection)
        job.enqueue(connection)

    ids = [
        line["correlation_id"]
        for line in json_lines(rq_driver.work(2))
        if line["message"] == "worked"
    ]
    assert len(set(ids)) == 2
    assert "process" not in ids


def test_each_repetition_of_an_rq_job_has_an_id_of_its_own(rq_driver: Driver, lines: Lines) -> None:
    """The first run of a repeated job has its order's ID, the others new ones."""
    import rq

    repeat = pytest.importorskip("rq.repeat").Repeat(times=2)
    with redis.Redis.from_url(rq_driver.url) as connection, logweft.adopt("order-1"):
        rq.Queue(connection=connection).enqueue("jobs.child", "x", repeat=repeat)

    ids = [
        line["correlation_id"]
        for line in json_lines(rq_driver.work(3))
        if line["message"] == "worked"
    ]
    assert ids[0] == "order-1"
    assert len(set(ids)) == 3


def test_a_dramatiq_message_is_not_changed(lines: Lines) -> None:
    """A message sent twice keeps its options, and goes under the ID of each sender."""
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker()
    broker.declare_queue("default")
    message = dramatiq.Message("default", "act", (), {}, {"mine": 1})
    sent = []
    for order in ("order-1", "order-2"):
        with logweft.adopt(order):
            broker.enqueue(message)
            sent.append(dramatiq.Message.decode(broker.queues["default"].get()).options)
    broker.close()

    assert message.options == {"mine": 1}
    assert [(each["mine"], each["X-Correlation-ID"]) for each in sent] == [
        (1, "order-1"),
        (1, "order-2"),
    ]


def test_a_dramatiq_pipeline_has_one_id(lines: Lines) -> None:
    """What a message hands its result to is done under the ID of the pipeline's sender."""
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker()
    seen: list[str | None] = []
    both = threading.Event()

    def act(*args: int) -> int:
        seen.append(logweft.current().correlation_id)
        if len(seen) == 2:
            both.set()
        return 1

    actor = dramatiq.actor(act, broker=broker)
    with logweft.adopt("order-1"):
        dramatiq.pipeline([actor.message(), actor.message()], broker=broker).run()
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    assert both.wait(30)
    worker.stop()
    broker.close()

    assert seen == ["order-1", "order-1"]


ARQ_PERIODIC = """
from arq import cron
from arq.connections import RedisSettings

async def tick(ctx):
    log.info("tick")
    done("tick")

class WorkerSettings:
    redis_settings = RedisSettings.from_dsn(URL)
    cron_jobs = [cron(tick, second=set(range(60)), unique=True)]
    poll_delay = 0.1
"""


def test_each_run_of_arq_cron_has_an_id_of_its_own(
    redis_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of a periodic job have two new IDs, and not that of the process."""
    library = Library(ARQ_PERIODIC, ARQ.send, ("-m", "arq", "jobs.WorkerSettings"))
    driver = drive(library, redis_port, tmp_path, monkeypatch)
    monkeypatch.setenv("TRACEPARENT", contracts.TRACEPARENT)

    told = json_lines(driver.work(2, at_least=True))

    ids = [line["correlation_id"] for line in told if line["message"] == "tick"]
    assert len(set(ids)) == len(ids) >= 2
    assert contracts.TRACE not in ids


def test_a_retry_of_an_arq_job_with_an_id_of_the_users_keeps_the_new_one(
    redis_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """A job with a job ID of the user's, queued outside of work, has one new ID over retries."""
    driver = drive(ARQ, redis_port, tmp_path, monkeypatch)
    driver.send("flaky", "alone", _job_id="refresh-7")

    told = json_lines(driver.work(1))

    first, second = [line for line in told if line["message"] == "tried"]
    assert first["job_id"] == second["job_id"] == "refresh-7"
    assert first["correlation_id"] == second["correlation_id"]
    assert MINTED.fullmatch(first["correlation_id"])


def arq_payload(port: int, **functions: Any) -> bytes:
    """Return what is in Redis of a job that was queued with a serializer of the user's own."""
    import arq
    from arq.connections import RedisSettings

    async def main() -> bytes:
        pool = await arq.create_pool(RedisSettings(port=port), **functions)
        try:
            job = await pool.enqueue_job("call", 7)
            return bytes(await pool.get("arq:job:" + job.job_id))
        finally:
            await pool.aclose(close_connection_pool=True)

    with logweft.adopt("order-1"):
        return asyncio.run(main())


def to_json(job: dict[str, Any]) -> bytes:
    """Serialize a job's dict, whatever is in it."""
    return json.dumps(job).encode()


def strict(job: dict[str, Any]) -> bytes:
    """Serialize a job's dict, if it has arq's five keys alone."""
    assert set(job) == {"t", "f", "a", "k", "et"}
    return to_json(job)


def strict_back(data: bytes) -> dict[str, Any]:
    """Return a job's dict, if it has arq's five keys alone."""
    job: dict[str, Any] = json.loads(data)
    assert set(job) == {"t", "f", "a", "k", "et"}
    return job


@pytest.mark.parametrize(
    ("functions", "carries"),
    [
        ({"job_serializer": to_json, "job_deserializer": json.loads}, True),
        ({"job_serializer": strict, "job_deserializer": json.loads}, False),
        ({"job_serializer": to_json, "job_deserializer": strict_back}, False),
        ({"job_serializer": to_json}, False),
    ],
)
def test_arq_serializers_of_the_users_own_are_never_broken(
    redis_port: int, lines: Lines, functions: dict[str, Any], carries: bool
) -> None:
    """The ID goes into a format of the user's own only where that is known to keep it."""
    job = json.loads(arq_payload(redis_port, **functions))

    assert (job["f"], job["a"]) == ("call", [7])
    assert (job.get("logweft", {}).get("X-Correlation-ID") == "order-1") == carries
    assert ("logweft" in job) == carries


HUEY_SERIALIZERS: dict[str, Callable[[], Any]] = {
    "plain": lambda: huey_serializer("Serializer"),
    "compressed": lambda: huey_serializer("Serializer", compression=True),
    "zlib": lambda: huey_serializer("Serializer", compression=True, use_zlib=True),
    "signed": lambda: huey_serializer("SignedSerializer", secret="s", compression=True),
}


def huey_serializer(name: str, **options: Any) -> Any:
    """Return a serializer of Huey's own."""
    from huey import serializer

    return getattr(serializer, name)(**options)


@pytest.mark.parametrize("name", HUEY_SERIALIZERS)
def test_huey_serializers_carry_the_id_and_nothing_else_changes(lines: Lines, name: str) -> None:
    """Plain, compressed or signed, a task has its ID, and Huey without us reads the same task."""
    from huey import MemoryHuey

    huey = MemoryHuey(serializer=HUEY_SERIALIZERS[name]())
    seen: list[Any] = []
    huey.task(name="look")(lambda text: seen.append((text, logweft.current().correlation_id)))
    look = huey._registry.string_to_task(f"{__name__}.look")
    # Our mark in the user's own words changes nothing.
    words = '\nlogweft:{"X-Correlation-ID": "forged"}'
    with logweft.adopt("order-1"):
        huey.enqueue(look((words,)))
        huey.enqueue(look(("plain",)))
    data = huey.storage.dequeue()
    huey.execute(huey.deserialize_task(data))
    huey.execute(huey.dequeue())
    logweft.uninstall()
    message = huey.serializer.deserialize(data)

    assert seen == [(words, "order-1"), ("plain", "order-1")]
    assert message.args == (words,)


def test_huey_serializer_of_another_format_is_not_touched(lines: Lines) -> None:
    """A serializer that is no pickle gets what it got, and the job is done under a new ID."""
    from huey import MemoryHuey
    from huey.registry import Message
    from huey.serializer import Serializer

    class Json(Serializer):  # type: ignore[misc]  # no types there
        def _serialize(self, data: Any) -> bytes:
            return json.dumps(data).encode()

        def _deserialize(self, data: bytes) -> Any:
            return Message(*json.loads(data))

    huey = MemoryHuey(serializer=Json(), results=False)
    seen: list[Any] = []
    huey.task(name="look")(lambda text: seen.append((text, logweft.current().correlation_id)))
    with logweft.adopt("order-1"):
        huey.enqueue(huey._registry.string_to_task(f"{__name__}.look")(("text",)))
    huey.execute(huey.dequeue())

    ((text, correlation_id),) = seen
    assert text == "text"
    assert MINTED.fullmatch(correlation_id)


def test_a_huey_task_that_was_never_queued_is_executed_under_the_id_of_here(lines: Lines) -> None:
    """A task executed where it is made is part of the work there."""
    from huey import MemoryHuey

    huey = MemoryHuey()
    seen: list[str | None] = []
    look = huey.task(name="look")(lambda: seen.append(logweft.current().correlation_id))
    with logweft.adopt("order-1"):
        huey.execute(look.s())

    assert seen == ["order-1"]


def test_a_huey_pipeline_has_one_id(lines: Lines) -> None:
    """What follows a task, when it is done or has failed, is done under the same ID."""
    from huey import MemoryHuey

    huey = MemoryHuey()
    seen: list[str | None] = []

    def look(*args: Any) -> int:
        seen.append(logweft.current().correlation_id)
        return 1

    def fail(*args: Any) -> None:
        raise ValueError("no")

    first = huey.task(name="first")(look)
    failing = huey.task(name="failing")(fail)
    with logweft.adopt("order-1"):
        huey.enqueue(first.s().then(failing).then(first))
        huey.enqueue(failing.s().error(first))
    while (task := huey.dequeue()) is not None:
        huey.execute(task)

    assert seen == ["order-1", "order-1"]


def test_each_run_of_a_periodic_huey_task_has_an_id_of_its_own(lines: Lines) -> None:
    """Two runs of a periodic task have two new IDs, which a retry keeps."""
    from huey import MemoryHuey, crontab
    from huey.consumer import Consumer

    huey = MemoryHuey()
    seen: list[str | None] = []

    def tick() -> None:
        seen.append(logweft.current().correlation_id)
        raise ValueError("again")

    huey.periodic_task(crontab(), retries=1)(tick)
    scheduler = Consumer(huey)._create_scheduler()
    with logweft.adopt("process"):
        for _ in range(2):
            scheduler.enqueue_periodic_tasks(None)
    while (task := huey.dequeue()) is not None:
        huey.execute(task)

    assert len(seen) == 4
    assert Counter(Counter(seen).values()) == {2: 2}
    assert "process" not in seen
