"""5. A thread pool. Its threads call taxes by http.client."""

import http.client
import logging
from concurrent.futures import ThreadPoolExecutor

import common

import logweft

log = logging.getLogger(__name__)
pool = ThreadPoolExecutor(8)


def quote(number):
    log.info("order %d is quoted", number)
    connection = http.client.HTTPConnection("127.0.0.1", common.port("taxes"), timeout=60)
    try:
        connection.request("GET", f"/order/{number}")
        tax = int(connection.getresponse().read())
    finally:
        connection.close()
    log.info("order %d: %d of tax", number, tax)
    return 100 + tax


class Handler(common.Handler):
    def answer(self, number):
        return pool.submit(quote, number).result()


if __name__ == "__main__":
    logweft.install(service="quotes")
    common.serve_forever(common.http_server(Handler))
