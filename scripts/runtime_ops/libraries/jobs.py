"""Job systems: what makes a job, how its worker stops, and the defaults of retry, limit and acknowledgement (``data/jobs.json``)."""

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .commands import matched
from .names import spellings, supertypes
from .table import load


@dataclass(frozen=True, slots=True)
class Enqueue:
    """A call that hands work to the system."""

    call: str
    job: str
    """Where the job's function stands: ``receiver`` (``task.delay()``), ``0`` (first positional argument), a keyword, or ``name``
    (given as a text)."""


@dataclass(frozen=True, slots=True, eq=False)
class JobSystem:
    """One queue, scheduler or message consumer whose callbacks are jobs."""

    name: str
    distribution: str
    source: str
    kind: str = "queue"
    """``queue`` (workers take jobs), ``scheduler`` (by time), ``consumer`` (messages of a broker)."""
    decorators: tuple[str, ...] = ()
    """Dotted decorators, with or without call, that make a function a job."""
    method_decorators: tuple[str, ...] = ()
    """The same by bare method name, where the receiver is an instance of the application (``@app.task``, ``@broker.task``)."""
    classes: tuple[str, ...] = ()
    """Base classes whose ``job_methods`` are jobs."""
    job_methods: tuple[str, ...] = ()
    registrations: tuple[Enqueue, ...] = ()
    """Calls that make the function given to them a job or a message callback."""
    enqueues: tuple[Enqueue, ...] = ()
    programs: tuple[str, ...] = ()
    """Worker commands, subcommand included."""
    modules: tuple[str, ...] = ()
    """For ``python -m``."""
    clocks: tuple[str, ...] = ()
    """Those of the programs and modules that only put jobs into queues when it is time: such a process has none in hand."""
    value_options: tuple[str, ...] = ()
    """Options that take a word and may stand before the subcommand."""
    runs: tuple[str, ...] = ()
    """Dotted calls that work until stopped."""
    settings_classes: tuple[str, ...] = ()
    """Names of classes that the worker program takes its settings from."""
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``start`` and ``stop`` to the dotted signals, decorators or settings that run then."""
    sigterm: str = "none"
    """``drain`` (finishes the jobs in hand), ``cancel`` (cancels them; they run again), ``interrupt`` (ends at once, work lost),
    ``none`` (no handler), ``unknown``."""
    signals: Mapping[str, str] = field(default_factory=dict)
    drain_seconds: float | None = None
    """How long it drains; None = without limit (if ``sigterm`` is ``drain``)."""
    drain_option: tuple[str, ...] = ()
    """Flags, settings and arguments that bound it."""
    max_retries: int | None = 0
    """Runs after the first one, by default; None = without limit."""
    retry_parameters: tuple[str, ...] = ()
    unlimited_retry_values: tuple[object, ...] = ()
    """Values of the first retry parameter that mean without limit."""
    retry_on: str = ""
    """Which failures are retried by default, in words; empty = none."""
    retry_delay: float | None = None
    """Seconds before the first retry, by default."""
    retry_delay_max: float | None = None
    backoff: bool = False
    """Whether the delay grows by default."""
    backoff_parameters: tuple[str, ...] = ()
    time_limit: float | None = None
    """Seconds by default; None = none."""
    time_limit_parameters: tuple[str, ...] = ()
    """On the decorator, the class or the enqueuing call."""
    time_limit_settings: tuple[str, ...] = ()
    """For all jobs."""
    time_limit_unit: str = "seconds"
    time_limit_note: str = ""
    interrupts: tuple[str, ...] = ()
    """Exceptions that carry the limit or the stop into the job: rows of interrupts.json."""
    ack: str = ""
    """``before`` the job runs, ``after`` it, ``auto`` (a timer or the broker), ``manual``, or empty = does not apply."""
    ack_parameters: tuple[str, ...] = ()
    redelivery_seconds: float | None = None
    """After which an unacknowledged job is given to another worker; None = when the connection is lost, or never."""
    redelivery_parameters: tuple[str, ...] = ()
    prefetch: str = ""
    prefetch_parameters: tuple[str, ...] = ()
    dead_letter: str = ""
    """Where a job ends that has failed for good, by default; empty = nowhere."""
    dead_letter_parameters: tuple[str, ...] = ()
    """What declares such a place."""
    note: str = ""
    sure: bool = True


def _hooks(**stages: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    return stages


@cache
def all_job_systems() -> tuple[JobSystem, ...]:
    """Every row."""
    return load("jobs", JobSystem, {"registrations": Enqueue, "enqueues": Enqueue, "hooks": _hooks})


@cache
def job_system_of(dotted: str) -> JobSystem | None:
    """The system whose decorator, registration, enqueuing call or run call is ``dotted``, by any of its names."""
    index = _by_call()
    found = [index[name] for name in spellings(dotted) if name in index]
    return all_job_systems()[min(found)] if found else None


@cache
def _by_call() -> dict[str, int]:
    """The first row that has a name as decorator, run call, registration or enqueuing call."""
    index: dict[str, int] = {}
    for number, row in enumerate(all_job_systems()):
        for name in (*row.decorators, *row.runs, *(entry.call for entry in row.registrations + row.enqueues)):
            index.setdefault(name, number)
    return index


@cache
def job_system_of_class(dotted: str) -> JobSystem | None:
    """The system for which a subclass of ``dotted`` is a job (``celery.Task``)."""
    names = {dotted, *supertypes(dotted)}
    return next((row for row in all_job_systems() if names.intersection(row.classes)), None)


def worker_program(words: tuple[str, ...]) -> JobSystem | None:
    """The system whose worker a command line starts; ``words`` as for ``servers.server_program``.

    Options between program and subcommand are passed over: ``celery -A proj worker``.
    """
    found = [(matched(words, row.programs, row.modules, row.value_options), row) for row in all_job_systems()]
    length, best = max(found, key=lambda pair: pair[0])
    return best if length else None


def is_clock(words: tuple[str, ...]) -> bool:
    """Whether a command line only puts jobs into queues on time (``celery -A proj beat``)."""
    return any(matched(words, row.clocks, row.clocks, row.value_options) for row in all_job_systems() if row.clocks)
