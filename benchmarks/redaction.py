"""
Measure redaction: `python -m benchmarks.redaction [--quick] [--list-misses] [NAME ...]`.

Each contender logs the corpus in a process of its own, through its formatter on a handler of the
root logger; recall, false positives and what is lost around a secret are counted in its lines. A
line is judged against the one the same contender writes of the same record without redaction.
"""

from __future__ import annotations

import argparse
import contextlib
import contextvars
import copy
import importlib.metadata
import json
import logging
import platform
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .readme import README, replaced
from .redaction_corpus import SEED, Bind, Case, NotALine, leak, positives, stands, texts
from .redaction_innocent import Innocent, innocents

Render = Callable[[logging.LogRecord], str]

LIMIT_S = 10.0
"""Longest a hostile record may take (seconds, three times over); then its contender is done."""


HOSTILE_SIZE = 100_000
"""Size of a hostile record's text (characters)."""


class Contender(NamedTuple):
    """A way of writing redacted lines; each function takes python-json-logger's *fmt*, or None."""

    packages: str
    redacted: Callable[[str | None], Render]
    plain: Callable[[str | None], Render]
    bind: Bind
    filters: Callable[[], list[logging.Filter]]


@dataclass
class Report:
    """What one contender reached."""

    versions: str = ""
    caught: Counter[str] = field(default_factory=Counter, repr=False)
    tried: Counter[str] = field(default_factory=Counter, repr=False)
    kept: int = 0
    innocent: int = 0
    mauled: int = 0
    errors: int = 0
    invalid: int = 0
    clean_us: float = 0.0
    plain_us: float = 0.0
    secret_us: float = 0.0
    hostile_ms: float = 0.0
    hostile: str = ""
    misses: list[str] = field(default_factory=list, repr=False)
    lost: list[str] = field(default_factory=list, repr=False)
    false: list[str] = field(default_factory=list, repr=False)

    def share(self, name: str) -> float:
        """Return the recall under *name* (0 to 1): a tier, "core/GROUP", "category/NAME"."""
        return self.caught[name] / self.tried[name] if self.tried[name] else 1.0

    def leaks(self, group: str) -> int:
        """Return how many core cases of *group* came out."""
        return self.tried[f"core/{group}"] - self.caught[f"core/{group}"]

    @property
    def false_share(self) -> float:
        """Return the share of innocent lines that were changed (0 to 1)."""
        return self.mauled / self.innocent

    @property
    def kept_share(self) -> float:
        """Return the share of caught cases whose host, path and key are still there (0 to 1)."""
        caught = self.caught["core"] + self.caught["extended"]
        return self.kept / caught if caught else 1.0


# --- the contenders

_bound: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("_bound")


