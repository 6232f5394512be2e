"""
Huey: a task is executed under the ID of the work that queued it, else under a new one.

Edge        hop
Patches     A task is a pickled tuple with no room for headers, but whoever unpickles it passes over
            bytes behind its end. So Huey.serialize_task and Serializer._serialize put the IDs
            there, before it is signed or compressed, and Serializer._deserialize and
            Huey.deserialize_task take them back; Huey without us does not see them, and a
            serializer of the user's own, which is no pickle, is not touched. Huey.execute, the one
            call around the task, its hooks, its retry and Huey's lines of it.
            Scheduler.enqueue_periodic_tasks, as each periodic run is work of its own.
Tested with huey >= 2.5, by Redis, SQLite and in memory
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, adopt, bind, enter, inject

from ._patch import wrap

_ATTRIBUTE = "_logweft_headers"
_MARK = b"\nlogweft:"

_headers: ContextVar[dict[str, str] | None] = ContextVar("logweft_huey_headers", default=None)
"""Of the task that is being serialized or deserialized; None: it is something else, a result."""


def patch(module: ModuleType) -> None:
    """Make tasks carry the ID, and consumers adopt it."""
    if module.__name__ == "huey.serializer":
        wrap(module, "Serializer._serialize", _append)
        wrap(module, "Serializer._deserialize", _read)
    elif module.__name__ == "huey.api":
        wrap(module, "Huey.serialize_task", _serialize_task)
        wrap(module, "Huey.deserialize_task", _deserialize_task)
        wrap(module, "Huey.execute", _execute)
    else:
        wrap(module, "Scheduler.enqueue_periodic_tasks", _enqueue_periodic_tasks)


def _serialize_task(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    task = args[0] if args else kwargs.get("task")
    token = _headers.set(getattr(task, _ATTRIBUTE, None) or inject({}))
    try:
        return wrapped(*args, **kwargs)
    finally:
        _headers.reset(token)


def _append(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    data = wrapped(*args, **kwargs)
    headers = _headers.get()
    if headers and isinstance(data, bytes):
        data += _MARK + json.dumps(headers).encode()
    return data


def _deserialize_task(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    headers: dict[str, str] = {}
    token = _headers.set(headers)
    try:
        task = wrapped(*args, **kwargs)
    finally:
        _headers.reset(token)
    vars(task)[_ATTRIBUTE] = headers
    return task


def _read(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    headers = _headers.get()
    data = args[0] if args else kwargs.get("data")
    if headers is not None and isinstance(data, bytes):
        with suppress(Exception):  # the words are the user's own, somewhere in an argument
            headers.update(json.loads(data.rpartition(_MARK)[2]))
    return wrapped(*args, **kwargs)


def _execute(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    task = args[0] if args else kwargs.get("task")
    if task is None:
        return wrapped(*args, **kwargs)  # a TypeError of its own
    headers = vars(task).get(_ATTRIBUTE)
    if headers is None:  # executed where it was made, as with `immediate`
        headers = inject({})
    with adopt(headers), bind(job_id=task.id, job=task.name):
        return wrapped(*args, **kwargs)


def _enqueue_periodic_tasks(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(NOTHING):
        return wrapped(*args, **kwargs)
