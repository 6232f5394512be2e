"""
aiohttp client: a request carries the IDs of its work; so does a websocket's.

Edge        outbound
Patches     aiohttp.client_reqrep.ClientRequest.send, below the session, so that one made earlier is
            covered. ClientSession._request spans several hosts where one redirects to another; a
            ClientRequest is one hop, knows its host, and its headers are its own, merged from the
            session's and the caller's.
Tested with aiohttp >= 3.8
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    wrap(module, "ClientRequest.send", _send)


def _send(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if instance.method != "CONNECT":  # which is for the proxy; the request itself comes after it
        inject(instance.headers, host=instance.url.host)
    return wrapped(*args, **kwargs)
