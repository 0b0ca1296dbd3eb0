"""A child process that serving waits for without limit."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._waiting import finding_of, grouped, job_limit_holds, likely_way, matters, weight

RULE = Rule(
    __name__,
    severity="medium",
    summary="A request or job waits for a child process without a limit: a child that hangs holds it for ever.",
)
LOCAL = frozenset(
    """rm mv cp ln find mkdir rmdir chmod chown touch ls cat du df stat true echo uname hostname which id kill pkill killall
    shred sync""".split()
)
"""Programs that send a signal or work on local files and ask nobody."""
TELLS = frozenset("--version --help --list-langs --list -V".split())
"""Options by which a program only tells about itself, and ends."""
ENDS = frozenset("terminate kill send_signal killpg".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for group in grouped(w for w in project.waits if w.kind == "child" and w.deadline.state == "unbounded"):
        serving = [w for w in group if _in_serving(project, w)]
        if not serving:
            continue
        severity, phase, entrypoints = weight(project, serving)
        if severity not in ("high", "medium") or job_limit_holds(project, entrypoints):
            continue
        first = serving[0]
        yield finding_of(
            RULE,
            project,
            serving,
            f"{first.place.text}() waits for the child without limit: a child that hangs (a prompt, a lock, a dead mount) "
            "holds this request or job for ever",
            "pass timeout=, and end the child's whole group when it expires (start_new_session=True and os.killpg)",
            severity="medium",
            phase=phase,
            entrypoints=entrypoints,
            confidence="likely" if any(likely_way(project.lives[e], first.site.function) for e in entrypoints) else "possible",
        )


def _in_serving(project: Project, wait: WaitSite) -> bool:
    name = wait.path.rpartition("/")[2].partition(".")[0]
    if wait.dotted.startswith("multiprocessing.") or development_name(name) or name.startswith("dev"):
        return False
    if not any(matters(e) for e in project.runs_in(wait.site, "serving", kinds=("service", "worker"))):
        return False
    if _program(wait) in LOCAL or _only_tells(wait):
        return False
    # a wait after the child was told to end is the shutdown rules' business; supervision ends with the child
    told = any(s.method in ENDS and s.line < wait.line for s in wait.site.function.sites)
    return not told and not _supervises(wait)


def _program(wait: WaitSite) -> str:
    """The program that a literal command names, without its folder; empty when it is not written."""
    first = wait.call.args[0] if wait.call.args else None
    bound = wait.site.function.bindings.get(first.id, []) if isinstance(first, m.Name) else []
    if len(bound) == 1:  # cmd = ["shred", …]
        first = bound[0].expr
    if isinstance(first, m.Sequence) and first.items:
        first = first.items[0]
    text = first.value if isinstance(first, m.Const) and isinstance(first.value, str) else ""
    return text.split(" ")[0].rpartition("/")[2]


def _only_tells(wait: WaitSite) -> bool:
    """``[tool, "--version"]``: nothing else is asked of it."""
    first = wait.call.args[0] if wait.call.args else None
    items = first.items[1:] if isinstance(first, m.Sequence) else ()
    return len(items) == 1 and isinstance(items[0], m.Const) and items[0].value in TELLS


def _supervises(wait: WaitSite) -> bool:
    """``child = Popen(…)`` kept in an attribute and waited for by a method of its own: a child that lives long and can be
    ended from outside."""
    receiver = wait.site.text.rpartition(".")[0]
    return wait.site.method == "wait" and "." in receiver
