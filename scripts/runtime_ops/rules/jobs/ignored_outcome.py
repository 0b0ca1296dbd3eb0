"""A result that tells success from failure and is never looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.names import spellings
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import is_command, is_management_command
from runtime_ops.project.flows import ends, sites_by_call
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site, own_expressions
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._ways import likely_way
from runtime_ops.rules.jobs._partial_batches import Batch, dropped_batches
from runtime_ops.rules.jobs._ready_results import taken_when_ready
from runtime_ops.rules.jobs._unread_children import CHECKED, unread_children
from runtime_ops.rules.jobs._untested_answers import Taken, taken_for_nothing, untested_answers
from runtime_ops.rules.jobs._words import DELIVERS, SAVES, aside, optional, stated, words
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(__name__, severity="medium", summary="A result that tells success from failure is never looked at.")
WRITES = re.compile(
    r"^(?:requests|httpx|niquests)\.(?:(?:sessions\.)?(?:Async)?(?:Session|Client)\.)?(post|put|patch|delete)$"
)
PARTIAL = {"os.write": "os.write", "socket.socket.send": "send", "io.FileIO.write": "write"}
STEPS = 4  # names and calls back to what is written
MOVES = frozenset("os.replace os.rename shutil.move pathlib.Path.replace pathlib.Path.rename".split())
BODIES = ("json", "data", "files", "content")
DUMPS = re.compile(r"\b(?:or|u|simple)?json\.dumps\(|\b(?:pickle|yaml|msgpack|tomli_w)\.(?:safe_)?(?:dumps?|packb)\(")
LOCAL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])[:/]")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    # the answers of one client in one file are dropped by one habit
    yield from together(f for site in _written(project) if (f := _response(project, site)) is not None)
    yield from together(f for taken in untested_answers(project) if (f := _untested(project, taken)) is not None)
    yield from together(f for taken in taken_for_nothing(project) if (f := _untested(project, taken)) is not None)
    for site in project.links.sites(*PARTIAL):
        if site.used or _one_byte(site) or _to_pipe(site) or not _runs(project, site.function):
            continue
        yield RULE.at(
            project, site,
            f"{site.text}() may write only part of the data (disk almost full, full buffer) and returns how "
            "much; the rest is lost here "
            "without an error",
            "use a buffered file or sendall(), or loop until everything is written",
            confidence="possible" if site.dotted != "os.write" or not _kept(site) or _few_values(site)
            else "certain" if _replaces(site) and _serialised(site) else "likely",
        )  # fmt: skip
    for func in project.functions:
        yield from _state_not_asked(project, func)
    yield from _ready_not_asked(project)
    yield from _told_by_result(project)
    yield from together(_batch(project, site, batch) for site, batch in dropped_batches(project) if _runs(project, site.function))
    yield from together(
        RULE.at(project, child.waited, child.text, CHECKED, severity=child.severity, confidence="certain")
        for child in unread_children(project)
        if _runs(project, child.made.function) and not for_development(child.made.path)
    )


def _untested(project: Project, taken: Taken) -> Finding | None:
    site = taken.site
    func = site.function
    runs = any(project.phases(site).values())
    if for_development(site.path) or stated(func) or optional(func.name):
        return None
    if not runs and not project.imported_by(func.module, "service", "worker"):
        return None
    typed = is_management_command(func.path) or is_command(func, project.links)
    return RULE.at(
        project,
        site,
        f"Nobody looks at the status of what {site.text}() answered, and line {taken.line} {taken.does}: a 4xx or 5xx raises nothing by "
        "itself, so an error page is taken for the content",
        "call raise_for_status() before the content is used, and decide what becomes of the work when it failed",
        severity="low" if typed else None,
        confidence="likely" if runs and taken.sure else "possible",
    )


def _batch(project: Project, site: Site, batch: Batch) -> Finding:
    left = "is lost" if batch.lost else "stays where it is"
    return RULE.at(
        project,
        site,
        f"{site.method}() {batch.says.format(failed=batch.failed)}: nobody looks, so what was refused {left} without a word",
        f"look at {batch.failed}: send what failed again a few times with a pause, and raise or report what is left",
        severity=batch.severity or (None if batch.lost else "low"),
        confidence="certain",
    )


def _written(project: Project) -> Iterator[Site]:
    for dotted, sites in project.links.by_dotted.items():
        if any(WRITES.match(name) for name in spellings(dotted)):
            yield from sites


def _runs(project: Project, func: Func) -> bool:
    return bool(project.function_runs_in(func, "serving", "shutdown"))


def _response(project: Project, site: Site) -> Finding | None:
    func = site.function
    if _to_itself(site) or for_development(site.path):
        return None
    if not _runs(project, func) or stated(func) or optional(func.name) or aside(func):
        return None
    if any(k == "hooks" for k, _ in site.call.keywords) or _raises_by_itself(project, site):
        return None
    if not site.used:
        how = "dropped"
    else:
        name = _bound_to(site)
        if name is None or not _only_logged(site, name):
            return None
        if is_management_command(func.path) or is_command(func, project.links):
            return None  # who typed it reads the answer
        how = "only logged"
    minded = how == "dropped" and _hands_over(project, site) and not _in_trial(site) and _minded(project, site)
    return RULE.at(
        project, site,
        f"The answer of {site.text}() is {how}: a 4xx or 5xx raises nothing by itself, so a refused or failed "
        "request counts as done",
        "call raise_for_status() or test the status, and decide what becomes of the work when it failed",
        severity="low" if how == "only logged" or minded == "goes on" else None,  # a record to find it by, or best effort
        confidence="certain" if minded else "likely" if _hands_over(project, site) and not _in_trial(site) else "possible",
    )  # fmt: skip


def _hands_over(project: Project, site: Site) -> bool:
    """Whether something is sent that the other side must have, on a plain way: a DELETE of what is gone is as good as done."""
    return site.method != "delete" and any(likely_way(project.lives[e], site.function) for e in project.phases(site))


def _minded(project: Project, site: Site) -> str:
    """Whether the code shows that the delivery counts: its failure is ``raised``, or logged where the work ``goes on``, or the
    function is there to deliver (``sends``). A body is handed over, and neither its address nor its arm says that it is optional."""
    if site.method not in ("post", "put") or not (len(site.call.args) > 1 or any(k in BODIES for k, _ in site.call.keywords)):
        return ""
    if any(optional(part) for text in m.texts((site.call.args[:1], site.call.keyword("url"))) for part in re.split(r"\W+", text)):
        return ""
    around = [s.stmt for s in site.steps if isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers]
    arms = [arm for arm in project.failures if any(arm.attempt is stmt for stmt in around)]
    if any(arm.raises == "always" for arm in arms):
        return "raised"
    if any(log.at_least("warning") for arm in arms for log in arm.logs):
        return "goes on"
    own = words(site.function.name)
    return "sends" if not around and bool(own) and own[0] in (*DELIVERS, "upload", "submit", "push") else ""


def _in_trial(site: Site) -> bool:
    """``for _ in range(warmup)``: a request for its own sake."""
    loops = [s.stmt for s in site.steps if isinstance(s.stmt, m.For)]
    return any(isinstance(loop.target, m.Name) and loop.target.id == "_" for loop in loops)


def _to_itself(site: Site) -> bool:
    """A literal address of the own machine: a helper beside the program, whose answer it does not need."""
    return any(LOCAL.match(text) for text in m.texts(site.call.args))


def _bound_to(site: Site) -> str | None:
    stmt = site.stmt
    value = stmt.value if isinstance(stmt, m.Assign) else None
    if isinstance(value, m.Await):
        value = value.value
    if (
        isinstance(stmt, m.Assign)
        and value is site.call
        and len(stmt.targets) == 1
        and isinstance(stmt.targets[0], m.Name)
    ):
        return stmt.targets[0].id if "." not in stmt.targets[0].id else None
    return None


def _only_logged(site: Site, name: str) -> bool:
    """Whether the response, until its name is bound again, is only used in log calls."""
    func = site.function
    logs = [s.call for s in func.sites if log_call(s) is not None]
    inside = {id(n) for call in logs for n in m.walk(call)}
    rebound = min((b.line for b in func.bindings.get(name, ()) if b.line > site.call.end_line), default=1 << 30)
    seen = False
    for place in func.places:
        if place.stmt is site.stmt or place.stmt.line < site.line:
            continue
        if place.stmt.line >= rebound:
            break
        if isinstance(place.stmt, m.If | m.While | m.For | m.With | m.Try | m.Match):
            parts: list[object] = list(own_expressions(place.stmt))
        else:
            parts = [place.stmt]
        for part in parts:
            for node in m.walk(part):
                if isinstance(node, m.Name) and (node.id == name or node.id.startswith(name + ".")):
                    if id(node) not in inside:
                        return False
                    seen = True
    return seen and not _in_loop_before(site, name)


def _in_loop_before(site: Site, name: str) -> bool:
    """Whether a loop around the call may look at the response at its next turn."""
    loop = next((s.stmt for s in reversed(site.steps) if isinstance(s.stmt, m.While | m.For)), None)
    if loop is None:
        return False
    return any(isinstance(n, m.Name) and n.id.split(".")[0] == name and n.line < site.line for n in m.walk(loop))


def _raises_by_itself(project: Project, site: Site) -> bool:
    """A session that was given a hook or a client whose project class checks the status."""
    if site.origin is None:
        return False
    return any(k == "event_hooks" for k, _ in site.origin.call.keywords) or any(
        isinstance(n, m.Name) and n.id.endswith(".hooks") for n in m.walk(site.origin.function.facts.body)
    )


def _one_byte(site: Site) -> bool:
    data = site.call.argument("data", 1 if site.dotted == "os.write" else 0)
    return isinstance(data, m.Const) and len(str(data.value)) <= 8


def _few_values(site: Site) -> bool:
    """A record of a fixed shape (``json.dumps({"token": token})``, ``f"{pid} {name}"``): so few bytes are written whole."""
    data: m.Expr | None = site.call.argument("data", 1 if site.dotted == "os.write" else 0)
    for _ in range(STEPS):
        if isinstance(data, m.Call) and isinstance(data.func, m.Attr) and data.func.name == "encode":
            data = data.func.value
        elif isinstance(data, m.Call) and isinstance(data.func, m.Name) and data.func.id.endswith(".encode"):
            bound = site.function.bindings.get(data.func.id.removesuffix(".encode"), ())  # ``text.encode()``
            data = bound[0].expr if len(bound) == 1 else None
        elif isinstance(data, m.Call) and source_of(data.func).endswith("dumps") and data.args:
            data = data.args[0]
        elif isinstance(data, m.Name):
            bound = site.function.bindings.get(data.id, ())
            data = bound[0].expr if len(bound) == 1 else None
    return isinstance(data, m.Format) or (isinstance(data, m.Mapping) and all(isinstance(k, m.Const) for k, _ in data.items))


def _kept(site: Site) -> bool:
    """Whether the file is put in the place of the one that counts, so that a short one is read later."""
    return any((s.dotted or "") in MOVES for s in site.function.sites)


def _replaces(site: Site) -> bool:
    """Whether the new file takes the place of the old one in one step, which leaves nothing of what was there."""
    return any((s.dotted or "") in ("os.replace", "os.rename") and s.line > site.line for s in site.function.sites)


def _serialised(site: Site) -> bool:
    """Whether what is written is a program's data (``json.dumps(state)``), which nothing can make again."""
    data: m.Expr | None = site.call.argument("data", 1)
    exprs = [b.expr for b in site.function.bindings.get(data.id, ())] if isinstance(data, m.Name) else [data]
    return bool(exprs) and all(expr is not None and DUMPS.search(source_of(expr)) for expr in exprs)


