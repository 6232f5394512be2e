"""Renderer: an ordinary record → its line, from fragments. Used by the formatter, for the rest."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from json.encoder import encode_basestring
from math import modf
from types import TracebackType
from typing import Any, cast

from . import _redact
from ._access import access_fields, is_access_logger
from ._context import NOTHING, Context, set_rendered
from ._names import NONE
from ._pattern import Pattern
from ._plain import EACH, MAX_ITEMS, Walk, exception_fields, tells
from ._record import OWN, SCALARS, is_stdlib
from ._redact import DROPPED, SOURCES, VALUE_FIELDS, Redactor
from ._slots import Slots

# What is constant is escaped, redacted and put together once: per call site (head and tail of the
# line), per key, per Context. Measured on 3.11 with the headline record of the benchmarks: a dict
# and an encoder take 60 µs, fragments 7.

_MAX_SITES = _MAX_KEYS = 4_096
_MAX_TEMPLATE = _LONG = 1_024
_MAX_LITERALS, _MAX_LITERAL = 1_024, 64

LEARN_AT = 10
"""After how many calls a site's slots are looked for."""

# A greater one may be a card's, or more than 64 bits: then it takes the longer way.
_MAX_NUMBER = 10_000_000_000_000

# The record's own attributes come first; then those of the call.
_LAST, _BEFORE_LAST = OWN[-1], len(OWN) - 1

# Another library's hook has its say in the message.
_getMessage = logging.LogRecord.getMessage if is_stdlib(logging.LogRecord.getMessage) else None

_PLAIN, _SKIPPED, _NAMED = range(3)
_CORRELATION_ID = "correlation_id"

# Values in a field; a line of 15 KiB has room for few more.
_MAX_VALUES = 1_000

_CONTAINERS = frozenset({dict, list, tuple})

# Levels of a field that are written at once; the deeper ones take the longer way.
_MAX_DEPTH = 8

_THREE = [f"{number:03d}" for number in range(1000)]


class Known:
    """
    What is kept of what was looked at, for one state of `_redact.registered`.

    A secret that is registered brings another one, in one step: no thread sees a mixture. Whoever
    looks at something takes `Renderer.known` first, and keeps what it finds there: so nothing that
    was looked at before gets into what is used afterwards.

    Attributes:
        registered: `_redact.registered` of then.
        values: of `Redactor.values`.
        knows_inert: what is inert by its form needs no look.
        end: the last of each line.
        sites: ``{key: Site}``.
        keys: ``{name: begin}`` of a field under that name, see `Renderer._key`.
        telling: ``{name: (what is to be done, begin)}`` of other names.
        names: ``{name: begin}`` of a nested member; ``""``: the name says something.
        literals: ``{text: what stands for it}``.
    """

    __slots__ = (
        *("end", "keys", "knows_inert", "literals", "names"),
        *("registered", "sites", "telling", "values"),
    )

    def __init__(self, redactor: Redactor | None, ends: Mapping[str, str]) -> None:
        self.registered = _redact.registered  # first, as in all that is looked at
        self.values = () if redactor is None else redactor.values
        self.knows_inert = not (self.values or redactor is None or redactor.has_patterns)
        self.sites: dict[Any, Site] = {}
        self.keys: dict[str, str] = {}
        self.telling: dict[str, tuple[int, str]] = {}
        self.names: dict[str, str] = {}
        self.literals: dict[str, str] = {}
        self.end = ""
        for name, value in ends.items():
            clean = value if redactor is None else redactor.text(value)
            self.end += f",{encode_basestring(name)}:{encode_basestring(clean)}"
        self.end += "}"


