"""Trace headers: traceparent, tracestate, baggage, B3, the clouds' own. Read, checked, written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from ._pattern import Pattern

ORDER = (
    "x-correlation-id",
    "traceparent",
    "b3",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-request-id",
)
"""Which header gives the correlation ID: the first of these that is there and valid."""

SAMPLED, RANDOM = 0x01, 0x02
"""The bits of trace_flags. Source: W3C Trace Context level 2, section 3.2.2.5."""

MAX_TRACESTATE = 512
"""Characters of tracestate sent on. Source: W3C Trace Context level 2, section 3.3.1.5."""

MAX_BAGGAGE = 8192
"""Bytes of baggage sent on. Source: W3C Baggage, section 3.3.2."""

TRACEPARENT_LENGTH = 55
"""Characters of a traceparent of version 00; a later one may have more."""

_MAX_VALUE = 1 << 15
"""Characters read of one header, or of several joined: twice the longest legal tracestate."""

_MAX_PAIRS = 10_000
"""Headers looked at. A process environment, which may be the carrier, can have thousands."""

_MAX_VALUES = 128
"""Values taken of one name: each of 64 members of baggage may come in a header of its own."""

_BATCH = 64
"""IDs minted at once."""

_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
"""
Where it is set, many processes may begin as copies of one: no ID is minted ahead.

Source: AWS Lambda Developer Guide, "Handling uniqueness with Lambda SnapStart".
"""

# fullmatch throughout: ``$`` accepts a line end behind the value.
_T = r"(?!0{32})[0-9a-f]{32}"
_S = r"(?!0{16})[0-9a-f]{16}"
_ID = Pattern(r"[A-Za-z0-9][A-Za-z0-9._:+=-]{0,127}", re.ASCII)
_TRACE_ID = Pattern(_T, re.ASCII)
_SPAN_ID = Pattern(_S, re.ASCII)
_TRACEPARENT = Pattern(rf"(?!ff)([0-9a-f]{{2}})-({_T})-({_S})-([0-9a-f]{{2}})", re.ASCII)
_STATE = Pattern(r"([a-z0-9][a-z0-9_*/@-]{0,255})=[ -+\--<>-~]{0,255}[!-+\--<>-~]", re.ASCII)
_B3 = Pattern(rf"({_T}|{_S})-({_S})(?:-([01d])(?:-[0-9a-f]{{16}})?)?", re.ASCII)
_CLOUD = Pattern(rf"({_T})(?:/([0-9]{{1,20}}))?(?:;o=([0-9]{{1,3}}))?", re.ASCII)
_AMZN_ROOT = Pattern(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.ASCII)
_TOKEN = Pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OCTETS = Pattern(r"[!#-+\--:<-\[\]-~]*", re.ASCII)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_OWS = " \t"

_Headers = dict[str, list[str]]


class Incoming(NamedTuple):
    """What a caller's headers say; every ID in it is well-formed."""

    correlation_id: str | None = None
    trace_id: str | None = None
    parent_id: str | None = None
    trace_flags: int = 0
    tracestate: str = ""
    baggage: str = ""
    request_id: str | None = None


class Member(NamedTuple):
    """One member of baggage, decoded: ``Member("user", "Zoë", (("internal", None),))``."""

    key: str
    value: str
    properties: tuple[tuple[str, str | None], ...] = ()


class _Trace(NamedTuple):
    trace_id: str | None = None
    parent_id: str | None = None
    flags: int = 0


def is_id(value: object) -> bool:
    """
    Say whether *value* can be a correlation ID: a ``str`` of 1 to 128 of ``A-Za-z0-9._:+=-``.

    The first of them is a letter or digit.

    Raises:
        Nothing.
    """
    return _fits(_ID, value)


def is_trace_id(value: object) -> bool:
    """
    Say whether *value* is a trace ID: a ``str`` of 32 lower-case hex digits, not all zero.

    Raises:
        Nothing.

    Source: W3C Trace Context level 2, section 3.2.2.3.
    """
    return _fits(_TRACE_ID, value)


def _fits(pattern: Pattern, value: Any) -> bool:
    # type(), since an object can claim any __class__. What is too long costs the pattern no time.
    return issubclass(type(value), str) and pattern.fullmatch(value) is not None


