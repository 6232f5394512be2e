"""An exception as data: cause, context, notes; uncaught ones and warnings are lines too."""

import logging
import threading
import warnings

import logweft

logweft.install()
log = logging.getLogger("shop.payments")


def charge() -> None:
    try:
        raise TimeoutError("gateway did not answer")
    except TimeoutError as error:
        raise RuntimeError("payment failed") from error


try:
    charge()
except RuntimeError:
    log.exception("will retry")

warnings.warn("the exchange rates are two days old", stacklevel=1)

worker = threading.Thread(target=charge, name="payments")
worker.start()
worker.join()
