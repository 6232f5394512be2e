"""
One request to each of seven web frameworks, under the ID its caller sent.

Not a line in the applications is about logweft: `install()` is all. Starlette, FastAPI, Flask,
Django and aiohttp are in ten_services/.
"""

import asyncio
import logging
import socket
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import bottle
import falcon
import hypercorn
import hypercorn.asyncio
import litestar
import quart
import tornado.httpclient
import tornado.httpserver
import tornado.netutil
import tornado.web
import uvicorn
import waitress
from pyramid.config import Configurator
from pyramid.response import Response

import logweft

log = logging.getLogger("shop")

bottle_app = bottle.Bottle()


@bottle_app.get("/pay")
def pay_bottle() -> str:
    log.info("paid by %s", "bottle")
    return "ok"


class Pay:
    def on_get(self, request: Any, response: Any) -> None:
        log.info("paid by %s", "falcon")
        response.text = "ok"


falcon_app = falcon.App()
falcon_app.add_route("/pay", Pay())


def pay_pyramid(request: Any) -> Response:
    log.info("paid by %s", "pyramid")
    return Response("ok")


with Configurator() as configurator:
    configurator.add_route("pay", "/pay")
    configurator.add_view(pay_pyramid, route_name="pay")
    pyramid_app = configurator.make_wsgi_app()


@litestar.get("/pay")
async def pay_litestar() -> str:
    log.info("paid by %s", "litestar")
    return "ok"


litestar_app = litestar.Litestar([pay_litestar], logging_config=None)
quart_app = quart.Quart("shop")


@quart_app.get("/pay")
async def pay_quart() -> str:
    log.info("paid by %s", "quart")
    return "ok"


class PayHandler(tornado.web.RequestHandler):
    def get(self) -> None:
        log.info("paid by %s", "tornado")
        self.write("ok")


def ask(port: int, order: str) -> None:
    """Send one request with the order as its ID; the answer tells it back."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/pay")
    request.add_header("X-Correlation-ID", order)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["X-Correlation-ID"] == order


def by_waitress(app: Callable[..., Any], order: str) -> None:
    server = waitress.create_server(app, host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    ask(server.effective_port, order)


def by_uvicorn(app: Any, order: str) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    ask(server.servers[0].sockets[0].getsockname()[1], order)
    server.should_exit = True
    thread.join()


async def by_hypercorn(app: Any, order: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = hypercorn.Config()
    config.bind = [f"fd://{listening.detach()}"]
    done = asyncio.Event()
    serving = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=done.wait))
    await asyncio.to_thread(ask, port, order)
    done.set()
    await serving


async def by_tornado(order: str) -> None:
    application = tornado.web.Application([("/pay", PayHandler)])
    server = tornado.httpserver.HTTPServer(application)
    (listening,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_socket(listening)
    # Tornado's own client takes the ID along by itself.
    with logweft.adopt(order):
        client = tornado.httpclient.AsyncHTTPClient()
        answer = await client.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/pay")
    assert answer.headers["X-Correlation-ID"] == order
    server.stop()


if __name__ == "__main__":
    logweft.install(level="INFO", service="shop")
    by_waitress(bottle_app, "order-bottle")
    by_waitress(falcon_app, "order-falcon")
    by_waitress(pyramid_app, "order-pyramid")
    by_uvicorn(litestar_app, "order-litestar")
    asyncio.run(by_hypercorn(quart_app, "order-quart"))
    asyncio.run(by_tornado("order-tornado"))
