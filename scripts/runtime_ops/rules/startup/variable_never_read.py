"""A variable that an artifact sets and nothing reads."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.credentials import variable_reader
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Module
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.shutdown._long_running import serving_places
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="An artifact sets a variable that neither the code nor a known server or library reads.",
    alone=False,
    lead=True,
)
COMMON = frozenset(
    ("APP", "ENABLE", "DISABLE", "USE", "DEFAULT", "LOG", "MAX", "MIN", "API", "BASE", "SERVICE", "SERVER")
)
"""First words that say nothing about whose variable it is."""
WHOLE = frozenset(("os.environ", "os.environ.items", "os.environ.keys", "environ.items"))
"""How code takes the environment as one thing."""
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    started = _spoken(project)
    found: dict[tuple[str, str], list[tuple[Launch, Entrypoint, str, int]]] = defaultdict(list)
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running:
            continue
        own = _own_names(project, entrypoint)
        for launch in entrypoint.production:
            if launch.role == "management" or launch.target.path is None:
                continue
            for name, (variable, path) in launch.env.items():
                if variable.value is None or name.startswith("SUPERVISOR_"):
                    continue  # handed through for whoever reads it; bashio reads the second
                if variable.templated or not name.isupper() or for_development(path) or path.endswith(".sh"):
                    continue
                if name != "PORT" and (variable_reader(name) is not None or name in started or not _akin(name, own)):
                    continue
                if not _read(project, entrypoint, name, path):
                    found[(entrypoint.id, name)].append((launch, entrypoint, path, variable.line))
    findings = []
    for (_, name), places in found.items():
        port = _fixed_port(project, places[0][1]) if name == "PORT" else None
        if name != "PORT" or port is not None:
            own = _own_names(project, places[0][1])
            sure = _renamed(places[0][1], name, own) and (name == "PORT" or not any(name in _said(x) for x in project.modules))
            confidence = "possible" if not sure else "likely" if _an_identifier(project, name) else "certain"
            findings.append(replace(_finding(name, places, port), confidence=confidence))
    yield from together(findings)


def _an_identifier(project: Project, name: str) -> bool:
    """Whether the code has a setting by this name, which some reader of the environment may fill that is not known."""
    return any(name in _identifiers(module) for module in project.modules)


@cache
def _identifiers(module: Module) -> frozenset[str]:
    """The last parts of all names and attributes of a module's code; asked for each variable that nothing reads."""
    return frozenset(
        (n.id if isinstance(n, m.Name) else n.name).rpartition(".")[2]
        for func in module.functions.values()
        for n in m.walk(func.facts.body)
        if isinstance(n, m.Name | m.Attr)
    )


def _own_names(project: Project, entrypoint: Entrypoint) -> frozenset[str]:
    """The variables that the entrypoint's modules do read."""
    return frozenset(r.name.upper() for r in project.settings if r.function.module in entrypoint.modules)


def _akin(name: str, own: frozenset[str]) -> bool:
    """Whether a variable looks like the project's own: the first word, or all words but the first, of one that is read.

    What shares nothing with them is likely read by a library, a native part or the image's init.
    """
    head, _, tail = name.partition("_")
    return any(
        (other.partition("_")[0] == head and "_" in other and head not in COMMON)
        or (tail and other.partition("_")[2] == tail)
        for other in own
    )


def _renamed(entrypoint: Entrypoint, name: str, own: frozenset[str]) -> bool:
    """Whether the variable is the program's own by more than its first word, which may be that of a library or of another
    program beside it: a variable that is read has all of its words, or all but the first, or the word is the package's name."""
    head, _, tail = name.partition("_")
    words = set(name.split("_"))
    packages = {part.lower() for part in entrypoint.path.removesuffix(".py").split("/")}
    for other in own:
        known = set(other.split("_"))
        if (tail and other.partition("_")[2] == tail) or (len(words & known) > 1 and (words < known or known < words)):
            return True
    return name == "PORT" or head.lower() in packages


def _read(project: Project, entrypoint: Entrypoint, name: str, path: str) -> bool:
    """Whether the entrypoint's code reads the variable, names it in a text, or a file that no entrypoint imports does; also
    another program that the same artifact is for."""
    elsewhere = {
        m
        for e in project.entrypoints
        if e is not entrypoint and e.long_running and not any(path in (a.path for a in x.artifacts) for x in e.launches)
        for m in e.modules
    }
    if name != "PORT" and any(name in _said(m) for m in project.modules if m not in elsewhere):
        return True
    for read in project.settings.covering(name):
        module = read.function.module
        if module in entrypoint.modules or module not in elsewhere:
            return True
    return name != "PORT" and any(name in _said(module) or _by_prefix(project, module, name) for module in entrypoint.modules)


