"""What crosses to another thread's or process's task: a Context, and a callable under it."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

from logweft._context import Context, enter
from logweft._plain import Walk


class Host(NamedTuple):
    """
    What `install` lends to those who take work to another process.

    Attributes:
        options: what logging is installed with there; picklable, or None.
        receive: called there with ``(ids, fields, options)``: installs, returns the `Parcel`. It is
            found by its name, so that unpickling needs nothing to be set up before.
        flush: wait until everything logged is written.
    """

    options: Callable[[], dict[str, Any] | None]
    receive: Callable[..., Parcel]
    flush: Callable[[], bool]


host: Host | None = None


def set_host(new: Host) -> None:
    """Set the process's `Host`."""
    global host
    host = new


def flush() -> None:
    """Wait until everything logged is written; without `install` there is nothing to wait for."""
    if host is not None:
        host.flush()


class Parcel:
    """
    A Context for another process. Where it is unpickled, logging is installed as it is here.

    What was bound crosses as JSON's types, so that pickling it cannot fail.
    """

    __slots__ = ("_fields", "_ids", "_options")

    def __init__(
        self, ids: dict[str, Any], fields: dict[str, Any], options: dict[str, Any] | None
    ) -> None:
        self._ids = ids
        self._fields = fields
        self._options = options

    @classmethod
    def of(cls, context: Context) -> Parcel:
        """Return a parcel of *context* and of the options logging is installed with."""
        names = [name for name in Context.VALUES if name != "fields"]
        return cls(
            {name: getattr(context, name) for name in names},
            Walk().mapping(context.fields.items()),
            None if host is None else host.options(),
        )

    def __reduce__(self) -> tuple[Callable[..., Parcel], tuple[Any, ...]]:
        receive = Parcel if host is None else host.receive
        return receive, (self._ids, self._fields, self._options)

    def open(self) -> Context:
        """Return the Context."""
        return Context(fields=MappingProxyType(self._fields), **self._ids)


class Task:
    """A callable with the Context it is to run under; pickles if the callable does."""

    __slots__ = ("_context", "_func")

    def __init__(self, func: Callable[..., Any], context: Context | Parcel) -> None:
        self._func = func
        self._context = context

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        context = self._context
        if not isinstance(context, Parcel):
            with enter(context):
                return self._func(*args, **kwargs)
        try:
            with enter(context.open()):
                return self._func(*args, **kwargs)
        finally:
            # A worker process is ended by a signal or os._exit as soon as its pool is closed.
            flush()
