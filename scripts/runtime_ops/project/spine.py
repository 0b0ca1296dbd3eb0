"""Where a program serves: the call or loop in which it stays until it is stopped, and the way there from ``main``.

A function is on the *spine* when it holds that place, or calls (not: hands over) a function that does. What stands
before the place on the spine is start-up; what stands in the loop is serving; what stands after it, in the ``finally``
around it, or in the handlers of the ``try`` around it, is shutdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.plain import cached_property
from runtime_ops.project.asides import runs_aside
from runtime_ops.project.flows import ends, sites_by_call
from runtime_ops.project.kept import kept
from runtime_ops.project.links import Links
from runtime_ops.project.loops import CLOCKS, is_endless
from runtime_ops.project.model import Func, Klass, Place, Site, Step, bindings_in, own_expressions
from runtime_ops.project.names import decorator_name
from runtime_ops.project.signals import Registration, StopFlags
from runtime_ops.project.source_text import source_of

DEPTH = 7  # calls from main to the serving place; deeper chains were not seen in practice
ENDLESS_NAMES = (
    "run",
    "stop",
    "shutdown",
    "exit",
    "quit",
    "alive",
    "active",
    "closed",
    "terminat",
    "kill",
    "done",
    "cancel",
)
DRIVERS = frozenset(("run", "gather", "run_until_complete", "wait_for", "wait", "shield", "start_soon", "create_task"))
TASKS = frozenset(("create_task", "ensure_future"))
"""Those that give a coroutine to the loop and come back at once."""
AWAITED_THREADS = frozenset(("to_thread", "run_in_executor", "run_in_threadpool", "run_sync"))
"""Methods by which a coroutine waits for a function that runs in a thread: a server that runs there is what the program serves by."""
RUNNERS = frozenset(("typer.run", "fire.Fire", "absl.app.run", "plac.call", "defopt.run", "cyclopts.run", "anyio.run", "trio.run"))
"""Those that run the function which they are given, and come back when it does."""
CONSUMER_KINDS = ("consumer",)


class ServingPlace(NamedTuple):
    """One place where the program serves.

    ``how`` is ``call`` (a library's serving call), ``loop`` (an endless loop of its own), ``wait`` (main waits for a
    stop event) or ``through`` (a call into another function of the spine). ``kind`` is service or worker, or cli where a
    person at a terminal is served; for ``through`` that of the inner place.
    """

    how: str
    kind: str
    function: Func
    line: int
    steps: tuple[Step, ...]
    site: Site | None
    loop: m.While | m.For | None
    inner: Func | None = None


CONSUMES = re.compile(
    r"^(?!(?:threading|multiprocessing|concurrent|PyQt|PySide|kafka|aiokafka|confluent_kafka|aio_pika|watchdog)[.\w])"
    r".*(?:Consumer|Worker|Listener|Subscriber|Daemon)\.(?:start|run|run_forever|consume|start_consuming|listen|work|serve_forever|loop)$"
)
"""A consumer or worker that is started, of a library whose start does not return at once as those of threads and clients do."""
BY_NAME = re.compile(r"(?i)(?:^|[._])(?:\w*consumer|\w*listener|\w*subscriber)\.(?:run|consume|listen|start_consuming)$")
"""A consumer that is run, by the name of what holds it."""
GREENLETS = ("eventlet.", "gevent.")
THREADS = (".Thread", ".Process", ".Greenlet")
JOINS = frozenset({"gevent.joinall", "gevent.wait"})
STOPS = re.compile(r"(?i)stop|shut_?down|close|exit|kill|tear_?down|clean|__del__")
"""Names of functions that wait for an end which they have asked for."""
OF_BEGINNING = re.compile(r"(?i)ready|started|begun|finished|completed")
"""Names of what is waited for when a program begins, or until one piece of work is over: not until its end."""


class Spine:
    """Finds serving places; remembers the answer for each function."""

    def __init__(self, links: Links, registrations: tuple[Registration, ...]) -> None:
        self.links = links
        self.registrations = registrations
        self._places: dict[Func, tuple[ServingPlace, ...]] = {}
        self._busy: set[Func] = set()
        self._cut_short = 0
        """How often a search has met a function that is being searched, or gone as deep as it may."""

    def places(self, func: Func, depth: int = 0) -> tuple[ServingPlace, ...]:
        """Serving places of a function, in source order; empty when it does not serve."""
        if func in self._places:
            return self._places[func]
        if func in self._busy or depth > DEPTH:
            self._cut_short += 1
            return ()
        self._busy.add(func)
        cut_short = self._cut_short
        try:
            found = self._own(func)
            if all(_left_for_good(place, ()) for place in found):  # also where there is none
                found = tuple(sorted((*found, *self._through(func, depth)), key=lambda p: p.line))
            if not found:
                found = self._joined(func, depth) or self._of_greenlet(func, depth)
                found = found or self._waits(func) or self._ends_in_consumer(func)
        finally:
            self._busy.discard(func)
        # that there is nothing holds from wherever it is asked, when all that is below was looked at: most functions are so
        if depth == 0 or found or self._cut_short == cut_short:
            self._places[func] = found
        return found

    @cached_property
    def _flags(self) -> StopFlags:
        return StopFlags(self.registrations)

    def _until_told(self, place: Place, func: Func) -> bool:
        """Whether a loop runs until the handler of SIGTERM changes what it looks at: that is how this program stays up."""
        loop = place.stmt
        if not isinstance(loop, m.While) or isinstance(loop.test, m.Const) or func.facts.is_generator:
            return False
        return self._flags.looked_at(loop.test, func) and not (ends_by_itself(loop, func) or _works_off(loop, func))

    def _own(self, func: Func) -> tuple[ServingPlace, ...]:
        found = []
        for site in func.sites:
            if site.dotted is not None and not _cleans_up(site.steps):
                kind = _serves(site.dotted)
                if kind and not _bounded_run(site):
                    found.append(ServingPlace("call", kind, func, site.line, site.steps, site, None))
        for place in func.places:
            if not _cleans_up(place.steps) and (is_serving_loop(place, func, self.links) or self._until_told(place, func)):
                found.append(ServingPlace("loop", "worker", func, place.stmt.line, place.steps, None, place.stmt))  # type: ignore[arg-type]
        return tuple(sorted(found, key=lambda p: p.line))

    def _through(self, func: Func, depth: int) -> tuple[ServingPlace, ...]:
        found = []
        drives = _drives_coroutines(func)
        for edge in self.links.callees.get(func, ()):
            if edge.how == "reference" and (edge.via in RUNNERS or _waited_for(edge.site)):
                inner = self.places(edge.callee, depth + 1)
                if inner:
                    site = edge.site
                    found.append(
                        ServingPlace("through", inner[0].kind, func, site.line, site.steps, site, None, edge.callee)
                    )
        for site in func.sites:
            if (site.weak and not _of_one_family(site)) or len(site.targets) > 3 or _cleans_up(site.steps):
                continue
            for target in site.targets:
                if target is func or target.facts.is_generator or runs_aside(target, self.links):
                    continue
                if target.facts.is_async and not (site.awaited or (drives and not _left_to_a_task(site))):
                    continue
                inner = self.places(target, depth + 1)
                if inner:
                    found.append(
                        ServingPlace("through", inner[0].kind, func, site.line, site.steps, site, None, target)
                    )
                    break
        return tuple(found)

    def _joined(self, func: Func, depth: int) -> tuple[ServingPlace, ...]:
        """A thread that serves, started here and waited for without a limit: ``th.start(); th.join()``, also one of a class of the
        project's own."""
        plain = [s for s in func.sites if s.method == "join" and not s.call.args and not s.call.keywords and not _cleans_up(s.steps)]
        for waited in plain if not STOPS.search(func.name) else ():
            run = self._run_of(waited)
            inner = self.places(run, depth + 1) if run is not None else ()
            if run is not None and inner:
                return (ServingPlace("through", inner[0].kind, func, waited.line, waited.steps, waited, None, run),)
        joins = [s for s in plain if s.dotted == "threading.Thread.join"]
        if not plain:
            return ()
        for edge in self.links.callees.get(func, ()):
            if edge.how != "reference" or edge.via != "threading.Thread":
                continue
            made = edge.site.call
            join = next((s for s in joins if s.origin is not None and s.origin.call is made), None) or _joined_in_turn(plain, made, func)
            if join is None:
                continue
            inner = self.places(edge.callee, depth + 1)
            if inner:
                return (ServingPlace("through", inner[0].kind, func, join.line, join.steps, join, None, edge.callee),)
            if _consumes_at_last(edge.callee):
                return (ServingPlace("wait", "worker", func, join.line, join.steps, join, None),)
        return ()

    def _run_of(self, join: Site) -> Func | None:
        """What the thread or greenlet that is waited for runs, when it is of a class of the project that is started here."""
        name = join.text.rpartition(".")[0]
        if not any(s.method == "start" and s.text == f"{name}.start" for s in join.function.sites):
            return None
        value = self.links.names.name(name, join.function)
        klass = value.target if value is not None and value.kind == "instance" else None
        if not isinstance(klass, Klass) or not any(base.endswith(THREADS) for base in klass.external_bases):
            return None
        return klass.method("_run" if any(base.endswith("Greenlet") for base in klass.external_bases) else "run")

    def _of_greenlet(self, func: Func, depth: int) -> tuple[ServingPlace, ...]:
        """A greenlet that serves, started here or by another method and waited for here without a limit:
        ``self.thread = spawn(self.consumer.run)`` … ``self.thread.wait()``."""
        if STOPS.search(func.name):
            return ()
        for site in func.sites:
            if site.targets or _cleans_up(site.steps):
                continue
            for maker, call in _greenlets_waited_for(site):
                value = self.links.names.value(call, maker)
                if value is None or value.kind != "made" or not value.name.startswith(GREENLETS):
                    continue
                for edge in self.links.callees.get(maker, ()):
                    inner = self.places(edge.callee, depth + 1) if edge.site.call is call and edge.how == "reference" else ()
                    if inner:
                        return (ServingPlace("through", inner[0].kind, func, site.line, site.steps, site, None, edge.callee),)
                for given in call.args:
                    run = self.links.names.value(given, maker) if isinstance(given, m.Name) else None
                    kind = _serves(run.name) if run is not None and run.kind == "external" else ""
                    if kind:
                        return (ServingPlace("wait", kind, func, site.line, site.steps, site, None),)
        return ()

    def _waits(self, func: Func) -> tuple[ServingPlace, ...]:
        for site in reversed(func.sites):
            waits = site.dotted and surface("serve-wait", site.dotted) and not site.call.args and not site.call.keywords
            if waits and not OF_BEGINNING.search(site.text) and not _gate(site):
                return (ServingPlace("wait", "worker", func, site.line, site.steps, site, None),)
        return ()


    def _ends_in_consumer(self, func: Func) -> tuple[ServingPlace, ...]:
        """A function whose last word is to start a consumer or worker of a library that no table knows: by its names it takes
        work until it is stopped. In the midst of a function such a call may as well return at once."""
        last = func.facts.body[-1] if func.facts.body else None
        for site in func.sites:
            alone = site.stmt is last and isinstance(last, m.ExprStmt) and last.value is site.call and not site.targets
            if alone and _starts_consumer(site):
                return (ServingPlace("call", "worker", func, site.line, site.steps, site, None),)
        return ()


