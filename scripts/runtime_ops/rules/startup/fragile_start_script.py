"""A start script that goes wrong in silence: unset variables, split arguments, installs at each start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.written_commands import written
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="The start command uses a variable that may be unset, splits its arguments, goes on after a failed migration, or installs "
    "packages at each start.",
    lead=True,
)
INSTALLS = re.compile(
    r"^(pip3?|uv pip|python3? -m pip|apt-get|apt|apk|npm|yarn|poetry|uv|conda) (install|add|sync)\b"
    r"|^git (clone|pull)\b|^(curl|wget) .*\| ?(ba)?sh"
)
PREPARES = re.compile(
    r"\b(?:manage\.py|django-admin) migrate\b|\balembic\b.* upgrade\b|\bflask\b.* db upgrade\b|\bdb:migrate\b"
    r"|\b(?:airflow|superset) db (?:upgrade|migrate|init)\b|\bpiccolo migrations forwards\b|\baerich upgrade\b"
)
"""Steps that bring the schema of the database to what the program needs."""
UNCHECKED = ("os.system", "subprocess.run", "subprocess.call")
"""Calls that raise nothing for the status of what they ran."""
HOOKS = frozenset(("bin/pre_compile", "bin/post_compile"))
"""Run by the buildpack, which ends the build where they end with a failure (heroku-buildpack-python 022d6061, lib/hooks.sh run_hook)."""
GIVEN = frozenset("@ * # ? ! $ 0 1 2 3 4 5 6 7 8 9 HOME PATH PWD USER HOSTNAME UID EUID SHELL LANG".split())
DEFAULTS = frozenset((":-", "-", ":=", "=", ":?", "?", ":+", "+"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen: set[tuple[str, int, str]] = set()
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running:
            continue
        for launch in entrypoint.production:
            if launch.platform in ("packaging", "shell") or entrypoint.framework == "locust":
                continue
            told = (*_commands(entrypoint, launch), *_scripts(entrypoint, launch), *_unchecked(entrypoint, launch))
            for finding in (*told, *_in_code(project, entrypoint, launch)):
                key = (finding.path, finding.line, finding.anchor)
                if key not in seen:
                    seen.add(key)
                    yield finding
    yield from _hooks(project)


def _commands(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    """The shell-form command of an image, and the program's own line in a script."""
    last = launch.chain[-1]
    if for_development(last.path):
        return
    parts: list[a.SimpleCommand] = []
    script = next((x for x in launch.artifacts if isinstance(x, a.ShellScript) and x.path == last.path), None)
    if script is not None:
        if any(o.name == "nounset" and o.on for o in script.options):
            return
        parts = [c for c in script.commands if c.line == last.line]
    elif launch.stage is not None:
        for command in (launch.stage.entrypoint, launch.stage.cmd):
            if command is not None and command.line == last.line and command.shell:
                parts.extend(command.parts)
    found: list[tuple[a.VariableUse, str]] = []
    for part in parts:
        for use in part.variables:
            if use.word < 1 or use.name in GIVEN or use.operator is not None or not use.name.isupper():
                continue
            if script is not None and _settled(script, use.name, part.line):
                continue
            option = part.argv[use.word] if use.word < len(part.argv) else ""
            if (
                option in (f"${use.name}", f"${{{use.name}}}")
                and not use.quoted
                and not part.argv[use.word - 1].startswith("-")
            ):
                continue  # a word of its own that vanishes when it is empty: extra options
            # a variable that every artifact gives matters where the program runs on without it: in an address
            if not _given(entrypoint, launch, use.name) or "://" in option:
                found.append((use, option))
    if found:
        yield _unset(entrypoint, launch, last.path, found)


def _settled(script: a.ShellScript, name: str, line: int) -> bool:
    """Whether the script assigns, defaults or tests the variable before."""
    for command in script.commands:
        if command.line > line:
            break
        if any(x.name == name for x in command.assignments):
            return True
        for use in command.variables:
            if use.name == name and (use.operator in DEFAULTS or command.program in ("[", "[[", "test")):
                return True
        if any(name in branch.test for branch in command.branches):
            return True
        if command.program in ("source", ".", "read"):
            return True
    return any(name in arm.subject for case in script.cases for arm in case.arms)


