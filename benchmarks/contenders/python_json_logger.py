"""python-json-logger with each of its encoders, and behind the standard library's queue."""

from __future__ import annotations

import importlib
import logging
import logging.handlers
import queue
from collections.abc import Callable
from typing import Any

from . import BoundFields, Contender, Line, Target, bound, on_root

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(lineno)d %(funcName)s"
_LINE = Line(line="lineno", function="funcName")


def _formatter(module: str, name: str) -> logging.Formatter:
    cls = getattr(importlib.import_module(f"pythonjsonlogger.{module}"), name)
    formatter: logging.Formatter = cls(_FIELDS)
    return formatter


def _file(module: str, name: str) -> Callable[[str], Target]:
    return lambda path: on_root(logging.FileHandler(path), _formatter(module, name))


def _queued(path: str) -> Target:
    lines: queue.Queue[Any] = queue.Queue()
    handler = logging.handlers.QueueHandler(lines)
    handler.addFilter(BoundFields())
    file = logging.FileHandler(path)
    file.setFormatter(_formatter("json", "JsonFormatter"))
    listener = logging.handlers.QueueListener(lines, file)
    listener.start()
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)

    def close() -> None:
        listener.stop()
        file.close()

    return Target(logging.getLogger, lines.join, close)


def _contender(
    name: str, setup: Callable[[str], Target], packages: str = "", **facts: Any
) -> Contender:
    packages = f"python-json-logger {packages}".strip()
    return Contender(name, packages, setup, line=_LINE, bound=bound, **facts)


CONTENDERS = [
    _contender("python-json-logger", _file("json", "JsonFormatter")),
    _contender("python-json-logger, orjson", _file("orjson", "OrjsonFormatter"), "orjson"),
    _contender("python-json-logger, msgspec", _file("msgspec", "MsgspecFormatter"), "msgspec"),
    _contender("stdlib QueueHandler + python-json-logger", _queued, note="the queue has no bound"),
]
