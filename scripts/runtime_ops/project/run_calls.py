"""The server that a Python file runs by itself (``uvicorn.run(…)``), with the arguments it gives it."""

from __future__ import annotations

from collections.abc import Mapping

from runtime_ops.facts import model as m
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.project.launch import Option
from runtime_ops.project.server_options import module_constants, setting_text
from runtime_ops.project.variables import Variables, fill


def run_call(facts: m.ModuleFacts, function: str | None, variables: Variables) -> tuple[str, dict[str, Option]] | None:
    """The name of the server's row and its options, when a program's own code holds exactly one call that runs it.

    ``function``: that of a console script; None for a file that is run: its own level and its ``main``. Calls further
    away belong to some command or mode of the program, and are left to the links.
    """
    wanted = (function,) if function else ("<module>", "main", "__main__", "run")
    found = []
    for own in facts.functions:
        if own.qualname in wanted:
            names = {**_imports(facts.functions[0].body), **_imports(own.body)}
            for call in m.calls(own.body):
                row = server_run_by(_dotted(call.func, names))
                if row is not None:
                    found.append((row.name, call))
    if len(found) != 1:
        return None
    name, call = found[0]
    constants = module_constants(facts, variables)
    options = {}
    for key, value in call.keywords:
        if key is not None:
            text = fill(setting_text(value, constants), variables.lookup)[0]
            options[key] = Option(text, facts.path, call.line)
    return name, options


FLASK_GROUP = "flask.cli.FlaskGroup"


def flask_commands(facts: m.ModuleFacts, group: str) -> bool:
    """Whether the commands of a file are those of Flask, its ``run`` among them (flask 3.1.3, cli.py: ``FlaskGroup`` adds
    ``run_command`` unless ``add_default_commands=False``). ``group``: the name of the group, empty for any of the file."""
    names = _imports(facts.functions[0].body)
    if any(own.name == "run" and own.decorators for own in facts.functions):
        return False  # a command of its own by that name
    for own in facts.functions:
        if group in ("", own.name) and any(_makes_flask_commands(d, names) for d in own.decorators):
            return True
    return any(
        isinstance(stmt, m.Assign)
        and any(isinstance(t, m.Name) and group in ("", t.id) for t in stmt.targets)
        and _makes_flask_commands(stmt.value, names)
        for stmt in facts.functions[0].body
    )


def _makes_flask_commands(expr: m.Expr | None, names: Mapping[str, str]) -> bool:
    """``@click.group(cls=FlaskGroup)`` or ``FlaskGroup(create_app=…)``, with the default commands."""
    if not isinstance(expr, m.Call):
        return False
    default = expr.keyword("add_default_commands")
    if isinstance(default, m.Const) and default.value is False:
        return False
    given = expr.keyword("cls")
    return _dotted(expr.func if given is None else given, names) == FLASK_GROUP


def _imports(block: m.Block) -> dict[str, str]:
    """Bound names to what they are imported from, in a block and the blocks below it."""
    return {node.bound: node.target for node in m.walk(block) if isinstance(node, m.Import)}


def _dotted(func: m.Expr, names: Mapping[str, str]) -> str:
    """The dotted name of a callee through the imports; empty when it begins with no imported name."""
    if not isinstance(func, m.Name):
        return ""
    head, dot, rest = func.id.partition(".")
    target = names.get(head)
    return f"{target}{dot}{rest}" if target is not None else ""
