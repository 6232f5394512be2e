"""Pure: a value of JSON's types → the same value without secrets. Imported by the formatters."""

from __future__ import annotations

import itertools
import operator
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import _secrets
from ._names import (
    BETWEEN,
    BETWEEN_ANY,
    LOCATOR,
    MAX_NAME,
    NONE,
    OPAQUE,
    PLURAL,
    SECRET,
    WEAK,
    Names,
    words_of,
)
from ._pattern import Pattern
from ._plain import WITHHELD, put, type_name
from ._secrets import Rule
from ._spans import (
    ASSIGNMENT,
    ELEMENT,
    FLAG,
    NUMBER,
    PAIR,
    PROSE,
    SCHEME,
    SCHEME_BEGINS,
    VERBS,
    is_literal,
    is_nothing,
    value_span,
)

MARKER = WITHHELD

MIN_SECRET_LENGTH = 8
"""Shortest value `register_secret` takes (characters); a shorter one would mask ordinary words."""

Strategy = str | Callable[[str], str]
"""``"marker"``, ``"mask"``, ``"hash"``, ``"drop"``, ``"off"``, or ``(secret) -> text``."""

STRATEGIES = ("marker", "mask", "hash", "drop", "off")

_MAX_CACHED = 4_096
_MAX_ENCODED = 65_536
_MAX_SHAPE = 256
_MAX_FRAME = 2_048

# Secrets' names in one text; what is behind the last goes as one, so that a text made of nothing
# else (100 kB of "password=a,") takes no longer than others.
_MAX_NAMES = 3_000

# A look at every text, in C alone: word characters become "w", what stands around a secret "!".
# Against a regular expression it takes a fifth of the time (37 characters, 3.11: 0.4 against 2 µs).
_FOLD = bytes(
    ord("w")
    if (chr(code).isalnum() and code < 128) or chr(code) in "_-"
    else ord("!")
    if chr(code) in "=:@$%<~\"'"
    else code
    if code == 32
    else ord(".")
    for code in range(256)
)
_LONG_RUN = "w" * _secrets.LONG

# For cards, IBANs, social security numbers: which groups of digits there are.
_DIGITS = bytes(
    ord("0")
    if 48 <= code <= 57
    else ord("A")
    if 65 <= code <= 90
    else ord("_")
    if code == 32
    else code
    for code in range(256)
)

# Of a long text: to look for "wwww wwww wwww" takes five times as long, for there are words
# everywhere (8,000 characters of prose, 3.11: 42 against 8 µs).
_GROUPED = bytes(
    ord("0") if 48 <= code <= 57 or 65 <= code <= 90 else ord(" ") if chr(code) == "-" else code
    for code in range(256)
)

SAME_DIGITS = bytes(ord("0") if 48 <= code <= 57 else code for code in range(256))
"""To compare texts by what they are but for the value of their digits."""

_LONG_WORD = Pattern(rf"[A-Za-z0-9_\-]{{{_secrets.LONG},}}")

# A name's characters, and how far before what is behind it a name may begin.
_NAME = "".join(chr(code) for code in range(128) if chr(code).isalnum() or chr(code) in "_.-")
_REACH = 160

# A conversion of a template, and what stands before it.
_CONVERSION = Pattern(
    r"%(?:\((?P<name>[^()]{1,128})\))?[#0\- +]{0,5}[0-9*.]{0,16}[hlL]?(?P<type>[A-Za-z%])"
)
_LABEL = Pattern(
    r"(?P<name>[A-Za-z0-9_.\-]{1,64})[\"']?(?:\s{0,4}[=:]\s{0,4}|\sis\s)[\"']?(?:[A-Za-z]{1,16}\s)?$"
)

# What a URL or a form has encoded, with what stands around it.
_ESCAPE = Pattern(r"%[0-9A-Fa-f]{2}")
_ENCODED = Pattern(r"[^\s&\"'<>=?]+")

# Where the next frame of a traceback begins.
_NEXT_FRAME = Pattern(r'\n(?=  File ")')

# Fields of a pair spelt out: {"name": "Authorization", "value": "..."}
_NAME_FIELDS = ("name", "key", "header", "field", "k", "Name", "Key", "parameter", "param")
VALUE_FIELDS = frozenset({"value", "values", "v", "Value", "val"})

