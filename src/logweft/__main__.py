"""`python -m logweft`: the command line. Each command is a module of `logweft.cli`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .cli import demo, doctor, run, scan


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command and return its exit code.

    That is 0: done; 1: a secret was found; 2: wrong usage, or logging that cannot be configured;
    141: the reader of the output left; of ``run`` the program's own.

    Args:
        argv: the words after ``logweft``; None: those of the process.

    Raises:
        SystemExit: wrong usage, ``--help``, or the program under ``run`` leaves with it.
    """
    parser = argparse.ArgumentParser(
        prog="logweft", description="Structured lines from the logging you already have."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (run, demo, doctor, scan):
        command.add_to(commands)
    known = parser.parse_args(argv)
    code: int = known.command(known)
    return code


if __name__ == "__main__":
    sys.exit(main())
