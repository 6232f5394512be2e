"""Kafka and AMQP: a message carries its sender's IDs, through a real broker, and is adopted."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import confluent_kafka
import pika
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import contracts
import logweft
from contracts import TRACE, TRACEPARENT, Lines, OutboundContract
from programs import run_command

pytestmark = pytest.mark.once

lines = contracts.lines
DEADLINE_S = 60


# The brokers


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """Return the address of a Kafka cluster: the one inside librdkafka, which speaks over TCP."""
    owner = confluent_kafka.Producer(
        {"bootstrap.servers": "in.memory", "test.mock.num.brokers": 1, "log_level": 0}
    )
    (broker,) = owner.list_topics(timeout=DEADLINE_S).brokers.values()
    yield f"{broker.host}:{broker.port}"
    owner.flush(DEADLINE_S)


RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""Debian's; the one on the path is a wrapper that changes to a user of its own."""


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def amqp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a RabbitMQ of our own, which leaves no file and no process behind."""
    server = RABBITMQ if Path(RABBITMQ).exists() else shutil.which("rabbitmq-server")
    epmd = shutil.which("epmd")
    if server is None or epmd is None:
        pytest.skip("needs a rabbitmq-server: apt-get install rabbitmq-server")
    folder = tmp_path_factory.mktemp("rabbitmq")
    port, node_port, epmd_port = free_ports(3)
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\nlog.file = false\n"
    )
    (folder / "plugins").write_text("[].")
    environment = {
        **os.environ,
        "HOME": str(folder),  # where its cookie is made
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_DIST_PORT": str(node_port),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_NODENAME": f"logweft{port}@localhost",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +A 4",
    }
    log = folder / "out"
    with log.open("w") as out, contextlib.ExitStack() as ended:
        for command in ([epmd, "-port", str(epmd_port), "-address", "127.0.0.1"], [server]):
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            # The shell script, the Erlang machine and its helper: a group.
            ended.callback(process.wait, DEADLINE_S)
            ended.callback(os.killpg, process.pid, signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        while "Server startup complete" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"amqp://guest:guest@127.0.0.1:{port}/"


def text(headers: Any) -> list[tuple[str, str]]:
    """Return *headers* as pairs of a lower-case name and text."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return [
        (name.lower(), value.decode() if isinstance(value, bytes) else value)
        for name, value in pairs
    ]


# Kafka


async def to_kafka(address: str, topic: str, *args: Any, **kwargs: Any) -> None:
    """Send one message."""
    async with AIOKafkaProducer(bootstrap_servers=address, retry_backoff_ms=20) as producer:
        await producer.send_and_wait(topic, b"paid", *args, **kwargs)


async def from_kafka(address: str, topic: str) -> Any:
    """Return the first message of *topic*."""
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest"
    ) as consumer:
        return await asyncio.wait_for(consumer.getone(), DEADLINE_S)


