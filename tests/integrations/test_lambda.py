"""AWS Lambda: the decorator alone, and under Amazon's own runtime against a Runtime API of ours."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

import contracts
import logweft
from contracts import MINTED, TRACE, TRACEPARENT, Lines
from programs import clean_environment, run, strict

lines = contracts.lines

AMZN = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=00f067aa0ba902b7;Sampled=1"
CONTEXT = SimpleNamespace(
    function_name="shop", aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
)


@logweft.lambda_handler
def handler(event: Any, context: Any) -> Any:
    """Return the Context of the invocation."""
    if event == "fail":
        raise KeyError("boom")
    return logweft.current()


@logweft.lambda_handler
async def async_handler(event: Any, context: Any) -> Any:
    """Return the Context of the invocation."""
    await asyncio.sleep(0)
    if event == "fail":
        raise KeyError("boom")
    return logweft.current()


def invoke(kind: str, event: Any, context: Any = CONTEXT) -> Any:
    """Invoke a handler as Lambda does, or in an event loop."""
    if kind == "async":
        return asyncio.run(async_handler(event, context))
    return handler(event, context)


def sqs(message_attributes: Any, count: int = 1, **more: Any) -> dict[str, Any]:
    """Return an event of *count* messages."""
    record = {"eventSource": "aws:sqs", "messageAttributes": message_attributes, **more}
    return {"Records": [record] * count}


def string(value: str) -> dict[str, str]:
    """Return a message attribute of SQS."""
    return {"stringValue": value, "dataType": "String"}


EVENTS: dict[str, tuple[Any, str]] = {
    "API Gateway, version 1": (
        {
            "headers": {"X-Correlation-ID": "order-1"},
            "multiValueHeaders": {"X-Correlation-ID": ["order-1"]},
            "requestContext": {"identity": {"sourceIp": "10.1.2.3"}},
        },
        "order-1",
    ),
    "API Gateway, version 2": (
        {
            "version": "2.0",
            "headers": {"x-correlation-id": "order-1"},
            "requestContext": {"http": {"sourceIp": "10.1.2.3"}},
        },
        "order-1",
    ),
    "load balancer": ({"headers": {"x-Correlation-ID": "order-1"}}, "order-1"),
    "load balancer, several values": (
        {"multiValueHeaders": {"X-CORRELATION-ID": ["order-1"]}},
        "order-1",
    ),
    "a trace": ({"headers": {"traceparent": TRACEPARENT}}, TRACE),
    "SQS": (sqs({"X-Correlation-ID": string("order-1")}), "order-1"),
    "SQS, a trace": (sqs({}, attributes={"AWSTraceHeader": AMZN}), TRACE),
    "SNS": (
        {"Records": [{"Sns": {"MessageAttributes": {"traceparent": {"Value": TRACEPARENT}}}}]},
        TRACE,
    ),
}


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("event", EVENTS)
def test_the_events_id_is_adopted(kind: str, event: str) -> None:
    """From headers or message attributes, in any case, the caller's ID is the invocation's."""
    given, wanted = EVENTS[event]
    before = json.dumps(given)

    context = invoke(kind, given)

    assert context.correlation_id == wanted
    assert context.fields["function_name"] == "shop"
    assert context.fields["aws_request_id"] == CONTEXT.aws_request_id
    assert "request_id" not in context.fields
    assert json.dumps(given) == before


NOTHING_TOLD: dict[str, Any] = {
    "None": None,
    "text": "text",
    "a list": [1, 2],
    "empty": {},
    "headers that are none": {"headers": 7, "Records": 7, "requestContext": 7},
    "null": {"headers": None, "multiValueHeaders": None, "Records": None, "requestContext": None},
    "several messages": sqs({"X-Correlation-ID": string("order-1")}, count=2),
    "a malformed ID": {"headers": {"X-Correlation-ID": "bad id;<script>"}},
}


@pytest.mark.parametrize("event", NOTHING_TOLD.values(), ids=NOTHING_TOLD)
def test_an_event_that_tells_nothing(event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is Lambda's own trace, else its request ID, else a new ID, whatever the event is."""
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    assert handler(event, CONTEXT).correlation_id == CONTEXT.aws_request_id
    assert MINTED.fullmatch(handler(event, None).correlation_id)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", AMZN)
    assert handler(event, CONTEXT).correlation_id == TRACE


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_nothing_is_left_afterwards(kind: str) -> None:
    """After an invocation, failed or not, there is no Context; the exception is its own."""
    invoke(kind, {})
    with pytest.raises(KeyError) as raised:
        invoke(kind, "fail")

    assert raised.value.args == ("boom",)
    assert raised.value.__cause__ is None
    assert logweft.current().correlation_id is None


def test_only_a_trusted_caller_is_believed(tmp_path: Path) -> None:
    """With networks as trust, the address that API Gateway tells decides."""
    event, _ = EVENTS["API Gateway, version 2"]
    with (tmp_path / "lines").open("a") as stream:
        with logweft.install(stream=stream, trust=["10.0.0.0/8"]):
            assert handler(event, CONTEXT).correlation_id == "order-1"
        with logweft.install(stream=stream, trust=["192.168.0.0/16"]):
            context = handler(event, CONTEXT)

    assert MINTED.fullmatch(context.correlation_id)
    assert context.fields["upstream_id"] == "order-1"


