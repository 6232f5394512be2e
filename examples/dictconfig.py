"""The classes without install(), from dictConfig."""

import logging.config

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "logweft.JsonFormatter", "rename_fields": {"level": "severity"}},
        },
        "handlers": {
            "out": {
                "()": "logweft.QueueHandler",
                "formatter": "json",
                "targets": [
                    {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
                    {"class": "logging.FileHandler", "filename": "/dev/null", "level": "ERROR"},
                ],
            },
        },
        "root": {"handlers": ["out"], "level": "INFO"},
    }
)

logging.getLogger("shop").info("open", extra={"till": 3})
