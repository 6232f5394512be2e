"""Pure: a value of JSON's types → the same value without secrets. Imported by the formatters."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from ._plain import put, type_name

MARKER = "[redacted]"
"""What stands where a secret stood. It is constant: it never says anything about the secret."""

MIN_SECRET_LENGTH = 8
"""Shortest value `register_secret` takes (characters); a shorter one would mask ordinary words."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# A name is secret by its last words: `db_password`, `X-Api-Key`, `clientSecret`. So `max_tokens`,
# `password_reset_sent_at`, `secretary` and `token_count` are not.
_SECRET_TAILS = frozenset(
    tuple(name.split("_"))
    for name in """
    password passwords passwd passwort pwd pass_phrase passphrase passcode secret
    secrets token credential credentials authorization authorisation cookie cookies
    apikey api_key access_key secret_key private_key signing_key encryption_key
    account_key master_key auth_key license_key signature_key session_id sessionid
    session_key session csrf xsrf csrftoken jwt bearer otp pin pin_code cvv cvc cvv2
    cvc2 ssn social_security_number national_id passport_number card_number credit_card
    iban connection_string dsn password_hash pwd_hash secret_hash salt webhook_url
    tax_id account_number routing_number security_code security_answer
    """.split()
)
_LONGEST_TAIL = max(map(len, _SECRET_TAILS))

_NAME = r"[A-Za-z0-9_.\-]{0,64}?"
_KEYWORDS = (
    "password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|"
    "secret[_-]?key|account[_-]?key|credentials?|session[_-]?id|authorization|cookie|cvv|ssn"
)

_Rule = tuple[tuple[str, ...], "re.Pattern[str]", str | Callable[["re.Match[str]"], str]]


def _assignment(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"]
    if not is_secret_name(name) or _is_masked(value) or value.lower() in _SCHEMES:
        return match[0]
    quote = value[0] if value[0] in "\"'" and value[-1:] == value[0] and len(value) > 1 else ""
    return f"{match['head']}{quote}{MARKER}{quote}"


# What stands between `Authorization:` and the credentials, which have a rule of their own.
_SCHEMES = frozenset({"bearer", "basic", "digest", "negotiate", "apikey", "token"})


# Nothing to withhold: the marker itself, nothing, and the conversions of a template.
_NO_SECRETS = frozenset({MARKER, "None", "null", "True", "False", "%", "%s", "%r", "%d"})


def _is_masked(value: str) -> bool:
    bare = value.strip("\"'")
    return not bare.strip("*x.•X[]<>") or bare in _NO_SECRETS


# Each rule is asked only when one of its literals is in the text (lower-cased), and none of them
# repeats over something unbounded twice, so that time stays linear in the text.
_RULES: tuple[_Rule, ...] = (
    (
        ("-----begin",),
        re.compile(
            r"-----BEGIN ([A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?)-----"
            r"(?:(?!-----).)*(?:-----END \1-----)?",
            re.DOTALL,
        ),
        MARKER,
    ),
    (
        ("://",),
        re.compile(
            r"(?P<scheme>\b[a-z][a-z0-9+.\-]{1,24}://)(?P<user>[^\s/:@\"'<>]{0,256})"
            r":(?P<secret>[^\s/@\"'<>]{1,512})@",
            re.IGNORECASE,
        ),
        rf"\g<scheme>\g<user>:{MARKER}@",
    ),
    (
        ("bearer ", "basic ", "token ", "apikey ", "negotiate "),
        re.compile(
            r"(?P<scheme>\b(?:bearer|basic|negotiate|apikey|token)\s{1,4})"
            r"(?=[a-z0-9+/._~=\-]{0,256}(?-i:[0-9A-Z=]))[a-z0-9+/._~=\-]{12,}",
            re.IGNORECASE,
        ),
        rf"\g<scheme>{MARKER}",
    ),
    (
        ("eyj",),
        re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}\.?[A-Za-z0-9_\-]*"),
        MARKER,
    ),
    (
        ("akia", "asia"),
        re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        MARKER,
    ),
    (
        (
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "xox",
            "sk_",
            "rk_",
            "sk-",
        ),
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_\-]{18,}|"
            r"xox[abposr]-[A-Za-z0-9\-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|"
            r"sk-[A-Za-z0-9_\-]{20,})"
        ),
        MARKER,
    ),
    (
        ("=", ":"),
        re.compile(
            rf"(?P<head>(?<![A-Za-z0-9_.\-])[\"']?(?P<name>{_NAME}(?:{_KEYWORDS}))[\"']?"
            r"\s{0,4}(?:=|:(?!//))\s{0,4})"
            r"(?P<value>\"[^\"\n]+\"|'[^'\n]+'|[^\s,;&\"'(){}<>\[\]]+)",
            re.IGNORECASE,
        ),
        _assignment,
    ),
)

