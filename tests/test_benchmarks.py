"""The benchmarks run and check what they measure; not a time is asserted here."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from benchmarks import instructions, run
from benchmarks import measure as measuring
from benchmarks.contenders import Contender, Line, Target, contenders
from benchmarks.measure import Effort, Wrong, check, measure_calls
from benchmarks.readme import README, replaced
from benchmarks.scenarios import CONTEXT, SCENARIOS, SECRET, Call, prepare

from programs import run_command

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
FEW = ("stdlib NullHandler", "stdlib text", "logweft")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, run.Taken]:
    """Return the tables and the raw reports of a quick run of `FEW`, beside one on 3.99.0."""
    raw = tmp_path_factory.mktemp("benchmarks") / "raw.json"
    raw.write_text(json.dumps(_taken({}, python="3.99.0")._asdict()))
    command = [sys.executable, "-m", "benchmarks", "--quick", "--even-if-busy"]
    command += ["--only", *FEW, "--json", str(raw), "--beside", str(raw)]
    done = run_command(command, cwd=ROOT)
    assert done.code == 0, done.err
    return done.out, run.Taken.read(str(raw))


def _taken(calls: dict[str, list], python: str = "3.11.7", **kinds: Any) -> run.Taken:
    """Return a run of one round, as if it had been measured."""
    imports = kinds.pop("imports", [])
    return run.Taken(python, "2026-11-22", 1, 0.25, {"calls": calls, **kinds}, imports)


def test_every_scenario_runs_and_its_lines_are_right(quick: tuple[str, run.Taken]) -> None:
    """Each scenario of each contender was measured, and no line was other than it claims."""
    kinds = quick[1].kinds
    for name in FEW:
        (report,) = kinds["calls"][name]
        assert run.trouble([report]) == ""
        assert list(report["scenarios"]) == list(SCENARIOS)
        for scenario, costs in report["scenarios"].items():
            assert costs["call"] > 0
            assert costs["call_pace"] > 0
            assert ("total" in costs) == ("total_pace" in costs) == (scenario != "disabled")


def test_the_service_runs_and_loses_only_what_it_says(quick: tuple[str, run.Taken]) -> None:
    """The asyncio service's lines are all there, with a stalling reader, too; plain text hangs."""
    kinds = quick[1].kinds
    assert all(run.trouble(kinds["lag"][name]) == "" for name in FEW)
    assert run.trouble(kinds["stall"]["logweft"]) == ""
    assert "blocked_after" in kinds["full"]["stdlib text"][0]
    assert kinds["full"]["logweft"][0]["rss_kib"] > 0


def test_the_tables_are_well_formed(quick: tuple[str, run.Taken]) -> None:
    """Each row of a table has as many cells as its head, and each contender has its row."""
    blocks = [block.splitlines() for block in quick[0].split("\n\n") if block.startswith("|")]
    assert len(blocks) == 6
    for head, ruler, *rows in blocks:
        assert set(ruler) <= set("|-:")
        assert {row.count(" |") for row in [head, *rows]} == {head.count(" |")}
    assert all(any(row.startswith(f"| {name} |") for row in blocks[0]) for name in FEW)
    assert "QUICK" in quick[0]
    assert blocks[-1][0] == f"|  | is, {platform.python_version()} | is, 3.99.0 | must | aim |"
    assert "On 3.99.0: 2026-11-22; medians of 1 rounds, load average at the start 0.25." in quick[0]


def test_the_raw_reports_say_what_they_hold_for(quick: tuple[str, run.Taken]) -> None:
    """What --json leaves has the interpreter, date, rounds and load beside what was measured."""
    python, date, rounds, load, kinds, imports, is_quick = quick[1]
    assert (python, rounds, is_quick) == (platform.python_version(), 1, True)
    assert len(date) == len("2026-11-22")
    assert load >= 0
    assert list(kinds) == ["calls", "lag", "stall", "full"]
    assert list(imports[0]) == list(run.IMPORTS)


