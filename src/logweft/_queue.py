"""QueueHandler and its listener: finished lines → bounded queue → targets. Used by install()."""

from __future__ import annotations

import atexit
import contextvars
import errno
import logging
import logging.handlers
import os
import select
import sys
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ._filter import CONTEXT, ContextFilter
from ._plain import type_name
from ._redact import shown
from ._targets import Item, Target, make_target

CAPACITY = 10_000
"""Most lines waiting (lines)."""

CAPACITY_BYTES = 64 * 1024 * 1024
"""Most text waiting (bytes)."""

WAIT_S = 0.05
"""Longest a caller waits for room in a full queue (seconds); once per stall of a target."""

FLUSH_TIMEOUT_S = 5.0
"""Longest an orderly exit, `logging.shutdown` or `close` waits for the targets (seconds)."""

LINGER_S = 0.02
"""How long a woken listener lets lines gather (seconds): waking it costs the caller 10-18 µs, so
one wake for all lines of a burst beats one for each. Measured against 0, 5 ms and polling."""

RETRY_S = 0.2
"""Pause between two attempts on a target that is full for the moment, such as a disk (seconds)."""

REPORT_S = 10.0
"""Shortest time between two reports of our own errors on file descriptor 2 (seconds)."""

# A target that answers with one of these may take lines again later: what waits for it is kept.
# Anything else, such as EPIPE or EBADF, is for good.
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EAGAIN, errno.ENOMEM}


# Who has written a record to which destination, where handlers share one. Not on the record: other
# people's handlers write every attribute of it, and this one needs to outlive a single handler.
_seen: weakref.WeakKeyDictionary[logging.LogRecord, dict[object, logging.Handler]] = (
    weakref.WeakKeyDictionary()
)


class Stats(NamedTuple):
    """
    What became of the lines so far: ``accepted == written + sum(dropped.values()) + depth``.

    Attributes:
        accepted: lines given to the queue (lines).
        written: lines a target has taken (lines).
        dropped: lines no target took, per level name: ``{"INFO": 120}`` (lines).
        errors: exceptions contained, of rendering, filters and targets (exceptions).
        depth: lines waiting (lines).
        bytes: text waiting (bytes).
    """

    accepted: int
    written: int
    dropped: dict[str, int]
    errors: int
    depth: int
    bytes: int


_listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
_hooked = False


