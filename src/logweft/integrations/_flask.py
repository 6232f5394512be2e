"""
flask: each request is one unit of work.

Edge        inbound
Patches     flask.app.Flask.__call__, outside of Flask.wsgi_app and whatever middleware is put
            there, so that the 500 response, error handlers and a streamed body have the ID
Tested with flask >= 3.0
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft.wsgi import CorrelationMiddleware

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Put the middleware around every application."""
    wrap(module, "Flask.__call__", _call)


def _call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) != 2:
        return wrapped(*args, **kwargs)
    return CorrelationMiddleware(wrapped)(*args)
