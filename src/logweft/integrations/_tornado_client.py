"""
tornado client: a request of AsyncHTTPClient carries the IDs of its work; so does a websocket's.

Edge        outbound
Patches     HTTP1Connection.write_headers, where a copy of the headers is sent: the request's own go
            on to the next hop of a redirect, and belong to a user who may send it again; for the
            connections of _HTTPConnection._create_connection, which knows the host. And
            SimpleAsyncHTTPClient.fetch_impl with _HTTPConnection.__init__, which starts the task:
            a request that waits for a free connection is started by the one that frees it.
Tested with tornado >= 6.2; curl_httpclient is not covered
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import current, enter, inject

from ._patch import wrap

_CONTEXT = "_logweft_context"
_HOST = "_logweft_host"


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    if hasattr(module, "HTTP1Connection"):
        wrap(module, "HTTP1Connection.write_headers", _write_headers)
    if hasattr(module, "SimpleAsyncHTTPClient"):
        wrap(module, "SimpleAsyncHTTPClient.fetch_impl", _fetch_impl)
        wrap(module, "_HTTPConnection.__init__", _start)
        wrap(module, "_HTTPConnection._create_connection", _create_connection)


def _fetch_impl(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    # What tornado makes of the user's request for this one call.
    vars(args[0] if args else kwargs["request"])[_CONTEXT] = current()
    return wrapped(*args, **kwargs)


def _start(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    request = args[1] if len(args) > 1 else kwargs["request"]
    with enter(vars(request).get(_CONTEXT) or current()):
        return wrapped(*args, **kwargs)


def _create_connection(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    connection = wrapped(*args, **kwargs)
    vars(connection)[_HOST] = instance.parsed_hostname
    return connection


def _write_headers(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    host = vars(instance).get(_HOST)
    if host is not None and len(args) > 1:
        args = (args[0], inject(args[1].copy(), host=host), *args[2:])
    return wrapped(*args, **kwargs)
