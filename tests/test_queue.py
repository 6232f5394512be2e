"""The queue: every line once and in order, and no caller, exit, fork or signal ever stuck on it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from blockbuster import BlockingError

import logweft
from children import STUCK, both_bufferings, child, messages, succeed
from logweft._listener import POLICIES
from programs import parse

# Order and completeness


@pytest.mark.parametrize("queue", [True, False], ids=["queued", "synchronous"])
def test_eight_threads_lose_and_tear_nothing(queue: bool, tmp_path: Path) -> None:
    """Eight threads of 5,000 lines each: all in the file, none torn, each thread's in its order."""
    path = tmp_path / "app.log"
    program = """
        handler = logging.FileHandler(sys.argv[1])
        log.addHandler(handler)
        installation = logweft.install(queue=sys.argv[2] == "True")

        def work(thread):
            for number in range(5000):
                log.info("line", extra={"thread_number": thread, "number": number})

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert installation.flush(30)
        stats = installation.stats()
        identity(stats)
        assert stats.depth == stats.bytes == stats.errors == 0, stats
        print(json.dumps([stats.accepted, stats.written, stats.dropped]))
    """
    done = succeed(program, path, queue)
    assert done.err == ""
    accepted, written, dropped = json.loads(done.out)
    lines = [line for line in parse(path.read_text()) if line["logger"] == "app"]
    assert len(lines) + sum(dropped.values()) == 40_000
    if not dropped:
        assert (accepted, written) == (40_000, 40_000)
    for thread in range(8):
        numbers = [line["number"] for line in lines if line["thread_number"] == thread]
        assert numbers == sorted(set(numbers))
    assert not dropped, "a file that takes all lines must not cost any"


def test_flush_waits_for_every_line_of_its_moment(tmp_path: Path) -> None:
    """A line logged before flush() is in the file when it returns, whoever else logs."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()
        sys.setswitchinterval(1e-6)
        missing = []

        def work(thread):
            with open(sys.argv[1], "rb") as file:
                for number in range(150):
                    log.info("line %d of %d", number, thread)
                    assert installation.flush(60)
                    if f'"line {number} of {thread}"'.encode() not in file.read():
                        missing.append((thread, number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(missing))
    """
    assert json.loads(succeed(program, tmp_path / "app.log", deadline=120).out) == []


def test_synchronous_lines_are_there_when_the_call_returns(tmp_path: Path) -> None:
    """With queue=False a line is in the file when the log call returns, and no thread exists."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        logweft.install(queue=False)
        for number in range(100):
            log.info("line %d", number)
            assert open(sys.argv[1]).read().count("\\n") == number + 1
        assert threading.active_count() == 1
    """
    assert succeed(program, tmp_path / "app.log").err == ""


def test_nothing_is_started_before_the_first_line(tmp_path: Path) -> None:
    """install() starts no thread; the first line does, and uninstall() ends it."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()
        assert threading.active_count() == 1
        log.info("line")
        assert threading.active_count() == 2
        assert installation.flush()
        thread, = set(threading.enumerate()) - {threading.main_thread()}
        assert thread.daemon and thread.name == "logweft"
        installation.uninstall()
        thread.join(10)
        assert not thread.is_alive()
    """
    succeed(program, tmp_path / "app.log")


# A target that takes nothing


@both_bufferings
def test_a_stuck_pipe_blocks_neither_the_caller_nor_the_exit(env: dict[str, str]) -> None:
    """A full pipe that nobody reads: calls return at once, exit code 0, the left-over is told."""
    program = (
        STUCK
        + """
installation = logweft.install(queue=100)
slow = []
for number in range(2000):
    begun = time.monotonic()
    log.info("line %d", number)
    slow.append(time.monotonic() - begun)
# One wait for room, of 50 ms; the bound leaves room for a busy machine, not for a second one.
assert sum(slow) < 5, sum(slow)
assert sum(took > 0.04 for took in slow) <= 5, sorted(slow)[-9:]
stats = installation.stats()
identity(stats)
assert stats.depth >= 100 and stats.dropped["INFO"] >= 1800, stats
print(stats.depth, time.monotonic())
"""
    )
    done = child(program, env=env)
    ended = time.monotonic()
    assert done.code == 0, done.err
    depth, left = done.out.split()
    assert ended - float(left) < 5.0 + 5.0, "exit waits for its deadline and no longer"
    assert "Fatal Python error" not in done.err
    assert re.search(rf"logweft: {depth} lines not written", done.err), done.err


