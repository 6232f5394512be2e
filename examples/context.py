"""A correlation ID and bound fields, over tasks and a thread pool."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import logweft

log = logging.getLogger("shop")


async def handle(order: str) -> None:
    with logweft.adopt(order):  # one unit of work
        logweft.bind(customer=order[-1])
        log.info("accepted")
        await asyncio.gather(reserve(), charge())  # tasks inherit the Context
        log.info("done")


async def reserve() -> None:
    with logweft.bind(step="reserve"):
        log.info("reserved")


async def charge() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor() as pool:
        await loop.run_in_executor(pool, logweft.carry(lambda: log.info("charged")))


async def main() -> None:
    await asyncio.gather(handle("order-1"), handle("order-2"))


logweft.install()
asyncio.run(main())
