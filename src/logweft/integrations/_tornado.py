"""
tornado: each request, and each websocket, is one unit of work.

Edge        inbound
Patches     tornado.web._HandlerDelegate.execute, which makes the handler and the task that all of
            the request runs in: the handler, a websocket's messages, the line of an exception, the
            access line. And RequestHandler.flush, which every response's headers go through, those
            of send_error and of a websocket's handshake too: before it clear() may drop them.
Tested with tornado >= 6.2; data_received() of a streamed body is outside of that task
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import adopt

from ._patch import wrap

_HEADER = "X-Correlation-ID"
_ATTRIBUTE = "_logweft_context"


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID around the request, and have its response tell it."""
    wrap(module, "_HandlerDelegate.execute", _execute)
    wrap(module, "RequestHandler.flush", _flush)


def _execute(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    request = instance.request
    with adopt(list(request.headers.get_all()), peer=request.remote_ip) as context:
        vars(request)[_ATTRIBUTE] = context
        return wrapped(*args, **kwargs)


def _flush(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = vars(instance.request).get(_ATTRIBUTE)
    if context is not None:
        instance._headers.setdefault(_HEADER, context.correlation_id)
    return wrapped(*args, **kwargs)
