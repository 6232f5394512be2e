"""One correlation ID over threads, pools, tasks and processes, without a change to any of them."""

import asyncio
import logging
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import logweft

log = logging.getLogger("shop")


def work(where: str) -> None:
    log.info("worked in a %s", where)


async def tasks() -> None:
    await asyncio.create_task(asyncio.to_thread(work, "thread of a task"))


def main() -> None:
    logweft.install(service="shop")
    with logweft.adopt("order-17"), logweft.bind(customer="acme"):
        thread = threading.Thread(target=work, args=("thread",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor() as pool:
            pool.submit(work, "thread pool").result()
        asyncio.run(tasks())
        processes = multiprocessing.get_context("spawn")
        child = processes.Process(target=work, args=("process",))
        child.start()
        child.join()
    log.info("nothing is left of it")


if __name__ == "__main__":  # a spawned child imports this file
    main()
