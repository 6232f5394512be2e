"""structlog: its fastest native recipe, and its formatter on the standard library's loggers."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.scenarios import CONTEXT

from . import Contender, Line, Target


def _native(path: str) -> Target:
    """Set up as the chapter "Performance" of its documentation says."""
    import orjson
    import structlog

    file = open(path, "wb")  # noqa: SIM115 - stays open as long as the process logs
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file),
    )
    # bind() gives the assembled logger; the lazy proxy would assemble one for every call.
    log = structlog.get_logger().bind()
    return Target(lambda name: log, file.flush, file.close)


def _stdlib(path: str) -> Target:
    import structlog

    callsite = structlog.processors.CallsiteParameter
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.CallsiteParameterAdder([callsite.FUNC_NAME, callsite.LINENO]),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.FileHandler(path)
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    return Target(logging.getLogger, handler.flush, handler.close)


def _bound() -> AbstractContextManager[Any]:
    import structlog

    return structlog.contextvars.bound_contextvars(**CONTEXT)


CONTENDERS = [
    Contender(
        "structlog native, orjson",
        "structlog orjson",
        _native,
        line=Line(message="event", line=None, function=None),
        bound=_bound,
        dialect="percent, keywords",
    ),
    Contender(
        "structlog ProcessorFormatter",
        "structlog",
        _stdlib,
        line=Line(message="event", line="lineno", function="func_name"),
        bound=_bound,
    ),
]
