"""Bad input: at configuration an error that says what is right; at a log call never one of ours."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

import logweft
from programs import parse

SECRET = "hunter2-correct-horse"


def handler() -> logging.Handler:
    return logging.StreamHandler(io.StringIO())


install, Json, Console = logweft.install, logweft.JsonFormatter, logweft.ConsoleFormatter
Queue, register, get = logweft.QueueHandler, logweft.register_secret, logweft.get_logger

Case = tuple[Callable[[], object], type[Exception], str]

CASES: dict[str, Case] = {
    # install()
    "level name": (lambda: install(level="LOUD"), ValueError, r"'DEBUG', 'INFO'.* got 'LOUD'"),
    "level empty": (lambda: install(level=""), ValueError, r"level must be .* got ''"),
    "level bool": (lambda: install(level=True), ValueError, r"level must be .* an int, got True"),
    "level float": (lambda: install(level=1.5), ValueError, r"level must be .*got 1\.5"),
    "format name": (lambda: install(format="xml"), ValueError, r"'auto', 'json', 'console', got"),
    "format type": (lambda: install(format=7), ValueError, r"format must be one of .* got 7"),
    "stream name": (lambda: install(stream="stdout"), TypeError, r"write\(\) method, got 'stdout'"),
    "service": (lambda: install(service=7), TypeError, r"service must be a str, got 7"),
    "version": (lambda: install(version=1.5), TypeError, r"version must be a str, got 1\.5"),
    "environment": (lambda: install(environment=[]), TypeError, r"environment must be a str"),
    "redact text": (lambda: install(redact="no"), TypeError, r"redact must be True, False or a "),
    "sticky int": (lambda: install(sticky=1), TypeError, r"sticky must be True or False, got 1"),
    "queue text": (lambda: install(queue="big"), TypeError, r"queue must be True, False or a cap"),
    "queue below 0": (lambda: install(queue=-1), ValueError, r"queue must be .* >= 1 .* got -1"),
    "queue float": (lambda: install(queue=1.5), TypeError, r"queue must be .* got 1\.5"),
    "capture name": (lambda: install(capture="thread"), ValueError, r"main, threads, .* 'thread'"),
    "capture names": (lambda: install(capture=["x", "main"]), ValueError, r"threads.* got 'x'$"),
    "capture int": (lambda: install(capture=7), TypeError, r"capture .*7"),
    "capture nested": (lambda: install(capture=[[]]), TypeError, r"capture must be a list of str"),
    "trust word": (lambda: install(trust="maybe"), ValueError, r"'always', 'never' .* got 'maybe'"),
    "trust int": (lambda: install(trust=7), ValueError, r"trust must be .* got 7"),
    "trust network": (
        lambda: install(trust=["10.0.0.0/99"]),
        ValueError,
        r"such as '10\.0\.0\.0/8'",
    ),
    "id_headers": (lambda: install(id_headers=7), TypeError, r"id_headers must be a list .*7"),
    "propagate_to": (
        lambda: install(propagate_to=7),
        TypeError,
        r"propagate_to must be a list .*7",
    ),
    "integrations name": (lambda: install(integrations="djnago"), ValueError, r"'djnago'; known: "),
    "integrations int": (lambda: install(integrations=7), TypeError, r"integrations? .*7"),
    "config text": (lambda: install("x.yaml"), TypeError, r"config must be a dictConfig mapping"),
    "config version": (lambda: install({"version": 2}), ValueError, r"[Vv]ersion"),
    "keyword": (lambda: install(colour=True), TypeError, r"'colour'"),
    # JsonFormatter
    "fmt int": (lambda: Json(7), TypeError, r"fmt must be a str or a sequence of .* got 7"),
    "fmt set": (lambda: Json({"message"}), TypeError, r"fmt must be a str or a sequence"),
    "fmt bytes": (lambda: Json(b"%(message)s"), TypeError, r"fmt must be a str"),
    "fmt of ints": (lambda: Json([7]), TypeError, r"fmt .*7"),
    "fmt without fields": (lambda: Json("message"), ValueError, r"'message' for '%' style"),
    "style": (lambda: Json("{message}", style="x"), ValueError, r"Style must be one of"),
    "style and fmt": (lambda: Json("%(message)s", style="{"), ValueError, r"no fields"),
    "datefmt": (lambda: Json(datefmt=7), TypeError, r"datefmt .*7"),
    "prefix": (lambda: Json(prefix=7), TypeError, r"prefix .*7"),
    "line service": (lambda: Json(service=7), TypeError, r"service must be a str, got 7"),
    "line redact": (
        lambda: Json(redact="no"),
        TypeError,
        r"redact must be True, False or a mapping of options, got 'no'",
    ),
    "max_line low": (lambda: Json(max_line=10), ValueError, r">= 1024 \(bytes\), got 10"),
    "max_line text": (lambda: Json(max_line="16k"), ValueError, r">= 1024 \(bytes\), got '16k'"),
    "max_line bool": (lambda: Json(max_line=True), ValueError, r">= 1024 \(bytes\), got True"),
    "encoder name": (lambda: Json(encoder="ujson"), ValueError, r"'auto', 'json', .* got 'ujson'"),
    "encoder type": (lambda: Json(encoder=7), ValueError, r"encoder must be 'auto', .* got 7"),
    "option name": (lambda: Json(colour=True), TypeError, r"'colour'"),
    "rename_fields": (lambda: Json(rename_fields="level"), TypeError, r"rename_fields .*'level'"),
    "static_fields": (lambda: Json(static_fields=[1]), TypeError, r"static_fields .*(\[1\]|list)"),
    "defaults": (lambda: Json(defaults=7), TypeError, r"defaults .*7"),
    "reserved_attrs": (
        lambda: Json(reserved_attrs="level"),
        TypeError,
        r"reserved_attrs .*'level'",
    ),
    "json_default": (lambda: Json(json_default=7), TypeError, r"json_default .*7"),
    "json_serializer": (lambda: Json(json_serializer=7), TypeError, r"json_serializer .*7"),
    # ConsoleFormatter
    "console option": (lambda: Console(colours=True), TypeError, r"'colours'"),
    "console colors": (lambda: Console(colors="yes"), TypeError, r"colors must be True or False"),
    "console encoder": (lambda: Console(encoder="orjson"), TypeError, r"encoder"),
    "console redact": (
        lambda: Console(redact=None),
        TypeError,
        r"redact must be True, False or a mapping",
    ),
    # QueueHandler
    "no target": (lambda: Queue(), ValueError, r'"target": \{"class": "logging\.StreamHandler"\}'),
    "no targets": (lambda: Queue(targets=[]), ValueError, r"needs a target: target=logging\."),
    "target name": (
        lambda: Queue("stdout"),
        TypeError,
        r"^target must be a logging\.Handler, got 'stdout'; in dictConfig write it inline: "
        r'"target": \{"class": "logging\.StreamHandler"\}$',
    ),
    "target class": (
        lambda: Queue(logging.StreamHandler),
        TypeError,
        r"must be a logging\.Handler",
    ),
    "targets handler": (lambda: Queue(targets=handler()), TypeError, r"targets must be a list of"),
    "targets text": (
        lambda: Queue(targets="out"),
        TypeError,
        r"targets must be a list of .* 'out'",
    ),
    "targets of text": (lambda: Queue(targets=["out"]), TypeError, r"must be a logging\.Handler"),
    "capacity 0": (
        lambda: Queue(handler(), capacity=0),
        ValueError,
        r"capacity must be >= 1, got 0",
    ),
    "capacity text": (lambda: Queue(handler(), capacity="9"), TypeError, r"capacity .* got '9'"),
    "capacity bool": (lambda: Queue(handler(), capacity=True), TypeError, r"capacity .* got True"),
    "bytes 0": (lambda: Queue(handler(), capacity_bytes=0), ValueError, r"capacity_bytes .* >= 1"),
    "bytes float": (
        lambda: Queue(handler(), capacity_bytes=1e6),
        TypeError,
        r"capacity_bytes .*int",
    ),
    "synchronous": (lambda: Queue(handler(), synchronous="no"), TypeError, r"synchronous .*'no'"),
    "listener": (lambda: Queue(handler(), listener="x"), TypeError, r"listener .*'x'"),
    # The rest
    "secret int": (lambda: register(7), TypeError, r"a secret must be a str, got int"),
    "secret short": (
        lambda: register("pw12345"),
        ValueError,
        r"at least 8 .* got 7; .* by its key",
    ),
    "logger name": (lambda: get(7), TypeError, r"name must be a str"),
    "log level": (lambda: get("x").log("INFO", "m"), TypeError, r"level must be an int"),
    "log extra": (lambda: get("x").error("m", extra=[1]), TypeError, r"mapping"),
    "child environment": (
        lambda: logweft.child_environment(7),
        TypeError,
        r"environment must be .*7",
    ),
    "bind position": (lambda: logweft.bind(7), TypeError, r"positional"),
    "Context": (
        lambda: setattr(logweft.current(), "user", 7),
        AttributeError,
        r"Context is read-only; use bind\(user=\.\.\.\) to add a field",
    ),
}
"""``{what: (call, exception type, what its message must say)}``"""


@pytest.mark.parametrize("what", CASES)
def test_bad_input_is_refused_at_once_and_says_what_is_right(what: str) -> None:
    """Wrong input of a public callable raises at once: the option, the rule and the value."""
    call, kind, words = CASES[what]
    with pytest.raises(kind) as caught:
        call()
    assert re.search(words, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "what", [what for what, case in CASES.items() if "install" in case[0].__code__.co_names]
)
def test_nothing_is_installed_after_a_refusal(what: str) -> None:
    """After install() has raised, logging is as it was and install() can be called rightly."""
    before = (logging.root.handlers[:], logging.root.level, logging.Logger.makeRecord)
    with pytest.raises((TypeError, ValueError)):
        CASES[what][0]()
    assert before == (logging.root.handlers[:], logging.root.level, logging.Logger.makeRecord)
    logweft.install(stream=io.StringIO()).uninstall()


ENVIRONMENT = {
    "LOGWEFT_LEVEL": ("LOUD", r"'DEBUG', 'INFO'"),
    "LOGWEFT_FORMAT": ("xml", r"'auto', 'json', 'console'"),
    "LOGWEFT_STREAM": ("/tmp", r"'stdout' or 'stderr'"),
    "LOGWEFT_REDACT": ("maybe", r"1 or 0"),
    "LOGWEFT_STICKY": ("maybe", r"1 or 0"),
    "LOGWEFT_QUEUE": ("-1", r"1 or 0|capacity"),
    "LOGWEFT_CAPTURE": ("main,thread", r"threads"),
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_bad_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong environment variable raises ValueError with its own name and the values it takes."""
    value, words = ENVIRONMENT[name]
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=words) as caught:
        logweft.install(stream=None if name == "LOGWEFT_STREAM" else io.StringIO())
    assert name in str(caught.value), str(caught.value)


