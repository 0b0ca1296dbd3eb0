"""A setting that is read and used by nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Module
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.startup._reads import ENVIRONMENT, for_development, read_for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="A setting is read and nothing uses its value: who sets it believes to have changed something.",
    lead=True,
)
FRAMEWORKS = frozenset("django flask celery scrapy dynaconf quart sanic airflow luigi gunicorn jupyter superset".split())
"""Libraries that take names of a settings module by themselves."""
CONVERSIONS = frozenset(("", "int", "float", "bool", "flag", "json", "path", "list", "truth"))
WORD = re.compile(r"[A-Za-z_]\w+")
NAMESPACES = frozenset(("vars", "globals", "dir", "getattr", "locals", "import_module", "__import__", "setattr", "hasattr"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    candidates = [read for read in project.settings if _candidate(project, read)]
    if not candidates or _taken_by_name(project):
        return
    said = _said(project, {read.bound.name for read in candidates if read.bound is not None})
    yield from together(_finding(project, read) for read in candidates if read.bound is not None and said[read.bound.name] < 2)


def _candidate(project: Project, read: SettingRead) -> bool:
    bound = read.bound
    if bound is None or bound.kind != "constant" or not bound.name.isupper() or len(bound.name) < 4:
        return False
    if read.how not in ENVIRONMENT or read.conversion not in CONVERSIONS or read_for_development(read):
        return False
    if not read.function.is_module or read.path.endswith("__init__.py") or _handed_over(read.function.module):
        return False
    return not project.settings.uses(read) and bool(project.imported_by(read.function.module, "service", "worker", "job"))


def _handed_over(module: Module) -> bool:
    """Whether the module's names are looked up in some way that no reader follows, other than to tell of them."""
    for func in module.functions.values():
        dynamic = any(isinstance(n, m.Name) and n.id.endswith("__dict__") for n in m.walk(func.facts.body)) or any(
            site.text in NAMESPACES or site.text.endswith(("__dict__.items", "__dict__.get")) for site in func.sites
        )
        if dynamic and not _only_tells(func):
            return True
    return False


def _only_tells(func: Func) -> bool:
    """Whether a function does nothing with what it goes through but log or print it."""
    plain = ("items", "upper", "split", "isupper", "startswith", "endswith", "keys", "values", "print", "append", "sorted")
    tells = any(site.text == "print" or log_call(site) is not None for site in func.sites)
    return tells and not func.is_module and all(
        site.method in plain or site.text in NAMESPACES or log_call(site) is not None for site in func.sites
    )


def _taken_by_name(project: Project) -> bool:
    return any(
        binding.text.split(".")[0] in FRAMEWORKS
        for module in project.modules
        for bound in module.level.bindings.values()
        for binding in bound
        if binding.kind == "import"
    )


def _said(project: Project, wanted: set[str]) -> dict[str, int]:
    """How often each name is written in the code: as a name, an attribute, or a word of a text other than a variable's name."""
    count = dict.fromkeys(wanted, 0)
    for module in project.modules:
        bodies = [*(f.facts for f in module.functions.values()), *(k.facts.body for k in module.classes.values())]
        for node in (n for body in bodies for n in m.walk(body)):
            if isinstance(node, m.Name):
                for part in node.id.split("."):
                    if part in count:
                        count[part] += 1
            elif isinstance(node, m.Attr):
                if node.name in count:
                    count[node.name] += 1
            elif isinstance(node, m.Import):
                last = node.target.rpartition(".")[2]
                if last in count:
                    count[last] += 2
            elif isinstance(node, m.Const) and isinstance(node.value, str) and " " not in node.value and not node.value.isupper():
                for word in WORD.findall(node.value):
                    if word in count:
                        count[word] += 2
    return count


def _finding(project: Project, read: SettingRead) -> Finding:
    assert read.bound is not None
    given = [
        Evidence(path, variable.line, read.name)
        for entrypoint in project.entrypoints
        for launch in entrypoint.production
        for name, (variable, path) in launch.env.items()
        if name == read.name and not for_development(path)
    ]
    also = f", though {given[0].path} (line {given[0].line}) sets it" if given else ""
    return RULE.finding(
        read.path,
        read.line,
        f"{read.name} is read into {read.bound.name} and nothing uses that{also}: who sets it believes to have changed something",
        "use it where it was meant to act, or remove the setting",
        confidence="certain" if given else "likely",
        phase="startup",
        entrypoints=project.imported_by(read.function.module, "service", "worker", "job"),
        trace=tuple(given[:3]),
        anchor=read.name,
    )
