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
    known = set(root.manager.loggerDict)
    disabled = root.manager.disable
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning)
    methods = (logging.Logger.addHandler, logging.Logger.makeRecord)
    yield
    logweft.uninstall()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)
    for name in set(root.manager.loggerDict) - known:
        logger = root.manager.loggerDict[name]
        if isinstance(logger, logging.Logger):
            logger.handlers[:] = []
            logger.filters[:] = []
            logger.setLevel(logging.NOTSET)
            logger.propagate, logger.disabled = True, False
    assert methods == (logging.Logger.addHandler, logging.Logger.makeRecord)
    assert hooks[0] is sys.excepthook
    assert hooks[2] is threading.excepthook
