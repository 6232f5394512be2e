"""
hypercorn: each request it serves is one unit of work, whatever the application is.

Edge        inbound
Patches     _handle of its task groups: the one call around the application, most access lines and
            the line of an exception nobody caught. Logger.access, for the line of a client that has
            gone, and _send_error_response of both streams, for hypercorn's own 500. _build_environ,
            so that a WSGI application knows it is under an ID. And Logger.__init__, which gives its
            loggers handlers by assignment, when the application may have called install() already.
Tested with hypercorn >= 0.14, on asyncio and on trio
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from logweft._context import ADOPTED, Context, adopt, current, enter
from logweft.asgi import answering

from ._patch import is_taken, reached, wrap


def patch(module: ModuleType) -> None:
    """Adopt the caller's ID around whatever application is served, and take the handlers over."""
    if hasattr(module, "_handle"):
        wrap(module, "_handle", _handle)
    elif hasattr(module, "_build_environ"):
        wrap(module, "_build_environ", _build_environ)
    elif hasattr(module, "_create_logger"):
        wrap(module, "Logger.__init__", _logger)
        wrap(module, "Logger.access", _access)
    else:
        stream = "HTTPStream" if hasattr(module, "HTTPStream") else "WSStream"
        wrap(module, f"{stream}._send_error_response", _send_error_response)


def _handle(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if kwargs or len(args) < 5:
        return wrapped(*args, **kwargs)
    return _adopted(wrapped, *args)


async def _adopted(wrapped: Callable[..., Any], *args: Any) -> Any:
    app, config, scope, receive, send, *rest = args
    client = scope.get("client")
    async with adopt(scope.get("headers"), peer=client[0] if client else None) as context:
        scope[ADOPTED] = context
        answer = answering(send, context)

        async def send_with_id(message: Any) -> None:
            await (send if message is None else answer)(message)  # None: the application is done

        return await wrapped(app, config, scope, receive, send_with_id, *rest)


def _build_environ(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    environ = wrapped(*args, **kwargs)
    scope = args[0] if args else {}
    if ADOPTED in scope:
        environ[ADOPTED] = scope[ADOPTED]
    return environ


def _send_error_response(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context = instance.scope.get(ADOPTED)
    call = wrapped(*args, **kwargs)
    return call if context is None else _answered(call, instance, context)


async def _answered(call: Awaitable[Any], stream: Any, context: Context) -> Any:
    send = stream.send
    header = (b"x-correlation-id", (context.correlation_id or "").encode())

    async def send_with_id(event: Any) -> Any:
        if hasattr(event, "headers"):
            event = dataclasses.replace(event, headers=[*event.headers, header])
        return await send(event)

    stream.send = send_with_id
    try:
        return await call
    finally:
        stream.send = send


def _access(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    scope = args[0] if args else {}
    return _under(scope.get(ADOPTED) or current(), wrapped(*args, **kwargs))


async def _under(context: Context, call: Awaitable[Any]) -> Any:
    with enter(context):
        return await call


def _logger(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    wrapped(*args, **kwargs)
    for logger in (instance.access_logger, instance.error_logger):
        for handler in getattr(logger, "handlers", ())[:]:
            logger.addHandler(handler)  # it is there: this tells install() of it
    config = args[0] if args else kwargs.get("config")
    if getattr(config, "errorlog", None) == "-":
        for handler in instance.error_logger.handlers:
            handler.addFilter(_unless_told(instance.error_logger, handler))


def _unless_told(logger: logging.Logger, own: Any) -> Callable[[logging.LogRecord], bool]:
    """
    Return a filter for *own* of *logger*: what another writes to the console is not told twice.

    hypercorn's error lines go to the root logger's handlers too, and whoever collects the console
    collects both of its streams.
    """

    def passes(record: logging.LogRecord) -> bool:
        console = (sys.stdout, sys.stderr)
        # Not taken over, as without install(), it is hypercorn's own, and tells everything.
        if not is_taken(own) or getattr(own, "stream", None) not in console:
            return True
        return not any(
            each is not own
            and getattr(each, "stream", None) in console
            and each.level <= record.levelno
            and not each.filters
            for each in reached(logger)
        )

    return passes
