"""Pure: any Python value → values that strict JSON can hold. Imported by the formatters."""

from __future__ import annotations

import enum
import os
import re
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from functools import cache
from itertools import chain, islice, takewhile, zip_longest
from types import CodeType, TracebackType
from typing import Any

from ._names import Names
from ._pattern import Pattern

MAX_DEPTH = 32
"""Levels of nesting kept (levels). Readers differ in what they take; none refuses 32."""

MAX_ITEMS = 1_000
"""Members kept of one container (members). The endless ones end here."""

MAX_TEXT = 1 << 20
"""Characters kept of one text (characters), far above any line's budget."""

EACH = 32
"""What a value costs (characters): to look at a number takes as long as at a text of these."""

_MIN_TEXT = 4096

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
"""What every JSON reader's integer holds. RFC 8259 section 6 leaves the range to the reader."""

WITHHELD = "[redacted]"
"""What stands where a secret stood. It is constant: it never says anything about the secret."""


def type_name(cls: type) -> str:
    """
    Return the name a traceback would show: ``"ValueError"``, ``"app.errors.Refused"``.

    Raises:
        Nothing. A class that hides its name is ``"object"``.
    """
    try:
        name = str.__str__(cls.__qualname__)
        module = cls.__module__
        if isinstance(module, str) and module not in ("builtins", "__main__"):
            name = f"{module}.{name}"
        return scrub(name)
    except Exception:  # noqa: BLE001 - a metaclass may raise anything
        return "object"


def scrub(text: str) -> str:
    r"""
    Return *text* as an exact ``str`` that UTF-8 can hold and that is at most `MAX_TEXT` long.

    A lone surrogate (half of a pair, or an undecodable byte of a file name) becomes its escape,
    ``\\udc80``, so that the byte can still be read from the line.
    """
    # Not the subclass's own idea of its value.
    text = shorten(str.__str__(text), MAX_TEXT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="backslashreplace").decode()
    return text


