"""The benchmarks run and check what they measure; not a time is asserted here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import instructions, run
from benchmarks.contenders import Contender, Line, contenders
from benchmarks.measure import Wrong, check
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
            assert ("total" in costs) == (scenario != "disabled")


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


def test_the_budget_of_instructions() -> None:
    """A ratio may be a tenth above its budget and no more."""
    budget = {"call": 1.0, "total": 0.5}
    assert instructions.exceeded({"call": 1.09, "total": 0.4}, budget) == []
    (problem,) = instructions.exceeded({"call": 1.11, "total": 0.4}, budget)
    assert problem.startswith("call: 1.110")
