"""
Random histories of configuration and log calls: `python tests/histories.py plain|ours FIRST LAST`.

Prints what came where as JSON, ``{seed: {file: [message, ...], "handlers": [[record, ...]]}}``.
The same seed is the same history, with logweft and without; with it, at some points ``install()``
and ``uninstall()`` are called too. Options of ``install()`` follow as JSON.
"""

from __future__ import annotations

import configparser
import contextlib
import copy
import io
import json
import logging
import logging.config
import logging.handlers
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

LEVELS = (10, 20, 30, 40)
OWN = frozenset(vars(logging.makeLogRecord({})))
"""Attributes that each record has."""

FILE_CONFIG = """
[loggers]
keys=root,a
[handlers]
keys=out
[formatters]
keys=message
[formatter_message]
format=%(message)s
[handler_out]
class=FileHandler
formatter=message
args=({path!r}, "a")
[logger_root]
level=INFO
handlers=out
[logger_a]
level=DEBUG
handlers=
qualname=a
"""

LENT = frozenset({"correlation_id", "message", "asctime"})
"""Attributes that formatters and `ContextFilter` add."""


class Own(logging.Formatter):
    """Somebody's own, which keeps its text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text."""
        return f"own {record.getMessage()}"


class Drop(logging.Filter):
    """Lets all but each nth record pass, and counts those it has seen."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every, self.seen = every, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Count."""
        self.seen += 1
        return self.seen % self.every != 0


class Mark(logging.Filter):
    """Changes the record, as others' filters do."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark."""
        record.mark = 1
        return True


class Replace(logging.Filter):
    """Returns another record, where that is allowed."""

    def filter(self, record: logging.LogRecord) -> Any:
        """Replace."""
        if sys.version_info < (3, 12):
            return True
        record = copy.copy(record)
        record.replaced = 1
        return record


class Keep(logging.Handler):
    """Somebody's own handler, which gets the records themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[list[Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what it says."""
        own = (record.name, record.levelno, record.levelname, str(record.msg), repr(record.args))
        place = (record.filename, record.lineno, record.funcName, record.module)
        has = (bool(record.exc_info), bool(record.stack_info), record.getMessage())
        fields = {name: value for name, value in vars(record).items() if name not in OWN | LENT}
        self.kept.append([*own, *place, *has, fields])


