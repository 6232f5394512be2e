"""What the ten programs share: where the others are, and the socket run.py has opened for them."""

import logging
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import logweft


def port(service):
    return int(os.environ[f"{service.upper()}_PORT"])


def url(service, number):
    return f"http://127.0.0.1:{port(service)}/order/{number}"


def inherited_fd():
    return int(os.environ["LISTEN_FD"])


def inherited_socket():
    return socket.socket(fileno=inherited_fd())


def serve_forever(server):
    """Serve until SIGTERM, and leave as a program does, so that what is queued is written."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server.serve_forever()


def http_server(handler):
    """Return the standard library's server, on the inherited socket."""
    sock = inherited_socket()
    server = ThreadingHTTPServer(sock.getsockname(), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    return server


class Handler(BaseHTTPRequestHandler):
    """``/order/17`` is answered by ``answer(17)``; there is no integration for this server."""

    protocol_version = "HTTP/1.1"  # and so with keep-alive

    def do_GET(self):
        with logweft.adopt(self.headers) as context:
            body = str(self.answer(int(self.path.rsplit("/")[-1]))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Correlation-ID", context.correlation_id)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format, *args):
        logging.getLogger("http.server").info(format, *args)
