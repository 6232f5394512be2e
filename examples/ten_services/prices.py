"""4. aiohttp's server. Calls quotes by aiohttp's client."""

import logging

import aiohttp
import common
from aiohttp import web

import logweft

log = logging.getLogger(__name__)
CLIENT = web.AppKey("client", aiohttp.ClientSession)


async def order(request):
    number = int(request.match_info["number"])
    log.info("order %d needs a quote", number)
    async with request.app[CLIENT].get(common.url("quotes", number)) as response:
        response.raise_for_status()
        quote = await response.text()
    log.info("order %d costs %s", number, quote)
    return web.Response(text=quote)


async def client(app):
    timeout = aiohttp.ClientTimeout(60)
    async with aiohttp.ClientSession(timeout=timeout) as app[CLIENT]:
        yield


if __name__ == "__main__":
    logweft.install(service="prices")
    app = web.Application()
    app.router.add_get("/order/{number}", order)
    app.cleanup_ctx.append(client)
    web.run_app(app, sock=common.inherited_socket(), print=None)
