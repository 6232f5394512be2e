"""
uvicorn: each request it serves is one unit of work, whatever the application is.

Edge        inbound
Patches     RequestResponseCycle.run_asgi of the h11 and the httptools protocol: the one call around
            the application, the access line and the line of an exception nobody caught. uvicorn
            leaks ContextVars between pipelined requests; a fresh Context for each stops that.
Tested with uvicorn >= 0.30
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import adopt
from logweft.asgi import adopted_by

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Put the middleware around whatever application is served."""
    wrap(module, "RequestResponseCycle.run_asgi", _run_asgi)


async def _run_asgi(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    app, *others = args
    client = instance.scope.get("client")
    peer = client[0] if client else None
    async with adopt(instance.scope.get("headers"), peer=peer) as context:
        return await wrapped(adopted_by(app, context), *others, **kwargs)
