"""The table of integrations: every row is what it says, and none can break its target."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import logweft
from logweft.integrations import REGISTRY, select
from programs import run

PACKAGE = Path(inspect.getfile(importlib.import_module("logweft.integrations"))).parent
ROOT = Path(__file__).parent.parent.parent
TARGETS = sorted({target for row in REGISTRY.values() if not row.package for target in row.targets})


@pytest.mark.parametrize("name", REGISTRY)
def test_a_row_has_its_file(name: str) -> None:
    """The file is there, has a patch(module), and a docstring with Edge, Patches, Tested with."""
    row = REGISTRY[name]
    module = importlib.import_module(f"logweft.integrations.{row.file}")

    assert list(inspect.signature(module.patch).parameters.values())[1:] == []
    assert module.__doc__ is not None
    fields = [line.split("  ")[0].strip() for line in module.__doc__.splitlines()]
    for field in ("Edge", "Patches"):
        assert field in fields
    assert "\nTested with " in module.__doc__
    (edge,) = [line for line in module.__doc__.splitlines() if line.startswith("Edge ")]
    assert row.edge in edge
    assert row.edge in ("inbound", "outbound", "hop")
    assert row.targets
    assert row.covers
    assert bool(row.package) == bool(row.minimum)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_row_has_a_test_and_an_example(name: str) -> None:
    """The library of each row is named in a test of the integrations and in an example."""
    library = re.compile(rf"\b{REGISTRY[name].targets[0].partition('.')[0]}\b")
    tests = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    examples = [path.read_text() for path in (ROOT / "examples").rglob("*.py")]

    assert any(map(library.search, tests))
    assert any(map(library.search, examples))


def test_every_file_has_a_row() -> None:
    """No integration is forgotten in the table: each file with a patch() has a row."""
    files = {
        path.stem
        for path in PACKAGE.glob("_*.py")
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "patch"
            for node in ast.parse(path.read_text()).body
        )
    }

    assert files == {row.file for row in REGISTRY.values()}


def test_importing_every_file_imports_no_target() -> None:
    """The files of the integrations import none of the libraries they are for."""
    done = run(
        """
        import importlib, sys
        from logweft.integrations import REGISTRY
        before = set(sys.modules)
        for row in REGISTRY.values():
            importlib.import_module(f"logweft.integrations.{row.file}")
        loaded = set(sys.modules) - before
        print([target for row in REGISTRY.values() for target in row.targets if target in loaded])
        print(sorted({name.split(".")[0] for name in loaded} & {"wrapt", "asyncio"}))
        """
    )

    assert done.code == 0, done.err
    assert done.out.splitlines() == ["[]", "[]"]


def test_install_imports_neither_targets_nor_wrapt() -> None:
    """A program that uses none of the libraries does not pay for them."""
    done = run(
        """
        import sys
        import logging, logging.config, logging.handlers
        before = set(sys.modules)
        import logweft
        from logweft.integrations import REGISTRY
        logweft.install()
        targets = [target for row in REGISTRY.values() for target in row.targets]
        print([each for each in [*targets, "wrapt"] if each in set(sys.modules) - before])
        """
    )

    assert done.out.strip() == "[]", done.err


CHECK = """
import importlib, sys
steps = sys.argv[1].split()
for step in steps:
    if step == "install":
        import logweft
        logweft.install(level="INFO")
    else:
        importlib.import_module(step)
import logging, threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
import asyncio
assert sys.modules["asyncio"] is asyncio
log = logging.getLogger("hop")
with logweft.adopt("order-1"):
    thread = threading.Thread(target=log.info, args=("thread",))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(log.info, "executor").result()
    with ThreadPool(1) as pool:
        pool.apply(log.info, ("pool",))
