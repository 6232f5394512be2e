"""QueueHandler: a record → finished lines → the queue of its targets. Used by install()."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from ._context import Context
from ._filter import CONTEXT, ContextFilter, context_of
from ._formatter import JsonFormatter
from ._listener import CAPACITY, CAPACITY_BYTES, FLUSH_TIMEOUT_S, Listener, Stats
from ._redact import shown
from ._render import Renderer
from ._targets import DescriptorTarget, Target, make_target

# Who has written a record to which destination, where handlers share one. Not on the record: other
# people's handlers write every attribute of it, and this one needs to outlive a single handler.
_seen: weakref.WeakKeyDictionary[logging.LogRecord, dict[object, logging.Handler]] = (
    weakref.WeakKeyDictionary()
)


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
        policy: what becomes of a line that finds the queue full: ``"drop"`` (the lowest level goes
            first), ``"drop_oldest"`` or ``"block"``.
        timeout: longest wait for room (seconds). Default: 5 for ``"block"``, else 0.05.
        synchronous: write on the caller's thread instead.
        listener: an existing `Listener` to share; the five above are then not used.

    Raises:
        TypeError: a target that is not a handler.
        ValueError: no target, a capacity below 1, or a policy or timeout that is none.

    Thread-safe. `handle` never raises, and waits 50 ms for a target at most, if not told to block.
    """

    queue: Listener  # type: ignore[assignment]  # the base class wants a queue.Queue

    def __init__(
        self,
        target: logging.Handler | None = None,
        *,
        targets: Iterable[logging.Handler] = (),
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        policy: str = "drop",
        timeout: float | None = None,
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
                capacity=capacity,
                capacity_bytes=capacity_bytes,
                policy=policy,
                timeout=timeout,
                synchronous=synchronous,
            )
        super().__init__(listener)  # type: ignore[arg-type]  # as above
        self.addFilter(ContextFilter())
        self._own_filters = self.filters.copy()
        self.targets = [make_target(handler, self) for handler in handlers]
        self._only = self._find_only()
        for each in self.targets:
            listener.add(each)

    def _find_only(self) -> DescriptorTarget | None:
        """Return the target if there is one and it is a file."""
        first, *others = self.targets
        return first if isinstance(first, DescriptorTarget) and not others else None

    def handle(self, record: logging.LogRecord) -> Any:
        """
        Queue *record*, if the filters let it pass; return their verdict.

        Raises:
            Nothing that is an Exception.
        """
        lent = True
        try:
            if self.write(record):
                return True
            lent = CONTEXT in record.__dict__
            verdict = self.filter(record)
            if verdict:
                self.emit(verdict if isinstance(verdict, logging.LogRecord) else record)
        except Exception:  # noqa: BLE001 - a user's filter; the caller has nothing to do with it
            self.handleError(record)
            return False
        finally:
            if not lent:  # a handler behind us may write all there is, as OpenTelemetry does
                record.__dict__.pop(CONTEXT, None)
        return verdict

    def write(self, record: logging.LogRecord) -> bool:
        """
        Queue *record* if it is an ordinary one and nobody has a say in it; say whether it was.

        Raises:
            Exception: of a record that is odd.
        """
        renderer = self.renderer(record.levelno)
        if renderer is None:
            return False
        attributes = record.__dict__
        context = attributes.get(CONTEXT)
        if type(context) is not Context:
            context = context_of(record)
        line = renderer.line(record, context)
        if line is None:
            return False
        attributes.setdefault("correlation_id", context.correlation_id)  # as ContextFilter
        self.put(line, record.levelno)
        return True

    def renderer(self, level: int) -> Renderer | None:
        """
        Return what makes the line of a call at *level*; None: more than one thing has a say in it.

        There is one target, which is a file and takes the level, no filter but our own, and the
        line is the default one.

        Raises:
            Nothing.
        """
        target = self._only
        if target is None:
            return None
        handler = target.handler
        formatter = handler.formatter
        if (
            self.filters == self._own_filters
            and not target.shared
            and handler.stream is target.stream
            and not handler.filters
            and level >= handler.level
            and type(formatter) is JsonFormatter
        ):
            return formatter.renderer
        return None

    def put(self, line: str, level: int) -> None:
        """
        Queue the line that the `renderer` of *level* has made.

        Raises:
            Nothing that is an Exception.
        """
        target = self._only
        if target is None:  # another thread has called setStream() since: it is no file now
            self.queue.put(self.targets[0], line, len(line), level)
            return
        payload = f"{line}\n".encode()
        self.queue.put(target, payload, len(payload), level)

    def prepare(self, record: logging.LogRecord) -> list[tuple[Target, Any, int]]:
        """
        Return ``[(target, payload, size), ...]`` for every target that accepts *record*.

        Raises:
            Exception: what a formatter or filter of the user's own raises.
        """
        prepared = []
        for index, target in enumerate(self.targets):
            if target.has_moved():
                target = self._move(index)
            accepted = target.accept(record)
            if accepted is None:
                continue
            if target.shared and not self._is_first(record, target.destination):
                continue
            prepared.append((target, *target.prepare(accepted)))
        return prepared

    def _move(self, index: int) -> Target:
        """Return another target, for the stream the handler has by now."""
        with self.queue.lock():
            target = self.targets[index]
            if target.has_moved():  # unless another thread has been here
                # What it has taken is still written, to the stream of that moment. Without a
                # flush of the new one, which may block.
                self.queue.retire(target)
                target = self.targets[index] = make_target(target.handler, self, flushes=False)
                self._only = self._find_only()
                self.queue.add(target)
            return target

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

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # the stdlib's returns None
        """
        Wait until everything accepted so far is written; say whether it is.

        Args:
            timeout: longest wait (seconds). Default: 5, and not again until a target moves, since
                `logging.shutdown` flushes and closes one handler after the other; and none at all
                while this thread has logging's own lock, as `dictConfig` does.

        Raises:
            Nothing.
        """
        return self.queue.flush_once() if timeout is None else self.queue.flush(timeout)

    def close(self) -> None:
        """
        Flush; the handler goes on working, since others' dictConfig() closes every handler.

        So do its targets' handlers, which are closed as well once their lines are written.

        Raises:
            Nothing.
        """
        self.queue.close(self.targets)
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

    def detach(self, deadline: float | None = None) -> None:
        """
        Flush, and give the targets' handlers back as they were.

        Args:
            deadline: until when to wait at most, by `time.monotonic` (seconds). Default: 5 from
                now.

        Raises:
            Nothing.
        """
        if deadline is None:
            deadline = time.monotonic() + FLUSH_TIMEOUT_S
        for target in self.targets:
            # Again for the lines of calls that are under way.
            while not self.queue.retire(target):
                if not self.queue.flush(deadline - time.monotonic()):
                    self.queue.remove(target)
                    break
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
