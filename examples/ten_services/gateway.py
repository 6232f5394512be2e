"""1. FastAPI under uvicorn. Calls orders by httpx."""

import contextlib
import logging

import common
import fastapi
import httpx

import logweft

logweft.install(service="gateway")
log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def lifespan(app):
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits) as app.state.client:
        yield


app = fastapi.FastAPI(lifespan=lifespan)


@app.get("/order/{number}")
async def order(number: int):
    log.info("order %d came in", number)
    response = await app.state.client.get(common.url("orders", number))
    response.raise_for_status()
    log.info("order %d is done", number)
    return response.json()
