"""Who may import whom: the house's layers as a table, and a walk through every import of `src`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import logweft

PACKAGE = Path(logweft.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ZERO = (
    "_context",
    "_trace",
    "_plain",
    "_pattern",
    "_secrets",
    "_names",
    "_spans",
    "_redact",
    "_slots",
)
"""Layer 0: pure, or the Context alone."""

ONE = (
    "_record",
    "_access",
    "_filter",
    "_redaction_filter",
    "_render",
    "_formatter",
    "_console",
    "_logger",
    "_targets",
    "_listener",
    "_queue",
    "_line",
    "_shortcut",
    "_capture",
)
"""Layer 1: each may import those before it."""

API = "logweft"
"""The package itself, which stands for its public names."""


class Row(NamedTuple):
    """What one module may import: names of logweft's modules, ``"x.*"`` for all of a package."""

    logweft: tuple[str, ...] = ()
    third_party: tuple[str, ...] = ()


TABLE: dict[str, Row] = {
    **{name: Row(ZERO) for name in ZERO},
    **{name: Row((*ZERO, *ONE[:index])) for index, name in enumerate(ONE)},
    # orjson and msgspec are encoders the user may have installed; asked for inside a function.
    "_formatter": Row(
        (*ZERO, "_record", "_access", "_filter", "_render"),
        ("pythonjsonlogger", "orjson", "msgspec"),
    ),
    "_options": Row((*ZERO, "_listener", "_capture", "integrations")),
    "_install": Row((*ZERO, *ONE, "_options", "integrations", "integrations._hop")),
    "_awslambda": Row((*ZERO, "_install")),
    "__init__": Row((*ZERO, *ONE, "_install", "_awslambda", "asgi", "wsgi", "testing")),
    "__main__": Row((API, "cli", "cli.*")),
    "asgi": Row(ZERO),
    "wsgi": Row(ZERO),
    "testing": Row((API, *ZERO, *ONE, "_install"), ("pytest",)),
    "integrations": Row(("integrations.*", "_context", "_trace")),
    "integrations._patch": Row(("_context", "_trace"), ("wrapt",)),
    # What travels to another process: plain values, and the options to begin with there.
    "integrations._request": Row(("_context",)),
    "integrations._hop": Row(("_context", "_trace", "_plain")),
    "integrations.*": Row(
        (
            *("integrations._patch", "integrations._hop", "integrations._request"),
            *("_context", "_trace", "asgi", "wsgi"),
        )
    ),
    "cli": Row((API, "cli", "cli.*")),
    # What is installed, and why an integration is off, is asked of those who know.
    "cli.doctor": Row(
        (API, "cli", "cli.*", "testing", "_install", "_line", "_queue", "integrations")
    ),
    # Finds with the rules that lines are written by, and prints no value.
    "cli.scan": Row((API, "cli", "cli.*", "_redact", "_secrets")),
    "cli.*": Row((API, "cli", "cli.*")),
}
"""A module that is not here, by its own name or its package's, fails: give it a row."""

FORBIDDEN = frozenset({"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"})
"""Modules that turn somebody's bytes into running code."""


def name_of(path: Path) -> str:
    """Return ``"_queue"`` for ``_queue.py`` and ``"cli"`` for ``cli/__init__.py``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def row_of(name: str) -> Row | None:
    """Return the row of a module: its own, or its package's."""
    return TABLE.get(name) or TABLE.get(f"{name.partition('.')[0]}.*" if "." in name else name)


class Import(NamedTuple):
    """One imported module: ``"logweft._queue"``, and where: ``3``, at the top or in a function."""

    module: str
    line: int
    at_top: bool


