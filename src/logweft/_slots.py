"""Pure: which arguments cannot make a secret of a message. Used by the renderer."""

from __future__ import annotations

import re
from itertools import chain, cycle, pairwise, zip_longest
from typing import Any

from ._names import LAST_WORDS, NONE
from ._pattern import Pattern
from ._redact import SAME_DIGITS, Redactor
from ._secrets import LONG, WORDS, prefixed

# To look at every message costs more than to render it. What a template says is the same in each
# call, and most arguments are a number, a word, a path: once it is known that the template makes
# no secret of any such, only they need a look. With 500 lines of libraries this took the mean from
# 4.8 µs to 0.9 (3.11).

_SLOT = "\0"

HIDDEN, NUMBER, ANY = range(3)
"""What a slot takes: what stands for a secret, digits, or whatever is inert."""

# Without what would cut a word down to one that says something (%.8s), or add blanks (%5d).
_CONVERSION = Pattern(r"%(?:(?:[+#]?(?:0\d\d?)?(?:\.\d)?(?![sr]))?([sdifgxXr]))?")

# What may stand beside a slot: no part of a word, which a value would make longer, and nothing that
# is looked for around a secret.
_BEFORE = frozenset(" \"'([{/=:,;|")
_BEHIND = frozenset(" \"'()[]},;:/|?!")
_STOP = Pattern(r"\.(?:\s|$)")
_UNIT = Pattern(r"(?:s|ms|kB|KB|MB|GB|x)(?![\w\-@$%~])")

# Groups of digits, as in a card's number, of which a slot may be one.
_GROUP = r"(?:\0|[0-9A-Z]*\d[0-9A-Z]*)"
_GROUPS = Pattern(rf"{_GROUP}(?:[ \-]{_GROUP}){{2,}}")

# Between two slots that are one path, of which each may be harmless: ".../reset" and a token.
_JOINT = Pattern(r"(?:/[\w.\-/]*)?", re.ASCII)

# "%s key: ...", "%s code is ...", where the value may be the rest of a secret's name.
_LAST = "|".join(sorted(LAST_WORDS))
_QUALIFIED = Pattern(rf"\0[ \-](?:[A-Za-z]{{2,20}}[ \-_]){{0,2}}(?:{_LAST})\b", re.IGNORECASE)

# Not groups of digits, which may be a part of a card's or an account's number.
_WORD = rf"(?![\w\-]*\d-\w*\d)[A-Za-z0-9_\-]{{1,{LONG - 1}}}"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PART = rf"(?:{_WORD}|{_UUID})(?![\w\-])"
_NAME = rf"{_PART}(?:\.{_PART}){{0,8}}"
_INERT = Pattern(
    rf"{_NAME}|(?:https?://{_NAME})?(?:/{_NAME}){{0,12}}/?"
    r"|(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}"
    # IDs of spans, traces, documents, commits; all digits may be a card's number.
    r"|(?=\d*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40})"
    r"|(?=\d*[A-F])(?![A-F]{2}\d\d|EAA)[0-9A-F]{16}"
    r"|<(?:[A-Za-z_]{1,30}\d{0,2}\.){0,8}[A-Za-z_]{1,30}\d{0,2} (?:object )?at \dx[0-9a-f]{6,16}>",
    re.ASCII,
)

# What the redactor has a look at, once: names of several words, addresses with a port, a query.
_SLUG = r"(?=[a-z0-9_\-]*[a-z])[a-z0-9]{1,20}(?:[_\-][a-z0-9]{1,20}){1,8}"
_PLACE = rf"(?:{_NAME}|{_SLUG})(?![\w\-])"
_PAIR = rf"[a-z_]{{1,24}}=(?:{_WORD})?(?![\w\-])"
_PLAUSIBLE = Pattern(
    rf"{_SLUG}|(?:[a-z]{{2,12}}://{_NAME}(?::\d{{1,5}})?)?(?:/{_PLACE}){{0,12}}/{{0,2}}"
    rf"(?:\?{_PAIR}(?:&{_PAIR}){{0,9}})?",
    re.ASCII,
)
_KEYS = Pattern(r"([A-Za-z0-9_.\-]+)(?:=|:\d)")
_EDGES = Pattern(r"\b[A-Za-z]", re.ASCII)
_LONG_WORD = Pattern(rf"[A-Za-z0-9_\-]{{{LONG}}}")

