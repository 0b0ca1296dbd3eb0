"""Only the direct child is ended, though it is a shell."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.resources import Resource
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.shutdown._running import lasting_phases

RULE = Rule(
    __name__,
    severity="medium",
    summary="Only a shell is ended: what it started goes on without anybody who stops it.",
    lead=True,
)
RUNS = ("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output")
GROUPS = ("start_new_session", "process_group", "preexec_fn", "creationflags")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_found(project))


def _found(project: Project) -> Iterator[Finding]:
    for site in project.sites(*RUNS):
        limit = site.call.keyword("timeout")
        if limit is None or (isinstance(limit, m.Const) and limit.value is None) or not _through_shell(site):
            continue
        if lasting_phases(project, site)[0]:
            yield RULE.at(
                project,
                site,
                f"{site.text}(shell=True, timeout=…) kills only the shell when the limit passes: the command below it runs on, and "
                "each timeout leaves one more process",
                "give the argument list without a shell, or start_new_session=True and os.killpg() in the TimeoutExpired arm",
                kinds=("service", "worker"),
            )
    for resource in project.resources:
        ends = [s.site for s in resource.stops if s.how in ("terminate", "kill", "send_signal") and s.site is not None]
        if not ends or not _shell_child(resource) or _ends_group(resource):
            continue
        if lasting_phases(project, ends[0])[0]:
            yield RULE.at(
                project,
                ends[0],
                f"{ends[0].text}() ends only the shell that {resource.path}:{resource.line} starts; the command below it runs on",
                "start it with start_new_session=True and end the group by os.killpg(os.getpgid(pid), signal), or without a shell",
                kinds=("service", "worker"),
            )


def _shell_child(resource: Resource) -> bool:
    if resource.kind != "process":
        return False
    return _through_shell(resource.site) or (
        resource.site.dotted == "asyncio.create_subprocess_shell" and not _grouped(resource.site)
    )


def _through_shell(site: Site) -> bool:
    given = site.call.keyword("shell")
    if not (isinstance(given, m.Const) and given.value is True) or _grouped(site):
        return False
    command = site.call.args[0] if site.call.args else site.call.keyword("args")
    if isinstance(command, m.Format) and command.parts:
        command = command.parts[0]
    return not (isinstance(command, m.Const) and str(command.value).lstrip().startswith("exec "))


def _grouped(site: Site) -> bool:
    return any(site.call.keyword(name) is not None for name in GROUPS)


def _ends_group(resource: Resource) -> bool:
    functions = {stop.function for stop in resource.stops if stop.function is not None} | {resource.function}
    return any(
        s.dotted == "os.killpg" or "killpg" in s.text or s.method == "children" for f in functions for s in f.sites
    )