def imports_of(path: Path) -> Iterator[Import]:
    """Yield every import of a file, of modules of ours by their absolute names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nested = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for inner in ast.walk(outer)
    }
    package = ["logweft", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{stem}.{alias.name}"
                modules.append(inner if is_ours(inner) else stem)
        for module in modules:
            yield Import(module, node.lineno, id(node) not in nested)


def is_ours(module: str) -> bool:
    """Say whether a dotted name is a module of logweft, and not a name inside one."""
    root, _, rest = module.partition(".")
    path = PACKAGE.joinpath(*rest.split(".")) if rest else PACKAGE
    return root == "logweft" and (path.with_suffix(".py").is_file() or path.is_dir())


def allows(row: Row, module: str) -> bool:
    """Say whether *row* allows an import of logweft's *module*, named without the package."""
    package, dot, _ = module.partition(".")
    return module in row.logweft or bool(dot and f"{package}.*" in row.logweft)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_imports_only_what_its_row_allows(path: Path) -> None:
    """Every import of a module is of the stdlib or named in the module's row of the table."""
    name = name_of(path)
    row = row_of(name)
    assert row is not None, f"{name} has no row in TABLE"
    for module, line, at_top in imports_of(path):
        root, _, rest = module.partition(".")
        if root == "logweft":
            assert allows(row, rest or API), f"{path}:{line}: {name} may not import {module}"
        elif root not in sys.stdlib_module_names:
            # An integration gets its library as an argument, or imports it when it is there.
            is_target = name.startswith("integrations.") and root != "wrapt" and not at_top
            assert root in row.third_party or is_target, f"{path}:{line}: {name} imports {module}"


def test_each_row_names_a_module() -> None:
    """No row of the table, and no module that one allows, is of a file that is not there."""
    allowed = {name for row in TABLE.values() for name in row.logweft} - {API}
    names = {name.removesuffix(".*") for name in (*TABLE, *allowed)}
    assert names <= set(map(name_of, FILES))


def test_imports_run_one_way() -> None:
    """No module imports one that imports it, directly or through others, layer 0 included."""
    graph = {
        name_of(path): {
            module.removeprefix("logweft.")
            for module, _, at_top in imports_of(path)
            if module.startswith("logweft.") and at_top
        }
        for path in FILES
    }
    done: list[str] = []

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*way, name))
            done.append(name)

    for name in graph:
        visit(name, ())
    assert done


def test_only_one_module_knows_each_dependency() -> None:
    """Only `_formatter` imports pythonjsonlogger, and only `integrations/_patch` imports wrapt."""
    users: dict[str, set[str]] = {"pythonjsonlogger": set(), "wrapt": set()}
    for path in FILES:
        for module, *_ in imports_of(path):
            if module.partition(".")[0] in users:
                users[module.partition(".")[0]].add(name_of(path))
    assert users["pythonjsonlogger"] == {"_formatter"}
    assert users["wrapt"] <= {"integrations._patch"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_runs_what_somebody_else_wrote(path: Path) -> None:
    """No module of ours unpickles, evals or execs anything, and none but `cli` prints."""
    for module, line, _ in imports_of(path):
        assert module.partition(".")[0] not in FORBIDDEN, f"{path}:{line}: {module}"
    is_cli = name_of(path).partition(".")[0] in ("cli", "__main__")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile"), f"{path}:{node.lineno}"
            assert is_cli or node.func.id != "print", f"{path}:{node.lineno}: print"


def test_the_walk_sees_each_kind_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk finds imports in every spelling, at the top and inside functions."""
    (tmp_path / "cli").mkdir()
    (tmp_path / "_queue.py").touch()
    (tmp_path / "cli" / "view.py").write_text(
        "from __future__ import annotations\n"
        "import wrapt.wrappers, json\n"
        "from .. import _queue, bind\n"
        "from .._queue import Stats\n"
        "def late():\n"
        "    from . import other\n"
        "    from logweft._queue import Stats\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert sorted(imports_of(tmp_path / "cli" / "view.py")) == [
        ("__future__", 1, True),
        ("json", 2, True),
        ("logweft", 3, True),
        ("logweft._queue", 3, True),
        ("logweft._queue", 4, True),
        ("logweft._queue", 7, False),
        ("logweft.cli", 6, False),
        ("wrapt.wrappers", 2, True),
    ]


def test_what_may_be_compiled_is_ours_alone() -> None:
    """A module that may be compiled is there, and has no public name: compiled, it has no help."""
    tomllib = pytest.importorskip("tomllib")
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    hooks = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
    compiled = {Path(each).stem for each in hooks["mypyc"]["include"]}
    assert compiled
    assert compiled <= {*ZERO, *ONE}
    public = {getattr(logweft, name).__module__ for name in logweft.__all__}
    assert compiled.isdisjoint(each.rpartition(".")[2] for each in public)
