"""
Measure what logging costs: `python -m benchmarks [--rounds 5] [--quick] [--write]`.

Each contender runs in a fresh process per round, the rounds one after another, the order shuffled.
A ratio is taken to `stdlib text` of the same round, and the median over the rounds is printed. A
line that is not what its contender claims makes an error of its row; rows we lose stay.

For a second interpreter: there `--json FILE`, then here `--write --beside FILE`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .contenders import Contender, contenders
from .readme import README, replaced
from .scenarios import SCENARIOS

BASELINE, OURS = "stdlib text", "logweft"
BUILDS = (OURS, f"{OURS}, compiled")
"""What is looked at against the goals; the second has not all of the measures."""

ROOT = Path(__file__).parent.parent
CHART = ROOT / "benchmarks" / "speed.svg"

BUSY = 1.0
"""Load average from which on numbers are noise, and not written."""

CHILD_LIMIT_S = 60
FULL_ROUNDS = 2
"""Rounds with a sink that takes nothing; they mostly wait, and differ little."""

SERVICE = (
    "stdlib NullHandler",
    "stdlib text",
    "logweft",
    "logweft, orjson",
    "logweft, queue=False",
    "stdlib QueueHandler + python-json-logger",
    "structlog native, orjson",
    "loguru serialize, enqueue",
    "rapidlog",
)
"""Who also runs as a service, and with a sink that stalls or takes nothing."""

_CLOCK = "import time; began = time.perf_counter_ns(); "
_TELL = "; print(time.perf_counter_ns() - began)"
_BARE = "import sys; sys.modules.update(orjson=None, msgspec=None); "
IMPORTS = {
    "import logging": f"{_CLOCK}import logging{_TELL}",
    "import structlog": f"{_CLOCK}import structlog{_TELL}",
    "import pythonjsonlogger.json": f"{_CLOCK}import pythonjsonlogger.json{_TELL}",
    "import logweft": f"{_BARE}{_CLOCK}import logweft{_TELL}",
    "import logweft, orjson and msgspec installed": f"{_CLOCK}import logweft{_TELL}",
    "logweft.install()": f"{_BARE}import logweft; {_CLOCK}logweft.install(){_TELL}",
}
"""Programs that print what their last statement took (ns)."""

Report = dict[str, Any]
Rounds = list[Report]


class Taken(NamedTuple):
    """What a run has measured and when; as JSON it is what --json leaves and --beside takes."""

    python: str
    date: str
    rounds: int
    load: float
    kinds: dict[str, dict[str, Rounds]]
    imports: Rounds
    quick: bool = False

    @classmethod
    def read(cls, path: str) -> Taken:
        """Return what *path* holds, or raise what argparse makes a message of."""
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (OSError, ValueError, TypeError) as error:
            message = f"{path} is not what --json leaves: {error}"
            raise argparse.ArgumentTypeError(message) from None

    @property
    def when(self) -> str:
        """Return the date, the rounds and the load."""
        return (
            f"{self.date}; medians of {self.rounds} rounds, load average at the start "
            f"{self.load:.2f}" + ("; QUICK: too short to be trusted" if self.quick else "")
        )


# --- Measuring


def _measure(name: str, kind: str, options: argparse.Namespace) -> Report:
    with tempfile.NamedTemporaryFile() as file:
        command = [sys.executable, "-m", "benchmarks.measure", name, kind, file.name]
        command += ["--quick"] if options.quick else []
        command += ["--scenario", *options.scenario] if kind == "calls" else []
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                timeout=CHILD_LIMIT_S,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"hung for {CHILD_LIMIT_S} s"}
        written = Path(file.name).read_text()
    if done.stderr.strip() and options.verbose:
        print(f"{name}: {done.stderr[-2000:]}", file=sys.stderr)
    return json.loads(written) if written else {"error": f"died with code {done.returncode}"}


def _imports() -> dict[str, float | None]:
    """Return what each of `IMPORTS` takes (ns), the median of three processes; None: it cannot."""

    def once(program: str) -> int | None:
        command = [sys.executable, "-I", "-c", program]
        done = subprocess.run(command, capture_output=True, timeout=60)
        return None if done.returncode else int(done.stdout)

    times = {name: [once(program) for _ in range(3)] for name, program in IMPORTS.items()}
    return {name: None if None in each else statistics.median(each) for name, each in times.items()}


def measure(options: argparse.Namespace) -> tuple[dict[str, dict[str, Rounds]], Rounds]:
    """Return the reports by kind and contender, one for each round, and the imports' times."""
    kinds = {kind: dict[str, Rounds]() for kind in ("calls", "lag", "stall", "full")}
    imports: Rounds = []
    for number in range(options.rounds):
        jobs = [(name, "calls") for name in options.names]
        if options.service:
            jobs += [
                (name, kind)
                for kind in ("lag", "stall", "full")[: 3 if number < FULL_ROUNDS else 2]
                for name in SERVICE
                if name in options.names and (kind == "lag" or contenders()[name].writes)
            ]
            imports.append(_imports())
        random.Random(number).shuffle(jobs)
        for at, (name, kind) in enumerate(jobs, 1):
            if sys.stderr.isatty() or options.verbose:
                print(f"round {number + 1}, {at}/{len(jobs)}: {kind} {name}", file=sys.stderr)
            kinds[kind].setdefault(name, []).append(_measure(name, kind, options))
    return kinds, imports