def shorten(
    text: Any, size: int, look: Callable[[str], str] | None = None, reach: tuple[int, int] = (1, 1)
) -> str:
    """
    Return at most *size* characters of *text*, its begin and its end, and how many are left out.

    ``"to be or [...14...] question"``. What makes a secret of something there may be left out. So
    no half of a word stands there, and each part is looked at and loses as much as a secret may
    have that begins or ends in what is left out.

    Args:
        text: a ``str``; of ``bytes`` each is taken for a character of Latin-1.
        size: most characters, at least 64.
        look: withholds secrets. None: the end is left out, too.
        reach: how much the begin loses, and the end (characters, at least 1).
    """
    if len(text) <= size:
        return text if isinstance(text, str) else bytes(text).decode("latin-1")
    head = size - _MARK if look is None else size // 3
    begin, end = text[:head], text[len(text) if look is None else head + _MARK - size :]
    if not isinstance(text, str):
        begin, end = bytes(begin).decode("latin-1"), bytes(end).decode("latin-1")
    half = min(512, head // 2)
    space = begin.rfind(" ", head - half)
    begin = begin[: space if space > 0 else -half]
    edge = _EDGE.search(end)
    end = "" if edge is None else end[edge.end() :]
    if look is not None:
        # What stands in both has been looked at with as much behind it as a secret may have.
        begin, end = _common(look(begin), look(begin[: -reach[0]])), look(end)[reach[1] :]
    count = len(text) - len(begin) - len(end)
    if isinstance(text, str):
        count += _left_out(text, 0, len(text), shown=end)
    return f"{begin}[...{count}...]{end}"


def cut_text(text: str, size: int) -> str:
    """
    Return *size* characters of *text*, which has no secrets, and how many are left out.

    It loses its middle, since the newest frame and the exception of a traceback stand last.
    """
    if len(text) <= size:
        return text
    head = size // 3
    count = len(text) - size + _left_out(text, head, len(text) + head - size)
    return f"{text[:head]}[...{count}...]{text[head - size :]}"


def _left_out(text: str, begin: int, end: int, shown: str = "") -> int:
    """Return how much more than its marks was left out before of a part of *text*."""
    if "[" not in text:
        return 0
    marks = _LEFT_OUT.finditer(text, begin, end)
    return sum(int(each[1]) - len(each[0]) for each in marks if each[0] not in shown)


def _common(first: str, second: str) -> str:
    """Return what both begin with."""
    if first.startswith(second):
        return second
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return first[: sum(1 for _ in pairs)]


_LEFT_OUT = Pattern(r"\[\.\.\.(\d{1,12})\.\.\.\]", re.ASCII)
_MARK = len("[...1000000000000...]")  # at most

# What stands in no token, however long it is: base64 of any kind, percent-encoded.
_EDGE = Pattern(r"[\s,;&\"'<>{}()\[\]|]", re.ASCII)


def text(value: object) -> str:
    """
    Return ``str(value)``, its ``repr()`` if that fails, its type's name if both do.

    Of a t-string (Python 3.14) what the f-string would be, with `WITHHELD` for each value of an
    expression that names a secret.

    Raises:
        Nothing.
    """
    for render in (str, repr):
        try:
            return scrub((_filled if is_template(type(value)) else render)(value))
        except Exception:  # noqa: BLE001 - user code; the next way is tried
            continue
    return f"<unprintable {type_name(type(value))}>"


_qualname = type.__dict__["__qualname__"].__get__  # asks no metaclass, which may raise


def is_template(cls: type) -> bool:
    """Say whether *cls* is that of t-strings, which earlier Pythons cannot import."""
    return _qualname(cls) == "Template" and cls.__module__ == "string.templatelib"


def tells(cls: type) -> bool:
    """Say whether *cls* has a ``__log__`` or is that of t-strings: ``str()`` is not the text."""
    return hasattr(cls, "__log__") or is_template(cls)


_IDENTIFIER = Pattern(r"\w+")
_CONVERSIONS: dict[Any, Callable[[Any], Any]] = {"r": repr, "s": str, "a": ascii}

# Those of logweft alone: what a Redactor's options say of names is not known here.
_names = cache(lambda: Names((), (), is_on=True))


def _filled(template: Any) -> str:
    """Return a t-string's text. Its own is its repr, in which no value stands behind its name."""
    values = map(_interpolated, template.interpolations)
    return "".join(chain.from_iterable(zip_longest(template.strings, values, fillvalue="")))


def _interpolated(part: Any) -> str:
    value = part.value
    cls = type(value)
    try:
        if tells(cls):
            value = Walk().plain(value)
        value = _CONVERSIONS.get(part.conversion, _same)(value)
        told = format(value, part.format_spec)
    except Exception:  # noqa: BLE001 - user code; its siblings must survive it
        return f"<unprintable {type_name(cls)}>"
    # Each of its names, since the last need not say it: `password.strip()`.
    is_number = cls in (int, float, bool, type(None))
    names = _IDENTIFIER.findall(part.expression)
    is_secret = any(_names().is_secret(name, part.value if is_number else told) for name in names)
    return WITHHELD if is_secret else told


def integer(value: int) -> int | str:
    """Return *value*, or its digits as a string where 64 bits are too few."""
    value = int.__int__(value)
    if INT_MIN <= value <= INT_MAX:
        return value
    try:
        return int.__repr__(value)
    except ValueError:  # more than sys.get_int_max_str_digits(); hex has no such limit
        return hex(value)


def number(value: float) -> float | str:
    """Return *value*, or ``"NaN"``, ``"Infinity"``, ``"-Infinity"``: JSON has no such number."""
    value = float.__float__(value)
    if value - value == 0.0:
        return value
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _same(value: Any) -> Any:
    return value


_SCALARS: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: integer,
    float: number,
    bool: _same,
    type(None): _same,
}

# What "surrogateescape" makes of a byte → its escape.
_ESCAPES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 256)}

_SEQUENCES = (list, tuple, set, frozenset, deque)


