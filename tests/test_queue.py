"""The queue: every line once and in order, and no caller, exit, fork or signal ever stuck on it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from programs import Finished, clean_environment, parse

DEADLINE_S = 40
"""Longest a child may take (seconds); then it shows where each thread is, and fails."""

PRELUDE = """
import atexit, json, logging, logging.handlers, os, signal, sys, threading, time
import logweft

log = logging.getLogger("app")
log.setLevel("INFO")

def identity(stats):
    assert stats.accepted == stats.written + sum(stats.dropped.values()) + stats.depth, stats
"""


def child(program: str, *args: object) -> Finished:
    """Run *program* after the prelude under faulthandler, with a hard deadline."""
    # No watchdog in the child itself: faulthandler's is a thread, and these programs fork.
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", PRELUDE + textwrap.dedent(program)]
        + [str(arg) for arg in args],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        try:
            out, err = process.communicate(timeout=5)
        except subprocess.TimeoutExpired as expired:
            out, err = expired.stdout or b"", expired.stderr or b""
        pytest.fail(f"hangs:\n{err.decode(errors='replace')[-8000:]}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has forked
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return Finished(process.returncode, out.decode(), err.decode(errors="replace"))


def succeed(program: str, *args: object) -> Finished:
    """Run *program*, which must end with 0."""
    done = child(program, *args)
    assert done.code == 0, f"exit code {done.code}\n{done.out[-3000:]}\n{done.err[-5000:]}"
    return done


def messages(text: str, logger: str = "app") -> list[str]:
    """Return the messages of one logger's lines, in order."""
    return [line["message"] for line in parse(text) if line["logger"] == logger]


# Order and completeness


@pytest.mark.parametrize("queue", [True, False], ids=["queued", "synchronous"])
def test_eight_threads_lose_and_tear_nothing(queue: bool, tmp_path: Path) -> None:
    """Eight threads of 5,000 lines each: all in the file, none torn, each thread's in its order."""
    path = tmp_path / "app.log"
    program = """
        handler = logging.FileHandler(sys.argv[1])
        log.addHandler(handler)
        log.propagate = False
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


def test_synchronous_lines_are_there_when_the_call_returns(tmp_path: Path) -> None:
    """With queue=False a line is in the file when the log call returns, and no thread exists."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
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


STUCK = """
    def fill(descriptor):
        os.set_blocking(descriptor, False)
        try:
            while True:
                os.write(descriptor, b"x" * 65536)
        except BlockingIOError:
            pass
        try:
            while True:
                os.write(descriptor, b"x")
        except BlockingIOError:
            pass
        os.set_blocking(descriptor, True)

    reader, writer = os.pipe()
    fill(writer)
    log.addHandler(logging.StreamHandler(open(writer, "w", closefd=False)))
    log.propagate = False
"""


def test_a_stuck_pipe_blocks_neither_the_caller_nor_the_exit() -> None:
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
    done = child(program)
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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_costs_neither_exception_nor_noise() -> None:
    """On a disk without space no call raises, all is counted, little is said, exit code is 0."""
    program = """
        log.addHandler(logging.FileHandler("/dev/full"))
        log.propagate = False
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


def test_a_reader_that_leaves_ends_nothing() -> None:
    """When the reader of our pipe goes away, calls go on, drops are counted, exit code is 0."""
    program = """
        reader, writer = os.pipe()
        log.addHandler(logging.StreamHandler(open(writer, "w", closefd=False)))
        log.propagate = False
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
    done = succeed(program)
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
        log.propagate = False
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
        log.propagate = False
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
        log.propagate = False
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
        log.propagate = False
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


def test_a_signal_handler_that_exits_leaves_the_queue_usable(tmp_path: Path) -> None:
    """An exception thrown by a signal handler into a log call, often, leaves no lock behind."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
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
def test_a_forks_queue_is_written_once_and_by_the_parent(leave: str, tmp_path: Path) -> None:
    """A fork with 1,000 lines queued: the parent writes each once, the child only its own."""
    program = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+: fork beside a thread
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
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
    done = succeed(program, tmp_path / "app.log", leave)
    assert done.err == ""
    seen = Counter(messages((tmp_path / "app.log").read_text()))
    expected = [f"parent {number}" for number in range(1000)] + [f"child {n}" for n in range(10)]
    assert seen == Counter(expected)


def test_forks_beside_logging_threads_never_hang(tmp_path: Path) -> None:
    """Forty forks while two threads log: no child hangs, each writes its lines, none is doubled."""
    program = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+: fork beside a thread
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
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
    done = succeed(program, tmp_path / "app.log")
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
        log.propagate = False
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
        log.propagate = False
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


def test_a_file_that_the_application_reopens_is_followed(tmp_path: Path) -> None:
    """After a rename, close() and a new stream on the handler, lines go to the new file."""
    program = """
        handler = logging.FileHandler(sys.argv[1])
        log.addHandler(handler)
        log.propagate = False
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
        log.propagate = False
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
def test_an_orderly_exit_writes_everything(leave: str, tmp_path: Path) -> None:
    """At the end of the script, sys.exit or an uncaught exception, all 5,000 lines are written."""
    program = f"""
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
        logweft.install(stream=open(os.devnull, "w"))
        for number in range(5000):
            log.info("line %d", number)
        {leave}
    """
    done = child(program, tmp_path / "app.log")
    assert done.code == {"pass": 0, "sys.exit(3)": 3}.get(leave, 1), done.err
    expected = [f"line {number}" for number in range(5000)]
    assert messages((tmp_path / "app.log").read_text()) == expected


def test_logging_shutdown_drains(tmp_path: Path) -> None:
    """After logging.shutdown() every line so far is in the file, and later ones are written too."""
    program = """
        handler = logweft.QueueHandler(logging.FileHandler(sys.argv[1]))
        log.addHandler(handler)
        log.propagate = False
        for number in range(1000):
            log.info("line %d", number)
        logging.shutdown()
        assert open(sys.argv[1]).read().count("\\n") == 1000
        log.info("after")
    """
    assert succeed(program, tmp_path / "app.log").err == ""
    assert messages((tmp_path / "app.log").read_text())[-2:] == ["line 999", "after"]


def test_a_record_of_an_early_exit_callback_is_written(tmp_path: Path) -> None:
    """A callback registered with atexit before install() runs after ours; its line is written."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
        atexit.register(log.info, "registered before")
        logweft.install()
        atexit.register(log.info, "registered after")
        log.info("main")
    """
    assert succeed(program, tmp_path / "app.log").err == ""
    seen = messages((tmp_path / "app.log").read_text())
    assert seen == ["main", "registered after", "registered before"]


def test_threads_that_log_at_the_exit_break_nothing(tmp_path: Path) -> None:
    """A daemon thread logging in a tight loop at the exit: exit code 0 and no fatal error."""
    program = """
        log.addHandler(logging.FileHandler(sys.argv[1]))
        log.propagate = False
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
        done = succeed(program, tmp_path / "app.log")
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
