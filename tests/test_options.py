"""What `install()` takes of its options and variables, and how it refuses the rest."""

from __future__ import annotations

import io
import re
import sys

import pytest

import logweft
from logweft._options import Options, resolve

NAMES = dict.fromkeys((*Options._fields, "trust", "id_headers", "propagate_to"))


def resolved(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Options:
    for name, value in variables.items():
        monkeypatch.setenv(f"LOGWEFT_{name}", value)
    return resolve(NAMES)


@pytest.mark.parametrize(
    ("variable", "value", "option", "expected"),
    [
        ("LEVEL", "Debug", "level", 10),
        ("FORMAT", "JSON", "format", "json"),
        ("FORMAT", "Console", "format", "console"),
        ("QUEUE_POLICY", "DROP_OLDEST", "queue_policy", "drop_oldest"),
        ("CAPTURE", "MAIN,Threads", "capture", frozenset({"main", "threads"})),
        ("INTEGRATIONS", "NONE", "integrations", frozenset()),
        ("INTEGRATIONS", "Flask", "integrations", frozenset({"flask"})),
        ("SERVICE", "Shop", "service", "Shop"),
    ],
)
def test_a_variable_says_our_words_in_any_case(
    variable: str, value: str, option: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words that an option knows may be in any case in its variable; other text is kept."""
    assert getattr(resolved(monkeypatch, **{variable: value}), option) == expected


def test_the_stream_may_be_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """LOGWEFT_STREAM=STDOUT is standard output; LOGWEFT_TRUST=NEVER trusts nobody."""
    options = resolved(monkeypatch, STREAM="STDOUT", TRUST="NEVER")
    assert options.stream is sys.stdout
    assert options.policy.trust == "never"


@pytest.mark.parametrize(
    ("trust", "told"),
    [
        ("10.0.0.0/8,foo", r"a list of networks such as '10\.0\.0\.0/8', got 'foo'$"),
        ("10.0.0.0/99", r"a list of networks such as '10\.0\.0\.0/8', got '10\.0\.0\.0/99'$"),
        (
            "192.168.0.0/16,10.0.0.1/8",
            r"trust: '10\.0\.0\.1/8' has host bits set; "
            r"write '10\.0\.0\.0/8', or '10\.0\.0\.1' for that host$",
        ),
        ("fe80::1/64", r"'fe80::1/64' has host bits set; write 'fe80::/64', or 'fe80::1' for"),
    ],
)
def test_the_bad_network_is_named(trust: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a list of networks the bad one is named, and what is right, by code and by variable."""
    with pytest.raises(ValueError, match=told):
        logweft.install(stream=io.StringIO(), trust=trust.split(","))
    with pytest.raises(ValueError, match=rf"^LOGWEFT_TRUST: .*{told}"):
        resolved(monkeypatch, TRUST=trust)


def test_a_number_is_no_network() -> None:
    """A network that is no str is named by its value."""
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/8', got 7$"):
        logweft.install(stream=io.StringIO(), trust=["10.0.0.0/8", 7])  # type: ignore[list-item]  # what is refused


@pytest.mark.parametrize("header", ["bad header", "", "X-Id:", "größe", "a\r\nb", "x,y"])
def test_a_bad_header_name_is_refused(header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be a header's name raises ValueError that shows it and a name that can."""
    told = f"id_headers must be names of headers such as 'X-Request-ID', got {header!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        logweft.install(stream=io.StringIO(), id_headers=["X-Id", header])
    if "," not in header:
        with pytest.raises(ValueError, match=r"^LOGWEFT_ID_HEADERS: id_headers must be"):
            resolved(monkeypatch, ID_HEADERS=f"X-Id,{header}")


def test_header_names_may_be_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Header names are taken in any case, and with every character that RFC 9110 allows."""
    options = resolved(monkeypatch, ID_HEADERS="X-Request-ID, x_odd!#$%&'*+.^`|~9")
    assert options.policy.order == ("x-request-id", "x_odd!#$%&'*+.^`|~9")


def test_an_unknown_variable_breaks_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A LOGWEFT_ variable that no option has is left alone: others may set it for us."""
    assert resolved(monkeypatch, LEVLE="debug", SERVICE_HOST="10.0.0.1") == resolve(NAMES)
