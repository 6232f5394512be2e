"""ConsoleFormatter: the same record, for people. Used by install() where a stream is a terminal."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterator
from typing import Any

from ._formatter import HEAD, TAIL, JsonFormatter
from ._plain import MAX_TEXT, Walk
from ._redact import shown

_COLORS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}

# Fields that are not written as ``name=value``: they have a place of their own, or none.
_PLACED = frozenset({*HEAD, *TAIL} - {"service", "version", "environment"})

# A terminal obeys these, and a log line is other people's text; a tab would break the indentation.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_BARE = re.compile(r"[^\s\"'=]+")

CONTINUED = "  | "
"""Begins every line but the first: CI runners obey a line that begins with ``::`` or ``##``."""


class ConsoleFormatter(JsonFormatter):
    """
    The line of `JsonFormatter`, redacted as it is, set out for a person.

    For example::

        16:20:33.123 INFO    shop.orders  paid order 7  amount=12.5  [order-1] orders.py:31

    Control characters are shown as escapes; every further line of a message or traceback begins
    with ``  | ``, so that a logged text can neither move the cursor nor pass for a line of its own.

    Args:
        colors: write ANSI colours.
        options: as `JsonFormatter` takes them, but *fmt*, *encoder* and *max_line*.

    Raises:
        TypeError: an unknown keyword.
    """

    def __init__(self, *, colors: bool = False, **options: Any) -> None:
        if not isinstance(colors, bool):
            raise TypeError(f"colors must be True or False, got {shown(colors)}")
        super().__init__(encoder="json", **options)
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """
        Return *record* as text, with further lines for a long message, an exception, a stack.

        Raises:
            Nothing that is an Exception.
        """
        level = ""
        try:
            tree = self._read(record)
            level = str(tree.get("level", ""))
            lines = [*self._head_lines(tree, record), *_exception_lines(tree.get("exception"))]
            lines += _split(tree.get("stack"))
        except Exception as error:  # noqa: BLE001 - a log call never raises; the line says why
            lines = [self._fallback(record, error)]
        first, *rest = (_clean(part) for line in lines for part in line.split("\n"))
        if self._colors:
            first = self._paint(first, level)
        return f"\n{CONTINUED}".join([first, *rest])

    def _walk(self, max_line: int) -> Walk:
        return super()._walk(MAX_TEXT)

    def _head_lines(self, tree: dict[str, Any], record: logging.LogRecord) -> list[str]:
        message, *more = str(tree.get("message", "")).split("\n")
        words = [
            _clock(record.created),
            f"{tree.get('level', ''):<8}{tree.get('logger', '')}",
            "",
            message,
        ]
        fields = [f"{name}={_value(value)}" for name, value in tree.items() if name not in _PLACED]
        if fields:
            words += ["", *fields]
        if "correlation_id" in tree:
            words += ["", f"[{tree['correlation_id']}]"]
        if "file" in tree:
            words += ["", f"{os.path.basename(str(tree['file']))}:{tree.get('line')}"]
        return [" ".join(words), *more]

    @staticmethod
    def _paint(line: str, level: str) -> str:
        color = _COLORS.get(level)
        return line if color is None else line.replace(level, f"\x1b[{color}m{level}\x1b[0m", 1)


def _clock(created: float) -> str:
    try:
        clock = time.strftime("%H:%M:%S", time.localtime(created))
        return f"{clock}.{int(created % 1 * 1000):03d}"
    except (TypeError, ValueError, OverflowError, OSError):
        return "--:--:--.---"  # NaN, or a year no calendar has


def _value(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _exception_lines(told: Any) -> Iterator[str]:
    """Yield an exception in the order of Python's own traceback: the newest last."""
    if not isinstance(told, dict):
        return
    for name, words in (
        ("cause", "The above exception was the direct cause of the following exception:"),
        ("context", "During handling of the above exception, another exception occurred:"),
    ):
        if name in told:
            yield from _exception_lines(told[name])
            yield words
    yield from _split(told.get("stack_trace"))
    yield from f"{told.get('type', '')}: {told.get('message', '')}".split("\n")
    for note in told.get("notes", ()):
        yield from str(note).split("\n")
    for member in told.get("exceptions", ()):
        yield from (f"  {line}" for line in _exception_lines(member))


def _split(text: Any) -> list[str]:
    if not text:
        return []
    return [str(line) for line in text] if isinstance(text, list) else str(text).split("\n")


def _clean(line: str) -> str:
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], line)
