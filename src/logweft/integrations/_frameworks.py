"""
litestar, quart, falcon, bottle, pyramid: each request is one unit of work, whoever serves it.

Edge        inbound
Patches     The application's __call__, outside of its middleware, so that the 500 response and
            error handlers have the ID. A server that has adopted it already is left to it.
Tested with litestar >= 2.8, quart >= 0.19, falcon >= 3.1, bottle >= 0.12, pyramid >= 2.0
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft import asgi, wsgi

from ._patch import wrap

_ASGI = {
    "falcon.asgi.app": "App",
    "litestar.app": "Litestar",
    "quart.app": "Quart",
}
_WSGI = {
    "bottle": "Bottle",
    "falcon.app": "App",
    "pyramid.router": "Router",
}


def patch(module: ModuleType) -> None:
    """Put the middleware around every application of the module."""
    if module.__name__ in _ASGI:
        wrap(module, f"{_ASGI[module.__name__]}.__call__", _asgi_call)
    else:
        wrap(module, f"{_WSGI[module.__name__]}.__call__", _wsgi_call)


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
