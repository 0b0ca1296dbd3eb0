"""Calls the gRPC pattern for some seconds; ends with 1 when a call that was under way is lost, 0 when new ones are refused."""

import os
import sys
import time

import grpc


def refused(error: grpc.RpcError) -> bool:
    """Whether a call never reached a handler: the server's port is closed, or it said that it takes no more (GOAWAY)."""
    said = str(error.details()).lower()
    return error.code() == grpc.StatusCode.UNAVAILABLE and any(
        word in said for word in ("connect", "goaway", "refused")
    )


with grpc.insecure_channel(f"127.0.0.1:{os.environ['PORT']}") as channel:
    grpc.channel_ready_future(channel).result(5)
    call = channel.unary_unary("/shop.Orders/Next")
    until = time.monotonic() + 8
    while time.monotonic() < until:
        began = time.monotonic()
        calls = [call.future(b"", timeout=8) for _ in range(4)]
        failed = [error for one in calls if isinstance(error := one.exception(), grpc.RpcError)]
        lost = [error for error in failed if not refused(error)]
        for error in lost:
            print(error.code(), error.details(), flush=True)
        if failed:
            sys.exit(1 if lost else 0)
