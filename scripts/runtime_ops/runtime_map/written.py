"""Files that are written, and whether a reader can meet a half of one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, Site
from runtime_ops.runtime_map.reach import of_site

OPENS = frozenset("open io.open builtins.open codecs.open gzip.open bz2.open lzma.open aiofiles.open".split())
WHOLE = frozenset(("write_text", "write_bytes"))
PLACES = frozenset(("os.replace", "os.rename", "shutil.move"))
MOVES = frozenset(("replace", "rename", "move"))
APPENDS = frozenset("a ab at a+ ab+".split())


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row a call that opens a file for writing, or writes it whole."""
    for site, name, moved in _writes(project):
        where = of_site(project, entrypoint, site)
        if where is not None:
            source = (Evidence(moved.path, moved.line, moved.text),) if moved is not None else ()
            yield MapRow(
                "file", name, site.path, site.line, where.phase, "ok" if moved is not None else "unknown",
                "written beside, then moved into place" if moved is not None else None, source,
            )  # fmt: skip


@lru_cache(maxsize=1)
def _writes(project: Project) -> tuple[tuple[Site, str, Site | None], ...]:
    """Each write with what is written and the call that moves it into place, if its function has one."""
    found = []
    for func in project.functions:
        for site in func.sites:
            if site.method in WHOLE or _opens_to_write(site):
                found.append((site, f"writes {_target(site)}", _moved(func)))
    return tuple(found)


def _opens_to_write(site: Site) -> bool:
    whole = site.dotted in OPENS
    if not whole and site.method != "open":
        return False
    mode = site.call.argument("mode", 1 if whole else 0)
    text = mode.value if isinstance(mode, m.Const) and isinstance(mode.value, str) else ""
    return bool(set(text) & set("wx+")) and text not in APPENDS and not set(text) - set("wxrabt+")


def _target(site: Site) -> str:
    given = site.call.args[0] if site.dotted in OPENS and site.call.args else None
    if isinstance(given, m.Const):
        return str(given.value)[:60]
    if isinstance(given, m.Name):
        return given.id[:60]
    return (site.text.rpartition(".")[0] or site.text)[:60]


def _moved(func: Func) -> Site | None:
    """The call that puts what was written under its name at once."""
    for site in func.sites:
        if site.dotted in PLACES or (site.method in MOVES and site.dotted is None and len(site.call.args) == 1):
            return site
    return None
