"""`logweft doctor`: what is installed, and whether a secret comes out. Used by `__main__`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import logweft
from logweft import _install, testing
from logweft._line import line_of
from logweft._queue import QueueHandler
from logweft.integrations import REGISTRY, Row

from . import quiet_when_closed
from .run import begin_of_program, show

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: _Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "doctor",
        help="show what is installed, or look for leaks",
        description="Show options, handlers, integrations and queue; with --canary, log planted "
        "secrets by every way past every handler, without writing anything, and exit with 1 if one "
        "comes out, with 2 if that cannot be told.",
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


@quiet_when_closed
def doctor(known: argparse.Namespace) -> int:
    """
    Configure logging as the program does, and print what is found.

    Returns:
        1: a secret comes out; 2: logging could not be configured.

    Raises:
        BaseException: what the program's own configuration raises that is neither an Exception nor
            SystemExit.
    """
    try:
        _configure(known.program)
    except _Refused as error:
        print(f"logweft: {error}", file=sys.stderr)
        return 2
    return _canary() if known.canary else _show()


class _Refused(Exception):
    """One sentence: why the program's logging cannot be looked at."""


def _configure(program: str | None) -> None:
    if program is None:
        try:
            logweft.install()
        except (TypeError, ValueError, RuntimeError) as error:
            raise _Refused(error) from None
        return
    module_name, _, function = program.partition(":")
    if module_name.endswith(".py"):
        path = os.path.relpath(module_name[:-3])
        name = os.path.basename(path) if path.startswith(os.pardir) else path.replace(os.sep, ".")
        where = ", in its folder" if path.startswith(os.pardir) else ""
        raise _Refused(f"{module_name} is a file, and a module is imported: write `{name}`{where}")
    if "" in module_name.split("."):
        raise _Refused(f"{program} names no module: write MODULE or MODULE:FUNCTION")
    sys.path.insert(0, os.getcwd())
    try:
        configure: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise _Refused(f"{program} is not there: {error}") from None
        raise _failed(f"importing {module_name}", error) from None  # what it imports is not there
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the program's, and is shown
        raise _failed(f"importing {module_name}", error) from None
    for name in filter(None, function.split(".")):
        try:
            configure = getattr(configure, name)
        except AttributeError as error:
            raise _Refused(f"{program} is not there: {error}") from None
    if function:
        if not callable(configure):
            told = type(configure).__name__
            raise _Refused(f"{program} must be a function that configures logging, got {told}")
        try:
            configure()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the same
            raise _failed(f"calling {program}", error) from None


def _failed(what: str, error: BaseException) -> _Refused:
    """Show where *error* comes from, and return the sentence that ends it."""
    if not isinstance(error, SystemExit):  # whose place says nothing
        show(error, begin_of_program(error.__traceback__))
    told = logweft.redact(str(error)).partition("\n")[0]
    return _Refused(f"{what} raised {type(error).__name__}{told and f': {told}'}")


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
    from importlib.metadata import version

    is_compiled = not inspect.isfunction(line_of)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"logweft {version('logweft')}{', compiled' if is_compiled else ''}; {python}")
    installed = _install._installed
    if installed is None:
        print("install() has not been called")
    else:
        print(f"installed at {installed._where}")
        options = installed._options._asdict()
        policy = options.pop("policy")
        trust = policy.trust if isinstance(policy.trust, str) else tuple(map(str, policy.trust))
        options |= {"trust": trust, "id_headers": policy.order, "propagate_to": policy.propagate_to}
        _table([["option", "value"], *_options(options)])
    for name, known in _unknown_variables():
        hint = f"; did you mean {known}?" if known else ""
        print(f"\n{name} is no variable of logweft, and does nothing{hint}")
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
        elif isinstance(value, (frozenset, tuple)):
            names = sorted(value) if isinstance(value, frozenset) else value
            told = ", ".join(names) or "none"
        else:
            told = str(value)
        yield [name, told]


def _unknown_variables() -> Iterator[tuple[str, str]]:
    """Yield the LOGWEFT_ variables that no option has, and which one may be meant, if any."""
    # A warning of install() would be one in every process of a cluster where a service has our
    # name: Kubernetes sets LOGWEFT_SERVICE_HOST there.
    parameters = list(inspect.signature(logweft.install).parameters)[1:]  # not `config`
    known = [f"LOGWEFT_{name.upper()}" for name in parameters]
    for name in sorted(os.environ):
        if name.startswith("LOGWEFT_") and name not in known:
            yield name, next(iter(difflib.get_close_matches(name, known, 1, 0.8)), "")


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
