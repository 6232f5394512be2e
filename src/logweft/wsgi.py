"""CorrelationMiddleware for any WSGI application; imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._context import ADOPTED, Context, adopt, current, enter

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_HEADER = "X-Correlation-ID"


class CorrelationMiddleware:
    """
    Each request is one unit of work, under its caller's correlation ID or a new one.

    The response carries the ID as ``X-Correlation-ID``, unless the application has set that header.
    A body that is made while it is sent is made under the ID too. A request that is under an
    ID already, since a server or an outer middleware has done the same, passes through.

    Args:
        app: the WSGI application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request; what the application raises is passed through."""
        if ADOPTED in environ:
            return self.app(environ, start_response)
        with adopt(environ, peer=environ.get("REMOTE_ADDR")) as context:
            environ[ADOPTED] = context
            body = self.app(environ, answering(start_response, context))
            # Made already, or the server's own way to send a file, which it knows by its type.
            if type(body) in (list, tuple, environ.get("wsgi.file_wrapper")):
                return body
            return Body(body, current())


def answering(start_response: StartResponse, context: Context) -> StartResponse:
    """Return *start_response* so that the response carries the correlation ID."""

    def start_with_id(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        if all(name.lower() != _HEADER.lower() for name, _ in headers):
            headers = [*headers, (_HEADER, context.correlation_id or "")]
        return start_response(status, headers, *exc_info)

    return start_with_id


class Body:
    """The application's body, each part of which is made under the Context of the request."""

    def __init__(self, body: Iterable[bytes], context: Context) -> None:
        self._body = body
        self._context = context
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with enter(self._context):
            if self._parts is None:
                self._parts = iter(self._body)
            return next(self._parts)

    def close(self) -> None:
        """Close the application's body, as PEP 3333 has the server do."""
        close = getattr(self._body, "close", None)
        if close is not None:
            with enter(self._context):
                close()
