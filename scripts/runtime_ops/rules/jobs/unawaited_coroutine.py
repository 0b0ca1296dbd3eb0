"""A coroutine that is called and dropped: its body never runs."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A call of an async def function stands alone, without await: nothing of it ever runs.",
)
COROUTINES = frozenset(
    f"asyncio.{name}"
    for name in "open_connection create_subprocess_exec create_subprocess_shell sleep start_server to_thread wait wait_for".split()
) | {"anyio.sleep", "anyio.run_process", "trio.sleep"}
"""Functions of libraries that only make a coroutine (CPython 3.13, asyncio; anyio 4.11; trio 0.32)."""
PAUSES = frozenset({"asyncio.sleep", "anyio.sleep", "trio.sleep"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            if site.used or site.awaited or not _makes_coroutine(site):
                continue
            lost = "the pause never happens, so what was to wait goes on at full speed" if site.dotted in PAUSES else "nothing of it runs"
            yield RULE.in_function(
                project,
                func,
                site.line,
                f"{site.text}() makes a coroutine, and nobody awaits it: {lost}, and Python only warns (RuntimeWarning: coroutine was "
                "never awaited)",
                "await it" if func.facts.is_async else "time.sleep() here, or make the function async and await it"
                if site.dotted in PAUSES else "await it in an async function, or hand it to the running loop",
                confidence="certain",
            )  # fmt: skip


def _makes_coroutine(site: Site) -> bool:
    """Whether a call only makes a coroutine: one of a library, or of ``async def`` functions that no decorator changes."""
    if site.dotted in COROUTINES:
        return True
    return bool(site.targets) and not site.weak and not site.guessed and all(
        t.facts.is_async and not t.facts.is_generator and not t.facts.decorators for t in site.targets
    )  # fmt: skip
