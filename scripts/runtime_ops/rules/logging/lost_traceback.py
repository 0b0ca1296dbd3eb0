"""A caught error that is logged without its traceback and goes no further."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.surface import surface
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.build import Project
from runtime_ops.project.decorators import is_job
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends
from runtime_ops.project.hooks import Hook
from runtime_ops.project.log_calls import LogCall, log_call
from runtime_ops.project.loops import is_endless, told_to_end
from runtime_ops.project.model import Func, Site, places_of
from runtime_ops.project.source_text import literal_words
from runtime_ops.project.wait_kinds import OUTSIDE, kind_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging._failing import hardly_fails
from runtime_ops.rules.logging._last_seen import (
    at_a_desk,
    ends_program,
    ends_request,
    runs_around,
    seen_last,
    wordless,
    wraps_whatever,
)
from runtime_ops.rules.logging._shown import probes

RULE = Rule(
    __name__,
    severity="low",
    summary="A broad except logs the error's text without traceback and does not raise it: the place of the failure is lost.",
    yields_to=("swallowed-job-failure", "success-after-failure"),
)
KINDS = ("service", "worker", "job")
LOW_LEVELS = ("debug", "info")
RECONNECTS = re.compile(r"(?i)re-?connect|retry|retries|try(?:ing)? again|connection|disconnect|lost|unreachable|in \d+ ?s")
CRASHED = re.compile(r"(?i)crash|unexpected|unhandled|bug")
EXPECTED = re.compile(r"(?i)\binvalid\b|\bmalformed\b|\bbad\b|\bnot (?:valid|supported)\b|\bunsupported\b|\bfall(?:ing|s)? ?back\b")
"""What an author writes of a failure that is foreseen: what somebody sent is wrong, or something else is done instead."""
BIG = 8  # statements in a try body: so much that the text of an error no longer says where it came from
FEW = 3  # statements of a try body that asks one thing
HABIT = 3  # lesser places of one package that are worth one finding together
SURE = 2  # places among them that lose much, and make the habit more than a guess
STARLETTE = ("exception_handler", "add_exception_handler", "exception_handlers")
REFUSED = range(400, 500)  # a status that blames the caller


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    last: list[Finding] = []
    lesser: dict[str, list[HandlerEffects]] = defaultdict(list)
    for arm in project.failures:
        if not (loses(arm) or _ends_by(project, arm)):
            continue
        if not running(project, arm) and not (wraps_whatever(arm) and runs_around(project, arm)):
            continue
        if arm.loudest not in LOW_LEVELS and (arm.reports or _handed_on(arm)):
            continue  # an error tracker has it, with its traceback
        why = seen_last(project, arm)
        if not why and arm.exits:
            continue
        if not why and not (_plain(arm) or _expected(arm) or at_a_desk(project, arm.func)):
            why = last_resort(project, arm)
        if why:
            last.append(_finding(project, arm, why))
        elif not _says_enough(project, arm):
            lesser[arm.path.partition("/")[0]].append(arm)
    yield from together(last)
    for arms in lesser.values():
        much = [a for a in arms if _loses_much(a)]
        if len(arms) < HABIT:
            much = [a for a in much if wordless(a) and ends_request(project, a)]
            if much:
                yield _habit(project, much, sure=True)
        else:
            # one phrase alone, without the error's text, is of a failure that its author knew
            yield _habit(project, much or arms, sure=len(much) >= SURE or any(a.uses_error for a in much))
    yield from _error_handlers(project)


def loses(arm: HandlerEffects) -> bool:
    """Whether the arm ends the error's way with a line that does not say where it happened."""
    return not arm.exits and _tells_no_place(arm)


def _ends_by(project: Project, arm: HandlerEffects) -> bool:
    return bool(arm.exits) and _tells_no_place(arm) and ends_program(project, arm)


def _tells_no_place(arm: HandlerEffects) -> bool:
    if not arm.broad or not arm.logs or arm.tracebacks or arm.raises == "always":
        return False
    if hardly_fails(arm):
        return False  # what can fail has been dealt with further in
    if any(call.site.method == "err" for call in arm.logs):
        return False  # twisted's log.err makes a Failure of what is being handled, and writes its traceback
    if any(raised.chained for raised in arm.raised) or _names_the_type_only(arm) or _tried_again(arm):
        return False
    taken = any(
        (s.dotted or s.text).startswith(("traceback.", "sys.exc_info", "sys.exception"))
        or ("traceback" in s.method.lower() and s.method != "with_traceback")
        for s in arm.calls
    )
    return not taken and not (arm.loudest == "debug" and arm.body_statements <= 2)


