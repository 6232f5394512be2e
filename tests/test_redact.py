"""Redactor: what each option and strategy does; nothing is changed, and it fails closed."""

from __future__ import annotations

import copy
import dataclasses
import enum
import io
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import logweft
from logweft import _redact
from logweft._names import MAX_NAME, Names
from logweft._pattern import Pattern
from logweft._redact import MARKER, Redactor, make_redactor
from logweft._secrets import NAMES
from programs import run, strict

SECRET = "hunter2-k7"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
CARD = "4012 8888 8888 1881"
MAIL = "ada@mail.example.com"


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a test registers."""
    monkeypatch.setattr(_redact, "registered", ())


# Strategies


@pytest.mark.parametrize(
    ("strategy", "text", "field"),
    [
        ("marker", "key [redacted] ok", "[redacted]"),
        ("mask", "key ****MPLE ok", "****2-k7"),
        ("drop", "key  ok", None),
        ("off", f"key {AWS} ok", SECRET),
        (lambda secret: f"<{len(secret)}>", "key <20> ok", "<10>"),
    ],
    ids=["marker", "mask", "drop", "off", "callable"],
)
def test_each_strategy(strategy: Any, text: str, field: str | None) -> None:
    """Each strategy says what stands for a secret in a text and under a name, per rule."""
    redactor = Redactor(rules={"aws": strategy, "name": strategy})

    assert redactor.text(f"key {AWS} ok") == text
    assert redactor.tree({"password": SECRET, "n": 1}).get("password") == field
    assert redactor.tree({"password": SECRET, "n": 1})["n"] == 1
    assert redactor.text(f"to {MAIL}") == "to [redacted]"
    assert redactor.errors == 0


def test_a_mask_shows_nothing_of_a_short_secret() -> None:
    """Of fewer than eight characters, a mask does not show the last four."""
    redactor = Redactor(rules={"name": "mask"})

    assert redactor.tree({"pin": "4711", "cvv": 123, "password": "12345678"}) == {
        "pin": "****",
        "cvv": "****",
        "password": "****5678",
    }


def test_a_hash_makes_equal_secrets_equal() -> None:
    """Under one key equal secrets have equal hashes, in fields and texts; under another, others."""
    rules: Any = {"name": "hash", "aws": "hash"}
    one, same, other = (Redactor(rules=rules, hash_key=key) for key in ("k1", "k1", "k2"))

    first = one.tree({"password": SECRET})["password"]

    assert first.startswith("[hash:")
    assert SECRET not in first
    assert same.text(f"password={SECRET}") == f"password={first}"
    assert other.tree({"password": SECRET})["password"] != first
    assert one.tree({"password": "another-1"})["password"] != first
    assert Redactor(rules=rules).text(AWS) != Redactor(rules=rules).text(AWS)


def test_the_marker_may_name_the_rule() -> None:
    """The marker is any text, in which `{rule}` is the rule's name."""
    redactor = Redactor(marker="<{rule}>")

    assert redactor.text(f"{AWS} {MAIL}") == "<aws> <email>"
    assert redactor.tree({"password": SECRET}) == {"password": "<name>"}
    assert Redactor(marker="***").text(AWS) == "***"


@pytest.mark.parametrize("rule", ["aws", "email", "card", "name", "url", "jwt", "ssn", "iban"])
def test_a_rule_is_switched_off_alone(rule: str) -> None:
    """`"off"` lets through what its own rule would withhold, and nothing else."""
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz"
    texts = {
        "aws": AWS,
        "email": MAIL,
        "card": f"paid by {CARD} now",
        "name": f"password={SECRET}",
        "url": f"postgres://shop:{SECRET}@db/orders",
        "jwt": jwt,
        "ssn": "is 078-05-1120 known",
        "iban": "to DE89370400440532013000 now",
    }
    redactor = Redactor(rules={rule: "off"})

    for name, text in texts.items():
        assert (redactor.text(text) == text) == (name == rule), name


# What is a secret


