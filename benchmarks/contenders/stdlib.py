"""The standard library alone; `stdlib text` is what every ratio is against."""

from __future__ import annotations

import logging
from collections.abc import Callable

from . import ATTACHED, Contender, Target, on_root, text_file


def _null(path: str) -> Target:
    open(path, "w").close()
    return on_root(logging.NullHandler(), None)


def _with(attach: Callable[[], None]) -> Callable[[str], Target]:
    def setup(path: str) -> Target:
        target = text_file(path)
        attach()
        return target

    return setup


CONTENDERS = [
    Contender("stdlib NullHandler", "", _null, line=None, writes=False),
    Contender("stdlib text", "", text_file, line=None),
    *(
        Contender(f"stdlib text + {name}", packages, _with(attach), line=None)
        for name, (packages, attach) in ATTACHED.items()
    ),
]