def test_flush_keeps_its_deadline_on_a_stuck_pipe() -> None:
    """flush() is False at its deadline where a target is stuck, and True once it is read."""
    program = (
        STUCK
        + """
installation = logweft.install()
assert installation.flush(0.5) is True  # nothing to wait for
log.info("line")
for deadline in (0.0, 0.3, 1.0):
    begun = time.monotonic()
    assert installation.flush(deadline) is False
    took = time.monotonic() - begun
    assert deadline <= took < deadline + 2, (deadline, took)
data = []
def read():
    while not data or b"line" not in data[-1]:
        data.append(os.read(reader, 1 << 20))
thread = threading.Thread(target=read)
thread.start()
assert installation.flush(20) is True
thread.join()
identity(installation.stats())
assert installation.stats().written == 1
"""
    )
    assert succeed(program).err == ""


def test_drops_are_reported_in_the_log_with_their_exact_number() -> None:
    """After a stalled target moves again, a WARNING in the log says how many lines were dropped."""
    program = (
        STUCK
        + """
installation = logweft.install(queue=50)
for number in range(500):
    log.info("line %d", number)
stats = installation.stats()
dropped = stats.dropped["INFO"]
assert dropped >= 400
data = bytearray()
def read():
    while piece := os.read(reader, 1 << 20):
        data.extend(piece)
thread = threading.Thread(target=read)
thread.start()
assert installation.flush(20)
log.info("after")
assert installation.flush(20)
identity(installation.stats())
assert installation.stats().dropped == {"INFO": dropped}
installation.uninstall()
log.handlers.clear()
os.close(writer)
thread.join()
lines = [json.loads(line) for line in data.lstrip(b"x").decode().splitlines()]
reports = [line for line in lines if line["logger"] == "logweft"]
assert reports and sum(line["dropped"] for line in reports) == dropped, reports
assert all(line["level"] == "WARNING" for line in reports)
number = reports[0]["dropped"]
assert reports[0]["message"] == f"dropped {number} lines: queue full (capacity 50)"
kept = [line for line in lines if line["logger"] == "app"]
assert len(kept) + dropped == 501
"""
    )
    assert succeed(program).err == ""


def test_a_record_factory_that_refuses_ours_costs_no_report() -> None:
    """A record factory of the user's that takes no record without a name leaves our reports be."""
    program = """
        reader, writer = os.pipe()
        fill(writer)
        installation = to(logging.StreamHandler(open(writer, "w", closefd=False)), queue=50)
        make = logging.getLogRecordFactory()
        def factory(name, *args, **kwargs):
            record = make(name, *args, **kwargs)
            record.short = name.rsplit(".")[-1]
            return record
        logging.setLogRecordFactory(factory)
        for number in range(200):
            log.info("line %d", number)
        received = bytearray()
        read_in_thread(reader, received)
        assert installation.flush(20)
        stats = installation.stats()
        identity(stats)
        assert stats.errors == 0 and stats.dropped, stats
        logweft.uninstall()
        os.close(writer)
        while b"dropped" not in received:
            time.sleep(0.01)
        told = [line for line in bytes(received).lstrip(b"x").splitlines() if b'"dropped"' in line]
        assert json.loads(told[0])["dropped"] == sum(stats.dropped.values()), told
    """
    assert succeed(program).err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_costs_neither_exception_nor_noise() -> None:
    """On a disk without space no call raises, all is counted, little is said, exit code is 0."""
    program = """
        log.addHandler(logging.FileHandler("/dev/full"))
        installation = logweft.install()
        for number in range(2000):
            log.info("line %d", number)
        assert not installation.flush(0.5)
        stats = installation.stats()
        identity(stats)
        assert stats.written == 0 and stats.errors >= 1, stats
        print(time.monotonic())
    """
    done = succeed(program)
    assert time.monotonic() - float(done.out) < 10, "exit waits for its deadline and no longer"
    said = done.err.splitlines()
    assert 1 <= len(said) <= 3, done.err
    assert "No space left on device" in done.err
    assert "Traceback" not in done.err


@both_bufferings
def test_a_reader_that_leaves_ends_nothing(env: dict[str, str]) -> None:
    """When the reader of our pipe goes away, calls go on, drops are counted, exit code is 0."""
    program = """
        reader, writer = os.pipe()
        log.addHandler(logging.StreamHandler(open(writer, "w", closefd=False)))
        installation = logweft.install()
        log.info("first")
        assert installation.flush(20)
        os.close(reader)
        for number in range(5000):
            log.info("line %d", number)
        assert installation.flush(20)
        stats = installation.stats()
        identity(stats)
        assert (stats.written, stats.dropped) == (1, {"INFO": 5000}), stats
    """
    done = succeed(program, env=env)
    assert len(done.err.splitlines()) <= 3
    assert "Traceback" not in done.err


# What fails in the listener


FAILURES = [
    "ValueError",
    "OSError",
    "RecursionError",
    "SystemExit",
    "KeyboardInterrupt",
    "MemoryError",
]


