"""
django: each request is one unit of work, by WSGI or ASGI.

Edge        inbound
Patches     WSGIHandler.__call__ and ASGIHandler.__call__, outside of settings.MIDDLEWARE, so that
            the 500 response, signals and the lines of django.request have the ID. The
            __call__ of the test clients' two handlers, which return the response itself. And
            ServerHandler.close of the development server, which logs the request's line once its
            response is sent.
Tested with django >= 4.2
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft import asgi, wsgi
from logweft._context import ADOPTED, Context, adopt, current, enter

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Put the middleware around every handler."""
    if hasattr(module, "AsyncClientHandler"):
        wrap(module, "ClientHandler.__call__", _client_call)
        wrap(module, "AsyncClientHandler.__call__", _async_client_call)
    elif hasattr(module, "ASGIHandler"):
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


def _client_call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) != 1:
        return wrapped(*args, **kwargs)
    (environ,) = args
    with adopt(environ, peer=environ.get("REMOTE_ADDR")) as context:
        return _answered(wrapped(environ), context)


def _async_client_call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) != 1:
        return wrapped(*args, **kwargs)
    return _adopted(wrapped, *args)


async def _adopted(wrapped: Callable[..., Any], scope: Any) -> Any:
    client = scope.get("client")
    async with adopt(scope.get("headers"), peer=client[0] if client else None) as context:
        return _answered(await wrapped(scope), context)


def _answered(response: Any, context: Context) -> Any:
    response.headers.setdefault("X-Correlation-ID", context.correlation_id)
    return response


def _close(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter((instance.environ or {}).get(ADOPTED) or current()):
        return wrapped(*args, **kwargs)
