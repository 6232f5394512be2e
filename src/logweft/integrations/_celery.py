"""
celery: a task is done under the ID of the work that queued it, else under a new one.

Edge        inbound and outbound, which makes it a hop
Patches     The signal before_task_publish, through which every message passes with its final
            headers: delay, chains, chords, retries, Celery.send_task. build_tracer, whose result
            spans the task: its signals, its retry, what it queues, its lines of success and
            failure. In the worker's main process Consumer.create_task_handler, whose result spans
            "Task ... received", and Request.on_failure and on_timeout, which report a child that
            is lost. Scheduler.apply_entry, as each run that beat queues is work of its own.
            process_destructor, since a prefork child leaves by os._exit.
            Logging itself needs no patch: the handlers that the worker adds are taken over.
Tested with celery >= 5.3, by prefork, threads and solo
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import Scope, adopt, bind, current, enter, inject

from ._hop import flush
from ._patch import is_on, wrap


def patch(module: ModuleType) -> None:
    """Make messages carry the ID, and workers adopt it."""
    if module.__name__ == "celery.signals":
        # A receiver rather than a wrapper of send_task: headers given there hide a route's own.
        module.before_task_publish.connect(_publish, weak=False, dispatch_uid=__name__)
    elif module.__name__ == "celery.app.trace":
        wrap(module, "build_tracer", _build_tracer)
    elif module.__name__ == "celery.worker.consumer.consumer":
        wrap(module, "Consumer.create_task_handler", _create_task_handler)
        if module.build_tracer is not sys.modules["celery.app.trace"].build_tracer:
            wrap(module, "build_tracer", _build_tracer)  # its copy is older than our patch
    elif module.__name__ == "celery.worker.request":
        wrap(module, "Request.on_failure", _report)
        wrap(module, "Request.on_timeout", _report)
    elif module.__name__ == "celery.beat":
        wrap(module, "Scheduler.apply_entry", _apply_entry)
    else:
        wrap(module, "process_destructor", _process_destructor)


def _publish(headers: Any = None, **_: Any) -> None:
    if is_on("celery"):
        inject(headers)


def _build_tracer(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    tracer = wrapped(*args, **kwargs)
    name = args[0] if args else kwargs.get("name")

    def trace_task(uuid: Any, args: Any, kwargs: Any, request: Any = None) -> Any:
        if not is_on("celery"):
            return tracer(uuid, args, kwargs, request)
        with _begin(request or {}):
            bind(task_id=uuid, task=name)
            return tracer(uuid, args, kwargs, request)

    return trace_task


def _create_task_handler(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    handler = wrapped(*args, **kwargs)

    def on_task_received(message: Any) -> Any:
        if not is_on("celery"):
            return handler(message)
        with adopt(message.headers):
            inject(message.headers)  # a new ID is the task's as well, in whatever process it runs
            _bind_task(message.headers)
            return handler(message)

    return on_task_received


def _report(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with adopt(instance.request_dict):
        _bind_task(instance.request_dict)
        return wrapped(*args, **kwargs)


def _apply_entry(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with adopt():
        return wrapped(*args, **kwargs)


def _process_destructor(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    try:
        return wrapped(*args, **kwargs)
    finally:
        flush()


def _begin(request: Any) -> Scope:
    """Begin a task's unit of work; an eager one is part of the work that calls it."""
    if not request.get("is_eager"):
        return adopt(request)  # the message's headers are in it
    return enter(current()) if current().correlation_id else adopt(request.get("headers"))


def _bind_task(headers: Any) -> None:
    if isinstance(headers, dict) and "task" in headers:  # protocol 1 tells it in the body
        bind(task_id=headers.get("id"), task=headers["task"])