def _greenlets_waited_for(site: Site) -> Iterator[tuple[Func, m.Call]]:
    """The calls that make what a call waits for without a limit, with the functions that they stand in: ``server.join()``,
    ``gevent.joinall([server, clock])``, ``gevent.joinall(threads)``."""
    call = site.call
    if call.keywords or not isinstance(call.func, m.Name):
        return
    if site.method in ("wait", "join") and not call.args:
        yield from _bound_calls(site.text.rpartition(".")[0], site.function)
    given = call.args[0] if site.dotted in JOINS and len(call.args) == 1 else None
    if isinstance(given, m.Sequence):
        for item in given.items:
            yield from _bound_calls(item.id, site.function) if isinstance(item, m.Name) else ()
    elif isinstance(given, m.Name):
        for made in _members(given.id, site.function):
            yield site.function, made


def _joined_in_turn(joins: list[Site], made: m.Call, func: Func) -> Site | None:
    """The join of a loop over the list that a thread was put into: ``for thread in threads: thread.join()``."""
    for join in joins:
        name = join.text.rpartition(".")[0]
        for binding in func.bindings.get(name, ()):
            if binding.kind == "for" and isinstance(binding.expr, m.Name) and any(c is made for c in _members(binding.expr.id, func)):
                return join
    return None


