"""`logweft doctor`: what is installed, and whether a secret comes out. Used by `__main__`."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import logweft
from logweft import _install, testing
from logweft._queue import QueueHandler
from logweft.integrations import REGISTRY, Row

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: _Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "doctor",
        help="show what is installed, or look for leaks",
        description="Show options, handlers, integrations and queue; with --canary, log planted "
        "secrets by every way past every handler, without writing anything, and exit with 1 if one "
        "comes out.",
    )
    parser.add_argument("--canary", action="store_true", help="look for leaks")
    parser.add_argument(
        "program",
        nargs="?",
        metavar="MODULE[:FUNCTION]",
        help="what configures logging: a module to import, a function in it to call; default: "
        "logweft.install()",
    )
    parser.set_defaults(command=doctor)


def doctor(known: argparse.Namespace) -> int:
    """
    Configure logging as the program does, and print what is found; 1: a secret comes out.

    Raises:
        Exception: what the program's own configuration raises.
    """
    if known.program is None:
        logweft.install()
    else:
        sys.path.insert(0, os.getcwd())
        module_name, _, function = known.program.partition(":")
        try:
            configure = importlib.import_module(module_name)
            for name in filter(None, function.split(".")):
                configure = getattr(configure, name)
        except (ModuleNotFoundError, AttributeError) as error:
            missing = getattr(error, "name", None) or ""
            if isinstance(error, ModuleNotFoundError) and not module_name.startswith(missing):
                raise  # the program is there, what it imports is not
            print(f"logweft: {known.program} is not there: {error}", file=sys.stderr)
            return 2
        if function:
            configure()  # type: ignore[operator]  # a module, until its attribute is taken
    return _canary() if known.canary else _show()


def _canary() -> int:
    report = testing.find_leaks()
    columns = [f"[{number}]" for number, _ in enumerate(report.seen, 1)]
    for column, handler in zip(columns, report.seen, strict=True):
        print(f"{column} {handler}")
    for handler in report.unseen:
        print(f"not seen: {handler}")
    if not report.seen:
        print("there is no handler whose output can be seen")
        return 1
    rows = [["", *columns]]
    for path in report.paths:
        counts = [
            sum(leak.path == path and leak.handler == handler for leak in report.leaks)
            for handler in report.seen
        ]
        rows.append([path, *(f"{count} leaks" if count else "ok" for count in counts)])
    _table(rows)
    for handler in report.seen:
        for path in report.paths:
            leaks = [each.category for each in report.leaks if each[::2] == (path, handler)]
            if leaks:
                print(f"leak: {handler}: {path}: {', '.join(leaks)}")
    return int(bool(report.leaks))


def _show() -> int:
    installed = _install._installed
    if installed is None:
        print("install() has not been called")
    else:
        print(f"installed at {installed._where}")
        _table([["option", "value"], *_options(installed._options._asdict())])
    _table([["handler", "target", "lines"], *_handlers()])
    selected = frozenset() if installed is None else installed._options.integrations
    _table([["integration", "", "why"], *(_integration(name, selected) for name in REGISTRY)])
    if installed is not None:
        stats = installed.stats()
        _table([["queue", ""], *([name, str(value)] for name, value in stats._asdict().items())])
    return 0


def _options(options: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            told = f"on, with {', '.join(sorted(value))}"  # names alone: values may be secrets
        elif isinstance(value, bool):
            told = "on" if value else "off"
        elif isinstance(value, frozenset):
            told = ", ".join(sorted(value)) or "none"
        else:
            told = str(value)
        yield [name, told]


def _handlers() -> Iterator[list[str]]:
    for owner in _install._loggers():
        for handler in owner.handlers:
            front = getattr(vars(handler).get("handle"), "__self__", None)
            if isinstance(front, QueueHandler):
                formatter = type(handler.formatter).__name__
                lines = f"ours ({formatter}), behind the queue"
            elif isinstance(handler, QueueHandler):
                lines = "ours, behind a queue of its own"
            else:
                lines = f"its own ({type(handler.formatter).__name__})"
                if any(isinstance(each, logweft.RedactionFilter) for each in handler.filters):
                    lines += ", redacted"
            stream = getattr(handler, "stream", None)
            file = getattr(handler, "baseFilename", None) or getattr(stream, "name", None)
            yield [testing._name(owner, handler), str(file or "-"), lines]


def _integration(name: str, selected: Iterable[str]) -> list[str]:
    row = REGISTRY[name]
    if name not in selected:
        return [name, "off", "not selected" if _install._installed else "not installed"]
    fault = _fault(row)
    if fault:
        return [name, "off", fault]
    imported = [target for target in row.targets if target in sys.modules]
    return [name, "on", f"{imported[0]} is imported" if imported else "once it is imported"]


def _fault(row: Row) -> str:
    """Say why an integration cannot be on."""
    if not row.package:
        return ""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version(row.package)
    except PackageNotFoundError:
        return f"{row.package} is not there"
    if row.minimum and _numbers(found) < _numbers(row.minimum):
        return f"needs {row.package} >= {row.minimum}, found {found}"
    return ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def _table(rows: list[list[str]]) -> None:
    print()
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
