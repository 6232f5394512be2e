"""
Dramatiq: a message is processed under the ID of the work that sent it, else under a new one.

Edge        hop
Patches     Message.encode, which every broker calls where the message is sent: the IDs are options
            of the encoded copy, and a retry, whose message was decoded with them, keeps them.
            WorkerThread.process_message, the one call around the actor, the middleware, the retry
            and the line of a failure. Worker.stop, as the command's processes leave by os._exit.
Tested with dramatiq >= 1.17, by Redis and StubBroker
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import adopt, bind, inject

from ._hop import flush
from ._patch import wrap


def patch(module: ModuleType) -> None:
    """Make messages carry the ID, and workers adopt it."""
    if module.__name__ == "dramatiq.message":
        wrap(module, "Message.encode", _encode)
    else:
        owner = "WorkerThread" if hasattr(module, "WorkerThread") else "_WorkerThread"
        wrap(module, f"{owner}.process_message", _process_message)
        wrap(module, "Worker.stop", _stop)


def _encode(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    options = inject(dict(instance.options))
    if options == instance.options:
        return wrapped(*args, **kwargs)
    # A copy, as the message is the user's, who may send it again from other work. It comes here
    # in its turn, with the IDs in it.
    return instance.copy(options=options).encode(*args, **kwargs)


def _process_message(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    message = args[0] if args else kwargs.get("message")
    if message is None:
        return wrapped(*args, **kwargs)  # a TypeError of its own
    with adopt(message.options), bind(job_id=message.message_id, job=message.actor_name):
        return wrapped(*args, **kwargs)


def _stop(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    try:
        return wrapped(*args, **kwargs)
    finally:
        flush()
