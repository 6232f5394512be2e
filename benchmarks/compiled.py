"""
The same source, compiled: `python -m benchmarks.compiled` prints the directory that has it.

It is built once for each interpreter and state of the source, in `build`; that needs a C compiler.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src")
"""What a build needs."""

ENABLED = {"HATCH_BUILD_HOOKS_ENABLE": "1"}


class CannotBuild(ImportError):
    """There is no compiled logweft here."""


def _digest() -> str:
    """Return a name for the interpreter and the state of the source."""
    told = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")):
        told.update(path.read_bytes())
    told.update((ROOT / "pyproject.toml").read_bytes())
    return f"{sys.implementation.cache_tag}-{told.hexdigest()[:16]}"


def compiled() -> Path:
    """
    Return the directory that has the compiled logweft, to be put in front of `sys.path`.

    Raises:
        CannotBuild: it is not built yet, and cannot be.
    """
    found = ROOT / "build" / f"compiled-{_digest()}"
    if found.is_dir():
        return found
    with tempfile.TemporaryDirectory() as directory:
        # A copy, since the build leaves its libraries in the tree it is made of.
        tree, wheels = Path(directory, "tree"), Path(directory, "wheels")
        tree.mkdir()
        for name in SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tree / name)
            else:
                shutil.copy(ROOT / name, tree / name)
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(wheels), str(tree)]
        environment = {**os.environ, **ENABLED}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise CannotBuild(f"logweft, compiled: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        (wheel,) = wheels.iterdir()
        unpacked = Path(directory, "unpacked")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        found.parent.mkdir(exist_ok=True)
        shutil.move(unpacked, found)
    return found


if __name__ == "__main__":
    try:
        print(compiled())
    except CannotBuild as error:
        sys.exit(f"{error}")
