"""Redaction set to one's own rules, for our lines and for another formatter's; and the proof."""

import logging

from pythonjsonlogger.json import JsonFormatter

import logweft
from logweft.testing import assert_no_leak


class Customer:
    """Says itself what may be logged of it."""

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name

    def __log__(self) -> dict[str, int]:
        return {"number": self.number}


# All of it is plain data, so it can stand in a settings file.
RULES = {
    "names": ["badge_no"],
    "allow_names": ["session_id"],
    "patterns": {"ticket": r"TCK-\d{6}"},
    "paths": ["customer.*.note"],
    "rules": {"card": "mask", "email": "off", "ticket": "drop"},
    "marker": "[{rule}]",
}

logweft.install(redact=RULES)
log = logging.getLogger("shop")

log.info("paid with %s by %s", "4012 8888 8888 1881", "ada@mail.example.com")
log.info("TCK-123456 closed", extra={"badge_no": 17, "session_id": "s-1"})
log.info("seen", extra={"customer": {"ada": {"note": "likes tea", "visits": 3}}})
log.info("hello", extra={"customer": Customer(7, "Ada Lovelace")})

# A handler with a formatter of its own stays as it is; the filter gives it the same protection.
audit = logging.StreamHandler()
audit.setFormatter(JsonFormatter("%(name)s %(message)s"))
audit.addFilter(logweft.RedactionFilter(**RULES))
logging.getLogger("audit").addHandler(audit)
logging.getLogger("audit").propagate = False
logging.getLogger("audit").warning("login password=%s", "hunter2", extra={"badge_no": 17})

# Planted secrets, by every way past every handler; nothing of it is written. Session IDs may come
# out, by `allow_names` above.
assert_no_leak(allow=["session"])
