"""`Logger._log` without a record, where only our handler would see it. Used by install()."""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from ._context import current, with_span
from ._formatter import JsonFormatter
from ._queue import QueueHandler
from ._record import HERE, SCALARS, caller, is_stdlib
from ._targets import DescriptorTarget

# A record costs 2.4 µs of the 8 that a line of plain text takes (3.11), and nobody else looks at it
# in most programs. Whoever may want one (a second handler, a filter, a record factory, a hook on a
# method, a subclass of Logger) gets the ordinary way, and is asked for at each call: 0.4 µs.


def log_of(log: Callable[..., None], make_record: Callable[..., Any]) -> Callable[..., None]:
    """
    Return `Logger._log`, which writes the line at once if it can, and calls *log* if it cannot.

    Args:
        log: the stdlib's method.
        make_record: our own ``Logger.makeRecord``; if another is there, somebody wants records.
    """
    Logger = logging.Logger
    watched = [(name, getattr(Logger, name)) for name in ("handle", "callHandlers", "findCaller")]
    if not all(is_stdlib(method) for name, method in watched[:2]):
        return log
    handle, call_handlers, find_caller = (method for _, method in watched)

    def _log(
        self: logging.Logger,
        level: int,
        msg: object,
        args: Any,
        exc_info: Any = None,
        extra: Any = None,
        stack_info: bool = False,
        stacklevel: int = 1,
    ) -> None:
        if (
            exc_info is None
            and stack_info is False
            and type(self) is Logger
            and type(msg) is str
            and not self.filters
            and not self.disabled
            and Logger.makeRecord is make_record
            and Logger.handle is handle
            and Logger.callHandlers is call_handlers
            and Logger.findCaller is find_caller
            and logging.getLogRecordFactory() is logging.LogRecord
        ):
            try:
                if _write(self, level, msg, args, extra, stacklevel, sys._getframe()):
                    return
            except Exception:  # noqa: BLE001 - whatever it is, the ordinary way knows what to do
                pass
        log(self, level, msg, args, exc_info, extra, stack_info, stacklevel)

    # Whoever looks for a log call's caller goes past the frames of the stdlib's file: its own
    # findCaller does, and so do other libraries' handlers.
    _log.__code__ = _log.__code__.replace(co_filename=HERE)
    return functools.update_wrapper(_log, log)


def _write(
    logger: logging.Logger,
    level: int,
    msg: str,
    args: Any,
    extra: Any,
    stacklevel: int,
    frame: FrameType,
) -> bool:
    """Write the line; False, and nothing done: somebody else has a say in it."""
    handler: Any = None
    each: logging.Logger | None = logger
    while each is not None:
        for handler_of_each in each.handlers:
            if handler is not None:
                return False
            handler = handler_of_each
        if not each.propagate:
            break
        each = each.parent
    # A handler that is taken over: see Installation._take.
    front = getattr(handler.__dict__.get("handle"), "__self__", None)
    if type(front) is not QueueHandler or not front.is_plain():
        return False
    target, formatter = front.targets[0], handler.formatter
    if (
        type(target) is not DescriptorTarget
        or target.shared
        or handler.filters
        or level < handler.level
        or type(formatter) is not JsonFormatter
        or formatter.renderer is None
        or not (extra is None or type(extra) is dict)
        or (len(args) == 1 and type(args[0]) not in SCALARS)
    ):
        return False
    renderer = formatter.renderer
    behind = caller(frame, stacklevel)
    code = behind.f_code
    level_name = _LEVELS.get(level)
    template = msg if args else None
    # By the instruction, as a line's number takes long to find in a long function.
    key = id(code), behind.f_lasti, logger.name, level_name, template
    site = renderer.sites.get(key) or renderer.site(
        key,
        (logger.name, level_name, code.co_filename, behind.f_lineno, code.co_name, template),
        code,
    )
    line = renderer.render(
        site,
        time.time(),
        msg,
        args,
        with_span(current()),
        extra.items() if extra else (),
        None,
    )
    if line is None:
        return False
    payload = f"{line}\n".encode(errors="backslashreplace")
    front.queue.put(target, payload, len(payload), level)
    return True


_LEVELS: dict[int, str] = getattr(logging, "_levelToName", {})
