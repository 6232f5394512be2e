"""
threading: a thread logs under the Context of whoever started it.

Edge        hop
Patches     threading.Thread.start, where the Context is taken, and Thread._bootstrap_inner, which
            every thread runs through, also of a subclass that overrides run(). The Thread holds the
            Context alone, which refers to nothing, so there is no reference cycle.
Tested with the standard library of 3.10 to 3.13, and what 3.14 changed, by a stand-in
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, Context, current, enter

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
        # From 3.14 on, a thread may be told in which contextvars context to run; that one is left.
        is_told = vars(instance).get("_context") is not None
        vars(instance)[_ATTRIBUTE] = (context, is_told)
    return wrapped(*args, **kwargs)


def _bootstrap_inner(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context, is_told = vars(instance).pop(_ATTRIBUTE, (None, False))
    if context is not None:
        enter(context)
        # 3.14 calls run() in a contextvars context made by start(): an empty one, or with
        # thread_inherit_context a copy of the caller's, in which ours is already.
        own = vars(instance).get("_context")
        if isinstance(own, contextvars.Context) and not is_told:
            own.run(_enter_once, context)
    return wrapped(*args, **kwargs)


def _enter_once(context: Context) -> None:
    if current() is not context:
        enter(context)
