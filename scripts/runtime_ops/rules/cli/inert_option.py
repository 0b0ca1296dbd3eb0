"""A command-line option that changes nothing, that only ever says yes, or that fails once it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.texts import spelled
from runtime_ops.rules.api import Rule
from runtime_ops.rules.cli._untyped_options import needs_number

RULE = Rule(
    __name__,
    severity="medium",
    summary="An option of argparse is declared so that giving it, or giving it another value, changes nothing, or fails.",
)
FLAGS = {"store_true": True, "store_false": False}


KEPT = re.compile(r"(?i)deprecat|no longer|no effect|ignored|obsolete|always (?:on|enabled)|does nothing|backwards? compat")
"""How the help of an option says that it is taken and changes nothing, on purpose."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            if site.method != "add_argument" or site.targets or site.call.expands:
                continue
            name = _option(site)
            wrong = _wrong(project, site) if name is not None else None
            if wrong is None or not _read(site) or not (project.phases(site) or project.imported_by(func.module)):
                continue
            what, mend, severity = wrong
            yield RULE.at(project, site, f"{name} {what}", mend, severity=severity, confidence="certain")


def _option(site: Site) -> str | None:
    """The longest name of an option."""
    given = [a.value for a in site.call.args if isinstance(a, m.Const) and isinstance(a.value, str) and a.value.startswith("-")]
    return max(given, key=len) if given else None


def _read(site: Site) -> bool:
    """Whether the module reads what the option stores, by its name or as a part of all: one that nothing reads is kept for its
    callers, on purpose."""
    stored = _stored_as(site)
    return any(
        stored in func.inventory.attributes
        or stored in func.inventory.texts
        or any(n.endswith(f".{stored}") for n in func.inventory.names)
        or _hands_on(func)
        for func in site.function.module.functions.values()
    )


def _hands_on(func: Func) -> bool:
    """Whether a function gives the parsed arguments away as a whole: ``run(args)``, ``return parser.parse_args()``."""
    parsed = {
        target.id
        for place in func.places
        if isinstance(place.stmt, m.Assign) and _parses(place.stmt.value)
        for target in place.stmt.targets
        if isinstance(target, m.Name)
    }
    given = (arg for site in func.sites for arg in (*site.call.args, *(value for _, value in site.call.keywords)))
    returned = (place.stmt.value for place in func.places if isinstance(place.stmt, m.Return))
    return any(_parses(expr) or (isinstance(expr, m.Name) and expr.id in parsed) for expr in (*given, *returned))


def _parses(expr: m.Expr | None) -> bool:
    return isinstance(expr, m.Call) and spelled(expr.func).endswith(("parse_args", "parse_known_args"))


def _stored_as(site: Site) -> str:
    """The name under which an option is stored: ``dest``, or made of its own."""
    dest = site.call.keyword("dest")
    return str(dest.value) if isinstance(dest, m.Const) else (_option(site) or "").lstrip("-").replace("-", "_")


def _set_by_another(site: Site) -> bool:
    """Whether another option of the function stores into the same name: ``--link`` and ``--unlink``."""
    stored = _stored_as(site)
    others = (other for other in site.function.sites if other.method == "add_argument" and other is not site)
    return any(_stored_as(other) == stored for other in others)


def _literal(expr: m.Expr | None, func: Func) -> object:
    """The value of a literal, or of the one that a name of the module stands for."""
    if isinstance(expr, m.Name) and expr.id not in func.bindings:
        bound = func.module.level.bindings.get(expr.id, ())
        expr = bound[0].expr if len(bound) == 1 and bound[0].kind == "assign" else None
    return expr.value if isinstance(expr, m.Const) else None


def _wrong(project: Project, site: Site) -> tuple[str, str, str | None] | None:
    action = site.call.keyword("action")
    known = action.value if isinstance(action, m.Const) else None
    if known == "store_const" and site.call.keyword("const") is None:
        return (
            "is store_const without const: it stores None, as if it had not been given (before Python 3.11 add_argument raises TypeError)",
            "say what it stores: const=True",
            None,
        )
    default = site.call.keyword("default")
    if any(KEPT.search(text) for text in m.texts(site.call.keyword("help"))):
        return None
    if known in FLAGS and isinstance(default, m.Const) and default.value is FLAGS[known] and not _set_by_another(site):
        return (
            f"stores {FLAGS[known]}, which is its default: giving it changes nothing, and nothing can give the other value",
            f"default={not FLAGS[known]}, or action=argparse.BooleanOptionalAction",
            "low",
        )
    kind = site.call.keyword("type")
    if action is None and isinstance(kind, m.Name) and kind.id == "bool" and site.call.keyword("nargs") is None:
        return (
            "has type=bool, which is True for every text but the empty one: --option false and --option 0 say yes",
            "action=argparse.BooleanOptionalAction, or a function that reads the words",
            None,
        )
    number = _literal(default, site.function)
    plain = action is None and kind is None and site.call.keyword("nargs") is None and not _set_by_another(site)
    if plain and isinstance(number, int | float) and not isinstance(number, bool):
        used = needs_number(_stored_as(site), tuple(site.function.module.functions.values()))
        if used is not None:
            return (
                f"has a number as its default and no type: whoever gives it gives a text, and line {used[1]} ({used[0]}) raises TypeError",
                f"type={type(number).__name__}",
                None,
            )
    return None
