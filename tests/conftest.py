"""Fixtures of every test: what a test leaves behind in `logging` is undone, threads included."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

import logweft


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
    methods = (logging.Logger.addHandler, logging.Logger.makeRecord)
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
    assert methods == (logging.Logger.addHandler, logging.Logger.makeRecord)
    assert hooks[0] is sys.excepthook
    assert hooks[2] is threading.excepthook