def test_names_are_added_and_removed() -> None:
    """`names` adds names, `allow_names` removes them; both are compared by words."""
    redactor = Redactor(names=["employee_no"], allow_names=["session_id", "token"])

    assert redactor.tree(
        {
            "employeeNo": 17,
            "old-employee-no": "x1",
            "employees": 3,
            "session_id": "a1",
            "token": "b",
        }
    ) == {
        "employeeNo": MARKER,
        "old-employee-no": MARKER,
        "employees": 3,
        "session_id": "a1",
        "token": "b",
    }
    assert redactor.text("employee_no=1234 token=abcd") == "employee_no=[redacted] token=abcd"
    assert redactor.arguments("no %s employee_no=%s", (1, 2))[1] == (1, MARKER)


def test_patterns_are_rules_of_the_users_own() -> None:
    """A pattern withholds its group `secret`, or all it matches; its name is a rule's name."""
    redactor = Redactor(
        patterns={"badge": r"badge (?P<secret>\d+)", "code": r"Q-\d{4}"},
        rules={"code": "mask"},
        marker="<{rule}>",
    )

    assert redactor.text("badge 17 of Q-1234") == "badge <badge> of ****"
    assert redactor.tree({"note": ["badge 99"]}) == {"note": ["badge <badge>"]}
    off = Redactor(patterns={"code": r"Q-\d{4}"}, rules={"code": "drop"})
    assert off.text("at Q-1234.") == "at ."


def test_paths_say_where() -> None:
    """A path is from the top; `*` is one key or index, `**` any number of them."""
    tree = {
        "user": {"a": {"grade": 1, "x": 2}, "grade": 3},
        "list": [{"grade": 4}, {"x": 5}],
        "note": "n",
        "deep": {"er": {"note": "n", "notes": "m"}},
    }

    told = Redactor(paths=["user.*.grade", "list.0.grade", "**.note", "list.1"]).tree(tree)

    assert told == {
        "user": {"a": {"grade": MARKER, "x": 2}, "grade": 3},
        "list": [{"grade": MARKER}, MARKER],
        "note": MARKER,
        "deep": {"er": {"note": MARKER, "notes": "m"}},
    }


def test_allowed_values_stay() -> None:
    """A value of `allow_values` stays wherever it is, one that contains it does not."""
    redactor = Redactor(allow_values=["dev-password", AWS])

    assert redactor.tree({"password": "dev-password", "token": "dev-password2"}) == {
        "password": "dev-password",
        "token": MARKER,
    }
    assert redactor.text(f"password=dev-password {AWS}") == f"password=dev-password {AWS}"


def test_the_environment_names_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a named environment variable is withheld wherever it is, keys included."""
    monkeypatch.setenv("SHOP_SEED", "blue-horse-42")
    redactor = Redactor(environment=["SHOP_SEED"], rules={"registered": "mask"})

    assert redactor.tree({"note": ["is blue-horse-42!", {"blue-horse-42": 1}]}) == {
        "note": ["is ****e-42!", {"****e-42": 1}]
    }


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"names": "x"}, TypeError, r"names must be a list of str, got 'x'"),
        ({"names": [1]}, TypeError, r"names must be a str, not empty, got int"),
        ({"allow_names": {"a": 1}}, TypeError, r"allow_names must be a list of str"),
        ({"allow_values": "abc"}, TypeError, r"allow_values must be a list of str"),
        ({"paths": [""]}, TypeError, r"paths must be a str, not empty"),
        ({"patterns": ["x"]}, TypeError, r"patterns must be a mapping, got list object"),
        ({"patterns": {"p": 3}}, TypeError, r"pattern 'p' must be a str, got 3"),
        ({"patterns": {"p": "("}}, ValueError, r"'p' does not compile: .*; escape what is meant"),
        ({"patterns": {"p": "a*"}}, ValueError, r"'p' matches the empty text"),
        ({"rules": ["name"]}, TypeError, r"rules must be a mapping"),
        ({"rules": {"nope": "mask"}}, ValueError, r"unknown redaction rule 'nope'; known: .*aws"),
        ({"rules": {"prose": "off"}}, ValueError, r"unknown redaction rule 'prose'"),
        ({"rules": {"name": "x"}}, ValueError, r"'name' must be a callable or one of marker, mask"),
        ({"hash_key": b"x"}, TypeError, r"hash_key must be a str"),
        ({"marker": ""}, TypeError, r"marker must be a str, not empty"),
        ({"environment": ["LOGWEFT_NO_SUCH"]}, ValueError, r"LOGWEFT_NO_SUCH is not set; leave it"),
        ({"environment": ["LOGWEFT_SHORT"]}, ValueError, r"fewer than 8 characters"),
        ({"nmaes": ["x"]}, TypeError, r"nmaes"),
    ],
)
def test_a_wrong_option_says_what_is_right(
    options: dict[str, Any],
    kind: type[Exception],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong option raises at configuration, by itself and through formatter and install."""
    monkeypatch.setenv("LOGWEFT_SHORT", "short")
    for configure in (
        lambda: Redactor(**options),
        lambda: make_redactor(options),
        lambda: logweft.JsonFormatter(redact=options),
        lambda: logweft.install(redact=options),
    ):
        with pytest.raises(kind, match=words):
            configure()