def _members(name: str, func: Func) -> Iterator[m.Call]:
    """The calls whose results a list of the function holds: those that it is made of, and those that are appended to it."""
    held: list[m.Expr] = []
    for binding in func.bindings.get(name, ()):
        if isinstance(binding.expr, m.Sequence):
            held += binding.expr.items
        elif isinstance(binding.expr, m.Comprehension):
            held += binding.expr.elements
    held += [site.call.args[0] for site in func.sites if site.text == f"{name}.append" and len(site.call.args) == 1]
    for item in held:
        if isinstance(item, m.Call):
            yield item
        elif isinstance(item, m.Name):
            yield from (b.expr for b in func.bindings.get(item.id, ()) if isinstance(b.expr, m.Call))


def _bound_calls(name: str, func: Func) -> Iterator[tuple[Func, m.Call]]:
    """The calls whose results a name, or an attribute of the own object, is bound to, with the functions that they stand in."""
    bound = [(func, binding) for binding in func.bindings.get(name, ())]
    if name.startswith("self.") and name.count(".") == 1 and func.cls is not None:
        attribute = name.partition(".")[2]
        bound += [each for k in func.cls.ancestry if isinstance(k, Klass) for each in k.attributes.get(attribute, ())]
    for maker, binding in bound:
        if binding.kind == "assign" and isinstance(binding.expr, m.Call):
            yield maker, binding.expr


