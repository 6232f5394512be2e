"""The handlers behind the queue: how each one's lines are made and written. Used by the queue."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import functools
import io
import logging
import logging.handlers
import os
import select
import stat
import sys
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ._filter import CONTEXT, accepted
from ._formatter import JsonFormatter
from ._record import bare_record

_BATCH_BYTES = 1024 * 1024
_PIPE_BATCH_BYTES = select.PIPE_BUF  # what no other process's write can get into: pipe(7)
_POLL_MS = 200


Item = tuple[Any, int, int, bool]
"""One line of one target: its payload, size (bytes), level, and whether an `emit` logged it."""


class Ledger(Protocol):
    """Who counts what becomes of the lines: the listener."""

    emitter: int
    nested: bool

    def count_written(self, target: Target, number: int) -> None: ...
    def count_refused(self, target: Target, number: int) -> None: ...
    def note_error(self, error: BaseException) -> None: ...


class Target:
    """
    One stdlib handler behind the queue: how its lines are made and how they are written.

    `prepare` runs where the log call is; `write` in one thread at a time, the listener's as a rule.

    One whose handler's own code runs in `write`, under the handler's lock, takes it out of the list
    that `logging.shutdown` goes through, lock by lock: it would wait for a stuck write. So does
    `dictConfig`, which has logging's own lock meanwhile, that we may need where a handler is
    collected.
    """

    locks = True
    """Whether the handler's lock is held while it is written."""

    def __init__(self, handler: logging.Handler, front: logging.Handler) -> None:
        self.handler = handler
        # Weak, so that a target, and its descriptor, ends with the last call that uses it.
        self._front = weakref.ref(front)
        # Kept, so that while we name a stream by its id() no other one can have that id().
        self.stream: Any = getattr(handler, "stream", None)
        self.destination: object = None
        self.shared = False
        self.lane: Target | None = None  # who writes our lines: this one or another; None: nobody
        self.retired = False
        self.closes = False  # its handler is to be closed once its lines are written
        self.batch_bytes = _BATCH_BYTES
        self._reference: Any = None
        self.forget()

    def formatter(self) -> logging.Formatter:
        """Return the formatter of this moment, since it may be set at any time."""
        formatter = self.handler.formatter
        if formatter is None:
            front = self._front()
            formatter = (front and front.formatter) or _default_formatter()
        return formatter

    def forget(self) -> None:
        """Begin afresh: what waits is written by the parent process."""
        self.waiting: deque[Item | None] = deque()  # None: that line was dropped
        self.taken: deque[Any] = deque()  # Items
        self.settled = self._skipped = 0
        self.unreported: Counter[int] = Counter()
        self.retry_at = self.report_at = 0.0

    def goal(self) -> int:
        """Return what `settled` will be when everything of this moment is settled."""
        lines = len(self.taken) + len(self.waiting) + bool(self.unreported)
        return self.settled + self._skipped + lines

    def has_moved(self) -> bool:
        """Say whether the handler has another stream by now, and so needs another target."""
        # A file handler's own code opens the next stream, and our target follows it by itself.
        handler = self.handler
        return (
            type(handler) is logging.StreamHandler
            and handler.stream is not self.stream
            and handler.stream is not None
        )

    def is_behind(self, goal: int) -> bool:
        """Say whether *goal* is not reached yet; if nothing is left to do, it is."""
        return self.settled < goal and (self.is_busy() or bool(self.unreported))

    def is_busy(self) -> bool:
        """Say whether lines wait or are being written."""
        return bool(self.waiting or self.taken)

    def is_held(self) -> bool:
        """Say whether there will be something to do, now or later."""
        return self.is_busy() or bool(self.unreported) or self.retired or self.closes

    def settle(self, number: int) -> None:
        """Count lines that are out of `taken`, and those dropped behind them once it is empty."""
        self.settled += number
        if not self.taken:
            self.settled += self._skipped
            self._skipped = 0

    def skip(self, number: int) -> None:
        """Count lines that are out of `waiting` and will not be taken."""
        self._skipped += number
        self.settle(0)

    def leave(self, number: int) -> list[Item]:
        """Take the first *number* lines out of `taken`, settle and return them."""
        if number >= len(self.taken):
            lines, self.taken = list(self.taken), deque()
        else:
            lines = [self.taken.popleft() for _ in range(number)]
        self.settle(len(lines))
        return lines

    def give_up(self) -> None:
        """Prepare for what comes behind `taken`, which the destination refuses for good."""

    def accept(self, record: logging.LogRecord) -> logging.LogRecord | None:
        """Return the record to write, or None: the handler's own level or filters refuse it."""
        handler = self.handler
        if handler.level and record.levelno < handler.level:
            return None
        return accepted(handler, record) if handler.filters else record

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

    def run(self, ledger: Ledger, item: Item, call: Callable[[Item], None]) -> BaseException | None:
        """Have the handler's own code do something for *item*; return what it raised."""
        # What a handler logs meanwhile is known by its thread.
        before, ledger.emitter = ledger.emitter, threading.get_ident()
        ledger.nested = item[3]
        try:
            with self.handler.lock or threading.RLock(), self._lending():
                call(item)
        except BaseException as error:  # noqa: BLE001 - a SystemExit here is one line's matter
            return error
        finally:
            ledger.nested = False
            ledger.emitter = before
        return None

    def loan(self) -> dict[str, Callable[..., Any]]:
        """Return the methods the handler has of us, by name, while its own code runs here."""
        return {}

    @contextlib.contextmanager
    def _lending(self) -> Iterator[None]:
        # For one call and under its lock: once `uninstall` has begun, callers use the handler too.
        attributes, loan = vars(self.handler), self.loan()
        own = {name: attributes[name] for name in loan if name in attributes}
        attributes.update(loan)
        try:
            yield
        finally:
            for name in loan:
                attributes.pop(name, None)
            attributes.update(own)

    def finish(self) -> None:
        """Flush and close the handler at exit, as `logging.shutdown` would have."""
        if self.locks:
            with contextlib.suppress(Exception):  # as there: one must not stop the next
                self.handler.flush()
            self.close()

    def close(self) -> bool:
        """
        Close the handler, as others' configurations do; say whether that was possible.

        It takes two locks without a wait for either, since a handler's own `close` takes them in
        one order, and `dictConfig` in the other.
        """
        if not self.locks:
            return True  # then it is in the list still, and they do it themselves
        with contextlib.ExitStack() as held:
            for lock in (logging._lock, self.handler.lock):  # type: ignore[attr-defined]  # of 3.10 to 3.14
                if lock is not None:
                    if not lock.acquire(blocking=False):
                        return False
                    held.callback(lock.release)
            with contextlib.suppress(Exception):
                self.handler.close()
        return True

    def close_if_due(self) -> bool:
        """Close the handler if it is to be closed; say whether nothing is left to close."""
        if self.closes:
            self.closes = not self.close()
        return not self.closes

    def engage(self) -> None:
        """Take the handler out of the list of `logging.shutdown`, until `release`."""
        if self.locks:
            self._reference = _leave_shutdown_list(self.handler)

    def release(self) -> None:
        """Give the handler its place in the list back."""
        _enter_shutdown_list(self._reference)


