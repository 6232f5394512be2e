"""
Count instructions of a log call: `python -m benchmarks.instructions [--check | --store]`.

Times are noisy, instruction counts are not: a child logs a few records, another one many, and the
difference is what the calls between cost, start-up taken out. The caller's thread is counted apart
from the whole process, which includes the writer.

--scenario and --only say what is counted, by default the headline for `stdlib text` and logweft.

--check fails if a ratio to `stdlib text` is more than a tenth above the one that is stored for this
Python version, by default in any scenario that is; --store makes the present ones the budget, by
default of `STORED`. Needs valgrind, or `perf stat` where the machine lets it count.
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
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .contenders import contenders
from .scenarios import SCENARIOS, prepare

ROOT = Path(__file__).parent.parent
BUDGET = ROOT / "benchmarks" / "instructions.json"
BASELINE, OURS = "stdlib text", "logweft"
STORED = ("headline", "fresh", "ordinary", "secret")
"""Scenarios that --store makes a budget for."""

COUNTED = tuple(name for name in SCENARIOS if name not in ("threads", "tasks"))
"""Scenarios that can be counted; those two are the headline's calls, in another order each time."""

FEW, MANY = 500, 2500
RECORDS = {
    # Each call site is learnt from its first eleven calls, and each of the values is new once.
    "ordinary": (8_000, 10_000),
    # Few of what is long, since a child of valgrind is fifty times as slow.
    "exception": (100, 500),
    "long": (100, 500),
    "longer": (50, 100),
}
"""The two numbers of records, for the scenarios in which they are not `FEW` and `MANY`."""

AT_A_TIME = min(2, os.cpu_count() or 1)
"""Children that run beside each other; a count does not depend on who else runs."""

TOLERANCE = 0.10
LIMIT_S = 300

Budget = dict[str, float]
Counts = tuple[int, int]
"""Instructions of the caller's thread and of all threads."""


class CannotCount(Exception):
    """Neither valgrind nor perf works here."""


def _child(name: str, scenario: str, records: int) -> None:
    """Log *records* records, as often as asked and no more."""
    contender = contenders()[name]
    for module in contender.hidden:
        sys.modules[module] = None  # type: ignore[assignment]  # as if it were not installed
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/out.log"
        target = contender.setup(path)
        case = prepare(scenario, contender.dialect, target.logger)
        with contender.bound():
            case.run(target.logger("shop.orders"), range(records))
        target.flush()
        written = Path(path).read_bytes().count(b"\n")
        if scenario == "exception" and contender.line is None and written % records == 0:
            written = min(written, records)  # as text, its traceback has lines, too
        if written != records * case.lines * contender.writes:
            raise SystemExit(f"{name} wrote {written} lines of {scenario} for {records} calls")
    os._exit(0)


def _command(name: str, scenario: str, records: int) -> list[str]:
    child = ["--child", name, scenario, str(records)]
    return [sys.executable, "-m", "benchmarks.instructions", *child]


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


def by_perf(name: str, scenario: str, records: int) -> Counts:
    """Count with `perf stat`, which cannot tell the threads of one process apart."""
    perf = shutil.which("perf")
    if perf is None:
        raise CannotCount("perf is not installed")
    options = ["stat", "-x", ",", "-e", "instructions:u"]
    done = _run([perf, *options, *_command(name, scenario, records)])
    found = re.search(r"^(\d+),.*instructions", done.stderr, re.MULTILINE)
    if done.returncode or found is None:
        raise CannotCount(f"perf stat: {done.stderr.strip()[-200:]}")
    return int(found[1]), int(found[1])


