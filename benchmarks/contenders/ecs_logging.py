"""ecs-logging's formatter."""

from __future__ import annotations

import logging

from . import Contender, Line, Target, bound, on_root


def _setup(path: str) -> Target:
    import ecs_logging

    return on_root(logging.FileHandler(path), ecs_logging.StdlibFormatter())


CONTENDERS = [
    Contender(
        "ecs-logging",
        "ecs-logging",
        _setup,
        line=Line(line="log.origin.file.line", function="log.origin.function"),
        bound=bound,
    )
]
