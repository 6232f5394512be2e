"""The Context, one immutable value in one ContextVar, and the verbs that change it."""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar, Token, copy_context
from functools import wraps
from types import CodeType, MappingProxyType, TracebackType
from typing import Any, NamedTuple, ParamSpec, TypeVar, final

from ._plain import Walk
from ._redact import shown
from ._trace import (
    ORDER,
    RANDOM,
    TRACEPARENT_LENGTH,
    Incoming,
    is_id,
    is_trace_id,
    mint_ids,
    mint_span_id,
    read_headers,
    write_traceparent,
)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_C = TypeVar("_C")

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})
_UNRENDERED = (None, "", _NO_FIELDS)
_UNSPANNED = (None, None)

_Told = tuple[str | None, str | None, str | None, int, str, str, str | None]
"""
The seven values of an `Incoming`, as a plain tuple where only an ID is known: that takes 0.05 µs,
an `Incoming` 0.2 (3.11).
"""

_NOTHING_TOLD: _Told = Incoming()
_NO_TRACE = _NOTHING_TOLD[1:]


class _Values:
    # What a Context is made of, while it is made; see `_made`.
    __slots__ = (
        *("correlation_id", "fields", "trace_id", "span_id", "trace_flags"),
        *("tracestate", "baggage", "shows_trace"),
        # What a line says of it, kept by whoever has written one: see `_render`.
        "rendered",
        # It with the last span's IDs: see `with_span`.
        "spanned",
    )

    correlation_id: str | None
    trace_id: str | None
    span_id: str | None
    trace_flags: int
    shows_trace: bool
    fields: Mapping[str, Any]
    tracestate: str
    baggage: str
    rendered: tuple[object, str, Mapping[str, Any]]
    spanned: tuple[object, Context | None]


@final
class Context(_Values):
    """
    What is known about the work in progress: its IDs and the fields bound to it.

    Read-only; `bind` and `adopt` make a new one. Equal to nothing but itself.

    Attributes:
        correlation_id: the ID that all lines of one piece of work share, or None outside of any.
        trace_id: 32 hex digits, as ``traceparent`` has them; the same as *correlation_id* unless
            the caller gave an ID of another form. None outside of any work.
        span_id: 16 hex digits of this unit of work, or None.
        trace_flags: the bits of ``traceparent``.
        shows_trace: the lines tell the three above too, as they say more than *correlation_id*.
        fields: ``{name: value}``, what `bind` added.
    """

    VALUES = _Values.__slots__[:-2]
    """What it is made of: the names that `Context` takes."""

    __slots__ = ()

    def __new__(
        cls,
        correlation_id: str | None = None,
        fields: Mapping[str, Any] = _NO_FIELDS,
        *,
        trace_id: str | None = None,
        span_id: str | None = None,
        trace_flags: int = 0,
        tracestate: str = "",
        baggage: str = "",
        shows_trace: bool = False,
    ) -> Context:
        return _made(
            correlation_id, fields, trace_id, span_id, trace_flags, tracestate, baggage, shows_trace
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Context is read-only; use bind({name}=...) to add a field")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Context is read-only")

    def __repr__(self) -> str:
        # The fields' names only: their values may be secrets.
        return f"Context(correlation_id={self.correlation_id!r}, fields={list(self.fields)!r})"

    def __copy__(self) -> Context:
        return self

    def __deepcopy__(self, memo: object) -> Context:
        return self  # others copy records, in which one may be

    def __reduce__(self) -> tuple[Callable[..., Context], tuple[Any, ...]]:
        # Records are pickled for a socket, or another process's queue. Fields cross as JSON's
        # types, so that this cannot fail.
        ids = {name: getattr(self, name) for name in Context.VALUES if name != "fields"}
        return _unpickled, (ids, Walk().mapping(self.fields.items()))

    def with_fields(self, fields: Mapping[str, Any]) -> Context:
        """
        Return the same with *fields* in place of its own.

        Raises:
            Nothing.
        """
        return _made(
            self.correlation_id,
            fields,
            self.trace_id,
            self.span_id,
            self.trace_flags,
            self.tracestate,
            self.baggage,
            self.shows_trace,
        )


