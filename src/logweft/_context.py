"""The Context, one immutable value in one ContextVar, and the verbs that change it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token, copy_context
from functools import wraps
from types import MappingProxyType, TracebackType
from typing import Any, ParamSpec, TypeVar, final

_P = ParamSpec("_P")
_R = TypeVar("_R")

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=-]{0,127}", re.ASCII)


@final
class Context:
    """
    What is known about the work in progress: its correlation ID and the fields bound to it.

    Read-only; `bind` and `adopt` make a new one. Equal to nothing but itself.

    Attributes:
        correlation_id: the ID that all lines of one piece of work share, or None outside of any.
        fields: ``{name: value}``, what `bind` added.
    """

    __slots__ = ("correlation_id", "fields")

    correlation_id: str | None
    fields: Mapping[str, Any]

    def __init__(
        self, correlation_id: str | None = None, fields: Mapping[str, Any] = _NO_FIELDS
    ) -> None:
        object.__setattr__(self, "correlation_id", correlation_id)
        object.__setattr__(self, "fields", fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Context is read-only; use bind({name}=...) to add a field")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Context is read-only")

    def __repr__(self) -> str:
        # The fields' names only: their values may be secrets.
        return f"Context(correlation_id={self.correlation_id!r}, fields={list(self.fields)!r})"


NOTHING = Context()
_current: ContextVar[Context] = ContextVar("logweft_context", default=NOTHING)


def current() -> Context:
    """
    Return the Context of the work in progress; outside of any, an empty one.

    Raises:
        Nothing.
    """
    return _current.get()


class Scope:
    """
    A change of Context, made already; as a context manager it is undone at the end of the block.

    Works with ``with`` and ``async with``. Leaving restores what was there before; where that
    is impossible, since the block is left in another task or thread than it was entered in, the
    Context there is left alone.
    """

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Token[Context] | None = _current.set(context)

    def __enter__(self) -> Context:
        return self._context

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        # ValueError: made in another contextvars.Context; an async generator finalised elsewhere.
        with suppress(ValueError):
            _current.reset(token)

    async def __aenter__(self) -> Context:
        return self._context

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, tb)


def bind(**fields: Any) -> Scope:
    """
    Add *fields* to every line logged from here on in this scope, or for a ``with`` block.

    Args:
        fields: any names and values; a name bound before is replaced.

    Returns:
        The `Scope`; ignore it (the fields stay) or use it in a ``with`` statement.

    Raises:
        Nothing.
    """
    context = _current.get()
    return Scope(Context(context.correlation_id, MappingProxyType({**context.fields, **fields})))


def adopt(incoming: str | None = None) -> Scope:
    """
    Begin one unit of work, for a ``with`` block: under the caller's ID, or under a new one.

    Args:
        incoming: the caller's correlation ID, 1 to 128 characters of ``A-Z a-z 0-9 . _ : + = -``
            and beginning with a letter or digit. None, or anything else, mints one.

    Returns:
        The `Scope`; its block has a fresh Context, whose only content is the correlation ID.

    Raises:
        Nothing. An invalid ID is replaced and appears nowhere.
    """
    if not (isinstance(incoming, str) and _ID.fullmatch(incoming)):
        incoming = mint()
    return Scope(Context(incoming))


def mint() -> str:
    """
    Return a new correlation ID: 32 lower-case hex digits, not all zero.

    Source: W3C Trace Context level 2, section 3.2.2.3: 16 random bytes can be a trace-id.
    """
    return os.urandom(16).hex()


def carry(func: Callable[_P, _R]) -> Callable[_P, _R]:
    """
    Return *func* so that it runs under the Context of here, wherever it is called.

    Args:
        func: any callable. It may be called often and from several threads at once.

    Returns:
        A callable of the same signature; result and exceptions are passed through.

    Raises:
        Nothing.
    """
    snapshot = copy_context()

    @wraps(func)
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        # A Context object can be entered once at a time; a copy is cheap and always free.
        return snapshot.copy().run(func, *args, **kwargs)

    return carried
