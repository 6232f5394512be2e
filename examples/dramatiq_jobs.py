"""A job queued while serving an order, run by a Dramatiq worker under the order's ID."""

import logging

import dramatiq
from dramatiq.brokers.stub import StubBroker  # or RedisBroker, whose workers are other processes

import logweft

broker = StubBroker()
dramatiq.set_broker(broker)
log = logging.getLogger("shop")
attempts: dict[str, int] = {}


@dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=1)
def charge(order: str) -> None:
    log.info("charging %s", order)
    if not attempts.setdefault(order, 0):
        attempts[order] += 1
        raise ConnectionError("the bank does not answer")
    send_receipt.send(order)


@dramatiq.actor
def send_receipt(order: str) -> None:
    log.info("receipt of %s sent", order)


def main() -> None:
    logweft.install(service="shop")
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    for order in ("order-17", "order-18"):
        with logweft.adopt(order):
            log.info("ordered")
            charge.send(order)
    charge.send("nobody's")  # outside of any work: the worker gives it an ID
    broker.join("default")
    worker.stop()


if __name__ == "__main__":
    main()
