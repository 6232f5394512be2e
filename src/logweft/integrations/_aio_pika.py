"""
aio-pika: a message carries the IDs of the work that publishes it.

Edge        outbound
Patches     aio_pika.exchange.Exchange.publish, which a RobustExchange's is, and which RPC and
            Master go through. It is handed a copy of the message with the IDs in a copy of its
            headers, as the same message may be published again by other work. The property
            ``correlation_id`` of AMQP names the request that a reply is to, and is left alone. A
            consumer's callback is to say ``with logweft.adopt(message.headers):``.
Tested with aio-pika >= 9.4
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Make every message carry the IDs."""
    wrap(module, "Exchange.publish", _publish)


def _publish(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if args:
        args = (_with_ids(args[0]), *args[1:])
    elif "message" in kwargs:
        kwargs["message"] = _with_ids(kwargs["message"])
    return wrapped(*args, **kwargs)


def _with_ids(message: Any) -> Any:
    with suppress(Exception):  # what is no message is the exchange's to refuse
        headers = inject(dict(message.headers))
        if len(headers) > len(message.headers):
            sent = copy.copy(message)
            sent.headers = headers
            return sent
    return message
