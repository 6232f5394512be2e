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

from collections.abc import Callable
from types import ModuleType
from typing import Any

from ._patch import wrap
from ._request import call_with_ids


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    wrap(module, "HTTPConnection.request", _request)


def _request(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    # Behind a tunnel the connection is to the proxy. None as headers fails, as it always did.
    host = getattr(instance, "_tunnel_host", None) or instance.host
    return call_with_ids(wrapped, args, kwargs, default={}, none=None, host=host)
