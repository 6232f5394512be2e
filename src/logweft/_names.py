"""Pure: what a name says of the value that stands under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _secrets
from ._pattern import Pattern

MAX_NAME = 128
"""Longest name that says anything (characters)."""

_MAX_CACHED = 4_096

_WORDS = Pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

BETWEEN = "\"'\\]:=0123456789_.-" + "".join(filter(str.isspace, map(chr, range(128))))
BETWEEN_ANY = BETWEEN + "".join(filter(str.isspace, map(chr, range(128, 0x3001))))
"""
Characters skipped backwards from a `=` or `:` to the last letter of the name before it: quotes,
brackets, digits, spaces. The second of these is for texts that are not ASCII.
"""

OPAQUE = Pattern(r"(?=[^\s]*\d)[A-Za-z0-9+/_\-.=%~]{12,}")
"""What looks like a token: of some length, with a digit, without a space."""

_SPACES = frozenset(" -_\n")
_WORDS_BEFORE = Pattern(r"(?:[A-Za-z]{2,20}[ \-_]){1,3}$")

LAST_WORDS = frozenset(
    """key id number no code phrase string card token secret value hash num header answer
    digits""".split()
)
"""Names that say nothing alone: "API key: x", "card number: x"."""

NONE, WEAK, SECRET, PLURAL, LOCATOR = range(5)
"""What a name says of its value; see the tables of `_secrets`."""


def _tails(words: str, kind: int) -> dict[tuple[str, ...], int]:
    return {tuple(name.split("_")): kind for name in words.split()}


_KINDS = {
    **_tails(_secrets.WEAK, WEAK),
    **_tails(_secrets.SECRET, SECRET),
    **_tails(_secrets.PLURAL, PLURAL),
    **_tails(_secrets.LOCATOR, LOCATOR),
    **_tails(_secrets.INNOCENT, NONE),
}


class Names:
    """
    What names say; by their last words, however they are written.

    Args:
        secret: more names whose values are secret: ``["employee_no"]``.
        innocent: names that are not.
        is_on: False: no name says anything.

    Thread-safe.
    """

    def __init__(self, secret: Iterable[str], innocent: Iterable[str], *, is_on: bool) -> None:
        self._kinds = {
            **_KINDS,
            **{words_of(each): SECRET for each in secret},
            **{words_of(each): NONE for each in innocent},
        }
        self._longest = max(map(len, self._kinds))
        self._is_on = is_on
        self._verdicts: dict[str, int] = {}
        self._innocent: dict[str, bool] = {}
        self.endings = _endings(self._kinds)
        """The last letters of a secret's name."""

    def kind(self, name: str) -> int:
        """Say what a field of this *name* holds, by the name's last words."""
        verdict = self._verdicts.get(name)
        if verdict is None:
            name = name[-MAX_NAME:]  # values are asked for too, which may be of any length
            verdict = self._look_up(name) if self._is_on else NONE
            if len(self._verdicts) >= _MAX_CACHED:
                self._verdicts.clear()
            self._verdicts[name] = verdict
        return verdict

    def _look_up(self, name: str) -> int:
        words = words_of(name)
        for length in range(min(len(words), self._longest), 0, -1):
            kind = self._kinds.get(words[-length:])
            if kind is not None:
                return kind
        if words and words[-1].isdigit() and len(words) > 1:  # password2, token_1
            return self._look_up("_".join(words[:-1]))
        if words and words[-1].endswith(_secrets.ENDINGS):
            return SECRET
        return NONE

    def is_secret(self, name: str, value: Any) -> bool:
        """Say whether *value* (of JSON's types) is withheld because of its field's *name*."""
        if value is None or value is True or value is False or value == "":
            return False
        kind = self.kind(name)
        if kind == SECRET:
            return True
        if kind == PLURAL:
            return not isinstance(value, (int, float))
        if kind == WEAK:
            return isinstance(value, str) and OPAQUE.fullmatch(value) is not None
        return False

    def is_innocent(self, written: str) -> bool:
        """Say whether a name, *written* with what is behind it, says nothing wherever it stands."""
        known = self._innocent.get(written)
        if known is None:
            known = (
                len(written) <= MAX_NAME
                and self.kind(written) in (NONE, LOCATOR)
                and written.rstrip(BETWEEN_ANY).lower() not in LAST_WORDS
            )
            if len(self._innocent) >= _MAX_CACHED:
                self._innocent.clear()
            self._innocent[written] = known
        return known

    def kind_there(self, name: str, text: str, start: int) -> int:
        """Say what the *name* at *start* of *text* says, with the words before it."""
        kind = self.kind(name)
        is_last = kind in (NONE, WEAK) and name.lower() in LAST_WORDS
        if is_last and text[start - 1 : start] in _SPACES:
            before = _WORDS_BEFORE.search(text[max(0, start - 48) : start])
            if before is not None:
                return self.kind(f"{before[0]}{name}")
        return kind


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of *name* in lower case: ``X-Api-Key`` and ``xApiKey`` have three."""
    return tuple(word.lower() for word in _WORDS.findall(name))


def _endings(kinds: Mapping[tuple[str, ...], int]) -> frozenset[str]:
    """Return the last three letters that a secret's name can have, however it is written."""
    names = [words for words, kind in kinds.items() if kind != NONE]
    found = {each[-3:] for each in (*_secrets.ENDINGS, *LAST_WORDS)}
    for words in names:
        compact = "".join(words).rstrip("0123456789")
        last = words[-1].rstrip("0123456789") or compact
        found |= {compact[-3:], last[-3:]}
        if len(last) < 3:
            found |= {f"{between}{last}" for between in " _-."}
    return frozenset(found)
