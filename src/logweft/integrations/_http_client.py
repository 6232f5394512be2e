"""
http.client: a request carries the IDs of its work; so do those of urllib.request.

Edge        outbound
Patches     http.client.HTTPConnection.request: the one call that has all headers of a request; that
            of urllib.request, of each hop of its redirects. urllib3 2 overrides it, and urllib3
            1.26 comes through it with the headers it was given before, which win. Who writes a
            request line by line, with putrequest and putheader, writes every header: left alone.
Tested with the standard library of 3.10 to 3.13
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap

_HEADERS = 3
"""Where headers are in ``request(method, url, body, headers)``."""

_HOST = re.compile(r"https?://(?:[^/?#]*@)?\[?([^/?#]*?)\]?(?::\d*)?(?:[/?#]|$)", re.IGNORECASE)
"""The host in a whole URL, which is what a proxy is sent."""


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    wrap(module, "HTTPConnection.request", _request)


def _request(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    is_positional = len(args) > _HEADERS
    headers = args[_HEADERS] if is_positional else kwargs.get("headers", {})
    if not isinstance(headers, Mapping):
        return wrapped(*args, **kwargs)
    # A copy() of its own keeps what dict() would not: a name's several values.
    headers = headers.copy() if hasattr(headers, "copy") else dict(headers)
    inject(headers, host=_host(instance, args[1] if len(args) > 1 else kwargs.get("url")))
    if is_positional:
        args = (*args[:_HEADERS], headers, *args[_HEADERS + 1 :])
    else:
        kwargs["headers"] = headers
    return wrapped(*args, **kwargs)


def _host(connection: Any, url: object) -> str:
    """Return whom the request is for, which behind a proxy is not whom the connection is to."""
    target = _HOST.match(url) if isinstance(url, str) else None
    host: str = getattr(connection, "_tunnel_host", None) or connection.host
    return target[1] if target else host