# --- Figures


def _at(report: Report, path: Sequence[str]) -> float | None:
    value: Any = report
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def values(rounds: Iterable[Report], *path: str) -> list[float]:
    """Return what the rounds have under *path*."""
    return [value for each in rounds if (value := _at(each, path)) is not None]


def _paced(report: Report, *path: str) -> float | None:
    """Return what is under *path*, in loops of fixed work where they were timed beside it."""
    value = _at(report, path)
    return value and value / (_at(report, (*path[:-1], f"{path[-1]}_pace")) or 1)


def _quotients(pairs: Iterable[tuple[float | None, float | None]]) -> list[float]:
    return [value / of for value, of in pairs if value is not None and of]


def ratios(rounds: Rounds, base: Rounds, *path: str) -> list[float]:
    """Return each round's value over that of *base* in the same round, both at one pace."""
    pairs = zip(rounds, base, strict=False)
    return _quotients((_paced(each, *path), _paced(other, *path)) for each, other in pairs)


def _cell(found: Sequence[float], text: Callable[[float], str]) -> str:
    return text(statistics.median(found)) if found else "-"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _us(value: float) -> str:
    if value < 1e3:
        return f"{value / 1e3:.3f}"
    return f"{value / 1e3:,.1f}" if value < 1e5 else f"{value / 1e3:,.0f}"


def _ms(value: float) -> str:
    return f"{value / 1e6:,.2f}" if value < 1e7 else f"{value / 1e6:,.0f}"


def _mib(value: float) -> str:
    return f"{value / 1024:,.1f}"


def trouble(rounds: Rounds) -> str:
    """Return what went wrong in any round, in one sentence, or nothing."""
    for each in rounds:
        if "missing" in each:
            return f"not installed: {each['missing']}"
        if "error" in each:
            return f"ERROR {each['error']}"
        for name, costs in each.get("scenarios", {}).items():
            if "error" in costs:
                return f"ERROR in {name}: {costs['error']}"
    return ""


def _is_wrong(rounds: Rounds, scenario: str) -> bool:
    return any(_at(each, ("scenarios", scenario, "error")) for each in rounds)


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:200]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


# --- Tables


