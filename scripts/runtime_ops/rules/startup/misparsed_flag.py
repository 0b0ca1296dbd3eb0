"""A flag that is on for any text, "false" and "0" among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import CONFIDENCES, SEVERITIES, Evidence, Finding
from runtime_ops.libraries.credentials import url_like, variable_reader
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, own_expressions
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import ENVIRONMENT, for_development, of_the_process, read_for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary='A flag is decided by whether a text is empty, so that "false" and "0" turn it on.',
    lead=True,
)
FLAG = re.compile(
    r"(^|_)(ENABLE|DISABLE|IS|SKIP|FORCE|INSECURE|DRY_RUN)_[A-Z]|^(USE|ALLOW)_|(^|_)(DEBUG|VERBOSE|ENABLED?|DISABLED?|INSECURE)$"
    r"|_USE_[A-Z]|^DRY_RUN$",
    re.IGNORECASE,
)
OPT_OUT = re.compile(r"(^|_)(DISABLE|SKIP)_(\w+_)?(TRACKING|TELEMETRY|ANALYTICS|REPORTING|STATS)$", re.IGNORECASE)
"""Set to be left alone: by custom any value will do, and a wrong one errs on the private side."""
FOR_TESTS = re.compile(r"(^|_)(UNIT|IN)?_?(TEST|TESTS|TESTING|PYTEST)(_|$)", re.IGNORECASE)
"""Set by a test suite, which has no reason to set it to "false"."""
DEVELOPERS = re.compile(r"^(?:Dev|Development|Local|Test|Testing|Build|Debug)")
"""Classes of django-configurations that nobody serves with."""
ONLY_OFF = frozenset(("False", "false", "FALSE"))
OFF = frozenset("0 false no off False FALSE No Off".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    by_name: dict[str, list[Finding]] = {}
    for finding in (*_found(project), *_unless_spelled(project), *_untyped_values(project)):
        by_name.setdefault(finding.anchor, []).append(finding)
    by_file: dict[tuple[str, bool], list[Finding]] = {}
    for same in by_name.values():  # one variable is one switch, wherever it is looked at
        one = _as_one(same)
        by_file.setdefault((one.path, one.confidence == "certain"), []).append(one)
    for same in by_file.values():  # the switches of one file have one mend, a reader of words
        one = _as_one(same)
        names = list(dict.fromkeys(f.anchor for f in same if f.anchor != one.anchor))
        yield replace(one, message=f"{one.message}; so {'is' if len(names) == 1 else 'are'} {', '.join(names[:5])}") if names else one


def _as_one(same: list[Finding]) -> Finding:
    """The findings as one, at the one that matters most."""
    first, *others = sorted(same, key=lambda f: (CONFIDENCES.index(f.confidence), SEVERITIES.index(f.severity), f.path, f.line))
    also = tuple(Evidence(f.path, f.line, f"the same: {f.anchor}") for f in others[:8])
    entrypoints = tuple(dict.fromkeys(e for f in same for e in f.entrypoints))
    return replace(first, count=sum(f.count for f in same), also=(*first.also, *also), entrypoints=entrypoints)


def _turned_off(project: Project, read: SettingRead) -> bool:
    """Whether an artifact already sets it to a word for off, and so turns it on."""
    given = (x.env[read.name][0].value for x in project.launches if read.name in x.env and not x.development)
    return any(value is not None and value.text in OFF for value in given)


def _meant_as_flag(project: Project, read: SettingRead) -> bool:
    """Whether something shows that the variable is thought of as true or false, so that somebody will write ``false``: the
    code turns it into a bool or gives False for a default, an artifact sets it to a word for off, or the module compares
    another flag with words."""
    if read.conversion == "bool" or _bool_default(read) or (read.default_text is not None and read.default_text in OFF):
        return True
    given = (launch.env[read.name][0].value for launch in project.launches if read.name in launch.env)
    if any(value is not None and value.text in OFF for value in given):
        return True
    return any(
        other.conversion == "flag" and other.path == read.path and other.name != read.name for other in project.settings
    )


def _found(project: Project) -> Iterator[Finding]:
    for read in project.settings:
        if read.how not in ENVIRONMENT or read_for_development(read) or not _by_truth(project, read):
            continue
        found = project.phases_by_entrypoint(read.function, read.line, read.steps)
        if not any(e.long_running or e.production for e in found) or _for_nobody(project, read) or _below_debug(read):
            continue
        off = _turned_off(project, read)
        stuck = _bool_default(read) and read.default == m.Const(True)
        yield _finding(
            read,
            found,
            f'{read.name} is on by default and with any text: "false" and "0" leave it on, and only an empty value turns it off'
            if stuck
            else f'{read.name} is on as soon as the variable holds any text: setting it to "false" or "0" turns it on',
            severity=None if off else "low",  # nobody is hurt before somebody writes "false"
            confidence=_confidence(project, read, off=off, stuck=stuck),
        )


def _confidence(project: Project, read: SettingRead, *, off: bool, stuck: bool) -> str:
    if not _meant_as_flag(project, read):
        return "possible"
    return "certain" if (off or stuck) and of_the_process(read) else "likely"


def _unless_spelled(project: Project) -> Iterator[Finding]:
    """``DEBUG = os.environ.get("DEBUG", "False") != "False"``: every other word for off turns it on."""
    for read in project.settings:
        if read.how not in ENVIRONMENT or read.conversion != "flag" or not of_the_process(read):
            continue
        if read_for_development(read) or FOR_TESTS.search(read.name):
            continue
        word = _unequal(read)
        found = project.phases_by_entrypoint(read.function, read.line, read.steps)
        if word is None or not any(e.long_running or e.production for e in found):
            continue
        others = " or ".join(f'"{text}"' for text in ("false" if word != "false" else "False", "0"))
        yield _finding(
            read,
            found,
            f'{read.name} is off for "{word}" alone: setting it to {others} turns it on',
            severity="medium" if read.name.upper().endswith("DEBUG") else "low",
            confidence="certain",
        )


def _untyped_values(project: Project) -> Iterator[Finding]:
    """``USE_JSON = values.Value(True)`` of django-configurations: it takes the text of DJANGO_USE_JSON as it is, where ``BooleanValue``
    reads words (django-configurations 2.5, values.py: Value.to_python)."""
    for module in project.modules:
        if not any(b.text.startswith("configurations") for found in module.level.bindings.values() for b in found if b.kind == "import"):
            continue
        found = project.imported_by(module)
        if for_development(module.path) or not any(e.long_running or e.production for e in found):
            continue
        for klass in module.classes.values():
            if DEVELOPERS.search(klass.name):
                continue
            for name, bindings in klass.attributes.items():
                for func, binding in bindings:
                    on = _untyped(project, func, binding.expr)
                    if on is None:
                        continue
                    yield RULE.finding(
                        module.path,
                        binding.line,
                        f'{name} is a values.Value, which takes the text of its variable as it is: setting it to "false" or "0" '
                        + ("leaves it on" if on else "turns it on"),
                        f"make it values.BooleanValue({on})",
                        phase="import",
                        entrypoints=found,
                        severity="low",
                        confidence="certain",
                        anchor=name,
                    )


def _untyped(project: Project, func: Func, expr: m.Expr | None) -> bool | None:
    """The bool that an untyped value has for its default."""
    given = expr.argument("default", 0) if isinstance(expr, m.Call) else None
    if not isinstance(expr, m.Call) or not isinstance(given, m.Const) or not isinstance(given.value, bool):
        return None
    value = project.names.value(expr.func, func)
    return given.value if value is not None and value.name == "configurations.values.Value" else None


def _finding(read: SettingRead, found: Iterable[Entrypoint], message: str, *, severity: str | None, confidence: str) -> Finding:
    return RULE.finding(
        read.path,
        read.line,
        message,
        f'compare with words: os.environ.get({read.name!r}, "").lower() in ("1", "true", "yes", "on")',
        phase="import" if read.function.is_module else "startup",
        entrypoints=tuple(found),
        severity=severity,
        confidence=confidence,
        anchor=read.name,
    )


def _unequal(read: SettingRead) -> str | None:
    """The one spelling that the value, as it was given, is compared with by ``!=``."""
    for place in read.function.places:
        if place.stmt.line <= read.line <= place.stmt.end_line:
            for expr in own_expressions(place.stmt):
                for node in m.walk(expr):
                    if isinstance(node, m.Compare) and node.left == read.expr and node.ops == ("!=",):
                        word = node.rights[0]
                        return word.value if isinstance(word, m.Const) and word.value in ONLY_OFF else None
    return None


def _below_debug(read: SettingRead) -> bool:
    """``if settings.DEBUG and os.environ.get("TOOLBAR")``: production does not come to the second question."""
    tests = [n for s in read.steps if isinstance(s.stmt, m.If) for n in m.walk(s.stmt.test)]
    for place in read.function.places:
        if isinstance(place.stmt, m.If) and place.stmt.line <= read.line < place.stmt.body[0].line:
            tests += m.walk(place.stmt.test)
    return any(isinstance(n, m.Name) and n.id.rpartition(".")[2] == "DEBUG" for n in tests)


def _for_nobody(project: Project, read: SettingRead) -> bool:
    """Whether the constant that holds it is used nowhere, or only by the server of the desk."""
    if read.bound is None or read.bound.kind != "constant":
        return False
    given = (launch.options.get(read.bound.name) for launch in project.launches if read.bound.name.islower())
    if any(option is not None and option.path == read.path for option in given):
        return False  # the server takes it from its configuration file: ``preload_app = bool(os.environ.get("PRELOAD", True))``
    uses = project.settings.uses(read)
    return all(for_development(u.function.path) or re.search(r"(^|[/_])dev_?server", u.function.path) for u in uses)


def _by_truth(project: Project, read: SettingRead) -> bool:
    if (
        read.reader is not None
        or read.secret
        or url_like(read.name)
        or variable_reader(read.name) is not None
        or (FLAG.search(read.name) is None and not _bool_default(read))
        or OPT_OUT.search(read.name)
        or FOR_TESTS.search(read.name)
    ):
        return False
    if read.conversion == "bool":
        return _by_builtin(read)
    if read.conversion not in ("", "truth"):
        return False
    uses = project.settings.uses(read)
    flows = [f for f in (*read.flows, *(f for u in uses for f in u.flows)) if f.kind != "store"]
    tests = [f for f in flows if f.kind == "test"]
    if _bool_default(read):  # and beside it handed on to what takes a bool: {"enable.auto.commit": AUTO_COMMIT}
        return bool(tests) and all(f.kind in ("test", "item", "argument") for f in flows) and not _only_told(read)
    # used as a text anywhere: "is it set" is then a fair question
    return bool(flows) and len(tests) == len(flows) and not _only_told(read)


def _bool_default(read: SettingRead) -> bool:
    """``os.getenv("AUTO_COMMIT", False)``: whoever gave a bool for the default thinks of true and false."""
    return isinstance(read.default, m.Const) and isinstance(read.default.value, bool)


def _only_told(read: SettingRead) -> bool:
    """``if os.environ.get("OLD_FLAG"): warn("OLD_FLAG is set but has no effect")``: whether it is set is the question."""
    for place in read.function.places:
        stmt = place.stmt
        if isinstance(stmt, m.If) and any(node is read.expr or node == read.expr for node in m.walk(stmt.test)):
            told = (n.value for each in stmt.body for n in m.walk(each) if isinstance(n, m.Const))
            if any(isinstance(text, str) and read.name in text for text in told):
                return True
    return False


def _by_builtin(read: SettingRead) -> bool:
    """Whether it is ``bool(...)`` itself that makes the text a flag, and no parser of words."""
    return any(
        site.text == "bool" and len(site.call.args) == 1 and site.call.args[0] == read.expr
        for site in read.function.sites
        if site.line == read.line
    )
