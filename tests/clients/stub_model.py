"""A stub of the Messages API on loopback: records each request, answers from a scripted list of content blocks.

It shows whether a client loads the skill and runs its scripts, never whether a model would choose to.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Block = dict[str, Any]


class StubModel:
    """The recorded requests and the script that is left to play."""

    def __init__(self, script: list[Block]) -> None:
        self.script = list(script)
        self.requests: list[dict[str, Any]] = []
        self.address = ""
        self._lock = threading.Lock()

    def answer(self, request: dict[str, Any]) -> Block:
        """The next scripted block for the conversation with tools; `done` for side requests and at the end."""
        with self._lock:
            self.requests.append(request)
            has_tools = any(tool.get("name") == "Skill" for tool in request.get("tools", []))
            if not has_tools or not self.script:
                return {"type": "text", "text": "done"}
            return {**self.script.pop(0), "id": f"toolu_{len(self.requests):04d}"}


def events(block: Block, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of one answer."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}
    yield "message_start", {"message": {**message, "stop_reason": None, "stop_sequence": None}}
    start: Block = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": block.get("text", "")}
    if block["type"] != "text":
        start = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    yield "content_block_start", {"index": 0, "content_block": start}
    yield "content_block_delta", {"index": 0, "delta": delta}
    yield "content_block_stop", {"index": 0}
    stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
    yield "message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 1}}
    yield "message_stop", {}


@contextmanager
def serve(script: list[Block]) -> Iterator[StubModel]:
    """Run the stub on a free port of 127.0.0.1."""
    stub = StubModel(script)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            del format, args

        def reply(self, content_type: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.reply("text/plain", b"")

        def do_GET(self) -> None:
            self.reply("application/json", b"{}")

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            if not self.path.split("?")[0].endswith("/v1/messages"):
                self.reply("application/json", b'{"input_tokens": 10}')
                return
            model = request.get("model", "")
            lines = [
                f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"
                for name, data in events(stub.answer(request), model)
            ]
            self.reply("text/event-stream", "".join(lines).encode())

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
