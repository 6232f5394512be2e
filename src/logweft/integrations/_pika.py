"""
pika: a message carries the IDs of the work that publishes it.

Edge        outbound
Patches     pika.channel.Channel.basic_publish, which a BlockingChannel's goes through. It is handed
            a copy of the properties with the IDs in a copy of their headers. The property
            ``correlation_id`` of AMQP names the request that a reply is to, and is left alone. A
            consumer's callback is to say ``with logweft.adopt(properties.headers):``.
Tested with pika >= 1.3
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap

_PROPERTIES = 3
"""Where they are in ``basic_publish(exchange, routing_key, body, properties, mandatory)``."""


def patch(module: ModuleType) -> None:
    """Make every message carry the IDs."""
    make_properties = module.spec.BasicProperties

    def publish(
        wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if len(args) > _PROPERTIES:
            sent = _with_ids(args[_PROPERTIES], make_properties)
            args = (*args[:_PROPERTIES], sent, *args[_PROPERTIES + 1 :])
        else:
            kwargs["properties"] = _with_ids(kwargs.get("properties"), make_properties)
        return wrapped(*args, **kwargs)

    wrap(module, "Channel.basic_publish", publish)


def _with_ids(properties: Any, make_properties: Callable[[], Any]) -> Any:
    with suppress(Exception):  # what are no properties is the channel's to refuse
        before = getattr(properties, "headers", None) or {}
        headers = inject(dict(before))
        if len(headers) > len(before):
            sent = make_properties() if properties is None else copy.copy(properties)
            sent.headers = headers
            return sent
    return properties
