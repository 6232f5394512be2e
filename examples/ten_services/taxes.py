"""6. A process pool."""

import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import common

import logweft

log = logging.getLogger(__name__)


def tax(number):
    logging.getLogger("taxes.pool").info("order %d is taxed", number)
    return 19


class Handler(common.Handler):
    def answer(self, number):
        log.info("order %d waits for a process", number)
        return self.server.pool.submit(tax, number).result()


if __name__ == "__main__":
    logweft.install(service="taxes")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        server = common.http_server(Handler)
        server.pool = pool
        common.serve_forever(server)