def _handed_on(arm: HandlerEffects) -> bool:
    """``stats.unexpected_exception(error)``, ``log.error_or_exception(error)``: what takes the error, and says that it does, has
    its traceback in hand."""
    bound = arm.handler.bound
    return bound is not None and any(
        re.search(r"exception|traceback|exc_info", site.method)
        and any(isinstance(g, m.Name) and g.id == bound for g in (*site.call.args, *(v for _, v in site.call.keywords)))
        for site in arm.calls
        if log_call(site) is None
    )


def _plain(arm: HandlerEffects) -> bool:
    """One step of another's code under words of its own and with the error's text: there is no other place it could be."""
    return (
        arm.uses_error
        and not _bare(arm)
        and arm.body_statements <= FEW
        and not any(site.targets and not site.weak for site in arm.body_calls)
    )


def _expected(arm: HandlerEffects) -> bool:
    """Whether the author foresaw the failure: the body raises it, the arm names others beside it, refuses the request as wrong,
    calls it invalid, or says in a comment why it does not matter."""
    said = " ".join(literal_words(call.site.call) for call in arm.logs)
    return (
        any(isinstance(p.stmt, m.Raise) for p in places_of(arm.attempt.body, ()))
        or len(arm.catches) > 1
        or (bool(arm.returns) and all(r.status in REFUSED for r in arm.returns))
        or bool(EXPECTED.search(said))
        or (arm.loudest == "warning" and arm.handler.commented)
    )


def _bare(arm: HandlerEffects) -> bool:
    """``log.error(e)``, ``log.error(str(e))``: no word of the place."""
    told = _told(arm)
    bound = arm.handler.bound
    if told is None or bound is None or literal_words(told.call).strip():
        return False
    names = {n.id for given in told.call.args for n in m.walk(given) if isinstance(n, m.Name)}
    return names <= {bound, "str", "repr"}


def _loses_much(arm: HandlerEffects) -> bool:
    """A lesser place that is worth a line by itself: an error that nobody foresaw, out of several steps or of the project's own
    code, under words that do not say which."""
    if _expected(arm) or arm.loudest not in ("error", "critical"):
        return False
    own = len({target for site in arm.body_calls if not site.weak for target in site.targets})
    said = " ".join(literal_words(call.site.call) for call in arm.logs)
    if _bare(arm) or wordless(arm) or CRASHED.search(said):
        return bool(own) or arm.body_statements > 1
    if not arm.uses_error:
        return bool(own) or arm.body_statements > FEW or _asks_outside(arm)
    return arm.body_statements >= BIG or (arm.body_statements > FEW and own > 0) or own > 1


def _tried_again(arm: HandlerEffects) -> bool:
    """``self.retry()`` raises in any case, Retry or at the last attempt MaxRetriesExceededError, and keeps the error as its
    context: the job system logs it (celery 5.4, Task.retry)."""
    return any(
        site.text == "self.retry" or (site.method == "retry" and site.call.keyword("exc") is not None) for site in arm.calls
    )


def _says_enough(project: Project, arm: HandlerEffects) -> bool:
    """Whether a place is none to begin with: the author took the failure for a lesser one or says why, the function asks if something
    works, the text of the error alone says where it came from, or a person at a desk reads it."""
    return (
        arm.loudest in LOW_LEVELS
        or (arm.loudest == "warning" and arm.handler.commented)
        or probes(arm.func)
        or any(isinstance(stmt, m.Import) for stmt in arm.attempt.body)
        or _asks_one_thing(arm)
        or at_a_desk(project, arm.func)
    )


def _asks_one_thing(arm: HandlerEffects) -> bool:
    """A body that is one call over the network, whose failure is told with its text: the frames are the library's."""
    if not arm.uses_error or arm.body_statements > FEW or any(site.targets and not site.weak for site in arm.body_calls):
        return False
    return _asks_outside(arm)


def _asks_outside(arm: HandlerEffects) -> bool:
    return any(
        kind_of(row, site.dotted) in OUTSIDE for site in arm.body_calls if site.dotted for row in waits(site.dotted)
    )


