"""Every example runs, and what it writes is lines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from programs import run_command

pytestmark = pytest.mark.once

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(path.name for path in EXAMPLES.glob("*.py"))
FOLDERS = sorted(f"{path.parent.name}/" for path in EXAMPLES.glob("*/run.py"))
"""Examples of several programs; each has a test file of its own."""


@pytest.mark.parametrize("name", FILES)
def test_an_example_runs_and_writes_lines(name: str, tmp_path: Path) -> None:
    """Each example exits with 0 and writes nothing but strict JSON lines, at least one."""
    done = run_command([sys.executable, str(EXAMPLES / name)], cwd=tmp_path)

    assert done.code == 0, done.err
    assert len(done.lines) >= 1
    assert done.out == ""


def test_the_index_names_every_example() -> None:
    """The index has a row for each example and none for one that is gone; a folder has its test."""
    index = (EXAMPLES / "README.md").read_text()

    rows = [line.split("]")[0].removeprefix("| [") for line in index.splitlines() if "](" in line]

    assert sorted(rows) == sorted([*FILES, *FOLDERS])
    for folder in FOLDERS:
        assert (Path(__file__).parent / f"test_{folder.rstrip('/')}.py").exists()


def test_a_context_does_not_mix_with_another() -> None:
    """Of two orders handled at once, each line has its own order's ID and fields."""
    lines = run_command([sys.executable, str(EXAMPLES / "context.py")]).lines

    assert len(lines) == 8
    for line in lines:
        assert line["correlation_id"].endswith(line["customer"])


def test_no_secret_of_the_example_comes_out() -> None:
    """The secrets in the redaction example are withheld, the words beside them are not."""
    done = run_command([sys.executable, str(EXAMPLES / "withheld.py")])

    assert done.lines[3]["user"] == {"db_password": "[redacted]"}
    for secret in ("hunter2", "abcdef1234567890", "tiger", "k-123", "blue-horse-42"):
        assert secret not in done.err
    assert done.lines[3]["max_tokens"] == 512
    assert "the author is Ada" in done.lines[4]["message"]


def test_the_rules_of_the_redaction_example_hold() -> None:
    """The example's own names, patterns, paths and types are obeyed by both formatters."""
    lines = run_command([sys.executable, str(EXAMPLES / "redaction.py")]).lines

    by_message = {line["message"]: line for line in lines}
    assert "paid with ****1881 by ada@mail.example.com" in by_message
    assert by_message[" closed"]["badge_no"] == "[name]"
    assert by_message["seen"]["customer"] == {"ada": {"note": "[path]", "visits": 3}}
    assert by_message["hello"]["customer"] == {"number": 7}
    assert by_message["login password=[name]"]["badge_no"] == "[name]"
