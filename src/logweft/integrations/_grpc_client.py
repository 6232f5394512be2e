"""
grpc client: an RPC carries the IDs of its work, of a sync channel and of grpc.aio's.

Edge        outbound
Patches     The calls of grpc._channel's multi-callables, and what grpc.aio makes of each call: both
            below interceptors, so that what an interceptor has set is seen and wins, and below
            channels, so that one made earlier is covered. Names of metadata are lower-case. And
            grpc.aio._channel.Channel.__init__, as grpc.aio long kept its target to itself.
Tested with grpcio >= 1.60
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator
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

_targets: dict[int, bytes] = {}
"""By the id of the inner channel; one made before `install` is not there, and has no host."""


def patch(module: ModuleType) -> None:
    """Make every RPC carry the IDs."""
    if module.__name__ == "grpc.aio._channel":
        wrap(module, "Channel.__init__", _aio_channel)
        return
    if module.__name__ == "grpc.aio._call":
        for name in _AIO_CALLS:
            wrap(module, f"{name}.__init__", _aio_call)
        return
    for name, methods in _CALLS.items():
        for method in methods:
            wrap(module, f"{name}.{method}", _call)


def _call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _with_ids(wrapped, instance._channel.target(), args, kwargs)


def _aio_channel(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    wrapped(*args, **kwargs)
    inner = id(instance._channel)  # which can hold neither an attribute nor a weak reference
    target = args[0] if args else kwargs["target"]
    _targets[inner] = target.encode() if isinstance(target, str) else target
    weakref.finalize(instance, _targets.pop, inner, None).atexit = False


def _aio_call(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    channel = args[_AIO_CHANNEL] if len(args) > _AIO_CHANNEL else kwargs["channel"]
    target = getattr(channel, "target", None) or _targets.get(id(channel), b"")
    return _with_ids(wrapped, target, args, kwargs)


def _with_ids(
    wrapped: Callable[..., Any], target: bytes, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    is_positional = len(args) > _METADATA
    given = args[_METADATA] if is_positional else kwargs.get("metadata")
    own = [] if given is None else list(given)
    with_ids = inject(own.copy(), host=_host(target))
    added = [(name.lower(), value) for name, value in with_ids[len(own) :]]
    if not added and not isinstance(given, Iterator):  # which is read by now
        return wrapped(*args, **kwargs)
    if is_positional:
        args = (*args[:_METADATA], (*own, *added), *args[_METADATA + 1 :])
    else:
        kwargs = {**kwargs, "metadata": (*own, *added)}
    return wrapped(*args, **kwargs)


def _host(target: bytes) -> str:
    """Return the host in ``host:port``, ``dns://server/host`` or ``ipv6:[::1]:port``."""
    uri = target.decode(errors="replace")
    address = uri.rpartition("/")[2] if "://" in uri else _SCHEME.sub("", uri)
    if not address.endswith("]"):
        head, colon, _ = address.rpartition(":")
        address = head if colon else address
    return str(address).strip("[]")
