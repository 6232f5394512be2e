"""JsonFormatter: record → one redacted line of strict JSON. Alone imports pythonjsonlogger."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from itertools import islice
from types import TracebackType
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonEncoder
from pythonjsonlogger.json import JsonFormatter as _PythonJsonFormatter

from ._access import access_fields
from ._context import NOTHING, Context
from ._filter import CONTEXT
from ._names import NONE
from ._plain import (
    EACH,
    MAX_ITEMS,
    MAX_TEXT,
    Walk,
    cut_text,
    exception_fields,
    frames,
    is_template,
    path,
    put,
    text,
    type_name,
)
from ._record import OWN
from ._redact import Redactor, make_redactor, shown
from ._render import Renderer, escape

_TRACE = ("trace_id", "span_id", "trace_flags")
HEAD = ("timestamp", "level", "logger", "message", "correlation_id", *_TRACE)
TAIL = (
    "template",
    "file",
    "line",
    "function",
    "exception",
    "stack",
    "service",
    "version",
    "environment",
)
"""The default line: `HEAD`, then bound, ``extra`` and named-argument fields, then `TAIL`."""

ERROR, TRUNCATED = "logweft_error", "truncated"
_IDS = ("timestamp", "correlation_id", *_TRACE)
_STAMPS = frozenset({"timestamp", *_TRACE})

MAX_LINE = 15 * 1024
"""Longest line (bytes, newline included). Container runtimes split at 16 KiB: moby/moby#34855."""

MIN_MAX_LINE = 1024

# How much of a text is looked at, where a line has no room for it, how long a secret of several
# words may be, and a private key's block, which is told by its begin alone (characters).
_LOOKED_AT = 2 * MAX_LINE
_GROUPS = 512
_BLOCK = 16_384 + 512

_RECORD = frozenset({*OWN, *RESERVED_ATTRS})

# Set by formatters and filters; and uvicorn repeats each message in terminal colours.
_NOT_FIELDS = frozenset({"message", "asctime", CONTEXT, "color_message"})

_NAMED = re.compile(r"%\(([^()]{1,128})\)")

_ABSENT = object()

# python-json-logger's options and what they have to be; it finds out at the first record.
_KINDS: tuple[tuple[str, tuple[str, ...], Callable[[Any], bool]], ...] = (
    (
        "a str",
        ("datefmt", "service", "version", "environment", "prefix"),
        lambda value: isinstance(value, str),
    ),
    (
        "a mapping",
        ("rename_fields", "static_fields", "defaults"),
        lambda value: isinstance(value, Mapping),
    ),
    (
        "a list of str",
        ("reserved_attrs",),
        lambda value: isinstance(value, Collection) and not isinstance(value, (str, bytes)),
    ),
    ("callable", ("json_default", "json_encoder", "json_serializer"), callable),
)


def _check_options(options: Mapping[str, Any]) -> None:
    for kind, names, is_right in _KINDS:
        for name in names:
            value = options.get(name)
            if value is not None and not is_right(value):
                raise TypeError(f"{name} must be {kind}, got {shown(value)}")


# What a time raises that is NaN, or in a year no calendar has.
_NO_TIME = (TypeError, ValueError, OverflowError, OSError)


def _encoder(name: str) -> tuple[Callable[[Any], str], Callable[[str], Any] | None]:
    """
    Return ``(encode, float_literal)`` of a JSON library: the same tree gives the same characters.

    The libraries differ only in floats with an exponent, which are therefore handed over as text.
    """
    if name == "auto":
        for candidate in ("orjson", "msgspec", "json"):
            try:
                return _encoder(candidate)
            except ValueError:
                continue
    try:
        if name == "orjson":
            import orjson

            return lambda tree: orjson.dumps(tree).decode(), orjson.Fragment
        if name == "msgspec":
            import msgspec

            encode = msgspec.json.Encoder().encode
            return lambda tree: encode(tree).decode(), msgspec.Raw
    except (ImportError, AttributeError):  # absent, or too old to take a float as text
        raise ValueError(
            f"encoder {name!r} is not installed; run: pip install 'logweft[{name}]'"
        ) from None
    if name != "json":
        raise ValueError(
            f"encoder must be 'auto', 'json', 'orjson' or 'msgspec', got {shown(name)}"
        )
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode, None


