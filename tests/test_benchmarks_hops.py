"""The benchmarks run, and print a table that renders; what they measure is nobody's to assert."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from programs import run_command

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
RATIO = r"\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)"


def test_hops_prints_a_table_with_every_contender_and_its_version() -> None:
    """`--quick` measures each scenario by each contender that covers it, and names the versions."""
    done = run_command([sys.executable, "-m", "benchmarks.hops", "--quick"], cwd=ROOT)

    assert done.code == 0, done.err
    head, rule, *rows = [line for line in done.out.splitlines() if line.startswith("|")]
    names = ["one call", "bare", "logweft", "OpenTelemetry", "asgi-correlation-id"]
    assert [cell.strip() for cell in head.strip("|").split("|")] == names
    assert rule == "|" + "---|" * len(names)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert len({row[0] for row in cells}) == len(cells) == 5
    for row in cells:
        assert re.fullmatch(r"\d+ µs", row[1])
        assert re.fullmatch(RATIO, row[2])
        assert all(re.fullmatch(rf"{RATIO}|-", cell) for cell in row[3:])
    assert [row.count("-") for row in cells] == [1, 1, 1, 2, 0]
    for package in ("CPython", "logweft", "starlette", "opentelemetry-sdk", "asgi-correlation-id"):
        assert re.search(rf"{package} \d+\.", done.out)


def test_hops_says_what_to_install(tmp_path: Path) -> None:
    """Without a contender it ends before anything is measured, and says how to get it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "found = metadata.version\n"
        "def version(name):\n"
        "    if name == 'asgi-correlation-id':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "metadata.version = version\n"
    )
    done = run_command(
        [sys.executable, "-m", "benchmarks.hops"], cwd=ROOT, env={"PYTHONPATH": str(tmp_path)}
    )

    assert done.code == 1
    assert done.out == ""
    assert "asgi-correlation-id: install the contenders: pip install -e '.[bench]'" in done.err