def mint_ids() -> tuple[str, str]:
    """
    Return a new trace ID and span ID: 32 and 16 lower-case hex digits, not all zero.

    The flags of such a trace have `RANDOM` set. Thread-safe; no ID comes twice, in a child of a
    fork neither.

    Raises:
        Nothing.

    Source: W3C Trace Context level 2, section 3.2.2.3: 16 random bytes can be a trace-id.
    """
    while True:
        try:
            return _minted.pop()
        except IndexError:
            _mint()


def mint_span_id() -> str:
    """
    Return a new span ID: 16 lower-case hex digits, not all zero.

    Raises:
        Nothing.

    Source: W3C Trace Context level 2, section 3.2.2.4.
    """
    return mint_ids()[1]


# IDs that nobody has yet. A system call for each takes 0.4 µs more, and gives up the GIL (3.11).
_minted: list[tuple[str, str]] = []


def _mint() -> None:
    """Mint some more IDs."""
    minted = _minted  # this process's, whoever forks meanwhile: a signal handler may
    _hook_fork()
    digits = os.urandom(24 * (1 if _LAMBDA in os.environ else _BATCH)).hex()
    ids = [(digits[at : at + 32], digits[at + 32 : at + 48]) for at in range(0, len(digits), 48)]
    minted.extend([each for each in ids if each[0].strip("0") and each[1].strip("0")])


@cache
def _hook_fork() -> None:
    """Have a forked child mint its own; once, and not on import."""
    os.register_at_fork(after_in_child=_forget_minted)


def _forget_minted() -> None:
    global _minted
    _minted = []


def write_traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """
    Return the value of a ``traceparent`` header, of version 00; ``""`` if an ID is malformed.

    Args:
        trace_id: 32 lower-case hex digits, not all zero.
        span_id: 16 lower-case hex digits, not all zero: the ID of this outgoing call.
        flags: `SAMPLED` and `RANDOM` are kept, the other bits are sent as 0.

    Raises:
        Nothing.

    Source: W3C Trace Context level 2, section 3.2.2.
    """
    if not (is_trace_id(trace_id) and _fits(_SPAN_ID, span_id)):
        return ""
    bits = int.__and__(flags, SAMPLED | RANDOM) if issubclass(type(flags), int) else 0
    # join reads the text itself, whatever a subclass of str says of its value.
    return "-".join(("00", trace_id, span_id, f"{bits:02x}"))


def read_headers(incoming: object, order: Sequence[str] = ORDER) -> Incoming:
    """
    Return what the headers of a request, message or process say about the trace it belongs to.

    Args:
        incoming: ``{name: value}``, ``{name: [value]}``, ``[(name, value)]``, a WSGI environ, a
            process environment, or an object with ``.raw`` or ``.items()``. Names (in any case)
            and values may be ``str`` or ``bytes``. Anything else is as no headers.
        order: lower-case names of headers, of which the first valid one gives the correlation ID.
            A tracing header gives its trace ID, any other name a value for which `is_id` holds.

    Returns:
        The `Incoming`. Its trace comes from ``traceparent`` if that is valid, else from B3, else
        from the clouds' headers; a B3 trace ID of 16 digits has zeros put before it.

    Raises:
        Nothing that is an Exception. A malformed value, or a second value where one is allowed,
        is ignored and appears nowhere.

    Source: W3C Trace Context level 2, sections 3.2, 3.3; W3C Baggage, section 3; B3 propagation.
    """
    headers = _collect(incoming, _WANTED if order is ORDER else _WANTED.union(order))
    if not headers:
        return _NOTHING
    traces = {name: trace for name, read in _TRACERS.items() if (trace := read(headers))}
    trace = next(iter(traces.values()), _Trace())
    correlation_id = None
    for name in order:
        if name in _TRACERS:
            correlation_id = traces[name].trace_id if name in traces else None
        else:
            correlation_id = _only_id(headers, name)
        if correlation_id:
            break
    # A tracestate belongs to its traceparent and is nothing without it.
    state = _read_tracestate(headers) if "traceparent" in traces else ""
    baggage = _read_baggage(headers) if "baggage" in headers else ""
    return Incoming(correlation_id, *trace, state, baggage, _only_id(headers, "x-request-id"))