# Words that say something of what comes behind them.
_TELLING = frozenset({"is", "was", "set", "changed", "to"})
_SCHEMES = tuple(each for rule in WORDS[0] if rule.name == "bearer" for each in rule.needs)

# What a rule for long words looks for. A value that has it may be clean only while it is alone:
# so it is looked at behind one. One by one, as an expression takes five times as long.
_NEEDS = tuple({each for rules in WORDS.values() for rule in rules for each in rule.needs})
_COMPANY = "abcdefghijklmnopqrstuvwxyz-abc "

# One of each kind that is inert; a template that makes a secret of one has no slots.
_PROBES = (
    "Zx9Qw7Rt2Yp5L",
    "x",
    "7",
    "123e4567-e89b-12d3-a456-426614174000",
    "/v1/a2/b3",
    "https://a1.example/b2",
    "10.1.2.3:456",
    "0123456789ABCDEF",
    *("0123456789abcdef" + "01234567" * more for more in range(4)),
    "<a.B object at 0x7f0123456789>",
    "a1b2c3d4e5f6-g7h8i9j0k1l2",
    "/a1/b2?c=d3&e=f4",
    "amqp://a1.example:5672//",
    "amqp://a1.example:5672",
)

_NUMBERS = ("7.25", "0.1234567890123456")

_MAX_NUMBER = 10 ** (LONG - 1)
_MAX_VALUE = 256
_MAX_CACHED = 1_024


