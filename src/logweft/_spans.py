"""Pure: where in a text the value behind a name begins and ends. Used by `_redact`."""

from __future__ import annotations

import re

from . import _secrets
from ._pattern import Pattern

# ``name=``, ``name: ``, ``"name": ``, ``\"name\": ``, ``('name', ``; not ``arn:aws:...:secret:x``
ASSIGNMENT = Pattern(
    r"(?:(?<![A-Za-z0-9_.\-])|(?<=\\[nrt]))"
    r"(?P<name>[A-Za-z_][A-Za-z0-9_.\-]{0,127})(?P<close>\\{0,8}[\"'])?"
    r"(?:\]?\s{0,8}(?:=>|:=|={1,2}|(?<![a-z0-9]:secret):(?!//|:))\s{0,8}|(?(close),\s{0,4}|(?!)))"
)
# ``--password x``, ``password is x``, ``<password>x<``
FLAG = Pattern(r"(?<![\w\-])--(?P<name>[A-Za-z][A-Za-z0-9_\-]{1,63})\s{1,4}(?=[^\s\-])")
VERBS = Pattern(r"\s(?:is|was|changed to|set to)\s")
PROSE = Pattern(
    r"\b(?P<name>[A-Za-z_]{3,32})\s(?:is|was|changed to|set to)\s?:?\s(?:now\s)?(?=[^\s\"']{4})"
)
ELEMENT = Pattern(r"<(?P<name>[A-Za-z_][A-Za-z0-9_.:\-]{0,63})(?:\s[^<>]{0,128})?>(?=[^<\s])")

# ``{"name": "Cookie", "value": ``
_QUOTE = r"\\{0,8}[\"']"
PAIR = Pattern(
    rf"(?i:{_QUOTE}(?:name|key|header|field|parameter|param){_QUOTE}\s?:\s?{_QUOTE})"
    rf"(?P<name>[A-Za-z_][A-Za-z0-9_.\-]{{0,63}}){_QUOTE}\s?,\s?"
    rf"(?i:{_QUOTE}(?:values?|val){_QUOTE}\s?:\s?)"
)

# The value behind it: a quoted one, or up to what begins the next field.
_QUOTED = Pattern(r"(?:[bBrRuUfF]{1,2})?(?P<quote>\\{0,8}[\"'])")
_BARE = Pattern(
    r"(?:[^\s,;&\"'<>\\]+|[,;&](?!\s|$|[\w.\-]{1,64}\s?[=:])|[\"'<>](?=[^\s,;&\"'<>)\]}])"
    r"|\\(?![nrt\"'\\]))+"
)
# A number in groups: of a card, an account, a telephone.
_GROUPED = Pattern(
    r"(?=[+(A-Z]{0,3}\d)[+(]{0,2}[A-Z0-9]{1,4}\)?"
    r"(?:[ \-]\(?(?=[A-Z]{0,5}\d)[A-Z0-9]{1,6}\)?){2,8}(?!\w)"
)
_NESTED = Pattern(r"[\[({][^\[\](){}\n]{0,4096}[\])}]")
_COOKIES = Pattern(r"[^\s;,\"']+(?:;\s{0,2}[^\s;,\"'=:]+(?:=[^\s;,\"']*|(?=[\s;,\"']|\Z)))*")
SCHEME = Pattern(
    r"(?i:bearer|basic|negotiate|apikey|api-key|token|ntlm|splunk|genie_?key|sso-key|oauth)\s{1,4}"
)
SCHEME_BEGINS = frozenset("bnatsgoBNATSGO")
_PARAMETERS = Pattern(
    r"(?i:digest|aws4-hmac-sha256|hawk|signature|oauth|mac)\s"
    r"(?:[A-Za-z_]{1,32}=(?:\\{0,8}\"[^\"\n]{0,1024}\"|[^\s,\"']{1,1024})(?:,\s?(?=[A-Za-z_]{1,32}=))?){1,32}"
)
_CALL = Pattern(r"[A-Za-z_][\w.]*[(\[]|(?:await|lambda|not|os|self|cls|request|config|settings)\b")

# What is before the first of a pair: ``('``, ``[b"``
_OPENS = Pattern(r"[(\[]b?\\?[\"']$")

