"""
starlette: each request of a Starlette or FastAPI application is one unit of work.

Edge        inbound
Patches     starlette.applications.Starlette.__call__, outside of ServerErrorMiddleware, so that the
            500 response and its handlers have the ID; FastAPI's own __call__ goes through it
Tested with starlette >= 0.40
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft.asgi import CorrelationMiddleware

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Put the middleware around every application."""
    wrap(module, "Starlette.__call__", _call)


def _call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) != 3:
        return wrapped(*args, **kwargs)
    return CorrelationMiddleware(wrapped)(*args)
