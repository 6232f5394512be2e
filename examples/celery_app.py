"""A Celery task, its retry and the worker's lines about both, under the ID of who queued it."""

import logging

from celery import Celery, Task

import logweft

logweft.install(service="shop")  # in the module that `celery -A celery_app worker` imports

app = Celery("shop", broker="memory://localhost", backend="cache+memory://")
log = logging.getLogger("shop")


@app.task(bind=True)
def send_receipt(self: Task, number: int) -> None:
    log.info("attempt %d at receipt %d", self.request.retries + 1, number)
    if self.request.retries == 0:
        raise self.retry(exc=ConnectionError("mail server is away"), countdown=0)
    app.control.shutdown()  # this example ends here


def main() -> None:
    with logweft.adopt("order-17"):
        log.info("paid")
        send_receipt.delay(17)
    app.Worker(pool="solo", loglevel="INFO", quiet=True).start()


if __name__ == "__main__":
    main()