def _made(
    correlation_id: str | None,
    fields: Mapping[str, Any],
    trace_id: str | None,
    span_id: str | None,
    trace_flags: int,
    tracestate: str,
    baggage: str,
    shows_trace: bool,
) -> Context:
    # A function, called by position, sets them where no __setattr__ is in the way: 0.18 µs of each
    # bind(). The class, called by name, takes 0.5; past a __setattr__ it were 1.7 (3.11).
    values: Any = _Values()
    values.correlation_id = correlation_id
    values.fields = fields
    values.trace_id = trace_id
    values.span_id = span_id
    values.trace_flags = trace_flags
    values.tracestate = tracestate
    values.baggage = baggage
    values.shows_trace = shows_trace
    values.rendered = _UNRENDERED
    values.spanned = _UNSPANNED
    values.__class__ = Context
    context: Context = values
    return context


def _unpickled(ids: Mapping[str, Any], fields: Mapping[str, Any]) -> Context:
    return Context(fields=MappingProxyType(fields), **ids)


ADOPTED = "logweft.context"
"""Where a request that is under an ID already says so: a key of its ASGI scope or WSGI environ."""

NOTHING = Context()
_current: ContextVar[Context] = ContextVar("logweft_context", default=NOTHING)


class Policy(NamedTuple):
    """
    Whom to believe and whom to tell; set by `install`.

    Attributes:
        trust: ``"always"``, ``"never"``, or the networks whose callers' IDs are adopted.
        order: which header gives the correlation ID; see `_trace.ORDER`.
        propagate_to: patterns of hosts that are sent the IDs and the baggage; None: the IDs go to
            every host, the baggage to none.
    """

    trust: str | Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = "always"
    order: Sequence[str] = ORDER
    propagate_to: Sequence[str] | None = None


policy = Policy()


def set_policy(new: Policy) -> Policy:
    """Set the process's `Policy`; return the one before."""
    global policy
    before, policy = policy, new
    return before


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

    __slots__ = ("_token", "context")

    def __init__(self, context: Context) -> None:
        self.context = context
        self._token: Token[Context] | None = _current.set(context)

    def __enter__(self) -> Context:
        return self.context

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        if tb is not None:
            _note_ended(exc, tb, self.context)
        try:
            _current.reset(token)
        except ValueError:
            return  # made in another contextvars.Context; an async generator finalised elsewhere

    async def __aenter__(self) -> Context:
        return self.context

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, tb)


# Which Context an exception has ended: the line that tells of it is logged outside of all blocks.
# By id(), since most exceptions take no weak reference, and to hold them would hold all that their
# frames do. That another has the same id is found out by the traceback, see `ended_by`.
_ended: dict[int, tuple[int, CodeType, int, Context]] = {}
_MAX_ENDED = 256


def _note_ended(exc: BaseException | None, tb: TracebackType, context: Context) -> None:
    if ended_by(exc) is None:  # else it comes out of an inner block
        if len(_ended) >= _MAX_ENDED:
            _ended.clear()
        _ended[id(exc)] = id(tb), tb.tb_frame.f_code, tb.tb_lasti, context


def ended_by(exc: object) -> Context | None:
    """
    Return the Context of the innermost block that *exc* has ended; None: it has ended none.

    Raises:
        Nothing.
    """
    known = _ended.get(id(exc))
    tb = exc.__traceback__ if known is not None and isinstance(exc, BaseException) else None
    while known is not None and tb is not None:
        # Where that block is, an exception passes by only through it, and is noted there.
        if (id(tb), tb.tb_frame.f_code, tb.tb_lasti) == known[:3]:
            return known[3]
        tb = tb.tb_next
    return None


