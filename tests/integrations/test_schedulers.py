"""taskiq and APScheduler: a task runs under its sender's ID, a job's run under a new one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone
from types import FunctionType
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from taskiq import (
    InMemoryBroker,
    SimpleRetryMiddleware,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqScheduler,
)
from taskiq.message import BrokerMessage
from taskiq.schedule_sources import LabelScheduleSource
from taskiq.scheduler.scheduled_task import ScheduledTask

import contracts
import logweft
from contracts import MINTED, TRACE, TRACEPARENT, Lines
from programs import run

lines = contracts.lines
DEADLINE_S = 30

# taskiq


def log_task() -> None:
    """Log one line."""
    logging.getLogger("task").info("handled")


@pytest.fixture
def broker() -> InMemoryBroker:
    """Return a broker that runs each task where it is sent, before `kiq` returns."""
    return InMemoryBroker(await_inplace=True)


class Seen(TaskiqMiddleware):
    """Keeps the labels of every message sent and received."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Keep a copy."""
        self.sent.append(dict(message.labels))
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Keep a copy."""
        self.received.append(dict(message.labels))
        return message


def copy_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function, new: taskiq renames what it makes a task of, and keeps it."""
    return FunctionType(
        function.__code__, function.__globals__, None, function.__defaults__, function.__closure__
    )


def kick(broker: InMemoryBroker, *functions: Callable[[], Any], **labels: Any) -> None:
    """Send each of *functions* as a task, one after the other, and wait for it."""

    async def main() -> None:
        await broker.startup()
        for function in functions:
            task = broker.task(copy_of(function))
            await task.kicker().with_labels(**labels).kiq()
        await broker.shutdown()

    asyncio.run(main())


def test_a_task_has_its_senders_id(lines: Lines, broker: InMemoryBroker) -> None:
    """The task's line, and taskiq's own around it, have the ID and the trace of the sender."""
    with logweft.adopt({"X-Correlation-ID": "order-1", "traceparent": TRACEPARENT}) as context:
        kick(broker, log_task)

    told = [line for line in lines.read() if line["logger"].startswith(("task", "taskiq.rec"))]
    ours = [line for line in told if line["message"] == "handled" or "Executing" in line["message"]]
    assert len(ours) == 2
    assert {line["correlation_id"] for line in ours} == {"order-1"}
    assert {line["trace_id"] for line in ours} == {TRACE}
    assert context.span_id not in {line["span_id"] for line in ours}


def test_a_task_sent_outside_of_work_has_an_id_of_its_own(
    lines: Lines, broker: InMemoryBroker
) -> None:
    """Two tasks that nobody's work has sent run under two new IDs, and leave none behind."""
    kick(broker, log_task, log_task)

    ids = lines.ids("handled")
    assert len(set(ids)) == 2
    assert all(MINTED.fullmatch(each or "") for each in ids)
    assert logweft.current().correlation_id is None


def test_the_labels_are_those_of_taskiqs_own_middleware(
    lines: Lines, broker: InMemoryBroker
) -> None:
    """The IDs are in labels of the headers' names, beside the user's, whose types are kept."""
    seen = Seen()
    broker.add_middlewares(seen)
    with logweft.adopt("order-1"):
        kick(broker, log_task, tries=3, raw=b"\0")

    assert set(seen.sent[0]) == {"tries", "raw", "traceparent", "X-Correlation-ID"}
    assert (seen.received[0]["tries"], seen.received[0]["raw"]) == (3, b"\0")
    assert seen.received[0]["X-Correlation-ID"] == "order-1"


def test_the_users_label_wins(lines: Lines, broker: InMemoryBroker) -> None:
    """A label that names an ID is sent as it is, and the task adopts it."""
    with logweft.adopt("order-1"):
        kick(broker, log_task, **{"x-correlation-id": "mine"})

    assert lines.ids("handled") == ["mine"]


def test_a_kicker_that_is_kept_is_not_changed(lines: Lines, broker: InMemoryBroker) -> None:
    """A kicker used by two pieces of work sends each one's ID, and its labels stay."""

    async def main() -> None:
        kicker = broker.task(copy_of(log_task)).kicker()
        for order in ("order-1", "order-2"):
            with logweft.adopt(order):
                await kicker.kiq()
        assert kicker.labels == {}

    asyncio.run(main())

    assert lines.ids("handled") == ["order-1", "order-2"]