def test_a_secret_never_stands_in_an_error_message() -> None:
    """A wrong option's value is shown redacted."""
    with pytest.raises(TypeError) as failure:
        Redactor(names=f"password={SECRET}")  # type: ignore[arg-type]  # the wrong type is the point
    assert SECRET not in str(failure.value)


@pytest.mark.parametrize("options", [{}, {"rules": {"email": "off"}, "names": ["badge"]}])
def test_an_option_of_plain_data_reaches_the_line(options: dict[str, Any]) -> None:
    """What `redact` says, as dictConfig can say it, holds for the line of each form."""
    for formatter in (
        logweft.JsonFormatter(redact=options),
        logweft.ConsoleFormatter(redact=options),
    ):
        line = formatter.format(logging.makeLogRecord({"msg": f"to {MAIL}", "badge": "b-17"}))
        assert (MAIL in line) == bool(options)
        assert ("b-17" in line) != bool(options)


@pytest.mark.parametrize(("word", "shown"), [("-email", True), ("-card", False), ("1", False)])
def test_the_environment_switches_a_rule_off(word: str, shown: bool) -> None:
    """LOGWEFT_REDACT=-email lets e-mail addresses through, and nothing else."""
    done = run(
        f"import logging, logweft\nlogweft.install()\n"
        f"logging.warning('{MAIL} password=%s', '{SECRET}')",
        env={"LOGWEFT_REDACT": word},
    )
    told = done.lines[0]["message"]
    assert told == f"{MAIL if shown else MARKER} password=[redacted]"


# Registered secrets


def test_a_registered_secret_is_withheld_everywhere() -> None:
    """What `register_secret` was given is withheld exactly, in every Redactor there is already."""
    redactor = Redactor()
    logweft.register_secret("blue-horse-42")
    logweft.register_secret("blue-horse-42-and-more")

    assert redactor.text("a blue-horse-42-and-more b blue-horse-42 c blue-horse-4") == (
        "a [redacted] b [redacted] c blue-horse-4"
    )
    assert redactor.tree({"blue-horse-42": "Blue-Horse-42"}) == {MARKER: "Blue-Horse-42"}


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("short-7", ValueError, "at least 8 characters, got 7"),
        (b"bytes-bytes", TypeError, "must be a str, got bytes"),
        (12345678, TypeError, "must be a str, got int"),
    ],
)
def test_what_cannot_be_registered(value: Any, kind: type[Exception], words: str) -> None:
    """A short value, or what is no text, is refused, and the message does not show it."""
    with pytest.raises(kind, match=words) as failure:
        logweft.register_secret(value)
    assert str(value) not in str(failure.value)


# Nothing is changed


class Pair(NamedTuple):
    """A named tuple."""

    name: str
    password: str


@dataclasses.dataclass
class Data:
    """A dataclass."""

    password: str
    inner: dict[str, Any]


