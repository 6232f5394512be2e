"""Renaming and leaving out fields, with python-json-logger's own parameters."""

import logging

from pythonjsonlogger.core import RESERVED_ATTRS

import logweft

handler = logging.StreamHandler()
handler.addFilter(logweft.ContextFilter())
handler.setFormatter(
    logweft.JsonFormatter(
        rename_fields={"level": "severity", "timestamp": "@timestamp"},
        reserved_attrs=[*RESERVED_ATTRS, "template", "function"],
        static_fields={"team": "payments"},
    )
)
log = logging.getLogger("shop")
log.addHandler(handler)

with logweft.adopt("order-1"):
    log.warning("low on %s", "ink")
