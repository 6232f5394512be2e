"""The one place that changes other people's code, and the only one that touches wrapt."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""``(wrapped, instance, args, kwargs) -> result``, as wrapt calls it."""

_active = False
_done: set[tuple[str, str]] = set()
_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def switch(on: bool) -> None:
    """Have every patch act or pass through; none is ever taken out, since others may be on top."""
    global _active
    _active = on


def is_on() -> bool:
    """Say whether the patches act."""
    return _active


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
    owner: Any = module
    *names, name = path.split(".")
    for each in names:
        owner = getattr(owner, each)
    function = vars(owner).get(name, getattr(owner, name))
    if isinstance(function, FunctionType) and not inspect.iscoroutinefunction(function):
        # The plain case needs no wrapt, whose import costs more than all the rest of a start-up.
        setattr(owner, name, _plain_wrapper(function, wrapper, isinstance(owner, type)))
    else:
        import wrapt

        arguments = (wrapper, is_on)
        wrapt.wrap_object(module, path, wrapt.FunctionWrapper, arguments)
    _done.add((module.__name__, path))


def _plain_wrapper(function: FunctionType, wrapper: Wrapper, is_method: bool) -> Callable[..., Any]:
    @functools.wraps(function)
    def patched(*args: Any, **kwargs: Any) -> Any:
        if not _active:
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
    """Hands a module that is waited for to wrapt's import hook; wrapt is not imported before."""

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that is waited for, as wrapt makes it; else None."""
        reactions = _waiting.pop(name, None)
        if reactions is None:
            return None
        import wrapt

        for react in reactions:
            wrapt.register_post_import_hook(react, name)
        for finder in sys.meta_path:
            if type(finder).__name__ == "ImportHookFinder":
                return finder.find_spec(name, path, target)
        return None
