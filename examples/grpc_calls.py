"""A gRPC call that is sent with the ID, and the server that adopts it."""

import logging
from concurrent.futures import ThreadPoolExecutor

import grpc

import logweft

logweft.install()
log = logging.getLogger("shop")


def stock(request, context):  # what a generated servicer's method is
    log.info("stock of %s asked", request.decode())
    return b"3"


methods = {"Stock": grpc.unary_unary_rpc_method_handler(stock)}
with ThreadPoolExecutor() as pool:
    server = grpc.server(pool, [grpc.method_handlers_generic_handler("shop.Shop", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, logweft.adopt("order-1"):
        answer, call = channel.unary_unary("/shop.Shop/Stock").with_call(b"ink")
        told = dict(call.trailing_metadata())
        log.info("%s left, answered under %s", answer.decode(), told["x-correlation-id"])

    server.stop(None).wait()