# The last word of a name whose number is no card's.
_COUNTS = frozenset(
    """id ids ns us ms at time timestamp ts hash offset size bytes length len count seq sequence
    nonce trace span version index total""".split()
)

SOURCES = frozenset({"stack_trace", "stack"})
"""Fields that hold lines of source code."""

DROPPED = object()
"""Stands for a field that is not written, under the strategy ``"drop"``."""

registered: tuple[str, ...] = ()
"""What `register_secret` was given, longest first; another tuple with each more."""

_registering = threading.Lock()


def register_secret(value: str) -> None:
    """
    Withhold *value* wherever it appears in a line, whatever its key or format.

    Args:
        value: the secret itself, at least 8 characters; compared exactly.

    Raises:
        TypeError: not a ``str``.
        ValueError: shorter than 8 characters.
    """
    global registered
    if not isinstance(value, str):
        raise TypeError(f"a secret must be a str, got {type(value).__name__}")
    if len(value) < MIN_SECRET_LENGTH:
        raise ValueError(
            f"a secret must have at least {MIN_SECRET_LENGTH} characters, got {len(value)}; "
            "a shorter one would mask ordinary text: redact it by its key"
        )
    with _registering:
        # Longest first, so that a secret which contains another goes as a whole.
        registered = tuple(sorted({*registered, value}, key=len, reverse=True))