def _to_pipe(site: Site) -> bool:
    """A write to a pipe's own end: small records are written whole (PIPE_BUF)."""
    names = {s.dotted for s in site.function.sites}
    if "os.pipe" in names or (names & {"tempfile.mkstemp", "tempfile.NamedTemporaryFile"} and not _kept(site)):
        return True  # or to a file that nobody keeps
    target = source_of(site.call.args[0] if site.dotted == "os.write" and site.call.args else site.call.func)
    return bool(re.search(r"pipe|wake|master|pty|descriptor|(?:^|[._])[rw](?:fd)?$|write_?fd|stdout|stderr|^[12]$", target, re.I))


def _state_not_asked(project: Project, func: Func) -> Iterator[Finding]:
    """``while not (job.is_finished or job.is_failed)`` and then success without a look at ``is_failed``."""
    for place in func.places:
        if not isinstance(place.stmt, m.While):
            continue
        names = [n.id for n in m.walk(place.stmt.test) if isinstance(n, m.Name)]
        failed = next((n for n in names if n.endswith((".is_failed", ".failed", ".failed()"))), None)
        done = any(n.endswith((".is_finished", ".is_done", ".done", ".ready")) for n in names)
        if failed is None or not done or not _runs(project, func):
            continue
        owner = failed.rpartition(".")[0]
        asked = [
            n
            for p in func.places
            if p.stmt is not place.stmt and p.stmt.line > place.stmt.end_line
            for n in m.walk(p.stmt)
            if isinstance(n, m.Name)
            and n.id.startswith(owner + ".")
            and any(w in n.id for w in ("fail", "status", "state", "exc", "success"))
        ]
        result = next(
            (
                n
                for p in func.places
                if p.stmt.line > place.stmt.end_line
                for n in m.walk(p.stmt)
                if isinstance(n, m.Name) and n.id in (f"{owner}.result", f"{owner}.return_value", f"{owner}.get")
            ),
            None,
        )
        if asked or result is None:
            continue
        yield RULE.in_function(
            project, func, result.line,
            f"The loop above waits until {owner} is finished or failed, and then only {result.id} is looked at: "
            "of a job that failed or was "
            "killed it is None, which passes for success here",
            f"test {failed} first and answer with the failure",
            # rq's names: celery gives the exception as the result of a task that failed
            confidence="certain" if failed == f"{owner}.is_failed" and f"{owner}.is_finished" in names else "likely",
        )  # fmt: skip


