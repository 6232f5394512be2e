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

from collections.abc import Callable
from types import ModuleType
from typing import Any

from ._patch import wrap
from ._request import call_with_ids


def patch(module: ModuleType) -> None:
    """Make every request carry the IDs."""
    wrap(module, "HTTPConnectionPool.urlopen", _urlopen)


def _urlopen(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    own = instance.headers  # which urlopen takes where there are none
    return call_with_ids(wrapped, args, kwargs, default=own, none=own, host=instance.host)
