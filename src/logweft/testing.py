"""For tests of programs that log: `capture`, `assert_no_leak`, and a pytest fixture."""

from __future__ import annotations

import contextlib
import functools
import json
import linecache
import logging
import logging.handlers
import string
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple

from . import _install
from ._context import bind
from ._filter import ContextFilter, accepted
from ._formatter import JsonFormatter
from ._plain import type_name
from ._queue import QueueHandler
from ._secrets import passes_luhn
from ._targets import RecordTarget

__all__ = ["Leak", "Report", "assert_no_leak", "capture", "find_leaks"]


class Canary(NamedTuple):
    """
    A secret that is none: what a leak is told by.

    Attributes:
        category: what kind of secret it is.
        key: the name it has in a structure.
        value: the value it has there.
        text: how it stands in running text.
        core: the part that must not come out.
    """

    category: str
    key: str
    value: str
    text: str
    core: str

    @property
    def is_line(self) -> bool:
        """Whether it fits into a URL or a line of source."""
        return "\n" not in self.value


class Leak(NamedTuple):
    """A canary that came out: the way it was logged, what it is, and the handler that writes it."""

    path: str
    category: str
    handler: str


class Report(NamedTuple):
    """
    What was asked and what came out.

    Attributes:
        seen: the handlers whose output was looked at.
        unseen: those whose output cannot be seen without writing it.
        paths: the ways a canary was logged.
        leaks: what came out.
    """

    seen: list[str]
    unseen: list[str]
    paths: list[str]
    leaks: list[Leak]


def assert_no_leak(
    logger: logging.Logger | str | None = None, *, allow: Iterable[str] = ()
) -> None:
    """
    Fail if a planted secret comes out of a handler, by whichever way it is logged.

    Secrets of every category are logged by every way past every handler of the root logger and of
    all others. Nothing is written: each handler's filters and formatter are asked for what it
    would write. A filter that counts or samples sees some hundred records.

    Args:
        logger: look only at the handlers that this logger's records reach, given by name or as it
            is. None: at all there are.
        allow: categories that may come out: ``["email"]``. What the options of `install` switch
            off may anyway.

    Raises:
        AssertionError: a leak, or no handler whose output can be seen; names way, category and
            handler of each.

    Warns:
        UserWarning: a handler's output cannot be seen.
    """
    report = find_leaks(logger, allow=allow)
    if report.leaks:
        lines = [f"{path}: {category}: {handler}" for path, category, handler in report.leaks]
        lines += [f"not seen: {handler}" for handler in report.unseen]
        raise AssertionError("\n".join([f"{len(report.leaks)} secrets come out:", *lines]))
    if not report.seen:
        others = f": {', '.join(report.unseen)}" if report.unseen else ""
        raise AssertionError(f"there is no handler whose output can be seen{others}")
    if report.unseen:
        warnings.warn(f"not seen: {', '.join(report.unseen)}", UserWarning, stacklevel=2)


def find_leaks(logger: logging.Logger | str | None = None, *, allow: Iterable[str] = ()) -> Report:
    """
    Return what `assert_no_leak` finds.

    Args:
        logger: as there.
        allow: as there.

    Raises:
        TypeError: *logger* is neither a logger nor a name.
    """
    if isinstance(logger, str):
        logger = logging.getLogger(logger)
    if not isinstance(logger, (logging.Logger, type(None))):
        raise TypeError(f"logger must be a logging.Logger or its name, got {type(logger).__name__}")
    allowed = {*allow, *_switched_off()}
    canaries = [each for each in make_canaries() if each.category not in allowed]
    report = Report([], [], list(PATHS), [])
    for owner, handler in _handlers(logger):
        views = list(_views(handler))
        told = _name(owner, handler)
        if not views:
            report.unseen.append(told)
            continue
        try:
            leaks = [
                Leak(path, canary.category, told)
                for path, log in PATHS.items()
                for canary in canaries
                if _comes_out(owner, views, canary, log)
            ]
        except Exception as error:  # noqa: BLE001 - a format that needs a field of the program's own
            report.unseen.append(f"{told}, which raises {type_name(type(error))}")
        else:
            report.seen.append(told)
            report.leaks.extend(leaks)
    return report


def _switched_off() -> Iterable[str]:
    """Return the rules that the user has switched off: what they find is no secret there."""
    installed = _install._installed
    redact = None if installed is None else installed._options.redact
    rules = redact.get("rules") if isinstance(redact, Mapping) else None
    return [name for name, strategy in (rules or {}).items() if strategy == "off"]


# Handlers

View = Callable[[logging.LogRecord], Iterable[Any]]
"""``(record) -> what would be written``, without writing it."""

