"""The table of integrations, and the one function that switches them on. Used by install()."""

from __future__ import annotations

import functools
import importlib
import logging
import re
from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from . import _patch


class Row(NamedTuple):
    """
    One integration.

    Attributes:
        file: its module here.
        targets: the modules whose import switches it on.
        package: what provides them; ``""`` is the standard library.
        minimum: the oldest version it works with.
        edge: ``"inbound"``, ``"outbound"`` or ``"hop"``.
        covers: what a user gets.
    """

    file: str
    targets: tuple[str, ...]
    package: str
    minimum: str
    edge: str
    covers: str


REGISTRY: dict[str, Row] = {
    "threading": Row(
        "_threading", ("threading",), "", "", "hop", "`Thread` and its subclasses, `Timer`"
    ),
    "concurrent": Row(
        "_concurrent",
        ("concurrent.futures.thread", "concurrent.futures.process"),
        "",
        "",
        "hop",
        "`ThreadPoolExecutor`, `ProcessPoolExecutor`, `loop.run_in_executor`",
    ),
    "asyncio": Row(
        "_asyncio",
        ("asyncio.base_events",),
        "",
        "",
        "hop",
        "tasks, natively; the loop's own reports, such as `Task exception was never retrieved`",
    ),
    "multiprocessing": Row(
        "_multiprocessing",
        ("multiprocessing.process", "multiprocessing.pool"),
        "",
        "",
        "hop",
        "`Process`, `Pool`, by fork, spawn and forkserver; logging is installed in the child",
    ),
    "celery": Row(
        "_celery",
        (
            "celery.signals",
            "celery.app.trace",
            "celery.worker.request",
            "celery.worker.consumer.consumer",
            "celery.beat",
            "celery.concurrency.prefork",
        ),
        "celery",
        "5.3",
        "hop",
        "tasks, retries, chains, runs of beat, the worker's own lines; fields `task_id`, `task`",
    ),
    "starlette": Row(
        "_starlette",
        ("starlette.applications",),
        "starlette",
        "0.40",
        "inbound",
        "Starlette and FastAPI: requests, websockets, the 500 response",
    ),
    "uvicorn": Row(
        "_uvicorn",
        (
            "uvicorn.protocols.http.h11_impl",
            "uvicorn.protocols.http.httptools_impl",
            "uvicorn.protocols.websockets.websockets_impl",
            "uvicorn.protocols.websockets.websockets_sansio_impl",
            "uvicorn.protocols.websockets.wsproto_impl",
            "uvicorn.server",
        ),
        "uvicorn",
        "0.30",
        "inbound",
        "any ASGI application it serves, its access line and its line of an uncaught exception",
    ),
    "hypercorn": Row(
        "_hypercorn",
        (
            "hypercorn.logging",
            "hypercorn.app_wrappers",
            "hypercorn.asyncio.task_group",
            "hypercorn.trio.task_group",
            "hypercorn.protocol.http_stream",
            "hypercorn.protocol.ws_stream",
        ),
        "hypercorn",
        "0.14",
        "inbound",
        "any ASGI or WSGI application it serves, its own lines, access line and 500 response",
    ),
    "flask": Row(
        "_flask",
        ("flask.app",),
        "flask",
        "3.0",
        "inbound",
        "requests, error handlers, the 500 response, streamed bodies",
    ),
    "django": Row(
        "_django",
        (
            "django.core.handlers.wsgi",
            "django.core.handlers.asgi",
            "django.core.servers.basehttp",
            "django.test.client",
        ),
        "django",
        "4.2",
        "inbound",
        "requests by WSGI, ASGI and test client, the lines of `django.request` and of `runserver`",
    ),
    "gunicorn": Row(
        "_gunicorn",
        (
            "gunicorn.http.wsgi",
            "gunicorn.workers.sync",
            "gunicorn.workers.gthread",
            "gunicorn.workers.base_async",
        ),
        "gunicorn",
        "22.0",
        "inbound",
        "any WSGI application it serves, its access line and its line of an uncaught exception",
    ),
    "werkzeug": Row(
        "_werkzeug",
        ("werkzeug.serving",),
        "werkzeug",
        "3.0",
        "inbound",
        "any WSGI application its development server serves, and so `flask run`; its access line",
    ),
    "aiohttp_server": Row(
        "_aiohttp_server",
        ("aiohttp.web_protocol", "aiohttp.web_response"),
        "aiohttp",
        "3.10",
        "inbound",
        "requests, websockets, the 500 response, the access line",
    ),
    "rq": Row(
        "_rq",
        ("rq.job", "rq.queue", "rq.worker", "rq.cron", "rq.repeat"),
        "rq",
        "2.0",
        "hop",
        "jobs, retries, each run of cron and `Repeat`; the worker's lines; fields `job_id`, `job`",
    ),
    "dramatiq": Row(
        "_dramatiq",
        ("dramatiq.message", "dramatiq.worker"),
        "dramatiq",
        "1.17",
        "hop",
        "messages, retries, pipelines; the worker's lines; fields `job_id`, `job`",
    ),
    "arq": Row(
        "_arq",
        ("arq.connections", "arq.worker"),
        "arq",
        "0.26",
        "hop",
        "jobs, retries, each run of cron; the worker's lines; fields `job_id`, `job`",
    ),
    "huey": Row(
        "_huey",
        ("huey.serializer", "huey.api", "huey.consumer"),
        "huey",
        "2.5",
        "hop",
        "tasks, retries, pipelines, periodic runs; the consumer's lines; fields `job_id`, `job`",
    ),
    "tornado": Row(
        "_tornado",
        ("tornado.web",),
        "tornado",
        "6.2",
        "inbound",
        "requests, websockets, the 500 response, the access line",
    ),
    "litestar": Row(
        "_frameworks",
        ("litestar.app",),
        "litestar",
        "2.8",
        "inbound",
        "requests and websockets by any ASGI server, the 500 response",
    ),
    "quart": Row(
        "_frameworks",
        ("quart.app",),
        "quart",
        "0.19",
        "inbound",
        "requests and websockets by any ASGI server, the 500 response",
    ),
    "falcon": Row(
        "_frameworks",
        ("falcon.app", "falcon.asgi.app"),
        "falcon",
        "3.1",
        "inbound",
        "requests by any WSGI or ASGI server, the 500 response",
    ),
    "bottle": Row(
        "_frameworks",
        ("bottle",),
        "bottle",
        "0.12",
        "inbound",
        "requests by any WSGI server, the 500 response",
    ),
    "pyramid": Row(
        "_frameworks",
        ("pyramid.router",),
        "pyramid",
        "2.0",
        "inbound",
        "requests by any WSGI server, exception views; the 500 response is the server's",
    ),
    "waitress": Row(
        "_waitress",
        ("waitress.channel", "waitress.task"),
        "waitress",
        "2.1",
        "inbound",
        "any WSGI application it serves, its line of an uncaught exception, the 500 response",
    ),
    "grpc_server": Row(
        "_grpc_server",
        ("grpc._server", "grpc.aio._server"),
        "grpcio",
        "1.60",
        "inbound",
        "RPCs of `grpc.server` and `grpc.aio.server`, streaming too; the ID is trailing metadata",
    ),
    "taskiq": Row(
        "_taskiq",
        ("taskiq.kicker", "taskiq.message", "taskiq.receiver.receiver"),
        "taskiq",
        "0.11.11",
        "inbound",
        "a task runs under the ID of whoever sent it, in its labels; the worker's own lines",
    ),
    "apscheduler": Row(
        "_apscheduler",
        (
            "apscheduler.executors.base",
            "apscheduler.executors.pool",
            "apscheduler.executors.asyncio",
            "apscheduler.executors.debug",
            "apscheduler.executors.gevent",
            "apscheduler.executors.tornado",
            "apscheduler.executors.twisted",
            "apscheduler.schedulers.base",
        ),
        "apscheduler",
        "3.11",
        "inbound",
        "each run of a job, under a new ID and with `job_id`, on every executor; its own lines",
    ),
    "urllib3": Row(
        "_urllib3",
        ("urllib3.connectionpool",),
        "urllib3",
        "1.26",
        "outbound",
        "urllib3, and so requests and botocore",
    ),
    "httpx": Row(
        "_httpx",
        ("httpx._transports.default",),
        "httpx",
        "0.23",
        "outbound",
        "`Client`, `AsyncClient`",
    ),
    "httpx2": Row(
        "_httpx",
        ("httpx2._transports.default",),
        "httpx2",
        "2.0",
        "outbound",
        "`Client`, `AsyncClient`",
    ),
    "http_client": Row(
        "_http_client",
        ("http.client",),
        "",
        "",
        "outbound",
        "`http.client.HTTPConnection.request`, and so `urllib.request`",
    ),
    "aiohttp_client": Row(
        "_aiohttp_client",
        ("aiohttp.client_reqrep",),
        "aiohttp",
        "3.8",
        "outbound",
        "`ClientSession`, made earlier too; websockets",
    ),
    "tornado_client": Row(
        "_tornado_client",
        ("tornado.http1connection", "tornado.simple_httpclient"),
        "tornado",
        "6.2",
        "outbound",
        "`AsyncHTTPClient` (not by curl), `websocket_connect`",
    ),
    "grpc_client": Row(
        "_grpc_client",
        ("grpc._channel", "grpc.aio._call", "grpc.aio._channel"),
        "grpcio",
        "1.60",
        "outbound",
        "RPCs of every channel, sync and `grpc.aio`, made earlier too",
    ),
    "aiokafka": Row(
        "_aiokafka",
        ("aiokafka.producer.producer",),
        "aiokafka",
        "0.11",
        "outbound",
        "messages sent by `AIOKafkaProducer`",
    ),
    "pika": Row(
        "_pika",
        ("pika.channel",),
        "pika",
        "1.3",
        "outbound",
        "messages published by a `Channel` or `BlockingChannel`",
    ),
    "aio_pika": Row(
        "_aio_pika",
        ("aio_pika.exchange",),
        "aio-pika",
        "9.4",
        "outbound",
        "messages published by an `Exchange`, robust or not",
    ),
}

