"""Records: what they have of themselves, and the same ones in less time. Used by all above."""

from __future__ import annotations

import functools
import io
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from types import FrameType, FunctionType
from typing import Any


def bare_record(**attributes: Any) -> logging.LogRecord:
    """
    Return a record that nobody has logged, with *attributes*.

    `logging.makeLogRecord` would ask the record factory that somebody has set, and with no name.
    """
    record = logging.LogRecord("", logging.NOTSET, "", 0, "", (), None)
    record.__dict__.update(attributes)
    return record


OWN = tuple(vars(bare_record()))
"""What a record has of itself, in the order of its `__init__`; `taskName` from 3.12 on."""

REFUSED = frozenset({*OWN, "message", "asctime"})
"""What `Logger.makeRecord` refuses in ``extra``."""


def accept_extra(extra: Mapping[Any, Any], taken: Collection[str] = REFUSED) -> dict[Any, Any]:
    """
    Return *extra* with an underscore behind each name of *taken*: `Logger.makeRecord` refuses it.

    ``{"name": "Ada"}`` gives ``{"name_": "Ada"}``, where the stdlib raises KeyError.
    """
    accepted: dict[Any, Any] = {}
    for name, value in extra.items():
        while name in taken or name in accepted:
            name = f"{name}_"
        accepted[name] = value
    return accepted


# What the stdlib looks up for each record, of the many that come from one place.
_names: dict[str, tuple[str, str]] = {}
_MAX_NAMES = 4_096

LEVELS: dict[Any, str] = getattr(logging, "_levelToName", {})
"""``{number: name}``, logging's own."""

SCALARS = frozenset({str, int, float, bool, type(None)})
"""Arguments that are no mapping; the stdlib takes a single mapping for the named arguments."""

_NEW_CALLER = sys.version_info >= (3, 11)
_HAS_TASK = sys.version_info >= (3, 12)
_IN_NS = sys.version_info >= (3, 13)


