"""8. A Celery worker. Sends jobs to parcels over a protocol of its own."""

import json
import logging
import socket

import broker
import celery
import common

import logweft

logweft.install(service="mail")
log = logging.getLogger(__name__)
app = celery.Celery("mail")
app.conf.update(broker.SETTINGS)


@app.task(name="mail.confirm")
def confirm(number):
    log.info("order %d is confirmed", number)
    job = {"number": number, "headers": logweft.inject({})}
    with socket.create_connection(("127.0.0.1", common.port("parcels")), timeout=60) as parcels:
        parcels.sendall(json.dumps(job).encode() + b"\n")
        if not parcels.recv(100):
            raise ConnectionError("parcels gave no answer")
    log.info("order %d is on its way", number)
