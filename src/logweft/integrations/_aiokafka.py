"""
aiokafka: a message carries the IDs of the work that sends it.

Edge        outbound
Patches     AIOKafkaProducer.send, which send_and_wait goes through. It is handed a copy of the
            headers: a list of pairs of text and bytes. A batch's records are appended one by one,
            with headers of their own: use inject. Where a consumer's loop is done with a message,
            it alone knows: ``with logweft.adopt(message.headers):`` is for that.
Tested with aiokafka >= 0.11
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap

_HEADERS = 5
"""Where headers are in ``send(topic, value, key, partition, timestamp_ms, headers)``."""


def patch(module: ModuleType) -> None:
    """Make every message carry the IDs."""
    wrap(module, "AIOKafkaProducer.send", _send)


def _send(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(args) > _HEADERS:
        args = (*args[:_HEADERS], _with_ids(args[_HEADERS]), *args[_HEADERS + 1 :])
    else:
        kwargs["headers"] = _with_ids(kwargs.get("headers"))
    return wrapped(*args, **kwargs)


def _with_ids(headers: Any) -> Any:
    with suppress(Exception):  # what is no list of pairs is the producer's to refuse
        if headers is None or isinstance(headers, (list, tuple)):
            pairs = list(headers or ())
            ids = inject(dict.fromkeys((name for name, _ in pairs), ""))
            for name, _ in pairs:
                ids.pop(name, None)
            if ids:
                return [*pairs, *((name, value.encode()) for name, value in ids.items())]
    return headers
