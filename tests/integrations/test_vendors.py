"""OpenTelemetry, Sentry and ddtrace beside us, installed before or after: each keeps its effect."""

from __future__ import annotations

import json
import logging
import textwrap
from pathlib import Path
from typing import Any

import pytest

import logweft
from programs import parse, run

pytestmark = pytest.mark.once

PRELUDE = '''
import json, logging, logging.config, sys, threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arrived = []


class Anyone(BaseHTTPRequestHandler):
    """The callee, and what the vendors report to."""

    def do_GET(self):
        if self.path == "/callee":
            arrived.append([(name.lower(), value) for name, value in self.headers.items()])
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT = do_GET

    def log_message(self, format, *args):
        """Keep quiet on standard error."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Anyone)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"127.0.0.1:{server.server_port}"
callee = f"http://{address}/callee"
log = logging.getLogger("app")


def ours():
    import logweft

    logweft.install(level="INFO")


def state():
    """What logging's hooks are, object by object."""
    return [
        *(vars(logging.Logger)[name] for name in ("makeRecord", "callHandlers", "addHandler")),
        *(logging.config.DictConfigurator.configure, logging.config.dictConfig),
        *(logging.getLogRecordFactory(), logging.basicConfig, sys.excepthook),
        *(threading.excepthook, *logging.root.handlers, logging.root.level),
    ]


def install():
    global before
    for step in sys.argv[1].split():
        if step == "ours":
            before = state()
        globals()[step]()


def uninstall():
    """Uninstall; who came before us finds everything as it was, to the object."""
    import logweft

    assert logweft.flush(30)
    logweft.uninstall()
    after = state()
    if sys.argv[1] == "vendor ours":
        assert len(before) == len(after), (before, after)
        assert all(map(lambda a, b: a is b, before, after)), (before, after)


def refuses_name():
    """A name that logging refuses is refused again."""
    try:
        log.warning("clash", extra={"name": 1})
    except KeyError:
        return True
    return False


def tell(**values):
    print(json.dumps(values, default=repr))
'''

ORDERS = ("ours vendor", "vendor ours")
QUIET = {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}


def outcome(program: str, order: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Run *program* behind the prelude; return our lines by message, and what it told."""
    done = run(PRELUDE + textwrap.dedent(program), order, env=QUIET)
    assert done.code == 0, done.err
    told: dict[str, list[dict[str, Any]]] = {}
    # What is written behind uninstall() is the vendor's own.
    for line in parse("\n".join(each for each in done.err.splitlines() if each[:1] == "{")):
        told.setdefault(line["message"], []).append(line)
    return told, json.loads(done.out.splitlines()[-1])


def only(headers: list[list[str]], name: str) -> str:
    """Return the value of a header that arrived once."""
    (value,) = [value for key, value in headers if key == name]
    return value


# ---- OpenTelemetry

OTEL = """
def vendor():
    global trace, spans, logs, LoggingInstrumentor
    from opentelemetry import _logs, trace
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.logging import LoggingInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracers, loggers = TracerProvider(), LoggerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    trace.set_tracer_provider(tracers)
    _logs.set_logger_provider(loggers)
    LoggingInstrumentor().instrument(inject_trace_context=True)
    for instrumentor in (RequestsInstrumentor, HTTPXClientInstrumentor, ThreadingInstrumentor):
        instrumentor().instrument()


install()
"""

OTEL_CALLS = """
import httpx, logweft, requests

with trace.get_tracer("t").start_as_current_span("work") as span:
    ids = span.get_span_context()
    with logweft.adopt("order-1"):
        log.info("paid %s", 17, extra={"card_token": "tok_9f8e7d6c"})
        log.info("clash", extra={"name": "ada"})
        thread = threading.Thread(target=log.info, args=("in a thread",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(log.info, "in a pool").result()
        requests.get(callee)
        httpx.get(callee)
log.info("outside")
with logweft.adopt("order-2"):
    requests.get(callee)
uninstall()
log.warning("alone")
tell(
    ids=[f"{ids.trace_id:032x}", f"{ids.span_id:016x}", f"{ids.trace_flags:02x}"],
    clients=[
        [f"{each.context.trace_id:032x}", f"{each.context.span_id:016x}"]
        for each in spans.get_finished_spans()
        if each.kind is trace.SpanKind.CLIENT
    ],
    arrived=arrived,
    exported=[
        [each.log_record.body, dict(each.log_record.attributes), f"{each.log_record.trace_id:032x}"]
        for each in logs.get_finished_logs()
    ],
)
assert refuses_name()
LoggingInstrumentor().uninstrument()
assert logging.getLogRecordFactory() is logging.LogRecord
"""

OTEL_RECONFIGURED = """
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"out": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["out"], "level": "INFO"},
})
with trace.get_tracer("t").start_as_current_span("work") as span:
    log.info("reconfigured")
