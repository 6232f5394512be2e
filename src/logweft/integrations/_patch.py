"""The one place that changes other people's code, and the only one that touches wrapt."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""``(wrapped, instance, args, kwargs) -> result``, as wrapt calls it."""

_active: frozenset[str] = frozenset()
_applying = threading.local()
_done: set[tuple[str, str]] = set()
_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def switch(on: frozenset[str]) -> None:
    """
    Have the patches of the integrations *on* act, and all others pass through.

    None is ever taken out, since others may be on top.
    """
    global _active
    _active = on


def is_on(name: str) -> bool:
    """Say whether the integration *name* acts: for what `wrap` has not made, such as a receiver."""
    return name in _active


def is_taken(handler: logging.Handler) -> bool:
    """Say whether `install` has put *handler* behind its queue: then it writes our lines."""
    front = getattr(vars(handler).get("handle"), "__self__", None)
    return type(front).__module__ == "logweft._queue"


def reached(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Yield the handlers that a record of *logger* reaches, its own first."""
    each: logging.Logger | None = logger
    while each is not None:
        yield from each.handlers
        each = each.parent if each.propagate else None


@contextmanager
def applying(name: str) -> Iterator[None]:
    """Have what is wrapped in the block belong to the integration *name*."""
    before = getattr(_applying, "name", "")
    _applying.name = name
    try:
        yield
    finally:
        _applying.name = before


def wrap(module: ModuleType, path: str, wrapper: Wrapper) -> None:
    """
    Put *wrapper* around a function of *module*, once, for good, and with a switch.

    Args:
        module: the module of the target.
        path: where the function is: ``"Thread.start"``, ``"urlopen"``.
        wrapper: must call ``wrapped`` exactly once and pass result and exception through. For a
            coroutine function it is a plain one that returns the coroutine, so that a call with
            the wrong arguments fails at once, as it did: servers tell applications apart by that.

    Raises:
        AttributeError: *module* has no such function: another version.
    """
    if (module.__name__, path) in _done:
        return
    integration = _applying.name
    owner: Any = module
    *names, name = path.split(".")
    for each in names:
        owner = getattr(owner, each)
    function = vars(owner).get(name, getattr(owner, name))
    if isinstance(function, FunctionType) and not inspect.iscoroutinefunction(function):
        # The plain case needs no wrapt, whose import costs more than all the rest of a start-up.
        setattr(
            owner, name, _plain_wrapper(function, wrapper, integration, isinstance(owner, type))
        )
    else:
        import wrapt

        arguments = (wrapper, lambda: integration in _active)
        wrapt.wrap_object(module, path, wrapt.FunctionWrapper, arguments)
    _done.add((module.__name__, path))


def _plain_wrapper(
    function: FunctionType, wrapper: Wrapper, integration: str, is_method: bool
) -> Callable[..., Any]:
    @functools.wraps(function)
    def patched(*args: Any, **kwargs: Any) -> Any:
        if integration not in _active or (is_method and not args):  # its own TypeError
            return function(*args, **kwargs)
        if is_method:
            return wrapper(function.__get__(args[0]), args[0], args[1:], kwargs)
        return wrapper(function, None, args, kwargs)

    return patched


def when_imported(name: str, react: Callable[[ModuleType], None]) -> None:
    """
    Call *react* with the module *name*: now, if it is imported, else as soon as it is.

    *react* must not raise: its exception would be that of the user's import.
    """
    module = sys.modules.get(name)
    if module is not None:
        react(module)
        return
    if _Watch not in map(type, sys.meta_path):
        sys.meta_path.insert(0, _Watch())
    _waiting.setdefault(name, []).append(react)


class _Watch:
    """
    Has the finders behind it find a module that is waited for, and its loader tell when it is done.

    wrapt's import hook holds a lock while it imports, and is dear to import: two threads that
    import at once can wait for each other for ever.
    """

    def __init__(self) -> None:
        self._asking: set[tuple[int, str]] = set()

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that is waited for, as the others make it; else None."""
        asking = (threading.get_ident(), name)
        if name not in _waiting or asking in self._asking:  # asked by a finder that we ask
            return None
        self._asking.add(asking)
        try:
            for finder in sys.meta_path:
                find = None if finder is self else getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find and find(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader)  # type: ignore[assignment]  # a proxy
                    return spec
        finally:
            self._asking.discard(asking)
        return None


class _Loader:
    """A module's own loader, which tells those who wait for the module."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as its loader does."""
        create = getattr(self._loader, "create_module", None)
        module: ModuleType | None = None if create is None else create(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, whose loader is its own again, and tell that it is there."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for react in _waiting.pop(module.__name__, ()):
            react(module)
