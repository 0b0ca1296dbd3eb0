"""`unwatched-thread`: a server whose port a thread opens by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

RULE = "logging/unwatched-thread"
APP = """import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import prometheus_client


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()


def made(port):
    return ThreadingHTTPServer(("", port), Health)


{code}


def main():
    {start}
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
"""
START = "threading.Thread(target=serve, daemon=True).start()"


@pytest.mark.parametrize(
    "body",
    [
        'ThreadingHTTPServer(("", 8080), Health).serve_forever()',
        "made(8080).serve_forever()",
        "prometheus_client.start_http_server(9000)\n    while True:\n        time.sleep(600)",
        "try:\n        made(8080).serve_forever()\n    except KeyboardInterrupt:\n        pass",
    ],
)
def test_a_thread_that_opens_its_port(tmp_path: Path, body: str) -> None:
    [told] = said(tmp_path, RULE, {"app.py": APP.format(code=f"def serve():\n    {body}", start=START)})
    assert (told.severity, told.confidence) == ("low", "certain")
    assert "opens its port inside the thread serve" in told.message


@pytest.mark.parametrize(
    ("body", "start"),
    [
        # the main thread opens the port, and hears of it
        ("pass", 'threading.Thread(target=made(8080).serve_forever, daemon=True).start()'),
        ("pass", "prometheus_client.start_http_server(9000)"),
        # told of, or the end of the process
        ("try:\n        made(8080).serve_forever()\n    except OSError:\n        raise SystemExit(1)", START),
        ("try:\n        made(8080).serve_forever()\n    except Exception:\n        print('no health endpoint')", START),
        ("made(8080).serve_forever()", "worker = threading.Thread(target=serve)\n    worker.start()\n    worker.join()"),
    ],
)
def test_ports_whose_failure_is_seen(tmp_path: Path, body: str, start: str) -> None:
    told = said(tmp_path, RULE, {"app.py": APP.format(code=f"def serve():\n    {body}", start=start)})
    assert not [f for f in told if "opens its port" in f.message]
