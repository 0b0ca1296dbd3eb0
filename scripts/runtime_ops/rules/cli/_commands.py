"""The functions whose end is a command's end, and what a text for the user says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.management_commands import command_of
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of

KINDS = ("cli", "job")
FAILURE = re.compile(
    r"\b(?:error|fail(?:ed|ure|s)?|could ?n[o']t|cannot|can't|unable|invalid|not found|no such|does ?n[o']t exist|doesn't exist|"
    r"missing|exception|aborted|unknown|refused|timed out|not exist|not valid|must be|required|wrong|not set|fatal)\b",
    re.I,
)
FINE = re.compile(r"\balready\b|\bskip|\bexists\b|\bnothing to\b|\bwarn|\bignor|\bdeprecat|\boptional|\bup.to.date|\bretry", re.I)
OPTION_PROMPTS = re.compile(r"\bOption\(.*\bprompt=(?!False\b|None\b)")
"""``Annotated[str, typer.Option(prompt=True)]``."""
ASKS = frozenset(
    """input builtins.input click.prompt click.confirm click.getchar click.pause typer.prompt typer.confirm getpass.getpass
    rich.prompt.Prompt.ask rich.prompt.Confirm.ask""".split()
)


def runs_for_others(entrypoint: Entrypoint, project: Project) -> bool:
    """A command-line program or job whose exit status somebody can look at: an artifact or a package starts it."""
    return entrypoint.kind in KINDS and (bool(entrypoint.launches) or entrypoint.kind == "job" or not project.launches)


def commands(project: Project) -> dict[Func, Entrypoint]:
    """Functions that end with the command: command functions, main functions, and what a ``__main__`` block calls last."""
    found: dict[Func, Entrypoint] = {}
    for entrypoint in project.entrypoints:
        if not runs_for_others(entrypoint, project):
            for func in _named_commands(entrypoint):
                if not project.spine.places(func):  # one that stays up is a program of its own as well, but no command
                    found.setdefault(func, entrypoint)
            continue
        for func in entrypoint.commands:
            found.setdefault(func, entrypoint)
        if not entrypoint.main.is_module:
            found.setdefault(entrypoint.main, entrypoint)
        for site in main_calls(entrypoint):
            for target in site.targets:
                found.setdefault(target, entrypoint)
    return found


def _named_commands(entrypoint: Entrypoint) -> Iterator[Func]:
    """The management commands that launches of production name of a ``manage.py`` which elsewhere serves (``runserver``): each is
    a program of its own, with an end and a status of its own."""
    words = {word for launch in entrypoint.launches if not launch.development for word in launch.argv[1:]}
    for func in entrypoint.commands:
        if is_management_command(func.path) and command_of(func.path) in words:
            yield func


def main_calls(entrypoint: Entrypoint) -> Iterator[Site]:
    """The calls of the project's functions that the ``__main__`` block of an entrypoint makes as statements."""
    if not entrypoint.guarded:
        return
    level = entrypoint.main
    block = main_block(level.module)
    if block is None:
        return
    sites = sites_by_call(level)
    for node in m.walk(block.body):
        if isinstance(node, m.Call) and id(node) in sites and sites[id(node)].targets and not sites[id(node)].weak:
            yield sites[id(node)]


def keeps_status(handler: m.Handler, func: Func) -> bool:
    """Whether an arm sets a name that the function exits with, or returns: ``except X: code = 1`` and ``sys.exit(code)``."""
    kept = {
        target.id
        for node in m.walk(handler.body)
        if isinstance(node, m.Assign)
        for target in node.targets
        if isinstance(target, m.Name)
    }
    given = [s.call.args[0] for s in func.sites if s.method in ("exit", "_exit", "SystemExit") and s.call.args]
    given += [p.stmt.value for p in func.places if isinstance(p.stmt, m.Return) and p.stmt.value is not None]
    return any(isinstance(n, m.Name) and n.id in kept for expr in given for n in m.walk(expr))


def interactive(func: Func) -> bool:
    """Whether the function talks with a person."""
    return any((s.dotted or s.text) in ASKS for s in func.sites)


def prompted(func: Func) -> bool:
    """Whether a command asks a person for its options: ``@click.option("--email", prompt=True)``, ``typer.Option(prompt="Email")``. Whoever
    answers reads what it says; a script may give the options all the same, which is seen where one does."""
    params = func.facts.params
    given = (*func.facts.decorators, *(p.default for p in params if p.default is not None))
    return any(p.annotation is not None and OPTION_PROMPTS.search(p.annotation) for p in params) or any(
        _prompts(node) for expr in given for node in m.walk(expr) if isinstance(node, m.Call)
    )


def _prompts(call: m.Call) -> bool:
    named = source_of(call.func).rpartition(".")[2]
    asked = call.keyword("prompt")
    if asked is None:
        return named == "password_option"  # click 8.5.1, decorators.py: prompt=True by default
    return named in ("option", "Option", "password_option") and not (isinstance(asked, m.Const) and not asked.value)


def to_stderr(site: Site) -> bool:
    """``print(…, file=sys.stderr)``, ``click.echo(…, err=True)``, a console or stream that is stderr."""
    given = site.call.keyword("file") or site.call.keyword("err")
    if given is not None:
        return not (isinstance(given, m.Const) and given.value is False)
    return "stderr" in site.text or "err" in source_of(site.call.func).lower()
