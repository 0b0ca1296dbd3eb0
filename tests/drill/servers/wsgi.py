"""A bare WSGI application: /slow takes a second, /wait as long as WAIT says."""

import os
import time


def app(environ, start_response):
    time.sleep({"/slow": 1.0, "/wait": float(os.environ.get("WAIT", "0"))}.get(environ["PATH_INFO"], 0))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
