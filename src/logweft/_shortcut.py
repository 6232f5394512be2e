"""`Logger._log`, leaner: a line without a record, where nobody else sees it. Used by install()."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from ._line import IS_GUARDED, Made, line_of
from ._record import HERE, add_extra, caller, is_stdlib

# A record costs 1.2 µs of the 8 that a line of plain text takes (3.11), its way through handlers
# another, and nobody else looks at it in most programs. Whoever may have a say in it (a filter, a
# hook on a method, a Logger of another class) gets the ordinary way, and is asked for each time:
# 0.4 µs. A handler behind ours gets its record, which ours, having written its line already, does
# not look at: 2 of 10 µs. A record factory is called from here: the ordinary way to it and back
# takes 0.5 µs.


def log_of(log: Callable[..., None], make_record: Callable[..., Any]) -> Callable[..., None]:
    """
    Return `Logger._log`, which writes the line at once if it can, and calls *log* if it cannot.

    Args:
        log: the stdlib's method.
        make_record: our own ``Logger.makeRecord``; if another is there, somebody makes records.
    """
    Logger, RootLogger, Record = logging.Logger, logging.RootLogger, logging.LogRecord
    find_caller, init = Logger.findCaller, Record.__init__
    get_message = Record.getMessage if is_stdlib(Record.getMessage) else None
    # Where another library has a hook on one of these, records are made for it.
    handle = Logger.handle if is_stdlib(Logger.handle) else None
    call_handlers = Logger.callHandlers if is_stdlib(Logger.callHandlers) else None

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
            and (type(self) is Logger or type(self) is RootLogger)
            and Logger.makeRecord is make_record
            and Logger.findCaller is find_caller
            and Record.__init__ is init
            and Record.getMessage is get_message
            and (extra is None or type(extra) is dict)
        ):
            record: Any = None
            made: Made | None = None
            is_free = False  # nobody is asked before the handlers are
            try:
                factory = logging.getLogRecordFactory()
                frame = caller(sys._getframe(1), stacklevel)
                if factory is not Record:
                    record = _record(factory, self.name, level, msg, args, extra, frame)
                is_free = Logger.handle is handle and not self.filters and not self.disabled
                if is_free and Logger.callHandlers is call_handlers and type(msg) is str:
                    made = line_of(self, level, msg, args, extra, frame, record)
                if made is None and record is None:
                    record = _record(factory, self.name, level, msg, args, extra, frame)
            except Exception:  # noqa: BLE001 - whatever it is, the ordinary way knows what to do
                made = record = None
            # From here on an exception is a signal handler's, say, and the line may be out.
            if made is not None:
                front, line, level, record, behind = made
                front.put(line, level)
                for handler in behind:
                    if level >= handler.level:
                        handler.handle(record)
                return
            if record is not None:
                if is_free and not IS_GUARDED:
                    self.callHandlers(record)  # which is all that handle() would do: 0.2 µs
                else:
                    self.handle(record)
                return
        log(self, level, msg, args, exc_info, extra, stack_info, stacklevel)

    # Whoever looks for a log call's caller goes past the frames of the stdlib's file: its own
    # findCaller does, and so do other libraries' handlers.
    _log.__code__ = _log.__code__.replace(co_filename=HERE)
    return functools.update_wrapper(_log, log)


def _record(
    factory: Callable[..., Any],
    name: str,
    level: int,
    msg: object,
    args: Any,
    extra: dict[str, Any] | None,
    frame: FrameType,
) -> Any:
    """Return the record of a call; a field of the user's leaves the record's own as they are."""
    code = frame.f_code
    file, line, function = code.co_filename, frame.f_lineno, code.co_name
    record = factory(name, level, file, line, msg, args, None, function, None)
    if extra:
        add_extra(record, extra)
    return record


_record.__code__ = _record.__code__.replace(co_filename=HERE)  # a factory may look, too
