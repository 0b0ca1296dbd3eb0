"""Settings: where each is read, checked and provided."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.runtime_map.reach import of_place


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row a read of the entrypoint."""
    given = {name: place for launch in entrypoint.production for name, place in launch.env.items()}
    for read in project.settings:
        where = of_place(project, entrypoint, read.function, read.line, read.steps)
        if where is None:
            continue
        phase = "startup" if where.phases & {"startup", "import"} else where.phase
        source = []
        if read.name in given:
            variable, path = given[read.name]
            source.append(Evidence(path, variable.line, "provided here"))
        if read.checked:
            bound = f"checked ({read.check})"
        elif read.conversion:
            bound = f"converted by {read.conversion}"
        elif read.default_text is not None:
            bound = f"default {read.default_text[:40]!r}" if not read.secret else "a default is written here"
        else:
            bound = None
        known = bound is not None or not entrypoint.long_running
        yield MapRow(
            "setting", read.name, read.path, read.line, phase, "ok" if known else "unknown", bound, tuple(source)
        )