def _cleans_up(steps: tuple[Step, ...]) -> bool:
    """Whether a place stands in a ``finally``: what waits there waits for an end, nobody is served."""
    return any(step.arm == "final" for step in steps)


def _of_one_family(site: Site) -> bool:
    """Whether a method found by its name is one of a few ways that one file offers (``self.strategy.process_queues()``), or that
    one family of classes does. A name of one word (``run``, ``start``) says too little."""
    if "_" not in site.method.strip("_"):
        return False
    classes = [target.cls for target in site.targets if target.cls is not None]
    related = len(classes) == len(site.targets) and any(all(a in k.ancestry for k in classes) for a in classes)
    return related or len({target.module for target in site.targets}) == 1


def _gate(site: Site) -> bool:
    """Whether the event that is waited for is closed again elsewhere: it holds up a turn, it does not keep the program up."""
    event = site.text.rpartition(".")[0]
    return any(
        other.text == f"{event}.clear" and other.function is not site.function
        for func in site.function.module.functions.values()
        for other in func.sites
    )


def _serves(dotted: str) -> str:
    """The kind of program that a library's call keeps up: ``service`` or ``worker``; empty for another call."""
    row = surface("serve", dotted)
    if row is not None:
        return row.kind
    server = server_run_by(dotted)
    # A starting call returns at once (``grpc.Server.start``): what keeps the program up is the wait after it.
    return "service" if server is not None and server.is_run_by(dotted) else ""


def _drives_coroutines(func: Func) -> bool:
    """Whether coroutines made in the function are run to their end in it: by run, gather, run_until_complete, wait."""
    return any(site.method in DRIVERS for site in func.sites)


def _starts_consumer(site: Site) -> bool:
    """Whether a call starts a consumer or worker of a library that no table knows, by its names."""
    return site.dotted is not None and CONSUMES.search(site.dotted) is not None and surface("starter", site.dotted) is None


def handed_to(site: Site) -> Site | None:
    """The call that is handed the result of another one as an argument: ``create_task(watch())`` for that of ``watch()``."""
    for expr in own_expressions(site.stmt):
        for call in m.calls(expr):
            if any(arg is site.call for arg in call.args):
                return sites_by_call(site.function).get(id(call))
    return None


def _left_to_a_task(site: Site) -> bool:
    """Whether a coroutine becomes a task that the own object keeps, in a function that waits for none: it goes on and comes back."""
    task = handed_to(site)
    if task is None or task.method not in TASKS or task.awaited or kept(task).scope != "attribute":
        return False
    return not any(s.method in DRIVERS - TASKS for s in site.function.sites)


def _waited_for(site: Site) -> bool:
    """Whether what is handed to the call runs in a thread that main waits for. Only ``run_in_executor`` begins without being awaited."""
    return site.method in AWAITED_THREADS and (site.awaited or site.method != "run_in_executor")


