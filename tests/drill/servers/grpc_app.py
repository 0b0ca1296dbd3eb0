"""gRPC with a generic handler; `call N` is the client that makes N calls of a second and fails when one is lost.

With FAULTS=no-grace the server stops without waiting for calls.
"""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

address = f"127.0.0.1:{os.environ['PORT']}"

if sys.argv[1:2] == ["call"]:
    with grpc.insecure_channel(address) as channel:
        work = channel.unary_unary("/drill.Test/Work")
        calls = [work.future(b"x", timeout=8) for _ in range(int(sys.argv[2]))]
        sys.exit(0 if all(call.result() == b"done" for call in calls) else 1)


def work(request, context):
    time.sleep(5.5)
    return b"done"


stop = threading.Event()
server = grpc.server(ThreadPoolExecutor(4))
handler = grpc.method_handlers_generic_handler("drill.Test", {"Work": grpc.unary_unary_rpc_method_handler(work)})
server.add_generic_rpc_handlers((handler,))
server.add_insecure_port(address)
signal.signal(signal.SIGTERM, lambda *_: stop.set())
server.start()
stop.wait()
server.stop(0 if os.environ.get("FAULTS") == "no-grace" else 8).wait()
