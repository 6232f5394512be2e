"""
One `install()`, and the `logging` you already have writes strict JSON lines.

Layers, lowest first: plain values, secrets, trace headers, Context; filter, formatter, queue;
install. `tests/test_layers.py` has the table. This file re-exports the public names, no more.
"""

from ._awslambda import lambda_handler
from ._console import ConsoleFormatter
from ._context import Context, adopt, bind, carry, child_environment, current, inject
from ._filter import ContextFilter
from ._formatter import JsonFormatter
from ._install import Installation, flush, install, uninstall
from ._listener import Stats
from ._logger import FieldLogger, get_logger
from ._queue import QueueHandler
from ._redact import redact, register_secret
from ._redaction_filter import RedactionFilter

__all__ = [
    "ConsoleFormatter",
    "Context",
    "ContextFilter",
    "FieldLogger",
    "Installation",
    "JsonFormatter",
    "QueueHandler",
    "RedactionFilter",
    "Stats",
    "adopt",
    "bind",
    "carry",
    "child_environment",
    "current",
    "flush",
    "get_logger",
    "inject",
    "install",
    "lambda_handler",
    "redact",
    "register_secret",
    "uninstall",
]