def test_the_capacity_of_the_queue_is_named_for_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What LOGWEFT_QUEUE says when it is refused mentions that it may be a number of lines."""
    monkeypatch.setenv("LOGWEFT_QUEUE", "lots")
    with pytest.raises(ValueError, match=r"LOGWEFT_QUEUE must be .*(lines|capacity).*'lots'"):
        logweft.install(stream=io.StringIO())


SECRETS: dict[str, Callable[[], object]] = {
    "register_secret bytes": lambda: register(SECRET.encode()),
    "register_secret short": lambda: register(SECRET[:7]),
    "register_secret list": lambda: register([SECRET]),
    "target mapping": lambda: Queue(
        {"class": "logging.handlers.HTTPHandler", "credentials": ["me", SECRET]}
    ),
    "targets mapping": lambda: Queue(targets={"password": SECRET}),
    "target address": lambda: Queue(f"https://me:{SECRET}@logs.example/in"),
    "config list": lambda: install([{"handlers": {"mail": {"password": SECRET}}}]),
    "stream address": lambda: install(stream=f"https://me:{SECRET}@logs.example/in"),
    "service mapping": lambda: install(service={"token": SECRET}),
    "static_fields": lambda: Json(static_fields=[("api_key", SECRET)]),
    "bound name": lambda: setattr(logweft.current(), "password", SECRET),
}


@pytest.mark.parametrize("what", SECRETS)
def test_no_error_holds_a_secret(what: str) -> None:
    """An error about a value that holds a secret, by its key or its form, does not show it."""
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        SECRETS[what]()
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET[:7] not in str(error)
        error = error.__cause__


VERBS: dict[str, Callable[[Any], object]] = {
    "adopt": logweft.adopt,
    "inject": logweft.inject,
    "bind": lambda value: logweft.bind(field=value),
    "redact": logweft.redact,
}


class Hostile:
    """An object that raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} here")

    def __repr__(self) -> str:
        raise RuntimeError("no repr here")

    __iter__ = __len__ = __bool__ = __hash__ = __eq__ = __str__ = __repr__


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "int": lambda: 7,
    "bytes": lambda: b"\xff",
    "empty text": lambda: "",
    "line end": lambda: "\n",
    "long text": lambda: "x" * 100_000,
    "empty list": list,
    "mapping of an object": lambda: {"x": object()},
    "broken pairs": lambda: [("a",)],
    "hostile object": Hostile,
    "class": lambda: Hostile,
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("value", VALUES)
def test_the_verbs_take_anything(verb: str, value: str) -> None:
    """The verbs adopt, inject and bind, and redact, raise nothing, whatever they are given."""
    result = VERBS[verb](VALUES[value]())
    if verb in ("adopt", "bind"):
        with result:
            assert logweft.current() is not None


