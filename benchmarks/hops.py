"""
What an ID costs on its way: a hop to another thread or process, and a request.

`python -m benchmarks.hops` prints a table, with `--write` into the README; `--quick` only shows
that it runs. The contenders are the extra `bench`. Each pair of scenario and contender is measured
in a fresh interpreter, contender after contender, round after round, so that what else the machine
does meets all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from .readme import README, replaced

ROUNDS = 5
BATCHES = 25
"""In each interpreter. The least disturbed one counts: short ones find the gaps of a busy machine.
One more goes before and is not counted."""

NOTE = (
    "A hop calls a function that does nothing, a request logs nothing. OpenTelemetry also makes "
    "spans of each request, which nobody exports. -: it does not cover that."
)


def nothing() -> None:
    """Do nothing, so that what is measured is the way there and back."""


# ---- scenarios: each makes `run(calls)`


@contextmanager
def thread() -> Iterator[Callable[[int], None]]:
    """Start a thread and join it."""

    def run(calls: int) -> None:
        for _ in range(calls):
            each = threading.Thread(target=nothing)
            each.start()
            each.join()

    yield run


@contextmanager
def submit(pool: Executor) -> Iterator[Callable[[int], None]]:
    """Submit a task and wait for its result."""

    def run(calls: int) -> None:
        for _ in range(calls):
            pool.submit(nothing).result()

    with pool:
        yield run


@contextmanager
def run_in_executor() -> Iterator[Callable[[int], None]]:
    """Await a call in the event loop's executor."""

    async def main(calls: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(calls):
            await loop.run_in_executor(None, nothing)

    yield lambda calls: asyncio.run(main(calls))


@contextmanager
def request(wrap: Callable[[Any], Any]) -> Iterator[Callable[[int], None]]:
    """Call a Starlette application in process, with a traceparent in the request."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def home(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    app = wrap(Starlette(routes=[Route("/", home)]))
    traceparent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"shop"), (b"accept", b"*/*"), (b"traceparent", traceparent)],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }
    statuses: set[int] = set()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        statuses.add(message.get("status", 200))

    async def main(calls: int) -> None:
        for _ in range(calls):
            await app({**scope, "state": {}}, receive, send)

    yield lambda calls: asyncio.run(main(calls))
    assert statuses == {200}, statuses


# ---- contenders: each puts itself in, and is what stands around the calls


@contextmanager
def bare() -> Iterator[None]:
    """Put nothing in."""
    yield


@contextmanager
def logweft() -> Iterator[None]:
    """Install, and be in a unit of work."""
    import logweft as package

    with (
        open(os.devnull, "w") as nowhere,
        package.install(stream=nowhere),
        package.adopt("order-1"),
    ):
        yield


@contextmanager
def opentelemetry() -> Iterator[None]:
    """Instrument threads, and be in a span that nobody exports."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor
    from opentelemetry.sdk.trace import TracerProvider

    trace.set_tracer_provider(TracerProvider())
    ThreadingInstrumentor().instrument()
    with trace.get_tracer(__name__).start_as_current_span("work"):
        yield


def opentelemetry_asgi(app: Any) -> Any:
    """Put OpenTelemetry's middleware around an application."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(app)


def asgi_correlation_id(app: Any) -> Any:
    """Put asgi-correlation-id's middleware around an application."""
    from asgi_correlation_id import CorrelationIdMiddleware

    return CorrelationIdMiddleware(app)


class Contender(NamedTuple):
    """Who is measured: what it puts in, its packages, and how it goes around an application."""

    enter: Callable[[], AbstractContextManager[None]]
    packages: tuple[str, ...]
    wrap: Callable[[Any], Any]


def same(app: Any) -> Any:
    """Return the application: nothing goes around it, or what is put in finds it."""
    return app


CONTENDERS = {
    "bare": Contender(bare, ("starlette",), same),
    "logweft": Contender(logweft, ("logweft",), same),
    "OpenTelemetry": Contender(
        opentelemetry,
        (
            "opentelemetry-sdk",
            "opentelemetry-instrumentation-asgi",
            "opentelemetry-instrumentation-threading",
        ),
        opentelemetry_asgi,
    ),
    "asgi-correlation-id": Contender(bare, ("asgi-correlation-id",), asgi_correlation_id),
}

HOPS = ("bare", "logweft", "OpenTelemetry")


class Scenario(NamedTuple):
    """What is measured: how to make it, calls a batch, and who takes part."""

    make: Callable[[Contender], AbstractContextManager[Callable[[int], None]]]
    calls: int
    contenders: tuple[str, ...]


SCENARIOS = {
    "`Thread` start and join": Scenario(lambda _: thread(), 80, HOPS),
    "`ThreadPoolExecutor.submit().result()`": Scenario(
        lambda _: submit(ThreadPoolExecutor(1)), 200, HOPS
    ),
    "`loop.run_in_executor()`": Scenario(lambda _: run_in_executor(), 100, HOPS),
    # OpenTelemetry does not follow a task into another process.
    "`ProcessPoolExecutor.submit().result()`": Scenario(
        lambda _: submit(ProcessPoolExecutor(1)), 40, ("bare", "logweft")
    ),
    "request to Starlette": Scenario(
        lambda contender: request(contender.wrap), 80, tuple(CONTENDERS)
    ),
}


def measure(scenario: str, contender: str, calls: int) -> float:
    """Return the seconds one call takes, in this interpreter."""
    who = CONTENDERS[contender]
    # A request brings its own unit of work; a hop is made from inside of one.
    with who.enter(), SCENARIOS[scenario].make(who) as run:
        run(calls)
        seconds = []
        for _ in range(BATCHES):
            begin = time.perf_counter()
            run(calls)
            seconds.append((time.perf_counter() - begin) / calls)
    return min(seconds)


def measure_apart(scenario: str, contender: str, calls: int) -> float:
    """Return the seconds one call takes, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hops", "--one", scenario, contender, str(calls)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{contender}, {scenario}: {done.stderr}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def cell(seconds: list[float], baseline: list[float]) -> str:
    """Return how many times the baseline's, each round for itself: median, least and most."""
    ratios = [own / other for own, other in zip(seconds, baseline, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def table(rounds: int, divide: int) -> str:
    """Measure, and return the table."""
    rows = [
        f"| one call | {' | '.join(CONTENDERS)} |",
        f"|---|{'---|' * len(CONTENDERS)}",
    ]
    for name, scenario in SCENARIOS.items():
        seconds: dict[str, list[float]] = {each: [] for each in scenario.contenders}
        for number in range(rounds):
            # Each begins a round in turn.
            turn = number % len(scenario.contenders)
            for each in scenario.contenders[turn:] + scenario.contenders[:turn]:
                calls = max(1, scenario.calls // divide)
                seconds[each].append(measure_apart(name, each, calls))
        cells = [f"{statistics.median(seconds['bare']) * 1e6:.0f} µs"]
        cells += [
            cell(seconds[each], seconds["bare"]) if each in seconds else "-"
            for each in list(CONTENDERS)[1:]
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def versions() -> str:
    """Return what was measured, as one line."""
    packages = [package for each in CONTENDERS.values() for package in each.packages]
    try:
        found = [f"{package} {version(package)}" for package in packages]
    except PackageNotFoundError as error:
        raise SystemExit(f"{error}: install the contenders: pip install -e '.[bench]'") from None
    return f"CPython {platform.python_version()}, {os.cpu_count()} cores; {', '.join(found)}"


def main() -> None:
    """Print the table, or with ``--one`` a single measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hops", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: no numbers to use")
    parser.add_argument("--write", action="store_true", help=f"into {README.name}")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        scenario, contender, calls = options.one
        with contextlib.redirect_stdout(sys.stderr):
            seconds = measure(scenario, contender, int(calls))
        print(json.dumps(seconds))
        return
    if options.write and options.quick:
        parser.error("--write is for the whole run, without --quick")
    told = versions()
    rounds, divide = (1, 40) if options.quick else (ROUNDS, 1)
    note = f"Times bare, each round for itself: median of {rounds} (least to most). {NOTE}"
    text = f"{table(rounds, divide)}\n\n{note}\n\n{told}"
    print(text)
    if options.write:
        README.write_text(replaced(README.read_text(), "hops", text))


if __name__ == "__main__":
    main()
