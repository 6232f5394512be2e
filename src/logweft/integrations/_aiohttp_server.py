"""
aiohttp server: each request is one unit of work.

Edge        inbound
Patches     aiohttp.web_protocol.RequestHandler._handle_request: the one call around the application,
            the 500 response, the line of an exception nobody caught and the access line; aiohttp
            runs it in a task of its own. And StreamResponse.prepare, which every kind of response
            goes through, an HTTPException and a websocket too: the header is added there.
Tested with aiohttp >= 3.10
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import adopt

from ._patch import wrap

_ADOPTED = "logweft.context"


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
        request[_ADOPTED] = context
        return await wrapped(request, *args, **kwargs)


def _prepare(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = args[0].get(_ADOPTED)
    if context is not None:
        instance.headers.setdefault("X-Correlation-ID", context.correlation_id)
    return wrapped(*args, **kwargs)
