"""eliot: messages inside an action."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

from . import Contender, Line, Target

_action: Any = None


def _setup(path: str) -> Target:
    global _action
    import eliot

    file = open(path, "wb")  # noqa: SIM115 - stays open as long as the process logs
    eliot.to_file(file)
    _action = eliot.start_action(action_type="request")
    log = SimpleNamespace(info=eliot.log_message)
    return Target(lambda name: log, file.flush, file.close)


def _bound() -> AbstractContextManager[Any]:
    context: AbstractContextManager[Any] = _action.context()
    return context


CONTENDERS = [
    Contender(
        "eliot",
        "eliot",
        _setup,
        line=Line("message_type", context=None, line=None, function=None),
        bound=_bound,
        dialect="formatted, keywords",
        skips=("disabled", "exception"),
        note="its messages carry the action's ID",
    )
]