def test_a_retried_task_keeps_its_id(lines: Lines) -> None:
    """A task that fails is sent again under the same ID, and the line of its exception has it."""
    broker = InMemoryBroker(await_inplace=True).with_middlewares(SimpleRetryMiddleware())
    tries: list[int] = []

    def fail() -> None:
        log_task()
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("boom")

    with logweft.adopt("order-1"):
        kick(broker, fail, retry_on_error=True, max_retries=3)

    assert lines.ids("handled") == ["order-1"] * 3
    told = [line for line in lines.read() if "boom" in str(line.get("exception"))]
    assert [line["correlation_id"] for line in told] == ["order-1"] * len(told)
    assert told


def test_a_task_sent_by_a_task_has_the_id(lines: Lines, broker: InMemoryBroker) -> None:
    """A task that another sends, run inside of it, has its ID; behind it the outer one is back."""

    async def outer() -> None:
        await broker.task(copy_of(log_task)).kiq()
        assert logweft.current().fields == {"tenant": "acme"}
        log_task()

    async def with_tenant() -> None:
        logweft.bind(tenant="acme")
        await outer()

    with logweft.adopt("order-1"):
        kick(broker, with_tenant)

    told = [line for line in lines.read() if line["message"] == "handled"]
    assert [line["correlation_id"] for line in told] == ["order-1"] * 2
    assert [line.get("tenant") for line in told] == [None, "acme"]


def test_a_schedule_has_no_id_and_its_runs_have_new_ones(lines: Lines) -> None:
    """What makes a schedule under an ID leaves none in it; each of its runs is work of its own."""
    broker = InMemoryBroker(await_inplace=True)
    kept: list[ScheduledTask] = []

    class Source(LabelScheduleSource):
        async def add_schedule(self, schedule: ScheduledTask) -> None:
            kept.append(schedule)

    async def main() -> None:
        source = Source(broker)
        scheduler = TaskiqScheduler(broker, [source])
        with logweft.adopt("order-1"):
            kicker = broker.task(copy_of(log_task)).kicker()
            await kicker.schedule_by_cron(source, "* * * * *")
            await kicker.kiq()
            await kicker.schedule_by_cron(source, "* * * * *")
        assert len(kept) == 2
        for schedule in kept:
            await scheduler.on_ready(source, schedule)

    asyncio.run(main())

    labels = [name for schedule in kept for name in schedule.labels]
    assert not {"traceparent", "X-Correlation-ID"} & set(labels)
    first, *runs = lines.ids("handled")
    assert first == "order-1"
    assert len({first, *runs}) == 3


def test_a_message_that_cannot_be_read_has_a_new_id(lines: Lines, broker: InMemoryBroker) -> None:
    """Taskiq's warning of a message that is none has an ID, and nothing is left behind it."""

    async def main() -> None:
        await broker.receiver.callback(b"no message")
        assert logweft.current().correlation_id is None

    asyncio.run(main())

    (told,) = [line for line in lines.read() if "Cannot parse" in line["message"]]
    assert MINTED.fullmatch(told["correlation_id"])


def test_reading_labels_elsewhere_adopts_nothing(lines: Lines, broker: InMemoryBroker) -> None:
    """A message whose labels the user parses does not change the Context of the user's work."""

    async def look() -> None:
        message = TaskiqMessage(
            task_id="1", task_name="t", labels={"X-Correlation-ID": "o"}, args=[], kwargs={}
        )
        message.parse_labels()
        log_task()

    with logweft.adopt("order-1"):
        kick(broker, look)

    assert lines.ids("handled") == ["order-1"]


def test_results_and_exceptions_of_tasks_are_unchanged(
    lines: Lines, broker: InMemoryBroker
) -> None:
    """The result of a task comes back as it is, and so does its exception."""

    async def main() -> None:
        answer = await (await broker.task(copy_of(contracts.answer)).kiq()).wait_result()
        divide = await (await broker.task(copy_of(contracts.divide)).kiq()).wait_result()
        assert answer.return_value == 42
        with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
            divide.raise_for_error()

    with logweft.adopt("order-1"):
        asyncio.run(main())


WORKER = """
import asyncio, logging, sys
if sys.argv[1] == "with logweft":
    import logweft
    logweft.install(level="INFO")
from taskiq import InMemoryBroker
broker = InMemoryBroker()

@broker.task("greet")
def greet(name):
    print("hello", name)
    logging.getLogger("worker").info("greeted %s", name)

asyncio.run(broker.receiver.callback(sys.stdin.read().encode()))
"""