# A value that is none, where it stands.
_MASKED = Pattern(_secrets.MASKED, re.VERBOSE | re.ASCII)
_MASK_BEGINS = frozenset("*•xX.#-_[<({$%?:@")
_LONGEST_NOTHING = 16
_MASKED_HERE = Pattern(rf"(?:{_secrets.MASKED})(?=[\s,;&\"')\]}}.@]|$)", re.VERBOSE | re.ASCII)
_NEXT_FIELD = Pattern(r"[A-Za-z_][\w.\-]{0,63}=[^=]")
_PROSE_BEHIND = Pattern(
    r"[a-z]+[ \t](?!(?:on|in|for|from|at|as|to|with|and|by|of|is|was|not|or)\b)[a-z]+\b(?![=:])"
)

NUMBER = Pattern(r"-?\d{1,32}(?:\.\d{1,32})?")


def value_span(match: re.Match[str], text: str) -> tuple[int, int] | None:
    """Return where the value behind *match* begins and ends; None: it is no secret."""
    start = match.end()
    is_header = match["name"].lower() in _secrets.COOKIES
    if _MASKED_HERE.match(text, start) or (
        text[start - 1].isspace() and not is_header and _NEXT_FIELD.match(text, start)
    ):
        return None
    if match[0].rstrip()[-1] == "," and not _OPENS.search(
        text[max(0, match.start("name") - 4) : match.start("name")]
    ):
        return None
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        quote = quoted["quote"]
        start = quoted.end()
        end = _closing(text, start, quote)
        value = text[start:end]
        if is_nothing(value):
            return None
        scheme = SCHEME.match(text, start, end)
        if scheme is not None and scheme.end() < end:
            start = scheme.end()
        return start, end
    if match.re is ELEMENT.compiled:
        end = text.find("<", start, start + 4096)
        return None if end < 0 or is_nothing(text[start:end]) else (start, end)
    whole = _COOKIES.match(text, start) if is_header else _PARAMETERS.match(text, start)
    if whole is not None:
        return whole.span()
    nested = _NESTED.match(text, start)
    if nested is not None:
        return None if is_nothing(nested[0]) else nested.span()
    scheme = SCHEME.match(text, start)
    if scheme is not None and _MASKED_HERE.match(text, scheme.end()):
        return None  # "authorization: Bearer [redacted]"
    bare = _BARE.match(text, scheme.end() if scheme is not None else start)
    if bare is None:
        return None
    start, end = bare.span()
    while end > start and text[end - 1] in ".,;:!?)]}'\"":
        end -= 1
    grouped = _GROUPED.match(text, start)
    if grouped is not None and grouped.end() > end:
        return grouped.span()
    value = text[start:end]
    if is_nothing(value):
        return None
    if _CALL.match(text, start):
        return None
    if match.re is PROSE.compiled and (value.isalpha() or not any(map(str.isdigit, value))):
        return None  # "the password is required"
    if match[0].rstrip()[-1:] == ":" and _PROSE_BEHIND.match(text, start):
        return None  # "jwt: signature verification failed"
    return start, end


def is_nothing(value: str) -> bool:
    """Say whether there is nothing to withhold: absence, a type, a placeholder, a mask."""
    bare = value.strip("\"' ")
    if not bare:
        return True
    size = len(bare)
    if size <= _LONGEST_NOTHING and bare.lower().rstrip(".,;:!") in _secrets.NOTHING:
        return True
    is_like_one = bare[0] in _MASK_BEGINS or "***" in bare
    return is_like_one and size <= 160 and _MASKED.fullmatch(bare) is not None


def _closing(text: str, start: int, quote: str) -> int:
    """Return where the quoted value that begins at *start* ends: its quote, or the line's end."""
    position = start
    while True:
        end = text.find(quote, position)
        if end < 0:
            line = text.find("\n", start)
            return len(text) if line < 0 else line
        # A quote with more backslashes before it belongs to the value.
        if len(quote) == 1:
            slashes = end - len(text[start:end].rstrip("\\")) - start
            if slashes % 2 == 0:
                return end
        elif text[end - 1] != "\\" or end == start:
            return end
        position = end + 1


def is_literal(text: str, start: int, end: int) -> bool:
    """Say whether what stands there in source code is a value, and not the name of one."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return (
        before.count('"') % 2 == 1
        or before.count("'") % 2 == 1
        or NUMBER.fullmatch(text, start, end) is not None
    )