def _calls(**scenarios: dict[str, float]) -> dict[str, list]:
    """Return reports of one round: of each scenario and contender what `call` and `total` took."""
    calls: dict[str, list] = {}
    for scenario, by_name in scenarios.items():
        for name, cost in by_name.items():
            (report,) = calls.setdefault(name, [{"scenarios": {}}])
            report["scenarios"][scenario] = {"call": cost, "total": cost * 10}
    return calls


def _goals(*runs: run.Taken) -> dict[str, list[str]]:
    rows = [row.strip("|").split("|") for row in run.own_goals(runs).splitlines()]
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}


def test_a_secret_is_compared_at_one_pace() -> None:
    """A call with a secret, timed while the machine was half as fast, costs what the loops say."""
    costs = {"secret": {"call": 30.0, "call_pace": 4.0}, "headline": {"call": 10, "call_pace": 2}}
    goals = _goals(_taken({"logweft": [{"scenarios": costs}]}))
    assert goals["a call with a secret, against one without"][0] == "1.50"


def test_each_interpreter_has_a_column() -> None:
    """What we are to reach is told of each; who was not measured there has a dash."""
    one = _taken(_calls(headline={"stdlib text": 10, "logweft": 6}))
    other = _taken(_calls(headline={"stdlib text": 10, "logweft": 7}), python="3.13.0")
    none = _taken(_calls(headline={"stdlib text": 10}), python="3.14.0")
    goals = _goals(one, other, none)
    assert goals[""] == ["is, 3.11.7", "is, 3.13.0", "is, 3.14.0", "must", "aim"]
    assert goals["`call`, headline"] == ["0.60", "0.70", "-", "0.65", "0.45"]


def test_what_is_compiled_has_columns_of_its_own() -> None:
    """The compiled build is held against the same goals, where it was measured, by the figure."""
    calls = _calls(
        headline={"stdlib text": 10, "logweft": 6, "logweft, compiled": 5},
        nested={"stdlib text": 10, "logweft": 12, "logweft, compiled": 9, "ecs-logging": 10},
    )
    other = _taken(_calls(headline={"stdlib text": 10, "logweft": 7}), python="3.13.0")
    goals = _goals(_taken(calls), other)
    assert goals[""] == ["is, 3.11.7", "is, 3.13.0", "is, 3.11.7, compiled", "must", "aim"]
    assert goals["`call`, headline"] == ["0.60", "0.70", "0.50", "0.65", "0.45"]
    assert run.cheaper(_taken(calls), "call") == "nested 1.00 against 1.20 (ecs-logging)"
    assert run.cheaper(_taken(calls), "call", "logweft, compiled") == "none"


@pytest.mark.parametrize("name", ["caplog", "Sentry", "OpenTelemetry"])
def test_what_others_attach_may_cost_what_it_costs_beside_text(name: str) -> None:
    """The bound is 0.85 of plain text and all that it adds there, over plain text with it."""

    def taken(text: float, ours: float, python: str) -> run.Taken:
        costs = {"stdlib text": 10, f"stdlib text + {name}": text, f"logweft + {name}": ours}
        return _taken(_calls(headline=costs), python)

    row = f"`call` with {name}, against text with {name}"
    one, other = taken(21.9, 21.9, "3.11.7"), taken(15, 12, "3.13.0")
    assert _goals(one)[row] == ["1.00", "0.93", ""]
    assert _goals(one, other)[row] == ["1.00", "0.80", "0.93 / 0.90", ""]
    assert _goals(one, one)[row] == ["1.00", "1.00", "0.93", ""]
    assert _goals(one, _taken({}))[row] == ["1.00", "-", "0.93 / -", ""]


