"""A log call → its line, without a record where nobody needs one. Used by `_shortcut`."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

from ._context import current, with_span
from ._plain import MAX_ITEMS
from ._queue import QueueHandler
from ._record import LEVELS, OWN, SCALARS, record_like
from ._render import Site

Made = tuple[QueueHandler, str, Any, Any, Sequence[logging.Handler]]
"""``(queue, line, level, record, handlers)``: those that still have to get the record."""


def line_of(
    logger: logging.Logger,
    level: Any,
    msg: str,
    args: Any,
    extra: dict[str, Any] | None,
    frame: FrameType,
    record: Any,
) -> Made | None:
    """
    Make the line, if the first handler is ours and nobody else has a say in it; else None.

    *record* is that of a record factory; None: nobody has set one.
    """
    handlers: list[logging.Handler] = []
    each: logging.Logger | None = logger
    while each is not None:
        own = each.handlers
        if own and (len(own) > 1 or type(own[0]) is not _NullHandler):
            handlers = [*handlers, *own]  # a copy: others may add to theirs at any time
        each = each.parent if each.propagate else None
    if not handlers or (len(handlers) > 1 and IS_GUARDED):
        return None
    # A handler that is taken over: see Installation._take.
    front = getattr(handlers[0].__dict__.get("handle"), "__self__", None)
    if type(front) is not QueueHandler:
        return None
    if record is not None:
        level = record.levelno
    renderer = front.renderer(level)
    if renderer is None:
        return None
    context = with_span(current())
    if record is not None:
        line = renderer.line(record, context)
    elif (len(args) == 1 and type(args[0]) not in SCALARS) or (extra and len(extra) > _MAX_EXTRA):
        return None
    else:
        code = frame.f_code
        level_name = LEVELS.get(level)
        template = msg if args else None
        # By the instruction, as a line's number takes long to find in a long function.
        key = id(code), frame.f_lasti, logger.name, level_name, template
        site = renderer.known.sites.get(key) or renderer.site(
            key,
            (logger.name, level_name, code.co_filename, frame.f_lineno, code.co_name, template),
            code,
        )
        if len(handlers) > 1 or site.is_access:
            record = _record_of(site, logger.name, level, msg, args, extra, frame)
        created = time.time() if record is None else record.created
        fields = extra.items() if extra else ()
        line = renderer.render(site, created, msg, args, context, fields, record)
    if line is None:
        return None
    if record is not None:
        record.__dict__.setdefault("correlation_id", context.correlation_id)  # as ContextFilter
    return front, line, level, record, handlers[1:]


def _record_of(
    site: Site,
    name: str,
    level: Any,
    msg: str,
    args: Any,
    extra: dict[str, Any] | None,
    frame: FrameType,
) -> Any:
    """Return the record of a call at a *site* whose earlier ones are known."""
    if site.attributes is None:
        code = frame.f_code
        where = code.co_filename, frame.f_lineno
        record = logging.LogRecord(name, level, *where, "", (), None, code.co_name, None)
        site.attributes = dict(vars(record))  # no longer one that shares its keys
    return record_like(site.attributes, level, msg, args, extra)


_MAX_EXTRA = MAX_ITEMS - len(OWN) - 1  # so many attributes of a record are looked at

_NullHandler = logging.NullHandler  # which libraries have, and which does nothing

# From 3.14 on `Logger.handle` ignores what a handler logs while it has a record, lest it recurse.
IS_GUARDED = hasattr(logging.Logger, "_tls")
