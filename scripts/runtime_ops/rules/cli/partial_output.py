"""A result file that an interrupt leaves half-written."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_in
from runtime_ops.project.model import Func
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.cli._commands import runs_for_others

RULE = Rule(
    __name__,
    severity="medium",
    summary="A command writes its result in place over a long time, so an interrupt or a failure leaves half a file.",
    lead=True,
)
OPENS = frozenset({"open", "io.open", "builtins.open", "gzip.open", "bz2.open", "lzma.open"})
SAFE = frozenset({"replace", "rename", "renames", "move", "NamedTemporaryFile", "mkstemp", "mkdtemp", "TemporaryDirectory", "atomic_write"})
TEMPORARY = ("tmp", "temp", "/dev/", "log", "partial", "lock", "pid")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    waits = {id(w.site) for w in project.waits if w.leaves_the_process}
    for func in project.functions:
        for place in func.places:
            if not isinstance(place.stmt, m.With):
                continue
            text = _written_in_place(func, place.stmt)
            if text is None or not _slow(func, place.stmt, waits) or any(s.method in SAFE for s in func.sites):
                continue
            entrypoints = [e for e in project.function_runs_in(func, "serving") if runs_for_others(e, project)]
            if not entrypoints or project.function_runs_in(func, "serving", kinds=("service", "worker")):
                continue
            yield RULE.in_function(
                project,
                func,
                place.stmt.line,
                f"the result is written straight into {text} while the loop still asks for data: an interrupt or a failure leaves "
                "half a file under the final name",
                "write to a temporary file in the same folder and os.replace() it when it is complete",
            )


def _written_in_place(func: Func, stmt: m.With) -> str | None:
    """The path, as it is written, when it comes from outside: a parameter, an argument, an option."""
    for item, bound in stmt.items:
        if not isinstance(item, m.Call) or not isinstance(bound, m.Name):
            continue
        mode = item.argument("mode", 1)
        method = source_of(item.func)
        path = item.argument("file", 0)
        if method.endswith(".open") and method not in OPENS:
            mode = item.argument("mode", 0)
            path = m.Name(method.rpartition(".")[0], item.line)
        elif method not in OPENS:
            continue
        if not (isinstance(mode, m.Const) and isinstance(mode.value, str) and mode.value.startswith(("w", "x"))):
            continue
        text = source_of(path, 60)
        names = {n.id.partition(".")[0] for n in m.walk(path) if isinstance(n, m.Name)}
        given = {p.name for p in func.facts.params} | {"args", "options", "opts"}
        if names & given and not any(word in text.lower() for word in TEMPORARY):
            return text
    return None


def _slow(func: Func, stmt: m.With, waits: set[int]) -> bool:
    """The block holds a loop that waits for something outside the machine while it writes."""
    return any(isinstance(node, m.For | m.While) and any(id(s) in waits for s in sites_in(node, func)) for node in m.walk(stmt.body))
