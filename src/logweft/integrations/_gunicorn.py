"""
gunicorn: each request it serves is one unit of work, whatever the WSGI application is.

Edge        inbound
Patches     What is called once a request and looked up anew each time, as the worker is running
            when the application it imports calls install(). SyncWorker.handle, ThreadWorker.handle
            and AsyncWorker.handle_request (gevent; its handle serves several requests) span the
            application, the access line and the line of an exception nobody caught; inside of them
            gunicorn.http.wsgi.create makes the environ, from which the ID is adopted.
Tested with gunicorn >= 22.0
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import ADOPTED, adopt, current, enter
from logweft.wsgi import answering

from ._patch import wrap

_CALLS = {
    "SyncWorker": "handle",
    "ThreadWorker": "handle",
    "AsyncWorker": "handle_request",
}


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID in `create`, and end the unit of work with the worker's call."""
    for name, method in _CALLS.items():
        if module.__name__ == getattr(getattr(module, name, None), "__module__", None):
            wrap(module, f"{name}.{method}", _handle)
    if hasattr(module, "create"):
        wrap(module, "create", _create)


def _handle(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(current()):
        return wrapped(*args, **kwargs)


def _create(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    response, environ = wrapped(*args, **kwargs)
    adopt(environ, peer=environ.get("REMOTE_ADDR"))  # until the end of _handle
    environ[ADOPTED] = current()
    response.start_response = answering(response.start_response, current())
    return response, environ