def _bounded_run(site: Site) -> bool:
    """A serving call that is given a bound (``rq worker.work(burst=True)``)."""
    burst = site.call.keyword("burst")
    return isinstance(burst, m.Const) and burst.value is True


def is_serving_loop(place: Place, func: Func, links: Links) -> bool:
    """An endless loop that does outside work in each turn: the program's own serving loop."""
    stmt = place.stmt
    if isinstance(stmt, m.While):
        if func.facts.is_generator or not is_endless(stmt):
            return False
        if _of_command(func) and (any(isinstance(node, m.Return) for node in m.walk(stmt.body)) or _exits(stmt.body, func)):
            return False  # it asks until it has an answer
        own = ends_by_itself(stmt, func) or _works_off(stmt, func) or _until_done(stmt, func)
        return (_works(stmt, func) or _draws(stmt, func) or _hands_turns_on(stmt, func, links)) and not own
    if isinstance(stmt, m.For):
        if _endless_source(stmt.iterable, func) is not None:
            return not func.facts.is_generator and not _leaves(stmt)
        value = links.names.value(stmt.iterable, func)
        if value is None or value.kind not in ("made", "external"):
            return False
        row = libraries.type_of(value.name) or libraries.type_of(value.name.removesuffix("()").rpartition(".")[0])
        listening = value.name.removesuffix("()").rpartition(".")[2] in ("listen", "consume", "iterator", "subscribe")
        return row is not None and (row.kind in CONSUMER_KINDS or listening)
    return False


WAITING = frozenset(
    (
        "sleep wait get recv recvfrom recv_json recv_multipart poll accept receive_message receive_messages read readline "
        "get_message xread xreadgroup blpop brpop blmove brpoplpush consume select pop fetch run_pending pull receive "
        "receive_many dequeue reserve get_job work run"
    ).split()
)


def _of_command(func: Func) -> bool:
    """Whether a decorator makes the function a command of click or typer."""
    return any(decorator_name(d).rpartition(".")[2] in ("command", "option", "argument") for d in func.facts.decorators)


ONCE = re.compile(r"(?i)(?:^|_)(?:run_?)?(?:once|one_?shot)$|^single_?(?:run|pass)$")
LASTING_NAME = re.compile(r"(?i)forever|loop|serve|listen")
FEW = 4  # functions that one call may mean
READS = frozenset("consume recv recvfrom recv_into read readexactly accept poll receive get_message blpop brpop sleep wait".split())
"""What a loop that is named for lasting waits in, one or two functions below."""

ASKS = frozenset("input readline prompt getch get_wch getkey inkey".split())
"""What waits for a person at a terminal (``stdscr.getch()`` of curses, ``term.inkey()`` of blessed)."""


def _works(loop: m.While, func: Func) -> bool:
    """Whether a turn of the loop waits for something (a pause, a message): else it is a computation or a prompt."""
    lasting = func.is_module or func.name == "main" or LASTING_NAME.search(func.name) is not None or _runs_as_thread(func)
    for site in func.sites:
        if any(step.stmt is loop for step in site.steps) or (loop.line == site.line and isinstance(site.stmt, m.While)):
            if site.method in ASKS:
                return False
            if _at_once(site):
                continue
            if _starts_consumer(site):
                return True
            if site.method in WAITING or site.awaited or site.method.startswith(("sleep", "wait", "poll", "receive")):
                return True
            if lasting and _reads(site, 0):
                return True
    return False


def _runs_as_thread(func: Func) -> bool:
    """``run`` of a class of threads, ``_run`` of one of greenlets."""
    return func.cls is not None and func.name in ("run", "_run") and any(base.endswith(THREADS) for base in func.cls.external_bases)


def _reads(site: Site, depth: int) -> bool:
    """Whether the function that is called waits for something, itself or one call below."""
    inner = [s for target in site.targets[:FEW] if not site.weak for s in target.sites]
    return any(s.method in READS for s in inner) or (depth == 0 and any(_reads(s, 1) for s in inner))