def test_the_decorated_is_what_it_was() -> None:
    """Name, signature and kind of the handler stay, and further arguments are passed on."""

    @logweft.lambda_handler
    def own(event: Any, context: Any, *, more: int = 0) -> int:
        return more

    assert own({}, None, more=3) == 3
    assert (own.__name__, list(inspect.signature(own).parameters)) == (
        "own",
        ["event", "context", "more"],
    )
    assert inspect.iscoroutinefunction(async_handler)
    assert not inspect.iscoroutinefunction(handler)


def test_only_the_first_invocation_is_cold() -> None:
    """cold_start is true for the process's first invocation alone, whichever handler it is."""
    done = run(
        """
        import logging, logweft
        logweft.install(level="INFO")
        @logweft.lambda_handler
        def one(event, context):
            logging.info("one")
        @logweft.lambda_handler
        def two(event, context):
            logging.info("two")
        one({}, None); two({}, None); one({}, None)
        """
    )

    assert [line["cold_start"] for line in done.lines] == [True, False, False], done.err


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_lines_are_written_when_the_handler_returns(kind: str, lines: Lines) -> None:
    """What was logged is in the file as soon as the handler has returned, or has raised."""

    def work(event: Any, context: Any) -> None:
        for number in range(100):
            logging.getLogger("app").info("line %d", number)
        if event == "fail":
            raise KeyError

    async def async_work(event: Any, context: Any) -> None:
        work(event, context)

    def call(event: Any) -> None:
        if kind == "sync":
            logweft.lambda_handler(work)(event, CONTEXT)
            return
        with contextlib.suppress(StopIteration):  # run without a loop, which takes its time to end
            logweft.lambda_handler(async_work)(event, CONTEXT).send(None)

    call({})
    assert len(lines.path.read_text().splitlines()) == 100
    with pytest.raises(KeyError):
        call("fail")
    assert len(lines.path.read_text().splitlines()) == 200


# ---- Amazon's runtime

PROGRAM = """
import logging
import logweft

logging.root.handlers.clear()  # the runtime's own, which would write each line once more
logweft.install(level="INFO")
log = logging.getLogger("app")

@logweft.lambda_handler
def handler(event, context):
    log.info("handled")
    if event.get("fail"):
        raise RuntimeError("boom")
    return {"statusCode": 200, "id": logweft.current().correlation_id}
"""


class RuntimeApi(BaseHTTPRequestHandler):
    """The part of the Lambda Runtime API that a runtime needs: next, response, error."""

    server: Any

    def do_GET(self) -> None:
        """Hand over the next invocation, once there is one."""
        invocation = self.server.invocations.get()
        if invocation is None:
            return
        number, event = invocation
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{number}")
        self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x:1:function:shop")
        self.send_header("Content-Type", "application/json")  # without it the runtime crashes
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Freeze the process that has answered, as Lambda does, and keep what it said."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        os.kill(self.server.process.pid, signal.SIGSTOP)
        self.server.answers.put((self.path.rpartition("/")[2], json.loads(body)))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Any]:
    """Run the program under awslambdaric; give a function that invokes it."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    target = tmp_path / "out"
    with ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi) as server, target.open("ab") as out:
        server.daemon_threads = True
        server.invocations, server.answers = Queue(), Queue()  # type: ignore[attr-defined]  # ours
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "program.handler"],
            cwd=tmp_path,
            env={
                **clean_environment(),
                "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": "shop",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "LAMBDA_TASK_ROOT": str(tmp_path),
            },
            stdout=out,
            stderr=out,
        )
        server.process = process  # type: ignore[attr-defined]  # ours

        def invoke(number: int, event: Any) -> tuple[str, Any, list[str]]:
            os.kill(process.pid, signal.SIGCONT)
            server.invocations.put((number, event))  # type: ignore[attr-defined]  # ours
            kind, answer = server.answers.get(timeout=60)  # type: ignore[attr-defined]  # ours
            return kind, answer, target.read_text().splitlines()

        try:
            yield invoke
        finally:
            server.invocations.put(None)  # type: ignore[attr-defined]  # ours
            process.kill()
            process.wait(30)
            server.shutdown()
            thread.join(30)


def test_under_amazons_runtime(amazon: Any) -> None:
    """Frozen at its answer, each invocation has written its lines, strict JSON under its ID."""
    event = {"headers": {"X-Correlation-ID": "order-1"}}
    kind, answer, written = amazon(1, event)
    assert (kind, answer) == ("response", {"statusCode": 200, "id": "order-1"})
    (line,) = map(strict, written)
    assert (line["message"], line["correlation_id"]) == ("handled", "order-1")
    assert (line["function_name"], line["aws_request_id"]) == ("shop", "request-1")
    assert line["cold_start"] is True

    kind, answer, written = amazon(2, {})
    assert answer["id"] == "request-2"
    (_, line) = map(strict, written)
    assert (line["correlation_id"], line["cold_start"]) == ("request-2", False)

    kind, answer, written = amazon(3, {"fail": True})
    assert (kind, answer["errorType"], answer["errorMessage"]) == ("error", "RuntimeError", "boom")
    # The runtime's own report of the exception, in text, stands beside.
    told = [strict(line)["correlation_id"] for line in written if line.startswith("{")]
    assert told == ["order-1", "request-2", "request-3"]
