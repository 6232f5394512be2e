"""install() → Installation: the one module that composes; everything else works without it."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ._capture import Capture, Hook
from ._console import ConsoleFormatter
from ._context import NOTHING, Policy, Scope, adopt, current, set_policy
from ._formatter import JsonFormatter
from ._listener import CAPACITY, FLUSH_TIMEOUT_S, Listener, Stats
from ._options import Options, resolve
from ._queue import QueueHandler
from ._record import findCaller, init_of, is_stdlib, make_record_of
from ._redact import make_redactor, shown
from ._shortcut import log_of
from .integrations import activate, deactivate
from .integrations._hop import Host, Parcel, set_host

# The handlers whose lines we take over. Subclasses have a reason to exist, and stay as they are.
_HANDLERS = frozenset(
    {
        "logging.StreamHandler",
        "logging._StderrHandler",  # logging.lastResort
        "logging.FileHandler",
        "logging.handlers.RotatingFileHandler",
        "logging.handlers.TimedRotatingFileHandler",
        "logging.handlers.WatchedFileHandler",
        "rq.logutils.ColorizingStreamHandler",  # of RQ's workers; a subclass in name only
    }
)

# What a handler has of its class, unless somebody has put something of their own there.
_METHODS = ("handle", "emit")

# Formatters that are what comes in the box; by name, so that no framework is imported.
_STOCK_FORMATTERS = frozenset(
    {
        "logging.Formatter",
        "uvicorn.logging.AccessFormatter",
        "uvicorn.logging.ColourizedFormatter",
        "uvicorn.logging.DefaultFormatter",
        "celery.app.log.TaskFormatter",
        "celery.utils.log.ColorFormatter",
        "django.utils.log.ServerFormatter",
        "tornado.log.LogFormatter",
    }
)


def wants_colors(stream: Any) -> bool:
    """
    Say whether *stream* gets ANSI colours.

    Source: CPython 3.13's `_colorize`: PYTHON_COLORS, NO_COLOR, FORCE_COLOR, TERM, then isatty.
    """
    environ = os.environ
    if environ.get("PYTHON_COLORS") in ("0", "1"):
        return environ["PYTHON_COLORS"] == "1"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return environ.get("TERM") != "dumb" and _is_terminal(stream)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except Exception:  # noqa: BLE001 - a stand-in for a stream, or a closed one
        return False


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _is_stock(handler: logging.Handler) -> bool:
    """Say whether *handler* is of the kind we take, and nobody has changed how it works."""
    if _qualified(type(handler)) not in _HANDLERS or not vars(handler).keys().isdisjoint(_METHODS):
        return False
    formatter = handler.formatter
    return formatter is None or _qualified(type(formatter)) in _STOCK_FORMATTERS


class _Taken(NamedTuple):
    handler: logging.Handler
    before: logging.Formatter | None
    ours: logging.Formatter
    front: QueueHandler


class _LoggerState(NamedTuple):
    """What dictConfig changes about a logger."""

    logger: logging.Logger
    handlers: list[logging.Handler]
    filters: list[Any]
    level: int
    propagate: bool
    disabled: bool

    @classmethod
    def of(cls, logger: logging.Logger) -> _LoggerState:
        return cls(
            logger,
            logger.handlers[:],
            logger.filters[:],
            logger.level,
            logger.propagate,
            logger.disabled,
        )

    def restore(self) -> None:
        self.logger.handlers[:] = self.handlers
        self.logger.filters[:] = self.filters
        self.logger.setLevel(self.level)
        self.logger.propagate = self.propagate
        self.logger.disabled = self.disabled


def _loggers() -> Iterator[logging.Logger]:
    yield logging.root
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def _handlers() -> Iterator[logging.Handler]:
    """Yield the handlers that a record may come to."""
    for logger in _loggers():
        yield from logger.handlers[:]
    if logging.lastResort is not None:  # of a logger that has no handler, from WARNING on
        yield logging.lastResort


def _locked() -> Any:
    """
    Return logging's own lock, for a `with` that does not wait.

    Ours would be taken before it here, and behind it by an addHandler() inside of dictConfig().
    """
    # Re-entrant; and os.fork() takes it, so that a child finds none of our changes half done. Asked
    # for each time, since gevent's patch_all() puts another one there.
    return logging._lock  # type: ignore[attr-defined]  # of 3.10 to 3.14


def _registers() -> Iterator[Any]:
    """Yield where logging keeps its handlers, by name and for the exit; dictConfig empties both."""
    for name in ("_handlers", "_handlerList"):
        register = getattr(logging, name, None)
        if register is not None:
            yield register


class Installation:
    """
    What `install` did, and the way to undo it. Also a context manager: ``with install(): ...``.

    Thread-safe.
    """

    def __init__(self, options: Options, config: Mapping[str, Any] | None, where: str) -> None:
        self._options = options
        self._config = config
        self._where = where
        self._uses = 0
        self._active = True
        self._stand_in: logging.Handler | None = None
        self._taken: dict[int, _Taken] = {}
        self._hooks: list[Hook] = []
        self._before: list[_LoggerState] = []
        self._is_provisional = False
        self._registers: list[tuple[Any, Any]] = []
        self._root_level: tuple[int, int] | None = None
        self._policy_before: Policy | None = None
        self._base: Scope | None = None
        self._sigterm_before: Any = None
        self._silenced: set[str] = set()
        self._configuring = 0
        queue = options.queue
        self._listener = Listener(
            capacity=CAPACITY if isinstance(queue, bool) or not queue else queue,
            policy=options.queue_policy,
            timeout=options.queue_timeout,
            synchronous=not queue,
        )
        self._capture = Capture(self._listener.note_error)
        self._redactor = make_redactor(options.redact)
        self._redaction_errors = 0 if self._redactor is None else self._redactor.errors
        self._json = JsonFormatter(**self._line_options())

    def _line_options(self) -> dict[str, Any]:
        options = self._options
        return {
            "service": options.service,
            "version": options.version,
            "environment": options.environment,
            "redact": False if self._redactor is None else self._redactor,
        }

    # Taking over

    def _start(self) -> None:
        """Take over what is there and hook in; on an error, nothing is left of it."""
        try:
            if self._config is not None:
                self._before = [_LoggerState.of(logger) for logger in _loggers()]
                self._registers = [(register, register.copy()) for register in _registers()]
            bare = not logging.root.handlers
            self._hook_logging()
            if self._config is not None:
                logging.config.dictConfig(dict(self._config))
            self._set_level(bare)
            self._take_over()
            self._capture.begin(self._options.capture)
            if self._options.flush_on_sigterm:
                self._hook_sigterm()
            self._policy_before = set_policy(self._options.policy)
            set_host(Host(options_for_child, receive, flush))
            activate(self._options.integrations)
            if current() is NOTHING and "TRACEPARENT" in os.environ:
                self._base = adopt(dict(os.environ))
        except BaseException:
            self._stop()
            raise

    def _set_level(self, bare: bool) -> None:
        root, level = logging.root, self._options.level
        if level is None and bare and root.level == logging.WARNING and not root.handlers:
            level = logging.INFO  # the level nobody chose
        if level is not None:
            before = root.level
            root.setLevel(level)
            self._root_level = before, level

    def _take_over(self) -> None:
        """Take every handler there is, and see to it that the root logger has one."""
        for handler in _handlers():
            self._take(handler)
        with _locked():
            if self._stand_in is None and self._is_mute():
                self._stand_in = logging.StreamHandler(self._options.stream)
            stand_in = self._stand_in
        if stand_in is not None:
            self._take(stand_in)
        with _locked():
            if self._active:
                if stand_in is not None and self._is_mute():
                    logging.root.handlers.append(stand_in)
                self._let_go()

    def _is_mute(self) -> bool:
        """Say whether the root logger has nothing that writes where it shall."""
        handlers, stream = logging.root.handlers, self._options.stream
        if stream is not None:
            return all(getattr(handler, "stream", None) is not stream for handler in handlers)
        return not any(map(self._writes, handlers))

    def _let_go(self) -> None:
        """Give back the handlers that no logger has any more."""
        with _locked():
            used = set(map(id, _handlers()))
            for key, taken in list(self._taken.items()):
                if key not in used and taken.handler is not self._stand_in:
                    self._restore(self._taken.pop(key))
                    taken.front.retire()  # its lines are still written; logging's lock is held

    def _writes(self, handler: logging.Handler) -> bool:
        """Say whether *handler* writes lines somewhere; pytest's or Sentry's memory is none."""
        if isinstance(handler, logging.handlers.QueueHandler) or id(handler) in self._taken:
            return True
        try:
            return isinstance(handler.stream.fileno(), int)  # type: ignore[attr-defined]  # or not
        except Exception:  # noqa: BLE001 - no stream, or one without a file
            return False

    def _take(self, handler: logging.Handler) -> bool:
        """Put *handler* behind the queue, with our formatter, if it is of the kind we take."""
        if id(handler) in self._taken:
            return True
        if not _is_stock(handler):
            return False
        # Before the lock, which everybody waits for: it flushes the handler's stream.
        front = QueueHandler(handler, listener=self._listener)
        ours = self._formatter(getattr(handler, "stream", None))
        with _locked():
            is_known = id(handler) in self._taken  # another thread was first
            if self._active and not is_known:
                self._taken[id(handler)] = _Taken(handler, handler.formatter, ours, front)
                handler.formatter = ours
                # The handler stays the object it was, in the lists it was in, so that whoever holds
                # it can still set its level, its filters or its formatter, and remove it.
                vars(handler)["handle"] = front.handle
                return True
        front.retire()
        return is_known

    def _formatter(self, stream: Any) -> logging.Formatter:
        chosen = self._options.format
        if chosen == "console" or (chosen == "auto" and _is_terminal(stream)):
            return ConsoleFormatter(colors=wants_colors(stream), **self._line_options())
        return self._json

    @staticmethod
    def _restore(taken: _Taken) -> None:
        vars(taken.handler).pop("handle", None)
        if taken.handler.formatter is taken.ours:
            taken.handler.formatter = taken.before

    # Staying installed

    def _hook(self, owner: Any, name: str, ours: Any) -> None:
        self._hooks.append(Hook.set(owner, name, ours))

    def _hook_logging(self) -> None:
        """Hook what every configuration passes through, whichever way its function was imported."""
        Logger = logging.Logger
        Record = logging.LogRecord
        theirs = (Logger.makeRecord, Logger.findCaller, Logger._log, Record.__init__)
        # Where another library has a hook, it gets what it expects: the whole way of a record.
        fast = self._options.fast and all(map(is_stdlib, theirs))
        make_record = make_record_of(theirs[0], is_active=lambda: self._active)
        self._hook(Logger, "makeRecord", make_record)
        if fast:
            self._hook(Record, "__init__", init_of(theirs[3]))
            self._hook(Logger, "findCaller", findCaller)
            self._hook(Logger, "_log", log_of(theirs[2], make_record))
        if not self._options.sticky:
            return
        add_handler = logging.Logger.addHandler
        remove_handler = logging.Logger.removeHandler
        set_level = logging.Logger.setLevel
        configure = logging.config.DictConfigurator.configure
        silence = getattr(logging.config, "_handle_existing_loggers", None)
        installation = self

        def addHandler(self: logging.Logger, hdlr: logging.Handler) -> None:
            # Before it is there, lest another thread's line, or a forked child's, is a plain one.
            installation._follow(lambda: installation._take(hdlr))
            add_handler(self, hdlr)
            installation._follow(lambda: installation._arrived(self, hdlr))

        def removeHandler(self: logging.Logger, hdlr: logging.Handler) -> None:
            remove_handler(self, hdlr)
            installation._follow(lambda: installation._removed(hdlr))

        def setLevel(self: logging.Logger, level: int | str) -> None:
            set_level(self, level)
            if self is logging.root:
                installation._root_level = None  # theirs from now on

        def configured(self: logging.config.DictConfigurator) -> None:
            installation._configuring += 1
            try:
                configure(self)
            finally:
                installation._configuring -= 1
                installation._follow(installation._configured)

        def silenced(existing: Any, child_loggers: Any, disable_existing: Any) -> None:
            assert silence is not None
            before = [logger for logger in _loggers() if not logger.disabled]
            silence(existing, child_loggers, disable_existing)
            installation._follow(lambda: installation._enable(before))

        self._hook(logging.Logger, "addHandler", addHandler)
        self._hook(logging.Logger, "removeHandler", removeHandler)
        self._hook(logging.Logger, "setLevel", setLevel)
        self._hook(logging.config.DictConfigurator, "configure", configured)
        if silence is not None:
            self._hook(logging.config, "_handle_existing_loggers", silenced)

    def _follow(self, react: Callable[[], object]) -> None:
        """React to somebody's configuration, without ever making it fail."""
        if self._active:
            try:
                react()
            except Exception as error:  # noqa: BLE001 - it is their call, not ours
                self._listener.note_error(error)

    def _arrived(self, logger: logging.Logger, handler: logging.Handler) -> None:
        if handler is self._stand_in or not self._take(handler):
            return
        # It stood in for a handler that nobody had configured; now somebody has.
        if self._options.stream is None and logger is logging.root:
            self._withdraw_stand_in()

    def _removed(self, handler: logging.Handler) -> None:
        # A configuration removes many, and is looked over once at its end.
        if id(handler) in self._taken and not self._configuring:
            self._let_go()

    def _withdraw_stand_in(self) -> None:
        if self._stand_in is not None and self._stand_in in logging.root.handlers:
            logging.root.handlers.remove(self._stand_in)

    def _enable(self, loggers: Iterable[logging.Logger]) -> None:
        """Enable what a configuration has just disabled."""
        for logger in loggers:
            if logger.disabled:
                logger.disabled = False
                self._silenced.add(logger.name)
        if not self._configuring:  # fileConfig is done here; dictConfig has the root logger to do
            self._configured()

    def _configured(self) -> None:
        """Take over what a configuration has left, and say which loggers it had disabled."""
        self._take_over()
        names = sorted(self._silenced - {"logweft", "py.warnings"})
        self._silenced.clear()
        if names:
            logging.getLogger("logweft").warning(
                "re-enabled %d loggers that a logging configuration had disabled",
                len(names),
                extra={"loggers": names},
            )

    # A signal that ends the program

    def _hook_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "flush_on_sigterm=True sets a signal handler, which Python allows in the main "
                "thread alone; call install() there"
            )
        if signal.getsignal(signal.SIGTERM) is None:
            raise RuntimeError(
                "flush_on_sigterm=True cannot chain to a SIGTERM handler that is not Python's; "
                "call logweft.flush() where that one ends the program"
            )
        self._sigterm_before = signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number: int, frame: Any) -> None:
        """Flush, and do what would have been done without us."""
        if self._listener.is_interrupted():
            # Inside a log call of this very thread, whose end the listener waits for: once more.
            threading.Timer(0.01, os.kill, (os.getpid(), number)).start()
            return
        self._listener.flush()
        before = self._sigterm_before
        if callable(before):
            before(number, frame)
        elif before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _unhook_sigterm(self) -> None:
        # Another's handler may have been set since; it may chain to ours, which passes on.
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, self._sigterm_before)

    # For the user

    def flush(self, timeout: float = FLUSH_TIMEOUT_S) -> bool:
        """
        Wait until everything logged so far is written.

        Args:
            timeout: longest wait (seconds).

        Returns:
            False: *timeout* is over.

        Raises:
            Nothing.
        """
        return self._listener.flush(timeout)

    def stats(self) -> Stats:
        """
        Return what became of the lines so far.

        Raises:
            Nothing.
        """
        stats = self._listener.stats()
        if self._redactor is None:
            return stats
        withheld = self._redactor.errors - self._redaction_errors
        return stats._replace(errors=stats.errors + withheld)

    def uninstall(self) -> None:
        """
        Flush, and give back the handlers, formatters, levels and hooks that were there before.

        A second call does nothing.

        Raises:
            Nothing.
        """
        self._stop()

    def _stop(self) -> None:
        """Undo everything, in reverse; then wait for the lines, with no lock held."""
        with _locked():
            taken = self._undo()
        deadline = time.monotonic() + FLUSH_TIMEOUT_S  # for all of them
        for each in taken:
            each.front.detach(deadline)
        self._listener.close()

    def _undo(self) -> list[_Taken]:
        """Undo everything but the queue, whose handlers are returned; in one step for others."""
        global _installed
        if not self._active:
            return []
        self._active = False
        deactivate()
        if self._policy_before is not None:
            set_policy(self._policy_before)
        if self._base is not None and current() is self._base.context:
            self._base.__exit__(None, None, None)
        self._capture.end()
        for hook in reversed(self._hooks):
            hook.undo()
        self._unhook_sigterm()
        self._withdraw_stand_in()
        self._stand_in = None  # not left for a collection, which may come while any lock is held
        taken = list(self._taken.values())
        self._taken.clear()
        for each in taken:
            self._restore(each)
        if self._root_level is not None and logging.root.level == self._root_level[1]:
            logging.root.setLevel(self._root_level[0])
        for state in self._before:
            state.restore()
        for register, content in self._registers:
            if isinstance(register, list):
                register += [entry for entry in content if entry not in register]
            else:
                register.update({name: content[name] for name in content if name not in register})
        if _installed is self:
            _installed = None
        return taken

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._uses -= 1
        if self._uses <= 0:
            self.uninstall()


