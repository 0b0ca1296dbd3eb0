"""Base images that start what is copied into them: a Dockerfile that builds on one needs no CMD of its own.

Sources: ``start.sh``, ``gunicorn_conf.py`` and the Dockerfiles of tiangolo/uvicorn-gunicorn-docker and
tiangolo/uwsgi-nginx-flask-docker, with what tiangolo/uwsgi-nginx says of its uWSGI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

UVICORN = re.compile(r"(?:^|/)tiangolo/uvicorn-gunicorn(?:-fastapi|-starlette)?(?:[:@]|\Z)")
MEINHELD = re.compile(r"(?:^|/)tiangolo/meinheld-gunicorn(?:-flask)?(?:[:@]|\Z)")
UWSGI = re.compile(r"(?:^|/)tiangolo/uwsgi-nginx(?:-flask)?(?:[:@]|\Z)")
HOME = "/app"

Asked = Callable[[str], str | None]
"""The value of a variable of the container, None where it is not known."""


def home_of(image: str) -> str | None:
    """The WORKDIR of a base image of this kind, None for another image."""
    return HOME if any(pattern.search(image) for pattern in (UVICORN, MEINHELD, UWSGI)) else None


def starts_of(image: str, variable: Asked) -> Iterator[tuple[str, ...]]:
    """The command lines that the base image may run, the likelier first: by which module stands in it. None for other images."""
    if UWSGI.search(image):
        drained = ("--hook-master-start", "unix_signal:15 gracefully_kill_them_all")
        own = ("uwsgi", "--master", "--die-on-term", "--need-app", *drained)
        ini = variable("UWSGI_INI") or f"{HOME}/uwsgi.ini"
        yield (*own, "--ini", ini)
        yield (*own, "--module", "main", "--callable", "app")
        return
    if not (UVICORN.search(image) or MEINHELD.search(image)):
        return
    worker = "egg:meinheld#gunicorn_worker" if MEINHELD.search(image) else "uvicorn.workers.UvicornWorker"
    name = variable("VARIABLE_NAME") or "app"
    module = variable("MODULE_NAME")
    given = variable("APP_MODULE") or (f"{module}:{name}" if module else None)
    limits = ("--timeout", variable("TIMEOUT") or "120", "--graceful-timeout", variable("GRACEFUL_TIMEOUT") or "120")
    kept = ("--keep-alive", variable("KEEP_ALIVE") or "5", "--access-logfile", variable("ACCESS_LOG") or "-")
    for app in (given,) if given else (f"app.main:{name}", f"main:{name}"):
        yield ("gunicorn", "-k", variable("WORKER_CLASS") or worker, *limits, *kept, app)
