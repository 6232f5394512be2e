"""
aiohttp server: each request is one unit of work.

Edge        inbound
Patches     RequestHandler._handle_request of aiohttp.web_protocol: the one call around the
            application, the 500 response, the line of an exception nobody caught and the access
            line; aiohttp runs it in a task of its own. And StreamResponse.prepare, which every
            response goes through, an HTTPException and a websocket too: it gets the header there.
Tested with aiohttp >= 3.10
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from logweft._context import Context, adopt

from ._patch import wrap

# Not a key of the request: aiohttp warns of those that are str, and its own kind is recent.
_request: ContextVar[Context | None] = ContextVar("logweft_aiohttp_request", default=None)


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID around the request, and have its response tell it."""
    if hasattr(module, "RequestHandler"):
        wrap(module, "RequestHandler._handle_request", _handle_request)
    else:
        wrap(module, "StreamResponse.prepare", _prepare)


def _handle_request(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _adopted(wrapped, *args, **kwargs)


async def _adopted(wrapped: Callable[..., Any], request: Any, *args: Any, **kwargs: Any) -> Any:
    async with adopt(request.raw_headers, peer=request.remote) as context:
        _request.set(context)
        return await wrapped(request, *args, **kwargs)


def _prepare(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = _request.get()
    if context is not None:
        instance.headers.setdefault("X-Correlation-ID", context.correlation_id)
    return wrapped(*args, **kwargs)