# Whose `emit` writes what `format` returns and nothing else.
_WRITERS = (
    logging.StreamHandler,
    logging.FileHandler,
    logging.handlers.RotatingFileHandler,
    logging.handlers.TimedRotatingFileHandler,
    logging.handlers.WatchedFileHandler,
    logging.handlers.SysLogHandler,
    logging.handlers.SMTPHandler,
    logging.handlers.NTEventLogHandler,
)
_EMITS = frozenset(vars(each)["emit"] for each in _WRITERS if "emit" in vars(each)) | {
    vars(logging.handlers.BaseRotatingHandler)["emit"]
}


def _handlers(logger: logging.Logger | None) -> Iterator[tuple[logging.Logger, logging.Handler]]:
    """Yield the handlers to look at, each with the logger it is on."""
    owners = list(_install._loggers()) if logger is None else list(_reached(logger))
    found = is_written = False
    for owner in owners:
        for handler in owner.handlers:
            found = True
            # pytest's keep records for the report of a failure; NullHandler writes nothing.
            module = type(handler).__module__.partition(".")[0]
            if module != "_pytest" and type(handler) is not logging.NullHandler:
                is_written = True
                yield owner, handler
    installed = _install._installed
    if installed is not None and not is_written:
        yield logging.root, _formatted_by(installed._json)  # what it would write outside of pytest
    elif not found and logging.lastResort is not None:
        yield logging.root, logging.lastResort


def _formatted_by(formatter: logging.Formatter) -> logging.Handler:
    handler = logging.StreamHandler()
    handler.addFilter(ContextFilter())
    handler.setFormatter(formatter)
    return handler


def _reached(logger: logging.Logger) -> Iterator[logging.Logger]:
    each: logging.Logger | None = logger
    while each is not None:
        yield each
        each = each.parent if each.propagate else None


def _name(owner: logging.Logger, handler: logging.Handler) -> str:
    name = f" {handler.name!r}" if handler.name else ""
    return f"{type(handler).__name__}{name} of logger {owner.name!r}"


def _views(handler: logging.Handler) -> Iterator[View]:
    """Yield the ways a record is written by *handler*; none: that cannot be seen."""
    front = getattr(vars(handler).get("handle"), "__self__", handler)  # as install() takes over
    if isinstance(front, QueueHandler):
        others = [each.handler for each in front.targets if isinstance(each, RecordTarget)]
        if all(list(_views(each)) for each in others):
            yield functools.partial(_queued, front)
    elif isinstance(handler, logging.handlers.MemoryHandler):
        for view in _views(handler.target) if handler.target is not None else ():
            yield functools.partial(_filtered, handler, view)
    elif isinstance(handler, logging.handlers.QueueHandler):
        listener = getattr(handler, "listener", None)  # from 3.12 on, if dictConfig made it
        for each in getattr(listener, "handlers", ()):
            for view in _views(each):
                yield functools.partial(_filtered, handler, functools.partial(_sent, handler, view))
    elif isinstance(handler, logging.handlers.HTTPHandler):
        yield functools.partial(_filtered, handler, lambda record: [handler.mapLogRecord(record)])
    elif isinstance(handler, logging.handlers.SocketHandler):
        yield functools.partial(_filtered, handler, lambda record: [handler.makePickle(record)])
    elif _emit_of(handler) in _EMITS or "format" in _names_in(_emit_of(handler)):
        yield functools.partial(_filtered, handler, lambda record: [handler.format(record)])


def _emit_of(handler: logging.Handler) -> Any:
    return vars(handler).get("emit", type(handler).emit)


