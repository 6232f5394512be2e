"""Hops: work done in another thread, task or process logs under the Context of whoever began it."""

from __future__ import annotations

import _thread
import asyncio
import gc
import json
import logging
import sys
import textwrap
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest

import contracts
import logweft
from contracts import HopContract, Lines
from programs import Finished, run, run_command

lines = contracts.lines
METHODS = ("fork", "spawn", "forkserver")


def outcome(func: Callable[[], Any]) -> tuple[Callable[[], None], Future[Any]]:
    """Return what runs *func* anywhere, and the future that tells how it ended."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(func())
        except Exception as error:
            future.set_exception(error)

    return run, future


# Threads and tasks, in this process


class TestThread(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Run *func* in a Thread."""
        run, future = outcome(func)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return future.result(0)


class TestThreadSubclass(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Run *func* in a subclass of Thread whose run() does not call that of Thread."""
        work, future = outcome(func)

        class Own(threading.Thread):
            def run(self) -> None:
                work()

        thread = Own()
        thread.start()
        thread.join()
        return future.result(0)


class TestTimer(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Run *func* in a Timer."""
        run, future = outcome(func)
        timer = threading.Timer(0, run)
        timer.start()
        timer.join()
        return future.result(0)


class TestThreadPoolSubmit(HopContract):
    def setup_method(self) -> None:
        """Keep one worker for all hops of a test."""
        self.pool = ThreadPoolExecutor(1)

    def teardown_method(self) -> None:
        """End the worker."""
        self.pool.shutdown()

    def hop(self, func: Callable[[], Any]) -> Any:
        """Submit *func*."""
        return self.pool.submit(func).result()


class TestThreadPoolMap(TestThreadPoolSubmit):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Map something that calls *func* over one item."""
        return next(iter(self.pool.map(lambda _: func(), [0])))


class TestRunInExecutor(TestThreadPoolSubmit):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Await *func* in an executor."""

        async def main() -> Any:
            return await asyncio.get_running_loop().run_in_executor(self.pool, func)

        return asyncio.run(main())


class TestDefaultExecutor(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Await *func* in the loop's own executor."""

        async def main() -> Any:
            return await asyncio.get_running_loop().run_in_executor(None, func)

        return asyncio.run(main())


class TestToThread(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Await *func* in a thread."""
        return asyncio.run(asyncio.to_thread(func))


class TestCreateTask(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Await a task that calls *func*."""

        async def work() -> Any:
            return func()

        async def main() -> Any:
            return await asyncio.create_task(work())

        return asyncio.run(main())


class TestCallSoon(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Have the loop call *func* soon, as if from another thread."""
        run, future = outcome(func)

        async def main() -> Any:
            asyncio.get_running_loop().call_soon_threadsafe(run)
            return await asyncio.wrap_future(future)

        return asyncio.run(main())


class TestThreadPoolOfMultiprocessing(HopContract):
    def setup_method(self) -> None:
        """Make no pool before the test's logging is installed."""
        self.pool: Any = None

    def teardown_method(self) -> None:
        """End the worker."""
        if self.pool is not None:
            self.pool.terminate()
            self.pool.join()

    def hop(self, func: Callable[[], Any]) -> Any:
        """Apply *func* in a ThreadPool, whose one worker began with the first hop."""
        if self.pool is None:
            self.pool = ThreadPool(1)
        return self.pool.apply(func)


class TestThreadPoolFuncByKeyword(TestThreadPoolOfMultiprocessing):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Apply *func*, given by its keyword."""
        if self.pool is None:
            self.pool = ThreadPool(1)
        return self.pool.apply_async(func=func).get(30)


class TestCarryInRawThread(HopContract):
    def hop(self, func: Callable[[], Any]) -> Any:
        """Run *func*, carried, in a thread that `threading` does not know."""
        run, future = outcome(func)
        _thread.start_new_thread(logweft.carry(run), ())
        return future.result(30)


def test_a_raw_thread_has_nothing_without_carry(lines: Lines) -> None:
    """What `_thread` starts begins without a Context: `carry` is for that."""
    run, future = outcome(contracts.log_hopped)
    with logweft.adopt("order-1"):
        _thread.start_new_thread(run, ())
        future.result(30)

    assert lines.ids("hopped") == [None]


def test_a_pool_thread_does_not_keep_the_first_submitters_id(lines: Lines) -> None:
    """A worker started by one order's task logs the next order's under the next order's ID."""
    with ThreadPoolExecutor(1) as pool:
        for order in ("order-1", "order-2", "order-3"):
            with logweft.adopt(order):
                pool.submit(contracts.log_hopped).result()
        pool.submit(contracts.log_hopped).result()

    assert lines.ids("hopped") == ["order-1", "order-2", "order-3", None]


def test_what_a_pool_task_binds_is_not_there_for_the_next(lines: Lines) -> None:
    """A field bound in one task of a worker is not on the lines of its next task."""
    with ThreadPoolExecutor(1) as pool, logweft.adopt("order-1"):
        pool.submit(contracts.bind_there).result()
        pool.submit(contracts.log_hopped).result()

    assert all("there" not in line for line in lines.read())


def test_a_callback_of_a_future_keeps_the_task_apart(lines: Lines) -> None:
    """A done callback, run by the worker behind the task, does not change who is submitted next."""
    seen: list[str | None] = []
    with ThreadPoolExecutor(1) as pool:
        with logweft.adopt("order-1"):
            first = pool.submit(contracts.answer)
            first.add_done_callback(lambda _: logweft.bind(late=1))
            first.result()
        pool.submit(lambda: seen.append(logweft.current().correlation_id)).result()

    assert seen == [None]


@pytest.mark.parametrize("kind", ["Thread", "Timer", "subclass"])
def test_a_thread_is_freed_without_the_garbage_collector(lines: Lines, kind: str) -> None:
    """A thread that has ended is freed by its last reference: no cycle is added to it."""

    class Own(threading.Thread):
        def run(self) -> None:
            contracts.log_hopped()

    was_on = gc.isenabled()
    gc.disable()
    try:
        with logweft.adopt("order-1"), logweft.bind(tenant="acme"):
            thread: threading.Thread | None
            if kind == "Thread":
                thread = threading.Thread(target=contracts.log_hopped)
            elif kind == "Timer":
                thread = threading.Timer(0, contracts.log_hopped)
            else:
                thread = Own()
            gone = weakref.ref(thread)
            thread.start()
            thread.join()
            assert "_logweft_context" not in vars(thread)
            thread = None
        assert gone() is None
    finally:
        if was_on:
            gc.enable()


def test_a_thread_keeps_the_context_of_its_start_and_not_of_its_making(lines: Lines) -> None:
    """A thread made outside of work and started inside logs under the ID of the start."""
    thread = threading.Thread(target=contracts.log_hopped)
    with logweft.adopt("order-1"):
        thread.start()
    thread.join()

    assert lines.ids("hopped") == ["order-1"]


def test_a_thread_of_a_thread_is_under_the_same_id(lines: Lines) -> None:
    """Three threads deep, the ID is still there."""

    def deeper(depth: int) -> None:
        contracts.log_hopped()
        if depth:
            thread = threading.Thread(target=deeper, args=(depth - 1,))
            thread.start()
            thread.join()

    with logweft.adopt("order-1"):
        deeper(3)

    assert lines.ids("hopped") == ["order-1"] * 4


# Before 3.14 this stands in for what 3.14 changed about threads and ContextVars: Thread.start()
# sees to a contextvars context, and run() is called in it.
AS_3_14 = """
import contextvars, logging, sys, threading

inherits = bool(int(sys.argv[1]))
if sys.version_info >= (3, 14):
    assert bool(sys.flags.thread_inherit_context) is inherits
else:
    start, run = threading.Thread.start, threading.Thread.run

    def start_3_14(self):
        if vars(self).setdefault("_context") is None:
            self._context = contextvars.copy_context() if inherits else contextvars.Context()
        start(self)

    def bootstrap_3_14(self):
        self.run = lambda: self._context.run(type(self).run, self)
        bootstrap(self)

    bootstrap = threading.Thread._bootstrap_inner
    threading.Thread.start, threading.Thread._bootstrap_inner = start_3_14, bootstrap_3_14

import logweft

logweft.install(level="INFO")
theirs = contextvars.ContextVar("theirs", default=None)
seen = []


class Own(threading.Thread):
    def run(self):
        look()


def look():
    logging.info("looked")
    seen.append((logweft.current(), theirs.get(), len(contextvars.copy_context())))


def started(thread):
    thread.start()
    thread.join()
    return seen.pop()


theirs.set("set")
with logweft.adopt("order-1") as context:
    plain, own = started(threading.Thread(target=look)), started(Own())
    told = threading.Thread(target=look)
    told._context = contextvars.Context()  # as Thread(context=...) does
    in_theirs = started(told)
    failing = threading.Thread(target=lambda: 1 / 0)
    failing.start()
    failing.join()
assert plain[0] is own[0] is context, (plain, own)
assert plain[1] == own[1] == ("set" if inherits else None)
assert plain[2] == own[2] == (2 if inherits else 1), "one value of ours, and theirs as without us"
assert in_theirs[1:] == (None, 0), in_theirs
assert started(threading.Thread(target=look))[0].correlation_id is None
"""


@pytest.mark.parametrize("inherits", ["0", "1"])
def test_threads_of_3_14(inherits: str) -> None:
    """With and without thread_inherit_context a thread has the ID; a context it is told stays."""
    option = ("-X", f"thread_inherit_context={inherits}") if sys.version_info >= (3, 14) else ()
    done = run(AS_3_14, inherits, python=option)

    assert done.code == 0, done.err
    ids = [line.get("correlation_id") for line in done.lines if line["message"] == "looked"]
    assert ids == ["order-1", "order-1", None, None]
    (failed,) = [line for line in done.lines if "exception" in line]
    assert failed["correlation_id"] == "order-1"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_uncaught_exception_of_a_thread_has_its_id(lines: Lines) -> None:
    """The line of an exception nobody caught in a thread has the thread's ID."""
    with logweft.adopt("order-1"):
        thread = threading.Thread(target=contracts.divide)
        thread.start()
        thread.join()

    (line,) = [line for line in lines.read() if "exception" in line]
    assert line["correlation_id"] == "order-1"
    assert "ZeroDivisionError" in json.dumps(line["exception"])


def test_starting_a_thread_twice_fails_as_it_does_without_us(lines: Lines) -> None:
    """RuntimeError of a second start() is the stdlib's own, and so is that of a subclass."""
    thread = threading.Thread(target=contracts.answer)
    with logweft.adopt("order-1"):
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match=r"^threads can only be started once$"):
            thread.start()

    class Unready(threading.Thread):
        def __init__(self) -> None:
            """Forget that of the base class."""

    with logweft.adopt("order-1"), pytest.raises(RuntimeError, match=r"__init__\(\) not called"):
        Unready().start()


def error_of(call: Callable[[], Any]) -> tuple[type, str]:
    """Return type and text of what *call* raises."""
    try:
        call()
    except Exception as error:
        return type(error), str(error)
    raise AssertionError("did not raise")


def test_wrong_calls_fail_as_they_do_without_us() -> None:
    """A TypeError of the caller's is, word for word, the one of the library without us."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import Process

    with ThreadPoolExecutor(1) as pool, ProcessPoolExecutor(1) as processes:
        some_thread_pool = ThreadPool(1)
        calls: list[Callable[[], Any]] = [
            lambda: pool.submit(),
            lambda: pool.submit(fn=contracts.answer),
            lambda: pool.submit(contracts.answer, 1, 2, there=3).result(),
            lambda: pool.submit(7).result(),
            lambda: pool.map(),
            lambda: processes.submit(),
            lambda: processes.submit(fn=contracts.answer),
            lambda: Process(nonsense=1),
            lambda: Process(target=contracts.answer, args=7),
            lambda: threading.Thread(nonsense=1),
            lambda: threading.Thread.start(),
            lambda: some_thread_pool.apply_async(),
            lambda: some_thread_pool.apply_async(nonsense=1),
            lambda: some_thread_pool.imap(),
            lambda: some_thread_pool.apply(7),
        ]
        try:
            without = [error_of(call) for call in calls]
            with logweft.install(), logweft.adopt("order-1"):
                hooked = [error_of(call) for call in calls]
        finally:
            some_thread_pool.terminate()
            some_thread_pool.join()

    assert hooked == without


def test_a_keyword_of_any_name_reaches_the_function(lines: Lines) -> None:
    """submit(func, self=1, fn=2) passes both on, as it does without us."""

    def work(**kwargs: int) -> dict[str, int]:
        return kwargs

    with ThreadPoolExecutor(1) as pool, ThreadPool(1) as threads:
        assert pool.submit(work, self=1, fn=2).result() == {"self": 1, "fn": 2}
        assert threads.apply(work, (), {"self": 1, "func": 2}) == {"self": 1, "func": 2}


def test_thousands_of_tasks_with_threads_and_pools_do_not_mix(tmp_path: Path) -> None:
    """Of 2,000 tasks with 10 lines each, some from threads and pools, each line has its own ID."""
    path = tmp_path / "lines.jsonl"
    log = logging.getLogger("crowd")

    def say(order: str) -> None:
        log.info("line", extra={"order": order})

    async def handle(number: int, pool: ThreadPoolExecutor) -> None:
        order = f"order-{number}"
        with logweft.adopt(order):
            loop = asyncio.get_running_loop()
            for step in range(10):
                if step == 3 and number % 10 == 0:
                    thread = threading.Thread(target=say, args=(order,))
                    thread.start()
                    await loop.run_in_executor(None, thread.join)
                elif step == 4:
                    await loop.run_in_executor(pool, say, order)
                elif step == 5 and number % 10 == 1:
                    await asyncio.to_thread(say, order)
                elif step == 6:
                    await asyncio.create_task(say_async(order))
                else:
                    say(order)
                    await asyncio.sleep(0)

    async def say_async(order: str) -> None:
        say(order)

    async def main() -> None:
        with ThreadPoolExecutor(8) as pool:
            await asyncio.gather(*(handle(number, pool) for number in range(2000)))

    with path.open("w") as stream:
        with logweft.install(level="INFO", stream=stream, queue=100_000):
            asyncio.run(main())
    seen = [json.loads(line) for line in path.read_text().splitlines()]
    crowd = [line for line in seen if line["logger"] == "crowd"]

    assert [line for line in crowd if line.get("correlation_id") != line["order"]] == []
    assert Counter(line["order"] for line in crowd) == {f"order-{n}": 10 for n in range(2000)}


# Processes, in programs of their own

PROGRAM = """
import logging, multiprocessing, os, sys, threading
from concurrent.futures import ProcessPoolExecutor

import logweft

log = logging.getLogger("hop")


def work(tag, **kwargs):
    log.info("hopped", extra={"tag": tag, "parent": os.getppid()})
    logweft.bind(there=True)
    return tag


def twice(first, second):
    return work(first)


def fail(tag):
    raise ValueError(tag)


class Own(multiprocessing.Process):
    def __init__(self, tag):
        super().__init__()
        self.tag = tag

    def run(self):
        work(self.tag)
"""


def write(tmp_path: Path, main: str) -> list[str]:
    """Write a program whose children can import it; return the command without arguments."""
    path = tmp_path / "program.py"
    body = 'if __name__ == "__main__":\n    multiprocessing.set_start_method(sys.argv[1])\n'
    path.write_text(PROGRAM + "\n\n" + body + textwrap.indent(textwrap.dedent(main), "    "))
    return [sys.executable, str(path)]


def succeed(command: list[str], method: str, **options: Any) -> Finished:
    """Run a program by a start method; it must end well."""
    done = run_command([*command, method], **options)
    assert done.code == 0, done.err
    return done


def told(done: Finished, message: str = "hopped") -> dict[str, str | None]:
    """Return ``{tag: correlation ID}`` of the lines that the children logged, one each."""
    found = [line for line in done.lines if line["message"] == message]
    assert len({line["tag"] for line in found}) == len(found), found
    return {line["tag"]: line.get("correlation_id") for line in found}


@pytest.mark.parametrize("method", METHODS)
def test_a_child_process_logs_as_its_parent(tmp_path: Path, method: str) -> None:
    """A Process, also one that overrides run(), has the ID, the fields and the service of here."""
    command = write(
        tmp_path,
        """
        logweft.install(level="DEBUG", service="shop", version="1.2")
        for name in ("order-1", "order-2"):
            with logweft.adopt(name), logweft.bind(tenant="acme"):
                process = multiprocessing.Process(target=work, args=(name,))
                for child in (process, Own(name + "-own")):
                    child.start()
                    child.join()
                    assert child.exitcode == 0
                    assert not any("logweft" in each for each in vars(child)), vars(child)
        outside = multiprocessing.Process(target=work, args=("outside",))
        outside.start()
        outside.join()
        assert "there" not in logweft.current().fields
        print(os.getpid())
        """,
    )

    done = succeed(command, method)

    ids = {"order-1": "order-1", "order-2": "order-2"}
    own = {"order-1-own": "order-1", "order-2-own": "order-2"}
    assert told(done) == {**ids, **own, "outside": None}
    for line in done.lines:
        if line["message"] == "hopped":
            assert line["service"] == "shop"
            assert line["version"] == "1.2"
            assert line.get("tenant") == (None if line["tag"] == "outside" else "acme")


@pytest.mark.parametrize("method", METHODS)
def test_a_process_pool_has_the_id_of_each_submitter(tmp_path: Path, method: str) -> None:
    """apply, map, imap and the like log under who called them, whoever made the pool."""
    command = write(
        tmp_path,
        """
        logweft.install(level="INFO")
        with logweft.adopt("maker"):
            pool = multiprocessing.Pool(2)
        with pool:
            with logweft.adopt("order-1"):
                assert pool.apply(work, ("apply",)) == "apply"
                assert pool.map(work, ["map"]) == ["map"]
                assert pool.starmap(twice, [("starmap", 1)]) == ["starmap"]
            with logweft.adopt("order-2"):
                assert list(pool.imap(work, ["imap"])) == ["imap"]
                assert list(pool.imap(work, ["chunk-1", "chunk-2"], 2)) == ["chunk-1", "chunk-2"]
                assert list(pool.imap_unordered(work, ["unordered"])) == ["unordered"]
                assert pool.apply_async(work, ("async",)).get() == "async"
                assert pool.apply_async(func=work, args=("keyword",)).get() == "keyword"
                assert list(pool.imap(func=work, iterable=["imap-keyword"])) == ["imap-keyword"]
                assert pool.map(func=work, iterable=["map-keyword"]) == ["map-keyword"]
                assert pool.starmap_async(twice, [("starmap-async", 1)]).get() == ["starmap-async"]
            assert pool.apply(work, ("outside",)) == "outside"
            try:
                pool.apply(fail, ("why",))
            except ValueError as error:
                assert error.args == ("why",)
            else:
                raise AssertionError
            pool.close()
            pool.join()
        """,
    )

    done = succeed(command, method)

    assert told(done) == {
        **dict.fromkeys(("apply", "map", "starmap"), "order-1"),
        **dict.fromkeys(("imap", "chunk-1", "chunk-2", "unordered", "async"), "order-2"),
        **dict.fromkeys(("keyword", "imap-keyword", "map-keyword", "starmap-async"), "order-2"),
        "outside": None,
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_process_executor_has_the_id_of_each_submitter(tmp_path: Path, method: str) -> None:
    """Submit and map of a ProcessPoolExecutor log under who called them, not who called first."""
    command = write(
        tmp_path,
        """
        logweft.install(level="INFO", service="shop")
        with ProcessPoolExecutor(1) as pool:
            for name in ("order-1", "order-2"):
                with logweft.adopt(name), logweft.bind(tenant=name):
                    assert pool.submit(work, name).result() == name
                    assert list(pool.map(work, [name + "-map"])) == [name + "-map"]
                    assert list(pool.map(work, [name + "-chunk"], chunksize=2)) == [name + "-chunk"]
            assert pool.submit(work, "outside").result() == "outside"
            error = pool.submit(fail, "why").exception()
            assert type(error) is ValueError and error.args == ("why",)
        """,
    )

    done = succeed(command, method)

    expected: dict[str, str | None] = {"outside": None}
    for name in ("order-1", "order-2"):
        expected |= dict.fromkeys((name, f"{name}-map", f"{name}-chunk"), name)
    assert told(done) == expected
    for line in done.lines:
        if line["message"] == "hopped":
            assert (line["service"], line.get("tenant")) == ("shop", line.get("correlation_id"))


@pytest.mark.parametrize("method", METHODS)
def test_fields_that_cannot_be_pickled_do_not_break_the_start(tmp_path: Path, method: str) -> None:
    """A lock, a lambda or a socket bound as a field crosses as text, and the child runs."""
    command = write(
        tmp_path,
        """
        import socket
        class Hostile:
            def __repr__(self): raise RuntimeError("no repr")
            def __reduce__(self): raise RuntimeError("no pickle")
        logweft.install(level="INFO")
        with socket.socket() as sock, logweft.adopt("order-1"):
            with logweft.bind(lock=threading.Lock(), call=lambda: 1, sock=sock, bad=Hostile(),
                              deep={"a": [Hostile()], (1, 2): 3}, tenant="acme"):
                child = multiprocessing.Process(target=work, args=("process",))
                child.start()
                child.join()
                assert child.exitcode == 0
                with multiprocessing.Pool(1) as pool:
                    assert pool.map(work, ["pool"]) == ["pool"]
                    pool.close()
                    pool.join()
                with ProcessPoolExecutor(1) as executor:
                    assert executor.submit(work, "executor").result() == "executor"
        """,
    )

    done = succeed(command, method)

    assert told(done) == dict.fromkeys(("process", "pool", "executor"), "order-1")
    assert all(line["tenant"] == "acme" for line in done.lines if line["message"] == "hopped")


@pytest.mark.parametrize("method", METHODS)
def test_a_secret_bound_as_a_field_does_not_come_out_in_a_child(
    tmp_path: Path, method: str
) -> None:
    """What is withheld on the parent's lines is withheld on the child's."""
    command = write(
        tmp_path,
        """
        logweft.install(level="INFO")
        with logweft.adopt("order-1"), logweft.bind(password="hunter2"):
            child = multiprocessing.Process(target=work, args=("process",))
            child.start()
            child.join()
        """,
    )

    done = succeed(command, method)

    assert told(done) == {"process": "order-1"}
    assert "hunter2" not in done.err


@pytest.mark.parametrize("method", METHODS)
def test_a_child_that_ends_without_atexit_has_written_its_lines(
    tmp_path: Path, method: str
) -> None:
    """Children leave by os._exit; all lines of a Process and of pool tasks are there, once."""
    command = write(
        tmp_path,
        """
        logweft.install(level="INFO")
        with logweft.adopt("order-1"):
            children = [multiprocessing.Process(target=many, args=(f"process-{each}",))
                        for each in range(4)]
            for child in children:
                child.start()
            for child in children:
                child.join()
                assert child.exitcode == 0
            with multiprocessing.Pool(2) as pool:      # ended by a signal, without close()
                pool.map(many, [f"pool-{each}" for each in range(4)])
            with ProcessPoolExecutor(2) as executor:
                list(executor.map(many, [f"executor-{each}" for each in range(4)]))
        """,
    )
    program = tmp_path / "program.py"
    many = (
        "def many(tag):\n    for each in range(500):\n"
        '        log.info("many", extra={"tag": f"{tag}-{each}"})\n'
    )
    program.write_text(program.read_text().replace("class Own", many + "\n\nclass Own"))

    found = told(succeed(command, method), "many")

    kinds = ("process", "pool", "executor")
    wanted = {f"{kind}-{one}-{each}" for kind in kinds for one in range(4) for each in range(500)}
    assert set(found) == wanted
    assert set(found.values()) == {"order-1"}


@pytest.mark.parametrize("method", METHODS)
def test_a_child_that_raises_or_exits_has_its_lines_and_its_exit_code(
    tmp_path: Path, method: str
) -> None:
    """A child that raises, or leaves by sys.exit, has the exit code it has without us."""
    command = write(
        tmp_path,
        """
        logweft.install(level="INFO")
        with logweft.adopt("order-1"):
            codes = []
            for target in (fail, sys.exit):
                child = multiprocessing.Process(target=target, args=(3,))
                child.start()
                child.join()
                codes.append(child.exitcode)
            assert codes == [1, 3], codes
        """,
    )

    done = run_command([*command, method])

    assert done.code == 0, done.err
    assert "ValueError: 3" in done.err


@pytest.mark.parametrize("method", METHODS)
def test_a_child_may_install_itself_as_its_parent_did(tmp_path: Path, method: str) -> None:
    """A child whose first statement is the parent's install() runs, and keeps the ID."""
    command = write(
        tmp_path,
        """
        logweft.install(service="shop")
        with logweft.adopt("order-1"):
            child = multiprocessing.Process(target=installing, args=("process",))
            child.start()
            child.join()
            assert child.exitcode == 0, child.exitcode
        """,
    )
    program = tmp_path / "program.py"
    installing = 'def installing(tag):\n    logweft.install(service="shop")\n    work(tag)\n'
    program.write_text(program.read_text().replace("class Own", installing + "\n\nclass Own"))

    assert told(succeed(command, method)) == {"process": "order-1"}


@pytest.mark.parametrize("method", METHODS)
def test_a_child_trusts_whom_its_parent_trusts(tmp_path: Path, method: str) -> None:
    """install(trust=...) holds in children, whose servers must not adopt a stranger's ID."""
    command = write(
        tmp_path,
        """
        for trust in ("never", ["10.0.0.0/8"]):
            with logweft.install(level="INFO", trust=trust):
                child = multiprocessing.Process(target=serving, args=(str(trust),))
                child.start()
                child.join()
                assert child.exitcode == 0, child.exitcode
        """,
    )
    program = tmp_path / "program.py"
    serving = (
        'def serving(tag):\n    with logweft.adopt("stranger", peer="203.0.113.9"):\n'
        "        work(tag)\n"
    )
    program.write_text(program.read_text().replace("class Own", serving + "\n\nclass Own"))

    done = succeed(command, method)

    found = [line for line in done.lines if line["message"] == "hopped"]
    assert [line["upstream_id"] for line in found] == ["stranger", "stranger"]
    assert "stranger" not in {line["correlation_id"] for line in found}


def test_the_line_of_an_exception_nobody_retrieved_is_no_other_works(lines: Lines) -> None:
    """The complaint about a lost task has the task's ID, before 3.12 none, never another's."""

    async def lost() -> None:
        raise ValueError("lost")

    async def main() -> None:
        with logweft.adopt("order-1"):
            task = asyncio.create_task(lost())
        await asyncio.wait([task])
        with logweft.adopt("order-2"):
            del task
            gc.collect()
            assert logweft.current().correlation_id == "order-2"

    asyncio.run(main())

    (line,) = [line for line in lines.read() if "never retrieved" in line["message"]]
    assert line.get("correlation_id") == ("order-1" if sys.version_info >= (3, 12) else None)


def test_the_line_of_a_failed_callback_has_the_id_of_who_scheduled_it(lines: Lines) -> None:
    """Asyncio's complaint about a callback is under the ID of call_soon's caller."""

    async def main() -> None:
        with logweft.adopt("order-1"):
            asyncio.get_running_loop().call_soon(contracts.divide)
        with logweft.adopt("order-2"):
            await asyncio.sleep(0)

    asyncio.run(main())

    (line,) = [line for line in lines.read() if "Exception in callback" in line["message"]]
    assert line["correlation_id"] == "order-1"
