"""
A message to Kafka and back under one ID: `inject` writes its headers, `adopt` reads them.

The broker is the one inside librdkafka, for tests, so that this runs anywhere.
aiokafka's messages carry the ID by themselves, and are read the same way.
"""

import logging

from confluent_kafka import Consumer, Producer, TopicPartition

import logweft

logweft.install(level="INFO")
log = logging.getLogger("shop")

producer = Producer({"test.mock.num.brokers": 1, "log_level": 0})
(broker,) = producer.list_topics(timeout=30).brokers.values()

with logweft.adopt("order-1"):
    log.info("sending")
    # Or a list of pairs; its values are bytes if those that are there are.
    producer.produce("orders", b"paid", partition=0, headers=logweft.inject({}))
producer.flush(30)

consumer = Consumer({"bootstrap.servers": f"{broker.host}:{broker.port}", "group.id": "mail"})
consumer.assign([TopicPartition("orders", 0, 0)])
message = consumer.poll(30)

# A consumer alone knows where its work on a message ends: this is that block.
with logweft.adopt(message.headers()):
    log.info("received %s", message.value().decode())
consumer.close()