def by_valgrind(name: str, scenario: str, records: int) -> Counts:
    """Count with callgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is not installed")
    with tempfile.TemporaryDirectory() as directory:
        options = ["--tool=callgrind", "--separate-threads=yes"]
        file = f"--callgrind-out-file={directory}/out"
        done = _run([valgrind, *options, file, *_command(name, scenario, records)])
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


def count(
    names: Sequence[str], scenarios: Sequence[str], tool: str
) -> dict[str, dict[str, tuple[float, float]]]:
    """
    Return the instructions of a call by scenario and contender, who skips a scenario left out.

    They are those of the caller's thread, and those of all threads.
    """
    jobs = [
        (name, scenario, records)
        for scenario in scenarios
        for name in names
        if scenario not in contenders()[name].skips
        for records in RECORDS.get(scenario, (FEW, MANY))
    ]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        counts = dict(zip(jobs, pool.map(lambda job: TOOLS[tool](*job), jobs), strict=True))
    found: dict[str, dict[str, tuple[float, float]]] = {scenario: {} for scenario in scenarios}
    for name, scenario in dict.fromkeys(job[:2] for job in jobs):
        few, many = RECORDS.get(scenario, (FEW, MANY))
        less, more = counts[name, scenario, few], counts[name, scenario, many]
        found[scenario][name] = (
            (more[0] - less[0]) / (many - few),
            (more[1] - less[1]) / (many - few),
        )
    return found


def against(count: tuple[float, float], base: tuple[float, float]) -> Budget:
    """Return the two ratios of *count* to *base*."""
    return {"call": count[0] / base[0], "total": count[1] / base[1]}


def exceeded(ratios: Budget, budget: Budget) -> list[str]:
    """Return a sentence for each ratio that is above its budget by more than the tolerance."""
    return [
        f"{which}: {ratios[which]:.3f} is more than {TOLERANCE:.0%} above the budget {most:.3f}"
        for which, most in budget.items()
        if ratios[which] > most * (1 + TOLERANCE)
    ]


def main(arguments: list[str] | None = None) -> None:
    """Count, print, and check or store the ratios."""
    everyone = list(contenders())
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--scenario", nargs="+", metavar="NAME", choices=COUNTED)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=everyone, default=[OURS])
    parser.add_argument("--tool", choices=tuple(TOOLS), default="valgrind")
    parser.add_argument("--check", action="store_true", help="fail if the budget is exceeded")
    parser.add_argument("--store", action="store_true", help="make this the budget")
    parser.add_argument("--child", nargs=3, metavar=("A", "B", "C"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        name, scenario, records = options.child
        _child(name, scenario, int(records))
    if (options.check or options.store) and OURS not in options.only:
        parser.error(f"--check and --store are about {OURS}, which --only leaves out")
    python = ".".join(platform.python_version_tuple()[:2])
    budgets: dict[str, dict[str, Budget]] = (
        json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    )
    stored = budgets.setdefault(python, {})
    scenarios = options.scenario or ["headline"]
    if options.store:
        scenarios = options.scenario or STORED
    elif options.check:
        scenarios = options.scenario or list(stored)
        if missing := ", ".join(name for name in scenarios if name not in stored):
            raise SystemExit(f"no budget for {missing} and Python {python}; make one with --store")
        if not stored:
            raise SystemExit(f"no budget for Python {python}; make one with --store")
    names = [name for name in everyone if name in {BASELINE, *options.only}]
    try:
        counts = count(names, scenarios, options.tool)
    except CannotCount as error:
        raise SystemExit(f"cannot count instructions: {error}") from None
    print(f"Python {platform.python_version()}, {options.tool}, instructions per call:\n")
    print("| | | caller's thread | all threads | ratio | all threads |\n|---|---|--:|--:|--:|--:|")
    problems = []
    for scenario, by_name in counts.items():
        for name, (call, total) in by_name.items():
            ratios = against((call, total), by_name[BASELINE])
            cells = f"{call:,.0f} | {total:,.0f} | {ratios['call']:.3f} | {ratios['total']:.3f}"
            print(f"| {scenario} | {name} | {cells} |")
            if name == OURS and options.store:
                stored[scenario] = {which: round(ratio, 3) for which, ratio in ratios.items()}
            if name == OURS and options.check:
                problems += [f"{scenario}, {each}" for each in exceeded(ratios, stored[scenario])]
    if options.store:
        BUDGET.write_text(json.dumps(budgets, indent=2, sort_keys=True) + "\n")
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
