"""Servers and framework runners: how each is started, stops, drains and logs (``data/servers.json``).

Values are defaults. Numbers like ``facts 2.1`` in ``source`` name measured runs.
"""

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .commands import matched
from .names import spellings
from .table import load


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a server, in all the places where it can be written."""

    flags: tuple[str, ...] = ()
    """On the command line: ``--workers``, ``-w``."""
    settings: tuple[str, ...] = ()
    """In its configuration file (gunicorn.conf.py, hypercorn.toml, uwsgi.ini)."""
    keywords: tuple[str, ...] = ()
    """As argument of the run calls."""
    environment: tuple[str, ...] = ()


NO_OPTION = Option()


@dataclass(frozen=True, slots=True, eq=False)
class Server:
    """One program or call that serves until it is stopped."""

    name: str
    distribution: str
    source: str
    kind: str = "server"
    """``server``; ``worker-class`` (named by the -k of ``host``); ``development``."""
    host: str = ""
    """The server that runs this worker class."""
    programs: tuple[str, ...] = ()
    """Commands, subcommand included: ``uvicorn``, ``flask run``, ``manage.py runserver``."""
    modules: tuple[str, ...] = ()
    """For ``python -m``."""
    value_options: tuple[str, ...] = ()
    """Options that take a word and may stand before the subcommand."""
    runs: tuple[str, ...] = ()
    """Dotted calls that block while serving."""
    starts: tuple[str, ...] = ()
    """Dotted calls that start serving and return."""
    stops: tuple[str, ...] = ()
    """Dotted calls that end it."""
    worker_names: tuple[str, ...] = ()
    """What ``-k`` takes, for a worker class."""
    sigterm: str = "none"
    """``graceful`` (stops accepting, drains), ``quick`` (ends, requests are cut), ``none`` (no handler: the process dies, or as
    PID 1 ignores it), ``reloader`` (only the reloading parent handles it)."""
    signals: Mapping[str, str] = field(default_factory=dict)
    """Other signals, by the same words."""
    drain: str = "none"
    """``bounded`` (``drain_seconds``), ``unlimited``, ``none``, ``unknown``."""
    drain_seconds: float | None = None
    drain_option: Option = NO_OPTION
    keepalive_seconds: float | None = None
    keepalive_option: Option = NO_OPTION
    request_seconds: float | None = None
    """Limit on one request by default; None = none."""
    request_option: Option = NO_OPTION
    workers: int | None = 1
    """Processes by default; None = it has none of its own."""
    workers_option: Option = NO_OPTION
    threads: int | None = None
    """Threads that run handlers, by default."""
    threads_option: Option = NO_OPTION
    reload_option: Option = NO_OPTION
    log_option: Option = NO_OPTION
    """Where its whole logging configuration is given."""
    access_option: Option = NO_OPTION
    """What turns its access log on, off or elsewhere."""
    access_log: str = "unknown"
    """``on`` or ``off`` by default, or ``unknown``."""
    access_format: str = ""
    access_logger: str = ""
    """Name of the stdlib logger, if it uses logging."""
    main_thread: bool | None = None
    """Whether it must run in the main thread to handle signals."""
    code_after_run: bool | None = None
    """Whether code after the run call, and an enclosing finally, runs when SIGTERM ends it."""
    atexit: bool | None = None
    """Whether ``atexit`` handlers run when SIGTERM ends it."""
    lifespan: bool | None = None
    """Whether the application's own shutdown hooks run when SIGTERM ends it."""
    exit_code: int | None = None
    """After SIGTERM, in the foreground and not as PID 1."""
    bind: str = ""
    """host:port by default."""
    bind_option: Option = NO_OPTION
    costs: str = ""
    """What a development server costs in production; of another server what its reloader does."""
    instead: str = ""
    """What serves the applications of a development server in production."""
    note: str = ""
    sure: bool = True

    @property
    def development(self) -> bool:
        """Not made for production."""
        return self.kind == "development"

    def is_run_by(self, dotted: str) -> bool:
        """Whether the call ``dotted`` runs the server until its end; a call that only starts it does not."""
        return not set(spellings(dotted)).isdisjoint(self.runs)


_OPTIONS = (
    "drain_option keepalive_option request_option workers_option threads_option reload_option log_option access_option bind_option"
).split()


@cache
def all_servers() -> tuple[Server, ...]:
    """Every row."""
    return load("servers", Server, dict.fromkeys(_OPTIONS, Option))


@cache
def server_run_by(dotted: str) -> Server | None:
    """The server whose blocking run call, or starting call, is ``dotted`` (``uvicorn.run``, ``flask.Flask.run``)."""
    names = set(spellings(dotted))
    return next((row for row in all_servers() if names.intersection(row.runs + row.starts)), None)


def server_program(words: tuple[str, ...]) -> Server | None:
    """The server that a command line starts, by its first words: ``("gunicorn", "app:app")``, ``("python", "manage.py", "runserver")``.

    ``words`` begin with the program, without its folder; interpreters and wrappers should be stripped, except ``-m module``.
    The longest match wins, so ``flask run`` is not ``flask``.
    """
    found = [(matched(words, row.programs, row.modules, row.value_options), row) for row in all_servers()]
    length, best = max(found, key=lambda pair: pair[0])
    return best if length else None


@cache
def worker_class(name: str) -> Server | None:
    """The row for a gunicorn worker class, by the text after ``-k``."""
    return next((row for row in all_servers() if name in row.worker_names), None)
