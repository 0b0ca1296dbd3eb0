"""Flask; run by its development server, which leaves SIGTERM alone, or by gunicorn."""

import os
import time

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "ok"


@app.get("/slow")
def slow():
    time.sleep(1)
    return "ok"


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
