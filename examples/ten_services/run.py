"""
Ten programs of ten kinds form one call graph; each request that goes in keeps its ID everywhere.

    python examples/ten_services/run.py [--requests 200] [--logs DIRECTORY]

starts the ten, sends the requests at once, stops the ten, and reads the ten files they have logged
to: it prints the path of one request, and how many lines have another request's ID, or none.
"""

import argparse
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
DEADLINE_S = 60.0

CALLS = {
    "gateway": ["orders"],
    "orders": ["stock", "payments"],
    "stock": ["prices"],
    "prices": ["quotes"],
    "quotes": ["taxes"],
    "payments": ["mail"],
    "mail": ["parcels"],
    "parcels": ["label"],
}

HTTP = {
    "gateway": ["-m", "uvicorn", "gateway:app", "--fd", "{fd}"],
    "orders": ["orders.py"],
    "stock": ["stock.py"],
    "prices": ["prices.py"],
    "quotes": ["quotes.py"],
    "taxes": ["taxes.py"],
    "payments": ["-m", "gunicorn", "-c", "gunicorn.conf.py", "payments:application"],
}

COMMANDS = HTTP | {
    "mail": ["-m", "celery", "-q", "-A", "mail", "worker", "-l", "INFO", "--concurrency", "2"],
    "parcels": ["parcels.py"],
}

SERVICES = [*COMMANDS, "label"]

GUARD = """
import os, signal, sys
groups = [int(line) for line in sys.stdin]  # ends when the starter closes it, or is gone
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""

Line = dict[str, Any]


class Request(NamedTuple):
    """A request: what its messages call it, its headers, and the ID its lines must have."""

    number: int
    headers: dict[str, str]
    correlation_id: str


def request(number: int) -> Request:
    """Make a request: most have an ID of their own, every fourth comes with a trace instead."""
    if number % 4 == 3:
        trace = secrets.token_hex(16)
        return Request(number, {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}, trace)
    own = f"web-{secrets.token_hex(4)}"
    return Request(number, {"X-Correlation-ID": own}, own)


def path_of(number: int, entry: str = "gateway") -> list[str]:
    """Return the services a request goes through; parcels has a label for every tenth order."""
    calls = [called for called in CALLS.get(entry, ()) if called != "label" or number % 10 == 0]
    return [entry, *(service for called in calls for service in path_of(number, called))]


# ---- processes


class Running:
    """The nine programs that wait for work; the tenth is started by one of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports: dict[str, int] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, service: str) -> Path:
        """Return the file a service logs to."""
        return self.directory / f"{service}.jsonl"

    def start(self, guard: Any) -> None:
        """Start all at once: their sockets listen already, so that none waits for another."""
        queue = self.directory / "queue"
        queue.mkdir()
        with ExitStack() as stack:
            sockets = {}
            for name in [*HTTP, "parcels"]:
                sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
                sockets[name] = stack.enter_context(sock)
                self.ports[name] = sock.getsockname()[1]
            environment = {
                **os.environ,
                **{f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
                "QUEUE": str(queue),
                "LABEL_LOG": str(self.log("label")),
            }
            for name in COMMANDS:
                fd = sockets[name].fileno() if name in sockets else -1
                self.processes[name] = self._start(name, environment, fd)
                guard.write(b"%d\n" % self.processes[name].pid)
                guard.flush()

    def _start(self, name: str, environment: dict[str, str], fd: int) -> subprocess.Popen[bytes]:
        with self.log(name).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *(part.format(fd=fd) for part in COMMANDS[name])],
                cwd=HERE,
                env={**environment, "LISTEN_FD": str(fd)},
                pass_fds=[fd] if fd >= 0 else [],
                stdin=subprocess.DEVNULL,
                # Access lines go to standard output; celery prints its good-bye there.
                stdout=subprocess.DEVNULL if name == "mail" else log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise RuntimeError if a program has ended, with the end of what it has written."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                tail = self.log(name).read_text()[-2000:]
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{tail}")

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + DEADLINE_S
        while not done():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done after {DEADLINE_S} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask all to end, and wait until they have."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + DEADLINE_S / 2
        for name, process in self.processes.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"{name} does not end") from None


