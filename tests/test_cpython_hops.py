"""CPython's own tests of threads, pools, processes and asyncio, with our hops active."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from programs import clean_environment

TIMEOUT_S = 110.0
"""Longest one run of the short part may take (seconds); it takes about 20."""

SOAK_TIMEOUT_S = 900.0
"""The same of the long part (seconds); it takes minutes."""

SUITE = """
import faulthandler, json, os, sys, unittest
mode, report, timeout, *names = sys.argv[1:]
faulthandler.dump_traceback_later(float(timeout), exit=True)
active = 0
if __name__ == "__main__":
    if mode == "hooked":
        import logweft
        logweft.install(sticky=False, capture=False, queue=False,
                        integrations=["threading", "concurrent", "multiprocessing", "asyncio"])
        scope = logweft.adopt("cpython")
        import logging
        # Tests look for what a fresh interpreter's logging writes.
        logging.root.handlers.clear()
        logging.lastResort = logging._StderrHandler(logging.WARNING)
    from test import support
    suite = unittest.TestSuite()
    for name in names:
        try:
            suite.addTests(unittest.defaultTestLoader.loadTestsFromName(name))
        except (ImportError, unittest.SkipTest):
            pass  # this version of Python has none of that name, or not here
    with open(os.devnull, "w") as nowhere:
        result = unittest.TextTestRunner(stream=nowhere, verbosity=0).run(suite)
    if mode == "hooked":
        import concurrent.futures.thread, threading
        active = [hasattr(each, "__wrapped__") for each in
                  (threading.Thread.start, concurrent.futures.thread.ThreadPoolExecutor.submit)]
        active = active.count(True)
    bad = {test.id(): text[-1500:] for test, text in result.failures + result.errors}
    bad.update({test.id(): "unexpected success" for test in result.unexpectedSuccesses})
    with open(report, "w") as file:
        json.dump({"ran": result.testsRun, "bad": bad, "active": active}, file)
"""

SHORT = (
    "test.test_thread_local_bytecode",
    "test.test_threading_local",
    "test.test_thread",
    "test.test_contextlib_async",
    "test.test_context",
    "test.test_asyncio.test_tasks",
    "test.test_asyncio.test_threads",
    "test.test_asyncio.test_futures",
    "test.test_asyncio.test_events.HandleTests",
    "test.test_asyncio.test_runners.RunnerTests",
    "test.test_concurrent_futures.test_thread_pool",
    "test.test_concurrent_futures.test_future",
    "test.test_threading.TimerTests",
    "test.test_threading.ThreadingExceptionTests",
    "test.test_threading.ThreadSubclassOverridingRunTests",
)
LONG = (
    "test.test_threading",
    "test.test_concurrent_futures",
    "test.test_concurrent_futures.test_process_pool",
    "test.test_concurrent_futures.test_shutdown",
    "test.test_multiprocessing_fork",
    "test.test_multiprocessing_fork.test_processes",
    # Waits for a signal in a loop of mocks; on a busy machine 3.11 has once waited for ever.
    "test.test_asyncio.test_runners.RunTests",
    "test.test_asyncio.test_base_events",
    "test.test_asyncio.test_events",
    "test.test_asyncio.test_taskgroups",
    "test.test_asyncio.test_subprocess",
)


def compare(tmp_path: Path, names: tuple[str, ...], timeout_s: float, least: int) -> None:
    """Run CPython's tests without us and with us; what fails with us must fail without us."""
    if importlib.util.find_spec("test.test_threading") is None:
        pytest.skip("this Python comes without the `test` package (libpython3-testsuite)")
    runs = {}
    for mode in ("plain", "hooked"):
        directory = tmp_path / mode
        directory.mkdir()
        program = directory / "suite.py"
        program.write_text(SUITE)
        report = str(directory / "report.json")
        command = [sys.executable, str(program), mode, report, str(timeout_s - 10), *names]
        with (directory / "output").open("w") as output:
            runs[mode] = subprocess.Popen(
                command, cwd=directory, env=clean_environment(), stdout=output, stderr=output
            )
    try:
        for mode, process in runs.items():
            output_of = (tmp_path / mode / "output").read_text
            assert process.wait(timeout_s) == 0, f"{mode}: {output_of()[-5000:]}"
    finally:
        for process in runs.values():
            process.kill()
            process.wait()
    plain, hooked = (json.loads((tmp_path / mode / "report.json").read_text()) for mode in runs)
    assert (plain["active"], hooked["active"]) == (0, 2)
    assert hooked["ran"] == plain["ran"] > least
    new = {name: text for name, text in hooked["bad"].items() if name not in plain["bad"]}
    assert not new, "\n".join(f"{name}\n{text}" for name, text in new.items())


@pytest.mark.timeout(TIMEOUT_S + 10)
def test_the_stdlibs_own_tests_pass_with_our_hops_active(tmp_path: Path) -> None:
    """With our hops active no test of threads, pools and asyncio fails that passes without them."""
    compare(tmp_path, SHORT, TIMEOUT_S, 300)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_TIMEOUT_S + 10)
def test_the_stdlibs_long_tests_pass_with_our_hops_active(tmp_path: Path) -> None:
    """The same of test_threading, concurrent.futures, multiprocessing and asyncio's events."""
    compare(tmp_path, LONG, SOAK_TIMEOUT_S, 300)