_registered: tuple[str, ...] = ()
_registering = threading.Lock()
_verdicts: dict[str, bool] = {}
_NONE_HIDDEN: tuple[frozenset[int | str], str | None] = (frozenset(), None)
_hidden: dict[str, tuple[frozenset[int | str], str | None]] = {}
_CONVERSION = re.compile(
    r"%(?:\((?P<name>[^()]{1,128})\))?[#0\- +]{0,5}[0-9*.]{0,16}[hlL]?(?P<type>[A-Za-z%])"
)
_LABEL = re.compile(r"([A-Za-z0-9_.\-]{1,64})[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?:[A-Za-z]{1,16}\s)?$")
_MAX_VERDICTS = 4_096


def register_secret(value: str) -> None:
    """
    Withhold *value* wherever it appears in a line, whatever its key or format.

    Args:
        value: the secret itself, at least 8 characters; compared exactly.

    Raises:
        TypeError: not a ``str``.
        ValueError: shorter than 8 characters.
    """
    global _registered
    if not isinstance(value, str):
        raise TypeError(f"a secret must be a str, got {type(value).__name__}")
    if len(value) < MIN_SECRET_LENGTH:
        raise ValueError(
            f"a secret must have at least {MIN_SECRET_LENGTH} characters, got {len(value)}; "
            "a shorter one would mask ordinary text: redact it by its key"
        )
    with _registering:
        # Longest first, so that a secret which contains another goes as a whole.
        _registered = tuple(sorted({*_registered, value}, key=len, reverse=True))


def is_secret_name(name: str) -> bool:
    """
    Say whether a field of this *name* holds a secret, by its last words.

    Raises:
        Nothing.
    """
    verdict = _verdicts.get(name)
    if verdict is None:
        words = tuple(word.lower() for word in _WORDS.findall(name[-128:]))
        verdict = any(
            words[-length:] in _SECRET_TAILS
            for length in range(1, min(len(words), _LONGEST_TAIL) + 1)
        )
        if len(_verdicts) >= _MAX_VERDICTS:
            _verdicts.clear()
        _verdicts[name] = verdict
    return verdict


def hide_arguments(template: object) -> tuple[frozenset[int | str], str | None]:
    """
    Return which arguments of a ``%`` template are secrets, and the template that hides them.

    The text around an argument says what it is, also where that is written by itself, and where
    the argument has spaces in it: ``"user=%s password=%s"`` gives ``{1}`` and
    ``"user=%s password=%.0s[redacted]"``; ``"login %(token)s"`` gives ``{"token"}``.

    Returns:
        ``(positions and names, template)``; ``(frozenset(), None)`` if there are none.

    Raises:
        Nothing.
    """
    if type(template) is not str:
        return _NONE_HIDDEN
    hidden = _hidden.get(template)
    if hidden is None:
        found: set[int | str] = set()
        parts: list[str] = []
        position = end = 0
        for match in _CONVERSION.finditer(template):
            if match["type"] == "%":
                continue
            name = match["name"]
            label = _LABEL.search(template[max(end, match.start() - 128) : match.start()])
            is_secret = (label is not None and is_secret_name(label[1])) or (
                name is not None and is_secret_name(name)
            )
            if is_secret and "*" not in match[0]:  # a width of its own is another argument
                found.add(name or position)
                # Takes the argument and writes none of it.
                conversion = f"%({name}).0s" if name else "%.0s"
                parts += template[end : match.start()], conversion, MARKER
            else:
                parts.append(template[end : match.end()])
            end = match.end()
            position += 1
        hidden = _NONE_HIDDEN
        if found:
            hidden = frozenset(found), "".join(parts) + template[end:]
        if len(_hidden) >= _MAX_VERDICTS:
            _hidden.clear()
        if len(template) <= 1024:  # a longer one is no template but a text, and not seen again
            _hidden[template] = hidden
    return hidden


def redact_text(text: str) -> str:
    """Return *text* with every secret in it replaced by `MARKER`, and nothing else changed."""
    for secret in _registered:
        if secret in text:
            text = text.replace(secret, MARKER)
    lowered = text.lower()
    for literals, pattern, replacement in _RULES:
        for literal in literals:
            if literal in lowered:
                text = pattern.sub(replacement, text)
                break
    return text


def shown(value: object) -> str:
    """
    Return *value* as an error message may show it: a scalar by its redacted repr, else its type.

    Raises:
        Nothing.
    """
    if type(value) in (str, int, float, bool, type(None)):
        return redact_text(repr(value)[:200])
    return f"{type_name(type(value))} object"


def redact(value: Any) -> Any:
    """
    Return a copy of *value* in which every secret is ``"[redacted]"``.

    Args:
        value: what JSON holds, ``{"message": str, "user": {"password": str, ...}, ...}``. Not
            modified.

    Returns:
        Same keys, same order, same shape. Under a secret's name everything but ``True``,
        ``False`` and ``None`` is withheld, containers included.

    Raises:
        Nothing. A value that cannot be looked at is withheld.

    Thread-safe. Time is linear in the text.
    """
    cls = type(value)
    if cls is str:
        return redact_text(value)
    if cls is dict:
        members: dict[str, Any] = {}
        for key, member in value.items():
            secret = member is not None and type(member) is not bool and is_secret_name(key)
            name = key if key.isidentifier() and not _registered else redact_text(key)
            put(members, name, MARKER if secret else redact(member))
        return members
    if cls is list:
        return [redact(member) for member in value]
    return value
