"""Error texts on stdout, where the output's reader takes them for data."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.model import Func, Site, blocks_of
from runtime_ops.project.source_text import literal_words, source_of
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.cli._commands import FAILURE, interactive, to_stderr

RULE = Rule(
    __name__,
    severity="low",
    summary="An error text goes to stdout before a failing exit, where a pipe takes it for output and a log filter misses it.",
    lead=True,
)
PRINTS = frozenset({"print", "click.echo", "click.secho", "typer.echo", "typer.secho"})
EXITS = frozenset({"sys.exit", "exit", "quit"})
RAISED = frozenset({"click.Abort", "click.exceptions.Abort", "click.exceptions.Exit", "typer.Abort", "typer.Exit", "SystemExit"})
NO_CODE = frozenset({"click.Abort", "click.exceptions.Abort", "typer.Abort"})
"""Exceptions that end a command with 1 by themselves."""
WRITERS = frozenset({"csv.writer", "csv.DictWriter", "json.dump", "yaml.dump", "yaml.safe_dump"})
FAILURE_NAME = re.compile(
    r"(?i)^(e|ex|exc|err|error|exception|msg|message|str\((e|ex|exc|err|error)\))$"
    r"|usage|help|version|style|table|tabulate"
)
"""Values that are texts for a person: the error itself, a message, the help, a table."""
REMEDY = "write it to stderr (print(…, file=sys.stderr), click.echo(…, err=True), sys.exit(text))"


def _on_stderr(exit_: Site) -> str:
    """What the failing exit itself leaves there: click and typer end an Abort with one word."""
    return "says no more than Aborted" if (exit_.dotted or exit_.text) in NO_CODE else "stays empty"


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = []
    for func in project.functions:
        exits = [s for s in func.sites if _fails(s)]
        for site in exits:
            said = _said_before(func, site)
            if said is not None and _reached(project, func) and _writes_data(project, func) and not _asks(project, func):
                found.append(
                    RULE.in_function(
                        project,
                        func,
                        said.line,
                        f"{said.text}() writes the error to stdout and the program ends with a failing status: who reads the output "
                        f"takes the text for data, and stderr {_on_stderr(site)}",
                        REMEDY,
                        end_line=site.line,
                        confidence="certain" if _piped(project, func) else "likely",
                    )
                )
    for sure in (True, False):
        yield from as_one(f for f in found if (f.confidence == "certain") is sure)


def _reached(project: Project, func: Func) -> bool:
    named = (*project.phases_by_entrypoint(func), *project.imported_by(func.module))
    commands = [e for e in named if not e.long_running]  # the stdout of a service is its log
    return any(e.production for e in commands) or bool(commands and not project.launches)


def _piped(project: Project, func: Func) -> bool:
    """Whether the very function prints a value of its own accord, without colour, and belongs to commands alone: what it
    writes is for the next program."""
    if any(e.long_running for e in project.phases_by_entrypoint(func)):
        return False
    return any(_is_data(s) and not _listed(s) and not s.call.keyword("fg") for s in func.sites if not _fails(s))


def _listed(site: Site) -> bool:
    """``for issue in issues: print(issue.title)``: as often progress as a list."""
    given = site.call.args[0] if site.call.args else None
    of_item = isinstance(given, m.Attr) or (isinstance(given, m.Name) and "." in given.id)
    return of_item and any(isinstance(s.stmt, m.For | m.While) for s in site.steps)


def _asks(project: Project, func: Func) -> bool:
    """Whether the command, or a helper of it, asks a person: nobody pipes what a wizard prints."""
    called = (e.callee for e in project.links.callees.get(func, ()) if e.how == "call" and not e.site.weak)
    return any(map(interactive, (func, *called)))


def _writes_data(project: Project, func: Func) -> bool:
    """Whether the command itself, or what it calls, writes results to stdout which somebody reads on: a value, not a sentence.
    Where all that a command prints is for a person, an error among it harms no one."""
    called = (e.callee for e in project.links.callees.get(func, ()) if e.how == "call" and not e.site.weak)
    return any(
        _is_data(site) and not any(_fails(other) and _beside(each, site, other) for other in each.sites)
        for each in (func, *called)
        for site in each.sites
    )


def _beside(func: Func, site: Site, other: Site) -> bool:
    """Whether both calls stand in one block: what is listed before a failing exit belongs to the error."""
    return any(s is other.stmt for s in _block_of(func, site.stmt))


def _is_data(site: Site) -> bool:
    """``print(rows)``, ``click.echo(json.dumps(found))``, ``csv.writer(sys.stdout)``: no text of the program's own in it."""
    if (site.dotted or "").startswith("sys.stdout."):
        return True
    given = site.call.args
    if site.dotted in WRITERS:
        return any(isinstance(a, m.Name) and a.id == "sys.stdout" for a in given)
    if (site.dotted or site.text) not in PRINTS or to_stderr(site) or len(given) != 1:
        return False
    said = any(" " in text.strip() for text in m.texts(given[0]))
    return isinstance(given[0], m.Name | m.Call | m.Attr) and not said and not FAILURE_NAME.search(source_of(given[0]))


def _fails(site: Site) -> bool:
    name = site.dotted or site.text
    if name in RAISED and isinstance(site.stmt, m.Raise):
        given = site.call.argument("code", 0)
        return name in NO_CODE or (isinstance(given, m.Const) and isinstance(given.value, int) and bool(given.value))
    if name not in EXITS or not site.call.args:
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
