"""The handlers behind the queue: how each one's lines are made and written. Used by the queue."""

from __future__ import annotations

import contextvars
import copy
import functools
import logging
import logging.handlers
import os
import select
import stat
import sys
import threading
import weakref
from collections import deque
from collections.abc import Collection
from typing import Any, NamedTuple, Protocol

from ._filter import CONTEXT, accepted
from ._formatter import JsonFormatter

_BATCH_BYTES = 1024 * 1024
_PIPE_BATCH_BYTES = select.PIPE_BUF  # what no other process's write can get into: pipe(7)


class Item(NamedTuple):
    """One line of one target: its payload, size (bytes), level, and whether a target logged it."""

    payload: Any
    size: int
    level: int
    nested: bool


class Ledger(Protocol):
    """Who counts what becomes of the lines: the listener."""

    nested: bool

    def count_written(self, target: Target, items: Collection[Item]) -> None: ...
    def count_dropped(self, target: Target, items: Collection[Item]) -> None: ...
    def note_error(self, error: BaseException) -> None: ...


class Target:
    """
    One stdlib handler behind the queue: how its lines are made and how they are written.

    `prepare` runs where the log call is; `write` in one thread at a time, the listener's as a rule.
    """

    def __init__(self, handler: logging.Handler, front: logging.Handler) -> None:
        self.handler = handler
        # Weak, so that a target, and its descriptor, ends with the last call that uses it.
        self._front = weakref.ref(front)
        self.destination: object = None
        self.shared = False
        self.lane: Target | None = None  # who writes our lines, if another does
        self.retired = self.engaged = False
        self.batch_bytes = _BATCH_BYTES
        self.forget()

    def formatter(self) -> logging.Formatter:
        """Return the formatter of this moment, since it may be set at any time."""
        front = self._front()
        return self.handler.formatter or (front and front.formatter) or _default_formatter()

    def forget(self) -> None:
        """Begin afresh: what waits is written by the parent process."""
        self.waiting: deque[Item] = deque()
        self.taken: deque[Item] = deque()
        self.accepted = self.settled = self.unreported = 0
        self.retry_at = 0.0

    def accept(self, record: logging.LogRecord) -> logging.LogRecord | None:
        """Return the record to write, or None: the handler's own level or filters refuse it."""
        if self.handler.level and record.levelno < self.handler.level:
            return None
        return accepted(self.handler, record)

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return ``(payload, size)``, the size in bytes."""
        raise NotImplementedError

    def write(self, ledger: Ledger) -> None:
        """
        Write what is in `taken`; remove it from there line by line, telling *ledger*.

        Raises:
            OSError: the target takes no more; what is left in `taken` is not written.
        """
        raise NotImplementedError

    def finish(self) -> None:
        """Flush and close the handler, at exit."""

    def engage(self) -> None:
        """Make the handler ours, until `release`."""
        self.engaged = True

    def release(self) -> None:
        """Give the handler back as it was."""
        self.engaged = False


class DescriptorTarget(Target):
    """
    A StreamHandler or FileHandler on a real file, written with `os.write` on our own descriptor.

    No stream's lock is held, so that no fork, exit or stuck write can stop us or be stopped by us.
    The descriptor is a duplicate: if the application closes its own and the number is used
    again, that other file gets nothing of ours.
    """

    handler: logging.StreamHandler[Any]

    def __init__(
        self, handler: logging.StreamHandler[Any], front: logging.Handler, descriptor: int
    ) -> None:
        super().__init__(handler, front)
        self.destination = getattr(handler, "baseFilename", descriptor)
        self._open(descriptor)

    def _open(self, descriptor: int) -> None:
        self._stream = self.handler.stream
        self._fd = os.dup(descriptor)
        self._close = weakref.finalize(self, os.close, self._fd)
        self._close.atexit = False  # there may be lines after this
        is_pipe = stat.S_ISFIFO(os.fstat(self._fd).st_mode)
        self.batch_bytes = _PIPE_BATCH_BYTES if is_pipe else _BATCH_BYTES

    def _follow(self) -> None:
        """Open what the handler has opened since: setStream(), or a reopened log file."""
        descriptor = _descriptor(self.handler) if self.handler.stream is not None else None
        if descriptor is not None:
            self._close()
            self._open(descriptor)

    def forget(self) -> None:
        """Begin afresh: what waits, and the rest of a line half written, is the parent's."""
        super().forget()
        self._begun = 0  # bytes written of the first line in `taken`

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return the line as UTF-8, its newline included."""
        payload = f"{self.formatter().format(record)}\n".encode(errors="backslashreplace")
        return payload, len(payload)

    def write(self, ledger: Ledger) -> None:
        """Write all lines in one call, if the system takes them; else go on where it stopped."""
        if self.handler.stream is not self._stream:
            self._follow()
        data = memoryview(b"".join([item.payload for item in self.taken]))[self._begun :]
        while data:
            size = os.write(self._fd, data)
            data = data[size:]
            self._begun += size
            done = []
            while self.taken and self._begun >= self.taken[0].size:
                done.append(self.taken.popleft())
                self._begun -= done[-1].size
            ledger.count_written(self, done)


class LineTarget(Target):
    """
    A stdlib handler that needs its own `emit`: rotating and watched files, streams without a file.

    It is handed a record whose message is the finished line, and while it is a target its
    ``format`` returns that. It leaves the list that `logging.shutdown` locks one by one, since a
    stuck write would hold its lock for ever.
    """

    def __init__(self, handler: logging.Handler, front: logging.Handler) -> None:
        super().__init__(handler, front)
        stream = getattr(handler, "stream", None)
        self.destination = getattr(handler, "baseFilename", None) or id(stream)
        self._reference: Any = None
        self._failure: BaseException | None = None

    def _note_failure(self, record: logging.LogRecord) -> None:
        """Stand in for `logging.Handler.handleError`, which prints message and arguments raw."""
        self._failure = sys.exc_info()[1]

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return the line."""
        line = self.formatter().format(record)
        return line, len(line)

    def write(self, ledger: Ledger) -> None:
        """Let the handler emit line after line; one that fails costs that line."""
        while self.taken:
            item = self.taken.popleft()
            self._failure = None
            ledger.nested = item.nested
            try:
                with self.handler.lock or threading.RLock():
                    self._emit(item)
            except BaseException as error:  # noqa: BLE001 - a SystemExit here is one line's matter
                self._failure = error
            finally:
                ledger.nested = False
            if self._failure is None:
                ledger.count_written(self, [item])
            else:
                ledger.note_error(self._failure)
                ledger.count_dropped(self, [item])

    def _emit(self, item: Item) -> None:
        self.handler.emit(logging.makeLogRecord({"msg": item.payload, "levelno": item.level}))

    def finish(self) -> None:
        """Flush and close the handler, as `logging.shutdown` would have."""
        try:
            self.handler.flush()
            self.handler.close()
        except Exception:  # noqa: BLE001 - as logging.shutdown does: one must not stop the next
            return

    def engage(self) -> None:
        """Have the handler write finished lines and tell us its errors."""
        super().engage()
        self._reference = _leave_shutdown_list(self.handler)
        vars(self.handler)["format"] = _finished_line
        vars(self.handler)["handleError"] = self._note_failure

    def release(self) -> None:
        """Give the handler its own methods back, and its place in the list."""
        super().release()
        for name in ("format", "handleError"):
            vars(self.handler).pop(name, None)
        _enter_shutdown_list(self._reference)