def make_record_of(
    make_record: Callable[..., logging.LogRecord], *, is_active: Callable[[], bool]
) -> Callable[..., logging.LogRecord]:
    """
    Return `Logger.makeRecord` so that ``extra={"name": ...}`` of a log call does not raise.

    Args:
        make_record: the method that was there before.
        is_active: says whether we are installed still; another's hook may keep ours.
    """

    def makeRecord(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
        try:
            return make_record(self, *args, **kwargs)
        except Exception:
            # Called directly, it is documented to raise; only a log call must never.
            if len(args) < 6 or not is_active() or not _is_log_call():
                raise
            extra = kwargs["extra"] if "extra" in kwargs else args[8] if len(args) > 8 else None
            if not isinstance(extra, (Mapping, type(None))):
                raise
        # LogRecord asks a single argument for its class, which may raise; so it is told later.
        given, call = args[5], [*args[:5], (), *args[6:]]
        if "extra" in kwargs:
            kwargs = {**kwargs, "extra": None}
        elif len(call) > 8:
            call[8] = None
        record = make_record(self, *call, **kwargs)
        record.args = given
        add_extra(record, extra or {})
        return record

    # A record factory may look for the log call's caller past the frames of the stdlib's file.
    makeRecord.__code__ = makeRecord.__code__.replace(co_filename=HERE)
    return makeRecord


def add_extra(record: logging.LogRecord, extra: Mapping[Any, Any]) -> None:
    """Set the call's own fields, with an underscore behind a name that is the record's already."""
    fields = record.__dict__
    # A factory may have set more attributes than a record has by itself.
    is_taken = len(fields) > len(OWN) and not fields.keys().isdisjoint(extra)
    if is_taken or not REFUSED.isdisjoint(extra):
        extra = accept_extra(extra, REFUSED | fields.keys())
    fields.update(extra)


def _is_log_call() -> bool:
    """Say whether `Logger._log` is among the callers, past the wrappers of other libraries."""
    frame = sys._getframe(2)
    for _ in range(8):
        if frame.f_code.co_name == "_log":
            return True
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


def init_of(init: Callable[..., None]) -> Callable[..., None]:
    """
    Return `LogRecord.__init__`, which sets the same attributes in the same order in less time.

    Every record comes by here, whoever's factory or subclass makes it. Measured on 3.11: 1.2
    against 2.2 µs.

    Args:
        init: the stdlib's, which is called for unusual arguments, such as a mapping of named ones;
            and returned, if it sets others in this version of Python.
    """

    def __init__(
        self: Any,
        name: Any,
        level: Any,
        pathname: Any,
        lineno: Any,
        msg: Any,
        args: Any,
        exc_info: Any,
        func: Any = None,
        sinfo: Any = None,
        **kwargs: Any,
    ) -> None:
        if (
            type(pathname) is not str
            or type(args) is not tuple
            or (len(args) == 1 and type(args[0]) not in SCALARS)
        ):
            init(self, name, level, pathname, lineno, msg, args, exc_info, func, sinfo, **kwargs)
            return
        # One by one: a dict display takes twice the time (1,430 against 665 ns). In this order,
        # since whoever writes records tells the call's own attributes by their place behind these.
        self.name = name
        self.msg = msg
        self.args = args
        self.levelname = LEVELS.get(level) or logging.getLevelName(level)
        self.levelno = level
        self.pathname = pathname
        self.filename, self.module = _names.get(pathname) or _names_of(pathname)
        self.exc_info = exc_info
        self.exc_text = None
        self.stack_info = sinfo
        self.lineno = lineno
        self.funcName = func
        _set_moment(self)

    _watch_forks()
    return functools.update_wrapper(__init__, init) if _is_faithful(init, __init__) else init


def _set_moment(self: Any) -> None:
    """Set what a record has of its moment: the times, the thread, the process, the task."""
    if _IN_NS:
        now = time.time_ns()
        self.created = now / 1e9
        self.msecs = (now % 1_000_000_000) // 1_000_000 + 0.0
        if self.msecs == 999.0 and int(self.created) != now // 1_000_000_000:
            self.msecs = 0.0  # the division has rounded up to the next second
        self.relativeCreated = (now - _start) / 1e6
    else:
        created = self.created = time.time()
        self.msecs = int((created - int(created)) * 1000) + 0.0  # gh-89047
        self.relativeCreated = (created - _start) * 1000
    if logging.logThreads:
        self.thread = threading.get_ident()
        self.threadName = threading.current_thread().name
    else:
        self.thread = self.threadName = None
    if logging.logMultiprocessing:
        multiprocessing: Any = sys.modules.get("multiprocessing")
        self.processName = "MainProcess"
        if multiprocessing is not None:
            try:
                self.processName = multiprocessing.current_process().name
            except Exception:  # noqa: BLE001 - half imported, as the stdlib has it
                self.processName = "MainProcess"
    else:
        self.processName = None
    self.process = _process if logging.logProcesses else None
    if _HAS_TASK:
        self.taskName = None
        asyncio: Any = sys.modules.get("asyncio") if logging.logAsyncioTasks else None  # type: ignore[attr-defined,unused-ignore]  # from 3.12
        if asyncio is not None:
            try:
                if asyncio._get_running_loop() is not None:  # 0.02 µs; to be refused, 0.19
                    self.taskName = asyncio.current_task().get_name()
            except Exception:  # noqa: BLE001 - half imported, or no task, as the stdlib has it
                self.taskName = None


def record_like(
    attributes: dict[str, Any],
    level: int,
    msg: object,
    args: Any,
    extra: Mapping[Any, Any] | None,
) -> logging.LogRecord:
    """
    Return another record of a call site, the same that our `LogRecord.__init__` makes.

    *attributes* are those of an earlier one, before the call's own. To copy them takes half the
    time of setting them one by one, and no second time for the fields: 1.4 against 1.9 µs on 3.11,
    2.0 against 3.2 on 3.13.
    """
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__ = attributes.copy()
    record.levelno, record.msg, record.args = level, msg, args  # two levels may have one name
    _set_moment(record)
    if extra:
        add_extra(record, extra)
    return record


_start: Any = getattr(logging, "_startTime", 0)
_process = 0


def _note_process() -> None:
    """Remember the process's ID: to ask for it is a system call, 0.05 to 0.25 µs."""
    global _process
    _process = os.getpid()


@functools.cache
def _watch_forks() -> None:
    _note_process()
    os.register_at_fork(after_in_child=_note_process)


def _names_of(path: str) -> tuple[str, str]:
    """Return ``filename`` and ``module`` of a path, as `LogRecord.__init__` tells them."""
    filename = os.path.basename(path)
    names = filename, os.path.splitext(filename)[0]
    if len(_names) >= _MAX_NAMES:
        _names.clear()
    _names[path] = names
    return names


def _is_faithful(init: Callable[..., None], ours: Callable[..., None]) -> bool:
    """Say whether *ours* sets what this Python's own *init* does; another version may differ."""
    told = []
    for each in (init, ours):
        record = logging.LogRecord.__new__(logging.LogRecord)
        each(record, "logweft", logging.INFO, __file__, 1, "%s", ("x",), None, "function")
        told.append(vars(record))
    theirs, mine = told
    varying = ("created", "msecs", "relativeCreated")
    return list(theirs) == list(mine) and all(
        type(value) is type(theirs[name]) and (name in varying or value == theirs[name])
        for name, value in mine.items()
    )


def is_stdlib(method: Any) -> bool:
    """Say whether *method* is the stdlib's own, and not another library's hook."""
    # By the exact type: a proxy such as wrapt's answers with the code of what it wraps.
    return type(method) is FunctionType and method.__code__.co_filename == HERE


def findCaller(
    self: logging.Logger, stack_info: bool = False, stacklevel: int = 1
) -> tuple[str, int, str, str | None]:
    """Return ``(file, line, function, stack)`` of the caller, as the stdlib's method does."""
    try:
        frame = caller(sys._getframe(1), stacklevel)
    except AttributeError:
        return "(unknown file)", 0, "(unknown function)", None
    stack = None
    if stack_info:
        text = io.StringIO()
        text.write("Stack (most recent call last):\n")
        traceback.print_stack(frame, file=text)
        stack = text.getvalue().removesuffix("\n")
    code = frame.f_code
    return code.co_filename, frame.f_lineno, code.co_name, stack


HERE: str = str(logging._srcfile)  # the stdlib's own test of "not the caller"


def caller(frame: FrameType, stacklevel: int) -> FrameType:
    """
    Return the frame of who called the logger.

    Args:
        frame: the first that may be it. That of ``_log`` itself never is, and is best not asked
            for: it costs 0.1 µs.
        stacklevel: as in `logging.Logger.log`.

    Raises:
        AttributeError: there is none.

    Source: `Logger.findCaller`; without `normcase`, which POSIX does not need.
    """
    if not _NEW_CALLER:
        return _caller_310(frame, stacklevel)
    while True:
        file = frame.f_code.co_filename
        if file != HERE and not ("importlib" in file and "_bootstrap" in file):
            stacklevel -= 1
        behind = frame.f_back if stacklevel > 0 else None
        if behind is None:
            return frame
        frame = behind


def _caller_310(frame: Any, stacklevel: int) -> FrameType:
    """Go two frames behind ``_log``'s, then *stacklevel* - 1, then past logging's, as 3.10 does."""
    while frame.f_code.co_filename == HERE and frame.f_code.co_name == "_log":
        frame = frame.f_back
    first = frame = frame.f_back
    while frame is not None and stacklevel > 1:
        frame = frame.f_back
        stacklevel -= 1
    frame = frame or first
    while frame.f_code.co_filename == HERE:
        frame = frame.f_back
    found: FrameType = frame
    return found
