"""Imports go one way: facts → project → rules, contracts, map → judge → pipeline → cli; formats know findings only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "scripts" / "runtime_ops"
# what each room may import beside itself; "*" stands for anything of the package
ALLOWED = {
    "libraries": set(),
    "findings": set(),
    "facts": set(),
    "discover": {"findings", "ignore", "not_runtime", "artifact_reading", "reading", "tracked", "facts"},
    "tracked": {"reading"},
    "gather": {"facts", "discover", "findings", "artifact_reading", "reading", "not_runtime", "pickled"},
    "files": {"configuration", "discover", "findings", "gather", "not_runtime", "report"},
    "project": {"facts", "libraries", "findings"},
    "rules": {"project", "facts", "libraries", "findings"},
    "contracts": {"project", "facts", "libraries", "findings"},
    "runtime_map": {"project", "facts", "libraries", "findings", "rules"},
    "judge": {"project", "rules", "findings"},
    "pickled": set(),
    "aside": {"findings", "pickled"},
    "answers": {"aside", "contracts", "findings", "judge", "project", "rules", "runtime_map"},
    "report": {"findings", "guides", "rules"},
    "guides": set(),
    "drill": set(),
    "bundle": set(),
    "bootstrap": set(),
}
LOOSE = {
    "bundle": {"guides", "rules", "cli", "drill", "bootstrap"},
    "report": {"drill", "waivers", "configuration", "not_runtime"},
}


def imported(file: Path) -> set[str]:
    """The rooms of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("runtime_ops"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("runtime_ops.")}
    return found - {"__version__", "plain"}


def files(room: str) -> list[Path]:
    place = PACKAGE / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [PACKAGE / f"{room}.py"]


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_room_imports_only_what_stands_before_it(room: str) -> None:
    inspected = files(room)
    assert inspected and all(file.is_file() for file in inspected), f"nothing inspected for {room}"
    allowed = ALLOWED[room] | LOOSE.get(room, set()) | {room}
    wrong = {str(f.relative_to(PACKAGE)): imported(f) - allowed for f in inspected if imported(f) - allowed}
    assert not wrong, f"{room} may import {sorted(allowed)}"


def test_scripts_hold_entry_scripts_and_one_package() -> None:
    scripts = PACKAGE.parent
    names = {p.name for p in scripts.iterdir() if p.name != "__pycache__"}
    assert names - {"_vendor"} == {"audit.py", "drill.py", "bundle.py", "runtime_ops"}
    for name in ("audit.py", "drill.py", "bundle.py"):
        assert len((scripts / name).read_text(encoding="utf-8").splitlines()) <= 15, f"{name} is more than an entry"
