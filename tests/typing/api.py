"""For the type checker alone: the public calls, written as users write them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import logweft
import logweft.asgi


def start() -> logweft.Installation:
    return logweft.install(level="DEBUG", format="json", service="shop", queue=20_000)


def use() -> None:
    log = logweft.get_logger(__name__).bind(tenant="acme")
    log.info("User login", user_id=12345, success=True)
    log.warning("%d left", 3, stack_info=True, stacklevel=2, level="gold")
    with logweft.adopt("order-1") as context, logweft.bind(step=1):
        known: str | None = context.correlation_id
        logging.getLogger(known).info("paid")


async def use_async() -> None:
    async with logweft.adopt() as context:
        context.fields.get("user_id")


def double(number: int) -> int:
    return number * 2


doubled: int = logweft.carry(double)(2)
handler: logging.Handler = logweft.QueueHandler(logging.StreamHandler(), capacity=100)
handler.setFormatter(
    logweft.JsonFormatter(["timestamp", "message"], rename_fields={"message": "m"})
)
handler.addFilter(logweft.ContextFilter())
written: bool = logweft.flush(timeout=1.0)


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Serve as an application does that has its own types."""


wrapped = logweft.asgi.CorrelationMiddleware(app)
