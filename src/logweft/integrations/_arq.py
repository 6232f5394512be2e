"""
arq: a job is done under the ID of the work that queued it, else under a new one.

Edge        hop
Patches     serialize_job of arq.connections and deserialize_job_raw of arq.worker, between which a
            job is a dict of five keys, pickled; the IDs are one key more, which arq without us does
            not read, and neither function nor arguments change. A serializer of the user's own gets
            it only where it and its deserializer, both known to the pool, are seen to keep it.
            ArqRedis.enqueue_job, for that deserializer. Worker.run_job, the one call around the
            function, the hooks and the worker's lines of it. Worker.run_cron, as each periodic run
            is work of its own.
Tested with arq >= 0.26
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, adopt, bind, enter, inject
from logweft._trace import is_trace_id

from ._patch import wrap

_KEY = "logweft"

_pool: ContextVar[Any] = ContextVar("logweft_arq_pool", default=None)
_job: ContextVar[str | None] = ContextVar("logweft_arq_job", default=None)


def patch(module: ModuleType) -> None:
    """Make jobs carry the ID, and workers adopt it."""
    if module.__name__ == "arq.connections":
        wrap(module, "ArqRedis.enqueue_job", _enqueue_job)
        wrap(module, "serialize_job", _serialize_job)
    else:
        wrap(module, "Worker.run_job", _run_job)
        wrap(module, "Worker.run_cron", _run_cron)
        wrap(module, "deserialize_job_raw", _deserialize_job_raw)


def _enqueue_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _enqueued(wrapped(*args, **kwargs), instance)


async def _enqueued(enqueuing: Awaitable[Any], pool: Any) -> Any:
    token = _pool.set(pool)
    try:
        return await enqueuing
    finally:
        _pool.reset(token)


def _serialize_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    serializer = kwargs.get("serializer")
    headers: dict[str, str] = inject({})
    if not headers:
        # Outside of work: a new ID here and not in the worker, whose retries read the job again.
        with adopt():
            inject(headers)
    if serializer is None:
        serializer = sys.modules["arq.jobs"].pickle.dumps
    elif not _keeps(serializer, getattr(_pool.get(), "job_deserializer", None), headers):
        return wrapped(*args, **kwargs)

    def serialize(job: dict[str, Any]) -> Any:
        return serializer({**job, _KEY: headers})

    return wrapped(*args, **{**kwargs, "serializer": serialize})


def _keeps(serializer: Any, deserializer: Any, headers: dict[str, str]) -> bool:
    """Say whether a job's dict comes through a user's functions with a key more than arq's."""
    if deserializer is None:
        return False
    probe = {"t": None, "f": "", "a": (), "k": {}, "et": 0, _KEY: headers}
    try:
        return bool(deserializer(serializer(probe))[_KEY] == headers)
    except Exception:  # noqa: BLE001 - a format that takes arq's keys alone
        return False


def _run_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    running = wrapped(*args, **kwargs)
    return _served(running, args[0] if args else kwargs["job_id"])


async def _served(running: Awaitable[Any], job_id: str) -> Any:
    token = _job.set(job_id)
    try:
        # arq's own job IDs are 32 hex digits, and the same for every retry of a job that carries
        # no ID. One the user chose may come again with other work.
        with adopt(job_id if is_trace_id(job_id) else None), bind(job_id=job_id):
            return await running
    finally:
        _job.reset(token)


def _deserialize_job_raw(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    job_id = _job.get()
    if job_id is None:
        return wrapped(*args, **kwargs)
    deserializer = kwargs.get("deserializer") or sys.modules["arq.jobs"].pickle.loads
    headers: Any = None

    def deserialize(data: bytes) -> Any:
        nonlocal headers
        job = deserializer(data)
        if isinstance(job, dict):
            headers = job.get(_KEY)
        return job

    result = wrapped(*args, **{**kwargs, "deserializer": deserialize})
    if headers:
        adopt(headers)  # until the end of _served
    bind(job_id=job_id, job=result[0])
    return result


def _run_cron(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _outside_of_work(wrapped(*args, **kwargs))


async def _outside_of_work(queueing: Awaitable[Any]) -> Any:
    with enter(NOTHING):
        return await queueing
