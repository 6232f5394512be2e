"""What the README says is so: its generated parts, and sentences that have no test elsewhere."""

from __future__ import annotations

import inspect
import io
import logging
import logging.config
import re
import sys
from pathlib import Path

import pytest

import logweft
import logweft.testing
from logweft._trace import ORDER
from programs import parse, run, run_command

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


@pytest.mark.once
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


def test_the_table_of_options_is_that_of_install() -> None:
    """Each keyword of install() has a row with its variable; that of id_headers has the order."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (`LOGWEFT_.*) \|$", README.read_text(), re.MULTILINE))

    assert list(rows) == list(inspect.signature(logweft.install).parameters)[1:]
    for name, row in rows.items():
        assert row.startswith(f"`LOGWEFT_{name.upper()}`")
    assert tuple(re.findall(r"`([a-z0-9-]+)`", rows["id_headers"])) == ORDER


def test_a_list_of_handlers_that_is_set_is_followed_by_the_next_configuration() -> None:
    """`logger.handlers = [...]` is not followed until the next configuration; addHandler is."""
    logger = logging.getLogger("shop")
    logger.propagate = False
    stream = io.StringIO()
    with logweft.install(stream=io.StringIO()) as installation:
        logger.handlers = [logging.StreamHandler(stream)]
        logger.warning("one")
        logging.config.dictConfig({"version": 1, "incremental": True})
        logger.warning("two")
        logger.handlers = []
        logger.addHandler(logging.StreamHandler(stream))
        logger.warning("three")
        installation.flush()

    plain, *lines = stream.getvalue().splitlines()
    assert plain == "one"
    assert [line["message"] for line in parse("\n".join(lines))] == ["two", "three"]


@pytest.mark.parametrize(("second", "times"), [("StreamHandler(sys.stderr)", 1), ("one", 2)])
def test_handlers_of_one_destination(second: str, times: int) -> None:
    """Two handlers with the same destination write a record once, one on two loggers twice."""
    done = run(
        f"""
        import logging, sys, logweft
        from logging import StreamHandler
        one = StreamHandler(sys.stderr)
        logging.root.addHandler(one)
        logging.getLogger("shop").addHandler({second})
        logweft.install()
        logging.getLogger("shop").warning("paid")
        """
    )

    assert [line["message"] for line in done.lines] == ["paid"] * times


@pytest.mark.parametrize(
    ("handler", "out"),
    [
        ("own.setFormatter(Own())", "own password=hunter2\n"),
        ("own = logging.handlers.QueueHandler(queue.SimpleQueue())", ""),
        ("own.setFormatter(Own()); own.setFormatter(None)", None),
    ],
)
def test_a_root_logger_with_another_way_of_writing_is_left(handler: str, out: str | None) -> None:
    """A root logger with another's formatter, or a QueueHandler, is left; with none it is ours."""
    done = run(
        f"""
        import logging.handlers, queue, logweft
        class Own(logging.Formatter):
            def format(self, record):
                return f"own {{record.getMessage()}}"
        own = logging.StreamHandler()
        {handler}
        logging.root.addHandler(own)
        logweft.install()
        logging.info("not said")
        logging.warning("password=hunter2")
        """
    )

    if out is None:
        assert [line["message"] for line in done.lines] == ["password=[redacted]"]
    else:
        assert done.err == out


def test_basic_config_under_run(tmp_path: Path) -> None:
    """A program's basicConfig() does nothing under `run`, and with force=True what it says."""
    (tmp_path / "app.py").write_text(
        "import logging, sys\n"
        "logging.basicConfig(level='DEBUG', stream=sys.stdout, force=len(sys.argv) > 1)\n"
        "logging.debug('x')\n"
    )
    command = [sys.executable, "-m", "logweft", "run", "app.py"]

    plain, forced = (run_command([*command, *more], cwd=tmp_path) for more in ([], ["force"]))

    assert plain[1:] == ("", "")
    assert [line["message"] for line in parse(forced.out)] == ["x"]


def test_the_level_under_pytest() -> None:
    """Under pytest install() leaves WARNING; its level= sets another, and so does capture()'s."""
    with logweft.install():
        assert logging.root.level == logging.WARNING
    with logweft.install(level="INFO"):
        assert logging.root.level == logging.INFO
    with logweft.testing.capture(level="INFO") as lines:
        logging.info("paid")
    assert [line["message"] for line in lines] == ["paid"]


def test_what_redaction_does_not_find_in_a_text() -> None:
    """A value without quotes ends at the first space, and one that reads as prose is left."""
    shown = [
        logweft.redact(text)
        for text in (
            "password=correct horse battery staple",
            "password: correct horse",
            "password='correct horse'",
        )
    ]
    assert shown == [
        "password=[redacted] horse battery staple",
        "password: correct horse",
        "password='[redacted]'",
    ]


def test_the_pin_of_werkzeugs_debugger() -> None:
    """The debugger's PIN is withheld, and shown with `allow_names`."""
    stream = io.StringIO()
    text = " * Debugger PIN: 123-456-789"
    with logweft.install(stream=stream, redact={"allow_names": ["pin"]}) as installation:
        logging.getLogger("werkzeug").warning(text)
        installation.flush()
    assert parse(stream.getvalue())[0]["message"] == text
    assert logweft.redact(text) == " * Debugger PIN: [redacted]"