def _collect(incoming: Any, wanted: frozenset[str]) -> _Headers:
    """Return ``{lower-case name: [value]}`` of the wanted headers, with every value of a name."""
    pairs: list[Any] = []
    found: _Headers = {}
    # Only a WSGI environ, which PEP 3333 has be a dict, spells headers HTTP_X_Y. Elsewhere that is
    # a header of the client's, which a proxy told to remove x-y has let through.
    environ = issubclass(type(incoming), dict)
    request = False
    with suppress(Exception):  # the carrier may be any object; what was read of it counts
        request = environ and dict.__contains__(incoming, "REQUEST_METHOD")
        # One step for a dict, so that no other thread changes it meanwhile.
        pairs.extend(islice(_pairs(incoming), _MAX_PAIRS))
    for pair in pairs:
        try:
            key, values = pair
            name = _text(key) or ""
            if environ and name.startswith("HTTP_"):
                name = name[5:].replace("_", "-")
            elif request:
                continue  # the server's own environment, not the request's
            elif environ and name == "X_CORRELATION_ID":
                name = "x-correlation-id"  # as `child_environment` spells it
            name = name.lower() if name.isascii() else ""
            if name not in wanted:
                continue
            taken = found.setdefault(name, [])
            many = values if issubclass(type(values), (list, tuple)) else (values,)
            for value in islice(many, _MAX_VALUES - len(taken)):
                if value is not None:
                    text = _text(value)
                    # What is no text still counts as a value; no grammar here has a NUL.
                    taken.append("\0" if text is None else text)
        except Exception:  # noqa: BLE001 - one bad pair must not cost its siblings
            continue
    return found


def _pairs(incoming: Any) -> Iterator[Any]:
    cls = type(incoming)
    if issubclass(cls, dict):
        # A multidict built on dict shows its lists, so all duplicates, to dict's own method.
        return iter(dict.items(incoming))
    if issubclass(cls, (str, bytes, bytearray)):
        return iter(())
    raw: Any = getattr(incoming, "raw", None)  # unlike items(), never joins duplicates
    if issubclass(type(raw), (list, tuple)):
        return iter(raw)
    items = getattr(incoming, "items", None)
    return iter(items() if callable(items) else incoming)


def _text(value: Any) -> str | None:
    """Return the first characters of a ``str`` or of bytes, as an exact ``str``; None: neither."""
    cls, text = type(value), ""
    # Latin-1 has a character for every byte, and no grammar here takes one above 0x7E.
    if cls is str:
        text = value[: _MAX_VALUE + 1]
    elif cls is bytes:
        text = value[: _MAX_VALUE + 1].decode("latin-1")
    elif issubclass(cls, str):
        text = str.__getitem__(value, slice(_MAX_VALUE + 1))  # not by the subclass's own methods
    elif issubclass(cls, (bytes, bytearray, memoryview)):
        text = bytes(memoryview(value)[: _MAX_VALUE + 1]).decode("latin-1")
    else:
        return None
    return text


def _only(headers: _Headers, name: str) -> str:
    """Return the value of a header that may have one; ``""`` if it has none or more."""
    values = headers.get(name, ())
    return values[0].strip(_OWS) if len(values) == 1 else ""


def _only_id(headers: _Headers, name: str) -> str | None:
    value = _only(headers, name)
    return value if is_id(value) else None


def _read_traceparent(headers: _Headers) -> _Trace | None:
    value = _only(headers, "traceparent")
    match, rest = _TRACEPARENT.fullmatch(value[:TRACEPARENT_LENGTH]), value[TRACEPARENT_LENGTH:]
    # A later version may have more behind a dash, of which nothing may be assumed.
    if match is None or (rest and (match[1] == "00" or rest[0] != "-")):
        return None
    return _Trace(match[2], match[3], int(match[4], 16) & (SAMPLED | RANDOM))


def _read_b3(headers: _Headers) -> _Trace | None:
    def first(name: str) -> str:  # which is what B3 wants of several
        return next(iter(headers.get(name, ())), "").strip(_OWS)

    single = first("b3")
    if single in ("0", "1", "d"):
        return None  # a decision without IDs; it still outranks X-B3-*
    match = _B3.fullmatch(single)
    if match is None:
        if "x-b3-traceid" not in headers:
            return None
        sampled = first("x-b3-sampled") in ("1", "true") or first("x-b3-flags") == "1"
        match = _B3.fullmatch(f"{first('x-b3-traceid')}-{first('x-b3-spanid')}-{sampled:d}")
    return match and _Trace(match[1].rjust(32, "0"), match[2], int(match[3] in ("1", "d")))