class Site:
    """
    What is constant at one call site.

    Attributes:
        attributes: of a record of this site, see `record_like`; None: it has had none yet.
        head: the line from its level to its message.
        tail: the line behind the call's own fields; an exception comes before its `Known.end`.
        hides: some of its arguments are secret.
        is_access: it may write a server's access lines, whose fields are read from a record.
        keep: keeps alive what the site is found by.
        known: what it is kept in.
        slots: what its arguments may be for its message to need no look, see `_slots`; None: not
            known yet.
        last: its last message without arguments and what stands for it: most are constant.
    """

    __slots__ = (
        *("attributes", "calls", "head", "hides", "is_access"),
        *("keep", "known", "last", "slots", "tail"),
    )

    def __init__(
        self, known: Known, head: str, tail: str, hides: bool, is_access: bool, keep: object
    ) -> None:
        self.known, self.head, self.tail = known, head, tail + known.end
        self.hides, self.is_access, self.keep = hides, is_access, keep
        self.attributes: dict[str, Any] | None = None
        self.slots: tuple[int, ...] | None = None
        self.calls = 0
        self.last = ("", '""')


# Terminals obey C1 controls, splitlines() splits at U+0085, U+2028 and U+2029, and bidirectional
# controls reorder what a reader sees; all are legal in JSON and all can be written as escapes.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape(line: str) -> str:
    """Return *line*, which is JSON, with the characters escaped that it may hold and should not."""
    if line.isascii() and "\x7f" not in line:
        return line
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


_ESCAPES = {char: encode_basestring(char)[1:-1] for char in ("\\", '"', *map(chr, range(32)))}
_UNESCAPED = bytes(code for code in range(256) if chr(code) not in _ESCAPES)


def _quoted(text: str) -> str:
    """Return *text* as JSON; a long one that needs few escapes in a fifth of the encoder's time."""
    if len(text) <= _LONG:
        return encode_basestring(text)
    escaped = text.encode(errors="replace").translate(None, _UNESCAPED)
    if len(escaped) > len(text) // 64:
        return encode_basestring(text)
    if escaped:
        for char, told in _ESCAPES.items():
            if ord(char) in escaped:
                text = text.replace(char, told)
    return f'"{text}"'


