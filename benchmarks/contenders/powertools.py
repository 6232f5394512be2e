"""aws-lambda-powertools' Logger, which is one logger with a handler of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from benchmarks.scenarios import CONTEXT

from . import Contender, Line, Target

_logger: Any = None


def _setup(path: str) -> Target:
    global _logger
    from aws_lambda_powertools import Logger

    file = open(path, "w")  # noqa: SIM115 - stays open as long as the process logs
    _logger = Logger(service="bench", level="INFO", stream=file)
    return Target(lambda name: _logger, file.flush, file.close)


@contextlib.contextmanager
def _bound() -> Iterator[None]:
    _logger.thread_safe_append_keys(**CONTEXT)
    try:
        yield
    finally:
        _logger.thread_safe_remove_keys(list(CONTEXT))


CONTENDERS = [
    Contender(
        "aws-lambda-powertools",
        "aws-lambda-powertools",
        _setup,
        line=Line(line="location", function="location"),
        bound=_bound,
        note="one logger: libraries' lines need its copy_config_to_registered_loggers",
    )
]
