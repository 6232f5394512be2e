"""
httpx, httpx2: a request carries the IDs of its work.

Edge        outbound
Patches     HTTPTransport.handle_request and AsyncHTTPTransport.handle_async_request of
            _transports.default: below the client, so that one made earlier is covered, and each hop
            of a redirect is asked about anew. The transport is handed a copy of the request: httpx
            takes the headers of the next hop from the request, and a user may send it again. A
            transport of the user's own, such as that of ASGI or of a mock, is not covered.
Tested with httpx >= 0.23, httpx2
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    wrap(module, "HTTPTransport.handle_request", _handle)
    wrap(module, "AsyncHTTPTransport.handle_async_request", _handle)


def _handle(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if args:
        args = (_with_ids(args[0]), *args[1:])
    elif "request" in kwargs:
        kwargs["request"] = _with_ids(kwargs["request"])
    return wrapped(*args, **kwargs)


def _with_ids(request: Any) -> Any:
    headers = inject(request.headers.copy(), host=request.url.host)
    if len(headers) == len(request.headers):
        return request
    # Not copy.copy(): a Request pickles without its stream.
    sent = object.__new__(type(request))
    vars(sent).update(vars(request), headers=headers)
    return sent
