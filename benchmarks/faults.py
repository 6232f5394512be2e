"""What becomes of lines under load and faults: `python -m benchmarks.faults [--quick] [--write]`.

Each cell is a program of its own, in a child with a hard timeout. The stdlib's QueueHandler and
QueueListener (with atexit.register(listener.stop)), loguru with enqueue=True and OpenTelemetry's
BatchLogRecordProcessor are set up as their documentation shows, writing JSON lines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from .readme import README, replaced

TIMEOUT_S = 40
"""Longest one cell may take (seconds); then it counts as hanging."""

COMMON = """
import atexit, json, logging, logging.handlers, os, queue, resource, signal, sys, threading, time
import warnings
warnings.simplefilter("ignore")
N = int(os.environ["LINES"])
path = sys.argv[1]
"""

# Each defines `info(number)`, and `setup(path)`, which may be a path or an open stream.
CONTENDERS = {
    "logweft": """
        import logweft
        log = logging.getLogger("app"); log.setLevel("INFO"); log.propagate = False
        def setup(target):
            log.addHandler(logging.FileHandler(target) if isinstance(target, str)
                else logging.StreamHandler(target))
            logweft.install()
        def info(number): log.info("line %d", number)
    """,
    "stdlib queue": """
        from pythonjsonlogger.json import JsonFormatter
        log = logging.getLogger("app"); log.setLevel("INFO"); log.propagate = False
        def setup(target):
            handler = (logging.FileHandler(target) if isinstance(target, str)
                else logging.StreamHandler(target))
            handler.setFormatter(JsonFormatter())
            lines = queue.Queue(10_000)
            log.addHandler(logging.handlers.QueueHandler(lines))
            listener = logging.handlers.QueueListener(lines, handler)
            listener.start()
            atexit.register(listener.stop)
        def info(number): log.info("line %d", number)
    """,
    "loguru": """
        from loguru import logger
        logger.remove()
        def setup(target):
            logger.add(target, serialize=True, enqueue=True)
        def info(number): logger.info("line {}", number)
    """,
    "OpenTelemetry": """
        from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
        from opentelemetry.sdk._logs import export as exports
        Exporter = getattr(exports, "ConsoleLogRecordExporter", None) or exports.ConsoleLogExporter
        log = logging.getLogger("app"); log.setLevel("INFO"); log.propagate = False
        def setup(target):
            out = open(target, "a") if isinstance(target, str) else target
            provider = LoggerProvider()
            provider.add_log_record_processor(exports.BatchLogRecordProcessor(
                Exporter(out=out, formatter=lambda record: record.to_json(indent=None) + "\\n")))
            log.addHandler(LoggingHandler(logger_provider=provider))
        def info(number): log.info("line %d", number)
    """,
}

STUCK = """
reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True: os.write(writer, b"x" * 4096)
except BlockingIOError: pass
os.set_blocking(writer, True)
setup(open(writer, "w"))
"""


class Row(NamedTuple):
    """One fault: the matrix' rows, a heading, the program, and how its cell is read."""

    rows: str
    heading: str
    program: str
    lines: int = 5_000
    quick: int = 2_000
    expected: str = "{n}"  # how many lines should be in the file; "" where the cell is the output


ROWS = [
    Row(
        "L1",
        "a busy thread, a file: lines written",
        """
        setup(path)
        for number in range(N): info(number)
        """,
        lines=100_000,
        quick=20_000,
    ),
    Row(
        "L1",
        "a busy thread, a pipe: lines read",
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(writing)
            with open(path, "wb") as file:
                while piece := os.read(reading, 65536): file.write(piece)
            os._exit(0)
        os.close(reading)
        setup(open(writing, "w"))
        for number in range(N): info(number)
        """,
        lines=100_000,
        quick=20_000,
    ),
    Row(
        "L3, F8",
        "a reader that stopped: longest of {n} calls (ms)",
        STUCK
        + """
        worst = 0.0
        signal.alarm(20)
        for number in range(N):
            begun = time.monotonic(); info(number)
            worst = max(worst, time.monotonic() - begun)
        print(f"{worst * 1000:.0f}", flush=True)
        os._exit(0)
        """,
        lines=20_000,
        quick=20_000,
        expected="",
    ),
    Row(
        "F8",
        "the same: the exit (s, exit code)",
        STUCK
        + """
        for number in range(50): info(number)
        print(time.monotonic(), flush=True)
        """,
        expected="exit",
    ),
    Row(
        "F2",
        "a full disk (/dev/full), {n} lines: lines on stderr",
        """
        setup("/dev/full")
        for number in range(N): info(number)
        """,
        lines=1_000,
        quick=200,
        expected="stderr",
    ),
    Row(
        "F1",
        "a file-size limit, lifted after {n} lines: lines kept",
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))
        setup(path)
        for number in range(N): info(number)
        time.sleep(2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
        """,
        lines=2_000,
        quick=2_000,
    ),
    Row(
        "F12b",
        "a fork with lines queued: lines of {n}, distinct",
        """
        setup(path)
        for number in range(N): info(number)
        if not os.fork(): sys.exit()
        os.wait()
        """,
        lines=1_000,
        quick=1_000,
        expected="distinct",
    ),
    Row(
        "F12a",
        "a forked child logs 10 lines, sys.exit: lines of 10",
        """
        setup(path)
        info(-1)
        time.sleep(1)
        if not os.fork():
            signal.alarm(15)
            for number in range(10): info(number)
            sys.exit()
        os.wait()
        """,
        lines=10,
        quick=10,
        expected="distinct child",
    ),
    Row(
        "F13",
        "the script ends: lines of {n}",
        """
        setup(path)
        for number in range(N): info(number)
        """,
    ),
    Row(
        "F14",
        "SIGTERM, default action: lines of {n}",
        """
        setup(path)
        for number in range(N): info(number)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    ),
    Row(
        "F17",
        "SIGKILL: lines of {n}",
        """
        setup(path)
        for number in range(N): info(number)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    ),
    Row(
        "F18",
        "a line of an atexit callback of before: lines of 1",
        """
        atexit.register(lambda: info(0))
        setup(path)
        """,
        lines=1,
        quick=1,
    ),
    Row(
        "F20",
        "a signal handler logs, 2 s: hangs?",
        """
        setup(path)
        signal.signal(signal.SIGALRM, lambda *args: info(1))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        end = time.monotonic() + 2
        while time.monotonic() < end: info(0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("no", flush=True)
        os._exit(0)
        """,
        expected="",
    ),
]