@pytest.mark.parametrize("failure", [*FAILURES, "queue.Empty"])
def test_a_handler_that_raises_costs_its_own_record_only(failure: str) -> None:
    """Whatever a handler raises in emit, the next record reaches it, and the drop is counted."""
    program = """
        import queue
        class Vendor(logging.Handler):
            def emit(self, record):
                if record.getMessage() == "bad":
                    raise eval(sys.argv[1])("told secretly: hunter2")
                seen.append(record.getMessage())

        seen = []
        handler = logweft.QueueHandler(Vendor())
        log.addHandler(handler)
        for message in ("one", "bad", "two", "bad", "three"):
            log.info(message)
        assert handler.flush(20)
        assert seen == ["one", "two", "three"], seen
        stats = handler.stats()
        identity(stats)
        assert (stats.written, stats.dropped, stats.errors) == (3, {"INFO": 2}, 2), stats
    """
    done = succeed(program, failure)
    assert "hunter2" not in done.err
    assert len(done.err.splitlines()) <= 1, done.err
    assert failure.rpartition(".")[2] in done.err


def test_a_target_that_logs_about_each_record_does_not_loop() -> None:
    """A handler that logs whenever it is given a record gets a few of its own, not endless ones."""
    program = """
        class Vendor(logging.Handler):
            def emit(self, record):
                seen.append(record.getMessage())
                log.info("sent %s", record.getMessage()[:20])

        seen = []
        handler = logweft.QueueHandler(Vendor())
        log.addHandler(handler)
        for number in range(20):
            log.info("line %d", number)
        deadline = time.monotonic() + 20
        while handler.stats().depth and time.monotonic() < deadline:
            handler.flush(0.5)
        stats = handler.stats()
        identity(stats)
        assert stats.depth == 0 and stats.accepted <= 60, stats
        assert [message for message in seen if message.startswith("line")] == [
            f"line {number}" for number in range(20)]
        assert len(seen) <= 40, len(seen)
    """
    succeed(program)


def test_a_listener_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """An exception thrown into the listener's thread from outside costs no line."""
    program = """
        import ctypes
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()
        for number in range(10):
            log.info("line %d", number)
            assert installation.flush(20)
            for thread in threading.enumerate():
                if thread.name == "logweft":
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        log.info("last")
        assert installation.flush(20)
        identity(installation.stats())
    """
    succeed(program, tmp_path / "app.log")
    expected = [*(f"line {number}" for number in range(10)), "last"]
    assert messages((tmp_path / "app.log").read_text()) == expected


# Signals and forks


def test_a_signal_handler_may_log_at_any_moment(tmp_path: Path) -> None:
    """A signal handler that logs while the main thread logs: no deadlock, every line of both."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()
        ticks = 0

        def tick(number, frame):
            global ticks
            ticks += 1
            log.info("tick %d", ticks)

        signal.signal(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        number = 0
        while ticks < 500:
            log.info("line %d", number)
            number += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert installation.flush(20)
        stats = installation.stats()
        identity(stats)
        assert not stats.errors
        print(json.dumps([number, ticks, stats.dropped.get("INFO", 0)]))
    """
    done = succeed(program, tmp_path / "app.log")
    number, ticks, dropped = json.loads(done.out)
    seen = messages((tmp_path / "app.log").read_text())
    assert len(seen) + dropped == number + ticks
    assert len(seen) == len(set(seen))
    lines = [int(text.split()[1]) for text in seen if text.startswith("line")]
    assert lines == sorted(lines)


def test_signal_handlers_do_not_wait_in_each_others_waits() -> None:
    """Where a caller waits for a stuck target, handlers that log meanwhile come and go."""
    program = (
        STUCK
        + """
installation = logweft.install(queue=8)
depth = deepest = ticks = 0

def tick(number, frame):
    global depth, deepest, ticks
    depth, ticks = depth + 1, ticks + 1
    deepest = max(depth, deepest)
    log.info("tick %d", ticks)
    depth -= 1

log.info("first")
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
while ticks < 200:
    log.info("line")
signal.setitimer(signal.ITIMER_REAL, 0)
identity(installation.stats())
print(deepest, flush=True)
os._exit(0)
"""
    )
    assert int(succeed(program).out) <= 10


def test_a_signal_handler_that_exits_leaves_the_queue_usable(tmp_path: Path) -> None:
    """An exception thrown by a signal handler into a log call, often, leaves no lock behind."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()

        class Interrupt(BaseException):
            pass

        def interrupt(number, frame):
            raise Interrupt

        signal.signal(signal.SIGALRM, interrupt)
        count = 0
        while count < 200:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + count % 10 * 0.0001)
                while True:
                    log.info("line")
            except Interrupt:
                count += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        thread = threading.Thread(target=log.info, args=("from another thread",))
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), "hangs"
        assert installation.flush(20)
    """
    done = succeed(program, tmp_path / "app.log")
    assert done.err == ""
    assert messages((tmp_path / "app.log").read_text())[-1] == "from another thread"