def _ready_not_asked(project: Project) -> Iterator[Finding]:
    for func, name, line in taken_when_ready(project):
        if _runs(project, func):
            yield RULE.in_function(
                project,
                func,
                line,
                f"{name}.ready() is true of a job that failed as well, whose result is the exception: {func.name}() takes it for what the "
                "job was to bring",
                f"ask {name}.successful(), and answer with the failure when it is not; {name}.get() raises it",
                confidence="certain",
            )


def _told_by_result(project: Project) -> Iterator[Finding]:
    """Calls that drop the result of a project function that swallows its failure and returns False."""
    for arm in project.failures:
        func = arm.func
        if not arm.broad or not arm.returns or any(r.kind != "false" for r in arm.returns) or func.is_module:
            continue
        found = words(func.name)
        if (
            not found
            or not (set(found) & (DELIVERS | SAVES | {"put", "queue", "store"}))
            or optional(func.name)
            or aside(func)
        ):
            continue
        if ends(arm.handler.body, func) - {"return"} or not _returns_true(func):
            continue
        dropped = [
            edge.site
            for edge in project.links.callers.get(func, ())
            if edge.how == "call" and not edge.site.used and len(edge.site.targets) == 1
            and _runs(project, edge.caller) and not optional(edge.caller.name)
            and sites_by_call(edge.caller).get(id(edge.site.call)) is not None
        ]  # fmt: skip
        if not dropped or len(dropped) * 2 < sum(1 for e in project.links.callers.get(func, ()) if e.how == "call"):
            continue  # most callers do look at it: the others may have their reason
        first, *others = sorted(dropped, key=lambda s: (s.path, s.line))
        finding = RULE.at(
            project, first,
            f"{func.name}() answers a failure with False (line {arm.line} of {func.path.rpartition('/')[2]}) "
            f"and {len(dropped)} callers drop the "
            "result: what was not stored or handed over is lost, and they report success",
            "test the result, or let the function raise", severity="low",
            confidence="possible" if arm.logs or arm.reports or arm.prints or _asked_next(first) or _makes_sure(func) else "likely",
        )  # fmt: skip
        yield replace(finding, count=len(dropped), also=tuple(Evidence(s.path, s.line, "the same") for s in others[:8]))


def _makes_sure(func: Func) -> bool:
    """``create_queue()``, ``ensure_bucket()``: what is not there shows at its first use, which fails by itself."""
    return words(func.name)[0] in ("create", "ensure", "make", "init", "setup", "prepare", "declare")


def _asked_next(site: Site) -> bool:
    """Whether what follows in the same block uses the thing again (``create_queue(); put(…)``), and so raises by itself."""
    return any(s.line > site.call.end_line and s.text.rpartition(".")[0] == site.text.rpartition(".")[0] for s in site.function.sites)


def _returns_true(func: Func) -> bool:
    return any(
        isinstance(p.stmt, m.Return) and isinstance(p.stmt.value, m.Const) and p.stmt.value.value is True
        for p in func.places
    )