_watched: set[str] = set()

_LOG = logging.getLogger("logweft")


def select(wanted: str | Iterable[str]) -> frozenset[str]:
    """
    Return the names of the integrations *wanted*: ``"auto"`` is all, ``"none"`` none.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
        TypeError: neither a word nor a list.
    """
    if wanted == "auto":
        return frozenset(REGISTRY)
    if wanted == "none":
        return frozenset()
    if not isinstance(wanted, Iterable):
        raise TypeError(f"integrations must be 'auto', 'none' or a list of names, got {wanted!r}")
    names = frozenset([wanted] if isinstance(wanted, str) else wanted)
    unknown = sorted(map(repr, names - set(REGISTRY)))
    if unknown:
        raise ValueError(f"unknown integration {', '.join(unknown)}; known: {', '.join(REGISTRY)}")
    return names


def activate(names: Iterable[str]) -> None:
    """
    Switch the integrations *names* on, each when its target is imported.

    Raises:
        Nothing that is an Exception: one that fails costs its correlation ID and one WARNING.
    """
    names = frozenset(names)
    _patch.switch(names)
    for name in sorted(names - _watched):
        _watched.add(name)
        for target in REGISTRY[name].targets:
            _patch.when_imported(target, functools.partial(_apply, name))


def deactivate() -> None:
    """Have every integration pass through."""
    _patch.switch(frozenset())


def _apply(name: str, module: ModuleType) -> None:
    row = REGISTRY[name]
    try:
        if row.minimum:
            from importlib.metadata import version  # heavy, and most programs never come here

            found = version(row.package)
            if _numbers(found) < _numbers(row.minimum):
                _LOG.warning(
                    "integration %r is off: needs %s >= %s, found %s",
                    name,
                    row.package,
                    row.minimum,
                    found,
                )
                return
        with _patch.applying(name):
            importlib.import_module(f"{__name__}.{row.file}").patch(module)
    except Exception as error:  # noqa: BLE001 - raising would make the user's own import fail
        _LOG.warning("integration %r is off: %s", name, f"{type(error).__name__}: {error}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