def test_the_import_and_the_lag_have_their_goals() -> None:
    """Importing is held against structlog, the event loop's lag against text with either sink."""
    taken = _taken(
        {},
        lag={"logweft": [{"p99": 9.0}], "stdlib text": [{"p99": 10.0}]},
        stall={"logweft": [{"p99": 1.0}], "stdlib text": [{"p99": 4.0}]},
        imports=[{"import logweft": 48, "import structlog": 60}],
    )
    goals = _goals(taken)
    assert goals["`import logweft` against `import structlog`"] == ["0.80", "1.0", ""]
    assert goals["an event loop's lag, p99, against text"] == ["0.90", "1.0", ""]
    assert goals["the same with a stalling sink"] == ["0.25", "", "0.5"]


# Cheap, and yet no rivals: ours, no JSON, another way of calling, no records of libraries.
NO_RIVALS = dict.fromkeys(
    (
        "logweft, orjson",
        "stdlib NullHandler",
        "stdlib text + caplog",
        "structlog native, orjson",
        "eliot",
        "loguru serialize, enqueue",
        "picologging text",
        "rapidlog",
        "MickTrace",
    ),
    1.0,
)
RIVALS = (
    "python-json-logger",
    "python-json-logger, orjson",
    "python-json-logger, msgspec",
    "stdlib QueueHandler + python-json-logger",
    "structlog ProcessorFormatter",
    "ecs-logging",
    "aws-lambda-powertools",
)


@pytest.mark.parametrize("best", RIVALS)
def test_first_is_told_among_those_who_do_the_same(best: str) -> None:
    """The best of those who write stdlib records as JSON is named, with our ratio to it."""
    costs = {"stdlib text": 10, "logweft": 6, **NO_RIVALS, **dict.fromkeys(RIVALS, 13), best: 12}
    goals = _goals(_taken(_calls(headline=costs)))
    for key in ("call", "total"):
        row = f"`{key}`, headline, first among JSON through stdlib records"
        assert goals[row] == [f"0.50 ({best})", "< 1.00", "0.50"]


def test_who_has_loggers_of_its_own_lacks_the_records_of_libraries() -> None:
    """Picologging is called as the standard library is, and libraries' lines pass it by."""
    apart = [each.name for each in contenders().values() if not each.takes_records]
    assert set(apart) >= {"picologging text", "rapidlog", "structlog native, orjson"}
    assert not {*apart} & {"logweft", "stdlib text", *RIVALS}
    assert "no records of libraries" in contenders()["picologging text"].lacks


def test_who_is_wrong_is_no_rival() -> None:
    """A contender whose lines were wrong is not the best, and without others there is a dash."""
    calls = _calls(headline={"stdlib text": 10, "logweft": 6, "ecs-logging": 1, **NO_RIVALS})
    calls["ecs-logging"][0]["scenarios"]["headline"]["error"] = "Wrong: lost a line"
    row = "`call`, headline, first among JSON through stdlib records"
    assert _goals(_taken(calls))[row][0] == "-"
    assert run.cheaper(_taken(calls), "call") == "-"


def test_where_another_is_cheaper_is_told() -> None:
    """Each scenario that we lose to one who does the same is listed, with both figures."""
    calls = _calls(
        headline={"stdlib text": 10, "logweft": 6, "ecs-logging": 7, **NO_RIVALS},
        nested={"stdlib text": 10, "logweft": 12, "ecs-logging": 11, "python-json-logger": 10.5},
        long={"stdlib text": 10, "logweft": 42, "python-json-logger": 20},
    )
    calls["python-json-logger"][0]["scenarios"]["long"]["total"] = 430
    taken = _taken(calls)
    nested = "nested 1.05 against 1.20 (python-json-logger)"
    assert run.cheaper(taken, "call") == f"{nested}, long 2.00 against 4.20 (python-json-logger)"
    assert run.cheaper(taken, "total") == nested
    assert (
        run.cheaper(_taken(_calls(headline={"stdlib text": 9, "logweft": 1, "eliot": 2})), "call")
        == "-"
    )
    won = _calls(headline={"stdlib text": 10, "logweft": 6, "ecs-logging": 7})
    assert run.cheaper(_taken(won), "call") == "none"
    options = argparse.Namespace(names=list(won), scenario=["headline"])
    text = run.tables(options, _taken(won, lag={}, stall={}, full={}), [_taken(calls, "3.13.0")])
    *_, told = text.split("\n\n")
    assert told.splitlines()[1] == f"- `call`, 3.13.0: {run.cheaper(taken, 'call')}"
    assert told.splitlines()[2:] == ["- `total`, 3.11.7: none", f"- `total`, 3.13.0: {nested}"]


