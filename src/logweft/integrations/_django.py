"""
django: each request is one unit of work, by WSGI or ASGI.

Edge        inbound
Patches     WSGIHandler.__call__ and ASGIHandler.__call__, outside of settings.MIDDLEWARE, so that
            the 500 response, signals and the lines of django.request have the ID. And
            ServerHandler.close of the development server, which logs the request's line once its
            response is sent.
Tested with django >= 4.2
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft import asgi, wsgi
from logweft._context import ADOPTED, current, enter

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Put the middleware around every handler."""
    if hasattr(module, "ASGIHandler"):
        wrap(module, "ASGIHandler.__call__", _asgi_call)
    elif hasattr(module, "ServerHandler"):
        wrap(module, "ServerHandler.close", _close)
    else:
        wrap(module, "WSGIHandler.__call__", _wsgi_call)


def _asgi_call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) != 3:
        return wrapped(*args, **kwargs)
    return asgi.CorrelationMiddleware(wrapped)(*args)


def _wsgi_call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) != 2:
        return wrapped(*args, **kwargs)
    return wsgi.CorrelationMiddleware(wrapped)(*args)


def _close(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter((instance.environ or {}).get(ADOPTED) or current()):
        return wrapped(*args, **kwargs)
