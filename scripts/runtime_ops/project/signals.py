"""Who handles which signal: every registration, and what its handler does.

A handler matters by what serving sees of it: it raises, or it changes something (an event, a flag, a cancel, a server's
``should_exit``) that the serving loop looks at. `Registration.acts` lists those changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from runtime_ops.facts import model as m
from runtime_ops.libraries.surface import surface
from runtime_ops.plain import dataclass
from runtime_ops.project.dead_arms import shut_out
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module, Site

TERMINATION = frozenset(("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"))
WAITS = frozenset(("signal.sigwait", "signal.sigwaitinfo", "signal.sigtimedwait"))
"""Calls in which a thread takes a signal that is blocked (CPython 3.13, signal)."""
RAISING_CALLS = frozenset(("sys.exit", "exit", "quit", "os._exit", "os.abort"))


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a handler does: ``kind`` is ``raise``, ``exit``, ``set`` (an attribute, global or element),
    ``call`` (anything else that is called). ``name`` is the dotted target or callee as written."""

    kind: str
    name: str
    line: int
    site: Site | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of a signal handler.

    ``signals``: names as ``SIGTERM``; empty when they cannot be read. ``how``: ``signal`` (`signal.signal`), ``loop``
    (``add_signal_handler``) or ``wait`` (``sigwait``, behind which the program itself does what there is to do).
    ``handler``: the project's function when it is one. ``disposition``: ``SIG_IGN`` or ``SIG_DFL`` when that is set.
    ``lambda_``: the lambda's body. ``callback``: dotted name of a library's bound method handed over
    (``asyncio.Event.set``).
    """

    site: Site
    signals: tuple[str, ...]
    how: str
    handler: Func | None
    disposition: str = ""
    lambda_: m.Lambda | None = None
    callback: str = ""
    acts: tuple[Act, ...] = ()

    @property
    def terminates(self) -> bool:
        """Whether it is about a termination signal and does something with it."""
        return bool(TERMINATION & set(self.signals)) and self.disposition != "SIG_DFL"


def find_registrations(links: Links) -> tuple[Registration, ...]:
    """Every signal registration of the project, in path and line order."""
    found: list[Registration] = []
    for dotted, sites in links.by_dotted.items():
        if dotted in WAITS:
            found.extend(_waited_for(site, links) for site in sites)
        row = surface("on-signal", dotted)
        if row is None:
            continue
        for site in sites:
            found.extend(_registrations(site, dotted, links))
    # loops of unknown type: ``loop.add_signal_handler`` says itself what it is
    for module in links.modules():
        for func in module.functions.values():
            for site in func.sites:
                if site.method == "add_signal_handler" and (
                    site.dotted is None or not surface("on-signal", site.dotted)
                ):
                    found.extend(_registrations(site, "add_signal_handler", links))
    return tuple(sorted(found, key=lambda r: (r.site.path, r.site.line)))


def _waited_for(site: Site, links: Links) -> Registration:
    given = site.call.argument("sigset", 0)
    signals = tuple(dict.fromkeys(_signal_names(given, site, links))) if given is not None else ()
    return Registration(site, signals, "wait", None, acts=(Act("call", site.text, site.line, site),))


def _registrations(site: Site, dotted: str, links: Links) -> Iterator[Registration]:
    how = "loop" if dotted.rpartition(".")[2] == "add_signal_handler" else "signal"
    given = site.call.argument("signalnum" if how == "signal" else "sig", 0)
    handler = site.call.argument("handler" if how == "signal" else "callback", 1)
    if given is None:
        return
    signals = tuple(dict.fromkeys(_signal_names(given, site, links)))
    disposition = callback = ""
    target: Func | None = None
    if handler is not None and not isinstance(handler, m.Lambda):
        target = next(iter(links.referenced(handler, site.function)), None)
        value = links.names.value(handler, site.function)
        if value is not None and value.kind in ("external", "made"):
            last = value.name.rpartition(".")[2]
            disposition = last if last in ("SIG_IGN", "SIG_DFL") else ""
            callback = "" if disposition else value.name
    acts: tuple[Act, ...] = ()
    if isinstance(handler, m.Lambda):
        acts = tuple(_lambda_acts(handler, site, links))
    elif target is not None:
        acts = tuple(acts_of(target, bound=_bound(handler, site, target)))
    yield Registration(
        site, signals, how, target, disposition, handler if isinstance(handler, m.Lambda) else None, callback, acts
    )


def _signal_names(expr: m.Expr, site: Site, links: Links, depth: int = 0) -> Iterator[str]:
    """``signal.SIGTERM``, ``Signals.SIGTERM``, 15, or the variable of a ``for`` over a display of them."""
    if isinstance(expr, m.Const):
        if expr.value in (15, 2, 3, 1):
            yield {15: "SIGTERM", 2: "SIGINT", 3: "SIGQUIT", 1: "SIGHUP"}[expr.value]
        return
    if isinstance(expr, m.Sequence):
        for item in expr.items:
            yield from _signal_names(item, site, links, depth + 1)
        return
    if isinstance(expr, m.Call) and expr.args:
        yield from _signal_names(expr.args[0], site, links, depth + 1)
        return
    if not isinstance(expr, m.Name):
        return
    last = expr.id.rpartition(".")[2]
    if last.startswith("SIG"):
        yield last
        return
    if depth > 2:
        return
    for scope in (site.function, site.function.module.level):
        bindings = [b for b in scope.bindings.get(expr.id, ()) if b.kind in ("for", "assign", "unpack")]
        # of several loops over a variable of this name, the one that stands nearest before the call
        before = [b for b in bindings if b.line <= site.line and scope is site.function] or bindings
        if before and before[-1].expr is not None:
            yield from _signal_names(before[-1].expr, site, links, depth + 1)
            return


def _lambda_acts(handler: m.Lambda, site: Site, links: Links) -> Iterator[Act]:
    for call in m.calls(handler.body):
        name = (
            call.func.id if isinstance(call.func, m.Name) else call.func.name if isinstance(call.func, m.Attr) else ""
        )
        known = next((s for s in site.function.sites if s.call is call), None)
        yield Act("exit" if name in RAISING_CALLS else "call", name, call.line, known)
        value = links.names.value(call.func, site.function)
        if value is not None and isinstance(value.target, Func):
            yield from acts_of(value.target, 1)


def _bound(handler: m.Expr | None, site: Site, target: Func) -> Mapping[str, object]:
    """What ``partial(handle, target=self)`` settles of the handler's parameters: each that is given is a thing that counts as true,
    or the literal that is written."""
    made: m.Expr | None = handler
    if isinstance(handler, m.Name):
        bindings = site.function.bindings.get(handler.id, ())
        made = bindings[0].expr if len(bindings) == 1 else None
    if not isinstance(made, m.Call) or not isinstance(made.func, m.Name) or made.func.id not in ("partial", "functools.partial"):
        return {}
    names = [param.name for param in target.facts.params if param.kind == "positional" and param.name not in ("self", "cls")]
    given = [*zip(names, made.args[1:], strict=False), *made.keywords]
    return {
        name: value.value if isinstance(value, m.Const) else value
        for name, value in given
        if name is not None and name not in target.bindings
        and (isinstance(value, m.Const) or (isinstance(value, m.Name) and value.id == "self"))
    }  # fmt: skip


def acts_of(func: Func, depth: int = 0, bound: Mapping[str, object] = MappingProxyType({})) -> Iterator[Act]:
    """What a handler does, functions of the project that it calls included (three calls deep). ``bound``: parameters that the
    registration settles, so that an arm which asks for them may be closed."""
    for place in func.places:
        stmt = place.stmt
        if bound and any(shut_out(step, bound) for step in place.steps):
            continue
        if isinstance(stmt, m.Raise):
            yield Act("raise", stmt.exc.id if isinstance(stmt.exc, m.Name) else "", stmt.line)
        elif isinstance(stmt, m.Assign):
            for target in stmt.targets:
                name = _target_name(target)
                local = "." not in name and name not in _globals(func)
                if name and not local:
                    yield Act("set", name, stmt.line)
        elif isinstance(stmt, m.AugAssign):
            yield Act("set", _target_name(stmt.target), stmt.line)
    for site in func.sites:
        if bound and any(shut_out(step, bound) for step in site.steps):
            continue
        name = site.dotted or site.text
        yield Act("exit" if name in RAISING_CALLS else "call", name, site.line, site)
        if depth < 3 and not site.weak:
            for target_func in site.targets[:2]:
                yield from acts_of(target_func, depth + 1)


def _target_name(expr: m.Expr) -> str:
    if isinstance(expr, m.Name):
        return expr.id
    if isinstance(expr, m.Subscript) and isinstance(expr.value, m.Name):
        return f"{expr.value.id}[]"
    return ""


def _globals(func: Func) -> frozenset[str]:
    return frozenset(n for p in func.places if isinstance(p.stmt, m.Global) for n in p.stmt.names)


class StopFlags:
    """What handlers of SIGTERM change: a loop that looks at it is how the program stays up, whatever its turns do."""

    def __init__(self, registrations: tuple[Registration, ...]) -> None:
        self._of: set[tuple[Klass | Module, str]] = set()
        for registration in registrations:
            handler = registration.handler
            if handler is not None and "SIGTERM" in registration.signals and registration.terminates:
                self._of.update(_changed(handler, registration.acts))

    def looked_at(self, test: m.Expr, func: Func) -> bool:
        """Whether a condition, written in ``func``, depends on such a flag: by its name, or through a property or a method
        without arguments that gives it back."""
        return bool(self._of) and any(self._is_one(name, func) for name in _read(test, func))

    def _is_one(self, name: str, func: Func) -> bool:
        klass = _class_around(func)
        if name.startswith("self."):
            attribute = name.split(".")[1]
            return klass is not None and any(
                flag == attribute and isinstance(of, Klass) and (of in klass.ancestry or klass in of.ancestry) for of, flag in self._of
            )
        return (func.module, name.partition(".")[0]) in self._of


def _changed(handler: Func, acts: tuple[Act, ...]) -> Iterator[tuple[Klass | Module, str]]:
    """The attributes and globals that a handler sets, and the events that it sets."""
    klass = _class_around(handler)
    for act in acts:
        if act.kind == "set":
            name = act.name
        elif act.kind == "call" and act.site is not None and act.site.method == "set" and act.site.text.count("."):
            name = act.site.text.rpartition(".")[0]
        else:
            continue
        if name.startswith("self.") and name.count(".") == 1 and klass is not None:
            yield klass, name.partition(".")[2]
        elif name.isidentifier():
            yield handler.module, name


def _read(test: m.Expr, func: Func) -> Iterator[str]:
    """The dotted names in a condition; for ``self.stopped``, where that is a property or a method, those that it gives back."""
    klass = _class_around(func)
    for node in m.walk(test):
        if not isinstance(node, m.Name):
            continue
        yield node.id
        method = klass.method(node.id.partition(".")[2]) if klass is not None and node.id.startswith("self.") else None
        for place in method.by_kind.get(m.Return, ()) if method is not None else ():
            if isinstance(place.stmt, m.Return) and place.stmt.value is not None:
                yield from (inner.id for inner in m.walk(place.stmt.value) if isinstance(inner, m.Name))


def _class_around(func: Func) -> Klass | None:
    """The class of a method, or of the method in which a function is defined."""
    around: Func | None = func
    while around is not None and around.cls is None:
        around = around.parent
    return around.cls if around is not None else None