"""


@pytest.mark.parametrize("place", ["before", "after", "twice"])
@pytest.mark.parametrize("target", [*TARGETS, "asyncio", "concurrent.futures", "multiprocessing"])
def test_imports_and_install_work_in_either_order(target: str, place: str) -> None:
    """Whether a library is imported before install() or after, the ID crosses; nothing is said."""
    order = {
        "before": f"{target} install",
        "after": f"install {target}",
        "twice": f"install {target} install {target}",
    }[place]

    done = run(CHECK, order, python=("-W", "error"))

    assert done.code == 0, done.err
    told = {line["message"]: line.get("correlation_id") for line in done.lines}
    assert told == dict.fromkeys(("thread", "executor", "pool"), "order-1")


def test_an_import_that_wrapt_itself_needs_is_hooked_too() -> None:
    """A target imported while wrapt is imported for another target breaks neither import."""
    done = run(
        """
        import logweft
        from logweft.integrations import Row, REGISTRY
        import sys, types
        REGISTRY["probe"] = Row("_probe", ("asyncio.tasks", "asyncio.locks"), "", "", "hop", "x")
        seen = []
        probe = types.ModuleType("logweft.integrations._probe")
        probe.patch = lambda module: seen.append(module.__name__)
        sys.modules[probe.__name__] = probe
        logweft.install()
        assert "asyncio" not in sys.modules
        import multiprocessing.pool
        import asyncio
        print(sorted(seen), asyncio.tasks is sys.modules["asyncio.tasks"])
        """
    )

    assert done.out.strip() == "['asyncio.locks', 'asyncio.tasks'] True", done.err


def test_many_threads_import_at_once() -> None:
    """Libraries imported by several threads at the same time are all hooked, without a deadlock."""
    done = run(
        """
        import importlib, sys, threading
        import logweft
        from logweft.integrations import _patch
        logweft.install(integrations=["threading", "concurrent", "multiprocessing"])
        names = ["multiprocessing.pool", "concurrent.futures.process", "concurrent.futures.thread",
                 "asyncio"]
        gate = threading.Barrier(len(names))
        failed = []
        def load(name):
            gate.wait()
            try:
                importlib.import_module(name)
            except BaseException as error:
                failed.append((name, error))
        threads = [threading.Thread(target=load, args=(name,)) for name in names]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(failed, len(_patch._done))
        """
    )

    assert done.out.strip() == "[] 10", done.err


def test_activating_twice_wraps_once() -> None:
    """install, uninstall, install: each function is wrapped once, for good."""
    done = run(
        """
        import threading, concurrent.futures.thread, multiprocessing.pool
        import logweft
        plain = threading.Thread.start
        seen = []
        for _ in range(3):
            with logweft.install():
                seen.append((threading.Thread.start, multiprocessing.pool.Pool.imap,
                             concurrent.futures.thread.ThreadPoolExecutor.submit))
        print(len(set(seen)), threading.Thread.start.__wrapped__ is plain,
              hasattr(plain, "__wrapped__"))
        """
    )

    assert done.out.strip() == "1 True False", done.err


def test_after_uninstall_everything_passes_through() -> None:
    """Without an installation, threads and pools begin without a Context, as they did before."""
    done = run(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        import logweft
        seen = []
        def look(*_):
            seen.append(logweft.current().correlation_id)
        def all_ways():
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(look).result()
                list(pool.map(look, [0]))
        with logweft.adopt("order-1"):
            all_ways()
            with logweft.install():
                all_ways()
            all_ways()
            with logweft.install(integrations="none"):
                all_ways()
            print(seen)
        """
    )

    wanted = [None] * 3 + ["order-1"] * 3 + [None] * 6
    assert done.out.strip() == str(wanted), done.err


def test_other_peoples_patches_stay() -> None:
    """What somebody has put on top of ours or below it is there after uninstall()."""
    done = run(
        """
        import functools, threading
        import logweft
        calls = []
        def patch(name):
            before = threading.Thread.start
            @functools.wraps(before)
            def start(self):
                calls.append(name)
                before(self)
            threading.Thread.start = start
        patch("below")
        installation = logweft.install()
        patch("above")
        for _ in range(2):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
            installation.uninstall()
        print(calls)
        """
    )

    assert done.out.strip() == "['above', 'below', 'above', 'below']", done.err


