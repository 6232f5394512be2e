"""The options of install(): code beats environment beats default. Used by install() alone."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ._capture import CAPTURES
from ._context import Policy
from ._listener import check_policy, check_timeout
from ._pattern import Pattern
from ._redact import make_redactor, shown
from ._trace import ORDER
from .integrations import select

FORMATS = ("auto", "json", "console")


class Options(NamedTuple):
    """What `install` was told, by code or environment, checked."""

    level: int | None
    format: str
    stream: Any
    service: str | None
    version: str | None
    environment: str | None
    redact: bool | Mapping[str, Any]
    queue: bool | int
    queue_policy: str
    queue_timeout: float | None
    flush_on_sigterm: bool
    capture: frozenset[str]
    sticky: bool
    fast: bool
    integrations: frozenset[str]
    policy: Policy


# A field name. Source: RFC 9110, sections 5.1 and 5.6.2.
_HEADER = Pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Whose words are ours, so that a variable may say them in any case.
_WORDS = ("format", "stream", "queue_policy", "capture", "integrations", "trust")

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "none")

# Where service and friends are told already: OpenTelemetry, Datadog, Cloud Run, Lambda.
_FALLBACKS = {
    "service": ("OTEL_SERVICE_NAME", "DD_SERVICE", "K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME"),
    "version": ("DD_VERSION", "K_REVISION", "AWS_LAMBDA_FUNCTION_VERSION"),
    "environment": ("DD_ENV",),
}


def _from_environment(name: str) -> Any:
    """Return what the environment says about an option, or None."""
    text = os.environ.get(f"LOGWEFT_{name.upper()}", "").strip()
    if not text:
        return next(filter(None, map(os.environ.get, _FALLBACKS.get(name, ()))), None)
    if name in _WORDS:
        text = text.lower()
    if name in ("redact", "sticky", "fast", "queue", "capture", "flush_on_sigterm"):
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        if name == "queue" and text.isdecimal():
            return int(text)
        words = _split(text)
        if name == "capture":
            return words
        if name == "redact" and all(word.startswith("-") for word in words):
            return {"rules": {word[1:]: "off" for word in words}}
        others = {"queue": " or a capacity in lines", "redact": " or '-email', without that rule"}
        also = others.get(name, "")
        raise ValueError(f"LOGWEFT_{name.upper()} must be 1 or 0{also}, got {text!r}")
    if name == "queue_timeout":
        try:
            return float(text)
        except ValueError:
            return text  # refused as whatever else is no number
    if name in ("integrations", "trust", "id_headers", "propagate_to"):
        words = _split(text)
        return words[0] if words in (["auto"], ["none"], ["always"], ["never"]) else words
    if name == "stream":
        if text not in ("stdout", "stderr"):
            raise ValueError(f"LOGWEFT_STREAM must be 'stdout' or 'stderr', got {text!r}")
        return getattr(sys, text)
    return text


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _level(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        number = int(value) if value.isdecimal() else logging.getLevelName(value.upper())
        if isinstance(number, int):
            return number
    raise ValueError(
        f"level must be the name of a level ('DEBUG', 'INFO', ...) or an int, got {shown(value)}"
    )


def _format(name: str, value: Any) -> str:
    if value in FORMATS:
        return str(value)
    raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, got {shown(value)}")


def _stream(name: str, value: Any) -> Any:
    if callable(getattr(value, "write", None)):
        return value
    raise TypeError(f"stream must have a write() method, got {shown(value)}")


def _text(name: str, value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    raise TypeError(f"{name} must be a str, got {shown(value)}")


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(f"{name} must be True or False, got {shown(value)}")


def _redaction(name: str, value: Any) -> Any:
    make_redactor(value)
    return value


def _queue(name: str, value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"queue must be True, False or a capacity in lines, got {shown(value)}")
    if value < 0:
        raise ValueError(f"queue must be True, False or a capacity >= 1 in lines, got {value}")
    return value


def _captures(name: str, value: Any) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset(CAPTURES if value else ())
    names = _words(name, value)
    unknown = sorted({repr(word) for word in names if word not in CAPTURES})
    if unknown:
        raise ValueError(f"capture knows {', '.join(CAPTURES)}; got {', '.join(unknown)}")
    return frozenset(names)


def _trust(name: str, value: Any) -> Any:
    if value in ("always", "never"):
        return value
    words = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    return tuple(map(_network, words))


def _network(word: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = None
    if isinstance(word, str):
        with suppress(ValueError):
            network = ipaddress.ip_network(word, strict=False)
            return ipaddress.ip_network(word)
    if network is None:
        raise ValueError(
            "trust must be 'always', 'never' or a list of networks such as '10.0.0.0/8', "
            f"got {shown(word)}"
        )
    host = str(word).partition("/")[0]
    raise ValueError(
        f"trust: {shown(word)} has host bits set; write '{network}', or '{host}' for that host"
    )


def _headers(name: str, value: Any) -> tuple[str, ...]:
    words = _words(name, value)
    for word in words:
        if not _HEADER.fullmatch(word):
            raise ValueError(
                f"{name} must be names of headers such as 'X-Request-ID', got {shown(word)}"
            )
    return tuple(word.lower() for word in words)


def _words(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of str, got {shown(value)}")
    words = (value,) if isinstance(value, str) else tuple(value)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"{name} must be a list of str, got {shown(word)} in it")
    return words


def resolve(given: Mapping[str, Any]) -> Options:
    """Return the options: code beats environment beats default."""

    def option(name: str, default: Any, check: Callable[[str, Any], Any]) -> Any:
        if given[name] is not None:
            return check(name, given[name])
        told = _from_environment(name)
        try:
            return default if told is None else check(name, told)
        except (TypeError, ValueError) as error:
            raise ValueError(f"LOGWEFT_{name.upper()}: {error}") from None

    return Options(
        level=option("level", None, _level),
        format=option("format", "auto", _format),
        stream=option("stream", None, _stream),
        service=option("service", None, _text),
        version=option("version", None, _text),
        environment=option("environment", None, _text),
        redact=option("redact", True, _redaction),
        queue=option("queue", True, _queue),
        queue_policy=option("queue_policy", "drop", check_policy),
        queue_timeout=option("queue_timeout", None, check_timeout),
        flush_on_sigterm=option("flush_on_sigterm", False, _flag),
        capture=option("capture", frozenset(CAPTURES), _captures),
        sticky=option("sticky", True, _flag),
        fast=option("fast", True, _flag),
        integrations=option("integrations", select("auto"), lambda name, value: select(value)),
        policy=Policy(
            option("trust", "always", _trust),
            option("id_headers", ORDER, _headers),
            option("propagate_to", None, _words),
        ),
    )
