"""
RQ: a job is done under the ID of the work that queued it, else under a new one.

Edge        hop
Patches     Job.create, where the IDs are taken; Job.to_dict and Job.restore, by which they are
            fields of the job's hash in Redis, beside RQ's own: `meta` stays the user's, RQ without
            us passes over them, and retries and schedulers write them back. Around the work:
            BaseWorker.perform_job, also in the work-horse, which leaves by os._exit;
            Worker.execute_job, for what the parent says of a horse that died; and
            dequeue_job_and_maintain_ttl, which tells of the job that Queue.dequeue_any, inside of
            it, returns. Queue.run_sync, for `is_async=False`. CronJob.enqueue and Repeat.schedule,
            as each periodic run is work of its own. An install() that a job's module alone calls
            is too late for that job, whose work-horse is under way by then; so it is in the child
            of a SpawnWorker.
Tested with rq >= 2.0, by Worker and SimpleWorker
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, adopt, bind, current, enter, inject

from ._hop import flush
from ._patch import wrap

_ATTRIBUTE = "_logweft_headers"
_FIELDS = ("traceparent", "tracestate", "X-Correlation-ID")
"""What `inject` writes, as fields of the job's hash."""

_dequeuing: ContextVar[bool] = ContextVar("logweft_rq_dequeuing", default=False)


def patch(module: ModuleType) -> None:
    """Make jobs carry the ID, and workers adopt it."""
    if module.__name__ == "rq.job":
        wrap(module, "Job.create", _create)
        wrap(module, "Job.to_dict", _to_dict)
        wrap(module, "Job.restore", _restore)
    elif module.__name__ == "rq.queue":
        wrap(module, "Queue.dequeue_any", _dequeue_any)
        wrap(module, "Queue.run_sync", _run_sync)
    elif module.__name__ == "rq.worker":
        wrap(module, "BaseWorker.dequeue_job_and_maintain_ttl", _dequeue_and_tell)
        wrap(module, "Worker.execute_job", _execute_job)
        # Until RQ 2.1 it was Worker's.
        owner = "BaseWorker" if hasattr(module.BaseWorker, "perform_job") else "Worker"
        wrap(module, f"{owner}.perform_job", _perform_job)
    elif module.__name__ == "rq.cron":
        wrap(module, "CronJob.enqueue", _enqueue_periodic)
    else:
        wrap(module, "Repeat.schedule", _repeat)


def _create(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    job = wrapped(*args, **kwargs)
    vars(job)[_ATTRIBUTE] = inject({})
    return job


def _to_dict(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    fields = wrapped(*args, **kwargs)
    fields.update(vars(instance).get(_ATTRIBUTE, ()))
    return fields


def _restore(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    result = wrapped(*args, **kwargs)
    stored = args[0] if args else kwargs.get("raw_data")
    if isinstance(stored, Mapping):
        given = {name: stored.get(name.encode()) for name in _FIELDS}
        vars(instance)[_ATTRIBUTE] = {
            name: value.decode("latin-1") for name, value in given.items() if value
        }
    return result


def _begin(job: Any) -> None:
    """Enter the job's unit of work; a new ID becomes the job's own, so that a retry keeps it."""
    if job is None:  # a TypeError of the call's own
        return
    headers = vars(job).get(_ATTRIBUTE)
    adopt(headers)
    bind(job_id=job.id)
    if not headers:
        vars(job)[_ATTRIBUTE] = inject({})


def _perform_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    try:
        with enter(current()):
            _begin_call(args, kwargs)
            return wrapped(*args, **kwargs)
    finally:
        if getattr(instance, "is_horse", False):
            flush()


def _begin_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    job: Any = args[0] if args else kwargs.get("job")
    _begin(job)
    with suppress(Exception):  # the name is in the pickled job; RQ itself reports a broken one
        bind(job=job.func_name)


def _run_sync(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(current()):
        _begin_call(args, kwargs)
        return wrapped(*args, **kwargs)


def _execute_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(current()):
        _begin(args[0] if args else kwargs.get("job"))
        return wrapped(*args, **kwargs)


def _dequeue_and_tell(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    token = _dequeuing.set(True)
    try:
        with enter(current()):
            return wrapped(*args, **kwargs)
    finally:
        _dequeuing.reset(token)


def _dequeue_any(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    result = wrapped(*args, **kwargs)
    if result is not None and _dequeuing.get():
        _begin(result[0])  # until the end of _dequeue_and_tell
    return result


def _enqueue_periodic(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(NOTHING):
        return wrapped(*args, **kwargs)


def _repeat(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    job = args[0] if args else kwargs.get("job")
    if job is not None:
        with adopt():
            vars(job)[_ATTRIBUTE] = inject({})
    return wrapped(*args, **kwargs)