def _names_the_type_only(arm: HandlerEffects) -> bool:
    """``log.warning("… %s", type(exc).__name__)``: the text is left out on purpose, since it may hold a secret."""
    bound = arm.handler.bound
    names = [n.id for call in arm.logs for n in m.walk(call.site.call) if isinstance(n, m.Name)]
    if f"{bound}.__class__" in names and bound not in names:
        return True
    used = [name for name in names if name == bound]
    typed = [
        n
        for call in arm.logs
        for n in m.walk(call.site.call)
        if isinstance(n, m.Call) and isinstance(n.func, m.Name) and n.func.id == "type"
    ]
    return bool(typed) and len(used) <= len(typed)


def last_resort(project: Project, arm: HandlerEffects) -> str:
    """Why this is the last place that sees the error with its cause far away, empty when it is not."""
    loop = arm.loop
    low = arm.loudest in LOW_LEVELS
    turns = arm.ends <= {"fall", "continue"}  # pages that are fetched until one fails are no loop of a service
    turns = turns and not (isinstance(loop, m.While) and told_to_end(arm.handler.body, loop, arm.func))
    if loop is not None and is_endless(loop) and turns and _is_a_turn(arm, loop) and not low and not _reconnects(arm):
        return "this is the last place that sees what ends a turn of the loop"
    if is_job(arm.func, project.links) and loop is None and _whole(arm):
        return "this is the last place that sees why the job failed"
    if low and arm.body_statements >= BIG // 2 and isinstance(loop, m.For) and changes(arm):
        return "it changes the item's state and goes on, and no alert sees why"
    loud = arm.loudest in ("error", "critical")  # a warning is of work that went on in another way
    if loud and arm.body_statements >= BIG and runs_by_itself(project, arm.func):
        return "this is the last place that sees what ends the thread or task"
    return ""


def _is_a_turn(arm: HandlerEffects, loop: m.While | m.For) -> bool:
    """Whether the try holds a turn of the loop, not one step deep within it that the turn can do without."""
    stmts = [step.stmt for step in arm.steps]
    return all(isinstance(stmt, m.With) for stmt in stmts[stmts.index(loop) + 1 :])


def _reconnects(arm: HandlerEffects) -> bool:
    """An arm for a peer that went away: it says so and tries again, and the text of the error is what there is to say."""
    said = " ".join(literal_words(call.site.call) for call in arm.logs)
    if CRASHED.search(said):
        return False
    return bool(RECONNECTS.search(said)) or any(site.method in ("connect", "reconnect") for site in arm.calls)


def _whole(arm: HandlerEffects) -> bool:
    """Whether the try holds the function's work, not one step of it: nothing that may fail stands behind it."""
    body = arm.func.facts.body
    if arm.attempt not in body:
        return False
    return not any(True for stmt in body[body.index(arm.attempt) + 1 :] for _ in m.calls(stmt))


def changes(arm: HandlerEffects) -> bool:
    """Whether the arm writes what outlives the turn of the loop: an item or attribute, a commit, a save."""
    saves = any(site.method in ("commit", "save", "update") for site in arm.calls)
    return saves or any(
        isinstance(s, m.Assign) and any(isinstance(t, m.Subscript | m.Attr) for t in s.targets)
        for s in arm.handler.body
    )


def runs_by_itself(project: Project, func: Func) -> bool:
    """Whether the function is handed to a thread, task, process or scheduler."""
    return any(e.how == "reference" and surface("starter", e.via) for e in project.links.callers.get(func, ()))


def _finding(project: Project, arm: HandlerEffects, why: str) -> Finding:
    level = arm.loudest or "unknown"
    told = _told(arm)
    low = f", at {level.upper()} so that no alert sees it" if level in LOW_LEVELS else ""
    return RULE.in_function(
        project,
        arm.func,
        told.line if told is not None else arm.line,
        f"Caught {caught(arm)} and logged it by {(told or arm.logs[0].site).text}() without traceback{low}; {why}",
        f"log it with {_with_traceback(arm)}, or let it propagate",
        end_line=told.call.end_line if told is not None else arm.line,
    )


def _told(arm: HandlerEffects) -> Site | None:
    """The arm's own log call, the loudest of them; what it leaves to a helper is written elsewhere."""
    own = [call for call in arm.logs if call.site.function is arm.func]
    return next((call.site for call in own if call.level == arm.loudest), own[0].site if own else None)