@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)"])
@both_bufferings
def test_a_forks_queue_is_written_once_and_by_the_parent(
    leave: str, tmp_path: Path, env: dict[str, str]
) -> None:
    """A fork with 1,000 lines queued: the parent writes each once, the child only its own."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()
        for number in range(1000):
            log.info("parent %d", number)
        child = os.fork()
        if not child:
            signal.alarm(20)
            for number in range(10):
                log.info("child %d", number)
            assert logweft.flush(10)
            if sys.argv[2].startswith("os"):
                os._exit(0)
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert installation.flush(20)
        identity(installation.stats())
        assert installation.stats().written == 1000
    """
    done = succeed(program, tmp_path / "app.log", leave, env=env)
    assert done.err == ""
    seen = Counter(messages((tmp_path / "app.log").read_text()))
    expected = [f"parent {number}" for number in range(1000)] + [f"child {n}" for n in range(10)]
    assert seen == Counter(expected)


@both_bufferings
def test_forks_beside_logging_threads_never_hang(tmp_path: Path, env: dict[str, str]) -> None:
    """Forty forks while two threads log: no child hangs, each writes its lines, none is doubled."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        installation = logweft.install()
        done = threading.Event()
        counts = [0, 0]

        def work(thread):
            while not done.is_set():
                log.info("thread %d %d", thread, counts[thread])
                counts[thread] += 1
                time.sleep(0.0005)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for fork in range(40):
            child = os.fork()
            if not child:
                signal.alarm(10)
                for number in range(10):
                    log.info("child %d %d", fork, number)
                os._exit(not logweft.flush(8))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, fork
        done.set()
        for thread in threads:
            thread.join()
        assert installation.flush(20)
        assert not installation.stats().dropped
        print(json.dumps(counts))
    """
    done = succeed(program, tmp_path / "app.log", env=env)
    seen = Counter(messages((tmp_path / "app.log").read_text()))
    expected = [f"child {fork} {number}" for fork in range(40) for number in range(10)]
    for thread, count in enumerate(json.loads(done.out)):
        expected += [f"thread {thread} {number}" for number in range(count)]
    assert seen == Counter(expected)


# Descriptors, files, rotation


def test_a_reused_descriptor_gets_none_of_our_bytes(tmp_path: Path) -> None:
    """After os.close(1), another file that gets number 1 has 0 bytes of ours; our pipe has all."""
    program = """
        log.addHandler(logging.StreamHandler(sys.stdout))
        installation = logweft.install()
        log.info("before")
        assert installation.flush(20)
        os.close(1)
        other = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
        assert other == 1
        for number in range(1000):
            log.info("line %d", number)
        assert installation.flush(20)
        log.info("last")
    """
    path = tmp_path / "innocent"
    done = succeed(program, path)
    assert path.read_bytes() == b""
    expected = ["before", *(f"line {number}" for number in range(1000)), "last"]
    assert messages(done.out) == expected
    assert done.err == ""


def test_a_rotating_file_rotates_with_all_lines_present(tmp_path: Path) -> None:
    """A RotatingFileHandler behind the queue rotates at its size, and no line is lost or torn."""
    program = """
        handler = logging.handlers.RotatingFileHandler(
            sys.argv[1], maxBytes=20_000, backupCount=500)
        log.addHandler(handler)
        installation = logweft.install()

        def work(thread):
            for number in range(1000):
                log.info("%d %d", thread, number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert installation.flush(30)
        assert not installation.stats().dropped, installation.stats()
    """
    assert succeed(program, tmp_path / "app.log").err == ""
    files = sorted(tmp_path.iterdir())
    assert len(files) > 10
    assert max(path.stat().st_size for path in files) <= 20_000
    seen = Counter(message for path in files for message in messages(path.read_text()))
    assert seen == Counter(f"{thread} {number}" for thread in range(4) for number in range(1000))


def test_a_rotation_that_fails_costs_no_line(tmp_path: Path) -> None:
    """Where a rotating handler cannot begin a new file, that is told and its lines are written."""
    program = """
        handler = logging.handlers.RotatingFileHandler(sys.argv[1], maxBytes=1000, backupCount=1)
        def rotator(source, target):
            raise OSError(errno.EXDEV, "no")
        handler.rotator = rotator
        log.addHandler(handler)
        installation = logweft.install()
        for number in range(100):
            log.info("line %d", number)
        assert installation.flush(30)
        stats = installation.stats()
        identity(stats)
        assert stats.errors and not stats.dropped, stats
    """
    done = succeed("import errno\n" + textwrap.dedent(program), tmp_path / "app.log")
    assert done.err.splitlines() == ["logweft: OSError: Invalid cross-device link while logging"]
    assert messages((tmp_path / "app.log").read_text()) == [f"line {n}" for n in range(100)]