_RUN = "`logweft run`"


def _clash(there: Installation, options: Options) -> str:
    """Say that *there* has other options than *options*, and what to do."""
    if there._where != _RUN:
        return (
            f"logweft is already installed with other options ({there._where}); "
            "call uninstall() on it first"
        )
    before, now = _by_variable(there._options), _by_variable(options)
    names = [f"LOGWEFT_{name.upper()}" for name in now if now[name] != before[name]]
    instead = f", or drop this install() and set {', '.join(names)}" if names else ""
    return f"{_RUN} has installed logweft with other options: start the program without it{instead}"


def _by_variable(options: Options) -> dict[str, Any]:
    policy = options.policy
    told = {"trust": policy.trust, "id_headers": policy.order, "propagate_to": policy.propagate_to}
    return {**options._asdict(), "policy": None, **told}


# Held while install() begins, which imports libraries: under logging's own lock an import could
# wait for a thread that waits for a logger.
_installing = threading.RLock()
_installed: Installation | None = None


def _begin_child() -> None:
    """Renew the lock in a forked child, where the thread that held it is gone."""
    global _installing
    _installing = threading.RLock()


os.register_at_fork(after_in_child=_begin_child)


def install(
    config: Mapping[str, Any] | None = None,
    *,
    level: int | str | None = None,
    format: str | None = None,
    stream: Any = None,
    service: str | None = None,
    version: str | None = None,
    environment: str | None = None,
    redact: bool | Mapping[str, Any] | None = None,
    queue: bool | int | None = None,
    queue_policy: str | None = None,
    queue_timeout: float | None = None,
    flush_on_sigterm: bool | None = None,
    capture: bool | Iterable[str] | None = None,
    sticky: bool | None = None,
    fast: bool | None = None,
    integrations: str | Iterable[str] | None = None,
    trust: str | Iterable[str] | None = None,
    id_headers: Iterable[str] | None = None,
    propagate_to: Iterable[str] | None = None,
) -> Installation:
    """
    Make every logger of the program write one strict JSON line a call. Call it once, at start-up.

    The stream and file handlers that are there keep level, filters and destination, and write our
    line from behind one bounded queue; if the root logger has none, it gets one on standard error.
    Each option is also an environment variable, ``LOGWEFT_LEVEL`` and so on; an argument beats it.

    Args:
        config: a `logging.config.dictConfig` dict, applied first.
        level: level of the root logger, ``"DEBUG"`` or ``10``. Default: as it is, or INFO where
            nobody has set it and there is no handler.
        format: ``"json"``, ``"console"``, or ``"auto"``: console where a stream is a terminal.
        stream: where the root logger's lines go. Default: standard error.
        service: the line's ``service``. Default: OTEL_SERVICE_NAME, DD_SERVICE, K_SERVICE or
            AWS_LAMBDA_FUNCTION_NAME.
        version: the line's ``version``. Default: DD_VERSION, K_REVISION or
            AWS_LAMBDA_FUNCTION_VERSION.
        environment: the line's ``environment``. Default: DD_ENV.
        redact: withhold secrets: True, False, or a mapping of options, such as
            ``{"rules": {"email": "off", "card": "mask"}, "names": ["employee_no"]}``. By
            environment also ``-email,-card``, everything but these. Default: True.
        queue: True, or how many lines may wait (lines); False writes on the caller's thread.
        queue_policy: what becomes of a line that finds the queue full: ``"drop"`` (lines of lower
            levels make room for it, else it goes), ``"drop_oldest"``, or ``"block"``: wait, then
            as ``"drop"``. Default: ``"drop"``.
        queue_timeout: longest wait for room (seconds). Default: 5 with ``"block"``, each time; else
            0.05, and not again until a target moves.
        flush_on_sigterm: write what is queued on SIGTERM, then do what was done before: call the
            handler that was there, or end. Default: False, and SIGTERM loses what is queued.
        capture: which of ``"main"``, ``"threads"``, ``"unraisable"`` (exceptions nobody caught) and
            ``"warnings"`` become lines; True is all, False none. Default: True.
        sticky: take over again after others' logging configuration. Default: True.
        fast: make records by a way of our own, where nobody else has a say in them; they are the
            same ones. Default: True.
        integrations: the libraries that carry the ID: ``"auto"`` is all that are imported, now or
            later, ``"none"`` none, or a list of names. Default: ``"auto"``.
        trust: whose correlation ID is adopted: ``"always"``, ``"never"`` (the caller's is kept as
            ``upstream_id``), or a list of networks, ``["10.0.0.0/8"]``. Default: ``"always"``.
        id_headers: which header gives the correlation ID, the first valid one. Default:
            X-Correlation-ID, traceparent, B3, X-Cloud-Trace-Context, X-Amzn-Trace-Id, X-Request-ID.
        propagate_to: patterns of hosts, ``["*.internal"]``, that are sent the IDs, and with them
            the baggage. Default: every host the IDs, none the baggage.

    Returns:
        The `Installation`: ``flush()``, ``stats()``, ``uninstall()``, or use it in ``with``. A
        second call with the same options returns the same one.

    Raises:
        ValueError: an option or environment variable that is not one of the above, or a *config*
            that dictConfig refuses; nothing is installed then.
        TypeError: an option of the wrong type.
        RuntimeError: already installed with other options; or *flush_on_sigterm* outside the main
            thread.
    """
    global _installed
    given = {
        "level": level,
        "format": format,
        "stream": stream,
        "service": service,
        "version": version,
        "environment": environment,
        "redact": redact,
        "queue": queue,
        "queue_policy": queue_policy,
        "queue_timeout": queue_timeout,
        "flush_on_sigterm": flush_on_sigterm,
        "capture": capture,
        "sticky": sticky,
        "fast": fast,
        "integrations": integrations,
        "trust": trust,
        "id_headers": id_headers,
        "propagate_to": propagate_to,
    }
    if config is not None and not isinstance(config, Mapping):
        raise TypeError(f"config must be a dictConfig mapping, got {shown(config)}")
    options = resolve(given)
    with _installing:
        installation = _installed  # asked for once: uninstall() does not take this lock
        if installation is not None and installation._is_provisional:
            installation.uninstall()  # what a child process began with gives way to what it says
            installation = None
        if installation is None:
            caller = sys._getframe(1)
            where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
            if caller.f_globals.get("__name__") == "logweft.cli.run":
                where = _RUN
            installation = Installation(options, config, where)
            installation._start()
            _installed = installation
        elif (installation._options, installation._config) != (options, config):
            raise RuntimeError(_clash(installation, options))
        installation._uses += 1
        return installation


