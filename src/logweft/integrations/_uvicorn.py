"""
uvicorn: each request it serves is one unit of work, whatever the application is.

Edge        inbound
Patches     RequestResponseCycle.run_asgi of the h11 and the httptools protocol: the one call around
            the application, the access line and the line of an exception nobody caught. uvicorn
            leaks ContextVars between pipelined requests; a fresh Context for each stops that. And
            Server._serve, after which uvicorn ends itself by the signal it was sent: what it has
            logged of its shutdown is written before that.
Tested with uvicorn >= 0.30
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from logweft._context import adopt
from logweft.asgi import adopted_by

from ._hop import flush
from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Put the middleware around whatever application is served."""
    if hasattr(module, "Server"):
        wrap(module, "Server._serve", _serve)
    else:
        wrap(module, "RequestResponseCycle.run_asgi", _run_asgi)


def _serve(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _flushed(wrapped(*args, **kwargs))


async def _flushed(serving: Awaitable[Any]) -> Any:
    try:
        return await serving
    finally:
        flush()


def _run_asgi(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _adopted(wrapped, instance.scope, *args, **kwargs)


async def _adopted(wrapped: Callable[..., Any], scope: Any, app: Any, **kwargs: Any) -> Any:
    client = scope.get("client")
    async with adopt(scope.get("headers"), peer=client[0] if client else None) as context:
        return await wrapped(adopted_by(app, context), **kwargs)
