"""What `import logweft` gives: its names, their documentation, and nothing else."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import logweft
from programs import run

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_the_public_names_are_those_of_all() -> None:
    """Every name of the package without an underscore is in `__all__`, once and in order."""
    program = """
        import json, types
        import logweft
        public = [name for name, value in vars(logweft).items()
                  if not name.startswith("_") and not isinstance(value, types.ModuleType)]
        modules = [name for name, value in vars(logweft).items()
                   if not name.startswith("_") and isinstance(value, types.ModuleType)]
        print(json.dumps([public, modules]))
    """
    done = run(program)
    assert (done.code, done.err) == (0, "")
    public, modules = json.loads(done.out)
    assert sorted(public) == sorted(logweft.__all__)
    assert len(set(logweft.__all__)) == len(logweft.__all__)
    assert list(logweft.__all__) == sorted(logweft.__all__)
    allowed = {"asgi", "wsgi", "testing", "filters", "work", "integrations"}
    assert set(modules) <= allowed, f"public modules that DESIGN.md does not name: {modules}"


def test_star_import_works() -> None:
    """`from logweft import *` gives exactly what `__all__` names."""
    names: dict[str, Any] = {}
    exec("from logweft import *", names)
    assert set(names) - {"__builtins__"} == set(logweft.__all__)


def test_the_import_is_light() -> None:
    """`import logweft` imports neither wrapt nor asyncio nor another heavy module of the stdlib."""
    program = """
        import sys
        import logging, logging.config, logging.handlers, pythonjsonlogger.json
        before = set(sys.modules)
        import logweft
        print(*sorted(set(sys.modules) - before))
    """
    done = run(program)
    assert (done.code, done.err) == (0, "")
    new = set(done.out.split())
    ours = {name for name in new if name.partition(".")[0] == "logweft"}
    heavy = {
        *("asyncio", "concurrent.futures", "csv", "dataclasses", "email", "http", "inspect"),
        *("importlib.metadata", "multiprocessing", "random", "ssl", "subprocess", "tempfile"),
        *("unittest", "urllib.parse", "urllib.request", "zipfile", "wrapt", "orjson", "msgspec"),
    }
    assert not new & heavy, f"heavy: {sorted(new & heavy)}"
    foreign = new - ours
    assert len(foreign) <= 12, f"imported beside ourselves: {sorted(foreign)}"


def test_nothing_imports_wrapt_or_asyncio_for_us() -> None:
    """After `import logweft` alone, wrapt and asyncio are not in `sys.modules`."""
    done = run("import logweft, sys; print({'wrapt', 'asyncio'} & set(sys.modules))")
    assert (done.code, done.out.strip(), done.err) == (0, "set()", "")


def test_the_import_changes_nothing() -> None:
    """`import logweft` leaves logging, hooks, threads, files and exit callbacks as they are."""
    program = """
        import atexit, gc, logging, logging.config, logging.handlers, os, signal, sys, threading
        import warnings
        import pythonjsonlogger.json

        def is_open(descriptor):
            try:
                return os.fstat(descriptor) is not None
            except OSError:
                return False

        def state():
            root = logging.root
            return {
                "root": (list(root.handlers), list(root.filters), root.level, root.disabled),
                "loggers": sorted(name for name in root.manager.loggerDict if name != "logweft"),
                "classes": (logging.getLoggerClass(), logging.getLogRecordFactory(),
                            root.manager.loggerClass, root.manager.logRecordFactory),
                "methods": [vars(cls).copy() for cls in (
                    logging.Logger, logging.Handler, logging.LogRecord, logging.Filterer,
                    logging.config.DictConfigurator)],
                "functions": [vars(module).copy() for module in (logging.config,)],
                "handlers": list(logging._handlerList),
                "levels": dict(logging._nameToLevel),
                "disable": root.manager.disable,
                "last": logging.lastResort,
                "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook,
                          warnings.showwarning, sys.gettrace(), sys.getprofile()),
                "filters": list(warnings.filters),
                "streams": (sys.stdout, sys.stderr, sys.stdin),
                "threads": threading.enumerate(),
                "exit": atexit._ncallbacks(),
                "gc": list(gc.callbacks),
                "environment": dict(os.environ),
                "signals": [signal.getsignal(number) for number in signal.valid_signals()],
                "descriptors": [fd for fd in range(100) if is_open(fd)],
                "paths": (list(sys.path), list(sys.meta_path), list(sys.path_hooks)),
            }

        before = state()
        import logweft
        after = state()
        for name in before:
            assert before[name] == after[name], (name, before[name], after[name])
    """
    done = run(program)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_the_package_says_it_is_typed() -> None:
    """`py.typed` is shipped beside the code, so that type checkers read our annotations."""
    assert (Path(logweft.__file__).parent / "py.typed").is_file()


def public_callables() -> Iterator[tuple[str, Any]]:
    """Yield every public class, function and method of ours: ``("bind", bind)``."""
    for name in logweft.__all__:
        value = getattr(logweft, name)
        if isinstance(value, ModuleType) or not callable(value):
            continue
        yield name, value
        if not isinstance(value, type):
            continue
        for method, function in vars(value).items():
            if inspect.isfunction(function) and not method.startswith("_"):
                yield f"{name}.{method}", function


CALLABLES = dict(public_callables())


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_every_public_callable_is_documented(name: str) -> None:
    """Every public callable has a docstring whose first sentence ends and fits one line."""
    documentation = CALLABLES[name].__doc__
    assert documentation, f"{name} has no docstring"
    first = inspect.cleandoc(documentation).split("\n\n")[0]
    assert first.endswith((".", "``.", ":")), first


def says_raises(value: Any, name: str) -> bool:
    """Say whether a docstring tells what is raised; "see `log`" points to one that does."""
    documentation = inspect.cleandoc(value.__doc__ or "")
    if re.search(r"^Raises:\n    \S", documentation, re.MULTILINE):
        return True
    pointer = re.search(r"(?:see|as|[Ss]ame as) `(\w+)`", documentation)
    if pointer is None:
        return False
    other = CALLABLES.get(f"{name.partition('.')[0]}.{pointer[1]}")
    return other is not None and other is not value and says_raises(other, name)


# Values, not actions: what is raised is Python's matter (AttributeError on assignment).
VALUES = {"Context", "Stats", "Installation", "FieldLogger", "ContextFilter"}


@pytest.mark.parametrize("name", sorted(set(CALLABLES) - VALUES))
def test_every_public_callable_says_what_it_raises(name: str) -> None:
    """Every public function, method and constructor with arguments has a "Raises" section."""
    value = CALLABLES[name]
    assert says_raises(value, name), f"{name} does not say what it raises:\n{value.__doc__}"


def blocks() -> list[Any]:
    """Return the Python blocks of README.md, each with the number of its line."""
    text = README.read_text(encoding="utf-8")
    return [
        pytest.param(match[2], id=f"line {text[: match.start()].count(chr(10)) + 1}")
        for match in re.finditer(r"^( *)```python\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("block", blocks() or [None])
def test_every_block_of_the_readme_runs(block: str | None, tmp_path: Path) -> None:
    """Each Python block of the README is a program that ends with exit code 0."""
    assert block is not None, "README.md has no Python block"
    done = run(textwrap.dedent(block), cwd=tmp_path)
    assert done.code == 0, done.err
