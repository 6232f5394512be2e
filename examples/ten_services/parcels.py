"""9. An asyncio worker: tasks that live as long as the program. Starts label in a process."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys

import common

import logweft

log = logging.getLogger(__name__)


def label(number):
    with open(os.environ["LABEL_LOG"], "ab") as lines:
        subprocess.run(
            [sys.executable, "label.py", str(number)],
            env=logweft.child_environment(),
            stderr=lines,
            check=True,
        )


async def pack(number):
    log.info("order %d is packed", number)
    if number % 10 == 0:
        await asyncio.to_thread(label, number)
        log.info("order %d is labelled", number)


async def work(jobs):
    while True:
        job, done = await jobs.get()
        with logweft.adopt(job["headers"]):  # what the job is about comes with the job
            await pack(job["number"])
        done.set()


async def main():
    jobs = asyncio.Queue()
    workers = [asyncio.create_task(work(jobs)) for _ in range(4)]
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def take(reader, writer):
        done = asyncio.Event()
        jobs.put_nowait((json.loads(await reader.readline()), done))
        await done.wait()
        writer.write(b"packed\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, sock=common.inherited_socket()):
        await stopped.wait()
    for worker in workers:
        worker.cancel()


if __name__ == "__main__":
    logweft.install(service="parcels")
    asyncio.run(main())
