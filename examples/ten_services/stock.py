"""3. Django under the server of runserver. Calls prices by urllib."""

import logging
import urllib.request

import common
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.http import HttpResponse
from django.urls import path

import logweft

log = logging.getLogger(__name__)


def order(request, number):
    log.info("order %d: three on the shelf", number)
    with urllib.request.urlopen(common.url("prices", number), timeout=60) as response:
        price = response.read()
    log.info("order %d: reserved", number)
    return HttpResponse(price)


urlpatterns = [path("order/<int:number>", order)]

if __name__ == "__main__":
    logweft.install(service="stock")
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # a length, and so keep-alive
        USE_TZ=True,
    )
    django.setup()
    sock = common.inherited_socket()
    server = ThreadedWSGIServer(sock.getsockname(), WSGIRequestHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    server.server_name, server.server_port = sock.getsockname()
    server.setup_environ()
    server.set_app(WSGIHandler())
    common.serve_forever(server)