def _read_cloud(headers: _Headers) -> _Trace | None:
    """Read ``TRACE_ID/SPAN_ID;o=OPTIONS``, where the span's ID is decimal and 0 is none."""
    match = _CLOUD.fullmatch(_only(headers, "x-cloud-trace-context"))
    if match is None or int(match[2] or 0) >> 64:
        return None
    span = int(match[2] or 0)
    return _Trace(match[1], f"{span:016x}" if span else None, int(match[3] or 0) & SAMPLED)


def _read_amzn(headers: _Headers) -> _Trace | None:
    """Read ``Root=1-8HEX-24HEX;Parent=16HEX;Sampled=1``, in any order, other fields between."""
    fields: dict[str, str] = {}
    for field in _only(headers, "x-amzn-trace-id").split(";"):
        name, _, value = field.strip(_OWS).partition("=")
        fields.setdefault(name, value)
    root = _AMZN_ROOT.fullmatch(fields.get("Root", ""))
    if root is None or not _TRACE_ID.fullmatch(root[1] + root[2]):
        return None
    parent = _SPAN_ID.fullmatch(fields.get("Parent", ""))
    return _Trace(root[1] + root[2], parent and parent[0], int(fields.get("Sampled") == "1"))


def _read_tracestate(headers: _Headers) -> str:
    text = ",".join(headers.get("tracestate", ()))
    parts = [stripped for part in text.split(",") if (stripped := part.strip(_OWS))]
    if len(text) > _MAX_VALUE or len(parts) > 32:
        return ""
    members: dict[str, str] = {}
    for part in parts:
        match = _STATE.fullmatch(part)
        if match is None:
            return ""
        members.setdefault(match[1], part)
    kept = list(members.values())
    size = sum(map(len, kept)) + len(kept) - 1
    for longer_than in (128, 0):
        for i in reversed(range(len(kept))):
            if size > MAX_TRACESTATE and len(kept[i]) > longer_than:
                size -= len(kept.pop(i)) + 1
    return ",".join(kept)


def _read_baggage(headers: _Headers) -> str:
    return _join(map(_written, _members(",".join(headers["baggage"]))))


def parse_baggage(text: str) -> list[Member]:
    """
    Return the members of a ``baggage`` header, decoded; malformed ones are left out.

    Args:
        text: the header's value; several are joined with commas. Percent-encoded octets that are
            not UTF-8 become U+FFFD. Keys, of members and of properties, are not decoded.

    Raises:
        Nothing.

    Source: W3C Baggage, section 3.3.1.
    """
    return [
        Member(key, _decode(value), tuple((k, v and _decode(v)) for k, v in properties))
        for key, value, properties in _members(_text(text) or "")
    ]


def _members(text: str) -> Iterator[Member]:
    """Yield the well-formed members of baggage, trimmed, their values still percent-encoded."""
    if len(text) > _MAX_VALUE:
        text = text[:_MAX_VALUE].rpartition(",")[0]
    for part in text.split(","):
        fields = []
        for field in part.split(";"):
            key, equals, value = (piece.strip(_OWS) for piece in field.partition("="))
            if not (_TOKEN.fullmatch(key) and _OCTETS.fullmatch(value)):
                break
            fields.append((key, value if equals else None))
        else:
            (key, first), *properties = fields
            if first is not None:
                yield Member(key, first, tuple(properties))


def _written(member: Member) -> str:
    fields: list[tuple[str, str | None]] = [(member.key, member.value), *member.properties]
    return ";".join(key if value is None else f"{key}={value}" for key, value in fields)


def _join(members: Iterable[str]) -> str:
    kept, left = [], MAX_BAGGAGE + 1
    for member in members:
        if len(member) < left:
            kept.append(member)
            left -= len(member) + 1
            if left < 3:
                break  # the shortest member is "k="
    return ",".join(kept)


def _decode(text: str) -> str:
    octets = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text.encode())
    return octets.decode("utf-8", "replace")


_TRACERS: dict[str, Callable[[_Headers], _Trace | None]] = {
    "traceparent": _read_traceparent,
    "b3": _read_b3,
    "x-cloud-trace-context": _read_cloud,
    "x-amzn-trace-id": _read_amzn,
}
_B3_NAMES = ("x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags")
_WANTED = frozenset((*ORDER, *_B3_NAMES, "tracestate", "baggage"))
_NOTHING = Incoming()