def machine(taken: Taken) -> str:
    """Return what the numbers hold for: machine, versions, date, load."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{platform.python_implementation()} {taken.python}, {cpu}, {os.cpu_count()} cores, "
        f"Linux {platform.release().split('-')[0]}, {taken.when}"
    )


def headline(all_of: dict[str, Contender], calls: dict[str, Rounds]) -> str:
    """Return the table of the headline record."""
    base = calls.get(BASELINE, [])
    rows = []
    for name, rounds in calls.items():
        path = ("scenarios", "headline")
        call, total = ratios(rounds, base, *path, "call"), ratios(rounds, base, *path, "total")
        spread = f" ({min(call):.2f}-{max(call):.2f})" if len(call) > 1 else ""
        versions = next((each["versions"] for each in rounds if each.get("versions")), "")
        rows.append(
            (
                name,
                _cell(call, _ratio) + spread,
                _cell(ratios(rounds, base, *path, "call_cpu"), _ratio),
                _cell(total, _ratio),
                *(
                    _cell(values(rounds, *path, key), _us)
                    for key in ("call", "total", "p99", "max")
                ),
                _cell(values(rounds, "peak_kib"), _mib),
                _escaped("; ".join(filter(None, [trouble(rounds), all_of[name].lacks]))),
                versions,
            )
        )
    head = "|call, wall|call, CPU|total, CPU|call, µs|total, µs|p99, µs|max, µs|peak RSS, MiB"
    return _table([*head.split("|"), "what it does not do", "versions"], rows)


def by_scenario(calls: dict[str, Rounds], names: Sequence[str], key: str) -> str:
    """Return the table of ratios by scenario."""
    base = calls.get(BASELINE, [])

    def cell(rounds: Rounds, scenario: str) -> str:
        if _is_wrong(rounds, scenario):
            return "wrong"
        return _cell(ratios(rounds, base, "scenarios", scenario, key), _ratio)

    rows = [(name, *(cell(rounds, each) for each in names)) for name, rounds in calls.items()]
    in_us = (_cell(values(base, "scenarios", each, key), _us) for each in names)
    return _table(["", *names], [(f"{BASELINE}, µs", *in_us), *rows])


def service(lag: dict[str, Rounds], stall: dict[str, Rounds], full: dict[str, Rounds]) -> str:
    """Return the table of a service and of sinks that stall."""
    rows = []
    for name in lag:
        stuck = full.get(name, [])
        lost = values(stuck, "lost")
        blocked = values(stuck, "blocked_after")
        row = [name]
        for which in (lag, stall):
            rounds = which.get(name, [])
            row += [_cell(values(rounds, key), _ms) for key in ("p50", "p99")]
            row.append(_cell(ratios(rounds, which.get(BASELINE, []), "p99"), _ratio))
        row.append(_cell(values(stuck, "rss_kib"), _mib))
        row += [_cell(values(stuck, key), _us) for key in ("p99", "max")]
        if blocked:
            row.append(f"hangs after {max(blocked):,.0f} lines")
        else:
            row.append(_cell(lost, lambda value: f"{value:,.0f} lost"))
        row.append(_escaped(trouble([*lag[name], *stall.get(name, []), *stuck])))
        rows.append(row)
    head = "|lag p50, ms|p99, ms|ratio|stalling sink: p50, ms|p99, ms|ratio|no sink: RSS, MiB"
    return _table([*head.split("|"), "p99, µs", "max, µs", "of 12,100 lines", ""], rows)


def _to_structlog(imports: Rounds, name: str) -> list[float]:
    return _quotients((_at(each, (name,)), _at(each, ("import structlog",))) for each in imports)


def imports_table(imports: Rounds) -> str:
    """Return the table of import times."""
    rows = [
        (
            f"`{name}`",
            _cell(values(imports, name), _ms),
            _cell(_to_structlog(imports, name), _ratio),
        )
        for name in IMPORTS
    ]
    return _table(["", "ms", "against `import structlog`"], rows)


Goal = tuple[str, str, str, str]
"""What it is about, what it is, what it must be at most, and what we aim at."""


def own_goals(runs: Sequence[Taken]) -> str:
    """Return what logweft is to reach, and what it does in each of *runs*, one an interpreter."""

    columns = [
        (taken, build)
        for build in BUILDS
        for taken in runs
        if build == OURS or build in taken.kinds["calls"]
    ]

    def row(goals: Sequence[Goal]) -> list[str]:
        name, _, must, aim = goals[0]
        musts = [goal[2] for goal in goals[: len(runs)]]
        if len(set(musts)) > 1:
            must = " / ".join(musts)
        return [name, *(goal[1] for goal in goals), must, aim]

    head = ["", *(f"is, {_titled(*column)}" for column in columns), "must", "aim"]
    goals = (_goals(*column) for column in columns)
    return _table(head, map(row, zip(*goals, strict=True)))


def _titled(taken: Taken, build: str) -> str:
    return f"{taken.python}{build.removeprefix(OURS)}"


def _goals(taken: Taken, build: str = OURS) -> list[Goal]:
    calls, lag, stall, full = (
        taken.kinds.get(kind, {}) for kind in ("calls", "lag", "stall", "full")
    )
    ours = calls.get(build, [])
    imports = taken.imports if build == OURS else []

    def against(key: str, scenario: str, base: str = BASELINE, of: str = build) -> list[float]:
        return ratios(calls.get(of, []), calls.get(base, []), "scenarios", scenario, key)

    def scenario(name: str, key: str, base: str = BASELINE, of: str = build) -> str:
        return _cell(against(key, name, base, of), _ratio)

    def lateness(kind: dict[str, Rounds]) -> str:
        return _cell(ratios(kind.get(build, []), kind.get(BASELINE, []), "p99"), _ratio)

    def with_another(name: str) -> Goal:
        text = f"{BASELINE} + {name}"
        # What it adds to plain text it may add to us: it is not ours to make cheaper.
        bounds = [(0.85 + (each - 1)) / each for each in against("call", "headline", of=text)]
        return (
            f"`call` with {name}, against text with {name}",
            scenario("headline", "call", text, f"{build} + {name}"),
            _cell(bounds, _ratio),
            "",
        )

    def first(key: str) -> str:
        own, others = _to_text(calls, build, "headline", key), rivals(calls, "headline", key)
        return f"{own / others[0][0]:.2f} ({others[0][1]})" if own and others else "-"

    bare = against("call", "ordinary", f"{build}, redact=False")
    shares = [1 - 1 / each for each in bare if each]
    secret = _quotients(
        (_paced(each, "scenarios", "secret", "call"), _paced(each, "scenarios", "headline", "call"))
        for each in ours
    )
    return [
        ("disabled level", scenario("disabled", "call"), "1.02", "1.00"),
        ("`call`, headline", scenario("headline", "call"), "0.65", "0.45"),
        ("`total`, headline", scenario("headline", "total"), "0.75", "0.50"),
        ("`call`, fresh values", scenario("fresh", "call"), "0.85", "0.60"),
        ("`total`, fresh values", scenario("fresh", "total"), "0.95", "0.80"),
        *(
            (f"`{key}`, headline, first among {AMONG}", first(key), "< 1.00", "0.50")
            for key in ("call", "total")
        ),
        ("redaction's share of a call, ordinary lines", _cell(shares, _ratio), "0.25", "0.10"),
        ("a call with a secret, against one without", _cell(secret, _ratio), "1.5", ""),
        *map(with_another, ("caplog", "Sentry", "OpenTelemetry")),
        (
            "`total` with orjson, against structlog native",
            scenario("headline", "total", "structlog native, orjson", f"{build}, orjson"),
            "1.0",
            "0.8",
        ),
        (
            "`import logweft` against `import structlog`",
            _cell(_to_structlog(imports, "import logweft"), _ratio),
            "1.0",
            "",
        ),
        ("an event loop's lag, p99, against text", lateness(lag), "1.0", ""),
        ("the same with a stalling sink", lateness(stall), "", "0.5"),
        ("full queue, RSS, MiB", _cell(values(full.get(build, []), "rss_kib"), _mib), "10", ""),
    ]


AMONG = "JSON through stdlib records"
"""Those who do what we do: libraries' lines reach them, and come out as JSON."""


