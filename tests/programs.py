"""Run a program in a process of its own, as a user would, and read its lines. Used by the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT_S = 60.0
"""Longest a test program may run (seconds); one that hangs is a failure, never a skip."""


class Finished(NamedTuple):
    """What a program left: exit code, standard output, and standard error as lines of JSON."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return every line of standard error, parsed strictly; any other text there fails."""
        return parse(self.err)


def parse(text: str) -> list[dict[str, Any]]:
    """Return *text*'s lines as objects, refusing what strict JSON refuses."""
    return [strict(line) for line in text.split("\n") if line]


def strict(line: str) -> dict[str, Any]:
    """Return the object *line* is: no duplicate names, no NaN, no lone surrogate, no control."""

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in members]
        assert len(names) == len(set(names)), f"duplicate names in {line[:500]!r}"
        return dict(members)

    def constant(name: str) -> None:
        raise AssertionError(f"{name} in {line[:500]!r}")

    assert not set(line) & {"\n", "\r", "\x7f", "\x85", "\u2028", "\u2029"}, ascii(line[:500])
    try:
        value = json.loads(line, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise AssertionError(f"not JSON: {line[:2000]!r}") from error
    assert isinstance(value, dict), line[:500]
    json.dumps(value, ensure_ascii=False).encode()  # no lone surrogate
    return value


def run(
    program: str,
    *args: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    python: tuple[str, ...] = (),
    stdin: str | None = None,
) -> Finished:
    """
    Run *program*, Python source text, in a fresh interpreter.

    Args:
        program: the source; its indentation is removed.
        args: the program's arguments.
        cwd: where it runs.
        env: variables added to this process's, without any ``LOGWEFT_`` and ``PYTHONUNBUFFERED``.
        python: the interpreter's own options, such as ``("-X", "dev")``.
        stdin: what it can read.
    """
    return run_command(
        [sys.executable, *python, "-c", textwrap.dedent(program), *args],
        cwd=cwd,
        env=env,
        stdin=stdin,
    )


def run_command(
    command: list[str],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
) -> Finished:
    """Run *command*; see `run`."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would change how a test program logs."""
    unwanted = (
        "LOGWEFT_",
        "PYTHONUNBUFFERED",
        "DD_",
        "OTEL_",
        "K_SERVICE",
        "NO_COLOR",
        "FORCE_COLOR",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    # Now and then gRPC's core writes to stderr by itself that a server has said good-bye.
    return {**kept, "GRPC_VERBOSITY": "ERROR"}