class JsonFormatter(_PythonJsonFormatter):
    """
    python-json-logger's formatter whose every line is strict JSON, whatever was logged.

    Without *fmt* it writes logweft's own line; with one, python-json-logger's, where the names may
    be a record's attributes (``levelname``) or logweft's fields (``level``). Both take all of
    python-json-logger's parameters: ``rename_fields={"level": "severity"}``, ``static_fields``,
    ``reserved_attrs=[*RESERVED_ATTRS, "template"]`` to leave a field out, ...

    Args:
        fmt: which fields, as python-json-logger takes them: a format string, or a sequence of
            names. None: ``[*HEAD, ...the call's own fields..., *TAIL]``.
        datefmt: `time.strftime` format of ``asctime`` and, if given, ``timestamp``. None: RFC 3339
            in UTC with microseconds.
        style: how *fmt* is read: ``"%"``, ``"{"``, ``"$"`` or ``","``.
        validate: as in `logging.Formatter`.
        service: value of the field ``service``; None leaves it out. The same for *version* and
            *environment*.
        args: add the field ``args``, the positional arguments of the message, behind ``template``.
        redact: withhold secrets: True, False, or the options of `Redactor` as a mapping.
        max_line: longest line (bytes, newline included, at least 1024); a longer one is cut inside
            the JSON and gets ``"truncated": true``.
        encoder: ``"json"``, ``"orjson"``, ``"msgspec"``, or ``"auto"`` for the first installed of
            orjson, msgspec, json. The line is the same with each.
        options: python-json-logger's keyword parameters.

    Raises:
        ValueError: *style*, *max_line* or *encoder* is not one of the above.
        TypeError: an unknown keyword, or *fmt* is neither text nor a sequence of it.

    Thread-safe. `format` raises nothing and leaves ``msg``, ``args`` and ``exc_info`` as they are.
    """

    def __init__(
        self,
        fmt: str | Sequence[str] | None = None,
        datefmt: str | None = None,
        style: str = "%",
        validate: bool = True,
        *,
        service: str | None = None,
        version: str | None = None,
        environment: str | None = None,
        args: bool = False,
        redact: bool | Mapping[str, Any] | Redactor = True,
        max_line: int = MAX_LINE,
        encoder: str = "auto",
        **options: Any,
    ) -> None:
        if type(max_line) is not int or max_line < MIN_MAX_LINE:
            raise ValueError(
                f"max_line must be an int >= {MIN_MAX_LINE} (bytes), got {shown(max_line)}"
            )
        if not isinstance(args, bool):
            raise TypeError(f"args must be True or False, got {shown(args)}")
        if fmt is not None and not isinstance(fmt, str):
            if not isinstance(fmt, Sequence) or isinstance(fmt, (bytes, bytearray)):
                raise TypeError(f"fmt must be a str or a sequence of names, got {shown(fmt)}")
            for field in fmt:
                if not isinstance(field, str):
                    raise TypeError(f"fmt must be a sequence of str, got {shown(field)} in it")
        texts = {"datefmt": datefmt, "service": service, "version": version}
        _check_options({**texts, "environment": environment, **options})
        # python-json-logger escapes non-ASCII text by default; here people may grep for it.
        options.setdefault("json_ensure_ascii", False)
        super().__init__(fmt, datefmt, style, validate, **options)
        if fmt is None and isinstance(self.timestamp, str):
            self.rename_fields.setdefault("timestamp", self.timestamp)
        own = {"service": service, "version": version, "environment": environment}
        self._own = {name: value for name, value in own.items() if value is not None}
        self._default_line = fmt is None
        if fmt is None:
            left_out = self.reserved_attrs - _RECORD
            self._head = tuple(name for name in HEAD if name not in left_out)
            tail = ("template", "args", *TAIL[1:]) if args else TAIL
            self._tail = tuple(name for name in tail if name not in left_out)
        else:
            self._head = tuple(self._required_fields)
            # python-json-logger adds these two unasked; "exception" or "stack" asks for the data.
            twins = (("exc_info", "exception"), ("stack_info", "stack"))
            self._tail = tuple(
                name for name, data in twins if name not in self._head and data not in self._head
            )
        # A name in fmt that neither we nor the record have is the user's to fill.
        unset = () if fmt is None else own.keys() - self._own.keys()
        known = {*HEAD, *TAIL, "args", *_RECORD}.difference(unset)
        self._system = frozenset(
            {name for name in (*self._head, *self._tail) if name in known}
            | {*self.static_fields, ERROR, TRUNCATED}
        ).difference(self.defaults)  # which are there to be overridden
        self._written = self._system.union(map(self._get_rename, self._system))
        self._redactor = make_redactor(redact)
        self._max_line = max_line
        # With a serializer or an encoder of the user's own, python-json-logger's code is what runs.
        self._encode, self._float_literal = _encoder("json" if self._is_customised() else encoder)
        self._readers: dict[str, Callable[[logging.LogRecord], Any]] = {
            "timestamp": self._read_timestamp,
            "level": _read_level,
            "logger": _read_logger,
            "message": _read_message,
            "correlation_id": _read_correlation_id,
            "trace_id": _read_trace_id,
            "span_id": _read_span_id,
            "trace_flags": _read_trace_flags,
            "template": _read_template,
            "args": self._read_args,
            "file": _read_file,
            "line": _read_line,
            "function": _read_function,
            "exception": self._read_exception,
            "stack": self._read_stack,
            "exc_info": self._read_exc_info,
            "stack_info": self._read_stack,
        }

        self.renderer = self._make_renderer() if self._is_stock() else None

    def _is_stock(self) -> bool:
        """Say whether the line is the default one, down to the methods that make it."""
        changed = (
            *(self.rename_fields, self.static_fields, self.defaults, self.prefix, self.datefmt),
            *(self.exc_info_as_array, self.timestamp, self.rename_fields_keep_missing),
        )
        return (
            type(self) is JsonFormatter
            and self._head == HEAD
            and self._tail == TAIL
            and not any(changed)
            and self.reserved_attrs.issuperset(OWN)
            and not self._is_customised()
            and not (self._redactor is not None and self._withholds_ours(self._redactor))
        )

    def _withholds_ours(self, redactor: Redactor) -> bool:
        """Say whether a field of the line itself may be a secret, by its name or path."""
        return redactor.has_paths or any(
            redactor.names.kind(each) != NONE for each in self._written
        )

    def _make_renderer(self) -> Renderer:
        return Renderer(
            redactor=self._redactor,
            encode=self._encode,
            ends=self._own,
            skipped={*self.reserved_attrs, *_NOT_FIELDS},
            taken=self._written,
            max_line=self._max_line,
            float_literal=self._float_literal,
        )

    def format(self, record: logging.LogRecord) -> str:
        """
        Return *record* as one line of JSON, without the newline.

        Raises:
            Nothing that is an Exception: a record that cannot be rendered gives a short line with
            the field ``logweft_error``, redacted as any other.
        """
        try:
            if self.renderer is not None:
                line = self.renderer.line(record, _context(record))
                if line is not None:
                    return line
            return self.prefix + self._fit(self._read(record))
        except Exception as error:  # noqa: BLE001 - a log call never raises; the line says why
            return self.prefix + self._fallback(record, error)

    def _read(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the line as a tree of JSON's types, without secrets: ``{field: value}``."""
        fields: dict[str, Any] = {}
        error = self._set_message(record, fields)
        if error is not None and "args" not in self._system:
            fields["args"] = self._arguments(record)[1]
        if "asctime" in self._required_fields:
            try:
                record.asctime = self.formatTime(record, self.datefmt)
            except _NO_TIME:
                record.asctime = ""
        data: dict[Any, Any] = {}
        self.add_fields(data, record, fields)
        if error is not None:
            data[self._get_rename(ERROR)] = error
        data = self.process_log_record(data)
        walk = self._walk(self._max_line)
        tree: dict[str, Any] = {}
        for name, value in data.items():
            put(tree, walk.key(name), walk.field(value))
        if walk.is_spent:
            tree[self._get_rename(TRUNCATED)] = True
        if self._redactor is not None:
            self._redactor.errors += walk.errors
        return self._redact(tree)

    def _walk(self, max_line: int) -> Walk:
        """Return what makes plain values, no more than a line of *max_line* bytes has room for."""
        redactor, secret = self._redactor, 0
        look: Callable[[str], str] = str
        longest = max(max_line, _LOOKED_AT)
        if redactor is not None:
            look = redactor.text
            secret = max(map(len, redactor.values), default=0)
            longest = max(longest, 3 * (secret + 4096))
            if redactor.has_patterns:
                longest = MAX_TEXT  # one of the user's may match more than that
        return Walk(
            self._users_default(),
            self._float_literal,
            max(max_line * (1 + EACH // 2), 2 * longest),  # a value takes two characters
            min(longest, MAX_TEXT),
            look,
            (max(secret, _GROUPS), max(secret, _BLOCK)),
        )

    def _redact(self, tree: dict[str, Any]) -> dict[str, Any]:
        redactor = self._redactor
        if redactor is None:
            return tree
        redacted = redactor.tree(tree)
        if not isinstance(redacted, dict):
            raise RecursionError("no stack left to redact the line")  # withheld as a whole
        # Digits of ours: one span's ID of 30,000 is a card's number by chance.
        for name in map(self._get_rename, _STAMPS & self._system):
            if name in redacted and not redactor.is_path((name,)):
                redacted[name] = tree[name]
        return redacted

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """
        Put the record's fields into *log_data*, in the order of the line.

        To override it is python-json-logger's way of adding fields; call ``super()`` first.

        Args:
            log_data: ``{}``, filled here.
            record: the record, its ``message`` set.
            message_dict: the fields of a call such as ``log.info({"order": 7})``.

        Raises:
            Exception: what a reader of the user's own raises; `format` makes a line of it.
        """
        for name, value in self.defaults.items():
            log_data[self._get_rename(name)] = value
        for name in self._head:
            value = self._read_system(name, record)
            if value is not _ABSENT:
                log_data[self._get_rename(name)] = value
            elif not self._default_line:
                log_data[self._get_rename(name)] = None  # asked for by name, so shown
        users = dict(self._users_fields(record, message_dict))
        for key, value in islice(users.items(), MAX_ITEMS):
            name = wanted = key if type(key) is str else Walk().key(key)
            while name in self._written or (name != key and name in users):
                name = f"{name}_"
            # Of equal names the later wins, but one that had to move takes nobody's place.
            if name is wanted:
                log_data[self._get_rename(name)] = value
            else:
                put(log_data, name, value)
        if len(users) > MAX_ITEMS:
            log_data[self._get_rename(TRUNCATED)] = True
        for name in self._tail:
            value = self._read_system(name, record)
            if value is not _ABSENT:
                log_data[self._get_rename(name)] = value
        for name, value in self.static_fields.items():
            log_data[self._get_rename(name)] = value
        if self.timestamp and not self._default_line:
            name = self.timestamp if isinstance(self.timestamp, str) else "timestamp"
            log_data[self._get_rename(name)] = _moment(record)
        if self.rename_fields_keep_missing:
            for name in self.rename_fields.values():
                log_data.setdefault(name, None)

    def _users_fields(
        self, record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield what Context and call say; of equal names the later wins, ``extra`` always."""
        attributes = record.__dict__
        context = _context(record)
        yield from context.fields.items()
        yield from message_dict.items()
        extra = set()
        for name, value in list(attributes.items()):
            if name in self.reserved_attrs or name in _NOT_FIELDS:
                continue
            if name in _RECORD and name in self._system:
                continue  # the record's own, and written by that name already
            if name == "correlation_id" and value is context.correlation_id:
                continue  # ContextFilter's, for plain text formats
            extra.add(name)
            yield name, value
        access = access_fields(record)
        if access is not None:
            yield from access.items()
        elif isinstance(record.args, Mapping) and isinstance(record.msg, str):
            arguments = self._arguments(record)[1]
            for name in _NAMED.findall(record.msg):
                if name not in extra:
                    with suppress(Exception):
                        yield name, arguments[name]

    def _set_message(self, record: logging.LogRecord, fields: dict[str, Any]) -> str | None:
        """
        Set ``record.message``, as `logging.Formatter.format` does; a dict goes into *fields*.

        Returns what went wrong, if the message could not be formatted.
        """
        if isinstance(record.msg, dict):
            fields.update(dict.items(record.msg))
            record.message = text(fields.pop("message", ""))
            if record.args and "args" not in self._system:
                fields.setdefault("args", record.args)
            return None
        if is_template(type(record.msg)):
            record.message = text(record.msg)  # its str() is its repr
            if record.args and "args" not in self._system:
                fields["args"] = self._arguments(record)[1]
            return None
        try:
            template, args = self._arguments(record)
            if args is not record.args and type(record).getMessage is logging.LogRecord.getMessage:
                record.message = text(template % args)
            else:
                record.message = text(type(record).getMessage(record))  # a factory's own way
            return None
        except Exception as error:  # noqa: BLE001 - "%d" of a str, a __str__ that raises
            record.message = text(record.msg)
            return f"{type_name(type(error))}: {text(error)}"

    def _arguments(self, record: logging.LogRecord) -> tuple[Any, Any]:
        """Return the record's template and arguments, without those that it calls a secret."""
        if not record.args:
            return record.msg, record.args
        walk = Walk()
        args = walk.arguments(record.args)
        if self._redactor is None:
            return record.msg, args
        self._redactor.errors += walk.errors
        return self._redactor.arguments(record.msg, args)

    def _read_args(self, record: logging.LogRecord) -> Any:
        # The named arguments of "%(name)s" are fields already.
        if not record.args or isinstance(record.args, Mapping):
            return _ABSENT
        return self._arguments(record)[1]

    def _read_system(self, name: str, record: logging.LogRecord) -> Any:
        if name in self._own:
            return self._own[name]
        reader = self._readers.get(name)
        if reader is not None:
            return reader(record)
        return _ABSENT if self._default_line else record.__dict__.get(name, _ABSENT)

    def _read_timestamp(self, record: logging.LogRecord) -> Any:
        if self.datefmt is not None:
            try:
                return self.formatTime(record, self.datefmt)
            except _NO_TIME:
                return None
        moment = _moment(record)
        return None if moment is None else f"{moment.isoformat(timespec='microseconds')[:26]}Z"

    def _read_exception(self, record: logging.LogRecord) -> Any:
        info = record.exc_info
        exc = info[1] if isinstance(info, tuple) and len(info) == 3 else info
        if isinstance(exc, BaseException):
            tb = info[2] if isinstance(info, tuple) else exc.__traceback__
            told = exception_fields(exc, tb if isinstance(tb, TracebackType) else None)
        elif record.exc_text:  # a record that was rendered or sent by somebody else
            told = {"stack_trace": self._redacted_trace(text(record.exc_text))}
        else:
            return _ABSENT
        if self.exc_info_as_array and "stack_trace" in told:
            told["stack_trace"] = told["stack_trace"].splitlines()
        return told

    def _redacted_trace(self, trace: str) -> str:
        """Return *trace*, in which all but the frames is redacted; those are, as source, later."""
        redactor = self._redactor
        if redactor is None:
            return trace
        return "".join(
            part if is_frame else redactor.text(part) for is_frame, part in frames(trace)
        )

    def _read_exc_info(self, record: logging.LogRecord) -> Any:
        if record.exc_info:
            try:
                return self.formatException(record.exc_info)
            except Exception:  # noqa: BLE001 - a tuple made by hand, or a str() that raises
                told = self._read_exception(record)
                return told if told is not _ABSENT else text(record.exc_info)
        return record.exc_text or _ABSENT

    def _read_stack(self, record: logging.LogRecord) -> Any:
        return self.formatStack(text(record.stack_info)) if record.stack_info else _ABSENT

    def _is_customised(self) -> bool:
        return (
            self.json_serializer is not json.dumps
            or self.json_encoder is not JsonEncoder
            or self.json_default is not None
            or self.json_indent is not None
            or self.json_ensure_ascii
        )

    def _users_default(self) -> Callable[[Any], Any] | None:
        if self.json_default is not None:
            return self.json_default
        if self.json_encoder is not JsonEncoder and isinstance(self.json_encoder, type):
            default: Callable[[Any], Any] = self.json_encoder().default
            return default
        return None

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """
        Return *log_data*, made of JSON's types, as JSON text.

        Raises:
            TypeError, ValueError: a serializer of the user's own could not take it.
        """
        if self._is_customised():
            line: str = super().jsonify_log_record(log_data)
        else:
            line = self._encode(log_data)
        return escape(line)

    def _fit(self, tree: dict[str, Any]) -> str:
        """Return *tree* as JSON no longer than the budget: the longest texts are cut first."""
        if not any(type(each) is str and len(each) > self._max_line for each in tree.values()):
            line = self.jsonify_log_record(tree)
            if self._is_short(line):
                return line
        tree[self._get_rename(TRUNCATED)] = True
        for longest, most in (
            (4096, 500),
            (2048, 200),
            (1024, 100),
            (512, 50),
            (256, 20),
            (64, 10),
        ):
            tree = {name: self._cut(name, value, longest, most) for name, value in tree.items()}
            line = self.jsonify_log_record(tree)
            if self._is_short(line):
                return line
        sizes = {name: len(self.jsonify_log_record({name: value})) for name, value in tree.items()}
        excess = len(line.encode()) + len(self.prefix) - self._max_line + 1
        for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if excess <= 0:
                break
            if name not in self._written:
                excess -= sizes[name] - 1
                del tree[name]
        longest = 1024
        ids = set(map(self._get_rename, _IDS))
        while not self._is_short(line := self.jsonify_log_record(tree)) and longest > 8:
            longest //= 2
            tree = {
                name: value if name in ids else cut(value, longest, 4)
                for name, value in tree.items()
            }
        return line

    def _cut(self, name: str, value: Any, longest: int, most: int) -> Any:
        """Cut a field as told; message and the exception's own words less, an ID never."""
        if name in map(self._get_rename, _IDS):
            return value
        if name == self._get_rename("message"):
            return cut(value, max(longest, 1024), most)
        if name == self._get_rename("exception") and isinstance(value, dict):
            return {
                key: cut(part, max(longest, 1024) if key in ("type", "message") else longest, most)
                for key, part in value.items()
            }
        return cut(value, longest, most)

    def _is_short(self, line: str) -> bool:
        length = len(line) if line.isascii() else len(line.encode())
        return len(self.prefix) + length < self._max_line

    def _fallback(self, record: logging.LogRecord, error: Exception) -> str:
        """Return a line for a record that could not be rendered; it goes through redaction too."""
        try:
            tree: dict[str, Any] = {}
            for name in HEAD:
                value = self._readers[name](record) if name != "message" else text(record.msg)
                if value is not _ABSENT:
                    tree[name] = Walk().plain(value)
            tree[ERROR] = f"{type_name(type(error))}: {text(error)}"
            tree = {name: cut(value, 256, 4) for name, value in self._redact(tree).items()}
            return escape(json.dumps(tree, ensure_ascii=False, allow_nan=False))
        except Exception:  # noqa: BLE001 - nothing of the record can be trusted any more
            return _UNREADABLE


_UNREADABLE = json.dumps(
    {"timestamp": None, "level": "", "logger": "", "message": "", ERROR: "unreadable record"}
)


def cut(value: Any, longest: int, most: int) -> Any:
    """Return *value*, made of JSON's types, with shorter texts and fewer members."""
    if isinstance(value, str):
        return cut_text(value, longest)
    if isinstance(value, dict):
        members: dict[str, Any] = {}
        for name, member in islice(value.items(), most):
            put(members, cut(name, max(64, longest // 4), most), cut(member, longest, most))
        return members if len(value) <= most else {**members, "[truncated]": True}
    if isinstance(value, list):
        kept = [cut(member, longest, most) for member in value[:most]]
        return kept if len(value) <= most else [*kept, "[truncated]"]
    return value


def _moment(record: logging.LogRecord) -> datetime | None:
    try:
        return datetime.fromtimestamp(record.created, timezone.utc)
    except _NO_TIME:
        return None


def _context(record: logging.LogRecord) -> Context:
    context = record.__dict__.get(CONTEXT, NOTHING)
    return context if type(context) is Context else NOTHING


def _read_level(record: logging.LogRecord) -> Any:
    return text(record.levelname)


def _read_logger(record: logging.LogRecord) -> Any:
    return text(record.name)


def _read_message(record: logging.LogRecord) -> Any:
    return record.message


def _read_correlation_id(record: logging.LogRecord) -> Any:
    return _context(record).correlation_id or _ABSENT


def _read_trace_id(record: logging.LogRecord) -> Any:
    context = _context(record)
    return context.trace_id if context.shows_trace else _ABSENT


def _read_span_id(record: logging.LogRecord) -> Any:
    context = _context(record)
    return context.span_id if context.shows_trace else _ABSENT


def _read_trace_flags(record: logging.LogRecord) -> Any:
    context = _context(record)
    return f"{context.trace_flags:02x}" if context.shows_trace else _ABSENT


def _read_template(record: logging.LogRecord) -> Any:
    return record.msg if record.args and isinstance(record.msg, str) else _ABSENT


def _read_file(record: logging.LogRecord) -> Any:
    return path(record.pathname)


def _read_line(record: logging.LogRecord) -> Any:
    return record.lineno


def _read_function(record: logging.LogRecord) -> Any:
    return record.funcName or _ABSENT
