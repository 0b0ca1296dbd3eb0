"""Handlers that an application registers for every exception, and that leave no trace of it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project import failure_signs as signs
from runtime_ops.project.build import Project
from runtime_ops.project.failure_signs import error_status
from runtime_ops.project.hooks import Hook
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site

FLASK = ("errorhandler", "app_errorhandler", "register_error_handler")
"""How Flask's handlers are registered: what one of them takes is neither logged nor signalled to error trackers (flask 3.1,
app.py: handle_user_exception returns the handler's answer; log_exception and got_request_exception are handle_exception's).
Starlette logs and raises on what its handler of Exception answered; Django has no such registration."""
DEPTH = 3
"""Calls of the project that are followed for a record."""


def silent_catch_alls(project: Project) -> Iterator[tuple[Hook, Func]]:
    """Registrations of a Flask handler for `Exception` that logs, prints, counts, reports and raises nothing, itself or in what
    it calls; with the handler."""
    for hook in project.hooks:
        if hook.kind != "error-handler" or hook.func is None or hook.via.rpartition(".")[2] not in FLASK:
            continue
        if hook.detail.rpartition(".")[2] in ("Exception", "BaseException") and not _may_tell(hook.func, DEPTH):
            yield hook, hook.func


def answers_success(handler: Func) -> bool:
    """Whether nothing in the handler gives its answer a status, so that a failed request counts as done."""
    if any("status" in place_text or place_text == "code" for place_text in _assigned(handler)):
        return False
    returned = [place.stmt.value for place in handler.by_kind.get(m.Return, ()) if isinstance(place.stmt, m.Return)]
    return bool(returned) and all(_plain(value) and error_status(value) is None for value in returned)


def _plain(value: m.Expr | None) -> bool:
    """``jsonify(…)``, ``render_template(…)``, a text: what Flask answers with 200, unlike a pair or a response made elsewhere."""
    if isinstance(value, m.Call):
        name = value.func.id if isinstance(value.func, m.Name) else ""
        return name.rpartition(".")[2] in ("jsonify", "render_template", "dumps") and not value.expands
    return isinstance(value, (m.Const, m.Format, m.Mapping))


def _assigned(func: Func) -> Iterator[str]:
    for place in func.by_kind.get(m.Assign, ()):
        for target in place.stmt.targets if isinstance(place.stmt, m.Assign) else ():
            if isinstance(target, m.Name):
                yield target.id.rpartition(".")[2]


def _may_tell(func: Func, depth: int) -> bool:
    """Whether a function leaves a trace of the failure, or calls what was not read and may."""
    if func.by_kind.get(m.Raise) or any("logger" in name or name == "log" for name in func.wording.split()):
        return True
    return any(_tells(site, depth) for site in func.sites)


def _tells(site: Site, depth: int) -> bool:
    if log_call(site) is not None or signs.is_print(site) or signs.prints_traceback(site) or signs.is_tracker(site):
        return True
    if signs.is_metric(site):
        return True
    followed = [target for target in site.targets if isinstance(target, Func)]
    if followed:
        return depth == 0 or any(_may_tell(target, depth - 1) for target in followed)
    # what was not read is taken at its word: a method of something unknown whose name deals with failures
    return site.dotted is None and bool(signs.DEALS.search(site.text))
