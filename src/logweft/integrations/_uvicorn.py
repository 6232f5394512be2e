"""
uvicorn: each request it serves is one unit of work, whatever the application is.

Edge        inbound
Patches     run_asgi of every HTTP and websocket protocol: the one call around the application, the
            access line and the line of an exception nobody caught. uvicorn leaks ContextVars
            between pipelined requests; a fresh Context for each stops that. The send beside it,
            which uvicorn's own 500 response goes through too. And Server.shutdown, which is called
            when the application that calls install() may be loaded in the middle of Server._serve,
            as a worker does. Behind it uvicorn logs once more, and then ends itself by the signals
            it was sent: it asks for these, and what it has logged is written before it has them.
Tested with uvicorn >= 0.30
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from logweft._context import ADOPTED, adopt
from logweft.asgi import answering

from ._hop import flush
from ._patch import wrap

_SENDS = {
    "RequestResponseCycle": "send",
    "WebSocketProtocol": "asgi_send",
    "WebSocketsSansIOProtocol": "send",
    "WSProtocol": "send",
}


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID around whatever application is served."""
    if module.__name__ == "uvicorn.server":  # websockets_impl has a Server too
        wrap(module, "Server.shutdown", _shutdown)
        return
    for name, send in _SENDS.items():
        if hasattr(module, name):
            wrap(module, f"{name}.run_asgi", _run_asgi)
            wrap(module, f"{name}.{send}", _send)


class _Captured(list[int]):
    """The signals that uvicorn was sent: whoever is about to raise them again flushes before."""

    def __reversed__(self) -> Iterator[int]:
        if self:
            flush()
        return super().__reversed__()


def _shutdown(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    before = getattr(instance, "_captured_signals", None)
    if before is not None:
        instance._captured_signals = captured = _Captured()
        captured[:0] = before  # one that came in between is in either
    return wrapped(*args, **kwargs)


def _run_asgi(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _adopted(wrapped, instance.scope, *args, **kwargs)


async def _adopted(wrapped: Callable[..., Any], scope: Any, *args: Any, **kwargs: Any) -> Any:
    client = scope.get("client")
    async with adopt(scope.get("headers"), peer=client[0] if client else None) as context:
        scope[ADOPTED] = context
        return await wrapped(*args, **kwargs)


def _send(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = instance.scope.get(ADOPTED)
    if context is None:
        return wrapped(*args, **kwargs)
    return answering(wrapped, context)(*args, **kwargs)