tell(
    trace=f"{span.get_span_context().trace_id:032x}",
    exported=[each.log_record.body for each in logs.get_finished_logs()],
)
"""


@pytest.mark.parametrize("order", ORDERS)
def test_opentelemetry(order: str) -> None:
    """Line and span share their IDs; OpenTelemetry's record attributes, logs and headers stay."""
    lines, told = outcome(OTEL + OTEL_CALLS, order)

    # Our line has the IDs of the span, once, in threads too.
    inside = ("paid 17", "clash", "in a thread", "in a pool")
    for message in inside:
        (line,) = lines[message]
        assert [line[name] for name in ("trace_id", "span_id", "trace_flags")] == told["ids"]
        assert line["correlation_id"] == "order-1"
        assert line["otelTraceID"] == told["ids"][0]
        assert line["otelSpanID"] == told["ids"][1]
    assert lines["paid 17"][0]["card_token"] == "[redacted]"
    assert lines["clash"][0]["name_"] == "ada"
    (outside,) = lines["outside"]
    assert outside["otelTraceID"] == "0"
    assert not {"correlation_id", "trace_id", "span_id"} & set(outside)

    # Its handler has exported each call once, with the call's own attributes.
    exported = {body: (attributes, trace) for body, attributes, trace in told["exported"]}
    assert len(exported) == len(told["exported"])
    own = {"otelSpanID", "otelTraceID", "otelTraceSampled", "otelServiceName"}
    for message in inside:
        attributes, trace = exported[message]
        assert trace == told["ids"][0] == attributes["otelTraceID"]
        # The one attribute ContextFilter gives a record, if our handler comes first.
        assert attributes.pop("correlation_id", "order-1") == "order-1"
        fields = {"paid 17": {"card_token"}, "clash": {"name_"}}.get(message, set())
        assert set(attributes) == own | fields
    assert exported["paid 17"][0]["card_token"] == "tok_9f8e7d6c"
    assert "alone" in exported

    # Each request has one traceparent, that of OpenTelemetry's client span, and our ID.
    assert len(told["arrived"]) == len(told["clients"]) == 3
    for headers, (trace, span) in zip(told["arrived"], told["clients"], strict=True):
        assert only(headers, "traceparent").split("-")[1:3] == [trace, span]
        assert only(headers, "x-correlation-id") in ("order-1", "order-2")
    assert {trace for trace, _ in told["clients"][:2]} == {told["ids"][0]}


@pytest.mark.parametrize("order", ORDERS)
def test_opentelemetry_after_a_dictconfig(order: str) -> None:
    """A dictConfig behind both leaves one line, with the span's trace, and one exported log."""
    lines, told = outcome(OTEL + OTEL_RECONFIGURED, order)

    (line,) = lines["reconfigured"]
    assert line["trace_id"] == told["trace"]
    assert told["exported"].count("reconfigured") == 1


OTEL_QUEUED = """
from opentelemetry.instrumentation.logging.handler import LoggingHandler
import logweft

handler = logweft.QueueHandler(LoggingHandler())
queued = logging.getLogger("queued")
queued.addHandler(handler)
queued.propagate = False
with trace.get_tracer("t").start_as_current_span("work") as span, logweft.adopt("order-1"):
    queued.info("paid %s", 17, extra={"amount": 12.5})
assert handler.flush(30)
((body, attributes, found),) = [
    (each.log_record.body, dict(each.log_record.attributes), each.log_record.trace_id)
    for each in logs.get_finished_logs()
    if each.instrumentation_scope.name == "queued"
]
assert found == span.get_span_context().trace_id
tell(body=body, attributes={k: v for k, v in attributes.items() if not k.startswith("otel")})
"""


@pytest.mark.parametrize("order", ORDERS)
def test_opentelemetrys_handler_in_our_queue(order: str) -> None:
    """Run by the listener's thread, it still exports the span of the call, and no more fields."""
    _, told = outcome(OTEL + OTEL_QUEUED, order)

    assert told["body"] == "paid 17"
    assert told["attributes"] == {"amount": 12.5, "correlation_id": "order-1"}


# ---- Sentry