class TestAiokafka(OutboundContract):
    @pytest.fixture(autouse=True)
    def broker(self, kafka: str) -> None:
        """Keep the address."""
        self.address = kafka

    def send(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        """Send *headers* as Kafka has them, and read the message back."""
        pairs = [(name, value.encode()) for name, value in headers.items()]
        given = pairs.copy()
        topic = uuid4().hex
        asyncio.run(to_kafka(self.address, topic, headers=pairs))
        assert pairs == given
        return text(asyncio.run(from_kafka(self.address, topic)).headers)

    def fail(self) -> None:
        """Send headers that are none."""
        asyncio.run(to_kafka(self.address, "refused", headers=[("a", "no bytes")]))

    @pytest.mark.parametrize("given", [None, [], (), (("a", b"1"), ("a", None))])
    def test_headers_of_every_kind_are_taken(self, lines: Lines, given: Any) -> None:
        """No headers, none in a list, a tuple with a name twice: they arrive in front of ours."""
        topic = uuid4().hex
        with logweft.adopt("order-1"):
            asyncio.run(to_kafka(self.address, topic, None, None, None, given))

        seen = asyncio.run(from_kafka(self.address, topic)).headers
        assert list(seen[:-2]) == list(given or ())
        assert seen[-1] == ("X-Correlation-ID", b"order-1")

    def test_a_consumed_message_is_adopted(self, lines: Lines) -> None:
        """`adopt` takes the headers of aiokafka's message as they are."""
        topic = uuid4().hex
        with logweft.adopt({"X-Correlation-ID": "order-1", "traceparent": TRACEPARENT}):
            asyncio.run(to_kafka(self.address, topic))

        with logweft.adopt(asyncio.run(from_kafka(self.address, topic)).headers) as context:
            assert (context.correlation_id, context.trace_id) == ("order-1", TRACE)


@pytest.mark.parametrize("given", [[], [("a", b"1")], [("a", None)], {}, {"a": b"1"}, {"a": "1"}])
def test_confluent_kafka_takes_what_inject_writes(lines: Lines, kafka: str, given: Any) -> None:
    """Headers of each shape that confluent-kafka takes arrive with the IDs, and are adopted."""
    topic = uuid4().hex
    theirs = text(copy.copy(given))
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka})
    with logweft.adopt("order-1") as sent:
        producer.produce(topic, b"paid", partition=0, headers=logweft.inject(given))
    assert producer.flush(DEADLINE_S) == 0

    message = consumed(kafka, topic)

    assert text(message.headers())[: len(theirs)] == theirs
    with logweft.adopt(message.headers()) as context:
        assert (context.correlation_id, context.trace_id) == ("order-1", sent.trace_id)


def test_a_message_without_headers_is_adopted(lines: Lines, kafka: str) -> None:
    """The None that confluent-kafka has for no headers can be adopted and injected into."""
    topic = uuid4().hex
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka})
    with logweft.adopt("order-1"):
        producer.produce(topic, b"paid", partition=0, headers=logweft.inject(None))
    assert producer.flush(DEADLINE_S) == 0

    message = consumed(kafka, topic)

    assert message.headers() is None
    with logweft.adopt(message.headers()) as context:
        assert contracts.MINTED.fullmatch(context.correlation_id or "")


def consumed(address: str, topic: str) -> Any:
    """Return the first message of *topic*."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": topic})
    try:
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        message = consumer.poll(DEADLINE_S)
        assert message is not None
        assert message.error() is None
        return message
    finally:
        consumer.close()


# AMQP


class TestPika(OutboundContract):
    @pytest.fixture(autouse=True)
    def broker(self, amqp: str) -> Iterator[None]:
        """Open a channel and declare a queue."""
        self.connection = pika.BlockingConnection(pika.URLParameters(amqp))
        self.channel = self.connection.channel()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        yield
        self.connection.close()

    def send(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        """Publish *headers*, and get the message back."""
        return text(self.published(pika.BasicProperties(headers=headers)).headers)

    def published(self, *properties: Any) -> Any:
        """Return the properties a message that is published with *properties* arrives with."""
        self.channel.basic_publish("", self.queue, b"paid", *properties)
        return self.arrived()

    def arrived(self) -> Any:
        """Return the properties of the next message."""
        _, seen, body = next(self.channel.consume(self.queue, True, inactivity_timeout=DEADLINE_S))
        assert body == b"paid"
        self.channel.cancel()
        return seen

    def fail(self) -> None:
        """Publish properties that are none."""
        self.channel.basic_publish("", self.queue, b"paid", pika.BasicProperties(headers="none"))

    def test_properties_are_kept_and_not_changed(self, lines: Lines) -> None:
        """Properties published by two pieces of work arrive as they are, with each one's ID."""
        mine = pika.BasicProperties(correlation_id="rpc-1", content_type="text/plain")
        for order in ("order-1", "order-2"):
            with logweft.adopt(order):
                seen = self.published(mine)
            assert (seen.correlation_id, seen.content_type) == ("rpc-1", "text/plain")
            with logweft.adopt(seen.headers) as context:
                assert context.correlation_id == order

        assert mine.headers is None

    @pytest.mark.parametrize("properties", [(), (None,)])
    def test_no_properties_are_made(self, lines: Lines, properties: tuple[None, ...]) -> None:
        """A message without properties carries the ID; outside of work it has no headers."""
        assert self.published(*properties).headers is None
        with logweft.adopt("order-1"):
            assert self.published(*properties).headers["X-Correlation-ID"] == "order-1"

    def test_a_channel_with_callbacks_is_covered(self, lines: Lines, amqp: str) -> None:
        """A message published by an asynchronous connection, arguments in order, has the ID."""
        mine = pika.BasicProperties(headers={"tries": 3})

        def publish(channel: Any) -> None:
            with logweft.adopt("order-1"):
                channel.basic_publish("amq.direct", "key", b"paid", mine)
            connection.close()

        self.channel.queue_bind(self.queue, "amq.direct", "key")
        connection = pika.SelectConnection(
            pika.URLParameters(amqp),
            on_open_callback=lambda opened: opened.channel(on_open_callback=publish),
            on_close_callback=lambda closed, _: closed.ioloop.stop(),
        )
        try:
            connection.ioloop.start()
        finally:
            connection.ioloop.close()

        seen = self.arrived()
        assert (seen.headers["tries"], seen.headers["X-Correlation-ID"]) == (3, "order-1")
        assert mine.headers == {"tries": 3}

    def test_properties_by_their_name(self, lines: Lines) -> None:
        """Arguments given by name are found, and other values in the headers stay."""
        mine = pika.BasicProperties(headers={"tries": 3, "raw": b"\0"})
        with logweft.adopt("order-1"):
            self.channel.basic_publish(
                body=b"", properties=mine, exchange="", routing_key=self.queue
            )
        seen = self.channel.basic_get(self.queue, auto_ack=True)[1]

        assert (seen.headers["tries"], seen.headers["raw"]) == (3, b"\0")
        with logweft.adopt(seen.headers) as context:
            assert context.correlation_id == "order-1"


