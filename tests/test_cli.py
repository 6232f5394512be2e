"""`python -m logweft`: run and demo."""

from __future__ import annotations

import sys
from pathlib import Path

from programs import parse, run_command

LOGWEFT = [sys.executable, "-m", "logweft"]


def test_a_script_runs_unmodified(tmp_path: Path) -> None:
    """A script under `run` has its own argv, path and __main__, and its log calls become lines."""
    (tmp_path / "helper.py").write_text("WORD = 'imported'\n")
    script = tmp_path / "app.py"
    script.write_text(
        "import logging, sys\n"
        "import helper\n"
        "logging.getLogger('app').info('%s %s %s', __name__, helper.WORD, sys.argv[1:])\n"
        "sys.exit(3)\n"
    )

    done = run_command([*LOGWEFT, "run", str(script), "--port", "80"])

    assert done.code == 3
    assert [line["message"] for line in done.lines] == ["__main__ imported ['--port', '80']"]


def test_a_module_runs_unmodified(tmp_path: Path) -> None:
    """A module under `run -m` is found in the working directory and is __main__."""
    (tmp_path / "app.py").write_text(
        "import logging, sys\nlogging.warning('%s %s', __name__, sys.argv[1:])\n"
    )

    done = run_command([*LOGWEFT, "run", "-m", "app", "-m", "x"], cwd=tmp_path)

    assert done.code == 0
    assert [line["message"] for line in done.lines] == ["__main__ ['-m', 'x']"]


def test_an_uncaught_exception_keeps_its_exit_code(tmp_path: Path) -> None:
    """A script that dies of an exception exits with 1, its traceback one line."""
    script = tmp_path / "app.py"
    script.write_text("raise ValueError('boom')\n")

    done = run_command([*LOGWEFT, "run", str(script)])

    assert done.code == 1
    assert [line["exception"]["message"] for line in done.lines] == ["boom"]


def test_a_missing_script_is_wrong_usage() -> None:
    """A script that is not there gives exit code 2 and says what to do."""
    done = run_command([*LOGWEFT, "run", "no_such_file.py"])

    assert done.code == 2
    assert done.err == "logweft: no such file: no_such_file.py; a module needs -m\n"


def test_options_come_from_the_environment(tmp_path: Path) -> None:
    """`run` takes its options from LOGWEFT_ variables."""
    script = tmp_path / "app.py"
    script.write_text("import logging\nlogging.getLogger('app').debug('x')\n")

    done = run_command(
        [*LOGWEFT, "run", str(script)],
        env={"LOGWEFT_LEVEL": "debug", "LOGWEFT_SERVICE": "shop", "LOGWEFT_STREAM": "stdout"},
    )

    assert [(line["level"], line["service"]) for line in parse(done.out)] == [("DEBUG", "shop")]


def test_a_run_is_one_piece_of_work(tmp_path: Path) -> None:
    """A program's lines share a new ID, or that of the TRACEPARENT in its environment."""
    script = tmp_path / "app.py"
    script.write_text("import logging\nlogging.warning('a')\nlogging.warning('b')\n")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    minted = run_command([*LOGWEFT, "run", str(script)]).lines
    adopted = run_command(
        [*LOGWEFT, "run", str(script)], env={"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}
    ).lines

    assert len({line["correlation_id"] for line in minted}) == 1
    assert [line["correlation_id"] for line in adopted] == [trace, trace]


def test_the_demo_shows_the_main_job() -> None:
    """The demo writes JSON lines with one ID and no secret."""
    done = run_command([*LOGWEFT, "demo"])
    lines = parse(done.out)

    assert done.code == 0
    assert len(lines) == 6
    assert [line.get("correlation_id") for line in lines] == ["order-1"] * 4 + [None] * 2
    assert "hunter2" not in done.out
    assert "s3cr3t" not in done.out