def _given(entrypoint: Entrypoint, launch: Launch, name: str) -> bool:
    """Whether the image, or each artifact that places it, gives the variable (or may do so)."""
    placed = [x for x in entrypoint.production if x.platform not in ("dockerfile", "packaging", "shell")]
    image = launch.stage.env if launch.stage is not None else ()
    return (bool(placed) and all(name in x.env or x.env_open for x in placed)) or any(
        v.name == name and v.value is not None and v.value.text for v in image
    )


def _unset(entrypoint: Entrypoint, launch: Launch, path: str, found: list[tuple[a.VariableUse, str]]) -> Finding:
    use, option = found[0]
    names = list(dict.fromkeys(u.name for u, _ in found))
    given = all(_given(entrypoint, launch, name) for name in names)
    return RULE.finding(
        path,
        use.line,
        f"the start command builds {option!r} from ${use.name}, which nothing checks"
        + (f" (as {', '.join(names[1:4])})" if len(names) > 1 else "")
        + ": without the variable the program starts with an empty value there and fails later or runs wrongly configured",
        f"write ${{{use.name}:?must be set}}, or a default that is right: ${{{use.name}:-…}}",
        severity="low" if given else "medium",
        phase="startup",
        entrypoints=(entrypoint,),
        trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
        anchor=",".join(names),
        count=len(names),
    )


