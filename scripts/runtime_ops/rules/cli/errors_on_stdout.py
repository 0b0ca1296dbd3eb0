"""Error texts on stdout, where the output's reader takes them for data."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.model import Func, Site, blocks_of
from runtime_ops.project.source_text import literal_words
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.cli._commands import FAILURE, to_stderr

RULE = Rule(
    __name__,
    severity="low",
    summary="An error text goes to stdout before a failing exit, where a pipe takes it for output and a log filter misses it.",
)
PRINTS = frozenset({"print", "click.echo", "click.secho", "typer.echo", "typer.secho"})
EXITS = frozenset({"sys.exit", "exit", "quit"})
REMEDY = "write it to stderr (print(…, file=sys.stderr), click.echo(…, err=True), sys.exit(text))"


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = []
    for func in project.functions:
        exits = [s for s in func.sites if _fails(s)]
        for site in exits:
            said = _said_before(func, site)
            if said is not None and _reached(project, func) and _writes_data(func):
                found.append(
                    RULE.in_function(
                        project,
                        func,
                        said.line,
                        f"{said.text}() writes the error to stdout and the program ends with a failing status: who reads the output "
                        "takes the text for data, and stderr stays empty",
                        REMEDY,
                        end_line=site.line,
                    )
                )
    yield from as_one(found)


def _reached(project: Project, func: Func) -> bool:
    named = (*project.phases_by_entrypoint(func), *project.imported_by(func.module))
    commands = [e for e in named if not e.long_running]  # the stdout of a service is its log
    return any(e.production for e in commands) or bool(commands and not project.launches)


def _writes_data(func: Func) -> bool:
    """Whether the module's commands write results to stdout, which somebody reads on: a value, not a sentence."""
    return any(
        (s.dotted or s.text) in PRINTS and len(s.call.args) == 1 and isinstance(s.call.args[0], m.Name | m.Call | m.Attr)
        for other in func.module.functions.values()
        for s in other.sites
    ) or any((s.dotted or "").startswith("sys.stdout.") for other in func.module.functions.values() for s in other.sites)


def _fails(site: Site) -> bool:
    if (site.dotted or site.text) not in EXITS or not site.call.args:
        return False
    given = site.call.args[0]
    return isinstance(given, m.Const) and isinstance(given.value, int) and bool(given.value)


def _said_before(func: Func, exit_: Site) -> Site | None:
    """The print with an error text that stands in the block of the exit, before it."""
    block = _block_of(func, exit_.stmt)
    sites = sites_by_call(func)
    for stmt in block[: next((i for i, s in enumerate(block) if s is exit_.stmt), 0)]:
        if isinstance(stmt, m.ExprStmt) and isinstance(stmt.value, m.Call):
            site = sites.get(id(stmt.value))
            known = site is not None and (site.dotted or site.text) in PRINTS
            if site is not None and known and not to_stderr(site) and FAILURE.search(literal_words(site.call)):
                return site
    return None


def _block_of(func: Func, stmt: m.Stmt) -> m.Block:
    if any(s is stmt for s in func.facts.body):
        return func.facts.body
    for place in func.places:
        for block, _ in blocks_of(place.stmt):
            if any(s is stmt for s in block):
                return block
    return ()