def _to_text(calls: dict[str, Rounds], name: str, scenario: str, key: str) -> float | None:
    """Return the ratio to `BASELINE` that stands in the tables; None: it has none, or is wrong."""
    rounds = calls.get(name, [])
    found = ratios(rounds, calls.get(BASELINE, []), "scenarios", scenario, key)
    return statistics.median(found) if found and not _is_wrong(rounds, scenario) else None


def rivals(calls: dict[str, Rounds], scenario: str, key: str) -> list[tuple[float, str]]:
    """Return the others `AMONG` us with their ratios to `BASELINE`, the cheapest first."""
    names = [
        name
        for name, each in contenders().items()
        if each.takes_records and each.line is not None and "logweft" not in each.packages.split()
    ]
    figures = ((_to_text(calls, name, scenario, key), name) for name in names)
    return sorted((figure, name) for figure, name in figures if figure is not None)


def cheaper(taken: Taken, key: str, build: str = OURS) -> str:
    """Return where one of the `rivals` is cheaper than logweft: scenario, ratios, and who it is."""
    calls, is_measured, found = taken.kinds.get("calls", {}), False, []
    for scenario in SCENARIOS:
        own, others = _to_text(calls, build, scenario, key), rivals(calls, scenario, key)
        if own is None or not others:
            continue
        is_measured = True
        least, name = others[0]
        if least < own:
            found.append(f"{scenario} {least:.2f} against {own:.2f} ({name})")
    return ", ".join(found) or ("none" if is_measured else "-")