def _hands_turns_on(loop: m.While, func: Func, links: Links) -> bool:
    """``while True: retry(self.turn)``: each turn is a method that waits, run by a helper that survives its failures."""
    for site in func.sites:
        if site.weak or not site.targets or not any(step.stmt is loop for step in site.steps):
            continue
        for expr in (*site.call.args, *(value for _, value in site.call.keywords)):
            turns = links.referenced(expr, func) if isinstance(expr, m.Name) and expr.id.startswith("self.") else ()
            if any(s.method in WAITING or s.method.startswith(("sleep", "wait", "poll", "receive")) for t in turns for s in t.sites):
                return True
    return False


def _draws(loop: m.While, func: Func) -> bool:
    """``messages = self.messages()`` … ``while True: handle(next(messages))``: each turn takes the next of what has no end."""
    for site in func.sites:
        if site.text not in ("next", "anext") or len(site.call.args) != 1 or not any(step.stmt is loop for step in site.steps):
            continue
        given = site.call.args[0]
        made = [(func, given)] if isinstance(given, m.Call) else _bound_calls(given.id, func) if isinstance(given, m.Name) else ()
        if any(isinstance(call, m.Call) and _endless_source(call, maker) is not None for maker, call in made):
            return True
    return False


def _endless_source(expr: m.Expr, func: Func) -> Func | None:
    """The project's generator that is called, if it yields out of an endless loop that waits, or asks anew, for what it yields."""
    if not isinstance(expr, m.Call):
        return None
    site = next((site for site in func.sites if site.call is expr), None)
    if site is None or site.weak or len(site.targets) != 1 or not site.targets[0].facts.is_generator:
        return None
    source = site.targets[0]
    for place in source.places:
        loop = place.stmt
        if not isinstance(loop, m.While) or not is_endless(loop) or ends_by_itself(loop, source) or _works_off(loop, source):
            continue
        asked = {node.id for node in m.walk(loop.test) if isinstance(node, m.Name)}
        if any(name in asked for stmt in m.walk(loop.body) for name, _ in bindings_in(stmt)):
            continue  # ``while not done: done, rows = page(); yield rows``: it tells itself that all is there
        asks = any(isinstance(s, m.For) and isinstance(s.iterable, m.Call) and "." in source_of(s.iterable.func) for s in m.walk(loop.body))
        if any(isinstance(node, m.Yield) for node in m.walk(loop.body)) and (_works(loop, source) or asks):
            return source
    return None


def _leaves(loop: m.For) -> bool:
    """Whether a turn of the loop may be the last: it looks for one thing, or works off a number of them."""
    return any(isinstance(node, m.Break | m.Return) for node in m.walk(loop.body))


def _works_off(loop: m.While, func: Func) -> bool:
    """``while not stopped: batch = …; if not batch: break`` without a pause: it ends when everything is done."""
    inside = [site for site in func.sites if any(step.stmt is loop for step in site.steps)]
    if isinstance(loop.test, m.Const) or any(s.method.startswith(("sleep", "wait", "poll", "recv", "receive")) for s in inside):
        return False
    bound = {t.id for s in m.walk(loop.body) if isinstance(s, m.Assign) for t in s.targets if isinstance(t, m.Name)}
    return any(
        isinstance(s, m.If)
        and isinstance(s.test, m.UnaryOp)
        and s.test.op == "not"
        and isinstance(s.test.operand, m.Name)
        and s.test.operand.id in bound
        and any(isinstance(x, m.Break) for x in s.body)
        for s in m.walk(loop.body)
    )


def _exits(block: m.Block, func: Func) -> bool:
    """Whether an arm of a condition of the block always ends the program: the answer has come, or will not come."""
    arms = [arm for stmt in block if isinstance(stmt, m.If) for arm in (stmt.body, stmt.orelse) if arm]
    return any(ends(arm, func) == {"exit"} or _exits(arm, func) for arm in arms)


def _until_done(loop: m.While, func: Func) -> bool:
    """``done = False; while not done: done = work()``: what it works on says when there is nothing left.

    A name that says stop, or that takes what a wait for a stop says, is how a program is told to end.
    """
    test = loop.test
    if not isinstance(test, m.UnaryOp) or test.op != "not" or not isinstance(test.operand, m.Name):
        return False
    name = test.operand.id
    if not re.search(r"(?i)done|finish|complete|exhaust", name):
        return False
    results = [
        s.value
        for s in m.walk(loop.body)
        if isinstance(s, m.Assign) and any(isinstance(t, m.Name) and t.id == name for t in s.targets)
    ]
    calls = [site for site in func.sites if any(site.call is result for result in results)]
    return bool(calls) and not any(site.method in ("is_set", "wait") or _asks_for_stop(site.call.func) for site in calls)