class TestAioPika(OutboundContract):
    @pytest.fixture(autouse=True)
    def broker(self, amqp: str) -> None:
        """Keep the URL."""
        self.url = amqp

    connect = staticmethod(aio_pika.connect)

    async def published(self, *messages: Any, ids: tuple[str, ...] = ()) -> list[Any]:
        """Publish *messages*, each under its ID if there are *ids*; return them as they arrive."""
        async with await self.connect(self.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            for number, message in enumerate(messages):
                with logweft.adopt(ids[number]) if ids else contextlib.nullcontext():
                    await channel.default_exchange.publish(message, routing_key=queue.name)
            return [await queue.get(no_ack=True, timeout=DEADLINE_S) for _ in messages]

    def send(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        """Publish *headers*, and get the message back."""
        (seen,) = asyncio.run(self.published(aio_pika.Message(b"paid", headers=headers)))
        assert seen.body == b"paid"
        return text(seen.headers)

    def fail(self) -> None:
        """Publish what is no message."""
        asyncio.run(self.published("no message"))

    def test_a_message_is_kept_and_not_changed(self, lines: Lines) -> None:
        """A message published by two pieces of work arrives as it is, with each one's ID."""
        headers = {"tries": 3}
        mine = aio_pika.Message(
            b"paid", headers=headers, correlation_id="rpc-1", message_id="m-1", priority=4
        )
        first, second = asyncio.run(self.published(mine, mine, ids=("order-1", "order-2")))

        for seen, order in ((first, "order-1"), (second, "order-2")):
            assert (seen.correlation_id, seen.message_id, seen.priority) == ("rpc-1", "m-1", 4)
            assert seen.headers["tries"] == 3
            with logweft.adopt(seen.headers) as context:
                assert context.correlation_id == order
        assert mine.headers is headers
        assert headers == {"tries": 3}


class TestAioPikaRobust(TestAioPika):
    connect = staticmethod(aio_pika.connect_robust)


def test_the_example_sends_and_receives_under_one_id(amqp: str) -> None:
    """examples/amqp_messages.py, given a broker, receives each message under its sender's ID."""
    example = Path(__file__).parent.parent.parent / "examples" / "amqp_messages.py"
    done = run_command([sys.executable, str(example)], env={"AMQP_URL": amqp})

    assert done.code == 0, done.err
    received = [line for line in done.lines if line["message"] == "received paid"]
    assert [line["correlation_id"] for line in received] == ["order-1", "order-2"]