class Walk:
    """
    One record's conversion: holds what is left of its budget and the containers it is inside of.

    Two texts' worth is there for each field, so that an exception is told beside whatever it was
    logged with, its newest frame included.

    Args:
        default:
            The user's own conversion, ``(value) -> value``, asked first for every type JSON does
            not know; it declines by raising TypeError. None: there is none.
        float_literal:
            ``(digits: str) -> value`` for floats written with an exponent, which the encoders
            spell differently (``1e+16``, ``1e16``). None: the encoder writes them as Python does.
        budget:
            Kept of all (characters); each value costs `EACH` besides.
        longest:
            Kept of each text that is longer than `_MIN_TEXT` (characters).
        look, reach:
            As in `shorten`.

    Attributes:
        errors: values withheld because their ``__log__`` raised (exceptions).
        is_spent: there was more than could be kept.
    """

    __slots__ = (
        *(
            "_budget",
            "_default",
            "_float_literal",
            "_inside",
            "_left",
            "_longest",
            "_look",
            "_reach",
        ),
        *("errors", "is_spent"),
    )

    def __init__(
        self,
        default: Callable[[Any], Any] | None = None,
        float_literal: Callable[[str], Any] | None = None,
        budget: int = 2 * MAX_TEXT,
        longest: int = MAX_TEXT,
        look: Callable[[str], str] | None = None,
        reach: tuple[int, int] = (1, 1),
    ) -> None:
        self._default = default
        self._float_literal = float_literal
        self._inside: set[int] = set()
        self._budget = self._left = budget
        self._longest = longest
        self._look, self._reach = look, reach
        self.errors = 0
        self.is_spent = False

    def field(self, value: Any) -> Any:
        """
        Return what JSON can hold of a field's *value*.

        Raises:
            Nothing that is an Exception: what cannot be read says so in its place.
        """
        self._left = max(self._left, min(2 * self._longest, self._budget))
        return self.plain(value, 1)

    def plain(self, value: Any, depth: int = 0) -> Any:
        """
        Return what JSON can hold of *value*.

        Raises:
            Nothing that is an Exception: what cannot be read says so in its place.
        """
        cls = type(value)
        self._left -= EACH
        if cls is str and len(value) <= _MIN_TEXT and value.isascii():  # most values are
            self._left -= len(value)
            return value
        convert = _SCALARS.get(cls)
        if convert is not None:
            value = convert(value)
            if type(value) is str:
                return self._kept(value)
            if cls is float and self._float_literal is not None and type(value) is float:
                digits = repr(value)
                if "e" in digits:
                    return self._float_literal(digits)
            return value
        if self._left < 0:
            self.is_spent = True
            return "[truncated]"
        try:
            return self._convert(value, cls, depth)
        except Exception:  # noqa: BLE001 - user code runs below; its siblings must survive it
            return f"<unprintable {type_name(cls)}>"

    @property
    def _room(self) -> int:
        """How long the next text may be (characters)."""
        return min(max(self._left, _MIN_TEXT), self._longest)

    def _kept(self, value: str) -> str:
        """Return *value* as `scrub` does, no more of it than the record has room for."""
        room, value = self._room, str.__str__(value)
        # Cut first: what is left out costs nothing.
        kept = scrub(shorten(value, room, self._look, self._reach))
        if len(kept) > room:  # a surrogate's escape has six characters
            kept = scrub(shorten(value, room // 6))
        self.is_spent |= len(value) > room
        self._left -= len(kept)
        return kept

    def _decoded(self, value: Any) -> str:
        r"""Return bytes as text; of those that are no UTF-8 each as its escape, ``\xff``."""
        # As Latin-1, so that they are cut as a text is, and first: each escape takes 0.1 µs (3.11).
        self.is_spent |= len(value) > self._room
        kept = shorten(value, self._room)
        try:
            return self._kept(kept.encode("latin-1").decode())
        except UnicodeDecodeError:
            # An escape has four characters.
            kept = shorten(value, self._room // 4)
        # With "backslashreplace" they take three times as long.
        escaped = kept.encode("latin-1").decode(errors="surrogateescape").translate(_ESCAPES)
        return self._kept(escaped)

    def _convert(self, value: Any, cls: type, depth: int) -> Any:
        if cls is dict:
            return self._nested(value, self.mapping, value.items, depth)
        if cls is list:
            return self._nested(value, self._list, value.__iter__, depth)
        if hasattr(cls, "__log__"):
            # Nested, so that a type that returns itself ends.
            return self._nested(value, self._first, lambda: (self._told(value, cls),), depth)
        if is_template(cls):  # before a `default`, which may be `str`
            return self._kept(text(value))
        if issubclass(cls, enum.Enum):
            return self.plain(value._value_, depth)
        for base, convert in _SCALARS.items():
            if issubclass(cls, base):
                return self.plain(convert(value), depth)
        if issubclass(cls, dict):
            return self._nested(value, self.mapping, lambda: dict.items(value), depth)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._nested(
                value, self.mapping, lambda: zip(cls._fields, tuple(value), strict=False), depth
            )
        if issubclass(cls, (list, tuple)):
            return self._nested(value, self._list, lambda: cls.__iter__(value), depth)
        if self._default is not None:
            try:
                return self.plain(self._default(value), depth + 1)
            except TypeError:
                pass  # the documented way of declining
        if issubclass(cls, (bytes, bytearray, memoryview)):
            return self._decoded(value)
        if issubclass(cls, (set, frozenset)):

            def ordered() -> list[Any]:
                members = list(islice(cls.__iter__(value), MAX_ITEMS + 1))
                with suppress(Exception):
                    members.sort()
                return members

            return self._nested(value, self._list, ordered, depth)
        if issubclass(cls, _SEQUENCES):
            return self._nested(value, self._list, lambda: cls.__iter__(value), depth)
        if issubclass(cls, BaseException):
            return self._kept(f"{type_name(cls)}: {text(value)}")
        if issubclass(cls, (datetime, date, time)):
            return self._kept(value.isoformat())
        if issubclass(cls, enum.EnumMeta):
            return self._nested(value, self._list, lambda: iter(value), depth)
        if issubclass(cls, type):
            return self._kept(type.__dict__["__name__"].__get__(value))
        if issubclass(cls, TracebackType):
            return self._kept("".join(traceback.format_tb(value)).strip())
        fields = _declared_fields(cls)
        if fields is not None:
            return self._nested(
                value, self.mapping, lambda: ((f, getattr(value, f)) for f in fields), depth
            )
        if hasattr(cls, "__pydantic_core_schema__") and hasattr(cls, "__repr_args__"):
            # A model of pydantic 2: what its repr shows, without the fields of `repr=False`.
            return self._nested(value, self.mapping, lambda: cls.__repr_args__(value), depth)
        if issubclass(cls, Mapping):
            return self._nested(value, self.mapping, lambda: iter(value.items()), depth)
        return self._kept(text(value))

    def arguments(self, args: Any) -> Any:
        """Return a message's *args*; those that `tells` speaks of are replaced by what they say."""
        if isinstance(args, tuple):
            if any(tells(type(each)) for each in args):
                return tuple(map(self._argument, args))
        elif type(args) is dict and any(tells(type(each)) for each in args.values()):
            return {name: self._argument(each) for name, each in args.items()}
        return args

    def _argument(self, value: Any) -> Any:
        return self.plain(value) if tells(type(value)) else value

    def _told(self, value: Any, cls: Any) -> Any:
        """Return what the user's own type says may be logged of *value*; failing that, nothing."""
        try:
            return cls.__log__(value)
        except Exception:  # noqa: BLE001 - fails closed: its repr is what may not be logged
            self.errors += 1
            return WITHHELD

    def _first(self, members: Iterable[Any], depth: int) -> Any:
        return self.plain(next(iter(members)), depth)

    def _nested(
        self,
        value: Any,
        build: Callable[[Iterable[Any], int], Any],
        members: Callable[[], Iterable[Any]],
        depth: int,
    ) -> Any:
        """Enter a container: not twice on one path (a shared one is no cycle), nor too deep."""
        key = id(value)
        if key in self._inside:
            return "[circular]"
        if depth >= MAX_DEPTH:
            return "[too deep]"
        self._inside.add(key)
        try:
            return build(members(), depth + 1)
        finally:
            self._inside.discard(key)

    def _list(self, members: Iterable[Any], depth: int) -> list[Any]:
        # Copied first, in C: another thread may change the container while user code runs below.
        taken = list(islice(members, MAX_ITEMS + 1))
        result: list[Any] = []
        for member in taken[:MAX_ITEMS]:
            if self._left < 0:
                self.is_spent = True
                break
            result.append(self.plain(member, depth))
        if len(taken) > len(result):
            result.append("[truncated]")
        return result

    def mapping(self, members: Iterable[tuple[Any, Any]], depth: int = 1) -> dict[str, Any]:
        """
        Return ``{str: value}`` of pairs, in order; keys that are equal as text are told apart.

        ``{1: "a", "1": "b"}`` gives ``{"1": "a", "1_": "b"}``.
        """
        result: dict[str, Any] = {}
        iterator = iter(members)
        taken: list[tuple[Any, Any]] = []
        try:
            taken.extend(islice(iterator, MAX_ITEMS + 1))
        except Exception:  # noqa: BLE001 - a property may raise; the fields before it survive
            result["[unreadable]"] = True
        done = 0
        for key, value in taken[:MAX_ITEMS]:
            if self._left < 0:
                self.is_spent = True
                break
            put(result, self.key(key), self.plain(value, depth))
            done += 1
        if len(taken) > done:
            put(result, "[truncated]", True)
        return result

    def key(self, key: Any) -> str:
        """Return the text of a mapping's key: ``None`` is ``"null"``, ``True`` is ``"true"``."""
        if type(key) is str:
            self._left -= len(key)
            return key if len(key) <= _MIN_TEXT and key.isascii() else self._kept(key)
        value = self.plain(key, MAX_DEPTH)
        if isinstance(key, (bool, type(None))):
            return {True: "true", False: "false", None: "null"}[key]
        if isinstance(value, str) and value != "[too deep]":
            return value
        return self._kept(text(key))


def put(target: dict[str, Any], key: str, value: Any) -> None:
    """Set *key* in *target*, with underscores behind it where it would overwrite something."""
    while key in target:
        key += "_"
    target[key] = value


def _declared_fields(cls: type) -> list[str] | None:
    """Return the names a dataclass or attrs class shows in its repr; None: it is neither."""
    fields = cls.__dict__.get("__dataclass_fields__") or getattr(cls, "__dataclass_fields__", None)
    if isinstance(fields, dict):
        # The kind is compared by name, so that `dataclasses` (which imports `inspect`) is not
        # imported for programs that have none.
        return [
            name
            for name, field in fields.items()
            if field.repr and repr(field._field_type) == "_FIELD"
        ]
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is not None:
        return [attribute.name for attribute in attributes if attribute.repr]
    return None


def exception_fields(
    exc: BaseException | None,
    tb: TracebackType | None,
    *,
    limit: int = 32,
) -> dict[str, Any]:
    """
    Return an exception as data, its causes, groups and notes with it.

    Args:
        exc: the exception; None gives ``{}``.
        tb: its traceback.
        limit: how many exceptions of the chain and its groups are told (exceptions).

    Returns:
        ``{"type": str, "message": str, "stack_trace": str, "notes": [str], "cause": {...},
        "context": {...}, "exceptions": [{...}]}``, without what there is none of. ``cause`` is
        ``raise ... from``; ``context`` is there unless ``from None`` suppressed it, as Python's own
        traceback has it.

    Raises:
        Nothing that is an Exception.
    """
    seen: set[int] = set()

    def tell(exc: BaseException, tb: TracebackType | None, depth: int) -> dict[str, Any]:
        seen.add(id(exc))
        told: dict[str, Any] = {"type": type_name(type(exc)), "message": text(exc)}
        if tb is not None:
            told["stack_trace"] = stack_trace(tb)
        notes = _quietly(lambda: getattr(exc, "__notes__", None))
        if isinstance(notes, (list, tuple)):
            base: Any = list if isinstance(notes, list) else tuple
            told["notes"] = [text(note) for note in islice(base.__iter__(notes), MAX_ITEMS)]
        elif notes is not None:
            told["notes"] = [text(notes)]
        if depth >= MAX_DEPTH // 2:
            return told
        cause = _quietly(lambda: exc.__cause__)
        context = _quietly(lambda: exc.__context__)
        if cause is not None:
            linked, name = cause, "cause"
        elif context is not None and not exc.__suppress_context__:
            linked, name = context, "context"
        else:
            linked, name = None, ""
        if linked is not None and id(linked) not in seen and len(seen) < limit:
            told[name] = tell(linked, linked.__traceback__, depth + 1)
        members = _quietly(lambda: getattr(exc, "exceptions", ()) if _is_group(exc) else ())
        if isinstance(members, tuple) and members:
            told["exceptions"] = []
            for member in members:
                if len(seen) >= limit:
                    break
                if id(member) not in seen and isinstance(member, BaseException):
                    told["exceptions"].append(tell(member, member.__traceback__, depth + 1))
        return told

    if exc is None:
        return {}
    return tell(exc, tb, 0)


_frames: dict[tuple[int, int, int], tuple[CodeType, str, tuple[Any, ...]]] = {}
_MAX_FRAMES, _MAX_FRAME = 2_048, 2_048


def stack_trace(tb: TracebackType) -> str:
    """Return the frames of *tb* as Python prints them, without the values of their variables."""
    try:
        texts = None if hasattr(sys, "tracebacklimit") else _frame_texts(tb)
        return scrub("".join(texts or traceback.format_tb(tb)).rstrip("\n"))
    except Exception:  # noqa: BLE001 - source files and line tables may be broken
        return ""


# A frame's text is constant for a place in a program: to look up its source and mark its columns
# takes 12 µs each time, to find it here 0.3 (3.11). As a side effect it is the source that was
# there when the program first failed, not what is in the file after the next deployment.
def _frame_texts(tb: TracebackType | None) -> list[str] | None:
    """Return the frames of *tb*, kept by place; None: one repeats, which Python abbreviates."""
    texts: list[str] = []
    last: tuple[Any, ...] = ()
    while tb is not None:
        code = tb.tb_frame.f_code
        key = id(code), tb.tb_lasti, tb.tb_lineno
        known = _frames.get(key)
        if known is None:
            text = "".join(traceback.format_tb(tb, 1))
            known = code, text, (code.co_filename, tb.tb_lineno, code.co_name)
            if len(_frames) >= _MAX_FRAMES:
                _frames.clear()
            if len(text) <= _MAX_FRAME:
                _frames[key] = known
        _, text, place = known
        if place == last:
            return None
        last = place
        texts.append(text)
        tb = tb.tb_next
    return texts


# A frame in a traceback that is text already: its place and its line of source.
_FRAME = re.compile(r'^[ |]*File "[^\n]*(?:\n[ |]* {4}[^\n]*)?$', re.MULTILINE)


def frames(trace: str) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a traceback's text, and whether each is a frame: all else is no source."""
    done = 0
    for frame in _FRAME.finditer(trace):
        yield False, trace[done : frame.start()]
        yield True, frame[0]
        done = frame.end()
    yield False, trace[done:]


def _is_group(exc: BaseException) -> bool:
    """Say whether *exc* is a group: built in from 3.11, the ``exceptiongroup`` backport before."""
    return "BaseExceptionGroup" in [base.__name__ for base in type(exc).__mro__]


def _quietly(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # noqa: BLE001 - an attribute of a user's exception may raise anything
        return None


def path(value: object) -> str:
    """Return a file name as text: a ``str``, ``bytes`` or path-like one."""
    try:
        return scrub(os.fsdecode(value))  # type: ignore[arg-type]  # the TypeError is the point
    except Exception:  # noqa: BLE001 - records made by hand carry anything here
        return text(value)
