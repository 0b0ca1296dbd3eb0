"""Link small sources written in a test, without touching the disk."""

from __future__ import annotations

from textwrap import dedent

from runtime_ops.facts import model as m
from runtime_ops.facts.python import read_python
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func
from runtime_ops.project.modules import ModuleIndex
from runtime_ops.project.names import Names


def link(source: str = "", **files: str) -> Links:
    """The links of one ``app.py`` and of more files by module name (``a__b`` stands for ``a/b.py``)."""
    sources = {f"{name.replace('__', '/')}.py": text for name, text in files.items()}
    if source:
        sources["app.py"] = source
    facts = [read_python(path, dedent(text).encode()) for path, text in sources.items()]
    assert all(isinstance(f, m.ModuleFacts) for f in facts), facts
    index = ModuleIndex(f for f in facts if isinstance(f, m.ModuleFacts))
    return Links(index, Names(index))


def function(links: Links, qualname: str = "f", path: str = "app.py") -> Func:
    """A function of a linked file."""
    return links.index.modules[path].functions[qualname]