def enter(context: Context) -> Scope:
    """Make *context*, taken by `current` elsewhere, the one of here."""
    return Scope(context)


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
    if context.fields:
        fields = {**context.fields, **fields}
    return Scope(context.with_fields(MappingProxyType(fields)))


def adopt(incoming: object = None, *, peer: str | None = None) -> Scope:
    """
    Begin one unit of work, for a ``with`` block: under the caller's ID, or under a new one.

    Args:
        incoming: the caller's correlation ID, 1 to 128 characters of ``A-Z a-z 0-9 . _ : + = -``
            that begin with a letter or digit; or its headers: ``{name: value}``,
            ``[(name, value)]``, ``str`` or ``bytes``, a WSGI environ, a process environment. None,
            or anything else, mints an ID.
        peer: the caller's IP address; who is trusted is said to `install`. None: there is none to
            check (a queue; ASGI on a Unix socket), and who sent it is trusted unless *trust* is
            ``"never"``.

    Returns:
        The `Scope`. Its block has a fresh Context: the IDs, and as fields ``request_id``, if a
        proxy sent one beside, and ``upstream_id``, if the caller's ID was not trusted.

    Raises:
        Nothing that is an Exception. An invalid ID is replaced and appears nowhere.
    """
    correlation_id, trace_id, _, flags, tracestate, baggage, request_id = _read(incoming)
    fields: dict[str, Any] = {}
    if correlation_id and not _trusts(peer):
        fields["upstream_id"] = correlation_id
        correlation_id = trace_id = None
        tracestate = baggage = ""
    if request_id and request_id != correlation_id:
        fields["request_id"] = request_id
    if trace_id is None and len(correlation_id or "") == 32 and is_trace_id(correlation_id):
        trace_id = correlation_id
    if trace_id is None:
        trace_id, span_id = mint_ids()
        flags = RANDOM
    else:
        span_id = mint_span_id()
    return Scope(
        _made(
            correlation_id or trace_id,
            MappingProxyType(fields) if fields else _NO_FIELDS,
            trace_id,
            span_id,
            flags,
            tracestate,
            baggage,
            correlation_id not in (None, trace_id),
        )
    )


def _read(incoming: object) -> _Told:
    if incoming is None:
        return _NOTHING_TOLD
    if issubclass(type(incoming), str):  # isinstance asks the object, which may raise
        incoming = str.__str__(incoming)  # the text itself, whatever a subclass says of its value
        if len(incoming) >= TRACEPARENT_LENGTH:
            told = read_headers([("traceparent", incoming)])
            if told.trace_id is not None:
                return told
        return (incoming, *_NO_TRACE) if is_id(incoming) else _NOTHING_TOLD
    return read_headers(incoming, policy.order)


def _trusts(peer: str | None) -> bool:
    trust = policy.trust
    if isinstance(trust, str) or peer is None:
        return trust != "never"
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    # A socket of both IPv6 and IPv4 says ::ffff:10.1.2.3 of 10.1.2.3.
    known = {address, getattr(address, "ipv4_mapped", None) or address}
    return any(each in network for network in trust for each in known)


def inject(headers: _C, *, host: str | None = None) -> _C:
    """
    Write the IDs of the current work into *headers*, unless they are there already.

    Written are ``traceparent``, with a parent ID of its own for each call, ``tracestate`` if the
    work has one, and ``X-Correlation-ID``.

    Args:
        headers: ``{name: value}`` or ``[(name, value)]``, changed in place. Names and values may
            be ``str`` or ``bytes``, each as those that are there are.
        host: whom they go to, where that is a host; see ``propagate_to`` of `install`.

    Returns:
        *headers*. Outside of any work, or if they are no such thing, as they were.

    Raises:
        Nothing that is an Exception.
    """
    context = with_span(_current.get())
    if context.trace_id is None:
        return headers
    to_host = _propagates_to(host)
    if host is not None and policy.propagate_to is not None and not to_host:
        return headers
    values = {
        "traceparent": write_traceparent(context.trace_id, mint_span_id(), context.trace_flags),
        "tracestate": context.tracestate,
        "X-Correlation-ID": context.correlation_id or "",
        "baggage": context.baggage if to_host else "",
    }
    with suppress(Exception):  # a carrier that takes no headers gets none
        _write(headers, values)
    return headers


