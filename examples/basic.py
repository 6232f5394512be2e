"""install() and the log calls a program has already."""

import logging

import logweft

logging.basicConfig(level="INFO")  # what the program did before
log = logging.getLogger("shop.orders")

logweft.install(service="shop", version="1.4.0")

log.info("order %s placed", 17, extra={"amount": 12.5, "currency": "EUR"})
log.warning("stock of %(sku)s is %(left)d", {"sku": "A-17", "left": 3})
log.info({"message": "paid", "method": "card"})
