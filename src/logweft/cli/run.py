"""`logweft run`: any unmodified program, with install() active. Used by `logweft.__main__`."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from types import TracebackType
from typing import TYPE_CHECKING

import logweft

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: _Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        help="run a program with logweft installed",
        description="Run a program, unmodified, with logweft installed. Its options are the "
        "environment variables LOGWEFT_LEVEL, LOGWEFT_FORMAT, ...",
        usage="logweft run (SCRIPT | -m MODULE) [ARGUMENT ...]",
    )
    parser.add_argument("-m", dest="module", action="store_true", help="PROGRAM names a module")
    parser.add_argument("program", help="a script, a folder or zip with __main__.py, or a module")
    arguments = parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="the program's own arguments"
    )
    arguments.required = False  # before 3.13, what is missing would be "program, arguments"
    parser.set_defaults(command=run)


def run(known: argparse.Namespace) -> int:
    """
    Run the program as `python` would: its ``sys.argv``, its ``sys.path[0]``, its ``__main__``.

    Raises:
        BaseException: what the program leaves with and is no Exception, such as SystemExit.
    """
    program: str = known.program
    sys.argv = [program, *known.arguments]
    if known.module:
        sys.path[0] = os.getcwd()
    elif not os.path.exists(program):
        print(f"logweft: no such file: {program}; a module needs -m", file=sys.stderr)
        return 2
    elif not os.path.isdir(program):
        sys.path[0] = os.path.dirname(os.path.abspath(program))
    try:
        _install()
    except (TypeError, ValueError, RuntimeError) as error:
        print(f"logweft: {error}", file=sys.stderr)
        return 2
    try:
        if known.module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program, run_name="__main__")
    except Exception as error:  # noqa: BLE001 - the program's, and shown as Python would
        begun = begin_of_program(error.__traceback__)
        if begun is None and isinstance(error, ImportError):  # runpy has not found it
            print(f"logweft: {error}", file=sys.stderr)
            return 2
        show(error, begun)
        return 1
    return 0


def _install() -> None:
    """Install, under the ID of the process that started this one or under a new one."""
    logweft.install()
    if logweft.current().correlation_id is None:
        logweft.adopt()


def begin_of_program(traceback: TracebackType | None) -> TracebackType | None:
    """Return *traceback* from the program's first frame on, behind those that have begun it."""
    while traceback is not None and _is_ours(traceback.tb_frame.f_globals.get("__name__")):
        traceback = traceback.tb_next
    return traceback


def _is_ours(module: object) -> bool:
    return str(module).partition(".")[0] in ("runpy", "importlib") or (
        str(module).startswith(f"{__package__}.")
    )


def show(error: BaseException, traceback: TracebackType | None) -> None:
    """Do with *error* what the interpreter does with one that nobody has caught."""
    error.__traceback__ = traceback
    # What holds the program's frames, and so its objects, to the end.
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, traceback
    sys.excepthook(type(error), error, traceback)