@pytest.mark.parametrize("worker", ["with logweft", "without"])
def test_another_process_gets_the_id(lines: Lines, worker: str) -> None:
    """A worker process runs the message under its sender's ID; one without logweft just runs it."""
    sent: list[bytes] = []

    class Wire(InMemoryBroker):
        async def kick(self, message: BrokerMessage) -> None:
            sent.append(message.message)

    async def main() -> None:
        with logweft.adopt("order-1"):
            await Wire().task("greet")(lambda name: None).kiq("Ada")

    asyncio.run(main())
    done = run(WORKER, worker, stdin=sent[0].decode())

    assert (done.code, done.out) == (0, "hello Ada\n"), done.err
    if worker == "with logweft":
        told = [line for line in done.lines if line["message"] == "greeted Ada"]
        assert [line["correlation_id"] for line in told] == ["order-1"]
    else:
        assert done.err == ""


# APScheduler


async def log_in_loop() -> None:
    """Log one line, in the loop's thread."""
    await asyncio.sleep(0)
    contracts.log_hopped()


class Jobs:
    """Runs jobs, each at once, on a real scheduler, which is started in somebody's work."""

    def __init__(self, executor: str) -> None:
        self.executor = executor

    def run(self, *functions: Callable[[], Any], **options: Any) -> list[JobExecutionEvent]:
        """Add each of *functions* as the job of its name; return the events of all their runs."""
        if self.executor == "asyncio":
            return asyncio.run(self._run_in_loop(functions, options))
        scheduler = BackgroundScheduler(executors={"default": {"type": self.executor}})
        events = done_events(scheduler, functions, options).result(DEADLINE_S)
        end(scheduler)
        return events

    async def _run_in_loop(self, functions: Any, options: Any) -> list[JobExecutionEvent]:
        scheduler = AsyncIOScheduler()
        done = done_events(scheduler, functions, options)
        events = await asyncio.wait_for(asyncio.wrap_future(done), DEADLINE_S)
        end(scheduler)
        return events