@attrs.define
class Attrs:
    """A class of the attrs library."""

    password: str
    tags: list[str]


class Model(pydantic.BaseModel):
    """A pydantic model."""

    password: str
    key: pydantic.SecretStr


class Color(enum.Enum):
    """An enum."""

    RED = "password=red-red-1"


def objects() -> dict[str, Any]:
    """Return values of each kind, every one with a secret in it."""
    return {
        "text": f"password={SECRET}",
        "mapping": {"password": SECRET, "list": [{"token": SECRET}, f"api_key={SECRET}"]},
        "ordered": OrderedDict(password=SECRET, b=1),
        "list": [["authorization", SECRET], [b"cookie", b"sid=1234"]],
        "tuple": ("--password", SECRET),
        "set": {f"token={SECRET}"},
        "deque": deque([{"password": SECRET}]),
        "pair": Pair("ada", SECRET),
        "data": Data(SECRET, {"token": [SECRET]}),
        "attrs": Attrs(SECRET, [SECRET]),
        "model": Model(password=SECRET, key=pydantic.SecretStr(SECRET)),
        "enum": Color.RED,
        "card": 4012888888881881,
        "bytes": f"password={SECRET}".encode(),
    }


def _positions() -> dict[str, Callable[[logging.Logger, Any], None]]:
    def raising(log: logging.Logger, value: Any) -> None:
        log.warning("x", exc_info=ValueError(value))

    return {
        "argument": lambda log, value: log.warning("got %s", value),
        "labelled argument": lambda log, value: log.warning("password=%s", (value,)),
        "named argument": lambda log, value: log.warning("%(v)s %(w)s", {"v": value, "w": 1}),
        "message": lambda log, value: log.warning(value),
        "extra": lambda log, value: log.warning("x", extra={"value": value, "password": value}),
        "exception": raising,
    }


POSITIONS = _positions()


def _content(value: Any) -> Any:
    """Return what two values are compared by."""
    return value.model_dump() if isinstance(value, pydantic.BaseModel) else value


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", objects())
@pytest.mark.parametrize("make", [logweft.JsonFormatter, logweft.ConsoleFormatter, None])
def test_the_applications_objects_stay_as_they_are(
    kind: str, position: str, make: Callable[[], logging.Formatter] | None
) -> None:
    """What is logged is deeply the same before and after, and so are the record's msg and args."""
    value = objects()[kind]
    before = copy.deepcopy(value)
    records: list[logging.LogRecord] = []
    handler = logging.StreamHandler(io.StringIO())
    if make is None:
        handler.addFilter(logweft.RedactionFilter())
    else:
        handler.setFormatter(make())
    keeper = logging.Handler()
    keeper.emit = records.append  # type: ignore[method-assign]  # to see what it gets
    first = logging.Handler()
    states: list[tuple[Any, Any, Any]] = []
    first.emit = lambda record: states.append(  # type: ignore[method-assign]  # to see what it gets
        (record.msg, record.args, dict(record.__dict__))
    )
    log = logging.Logger("app")  # noqa: LOG001 - pytest adds handlers to others
    for each in (first, handler, keeper):
        log.addHandler(each)

    POSITIONS[position](log, value)

    record, (msg, args, attributes) = records[0], states[0]
    assert record.msg is msg
    assert record.args is args
    for name in attributes:
        assert record.__dict__[name] is attributes[name] or name in ("exc_text", "message")
    assert _content(value) == _content(before)
    assert type(value) is type(before)
    assert handler.stream.getvalue() != ""


def test_redact_returns_a_copy() -> None:
    """`redact` leaves the value it is given as it was, down to the last list."""
    value = {"password": SECRET, "list": [[f"token={SECRET}"], {"pin": 1}]}
    before = copy.deepcopy(value)

    told = logweft.redact(value)

    assert value == before
    assert told == {"password": MARKER, "list": [["token=[redacted]"], {"pin": MARKER}]}


# It fails closed


def _fail(secret: str) -> str:
    raise RuntimeError(f"cannot with {secret}")


