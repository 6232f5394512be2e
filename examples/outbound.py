"""A request that is sent, and the server it arrives at: one ID on both sides."""

import logging
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import logweft

log = logging.getLogger("shop")


class Stock(BaseHTTPRequestHandler):
    def do_GET(self):
        with logweft.adopt(self.headers):  # whatever framework: what arrives is adopted
            log.info("stock asked")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


logweft.install()

with HTTPServer(("127.0.0.1", 0), Stock) as server:
    # Started outside of any work: what the server knows, it has from the request.
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with logweft.adopt("order-1"):
        log.info("asking")
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").close()
        log.info("answered")
    server.shutdown()
