"""
Count instructions of the headline call: `python -m benchmarks.instructions [--check | --store]`.

Times are noisy, instruction counts are not: a child logs `FEW` records, another one `MANY`, and the
difference is what the calls between cost, start-up taken out. The caller's thread is counted apart
from the whole process, which includes the writer.

--check fails if the ratio to `stdlib text` is more than a tenth above the one that is stored for
this Python version; --store makes the present one the budget. Needs valgrind, or `perf stat` where
the machine lets it count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .contenders import contenders
from .scenarios import prepare

ROOT = Path(__file__).parent.parent
BUDGET = ROOT / "benchmarks" / "instructions.json"
BASELINE, OURS = "stdlib text", "logweft"
FEW, MANY = 500, 2500
TOLERANCE = 0.10
LIMIT_S = 300

Counts = tuple[int, int]
"""Instructions of the caller's thread and of all threads."""


class CannotCount(Exception):
    """Neither valgrind nor perf works here."""


def _child(name: str, records: int) -> None:
    """Log *records* headline records, as often as asked and no more."""
    contender = contenders()[name]
    for module in contender.hidden:
        sys.modules[module] = None  # type: ignore[assignment]  # as if it were not installed
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/out.log"
        target = contender.setup(path)
        case = prepare("headline", contender.dialect, target.logger)
        with contender.bound():
            case.run(target.logger("shop.orders"), range(records))
        target.flush()
        if len(Path(path).read_text().splitlines()) != records:
            raise SystemExit(f"{name} did not write {records} lines")
    os._exit(0)


def _command(name: str, records: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.instructions", "--child", name, str(records)]


def _run(command: Iterable[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(
        [*command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        stdin=subprocess.DEVNULL,
    )


def by_perf(name: str, records: int) -> Counts:
    """Count with `perf stat`, which cannot tell the threads of one process apart."""
    perf = shutil.which("perf")
    if perf is None:
        raise CannotCount("perf is not installed")
    done = _run([perf, "stat", "-x", ",", "-e", "instructions:u", *_command(name, records)])
    found = re.search(r"^(\d+),.*instructions", done.stderr, re.MULTILINE)
    if done.returncode or found is None:
        raise CannotCount(f"perf stat: {done.stderr.strip()[-200:]}")
    return int(found[1]), int(found[1])


def by_valgrind(name: str, records: int) -> Counts:
    """Count with callgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is not installed")
    with tempfile.TemporaryDirectory() as directory:
        options = ["--tool=callgrind", "--separate-threads=yes"]
        file = f"--callgrind-out-file={directory}/out"
        done = _run([valgrind, *options, file, *_command(name, records)])
        if done.returncode:
            raise CannotCount(f"valgrind: {done.stderr.strip()[-500:]}")
        counts = {
            path.name: int(found[1])
            for path in Path(directory).glob("out-*")
            if (found := re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE))
        }
    if "out-01" not in counts:
        raise CannotCount(f"valgrind: no totals of the main thread, only {sorted(counts)}")
    return counts["out-01"], sum(counts.values())


TOOLS = {"valgrind": by_valgrind, "perf": by_perf}


def per_call(name: str, tool: str) -> tuple[float, float]:
    """Return the instructions of a call: on the caller's thread, and of all threads."""
    few, many = (TOOLS[tool](name, records) for records in (FEW, MANY))
    return (many[0] - few[0]) / (MANY - FEW), (many[1] - few[1]) / (MANY - FEW)


def exceeded(ratios: dict[str, float], budget: dict[str, float]) -> list[str]:
    """Return a sentence for each ratio that is above its budget by more than the tolerance."""
    return [
        f"{which}: {ratios[which]:.3f} is more than {TOLERANCE:.0%} above the budget {most:.3f}"
        for which, most in budget.items()
        if ratios[which] > most * (1 + TOLERANCE)
    ]


def main(arguments: list[str] | None = None) -> None:
    """Count, print, and check or store the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--tool", choices=tuple(TOOLS), default="valgrind")
    parser.add_argument("--check", action="store_true", help="fail if the budget is exceeded")
    parser.add_argument("--store", action="store_true", help="make this the budget")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "RECORDS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        _child(options.child[0], int(options.child[1]))
    try:
        counts = {name: per_call(name, options.tool) for name in (BASELINE, OURS)}
    except CannotCount as error:
        raise SystemExit(f"cannot count instructions: {error}") from None
    ratios = {
        "call": counts[OURS][0] / counts[BASELINE][0],
        "total": counts[OURS][1] / counts[BASELINE][1],
    }
    python = ".".join(platform.python_version_tuple()[:2])
    print(f"Python {platform.python_version()}, {options.tool}, instructions per headline call:\n")
    print("| | caller's thread | all threads |\n|---|--:|--:|")
    for name, (call, total) in counts.items():
        print(f"| {name} | {call:,.0f} | {total:,.0f} |")
    print(f"| ratio | {ratios['call']:.3f} | {ratios['total']:.3f} |")
    budgets = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    if options.store:
        budgets[python] = {which: round(ratio, 3) for which, ratio in ratios.items()}
        BUDGET.write_text(json.dumps(budgets, indent=2, sort_keys=True) + "\n")
    if options.check:
        if python not in budgets:
            raise SystemExit(f"no budget for Python {python}; make one with --store")
        if problems := exceeded(ratios, budgets[python]):
            raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
