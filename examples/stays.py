"""Somebody else's dictConfig after install(), which silences every logger there was."""

import logging.config

import logweft

log = logging.getLogger("shop")
logweft.install()
log.info("before")

logging.config.dictConfig(
    {
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "INFO"},
    }
)
log.info("after")
