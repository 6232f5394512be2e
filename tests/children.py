"""Run a program that may hang: in a child, with a hard deadline and faulthandler. Used by tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from typing import Any

import pytest

from programs import Finished, clean_environment, parse

DEADLINE_S = 60
"""Longest a child may take (seconds); then it shows where each thread is, and fails."""

PRELUDE = """
import atexit, ctypes, gc, json, logging, logging.handlers, os, resource, select, signal, socket
import stat, subprocess, sys, threading, time, warnings
import logweft

warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+: fork beside a thread
log = logging.getLogger("app")
log.setLevel("INFO")
log.propagate = False

def identity(stats):
    assert stats.accepted == stats.written + sum(stats.dropped.values()) + stats.depth, stats

def to(handler, **options):
    log.addHandler(handler)
    return logweft.install(**options)

def to_file(path, **options):
    return to(logging.FileHandler(path), **options)

def fill(descriptor):
    os.set_blocking(descriptor, False)
    for size in (65536, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(descriptor, True)

def read_in_thread(descriptor, into):
    def read():
        while piece := os.read(descriptor, 1 << 20):
            into.extend(piece)
    thread = threading.Thread(target=read)
    thread.start()
    return thread

def run_threads(number, work):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
"""

STUCK = """
reader, writer = os.pipe()
fill(writer)
log.addHandler(logging.StreamHandler(open(writer, "w", closefd=False)))
"""
"""A pipe that is full, and that nobody reads, as the target."""

both_bufferings = pytest.mark.parametrize(
    "env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"]
)
"""PYTHONUNBUFFERED hides faults at the exit, and some container images set it."""


def rounds(few: int, full: int) -> Any:
    """Return the mark: *few* times, or under `-m soak` the *full* number of the matrix."""
    soak = [pytest.mark.soak, pytest.mark.timeout(900)]
    return pytest.mark.parametrize("rounds", [few, pytest.param(full, marks=soak)])


def child(
    program: str,
    *args: object,
    env: dict[str, str] | None = None,
    python: tuple[str, ...] = (),
    deadline: float | None = None,
) -> Finished:
    """Run *program* after the prelude under faulthandler, with a hard deadline (seconds)."""
    # No watchdog in the child itself: faulthandler's is a thread, and these programs fork.
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *python, "-c", PRELUDE + textwrap.dedent(program)]
        + [str(arg) for arg in args],
        env={**clean_environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=deadline or DEADLINE_S)
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


def succeed(
    program: str,
    *args: object,
    env: dict[str, str] | None = None,
    python: tuple[str, ...] = (),
    deadline: float | None = None,
) -> Finished:
    """Run *program*, which must end with 0."""
    done = child(program, *args, env=env, python=python, deadline=deadline)
    assert done.code == 0, f"exit code {done.code}\n{done.out[-3000:]}\n{done.err[-5000:]}"
    return done


def messages(text: str, logger: str = "app") -> list[str]:
    """Return the messages of one logger's lines, in order."""
    return [line["message"] for line in parse(text) if line["logger"] == logger]
