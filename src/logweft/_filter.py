"""ContextFilter: the only reader of the ContextVar on a record's way. Used by QueueHandler."""

from __future__ import annotations

import logging
from typing import Any

from ._context import NOTHING, Context, current, ended_by, with_span

CONTEXT = "_logweft_context"
"""Where a record carries its Context: one private name, so that nobody's ``extra`` can clash."""


class ContextFilter(logging.Filter):
    """
    A `logging.Filter` that lets everything pass and writes the Context into the record.

    The record gets ``correlation_id`` (``str | None``), so that a plain text format may say
    ``%(correlation_id)s``, unless the call's own ``extra`` has that name. The first filter a record
    meets decides: a handler that runs later, in another thread, sees the Context of the call.

    Belongs on a *handler*: filters of a logger never see the records of its children.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """
        Write the Context into *record*.

        Raises:
            Nothing.
        """
        attributes = record.__dict__
        if type(attributes.get(CONTEXT)) is not Context:
            context = attributes[CONTEXT] = context_of(record)
            attributes.setdefault("correlation_id", context.correlation_id)
        return True


def context_of(record: logging.LogRecord) -> Context:
    """Return the Context of a log call: outside of any work, that which its exception has ended."""
    context = current()
    if context is NOTHING and record.exc_info:
        info: Any = record.exc_info  # somebody's own record may have anything there
        context = ended_by(info[1] if type(info) is tuple and len(info) == 3 else info) or context
    return with_span(context)


def accepted(filterer: logging.Filterer, record: logging.LogRecord) -> logging.LogRecord | None:
    """
    Return the record that the filters of *filterer* let through, or None.

    That is what `logging.Filterer.filter` does from 3.12 on; before, it ignores the record that a
    filter returns in place of its own.
    """
    filters: list[Any] = filterer.filters
    if type(filterer).filter is not logging.Filterer.filter or "filter" in vars(filterer):
        filters = [filterer]  # somebody's own way
    for each in filters:
        verdict = each.filter(record) if hasattr(each, "filter") else each(record)
        if not verdict:
            return None
        if isinstance(verdict, logging.LogRecord):
            record = verdict
    return record