def test_a_rotator_may_log(tmp_path: Path) -> None:
    """What a handler logs while it begins a new file is written, and makes no endless work."""
    program = """
        handler = logging.handlers.RotatingFileHandler(sys.argv[1], maxBytes=1, backupCount=5000)
        def rotator(source, target):
            os.rename(source, target)
            log.info("rotated")
        handler.rotator = rotator
        log.addHandler(handler)
        installation = logweft.install()
        for number in range(5):
            log.info("line %d", number)
        assert installation.flush(30)
    """
    succeed(program, tmp_path / "app.log")
    told = Counter(message for path in tmp_path.iterdir() for message in messages(path.read_text()))
    assert {f"line {number}" for number in range(5)} <= told.keys()
    assert 1 <= told["rotated"] <= 10


def test_a_file_that_the_application_reopens_is_followed(tmp_path: Path) -> None:
    """After a rename, close() and a new stream on the handler, lines go to the new file."""
    program = """
        handler = logging.FileHandler(sys.argv[1])
        log.addHandler(handler)
        installation = logweft.install()
        log.info("old")
        assert installation.flush(20)
        os.rename(sys.argv[1], sys.argv[1] + ".1")
        handler.close()
        handler.stream = handler._open()
        log.info("new")
        assert installation.flush(20)
        log.info("newer")
    """
    path = tmp_path / "app.log"
    assert succeed(program, path).err == ""
    assert messages(path.with_name("app.log.1").read_text()) == ["old"]
    assert messages(path.read_text()) == ["new", "newer"]


def test_set_stream_is_followed(tmp_path: Path) -> None:
    """After setStream() on a handler that we write for, lines go to the new stream."""
    program = """
        handler = logging.StreamHandler(open(sys.argv[1], "w"))
        log.addHandler(handler)
        installation = logweft.install()
        log.info("one")
        assert installation.flush(20)
        handler.setStream(open(sys.argv[2], "w"))
        log.info("two")
    """
    first, second = tmp_path / "first", tmp_path / "second"
    assert succeed(program, first, second).err == ""
    assert messages(first.read_text()) == ["one"]
    assert messages(second.read_text()) == ["two"]


# The exit


@pytest.mark.parametrize("leave", ["pass", "sys.exit(3)", "raise ValueError('uncaught')"])
@both_bufferings
def test_an_orderly_exit_writes_everything(leave: str, tmp_path: Path, env: dict[str, str]) -> None:
    """At the end of the script, sys.exit or an uncaught exception, all 5,000 lines are written."""
    program = f"""
        log.addHandler(logging.FileHandler(sys.argv[1]))
        logweft.install(stream=open(os.devnull, "w"))
        for number in range(5000):
            log.info("line %d", number)
        {leave}
    """
    done = child(program, tmp_path / "app.log", env=env)
    assert done.code == {"pass": 0, "sys.exit(3)": 3}.get(leave, 1), done.err
    expected = [f"line {number}" for number in range(5000)]
    assert messages((tmp_path / "app.log").read_text()) == expected


@both_bufferings
def test_logging_shutdown_drains(tmp_path: Path, env: dict[str, str]) -> None:
    """After logging.shutdown() every line so far is in the file, and later ones are written too."""
    program = """
        handler = logweft.QueueHandler(logging.FileHandler(sys.argv[1]))
        log.addHandler(handler)
        for number in range(1000):
            log.info("line %d", number)
        logging.shutdown()
        assert open(sys.argv[1]).read().count("\\n") == 1000
        log.info("after")
    """
    assert succeed(program, tmp_path / "app.log", env=env).err == ""
    assert messages((tmp_path / "app.log").read_text())[-2:] == ["line 999", "after"]


@both_bufferings
def test_a_record_of_an_early_exit_callback_is_written(tmp_path: Path, env: dict[str, str]) -> None:
    """A callback registered with atexit before install() runs after ours; its line is written."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        atexit.register(log.info, "registered before")
        logweft.install()
        atexit.register(log.info, "registered after")
        log.info("main")
    """
    assert succeed(program, tmp_path / "app.log", env=env).err == ""
    seen = messages((tmp_path / "app.log").read_text())
    assert seen == ["main", "registered after", "registered before"]


@both_bufferings
def test_threads_that_log_at_the_exit_break_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    """A daemon thread logging in a tight loop at the exit: exit code 0 and no fatal error."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        logweft.install()
        running = threading.Event()

        def work():
            while True:
                log.info("again")
                running.set()

        threading.Thread(target=work, daemon=True).start()
        assert running.wait(20)
    """
    for _ in range(5):
        done = succeed(program, tmp_path / "app.log", env=env)
        assert "Fatal" not in done.err
        assert "Traceback" not in done.err
    for line in (tmp_path / "app.log").read_text().splitlines()[:-1]:
        assert line.startswith('{"timestamp"')
        assert line.endswith("}")