EXTRA = {
    ("F14", "logweft"): (
        "with flush_on_sigterm=True",
        "logweft.install()",
        "logweft.install(flush_on_sigterm=True)",
    )
}


def lines_of(path: Path) -> list[int]:
    """Return the numbers of the whole lines in *path*, whichever library has written them."""
    numbers = []
    for line in path.read_text(errors="replace").split("\n")[:-1] if path.exists() else ():
        found = re.search(r"line (-?\d+)", line)
        try:
            json.loads(line)
        except ValueError:
            continue
        if found:
            numbers.append(int(found[1]))
    return numbers


def cell(row: Row, setup: str, lines: int) -> str:
    """Run one program and return what the table says of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "app.log")
        dedented = [textwrap.dedent(part) for part in (COMMON, setup)]
        program = "\n".join([*dedented, unindent(row.program)])
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", program, str(path)],
            env={**clean_environment(), "LINES": str(lines)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "**hangs**"
        ended = time.monotonic()
        numbers = lines_of(path)
        if row.expected == "exit":
            return f"{ended - float(out.split()[0]):.1f}, {process.returncode}"
        if process.returncode == -signal.SIGALRM:
            return "**hangs**"
        if row.expected == "stderr":
            return f"{len(err.splitlines()):,}"
        if row.expected == "distinct":
            return f"{len(numbers):,}, {len(set(numbers)):,}"
        if row.expected == "distinct child":
            return str(len({number for number in numbers if number >= 0}))
        if row.expected:
            return f"{len(numbers):,}"
        return out.decode().strip() or f"exit code {process.returncode}"


def unindent(program: str) -> str:
    """Return *program*, whose parts may have an indentation each, without any."""
    first, _, rest = program.partition('setup(open(writer, "w"))\n')
    if rest:
        return f'{first}setup(open(writer, "w"))\n{textwrap.dedent(rest)}'
    return textwrap.dedent(program)


def clean_environment() -> dict[str, str]:
    """Return the environment without what makes streams unbuffered, which hides faults."""
    unwanted = ("PYTHONUNBUFFERED", "LOGWEFT_", "OTEL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def table(quick: bool) -> str:
    """Run every row and return the table as Markdown, with the versions above it."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("logweft", "python-json-logger", "loguru", "opentelemetry-sdk")
    )
    text = [
        f"CPython {platform.python_version()}, {os.cpu_count()} cores; {versions}.\n",
        f"| row | fault | {' | '.join(CONTENDERS)} |",
        f"|---|---|{'---|' * len(CONTENDERS)}",
    ]
    for row in ROWS:
        lines = row.quick if quick else row.lines
        cells = []
        for name, setup in CONTENDERS.items():
            cells.append(cell(row, setup, lines))
            if (row.rows, name) in EXTRA:
                words, old, new = EXTRA[row.rows, name]
                cells[-1] += f"; {words} {cell(row, setup.replace(old, new), lines)}"
            print(f"{row.rows} {name}: {cells[-1]}", file=sys.stderr)
        text.append(f"| {row.rows} | {row.heading.format(n=f'{lines:,}')} | {' | '.join(cells)} |")
    return "\n".join(text)


def main() -> None:
    """Print the table, or write it into the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer lines")
    parser.add_argument("--write", action="store_true", help="into README.md")
    options = parser.parse_args()
    text = table(options.quick)
    print(text)
    if options.write:
        README.write_text(replaced(README.read_text(), "faults", text))


if __name__ == "__main__":
    main()