def test_a_strategy_that_raises_withholds() -> None:
    """A callable that raises costs the secret, not the line, and is counted."""
    with logweft.install(redact={"rules": {"name": _fail, "aws": _fail}}) as installed:
        formatter = installed._json
        line = strict(
            formatter.format(
                logging.makeLogRecord({"msg": f"key {AWS}", "password": SECRET, "n": 1})
            )
        )
        errors = installed.stats().errors

    assert (line["message"], line["password"], line["n"]) == ("key [redacted]", MARKER, 1)
    assert errors == 2


def test_a_strategy_may_return_anything() -> None:
    """What a callable returns that is no text is made one."""
    redactor = Redactor(rules={"name": lambda secret: len(secret)})  # type: ignore[dict-item, return-value]  # no text: the point

    assert redactor.tree({"password": SECRET}) == {"password": "10"}


def test_a_type_that_raises_is_withheld() -> None:
    """An object whose text cannot be made is withheld under its name and as an argument."""

    class Raises:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

        __repr__ = __str__

    record = logging.makeLogRecord(
        {"msg": "password=%s n=%s", "args": (Raises(), 1), "token": Raises(), "other": Raises()}
    )
    told = strict(logweft.JsonFormatter().format(record))

    assert SECRET not in json.dumps(told)
    assert told["message"] == "password=[redacted] n=1"
    assert told["token"] == MARKER
    assert told["other"].startswith("<unprintable ")


# Doing it twice, and how much work it is

FRAGMENTS = [
    *(f"password={SECRET}", f"'token': '{SECRET}'", AWS, MAIL, CARD, f"--password {SECRET}"),
    *(f"postgres://shop:{SECRET}@db/orders", "cookie: sid=abc123def; a=b", f"<pin>{SECRET}</pin>"),
    *("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz", "is 078-05-1120 known"),
    *(f"https://x.example/?token={SECRET}&page=2", "%70assword%3Dabc123", "the author", " ", ", "),
    *("\n", "[redacted]", "=", ": ", "'", '"', "{", "}", "(", ")", "a", "0", "\\"),
]

texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=6).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        texts | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["password", "note", "X-Api-Key", "a"]), inner, max_size=3
            )
        ),
    )
)
def test_redacting_twice_is_redacting_once(value: Any) -> None:
    """What is redacted already stays as it is, in texts and trees put together of anything."""
    once = logweft.redact(value)

    assert logweft.redact(once) == once


@pytest.mark.parametrize("fragment", [each for each in FRAGMENTS if len(each) > 8])
def test_the_work_grows_with_the_text(fragment: str) -> None:
    """Of twice as many secrets twice as many are looked at, each at most twice."""
    looked: list[str] = []

    def look(secret: str) -> str:
        looked.append(secret)
        return MARKER

    redactor = Redactor(rules=dict.fromkeys(NAMES, look))
    counts = []
    for times in (8, 16, 32):
        looked.clear()
        redactor.text("\n".join([fragment] * times))
        counts.append(len(looked))

    assert counts[1] - counts[0] <= 2 * 2 * 8
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])


def test_every_rule_has_a_name_that_options_know() -> None:
    """Each rule of the tables can be switched off by its name."""
    redactor = Redactor(rules=dict.fromkeys(NAMES, "off"))

    text = f"{AWS} {MAIL} password={SECRET}"
    assert redactor.text(text) == text


@given(
    st.text("aPin_-7 é", min_size=1, max_size=9),
    st.sampled_from(["password", "pin 2", "x", "Token"]),
)
def test_of_a_long_name_its_end_alone_is_kept(part: str, end: str) -> None:
    """What a name says is said by its last 128 characters, and no more of it is remembered."""
    names = Names([], [], is_on=True)
    name = part * 100 + end
    assert names.kind(name) == names.kind(name) == Names([], [], is_on=True).kind(name[-MAX_NAME:])
    assert max(map(len, names._verdicts)) <= MAX_NAME