def tables(options: argparse.Namespace, taken: Taken, beside: Sequence[Taken] = ()) -> str:
    """Return everything as markdown; of the runs *beside* this one, what we are to reach."""
    kinds, imports = taken.kinds, taken.imports
    calls = {name: kinds["calls"][name] for name in options.names}
    parts = [
        machine(taken) + ".",
        "`call` is the time on the caller's thread, in bursts of 100 calls with a pause between; "
        "`total` is the CPU time of the whole process per record over 50,000 records, flush "
        f"included, both as ratios to `{BASELINE}`; in brackets the least and the most of the "
        "rounds. `call, wall` is what a caller waits, `call, CPU` what its thread uses. Of threads "
        "and tasks it is the median of five runs, and `call` the time until all of them are "
        "through, over the number of calls. Ratios are "
        "of multiples of a loop of fixed work that runs before and behind, since a machine that "
        "others use too changes its speed by the second; µs are as the clock has them.",
    ]
    if "headline" in options.scenario:
        parts.append(headline(contenders(), calls))
    for key, title in (("call", "Time of a call"), ("total", "CPU of a record")):
        names = [each for each in options.scenario if key == "call" or each != "disabled"]
        parts += [
            f"{title}, as a ratio to `{BASELINE}`, by scenario:",
            by_scenario(calls, names, key),
        ]
    parts.append("\n".join(f"- {name}: {SCENARIOS[name].title}" for name in options.scenario))
    if kinds["lag"]:
        ordered = {name: kinds["lag"][name] for name in SERVICE if name in kinds["lag"]}
        parts += [
            "An asyncio service of 1,000 requests/s, in tens, each logging 5 lines: how late a "
            "request is begun, writing to a file and to a pipe whose reader stops for 250 ms twice "
            "a second; and what callers and memory do when the sink takes nothing at all:",
            service(ordered, kinds["stall"], kinds["full"]),
        ]
    if imports:
        parts += ["Imports:", imports_table(imports)]
    if OURS in calls:
        runs = [taken, *beside]
        parts += [
            "".join(f"On {each.python}: {each.when}. " for each in beside)
            + "What others attach costs the same beside us: with it `call` must be at most (0.85 + "
            "what it adds) / (1 + what it adds), of what it adds to plain text in the same rounds. "
            "What logweft is to reach:",
            own_goals(runs),
            f"Where another who writes {AMONG} is cheaper, the cheapest of them against logweft, "
            f"as ratios to `{BASELINE}`:",
            "\n".join(
                f"- `{key}`, {_titled(each, build)}: {cheaper(each, key, build)}"
                for key in ("call", "total")
                for build in BUILDS
                for each in runs
                if build in each.kinds["calls"]
            ),
        ]
    return "\n\n".join(parts)