def _at_once(site: Site) -> bool:
    """``queue.get(block=False)``: it takes what is there, or raises."""
    given = site.call.keyword("block")
    return isinstance(given, m.Const) and given.value is False


def ends_by_itself(loop: m.While, func: Func) -> bool:
    """``while True`` with a break or return at the loop's own level of work is a retry or a read loop."""
    ends = 0

    def scan(block: m.Block, nested: bool) -> None:
        nonlocal ends
        for stmt in block:
            if isinstance(stmt, m.Return) or (isinstance(stmt, m.Break) and not nested):
                ends += 1
            elif isinstance(stmt, m.If):
                switch = _asks_for_stop(stmt.test) or _asks_for_once(stmt.test) or _off_unless_asked(stmt.test, func)
                if not switch and not _renews(stmt, loop):
                    scan(stmt.body, nested)
                scan(stmt.orelse, nested)
            elif isinstance(stmt, m.While | m.For):
                scan(stmt.body, True)
            elif isinstance(stmt, m.With):
                scan(stmt.body, nested)
            elif isinstance(stmt, m.Try):
                scan(stmt.body, nested)
                scan(stmt.orelse, nested)
                for handler in stmt.handlers:
                    if any(word in t for t in handler.types for word in ("Empty", "StopIteration", "StopAsync", "EOFError")):
                        scan(handler.body, nested)  # nothing is left

    if not isinstance(loop.test, m.Const):
        return _sets_its_flag(loop.test, loop.body)
    scan(loop.body, False)
    return ends > 0


def _sets_its_flag(test: m.Expr, block: m.Block) -> bool:
    """``while not stopped: work(); stopped = True``: every turn that goes well is the last; the others try again."""
    wanted, flag = (True, test.operand) if isinstance(test, m.UnaryOp) and test.op == "not" else (False, test)
    if not isinstance(flag, m.Name):
        return False
    for stmt in block:
        if isinstance(stmt, m.Try):
            if _sets_its_flag(test, stmt.body) or _sets_its_flag(test, stmt.orelse):
                return True
        elif isinstance(stmt, m.With):
            if _sets_its_flag(test, stmt.body):
                return True
        elif isinstance(stmt, m.Assign) and isinstance(stmt.value, m.Const):
            named = any(isinstance(t, m.Name) and t.id == flag.id for t in stmt.targets)
            if named and stmt.value.value is wanted:
                return True
    return False


def _asks_for_stop(test: m.Expr) -> bool:
    """A condition on a stop flag or shutdown socket: a break behind it is how a serving loop ends."""
    names = [n.id.lower() for n in m.walk(test) if isinstance(n, m.Name)]
    return any(word in name for name in names for word in ENDLESS_NAMES[1:])


def _asks_for_once(test: m.Expr) -> bool:
    """``if not KEEP_RUNNING: return``, ``if args.once: break``: a switch that no turn of the loop changes, which decides whether
    the program works once or goes on; started without a schedule it goes on."""
    names = [n.id.rpartition(".")[2] for n in m.walk(test) if isinstance(n, m.Name)]
    return bool(names) and all(name.isupper() or ONCE.search(name) for name in names)


def _off_unless_asked(test: m.Expr, func: Func) -> bool:
    """``def run(self, forever=True): while True: …; if not forever: break``: a parameter that nothing changes, whose default goes on."""
    negated = isinstance(test, m.UnaryOp) and test.op == "not"
    name = test.operand if isinstance(test, m.UnaryOp) and negated else test
    if not isinstance(name, m.Name) or func.bindings.get(name.id):
        return False
    default = next((param.default for param in func.facts.params if param.name == name.id), None)
    return isinstance(default, m.Const) and isinstance(default.value, bool) and default.value is negated