def test_a_pattern_has_what_it_says_and_nothing_else() -> None:
    """A pattern has the methods it names; to ask for another is an AttributeError."""
    assert Pattern("a").sub("b", "aa") == "bb"
    assert Pattern("(?P<x>a)").compiled.groupindex == {"x": 1}
    assert not hasattr(Pattern("a"), "groupindex")
    assert copy.copy(Pattern("a")).findall("aa") == ["a", "a"]


def test_a_fork_while_a_rule_is_compiled() -> None:
    """A child forked while another thread compiles a rule redacts with rules of its own."""
    done = run("""
        import os, re, signal, threading
        import logweft

        compile, begun = re.compile, threading.Event()

        def stuck(*args):
            if "ghp_" in args[0]:
                begun.set()
                threading.Event().wait()
            return compile(*args)

        re.compile = stuck
        worker = threading.Thread(
            target=logweft.redact, args=("ghp_abcdefghijklmnopqrstuvwxyz0123456789",), daemon=True
        )
        worker.start()
        begun.wait()
        pid = os.fork()
        if not pid:
            signal.alarm(20)  # ends a child that hangs
            print(logweft.redact("mail ada@mail.example.com"), flush=True)
            os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) and 1)
    """)
    assert (done.code, done.out) == (0, "mail [redacted]\n")


def test_dict_config_says_rules_in_plain_data(tmp_path: Path) -> None:
    """Rules as dictConfig says them, in JSON, reach the line of a program."""
    config = {
        "version": 1,
        "formatters": {
            "json": {"()": "logweft.JsonFormatter", "redact": {"rules": {"card": "mask"}}}
        },
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["out"]},
    }
    (tmp_path / "logging.json").write_text(json.dumps(config))
    done = run(
        "import json, logging.config\n"
        "logging.config.dictConfig(json.load(open('logging.json')))\n"
        f"logging.warning('paid by {CARD}')",
        cwd=tmp_path,
    )
    assert done.lines[0]["message"] == "paid by ****1881"


def test_a_masked_header_stays_as_it_is() -> None:
    """A credential that is masked already, behind its scheme, gets no second marker."""
    once = logweft.redact("Authorization: Bearer abcdefgh12345678")

    assert once == "Authorization: Bearer [redacted]"
    assert logweft.redact(once) == once


def test_a_pair_in_compact_json_is_withheld() -> None:
    """Pairs inside a text are found with and without a space behind the comma."""
    for text in ('[["authorization","Bearer a1b2c3"]]', '[["authorization", "Bearer a1b2c3"]]'):
        assert "a1b2c3" not in logweft.redact(text)


@pytest.mark.parametrize("number", ["4111 1111 1111 1111", "4242424242424242"])
def test_the_best_known_card_numbers_are_withheld(number: str) -> None:
    """A number of two different digits that passes all checks is a card's."""
    assert logweft.redact(f"paid with {number} today") == "paid with [redacted] today"


def test_nesting_beyond_the_recursion_limit_is_withheld() -> None:
    """`redact` raises for no depth: what cannot be reached is withheld."""
    value: Any = SECRET
    for _ in range(5000):
        value = [value]
    assert logweft.redact(value)[0] is not None


def test_dict_config_names_a_callable() -> None:
    """In dictConfig a strategy may be `ext://module.function`."""
    done = run(
        "import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'formatters': {'json': {\n"
        "    '()': 'logweft.JsonFormatter', 'redact': {'rules': {'name': 'ext://builtins.ascii'}}}},\n"
        "    'handlers': {'out': {'class': 'logging.StreamHandler', 'formatter': 'json'}},\n"
        "    'root': {'handlers': ['out']}})\n"
        "logging.warning('x', extra={'password': 'abc1'})\n"
    )
    assert done.lines[0]["password"] == "'abc1'"


HASH = "$12$" + "abcdefghijklmnopqrstu./0123456789ABCDEFGHIJKLMNOPQRS"