SENTRY = """
def vendor():
    global sentry_sdk
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=f"http://key@localhost:{server.server_port}/1",  # to its own host it sends no headers
        integrations=[LoggingIntegration(level=logging.INFO, event_level=logging.ERROR)],
        before_send=keep,
        traces_sample_rate=1.0,
        auto_session_tracking=False,
    )


events = []


def keep(event, hint):
    events.append((event, hint.get("log_record")))
    return event


class Order:
    def __repr__(self):
        return "Order(17)"


install()
import logweft, requests

order = Order()
with sentry_sdk.start_transaction(name="work"), logweft.adopt("order-1"):
    log.info("began %s", 17, extra={"card_token": "tok_9f8e7d6c"})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed %s", order, extra={"order": order, "card_token": "tok_9f8e7d6c"})
    thread = threading.Thread(target=log.error, args=("in a thread",))
    thread.start()
    thread.join()
    requests.get(callee)
(event, record), (second, _) = events
assert record.order is order and record.args == (order,) and record.msg == "failed %s"
assert not [name for name in vars(record) if "logweft" in name]
log.info("outside")
uninstall()
log.error("alone")
assert refuses_name()
tell(
    entry=event["logentry"],
    extra=event["extra"],
    type=event["exception"]["values"][-1]["type"],
    crumbs=[[each["message"], each["data"]] for each in event["breadcrumbs"]["values"]],
    second=second["logentry"]["message"],
    last=events[-1][0]["logentry"]["message"],
    number=len(events),
    headers=arrived[-1],
)
"""


@pytest.mark.parametrize("order", ORDERS)
def test_sentry(order: str) -> None:
    """Sentry's breadcrumbs and events have the call's own message, arguments and extra."""
    lines, told = outcome(SENTRY, order)

    for message in ("began 17", "failed Order(17)", "in a thread"):
        (line,) = lines[message]
        assert line["correlation_id"] == "order-1"
    assert lines["failed Order(17)"][0]["card_token"] == "[redacted]"
    assert len(lines["outside"]) == 1

    assert (told["entry"]["message"], told["type"]) == ("failed %s", "ZeroDivisionError")
    assert told["entry"]["params"] == ["Order(17)"]
    extra = {name: value for name, value in told["extra"].items() if name != "sys.argv"}
    assert extra.pop("correlation_id") == "order-1"
    assert extra == {"order": "Order(17)", "card_token": "tok_9f8e7d6c"}
    (crumb,) = [data for message, data in told["crumbs"] if message == "began 17"]
    assert crumb.pop("correlation_id") == "order-1"
    assert crumb == {"card_token": "tok_9f8e7d6c"}
    assert (told["second"], told["last"], told["number"]) == ("in a thread", "alone", 3)
    # Its own headers and ours, each once.
    for name in ("sentry-trace", "baggage", "traceparent", "x-correlation-id"):
        only(told["headers"], name)


UNCAUGHT = """
def vendor():
    import sentry_sdk

    sentry_sdk.init(dsn=f"http://key@{address}/1", before_send=keep, auto_session_tracking=False)


def keep(event, hint):
    print(json.dumps([each["type"] for each in event["exception"]["values"]]), flush=True)
    return event


install()
import logweft

logweft.adopt("order-1")
raise RuntimeError("boom")
"""


@pytest.mark.parametrize("order", ORDERS)
def test_an_uncaught_exception_beside_sentry(order: str) -> None:
    """What nobody caught is one event of Sentry's, one line of ours, and exit code 1."""
    done = run(PRELUDE + UNCAUGHT, order)

    assert done.code == 1
    assert done.out.splitlines() == ['["RuntimeError"]']
    ours = [line for line in done.err.splitlines() if line.startswith("{")]
    (line,) = [line for line in parse("\n".join(ours)) if "exception" in line]
    assert (line["correlation_id"], line["exception"]["message"]) == ("order-1", "boom")


# ---- ddtrace

DDTRACE = """
import os

os.environ["DD_TRACE_AGENT_URL"] = f"http://{address}"


def vendor():
    global ddtrace
    import ddtrace

    ddtrace.patch(logging=True, requests=True, httpx=True, futures=True)


class Records(logging.Handler):
    def emit(self, record):
        records.append({name: value for name, value in vars(record).items() if "dd." in name})


records = []
install()
import httpx, logweft, requests
from ddtrace.trace import tracer

with tracer.trace("work") as span, logweft.adopt("order-1"):
    ids = tracer.get_log_correlation_context()
    log.info("paid %s", 17)
    log.info("clash", extra={"name": "ada"})
    thread = threading.Thread(target=log.info, args=("in a thread",))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(log.info, "in a pool").result()
    requests.get(callee)
    httpx.get(callee)
uninstall()
assert refuses_name()
with tracer.trace("work") as span:
    alone = tracer.get_log_correlation_context()
    logging.root.handlers[:] = [Records()]
    log.warning("alone")
tell(ids=ids, arrived=arrived, trace=f"{span.trace_id:032x}", alone=alone, records=records)
tracer.shutdown(5)
"""


