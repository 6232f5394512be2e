"""CorrelationMiddleware for any ASGI application; imports no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ._context import ADOPTED, Context, adopt

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
# Each framework has types of its own for the same three: a dict, a MutableMapping, TypedDicts.
App = Callable[[Any, Any, Any], Awaitable[None]]

_HEADER = b"x-correlation-id"


class CorrelationMiddleware:
    """
    Each request or websocket is one unit of work, under its caller's correlation ID or a new one.

    The response carries the ID as ``X-Correlation-ID``, unless the application has set that header.
    A request that is under an ID already, since a server or an outer middleware has done the same,
    passes through.

    Args:
        app: the ASGI application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one connection; what the application raises is passed through."""
        if scope["type"] not in ("http", "websocket") or ADOPTED in scope:
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        async with adopt(scope.get("headers"), peer=client[0] if client else None) as context:
            await adopted_by(self.app, context)(scope, receive, send)


def adopted_by(app: App, context: Context) -> App:
    """Return *app* so that it knows its connection is under *context*, and answers with the ID."""

    async def adopted(scope: Any, receive: Receive, send: Send) -> None:
        await app({**scope, ADOPTED: context}, receive, answering(send, context))

    return adopted


def answering(send: Send, context: Context) -> Send:
    """Return *send* so that the response carries the correlation ID."""
    header = (_HEADER, (context.correlation_id or "").encode())

    async def send_with_id(message: Any) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            headers = list(message.get("headers", ()))
            if all(bytes(name).lower() != _HEADER for name, _ in headers):
                message = {**message, "headers": [*headers, header]}
        await send(message)

    return send_with_id
