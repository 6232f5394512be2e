"""RedactionFilter: the protection of our own lines for somebody else's formatter."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any

from ._context import Context
from ._filter import CONTEXT, accepted
from ._plain import Walk, exception_fields, frames, text
from ._record import REFUSED, bare_record
from ._redact import MARKER, Redactor

_RETURNS_RECORDS = sys.version_info >= (3, 12)
"""Whether `logging.Filterer.filter` takes a record that a filter returns in place of its own."""

# Those that are not made below, and may hold somebody's text.
_TEXTS = ("name", "threadName", "processName", "taskName", "pathname", "filename", "module")

_MOST_FRAMES = 16


class RedactionFilter(logging.Filter):
    """
    A `logging.Filter` that hands on a copy of the record without secrets; the record stays.

    In the copy, ``msg`` is the finished message and ``args`` None, an exception is the text
    ``exc_text``, and what ``extra`` added is made of JSON's types. In dictConfig, by ``"()"``::

        "filters": {"redacted": {"()": "logweft.RedactionFilter", "names": ["employee_no"]}},
        "handlers": {"file": {..., "filters": ["redacted"]}}

    Belongs on a *handler*, as its last filter: filters of a logger never see the records of its
    children. What `install` has taken over is redacted without it.

    Args:
        options: those of redaction: ``names``, ``allow_names``, ``patterns``, ``paths``,
            ``allow_values``, ``environment``, ``rules``, ``hash_key``, ``marker``.

    Raises:
        ValueError: an unknown rule or strategy, a regular expression that does not compile.
        TypeError: an unknown option, or one of the wrong type.

    Thread-safe.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        try:
            self._redactor = Redactor(**options)
        except TypeError as error:
            raise TypeError(str(error).replace("Redactor.__init__()", "RedactionFilter")) from None

    @property
    def errors(self) -> int:
        """Exceptions contained so far; what they were about was withheld (exceptions)."""
        return self._redactor.errors

    def filter(self, record: logging.LogRecord) -> Any:
        """
        Return a copy of *record* without secrets, from 3.12 on; before, write it and return False.

        Raises:
            Nothing of its own: a record that cannot be read is withheld.
        """
        copy = self._copied(record)
        if _RETURNS_RECORDS:
            return copy
        # Up to 3.11 the stdlib asks a filter for nothing but yes or no, and a handler then writes
        # the record it was given. To change that record would change what all other handlers see.
        # So the copy goes the rest of the way from here: what is being filtered is a variable of
        # the stdlib's own loop, which is among our callers. Somebody who calls us otherwise (our
        # queue does) is given the copy, as from 3.12 on.
        frame = _loop(record)
        if frame is None:
            return copy
        filterer = frame.f_locals["self"]
        rest = _behind(filterer.filters, frame.f_locals.get("f"))
        _go_on(filterer, rest, copy)
        return False

    def _copied(self, record: logging.LogRecord) -> logging.LogRecord:
        # Exactly a LogRecord: another class's getMessage() may format the message once more.
        copy = bare_record()
        copy.__dict__.clear()
        try:
            copy.__dict__.update(self._attributes(record))
        except Exception:  # noqa: BLE001 - fails closed: the line is written, with nothing in it
            self._redactor.errors += 1
            copy.__dict__.update(self._nothing_of(record))
        return copy

    def _nothing_of(self, record: logging.LogRecord) -> dict[str, Any]:
        empty = vars(bare_record())
        known = {**empty, **dict.fromkeys(record.__dict__, MARKER)}
        for name in REFUSED & record.__dict__.keys():
            value = record.__dict__[name]
            known[name] = value if type(value) in (int, float) else empty.get(name)
        return {**known, "msg": MARKER, "levelname": logging.getLevelName(record.levelno)}

    def _attributes(self, record: logging.LogRecord) -> dict[str, Any]:
        redactor, walk = self._redactor, Walk()
        attributes = dict(record.__dict__)
        for name, value in record.__dict__.items():
            if name == CONTEXT and type(value) is Context:
                fields = redactor.tree(walk.mapping(value.fields.items()))
                attributes[name] = value.with_fields(fields)
            elif name not in REFUSED:
                del attributes[name]
                told = redactor.tree({walk.key(name): walk.field(value)})
                # Dropped, it leaves an empty text, since a format may ask for it by name.
                attributes.update(told or {name: ""})
        for name in _TEXTS:
            value = attributes.get(name)
            if value is not None:
                attributes[name] = redactor.text(text(value))
        attributes["msg"] = message = self._message(record, walk)
        attributes["args"] = None
        if "message" in attributes:  # another formatter's, of the record as it was
            attributes["message"] = text(message)
        attributes["exc_text"] = self._exception(record)
        attributes["exc_info"] = None
        if record.stack_info:
            attributes["stack_info"] = redactor.text(text(record.stack_info), is_source=True)
        redactor.errors += walk.errors
        return attributes

    def _message(self, record: logging.LogRecord, walk: Walk) -> Any:
        """Return the finished message; a dict stays one, as some formatters make fields of it."""
        redactor = self._redactor
        msg, args = record.msg, record.args
        if isinstance(msg, dict) and not args:
            return redactor.tree(walk.plain(msg))
        if hasattr(type(msg), "__log__"):
            msg = walk.plain(msg)
        try:
            if not args:
                plain_type = type(record).getMessage is logging.LogRecord.getMessage
                return redactor.text(text(msg) if plain_type else text(record.getMessage()))
            template, told = redactor.arguments(msg, walk.arguments(args))
            if type(record).getMessage is logging.LogRecord.getMessage:
                return redactor.text(text(text(template) % told))
            return redactor.text(text(record.getMessage()))  # a factory's own way
        except Exception:  # noqa: BLE001 - "%d" of a str; the stdlib would print it to stderr
            told = redactor.arguments(msg, walk.arguments(args))[1]
            return f"{redactor.text(text(msg))} {text(redactor.tree(walk.plain(told)))}"

    def _exception(self, record: logging.LogRecord) -> str | None:
        """Return the traceback as Python prints it, without secrets."""
        info: Any = record.exc_info
        exc = info[1] if isinstance(info, tuple) and len(info) == 3 else info
        if isinstance(exc, BaseException):
            tb = info[2] if isinstance(info, tuple) else exc.__traceback__
            told = exception_fields(exc, tb if isinstance(tb, TracebackType) else None)
            return "\n".join(_traceback(self._redactor.tree(told)))
        if not record.exc_text:
            return None
        # Somebody's text, in which only the frames are source code.
        whole = self._redactor.text(text(record.exc_text), is_source=True)
        return "".join(
            part if is_frame else self._redactor.text(part) for is_frame, part in frames(whole)
        )


