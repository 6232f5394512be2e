"""Random trees of work over tasks, threads, pools and callbacks: each line has its own ID."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from programs import clean_environment
from work_trees import wrong

PROGRAM = Path(__file__).with_name("work_trees.py")
TIMEOUT_S = 100.0
"""Longest the trees may take to grow (seconds); they take two."""

TREES = 300


@pytest.mark.timeout(TIMEOUT_S + 10)
def test_each_line_has_the_id_and_the_fields_of_its_work(tmp_path: Path) -> None:
    """Whatever a line is logged in and whatever ends beside it, its ID and fields are its own."""
    log = tmp_path / "log"
    subprocess.run(
        [sys.executable, PROGRAM, log, "0", str(TREES)],
        env=clean_environment(),
        timeout=TIMEOUT_S,
        check=True,
    )
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if wrong(line)] == []
    assert len(lines) > 20 * TREES
    assert len({line.get("correlation_id") for line in lines}) > 2 * TREES
