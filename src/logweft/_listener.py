"""Listener: a bounded queue and the thread that empties it into the targets."""

from __future__ import annotations

import atexit
import contextvars
import errno
import logging
import math
import os
import select
import sys
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ._plain import type_name
from ._record import bare_record
from ._redact import shown
from ._targets import Item, Target, is_configuring

CAPACITY = 10_000
"""Most lines waiting (lines)."""

CAPACITY_BYTES = 64 * 1024 * 1024
"""Most text waiting (bytes)."""

POLICIES = ("drop", "drop_oldest", "block")
"""What becomes of a line that finds the queue full."""

WAIT_S = 0.05
"""Longest a caller waits for room (seconds), once per stall of a target."""

BLOCK_S = 5.0
"""Longest a caller waits for room under the policy "block" (seconds), each time."""

STALL_S = 0.25
"""Shortest time between two such waits (seconds), so that a trickling target costs few of them."""

STALL_LINES = 1_000
"""A target that takes fewer than these while a caller waits is stalled (lines); one that takes
more is only slower than its callers, as where many threads share a busy processor."""

FLUSH_TIMEOUT_S = 5.0
"""Longest an orderly exit, `logging.shutdown` or `close` waits for the targets (seconds)."""

LINGER_S = 0.023
"""How long a woken listener lets lines gather (seconds): waking it costs the caller 10-18 µs, so
one wake for all lines of a burst beats one for each. Measured against 0, 5 ms and polling. No
multiple of a round period, since work that comes every 10 ms would meet it each time."""

LULL_S = 0.002
"""A time without a line in which callers are taken to be idle (seconds), since to write 100 lines
holds the GIL for 0.16 ms: of the latest 1 % of requests of a service, most had waited for that."""

LONGEST_LINGER_S = 0.05
"""How long to wait for it (seconds)."""

RETRY_S = 0.2
"""Pause between two attempts on a target that is full for the moment, such as a disk (seconds)."""

YIELD_S = 0.1
"""Longest whoever configures logging waits for a queue's lock (seconds). It holds logging's own,
which the thread that has the queue's may want: where a handler is collected, its entry in logging's
list is removed, and a collection begins anywhere."""

START_S = 1.0
"""Pause between two attempts to start a thread where there is none to be had (seconds)."""

REPORT_S = 10.0
"""Shortest time between two reports of our own errors on file descriptor 2 (seconds)."""

DROPS_S = 0.5
"""How long after a target moves again its drops are told, if its queue is not empty before."""

# A target that answers with one of these may take lines again later: what waits for it is kept.
# Anything else, such as EPIPE or EBADF, is for good.
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EAGAIN, errno.ENOMEM}


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
_hooked = _is_told = False