@pytest.mark.parametrize("content", ["[{}, []]", "{}", "no JSON", None])
def test_what_json_has_not_left_cannot_stand_beside(
    content: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that is something else, or is not there, is refused before anything is measured."""
    monkeypatch.setattr(run, "measure", lambda options: pytest.fail("it measures"))
    file = tmp_path / "raw.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SystemExit):
        run.main(["--beside", str(file)])
    assert "raw.json is not what --json leaves" in capsys.readouterr().err


def test_a_quick_run_cannot_be_written_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured with --quick does not get into the README by the side door."""
    monkeypatch.setattr(run, "measure", lambda options: pytest.fail("it measures"))
    file = tmp_path / "raw.json"
    file.write_text(json.dumps(_taken({})._replace(quick=True)._asdict()))
    with pytest.raises(SystemExit):
        run.main(["--write", "--even-if-busy", "--beside", str(file)])
    assert "--quick" in capsys.readouterr().err


def test_the_chart_is_an_image(quick: tuple[str, run.Taken]) -> None:
    """The chart is well-formed XML with two bars for each contender."""
    image = ElementTree.fromstring(run.chart(FEW, quick[1]))
    bars = [each for each in image.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]
    assert len(bars) == 2 * len(FEW)


@pytest.mark.parametrize("name", ["speed", "hops", "redaction", "faults", "integrations"])
def test_the_readme_has_a_place_for_them(name: str) -> None:
    """What is written goes between the README's markers, and nothing else changes."""
    text = README.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    assert replaced(text, name, "NEW") == f"{before}{begin}\nNEW\n{end}{after}"


@pytest.mark.parametrize("name", ["headline", "fresh", "nested", "exception", "secret", "long"])
def test_each_way_of_spelling_a_call_is_python(name: str) -> None:
    """A scenario compiles in every library's spelling, and names the line of its call."""
    for dialect in {contender.dialect for contender in contenders().values()}:
        case = prepare(name, dialect, lambda _: None)
        assert set(case.sites) == {"run", "timed"}
        message, fields = case.expected(7)
        assert "%s" not in message
        assert list(fields) == [key for key, _ in SCENARIOS[name].call.fields]


def test_a_call_is_spelt_as_its_library_is_called() -> None:
    """The same call with %-arguments and extra, with keywords, with braces, and formatted."""
    call = Call("a %s", ("i",), (("b", "1"),))
    for dialect, spelt in {
        "percent, extra": "log.info('a %s', i, extra={'b': 1})",
        "percent, keywords": "log.info('a %s', i, b=1)",
        "braces, keywords": "log.info('a {}', i, b=1)",
        "formatted, keywords": "log.info(f'a {i}', b=1)",
    }.items():
        assert call.spelt(dialect) == spelt


JSON = Contender("x", "", lambda path: None, line=Line())  # type: ignore[arg-type,return-value]  # not set up


def _line(**changes: object) -> str:
    fields = {"message": "User 7 logged in from 192.168.1.1", "user_id": 12345, "success": True}
    return json.dumps({**fields, **CONTEXT, "function": "run", "line": 3, **changes})


def test_a_right_line_passes() -> None:
    """The line the others below are changed from is right."""
    check(JSON, "headline", prepare("headline", JSON.dialect, str), _line(), [7])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "0 lines for 1 calls"),
        (_line() + "\n" + _line(), "2 lines"),
        (_line(message="User 8 logged in from 192.168.1.1"), "message"),
        (_line(user_id="12345"), "field 'user_id'"),
        (_line(tenant="other"), "bound field 'tenant'"),
        (_line(line=99), "call site"),
        (_line(other=float("nan")), "NaN"),
    ],
)
def test_a_wrong_line_is_found(text: str, what: str) -> None:
    """A line lost or doubled, another message, field, context or call site, and invalid JSON."""
    with pytest.raises(Wrong, match=what):
        check(JSON, "headline", prepare("headline", JSON.dialect, str), text, [7])


