"""The README's generated parts are what their generator writes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from programs import run_command

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent


def test_the_table_of_integrations_is_up_to_date(tmp_path: Path) -> None:
    """Generating the README again changes nothing; if it does: python -m benchmarks.readme."""
    done = run_command(
        [
            sys.executable,
            "-c",
            "from benchmarks.readme import README, rendered\n"
            "assert rendered(README.read_text()) == README.read_text()\n",
        ],
        cwd=ROOT,
    )

    assert done.code == 0, done.err