@pytest.mark.parametrize(
    ("clean", "secret"),
    [
        ("level: 3, the password is required", "level: 3, the password is hunter22"),
        ("q: password%2Dhunter", "q: password%3Dhunter"),
        (f"h: $3b{HASH}", f"h: $2b{HASH}"),
        ("PASSABLE: hunter", "PASSWORD: hunter"),
        ("a: 078-05", "a: 078-05-1120"),
        ("id: 6f1b2c3d-94ae-4b1f-8c3d-0a9e8d7c6b5a", "token: 6f1b2c3d-94ae-4b1f-8c3d-0a9e8d7c6b5a"),
        ("to: shop at example", "to: shop@mail.example.com"),
    ],
)
def test_a_clean_text_lets_no_secret_pass_that_looks_like_it(clean: str, secret: str) -> None:
    """What is known as clean is taken for known with other digits and UUIDs alone, never more."""
    for _ in range(2):
        assert logweft.redact(clean) == clean
        assert "[redacted]" in logweft.redact(secret)


def test_a_line_of_source_is_not_known_as_a_message() -> None:
    """What stays in a traceback, the name of a value, is withheld in a message."""
    for _ in range(2):
        told = logweft.redact({"exception": {"stack_trace": "  password = hunter"}})
        assert told["exception"]["stack_trace"] == "  password = hunter"
        assert logweft.redact("  password = hunter") == "  password = [redacted]"


def test_a_frame_that_holds_a_secret_registered_later_is_withheld() -> None:
    """A frame known as clean is looked at again after each `register_secret`."""
    told = {"stack_trace": '  File "/a.py", line 1, in f\n    pay(registered_in_frame)\n' * 2}
    for _ in range(2):
        assert logweft.redact(told) == told
    logweft.register_secret("registered_in_frame")
    for _ in range(2):
        assert "registered_in_frame" not in str(logweft.redact(told))
        assert str(logweft.redact(told)).count("[redacted]") == 2


def test_a_secret_in_one_frame_leaves_the_others_as_they_are() -> None:
    """A stack trace loses the secret that a line of its source holds, and nothing else."""
    frame = '  File "/a.py", line 1, in f\n    connect(password="%s")\n    ^^^^^^^'
    trace = "\n".join(frame % each for each in ("", "hunter2", ""))
    for _ in range(2):
        told = logweft.redact({"stack_trace": trace})["stack_trace"]
        assert told == trace.replace("hunter2", "[redacted]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cookie: a=hunter2", "Cookie: [redacted]"),
        ("Cookie: a=hunter2; b=hunter2", "Cookie: [redacted]"),
        ("Cookie: a=hunter2; Cookie: b=hunter2", "Cookie: [redacted]; Cookie: [redacted]"),
        ("Set-Cookie: a=hunter2; Path=/; HttpOnly", "Set-Cookie: [redacted]"),
        ("password: user=ada", "password: user=ada"),
    ],
)
def test_the_first_cookie_is_no_next_field(text: str, expected: str) -> None:
    """What looks like the next field behind an empty one is a header's value behind a cookie's."""
    assert logweft.redact(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password: correcthorse\nuser: ada", "password: [redacted]\nuser: ada"),
        ("password: correcthorse\nready to serve", "password: [redacted]\nready to serve"),
        ("password: correcthorse user: ada", "password: [redacted] user: ada"),
        ("jwt: signature verification failed", "jwt: signature verification failed"),
    ],
)
def test_a_password_of_letters_alone_is_no_prose(text: str, expected: str) -> None:
    """Words behind a name are prose only if the line goes on as prose; else one is a value."""
    assert Redactor().text(text) == expected


@pytest.mark.parametrize("around", ["", "at ('10.0.0.1', 5432) ", "lorem ipsum dolor " * 20])
@pytest.mark.parametrize(
    "text",
    [
        f"{'shop.payments.' * 6}password=hunter2",
        f"{'SHOP_PAYMENTS_' * 8}PASSWORD: hunter2",
        f"token_{'12' * 40}=hunter2",
        "password\r=hunter2",
        "password\xa0: hunter2",
        "password\u2003=\u2003hunter2",
        "password-=hunter2",
        f"user=ada\\n{'a' * 119}_password=hunter2",
        "pin.: hunter2",
    ],
)
def test_a_name_is_one_whatever_else_there_is(text: str, around: str) -> None:
    """A name may be long, and any space may follow it, in each text, with a pair in it or not."""
    told = logweft.redact(f"{around}{text}")
    assert told == f"{around}{text.replace('hunter2', '[redacted]')}"