def _line(arm: HandlerEffects) -> int:
    told = _told(arm)
    return told.line if told is not None else arm.line


def _weight(arm: HandlerEffects) -> int:
    """How much is lost: most where not even the text is told, where it counts as an error, and where much of the
    project's own code stands in the body."""
    own = len({target for site in arm.body_calls if not site.weak for target in site.targets})
    loud = arm.loudest in ("error", "critical")
    return 6 * (not arm.uses_error) + 3 * loud + 2 * min(own, 3) + min(arm.body_statements, BIG) // 2


def _with_traceback(arm: HandlerEffects) -> str:
    """How the library of the log call writes a traceback."""
    if (arm.logs[0].site.dotted or "").startswith("loguru."):
        return "logger.exception() or logger.opt(exception=True)"  # loguru takes no exc_info (loguru 0.7)
    return "exc_info=True (or log.exception)"


def _habit(project: Project, arms: list[HandlerEffects], sure: bool) -> Finding:
    """One finding for many small places: the one that loses most stands for all."""
    first, *others = sorted(arms, key=lambda a: (-_weight(a), a.path, a.line))
    files = len({a.path for a in arms})
    many = f"{len(arms)} places in {files} file{'s' if files > 1 else ''} catch {caught(first)} and log"
    one = f"Caught {caught(first)} and logged it by {(_told(first) or first.logs[0].site).text}() with"
    return RULE.finding(
        first.path,
        _line(first),
        f"{many if others else one} no traceback: a failure there is a line without place",
        f"log with {_with_traceback(first)} wherever the error goes no further; begin with the place named here",
        confidence="likely" if sure else "possible",
        phase="serving",
        entrypoints=running(project, first),
        anchor=f"habit:{first.path.partition('/')[0]}",
        count=len(arms),
        also=[Evidence(a.path, _line(a), "the same") for a in others[:8]],
    )


def _error_handlers(project: Project) -> Iterator[Finding]:
    """A registered catch-all error handler that logs only the text."""
    for hook in project.hooks:
        if hook.kind != "error-handler" or hook.func is None or not _broad(hook.detail):
            continue
        calls = [c for c in (log_call(site) for site in hook.func.sites) if c is not None]
        if not calls or any(c.traceback for c in calls) or not _errors(calls) or _raised_on(hook, hook.func):
            continue
        yield RULE.in_function(
            project,
            hook.func,
            _errors(calls)[0].site.line,
            f"The catch-all error handler {hook.func.name} logs only the error's text: no traceback, so a TypeError in any "
            "handler is one line without place",
            "log it with exc_info=error (or log.exception), with the request's id",
        )


def _raised_on(hook: Hook, func: Func) -> bool:
    """What a handler raises on every way goes on to the framework or the server, with the error that it was called for as its
    context: one of the two logs it (flask 3.1, Flask.wsgi_app: handle_exception). Starlette takes a handler for
    Exception as that of status 500: it sends the answer, and raises the error on to the server,
    which logs it with its traceback (starlette 0.41, ServerErrorMiddleware)."""
    words = (hook.framework, hook.via)
    if ends(func.facts.body, func) <= {"raise"}:
        return True
    return any("fastapi" in w or "starlette" in w or w.rpartition(".")[2] in STARLETTE for w in words)


def _errors(calls: Iterable[LogCall]) -> list[LogCall]:
    return [c for c in calls if c.level not in LOW_LEVELS]


def _broad(detail: str) -> bool:
    """What takes whatever goes wrong. A handler for status 500 comes after the framework's own record, with its traceback
    (Flask.handle_exception logs first, Starlette raises on)."""
    return detail.rpartition(".")[2] in ("Exception", "BaseException")


def caught(arm: HandlerEffects) -> str:
    """What the arm catches, in the words of the source."""
    return " or ".join(arm.handler.types) or "everything (bare except)"


def running(project: Project, arm: HandlerEffects) -> tuple[Entrypoint, ...]:
    """The services, workers and jobs that run the arm while they start, serve or stop."""
    found = project.phases_by_entrypoint(arm.func, arm.line, arm.steps)
    return tuple(e for e, phases in found.items() if e.kind in KINDS and phases & {"serving", "startup", "shutdown"})
