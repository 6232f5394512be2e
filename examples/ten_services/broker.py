"""The queue between payments and mail: Celery's settings for kombu's broker in a directory."""

import fcntl
import os
from contextlib import contextmanager

from kombu.transport import TRANSPORT_ALIASES, filesystem

QUEUE = os.environ["QUEUE"]

SETTINGS = {
    "broker_url": "filesystem://localhost//",
    "broker_transport_options": {
        "data_folder_in": QUEUE,
        "data_folder_out": QUEUE,
        "control_folder": QUEUE,
        "polling_interval": 0.05,
    },
    "broker_connection_retry_on_startup": True,
    "task_ignore_result": True,
    "worker_enable_remote_control": False,
}


@contextmanager
def alone():
    with open(os.path.join(QUEUE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Channel(filesystem.Channel):
    """kombu's, behind a lock: it fails on a file that another process has not written yet."""

    def _queue_bind(self, *args):
        with alone():
            super()._queue_bind(*args)

    def _put(self, *args, **kwargs):
        with alone():
            super()._put(*args, **kwargs)

    def _get(self, *args, **kwargs):
        with alone():
            return super()._get(*args, **kwargs)


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