# An ID that somebody has minted: a trace's, a UUID. No secret looks like it, see `_slots`, but one
# that is known by its value; one of 32 digits may be a card's number.
_UNIQUE = Pattern(r"(?=\d*[a-f])[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Declined(Exception):
    """The record is not of the ordinary kind: the formatter's own way is the right one."""


class Renderer:
    """
    Writes the default line of ordinary records as the formatter would, byte for byte, in less time.

    Ordinary is: an exact `logging.LogRecord` with a ``str`` message, positional arguments and no
    stack or clash of names. A value JSON does not know is converted as the formatter
    does it.

    Args:
        redactor: what withholds secrets; None: nothing is withheld.
        encode: a tree of JSON's types → JSON text.
        ends: service, version, environment: ``{name: value}``.
        skipped: names that are no fields.
        taken: names that a field of the user's cannot have.
        max_line: longest line (bytes, newline included).
        float_literal: as in `Walk`.
    """

    def __init__(
        self,
        *,
        redactor: Redactor | None,
        encode: Callable[[Any], str],
        ends: Mapping[str, str],
        skipped: Collection[str],
        taken: Collection[str],
        max_line: int,
        float_literal: Callable[[str], Any] | None,
    ) -> None:
        self._redactor = redactor
        self._clean = (lambda text: text) if redactor is None else redactor.text
        self._slots = Slots(redactor or _redact.DEFAULT)
        self._take = self._slots.take
        self._encode = encode
        self._float_literal = float_literal
        self._max_line = max_line
        self._skipped = frozenset(skipped)
        self._taken = frozenset(taken)
        self._second = (-1, "")
        self._ends = ends
        self.known = Known(redactor, ends)
        if redactor is not None:
            _warm_up()

    def line(self, record: logging.LogRecord, context: Context) -> str | None:
        """Return the line, without its newline; None: the record is not of the ordinary kind."""
        try:
            Record, msg, args = logging.LogRecord, record.msg, record.args
            if (
                type(record) is not Record
                or Record.getMessage is not _getMessage
                or type(msg) is not str
                or type(args) is not tuple
                or (record.exc_text and not record.exc_info)
                or record.stack_info
            ):
                return None
            told = (
                record.name,
                record.levelname,
                record.pathname,
                record.lineno,
                record.funcName,
                msg if args else None,
            )
            attributes = record.__dict__  # last, since attributes are found faster without it
            if len(attributes) > MAX_ITEMS:
                return None
            members = islice(attributes.items(), _BEFORE_LAST, None)
            if next(members)[0] != _LAST:
                return None
            site = self.known.sites.get(told) or self.site(told, told)
            return self.render(site, record.created, msg, args, context, members, record)
        except Exception:  # noqa: BLE001 - whatever it is, the formatter knows what to do
            return None

    def render(
        self,
        site: Site,
        created: float,
        msg: Any,
        args: tuple[Any, ...],
        context: Context,
        members: Iterable[tuple[Any, Any]],
        record: logging.LogRecord | None,
    ) -> str | None:
        """
        Return the line of one call; None: it is not of the ordinary kind.

        Args:
            site: what `site` returned.
            created: when (seconds since 1970).
            msg: the message, a ``str``; a template where there are *args*.
            args: its positional arguments.
            context: the Context of the call.
            members: the call's own fields, ``(name, value)``.
            record: the record, whose own attributes are among *members*; None: there is none.

        Raises:
            Exception: as above, None.
        """
        known, clean = site.known, self._clean
        if known.registered is not _redact.registered:
            self.known = Known(self._redactor, self._ends)
            return None
        keys, literals = known.keys, known.literals
        if not args:
            constant, message = site.last
            if msg is not constant:
                if len(msg) >= self._max_line:
                    return None  # before it is looked at, since the formatter will
                message = _quoted(clean(msg))
                if len(msg) <= _MAX_TEMPLATE:
                    site.last = msg, message
        else:
            slots, take, hides = site.slots, self._take, site.hides
            if slots is None:
                slots = self._learn(site, msg)
            is_clean = slots and not hides and take(slots, args)
            if not is_clean:
                for each in args:
                    if type(each) not in SCALARS and tells(type(each)):
                        return None
                if hides:
                    msg, args = cast(Redactor, self._redactor).arguments(msg, args)
                    is_clean = slots and take(slots, args)
            msg = msg % args
            if len(msg) >= self._max_line:
                return None  # as above
            if is_clean and known.values:
                is_clean = not any(each in msg for each in known.values)
            message = _quoted(msg if is_clean else clean(msg))
        fraction, second = modf(created)
        micro = round(fraction * 1e6)
        last, clock = self._second
        if second != last or not 0 <= micro < 1_000_000:
            clock = self._clock(second, micro)
        if context is NOTHING:
            fields, names = "", context.fields
        else:
            fields, names = self._about(context, known)
        for name, value in members:
            if names and name in names:
                return None
            fragment = keys.get(name)
            if fragment is None:
                verdict, fragment = self._key(name)
                if verdict == _SKIPPED:
                    if record is None or (
                        name == _CORRELATION_ID and value is not context.correlation_id
                    ):
                        return None
                    continue
                if verdict == _NAMED:
                    fields += self._member(name, value, fragment)
                    continue
            cls = type(value)
            if cls is str:
                literal = literals.get(value)
                fields += fragment + (literal or self._literal(value))
            elif cls is bool:
                fields += fragment + ("true" if value else "false")
            elif cls is int and -_MAX_NUMBER < value < _MAX_NUMBER:
                fields += f"{fragment}{value}"
            elif value is None:
                fields += fragment + "null"
            elif cls is float and value - value == 0.0:
                fields += fragment + repr(value)
            else:
                fields += self._nested(name, value, fragment)
        tail = site.tail
        if record is not None:
            record.message = msg
            if record.exc_info:
                tail = f"{tail.removesuffix(known.end)}{self._exception(record)}{known.end}"
            if site.is_access:
                for name, value in (access_fields(record) or {}).items():
                    if name in record.__dict__ or name in names:
                        return None
                    fields += self._field(name, value)
        milli, rest = _THREE[micro // 1000], _THREE[micro % 1000]
        line = f"{clock}{milli}{rest}{site.head}{message}{fields}{tail}"
        size = len(line)
        if "\x7f" in line or not line.isascii():
            line = escape(line)
            size = len(line.encode())  # which a lone surrogate makes fail: the formatter escapes it
        return line if size < self._max_line else None

    def _clock(self, second: float, micro: int) -> str:
        """Return the line's begin up to the second, and keep it: the next has mostly the same."""
        from datetime import datetime, timezone

        if not 0 <= micro < 1_000_000 or not 0 <= second < 253402300800:
            raise Declined
        moment = datetime.fromtimestamp(second, timezone.utc)
        clock = f'{{"timestamp":"{moment:%Y-%m-%dT%H:%M:%S}.'
        self._second = (int(second), clock)
        return clock

    def site(self, key: Any, told: tuple[Any, ...], keep: object = None) -> Site:
        """
        Return what is constant at one call site, and keep it under *key*.

        Args:
            key: by what it is found again.
            told: ``(logger, level, file, line, function, template)``; the last None: no arguments.
            keep: what must not be freed while *key* is in use.

        Raises:
            Declined: it is not of the ordinary kind.
        """
        known = self.known
        name, level, file, line, function, template = told
        if not (
            type(name) is type(level) is type(file) is str
            and type(line) is int
            and 0 <= line < _MAX_NUMBER
            and type(function) in (str, type(None))
            and type(template) in (str, type(None))
        ):
            raise Declined
        head = f'Z","level":{self._text(level)},"logger":{self._text(name)},"message":'
        tail, hides = "", False
        if template is not None:
            if self._redactor is not None:
                hides = bool(self._redactor.hidden(template))
            tail = f',"template":{self._text(template)}'
        tail += f',"file":{self._text(file)},"line":{line}'
        if function:
            tail += f',"function":{self._text(function)}'
        site = Site(known, head, tail, hides, is_access_logger(name), keep)
        if len(known.sites) >= _MAX_SITES:
            known.sites.clear()
        if template is None or len(template) <= _MAX_TEMPLATE:
            known.sites[key] = site
        return site

    def _learn(self, site: Site, template: str) -> tuple[int, ...]:
        """Return the slots of a site; to find them takes as long as 50 looks, so not at once."""
        site.calls += 1
        if self._redactor is None:
            site.slots = ()
        elif site.calls > LEARN_AT:
            site.slots = ()  # first, since a signal handler may come by here and would begin anew
            site.slots = self._slots.of(template)
        return site.slots or ()

    def _text(self, text: str) -> str:
        return encode_basestring(self._clean(text))

    def _key(self, name: Any) -> tuple[int, str]:
        """Return what is to be done with a field of this name, and its begin."""
        if type(name) is not str or len(name) > 64:
            raise Declined
        keys, telling = self.known.keys, self.known.telling
        if name in telling:
            return telling[name]
        fragment = f",{encode_basestring(name)}:"
        verdict = _NAMED, fragment
        if name in self._skipped or name == _CORRELATION_ID:
            verdict = _SKIPPED, ""
        elif name in self._taken or self._clean(name) != name or not name.isprintable():
            raise Declined
        elif self._redactor is None or not (
            self._redactor.names.kind(name) != NONE or name in SOURCES
        ):
            if len(keys) >= _MAX_KEYS:
                keys.clear()
            keys[name] = fragment
            return _PLAIN, fragment
        if len(telling) >= _MAX_KEYS:
            telling.clear()
        telling[name] = verdict
        return verdict

    def _field(self, name: str, value: Any) -> str:
        """Return ``,"name": value``."""
        fragment = self.known.keys.get(name)
        if fragment is None:
            verdict, fragment = self._key(name)
            if verdict == _SKIPPED:
                raise Declined
            if verdict == _NAMED:
                return self._member(name, value, fragment)
        return self._nested(name, value, fragment)

    def _literal(self, value: str) -> str:
        """Return *value* as it stands in the line, and keep it, since most come again."""
        if len(value) >= self._max_line:
            raise Declined  # before it is looked at, since the formatter will
        known = self.known
        is_inert = known.knows_inert and " " not in value and self._slots.is_inert(value)
        told = value if is_inert else self._clean(value)
        literal = encode_basestring(told)
        if told == value and len(value) <= _MAX_LITERAL:  # what stands for a secret may vary
            if len(known.literals) >= _MAX_LITERALS:
                known.literals.clear()
            known.literals[value] = literal
        return literal

    def _nested(self, name: str, value: Any, fragment: str) -> str:
        """Return ``,"name": value`` of anything under a name that says nothing."""
        try:
            return fragment + self._json(value, _MAX_DEPTH)
        except Declined:
            return self._member(name, value, fragment)

    def _member(self, name: str, value: Any, fragment: str) -> str:
        """Return ``,"name": value`` of anything, the formatter's way."""
        if type(value) is str and self._redactor is not None:
            return self._withheld(self._redactor, name, value, fragment)
        walk = Walk(None, self._float_literal, _MAX_VALUES * EACH, self._max_line)
        tree = {walk.key(name): walk.field(value)}
        if walk.is_spent:
            raise Declined  # the line will be too long, and all of this be done again
        if self._redactor is not None:
            self._redactor.errors += walk.errors
            tree = self._redactor.tree(tree)
            if type(tree) is not dict:
                raise Declined
        told = self._encode(tree)[1:-1]
        return f",{told}" if told else ""

    def _withheld(self, redactor: Redactor, name: str, value: str, fragment: str) -> str:
        """Return ``,"name": value`` of a text under a name that says something."""
        if len(value) >= self._max_line or not value.isascii():
            raise Declined  # it is cut first, and has no lone surrogates
        told = redactor.field(name, value, (name,))
        return "" if told is DROPPED else fragment + encode_basestring(told)

    def _exception(self, record: logging.LogRecord) -> str:
        """Return ``,"exception":{...}``."""
        if type(record.exc_info) is not tuple:
            raise Declined
        _, exc, tb = record.exc_info
        if not isinstance(exc, BaseException) or not (tb is None or isinstance(tb, TracebackType)):
            raise Declined
        told = exception_fields(exc, tb)
        return self._nested("exception", told, ',"exception":')

    def _json(self, value: Any, depth: int) -> str:
        """
        Return JSON of *value* where it is of JSON's own types and has no name that says anything.

        Raises:
            Declined: it is not, or is more than *depth* levels deep.
        """
        cls = type(value)
        # Texts and whole numbers are written here, as most are these: a call takes as long again.
        text, literals, max_line = "", self.known.literals, self._max_line
        if cls in _CONTAINERS and (not depth or len(value) > MAX_ITEMS):
            raise Declined
        if cls is dict:
            names = self.known.names
            for name, member in value.items():
                fragment = names.get(name)
                if not fragment:
                    text += self._inner(name, member, value, depth)
                elif type(member) is str:
                    text += fragment + (literals.get(member) or self._literal(member))
                elif type(member) is int and -_MAX_NUMBER < member < _MAX_NUMBER:
                    text += f"{fragment}{member}"
                else:
                    text += fragment + self._json(member, depth - 1)
                if len(text) > max_line:
                    raise Declined
            return f"{{{text[1:]}}}"
        if cls is list or cls is tuple:
            for member in value:
                # What may be an option's name, or the name of what stands beside it in a pair.
                if type(member) is str:
                    part = literals.get(member) or self._literal(member)
                    if member.startswith("-"):
                        raise Declined
                else:
                    part = self._json(member, depth - 1)
                    if part.startswith('["'):
                        raise Declined
                text += f",{part}"
                if len(text) > max_line:
                    raise Declined
            return f"[{text[1:]}]"
        if cls is str:
            return literals.get(value) or self._literal(value)
        if cls is bool:
            return "true" if value else "false"
        if cls is int and -_MAX_NUMBER < value < _MAX_NUMBER:
            return repr(value)
        if value is None:
            return "null"
        if cls is float and value - value == 0.0:
            return repr(value)
        raise Declined

    def _inner(self, name: Any, value: Any, whole: dict[Any, Any], depth: int) -> str:
        """Return ``,"name": value`` of a member of *whole* whose name says something, or is new."""
        names, redactor = self.known.names, self._redactor
        if type(name) is not str:
            raise Declined
        fragment = f",{encode_basestring(name)}:"
        if name not in names:
            if len(name) > 64 or not name.isprintable():
                raise Declined
            if self._clean(name) != name:
                raise Declined
            tells = redactor is not None and (
                redactor.names.kind(name) != NONE or name in SOURCES or name in VALUE_FIELDS
            )
            if len(names) >= _MAX_KEYS:
                names.clear()
            names[name] = "" if tells else fragment
        if names[name] or redactor is None:
            return fragment + self._json(value, depth - 1)
        if name in VALUE_FIELDS:
            if redactor.is_spelt_out(whole):
                raise Declined
            if redactor.names.kind(name) == NONE:
                return fragment + self._json(value, depth - 1)
        if type(value) is not str:
            raise Declined
        return self._withheld(redactor, name, value, fragment)

    def _about(self, context: Context, known: Known) -> tuple[str, Mapping[str, Any]]:
        """Return IDs and bound fields as they stand in the line, and the names of the latter."""
        owner, about, names = context.rendered
        if owner is known:
            return about, names
        keys, literals = known.keys, known.literals
        about, names = "", context.fields
        correlation_id = context.correlation_id
        if correlation_id:
            literal = literals.get(correlation_id)
            if literal is None:
                if known.knows_inert and _UNIQUE.fullmatch(correlation_id):
                    # Not kept: it comes once, and 1,000 such would put out all that comes again.
                    # With a `_literal` of each, a unit of work takes 2 µs more (3.11).
                    literal = f'"{correlation_id}"'
                else:
                    literal = self._literal(correlation_id)
            about = f',"correlation_id":{literal}'
        if context.shows_trace:
            about += (
                f',"trace_id":{_id(context.trace_id)},"span_id":{_id(context.span_id)}'
                f',"trace_flags":"{context.trace_flags:02x}"'
            )
        is_constant = True
        for name, value in names.items():
            if type(value) is str and type(name) is str:
                # Most are of these; by `_field` each takes 0.3 µs more (3.11).
                fragment, literal = keys.get(name), literals.get(value)
                if fragment and literal:
                    about += fragment + literal
                    continue
            if type(name) is not str or name in self._taken or name in self._skipped:
                raise Declined
            is_constant &= type(value) in SCALARS
            about += self._field(name, value)
        if is_constant:
            set_rendered(context, (known, about, names))
        return about, names


@functools.cache
def _warm_up() -> None:
    """
    Compile what ordinary lines need.

    It takes 3 ms, in which a program's first call would wait, and its eleventh again; and in which
    signal handlers that log would come by, begin anew, and go on until no stack is left.
    """
    slots = Slots(_redact.DEFAULT)
    slots.of("order %s: %s s")
    _redact.DEFAULT.text("order %s")
    slots.is_inert("https://shop.example:8080/orders?id=7")
    _UNIQUE.fullmatch("")


def _id(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)
