"""
The contenders: a file for each library, with a `Contender` for each way of using it.

A contender says what its line holds (`Line`); that is checked on every line it writes, and what is
missing there is what its row says it does not do.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, NamedTuple

from benchmarks.scenarios import CONTEXT

TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Line(NamedTuple):
    """Where a JSON line has what; a path is dotted, None is: it has not."""

    message: str = "message"
    fields: str = ""
    context: str | None = ""
    line: str | None = "line"
    function: str | None = "function"


class Target(NamedTuple):
    """A library that has been set up to write to a file."""

    logger: Callable[[str], Any]
    flush: Callable[[], object]
    close: Callable[[], object] = lambda: None


class Contender(NamedTuple):
    """
    A way of logging.

    *line* None: it writes text; *dialect*: see `scenarios.Call.spelt`; *is_apart*: it is called as
    the standard library is, and yet has loggers of its own.
    """

    name: str
    packages: str
    setup: Callable[[str], Target]
    line: Line | None = Line()
    bound: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext
    dialect: str = "percent, extra"
    hidden: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    redacts: bool = False
    cuts: bool = False
    writes: bool = True
    is_apart: bool = False
    note: str = ""

    @property
    def takes_records(self) -> bool:
        """Return whether it writes records of the standard library's loggers, so of libraries."""
        return self.dialect == "percent, extra" and not self.is_apart

    @property
    def lacks(self) -> str:
        """Return what it does not do, for its row."""
        line = self.line
        missing = {
            "output": not self.writes,
            "JSON": self.writes and line is None,
            "context": line is None or line.context is None,
            "call site": line is None or line.line is None,
            "redaction": not self.redacts,
            "levels": "disabled" in self.skips,
            "exceptions": "exception" in self.skips,
            "records of libraries": not self.takes_records,
        }
        words = [f"no {what}" for what, is_missing in missing.items() if is_missing]
        return "; ".join(filter(None, [", ".join(words), self.note]))


FILES = (
    "stdlib",
    "logweft",
    "python_json_logger",
    "structlog",
    "loguru",
    "ecs_logging",
    "powertools",
    "eliot",
    "logbook",
    "picologging",
    "rapidlog",
    "micktrace",
)


def contenders() -> dict[str, Contender]:
    """Return all of them by name, in the order of the tables; none of the libraries is imported."""
    found = {}
    for file in FILES:
        for contender in importlib.import_module(f"{__name__}.{file}").CONTENDERS:
            found[contender.name] = contender
    return found


# What several of them share

_bound: ContextVar[dict[str, Any]] = ContextVar("_bound")


class BoundFields(logging.Filter):
    """The usual hand-written filter that copies a context variable to the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).update(_bound.get({}))
        return True


@contextlib.contextmanager
def bound() -> Iterator[None]:
    """Bind `CONTEXT` for `BoundFields`."""
    token = _bound.set(CONTEXT)
    try:
        yield
    finally:
        _bound.reset(token)


def on_root(handler: logging.Handler, formatter: logging.Formatter | None) -> Target:
    """Put *handler* on the root logger, at INFO."""
    if formatter is not None:
        handler.setFormatter(formatter)
        handler.addFilter(BoundFields())
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    return Target(logging.getLogger, handler.flush, handler.close)


def text_file(path: str) -> Target:
    """Set up a FileHandler that writes plain text, what everything is compared with."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter(TEXT))
    return on_root(handler, None)


# What other people attach to the root logger


def attach_caplog() -> None:
    """Attach the handler behind pytest's caplog fixture."""
    from _pytest.logging import LogCaptureHandler

    handler = LogCaptureHandler()
    handler.setFormatter(logging.Formatter(TEXT))
    logging.root.addHandler(handler)


def attach_sentry() -> None:
    """Start Sentry's SDK with its default logging integration; events go nowhere."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            pass

    sentry_sdk.init(
        dsn="http://public@127.0.0.1:9/1", transport=Nowhere, auto_enabling_integrations=False
    )


def attach_opentelemetry() -> None:
    """Start OpenTelemetry's SDK and its logging instrumentation, inside a span."""
    from opentelemetry import context, trace
    from opentelemetry.instrumentation.logging import LoggingInstrumentor
    from opentelemetry.sdk.trace import TracerProvider

    trace.set_tracer_provider(TracerProvider())
    LoggingInstrumentor().instrument()
    span = trace.get_tracer("bench").start_span("request")
    context.attach(trace.set_span_in_context(span))


ATTACHED = {
    "caplog": ("pytest", attach_caplog),
    "Sentry": ("sentry-sdk", attach_sentry),
    "OpenTelemetry": ("opentelemetry-instrumentation-logging", attach_opentelemetry),
}
