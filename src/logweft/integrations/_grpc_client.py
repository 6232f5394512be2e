"""
grpc client: an RPC carries the IDs of its work, of a sync channel and of grpc.aio's.

Edge        outbound
Patches     The calls of grpc._channel's multi-callables, and what grpc.aio makes of each call: both
            below interceptors, so that what an interceptor has set is seen and wins, and below
            channels, so that one made earlier is covered. Names of metadata are lower-case.
Tested with grpcio >= 1.60
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from logweft._context import inject

from ._patch import wrap

_CALLS = {
    "_UnaryUnaryMultiCallable": ("__call__", "with_call", "future"),
    "_UnaryStreamMultiCallable": ("__call__",),
    "_SingleThreadedUnaryStreamMultiCallable": ("__call__",),
    "_StreamUnaryMultiCallable": ("__call__", "with_call", "future"),
    "_StreamStreamMultiCallable": ("__call__",),
}
_AIO_CALLS = ("UnaryUnaryCall", "UnaryStreamCall", "StreamUnaryCall", "StreamStreamCall")

_METADATA = 2
"""Where metadata is in a call's ``(request, timeout, metadata, ...)``, of grpc.aio too."""

_AIO_CHANNEL = 5


_SCHEME = re.compile("(dns|ipv4|ipv6):")


def patch(module: ModuleType) -> None:
    """Make every RPC carry the IDs."""
    if hasattr(module, "UnaryUnaryCall"):
        for name in _AIO_CALLS:
            wrap(module, f"{name}.__init__", _aio_call)
        return
    for name, methods in _CALLS.items():
        for method in methods:
            wrap(module, f"{name}.{method}", _call)


def _call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _with_ids(wrapped, instance._channel, args, kwargs)


def _aio_call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    channel = args[_AIO_CHANNEL] if len(args) > _AIO_CHANNEL else kwargs["channel"]
    return _with_ids(wrapped, channel, args, kwargs)


def _with_ids(
    wrapped: Callable[..., Any], channel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    is_positional = len(args) > _METADATA
    given = args[_METADATA] if is_positional else kwargs.get("metadata")
    own = [] if given is None else list(given)
    with_ids = inject(own.copy(), host=_host(channel.target))
    added = [(name.lower(), value) for name, value in with_ids[len(own) :]]
    if not added:
        return wrapped(*args, **kwargs)
    if is_positional:
        args = (*args[:_METADATA], (*own, *added), *args[_METADATA + 1 :])
    else:
        kwargs = {**kwargs, "metadata": (*own, *added)}
    return wrapped(*args, **kwargs)


def _host(target: Any) -> str:
    """Return the host in ``host:port``, ``dns://server/host`` or ``ipv6:[::1]:port``."""
    uri = (target() if callable(target) else target).decode()
    address = uri.rpartition("/")[2] if "://" in uri else _SCHEME.sub("", uri)
    if not address.endswith("]"):
        head, colon, _ = address.rpartition(":")
        address = head if colon else address
    return str(address).strip("[]")
