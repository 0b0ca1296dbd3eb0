"""A metric that is defined and that nothing ever sets."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_path
from runtime_ops.project.model import Module, Site, own_expressions
from runtime_ops.rules.api import Rule, as_one

RULE = Rule(
    __name__,
    severity="low",
    summary="A Prometheus metric is defined, and no code counts, sets or observes it.",
)
KEPT = ("prometheus_client.Counter", "prometheus_client.Gauge", "prometheus_client.Histogram", "prometheus_client.Summary")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from as_one(_unused(project))


def _unused(project: Project) -> Iterator[Finding]:
    kept = [(site, name) for site in project.sites(*KEPT) if (name := _bound(site)) is not None and not development_path(site.path)]
    kept = [(site, name) for site, name in kept if project.imported_by(site.function.module, "service", "worker")]
    if not kept:
        return
    used = _used(project, {name for _, name in kept})
    for site, name in kept:
        if name in used or _looked_up(project, site.function.module):
            continue
        yield RULE.finding(
            site.path,
            site.line,
            f"nothing counts into {name} or sets it: it is exported and stays at 0 (or, with labels, never appears), so an alert or "
            "a panel on it says that all is well",
            "record it where what it is named for happens, or delete it",
            end_line=site.call.end_line,
            confidence="certain",
            phase="serving",
            entrypoints=project.imported_by(site.function.module, "service", "worker"),
            anchor=name,
        )


def _bound(site: Site) -> str | None:
    """The module's name that the metric is bound to, where it is bound to nothing else."""
    stmt = site.stmt
    if not site.function.is_module or not isinstance(stmt, m.Assign) or len(stmt.targets) != 1 or stmt.value is not site.call:
        return None
    target = stmt.targets[0]
    return target.id if isinstance(target, m.Name) and "." not in target.id else None


def _used(project: Project, wanted: set[str]) -> set[str]:
    """Which of the names any expression of the project has otherwise than to bind it, as a name, an attribute or a text, or an
    import binds to another name."""
    found: set[str] = set()
    for func in project.functions:
        own = func.inventory
        found.update(wanted & own.attributes, wanted.intersection(own.texts))
        if not func.is_module:
            found.update(part for name in own.names for part in name.split(".") if part in wanted)
            continue
        for place in func.places:
            stmt = place.stmt
            if isinstance(stmt, m.Import):
                last = stmt.target.rpartition(".")[2]
                found.update({last} & wanted if stmt.bound != last else ())
                continue
            bound = isinstance(stmt, m.Assign) and all(isinstance(x, m.Name) and "." not in x.id for x in stmt.targets)
            read = stmt.value if isinstance(stmt, m.Assign) and bound else own_expressions(stmt)
            for node in m.walk(read) if read else ():
                if isinstance(node, m.Name):
                    found.update(part for part in node.id.split(".") if part in wanted)
    for klass in (k for module in project.modules for k in module.classes.values()):
        for node in m.walk(klass.facts.body):
            if isinstance(node, m.Name):
                found.update(part for part in node.id.split(".") if part in wanted)
    return found


def _looked_up(project: Project, module: Module) -> bool:
    """Whether the module is asked for its metrics by a name that is made: ``getattr(metrics, f"{kind}_total")``."""
    last = module.name.rpartition(".")[2]
    return any(
        (site.text in ("getattr", "vars") and site.call.args and _named(site.call.args[0]) == last)
        or (site.text == "globals" and site.function.module is module)
        for func in project.functions
        for site in func.sites
        if site.text in ("getattr", "vars", "globals")
    )


def _named(expr: m.Expr) -> str:
    """The last part of a plain name; empty for anything else."""
    return expr.id.rpartition(".")[2] if isinstance(expr, m.Name) else ""