def options_for_child() -> dict[str, Any] | None:
    """Return what `receive` needs in another process, all of it picklable, or None."""
    installation = _installed
    if installation is None:
        return None
    options = installation._options
    names = (
        *("format", "service", "version", "environment", "redact", "capture", "sticky", "fast"),
        *("queue", "queue_policy", "queue_timeout"),
    )
    told: dict[str, Any] = {name: getattr(options, name) for name in names}
    if isinstance(told["redact"], Mapping):
        # A strategy that is a lambda would make pickling fail; there the marker stands for it.
        rules = told["redact"].get("rules") or {}
        rules = {name: "marker" if callable(each) else each for name, each in rules.items()}
        told["redact"] = {**told["redact"], "rules": rules}
    trust = options.policy.trust
    streams = {id(getattr(sys, name)): name for name in ("stdout", "stderr")}
    return {
        **told,
        "level": logging.root.level,
        "stream": streams.get(id(options.stream)),
        "integrations": options.integrations,
        "id_headers": options.policy.order,
        "propagate_to": options.policy.propagate_to,
        "trust": trust if isinstance(trust, str) else [str(network) for network in trust],
    }


def receive(ids: dict[str, Any], fields: dict[str, Any], options: dict[str, Any] | None) -> Parcel:
    """Unpack a `Parcel` in another process: install as its sender did, unless it is done."""
    if _installed is None and options is not None:
        stream = options["stream"]
        installation = install(**{**options, "stream": stream and getattr(sys, stream)})
        installation._is_provisional = True
    return Parcel(ids, fields, options)


def uninstall() -> None:
    """
    Undo `install`; without one, do nothing.

    Raises:
        Nothing.
    """
    installation = _installed
    if installation is not None:
        installation.uninstall()


def flush(timeout: float = FLUSH_TIMEOUT_S) -> bool:
    """
    Wait until everything logged so far is written; without `install`, there is nothing to wait for.

    Args:
        timeout: longest wait (seconds).

    Returns:
        False: *timeout* is over.

    Raises:
        Nothing.
    """
    installation = _installed
    return installation is None or installation.flush(timeout)