@contextmanager
def running(directory: Path) -> Iterator[Running]:
    """Run the services for the block; afterwards nothing is left of them, whatever happens."""
    services = Running(directory)
    # A process of its own, since this one may be killed: it kills what is left of the others.
    guard = subprocess.Popen(
        [sys.executable, "-c", GUARD], stdin=subprocess.PIPE, start_new_session=True
    )
    assert guard.stdin is not None
    try:
        services.start(guard.stdin)
        try:
            yield services
        finally:
            services.check()  # that one has ended is the cause of whatever else went wrong
        services.stop()
    finally:
        guard.stdin.close()
        guard.wait(DEADLINE_S)
        for process in services.processes.values():
            process.wait(DEADLINE_S)


# ---- requests and lines


def get(port: int, request: Request) -> tuple[int, str | None]:
    """Send one request; return the status, and the ID of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", f"/order/{request.number}", headers=request.headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["X-Correlation-ID"]
    finally:
        connection.close()


def mailed(services: Running) -> set[int]:
    """Return the numbers of the orders that are through the queue, the end of every path."""
    return set(map(int, re.findall(r"order (\d+) is on its way", services.log("mail").read_text())))


def number_of(line: Line) -> int | None:
    """Return the number of the request that a line is about: it is in its message or URL."""
    found = re.search(r"\border[ /-](\d+)", line["message"])
    return int(found[1]) if found else None


def collect(directory: Path) -> list[Line]:
    """Return the lines of all files, in order of time."""
    files = (directory / f"{service}.jsonl" for service in SERVICES)
    lines = [json.loads(text) for file in files for text in file.read_text().splitlines()]
    return sorted(lines, key=lambda line: line["timestamp"])


def count(lines: list[Line], ids: dict[int, str]) -> dict[str, int]:
    """Count the lines, those with an ID that is not their request's, and those without theirs."""
    counts = {"lines": len(lines), "foreign": 0, "missing": 0}
    for line in lines:
        number, told = number_of(line), line.get("correlation_id")
        wanted = None if number is None else ids[number]
        if told != wanted:
            counts["missing" if told is None else "foreign"] += 1
    return counts


def show(lines: list[Line], correlation_id: str) -> Iterator[str]:
    """Show the path of one request: when, which service, how deep in the calls, what."""
    depths = {"gateway": 0}
    for caller, called in CALLS.items():
        depths |= dict.fromkeys(called, depths[caller] + 1)
    own = [line for line in lines if line.get("correlation_id") == correlation_id]
    begin = seconds(own[0])
    for line in own:
        service = "  " * depths[line["service"]] + line["service"]
        offset = 1000 * (seconds(line) - begin)
        yield f"{offset:7.1f} ms  {service:<20} {line['logger']:<16} {line['message']}"


def seconds(line: Line) -> float:
    """Return when the line was made, within its day (seconds)."""
    hours, minutes, rest = line["timestamp"][11:-1].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def main(requests: int, directory: Path) -> int:
    """Run it all; return the exit code."""
    sent = [request(number) for number in range(requests)]
    with running(directory) as services:
        port = services.ports["gateway"]
        with ThreadPoolExecutor(requests) as pool:
            answers = list(pool.map(lambda each: get(port, each), sent))
        services.wait_for(lambda: len(mailed(services)) == requests)
    lines = collect(directory)
    ids = {each.number: each.correlation_id for each in sent}
    counts = count(lines, ids)
    print(f"The path of {ids[0]}:\n")
    print(*show(lines, ids[0]), sep="\n")
    print(f"\n{requests} requests, {len(SERVICES)} files:", end=" ")
    print(*(f"{number} {what}" for what, number in counts.items()), sep=", ")
    answered = answers == [(200, each.correlation_id) for each in sent]
    return 0 if answered and not counts["foreign"] and not counts["missing"] else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--requests", type=int, default=200, help="how many, all at once")
    parser.add_argument("--logs", type=Path, help="where the files are kept; a new directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        logs = options.logs or Path(temporary)
        logs.mkdir(parents=True, exist_ok=True)
        sys.exit(main(options.requests, logs))
