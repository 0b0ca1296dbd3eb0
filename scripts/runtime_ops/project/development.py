"""Whether an artifact is meant for development, by what its name, its mounts and its profiles say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.project.layout import Tree, join
from runtime_ops.project.model import Func, Step

_WORDS = frozenset(
    "dev develop development devel devcontainer debug local localhost test tests testing itest itests ci e2e integration example examples "
    "sample samples override vagrant benchmark benchmarks sandbox playground mock mocks fixture fixtures tutorial "
    "tutorials demo demos hack docs".split()
)
_SERVICE_WORDS = _WORDS - {"docs", "sample", "samples", "demo", "demos", "hack", "override", "integration", "mock", "mocks"}
_CODE_WORDS = _WORDS - {"integration"}
DESK_FOLDERS = frozenset(("demo", "demos", "hack", "playground", "sandbox"))
"""Folders of programs that show or try out the project: people run them by hand, and nothing of production."""
_DESK_FILES = frozenset(("dev", "devel", "develop", "development"))
_FOR_THE_DESK = re.compile(
    r"(?i)\b(?:only|just) for (?:local )?dev(?:elopment)?\b|\bfor (?:local )?dev(?:elopment)? (?:purposes )?only\b"
    r"|\b(?:do not|don't|never) (?:use|deploy|run)[\w ]* in (?:a )?production\b|\bnot (?:meant |intended |suited )?for production\b"
)
_OVERRIDE = re.compile(r"(?:^|/)(?:docker-)?compose\.override\.ya?ml\Z")
_PLACE = re.compile(r"<[\w .-]+>")
_SPLIT = re.compile(r"[^a-z0-9]+")
WINDOWS = (("system", "Windows"), ("name", "nt"), ("platform", "win32"))
"""What a program asks of the standard library, and what it hears on Windows."""


def development_path(path: str) -> bool:
    """Whether the name of a file or of one of its folders says that it is for development."""
    lower = path.lower().replace("usr/local/", "usr/")
    folder, _, name = lower.rpartition("/")
    if name.endswith(".py"):  # ``mail_integration.py`` joins two products; what tests that is ``test_integration.py``
        return bool(set(_SPLIT.split(folder)) & _WORDS or set(_SPLIT.split(name)) & _CODE_WORDS)
    return bool(set(_SPLIT.split(lower)) & _WORDS)


def merged_by_default(path: str) -> bool:
    """Whether ``docker compose up`` lays a compose file over the one beside it (``compose.override.yaml``), unless told otherwise."""
    return _OVERRIDE.search(path) is not None


def development_name(name: str) -> bool:
    """Whether the name of a service or process says so."""
    return bool(set(_SPLIT.split(name.lower())) & _SERVICE_WORDS)


def development_file(path: str) -> bool:
    """Whether the name of a Python file says so: ``echo_test_server.py``."""
    return development_name(path.rpartition("/")[2].removesuffix(".py"))


def desk_program(path: str) -> bool:
    """Whether a Python file lies in a folder for showing or trying out the project; what starts it for production is asked
    elsewhere."""
    return bool(DESK_FOLDERS.intersection(path.lower().split("/")[:-1]))


def development_image(dockerfile: a.Dockerfile) -> bool:
    """Whether a Dockerfile is for development, by its path or by what its first comment says."""
    return development_path(dockerfile.path) or _FOR_THE_DESK.search(dockerfile.head) is not None


def development_compose(file: a.ComposeFile) -> bool:
    """Whether a compose file is for development, by its path or by what the comment above its services says."""
    return development_path(file.path) or _FOR_THE_DESK.search(file.head) is not None


def development_variables(service: a.ComposeService) -> bool:
    """Whether a compose service takes its variables from a file for development (``config/development/web.env``)."""
    return any(_DESK_FILES & set(_SPLIT.split(source.name.lower())) for source in service.env_from)


def local_cluster(container: a.Container) -> bool:
    """Whether a container only runs on the cluster of a developer's machine: its image is never pulled, or a value of its
    environment is still the place for one (``<access-key>``)."""
    image = container.image.text if container.image is not None else ""
    values = (v.value.text for v in container.env if v.value is not None)
    return container.never_pulled or image.startswith("localhost/") or any(_PLACE.fullmatch(value) for value in values)


def debug_only(steps: Iterable[Step]) -> bool:
    """Whether a place stands in the arm of ``if settings.DEBUG:`` that production, where it is off, never enters."""
    return any(isinstance(s.stmt, m.If) and _debug_arm(s.stmt.test) == s.arm for s in steps)


def defined_for_debugging(func: Func) -> bool:
    """Whether a function is only defined where the program runs for debugging or tests."""
    scope = func.parent or (func.module.level if func.cls is None else None)
    return scope is not None and any(first <= func.line <= last for first, last in _debug_lines(scope))


@cache
def _debug_lines(scope: Func) -> tuple[tuple[int, int], ...]:
    """The first and last lines of what a function, or a module's level, does for debugging only."""
    arms = ((p.stmt, _debug_arm(p.stmt.test)) for p in scope.places if isinstance(p.stmt, m.If))
    bodies = (stmt.body if arm == "body" else stmt.orelse for stmt, arm in arms if arm)
    return tuple((body[0].line, body[-1].end_line) for body in bodies if body)


