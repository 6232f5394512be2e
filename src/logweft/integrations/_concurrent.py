"""
concurrent.futures: a task in a pool logs under the Context of whoever submitted it.

Edge        hop
Patches     ThreadPoolExecutor.submit and ProcessPoolExecutor.submit, which map() and
            loop.run_in_executor() go through. Each task enters its own Context, an empty one too: a
            worker, kept for the next task, was started in that of its first.
Tested with the standard library of 3.10 to 3.13
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import current

from ._hop import Parcel, Task
from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Make ``submit`` of the module's executor take the Context along."""
    if hasattr(module, "ThreadPoolExecutor"):
        wrap(module, "ThreadPoolExecutor.submit", _submit_to_thread)
    else:
        wrap(module, "ProcessPoolExecutor.submit", _submit_to_process)


def _submit_to_thread(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not args:
        return wrapped(*args, **kwargs)  # a TypeError of its own
    return wrapped(Task(args[0], current()), *args[1:], **kwargs)


def _submit_to_process(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not args:
        return wrapped(*args, **kwargs)
    return wrapped(Task(args[0], Parcel.of(current())), *args[1:], **kwargs)