def _traceback(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an exception in Python's order: the newest last."""
    for name, words in (
        ("cause", "The above exception was the direct cause of the following exception:"),
        ("context", "During handling of the above exception, another exception occurred:"),
    ):
        if name in told:
            yield from _traceback(told[name])
            yield from ("", words, "")
    if told.get("stack_trace"):
        yield "Traceback (most recent call last):"
        yield told["stack_trace"]
    message = told.get("message")
    yield f"{told.get('type')}: {message}" if message else str(told.get("type"))
    yield from told.get("notes", ())
    for member in told.get("exceptions", ()):
        for line in _traceback(member):
            yield "  | " + line.replace("\n", "\n  | ")


def _loop(record: logging.LogRecord) -> FrameType | None:
    """Return the stdlib's loop over the filters that are asked about *record*, if there is one."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_MOST_FRAMES):
        if frame is None or frame.f_code is accepted.__code__:
            return None
        if frame.f_code is logging.Filterer.filter.__code__:
            return frame if frame.f_locals.get("record") is record else None
        frame = frame.f_back
    return None


def _behind(filters: list[Any], current: Any) -> list[Any]:
    """Return the filters that come after *current*."""
    for place, each in enumerate(filters):
        if each is current:
            return filters[place + 1 :]
    return []


def _go_on(filterer: Any, rest: list[Any], record: logging.LogRecord) -> None:
    """Do with *record* what `Logger.handle` and `Handler.handle` do behind the filters so far."""
    for each in rest:
        verdict: Any = each.filter(record) if hasattr(each, "filter") else each(record)
        if not verdict:
            return
        if isinstance(verdict, logging.LogRecord):
            record = verdict
    if isinstance(filterer, logging.Logger):
        filterer.callHandlers(record)
        return
    filterer.acquire()
    try:
        filterer.emit(record)
    finally:
        filterer.release()
