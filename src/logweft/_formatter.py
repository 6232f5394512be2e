"""JsonFormatter: record → one redacted line of strict JSON. Alone imports pythonjsonlogger."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from types import TracebackType
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonEncoder
from pythonjsonlogger.json import JsonFormatter as _PythonJsonFormatter

from ._context import NOTHING, Context
from ._filter import CONTEXT, SEEN
from ._plain import MAX_ITEMS, Walk, exception_fields, path, put, text, type_name
from ._redact import MARKER, secret_arguments
from ._redact import redact as redact_value

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
"""The default line: `HEAD`, then bound, named-argument and ``extra`` fields, then `TAIL`."""

ERROR, TRUNCATED = "logweft_error", "truncated"
_IDS = ("timestamp", "correlation_id", *_TRACE)

MAX_LINE = 15 * 1024
"""Longest line (bytes, newline included). Container runtimes split at 16 KiB: moby/moby#34855."""

MIN_MAX_LINE = 1024

# What a record has of itself differs by version (`taskName`, 3.12), so it is asked, not listed.
_RECORD = frozenset({*vars(logging.makeLogRecord({})), *RESERVED_ATTRS})

# Set by formatters and filters; and uvicorn repeats each message in terminal colours.
_NOT_FIELDS = frozenset({"message", "asctime", CONTEXT, SEEN, "color_message"})

_NAMED = re.compile(r"%\(([^()]{1,128})\)")

