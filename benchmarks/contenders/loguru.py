"""loguru with `serialize` and `enqueue`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from benchmarks.scenarios import CONTEXT

from . import Contender, Line, Target


def _setup(path: str) -> Target:
    from loguru import logger

    logger.remove()
    sink = logger.add(path, serialize=True, enqueue=True, level="INFO")
    return Target(lambda name: logger, logger.complete, lambda: logger.remove(sink))


def _bound() -> AbstractContextManager[Any]:
    from loguru import logger

    return logger.contextualize(**CONTEXT)


CONTENDERS = [
    Contender(
        "loguru serialize, enqueue",
        "loguru",
        _setup,
        line=Line(
            "record.message", "record.extra.", "record.extra.", "record.line", "record.function"
        ),
        bound=_bound,
        dialect="braces, keywords",
    )
]
