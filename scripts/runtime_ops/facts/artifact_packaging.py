"""Facts of packaging and environment files."""

from __future__ import annotations

from runtime_ops.facts.artifact_parts import (
    EnvironmentVariable,
)
from runtime_ops.facts.artifact_values import Artifact, Value
from runtime_ops.plain import dataclass


@dataclass(frozen=True, slots=True)
class ScriptEntry:
    """A console script: ``target`` is ``package.module:function`` (or a file, for setup.py ``scripts=``); ``group``
    ``console_scripts``, ``gui_scripts``, ``scripts`` or another entry point group."""

    name: str
    target: str
    group: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """A required or locked distribution. ``name`` is normalised (PEP 503). ``specifier`` as written (poetry's ``^1.2``
    turned into PEP 440), empty for any; ``version`` is the exact version when one is pinned or locked. ``group``:
    empty for run time, else the extra or dependency group."""

    name: str
    specifier: str
    version: str | None
    line: int
    end_line: int
    extras: tuple[str, ...] = ()
    marker: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagingFile(Artifact):
    """pyproject.toml, setup.cfg, setup.py, requirements*.txt/.in, Pipfile, or a lock file (``locked``).

    ``flavour``: ``pyproject``, ``setup.cfg``, ``setup.py``, ``requirements``, ``pipfile``, ``uv.lock``,
    ``poetry.lock``, ``pdm.lock``, ``pylock``, ``Pipfile.lock``. ``package_roots``: folders that packages stand in,
    relative to the file (``src``), where the file says so. ``includes``: other requirement files (``-r``/``-c``).
    """

    flavour: str
    locked: bool = False
    name: str | None = None
    version: str | None = None
    requires_python: str | None = None
    scripts: tuple[ScriptEntry, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    package_roots: tuple[str, ...] = ()
    includes: tuple[Value, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DotenvFile(Artifact):
    """A ``.env`` file; ``example`` for samples and templates of one (`.env.example`, `env.sample`)."""

    variables: tuple[EnvironmentVariable, ...] = ()
    example: bool = False