# Terminals obey C1 controls, splitlines() splits at U+0085, U+2028 and U+2029, and bidirectional
# controls reorder what a reader sees; all are legal in JSON and all can be written as escapes.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_ABSENT = object()


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


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
        raise ValueError(f"encoder must be 'auto', 'json', 'orjson' or 'msgspec', got {name!r}")
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
        redact: withhold secrets.
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
        redact: bool = True,
        max_line: int = MAX_LINE,
        encoder: str = "auto",
        **options: Any,
    ) -> None:
        if not isinstance(max_line, int) or max_line < MIN_MAX_LINE:
            raise ValueError(f"max_line must be an int >= {MIN_MAX_LINE} (bytes), got {max_line!r}")
        if not isinstance(redact, bool):
            raise TypeError(f"redact must be True or False, got {redact!r}")
        if not (fmt is None or isinstance(fmt, Sequence)):
            raise TypeError(f"fmt must be a str or a sequence of field names, got {fmt!r}")
        # python-json-logger escapes non-ASCII text by default; here people may grep for it.
        options.setdefault("json_ensure_ascii", False)
        super().__init__(fmt, datefmt, style, validate, **options)
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
        self._system = frozenset({*self._head, *self._tail, *self.static_fields, ERROR, TRUNCATED})
        self._redact: Callable[[Any], Any] = redact_value if redact else _unchanged
        self._hidden = secret_arguments if redact else _none_hidden
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

    def format(self, record: logging.LogRecord) -> str:
        """
        Return *record* as one line of JSON, without the newline.

        Raises:
            Nothing that is an Exception: a record that cannot be rendered gives a short line with
            the field ``logweft_error``, redacted as any other.
        """
        try:
            return self.prefix + self._fit(self._read(record))
        except Exception as error:  # noqa: BLE001 - a log call never raises; the line says why
            return self.prefix + self._fallback(record, error)

    def _read(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the line as a tree of JSON's types, without secrets: ``{field: value}``."""
        fields: dict[str, Any] = {}
        error = _set_message(record, fields)
        if error is not None and "args" not in self._system:
            fields["args"] = self._arguments(record)
        if "asctime" in self._required_fields:
            record.asctime = self.formatTime(record, self.datefmt)
        data: dict[Any, Any] = {}
        self.add_fields(data, record, fields)
        if error is not None:
            data[self._get_rename(ERROR)] = error
        data = self.process_log_record(data)
        walk = Walk(self._users_default(), self._float_literal)
        tree: dict[str, Any] = {}
        for name, value in data.items():
            put(tree, walk.key(name), walk.plain(value, 1))
        redacted: dict[str, Any] = self._redact(tree)
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
        """
        for name, value in self.defaults.items():
            log_data[self._get_rename(name)] = value
        for name in self._head:
            value = self._read_system(name, record)
            if value is not _ABSENT:
                log_data[self._get_rename(name)] = value
            elif not self._default_line:
                log_data[self._get_rename(name)] = None  # asked for by name, so shown
        for name, value in islice(self._users_fields(record, message_dict), MAX_ITEMS):
            while name in self._system:
                name = f"{name}_"
            log_data[self._get_rename(name)] = value
        for name in self._tail:
            value = self._read_system(name, record)
            if value is not _ABSENT:
                log_data[self._get_rename(name)] = value
        for name, value in self.static_fields.items():
            log_data[self._get_rename(name)] = value
        if self.timestamp and not self._default_line:
            name = self.timestamp if isinstance(self.timestamp, str) else "timestamp"
            log_data[self._get_rename(name)] = datetime.fromtimestamp(record.created, timezone.utc)
        if self.rename_fields_keep_missing:
            for name in self.rename_fields.values():
                log_data.setdefault(name, None)

    def _users_fields(
        self, record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield what Context and call say, the more specific last: of equal names it wins."""
        attributes = record.__dict__
        context = attributes.get(CONTEXT, NOTHING)
        yield from context.fields.items()
        if isinstance(record.args, Mapping) and isinstance(record.msg, str):
            arguments = self._arguments(record)
            for name in _NAMED.findall(record.msg):
                if name in arguments:
                    yield name, arguments[name]
        yield from message_dict.items()
        for name, value in list(attributes.items()):
            if name in self.reserved_attrs or name in _NOT_FIELDS:
                continue
            if name == "correlation_id" and value is context.correlation_id:
                continue  # ContextFilter's, for plain text formats
            yield name, value

    def _arguments(self, record: logging.LogRecord) -> Any:
        """Return the record's arguments, without those that its message calls a secret."""
        args = record.args
        marked = self._hidden(record.msg) if args and isinstance(record.msg, str) else ()
        if not marked:
            return args
        if isinstance(args, Mapping):
            return {name: MARKER if name in marked else value for name, value in args.items()}
        return [MARKER if i in marked else value for i, value in enumerate(args or ())]

    def _read_args(self, record: logging.LogRecord) -> Any:
        # The named arguments of "%(name)s" are fields already.
        if not record.args or isinstance(record.args, Mapping):
            return _ABSENT
        return self._arguments(record)

    def _read_system(self, name: str, record: logging.LogRecord) -> Any:
        if name in self._own:
            return self._own[name]
        reader = self._readers.get(name)
        return record.__dict__.get(name, _ABSENT) if reader is None else reader(record)

    def _read_timestamp(self, record: logging.LogRecord) -> Any:
        if self.datefmt is not None:
            return self.formatTime(record, self.datefmt)
        try:
            moment = datetime.fromtimestamp(record.created, timezone.utc)
        except (TypeError, ValueError, OverflowError, OSError):
            return None  # NaN, or a year no calendar has
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"

    def _read_exception(self, record: logging.LogRecord) -> Any:
        info = record.exc_info
        exc = info[1] if isinstance(info, tuple) and len(info) == 3 else info
        if isinstance(exc, BaseException):
            tb = info[2] if isinstance(info, tuple) else exc.__traceback__
            told = exception_fields(exc, tb if isinstance(tb, TracebackType) else None)
        elif record.exc_text:  # a record that was rendered or sent by somebody else
            told = {"stack_trace": text(record.exc_text)}
        else:
            return _ABSENT
        if self.exc_info_as_array and "stack_trace" in told:
            told["stack_trace"] = told["stack_trace"].splitlines()
        return told

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
        if not line.isascii() or "\x7f" in line:
            line = _UNSAFE.sub(_escape, line)
        return line

    def _fit(self, tree: dict[str, Any]) -> str:
        """Return *tree* as JSON no longer than the budget: the longest texts are cut first."""
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
        kept = {self._get_rename(name) for name in (*self._head, *self._tail, ERROR, TRUNCATED)}
        tree = {name: value for name, value in tree.items() if name in kept}
        longest = 1024
        while not self._is_short(line := self.jsonify_log_record(tree)) and longest > 8:
            longest //= 2
            tree = {name: cut(value, longest, 4) for name, value in tree.items()}
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
            return _UNSAFE.sub(_escape, json.dumps(tree, ensure_ascii=False, allow_nan=False))
        except Exception:  # noqa: BLE001 - nothing of the record can be trusted any more
            return (
                f'{{"timestamp":null,"level":"ERROR","message":"","{ERROR}":"unreadable record"}}'
            )


def cut(value: Any, longest: int, most: int) -> Any:
    """
    Return *value*, made of JSON's types, with shorter texts and fewer members.

    A text loses its middle, since the newest frame and the exception of a traceback stand last.
    """
    if isinstance(value, str):
        if len(value) <= longest:
            return value
        head = longest // 3
        return f"{value[:head]}[...{len(value) - longest}...]{value[head - longest :]}"
    if isinstance(value, dict):
        members = {
            cut(name, max(64, longest // 4), most): cut(member, longest, most)
            for name, member in islice(value.items(), most)
        }
        return members if len(value) <= most else {**members, "[truncated]": True}
    if isinstance(value, list):
        kept = [cut(member, longest, most) for member in value[:most]]
        return kept if len(value) <= most else [*kept, "[truncated]"]
    return value


def _unchanged(value: Any) -> Any:
    return value


def _none_hidden(template: str) -> frozenset[int | str]:
    return frozenset()


def _set_message(record: logging.LogRecord, fields: dict[str, Any]) -> str | None:
    """
    Set ``record.message``, as `logging.Formatter.format` does; a dict message goes into *fields*.

    Returns what went wrong, if the message could not be formatted; its arguments are then a field.
    """
    if isinstance(record.msg, dict):
        fields.update(dict.items(record.msg))
        message = fields.pop("message", "")
        record.message = message if isinstance(message, str) else text(message)
        return None
    try:
        record.message = text(record.getMessage())  # a record factory may have its own way
        return None
    except Exception as error:  # noqa: BLE001 - "%d" of a str, a __str__ that raises
        record.message = text(record.msg)
        return f"{type_name(type(error))}: {text(error)}"


def _read_level(record: logging.LogRecord) -> Any:
    return text(record.levelname)


def _read_logger(record: logging.LogRecord) -> Any:
    return text(record.name)


def _read_message(record: logging.LogRecord) -> Any:
    return record.message


def _read_correlation_id(record: logging.LogRecord) -> Any:
    return record.__dict__.get(CONTEXT, NOTHING).correlation_id or _ABSENT


def _read_trace_id(record: logging.LogRecord) -> Any:
    context: Context = record.__dict__.get(CONTEXT, NOTHING)
    return context.trace_id if context.shows_trace else _ABSENT


def _read_span_id(record: logging.LogRecord) -> Any:
    context: Context = record.__dict__.get(CONTEXT, NOTHING)
    return context.span_id if context.shows_trace else _ABSENT


def _read_trace_flags(record: logging.LogRecord) -> Any:
    context: Context = record.__dict__.get(CONTEXT, NOTHING)
    return f"{context.trace_flags:02x}" if context.shows_trace else _ABSENT


def _read_template(record: logging.LogRecord) -> Any:
    return record.msg if record.args and isinstance(record.msg, str) else _ABSENT


def _read_file(record: logging.LogRecord) -> Any:
    return path(record.pathname)


def _read_line(record: logging.LogRecord) -> Any:
    return record.lineno


def _read_function(record: logging.LogRecord) -> Any:
    return record.funcName or _ABSENT
