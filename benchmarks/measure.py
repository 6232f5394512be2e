"""
Measure one contender in this process, check every line it wrote, and leave the report as JSON.

Run by `benchmarks.run`, in a fresh process for each contender, round and kind of measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from .contenders import Contender, Target, contenders
from .scenarios import CONTEXT, SCENARIOS, SECRET, Compiled, prepare

BURST = 100
"""Calls between two pauses."""

CHUNKS = 10
"""Parts that the calls of `total` are timed in."""

THREADS, TASKS = 8, 1000
REPEATS = 5
"""Runs of all the threads, and of all the tasks."""

CAPACITY = 10_000
"""Lines that are logged before a queue counts as full (lines)."""

Report = dict[str, Any]


class Effort(NamedTuple):
    """How much is logged."""

    records: int = 50_000
    others: int = 2_000
    bursts: int = 100
    pause_s: float = 0.005
    budget_s: float = 1.0
    requests: int = 3_000

    @classmethod
    def quick(cls) -> Effort:
        """Return what is enough to see that everything works."""
        return cls(5_000, 500, 5, 0.002, 0.5, 200)


def memory_kib(name: str) -> int:
    """Return a figure of this process, such as VmRSS or VmHWM (KiB)."""
    # Not ru_maxrss: it starts with what the parent had before exec.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that *share* of *values* do not exceed (0 to 1)."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# --- Checking


class Wrong(Exception):
    """A contender's output is not what it claims."""


def _refuse(constant: str) -> None:
    raise Wrong(f"{constant} is not JSON")


def _at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record[name]
    return record


def check(contender: Contender, name: str, case: Compiled, text: str, numbers: list[int]) -> None:
    """Raise `Wrong` unless *text* is what *contender* has to write for the calls *numbers*."""
    if not contender.writes:
        numbers = []
    numbers = numbers * case.lines
    expected = {case.expected(i)[0]: case.expected(i)[1] for i in numbers}
    wanted = Counter(case.expected(i)[0] for i in numbers)
    if name == "secret" and contender.redacts and SECRET in text:
        raise Wrong("the secret came out")
    is_changed = (name == "secret" and contender.redacts) or (name == "longer" and contender.cuts)
    lines = text.splitlines()
    if contender.line is None:
        lines = [line for line in lines if re.match(r"\d{4}-\d\d-\d\d", line)]
    if len(lines) != len(numbers):
        raise Wrong(f"{len(lines)} lines for {len(numbers)} calls")
    if contender.line is None:
        left = wanted.copy()
        for line in lines:
            # Two fields of a time, a level and a name stand before the message.
            message = line.split(" ", 4)[-1]
            left[message] -= 1
        if any(left.values()):
            raise Wrong(f"message {next(key for key, n in left.items() if n)[:80]!r}")
        return
    where = contender.line
    for line in lines:
        record = json.loads(line, parse_constant=_refuse)
        message = _at(record, where.message)
        if name == "exception":  # the standard library's QueueHandler appends the traceback
            message = message.split("\n", 1)[0]
        if not is_changed:
            wanted[message] -= 1
            for key, value in expected.get(message, {}).items():
                if _at(record, where.fields + key) != value:
                    raise Wrong(f"field {key!r} is {_at(record, where.fields + key)!r}")
        if where.context is not None:
            for key, value in CONTEXT.items():
                if _at(record, where.context + key) != value:
                    raise Wrong(f"bound field {key!r} is {_at(record, where.context + key)!r}")
        if where.line is not None and where.function is not None:
            number, function = str(_at(record, where.line)), str(_at(record, where.function))
            if not any(a in function and str(b) in number for a, b in case.sites.items()):
                raise Wrong(f"call site is {function}:{number}, should be {case.sites}")
        if name == "exception" and not ("ValueError" in line and "card refused" in line):
            raise Wrong("no traceback")
    if not is_changed and any(wanted.values()):
        raise Wrong(f"message {next(key for key, n in wanted.items() if n)[:80]!r}")


# --- Calls


def measure_calls(contender: Contender, names: Sequence[str], effort: Effort, path: str) -> Report:
    """Return, by scenario, what a call and a record cost (ns), and what was wrong."""
    target = contender.setup(path)
    report: Report = {"scenarios": {}}
    written: list[tuple[str, Compiled, list[int], int, int]] = []
    floor = 0.0
    for name in names:
        if name in contender.skips:
            continue
        case = prepare(name, contender.dialect, target.logger)
        begin = os.path.getsize(path)
        if name in ("threads", "tasks"):
            costs, numbers = _crowd(contender, target, name, case, effort)
        else:
            with contender.bound():
                costs, numbers = _plain(target, name, case, effort, floor)
            floor = max(floor, costs["floor"])
        report["scenarios"][name] = costs
        if name == "headline":
            report["peak_kib"] = memory_kib("VmHWM")
        written.append((name, case, numbers, begin, os.path.getsize(path)))
    target.close()
    content = Path(path).read_bytes()
    for name, case, numbers, begin, end in written:
        try:
            check(contender, name, case, content[begin:end].decode(), numbers)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs into the row
            if not isinstance(error, Wrong):
                traceback.print_exc()
            report["scenarios"][name]["error"] = f"{type(error).__name__}: {error}"
    return report


