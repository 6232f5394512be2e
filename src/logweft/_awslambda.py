"""AWS Lambda: `lambda_handler`, a decorator; imports nothing of Amazon's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

from . import _context
from ._context import Scope, adopt, bind
from ._install import flush
from ._trace import read_headers

_F = TypeVar("_F", bound=Callable[..., Any])

_is_cold = True


def lambda_handler(handler: _F) -> _F:
    """
    Make each invocation of *handler* one unit of work, under its caller's ID or a new one.

    The ID comes from the event: the headers of API Gateway, a function URL or a load balancer, or
    the message attributes of SQS or SNS where it is one record; else from the trace in
    ``_X_AMZN_TRACE_ID``; else it is ``context.aws_request_id``. On every line are the fields
    ``function_name``, ``aws_request_id`` and ``cold_start``. What was logged is written before the
    invocation ends, as the process is frozen then.

    `install` is the module's to call, after ``logging.root.handlers.clear()``: Lambda's runtime has
    put a handler of its own there, which would write each line once more, as text.

    Args:
        handler: ``(event, context) -> response``, a function or a coroutine function.

    Returns:
        A function of the same kind and signature; result and exceptions are passed through.

    Raises:
        Nothing.

    Source: AWS Lambda Developer Guide, "Lambda runtime environment" (freeze), "Using AWS Lambda
    with Amazon SQS", "Working with Lambda proxy integrations".
    """
    from inspect import iscoroutinefunction  # heavy, and most programs are no Lambda

    if iscoroutinefunction(handler):

        @wraps(handler)
        async def invoked_async(event: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                with _adopted(event, context):
                    return await handler(event, context, *args, **kwargs)
            finally:
                flush()

        return invoked_async  # type: ignore[return-value]  # of the same signature

    @wraps(handler)
    def invoked(event: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with _adopted(event, context):
                return handler(event, context, *args, **kwargs)
        finally:
            flush()

    return invoked  # type: ignore[return-value]  # of the same signature


def _adopted(event: Any, context: Any) -> Scope:
    """Begin the unit of work of one invocation."""
    global _is_cold
    cold_start, _is_cold = _is_cold, False
    headers: list[tuple[Any, Any]] = []
    peer = None
    with suppress(Exception):  # an event is any JSON, in tests any object
        headers.extend(_headers(event))
        peer = _peer(event)
    request_id = getattr(context, "aws_request_id", None)
    # Lambda's own, where the caller has told nothing.
    for name, value in (
        ("x-amzn-trace-id", os.environ.get("_X_AMZN_TRACE_ID")),
        ("x-request-id", request_id),
    ):
        if value and read_headers(headers, _context.policy.order).correlation_id is None:
            headers.append((name, value))
    scope = adopt(headers, peer=peer)
    told = {"function_name": getattr(context, "function_name", None), "aws_request_id": request_id}
    bind(cold_start=cold_start, **{name: value for name, value in told.items() if value})
    return scope


def _headers(event: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the pairs of an event that came by HTTP, or of its one message."""
    if not isinstance(event, Mapping):
        return
    several = event.get("multiValueHeaders")
    if several:  # of API Gateway beside the others, of a load balancer in their place
        for name, values in several.items():
            for value in values or ():
                yield name, value
    else:
        yield from (event.get("headers") or {}).items()
    records: Any = event.get("Records") or ()
    if len(records) != 1:
        return  # several messages are several units of work: adopt() each
    message = records[0].get("Sns") or records[0]
    attributes = message.get("messageAttributes") or message.get("MessageAttributes") or {}
    for name, attribute in attributes.items():
        yield name, attribute.get("stringValue") or attribute.get("Value")
    trace = (message.get("attributes") or {}).get("AWSTraceHeader")
    if trace:
        yield "x-amzn-trace-id", trace


def _peer(event: Any) -> str | None:
    """Return the caller's address, as API Gateway tells it."""
    request = event.get("requestContext") or {}
    caller = request.get("identity") or request.get("http") or {}
    address = caller.get("sourceIp")
    return address if isinstance(address, str) else None