class _BoundFields(logging.Filter):
    """The usual hand-written filter that copies a context variable to the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).update(_bound.get({}))
        return True


@contextlib.contextmanager
def _bind(fields: Mapping[str, Any]) -> Iterator[None]:
    token = _bound.set({**_bound.get({}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"


def _python_json_logger(fmt: str | None) -> Render:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(fmt or _FIELDS, json_ensure_ascii=False).format


def _over_fields(scrub: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Render]:
    """Return python-json-logger with *scrub* over the fields of each line."""

    def make(fmt: str | None) -> Render:
        from pythonjsonlogger.json import JsonFormatter

        class Scrubbing(JsonFormatter):
            def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
                return scrub(super().process_log_record(log_data))

        return Scrubbing(fmt or _FIELDS, json_ensure_ascii=False).format

    return make


def _logfire(fmt: str | None) -> Render:
    from logfire._internal.scrubbing import Scrubber

    scrubber = Scrubber(None)
    return _over_fields(lambda fields: scrubber.scrub_value((), fields)[0])(fmt)


def _sentry(recursive: bool) -> Callable[[str | None], Render]:
    def make(fmt: str | None) -> Render:
        from sentry_sdk.scrubber import EventScrubber
        from sentry_sdk.utils import AnnotatedValue

        scrubber = EventScrubber(recursive=recursive)

        def shown(value: Any) -> Any:
            if isinstance(value, AnnotatedValue):
                return value.value
            if isinstance(value, dict):
                return {key: shown(member) for key, member in value.items()}
            return [shown(member) for member in value] if isinstance(value, list) else value

        def scrub(fields: dict[str, Any]) -> dict[str, Any]:
            # sentry scrubs a serialised copy of the event, in place.
            with contextlib.suppress(Exception):
                fields = copy.deepcopy(fields)
            scrubber.scrub_dict(fields)
            return shown(fields)

        return _over_fields(scrub)(fmt)

    return make


class _PastedFilter(logging.Filter):
    """What answers and blog posts suggest: patterns over the message and its arguments."""

    patterns = (
        re.compile(
            r"""(?i)((?:password|passwd|pwd|secret|token|api[_-]?key|authorization)["']?\s*[=:]\s*["']?)"""
            r"""([^\s"',;&}]+)"""
        ),
        re.compile(r"(?i)(bearer\s+)(\S+)"),
        re.compile(r"\b()(\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4})\b"),
        re.compile(r"()([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,})"),
    )

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.mask(record.msg)
        if isinstance(record.args, dict):
            record.args = {key: self.mask(value) for key, value in record.args.items()}
        elif record.args:
            record.args = tuple(self.mask(value) for value in record.args)
        return True

    def mask(self, value: Any) -> Any:
        if isinstance(value, str):
            for pattern in self.patterns:
                value = pattern.sub(r"\1***", value)
        return value


def _pasted(fmt: str | None) -> Render:
    render, mask = _python_json_logger(fmt), _PastedFilter().filter

    def masked(record: logging.LogRecord) -> str:
        # A copy, so that the line without redaction is made of the same record.
        record = copy.copy(record)
        mask(record)
        return render(record)

    return masked


def _logweft(redact: bool) -> Callable[[str | None], Render]:
    def make(fmt: str | None) -> Render:
        import logweft

        return logweft.JsonFormatter(fmt, redact=redact).format

    return make


def _logweft_bind(fields: Mapping[str, Any]) -> Any:
    import logweft

    return logweft.bind(**fields)


def _logweft_filters() -> list[logging.Filter]:
    import logweft

    return [logweft.ContextFilter()]


def _other(packages: str, redacted: Callable[[str | None], Render]) -> Contender:
    return Contender(packages, redacted, _python_json_logger, _bind, lambda: [_BoundFields()])


CONTENDERS = {
    "logweft": Contender(
        "logweft", _logweft(True), _logweft(False), _logweft_bind, _logweft_filters
    ),
    "logweft redact=False": Contender(
        "logweft", _logweft(False), _logweft(False), _logweft_bind, _logweft_filters
    ),
    "python-json-logger": _other("python-json-logger", _python_json_logger),
    "pasted filter": _other("python-json-logger", _pasted),
    "logfire Scrubber": _other("logfire python-json-logger", _logfire),
    "sentry EventScrubber": _other("sentry-sdk python-json-logger", _sentry(False)),
    "sentry EventScrubber recursive": _other("sentry-sdk python-json-logger", _sentry(True)),
}


# --- the measuring


class _Each(logging.Handler):
    """Does with each record, as it is logged, what it is told: objects may change later."""

    def __init__(self, filters: list[logging.Filter]) -> None:
        super().__init__()
        self.do: Callable[[logging.LogRecord], object] = lambda record: None
        for each in filters:
            self.addFilter(each)

    def emit(self, record: logging.LogRecord) -> None:
        self.do(record)


