"""The same random history of configuration and log calls, with logweft and without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from programs import clean_environment

PROGRAM = Path(__file__).with_name("histories.py")
TIMEOUT_S = 100.0
"""Longest one run of the histories may take (seconds); it takes five."""

HISTORIES = 300


def histories(mode: str, first: int, options: dict[str, Any]) -> dict[str, Any]:
    """Return what came where, by history."""
    done = subprocess.run(
        [sys.executable, PROGRAM, mode, str(first), str(first + HISTORIES), json.dumps(options)],
        env=clean_environment(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.timeout(2 * TIMEOUT_S + 10)
@pytest.mark.parametrize(
    ("first", "options"),
    [(0, {}), (1000, {"queue": False}), (2000, {"fast": False}), (3000, {"sticky": False})],
    ids=["default", "queue=False", "fast=False", "sticky=False"],
)
def test_what_comes_where_is_what_plain_logging_writes(first: int, options: dict[str, Any]) -> None:
    """
    Whatever others configure and log meanwhile, each file gets the messages that it gets without
    logweft, and each handler of somebody's own the same records in the same order.
    """
    plain, ours = (histories(mode, first, options) for mode in ("plain", "ours"))
    assert sum(len(lines) for told in plain.values() for lines in told.values()) > 10 * HISTORIES
    for seed in plain:
        theirs, told = plain[seed], ours[seed]
        assert told.pop("handlers") == theirs.pop("handlers"), f"history {seed}"
        # A removed handler's lines are written without a wait: whoever adds it again, with a
        # formatter of their own, may write before them.
        for each in (theirs, told):
            for lines in each.values():
                lines.sort()
        assert told == theirs, f"history {seed}"