class Wrapping(logging.Logger):
    """A subclass that logs for its caller."""

    def info(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log a frame further up."""
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        super().info(f"wrapped {msg}", *args, **kwargs)


def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record, as somebody's factory."""
    record = logging.LogRecord(*args, **kwargs)
    record.made = 1
    return record


def begin_anew() -> None:
    """Make logging what it is in a fresh interpreter."""
    logging.disable(logging.NOTSET)
    manager = logging.root.manager
    for each in [logging.root, *manager.loggerDict.values()]:
        if isinstance(each, logging.Logger):
            for handler in each.handlers[:]:
                each.removeHandler(handler)
                handler.close()
            each.filters.clear()
            each.propagate, each.disabled = True, False
    logging.root.setLevel(logging.WARNING)
    manager.loggerDict.clear()
    logging.setLoggerClass(logging.Logger)
    logging.setLogRecordFactory(logging.LogRecord)


class History:
    """One history, in *directory*."""

    def __init__(self, seed: int, directory: Path, options: dict[str, Any] | None) -> None:
        self.seed, self.directory, self.options = seed, directory, options
        self.random = random.Random(seed)
        self.handlers: list[logging.Handler] = []
        self.keeps: list[Keep] = []
        self.streams: list[io.TextIOWrapper] = []
        self.installation: Any = None
        self.calls = 0

    def stream(self) -> io.TextIOWrapper:
        """Return another open file."""
        number = len(self.streams)
        self.streams.append((self.directory / f"s{number}.log").open("a"))
        return self.streams[-1]

    def handler(self, kind: str = "") -> logging.Handler:
        """Return another handler."""
        chance, number = self.random, len(self.handlers)
        path = str(self.directory / f"h{number}.log")
        kinds: dict[str, Callable[[], logging.Handler]] = {
            "file": lambda: logging.FileHandler(path, delay=chance.random() < 0.3),
            "rotating": lambda: logging.handlers.RotatingFileHandler(path, maxBytes=10**9),
            "watched": lambda: logging.handlers.WatchedFileHandler(path),
            "stream": lambda: logging.StreamHandler(self.stream()),
            "keep": Keep,
            "memory": lambda: logging.handlers.MemoryHandler(3, target=Keep()),
            "null": logging.NullHandler,
        }
        found = kinds[kind or chance.choice([*kinds])]()
        found.setFormatter(Own() if chance.random() < 0.1 else logging.Formatter("%(message)s"))
        if chance.random() < 0.3:
            found.setLevel(chance.choice(LEVELS))
        if chance.random() < 0.2:
            found.addFilter(self.filter())
        keep = getattr(found, "target", found)
        if isinstance(keep, Keep):
            self.keeps.append(keep)
        self.handlers.append(found)
        return found

    def filter(self) -> Any:
        """Return another filter."""
        chance = self.random
        return chance.choice(
            [Drop(2), Drop(3), Mark(), Replace(), lambda record: record.levelno != 30]
        )

    def call(self, log: Any, depth: int = 0) -> None:
        """Log something, from a few frames down."""
        if depth:
            self.call(log, depth - 1)
            return
        chance, number = self.random, self.calls
        msg, args = chance.choice(
            [
                (f"m{number}", ()),
                (f"m{number} %s", ("x y",)),
                (f"m{number} %d %s", (number, ["a", {"b": 2}])),
                (f"m{number} %(key)s", ({"key": number},)),
                (number, ()),
            ]
        )
        ways: list[dict[str, Any]] = [
            {"extra": {"order": number, "kind": "a"}},
            {"stacklevel": chance.choice([1, 2, 3])},
            {"stack_info": True},
        ]
        kwargs = chance.choice([{}, {}, {}, *ways])
        if chance.random() < 0.1:
            log, kwargs = logging.LoggerAdapter(log, {"order": number}), {}
        level = chance.choice(["debug", "info", "info", "info", "warning", "error", "exception"])
        try:
            raise KeyError(number)
        except KeyError:
            getattr(log, level)(msg, *args, **kwargs)

    def configure(self) -> None:
        """Configure by dictConfig()."""
        chance = self.random
        handlers = {
            name: {
                "class": "logging.FileHandler",
                "filename": str(self.directory / f"{name}{self.calls}.log"),
                "formatter": "f",
            }
            for name in ("one", "two")
        }
        handlers["two"]["level"] = "WARNING"
        config: dict[str, Any] = {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"f": {"format": "%(message)s"}},
            "handlers": handlers,
            "loggers": {
                "a.b": {"handlers": ["two"], "level": 10, "propagate": chance.random() < 0.5}
            },
        }
        if chance.random() < 0.7:
            config["root"] = {"handlers": ["one"], "level": "INFO"}
        else:
            config["loggers"]["x"] = {"handlers": ["one"]}
        logging.config.dictConfig(config)

    def configure_by_file(self) -> None:
        """Configure by fileConfig()."""
        text = FILE_CONFIG.format(path=str(self.directory / f"file{self.calls}.log"))
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        logging.config.fileConfig(parser, disable_existing_loggers=False)

    def install(self) -> None:
        """Install, or uninstall; nothing without logweft."""
        if self.options is None:
            return
        if self.installation is None:
            import logweft

            # The level is given, since install() chooses one where nobody else has.
            self.installation = logweft.install(level=logging.root.level, **self.options)
        else:
            self.installation.uninstall()
            self.installation = None

    def step(self) -> None:
        """Do something."""
        chance = self.random
        log = logging.getLogger(chance.choice(["", "a", "a.b", "a.b.c", "x", "x.y"]) or None)
        any_handler = chance.choice(self.handlers)
        there = [handler for handler in log.handlers if handler in self.handlers]
        some = chance.choice(there) if there else None

        def add_filter() -> None:
            chance.choice([log, any_handler]).addFilter(self.filter())

        def drop_filter() -> None:
            owner = chance.choice([log, any_handler])
            if owner.filters:
                owner.removeFilter(owner.filters[0])

        def set_stream() -> None:
            if type(any_handler) is logging.StreamHandler:
                any_handler.setStream(self.stream())

        def put_stream() -> None:
            if type(any_handler) is logging.StreamHandler:
                any_handler.stream = self.stream()

        def call_inside() -> None:
            with any_handler.lock or contextlib.nullcontext():
                self.call(log)

        def call_often() -> None:
            for _ in range(30):
                self.call(log)

        actions: dict[Callable[[], object], float] = {
            lambda: self.call(log, chance.randrange(3)): 50,
            lambda: log.addHandler(self.handler()): 8,
            lambda: log.addHandler(any_handler): 4,
            lambda: some and log.removeHandler(some): 4,
            lambda: log.handlers.clear(): 0.5,
            lambda: log.setLevel(chance.choice((*LEVELS, 0))): 3,
            lambda: setattr(log, "propagate", not log.propagate): 2,
            lambda: setattr(log, "disabled", not log.disabled): 2,
            add_filter: 3,
            drop_filter: 2,
            set_stream: 2,
            put_stream: 1,
            call_inside: 1,
            call_often: 1,
            log.handlers.reverse: 0.5,
            logging.shutdown: 0.5,
            self.configure_by_file: 2,
            lambda: any_handler.setLevel(chance.choice((*LEVELS, 0))): 2,
            lambda: any_handler.setFormatter(
                chance.choice([Own(), logging.Formatter("%(message)s"), None])
            ): 1,
            any_handler.close: 2,
            any_handler.flush: 1,
            lambda: logging.disable(chance.choice([0, 0, 10, 20])): 1,
            lambda: logging.setLogRecordFactory(chance.choice([made, logging.LogRecord])): 1,
            lambda: logging.setLoggerClass(chance.choice([Wrapping, logging.Logger])): 1,
            lambda: logging.basicConfig(
                force=True, level=20, handlers=[self.handler("file"), self.handler("keep")]
            ): 1,
            self.configure: 3,
            lambda: logging.config.dictConfig(
                {"version": 1, "incremental": True, "loggers": {"a": {"level": "ERROR"}}}
            ): 1,
            self.install: 5,
        }
        (action,) = chance.choices([*actions], [*actions.values()])
        action()

    def run(self) -> dict[str, Any]:
        """Return what came where."""
        logging.root.setLevel(self.random.choice(LEVELS[:3]))
        logging.root.addHandler(self.handler("file"))
        for number in range(self.random.randint(10, 60)):
            self.calls = number
            # By the step, so that one that is another's with logweft changes nothing behind it.
            self.random.seed(f"{self.seed} {self.calls}")
            self.step()
        if self.installation is not None:
            assert self.installation.flush(20)
            self.installation.uninstall()
        for handler in self.handlers:
            handler.flush()
        for stream in self.streams:
            stream.close()
        begin_anew()
        told = {path.name: _messages(path.read_text()) for path in sorted(self.directory.iterdir())}
        return {**told, "handlers": [keep.kept for keep in self.keeps]}


def _messages(text: str) -> list[str]:
    """Return the messages of a file's lines, without what stands behind plain ones."""
    lines = [line for line in text.split("\n") if line.startswith(("{", "own ", "m", "wrapped "))]
    lines = [line for line in text.split("\n") if line[:1].isdigit() or line in lines]
    return [str(json.loads(line)["message"]) if line[0] == "{" else line for line in lines]


def main() -> None:
    """Run the histories that the arguments name."""
    mode, first, last, *rest = sys.argv[1:]
    options = json.loads(rest[0]) if rest else {}
    told = {}
    for seed in range(int(first), int(last)):
        with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stderr(io.StringIO()):
            history = History(seed, Path(directory), options if mode == "ours" else None)
            told[seed] = history.run()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