class Listener:
    """
    A bounded queue and the thread that empties it into the targets.

    The thread starts with the first line, in an empty context, and again whenever it is gone. Where
    none can be started (a subinterpreter, an interpreter on its way out) callers write themselves.

    Args:
        capacity: most lines waiting (lines).
        capacity_bytes: most text waiting (bytes).
        synchronous: callers write themselves, always.

    Raises:
        TypeError: a capacity that is not an int.
        ValueError: a capacity below 1.

    Thread-safe, and safe in signal handlers, ``__del__`` and after a fork.
    """

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        synchronous: bool = False,
    ) -> None:
        if not isinstance(synchronous, bool):
            raise TypeError(f"synchronous must be True or False, got {shown(synchronous)}")
        for name, value in (("capacity", capacity), ("capacity_bytes", capacity_bytes)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, got {shown(value)}")
            if value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        self.capacity = capacity
        self.capacity_bytes = capacity_bytes
        self.targets: list[Target] = []
        self._always_synchronous = synchronous
        self._stderr = _own_stderr(self)
        self._reported_at = -REPORT_S
        self.begin()
        _listeners.add(self)
        _hook_process()

    def begin(self) -> None:
        """Set the state a process begins with; in the child of a fork, nothing else survives."""
        # Re-entrant, so that a signal handler may log while its own thread is in `put`; and never
        # held while a target is written.
        self._lock = threading.RLock()
        # A lock used as a doorbell: to release it is one step in C, safe in signal handlers, where
        # a threading.Event or a queue.Queue can deadlock.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._writing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._thread_id: int | None = None
        self.nested = False
        self._idle = self._urgent = self._leaving = False
        self._stalled = self._abandoned = False
        self._synchronous = self._always_synchronous
        self.accepted = self.written = self.errors = self.depth = self.bytes = 0
        self.dropped: Counter[int] = Counter()
        for target in self.targets:
            target.forget()

    def add(self, target: Target) -> None:
        """Begin to serve *target*; where two have one destination, a record goes there once."""
        with self._lock:
            for other in self.targets:
                if other.destination == target.destination:
                    other.shared = target.shared = True
                    if type(other) is type(target):
                        target.lane = other.lane or other  # so that their lines stay in order
            self.targets.append(target)
            target.engage()

    def remove(self, target: Target) -> None:
        """Cease to serve *target* and give its handler back; what it has not taken is dropped."""
        with self._lock:
            target.retired = True
            if target not in self.targets:
                return
            self.targets.remove(target)
            for other in self.targets:
                if other.lane is target:
                    other.lane = None
            self.count_dropped(target, [*target.taken, *target.waiting])
            target.taken, target.waiting = deque(), deque()
            target.release()

    def retire(self, target: Target) -> None:
        """Cease to serve *target* as soon as its lines are written."""
        # One step, since a line that comes between the look and the removal would be lost.
        with self._lock:
            target.retired = True
            if not (target.waiting or target.taken):
                self.remove(target)

    def _revive(self, target: Target) -> Target:
        """Return who takes the line of a call that began before *target* was removed."""
        for other in self.targets:
            if other.destination == target.destination and type(other) is type(target):
                target.lane = other.lane or other
                return target.lane
        target.lane = None
        self.add(target)
        return target

    # Where the log call is

    def put(self, target: Target, payload: Any, size: int, level: int) -> None:
        """
        Accept one line for *target*, or drop and count it.

        Raises:
            Nothing. Waits at most `WAIT_S` for room, and not again until a target moves.
        """
        nested = self._thread_id is not None and self._thread_id == threading.get_ident()
        item = Item(payload, size, level, nested)
        with self._lock:
            self.accepted += 1
            # A target that logs about each line it is given would keep itself busy for ever.
            if self._abandoned or (nested and self.nested):
                self.dropped[level] += 1
                return
            fits = self._append(target, item)
        if not fits and not self._append_later(target, item):
            return
        if self._synchronous:
            self._write_here()
        elif self._thread is None:
            self._start()
        elif self._idle:
            self._idle = False
            self._ring()

    def _append(self, target: Target, item: Item) -> bool:
        """Append *item* if there is room; an empty queue has room for any. The lock is held."""
        full = self.depth >= self.capacity or self.bytes + item.size > self.capacity_bytes
        if full and self.depth:
            return False
        target = target.lane or target
        if not target.engaged:
            target = self._revive(target)
        target.waiting.append(item)
        target.accepted += 1
        self.depth += 1
        self.bytes += item.size
        return True

    def _append_later(self, target: Target, item: Item) -> bool:
        """Wait for room, as long as targets move; else drop *item*."""
        deadline = time.monotonic() + WAIT_S
        while not (self._stalled or item.nested or self._synchronous):
            if time.monotonic() >= deadline:
                self._stalled = True
                break
            if self._idle:
                self._idle = False
                self._ring()
            time.sleep(0.0005)  # gives up the GIL, which is what the listener waits for
            with self._lock:
                if self._append(target, item):
                    return True
        with self._lock:
            self.dropped[item.level] += 1
            (target.lane or target).unreported += 1
        return False

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:
            return  # rung already

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._leaving = False
            self._thread = threading.Thread(
                target=contextvars.Context().run, args=(self._run,), name="logweft", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:  # no threads here, or no more of them
                self._thread = None
                self._synchronous = True
        if self._synchronous:
            self._write_here()

    def _write_here(self) -> None:
        """Write what waits on the caller's thread."""
        if self._writing.acquire(timeout=FLUSH_TIMEOUT_S):
            try:
                for target in list(self.targets):
                    self._write(target)
            finally:
                self._writing.release()

    # In the listener's thread

    def _run(self) -> None:
        self._thread_id = threading.get_ident()
        try:
            while True:
                try:
                    if not self._cycle():
                        return
                except BaseException as error:  # noqa: BLE001 - it survives everything and says so
                    self.note_error(error)
        finally:
            if self._thread_id == threading.get_ident():
                self._thread = self._thread_id = None

    def _cycle(self) -> bool:
        """Wait for lines and write them; say whether there will be another time."""
        with self._lock:
            held = any(target.waiting or target.taken for target in self.targets)
            self._idle = not any(map(_is_due, self.targets))
            if self._leaving and not held:
                # Said under the lock: whoever puts a line after this sees it and starts a thread.
                self._thread = self._thread_id = None
                return False
        if self._idle:
            self._bell.acquire(timeout=RETRY_S if held else -1)
            self._idle = False
            if not self._urgent:
                self._bell.acquire(timeout=LINGER_S)
            self._urgent = False
        with self._writing:
            for target in list(self.targets):
                if _is_due(target):
                    self._write(target)
        return True

    def _write(self, target: Target) -> None:
        """Write all that waits for *target*, or as much of it as it takes."""
        target.retry_at = 0.0
        while self._take(target) or self._take_report(target):
            try:
                target.write(self)
            except OSError as error:
                self.note_error(error)
                if error.errno in _PASSING:
                    target.retry_at = time.monotonic() + RETRY_S
                    return
                lost, target.taken = target.taken, deque()
                self.count_dropped(target, lost)
        if target.retired:
            self.retire(target)

    def _take(self, target: Target) -> bool:
        """Move lines from `waiting` to `taken`; what an attempt left there goes first."""
        size = 0
        with self._lock:
            while not target.taken or size < target.batch_bytes:
                if not target.waiting:
                    break
                size += target.waiting[0].size
                if target.taken and size > target.batch_bytes:
                    break
                target.taken.append(target.waiting.popleft())
        return bool(target.taken)

    def _take_report(self, target: Target) -> bool:
        """Once all is written, add the line that says how many lines were not."""
        with self._lock:
            number, target.unreported = target.unreported, 0
            if not number:
                return False
        record = logging.makeLogRecord(
            {
                "name": "logweft",
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": "dropped %d lines: queue full (capacity %d)",
                "args": (number, self.capacity),
                "pathname": __file__,
                "funcName": "put",
                "dropped": number,
            }
        )
        payload, size = target.prepare(record)
        with self._lock:
            self.accepted += 1
            target.accepted += 1
            self.depth += 1
            self.bytes += size
        target.taken.append(Item(payload, size, logging.WARNING, False))
        return True

    def count_written(self, target: Target, items: Collection[Item]) -> None:
        """Count lines that *target* has taken."""
        with self._lock:
            self.written += len(items)
            self._stalled = False
            self._settle(target, items)

    def count_dropped(self, target: Target, items: Collection[Item]) -> None:
        """Count lines that *target* has refused for good."""
        with self._lock:
            for item in items:
                self.dropped[item.level] += 1
            self._settle(target, items)

    def _settle(self, target: Target, items: Collection[Item]) -> None:
        self.depth -= len(items)
        self.bytes -= sum([item.size for item in items])
        target.settled += len(items)

    def note_error(self, error: BaseException) -> None:
        """
        Count an exception of ours or a target's, and tell of one in ten seconds on descriptor 2.

        Raises:
            Nothing. The text names the type alone: a message may hold a secret.
        """
        with self._lock:
            self.errors += 1
            due = time.monotonic() - self._reported_at >= REPORT_S
            if due:
                self._reported_at = time.monotonic()
        if due:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
            self.say(f"{type_name(type(error))}{': ' if reason else ''}{reason} while logging")

    def say(self, text: str) -> None:
        """Write one line to standard error, unless that would block or it is closed."""
        try:
            if self._stderr is not None and select.select([], [self._stderr], [], 0)[1]:
                os.write(self._stderr, f"logweft: {text}\n".encode(errors="replace"))
        except (OSError, ValueError):
            return  # nowhere left to say it; it is counted

    # For whoever owns the queue

    def flush(self, timeout: float = FLUSH_TIMEOUT_S) -> bool:
        """
        Wait until everything accepted so far is written or dropped.

        Args:
            timeout: longest wait (seconds).

        Returns:
            False: *timeout* is over, or the caller is the listener itself.
        """
        if self._thread_id == threading.get_ident():
            return False
        if self._abandoned:
            return not self.depth
        deadline = time.monotonic() + timeout
        goals = [(target, target.accepted) for target in list(self.targets)]
        while any(target.settled < goal for target, goal in goals):
            if time.monotonic() >= deadline:
                return False
            if self._synchronous:
                self._write_here()
            elif self._thread is None:
                self._start()
            else:
                self._urgent = True
                self._ring()
            time.sleep(0.001)
        return True

    def close(self) -> None:
        """Flush, and let the thread end; the next line starts another."""
        # dictConfig() closes handlers while it holds logging's own lock. A target that needs that
        # lock would wait for us, and we for it; the queue stays, so nothing is lost by not waiting.
        is_owned = getattr(getattr(logging, "_lock", None), "_is_owned", None)
        if not (is_owned is not None and is_owned()):
            self.flush()
        self._leaving = self._urgent = True
        self._ring()

    def finish(self) -> None:
        """Flush at exit; what is logged afterwards is written by its caller."""
        done = self.flush()
        self._synchronous = True
        if not done:
            self._abandoned = True
            self.say(
                f"{self.depth} lines not written: the target took none for {FLUSH_TIMEOUT_S} s"
            )
        elif self._writing.acquire(timeout=1.0):
            try:
                for target in list(self.targets):
                    target.finish()
            finally:
                self._writing.release()

    def stats(self) -> Stats:
        """Return the counters of this process."""
        with self._lock:
            dropped = {logging.getLevelName(level): n for level, n in sorted(self.dropped.items())}
            return Stats(self.accepted, self.written, dropped, self.errors, self.depth, self.bytes)


def _is_due(target: Target) -> bool:
    return bool(target.waiting or target.taken) and time.monotonic() >= target.retry_at


def _own_stderr(owner: object) -> int | None:
    """Return a descriptor of standard error that stays when the application closes its own."""
    try:
        descriptor = os.dup(2)
    except OSError:
        return None
    weakref.finalize(owner, os.close, descriptor).atexit = False
    return descriptor


def _hook_process() -> None:
    """Have forks and the exit told to every listener; once, and not on import."""
    global _hooked
    if not _hooked:
        _hooked = True
        atexit.register(_finish_all)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            # Such a child leaves by os._exit, where atexit does nothing; this runs before that.
            from multiprocessing.util import Finalize

            Finalize(None, _finish_all, exitpriority=-100)
        os.register_at_fork(after_in_child=_begin_all)


def _finish_all() -> None:
    for listener in list(_listeners):
        listener.finish()


def _begin_all() -> None:
    for listener in list(_listeners):
        listener.begin()


class QueueHandler(logging.handlers.QueueHandler):
    """
    A `logging.handlers.QueueHandler` that queues finished lines and brings its own listener.

    In dictConfig, by ``"()"``, with its target inline::

        {"()": "logweft.QueueHandler", "formatter": "json",
         "target": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}

    Each line is made by the target's formatter, else by this handler's, else by a `JsonFormatter`.
    Level and filters of both are obeyed. **A full queue drops lines**, counts them and says so in
    the log.

    Args:
        target: the handler that writes, or its dictConfig entry.
        targets: several of them.
        capacity: most lines waiting (lines).
        capacity_bytes: most text waiting (bytes).
        synchronous: write on the caller's thread instead.
        listener: an existing `Listener` to share; the three above are then not used.

    Raises:
        TypeError: a target that is not a handler.
        ValueError: no target, or a capacity below 1.

    Thread-safe. `handle` takes no lock, never raises, and waits 50 ms for a target at most.
    """

    queue: Listener  # type: ignore[assignment]  # the base class wants a queue.Queue

    def __init__(
        self,
        target: logging.Handler | None = None,
        *,
        targets: Iterable[logging.Handler] = (),
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        synchronous: bool = False,
        listener: Listener | None = None,
    ) -> None:
        handlers = [_as_handler(each) for each in _each(target, targets)]
        if not handlers:
            raise ValueError(
                "QueueHandler needs a target: target=logging.StreamHandler(), or in dictConfig "
                '"target": {"class": "logging.StreamHandler"}'
            )
        if not isinstance(listener, (Listener, type(None))):
            raise TypeError(f"listener must be another handler's queue, got {shown(listener)}")
        if listener is None:
            listener = Listener(
                capacity=capacity, capacity_bytes=capacity_bytes, synchronous=synchronous
            )
        super().__init__(listener)  # type: ignore[arg-type]  # as above
        self.addFilter(ContextFilter())
        self.targets = [make_target(handler, self) for handler in handlers]
        for each in self.targets:
            listener.add(each)

    def handle(self, record: logging.LogRecord) -> Any:
        """
        Queue *record*, if the filters let it pass; return their verdict.

        Raises:
            Nothing that is an Exception.
        """
        lent = True
        try:
            lent = CONTEXT in record.__dict__
            verdict: Any = self.filter(record)
            if verdict:
                self.emit(verdict if isinstance(verdict, logging.LogRecord) else record)
        except Exception:  # noqa: BLE001 - a user's filter; the caller has nothing to do with it
            self.handleError(record)
            return False
        finally:
            if not lent:  # a handler behind us may write all there is, as OpenTelemetry does
                record.__dict__.pop(CONTEXT, None)
        return verdict

    def prepare(self, record: logging.LogRecord) -> list[tuple[Target, Any, int]]:
        """
        Return ``[(target, payload, size), ...]`` for every target that accepts *record*.

        Raises:
            Exception: what a formatter or filter of the user's own raises.
        """
        prepared = []
        for target in self.targets:
            accepted = target.accept(record)
            if accepted is None:
                continue
            if target.shared and not self._is_first(record, target.destination):
                continue
            prepared.append((target, *target.prepare(accepted)))
        return prepared

    def _is_first(self, record: logging.LogRecord, destination: object) -> bool:
        """Say whether no other handler has written *record* to *destination*."""
        try:
            return _seen.setdefault(record, {}).setdefault(destination, self) is self
        except TypeError:  # a record that cannot be hashed
            return True

    def emit(self, record: logging.LogRecord) -> None:
        """
        Queue *record* for every target.

        Raises:
            Nothing that is an Exception.
        """
        try:
            for target, payload, size in self.prepare(record):
                self.queue.put(target, payload, size, record.levelno)
        except Exception:  # noqa: BLE001 - counted and reported, never raised
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """
        Count the exception; the stdlib's own prints message and arguments as they are.

        Raises:
            Nothing.
        """
        error = sys.exc_info()[1]
        if error is not None:
            self.queue.note_error(error)

    def flush(self, timeout: float = FLUSH_TIMEOUT_S) -> bool:  # type: ignore[override]  # the stdlib's returns None
        """
        Wait until everything accepted so far is written; say whether it is.

        Args:
            timeout: longest wait (seconds).

        Raises:
            Nothing.
        """
        return self.queue.flush(timeout)

    def close(self) -> None:
        """
        Flush; the handler goes on working, since others' dictConfig() closes every handler.

        Raises:
            Nothing.
        """
        self.queue.close()
        logging.Handler.close(self)

    def stats(self) -> Stats:
        """
        Return what became of the lines so far.

        Raises:
            Nothing.
        """
        return self.queue.stats()

    def retire(self) -> None:
        """
        Give the targets' handlers back as soon as their lines are written, without waiting.

        Raises:
            Nothing.
        """
        for target in self.targets:
            self.queue.retire(target)

    def detach(self) -> None:
        """
        Flush, and give the targets' handlers back as they were.

        Raises:
            Nothing.
        """
        self.queue.flush()
        for target in self.targets:
            self.queue.remove(target)
        logging.Handler.close(self)


def _each(target: object, targets: object) -> list[Any]:
    """Return the targets given; a dictConfig list converts its entries when asked for each."""
    if isinstance(targets, (str, Mapping, logging.Handler)) or not isinstance(targets, Iterable):
        raise TypeError(f"targets must be a list of logging.Handler, got {shown(targets)}")
    if isinstance(targets, list):
        targets = [targets[index] for index in range(len(targets))]
    return [*([] if target is None else [target]), *targets]


def _as_handler(target: Any) -> logging.Handler:
    if isinstance(target, logging.Handler):
        return target
    configurator = getattr(target, "configurator", None)
    if isinstance(target, dict) and configurator is not None and {"class", "()"} & set(target):
        # A copy, since configuring takes the entry to pieces, and by cfg:// it may be another's.
        entry = type(target)(target)
        entry.configurator = configurator  # type: ignore[attr-defined]  # dictConfig's own kind of dict
        handler = configurator.configure_handler(entry)
        if isinstance(handler, logging.Handler):
            return handler
        target = handler
    raise TypeError(
        f"target must be a logging.Handler, got {shown(target)}; in dictConfig write it inline: "
        '"target": {"class": "logging.StreamHandler"}'
    )