def done_events(scheduler: Any, functions: Any, options: Any) -> Future[list[JobExecutionEvent]]:
    """Start *scheduler* and add the jobs, under an ID; return what is done when all have run."""
    done: Future[list[JobExecutionEvent]] = Future()
    events: list[JobExecutionEvent] = []
    wanted = len(functions) * options.pop("times", 1)
    options["misfire_grace_time"] = None  # a process takes longer to start than the default

    def listen(event: JobExecutionEvent) -> None:
        events.append(event)
        if len(events) == wanted:
            done.set_result(events)

    scheduler.add_listener(listen, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    with logweft.adopt("request-1"):
        scheduler.start()
        for function in functions:
            scheduler.add_job(function, id=function.__name__, **options)
    return done


def end(scheduler: Any) -> None:
    """Shut *scheduler* down; in the midst of a pass over its jobs it would fail at the next."""
    scheduler.get_jobs()  # waits for the end of the pass
    scheduler.shutdown()


@pytest.mark.parametrize("executor", ["threadpool", "asyncio", "debug"])
def test_each_run_of_a_job_has_a_new_id(lines: Lines, executor: str) -> None:
    """A job's line, and the executor's around it, have one ID, which is not the scheduler's."""
    Jobs(executor).run(contracts.log_hopped, contracts.divide)

    loggers = ("hop", "apscheduler.executors.default")
    told = [line for line in lines.read() if line["logger"] in loggers]
    by_job = {
        name: [line for line in told if line.get("job_id") == name]
        for name in ("log_hopped", "divide")
    }
    words = {name: [line["message"].split()[0] for line in by_job[name]] for name in by_job}
    assert words == {"log_hopped": ["Running", "hopped", "Job"], "divide": ["Running", "Job"]}
    assert by_job["divide"][1]["exception"]["type"] == "ZeroDivisionError"
    ids = [{line["correlation_id"] for line in each} for each in by_job.values()]
    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert all(MINTED.fullmatch(each) for each in ids[0] | ids[1])
    assert len(told) == 5


POOL = """
import threading
import logweft
logweft.install(level="INFO")
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler
done = threading.Semaphore(0)
scheduler = BackgroundScheduler(executors={"default": {"type": "processpool", "max_workers": 1}})
scheduler.add_listener(lambda event: done.release(), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
with logweft.adopt("request-1"):
    scheduler.start()
    jobs = (("log", "logging:info", "handled"), ("fail", "operator:truediv", 1, 0))
    for name, func, *args in jobs:
        scheduler.add_job(func, args=args, id=name, misfire_grace_time=None)
assert done.acquire(timeout=30) and done.acquire(timeout=30)
scheduler.get_jobs()
scheduler.shutdown()
"""


def test_each_run_of_a_job_in_a_process_pool_has_a_new_id() -> None:
    """The lines of a job in a process, and the executor's around it there, have one ID each."""
    done = run(POOL)

    assert done.code == 0, done.err
    told = [line for line in done.lines if "job_id" in line]
    by_job = {name: [line for line in told if line["job_id"] == name] for name in ("log", "fail")}
    words = {name: [line["message"].split()[0] for line in by_job[name]] for name in by_job}
    assert words == {"log": ["Running", "handled", "Job"], "fail": ["Running", "Job"]}
    ids = [{line["correlation_id"] for line in each} for each in by_job.values()]
    assert [len(each) for each in ids] == [1, 1]
    assert len({"request-1"}.union(*ids)) == 3


def test_a_coroutine_job_has_a_new_id(lines: Lines) -> None:
    """A job that is a coroutine function has an ID and its job_id, as do the lines around it."""
    Jobs("asyncio").run(log_in_loop)

    told = [line for line in lines.read() if line.get("job_id") == "log_in_loop"]
    assert [line["message"].split()[0] for line in told] == ["Running", "hopped", "Job"]
    assert len({line["correlation_id"] for line in told}) == 1
    assert told[0]["correlation_id"] != "request-1"


@pytest.mark.parametrize("function", [contracts.log_hopped, log_in_loop])
def test_each_of_several_late_runs_has_its_own_id(lines: Lines, function: Any) -> None:
    """A job that is late runs three times in a row, under three IDs, and each run is an event."""
    events = Jobs("asyncio").run(
        function,
        trigger="interval",
        hours=1,
        next_run_time=datetime.now(timezone.utc) - timedelta(hours=2, minutes=30),
        coalesce=False,
        times=3,
    )

    assert len(set(lines.ids("hopped"))) == 3
    assert len({event.scheduled_run_time for event in events}) == 3


def test_the_schedulers_own_lines_have_no_id_of_others(lines: Lines) -> None:
    """Who starts the scheduler leaves no ID on what it logs later, in its own thread."""
    logging.getLogger("apscheduler").setLevel("DEBUG")
    try:
        Jobs("threadpool").run(contracts.log_hopped)
    finally:
        logging.getLogger("apscheduler").setLevel("NOTSET")

    assert set(lines.ids("Looking for jobs to run")) == {None}
    assert lines.ids("Scheduler started") == ["request-1"]


def test_results_and_exceptions_of_jobs_are_unchanged(lines: Lines) -> None:
    """A listener gets the job's result and exception as without us."""
    events = Jobs("threadpool").run(contracts.answer, contracts.divide)

    told = {event.job_id: event for event in events}
    assert told["answer"].retval == 42
    assert isinstance(told["divide"].exception, ZeroDivisionError)


JOB = """
import sys
def install():
    import logweft
    logweft.install(level="INFO")
def load():
    import apscheduler.schedulers.background
    import apscheduler.executors.debug
first, second = (install, load) if sys.argv[1] == "install" else (load, install)
first()
second()
import logging, threading
from apscheduler.schedulers.background import BackgroundScheduler
done = threading.Event()
def job():
    logging.getLogger("job").info("handled")
    done.set()
scheduler = BackgroundScheduler(executors={"default": {"type": "threadpool"}})
scheduler.start()
scheduler.add_job(job, id="nightly")
assert done.wait(30)
scheduler.shutdown()
import logweft
logweft.uninstall()
import apscheduler.executors.pool as pool, apscheduler.executors.base as base, pickle
assert pool.run_job is base.run_job is pickle.loads(pickle.dumps(base.run_job))
"""


@pytest.mark.parametrize("first", ["install", "import"])
def test_apscheduler_may_be_imported_first(first: str) -> None:
    """Whether the executors are imported before install() or after, a job has its ID."""
    done = run(JOB, first)

    assert done.code == 0, done.err
    (told,) = [line for line in done.lines if line["message"] == "handled"]
    assert told["job_id"] == "nightly"
    assert MINTED.fullmatch(told["correlation_id"])