def test_a_secret_that_comes_out_is_found() -> None:
    """A contender that claims redaction is wrong if the secret stands in its line."""
    case = prepare("secret", JSON.dialect, str)
    with pytest.raises(Wrong, match="secret"):
        check(JSON._replace(redacts=True), "secret", case, _line(api_key=SECRET), [7])


class Lines:
    """A logger that writes lines of plain text; *before* is told of each call, by its number."""

    def __init__(self, path: Path, before: Callable[[int], object]) -> None:
        self.path, self.before = path, before
        self.lock, self.calls = threading.Lock(), 0

    def info(self, message: str, *args: object, extra: object) -> None:
        """Write a line, unless it is to be lost."""
        with self.lock, self.path.open("a") as file:
            if self.before(self.calls) != "lose it":
                file.write(f"2026-11-22 10:11:12 INFO shop.orders {message % args}\n")
            self.calls += 1


def _many(
    tmp_path: Path,
    name: str,
    before: Callable[[int], object],
    budget_s: float = 60,
    first: tuple[str, ...] = (),
) -> tuple[dict[str, Any], Lines]:
    path = tmp_path / "out.log"
    path.touch()
    lines = Lines(path, before)
    text = JSON._replace(setup=lambda _: Target(lambda _: lines, lambda: None), line=None)
    effort = Effort.quick()._replace(budget_s=budget_s)
    report = measure_calls(text, [*first, name], effort, str(path))
    return report["scenarios"][name], lines


