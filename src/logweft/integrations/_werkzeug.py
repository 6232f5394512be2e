"""
werkzeug: each request its development server serves is one unit of work.

Edge        inbound
Patches     WSGIRequestHandler.run_wsgi of werkzeug.serving: the one call around the application,
            the access line, which comes with the first bytes of the body, and the line of an
            exception nobody caught. Inside of it make_environ makes the environ, from which the ID
            is adopted, and end_headers ends every response, the server's own 500 too. And
            _ansi_style, which colours what is logged: not where every line made of it is ours.
Tested with werkzeug >= 3.0
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import ADOPTED, adopt, current, enter

from ._patch import is_taken, reached, wrap

_HEADER = "X-Correlation-ID"


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID in `make_environ`, and end the unit of work with `run_wsgi`."""
    wrap(module, "WSGIRequestHandler.run_wsgi", _run_wsgi)
    wrap(module, "WSGIRequestHandler.make_environ", _make_environ)
    wrap(module, "WSGIRequestHandler.end_headers", _end_headers)
    wrap(module, "_ansi_style", _ansi_style)


def _run_wsgi(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with enter(current()):
        return wrapped(*args, **kwargs)


def _make_environ(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    environ = wrapped(*args, **kwargs)
    # Until the end of _run_wsgi.
    environ[ADOPTED] = adopt(environ, peer=environ.get("REMOTE_ADDR")).context
    return environ


def _end_headers(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = (getattr(instance, "environ", None) or {}).get(ADOPTED)
    if context is not None:
        name = _HEADER.lower().encode()
        if not any(line.lower().startswith(name + b":") for line in instance._headers_buffer):
            instance.send_header(_HEADER, context.correlation_id)
    return wrapped(*args, **kwargs)


def _ansi_style(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    handlers = list(reached(logging.getLogger("werkzeug")))
    if args and handlers and all(map(is_taken, handlers)):
        return args[0]
    return wrapped(*args, **kwargs)