def _propagates_to(host: str | None) -> bool:
    patterns = policy.propagate_to
    if patterns is None or host is None:
        return False
    host = host.lower()
    return any(fnmatch.fnmatchcase(host, pattern) for pattern in patterns)


def _write(headers: Any, values: Mapping[str, str]) -> None:
    """Add what is not there, whatever its case; a tracestate belongs to our traceparent alone."""
    is_pairs = isinstance(headers, list)
    names = [pair[0] for pair in headers] if is_pairs else list(headers)
    present = {_lower(name) for name in names}
    in_bytes = bool(names) and isinstance(names[0], bytes)
    # Kafka's names are text and its values bytes; a value of neither kind tells nothing.
    told = [pair[1] for pair in headers] if is_pairs else [headers[name] for name in names]
    are_bytes = [isinstance(each, bytes) for each in told if isinstance(each, (str, bytes))]
    value_in_bytes = all(are_bytes) if are_bytes else in_bytes
    for name, value in values.items():
        if not value or name.lower() in present:
            continue
        if name == "tracestate" and "traceparent" in present:
            continue
        pair: tuple[Any, Any] = (
            name.lower().encode() if in_bytes else name,
            value.encode() if value_in_bytes else value,
        )
        if is_pairs:
            headers.append(pair)
        else:
            headers[pair[0]] = pair[1]


def _lower(name: Any) -> str:
    return name.decode("latin-1").lower() if isinstance(name, bytes) else str(name).lower()


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Return a process environment that hands the current work to a child process.

    Use it as ``subprocess.run(..., env=logweft.child_environment())``; a child that calls `install`
    adopts it.

    Args:
        environment: ``{name: value}`` to begin with; None is this process's own. Not changed.

    Raises:
        TypeError: *environment* is not a mapping.

    Source: OpenTelemetry, "Environment variables as context propagation carriers".
    """
    if environment is not None and not isinstance(environment, Mapping):
        raise TypeError(f"environment must be a mapping, got {shown(environment)}")
    result = dict(os.environ if environment is None else environment)
    headers: dict[str, str] = {}
    inject(headers)
    for name, value in headers.items():
        result[name.upper().replace("-", "_")] = value
    return result


def with_span(context: Context) -> Context:
    """
    Return *context* with the IDs of OpenTelemetry's active span, if there is one: they win.

    Raises:
        Nothing that is an Exception.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return context
    try:
        # The same object while no other span is entered; to ask for the span takes 0.3 µs more.
        active = sys.modules["opentelemetry.context"].get_current()
        known, result = context.spanned
        if active is not known:
            result = _spanned(context, trace.get_current_span().get_span_context())
            _set_spanned(context, (active, result))
        return context if result is None else result
    except Exception:  # noqa: BLE001 - another package's object, half imported or of another version
        return context


def _spanned(context: Context, span: Any) -> Context | None:
    """Return *context* with the IDs of *span*, a SpanContext; None: there is no span."""
    if not span.is_valid:
        return None
    trace_id = f"{span.trace_id:032x}"
    return _made(
        context.correlation_id or trace_id,
        context.fields,
        trace_id,
        f"{span.span_id:016x}",
        int(span.trace_flags),
        context.tracestate,
        context.baggage,
        shows_trace=True,
    )


# Past a __setattr__: 0.04 µs, where object.__setattr__ takes 0.1 (3.11).
set_rendered = Context.rendered.__set__  # type: ignore[attr-defined]  # a slot
_set_spanned = Context.spanned.__set__  # type: ignore[attr-defined]  # a slot


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
