"""get_logger: for new code, a LoggerAdapter that takes fields as keywords."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._record import accept_extra

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter  # not subscriptable on 3.10


class FieldLogger(_Adapter):
    """
    A `logging.LoggerAdapter` whose calls take fields as keywords.

    For example::

        log.info("User login", user_id=12345, success=True)

    ``exc_info``, ``stack_info``, ``stacklevel`` and ``extra`` mean what they always do. A field may
    have any other name; one that a record has itself (``name``, ``args``) is written as ``name_``.
    """

    def __init__(self, logger: logging.Logger, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(logger, dict(fields or {}))

    def bind(self, /, **fields: Any) -> FieldLogger:
        """
        Return a logger that adds *fields* to each of its lines; this one stays as it is.

        Raises:
            Nothing.
        """
        return FieldLogger(self.logger, {**(self.extra or {}), **fields})

    def log(self, level: int, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # positional-only, so that "level" and "msg" can be fields
        """
        Log *msg* ``%`` *args* at *level* with *fields*.

        Raises:
            TypeError: *level* is not an int, or ``extra`` is not a mapping.
        """
        self._write(level, msg, args, fields)

    def debug(self, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # as `log`
        """Log at DEBUG; see `log`."""
        self._write(logging.DEBUG, msg, args, fields)

    def info(self, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # as `log`
        """Log at INFO; see `log`."""
        self._write(logging.INFO, msg, args, fields)

    def warning(self, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # as `log`
        """Log at WARNING; see `log`."""
        self._write(logging.WARNING, msg, args, fields)

    def error(self, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # as `log`
        """Log at ERROR; see `log`."""
        self._write(logging.ERROR, msg, args, fields)

    def exception(self, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # as `log`
        """Log at ERROR with the exception being handled; see `log`."""
        fields.setdefault("exc_info", True)
        self._write(logging.ERROR, msg, args, fields)

    def critical(self, msg: object, /, *args: object, **fields: Any) -> None:  # type: ignore[override]  # as `log`
        """Log at CRITICAL; see `log`."""
        self._write(logging.CRITICAL, msg, args, fields)

    def _write(
        self, level: int, msg: object, args: tuple[object, ...], fields: dict[str, Any]
    ) -> None:
        if not isinstance(level, int):
            raise TypeError(f"level must be an int, got {level!r}")
        if not self.logger.isEnabledFor(level):
            return
        exc_info = fields.pop("exc_info", None)
        stack_info = fields.pop("stack_info", False)
        stacklevel = fields.pop("stacklevel", 1)
        extra = {**(self.extra or {}), **(fields.pop("extra", None) or {}), **fields}
        self.logger.log(
            level,
            msg,
            *args,
            exc_info=exc_info,
            stack_info=stack_info,
            stacklevel=stacklevel + 2,  # this frame and the method named after the level
            extra=accept_extra(extra),
        )


def get_logger(name: str | None = None) -> FieldLogger:
    """
    Return a logger that takes fields as keywords, in front of ``logging.getLogger(name)``.

    Args:
        name: the logger's name; None is the root logger.

    Raises:
        TypeError: *name* is not a ``str``.
    """
    return FieldLogger(logging.getLogger(name))
