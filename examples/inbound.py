"""A server whose every request is one unit of work, under its caller's ID or a new one."""

import logging
import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import logweft
from logweft.wsgi import CorrelationMiddleware

log = logging.getLogger("shop")


def app(environ, start_response):
    log.info("asked for %s", environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class Handler(WSGIRequestHandler):
    def log_message(self, format, *args):
        pass  # wsgiref's own lines are not logging's


logweft.install()
with make_server("127.0.0.1", 0, CorrelationMiddleware(app), handler_class=Handler) as server:
    threading.Thread(target=server.serve_forever).start()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.server_port}/orders",
        headers={"X-Correlation-ID": "order-1"},
    )
    with urllib.request.urlopen(request) as response:
        log.info("answered under %s", response.headers["X-Correlation-ID"])
    server.shutdown()
