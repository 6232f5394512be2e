"""What crosses to another thread's or process's task: a Context, and a callable under it."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import logweft
from logweft._context import Context, enter
from logweft._plain import Walk


class Parcel:
    """
    A Context for another process. Where it is unpickled, logging is installed as it is here.

    What was bound crosses as JSON's types, so that pickling it cannot fail.
    """

    __slots__ = ("_fields", "_ids", "_options")

    def __init__(self, context: Context) -> None:
        from logweft._install import options_for_child

        self._ids = {name: getattr(context, name) for name in Context.__slots__ if name != "fields"}
        self._fields = Walk().mapping(context.fields.items())
        self._options = options_for_child()

    def __reduce__(self) -> tuple[Callable[..., Parcel], tuple[Any, ...]]:
        return _unpack, (self._ids, self._fields, self._options)

    def open(self) -> Context:
        """Return the Context."""
        return Context(fields=MappingProxyType(self._fields), **self._ids)


def _unpack(ids: dict[str, Any], fields: dict[str, Any], options: dict[str, Any] | None) -> Parcel:
    from logweft._install import install_child

    if options is not None:
        install_child(options)
    parcel = object.__new__(Parcel)
    parcel._ids, parcel._fields, parcel._options = ids, fields, options
    return parcel


class Task:
    """A callable with the Context it is to run under; pickles if the callable does."""

    __slots__ = ("_context", "_func")

    def __init__(self, func: Callable[..., Any], context: Context | Parcel) -> None:
        self._func = func
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = self._context
        if not isinstance(context, Parcel):
            with enter(context):
                return self._func(*args, **kwargs)
        try:
            with enter(context.open()):
                return self._func(*args, **kwargs)
        finally:
            # A worker process is ended by a signal or os._exit as soon as its pool is closed.
            logweft.flush()
