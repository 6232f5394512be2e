"""
Random trees of work: `python tests/work_trees.py LOG FIRST LAST`.

Each node of a tree opens units of work, binds fields and does the next nodes somewhere: in tasks,
threads, pools, timers, callbacks, generators and copied contexts, some of which are cancelled or
abandoned. Each logs as its message, JSON, which ID and which fields its line must have.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import itertools
import json
import logging
import multiprocessing.pool
import random
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import logweft

log = logging.getLogger("trees")
_numbers = itertools.count()

NAMES = ("k0", "k1", "k2")
"""What is bound."""


class Node(NamedTuple):
    """A place in a tree: what is expected there, and how much deeper it goes."""

    dice: random.Random
    correlation_id: str
    fields: dict[str, int]
    depth: int

    def below(self, correlation_id: str | None = None, **fields: int) -> Node:
        """Return a node below: of the same work, of that with another ID, or with more fields."""
        dice = random.Random(self.dice.random())
        if correlation_id is not None:
            return Node(dice, correlation_id, {}, self.depth - 1)
        return Node(dice, self.correlation_id, {**self.fields, **fields}, self.depth - 1)

    def say(self) -> None:
        """Log what is expected here."""
        log.info("%s", json.dumps({"correlation_id": self.correlation_id, **self.fields}))

    def new_field(self) -> dict[str, int]:
        """Return a field to bind."""
        return {self.dice.choice(NAMES): next(_numbers)}


def here() -> str:
    """Return the ID of the innermost unit of work."""
    return logweft.current().correlation_id or ""


# -- what a plain function may do


def minted(node: Node) -> None:
    """Go on in a unit of work whose ID is made up."""
    with logweft.adopt():
        grow(node.below(here()))


def named(node: Node) -> None:
    """Go on in a unit of work that has an ID already."""
    name = f"id-{next(_numbers)}"
    with logweft.adopt(name):
        grow(node.below(name))


def bound(node: Node) -> None:
    """Go on with a field more."""
    field = node.new_field()
    with logweft.bind(**field):
        grow(node.below(**field))


def in_thread(node: Node) -> None:
    """Go on in a thread."""
    thread = threading.Thread(target=grow, args=(node.below(),))
    thread.start()
    thread.join()


def in_timer(node: Node) -> None:
    """Go on in a timer's thread."""
    timer = threading.Timer(0.001, grow, (node.below(),))
    timer.start()
    timer.join()


def in_copy(node: Node) -> None:
    """Go on in a copied context."""
    contextvars.copy_context().run(grow, node.below())


def carried(node: Node) -> None:
    """Go on in a context that has nothing, by `carry`."""
    contextvars.Context().run(logweft.carry(grow), node.below())


def in_pool(node: Node) -> None:
    """Go on in the thread of a pool of multiprocessing."""
    pool.apply(leaf, (node.below(),))


def failed(node: Node) -> None:
    """Leave a unit of work by an exception."""
    with contextlib.suppress(KeyError), logweft.adopt("dies"), logweft.bind(**node.new_field()):
        raise KeyError


def in_loop(node: Node) -> None:
    """Go on in an event loop of this thread's, if it has none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(grow_async(node.below()))


STEPS: tuple[Callable[[Node], None], ...] = (
    *(minted, named, bound, in_thread, in_timer, in_copy, carried, in_pool, failed, in_loop),
)


def leaf(node: Node) -> None:
    """Log, and go no deeper."""
    node.say()


def grow(node: Node) -> None:
    """Log, do some steps, and log after each."""
    node.say()
    if node.depth > 0:
        for _ in range(node.dice.randint(0, 2)):
            node.dice.choice(STEPS)(node)
            node.say()


# -- what a coroutine may do


async def minted_async(node: Node) -> None:
    """Go on in a unit of work whose ID is made up."""
    with logweft.adopt():
        await grow_async(node.below(here()))


async def bound_async(node: Node) -> None:
    """Go on with a field more."""
    field = node.new_field()
    with logweft.bind(**field):
        await grow_async(node.below(**field))


async def in_task(node: Node) -> None:
    """Go on in a task, and log in its callback."""
    task = asyncio.create_task(grow_async(node.below()))
    task.add_done_callback(lambda _: node.say())
    await task


async def in_tasks(node: Node) -> None:
    """Go on in two tasks at once."""
    await asyncio.gather(grow_async(node.below()), grow_async(node.below()))


async def to_thread(node: Node) -> None:
    """Go on in a thread of the loop's."""
    await asyncio.to_thread(grow, node.below())


async def in_executor(node: Node) -> None:
    """Go on in a thread of an executor, which nobody waits for."""
    asyncio.get_running_loop().run_in_executor(executor, leaf, node.below())


async def in_callback(node: Node) -> None:
    """Log in a callback of the loop's."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(lambda: (node.say(), done.set_result(None)))
    await done


async def cancelled(node: Node) -> None:
    """Wait in vain for what has a unit of work of its own, which ends by the cancellation."""

    async def sleep() -> None:
        name = f"sleeps-{next(_numbers)}"
        with logweft.adopt(name):
            try:
                await asyncio.sleep(60)
            finally:
                node.below(name).say()

    with contextlib.suppress(asyncio.TimeoutError):  # another class before 3.11
        await asyncio.wait_for(sleep(), 0.001)


async def abandoned(node: Node) -> None:
    """Leave a generator that has a unit of work of its own, in a task, for the collection."""

    async def generate() -> AsyncIterator[None]:
        name = f"generates-{next(_numbers)}"
        with logweft.adopt(name):
            node.below(name).say()
            yield
            await asyncio.sleep(0)
            yield

    async def take_one() -> None:
        async for _ in generate():
            break
        if node.dice.random() < 0.3:
            gc.collect()

    # Of its own, as what a generator sets is its consumer's too while it waits.
    await asyncio.create_task(take_one())


async def plainly(node: Node) -> None:
    """Go on in a plain function."""
    grow(node.below())


STEPS_ASYNC: tuple[Callable[[Node], Awaitable[None]], ...] = (
    *(minted_async, bound_async, in_task, in_tasks, to_thread, in_executor, in_callback),
    *(cancelled, abandoned, plainly),
)


async def grow_async(node: Node) -> None:
    """Log, do some steps, and log after each."""
    node.say()
    if node.depth > 0:
        for _ in range(node.dice.randint(0, 3)):
            await node.dice.choice(STEPS_ASYNC)(node)
            node.say()


async def plant(seed: int) -> None:
    """Grow three trees side by side."""
    if sys.version_info >= (3, 12) and seed % 2:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    dice = random.Random(seed)
    roots = [Node(random.Random(dice.random()), "", {}, 5) for _ in range(3)]
    await asyncio.gather(*(asyncio.create_task(grow_async(root)) for root in roots))


def main() -> None:
    """Grow the trees that the arguments name."""
    path, first, last = sys.argv[1:]
    handler = logging.FileHandler(path)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    with logweft.install():
        for seed in range(int(first), int(last)):
            asyncio.run(plant(seed))
        executor.shutdown()
        pool.terminate()


def wrong(line: dict[str, Any]) -> bool:
    """Say whether a line has another ID or other fields than it must have."""
    wanted = json.loads(line["message"])
    names = ("correlation_id", *NAMES)
    has = {name: line[name] for name in names if name in line}
    return {"correlation_id": "", **has} != wanted


if __name__ == "__main__":
    executor = ThreadPoolExecutor(4)
    pool = multiprocessing.pool.ThreadPool(3)
    main()
