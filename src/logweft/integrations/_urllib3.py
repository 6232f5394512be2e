"""
urllib3: a request carries the IDs of its work; so do those of requests and botocore.

Edge        outbound
Patches     urllib3.connectionpool.HTTPConnectionPool.urlopen: the one call every request of every
            pool goes through, also of requests and botocore, whose headers are signed by then and
            stay as they are. The caller's mapping is copied, so that a redirect to another host,
            which starts from that mapping, is asked about anew; retries go on with the copy.
Tested with urllib3 1.26 and 2, requests, botocore
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap

_HEADERS = 3
"""Where headers are in ``urlopen(method, url, body, headers)``."""

_HOST = re.compile(r"https?://(?:[^/?#]*@)?\[?([^/?#]*?)\]?(?::\d*)?(?:[/?#]|$)", re.IGNORECASE)
"""The host in a whole URL, which is what a proxy is sent; there the pool's host is the proxy."""


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    wrap(module, "HTTPConnectionPool.urlopen", _urlopen)


def _urlopen(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    is_positional = len(args) > _HEADERS
    headers = args[_HEADERS] if is_positional else kwargs.get("headers")
    if headers is None:
        headers = instance.headers  # as urlopen does
    if not isinstance(headers, Mapping):
        return wrapped(*args, **kwargs)
    url = args[1] if len(args) > 1 else kwargs.get("url")
    target = _HOST.match(url) if isinstance(url, str) else None
    # A copy() of its own keeps what dict() would not: a name's several values.
    headers = headers.copy() if hasattr(headers, "copy") else dict(headers)
    inject(headers, host=target[1] if target else instance.host)
    if is_positional:
        args = (*args[:_HEADERS], headers, *args[_HEADERS + 1 :])
    else:
        kwargs["headers"] = headers
    return wrapped(*args, **kwargs)
