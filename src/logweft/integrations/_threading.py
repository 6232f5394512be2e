"""
threading: a thread logs under the Context of whoever started it.

Edge        hop
Patches     threading.Thread.start, where the Context is taken, and Thread._bootstrap_inner, which
            every thread runs through, also of a subclass that overrides run(). The Thread holds the
            Context alone, which refers to nothing, so there is no reference cycle.
Tested with the standard library of 3.10 to 3.13
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, current, enter

from ._patch import wrap

_ATTRIBUTE = "_logweft_context"


def patch(threading: ModuleType) -> None:
    """Make threads begin under the Context they were started in."""
    wrap(threading, "Thread.start", _start)
    wrap(threading, "Thread._bootstrap_inner", _bootstrap_inner)


def _start(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = current()
    if context is not NOTHING:
        vars(instance)[_ATTRIBUTE] = context
    return wrapped(*args, **kwargs)


def _bootstrap_inner(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = vars(instance).pop(_ATTRIBUTE, None)
    # Where 3.14 hands the whole contextvars context over, ours is there already.
    if context is not None and current() is not context:
        enter(context)
    return wrapped(*args, **kwargs)
