"""logweft: by default, with orjson, compiled, without one of its parts, and beside others."""

from __future__ import annotations

import contextlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.compiled import compiled
from benchmarks.scenarios import CONTEXT

from . import ATTACHED, Contender, Target

_ENCODERS = ("orjson", "msgspec")


@contextlib.contextmanager
def _bound() -> Iterator[None]:
    import logweft

    with logweft.adopt("checkout-17"), logweft.bind(**CONTEXT):
        yield


def _installed(
    attach: Callable[[], None] | None = None, *, is_compiled: bool = False, **options: Any
) -> Callable[[str], Target]:
    def setup(path: str) -> Target:
        if is_compiled:
            sys.path.insert(0, str(compiled()))
        import logweft

        unknown = options.keys() - inspect.signature(logweft.install).parameters.keys()
        if unknown:
            raise ModuleNotFoundError(f"install() has no option {', '.join(unknown)}")
        handler = logging.FileHandler(path)
        logging.root.addHandler(handler)
        logging.root.setLevel(logging.INFO)
        if attach is not None:
            attach()
        installation = logweft.install(**options)

        def flush() -> None:
            if not installation.flush(60):
                raise TimeoutError("flush() took more than 60 s")

        def close() -> None:
            installation.uninstall()
            handler.close()

        return Target(logging.getLogger, flush, close)

    return setup


def _logweft(
    name: str, setup: Callable[[str], Target], packages: str = "", **facts: Any
) -> Contender:
    facts = {"redacts": True, "cuts": True, "hidden": _ENCODERS, **facts}
    return Contender(name, f"logweft {packages}".strip(), setup, bound=_bound, **facts)


CONTENDERS = [
    _logweft("logweft", _installed()),
    _logweft("logweft, orjson", _installed(), "orjson", hidden=("msgspec",)),
    _logweft("logweft, queue=False", _installed(queue=False)),
    _logweft("logweft, redact=False", _installed(redact=False), redacts=False),
    _logweft("logweft, fast=False", _installed(fast=False)),
    _logweft("logweft, compiled", _installed(is_compiled=True)),
    *(
        _logweft(f"logweft{how} + {name}", _installed(attach, is_compiled=bool(how)), packages)
        for how in ("", ", compiled")
        for name, (packages, attach) in ATTACHED.items()
    ),
]