def _plain(
    target: Target, name: str, case: Compiled, effort: Effort, floor: float
) -> tuple[Report, list[int]]:
    is_headline = name == "headline"
    log, run = target.logger("shop.orders"), case.run
    burst = SCENARIOS[name].burst
    warm_up = burst * SCENARIOS[name].warm_up
    bursts = effort.bursts if is_headline else max(5, effort.bursts // 4)
    numbers: list[int] = []

    def next_numbers(count: int) -> list[int]:
        fresh = list(range(len(numbers), len(numbers) + count))
        numbers.extend(fresh)
        return fresh

    # This fills the caches that a running program has filled, and tells who is slow: one that
    # takes a millisecond a line would take the whole run's time. A flush may take its 0.1 s.
    began = time.perf_counter()
    run(log, next_numbers(warm_up))
    target.flush()
    floor = max(floor, (time.perf_counter() - began - 0.1) / warm_up * 1e9)
    log = target.logger("shop.orders")
    walls, cpus, paces = [], [], []
    for _ in range(bursts):
        these = next_numbers(burst)
        time.sleep(effort.pause_s)
        before = _pace()
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        run(log, these)
        wall_after, cpu_after = time.perf_counter_ns(), time.thread_time_ns()
        paces.append((before + _pace()) / 2)
        walls.append((wall_after - wall) / burst)
        cpus.append((cpu_after - cpu) / burst)
    costs: Report = {"floor": floor}
    for key, times in (("call", walls), ("call_cpu", cpus)):
        _note(costs, key, times, paces)
    if is_headline:
        single: list[int] = []
        for _ in range(bursts):
            these = next_numbers(BURST)
            time.sleep(effort.pause_s)
            case.timed(log, these, time.perf_counter_ns, single.append)
        costs["p99"], costs["max"] = quantile(single, 0.99), max(single)
    target.flush()
    if not case.lines:
        return costs, numbers
    log = target.logger("shop.orders")
    affordable = int(effort.budget_s * 1e9 / max(costs["call"], floor))
    wanted = effort.records if is_headline else effort.others
    these = next_numbers(max(burst, min(wanted * burst // BURST, affordable)))
    spent, paced, size = 0, 0.0, max(1, len(these) // CHUNKS)
    for first in range(0, len(these), size):
        before, cpu = _pace(), time.process_time_ns()
        run(log, these[first : first + size])
        target.flush()
        cost = time.process_time_ns() - cpu
        spent += cost
        paced += cost / (before + _pace()) * 2
    costs["total"], costs["total_pace"] = spent / len(these), spent / paced
    costs["records"] = len(these)
    return costs, numbers


def _pace() -> float:
    """
    Return what a loop of the interpreter's takes at this moment (ns).

    A machine that others use too runs at two speeds, one twice the other, for seconds at a time;
    what is timed between two such loops is compared as a multiple of them.
    """
    times = []
    for _ in range(3):
        began, number = time.perf_counter_ns(), 0
        for each in range(2_000):
            number += each * each
        times.append(time.perf_counter_ns() - began)
    return min(times)


def _note(costs: Report, key: str, times: Sequence[float], paces: Sequence[float]) -> None:
    """Note the median of *times*, and the pace at which it is the median of their multiples."""
    costs[key] = statistics.median(times)
    paced = statistics.median(each / pace for each, pace in zip(times, paces, strict=True))
    costs[f"{key}_pace"] = costs[key] / paced


Clocks = tuple[int, int]
"""The wall clock and the CPU time of this process (ns)."""


def _crowd(
    contender: Contender, target: Target, name: str, case: Compiled, effort: Effort
) -> tuple[Report, list[int]]:
    """Measure calls from many workers at once: a warm-up, then several runs, each at its pace."""
    run, workers = {"threads": (_in_threads, THREADS), "tasks": (_in_tasks, TASKS)}[name]
    numbers: list[int] = []

    def once(each: int) -> tuple[float, float, float]:
        begin, count = len(numbers), each * workers
        numbers.extend(range(begin, begin + count))
        shares = [range(at, at + each) for at in range(begin, begin + count, each)]
        before = _pace()
        wall_before, cpu_before = run(contender, target, case, shares)
        wall = time.perf_counter_ns() - wall_before
        target.flush()
        cpu = time.process_time_ns() - cpu_before
        return wall / count, cpu / count, (before + _pace()) / 2

    # Who is slow gets fewer calls for each worker, then fewer runs; there is always one of each.
    # Not who was slow before: Sentry takes milliseconds for an exception, and none for these.
    warm_up = max(1, SCENARIOS[name].burst * SCENARIOS[name].warm_up // workers)
    began = time.perf_counter()
    wall, _, _ = once(warm_up)
    floor = max(wall, (time.perf_counter() - began - 0.1) / len(numbers) * 1e9)
    affordable = int(effort.budget_s * 1e9 / floor)
    each = max(1, min(effort.others, affordable // REPEATS) // workers)
    repeats = min(REPEATS, max(1, affordable // (each * workers)))
    walls, cpus, paces = zip(*(once(each) for _ in range(repeats)), strict=True)
    costs: Report = {"records": each * workers * repeats}
    for key, times in (("call", walls), ("total", cpus)):
        _note(costs, key, times, paces)
    return costs, numbers


def _in_threads(
    contender: Contender, target: Target, case: Compiled, shares: Sequence[range]
) -> Clocks:
    """Log each share in a thread of its own; return the clocks when they were let go."""
    clocks: list[Clocks] = []
    # The last one to arrive takes them, before any may go on: 250 calls are done within the time
    # for which a thread may keep the interpreter, so that whoever waits with them is too late.
    start = threading.Barrier(
        len(shares), lambda: clocks.append((time.perf_counter_ns(), time.process_time_ns()))
    )

    def work(share: range) -> None:
        log = target.logger("shop.orders")
        with contender.bound():
            start.wait()
            case.run(log, share)

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clocks[0]


def _in_tasks(
    contender: Contender, target: Target, case: Compiled, shares: Sequence[range]
) -> Clocks:
    """Log each share in a task of its own; return the clocks before."""
    log = target.logger("shop.orders")

    async def work(share: range) -> None:
        with contender.bound():
            for i in share:
                case.run(log, (i,))
                await asyncio.sleep(0)

    async def work_all() -> None:
        await asyncio.gather(*(work(share) for share in shares))

    clocks = time.perf_counter_ns(), time.process_time_ns()
    asyncio.run(work_all())
    return clocks


# --- A service

# Ten requests arrive together every 10 ms; each is stamped with the clock all processes share.
_CLIENT = """
import os, struct, sys, time
due = time.monotonic()
for _ in range(int(sys.argv[1]) // 10):
    due += 0.01
    time.sleep(max(0, due - time.monotonic()))
    os.write(1, struct.pack("q", time.monotonic_ns()) * 10)
"""

# Takes everything for a quarter of a second, then nothing for another.
_STALLING_READER = """
import os, select, sys, time
source, sink = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK), open(sys.argv[2], "wb", 0)
os.write(1, b"open")
os.set_blocking(source, True)
began, seen = time.monotonic(), False
while True:
    if seen and (time.monotonic() - began) % 0.5 > 0.25:
        time.sleep(0.01)
        continue
    if select.select([source], [], [], 0.01)[0]:
        data = os.read(source, 1 << 16)
        if data:
            seen = True
            sink.write(data)
        elif seen:
            break
        else:
            time.sleep(0.001)
"""

LINES_A_REQUEST = 5


def measure_lag(contender: Contender, is_stalling: bool, effort: Effort, path: str) -> Report:
    """Return how late a request is begun (p50 and p99, ns) in a service of 5,000 records/s."""
    reader, sink = None, path
    if is_stalling:
        sink = f"{path}.pipe"
        os.mkfifo(sink)
        reader = subprocess.Popen(
            [sys.executable, "-c", _STALLING_READER, sink, path], stdout=subprocess.PIPE
        )
        assert reader.stdout is not None
        reader.stdout.read(4)
    target = contender.setup(sink)
    case = prepare("headline", contender.dialect, target.logger)
    log = target.logger("shop.orders")
    begin = 0 if is_stalling else os.path.getsize(path)
    lags: list[int] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        numbers = iter(range(effort.requests * LINES_A_REQUEST))
        client = subprocess.Popen(  # noqa: ASYNC220 - before there is anything to keep waiting
            [sys.executable, "-c", _CLIENT, str(effort.requests)], stdout=subprocess.PIPE
        )
        assert client.stdout is not None
        source = client.stdout.fileno()
        os.set_blocking(source, False)
        tasks: set[asyncio.Task[None]] = set()

        async def handle(sent: int) -> None:
            lags.append(time.monotonic_ns() - sent)
            with contender.bound():
                case.run(log, [next(numbers) for _ in range(LINES_A_REQUEST)])
            if len(lags) == effort.requests:
                done.set()

        def arrived() -> None:
            data = os.read(source, 8 * 100)
            for at in range(0, len(data), 8):
                sent = int.from_bytes(data[at : at + 8], sys.byteorder)
                task = asyncio.ensure_future(handle(sent))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        loop.add_reader(source, arrived)
        await asyncio.wait_for(done.wait(), 120)
        loop.remove_reader(source)
        client.wait()
        client.stdout.close()

    asyncio.run(serve())
    target.flush()
    target.close()
    if reader is not None:
        try:
            reader.wait(30)  # it ends when the last descriptor of the pipe is closed
        finally:
            reader.kill()
    text = Path(path).read_bytes()[begin:].decode()
    report: Report = {"p50": quantile(lags, 0.5), "p99": quantile(lags, 0.99)}
    try:
        check(contender, "headline", case, text, list(range(effort.requests * LINES_A_REQUEST)))
    except Exception as error:  # noqa: BLE001 - as above
        report["error"] = f"{type(error).__name__}: {error}"
    return report


# --- A sink that takes nothing

PATIENCE_S = 2.0
"""How long a caller may hang before it counts as blocked (seconds)."""


def measure_full(contender: Contender, effort: Effort, path: str) -> Report:
    """Return what callers and memory do while the sink takes nothing: 10,000 lines, then 2,000."""
    sink = f"{path}.pipe"
    os.mkfifo(sink)
    reader = os.open(sink, os.O_RDONLY | os.O_NONBLOCK)
    target = contender.setup(sink)
    case = prepare("headline", contender.dialect, target.logger)
    log = target.logger("shop.orders")
    state: Report = {"logged": 0}
    done = threading.Event()
    single: list[int] = []

    def work() -> None:
        with contender.bound():
            case.run(log, range(BURST))
            gc.collect()
            before = memory_kib("VmRSS")
            for first in range(0, CAPACITY, BURST):
                state["logged"] = first
                case.run(log, range(first, first + BURST))
            gc.collect()
            state["rss_kib"] = memory_kib("VmRSS") - before
            state["logged"] = CAPACITY
            case.timed(log, range(2000), time.perf_counter_ns, single.append)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    deadline = time.monotonic() + PATIENCE_S
    logged = -1
    while not done.wait(0.05) and time.monotonic() < deadline:
        if state["logged"] != logged:  # slow, but not stuck
            logged, deadline = state["logged"], time.monotonic() + PATIENCE_S
    if not done.is_set():
        return {"blocked_after": state["logged"]}
    state.update(p50=quantile(single, 0.5), p99=quantile(single, 0.99), max=max(single))
    chunks: list[bytes] = []
    finished = threading.Event()

    def drain() -> None:
        os.set_blocking(reader, False)
        while not finished.is_set():
            try:
                chunks.append(os.read(reader, 1 << 16))
            except BlockingIOError:
                time.sleep(0.001)

    draining = threading.Thread(target=drain)
    draining.start()
    try:
        target.flush()
        target.close()
    finally:
        finished.set()
        draining.join()
    with open(reader, "rb") as rest:
        os.set_blocking(reader, False)
        chunks.append(rest.read() or b"")
    lines = b"".join(chunks).decode().splitlines()
    if contender.line is not None:
        own = [json.loads(line, parse_constant=_refuse) for line in lines]
        lines = [str(_at(each, contender.line.message)) for each in own]
        lines = [message for message in lines if message.startswith("User ")]
    state["lost"] = BURST + CAPACITY + 2000 - len(lines)
    return state


# --- The command


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("kind", choices=("calls", "lag", "stall", "full"))
    parser.add_argument("report")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scenario", nargs="+", default=list(SCENARIOS))
    options = parser.parse_args()
    contender = contenders()[options.name]
    for module in contender.hidden:
        sys.modules[module] = None  # type: ignore[assignment]  # as if it were not installed
    effort = Effort.quick() if options.quick else Effort()
    measures: dict[str, Callable[[str], Report]] = {
        "calls": lambda path: measure_calls(contender, options.scenario, effort, path),
        "lag": lambda path: measure_lag(contender, False, effort, path),
        "stall": lambda path: measure_lag(contender, True, effort, path),
        "full": lambda path: measure_full(contender, effort, path),
    }
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "out.log")
        Path(path).touch()
        try:
            report = measures[options.kind](path)
            report["versions"] = ", ".join(
                f"{package} {version(package)}" for package in contender.packages.split()
            )
        except ImportError as error:
            report = {"missing": str(error)}
        except Exception as error:  # noqa: BLE001 - as above
            traceback.print_exc()
            report = {"error": f"{type(error).__name__}: {error}"}
        Path(options.report).write_text(json.dumps(report))
        # Whatever threads a contender has left, or a caller that hangs, end here.
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
