"""
grpc server: each RPC is one unit of work, of a sync server and of grpc.aio's.

Edge        inbound
Patches     grpc._server.create_server and grpc.aio._server.Server.__init__, which every spelling of
            grpc.server() comes to: our interceptor is the first, outside of the user's. An RPC has
            a contextvars context (or a task) of its own from its first interceptor to the line of
            an exception nobody caught, so what is adopted there ends with it. The ID is answered as
            trailing metadata, which an RPC that fails or is aborted sends too, and which can be
            added to; initial metadata can be sent once, and that is the user's.
Tested with grpcio >= 1.60; a server made before install() is not covered
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, nullcontext, suppress
from types import ModuleType
from typing import Any

from logweft import _context
from logweft._context import Context, adopt, current, enter

from ._patch import is_on, wrap

_HEADER = "x-correlation-id"

_INTERCEPTORS = 2
"""Where they are in ``create_server(pool, handlers, interceptors, ...)`` and in ``Server``'s."""


def patch(module: ModuleType) -> None:
    """Put an interceptor before those of every server."""
    if hasattr(module, "create_server"):
        wrap(module, "create_server", _with_first(_Interceptor()))
        return
    # grpc.aio asks what an interceptor is an instance of.
    kind = type("_AioInterceptor", (_AioInterceptor, module.ServerInterceptor), {})
    wrap(module, "Server.__init__", _with_first(kind()))


def _with_first(interceptor: Any) -> Callable[..., Any]:
    def make(
        wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if len(args) > _INTERCEPTORS:
            own = (interceptor, *(args[_INTERCEPTORS] or ()))
            args = (*args[:_INTERCEPTORS], own, *args[_INTERCEPTORS + 1 :])
        else:
            kwargs = {**kwargs, "interceptors": (interceptor, *(kwargs.get("interceptors") or ()))}
        return wrapped(*args, **kwargs)

    return make


class _Interceptor:
    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        if not is_on("grpc_server"):
            return continuation(details)
        call = _Call(details, is_aio=False)
        return call.handler(continuation(details))


class _AioInterceptor:
    async def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        if not is_on("grpc_server"):
            return await continuation(details)
        call = _Call(details, is_aio=True)
        return call.handler(await continuation(details))


class _Call:
    """One RPC: what its caller sent, and the Context it is under."""

    def __init__(self, details: Any, is_aio: bool) -> None:
        self._metadata = list(details.invocation_metadata or ())
        self._is_aio = is_aio
        self._context: Context | None = None
        self._is_told = False
        # Who the peer is, is known to the servicer's context alone, which comes later.
        if isinstance(_context.policy.trust, str):
            self._context = adopt(self._metadata).context

    def handler(self, handler: Any) -> Any:
        """Return *handler*, None if there is no such method, so that what it does has the ID."""
        if handler is None:
            return None
        request = "stream" if handler.request_streaming else "unary"
        response = "stream" if handler.response_streaming else "unary"
        name = f"{request}_{response}"
        return _Handler(handler, name, self._behavior(getattr(handler, name), response == "stream"))

    def _behavior(self, behavior: Any, is_stream: bool) -> Callable[..., Any]:
        """Return *behavior*, of the same kind: that is how grpc.aio tells how to run it."""
        if inspect.iscoroutinefunction(behavior):

            async def coroutine(request: Any, servicer: Any) -> Any:
                with self.telling(servicer):
                    return await behavior(request, servicer)

            return coroutine
        if inspect.isasyncgenfunction(behavior):

            async def generator(request: Any, servicer: Any) -> Any:
                with self.telling(servicer):
                    async with aclosing(behavior(request, servicer)) as responses:
                        async for response in responses:
                            yield response

            return generator

        def function(request: Any, servicer: Any, *more: Any) -> Any:
            # grpc.aio runs it in a worker, which goes on to other work.
            borrowed = enter(current()) if self._is_aio else nullcontext()
            with borrowed, enter(self._begin(servicer)), self.telling(servicer):
                result = behavior(request, servicer, *more)
                return _Responses(result, self, servicer) if is_stream else result

        vars(function).update(getattr(behavior, "__dict__", {}))  # which may say where it runs
        return function

    def _begin(self, servicer: Any) -> Context:
        if self._context is None:
            self._context = adopt(self._metadata, peer=_address(servicer.peer())).context
        return self._context

    @contextmanager
    def telling(self, servicer: Any) -> Iterator[None]:
        """Have the trailing metadata tell the ID: before, as abort() may send it, and after."""
        context = self._begin(servicer)
        self._tell(servicer, context)
        try:
            yield
        finally:
            self._tell(servicer, context)

    def _tell(self, servicer: Any, context: Context) -> None:
        # What grpc.aio gives to a handler that is not async cannot be asked what is set.
        is_readable = hasattr(servicer, "trailing_metadata")
        if self._is_told and not is_readable:
            return
        with suppress(Exception):  # the RPC may have ended meanwhile
            metadata = tuple(servicer.trailing_metadata() or ()) if is_readable else ()
            if all(name != _HEADER for name, _ in metadata):
                servicer.set_trailing_metadata((*metadata, (_HEADER, context.correlation_id)))
        self._is_told = True


class _Handler:
    """The user's handler, but for its behavior."""

    def __init__(self, handler: Any, name: str, behavior: Callable[..., Any]) -> None:
        self._handler = handler
        setattr(self, name, behavior)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)


class _Responses:
    """The user's responses, each of which is made under the Context of its RPC."""

    def __init__(self, responses: Any, call: _Call, servicer: Any) -> None:
        self._responses = responses
        self._call = call
        self._servicer = servicer
        self._context = current()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with enter(self._context), self._call.telling(self._servicer):
            try:
                return next(self._responses)
            finally:
                self._context = current()  # with what it has bound


def _address(peer: str) -> str:
    """Return the IP address in ``"ipv4:127.0.0.1:50051"`` or ``"ipv6:%5B::1%5D:50051"``."""
    address = peer.partition(":")[2].rpartition(":")[0]
    return address.replace("%5B", "").replace("%5D", "").strip("[]")