@pytest.mark.parametrize("order", ORDERS)
def test_ddtrace(order: str) -> None:
    """The line has ddtrace's correlation fields beside our ID, and its headers arrive once."""
    lines, told = outcome(DDTRACE, order)

    for message in ("paid 17", "clash", "in a thread", "in a pool"):
        (line,) = lines[message]
        assert line["correlation_id"] == "order-1"
        if message != "in a thread":  # which ddtrace itself does not follow
            assert line["dd.trace_id"] == told["ids"]["dd.trace_id"]
    assert lines["clash"][0]["name_"] == "ada"
    assert len(told["arrived"]) == 2
    for headers in told["arrived"]:
        assert only(headers, "x-correlation-id") == "order-1"
        assert only(headers, "traceparent").split("-")[1] == told["ids"]["dd.trace_id"]
        only(headers, "x-datadog-trace-id")
    # Without us it goes on, whichever of us was first.
    assert told["alone"]["dd.trace_id"] != "0"
    assert told["records"] == [told["alone"]]


# ---- any vendor's handler


class Vendor(logging.Handler):
    """Keeps what it is given, and the line its formatter makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[set[str]] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.names.append({name for name in vars(record) if "logweft" in name})
        self.lines.append(self.format(record))


@pytest.fixture
def app() -> logging.Logger:
    """Return a logger of its own."""
    log = logging.getLogger("vendors.app")
    log.propagate = False
    log.setLevel("INFO")
    return log


@pytest.mark.parametrize("behind_our_queue", [False, True])
def test_a_record_has_nothing_private_of_ours(app: logging.Logger, behind_our_queue: bool) -> None:
    """A handler behind us, beside us or in our queue, sees no attribute we keep for ourselves."""
    vendor, first = Vendor(), logweft.QueueHandler(Vendor())
    handlers = [first, logweft.QueueHandler(vendor) if behind_our_queue else vendor]
    app.handlers[:] = handlers
    with logweft.adopt("order-1"):
        app.info("paid")
    for handler in handlers:
        handler.flush()

    assert vendor.names == [set()]


def test_our_formatter_on_a_vendors_handler_has_the_id(app: logging.Logger) -> None:
    """Behind our queue such a handler's line has the ID of the call."""
    vendor = Vendor()
    vendor.setFormatter(logweft.JsonFormatter())
    handler = logweft.QueueHandler(vendor)
    app.handlers[:] = [handler]
    with logweft.adopt("order-1"):
        app.info("paid")
    handler.flush()

    assert [json.loads(line)["correlation_id"] for line in vendor.lines] == ["order-1"]


def test_what_a_filter_of_yours_has_put_on_a_record_stays(app: logging.Logger) -> None:
    """The Context a ContextFilter has written before is used, and is still there behind us."""
    vendor, ours = Vendor(), Vendor()
    ours.setFormatter(logweft.JsonFormatter())
    first, ours_queued = Vendor(), logweft.QueueHandler(ours)
    first.addFilter(logweft.ContextFilter())
    kept: list[logging.LogRecord] = []
    vendor.emit = kept.append  # type: ignore[method-assign]  # to see what it gets
    app.handlers[:] = [first, vendor]
    with logweft.adopt("order-1"):
        app.info("paid")
    ours_queued.handle(kept[0])  # later, and outside of the work
    ours_queued.flush()

    assert json.loads(ours.lines[0])["correlation_id"] == "order-1"
    assert first.names == [{name for name in vars(kept[0]) if "logweft" in name}]


def test_two_handlers_of_one_destination_write_a_record_once(
    app: logging.Logger, tmp_path: Path
) -> None:
    """However the record is shared, or equal to another one, its line is there once."""
    path = tmp_path / "lines"

    class Equal(logging.LogRecord):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = logging.LogRecord.__hash__

    with path.open("w") as stream:
        one = logweft.QueueHandler(logging.StreamHandler(stream))
        two = logweft.QueueHandler(logging.StreamHandler(stream), listener=one.queue)
        app.handlers[:] = [one, two]
        for number in range(3):
            app.handle(Equal("app", logging.INFO, "file", 1, f"line {number}", (), None))
        one.flush()

    told = [json.loads(line)["message"] for line in path.read_text().splitlines()]
    assert told == ["line 0", "line 1", "line 2"]