def test_an_id_that_is_none_is_replaced_and_appears_nowhere() -> None:
    """An invalid correlation ID is replaced by a new one, whatever is wrong with it."""
    for bad in (
        "",
        " ",
        "a b",
        "a\n",
        "\na",
        "é",
        "a" * 129,
        "-a",
        "a\x00",
        "٣",
        b"\xff",
        7,
        [],
        (),
    ):
        with logweft.adopt(bad) as context:
            assert re.fullmatch("[0-9a-f]{32}", context.correlation_id or ""), bad


LOG_CALLS: dict[str, Callable[[logging.Logger], object]] = {
    "too few arguments": lambda log: log.error("%s and %s", 1),
    "too many arguments": lambda log: log.error("one", 1, 2),
    "wrong type": lambda log: log.error("%d", "seven"),
    "reserved extra": lambda log: log.error("m", extra={"name": "Ada", "args": (), "message": 7}),
    "odd keys": lambda log: log.error("m", extra={7: 1, None: 2, (): 3, "": 4, "a\nb": 5}),
    "hostile argument": lambda log: log.error("%s", Hostile()),
    "hostile extra": lambda log: log.error("m", extra={"value": Hostile()}),
    "hostile message": lambda log: log.error(Hostile()),
    "no exception": lambda log: log.error("m", exc_info=True),  # noqa: LOG014 - on purpose
    "not an exception": lambda log: log.error("m", exc_info=(1, 2, 3)),
    "surrogate": lambda log: log.error("\ud800", extra={"\udfff": "\ud800"}),
}


@pytest.mark.parametrize("what", LOG_CALLS)
def test_a_log_call_with_bad_input_raises_nothing_and_gives_a_line(
    what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a log call is given, it raises nothing and writes exactly one line."""
    out = io.StringIO()
    logging.root.handlers.clear()  # pytest's own raise what they cannot format
    with logweft.install(stream=out) as installation:
        LOG_CALLS[what](logging.getLogger("app"))
        assert installation.flush()
    lines = parse(out.getvalue())
    assert [line["logger"] for line in lines] == ["app"], lines
    assert capfd.readouterr().err == ""


def test_a_level_that_is_none_raises_as_in_the_stdlib() -> None:
    """`log("INFO", ...)` raises TypeError with a field logger as with the stdlib's own."""
    errors = []
    for log in (logging.getLogger("app"), get("app")):
        with pytest.raises(TypeError) as caught:
            log.log("INFO", "m")
        errors.append(str(caught.value))
    assert errors[0] == "level must be an integer"
    assert errors[1].startswith("level must be an int")
