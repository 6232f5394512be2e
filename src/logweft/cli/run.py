"""`logweft run`: any unmodified program, with install() active. Used by `logweft.__main__`."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
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
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own arguments")
    parser.set_defaults(command=run)


def run(known: argparse.Namespace) -> int:
    """
    Run the program as `python` would: its ``sys.argv``, its ``sys.path[0]``, its ``__main__``.

    Raises:
        BaseException: what the program leaves with, SystemExit included.
    """
    program: str = known.program
    sys.argv = [program, *known.arguments]
    if known.module:
        sys.path[0] = os.getcwd()
        _install()
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return 0
    if not os.path.exists(program):
        print(f"logweft: no such file: {program}; a module needs -m", file=sys.stderr)
        return 2
    if not os.path.isdir(program):
        sys.path[0] = os.path.dirname(os.path.abspath(program))
    _install()
    runpy.run_path(program, run_name="__main__")
    return 0


def _install() -> None:
    """Install, under the ID of the process that started this one or under a new one."""
    logweft.install()
    if logweft.current().correlation_id is None:
        logweft.adopt()