def test_a_stream_with_a_file_and_a_write_of_its_own_is_written_by_its_write() -> None:
    """A stream that says something else to its file than the text, such as a length, keeps so."""
    done = child(
        """
        from multiprocessing import Pipe

        log = logging.getLogger()

        class Framed:  # Dramatiq's workers have one as standard error
            def fileno(self): return there.fileno()
            def write(self, text): there.send_bytes(text.encode())
            def flush(self): pass

        here, there = Pipe(duplex=False)
        with logweft.install(stream=Framed()):
            log.info("one")
            log.info("two")
            logweft.flush()
        print([json.loads(here.recv_bytes())["message"] for _ in range(2)])
        """
    )

    assert done.code == 0, done.err
    assert done.out.strip() == "['one', 'two']"


# A full queue: who goes


def full(program: str, *args: object) -> dict[str, object]:
    """Run *program* with a stuck pipe, then read the pipe; return its lines and the last stats."""
    done = succeed(
        STUCK
        + textwrap.dedent(program)
        + """
before = installation.stats()
data = bytearray()
thread = read_in_thread(reader, data)
assert installation.flush(30)
installation.uninstall()
log.handlers.clear()
os.close(writer)
thread.join()
stats = installation.stats()
identity(stats)
assert stats.depth == 0, stats
lines = [json.loads(line) for line in data.lstrip(b"x").decode().splitlines()]
print(json.dumps({"lines": lines, "dropped": stats.dropped, "written": stats.written}))
""",
        *args,
    )
    assert done.err == ""
    result: dict[str, object] = json.loads(done.out)
    return result


def kept(lines: list[dict[str, object]]) -> list[str]:
    return [str(line["message"]) for line in lines if line["logger"] == "app"]