def _renews(stmt: m.If, loop: m.While) -> bool:
    """``if limit and served >= limit: break``, ``if limit != 0: if time.time() >= end: break``: a limit of work or age that can be
    switched off. Without it the program goes on; with it, it makes room for a fresh one."""
    if isinstance(stmt.test, m.BoolOp) and stmt.test.op == "and" and len(stmt.test.values) == 2:
        switch, limit, block = stmt.test.values[0], stmt.test.values[1], stmt.body
    elif len(stmt.body) == 1 and isinstance(stmt.body[0], m.If) and not stmt.orelse:
        switch, limit, block = stmt.test, stmt.body[0].test, stmt.body[0].body
    else:
        return False
    return isinstance(block[-1], m.Break | m.Return) and _may_be_off(switch) and _counted_or_timed(limit, loop)


def _may_be_off(switch: m.Expr) -> bool:
    """``limit``, ``limit is not None``, ``limit != 0``, ``limit > 0``."""
    if isinstance(switch, m.Name | m.Attr | m.Subscript):
        return True
    if not isinstance(switch, m.Compare) or len(switch.rights) != 1 or not isinstance(switch.rights[0], m.Const):
        return False
    return switch.rights[0].value in (None, 0) and switch.ops[0] in ("is not", "!=", ">")


def _counted_or_timed(limit: m.Expr, loop: m.While) -> bool:
    """Whether a number that the loop counts up, or a clock, has come to a limit."""
    if not isinstance(limit, m.Compare) or limit.ops[0] not in (">", ">="):
        return False
    sums = [s.target for s in m.walk(loop.body) if isinstance(s, m.AugAssign) and s.op.startswith("+")]
    counted = {target.id for target in sums if isinstance(target, m.Name)}
    clock = any(source_of(call.func) in CLOCKS for call in m.calls(limit))
    return clock or any(isinstance(n, m.Name) and n.id in counted for n in m.walk(limit.left))


def phase_at(places: tuple[ServingPlace, ...], line: int, steps: tuple[Step, ...]) -> str:
    """The phase of a statement of a spine function: ``startup``, ``serving`` or ``shutdown``."""
    own = [step.stmt for step in steps]
    for place in places:
        if place.loop is not None and any(stmt is place.loop for stmt in own):
            return "serving"
    after = False
    for place in places:
        for step in place.steps:
            match = next((s for s in steps if s.stmt is step.stmt), None)
            if match is None:
                continue
            if isinstance(step.stmt, m.Try) and step.arm in ("body", "orelse") and match.arm in ("handler", "final"):
                return "shutdown"
        if line > _last_line(place, steps) and not _other_branch(place.steps, steps) and not _left_for_good(place, steps):
            after = True
    return "shutdown" if after else "startup"


def _last_line(place: ServingPlace, steps: tuple[Step, ...]) -> int:
    """The line behind which a program no longer serves at a place. What is given to the loop as a task serves beside what follows:
    up to the call that waits for the tasks, or to the end of the function, and to a ``finally``."""
    if place.site is None:
        return place.line
    end = place.site.call.end_line  # its arguments are made before it serves
    given = kept(place.site) if place.how == "through" and not place.site.awaited else None
    if given is None or _cleans_up(steps) or given.scope != "argument" or given.name.rpartition(".")[2] not in TASKS:
        return end
    waits = (s.call.end_line for s in place.function.sites if s.method in DRIVERS - TASKS and s.line > end)
    return min(waits, default=place.function.facts.end_line)


def _left_for_good(place: ServingPlace, steps: tuple[Step, ...]) -> bool:
    """Whether it serves in a branch that ends the program or the function: what follows the branch runs instead, not after."""
    return any(
        isinstance(step.stmt, m.If)
        and not any(other.stmt is step.stmt for other in steps)
        and "fall" not in ends(step.stmt.body if step.arm == "body" else step.stmt.orelse, place.function)
        for step in place.steps
    )


def _other_branch(one: tuple[Step, ...], other: tuple[Step, ...]) -> bool:
    """Whether two places stand in different arms of one condition, so that not both run in one turn."""
    for step in one:
        for match in other:
            if match.stmt is step.stmt and isinstance(step.stmt, m.If | m.Match) and match.arm != step.arm:
                return True
    return False


def _consumes_at_last(func: Func) -> bool:
    """Whether the last word of a function is to run a consumer of which only the name is known (``consumer.run()``)."""
    last = func.facts.body[-1] if func.facts.body else None
    named = (s for s in func.sites if s.stmt is last and s.dotted is None and (s.weak or not s.targets))
    return any(BY_NAME.search(s.text) for s in named)
