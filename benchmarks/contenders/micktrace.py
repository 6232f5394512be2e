"""MickTrace with its JSON file handler in async mode."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from benchmarks.scenarios import CONTEXT

from . import Contender, Line, Target


def _setup(path: str) -> Target:
    import micktrace
    from micktrace.handlers.file import FileHandler

    micktrace.configure(level="INFO")
    handler = FileHandler(path, max_bytes=1 << 40, async_mode=True)

    def logger(name: str) -> Any:
        log = micktrace.get_logger(name)
        log._handlers[:] = [handler]  # there is no public way to give it this handler
        return log

    return Target(logger, handler.queue.join, handler.close)


def _bound() -> AbstractContextManager[Any]:
    import micktrace

    return micktrace.context(**CONTEXT)


CONTENDERS = [
    Contender(
        "MickTrace",
        "micktrace",
        _setup,
        line=Line("message", "data.", "data.", line=None, function=None),
        bound=_bound,
        dialect="formatted, keywords",
        skips=("exception",),
        note="fsync of every line",
    )
]
