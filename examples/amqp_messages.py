"""
A message to RabbitMQ and back under one ID, by pika and by aio-pika.

Both send the ID by themselves, as headers beside the message's own; a consumer adopts them. Set
AMQP_URL to a broker, amqp://guest:guest@localhost/: without it, only the headers are shown.
"""

import asyncio
import logging
import os

import aio_pika
import pika

import logweft

log = logging.getLogger("shop")


def by_pika(url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare("logweft-example", auto_delete=True)
    with logweft.adopt("order-1"):
        channel.basic_publish("", "logweft-example", b"paid")
    _, properties, body = channel.basic_get("logweft-example", auto_ack=True)
    with logweft.adopt(properties.headers):
        log.info("received %s", body.decode())
    connection.close()


async def by_aio_pika(url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("logweft-example", auto_delete=True)
        with logweft.adopt("order-2"):
            message = aio_pika.Message(b"paid")
            await channel.default_exchange.publish(message, routing_key=queue.name)
        received = await queue.get(timeout=30, no_ack=True)
        with logweft.adopt(received.headers):
            log.info("received %s", received.body.decode())


def main() -> None:
    logweft.install(level="INFO", service="shop")
    url = os.environ.get("AMQP_URL")
    if url is None:
        with logweft.adopt("order-1"):
            properties = pika.BasicProperties(headers=logweft.inject({"kind": "order"}))
        log.info("no broker; sent would be %s", sorted(properties.headers))
        return
    by_pika(url)
    asyncio.run(by_aio_pika(url))


if __name__ == "__main__":
    main()
