"""What redaction withholds, and what it leaves."""

import logging

import logweft

logweft.install()
log = logging.getLogger("shop")

logweft.register_secret("blue-horse-42")

log.info("login with password=%s", "hunter2")
log.info("headers %s", {"Authorization": "Bearer abcdef1234567890", "Accept": "*/*"})
log.info("connecting to postgres://shop:tiger@db.example/orders")
log.info("call", extra={"api_key": "k-123", "max_tokens": 512, "user": {"db_password": "x"}})
log.info("the code word is blue-horse-42, the author is Ada")