def reports(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    return [line for line in lines if line["logger"] == "logweft"]


def test_the_lowest_level_goes_first() -> None:
    """In a full queue of DEBUG and INFO, ERROR and WARNING take the place of DEBUG, then INFO."""
    seen = full("""
        log.setLevel("DEBUG")
        installation = logweft.install(queue=100)
        log.info("taken by the listener")
        while not installation._listener.targets[0].taken:
            time.sleep(0.001)
        for number in range(100):
            log.log(10 if number % 2 else 20, "low %d", number)
        for number in range(30):
            log.warning("high %d", number)
        for number in range(60):
            log.error("highest %d", number)
        log.info("too late")
    """)
    assert seen["dropped"] == {"DEBUG": 50, "INFO": 41}
    messages = kept(seen["lines"])
    assert messages == [
        "taken by the listener",
        *(f"low {number}" for number in range(0, 20, 2)),  # the newest of a level goes first
        *(f"high {number}" for number in range(30)),
        *(f"highest {number}" for number in range(60)),
    ]


def test_errors_go_last() -> None:
    """When nothing but ERROR is queued, a further ERROR is dropped, and a CRITICAL is not."""
    seen = full("""
        installation = logweft.install(queue=50)
        for number in range(80):
            log.error("error %d", number)
        dropped = installation.stats().dropped["ERROR"]
        for number in range(5):
            log.critical("critical %d", number)
        assert installation.stats().dropped == {"ERROR": dropped + 5}
    """)
    assert [message for message in kept(seen["lines"]) if message.startswith("critical")] == [
        f"critical {number}" for number in range(5)
    ]


def test_the_oldest_go() -> None:
    """With queue_policy="drop_oldest" the last lines are there, whatever their level."""
    seen = full("""
        installation = logweft.install(queue=50, queue_policy="drop_oldest")
        log.error("first")
        for number in range(500):
            log.info("line %d", number)
        for number in range(3):
            log.debug("not logged")
    """)
    messages = kept(seen["lines"])
    assert messages[-50:] == [f"line {number}" for number in range(450, 500)]
    assert sum(seen["dropped"].values()) + len(messages) == 501


def test_block_waits_for_room_and_drops_at_its_deadline() -> None:
    """With queue_policy="block" a call waits queue_timeout, each time, then drops its line."""
    seen = full("""
        installation = logweft.install(queue=10, queue_policy="block", queue_timeout=0.2)
        for number in range(11):
            log.info("line %d", number)
        while installation._listener.targets[0].waiting and not (
                installation._listener.targets[0].taken):
            time.sleep(0.001)
        while not installation.stats().dropped:
            log.info("fills")
        for _ in range(2):
            begun = time.monotonic()
            log.info("dropped")
            assert 0.2 <= time.monotonic() - begun < 5
        assert installation.stats().dropped["INFO"] == 3
    """)
    assert "dropped" not in kept(seen["lines"])


def test_block_lets_a_queue_smaller_than_the_burst_lose_nothing(tmp_path: Path) -> None:
    """Eight threads with a queue of ten lines under "block" lose nothing, in each one's order."""
    program = """
        installation = to_file(sys.argv[1], queue=10, queue_policy="block", queue_timeout=30)
        def work(thread):
            for number in range(300):
                log.info("%d %d", thread, number)
        run_threads(8, work)
        assert installation.flush(30)
        assert not installation.stats().dropped
    """
    succeed(program, tmp_path / "app.log")
    seen = messages((tmp_path / "app.log").read_text())
    assert Counter(seen) == Counter(f"{thread} {n}" for thread in range(8) for n in range(300))
    for thread in range(8):
        numbers = [int(text.split()[1]) for text in seen if text.startswith(f"{thread} ")]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("policy", POLICIES)
def test_one_report_tells_all_drops_by_level(policy: str) -> None:
    """After the stall, one WARNING says how many lines of each level were dropped, exactly."""
    seen = full(
        """
        installation = logweft.install(
            queue=50, queue_policy=sys.argv[1], queue_timeout=0.01)
        for number in range(300):
            log.log((20, 30)[number % 3 == 0], "line %d", number)
        """,
        policy,
    )
    (report,) = reports(seen["lines"])
    number = sum(seen["dropped"].values())
    assert report["message"] == f"dropped {number} lines: queue full (capacity 50)"
    assert (report["level"], report["dropped"]) == ("WARNING", number)
    assert report["dropped_by_level"] == seen["dropped"]
    assert seen["written"] == len(seen["lines"])
    assert len(kept(seen["lines"])) + number == 300


def test_drops_are_told_before_a_long_queue_is_written() -> None:
    """When a target moves again, but slowly, the drops are told before the queue is empty."""
    program = (
        STUCK
        + """
installation = logweft.install(queue=2000)
for number in range(3000):
    log.info("line %d", number)
data = bytearray()
while b"queue full" not in data:
    data += os.read(reader, 4096)
    time.sleep(0.02)
assert installation.stats().depth > 100, "told at the end"
os._exit(0)
"""
    )
    succeed(program)


@pytest.mark.parametrize("policy", POLICIES)
def test_flush_waits_for_what_was_there_and_not_for_what_was_dropped(policy: str) -> None:
    """Lines dropped after a flush began neither end it early nor keep it waiting."""
    full(
        """
        installation = logweft.install(
            queue=40, queue_policy=sys.argv[1], queue_timeout=0)
        for number in range(60):
            log.info("line %d", number)
        done = []
        waiting = threading.Thread(target=lambda: done.append(installation.flush(30)))
        waiting.start()
        for number in range(200):
            log.warning("late %d", number)
        time.sleep(0.2)
        assert not done, "something of before the flush is still there"
        """,
        policy,
    )


def test_lines_that_never_pause_are_written_meanwhile(tmp_path: Path) -> None:
    """The listener prefers a moment without lines, but does not wait for one for ever."""
    program = """
        installation = to_file(sys.argv[1], queue=10**9)
        log.info("first")
        assert installation.flush(30)
        time.sleep(0.5)
        size = os.path.getsize(sys.argv[1])
        for _ in range(20_000):
            log.info("line")
            time.sleep(0.0002)
            if os.path.getsize(sys.argv[1]) > size:
                break
        else:
            raise AssertionError(installation.stats())
    """
    succeed(program, tmp_path / "app.log")


def test_flush_waits_for_the_line_that_tells_of_drops() -> None:
    """When flush() returns, the drops of before it are told, though their line was slow."""
    program = """
        class Stream:
            def __init__(self):
                self.gate, self.text = threading.Event(), ""
            def write(self, text):
                self.gate.wait()
                if "queue full" in text:
                    time.sleep(0.5)
                self.text += text
            def flush(self):
                pass
        stream = Stream()
        installation = to(logging.StreamHandler(stream), queue=10, queue_timeout=0)
        for number in range(100):
            log.info("line %d", number)
        dropped = installation.stats().dropped["INFO"]
        stream.gate.set()
        assert installation.flush(30)
        assert f"dropped {dropped} lines: queue full" in stream.text, stream.text
        assert installation.stats().depth == 0, installation.stats()
    """
    succeed(program)


def test_a_target_that_is_idle_tells_its_drops() -> None:
    """Lines that were dropped because another target was stuck are told without a further one."""
    program = (
        STUCK
        + """
out, other = os.pipe()
quiet = logging.getLogger("quiet")
quiet.propagate = False
quiet.addHandler(logging.StreamHandler(open(other, "w")))
installation = logweft.install(queue=100, queue_timeout=0)
for number in range(300):
    log.error("line %d", number)
quiet.warning("lost")
assert installation.stats().dropped["WARNING"] == 1, installation.stats()
time.sleep(0.5)
assert not select.select([out], [], [], 0)[0], "told before there is room"
read_in_thread(reader, bytearray())
assert select.select([out], [], [], 30)[0]
line = json.loads(os.read(out, 10_000))
assert line["message"] == "dropped 1 lines: queue full (capacity 100)", line
assert line["dropped_by_level"] == {"WARNING": 1}, line
os._exit(0)
"""
    )
    succeed(program)


def test_a_large_line_makes_room_in_bytes() -> None:
    """The bound in bytes counts too: an ERROR of 60 kB displaces as many INFO lines as it needs."""
    program = (
        STUCK
        + """
log.handlers[0].setFormatter(logging.Formatter("%(message)s"))
handler = logweft.QueueHandler(log.handlers.pop(), capacity_bytes=100_000, timeout=0)
log.addHandler(handler)
log.info("taken")
while not handler.targets[0].taken:
    time.sleep(0.001)
for number in range(100):
    log.info("%0999d", number)
log.error("e" * 59_999)
stats = handler.stats()
identity(stats)
assert stats.dropped == {"INFO": 60}, stats
assert stats.bytes == 6 + 40 * 1000 + 60_000, stats
os._exit(0)
"""
    )
    succeed(program)


def test_stats_may_be_asked_at_any_moment() -> None:
    """While lines trickle out of a batch, stats() raises nothing."""
    program = """
        reader, writer = os.pipe()
        installation = to(logging.StreamHandler(os.fdopen(writer, "w")))
        sys.setswitchinterval(1e-6)
        def read():
            while os.read(reader, 512):
                pass
        def write():
            for number in range(60_000):
                log.info("x")
        threading.Thread(target=read, daemon=True).start()
        thread = threading.Thread(target=write)
        thread.start()
        while thread.is_alive():
            installation.stats()
        assert installation.flush(60)
    """
    succeed(program, deadline=120)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"queue_policy": "newest"}, ValueError, r"queue_policy must be one of 'drop', .*'newest'"),
        ({"queue_policy": 7}, ValueError, r"queue_policy must be one of .* got 7"),
        ({"queue_timeout": -1}, ValueError, r"queue_timeout must be >= 0 \(seconds\), got -1"),
        ({"queue_timeout": float("nan")}, ValueError, r"queue_timeout must be >= 0"),
        ({"queue_timeout": "5"}, TypeError, r"queue_timeout must be a number of seconds, got '5'"),
        ({"queue_timeout": True}, TypeError, r"queue_timeout must be a number of seconds"),
        ({"flush_on_sigterm": 1}, TypeError, r"flush_on_sigterm must be True or False, got 1"),
    ],
)
def test_a_bad_queue_option_is_refused(
    options: dict[str, object], kind: type[Exception], words: str
) -> None:
    """A policy or timeout that is none raises at install() and QueueHandler, and says the fix."""
    with pytest.raises(kind, match=words):
        logweft.install(**options)
    for name, value in options.items():
        if name.startswith("queue_"):
            short = name.removeprefix("queue_")
            with pytest.raises(kind, match=words.replace("queue_", "")):
                logweft.QueueHandler(logging.StreamHandler(io.StringIO()), **{short: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUEUE_POLICY", "newest"), ("QUEUE_TIMEOUT", "soon"), ("FLUSH_ON_SIGTERM", "maybe")],
)
def test_a_bad_variable_of_the_queue_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong LOGWEFT_QUEUE_POLICY and the like raise ValueError with their own name."""
    monkeypatch.setenv(f"LOGWEFT_{name}", value)
    with pytest.raises(ValueError, match=f"LOGWEFT_{name}.*'{value}'"):
        logweft.install(stream=io.StringIO())


def test_the_queues_variables_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """LOGWEFT_QUEUE_POLICY and LOGWEFT_QUEUE_TIMEOUT reach the queue."""
    monkeypatch.setenv("LOGWEFT_QUEUE_POLICY", "block")
    monkeypatch.setenv("LOGWEFT_QUEUE_TIMEOUT", "1.5")
    listener = logweft.install(stream=io.StringIO())._listener
    assert (listener.policy, listener.timeout) == ("block", 1.5)


# On an event loop


def test_a_log_call_does_not_block_an_event_loop(tmp_path: Path) -> None:
    """Lines logged on a running loop make no blocking call, from the first one on."""
    target = logging.FileHandler(tmp_path / "app.log")
    handler = logweft.QueueHandler(target)
    logger = logging.Logger("app")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)

    async def main() -> None:
        for number in range(500):
            logger.info("line %d", number)
            if number % 50 == 0:
                await asyncio.sleep(0)

    asyncio.run(main())  # blockbuster, a fixture of every test, turns a blocking call into an error
    assert handler.flush(20)
    assert handler.stats().errors == 0
    handler.detach()
    target.close()
    lines = parse((tmp_path / "app.log").read_text())
    assert [line["message"] for line in lines] == [f"line {number}" for number in range(500)]


def test_a_blocking_call_on_an_event_loop_would_be_seen() -> None:
    """flush(), which does wait, is caught on a running loop: the watch is awake."""
    gate = threading.Event()

    class Gate(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            gate.wait(20)

    handler = logweft.QueueHandler(Gate())
    logger = logging.Logger("app")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)

    async def main() -> None:
        logger.info("line")
        handler.flush(20)

    with pytest.raises(BlockingError):
        asyncio.run(main())
    gate.set()
    assert handler.flush(20)
    handler.detach()