@pytest.mark.parametrize("name", ["threads", "tasks"])
def test_many_at_once_are_warmed_up_repeated_and_paced(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads and tasks run once for nothing, then five times, each between two fixed loops."""
    calls, asked = [], []

    def pace() -> float:
        asked.append(len(calls))
        return 8.0

    monkeypatch.setattr(measuring, "_pace", pace)
    costs, _ = _many(tmp_path, name, calls.append)
    assert "error" not in costs
    warm_up = len(calls) - costs["records"]
    assert warm_up > 0
    ends = [0, *(warm_up + costs["records"] * at // 5 for at in range(6))]
    assert asked == [0, *(end for end in ends[1:-1] for _ in range(2)), ends[-1]]
    assert costs["call_pace"] == pytest.approx(8.0)
    assert costs["total_pace"] == pytest.approx(8.0)


def test_one_time_that_is_far_off_does_not_count() -> None:
    """Of several times their median is reported, and of their multiples of the loop, too."""
    costs: dict[str, Any] = {}
    measuring._note(costs, "call", [10, 20, 90], [1, 2, 1])
    assert costs == {"call": 20, "call_pace": 2.0}


@pytest.mark.parametrize(("name", "most"), [("threads", 200 + 500), ("tasks", 1000 + 1000)])
def test_who_is_slow_logs_less(name: str, most: int, tmp_path: Path) -> None:
    """Who takes a millisecond a line gets no more calls than the time allows, from each one."""
    costs, lines = _many(tmp_path, name, lambda _: time.sleep(0.001), budget_s=0.5)
    assert "error" not in costs
    assert lines.calls <= most


def test_who_was_slow_at_something_else_does_not(tmp_path: Path) -> None:
    """A first line that took half a second makes 2.5 ms a line, but none of those of threads."""

    def stumble(number: int) -> None:
        time.sleep(0 if number else 0.6)

    costs, _ = _many(tmp_path, "threads", stumble, budget_s=0.5, first=("headline",))
    assert "error" not in costs
    assert costs["records"] > 0.5 / 2.5e-3


@pytest.mark.parametrize("name", ["threads", "tasks"])
@pytest.mark.parametrize("lost", [0, 1500])
def test_a_line_lost_among_many_is_found(name: str, lost: int, tmp_path: Path) -> None:
    """A line that is missing is found, and be it one of the warm-up."""
    costs, lines = _many(tmp_path, name, lambda number: "lose it" if number == lost else "")
    assert costs["error"] == f"Wrong: {lines.calls - 1} lines for {lines.calls} calls"


def test_the_clock_of_threads_is_taken_before_they_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread is through before the clock is read: a short run is done in one turn of its own."""
    events: list[str] = []
    clock = SimpleNamespace(
        perf_counter_ns=lambda: events.append("clock") or 7, process_time_ns=lambda: 8
    )
    monkeypatch.setattr(measuring, "time", clock)
    case = prepare("threads", JSON.dialect, str)._replace(run=lambda log, share: events.append(log))
    target = Target(lambda name: name, lambda: None)
    clocks = measuring._in_threads(JSON, target, case, [range(1)] * 8)
    assert clocks == (7, 8)
    assert events == ["clock", *["shop.orders"] * 8]


def test_the_budget_of_instructions() -> None:
    """A ratio may be a tenth above its budget and no more."""
    budget = {"call": 1.0, "total": 0.5}
    assert instructions.exceeded({"call": 1.09, "total": 0.4}, budget) == []
    (problem,) = instructions.exceeded({"call": 1.11, "total": 0.4}, budget)
    assert problem.startswith("call: 1.110")


@pytest.mark.parametrize("scenario", instructions.COUNTED)
def test_a_child_that_is_counted_writes_its_lines(scenario: str) -> None:
    """What is counted logs the scenario as often as asked, and fails if it has not."""
    for name in ("stdlib text", "logweft"):
        done = run_command(instructions._command(name, scenario, 7), cwd=ROOT)
        assert (done.code, done.err) == (0, "")


def test_a_child_that_is_counted_logs_the_scenario_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lines are those of the scenario, not of the headline."""
    messages: list[str] = []

    class Note(Lines):
        def info(self, message: str, *args: object, **fields: object) -> None:
            messages.append(message % args)
            super().info(message, *args, **fields)

    def end(code: int) -> None:
        raise SystemExit(code)

    text = JSON._replace(
        setup=lambda path: Target(lambda _: Note(Path(path), str), lambda: None), line=None
    )
    monkeypatch.setattr(instructions, "contenders", lambda: {"x": text})
    monkeypatch.setattr(instructions.os, "_exit", end)
    with pytest.raises(SystemExit, match="0"):
        instructions._child("x", "fresh", 2)
    assert messages == ["User 0 uploaded scan-0.pdf", "User 1 uploaded scan-1.pdf"]


Counted = list[tuple[str, str, int]]


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """
    Count what is made up, and return who was: our ratios are 0.5 and 0.25, for secrets 0.8.

    The budget is a file of its own, in which secrets have 0.7 and a scenario of 3.13 nothing.
    """
    jobs: Counted = []

    def tool(name: str, scenario: str, records: int) -> tuple[int, int]:
        jobs.append((name, scenario, records))
        call = 1000 if name == instructions.BASELINE else 800 if scenario == "secret" else 500
        total = call * 2 if name == instructions.BASELINE else call
        return 70_000 + call * records, 90_000 + total * records

    budget = tmp_path / "instructions.json"
    half = {"call": 0.5, "total": 0.25}
    stored = {"3.11": {"headline": half, "secret": {"call": 0.7, "total": 0.7}}, "3.13": {}}
    budget.write_text(json.dumps(stored))
    monkeypatch.setattr(instructions, "BUDGET", budget)
    monkeypatch.setitem(instructions.TOOLS, "valgrind", tool)
    monkeypatch.setattr(instructions.platform, "python_version_tuple", lambda: ("3", "11", "7"))
    return jobs


def test_what_is_counted_can_be_said(counted: Counted, capsys: pytest.CaptureFixture[str]) -> None:
    """--scenario and --only say what is counted, and each has a row with its ratios to text."""
    instructions.main(["--scenario", "nested", "secret", "--only", "logweft, redact=False"])
    names = {"stdlib text", "logweft, redact=False"}
    assert {job[:2] for job in counted} == {(n, s) for n in names for s in ("nested", "secret")}
    rows = capsys.readouterr().out.splitlines()
    assert "| nested | logweft, redact=False | 500 | 500 | 0.500 | 0.250 |" in rows
    assert "| secret | logweft, redact=False | 800 | 800 | 0.800 | 0.400 |" in rows


def test_the_headline_alone_is_counted_unless_more_is_asked_for(counted: Counted) -> None:
    """Without arguments it is the headline, for plain text and for us."""
    instructions.main([])
    assert {job[:2] for job in counted} == {("stdlib text", "headline"), ("logweft", "headline")}


def test_ordinary_lines_are_counted_when_their_call_sites_are_known(counted: Counted) -> None:
    """The fewer of the two numbers has each template of the ordinary lines eleven times."""
    instructions.main(["--scenario", "ordinary"])
    assert {records for _, _, records in counted} == {8_000, 10_000}


def test_each_scenario_that_is_stored_is_checked(counted: Counted) -> None:
    """One above its budget fails, though the headline, which is counted, too, is within."""
    with pytest.raises(SystemExit, match=r"^secret, call: 0\.800 is more than 10% above [^\n]*$"):
        instructions.main(["--check"])
    assert {scenario for _, scenario, _ in counted} == {"headline", "secret"}
    instructions.main(["--check", "--scenario", "headline"])


@pytest.mark.parametrize(
    ("version", "arguments", "what"),
    [
        ("11", ["--scenario", "nested"], "no budget for nested and Python 3.11"),
        ("12", [], "no budget for Python 3.12"),
        ("13", [], "no budget for Python 3.13"),
    ],
)
def test_what_has_no_budget_cannot_be_checked(
    version: str,
    arguments: list[str],
    what: str,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is said before anything is counted."""
    monkeypatch.setattr(instructions.platform, "python_version_tuple", lambda: ("3", version, "0"))
    with pytest.raises(SystemExit, match=what):
        instructions.main(["--check", *arguments])
    assert counted == []


def test_a_budget_is_stored_beside_the_others(counted: Counted) -> None:
    """--store makes a budget for four scenarios, or for those named, and leaves the rest."""
    instructions.main(["--store"])
    half = {"call": 0.5, "total": 0.25}
    now = {"headline": half, "fresh": half, "ordinary": half, "secret": {"call": 0.8, "total": 0.4}}
    assert json.loads(instructions.BUDGET.read_text()) == {"3.11": now, "3.13": {}}
    instructions.main(["--store", "--scenario", "nested"])
    now["nested"] = half
    assert json.loads(instructions.BUDGET.read_text()) == {"3.11": now, "3.13": {}}
    instructions.main(["--check"])


def test_the_budget_is_about_logweft(counted: Counted) -> None:
    """There is nothing to check or store if others alone are counted."""
    for option in ("--check", "--store"):
        with pytest.raises(SystemExit):
            instructions.main([option, "--only", "logweft, redact=False"])
    assert counted == []


def test_the_stored_budget_has_the_headline() -> None:
    """The file of the repository has two ratios for the headline of each Python in it."""
    for stored in json.loads(instructions.BUDGET.read_text()).values():
        assert stored["headline"].keys() == {"call", "total"}
