"""The access lines of known servers as fields; their records are structured already."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

_REQUEST = re.compile(r"([A-Z]{1,16}) (\S{1,8192}) HTTP/[0-9.]{1,4}")


def _fields(
    method: Any, path: Any, status: Any, duration_ms: float | None = None
) -> dict[str, Any]:
    fields = {
        "http.method": str(method),
        "http.path": str(path).partition("?")[0],  # a query may hold anything; the message has it
        "http.status": int(status),
    }
    return fields if duration_ms is None else {**fields, "duration_ms": round(duration_ms, 3)}


def _of_request_line(line: Any, status: Any, duration_ms: float | None = None) -> dict[str, Any]:
    match = _REQUEST.search(str(line))
    return {} if match is None else _fields(match[1], match[2], status, duration_ms)


def _uvicorn(record: logging.LogRecord) -> dict[str, Any]:
    """``(client, method, path, HTTP version, status)``."""
    _, method, path, _, status = record.args  # type: ignore[misc]  # or it is no access record
    return _fields(method, path, status)


def _gunicorn(record: logging.LogRecord) -> dict[str, Any]:
    """Atoms by letter, ``m``, ``U``, ``s``, and ``D`` in microseconds; hypercorn too."""
    atoms: Any = record.args
    return _fields(atoms["m"], atoms["U"], atoms["s"], float(atoms["D"]) / 1000)


def _request_line(record: logging.LogRecord) -> dict[str, Any]:
    """``(request line, status, ...)``: Django's runserver and werkzeug."""
    return _of_request_line(record.args[0], record.args[1])  # type: ignore[index]  # as above


def _aiohttp(record: logging.LogRecord) -> dict[str, Any]:
    """Attributes named after the format's letters."""
    attributes = record.__dict__
    return _of_request_line(attributes["first_request_line"], attributes["response_status"])


def _tornado(record: logging.LogRecord) -> dict[str, Any]:
    """``(status, "GET /path (client)", milliseconds)``."""
    status, summary, duration_ms = record.args  # type: ignore[misc]  # as above
    method, path, _ = str(summary).split(" ", 2)
    return _fields(method, path, status, float(duration_ms))  # type: ignore[arg-type]  # as above


_READERS: dict[str, Callable[[logging.LogRecord], dict[str, Any]]] = {
    "aiohttp.access": _aiohttp,
    "django.server": _request_line,
    "gunicorn.access": _gunicorn,
    "hypercorn.access": _gunicorn,
    "tornado.access": _tornado,
    "uvicorn.access": _uvicorn,
    "werkzeug": _request_line,
}


def is_access_logger(name: str) -> bool:
    """Say whether a known server writes its access lines by the logger *name*."""
    return name in _READERS


def access_fields(record: logging.LogRecord) -> Mapping[str, Any] | None:
    """
    Return ``{"http.method": str, "http.path": str, "http.status": int, "duration_ms": float}``.

    None: *record* is no access record of a known server; a server that tells no duration has none.

    Raises:
        Nothing that is an Exception: a record of another form, such as a server's other lines.
    """
    reader = _READERS.get(record.name)
    if reader is None:
        return None
    try:
        return reader(record) or None
    except Exception:  # noqa: BLE001 - the same logger writes other lines too
        return None
