"""
APScheduler 3: each run of a job is one unit of work, under a new ID, with the field ``job_id``.

Edge        inbound
Patches     run_job and run_coroutine_job of executors.base, which every executor runs a job by, in
            its thread, process or task, and which write "Running job" and how it ended. The
            executors import them by name, so that one imported earlier is given them anew; pickle
            finds them by their name in a process pool's child.
            BaseScheduler._process_jobs, which begins without a Context: a scheduler's thread and
            timers were started by some request, whose ID is none of the jobs'.
Tested with APScheduler >= 3.11. APScheduler 4 has none of these, and stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, adopt, bind, enter

from ._patch import wrap

_BASE = "apscheduler.executors.base"


def patch(module: ModuleType) -> None:
    """Make each run of a job one unit of work."""
    if hasattr(module, "BaseScheduler"):
        wrap(module, "BaseScheduler._process_jobs", _process_jobs)
    elif module.__name__ == _BASE:
        wrap(module, "run_job", _run_job)
        wrap(module, "run_coroutine_job", _run_coroutine_job)
    else:
        for name in ("run_job", "run_coroutine_job"):
            ours = getattr(sys.modules[_BASE], name)
            if vars(module).get(name) is ours.__wrapped__:
                setattr(module, name, ours)


def _process_jobs(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(NOTHING):
        return wrapped(*args, **kwargs)


def _run_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _run(wrapped, *args, **kwargs)


def _run(
    wrapped: Callable[..., Any], job: Any, jobstore_alias: Any, run_times: Any, *rest: Any
) -> Any:
    events: list[Any] = []
    for run_time in run_times:  # several, if the job is late
        with adopt(), bind(job_id=job.id):
            events += wrapped(job, jobstore_alias, [run_time], *rest)
    return events


def _run_coroutine_job(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _run_coroutine(wrapped, *args, **kwargs)


async def _run_coroutine(
    wrapped: Callable[..., Any], job: Any, jobstore_alias: Any, run_times: Any, *rest: Any
) -> Any:
    events: list[Any] = []
    for run_time in run_times:
        async with adopt(), bind(job_id=job.id):
            events += await wrapped(job, jobstore_alias, [run_time], *rest)
    return events
