"""The benchmarks run and check what they measure; not a time is asserted here."""

from __future__ import annotations

import json
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
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list]:
    """Return the tables and the raw reports of a quick run of `FEW`."""
    raw = tmp_path_factory.mktemp("benchmarks") / "raw.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--even-if-busy"]
    command += ["--only", *FEW, "--json", str(raw)]
    done = run_command(command, cwd=ROOT)
    assert done.code == 0, done.err
    return done.out, json.loads(raw.read_text())


def test_every_scenario_runs_and_its_lines_are_right(quick: tuple[str, list]) -> None:
    """Each scenario of each contender was measured, and no line was other than it claims."""
    kinds, _ = quick[1]
    for name in FEW:
        (report,) = kinds["calls"][name]
        assert run.trouble([report]) == ""
        assert list(report["scenarios"]) == list(SCENARIOS)
        for scenario, costs in report["scenarios"].items():
            assert costs["call"] > 0
            assert costs["call_pace"] > 0
            assert ("total" in costs) == ("total_pace" in costs) == (scenario != "disabled")


def test_the_service_runs_and_loses_only_what_it_says(quick: tuple[str, list]) -> None:
    """The asyncio service's lines are all there, with a stalling reader, too; plain text hangs."""
    kinds, _ = quick[1]
    assert all(run.trouble(kinds["lag"][name]) == "" for name in FEW)
    assert run.trouble(kinds["stall"]["logweft"]) == ""
    assert "blocked_after" in kinds["full"]["stdlib text"][0]
    assert kinds["full"]["logweft"][0]["rss_kib"] > 0


def test_the_tables_are_well_formed(quick: tuple[str, list]) -> None:
    """Each row of a table has as many cells as its head, and each contender has its row."""
    blocks = [block.splitlines() for block in quick[0].split("\n\n") if block.startswith("|")]
    assert len(blocks) == 6
    for head, ruler, *rows in blocks:
        assert set(ruler) <= set("|-:")
        assert {row.count(" |") for row in [head, *rows]} == {head.count(" |")}
    assert all(any(row.startswith(f"| {name} |") for row in blocks[0]) for name in FEW)
    assert "QUICK" in quick[0]


def _report(name: str = "headline", **costs: float) -> dict[str, Any]:
    return {"scenarios": {name: costs}}


def _goals(calls: dict[str, list]) -> dict[str, list[str]]:
    rows = [row.strip("| ").split(" | ") for row in run.own_goals(calls, {}).splitlines()[2:]]
    return {name: cells for name, *cells in rows}


def test_a_secret_is_compared_at_one_pace() -> None:
    """A call with a secret, timed while the machine was half as fast, costs what the loops say."""
    report = _report("secret", call=30.0, call_pace=4.0)
    report["scenarios"]["headline"] = {"call": 10.0, "call_pace": 2.0}
    goals = _goals({"logweft": [report]})
    assert goals["a call with a secret, against one without"][0] == "1.50"


def test_the_chart_is_an_image(quick: tuple[str, list]) -> None:
    """The chart is well-formed XML with two bars for each contender."""
    options = run.argparse.Namespace(names=FEW, rounds=1, load=0.0, quick=True)
    image = ElementTree.fromstring(run.chart(options, quick[1][0]["calls"]))
    bars = [each for each in image.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]
    assert len(bars) == 2 * len(FEW)


@pytest.mark.parametrize("name", ["speed", "redaction", "faults", "integrations"])
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
