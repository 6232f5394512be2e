"""Contract of `_slots`: a message that gets no look is one in which a look finds nothing."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

import logweft
from logweft import _secrets
from logweft._redact import Redactor
from logweft._render import LEARN_AT
from logweft._slots import NUMBER, Slots

NAMES = sorted(
    {
        spelt
        for table in (_secrets.SECRET, _secrets.PLURAL, _secrets.WEAK, _secrets.LOCATOR)
        for name in table.split()
        for spelt in (*name.split("_"), name, name.replace("_", "-"), name.title().replace("_", ""))
    }
)
BETWEEN = """= _=_ :_ : _is_ _was_ _changed_to_ _set_to_ => := == ',_' ",_" ":_" ']_=_ _ / ,_ ? & ;
[ ]( ( ) < > </ -- _-- @ :// ~ $ %% ._ . - _""".split()
VALUES = [
    "",
    *(
        each.replace("_", " ")
        for each in """hunter2 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 ABCDEF0123456789
GB82AB0123456789 twilio heroku Zx9Qw7Rt2Yp5L 4111_1111_1111_1111 4111 1111
123-45-6789 123 45 6789 GB82 WEST
12345698765432 Bearer Basic bearer dXNlcjpwYXNz user secret token api key is was set changed to x
http https https://a.b/c /v1/x 10.0.0.1:80 123e4567-e89b-12d3-a456-426614174000 AKIAIOSFODNN7
sk-abc123 ghp_abc eyJhbGc MTIz.abc.def a@b.de Cookie Set-Cookie Authorization 2b 12 None
<a.B_object_at_0x7f0123456789> open_sesame order for x1 x37 the port
nightly-report orders-7d9f8b6c5d-x2x4z sk-proj-order-queue-names xoxb-ab-cd-ef
gldt-order-queue-name-x reset-token my-secret-key a-4111-1111-1111-1111 /v1/x?page=2&sort=-created
/x?token=abc /x?a=b&sig=c /x?key= /x?n=078-05-1120 ?token=a /reset/order-queue-names-a1
amqp://b-1.in:5672// redis://a.b:1/0 a-b1-c2/ order-queue/a1?b=c eyjab-cd12-ef34-gh56
hooks.slack.com/services/abcdefgh""".split()
    ),
    "order_processing_queue",
    "db_password",
]


PARTS = """order queue report paid v1 a1 x2x4z 7d9f8b6c5d e1 hooks services reset sk proj glpat npm
1111 4111""".split()
COMPOSED = (
    *("{}-{}-{}-{}", "{}_{}-{}", "/{}/{}?{}=1&{}=a", "?{}={}", "/{}-{}/{}?a={}"),
    *("amqp://{}.{}:5672", "http://{}.{}:80/{}"),
)


def composed(draw: random.Random) -> str:
    """Return a name of several words, a path with a query, or an address with a port."""
    parts = [draw.choice(NAMES if draw.random() < 0.2 else PARTS).lower() for _ in range(4)]
    return draw.choice(COMPOSED).format(*parts)


def word(draw: random.Random) -> str:
    """Return what a template or an argument may hold, at times with other digits."""
    found = draw.choice(NAMES if draw.random() < 0.4 else VALUES)
    if draw.random() < 0.3:
        found = composed(draw)
    if draw.random() < 0.2:
        found = re.sub("[0-9]", lambda _: draw.choice("0123456789"), found)
    return found


def calls(seed: int, number: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield templates and arguments made of whatever redaction looks for."""
    draw = random.Random(seed)
    while number:
        parts: list[str] = []
        args: list[Any] = []
        for _ in range(draw.randint(1, 6)):
            if draw.random() < 0.5:
                parts.append(draw.choice(("%s", "%s", "%s", "%r", "%d", "%ss")))
                number_or_word = parts[-1] == "%d" or draw.random() < 0.1
                numbers = (4, 1111, 123456, -37, 0.5, 0.1234567890123456, 1e-300, None, True)
                args.append(draw.choice(numbers) if number_or_word else word(draw))
            else:
                parts.append(word(draw).replace("%", "%%"))
            if draw.random() < 0.8:
                parts.append(draw.choice(BETWEEN).replace("_", " "))
        template = "".join(parts)
        with contextlib.suppress(TypeError, ValueError):
            if args and template % tuple(args):
                number -= 1
                yield template, tuple(args)


UUID = "123e4567-e89b-12d3-a456-426614174000"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def is_quiet(redactor: Redactor, slots: Slots, template: str, args: tuple[Any, ...]) -> bool:
    """Say what the renderer would: whether the message gets no look."""
    if redactor.arguments(template, ("",) * len(args))[0] is not template:
        return False
    found = slots.of(template)
    return bool(found) and slots.take(found, args)


@pytest.mark.parametrize("seed", range(4))
def test_a_message_without_a_look_holds_no_secret(seed: int) -> None:
    """Of 10,000 calls made of names, separators and secrets, none goes through that has one."""
    redactor = Redactor()
    slots = Slots(redactor)
    quiet = 0
    for template, args in calls(seed, 10_000):
        if is_quiet(redactor, slots, template, args):
            quiet += 1
            message = template % args
            assert redactor.text(message) == message, (template, args)
    assert quiet > 500


@pytest.mark.parametrize(
    ("template", "args"),
    [
        ('sms"%s[@verify', ("amqp://npm.order:10214",)),
        ("[%s(webhook-url", ("redis://pt.pins:55872",)),
        ("%s/a1/%s", ("http://e1.paid:80/reset", "0123-order-queue-names-v1")),
        ("%s = %s", ("order-secret-8839", "xai-open")),
        ("%r cardnumber[%s. sec", ("glpat-whsec-xoxb-npm", "verify-npm-glpat-order-services-x")),
    ],
)
def test_two_harmless_texts_beside_each_other_are_looked_at(template: str, args: Any) -> None:
    """What is a secret only by what stands around it, or beside it, gets its look."""
    redactor = Redactor()
    message = template % args
    assert all(redactor.text(each) == each for each in args)
    assert redactor.text(message) != message
    assert not is_quiet(redactor, Slots(redactor), template, args)


@pytest.mark.parametrize("seed", range(4, 6))
def test_the_line_is_the_formatters(seed: int) -> None:
    """Of 2,000 such calls, secret arguments included, each gives the line of the plain way."""
    quick, plain = logweft.JsonFormatter(), logweft.JsonFormatter()
    plain.renderer = None
    for template, args in calls(seed, 2_000):
        record = logging.LogRecord("shop", 20, "shop.py", 1, template, args, None)
        for _ in range(LEARN_AT + 1):  # then all is known
            line = quick.format(record)
        assert line == plain.format(record)


@pytest.mark.parametrize("options", [{}, {"patterns": {"ticket": "x[0-9]{2}"}}])
def test_a_field_is_the_formatters(options: dict[str, Any]) -> None:
    """Of 5,000 values, most of them like one before but for their digits, each is the plain one."""
    quick, plain = (logweft.JsonFormatter(redact=options) for _ in range(2))
    plain.renderer = None
    draw = random.Random(6)
    for _ in range(5_000):
        value = word(draw) + draw.choice(("", "", " ", "/", "-", "=", ": ")) + word(draw)
        record = logging.LogRecord("shop", 20, "shop.py", 1, "paid", (), None)
        vars(record)["value"] = value
        for _ in range(2):
            assert quick.format(record) == plain.format(record)


@pytest.mark.parametrize(
    ("template", "args"),
    [
        ("%s=%s", ("password", "hunter2")),
        ("%s: %s", ("api_key", "abcdefgh")),
        ("%s key: %s", ("API", "hunter2hunter")),
        ("%s.key: %s", ("api", "hunter2hunter")),
        ("db_%s=%s", ("password", "hunter2")),
        ("pass%s=%s", ("word", "hunter2")),
        ("%sword=%s", ("pass", "hunter2")),
        ("password %s %s", ("is", "hunter2")),
        ("password %s to %s", ("changed", "hunter2")),
        ("%s %s", ("Bearer", "abcdef123456")),
        ("API %s: %s", ("key", "hunter2hunter")),
        ("%s %s", ("Basic", "dXNlcjpwYXNz")),
        ("Authorization: Bearer %s", ("abcdef123456",)),
        ("Cookie: %s", ("a1b2c3d4",)),
        ("%s %s %s %s", ("4111", "1111", "1111", "1111")),
        ("%d %d %d %d", (4111, 1111, 1111, 1111)),
        ("%s-%s-%s", ("123", "45", "6789")),
        ("card 4111 1111 1111 %s", ("1111",)),
        ("AKIA%s", ("IOSFODNN7EXA",)),
        ("%s%s", ("AKIAIOSFODNN7", "EXAMPLE")),
        ("sk-%s", ("abcdefghijklm",)),
        ("https://%s@example.com", ("hunter2",)),
        ("https://bob:%s@example.com", ("hunter2",)),
        ("api_key %s: %s", ("", "hunter2hunter")),
        ("%ss.csrf_token = Access7", (None,)),
        ("nonce_token:%ss", (0.1234567890123456,)),
        ("%s", ("AKIAIOSFODNN7EXAMPLE",)),
        ("%s", ("123-45-6789",)),
        ("%s", ("4111111111111111",)),
        ("%s", ("EAA0123456789ABC",)),
        ("api_key: %s", ("4bf92f3577b34da6a3ce929d0e0e4736",)),
        ("%s", ("a@example.com",)),
        ("('%s', '%s')", ("password", "hunter2")),
        ("(%r, %r)", ("password", "hunter2")),
        ("--%s %s", ("password", "hunter2")),
        ("<%s>%s</%s>", ("password", "hunter2", "password")),
        ("user[%s]=%s", ("password", "hunter2")),
        ("/callback?%s=%s", ("token", "hunter2")),
        ("Your %s code is %d", ("verification", 123456)),
        ("%s key is %s", ("API", "abc123")),
        ("%s number is %s", ("account", "12345678")),
        ("%s key changed to abc12 --", ("API",)),
        ("request_id=%s path=%s", (TRACE, f"/verify/{UUID}")),
        ("sent_password_reset_mail link=%s", (f"https://shop.example/reset/{UUID}",)),
        ("notification-delivered to %s", ("https://hooks.slack.com/services/T0/B0/abcd1234efg",)),
        ("webhook-delivered to %s", ("/api/webhooks/123456/abcdefgh",)),
        ("password-reset-requested for %s", (f"hvs.{UUID}",)),
        ("%s %s", ("Negotiate", TRACE)),
        ("%s %s", ("next-token", TRACE)),
        ("%.8s: %s", ("passwordless", "hunter2")),
        ("password %.2s %s", ("issue", "hunter2")),
        ("%.6s %s", ("Bearers", "abcdef123456")),
        ("paid that user with %s %s", ("NO93-8601", "1117-947")),
        ("session=%s:%5d", ("abcdef123456x", 7)),
        ("%s|%s </x>", ("<app.Password object at 0x7f0123456789>", "hunter2")),
    ],
)
def test_whatever_may_make_a_secret_gets_a_look(template: str, args: tuple[Any, ...]) -> None:
    """A name in an argument, a slot within a word, groups of digits, a scheme: all get one."""
    redactor = Redactor()
    assert not is_quiet(redactor, Slots(redactor), template, args)


@pytest.mark.parametrize(
    ("template", "args"),
    [
        ('%s - "%s %s HTTP/%s" %s', ("10.0.0.7:51234", "GET", "/v1/orders/17", "1.1", 200)),
        ("Task %s[%s] received", ("shop.tasks.resize", "123e4567-e89b-12d3-a456-426614174000")),
        ("Task %s succeeded in %ss: %s", ("shop.resize", "0.01234", None)),
        ("Connection %r returned", (17,)),
        ("Connection %s returned", ("<sqlite3.Connection object at 0x7f0123456789>",)),
        ("HTTP Request: %s %s", ("GET", "https://api.example.com/v1/orders/17")),
        ("connected to %s:6379, %d idle", ("cache-1.internal", 3)),
        ("Watching for file changes with %s", ("StatReloader",)),
        ("took %.3f s, part %02d", (0.25, 7)),
        ("signing key for %s loaded", ("eu-west-1",)),
        ("span %s of trace %s", ("00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736")),
    ],
)
def test_what_libraries_log_gets_none(template: str, args: tuple[Any, ...]) -> None:
    """Methods, paths, hosts, UUIDs, numbers and plain objects go through."""
    redactor = Redactor()
    assert is_quiet(redactor, Slots(redactor), template, args)


@pytest.mark.parametrize("options", [{"names": ["x9y", "field7"]}, {"allow_names": ["token2"]}])
def test_a_name_of_the_users_may_differ_in_a_digit(options: dict[str, Any]) -> None:
    """What is known of field3 says nothing of field7, if that is a name of the user's."""
    known = Redactor(**options)
    slots = Slots(known)
    for name in ("x3y", "field3", "token2", "x9y", "field7", "token3"):
        for template in ("%s=%s", "%s: %s"):
            message = template % (name, "abcdef")
            assert known.text(message) == Redactor(**options).text(message)
            if is_quiet(known, slots, template, (name, "abcdef")):
                assert known.text(message) == message


def test_a_unit_takes_a_number_alone() -> None:
    """What a unit is written behind may be digits, and no word that it would make longer."""
    redactor = Redactor()
    slots = Slots(redactor)
    assert slots.of("in %ss") == (NUMBER,)
    assert slots.take((NUMBER,), ("0.25",))
    assert not slots.take((NUMBER,), ("credential",))


def test_with_patterns_of_the_users_own_each_message_is_looked_at() -> None:
    """A pattern may match any text at all."""
    assert Slots(Redactor(patterns={"ticket": "T[0-9]+"})).of("order %s") == ()


def test_a_known_value_is_withheld_where_a_slot_has_a_part_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A value of the environment may be a word, and a template may hold the other half of it."""
    monkeypatch.setenv("SHOP", "open sesame")
    formatter = logweft.JsonFormatter(redact={"environment": ["SHOP"]})
    for template, args in (("say %s", ("open sesame",)), ("say open %s", ("sesame",))):
        for _ in range(LEARN_AT + 1):
            record = logging.LogRecord("shop", 20, "shop.py", 1, template, args, None)
            assert json.loads(formatter.format(record))["message"] == "say [redacted]"
