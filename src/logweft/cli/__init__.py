"""The commands of `python -m logweft`, a module each with `add_to(commands)`."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable

Command = Callable[[argparse.Namespace], int]

_SIGPIPE = 128 + 13
"""Exit code of a command whose reader left, as a shell tells it of any other tool."""


def quiet_when_closed(command: Command) -> Command:
    """Return *command* so that it ends without a word where its reader has left, as `head` does."""

    @functools.wraps(command)
    def quiet(known: argparse.Namespace) -> int:
        try:
            code = command(known)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes once more at its exit, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _SIGPIPE
        else:
            return code

    return quiet