class _Bench:
    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.handler = _Each(contender.filters())
        root = logging.RootLogger(logging.DEBUG)
        root.addHandler(self.handler)
        # Loggers of its own: what it logs reaches nobody else's handlers, and nobody's levels.
        self.loggers = logging.Manager(root)
        self._renders: dict[str | None, tuple[Render, Render]] = {}

    def renders(self, fmt: str | None) -> tuple[Render, Render]:
        """Return ``(redacted, plain)`` for *fmt*."""
        if fmt not in self._renders:
            self._renders[fmt] = (self.contender.redacted(fmt), self.contender.plain(fmt))
        return self._renders[fmt]

    def log(self, case: Case | Innocent) -> None:
        """Make the call of *case*."""
        if isinstance(case, Case):
            case.emit(self.loggers.getLogger(case.logger), self.contender.bind)
        else:
            case.emit(self.loggers.getLogger(case.logger))

    def lines(self, case: Case | Innocent) -> tuple[str, str]:
        """Return the line of *case* with redaction and the one without."""
        redacted, plain = self.renders(getattr(case, "fmt", None))
        found: list[tuple[str, str] | Exception] = []

        def both(record: logging.LogRecord) -> None:
            # Not raised here, as the record may be of a thread's.
            try:
                without = plain(copy.copy(record))
                found.append((redacted(copy.copy(record)), without))
            except Exception as error:  # noqa: BLE001 - raised below
                found.append(error)

        self.handler.do = both
        self.log(case)
        (lines,) = found
        if isinstance(lines, Exception):
            raise lines
        return lines

    def cost_us(self, case: Case | Innocent, render: Render, repeat: int) -> float:
        """Return the least time of formatting the record of *case*, of *repeat* times (µs)."""
        best: list[float] = []

        def timed(record: logging.LogRecord) -> None:
            for _ in range(repeat):
                each = copy.copy(record)
                begin = time.perf_counter()
                render(each)
                best.append((time.perf_counter() - begin) * 1e6)

        self.handler.do = timed
        self.log(case)
        return min(best)


def judge(contender: Contender, cases: list[Case], clean: list[Innocent]) -> Report:
    """
    Return what *contender* catches of *cases* and leaves of *clean*, without times.

    A case counts as caught if its line is there, is strict JSON, and shows none of its secrets.
    """
    report, bench = Report(), _Bench(contender)
    for case in cases:
        names = (case.tier, f"{case.tier}/{case.group}", f"category/{case.category}", case.position)
        report.tried.update(names)
        try:
            line, _ = bench.lines(case)
        except Exception as error:  # noqa: BLE001 - a contender's error is a result
            report.errors += 1
            report.misses.append(f"{case.tier} {case.id}: {type(error).__name__}")
            continue
        try:
            shown, rest = texts(line), texts(line, without="template")
        except NotALine:
            report.invalid += 1
            report.misses.append(f"{case.tier} {case.id}: not a line of JSON")
            continue
        leaks = list(filter(None, (leak(shown, secret) for secret in case.secrets)))
        if leaks:
            report.misses.append(f"{case.tier} {case.id}: {leaks[0]!r}")
            continue
        report.caught.update(names)
        absent = [keep for keep in case.keeps if not stands(rest, keep)]
        if absent:
            report.lost.append(f"{case.id}: {', '.join(absent)}")
        else:
            report.kept += 1
    report.innocent = len(clean)
    for innocent in clean:
        try:
            line, without = bench.lines(innocent)
            texts(line)
        except NotALine:
            report.invalid += 1
            report.false.append(f"{innocent.id}: not a line of JSON")
        except Exception as error:  # noqa: BLE001 - as above
            report.errors += 1
            report.false.append(f"{innocent.id}: {type(error).__name__}")
        else:
            if json.loads(line) != json.loads(without):
                report.mauled += 1
                report.false.append(f"{innocent.id}: {_difference(without, line)}")
    return report


