"""Access records of known servers become fields; the shapes are those the servers log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import logweft
from programs import strict

SHAPES: dict[str, tuple[str, Any, dict[str, Any], dict[str, Any]]] = {
    "uvicorn": (
        "uvicorn.access",
        ('%s - "%s %s HTTP/%s" %d', ("127.0.0.1:5", "GET", "/a?token=abcdefgh1", "1.1", 200)),
        {},
        {"http.method": "GET", "http.path": "/a", "http.status": 200},
    ),
    "gunicorn": (
        "gunicorn.access",
        ("%(r)s %(s)s", ({"m": "POST", "U": "/b", "s": "201", "D": 1500, "r": "POST /b"},)),
        {},
        {"http.method": "POST", "http.path": "/b", "http.status": 201, "duration_ms": 1.5},
    ),
    "hypercorn": (
        "hypercorn.access",
        ("%(r)s %(s)s", ({"m": "POST", "U": "/b", "s": 201, "D": 1500, "r": "POST /b 1.1"},)),
        {},
        {"http.method": "POST", "http.path": "/b", "http.status": 201, "duration_ms": 1.5},
    ),
    "django": (
        "django.server",
        ('"%s" %s %s', ("GET /c?d=1 HTTP/1.1", "404", "12")),
        {},
        {"http.method": "GET", "http.path": "/c", "http.status": 404},
    ),
    "werkzeug": (
        "werkzeug",
        ('127.0.0.1 - - [x] "%s" %s %s', ("\x1b[33mGET /d HTTP/1.1\x1b[0m", "404", "-")),
        {},
        {"http.method": "GET", "http.path": "/d", "http.status": 404},
    ),
    "aiohttp": (
        "aiohttp.access",
        ("127.0.0.1 GET /e", ()),
        {"first_request_line": "GET /e HTTP/1.1", "response_status": 200},
        {"http.method": "GET", "http.path": "/e", "http.status": 200},
    ),
    "tornado": (
        "tornado.access",
        ("%d %s %.2fms", (200, "GET /f?token=abcdefgh1 (127.0.0.1)", 1.5)),
        {},
        {"http.method": "GET", "http.path": "/f", "http.status": 200, "duration_ms": 1.5},
    ),
}


def line(name: str, msg: str, args: tuple[Any, ...], extra: dict[str, Any]) -> dict[str, Any]:
    record = logging.LogRecord(name, logging.INFO, __file__, 1, msg, args, None)
    vars(record).update(extra)
    return strict(logweft.JsonFormatter().format(record))


@pytest.mark.parametrize("server", SHAPES)
def test_an_access_record_is_fields(server: str) -> None:
    """Method, path without query, status and, where told, duration are fields of their own."""
    name, (msg, args), extra, expected = SHAPES[server]

    told = line(name, msg, args, extra)

    assert {field: told.get(field) for field in expected} == expected
    assert "abcdefgh1" not in str(told)


@pytest.mark.parametrize("server", SHAPES)
def test_another_line_of_the_same_logger_stays_as_it_is(server: str) -> None:
    """A record of another shape, such as a start-up message, has no http fields."""
    told = line(SHAPES[server][0], "listening on %s", ("127.0.0.1",), {})

    assert told["message"] == "listening on 127.0.0.1"
    assert not [field for field in told if field.startswith("http.")]
