"""Ten programs, one call graph: every line of all ten files has the ID of its own request."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest

from programs import clean_environment, parse, run_command

pytestmark = pytest.mark.once

RUN = Path(__file__).parent.parent / "examples" / "ten_services" / "run.py"


def load() -> Any:
    """Import the example's runner, which is no package."""
    spec = importlib.util.spec_from_file_location("ten_services_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ten = load()

Answer = tuple[int, str | None]
"""The status of a response, and its X-Correlation-ID."""

OWN_LINES = {
    "gateway": 2,
    "orders": 2,
    "stock": 2,
    "prices": 2,
    "quotes": 2,
    "taxes": 2,
    "payments": 1,
    "mail": 2,
    "parcels": 1,
    "label": 1,
}
"""How often a service's own code logs about a request; parcels once more, where it has a label."""

LIFE = {
    "gateway": {
        "uvicorn.error": (
            r"Started server process \[\d+\]|Waiting for application (startup|shutdown)\.|"
            r"Application (startup|shutdown) complete\.|Uvicorn running on .*|Shutting down|"
            r"Finished server process \[\d+\]"
        ),
    },
    "payments": {
        "gunicorn.error": (
            r"Starting gunicorn .*|Listening at: .*|Using worker: .*|"
            r"Booting worker with pid: \d+|Handling signal: term|"
            r"Worker exiting \(pid: \d+\)|Shutting down: Master"
        ),
    },
    "mail": {
        "celery.worker.consumer.connection": r"Connected to filesystem://.*",
        "celery.apps.worker": r"celery@\S+ ready\.",
        "py.warnings": r"You're running the worker with superuser privileges: (?s:.*)",
    },
}
"""What the servers log of their start and end, by service and logger: all that has no ID."""


def one_each(port: int, requests: list[Any]) -> list[Answer]:
    """Send each request on a connection of its own."""
    return [ten.get(port, request) for request in requests]


def kept_alive(port: int, requests: list[Any]) -> list[Answer]:
    """Send the requests one after the other on one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    answers: list[Answer] = []
    try:
        connection.connect()
        sock = connection.sock
        for request in requests:
            assert connection.sock is sock, "the server has closed the connection"
            connection.request("GET", f"/order/{request.number}", headers=request.headers)
            response = connection.getresponse()
            response.read()
            answers.append((response.status, response.headers["X-Correlation-ID"]))
    finally:
        connection.close()
    return answers


def pipelined(port: int, requests: list[Any]) -> list[Answer]:
    """Send the requests in one packet, before any is answered."""
    packet = b""
    for request in requests:
        headers = {"Host": "x", **request.headers}
        if request is requests[-1]:
            headers["Connection"] = "close"
        lines = [f"GET /order/{request.number} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        packet += "\r\n".join([*lines, "", ""]).encode()
    with create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(packet)
        seen = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    statuses = re.findall(r"HTTP/1\.1 (\d+) ", seen)
    ids = re.findall(r"^x-correlation-id: (\S+)\r$", seen, re.MULTILINE | re.IGNORECASE)
    return list(zip(map(int, statuses), ids, strict=True))


Way = Callable[[int, list[Any]], list[Answer]]


def batches() -> Iterator[tuple[str, Way, list[Any]]]:
    """Give 300 requests: where they enter, how they are sent, and those sent on one thread."""
    numbers = count()

    def requests(wanted: int) -> list[Any]:
        return [ten.request(next(numbers)) for _ in range(wanted)]

    for _ in range(200):
        yield "gateway", one_each, requests(1)
    # werkzeug, which serves orders, closes every connection.
    for entry in ("gateway", "stock", "prices", "quotes", "taxes", "payments"):
        for _ in range(4 if entry == "gateway" else 1):
            yield entry, kept_alive, requests(5)
            yield entry, pipelined, requests(5)
    yield "orders", one_each, requests(10)


def test_every_line_of_ten_services_has_its_own_id(tmp_path: Path) -> None:
    """
    Of 200 requests at once, and 100 more that share connections or packets, each line in ten files
    has the ID of its request; each request is in the file of each service it goes through, and
    the lines without an ID are those of the servers' start and end.
    """
    sent = list(batches())
    ids = {each.number: each.correlation_id for _, _, requests in sent for each in requests}
    paths = {
        each.number: ten.path_of(each.number, entry)
        for entry, _, requests in sent
        for each in requests
    }
    through = {
        service: {number for number, path in paths.items() if service in path}
        for service in ten.SERVICES
    }

    with ten.running(tmp_path) as services:
        with ThreadPoolExecutor(len(sent)) as pool:
            answers = [
                pool.submit(way, services.ports[entry], requests) for entry, way, requests in sent
            ]
        services.wait_for(lambda: ten.mailed(services) == through["mail"])
    files = {service: parse(services.log(service).read_text()) for service in ten.SERVICES}

    assert len(ids) == len(set(ids.values())) == 300
    for (entry, way, requests), answer in zip(sent, answers, strict=True):
        wanted = [(200, each.correlation_id) for each in requests]
        assert answer.result() == wanted, (entry, way.__name__)
    missing, foreign, unknown = [], [], []
    for service, lines in files.items():
        for line in lines:
            number, told = ten.number_of(line), line.get("correlation_id")
            if number is None:
                life = LIFE.get(service, {}).get(line["logger"])
                if told is not None or life is None or not re.fullmatch(life, line["message"]):
                    unknown.append(line)
            elif told is None:
                missing.append(line)
            elif told != ids[number]:
                foreign.append(line)
    assert (missing, foreign, unknown) == ([], [], [])
    for service, lines in files.items():
        assert {line["service"] for line in lines} == {service}
        own = [line for line in lines if line["logger"] in ("__main__", service, f"{service}.pool")]
        messages = Counter(line["message"] for line in own)
        assert messages.most_common(1)[0][1] == 1
        expected = dict.fromkeys(through[service], OWN_LINES[service])
        if service == "parcels":
            expected |= dict.fromkeys(through["label"], 2)
        assert Counter(map(ten.number_of, own)) == expected


def test_the_example_prints_the_path_of_one_request(tmp_path: Path) -> None:
    """One command runs the ten and prints a path that goes through all of them, and the counts."""
    done = run_command([sys.executable, str(RUN), "--requests", "5", "--logs", str(tmp_path)])

    assert done.code == 0, done.out + done.err
    head, *path = re.findall(r"^ *(\d+\.\d ms +\w+ +\S+ +.*|The path of .*)$", done.out, re.M)
    assert head.startswith("The path of web-")
    assert {line.split()[2] for line in path} == set(ten.SERVICES)
    assert re.search(r"^5 requests, 10 files: \d+ lines, 0 foreign, 0 missing$", done.out, re.M)
    assert sorted(file.stem for file in tmp_path.glob("*.jsonl")) == sorted(ten.SERVICES)


def test_nothing_is_left_when_the_example_is_killed(tmp_path: Path) -> None:
    """Killed while all are running, the example leaves no process, not even one of a pool."""
    program = """
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        import run
        with run.running(Path(sys.argv[2])) as services:
            run.get(services.ports["gateway"], run.request(0))
            services.wait_for(lambda: run.mailed(services))
            print(*(process.pid for process in services.processes.values()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(RUN.parent), str(tmp_path)],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    groups = set(map(int, done.stdout.split()))

    assert len(groups) == 9
    deadline = time.monotonic() + 30
    while members(groups):
        assert time.monotonic() < deadline, members(groups)
        time.sleep(0.05)


def test_a_service_that_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one of the ten does not start, the run says which and why, and the others are gone."""
    monkeypatch.setitem(ten.COMMANDS, "stock", ["-c", "raise SystemExit('sold out')"])

    with pytest.raises(RuntimeError, match=r"^stock ended with 1:\nsold out"):
        with ten.running(tmp_path) as services:
            services.wait_for(lambda: False)

    assert members({process.pid for process in services.processes.values()}) == []


def members(groups: set[int]) -> list[int]:
    """Return the processes of these process groups that have not ended."""
    found = []
    for process in os.listdir("/proc"):
        try:
            # pid (name) state parent group; a name may contain anything but ends with the last ")"
            text = Path("/proc", process, "stat").read_text()
        except OSError:  # no process, or not any more
            continue
        state, _, group = text.rpartition(")")[2].split()[:3]
        if int(group) in groups and state != "Z":
            found.append(int(process))
    return found
