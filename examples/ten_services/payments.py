"""7. A plain WSGI application under gunicorn. Queues a task for mail, by Celery."""

import logging

import broker
import celery

log = logging.getLogger(__name__)
queue = celery.Celery("payments", set_as_current=False)
queue.conf.update(broker.SETTINGS)


def application(environ, start_response):
    number = int(environ["PATH_INFO"].rsplit("/")[-1])
    log.info("order %d is paid", number)
    queue.send_task("mail.confirm", (number,), task_id=f"order-{number}")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"paid"]