def _by_prefix(project: Project, module: Module, name: str) -> bool:
    """Whether the module goes through the whole environment and speaks of the variable's prefix: ``MLAPP_``, as a text or as a
    constant that it compares names with."""
    if not _goes_through(module):
        return False
    return any(word.endswith("_") and name.startswith(word) for word in (*_said(module), *_prefixes(project, module)))


def _prefixes(project: Project, module: Module) -> Iterator[str]:
    """The texts that a module asks by name whether something starts with them: ``key.startswith(PREFIX)``."""
    for func in module.functions.values():
        for site in func.sites:
            given = project.names.constant(site.call.args[0], func) if site.method == "startswith" and site.call.args else None
            if isinstance(given, str):
                yield given


@cache
def _goes_through(module: Module) -> bool:
    """Whether the module uses the environment as a whole; asked for each variable of each artifact."""
    if not any(not WHOLE.isdisjoint(func.inventory.names) for func in module.functions.values()):
        return False
    nodes = [n for f in module.functions.values() for n in m.walk(f.facts.body)]
    one = {id(n.value) for n in nodes if isinstance(n, m.Subscript)}  # ``os.environ["NAME"]`` is one variable
    return any(isinstance(n, m.Name) and n.id in WHOLE and id(n) not in one for n in nodes)


def _in_build(variable: a.EnvironmentVariable, stage: a.Stage) -> bool:
    value = variable.value.text if variable.value is not None else ""
    if not value:
        return False
    words = [p.number.text for p in stage.ports] + [t for c in stage.copies for t in (*c.sources, c.target)]
    words += [stage.workdir.text] if stage.workdir is not None else []
    return any((len(value) > 2 and value in word) or variable.name in word for word in words)


def _spoken(project: Project) -> frozenset[str]:
    """Every variable that a command, a script or an image's build uses."""
    found: set[str] = set()
    for artifact in project.artifacts:
        if isinstance(artifact, a.ShellScript):
            for command in artifact.commands:
                found.update(WORD.findall(command.raw))
            found.update(use.name for use in artifact.other_uses)
        elif isinstance(artifact, a.Dockerfile):
            for stage in artifact.stages:
                for given in (*stage.runs, stage.cmd, stage.entrypoint):
                    if given is not None:
                        found.update(WORD.findall(given.raw))
                # EXPOSE, WORKDIR and COPY are read with their variables filled in: the values stand for them
                found.update(v.name for v in stage.env if _in_build(v, stage))
                for variable in stage.env:
                    found.update(use.name for use in variable.variables)
        elif isinstance(artifact, a.SupervisordConfig | a.UwsgiConfig | a.NginxConfig):
            found.update(WORD.findall(repr(artifact)))
    for entrypoint in project.entrypoints:
        for launch in entrypoint.launches:
            found.update(WORD.findall(" ".join((*launch.argv, *(link.text for link in launch.chain)))))
            for part in (launch.container, launch.service):
                found.update(WORD.findall(repr(getattr(part, "command", None)) + repr(getattr(part, "args", None))))
            for probe, _ in launch.probes:
                found.update(WORD.findall(repr(probe.command)))
            for variable, _ in launch.env.values():
                found.update(use.name for use in variable.variables)
    return frozenset(found)


@cache
def _said(module: Module) -> frozenset[str]:
    """Every word of a text in the code of a module."""
    found: set[str] = set()
    texts = (
        *(f.inventory.texts for f in module.functions.values()),
        *(m.texts(k.facts.body) for k in module.classes.values()),
    )
    for each in texts:
        for text in each:
            if len(text) < 400:
                found.update(WORD.findall(text))
    return frozenset(found)


def _finding(name: str, places: list[tuple[Launch, Entrypoint, str, int]], port: tuple[str, int] | None) -> Finding:
    _, entrypoint, path, line = places[0]
    unique = list(dict.fromkeys((p, at) for _, _, p, at in places))
    also = [Evidence(p, at, name) for p, at in unique[1:9]]
    if port is not None:
        also = [Evidence(p, at, name) for p, at in unique[:8]]
        path, line = port
        message = (
            "the port is written into the code, and PORT, which the artifacts set for it, is read by nothing: changing it "
            "moves the probes and not the listener"
        )
        remedy = 'read it: port=int(os.environ.get("PORT", "8080"))'
    else:
        message = f"{name} is set for {entrypoint.path} and nothing reads it: who changes it believes to have changed something"
        remedy = "remove it, or read it at start-up under this name"
    return RULE.finding(
        path, line, message, remedy, entrypoints=(entrypoint,), anchor=name, count=len(unique), also=also,
        phase="startup",
    )  # fmt: skip


def _fixed_port(project: Project, entrypoint: Entrypoint) -> tuple[str, int] | None:
    for place in serving_places(project, entrypoint):
        port = place.site.call.keyword("port") if place.site is not None else None
        if isinstance(port, m.Const) and isinstance(port.value, int):
            return place.function.path, place.line
    return None