class DescriptorTarget(Target):
    """
    A StreamHandler or FileHandler on a real file, written with `os.write` on our own descriptor.

    No stream's lock is held, so that no fork, exit or stuck write can stop us or be stopped by us.
    The descriptor is a duplicate: if the application closes its own and the number is used
    again, that other file gets nothing of ours.
    """

    handler: logging.StreamHandler[Any]

    locks = False

    def __init__(
        self,
        handler: logging.StreamHandler[Any],
        front: logging.Handler,
        stream: Any,
        file: tuple[int, int],
    ) -> None:
        super().__init__(handler, front)
        number, descriptor = file
        # Not the number alone, which another file gets once the application has closed this one;
        # nor the file alone, since standard output and error may be the same and both are wanted.
        status = os.fstat(descriptor)
        place = number, status.st_dev, status.st_ino
        self.destination = getattr(handler, "baseFilename", place)
        self._use(stream, descriptor)

    def _use(self, stream: Any, descriptor: int) -> None:
        """Write to *descriptor*, ours from now on, for as long as the handler has this *stream*."""
        self.stream = stream
        self._fd = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)
        self._close.atexit = False  # there may be lines after this
        mode = os.fstat(descriptor).st_mode
        self.batch_bytes = _PIPE_BATCH_BYTES if stat.S_ISFIFO(mode) else _BATCH_BYTES
        self._is_file = stat.S_ISREG(mode)
        self._is_new = True

    def _follow(self) -> None:
        """Open what a file handler has opened since; a plain stream never changes here."""
        stream = self.handler.stream
        path = getattr(self.handler, "baseFilename", None)
        descriptor = None
        if path is None:
            return
        if stream is not None:
            _, descriptor = _duplicate(stream) or (None, None)
        elif not self.retired and not _is_same_file(path, self._fd):
            # Closed, as one does after a rename: a FileHandler would open its path again by itself.
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if descriptor is not None:
            self._close()
            self._use(stream, descriptor)

    def forget(self) -> None:
        """Begin afresh: what waits, and the rest of a line half written, is the parent's."""
        super().forget()
        self._begun = 0  # bytes written of the first line in `taken`; -1: a newline is due first
        self._is_new = True  # nobody has looked yet how the file ends

    def give_up(self) -> None:
        """End the line that was half written before the next."""
        self._begun = -1 if self._begun else 0

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return the line as UTF-8, its newline included."""
        payload = f"{self.formatter().format(record)}\n".encode(errors="backslashreplace")
        return payload, len(payload)

    def write(self, ledger: Ledger) -> None:
        """Write all lines in one call, if the system takes them; else go on where it stopped."""
        if self.handler.stream is not self.stream or self.stream is None:
            self._follow()
        if self._is_new:
            self._is_new = False
            if self._is_file and not self._begun and is_torn(f"/proc/self/fd/{self._fd}"):
                self._begun = -1
        data = memoryview(b"".join([item[0] for item in self.taken]))
        data = memoryview(b"\n" + data) if self._begun < 0 else data[self._begun :]
        while data:
            size = self._send(data)
            data = data[size:]
            self._begun += size
            done = len(self.taken)
            if data:
                done = 0
                for item in self.taken.copy():
                    if self._begun < item[1]:
                        break
                    self._begun -= item[1]
                    done += 1
            else:  # the common case: all of them
                self._begun = 0
            ledger.count_written(self, done)

    def _send(self, data: memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:  # somebody has made the pipe non-blocking
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            poll.poll(_POLL_MS)
            return os.write(self._fd, data)


class RollingTarget(DescriptorTarget):
    """
    A rotating or watched file: the handler says when to begin a new one, and does so itself.

    Where it cannot, the error is told and the line is written to the file there is.
    """

    locks = True
    handler: logging.handlers.BaseRotatingHandler | logging.handlers.WatchedFileHandler

    def loan(self) -> dict[str, Callable[..., Any]]:
        """Have the handler measure finished lines."""
        return {"format": _finished_line}

    def _use(self, stream: Any, descriptor: int) -> None:
        super()._use(stream, descriptor)
        if type(self.handler) is logging.handlers.RotatingFileHandler:
            self.batch_bytes = 1  # line by line, since its size decides

    def write(self, ledger: Ledger) -> None:
        """Have the handler begin a new file if it is time; not in the middle of a line."""
        first = next(iter(self.taken.copy()), None)  # which `remove` may empty at any time
        if first is not None and self._begun <= 0:
            error = self.run(ledger, first, self._roll)
            if error is not None:
                ledger.note_error(error)
        super().write(ledger)

    def _roll(self, item: Item) -> None:
        handler = self.handler
        if self.retired and handler.stream is None:
            return  # removed and closed by its owner: to ask it would open its file again
        if isinstance(handler, logging.handlers.WatchedFileHandler):
            handler.reopenIfNeeded()
            return
        # As many characters as bytes, which is what maxBytes is about.
        record = bare_record(msg=item[0][:-1].decode("latin-1"))
        if handler.shouldRollover(record):  # type: ignore[attr-defined]  # of both that there are
            handler.doRollover()  # type: ignore[attr-defined]  # as above


class LineTarget(Target):
    """
    A stdlib handler that needs its own `emit`: streams without a file, files that are not open yet.

    It is handed a record whose message is the finished line, and while it writes that its
    ``format`` returns it.
    """

    def __init__(self, handler: logging.Handler, front: logging.Handler) -> None:
        super().__init__(handler, front)
        self.destination = getattr(handler, "baseFilename", None) or id(self.stream)
        self._failure: BaseException | None = None

    def has_moved(self) -> bool:
        """Say whether the handler's own `emit` has opened its file since (``delay=True``)."""
        handler = self.handler
        if isinstance(handler, logging.FileHandler):
            return self.stream is None and handler.stream is not None
        return super().has_moved()

    def loan(self) -> dict[str, Callable[..., Any]]:
        """Have the handler write finished lines and tell us its errors."""
        return {"format": _finished_line, "handleError": self._note_failure}

    def _note_failure(self, record: logging.LogRecord) -> None:
        """Stand in for `logging.Handler.handleError`, which prints message and arguments raw."""
        self._failure = sys.exc_info()[1]

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return the line."""
        line = self.formatter().format(record)
        return line, len(line)

    def forget(self) -> None:
        """Begin afresh; see the base class."""
        super().forget()
        self._is_new = True

    def write(self, ledger: Ledger) -> None:
        """Let the handler emit line after line; one that fails costs that line."""
        if self._is_new:
            self._is_new = False
            _repair(getattr(self.handler, "baseFilename", None))
        while self.taken:
            self._write_one(self.taken[0], ledger)

    def _write_one(self, item: Item, ledger: Ledger) -> None:
        self._failure = None
        failure = self.run(ledger, item, self._emit) or self._failure
        if not self.taken or self.taken[0] is not item:
            return  # removed meanwhile, and counted as dropped
        if failure is None:
            ledger.count_written(self, 1)
        else:
            ledger.note_error(failure)
            ledger.count_refused(self, 1)

    def _emit(self, item: Item) -> None:
        self.handler.emit(bare_record(msg=item[0], levelno=item[2]))


class RecordTarget(LineTarget):
    """
    Any other handler: it gets the record itself, frozen, inside the context of the call.

    So a vendor's handler finds the fields it looks for, and the active span.
    """

    def __init__(self, handler: logging.Handler, front: logging.Handler) -> None:
        super().__init__(handler, front)
        self.destination = id(handler)

    def loan(self) -> dict[str, Callable[..., Any]]:
        """Have the handler tell us its errors; its format is its own."""
        return {"handleError": self._note_failure}

    def prepare(self, record: logging.LogRecord) -> tuple[Any, int]:
        """Return a copy whose message is final, and the context of the call."""
        frozen = copy.copy(record)
        frozen.msg = frozen.message = record.getMessage()
        frozen.args = None
        if not isinstance(self.handler.formatter, JsonFormatter):
            vars(frozen).pop(CONTEXT, None)  # a vendor's handler writes every attribute there is
        return (frozen, contextvars.copy_context()), 1024 + len(frozen.message)

    def _emit(self, item: Item) -> None:
        record, context = item[0]
        context.run(self.handler.emit, record)


_ROLLING = (
    logging.handlers.RotatingFileHandler,
    logging.handlers.TimedRotatingFileHandler,
    logging.handlers.WatchedFileHandler,
)


def make_target(
    handler: logging.Handler, front: logging.Handler, *, flushes: bool = True
) -> Target:
    """
    Return the `Target` that fits *handler*, for the QueueHandler *front*.

    *flushes*: have the stream write what is in its buffer before our lines, which may block.
    """
    kind = type(handler)
    if kind in (logging.StreamHandler, logging.FileHandler, *_ROLLING):
        stream = handler.stream  # type: ignore[attr-defined]  # one of the above
        file = _duplicate(stream, flushes=flushes)
        if file is not None:
            descriptor_target = RollingTarget if kind in _ROLLING else DescriptorTarget
            return descriptor_target(handler, front, stream, file)  # type: ignore[arg-type]  # as above
    if isinstance(handler, logging.StreamHandler):
        return LineTarget(handler, front)
    return RecordTarget(handler, front)


def is_configuring() -> bool:
    """
    Say whether this thread holds logging's own lock, as one in dictConfig() does.

    Then it must not wait, neither for a target nor for a stream: who is there may want that lock.
    """
    is_owned = getattr(getattr(logging, "_lock", None), "_is_owned", None)
    return bool(is_owned is not None and is_owned())


def _duplicate(stream: Any, *, flushes: bool = True) -> tuple[int, int] | None:
    """Return ``(number, descriptor of our own)`` of *stream*'s file; None: it has no open file."""
    # Any other stream may have a file and write something else to it than the text: the pipe to
    # Dramatiq's main process takes messages, each behind its length.
    if not isinstance(stream, io.TextIOWrapper):
        return None
    try:
        if flushes and not is_configuring():
            stream.flush()  # what was written before us stands before us
        number = stream.fileno()
        descriptor = os.dup(number)
    except Exception:  # noqa: BLE001 - a stand-in for a stream raises anything
        return None
    if stream.closed:  # by another thread: its number may have been another file's by then
        os.close(descriptor)
        return None
    return number, descriptor


def is_torn(path: str) -> bool:
    """Say whether the file ends in the middle of a line, as a killed process leaves it."""
    try:
        with open(path, "rb", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return False
            file.seek(size - 1)
            if file.read(1) == b"\n":
                return False
            time.sleep(0.01)  # or somebody is just writing it
            return file.seek(0, os.SEEK_END) == size
    except OSError:  # not ours to read
        return False


def _repair(path: str | None) -> None:
    """End the torn line that the file ends with, if it does."""
    if path is not None and os.path.isfile(path) and is_torn(path):
        try:
            with open(path, "ab", buffering=0) as file:
                file.write(b"\n")
        except OSError:
            return  # then no line of ours can be written either, and that is said


def _is_same_file(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


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