def _names_in(function: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(getattr(function, "__code__", None), "co_names", ())
    return names


def _filtered(handler: logging.Handler, view: View, record: logging.LogRecord) -> Iterable[Any]:
    let_through = accepted(handler, record)
    return () if let_through is None else view(let_through)


def _sent(
    handler: logging.handlers.QueueHandler, view: View, record: logging.LogRecord
) -> Iterable[Any]:
    return view(handler.prepare(record))


def _queued(front: QueueHandler, record: logging.LogRecord) -> Iterator[Any]:
    let_through = accepted(front, record)
    if let_through is None:
        return
    for target, payload, _ in front.prepare(let_through):
        if isinstance(target, RecordTarget):
            for view in _views(target.handler):
                yield from view(payload[0])
        else:
            yield payload


def _comes_out(owner: logging.Logger, views: list[View], canary: Canary, log: _Way) -> bool:
    """Say whether *canary*, logged by the way *log*, is in what a handler would write."""
    # Each view has a record of its own, since a formatter leaves its text on the one it is given.
    for view in views:
        with contextlib.ExitStack() as stack:
            record: logging.LogRecord | None = log(owner, canary, stack)
            # A logger's filters see the records of its own calls, not those of its children.
            if record is not None and record.name == owner.name:
                record = accepted(owner, record)
            for written in view(record) if record is not None else ():
                told = written.decode(errors="replace") if type(written) is bytes else str(written)
                if canary.core in told:
                    return True
    return False


# Canaries

_ALNUM = string.ascii_letters + string.digits


def make_canaries(seed: int | None = None) -> list[Canary]:
    """
    Return one secret of each category, all of them made up.

    Args:
        seed: the same gives the same. None: others each time.

    Raises:
        Nothing.
    """
    import random  # dear to import, and not needed by `capture`

    draw = random.Random(seed)

    def some(size: int, alphabet: str = _ALNUM) -> str:
        return "".join(draw.choices(alphabet, k=size - 2)) + "k7"

    def keyed(category: str, key: str, value: str) -> Canary:
        return Canary(category, key, value, f"{key}={value}", value)

    def shaped(category: str, value: str, core: str = "") -> Canary:
        return Canary(category, "note", value, f"got {value} here", core or value)

    upper, hexadecimal = string.ascii_uppercase + string.digits, "0123456789abcdef"
    token, basic, password, cookie = some(32), some(24), some(16), some(26)
    digits = "".join(draw.choices("0123456789", k=11))
    card = next(
        f"4111{digits}{last}" for last in "0123456789" if passes_luhn(f"4111{digits}{last}")
    )
    account = "".join(draw.choices("123456789", k=18))
    check = 98 - int(f"{account}131400") % 97
    ssn = f"{draw.randrange(100, 600)}-{draw.randrange(10, 99)}-{draw.randrange(1000, 9999)}"
    phone = f"30{draw.randrange(10**7, 10**8)}"
    pem = "\n".join(some(60) for _ in range(3))
    jwt = f"eyJ{some(30)}.eyJ{some(40)}.{some(40)}"
    return [
        keyed("password", "db_password", some(16)),
        keyed("api key", "X-Api-Key", some(28)),
        keyed("secret", "clientSecret", some(28)),
        keyed("session", "session_id", some(26)),
        Canary(
            "bearer", "Authorization", f"Bearer {token}", f"Authorization: Bearer {token}", token
        ),
        Canary(
            "basic", "Authorization", f"Basic {basic}==", f"Authorization: Basic {basic}==", basic
        ),
        Canary("cookie", "Cookie", f"sid={cookie}", f"Cookie: sid={cookie}; theme=dark", cookie),
        shaped("jwt", jwt, jwt.rpartition(".")[2]),
        shaped(
            "private_key",
            f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----",
            pem.splitlines()[1],
        ),
        shaped("url", f"postgres://app:{password}@db.internal:5432/shop", password),
        shaped("aws", f"AKIA{some(16, upper).upper()}"),
        shaped("google", f"AIza{some(35)}"),
        shaped("github", f"ghp_{some(36)}"),
        shaped("gitlab", f"glpat-{some(20)}"),
        shaped("slack", f"xoxb-{some(12, string.digits)}-{some(24)}"),
        shaped("stripe", f"sk_live_{some(24)}"),
        shaped("twilio", f"SK{some(31, hexadecimal)[:-2]}0a7"),
        shaped("sendgrid", f"SG.{some(22)}.{some(43)}"),
        shaped("npm", f"npm_{some(36)}"),
        shaped("pypi", f"pypi-AgEIcHlwaS5vcmc{some(70)}"),
        shaped("openai", f"sk-proj-{some(48)}"),
        shaped("anthropic", f"sk-ant-api03-{some(90)}"),
        shaped("huggingface", f"hf_{some(34)}"),
        shaped("telegram", f"{draw.randrange(10**9, 10**10)}:AA{some(33)}"),
        shaped("card", card),
        shaped("iban", f"DE{check:02d}{account}"),
        shaped("ssn", ssn),
        shaped("email", f"{some(9).lower()}@mail.example.com"),
        Canary("phone", "phone_number", f"+49{phone}", f"phone_number=+49{phone}", phone),
    ]


# Ways

_Way = Callable[[logging.Logger, Canary, contextlib.ExitStack], "logging.LogRecord | None"]
"""Makes the record of one log call; None: the canary does not fit there."""


def _record(
    owner: logging.Logger,
    msg: Any,
    args: Any = (),
    *,
    name: str = "",
    extra: Mapping[str, Any] | None = None,
    error: BaseException | None = None,
    stack: str | None = None,
) -> logging.LogRecord:
    info: Any = (type(error), error, error.__traceback__) if error is not None else None
    return owner.makeRecord(
        name or owner.name, logging.CRITICAL, __file__, 1, msg, args, info, "log", extra, stack
    )


def _raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def _message(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    return _record(owner, f"login failed: {canary.text}")


def _arguments(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    template = canary.text.replace(canary.value, "%s")
    return _record(owner, f"%s of %d: {template}", ("login", 3, canary.value))


def _extra(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    return _record(owner, "login", extra={canary.key: canary.value})


def _nested(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    inner = {"name": "ada", "tries": [{canary.key: canary.value}, canary.text]}
    return _record(owner, "login", extra={"user": inner})


def _bound(owner: logging.Logger, canary: Canary, stack: contextlib.ExitStack) -> logging.LogRecord:
    stack.enter_context(bind(**{canary.key: canary.value}))
    return _record(owner, "login")


def _exception(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    return _record(owner, "failed", error=_raised(ValueError(canary.text)))


def _cause(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    cause = _raised(ValueError(canary.text))
    return _record(owner, "failed", error=_raised(RuntimeError("login"), cause))


def _note(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    error = _raised(RuntimeError("login"))
    vars(error)["__notes__"] = [canary.text]
    return _record(owner, "failed", error=error)


def _fail() -> None:
    raise RuntimeError("login")


def _source_line(canary: Canary) -> str:
    return f"connect({canary.key.replace('-', '_')}={canary.value!r})"


def _source(
    owner: logging.Logger, canary: Canary, stack: contextlib.ExitStack
) -> logging.LogRecord | None:
    if not canary.is_line:
        return None
    # A function whose source, as a traceback looks it up, has the canary in the line that raises.
    file = f"<canary {threading.get_ident()}>"
    code = _fail.__code__.replace(co_filename=file, co_firstlineno=1)
    lines = ["def fail():\n", f"    {_source_line(canary)}\n"]
    linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
    stack.callback(linecache.cache.pop, file, None)
    try:
        FunctionType(code, globals())()
    except RuntimeError as error:
        return _record(owner, "failed", error=error)
    return None


def _stack(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord | None:
    if not canary.is_line:
        return None
    frame = f'  File "shop.py", line 7, in login\n    {_source_line(canary)}'
    return _record(owner, "login", stack=f"Stack (most recent call last):\n{frame}")


def _headers(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord | None:
    if not canary.is_line:
        return None
    name = canary.key.replace("_", "-")
    pairs = [(b"accept", b"*/*"), (name.lower().encode(), canary.value.encode())]
    return _record(owner, "request %s", ({name: canary.value},), extra={"headers": pairs})


def _url(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord | None:
    from urllib.parse import urlencode

    if not canary.is_line:
        return None
    query = urlencode({"page": 2, canary.key: canary.value}, safe="@:/")
    return _record(owner, "GET %s", (f"https://api.example.com/v1/users?{query}",))


def _json(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    body = json.dumps({"user": {canary.key: canary.value}, "page": 2})
    return _record(owner, f"response {body}")


def _third_party(owner: logging.Logger, canary: Canary, _: object) -> logging.LogRecord:
    parent = "" if owner is logging.root else f"{owner.name}."
    return _record(owner, f"request failed: {canary.text}", name=f"{parent}thirdparty.client")


PATHS: dict[str, _Way] = {
    "message": _message,
    "%-arguments": _arguments,
    "extra": _extra,
    "nested extra": _nested,
    "bound context": _bound,
    "exception": _exception,
    "cause": _cause,
    "note": _note,
    "source line": _source,
    "stack": _stack,
    "headers": _headers,
    "URL": _url,
    "JSON in a text": _json,
    "third-party logger": _third_party,
}
"""The ways a secret is logged, by the name a report has for them."""


# Lines


class _Capture(logging.Handler):
    """Appends each line, as JSON readers have it, to a list."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self._lines = lines
        self.addFilter(ContextFilter())
        installed = _install._installed
        self.setFormatter(JsonFormatter() if installed is None else installed._json)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(json.loads(self.format(record)))


@contextlib.contextmanager
def capture(
    logger: logging.Logger | str | None = None, *, level: int | str | None = None
) -> Iterator[list[dict[str, Any]]]:
    """
    Collect the lines that are logged inside, each as a dict.

    For example ``with capture() as lines: ...``. They are the lines that `install` would write,
    with its options if it is installed, else with the default ones. Handlers go on as they did.

    Args:
        logger: whose lines, by name or as it is, those of its children included. None: all that
            reach the root logger.
        level: the level of that logger inside. None: as it is.

    Raises:
        ValueError: an unknown level.
    """
    if not isinstance(logger, logging.Logger):
        logger = logging.getLogger(logger)
    lines: list[dict[str, Any]] = []
    handler = _Capture(lines)
    before = logger.level
    if level is not None:
        logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        if level is not None:
            logger.setLevel(before)


if "pytest" in sys.modules:  # it is pytest that imports us, as its plugin
    import pytest

    @pytest.fixture
    def logweft_no_leak() -> Iterator[Callable[..., None]]:
        """Fail if, at the end of the test, a secret can come out of a handler; or call it."""
        yield assert_no_leak
        assert_no_leak()