def _debug_arm(test: m.Expr) -> str:
    """The arm of a condition that is entered at somebody's desk only, for debugging or on Windows; empty where it asks for
    something else."""
    if isinstance(test, m.UnaryOp) and test.op == "not":
        return "orelse" if _debug_arm(test.operand) == "body" else ""
    if isinstance(test, m.BoolOp) and test.op == "and":
        return "body" if any(_debug_arm(value) == "body" for value in test.values) else ""
    if isinstance(test, m.BoolOp):
        return "body" if all(_debug_arm(value) == "body" for value in test.values) else ""
    if isinstance(test, m.Compare):
        return "body" if _asks_for_windows(test) else ""
    if isinstance(test, m.Name):
        owner, _, last = test.id.rpartition(".")
        of_app = last in ("debug", "testing") and owner.rpartition(".")[2] in ("app", "application", "current_app")
        return "body" if last in ("DEBUG", "TESTING") or of_app else ""
    key = test.key if isinstance(test, m.Subscript) else None
    if isinstance(test, m.Call) and isinstance(test.func, m.Name) and test.func.id.endswith("config.get") and test.args:
        key = test.args[0]
    return "body" if isinstance(key, m.Const) and key.value == "DEBUG" else ""


def _asks_for_windows(test: m.Compare) -> bool:
    """``platform.system() == "Windows"``, ``os.name == "nt"``: somebody's desk; what is deployed here runs elsewhere."""
    asked = test.left.func if isinstance(test.left, m.Call) else test.left
    named = asked.id if isinstance(asked, m.Name) else ""
    right = test.rights[0] if test.ops == ("==",) else None
    return isinstance(right, m.Const) and (named.rpartition(".")[2], right.value) in WINDOWS


def mounts_source(service: a.ComposeService, compose: str, workdir: str | None, tree: Tree) -> bool:
    """Whether a compose service mounts Python code of the repository over what its image holds."""
    folder = compose.rpartition("/")[0]
    for mount in service.mounts:
        if not mount.bind or mount.source.startswith(("/", "~")) or "$" in mount.source.strip("${}PWD/."):
            continue
        source = join(folder, mount.source.replace("${PWD}", ".").replace("$PWD", "."))
        target = mount.target.rstrip("/") or "/"
        over = workdir is None or target == workdir.rstrip("/") or target.startswith(f"{workdir.rstrip('/')}/") or (
            workdir.startswith(f"{target}/") and target != "/"
        )  # fmt: skip
        # below it a package is code; a folder of models or data may hold a script as well
        part = workdir is not None and target.startswith(f"{workdir.rstrip('/')}/")
        if over and source in tree.folders and (f"{source}/__init__.py" in tree.files if part else tree.holds_python(source)):
            return True
    return False