def chart(names: Sequence[str], taken: Taken) -> str:
    """Return an SVG of the headline's two ratios."""
    calls = taken.kinds["calls"]
    path, base = ("scenarios", "headline"), calls[BASELINE]
    bars = []
    for name in names:
        pair = [ratios(calls[name], base, *path, key) for key in ("call", "total")]
        if all(pair) and not trouble(calls[name]):
            bars.append((name, *(statistics.median(each) for each in pair)))
    bars.sort(key=lambda bar: bar[1])
    left, unit, row = 290, 130, 34
    longest = min(4.0, max(max(bar[1:]) for bar in bars))
    width, height = left + int(longest * unit) + 60, len(bars) * row + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" role="img">',
        f"<title>Cost of a log call, as a ratio to {BASELINE}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="18"><tspan fill="#1f5fa8">■ call</tspan> '
        f'<tspan fill="#e0902f">■ total</tspan> as a ratio to {BASELINE}; less is better</text>',
    ]
    for at, (name, *pair) in enumerate(bars):
        top = 32 + at * row
        weight = ' font-weight="bold"' if name.startswith("logweft") else ""
        text = name.replace("&", "&amp;").replace("<", "&lt;")
        place = f'x="{left - 8}" y="{top + 17}" text-anchor="end"'
        lines.append(f"<text {place}{weight}>{text}</text>")
        for number, (value, color) in enumerate(zip(pair, ("#1f5fa8", "#e0902f"), strict=True)):
            y, length = top + number * 12, int(min(value, longest) * unit)
            lines.append(f'<rect x="{left}" y="{y}" width="{length}" height="10" fill="{color}"/>')
            place = f'x="{left + length + 4}" y="{y + 9}" font-size="10"'
            lines.append(f"<text {place}>{value:.2f}</text>")
    x = left + unit
    lines.append(
        f'<line x1="{x}" y1="26" x2="{x}" y2="{height - 24}" stroke="#888" stroke-dasharray="3"/>'
    )
    lines.append(f'<text x="{left}" y="{height - 6}" fill="#555">{machine(taken)}</text></svg>')
    return "\n".join(lines) + "\n"


# --- The command


def main(arguments: list[str] | None = None) -> None:
    """Run the contenders and print the tables."""
    everyone = list(contenders())
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 1")
    parser.add_argument(
        "--quick", action="store_true", help="see that it works; no numbers to trust"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=everyone, default=everyone)
    parser.add_argument("--scenario", nargs="+", metavar="NAME", choices=list(SCENARIOS))
    parser.add_argument("--no-service", dest="service", action="store_false", help="calls alone")
    parser.add_argument("--write", action="store_true", help=f"into {README.name} and {CHART.name}")
    parser.add_argument("--even-if-busy", action="store_true", help="with --write")
    parser.add_argument("--json", metavar="FILE", help="leave the raw reports there, too")
    parser.add_argument(
        "--beside",
        nargs="+",
        metavar="FILE",
        type=Taken.read,
        default=[],
        help="what --json has left on other interpreters, to be a column each in the last table",
    )
    parser.add_argument("--verbose", action="store_true", help="say what runs")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.names = [name for name in everyone if name in {*options.only, BASELINE}]
    if options.write and (options.quick or options.scenario or options.only != everyone):
        parser.error("--write is for the whole run, without --quick, --only and --scenario")
    if options.write and any(each.quick for each in options.beside):
        parser.error("--write takes nothing --beside it that was measured with --quick")
    if load > BUSY and not options.even_if_busy:
        warning = f"load average is {load:.2f}: other processes make noise of the numbers"
        if options.write:
            parser.error(f"{warning}; wait, or say --even-if-busy")
        print(warning, file=sys.stderr)
    options.scenario = [name for name in SCENARIOS if name in (options.scenario or SCENARIOS)]
    date = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}"
    kinds, imports = measure(options)
    taken = Taken(
        platform.python_version(), date, options.rounds, load, kinds, imports, options.quick
    )
    if options.json:
        Path(options.json).write_text(json.dumps(taken._asdict()))
    text = tables(options, taken, options.beside)
    print(text)
    if options.write:
        CHART.write_text(chart(options.names, taken))
        image = f"![Cost of a log call](benchmarks/{CHART.name})"
        README.write_text(replaced(README.read_text(), "speed", f"{image}\n\n{text}"))


if __name__ == "__main__":
    main()