class Slots:
    """
    Tells, for one `Redactor`, which messages need no look.

    Thread-safe.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._endings = redactor.names.endings.union(each[-3:] for each in _SCHEMES)
        self._marker = redactor.constant("name")  # None: no template with a secret has slots
        # Most values come again, as methods and hosts do, or their like with other digits, as
        # paths and files do. No digit's value says anything but in a name.
        self._inert: dict[str, bool] = {}  # those that are
        self._shapes: dict[bytes, bool] = {}

    def of(self, template: str) -> tuple[int, ...]:
        """
        Return what each conversion of *template* takes; empty: its messages need a look each.

        All of them need one for `Redactor.values`.

        Its secret arguments are taken as what stands for them; see `Redactor.arguments`.
        """
        if self._redactor.has_patterns or not template.isascii() or _SLOT in template:
            return ()
        pieces: list[str] = []
        kinds: list[str] = []
        end = 0
        for match in _CONVERSION.finditer(template):
            if match[1] is None:
                return ()
            pieces.append(template[end : match.start()])
            kinds.append(match[1])
            end = match.end()
        pieces.append(template[end:])
        if (
            not kinds
            or any(_JOINT.fullmatch(each) is not None for each in pieces[1:-1])
            or any(each.search(_SLOT.join(pieces)) is not None for each in (_GROUPS, _QUALIFIED))
        ):
            return ()
        hidden = self._redactor.hidden(template)
        if hidden and self._marker is None:
            return ()
        found: list[int] = []
        for place, (before, behind) in enumerate(pairwise(pieces)):
            if place in hidden:
                found.append(HIDDEN)
            elif before and before[-1] not in _BEFORE:
                return ()
            elif not behind or behind[0] in _BEHIND or _STOP.match(behind) is not None:
                found.append(ANY)
            elif _UNIT.match(behind) is not None:
                found.append(NUMBER)
            else:
                return ()
        for number, probe in zip(cycle(_NUMBERS), _PROBES, strict=False):
            for quote in ("", "'") if "r" in kinds else ("",):
                quoted = f"{quote}{probe}{quote}"
                values = [
                    (self._marker or "", number, quoted if kind == "r" else probe)[slot]
                    for slot, kind in zip(found, kinds, strict=True)
                ]
                text = "".join(chain.from_iterable(zip_longest(pieces, values, fillvalue="")))
                if self._redactor.text(text) != text:
                    return ()
        return tuple(found)

    def take(self, slots: tuple[int, ...], args: tuple[Any, ...]) -> bool:
        """Say whether *args*, as many as there are *slots*, make no secret of their message."""
        # Another number fails at the message. strict=False would take as long as all the rest.
        for value, slot in zip(args, slots):  # noqa: B905 - as said: 0.36 against 0.18 µs (3.11)
            cls = type(value)
            if slot != ANY:
                is_taken = self._fits(slot, value)
            elif cls is str:
                is_taken = value in self._inert or self.is_inert(value)
            elif cls is int or cls is float:
                is_taken = -_MAX_NUMBER < value < _MAX_NUMBER
            else:
                is_taken = value is None or cls is bool
            if not is_taken:
                return False
        return True

    def _fits(self, slot: int, value: Any) -> bool:
        """Say whether a *slot* that is not `ANY` takes *value*."""
        if slot == HIDDEN:
            return bool(value == self._marker)  # None, say, is no secret and stays
        if type(value) is str:
            return len(value) < LONG and value.replace(".", "", 1).isdigit()
        return type(value) in (int, float) and -_MAX_NUMBER < value < _MAX_NUMBER

    def is_inert(self, value: str) -> bool:
        """
        Say whether *value* is neither a secret itself nor says of anything that it is one.

        But for `Redactor.values` and patterns of the user's.
        """
        if not 0 < len(value) <= _MAX_VALUE:  # "key %s: ..." with nothing in it
            return False
        shape = value.encode(errors="replace").translate(SAME_DIGITS)
        known = self._shapes.get(shape)
        if known is None:
            known, is_alike = self._look(value)
            if known:
                _keep(self._inert, value, True)
            if is_alike:
                _keep(self._shapes, shape, known)
        return known

    def _look(self, value: str) -> tuple[bool, bool]:
        """Say whether *value* is inert, and whether that holds whatever its digits are."""
        is_alike = not self._redactor.is_exact
        if value in _TELLING:
            return False, True
        if _INERT.fullmatch(value) is None:
            if (
                _PLAUSIBLE.fullmatch(value) is None
                or any(map(self._says, _KEYS.findall(value)))
                or self._redactor.text(value) != value
            ):
                return False, is_alike
            if _LONG_WORD.search(value) is not None:
                is_alike = False
                if _begins_as_key(value):
                    return False, True
        if ("/" in value or "." in value) and not self._is_clean_in_company(value):
            return False, True
        if value[0] == "<" and self._says(value[1:].partition(" ")[0].rpartition(".")[2]):
            return False, True
        if f" {value}".rstrip("0123456789_.-")[-3:].lower() in self._endings:
            if self._says(value.rpartition("/")[2]):
                return False, is_alike
            is_alike = False
        return True, is_alike

    def _is_clean_in_company(self, value: str) -> bool:
        """Say whether no rule for long words withholds a part of *value*, a path or a host."""
        lowered = value.lower()
        for each in _NEEDS:
            if each in lowered:
                text = _COMPANY + value
                return self._redactor.text(text) == text
        return True

    def _says(self, name: str) -> bool:
        """Say whether *name* tells something of what is behind it."""
        return (
            self._redactor.names.kind(name) != NONE
            or name.lower() in LAST_WORDS
            or name.lower().endswith(_SCHEMES)
        )


def _begins_as_key(value: str) -> bool:
    """Say whether a word of *value* has the begin of a service's key: it makes others looked at."""
    heads = prefixed()
    return any(
        value.startswith(prefix, at)
        for at in (match.start() for match in _EDGES.finditer(value))
        for prefix, _ in heads.get(value[at : at + 3], ())
    )


def _keep(known: dict[Any, bool], value: Any, verdict: bool) -> None:
    if len(known) >= _MAX_CACHED:
        known.clear()
    known[value] = verdict