BROKEN = """
import sys, types
import logweft
from logweft.integrations import REGISTRY, Row
when, how = sys.argv[1:]
def patch(module):
    if how == "raises":
        raise KeyError("no such thing")
    from logweft.integrations._patch import wrap
    wrap(module, "Missing.method", lambda wrapped, *_: wrapped())
probe = types.ModuleType("logweft.integrations._probe")
probe.patch = patch
sys.modules[probe.__name__] = probe
row = Row("_missing" if how == "no file" else "_probe", ("colorsys",), "", "", "hop", "x")
if how in ("not there", "too old"):
    package = "no-such-package" if how == "not there" else "pytest"
    row = row._replace(package=package, minimum="999.1")
REGISTRY["probe"] = row
if when == "before":
    import colorsys
logweft.install()
import colorsys
assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
import threading
with logweft.adopt("order-1"):
    thread = threading.Thread(target=lambda: print(logweft.current().correlation_id))
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raises", "integration 'probe' is off: KeyError: 'no such thing'"),
        ("misses", "integration 'probe' is off: AttributeError: "),
        ("no file", "integration 'probe' is off: ModuleNotFoundError: "),
        ("not there", "integration 'probe' is off: PackageNotFoundError: "),
        ("too old", "integration 'probe' is off: needs pytest >= 999.1, found "),
    ],
)
def test_a_broken_integration_costs_one_warning(when: str, how: str, message: str) -> None:
    """The import works, one WARNING says why, and the other integrations are on."""
    done = run(BROKEN, when, how)

    assert done.code == 0, done.err
    (line,) = done.lines
    assert (line["level"], line["logger"]) == ("WARNING", "logweft")
    assert line["message"].startswith(message)
    assert done.out.strip() == "order-1"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """install(integrations=["flaskk"]) says which there are, and installs nothing."""
    with pytest.raises(ValueError, match=r"unknown integration 'flaskk'; known: threading, "):
        logweft.install(integrations=["flaskk", "threading"])
    with pytest.raises(ValueError, match="unknown integration") as raised:
        select("nope")
    assert all(name in str(raised.value) for name in REGISTRY)
    with pytest.raises(TypeError, match="must be 'auto', 'none' or a list of names, got 7"):
        select(7)


def test_what_can_be_selected() -> None:
    """A word, a name or names; a name chosen leaves the others off."""
    assert select("auto") == frozenset(REGISTRY)
    assert select("none") == select([]) == frozenset()
    assert select("threading") == select(["threading"]) == {"threading"}


def test_an_integration_not_selected_is_off() -> None:
    """With integrations="concurrent" a plain thread begins without a Context."""
    done = run(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        import logweft
        seen = []
        look = lambda: seen.append(logweft.current().correlation_id)
        with logweft.install(integrations="concurrent"), logweft.adopt("order-1"):
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(look).result()
        print(seen)
        """
    )

    assert done.out.strip() == "[None, 'order-1']", done.err


@pytest.mark.parametrize("first", ["auto", "threading"])
def test_an_integration_left_out_of_a_second_install_is_off(first: str) -> None:
    """After uninstall(), install(integrations="none") leaves what was on before off."""
    done = run(
        """
        import sys, threading
        import logweft
        seen = []
        def look():
            thread = threading.Thread(target=lambda: seen.append(logweft.current().correlation_id))
            thread.start()
            thread.join()
        with logweft.adopt("order-1"):
            for which in (sys.argv[1], "none", "concurrent", "threading"):
                with logweft.install(integrations=which):
                    look()
        print(seen)
        """,
        first,
    )

    assert done.out.strip() == "['order-1', None, None, 'order-1']", done.err