class Redactor:
    """
    What is a secret, and what stands in its place. All options are plain data, for dictConfig.

    Args:
        names: more names whose values are secret: ``["employee_no"]``, compared by words.
        allow_names: names that are not.
        patterns: ``{rule: regular expression}``; its group ``secret`` is withheld, or all of it.
            It is run over every text, so it must not backtrack over something unbounded.
        paths: ``["user.*.ssn", "**.note"]``, from the top of the line; ``*`` is one key or index,
            ``**`` any number.
        allow_values: values that stay as they are, compared exactly.
        environment: names of environment variables whose values are secret.
        rules: ``{rule: strategy}``; ``"marker"`` (the default), ``"mask"`` (all but the last four
            characters), ``"hash"`` (equal secrets look equal), ``"drop"``, ``"off"``, or a callable
            ``(secret) -> text``. The rule ``"name"`` is for what its name gives away.
        hash_key: key of ``"hash"``. Default: random, so that hashes compare within one process.
        marker: what stands for a secret; ``{rule}`` in it is the rule's name.

    Raises:
        ValueError: an unknown rule or strategy, a regular expression that does not compile, a
            variable that is not set.
        TypeError: an option of the wrong type.

    Thread-safe. Its methods raise nothing that is an Exception.
    """

    def __init__(
        self,
        *,
        names: Iterable[str] = (),
        allow_names: Iterable[str] = (),
        patterns: Mapping[str, str] | None = None,
        paths: Iterable[str] = (),
        allow_values: Iterable[str] = (),
        environment: Iterable[str] = (),
        rules: Mapping[str, Strategy] | None = None,
        hash_key: str | None = None,
        marker: str = MARKER,
    ) -> None:
        secret, innocent = _texts("names", names), _texts("allow_names", allow_names)
        self._patterns = tuple(
            Rule(name, "", _compiled(name, source))
            for name, source in _mapping("patterns", patterns).items()
        )
        self._paths = tuple(tuple(each.split(".")) for each in _texts("paths", paths))
        self._allowed = frozenset(_texts("allow_values", allow_values))
        self._own_secrets = tuple(map(_from_environment, _texts("environment", environment)))
        self._strategies = self._checked(rules)
        key = os.urandom(32) if hash_key is None else _text("hash_key", hash_key).encode()
        self._hash_key = key
        self._marker = _text("marker", marker)
        self._markers: dict[str, str] = {}
        off = {name for name, strategy in self._strategies.items() if strategy == "off"}
        self._by_name = "name" not in off
        self.names = Names(secret, innocent, is_on=self._by_name)
        """What its name says of a value."""
        self.is_exact = bool(self._allowed) or any(
            char.isdigit() for name in (*secret, *innocent) for char in name
        )
        """Whether a digit says something, so that what differs in digits alone is not alike."""
        self._word_rules = tuple(
            (size, tuple(rule for rule in rules if rule.name not in off))
            for size, rules in _secrets.WORDS.items()
        )
        self._mark_rules = tuple(
            (rules[0].needs[0], mark, tuple(rule for rule in rules if rule.name not in off))
            for mark, rules in _secrets.MARKS.items()
        )
        # What was looked at closely and is clean, with digits and UUIDs made equal: the lines of a
        # server come again with other numbers. Only where nothing that is looked for depends on a
        # digit's value, as "$2b$" and "%3D" do.
        self._shapes: set[bytes] = set()
        self._sources: tuple[tuple[str, ...], set[str]] = registered, set()
        self._numbers = tuple(rule for rule in _secrets.NUMBERS if rule.name not in off)
        self._off = frozenset(off)
        self._templates: dict[str, tuple[dict[int | str, int], str]] = {}
        self.errors = 0
        """Exceptions contained so far; what they were about was withheld (exceptions)."""

    def _checked(self, rules: Mapping[str, Strategy] | None) -> dict[str, Strategy]:
        known = sorted({*_secrets.NAMES, *(rule.name for rule in self._patterns)})
        for name in _mapping("rules", rules):
            strategy = (rules or {})[name]
            if name not in known:
                raise ValueError(f"unknown redaction rule {shown(name)}; known: {', '.join(known)}")
            if not callable(strategy) and strategy not in STRATEGIES:
                raise ValueError(
                    f"strategy of {name!r} must be a callable or one of {', '.join(STRATEGIES)}; "
                    f"got {shown(strategy)}"
                )
        # By key: the dict of a dictConfig turns "ext://shop.mask" into the callable only then.
        return {name: (rules or {})[name] for name in rules or ()}

    @property
    def has_paths(self) -> bool:
        """Whether where a field stands says that it is secret."""
        return bool(self._paths)

    @property
    def has_patterns(self) -> bool:
        """Whether there are patterns of the user's, which any text may match."""
        return bool(self._patterns)

    def is_path(self, path: tuple[str, ...]) -> bool:
        """Say whether a path of the user's says that what stands there is secret."""
        return bool(self._paths) and any(_is_path(each, path) for each in self._paths)

    @property
    def values(self) -> tuple[str, ...]:
        """The secrets known as such, at this moment."""
        return (*registered, *self._own_secrets)

    # What stands in its place

    def withhold(self, rule: str, secret: str) -> str:
        """Return what stands for *secret*, as the strategy of *rule* says."""
        if secret in self._allowed:
            return secret
        if rule in self._markers:
            return self._markers[rule]
        strategy = self._strategies.get(rule, "marker")
        try:
            if strategy == "marker":
                self._markers[rule] = self._marker.replace("{rule}", rule)
                return self._markers[rule]
            if strategy == "mask":
                return f"****{secret[-4:]}" if len(secret) >= 8 else "****"
            if strategy == "hash":
                import hashlib
                import hmac

                digest = hmac.new(self._hash_key, secret.encode(errors="replace"), hashlib.sha256)
                return f"[hash:{digest.hexdigest()[:16]}]"
            if strategy == "drop":
                return ""
            if callable(strategy):
                return str(strategy(secret))
            return secret  # "off"
        except Exception:  # noqa: BLE001 - a callable of the user's; fails closed
            self.errors += 1
            return MARKER

    def constant(self, rule: str) -> str | None:
        """Return what stands for every secret of *rule*; None: that depends on the secret."""
        is_constant = self._strategies.get(rule, "marker") == "marker" and not self._allowed
        return self.withhold(rule, "") if is_constant else None

    def _under_name(self, value: Any) -> Any:
        """Return what stands for *value* under a secret's name."""
        if type(value) is not str:
            secret = str(value) if type(value) in (int, float) else ""
            return self.withhold("name", secret)
        if is_nothing(value):
            return value
        scheme = SCHEME.match(value) if value[:1] in SCHEME_BEGINS else None
        if scheme is not None and scheme.end() < len(value):
            return scheme[0] + self.withhold("name", value[scheme.end() :])
        return self.withhold("name", value)

    # Templates

    def arguments(self, template: object, args: Any) -> tuple[Any, Any]:
        """
        Return *template* and *args* of a ``%`` message, its secret arguments withheld.

        The text around an argument says what it is, also where that is written by itself, and where
        the argument has spaces in it: ``"user=%s password=%s"`` hides the second.
        """
        if type(template) is not str or not self._by_name:
            return template, args
        hidden, safe = self._marked(template)
        if not hidden:
            return template, args
        if type(args) is not tuple:  # first, since to ask for a Mapping takes 0.2 µs
            if isinstance(args, Mapping):
                return safe, {name: self._argument(hidden.get(name), args[name]) for name in args}
            if not isinstance(args, tuple):
                args = (args,)
        told = list(args)
        for place, kind in hidden.items():
            if type(place) is int and place < len(told):  # another number fails at the message
                told[place] = self._argument(kind, told[place])
        return safe, tuple(told)

    def _argument(self, kind: int | None, value: Any) -> Any:
        if kind is None or value is None or type(value) is bool:
            return value
        if kind == PLURAL and isinstance(value, (int, float)):
            return value
        try:
            return self._under_name(str(value))
        except Exception:  # noqa: BLE001 - a __str__ of the user's
            return MARKER

    def _marked(self, template: str) -> tuple[dict[int | str, int], str]:
        """Return which arguments are secret, and the template that takes text in their places."""
        marked = self._templates.get(template)
        if marked is None:
            marked = self._looked_at(template)
            if len(self._templates) >= _MAX_CACHED:
                self._templates.clear()
            if len(template) <= 1024:  # a longer one is no template but a text, not seen again
                self._templates[template] = marked
        return marked

    def _looked_at(self, template: str) -> tuple[dict[int | str, int], str]:
        hidden: dict[int | str, int] = {}
        parts: list[str] = []
        position = end = 0
        for match in _CONVERSION.finditer(template):
            if match["type"] == "%":
                continue
            name = match["name"]
            before = template[max(end, match.start() - 128) : match.start()]
            label = _LABEL.search(before)
            kind = NONE if name is None else self.names.kind(name)
            if kind not in (SECRET, PLURAL) and label is not None:
                kind = self.names.kind_there(label["name"], before, label.start())
            parts.append(template[end : match.start()])
            if kind in (SECRET, PLURAL) and "*" not in match[0]:  # a width is another argument
                hidden[name or position] = kind
                parts.append(f"%({name})s" if name else "%s")
            else:
                parts.append(match[0])
            end = match.end()
            position += 1
        return hidden, "".join(parts) + template[end:]

    def hidden(self, template: str) -> frozenset[int | str]:
        """Return the places of the secret arguments of *template*, or their names."""
        return frozenset(self._marked(template)[0]) if self._by_name else frozenset()

    # Texts

    def text(self, text: str, *, is_source: bool = False) -> str:
        """
        Return *text* with every secret in it withheld, and nothing else changed.

        From 3,000 secrets' names on, the rest of the text is withheld as one.

        Args:
            text: anything.
            is_source: it is a traceback or a stack: what is not quoted in it is the name of a
                value, not the value.
        """
        try:
            if registered or self._own_secrets:
                for secret in self.values:
                    if secret in text:
                        text = text.replace(secret, self.withhold("registered", secret))
            for rule in self._patterns:
                text = self._apply(rule, text)
            folded = text.encode("ascii", "replace").translate(_FOLD).decode("latin-1")
            marks = text if len(text) <= _MAX_SHAPE else _marks_of(text)
            is_marked = "!" in folded or "--" in marks
            is_long = _LONG_RUN in folded
            is_grouped = "-" in marks and b"000-00-0000" in _same_digits(marks)
            has_verb = False
            if " " in text:
                is_long = is_long or "earer " in text or "asic " in text
                if marks is text:
                    is_grouped = (
                        is_grouped or "wwww wwww wwww" in folded or "wwww wwwwww wwww" in folded
                    )
                elif "00" in marks:
                    is_grouped = is_grouped or _has_groups(text)
                has_verb = " is " in text
            if not (is_marked or is_long or is_grouped or has_verb):
                return text
            same = text
            if is_long:
                text, uuids = self._look_at_words(text, folded)
                is_long = uuids is None
                if text != same:
                    marks = _marks_of(text)
                for each in uuids or ():
                    same = same.replace(each, "uuid")
            if is_marked:
                has_verb = (
                    has_verb
                    or " was " in text
                    or (" to " in text and ("ed to " in text or " set to " in text))  # 5 for 9 µs
                )
                shape = b""
                if not (is_source or is_long or is_grouped or has_verb) and self._is_alike(text):
                    shape = _same_digits(same)
                    if shape in self._shapes:
                        return text
                told = self._look_at_marks(text, is_source, marks)
                if shape and told == text:
                    if len(self._shapes) >= _MAX_CACHED:
                        self._shapes.clear()
                    self._shapes.add(shape)
                text = told
            if has_verb and self._by_name:
                verbs = [match.start() for match in VERBS.finditer(text)]
                text = self._named_values(verbs, PROSE, text, is_source)
            if is_long or is_grouped:
                told = self._look_at_digits(text)
                if told != text and is_marked:  # what stood behind a number stands alone now
                    told = self._look_at_marks(told, is_source, _marks_of(told))
                text = told
            return text
        except Exception:  # noqa: BLE001 - fails closed
            self.errors += 1
            return MARKER

    def _is_alike(self, text: str) -> bool:
        """Say whether *text* is as clean as one that differs from it in digits and UUIDs alone."""
        return not (len(text) > _MAX_SHAPE or "$" in text or "%" in text or self.is_exact)

    def _look_at_words(self, text: str, folded: str) -> tuple[str, list[str] | None]:
        """
        Withhold what has the form of a key or a token.

        Returns:
            ``(text, None)``; ``(text, uuids)`` if the long words are UUIDs alone, which are none.
        """
        heads = _secrets.prefixed()
        longest = 0
        found: dict[Rule, None] = {}  # each once, however many words there are
        words = _long_words(text, folded)
        for word in words:
            size = len(word)
            if size > longest and not (size == 36 and word[8] == word[13] == word[18] == "-"):
                longest = size  # of those that are no UUID, which is no token
            if word[:3] in heads:
                for prefix, rule in heads[word[:3]]:
                    if word.startswith(prefix):
                        found[rule] = None
            elif word[0] in "MNO" and size > 22:
                found[_secrets.DISCORD] = None
        if not (longest or "earer " in text or "asic " in text):
            return text, words
        for rule in found:
            if rule.name not in self._off:
                text = self._apply(rule, text)
        lowered = text.lower()
        for size, rules in self._word_rules:
            if longest >= size:
                for rule in rules:
                    for literal in rule.needs:
                        if literal in lowered:
                            text = self._apply(rule, text)
                            break
        return text, None

    def _look_at_marks(self, text: str, is_source: bool, marks: str) -> str:
        """Withhold what the characters around it make a secret; *marks*: see `_marks_of`."""
        is_short = len(text) <= _MAX_SHAPE
        for sign, mark, rules in self._mark_rules:
            if (is_short or sign in marks) and mark in text:
                for rule in rules:
                    text = self._apply(rule, text)
        if "%" in text and _ESCAPE.search(text) is not None:
            text = _ENCODED.sub(self._decoded, text)
        if not self._by_name:
            return text
        separators = _separators(text, "'," in marks or '",' in marks)
        text = self._named_values(separators, ASSIGNMENT, text, is_source)
        if ("'," in marks or '",' in marks) and ("val" in text or "Val" in text):
            text = self._values(PAIR, text, is_source)
        if "--" in marks and (" --" in text or text[:2] == "--"):
            text = self._values(FLAG, text, is_source)
        if "</" in marks and "</" in text:
            text = self._values(ELEMENT, text, is_source)
        return text

    def _look_at_digits(self, text: str) -> str:
        """Withhold numbers that have a check digit or a range of their own."""
        digits = text.encode("ascii", "replace").translate(_DIGITS).decode("latin-1")
        for rule in self._numbers:
            for group in rule.needs:
                if group in digits:
                    text = self._apply(rule, text)
                    break
        return text

    def _decoded(self, match: re.Match[str]) -> str:
        """Withhold what is secret in a percent-encoded text, and encode the rest again."""
        encoded = match[0]
        if "%" not in encoded:
            return encoded
        from urllib.parse import quote_plus, unquote_plus  # dear to import, and rarely needed

        decoded = unquote_plus(encoded)
        if decoded == encoded or len(decoded) > _MAX_ENCODED:
            return encoded
        told = self.text(decoded)
        return encoded if told == decoded else quote_plus(told, safe="[]")

    def _apply(self, rule: Rule, text: str) -> str:
        """Withhold what *rule* matches in *text*."""
        group = "secret" if "secret" in rule.pattern.compiled.groupindex else 0

        def withheld(match: re.Match[str]) -> str:
            whole, secret = match[0], match[group]
            if rule.is_right is not None and not rule.is_right(match):
                return whole
            if secret is None or secret in self._allowed:
                return whole
            begin = match.start(group) - match.start()
            return whole[:begin] + self.withhold(rule.name, secret) + whole[begin + len(secret) :]

        return rule.pattern.sub(withheld, text)

    def _named_values(
        self, separators: Iterable[int], pattern: Pattern, text: str, is_source: bool
    ) -> str:
        """
        Withhold the values behind a secret's name and a separator, where *pattern* matches.

        Names are told by their last three letters first: to look for them takes ten times as long.
        """
        parts: list[str] = []
        done = 0
        behind = 0  # the last separator, before which no other's name begins
        between, endings = BETWEEN if text.isascii() else BETWEEN_ANY, self.names.endings
        for at in separators:
            if at < done:
                continue
            begin = at - _REACH if at - _REACH > behind else behind
            head = text[begin:at].rstrip(between)
            behind = at + 1
            if head[-3:].lower() not in endings:
                continue
            start = begin + len(head.rstrip(_NAME))
            if self.names.is_innocent(text[start:at]):
                continue
            match = pattern.match(text, start)
            if match is None and at - start > MAX_NAME:  # "\\n" may be what makes it too long
                match = pattern.match(text, start + 1)
            if match is None:
                continue
            kind = self.names.kind_there(match["name"], text, start)
            if kind in (NONE, LOCATOR):  # the rules for addresses come before this
                continue
            done = behind = self._withhold(match, kind, text, is_source, parts, done)
        return "".join(parts) + text[done:] if parts else text

    def _values(self, pattern: Pattern, text: str, is_source: bool) -> str:
        """Withhold the values behind each match of *pattern* that names a secret."""
        parts: list[str] = []
        done = 0
        for match in pattern.finditer(text):
            kind = self.names.kind_there(match["name"], text, match.start("name"))
            if kind in (NONE, LOCATOR) or match.start() < done:
                continue
            done = self._withhold(match, kind, text, is_source, parts, done)
        return "".join(parts) + text[done:] if parts else text

    def _withhold(
        self,
        match: re.Match[str],
        kind: int,
        text: str,
        is_source: bool,
        parts: list[str],
        done: int,
    ) -> int:
        """Add to *parts* what is from *done* to the end of *match*'s secret; return where it is."""
        end = match.end()
        if len(parts) >= 2 * _MAX_NAMES:
            parts += text[done:end], self.withhold("name", text)
            return len(text)
        span = self._secret_span(match, kind, text, is_source)
        if span is None:
            parts += text[done:end], ""
            return end
        start, end = span
        parts += text[done:start], self.withhold("name", text[start:end])
        return end

    def _secret_span(
        self, match: re.Match[str], kind: int, text: str, is_source: bool
    ) -> tuple[int, int] | None:
        """Return where the secret behind *match* begins and ends; None: there is none."""
        span = value_span(match, text)
        if span is None or (is_source and not is_literal(text, span[0], span[1])):
            return None
        value = text[span[0] : span[1]]
        if kind == WEAK and OPAQUE.fullmatch(value) is None:
            return None
        if kind == PLURAL and NUMBER.fullmatch(value):
            return None
        return span

    # Values

    def tree(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """
        Return a copy of *value*, made of JSON's types, without secrets: same keys, order and shape.

        Under a secret's name everything but True, False and None is withheld, containers included.
        """
        try:
            return self._tree(value, path)
        except Exception:  # noqa: BLE001 - fails closed: lists nested beyond the recursion limit
            self.errors += 1
            return MARKER

    def _tree(self, value: Any, path: tuple[str, ...]) -> Any:
        cls = type(value)
        if cls is str:
            is_source = bool(path) and path[-1] in SOURCES
            return self._source(value) if is_source else self.text(value)
        if cls is dict:
            return self._mapping(value, path)
        if cls is list:
            return self._list(value, path)
        if cls is int and value >= 10**13 and self._is_card(value, path):
            return self.withhold("card", str(value))
        return value

    def _source(self, trace: str) -> str:
        """Return a traceback or stack, frame by frame: the clean ones are looked at once."""
        if self._sources[0] is not registered:
            self._sources = registered, set()
        _, clean = self._sources  # before the look: a secret registered meanwhile has another
        parts = _NEXT_FRAME.split(trace)
        for place, part in enumerate(parts):
            if part not in clean:
                parts[place] = self.text(part, is_source=True)
                if parts[place] == part and len(part) <= _MAX_FRAME:
                    if len(clean) >= _MAX_CACHED:
                        clean.clear()
                    clean.add(part)
        return "\n".join(parts)

    def _is_card(self, value: int, path: tuple[str, ...]) -> bool:
        words = words_of(path[-1]) if path else ()
        if "card" in self._off or (words and words[-1] in _COUNTS):
            return False
        return _secrets.is_card(str(value))

    def _mapping(self, value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        pair = self.is_spelt_out(value)
        for key, member in value.items():
            try:
                is_word = len(key) < 16 and key.isidentifier() and not registered
                name = key if is_word else self.text(key)
                told = self.field(key, member, (*path, key), pair and key in VALUE_FIELDS)
                if told is DROPPED:
                    continue
            except Exception:  # noqa: BLE001 - fails closed
                self.errors += 1
                name, told = key if key.isidentifier() else MARKER, MARKER
            put(members, name, told)
        return members

    def field(self, key: str, value: Any, path: tuple[str, ...], is_named: bool = False) -> Any:
        """
        Return what stands for the *value*, of JSON's types, of a field; `DROPPED`: the field goes.

        Args:
            key: the field's name.
            value: its value.
            path: all names from the top of the line, its own the last.
            is_named: another field says that this one is secret.

        Raises:
            Exception: what a callable of the user's raises.
        """
        if self.is_path(path):
            return self.withhold("path", str(value))
        if is_named or self.names.is_secret(key, value):
            told = self._under_name(value)
            return DROPPED if told == "" and self._strategies.get("name") == "drop" else told
        if type(value) is str and self.names.kind(key) == LOCATOR:
            return self._address(value)
        return self.tree(value, path)

    def _address(self, value: str) -> str:
        """Return an address without what opens it; where nothing is found, all may be secret."""
        told = self.text(value)
        return self.withhold("name", value) if told == value and "@" in value else told

    def is_spelt_out(self, value: dict[str, Any]) -> bool:
        """Say whether *value* is ``{"name": a secret's name, "value": ...}``."""
        if not 2 <= len(value) <= 6 or VALUE_FIELDS.isdisjoint(value):
            return False
        names = (value.get(field) for field in _NAME_FIELDS)
        return any(
            type(name) is str and self.names.kind(name) in (SECRET, PLURAL) for name in names
        )

    def _list(self, value: list[Any], path: tuple[str, ...]) -> list[Any]:
        members: list[Any] = []
        # Headers come as pairs; a list of two texts alone is none.
        pairs = bool(value) and all(
            type(each) is list and len(each) == 2 and type(each[0]) is str for each in value
        )
        is_behind_flag = False
        for place, member in enumerate(value):
            inner = (*path, str(place)) if self._paths else path
            if self.is_path(inner):
                members.append(self.withhold("path", str(member)))
            elif pairs and self.names.is_secret(member[0], member[1]):
                members.append([member[0], self._under_name(member[1])])
            elif is_behind_flag and type(member) is str and not member.startswith("-"):
                members.append(self._under_name(member))
            else:
                members.append(self.tree(member, inner))
            # An argument vector: ["mysql", "--password", "x"].
            is_flag = type(member) is str and member.startswith("-") and "=" not in member
            is_behind_flag = is_flag and self.names.kind(member) == SECRET
        return members


def _has_groups(text: str) -> bool:
    """Say whether digits or capitals stand in *text* in groups, as those of a card's number."""
    groups = text.encode("ascii", "replace").translate(_GROUPED)
    return b"0000 0000 0000" in groups or b"0000 000000 0000" in groups


def _same_digits(text: str) -> bytes:
    """Return *text* with each digit as "0"."""
    return text.encode(errors="replace").translate(SAME_DIGITS)


# A long text is prose mostly: without its letters little is left, and the pairs of characters that
# say something stand together there too. To look through all of it for each pair takes longer than
# everything else (8,000 characters, 3.11: from 166 to 55 µs); for a short one it makes no odds.
_MARKS = "0123456789-:@~$\"',</"
_LETTERS = bytes(code for code in range(256) if chr(code) not in _MARKS)


def _marks_of(text: str) -> str:
    """Return what is in a long *text* of digits, each as "0", and of punctuation around secrets."""
    if len(text) <= _MAX_SHAPE:
        return text
    return text.encode("ascii", "replace").translate(SAME_DIGITS, _LETTERS).decode()


def _long_words(text: str, folded: str) -> list[str]:
    """Return the words of *text* that are long enough for a key or a token."""
    words: list[str] = []
    end = 0
    while (at := folded.find(_LONG_RUN, end)) >= 0:
        match = _LONG_WORD.match(text, at)
        end = len(text) if match is None else match.end()
        words.append(text[at:end])
    return words


def _separators(text: str, has_pairs: bool) -> Iterable[int]:
    """Return where ``=`` and ``:`` stand, and the closing quotes in ``("name", "value")``."""
    if has_pairs:
        text = text.replace("',", "=,").replace('",', "=,")
    text = text.replace(":", "=")
    last = text.rfind("=")
    pieces = text[:last].split("=") if last >= 0 else []
    # With a regular expression it takes five times as long (8,000 characters of SQL, 3.11).
    places = map(operator.add, itertools.accumulate(map(len, pieces)), itertools.count())
    return itertools.compress(places, pieces)  # of "==" the first


def _is_path(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_is_path(pattern[1:], path[index:]) for index in range(len(path) + 1))
    return bool(path) and pattern[0] in ("*", path[0]) and _is_path(pattern[1:], path[1:])


def _texts(option: str, value: Iterable[str]) -> list[str]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{option} must be a list of str, got {shown(value)}")
    values = list(value)
    for each in values:
        _text(option, each)
    return values


def _text(option: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{option} must be a str, not empty, got {type_name(type(value))}")
    return value


def _mapping(option: str, value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{option} must be a mapping, got {shown(value)}")
    return value or {}


def _compiled(name: str, source: object) -> str:
    if not isinstance(source, str):
        raise TypeError(f"pattern {name!r} must be a str, got {shown(source)}")
    try:
        pattern = re.compile(source, re.ASCII)
    except re.error as error:
        raise ValueError(
            f"pattern {name!r} does not compile: {error}; escape what is meant literally"
        ) from None
    if pattern.match("") is not None:
        raise ValueError(f"pattern {name!r} matches the empty text, which is everywhere")
    return source


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ValueError(f"environment variable {name} is not set; leave it out of environment")
    if len(value) < MIN_SECRET_LENGTH:
        raise ValueError(
            f"environment variable {name} has fewer than {MIN_SECRET_LENGTH} characters; "
            "they would mask ordinary text"
        )
    return value


DEFAULT: Redactor


def shown(value: object) -> str:
    """
    Return *value* as an error message may show it: a scalar by its redacted repr, else its type.

    Raises:
        Nothing.
    """
    if type(value) in (str, int, float, bool, type(None)):
        return DEFAULT.text(repr(value)[:200])
    return f"{type_name(type(value))} object"


DEFAULT = Redactor()


def make_redactor(redact: bool | Mapping[str, Any] | Redactor) -> Redactor | None:
    """
    Return what withholds secrets, by an option *redact*.

    Raises:
        TypeError: neither True, False nor a mapping, or an unknown option in it.
        ValueError: as `Redactor`.
    """
    if isinstance(redact, Redactor):
        return redact
    if isinstance(redact, Mapping):
        try:
            return Redactor(**{name: redact[name] for name in redact})
        except TypeError as error:
            raise TypeError(f"redact: {str(error).removeprefix('Redactor.__init__() ')}") from None
    if not isinstance(redact, bool):
        raise TypeError(f"redact must be True, False or a mapping of options, got {shown(redact)}")
    return DEFAULT if redact else None


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
    return DEFAULT.tree(value)
