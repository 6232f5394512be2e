"""
A job of an order in each of four queues, and two runs of a scheduled job, each under its own ID.

Huey and taskiq keep their jobs in memory here; RQ and arq need a Redis server, and are left out
where none is installed. Celery and Dramatiq have examples of their own.
"""

import asyncio
import logging
import shutil
import socket
import subprocess
import time
from typing import Any

import arq
import arq.connections
import huey
import redis
import rq
import taskiq
from apscheduler.schedulers.background import BackgroundScheduler

import logweft

log = logging.getLogger("shop")

jobs = huey.MemoryHuey(immediate=False)
broker = taskiq.InMemoryBroker()


@jobs.task()
def receipt(order: str) -> None:
    log.info("receipt of %s", order)


@broker.task
async def parcel(order: str) -> None:
    log.info("parcel of %s", order)


async def reminder(ctx: Any, order: str) -> None:
    log.info("reminder of %s", order)


def by_huey() -> None:
    with logweft.adopt("order-1"):
        receipt("order-1")
    jobs.execute(jobs.dequeue())  # as a consumer does


async def by_taskiq() -> None:
    await broker.startup()
    with logweft.adopt("order-2"):
        task = await parcel.kiq("order-2")
    await task.wait_result(timeout=30)
    await broker.shutdown()


def by_apscheduler() -> None:
    scheduler = BackgroundScheduler()
    for run in (1, 2):
        scheduler.add_job(log.info, args=("run %d", run))
    scheduler.start()
    while scheduler.get_jobs():
        time.sleep(0.01)
    scheduler.shutdown()


def by_rq(port: int) -> None:
    queue = rq.Queue(connection=redis.Redis(port=port))
    with logweft.adopt("order-3"):
        # A job's function has to stand in a module of its own; here it is one of the stdlib.
        queue.enqueue(logging.info, "invoice of %s", "order-3")
    rq.SimpleWorker([queue], connection=queue.connection).work(burst=True)


async def by_arq(port: int) -> None:
    settings = arq.connections.RedisSettings(port=port)
    pool = await arq.create_pool(settings)
    with logweft.adopt("order-4"):
        await pool.enqueue_job("reminder", "order-4")
    worker = arq.Worker([reminder], redis_settings=settings, burst=True, handle_signals=False)
    await worker.main()
    await worker.close()
    await pool.aclose()


def main() -> None:
    logweft.install(level="INFO", service="shop")
    by_huey()
    asyncio.run(by_taskiq())
    by_apscheduler()
    program = shutil.which("redis-server")
    if program is None:
        log.warning("redis-server is not installed: no RQ, no arq")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        client = redis.Redis(port=port)
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        by_rq(port)
        asyncio.run(by_arq(port))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