def hostile() -> dict[str, Callable[[logging.Logger], object]]:
    """Return records of `HOSTILE_SIZE` that make a careless pattern slow, by name."""
    size = HOSTILE_SIZE
    texts_of: dict[str, str] = {
        "password=": "password=" * (size // 9),
        "a...!": "a" * size + "!",
        "upper case": "A" * size,
        "digits": "4" * size,
        "digits and spaces": "4111 " * (size // 5),
        "://": "://" * (size // 3),
        "http://a:": "http://a:" * (size // 9),
        "eyJ": "eyJ" * (size // 3),
        "eyJ.": "eyJa." * (size // 5),
        "{": "{" * size,
        '{"a":': '{"a":' * (size // 5),
        '"': '"' * size,
        "backslashes": "\\" * size,
        "spaces": "token" + " " * size + "x",
        "-----BEGIN": "-----BEGIN RSA PRIVATE KEY-----\n" * (size // 32),
        "-": "-" * size,
        "@": "a@" * (size // 2),
        "a.a@a.": "a.a@a." * (size // 6),
        "key chains": "a_b-c." * (size // 6) + "=",
        "Bearer": "Bearer " * (size // 7),
        "Cookie": "Cookie: a=b; " * (size // 13),
        "query": "https://a.example/?" + "a=b&" * (size // 4),
        "%25": "%25" * (size // 3),
        "base64": "QUJD" * (size // 4),
        "hex": "0123456789abcdef" * (size // 16),
        "words": "lorem ipsum dolor sit amet " * (size // 27),
        "JSON": json.dumps([{"id": n, "name": "ada", "token_count": n} for n in range(size // 45)]),
    }
    calls: dict[str, Callable[[logging.Logger], object]] = {
        name: lambda log, text=text: log.info(text) for name, text in texts_of.items()
    }
    fields = {f"field_{n}": f"value {n} of some words" for n in range(900)}
    nested = {"items": [{"id": n, "name": f"item {n}", "tags": ["a", "b"]} for n in range(1800)]}
    calls["fields"] = lambda log: log.info("x", extra={"all": fields, "again": dict(fields)})
    calls["nested"] = lambda log: log.info("x", extra=nested)
    calls["argument"] = lambda log: log.info("x %s", nested)
    return calls


def _difference(before: str, after: str) -> str:
    pairs = enumerate(zip(before, after, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), 0)
    shown = slice(max(0, at - 40), at + 60)
    return f"{before[shown]!r} became {after[shown]!r}"


class _TooSlow(BaseException):
    """Not an Exception, so that no contender takes it for an error of a value's."""


def measure(
    contender: Contender, report: Report, cases: list[Case], clean: list[Innocent], repeat: int
) -> None:
    """Add to *report* what a record costs; after one that takes `LIMIT_S` the rest are left out."""
    bench = _Bench(contender)

    def median(all_of: list[Any], which: int) -> float:
        costs = []
        for case in all_of:
            render = bench.renders(getattr(case, "fmt", None))[which]
            with contextlib.suppress(Exception):  # counted by judge()
                costs.append(bench.cost_us(case, render, repeat))
        return statistics.median(costs)

    report.clean_us, report.plain_us = median(clean, 0), median(clean, 1)
    report.secret_us = median(cases, 0)

    def stop(signum: int, frame: object) -> None:
        raise _TooSlow

    signal.signal(signal.SIGALRM, stop)
    render = bench.renders(None)[0]
    for name, call in hostile().items():
        innocent = Innocent(name, "hostile", "shop.orders", call)
        signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        try:
            took = bench.cost_us(innocent, render, 3) / 1e3
        except _TooSlow:
            report.hostile_ms, report.hostile = LIMIT_S * 1e3, name
            return
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if took > report.hostile_ms:
            report.hostile_ms, report.hostile = took, name


# --- the command


def _versions(packages: str) -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages.split())


def _child(name: str, quick: bool) -> None:
    """Measure one contender and print its report as JSON."""
    contender = CONTENDERS[name]
    cases, clean = positives(SEED), innocents(SEED)
    if quick:
        cases, clean = cases[::8], clean[::8]
    report = judge(contender, cases, clean)
    measure(contender, report, cases[::7], clean[::5], 3 if quick else 7)
    report.versions = _versions(contender.packages)
    print(json.dumps(vars(report)))


def _run(name: str, quick: bool) -> Report:
    command = [sys.executable, "-m", "benchmarks.redaction", "--child", name]
    done = subprocess.run(
        [*command, *(["--quick"] if quick else [])], capture_output=True, text=True, timeout=900
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    data = json.loads(done.stdout.splitlines()[-1])
    return Report(**{**data, "caught": Counter(data["caught"]), "tried": Counter(data["tried"])})


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


_LEAKY = ("traceback", "nested", "third party")


def tables(reports: Mapping[str, Report]) -> str:
    """Return the reports as markdown."""
    first = next(iter(reports.values()))
    rows = [
        f"Python {platform.python_version()}, seed {SEED}: {first.tried['core']} core and "
        f"{first.tried['extended']} extended cases, {first.innocent} innocent records.",
        "",
        "| | recall, core | extended | leaks: traceback | nested | third party | false positives "
        "| context kept | errors | invalid lines |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, report in reports.items():
        leaks = " | ".join(str(report.leaks(group)) for group in _LEAKY)
        rows.append(
            f"| {name} | {_percent(report.share('core'))} | {_percent(report.share('extended'))} "
            f"| {leaks} | {_percent(report.false_share)} | {_percent(report.kept_share)} "
            f"| {report.errors} | {report.invalid} |"
        )
    rows += [
        "",
        "| | µs per clean record | the same without redaction | µs per secret record "
        "| worst record of 100 kB, ms | which | versions |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, report in reports.items():
        worst = (
            f"{report.hostile_ms:.0f}"
            if report.hostile_ms < LIMIT_S * 1e3
            else f"> {LIMIT_S * 1e3:.0f}"
        )
        rows.append(
            f"| {name} | {report.clean_us:.0f} | {report.plain_us:.0f} | {report.secret_us:.0f} "
            f"| {worst} | `{report.hostile}` | {report.versions} |"
        )
    rows += ["", f"| category | {' | '.join(reports)} |", "|---" * (len(reports) + 1) + "|"]
    for category in sorted(key for key in first.tried if key.startswith("category/")):
        shares = " | ".join(f"{report.share(category) * 100:.0f}" for report in reports.values())
        rows.append(f"| {category.removeprefix('category/')} | {shares} |")
    return "\n".join(rows)


def _write(text: str) -> None:
    """Put all but the categories between the markers of the README."""
    head = "\n\n".join(text.split("\n\n")[:3])
    README.write_text(replaced(README.read_text(), "redaction", head))


def main(arguments: list[str] | None = None) -> None:
    """Run the contenders and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--quick", action="store_true", help="an eighth of the corpus")
    parser.add_argument("--list-misses", action="store_true", help="name each of logweft's own")
    parser.add_argument("--write", action="store_true", help="put the first tables into README.md")
    parser.add_argument("--child", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in CONTENDERS]
    if unknown:
        parser.error(f"unknown contender {unknown[0]!r}; there are: {', '.join(CONTENDERS)}")
    if options.child:
        _child(options.child, options.quick)
        return
    reports = {name: _run(name, options.quick) for name in options.names or CONTENDERS}
    print(tables(reports))
    if options.write:
        _write(tables(reports))
    if options.list_misses and "logweft" in reports:
        ours = reports["logweft"]
        for title, lines in (
            ("Missed", ours.misses),
            ("Context lost", ours.lost),
            ("Mauled", ours.false),
        ):
            print(f"\n{title}: {len(lines)}\n")
            print("\n".join(f"- {line}" for line in lines))


if __name__ == "__main__":
    main()