class RecordTarget(LineTarget):
    """
    Any other handler: it gets the record itself, frozen, inside the context of the call.

    So a vendor's handler finds the fields it looks for, and the active span.
    """

    def __init__(self, handler: logging.Handler, front: logging.Handler) -> None:
        super().__init__(handler, front)
        self.destination = id(handler)

    def engage(self) -> None:
        """Have the handler tell us its errors; its format is its own."""
        super().engage()
        vars(self.handler).pop("format")

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return a copy whose message is final, and the context of the call."""
        frozen = copy.copy(record)
        frozen.msg = frozen.message = record.getMessage()
        frozen.args = None
        if not isinstance(self.handler.formatter, JsonFormatter):
            vars(frozen).pop(CONTEXT, None)  # a vendor's handler writes every attribute there is
        return (frozen, contextvars.copy_context()), 1024 + len(frozen.message)

    def _emit(self, item: Item) -> None:
        record, context = item.payload
        context.run(self.handler.emit, record)


_FILES = (
    logging.handlers.RotatingFileHandler,
    logging.handlers.TimedRotatingFileHandler,
    logging.handlers.WatchedFileHandler,
)


def make_target(handler: logging.Handler, front: logging.Handler) -> Target:
    """Return the `Target` that fits *handler*, for the QueueHandler *front*."""
    if type(handler) is logging.StreamHandler or type(handler) is logging.FileHandler:
        descriptor = _descriptor(handler)
        if descriptor is not None:
            try:
                return DescriptorTarget(handler, front, descriptor)
            except OSError:  # no descriptors left: its stream has one
                return LineTarget(handler, front)
    if isinstance(handler, (logging.StreamHandler, *_FILES)):
        return LineTarget(handler, front)
    return RecordTarget(handler, front)


def _descriptor(handler: logging.StreamHandler[Any]) -> int | None:
    """Return the number of the handler's open file; None: it has none."""
    try:
        if isinstance(handler, logging.FileHandler) and handler.stream is None:
            handler.stream = handler._open()  # delay=True
        handler.stream.flush()  # what was written before us stands before us
        descriptor = handler.stream.fileno()
        os.fstat(descriptor)
    except Exception:  # noqa: BLE001 - a stand-in for a stream raises anything
        return None
    return descriptor if isinstance(descriptor, int) else None


@functools.cache
def _default_formatter() -> logging.Formatter:
    return JsonFormatter()


def _finished_line(record: logging.LogRecord) -> str:
    return str(record.msg)


def _leave_shutdown_list(handler: logging.Handler) -> Any:
    """Remove *handler* from what `logging.shutdown` goes through; return its entry there."""
    references: list[Any] = getattr(logging, "_handlerList", [])
    for reference in references[:]:
        if reference() is handler:
            references.remove(reference)
            return reference
    return None


def _enter_shutdown_list(reference: Any) -> None:
    references: list[Any] = getattr(logging, "_handlerList", [])
    if reference is not None and reference not in references:
        references.append(reference)
