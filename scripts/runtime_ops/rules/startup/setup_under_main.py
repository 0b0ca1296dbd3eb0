"""Set-up that production never runs, because it stands under ``__main__``."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.model import Module, Site, own_expressions
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="low",
    summary="Settings, checks, logging or signal handlers stand under __main__ of a module that production imports.",
    lead=True,
)

SET_UP = frozenset(("setup", "handler", "formatter", "queue"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    done = set()
    for entrypoint in project.entrypoints:
        module = entrypoint.main.module
        launches = [x for x in entrypoint.production if x.target.kind == "app"]
        block = main_block(module)
        if not entrypoint.app or not launches or block is None or module in done:
            continue
        if any(e.main.module is module and not e.app and e.production for e in project.entrypoints):
            continue  # another artifact runs the module itself
        done.add(module)
        found = list(_set_up(project, module, block))
        if not found:
            continue
        yield _finding(project, module, launches[0], found)


def _set_up(project: Project, module: Module, block: m.If) -> Iterator[tuple[int, str, str]]:
    """Lines of the block with what is set up there, and the weight of it."""
    inside = [s for s in module.level.sites if any(step.stmt is block and step.arm == "body" for step in s.steps)]
    run = next((s for s in inside if s.dotted is not None and server_run_by(s.dotted)), None)
    if run is None:  # an application that a factory makes, of a class that is not known
        run = next((s for s in inside if s.method == "run" and s.text.rpartition(".")[0] in module.level.bindings), None)
    for registration in project.registrations:
        if registration.site in inside:
            yield registration.site.line, "a signal handler", "medium"
    for read in project.settings.reads_in(module.level):
        if any(step.stmt is block for step in read.steps) and not _only_for(read.line, run, module):
            yield read.line, f"the setting {read.name}", "low"
    for use in project.log_parts:
        if use.site is not None and any(use.site is s for s in inside) and use.role in SET_UP:
            yield use.line, "logging", "low"
    for site in inside:
        if site.method in ("create_all", "init_db", "check_config", "validate", "migrate", "upgrade") or (
            site.method.startswith(("check_", "validate_", "verify_", "ensure_")) and site.targets
        ):
            yield site.line, f"{site.text}()", "medium"


def _only_for(line: int, run: Site | None, module: Module) -> bool:
    """Whether a read stands in the arguments of the server's own run call, or is bound to a name that goes nowhere else: the port
    of a server at a desk."""
    if run is None:
        return False
    if run.line <= line <= run.call.end_line:
        return True
    names = {name for name, bindings in module.level.bindings.items() for b in bindings if b.line == line}
    used = [
        place.stmt.line
        for func in module.functions.values()
        for place in func.places
        for expr in own_expressions(place.stmt)
        for node in m.walk(expr)
        if isinstance(node, m.Name) and node.id in names and place.stmt.line != line
    ]
    return bool(used) and all(run.line <= at <= run.call.end_line for at in used)


def _finding(project: Project, module: Module, launch: Launch, found: list[tuple[int, str, str]]) -> Finding:
    # what somebody would miss first leads: checks and signal handlers, then settings, then logging
    found.sort(key=lambda each: (each[2] != "medium", each[1] == "logging", each[0]))
    line, _, _ = found[0]
    what = list(dict.fromkeys(w for _, w, _ in found))
    link = launch.chain[-1]
    return RULE.finding(
        module.path,
        line,
        f"{', '.join(what[:3])} stand{'s' if len(what) == 1 else ''} under __main__, but {launch.program} imports the module: there "
        "none of it runs",
        "move it into the application's factory or a start-up hook, which run under every server",
        severity="medium" if any(weight == "medium" for _, _, weight in found) else "low",
        phase="startup",
        entrypoints=[e for e in project.entrypoints if launch in e.launches],
        trace=[Evidence(link.path, link.line, link.text)],
        anchor=module.name,
        count=len(found),
        also=[Evidence(module.path, at, w) for at, w, _ in found[1:9]],
    )
