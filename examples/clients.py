"""Three HTTP clients, each of which takes the ID along by itself; the server is Starlette's."""

import logging
import threading

import httpx
import httpx2
import urllib3
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import logweft

log = logging.getLogger("shop")


async def pay(request: Request) -> PlainTextResponse:
    log.info("paid by %s", request.query_params["by"])
    return PlainTextResponse("ok")


def main() -> None:
    logweft.install(level="INFO", service="shop")
    app = Starlette(routes=[Route("/pay", pay)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/pay?by="

    with logweft.adopt("order-1"):
        log.info("paying")
        httpx.get(f"{url}httpx")
        httpx2.get(f"{url}httpx2")
        urllib3.request("GET", f"{url}urllib3")

    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()
