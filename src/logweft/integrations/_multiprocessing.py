"""
multiprocessing: a child process logs as its parent does, under the Context of whoever started it.

Edge        hop
Patches     BaseProcess.start, which hangs a parcel on the process object: where the child is
            spawned, it is pickled with it; BaseProcess._bootstrap, which every child runs through,
            whatever run() is, and after which it leaves by os._exit, where atexit does nothing; and
            what all methods of Pool submit their function by.
Tested with the standard library of 3.10 to 3.13, by fork, spawn and forkserver
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import current, enter

from ._hop import Parcel, Task, flush
from ._patch import wrap

_ATTRIBUTE = "_logweft_parcel"


def patch(module: ModuleType) -> None:
    """Make child processes log as this one does, under the Context of who started or submitted."""
    if hasattr(module, "BaseProcess"):
        wrap(module, "BaseProcess.start", _start)
        wrap(module, "BaseProcess._bootstrap", _bootstrap)
    else:
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            wrap(module, f"Pool.{name}", _submit)


def _start(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    vars(instance)[_ATTRIBUTE] = Parcel.of(current())
    try:
        return wrapped(*args, **kwargs)
    finally:
        vars(instance).pop(_ATTRIBUTE, None)


def _bootstrap(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    parcel = vars(instance).pop(_ATTRIBUTE, None)
    if parcel is not None:
        enter(parcel.open())
    try:
        return wrapped(*args, **kwargs)
    finally:
        flush()


def _submit(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if args:
        return wrapped(_task(instance, args[0]), *args[1:], **kwargs)
    if "func" in kwargs:
        kwargs = {**kwargs, "func": _task(instance, kwargs["func"])}
    return wrapped(**kwargs)


def _task(pool: Any, func: Callable[..., Any]) -> Task:
    # Threads share memory: nothing to pickle, and nothing to flush before they end.
    is_threads = any(cls.__name__ == "ThreadPool" for cls in type(pool).__mro__)
    return Task(func, current() if is_threads else Parcel.of(current()))
