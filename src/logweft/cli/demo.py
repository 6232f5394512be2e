"""`logweft demo`: the main job in one command. Used by `logweft.__main__`."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import logweft

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger("shop.orders")


def add_to(commands: _Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="show what ordinary log calls become")
    parser.add_argument("--format", choices=("auto", "json", "console"), default="auto")
    parser.set_defaults(command=demo)


def demo(known: argparse.Namespace) -> int:
    """Log as a small shop would, with nothing but the standard library's calls."""
    with logweft.install(format=known.format, service="demo", stream=sys.stdout):
        with logweft.adopt("order-1"), ThreadPoolExecutor(1) as pool:
            _checkout()
            pool.submit(logweft.carry(_send_receipt)).result()
        warnings.warn("the exchange rates are two days old", stacklevel=1)
        logweft.get_logger("shop").info("shutting down", served=1)
    return 0


def _checkout() -> None:
    logweft.bind(customer=7)
    log.info(
        "User %s logged in from %s", "ada", "192.0.2.1", extra={"session_token": "s3cr3t-value"}
    )
    try:
        _charge("password=hunter2")
    except ConnectionError:
        log.exception("payment failed, will retry")
    log.info("paid %(amount).2f %(currency)s", {"amount": 12.5, "currency": "EUR"})


def _charge(credentials: str) -> None:
    raise ConnectionError(f"gateway refused {credentials}")


def _send_receipt() -> None:
    # A name that a record has itself is a KeyError in the standard library; here it is a field.
    attachment = {"filename": "receipt-1.pdf"}
    logging.getLogger("shop.mail").info("receipt sent", extra=attachment)
