"""Calls that do not wait where they stand, and limits that are given to a library as a whole: a future that is asked later, a
method of the library that the program replaces, the time-out of the socket below another one, a person who sits before it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import calls_of
from runtime_ops.project.development import development_path
from runtime_ops.project.model import Func, Module, Origin, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.deadlines._doubts import limited

COLLECTS = frozenset(("result", "as_completed", "exception"))
"""What waits for a future, by whatever name it is kept."""
PROMPTS = frozenset(
    """input builtins.input getpass.getpass click.prompt click.confirm typer.prompt typer.confirm prompt_toolkit.prompt
    rich.prompt.Prompt.ask rich.prompt.Confirm.ask inquirer.prompt""".split()
)
CALLERS = 2  # of a function, between it and the prompt before or behind it
WRAP = "wrap_socket"


def returns_at_once(wait: WaitSite) -> bool:
    """Whether a call only starts what is asked for (``async_req=True``, a session that gives futures), and nothing in its
    function waits for it without limit."""
    call = wait.call
    aside = any(name == "*" or _true(call.keyword(name)) for name in wait.row.aside)
    return aside and not any(_collects(site, wait) for site in wait.site.function.sites)


def _true(expr: m.Expr | None) -> bool:
    return isinstance(expr, m.Const) and expr.value is True


def _collects(site: Site, wait: WaitSite) -> bool:
    """Whether a call waits, without limit, for what the other one has started."""
    if site.method in COLLECTS:
        return not limited(site)
    if site.method != "get":
        return False
    stmt = wait.site.stmt
    kept = {source_of(target) for target in stmt.targets} if isinstance(stmt, m.Assign) else set()
    direct = isinstance(site.call.func, m.Attr) and site.call.func.value is wait.call
    return (direct or site.text.rpartition(".")[0] in kept) and not limited(site)


def limited_for_all(project: Project, wait: WaitSite) -> bool:
    """Whether the program puts a function of its own, which speaks of a time-out, in the place of one of the library's
    (``requests.Session.send = with_limit``): which of the library's calls pass it is not known."""
    package = wait.dotted.partition(".")[0]
    replacing = [module for name, module in _replaced(project) if name == package]
    if not replacing:
        return False
    running = list(project.phases(wait.site))
    return not running or any(module in entrypoint.modules for entrypoint in running for module in replacing)


@cache
def _replaced(project: Project) -> tuple[tuple[str, Module], ...]:
    """The packages of which something that is called is replaced by what speaks of a time-out, and where."""
    return tuple(
        (value.name.partition(".")[0], func.module)
        for func in project.functions
        if not development_path(func.path)
        for target, given in _put(func)
        if _speaks_of_limit(project, given, func)
        and (value := project.links.names.value(target, func)) is not None
        and value.kind == "external"
    )


def _put(func: Func) -> Iterator[tuple[m.Expr, m.Expr]]:
    """The objects to whose attributes a function assigns, and what: ``library.Class.method = mine``, ``setattr(Class, "method", mine)``."""
    for name, bindings in func.attribute_bindings.items():
        target = name.rpartition(".")[0]
        if name.partition(".")[0] not in ("self", "cls"):
            yield from ((m.Name(target, b.line), b.expr) for b in bindings if b.kind == "assign" and b.expr is not None)
    for site in func.sites:
        if site.text == "setattr" and len(site.call.args) == 3:
            owner, _, given = site.call.args
            yield owner, given


def _speaks_of_limit(project: Project, given: m.Expr, func: Func) -> bool:
    """Whether what is put there is a function, or made of one, in which a time-out is mentioned; no plain value."""
    if isinstance(given, m.Lambda):
        return any("timeout" in word.lower() for word in _words_of(given))
    if isinstance(given, m.Call) and any(key is not None and "timeout" in key for key, _ in given.keywords):
        return True  # functools.partialmethod(original, timeout=10)
    names = [n for n in m.walk(given) if isinstance(n, m.Name)] if isinstance(given, m.Name | m.Call) else []
    made = [value.target for n in names if (value := project.links.names.value(n, func)) is not None]
    return any("timeout" in word.lower() for target in made if isinstance(target, Func) for word in _with_inner(target))


def _words_of(expr: m.Expr) -> Iterator[str]:
    yield from m.texts(expr)
    yield from (n.id for n in m.walk(expr) if isinstance(n, m.Name))
    yield from (key for call in m.calls(expr) for key, _ in call.keywords if key is not None)


def _with_inner(func: Func) -> Iterator[str]:
    """The words of a function and of those that are defined in it."""
    for each in func.module.functions.values():
        if each is func or each.parent is func:
            yield from words(each)


def words(func: Func) -> Iterator[str]:
    """The literals, names, parameters and keywords of a function."""
    yield from func.inventory.texts
    yield from func.inventory.names
    yield from (param.name for param in func.facts.params)
    yield from (key for site in func.sites for key, _ in site.call.keywords if key is not None)


def wraps_unknown(project: Project, wait: WaitSite) -> bool:
    """Whether TLS lies on a socket that has a limit, or whose making is not seen: what wraps a socket takes its time-out over
    (CPython 3.13, SSLSocket._create), and keeps it for the handshake and all that follows."""
    wrap = _wrapping(wait)
    if wrap is None:
        return False
    below = wrap.call.argument("sock", 0)
    value = project.links.names.value(below, wrap.function) if below is not None else None
    if value is None or value.origin is None or value.origin.call is wrap.call:
        return True
    made = value.origin
    if made.call.argument("timeout", 1 if source_of(made.call.func).endswith("create_connection") else None) is not None:
        return True
    return _set_on(made, below, wrap.function)


def _wrapping(wait: WaitSite) -> Origin | None:
    """The call that lays TLS on a socket: the wait itself, or what made its receiver."""
    if wait.site.method == WRAP:
        return Origin(wait.site.function, wait.call)
    origin = wait.site.origin
    return origin if origin is not None and source_of(origin.call.func).endswith(WRAP) else None


def _set_on(made: Origin, below: m.Expr | None, func: Func) -> bool:
    """Whether a limit is set on the socket, by what made it or by the name that it has where it is wrapped."""
    name = source_of(below) if below is not None else ""
    return any(
        site.method == "settimeout"
        and not (bool(site.call.args) and isinstance(site.call.args[0], m.Const) and site.call.args[0].value is None)
        and (site.text.rpartition(".")[0] == name or (site.origin is not None and site.origin.call is made.call))
        for each in {func, made.function}
        for site in each.sites
    )


def before_a_person(project: Project, func: Func) -> bool:
    """Whether a person answers questions of the program right before or behind: in the function itself, or in all that call it.
    Who waits there sees it, and can press Ctrl-C."""
    level = [func]
    for _ in range(CALLERS):
        if all(_asks(each) for each in level):
            return True
        level = list(dict.fromkeys(site.function for each in level for site in calls_of(each, project.links)))
        if not level:
            return False
    return all(_asks(each) for each in level)


@cache
def _asks(func: Func) -> bool:
    """Whether a function asks the person at the terminal, itself or by a function that it calls."""
    return _prompts(func) or any(_prompts(target) for site in func.sites if not site.weak for target in site.targets)


def _prompts(func: Func) -> bool:
    return any((site.dotted or site.text) in PROMPTS for site in func.sites)
