"""
waitress: each request it serves is one unit of work, whatever the WSGI application is.

Edge        inbound
Patches     HTTPChannel.service: the one call around the application, the line of an exception
            nobody caught and the 500 response that follows. Inside of it WSGITask.get_environment
            makes the environ, from which the ID is adopted, and Task.build_response_header ends
            every response, that 500 too.
Tested with waitress >= 2.1
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import ADOPTED, adopt, current, enter

from ._patch import wrap

_HEADER = "X-Correlation-ID"
_ATTRIBUTE = "_logweft_context"


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID in `get_environment`, and end the unit of work with `service`."""
    if hasattr(module, "HTTPChannel"):
        wrap(module, "HTTPChannel.service", _service)
    else:
        wrap(module, "WSGITask.get_environment", _get_environment)
        wrap(module, "Task.build_response_header", _build_response_header)


def _service(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    vars(instance).pop(_ATTRIBUTE, None)  # of the request before, on the same connection
    with enter(current()):
        return wrapped(*args, **kwargs)


def _get_environment(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    environ = wrapped(*args, **kwargs)
    if ADOPTED not in environ:  # it gives the same one when it is asked again
        # Until the end of _service.
        environ[ADOPTED] = adopt(environ, peer=environ.get("REMOTE_ADDR")).context
        vars(instance.channel)[_ATTRIBUTE] = environ[ADOPTED]
    return environ


def _build_response_header(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = vars(instance.channel).get(_ATTRIBUTE)
    names = {name.lower() for name, _ in instance.response_headers}
    if context is not None and _HEADER.lower() not in names:
        instance.response_headers.append((_HEADER, context.correlation_id))
    return wrapped(*args, **kwargs)