@pytest.mark.parametrize("text", ["password=hunter2 ", "Cookie: a=hunter2 ", "('pin', 'hunter2') "])
def test_a_text_of_thousands_of_secrets_ends_with_the_marker(text: str) -> None:
    """From 3,000 secrets on the rest goes as one; with fewer each is withheld alone."""
    told = logweft.redact(f"{text * 5_000} the end")
    assert "hunter2" not in told
    assert told.endswith("[redacted]")
    assert told.count("[redacted]") == 3_001
    told = logweft.redact(f"{text * 1_000}the end")
    assert told.endswith("the end")
    assert told.count("[redacted]") == 1_000


@pytest.mark.parametrize(
    "text",
    [
        "order_id=17 ",
        "report: 17 is late, ",
        "<td>x7</td>",
        "run --verbose x7 ",
        '{"id": 1, "tags": ["a", "b"]}, ',
    ],
)
def test_a_text_of_thousands_of_innocent_names_stays(text: str) -> None:
    """Only the names of secrets count towards the 3,000 behind which the rest goes as one."""
    assert logweft.redact(text * 4_000) == text * 4_000


def test_what_stands_behind_a_number_is_looked_at_without_it() -> None:
    """With the card gone, what was part of a word is a secret's name."""
    told = "[redacted]password%3D[redacted]"
    assert logweft.redact("4012 8888 8888 1881%70assword%3Dabc123") == told
    assert logweft.redact(told) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("card number: 4012 8888 8888 1881", "card number: [redacted]"),
        ("IBAN: DE89 3704 0044 0532 0130 00 ok", "IBAN: [redacted] ok"),
        ("phone: +1 415 555 2671", "phone: [redacted]"),
        ("mobile=+49 (171) 123 4567, x", "mobile=[redacted], x"),
        ("ssn: 123 45 6789", "ssn: [redacted]"),
        ("pin=1234 5 attempts left", "pin=[redacted] 5 attempts left"),
        ("password=abc 5 10 items", "password=[redacted] 5 10 items"),
    ],
)
def test_a_number_in_groups_goes_as_a_whole(text: str, told: str) -> None:
    """Behind a name, what is written in groups of digits is one value, not its first group."""
    assert Redactor().text(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "Cookie", "value": "sess=abc"}', '{"name": "Cookie", "value": "[redacted]"}'),
        (
            "[{'key': 'DB_PASSWORD', 'value': 'fish'}]",
            "[{'key': 'DB_PASSWORD', 'value': '[redacted]'}]",
        ),
        (
            r"{\"Key\":\"API_TOKEN\",\"Value\":\"x1\"}",
            r"{\"Key\":\"API_TOKEN\",\"Value\":\"[redacted]\"}",
        ),
        ('{"name": "user", "value": "ada"}', '{"name": "user", "value": "ada"}'),
        ('{"name": "password", "value": null}', '{"name": "password", "value": null}'),
    ],
)
def test_a_pair_that_is_spelt_out_in_a_text(text: str, told: str) -> None:
    """A text that shows a header or a variable as name and value is redacted as the fields are."""
    assert Redactor().text(text) == told


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"names": ["field7"]}, ("field3", "field7")),
        ({"allow_names": ["token2"]}, ("token2", "token3")),
        ({}, ("cvv3", "cvv2", "mfa1", "cvc3", "cvc2")),
    ],
)
def test_what_differs_in_a_digit_of_a_name_is_looked_at(
    options: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Texts that differ in digits alone are looked at once, but where a name has such digits."""
    known = Redactor(**options)
    for name in names:
        text = f"{name}=412"
        assert known.text(text) == Redactor(**options).text(text)
