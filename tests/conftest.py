"""Fixtures of every test: what a test leaves behind in `logging` is undone, threads included."""

from __future__ import annotations

import gc
import logging
import logging.config
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

import logweft

# The same examples in every run, so that a failure is the fault of what changed.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def pristine_logging() -> Iterator[None]:
    """Give each test the logging of a fresh interpreter, and fail one that leaves hooks behind."""
    root = logging.root
    handlers, level = root.handlers[:], root.level
    before = {
        name: (logger.handlers[:], logger.filters[:], logger.level, logger.propagate)
        for name, logger in root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    disabled = root.manager.disable
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning)
    Logger, Record = logging.Logger, logging.LogRecord
    methods = (Logger.addHandler, Logger.makeRecord, Logger._log, Record.__init__)
    yield
    logweft.uninstall()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)
    for name, logger in root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            state = before.get(name, ([], [], logging.NOTSET, True))
            logger.handlers[:], logger.filters[:], _, logger.propagate = state
            logger.setLevel(state[2])
            logger.disabled = False
    assert methods == (Logger.addHandler, Logger.makeRecord, Logger._log, Record.__init__)
    assert hooks[0] is sys.excepthook
    assert hooks[2] is threading.excepthook


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which code of ours blocks the thread of a running event loop."""
    if request.path.name == "test_grpc.py":
        yield
        # grpc.aio itself waits for its thread, whenever its last object is freed: here, and not in
        # the loop of a later test.
        gc.collect()
        return
    with blockbuster_ctx("logweft") as watch:
        # The server has done its work by then, and its process may end without atexit.
        watch.functions["time.sleep"].can_block_in("integrations/_uvicorn.py", "_flushed")
        # As every import: a library's version is looked up once, when it is imported.
        watch.functions["io.TextIOWrapper.read"].can_block_in("integrations/__init__.py", "_apply")
        yield