class Listener:
    """
    A bounded queue and the thread that empties it into the targets.

    The thread starts with the first line, in an empty context, and again whenever it is gone. Where
    none can be started (a subinterpreter, an interpreter on its way out) callers write themselves,
    and try again after a second.

    Args:
        capacity: most lines waiting (lines).
        capacity_bytes: most text waiting (bytes).
        policy: what a line does that finds the queue full. ``"drop"``: lines of lower levels make
            room for it, the lowest and newest first; where there are none it is dropped itself.
            ``"drop_oldest"``: the oldest make room. ``"block"``: wait, then as ``"drop"``.
        timeout: longest wait for room (seconds). Default: 5 for ``"block"``, each time; else 0.05,
            and not again until a target moves.
        synchronous: callers write themselves, always.

    Raises:
        TypeError: a capacity that is not an int, a timeout that is not a number.
        ValueError: a capacity below 1, a timeout below 0, an unknown policy.

    Thread-safe, and safe in signal handlers, ``__del__`` and after a fork.
    """

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        policy: str = "drop",
        timeout: float | None = None,
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
        self.policy = check_policy("policy", policy)
        blocks = policy == "block"
        self.timeout = (
            (BLOCK_S if blocks else WAIT_S)
            if timeout is None
            else check_timeout("timeout", timeout)
        )
        # From a quarter on, callers give way to a target that is busy, since every write gives up
        # the GIL and a busy thread is slow to give it back; the rest is for when none moves.
        self._easy = capacity if blocks else max(1, capacity // 4)
        self._easy_bytes = capacity_bytes if blocks else capacity_bytes // 4
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
        self._make_bell()
        self._writer = 0  # the thread that writes targets now
        self.emitter = 0  # the thread that runs a handler's emit now
        self.nested = False
        self._thread: threading.Thread | None = None
        self._thread_id: int | None = None
        self._awake = False  # the thread will look at the queue without being told
        self._urgent = self._leaving = self._abandoned = False
        self._stalled_until = 0.0
        self._in_vain = -1  # lines written when a flush last gave up
        self._waiting: set[int] = set()  # threads that wait for room
        self._synchronous = self._always_synchronous
        self._start_at = math.inf  # when to try again whether there are threads now
        self.written = self.errors = self.depth = self.bytes = 0
        self.dropped: Counter[int] = Counter()
        self._by_level: dict[int, list[tuple[Target, int]]] | None = None
        for target in self.targets:
            target.forget()

    def _make_bell(self) -> None:
        # A lock used as a doorbell: to release it is one step in C, safe in signal handlers, where
        # a threading.Event or a queue.Queue can deadlock.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._writing = threading.RLock()

    def add(self, target: Target) -> None:
        """Begin to serve *target*, now or with its first line; see `YIELD_S`."""
        if self._lock.acquire(timeout=YIELD_S):
            try:
                self._serve(target)
            finally:
                self._lock.release()
        else:
            for other in self.targets.copy():
                if other.destination == target.destination:
                    other.shared = target.shared = True

    def _serve(self, target: Target) -> Target:
        """Begin to serve *target*; return who writes to its destination. The lock is held."""
        lane = target.lane = self._lane_to(target) or target  # so that lines stay in order
        self.targets.append(target)
        self._find_shared()
        if not target.retired:
            target.engage()
        return lane

    def _lane_to(self, target: Target) -> Target | None:
        """Return who writes where *target* would, in the same way, if somebody does."""
        for other in self.targets:
            if other.destination == target.destination and type(other) is type(target):
                return other.lane or other
        return None

    def lock(self) -> AbstractContextManager[object]:
        """Return what is held while targets are added and removed; re-entrant, for no wait."""
        return self._lock

    def _find_shared(self) -> None:
        """Say to each target whether another one has its destination. The lock is held."""
        times = Counter(target.destination for target in self.targets)
        for target in self.targets:
            target.shared = times[target.destination] > 1

    def remove(self, target: Target) -> None:
        """Cease to serve *target* and give its handler back; what it has not taken is dropped."""
        with self._lock:
            target.retired = True
            if target not in self.targets:
                return
            self.targets.remove(target)
            target.lane = heir = None
            for other in self.targets:
                if other.lane is target:
                    heir = other.lane = heir or other
            waiting = [item for item in target.waiting if item is not None]
            self._leave_queue(waiting)
            self._by_level = None
            target.skip(len(target.waiting) - len(waiting))
            target.waiting = deque()
            self._give_up(target)
            for item in waiting:
                self.dropped[item[2]] += 1
            target.settle(len(waiting))
            self._find_shared()
            target.release()
            for other in self.targets:
                if other.handler is target.handler and not other.retired:
                    other.engage()  # it was removed and added again, or has another stream

    def retire(self, target: Target) -> bool:
        """Cease to serve *target* as soon as its lines are written; say whether they are."""
        target.retired = True
        if not self._lock.acquire(timeout=YIELD_S):
            self._ring()  # then the listener does it
            return False
        # One step, since a line that comes between the look and the removal would be lost.
        try:
            is_idle = not target.is_busy() and target.close_if_due()
            if is_idle:
                self.remove(target)
            return is_idle
        finally:
            self._lock.release()

    def _revive(self, target: Target) -> Target:
        """Return who takes a line of *target*, which is removed by now, or is not served yet."""
        lane = self._lane_to(target) if target.retired else None
        return lane or self._serve(target)

    # Where the log call is

    def put(self, target: Target, payload: Any, size: int, level: int) -> None:
        """
        Accept one line for *target*, or drop and count it.

        Raises:
            Nothing. Waits for room as the policy says: by default 50 ms, once per stall.
        """
        with self._lock:
            total = self.bytes + size
            lane = target.lane
            is_done = is_kept = (
                self.depth < self._easy
                and total <= self._easy_bytes
                and lane is not None
                and not self.emitter
            )
            if is_kept:
                # First, since an exception thrown in from a signal handler may end this anywhere.
                lane.waiting.append((payload, size, level, False))  # type: ignore[union-attr]  # said above
                self.depth += 1
                self.bytes = total
            elif not self.emitter and self._is_stalled():
                # At once, since threads that come for the lock twice are in each other's way.
                is_done, is_kept = True, self._squeeze(target, (payload, size, level, False))
        if not is_done:
            is_kept = self._put_hard(target, payload, size, level)
        if is_kept and not self._awake:
            self._wake()

    def _put_hard(self, target: Target, payload: Any, size: int, level: int) -> bool:
        """Accept one line though room may be scarce, after a wait for it; or drop it."""
        nested = self.emitter == threading.get_ident()
        item = payload, size, level, nested
        if nested and self.nested:
            # A target that logs about each line it is given would keep itself busy for ever.
            with self._lock:
                self.dropped[level] += 1
            return False
        if self._may_wait(nested):
            self._waiting.add(threading.get_ident())
            try:
                if self._wait_for_room(target, item):
                    return True
            finally:
                self._waiting.discard(threading.get_ident())
        with self._lock:
            return self._squeeze(target, item)

    def _squeeze(self, target: Target, item: Item) -> bool:
        """Accept *item* if there is room, or lines that have to give way; or drop it. Locked."""
        _, size, level, _ = item
        lane = target.lane or self._revive(target)
        if not self._abandoned and (self._fits(size) or self._make_room(lane, size, level)):
            self._append(lane, item)
            return True
        self._drop(lane, level)
        return False

    def _may_wait(self, nested: bool) -> bool:
        """Say whether a caller may be held up: not by itself, and not by one who does not move."""
        return not (
            nested
            or self._synchronous
            or self._abandoned
            or self._is_stalled()
            or self._thread_id == threading.get_ident()
            # Signal handlers that interrupt each other's waits would do so until no stack is left.
            or (threading.get_ident() in self._waiting and self.policy != "block")
            or self.is_interrupted()  # the listener waits for its own caller, then
        )

    def _is_stalled(self) -> bool:
        """Say whether a caller has waited in vain, and no other shall for a while."""
        return self._stalled_until > 0 and self.policy != "block"

    def _wait_for_room(self, target: Target, item: Item) -> bool:
        """Wait for the listener to make room, and take it; say False at the deadline."""
        begun, pause, written = time.monotonic(), 0.0005, self.written
        while True:
            with self._lock:
                if self._fits(item[1], self._easy, self._easy_bytes):
                    self._append(target.lane or self._revive(target), item)
                    return True
            if not self._awake:
                self._wake()
            else:
                self._ring()  # it may linger
            now = time.monotonic()
            if now - begun >= self.timeout:
                if self.written - written < STALL_LINES:
                    self._stalled_until = now + STALL_S
                return False
            time.sleep(pause)  # gives up the GIL, which is what the listener waits for
            pause = min(pause * 1.2, 0.005)

    def _fits(self, size: int, lines: int | None = None, room: int | None = None) -> bool:
        """Say whether there is room; an empty queue has room for any line. The lock is held."""
        return not self.depth or (
            self.depth < (lines or self.capacity)
            and self.bytes + size <= (room or self.capacity_bytes)
        )

    def _append(self, lane: Target, item: Item) -> None:
        lane.waiting.append(item)
        self.depth += 1
        self.bytes += item[1]
        if self._by_level is not None:
            self._by_level.setdefault(item[2], []).append((lane, len(lane.waiting) - 1))

    def _make_room(self, lane: Target, size: int, level: int) -> bool:
        """Drop lines that have to give way to one of *level*; say whether it fits then."""
        while not self._fits(size):
            if self.policy == "drop_oldest":
                owner = next(t for t in (lane, *self.targets) if t.waiting)
                item = owner.waiting.popleft()
            else:
                by_level = self._waiting_by_level()
                lowest = min(by_level, default=level)
                if lowest >= level:
                    return False
                owner, index = by_level[lowest].pop()
                if not by_level[lowest]:
                    del by_level[lowest]
                # A hole, since to close it would move the lines behind it.
                item, owner.waiting[index] = owner.waiting[index], None
            if item is not None:
                self._leave_queue([item])
                self._drop(owner, item[2])
            if self.policy == "drop_oldest":
                owner.skip(1)
        return True

    def _waiting_by_level(self) -> dict[int, list[tuple[Target, int]]]:
        """Return where the lines of each level wait; made once per stall, kept until a take."""
        if self._by_level is None:
            self._by_level = {}
            for target in self.targets:
                for index, item in enumerate(target.waiting.copy()):  # a handler may log here
                    if item is not None:
                        self._by_level.setdefault(item[2], []).append((target, index))
        return self._by_level

    def _drop(self, lane: Target, level: int) -> None:
        self.dropped[level] += 1
        lane.unreported[level] += 1

    def _leave_queue(self, items: Collection[Item]) -> None:
        self.depth -= len(items)
        self.bytes -= sum([item[1] for item in items])

    def _wake(self) -> None:
        """See to it that what waits is written."""
        if self._synchronous and time.monotonic() < self._start_at:
            self._write_here()
        elif self._thread is None:
            self._start()
        else:
            self._ring()

    def _ring(self) -> None:
        if self._bell.locked():  # cheaper to ask than to be refused, while it wakes up
            try:
                self._bell.release()
            except RuntimeError:
                return  # rung by another

    def _start(self) -> None:
        thread = None
        try:
            # Made and started without the lock: to start it waits for it, and either takes long.
            new = threading.Thread(
                target=contextvars.Context().run, args=(self._run,), name="logweft", daemon=True
            )
            with self._lock:
                if self._thread is not None:
                    return
                self._leaving = False
                # Of the thread's own kind, which gevent's patch_all() changes; else not, since a
                # caller may be writing, and whoever took another lock would write beside it.
                if type(self._bell) is not type(threading.Lock()):
                    self._make_bell()
                self._thread = thread = new
            thread.start()
            self._synchronous = False
        except BaseException as error:
            with self._lock:
                if self._thread is thread:
                    self._thread = None
            if type(error) is not RuntimeError:
                raise  # a signal handler's, or no stack left
            # No threads here, or no more of them for the moment.
            self._synchronous, self._start_at = True, time.monotonic() + START_S
        if self._synchronous:
            self._write_here()

    def _write_here(self) -> None:
        """Write what waits on the caller's thread."""
        due, caller = list(self.targets), threading.get_ident()
        # Not inside a call of ours, in a signal handler or a `__del__`: whoever writes may wait for
        # the lock that it holds, and finds this line then.
        wait = 0.0 if self.is_interrupted() else FLUSH_TIMEOUT_S
        # Once more for what a signal handler or a target has logged meanwhile: it finds itself
        # inside the write that is under way, and leaves its line to us.
        while due and self._writer != caller:
            # Inside the try, since an exception may be thrown in as soon as the lock is taken.
            try:
                if not self._writing.acquire(timeout=wait):
                    return
                self._writer = caller
                for target in due:
                    self._write(target)
            finally:
                # No call comes before the release, since any may be the last one: a handler that
                # interrupts it may throw, and whoever is never released is waited for in vain.
                if self._writer == caller:
                    self._writer = 0
                try:  # noqa: SIM105 - contextlib.suppress() is a call
                    self._writing.release()
                except RuntimeError:
                    pass  # not acquired
            due = [target for target in list(self.targets) if self._is_due(target)]

    # In the listener's thread

    def _run(self) -> None:
        self._thread_id = threading.get_ident()
        thread = threading.current_thread()
        try:
            while True:
                try:
                    if not self._cycle(thread):
                        return
                except BaseException as error:  # noqa: BLE001 - it survives everything and says so
                    self.note_error(error)
        finally:
            with self._lock:
                if self._thread is thread:
                    self._thread = self._thread_id = None
                    self._awake = False

    def _cycle(self, thread: threading.Thread) -> bool:
        """Wait for lines and write them; say whether there will be another time."""
        with self._lock:
            if self._thread is not thread:
                return False
            held = any(target.is_held() for target in self.targets)
            self._awake = any(map(self._is_due, self.targets))
            if not held and (self._leaving or not self.targets):
                # Said under the lock: whoever puts a line after this sees it and starts a thread.
                self._thread = self._thread_id = None
                return False
        if not self._awake:
            self._bell.acquire(timeout=RETRY_S if held else -1)
            self._awake = True
            if not self._urgent:
                self._linger()
            self._urgent = False
        with self._writing:
            for target in list(self.targets):
                if self._is_due(target):
                    self._write(target)
        return True

    def _linger(self) -> None:
        """Let lines gather, and wait for a moment in which none comes; ended by the bell."""
        pause, end, seen = LINGER_S, time.monotonic() + LONGEST_LINGER_S, -1
        while not self._bell.acquire(timeout=pause):
            if self.depth == seen or time.monotonic() >= end:
                return
            pause = LULL_S if seen < 0 else 2 * pause
            seen = self.depth

    def _is_due(self, target: Target) -> bool:
        """Say whether there is something to do for *target*, and it may be tried now."""
        if time.monotonic() < target.retry_at:
            return False
        if target.is_busy() or target.retired or target.closes:
            return True
        # Drops that another target has caused are told when that one has caught up.
        has_room = self._fits(0, self.capacity // 2, self.capacity_bytes // 2)
        return has_room and bool(target.unreported)

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
                self._give_up(target)
            if target.unreported and target.report_at and time.monotonic() > target.report_at:
                self._take_report(target)
        if not target.close_if_due():
            target.retry_at = time.monotonic() + YIELD_S
            return
        if target.retired:
            self.retire(target)

    def _take(self, target: Target) -> bool:
        """Move lines from `waiting` to `taken`, unless an attempt has left some there."""
        while target.is_busy():
            with self._lock:
                is_new = not target.taken
                if is_new and self.bytes <= target.batch_bytes:
                    batch, fresh = target.waiting, deque[Item | None]()
                    # In one step, so that an exception thrown in finds each line in one of the two.
                    self._by_level, target.taken, target.waiting = None, batch, fresh
                elif is_new:
                    self._by_level = None
                    _cut(target.waiting, target.taken, target.batch_bytes)
                lines = deque(filter(None, target.taken))
                target.skip(len(target.taken) - len(lines))
                target.taken = lines
                if is_new:
                    self._leave_queue(lines)
                if not any(each.waiting for each in self.targets):
                    # An exception thrown into a `put` may have left them askew.
                    self.depth = self.bytes = 0
            if target.taken:
                return True
        return False

    def _take_report(self, target: Target) -> bool:
        """Add the line that says how many lines were dropped, once a target moves again."""
        with self._lock:
            levels = target.unreported.copy()
            target.report_at = 0.0
        number = sum(levels.values())
        if not number:
            return False
        line: Item | None = None
        try:
            record = bare_record(
                name="logweft",
                levelno=logging.WARNING,
                levelname="WARNING",
                msg="dropped %d lines: queue full (capacity %d)",
                args=(number, self.capacity),
                pathname=__file__,
                funcName="put",
                dropped=number,
                dropped_by_level=_by_name(levels),
            )
            payload, size = target.prepare(record)
            line = payload, size, logging.WARNING, False
        except Exception as error:  # noqa: BLE001 - a formatter of the user's own
            self.note_error(error)
        with self._lock:  # in one step, or a flush of this moment would not wait for it
            target.unreported -= levels
            if line is not None:
                target.taken.append(line)
        return line is not None

    def count_written(self, target: Target, number: int) -> None:
        """Take the first lines out of `taken`, and count them: *target* has written them."""
        with self._lock:  # in one step, or a flush of this moment would wait for too few
            lines = target.leave(number)
            self.written += len(lines)
        if self._stalled_until and time.monotonic() > self._stalled_until:
            self._stalled_until = 0.0
        if target.unreported and not target.report_at:
            target.report_at = time.monotonic() + DROPS_S

    def count_refused(self, target: Target, number: int) -> None:
        """Take the first lines out of `taken`, and count them: *target* refuses them for good."""
        with self._lock:
            for item in target.leave(number):
                self.dropped[item[2]] += 1

    def _give_up(self, target: Target) -> None:
        target.give_up()
        self.count_refused(target, len(target.taken))

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
        if not text.isprintable():
            text = ascii(text)[1:-1]  # a class may be called what a terminal takes for a command
        try:
            if self._stderr is None:
                return
            poll = select.poll()  # select.select() takes no descriptor above 1023
            poll.register(self._stderr, select.POLLOUT)
            if poll.poll(0):
                os.write(self._stderr, f"logweft: {text}\n".encode(errors="replace"))
        except (OSError, ValueError):
            return  # nowhere left to say it; it is counted

    # For whoever owns the queue

    def flush(self, timeout: float = FLUSH_TIMEOUT_S) -> bool:
        """
        Wait until everything accepted so far is written or dropped, and the drops are told.

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
        with self._lock:
            goals = [(target, target.goal()) for target in self.targets]
        while any(target.is_behind(goal) for target, goal in goals):
            if time.monotonic() >= deadline:
                self._in_vain = self.written
                return False
            self._urgent = True
            if self._thread is not None:
                self._ring()
            else:
                self._wake()
            time.sleep(0.001)
        return True

    def is_interrupted(self) -> bool:
        """Say whether this thread has the lock: the caller came in by a signal or a `__del__`."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]  # as threading.Condition asks

    def flush_once(self) -> bool:
        """Flush, unless that was in vain before and nothing has moved since, or must not wait."""
        # dictConfig() flushes and closes all handlers; the queue stays, and its lines.
        return not is_configuring() and self._in_vain != self.written and self.flush()

    def close(self, targets: Iterable[Target] = ()) -> None:
        """Flush, close the handlers of *targets*, let the thread end; the next line starts one."""
        self.flush_once()
        for target in targets:
            if self._thread is None:
                target.close()
            else:
                # By the thread, since it may have the handler's lock and, where a handler is
                # collected meanwhile, want logging's, which dictConfig() has while it closes.
                target.closes = True
        self._leaving = self._urgent = True
        self._ring()

    def finish(self, deadline: float) -> None:
        """Flush at exit, until *deadline*; what is logged afterwards is written by its caller."""
        done = self.flush(deadline - time.monotonic())
        self._synchronous, self._start_at = True, math.inf
        self._awake = False
        if not done:
            self._abandoned = True
            self._easy = -1
            left = self.stats().depth
            self.say(f"{left} lines not written: the target took none for {FLUSH_TIMEOUT_S} s")
            return
        self._write_here()  # the report of drops, if one is left
        if self._writing.acquire(timeout=1.0):
            try:
                for target in list(self.targets):
                    target.finish()
            finally:
                self._writing.release()

    def stats(self) -> Stats:
        """Return the counters of this process."""
        with self._lock:
            # A copy, in one step, since the listener takes lines out without the lock.
            taken = [item for target in self.targets for item in target.taken.copy()]
            depth = self.depth + len(taken)
            return Stats(
                accepted=self.written + sum(self.dropped.values()) + depth,
                written=self.written,
                dropped=_by_name(self.dropped),
                errors=self.errors,
                depth=depth,
                bytes=self.bytes + sum([item[1] for item in taken]),
            )


def check_policy(name: str, value: Any) -> str:
    """Return *value* if it is a policy; the option is called *name*."""
    if value in POLICIES:
        return str(value)
    raise ValueError(f"{name} must be one of {', '.join(map(repr, POLICIES))}, got {shown(value)}")


def check_timeout(name: str, value: Any) -> float:
    """Return *value* if it is a time to wait (seconds); the option is called *name*."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, got {shown(value)}")
    if not 0 <= value <= threading.TIMEOUT_MAX:
        raise ValueError(f"{name} must be >= 0 (seconds), got {value}")
    return float(value)


def _by_name(levels: Mapping[int, int]) -> dict[str, int]:
    return {logging.getLevelName(level): number for level, number in sorted(levels.items())}


def _cut(waiting: deque[Any], taken: deque[Any], limit: int) -> None:
    """Move the first lines from *waiting* to *taken*, *limit* bytes at most but one at least."""
    size = 0
    while waiting:
        item = waiting[0]
        size += item[1] if item is not None else 0
        if taken and size > limit:
            break
        taken.append(item)
        waiting.popleft()


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
            _finish_at_child_exit()
            _tell_multiprocessing()  # a forkserver's child may still forget all it was told
        os.register_at_fork(after_in_child=_begin_all)


def _finish_at_child_exit(_: object = None) -> None:
    """Flush where a child of multiprocessing ends: by os._exit, where atexit does nothing."""
    from multiprocessing.util import Finalize

    Finalize(None, _finish_all, exitpriority=-100)


def _tell_multiprocessing() -> None:
    """Have its children flush at their end; such a child begins by forgetting its finalizers."""
    global _is_told
    register = getattr(sys.modules.get("multiprocessing.util"), "register_after_fork", None)
    if register is not None and not _is_told:
        _is_told = True
        register(_finish_at_child_exit, _finish_at_child_exit)


def _finish_all() -> None:
    # One deadline for all: an exit that waited for each of them in turn would seem to hang.
    deadline = time.monotonic() + FLUSH_TIMEOUT_S
    for listener in list(_listeners):
        listener.finish(deadline)


def _begin_all() -> None:
    for listener in list(_listeners):
        listener.begin()
    _tell_multiprocessing()
