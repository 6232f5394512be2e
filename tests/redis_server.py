"""A real Redis for the tests: on a free loopback port, in memory, gone when they are done."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START_S = 30.0
"""Longest wait for the server's first answer (seconds)."""


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start a redis-server for the tests of a module; without the program, they are skipped."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server, port = start(program, tmp_path_factory.mktemp("redis"))
    try:
        yield port
    finally:
        server.kill()
        server.wait()


def start(program: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Return the running server and its port; one that somebody else took meanwhile is not ours."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = {"port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no"}
        command = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with (folder / "log").open("ab") as log:
            server = subprocess.Popen([program, *command], stdout=log)
        deadline = time.monotonic() + START_S
        while server.poll() is None and time.monotonic() < deadline:
            if is_answering(port):
                return server, port
            time.sleep(0.02)
        server.kill()
        server.wait()
    raise AssertionError(f"redis-server did not start:\n{(folder / 'log').read_text()}")


def is_answering(port: int) -> bool:
    """Say whether a Redis answers on *port*."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