def _scripts(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    for script in launch.artifacts:
        if not isinstance(script, a.ShellScript) or for_development(script.path):
            continue
        for command in script.commands:
            text = " ".join(command.argv)
            if command.arms and any(for_development(p) for arm in command.arms for p in arm.patterns):
                continue
            if INSTALLS.search(text) and not command.substitution and not _asked_for_development(command):
                yield RULE.finding(
                    script.path,
                    command.line,
                    f"each start runs {text[:60]!r}: an outage of the package index, or a new release that does not fit, stops a "
                    "restart that has nothing to do with it",
                    "install at build time into the image; where users bring packages, build an image of their own",
                    phase="startup",
                    confidence="likely" if _unconditional(script, command) else "possible",
                    entrypoints=(entrypoint,),
                    anchor=f"install:{command.argv[0]}",
                )
            elif command.exec and _splits(command):
                yield RULE.finding(
                    script.path,
                    command.line,
                    f"{text[:60]!r} passes the arguments on unquoted: one that holds a space or a * arrives as several",
                    'write exec "$@"',
                    phase="startup",
                    severity="low",
                    entrypoints=(entrypoint,),
                    anchor="unquoted arguments",
                )


def _unchecked(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    """A step that prepares the database, whose failure nothing looks at before the program is started all the same."""
    if (launch.server or "").endswith("development server"):
        return  # whoever runs it reads what the step says
    for script, link in ((x, y) for x in launch.artifacts if isinstance(x, a.ShellScript) for y in launch.chain if x.path == y.path):
        if for_development(script.path) or any(o.name == "errexit" and o.on for o in script.options) or _stops_on_error(script):
            continue
        for command in script.commands:
            text = " ".join(command.argv)
            if not PREPARES.search(text) or not _goes_on(command) or command.line >= link.line or _asked_for_development(command):
                continue
            if command.function and any(c.tested or not _goes_on(c) for c in script.calls(command.function)):
                continue
            following = [c for c in script.commands if c.line > command.line]
            if following and any(use.name == "?" for use in following[0].variables):
                continue
            yield RULE.finding(
                script.path,
                command.line,
                f"nothing looks at the status of {text[:60]!r}: the script has no set -e, so after a failure (the database is not up yet, "
                f"a migration that breaks) it goes on and starts {launch.program} against a database that does not fit",
                "begin the script with set -e, or write the step as `… || exit 1`: the platform then starts the container again",
                phase="startup",
                confidence="certain",
                entrypoints=(entrypoint,),
                trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
                anchor=f"unchecked:{text[:40]}",
            )
            return


def _in_code(project: Project, entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    """The same in a start script in Python: ``os.system("flask db upgrade")`` raises nothing, and its status is dropped."""
    if (launch.server or "").endswith("development server"):
        return
    for link in launch.chain:
        module = project.links.index.modules.get(link.path)
        if module is None or for_development(link.path):
            continue
        for site in project.links.sites(*UNCHECKED):
            if site.used or site.function.module is not module or (site.function.is_module and site.line >= link.line):
                continue
            checked = site.call.keyword("check")
            if checked is not None and not (isinstance(checked, m.Const) and checked.value is False):
                continue
            text = next((text for way in written(project.links, site) if PREPARES.search(text := " ".join(way.words))), None)
            if text is None:
                continue
            text = text.removeprefix("/bin/sh -c ")
            yield RULE.finding(
                site.path, site.line,
                f"nothing looks at the status of {text[:60]!r}: after a failure (the database is not up yet, a migration that breaks) the "
                f"script goes on and starts {launch.program} against a database that does not fit",
                "subprocess.run([…], check=True): the start then fails, and the platform tries again",
                confidence="certain", phase="startup", entrypoints=(entrypoint,),
                trace=[Evidence(x.path, x.line, x.text) for x in launch.chain], anchor=f"unchecked:{text[:40]}",
            )  # fmt: skip
            return


def _hooks(project: Project) -> Iterator[Finding]:
    """The hook of Heroku's Python buildpack, whose status decides about the release: a failed migration that it passes over."""
    if not any(launch.platform in ("procfile", "heroku") for launch in project.launches):
        return
    for script in project.artifacts_of(a.ShellScript):
        if script.path not in HOOKS or any(o.name == "errexit" and o.on for o in script.options) or _stops_on_error(script):
            continue
        last = max((c.line for c in script.commands), default=0)
        for command in script.commands:
            text = " ".join(command.argv)
            if PREPARES.search(text) and _goes_on(command) and command.line < last and not command.function:
                following = next((c for c in script.commands if c.line > command.line), None)
                if following is not None and any(use.name == "?" for use in following.variables):
                    continue
                yield RULE.finding(
                    script.path,
                    command.line,
                    f"nothing looks at the status of {text[:60]!r}: it has no set -e and ends with the status of its last command, so "
                    "after a migration that fails the build counts as good, and the new code goes live on a database that does not fit",
                    "begin the hook with set -e: the build then fails and the release that runs stays",
                    phase="startup",
                    confidence="certain",
                    entrypoints=tuple(e for e in project.entrypoints if e.long_running and e.production),
                    anchor=f"unchecked:{text[:40]}",
                )
                break


def _goes_on(command: a.SimpleCommand) -> bool:
    """Whether the script goes on whatever the command's status is."""
    ruled = command.tested or command.substitution or command.background or command.negated or command.exec or command.tail
    return not ruled and command.after not in ("&&", "||", "|")


def _stops_on_error(script: a.ShellScript) -> bool:
    """Whether a trap ends the script at the first error."""
    return any("ERR" in trap.signals for trap in script.traps)


def _unconditional(script: a.ShellScript, command: a.SimpleCommand) -> bool:
    """Whether each run of the script comes to the command: no ``if``, ``case``, loop, function or ``&&`` decides about it."""
    ruled = command.branches or command.arms or command.loops or command.function or command.before in ("&&", "||")
    return not ruled and not any(c.program in ("exit", "exec") and c.line < command.line and not c.branches for c in script.commands)


def _splits(command: a.SimpleCommand) -> bool:
    return any(use.name == "*" or (use.name == "@" and not use.quoted) for use in command.variables)


def _asked_for_development(command: a.SimpleCommand) -> bool:
    return any(re.search(r"\b(DEV|DEBUG|DEVELOP\w*|LOCAL|TEST\w*)\b", b.test, re.IGNORECASE) for b in command.branches)
