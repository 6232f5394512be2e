"""A call ``(method, url, body, headers, ...)`` with the IDs in it; urllib3's and http.client's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from logweft._context import inject

_HEADERS = 3
"""Where headers are in ``wrapped(method, url, body, headers)``."""

_HOST = re.compile(r"https?://(?:[^/?#]*@)?\[?([^/?#]*?)\]?(?::\d*)?(?:[/?#]|$)", re.IGNORECASE)
"""The host in a whole URL, which is what a proxy is sent; there the connection's is the proxy."""


def call_with_ids(
    wrapped: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    default: Any,
    none: Any,
    host: str,
) -> Any:
    """
    Call *wrapped* with the IDs in a copy of its headers.

    Args:
        wrapped: takes ``(method, url, body, headers, ...)``.
        args: its positional arguments.
        kwargs: its keyword arguments.
        default: the headers of a call that names none.
        none: the headers of a call that says None.
        host: whom the connection is to, unless the URL says otherwise.
    """
    is_positional = len(args) > _HEADERS
    headers = args[_HEADERS] if is_positional else kwargs.get("headers", default)
    if headers is None:
        headers = none
    if not isinstance(headers, Mapping):
        return wrapped(*args, **kwargs)
    url = args[1] if len(args) > 1 else kwargs.get("url")
    target = _HOST.match(url) if isinstance(url, str) else None
    # A copy() of its own keeps what dict() would not: a name's several values.
    headers = headers.copy() if hasattr(headers, "copy") else dict(headers)
    inject(headers, host=target[1] if target else host)
    if is_positional:
        args = (*args[:_HEADERS], headers, *args[_HEADERS + 1 :])
    else:
        kwargs = {**kwargs, "headers": headers}
    return wrapped(*args, **kwargs)
