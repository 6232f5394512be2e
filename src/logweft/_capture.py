"""Exceptions that nobody caught, and warnings → lines. Used by install()."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Collection
from typing import IO, Any, NamedTuple

from ._context import current, ended_by, enter

CAPTURES = ("main", "threads", "unraisable", "warnings")
"""What becomes a line besides log calls. asyncio reports through its own logger, so it is one."""


class Hook(NamedTuple):
    """An attribute of a module or class that is ours for the time being."""

    owner: Any
    name: str
    before: Any
    ours: Any

    @classmethod
    def set(cls, owner: Any, name: str, ours: Any) -> Hook:
        """Put *ours* there, and return what takes it out again."""
        # What stands there, which of a class getattr may only show a bound view of (wrapt does).
        before = vars(owner).get(name, getattr(owner, name))
        setattr(owner, name, ours)
        return cls(owner, name, before, ours)

    def undo(self) -> None:
        """Put back what was there before."""
        # Somebody may have wrapped it since, with what says it equals ours, as wrapt's proxies do;
        # then it stays, and passes everything through.
        if getattr(self.owner, self.name) is self.ours:
            setattr(self.owner, self.name, self.before)


class Capture:
    """
    What Python calls where no log call is, each time with one line.

    A hook that somebody had set before is called as well; Python's own, which prints, only where
    no line could be written.

    Args:
        note_error: told of exceptions of our own.
    """

    def __init__(self, note_error: Callable[[BaseException], None]) -> None:
        self._note_error = note_error
        self._active = False
        self._hooks: dict[str, Hook] = {}
        self._telling: set[int] = set()

    def begin(self, captures: Collection[str]) -> None:
        """Set the hooks for *captures*, of `CAPTURES`."""
        self._active = True
        hooks = {
            "main": (sys, "excepthook", self._excepthook),
            "threads": (threading, "excepthook", self._thread_excepthook),
            "unraisable": (sys, "unraisablehook", self._unraisablehook),
            "warnings": (warnings, "showwarning", self._showwarning),
        }
        for name in CAPTURES:
            if name in captures:
                self._hooks[name] = Hook.set(*hooks[name])

    def end(self) -> None:
        """Take the hooks out; one that somebody has wrapped since passes everything through."""
        self._active = False
        for hook in reversed(self._hooks.values()):
            hook.undo()

    def _before_us(self, name: str, defaults: tuple[Any, ...]) -> tuple[Callable[..., Any], bool]:
        """Return the hook that was there before, and whether it is somebody's own."""
        before = self._hooks[name].before
        # On 3.10 the backport of exception groups has its own hook, which prints as Python does.
        is_default = any(before is default for default in defaults) or str(
            getattr(before, "__module__", "")
        ).startswith("exceptiongroup")
        return before, not is_default

    def _excepthook(self, exc_type: Any, exc: Any, tb: Any) -> None:
        before, is_foreign = self._before_us("main", (sys.__excepthook__,))
        told = self._tell("uncaught exception", (), exc_type, exc, tb)
        if is_foreign or not told:
            before(exc_type, exc, tb)

    def _thread_excepthook(self, args: Any) -> None:
        before, is_foreign = self._before_us("threads", (threading.__excepthook__,))
        told = args.exc_type is SystemExit or self._tell(
            "uncaught exception in thread %s",
            (args.thread.name if args.thread is not None else None,),
            args.exc_type,
            args.exc_value,
            args.exc_traceback,
        )
        if is_foreign or not told:
            before(args)

    def _unraisablehook(self, unraisable: Any) -> None:
        before, is_foreign = self._before_us("unraisable", (sys.__unraisablehook__,))
        told = self._tell(
            "%s %r",
            (unraisable.err_msg or "exception ignored in", unraisable.object),
            unraisable.exc_type,
            unraisable.exc_value,
            unraisable.exc_traceback,
        )
        if is_foreign or not told:
            before(unraisable)

    def _tell(self, msg: str, args: tuple[Any, ...], exc_type: Any, exc: Any, tb: Any) -> bool:
        """Log an exception that nobody caught, at the place it comes from; say whether it was."""
        logger = logging.getLogger("logweft")
        thread = threading.get_ident()
        if not self._active or thread in self._telling or sys.is_finalizing():
            return False
        if not (logger.isEnabledFor(logging.CRITICAL) and _is_heard(logger)):
            return False
        self._telling.add(thread)
        try:
            if exc is None:
                exc = exc_type()
            file, line, function = _origin(tb)
            # Of the work it has ended, which is over by now, and not of what goes on around it.
            with enter(ended_by(exc) or current()):
                logger.handle(
                    logger.makeRecord(
                        logger.name,
                        logging.CRITICAL,
                        file,
                        line,
                        msg,
                        args,
                        (exc_type, exc, tb),
                        function,
                    )
                )
        except Exception as error:  # noqa: BLE001 - the default hook must still have its turn
            self._note_error(error)
            return False
        else:
            return True
        finally:
            self._telling.discard(thread)

    def _showwarning(
        self,
        message: Any,
        category: Any,
        filename: Any,
        lineno: Any,
        file: IO[str] | None = None,
        line: str | None = None,
    ) -> None:
        defaults = (
            getattr(warnings, "_showwarning_orig", None),
            getattr(logging, "_showwarning", None),
        )
        before, is_foreign = self._before_us("warnings", defaults)
        logger = logging.getLogger("py.warnings")
        told = False
        if file is None and self._active and logger.isEnabledFor(logging.WARNING):
            name = str(category)
            if isinstance(category, type):
                name = f"{category.__module__}.{category.__qualname__}"
            logger.handle(
                logger.makeRecord(
                    logger.name,
                    logging.WARNING,
                    filename,
                    lineno,
                    str(message),
                    (),
                    None,
                    extra={"category": name.removeprefix("builtins.")},
                )
            )
            told = True
        if is_foreign or file is not None or not self._active or not told:
            before(message, category, filename, lineno, file, line)


def _is_heard(logger: logging.Logger) -> bool:
    """Say whether a handler would take a CRITICAL record of *logger*."""
    each: logging.Logger | None = logger
    while each is not None:
        if any(handler.level <= logging.CRITICAL for handler in each.handlers):
            return True
        each = each.parent if each.propagate else None
    return False


def _origin(tb: Any) -> tuple[str, int, str]:
    """Return file, line and function of the newest frame of *tb*."""
    if tb is None:
        return "", 0, ""
    while tb.tb_next is not None:
        tb = tb.tb_next
    code = tb.tb_frame.f_code
    return code.co_filename, tb.tb_lineno, code.co_name
