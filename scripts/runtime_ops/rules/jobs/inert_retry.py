"""A retry that cannot act."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import ends, resolve_all, sites_in
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.jobs._retries import Configured, configured

RULE = Rule(__name__, severity="medium", summary="A configured retry can never act.", lead=True)
AROUND_THE_CALL = frozenset({"tenacity", "backoff", "retrying", "retry", "retry2"})
"""Libraries whose decorators call the function and look at no more than how that call ends (read in tenacity 9.2.1, backoff
2.2.1): none goes through a generator that the call gives. stamina does since 25.2 (its docs), and is left out."""
MANAGERS = frozenset({"contextmanager", "asynccontextmanager"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    # one file wraps all its generators by one habit
    yield from together(_generator(project, use, use.func) for use in configured(project) if use.func is not None and _makes(project, use))
    for use in configured(project):
        if _makes(project, use):
            continue
        by_itself = use.policy.distribution not in ("celery", "dramatiq", "rq", "huey") or (
            use.call is not None and use.call.keyword("autoretry_for") is not None
        )
        if use.func is not None and len(use.func.facts.decorators) > 1:
            continue  # another decorator, between the retry and the function, may raise what is retried (a lock that is held)
        if use.func is not None and by_itself and not _by_result(use.call) and (line := _swallows(project, use.func)):
            yield RULE.in_function(
                project, use.func, use.line,
                f"The retry around {use.func.name}() never runs again: the function catches every exception "
                f"itself (line {line}) and returns, so "
                "each failure counts as a success at the first try",
                "raise from the arm what should be retried, and handle the last failure outside the decorator",
            )  # fmt: skip
    for func in project.functions:
        yield from _deleted_name(project, func)
    for site in project.sites("requests.adapters.HTTPAdapter", "requests.HTTPAdapter"):
        finding = _adapter(project, site)
        if finding is not None:
            yield finding


def _makes(project: Project, use: Configured) -> bool:
    """Whether the retry stands around the making of a generator. A decorator below it may run the generator inside the call
    (``tornado.gen.coroutine``); ``contextmanager`` only makes it, too."""
    func = use.func
    if func is None or not func.facts.is_generator or use.policy.distribution not in AROUND_THE_CALL:
        return False
    scope = func.parent or func.module.level
    inner: list[str] = []
    for decorator in reversed(func.facts.decorators):
        value = project.names.value(decorator.func if isinstance(decorator, m.Call) else decorator, scope)
        if value is not None and value.kind in ("external", "made") and value.name.removesuffix("()") == use.dotted:
            break
        inner.append(source_of(decorator).rpartition(".")[2])
    else:
        return False  # the retry comes by a decorator of the project, which may do more
    return set(inner) <= MANAGERS and bool(project.function_runs_in(func, "startup", "serving", "shutdown"))


def _generator(project: Project, use: Configured, func: Func) -> Finding:
    kind = "an async generator" if func.facts.is_async else "a generator"
    return RULE.in_function(
        project, func, use.line,
        f"The retry around {func.name}() never runs again: the function is {kind}, so its call only makes the generator, and what "
        "fails in its body is raised in the loop that takes its items, past the decorator",
        "retry inside, around the call that opens the stream, or move that call into a plain function with the decorator",
        confidence="certain",
    )  # fmt: skip


def _by_result(call: m.Call | None) -> bool:
    return call is not None and any(
        isinstance(n, m.Name) and "result" in n.id for _, v in call.keywords for n in m.walk(v)
    )


def _swallows(project: Project, func: Func) -> int:
    """The line of the broad arm when nothing can come out of the function's work; 0 otherwise."""
    body = [s for s in func.facts.body if not isinstance(s, m.Pass | m.Import)]
    attempts = [s for s in body if isinstance(s, m.Try)]
    if len(attempts) != 1 or any(isinstance(n, m.Raise) for n in m.walk(func.facts.body)):
        return 0
    outside = [c for s in body if s is not attempts[0] for c in m.calls(s)]
    if any((s.targets or (s.dotted and "." in s.dotted)) for s in func.sites if any(c is s.call for c in outside)):
        return 0
    for handler in attempts[0].handlers:
        broad = not handler.types or any(
            n.rpartition(".")[2] in ("Exception", "BaseException")
            for n in resolve_all(func, project.links, handler.types)
        )
        if broad and "raise" not in ends(handler.body, func) and "exit" not in ends(handler.body, func):
            again = any("retry" in s.text for s in sites_in(func.facts.body, func))
            return 0 if again else handler.line
    return 0


def _adapter(project: Project, site: Site) -> Finding | None:
    """``HTTPAdapter(max_retries=…)`` that is never mounted."""
    if site.call.argument("max_retries", 2) is None or not isinstance(site.stmt, m.Assign):
        return None
    target = site.stmt.targets[0]
    if not isinstance(target, m.Name) or "." in target.id or site.stmt.value is not site.call:
        return None
    used = sum(
        1
        for p in site.function.places
        for n in m.walk(p.stmt)
        if isinstance(n, m.Name) and n.id == target.id and p.stmt is not site.stmt
    )
    if used or site.function.is_module:
        return None
    return RULE.at(
        project, site,
        f"The adapter with retries is bound to {target.id} and never mounted: every request of the session is "
        "tried once",
        f'mount it: session.mount("https://", {target.id})',
    )  # fmt: skip


def _deleted_name(project: Project, func: Func) -> Iterator[Finding]:
    """``if "e" in locals()`` behind ``except … as e``: Python deletes the name at the end of the arm."""
    for place in func.places:
        test = place.stmt.test if isinstance(place.stmt, m.If) else None
        if not isinstance(test, m.Compare) or not isinstance(test.left, m.Const) or test.ops != ("in",):
            continue
        asked = test.rights[0]
        if not (isinstance(asked, m.Call) and isinstance(asked.func, m.Name) and asked.func.id == "locals"):
            continue
        bindings = func.bindings.get(str(test.left.value), [])
        if bindings and all(b.kind == "except" for b in bindings) and not any(s.arm == "handler" for s in place.steps):
            yield RULE.in_function(
                project, func, place.stmt.line,
                f"{test.left.value!r} is never in locals() here: Python deletes the name of `except … as` at "
                "the end of the arm, so the branch for "
                "failures (its pause, its retry) never runs",
                "set a flag of your own in the arm and test that", severity="low", confidence="certain",
            )  # fmt: skip
