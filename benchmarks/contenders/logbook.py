"""logbook to a text file."""

from __future__ import annotations

from typing import Any

from . import Contender, Target


def _setup(path: str) -> Target:
    import logbook

    text = "{record.time} {record.level_name} {record.channel} {record.message}"
    handler = logbook.FileHandler(path, level=logbook.INFO, format_string=text)
    handler.push_application()

    def logger(name: str) -> Any:
        return logbook.Logger(name, level=logbook.INFO)

    return Target(logger, handler.flush, handler.close)


CONTENDERS = [Contender("logbook", "logbook", _setup, line=None, dialect="braces, extra")]
