"""CPython's own tests of `logging`, with logweft's hooks active: what the stdlib promises holds."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from programs import clean_environment

TIMEOUT_S = 110.0
"""Longest one run of the suite may take (seconds); it takes 10 to 25, nearly all of it asleep."""

SUITE = """
import faulthandler, json, logging, os, sys, threading, unittest, warnings
faulthandler.dump_traceback_later(100, exit=True)

def hooks():
    logger = logging.Logger
    return (logger.makeRecord, logger.findCaller, logger._log, logging.LogRecord.__init__,
            sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning)

before = hooks()
if sys.argv[1] == "hooked":
    import logweft
    logweft.install(sticky=False)
    # Every test begins by asserting that the root logger is as a fresh interpreter has it; and one
    # asserts the text of the handler of last resort, which is ours as well.
    logging.root.handlers.clear()
    logging.root.setLevel(logging.WARNING)
    logging.lastResort = logging._StderrHandler(logging.WARNING)
installed = hooks()
changed = sum(ours is not theirs for ours, theirs in zip(installed, before))
suite = unittest.defaultTestLoader.loadTestsFromName("test.test_logging")
with open(os.devnull, "w") as nowhere:
    result = unittest.TextTestRunner(stream=nowhere, verbosity=0).run(suite)
bad = {test.id(): text[-1500:] for test, text in result.failures + result.errors}
with open(sys.argv[2], "w") as report:
    json.dump({"ran": result.testsRun, "bad": bad, "changed": changed,
               "kept": sum(ours is now for ours, now in zip(installed, hooks()))}, report)
"""


@pytest.mark.timeout(TIMEOUT_S + 10)
def test_the_stdlibs_own_tests_pass_with_our_hooks_active(tmp_path: Path) -> None:
    """With our hooks active no test of `test.test_logging` fails that passes without them."""
    try:
        found = importlib.util.find_spec("test.test_logging")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(
            "this Python comes without the `test` package (python3-test, libpython3-testsuite)"
        )
    runs = {}
    for mode in ("plain", "hooked"):
        directory = tmp_path / mode
        directory.mkdir()
        command = [sys.executable, "-c", SUITE, mode, str(directory / "report.json")]
        with (directory / "output").open("w") as output:
            runs[mode] = subprocess.Popen(
                command, cwd=directory, env=clean_environment(), stdout=output, stderr=output
            )
    try:
        for mode, process in runs.items():
            assert process.wait(TIMEOUT_S) == 0, (tmp_path / mode / "output").read_text()[-5000:]
    finally:
        for process in runs.values():
            process.kill()
            process.wait()
    plain, hooked = (json.loads((tmp_path / mode / "report.json").read_text()) for mode in runs)
    assert (plain["changed"], hooked["changed"]) == (0, 8)
    assert hooked["kept"] == 8, "the suite has undone our hooks, so it has not tested them"
    assert hooked["ran"] == plain["ran"] > 150
    new = {name: text for name, text in hooked["bad"].items() if name not in plain["bad"]}
    assert not new, "\n".join(f"{name}\n{text}" for name, text in new.items())
