"""A service that keeps every promise, and breaks one for each word in FAULTS. Used by the drill's own tests.

Needs PORT, DB (host:port of a line server), LIMIT and API_TOKEN.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEGAN = time.monotonic()
FAULTS = os.environ.get("FAULTS", "").split(",")


def broken(fault):
    return fault in FAULTS


def log(level, message, **more):
    if broken("plain-logs"):
        print(f"{level}: {message}", flush=True)
        return
    print(json.dumps({"level": level, "time": time.time(), "message": message, **more}), flush=True)


def setting(name, convert=str):
    value = os.environ.get(name)
    if broken("default-configuration"):
        return {"PORT": lambda: int(value), "LIMIT": lambda: 1}.get(name, lambda: value or "127.0.0.1:1")()
    if broken("bare-key-error"):
        return convert(os.environ[name])
    if value is None:
        sys.exit(0 if broken("refuses-with-0") else f"configuration: {name} is not set")
    try:
        return convert(value)
    except ValueError as error:
        what = "a setting" if broken("unnamed-setting") else name
        sys.exit(f"configuration: {what} is {value!r}: {error}")


port, db, limit, token = setting("PORT", int), setting("DB"), setting("LIMIT", int), setting("API_TOKEN")
if broken("leaks-secret"):
    log("info", f"using token {token}")


def ask_dependency(timeout):
    host, _, number = db.rpartition(":")
    with socket.create_connection((host, int(number)), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(b"ping\n")
        if not connection.recv(16):
            raise OSError("closed")


class State:
    in_flight = 0
    errors = 0
    stopping = 0.0
    startup = 0.0


lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def say(self, status, body=b"ok"):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        identity = {} if broken("no-correlation") else {"request_id": self.headers.get("X-Request-ID")}
        log("info", "request", path=self.path, status=status, **identity)

    def do_GET(self):
        with lock:
            State.in_flight += 1
        try:
            getattr(self, "get_" + self.path.strip("/"), lambda: self.say(404))()
        except OSError:
            with lock:
                State.errors += 1
            self.say(504)
        finally:
            with lock:
                State.in_flight -= 1

    def get_readyz(self):
        if not broken("readiness-lies") and not (broken("readiness-sticks") and State.errors):
            try:
                ask_dependency(None if broken("probe-hangs") else 0.4)
            except OSError:
                if broken("readiness-sticks"):
                    State.errors += 1
                return self.say(503)
        elif broken("readiness-sticks"):
            return self.say(503)
        return self.say(200)

    def get_livez(self):
        if broken("liveness-follows"):
            ask_dependency(0.4)
        self.say(200)

    def get_metrics(self):
        if broken("no-metrics"):
            return self.say(200, b"requests_total 1\n")
        flying = 0 if broken("still-metrics") else State.in_flight
        text = f"startup_seconds {State.startup}\nin_flight {flying}\nerrors_total {State.errors}\n"
        return self.say(200, text.encode())

    def get_work(self):
        ask_dependency(None if broken("no-deadline") else 0.8)
        time.sleep(1)
        self.say(200)

    def get_fail(self):
        with lock:
            State.errors += 1
        self.say(500)


class Server(ThreadingHTTPServer):
    daemon_threads = broken("drops-in-flight") or broken("no-deadline")
    request_queue_size = 64


def stop(signum, _):
    if broken("slow-stop"):
        return
    if State.stopping:
        if broken("second-signal-crashes"):
            os._exit(70)
        return
    State.stopping = time.monotonic()
    if broken("handler-taken-off"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if broken("drops-in-flight"):
        os._exit(0)
    threading.Thread(target=server.shutdown).start()


if broken("ignores-term-in-startup"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if broken("slow-start") or broken("ignores-term-in-startup"):
    time.sleep(2)
server = Server(("127.0.0.1", port), Handler)
if not broken("no-handler"):
    signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, signal.SIG_IGN if broken("ignores-interrupt") else stop)
if broken("orphan"):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
if broken("child-holds-port"):
    os.set_inheritable(server.fileno(), True)
    subprocess.Popen(["sleep", "600"], close_fds=False)
if broken("temporary-file"):
    tempfile.mkstemp(prefix="forgotten-")
State.startup = time.monotonic() - BEGAN
log("info", "started", startup_seconds=State.startup)
if broken("chatty"):
    for number in range(200_000):
        sys.stdout.write(json.dumps({"level": "info", "time": number, "message": "x" * 100}) + "\n")
server.serve_forever(0.05)
server.server_close()
if broken("second-signal-crashes") or broken("handler-taken-off"):
    time.sleep(1)
if broken("wrong-code"):
    sys.exit(9)
log("info", "stopped", **({} if broken("no-metrics") else {"shutdown_seconds": time.monotonic() - State.stopping}))
if broken("lost-lines"):
    print(json.dumps({"level": "info", "time": time.time(), "message": "still in the buffer"}))
    os._exit(0)
