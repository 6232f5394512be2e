"""
asyncio: what the loop reports of a task is logged under the task's Context, not that of elsewhere.

Edge        hop
Patches     asyncio.base_events.BaseEventLoop.default_exception_handler, through which go "Task
            exception was never retrieved" and "Exception in callback": it runs wherever a lost task
            happens to be freed, which may be in the middle of somebody else's work. Tasks
            themselves need nothing, since asyncio copies their Context.
            A block that the exception has ended comes first: the task has left it.
Tested with the standard library of 3.10 to 3.13. Before 3.12 a task does not tell its Context: then
            the line has no ID, rather than a wrong one, if no block has been ended.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from logweft._context import NOTHING, Context, current, ended_by, enter

from ._patch import wrap


def patch(base_events: ModuleType) -> None:
    """Make the loop's own reports those of the task they are about."""
    wrap(base_events, "BaseEventLoop.default_exception_handler", _report)


def _report(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = _context_of(args[0] if args else kwargs.get("context"))
    if context is None:
        return wrapped(*args, **kwargs)
    with enter(context):
        return wrapped(*args, **kwargs)


def _context_of(report: Any) -> Context | None:
    """Return the Context of what *report* is about; None if it is about no task or callback."""
    with suppress(Exception):  # somebody's own loop or task
        for name in ("task", "future", "handle"):
            owner = report.get(name)
            if owner is not None:
                ended = ended_by(report.get("exception"))
                if ended is not None:  # what the task was about, which it has left
                    return ended
                tell = getattr(owner, "get_context", None)
                held = tell() if tell is not None else getattr(owner, "_context", None)
                # A copy, since that of the running task cannot be entered again.
                return NOTHING if held is None else held.copy().run(current)
    return None
