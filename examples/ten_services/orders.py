"""2. Flask under its own server, in threads. Calls stock and payments by requests."""

import logging

import common
import flask
import requests
from werkzeug.serving import make_server

import logweft

logweft.install(service="orders")
log = logging.getLogger(__name__)
app = flask.Flask(__name__)


@app.get("/order/<int:number>")
def order(number):
    log.info("order %d is taken", number)
    answers = {}
    for service in ("stock", "payments"):
        response = requests.get(common.url(service, number), timeout=60)
        response.raise_for_status()
        answers[service] = response.text
    log.info("order %d is in stock and paid", number)
    return answers


if __name__ == "__main__":
    common.serve_forever(make_server("127.0.0.1", 0, app, threaded=True, fd=common.inherited_fd()))
