"""
taskiq: a task runs under the ID of whoever sent it.

Edge        inbound, and outbound where a task is sent
Patches     AsyncKicker.kiq, which every task is sent through, a retried and a scheduled one too,
            and AsyncKicker._prepare_message, which makes its message: the IDs go into the labels,
            where taskiq's own OpenTelemetry middleware puts its, on top of ours. A schedule's
            labels, made by the same method, get none: each of its runs is work of its own.
            Receiver.callback, the one call around a message, its middlewares, its lines and its
            result, and TaskiqMessage.parse_labels, the first thing it does with a message read.
            A worker without logweft finds labels that it does not know, as it does of anybody.
Tested with taskiq >= 0.11.11
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from logweft._context import Context, adopt, current, inject

from ._patch import wrap

_sending: ContextVar[object] = ContextVar("logweft_taskiq_sending", default=None)
_receiving: ContextVar[Context | None] = ContextVar("logweft_taskiq_receiving", default=None)


def patch(module: ModuleType) -> None:
    """Send the IDs in a task's labels, and adopt them around it."""
    if hasattr(module, "AsyncKicker"):
        wrap(module, "AsyncKicker.kiq", _kiq)
        wrap(module, "AsyncKicker._prepare_message", _prepare_message)
    elif hasattr(module, "Receiver"):
        wrap(module, "Receiver.callback", _callback)
    else:
        wrap(module, "TaskiqMessage.parse_labels", _parse_labels)


def _kiq(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _sent(wrapped, instance, args, kwargs)


async def _sent(
    wrapped: Callable[..., Any], kicker: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    _sending.set(kicker)
    return await wrapped(*args, **kwargs)


def _prepare_message(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    is_sent = _sending.get() is instance
    _sending.set(None)  # once: the same kicker may make a schedule next
    message = wrapped(*args, **kwargs)
    if is_sent:
        inject(message.labels)  # a dict of the message's own
    return message


def _callback(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _received(wrapped, args, kwargs)


async def _received(
    wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    async with adopt() as context:  # until the message is read, or if it cannot be
        _receiving.set(context)
        return await wrapped(*args, **kwargs)


def _parse_labels(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = _receiving.get()
    if context is not None and context is current():
        adopt(instance.labels)  # undone at the end of the callback
    return wrapped(*args, **kwargs)
