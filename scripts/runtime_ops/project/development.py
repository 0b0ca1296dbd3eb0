"""Whether an artifact is meant for development, by what its name, its mounts and its profiles say."""

from __future__ import annotations

import re

from runtime_ops.facts import artifacts as a
from runtime_ops.project.layout import Tree, join

_WORDS = frozenset(
    "dev develop development devel devcontainer debug local localhost test tests testing itest itests ci e2e integration example examples "
    "sample samples override vagrant benchmark benchmarks sandbox playground mock mocks fixture fixtures tutorial "
    "tutorials demo docs".split()
)
_SERVICE_WORDS = _WORDS - {"docs", "sample", "samples", "demo", "override", "integration", "mock", "mocks"}
_SPLIT = re.compile(r"[^a-z0-9]+")


def development_path(path: str) -> bool:
    """Whether the name of a file or of one of its folders says that it is for development."""
    return bool(set(_SPLIT.split(path.lower().replace("usr/local/", "usr/"))) & _WORDS)


def development_name(name: str) -> bool:
    """Whether the name of a service or process says so."""
    return bool(set(_SPLIT.split(name.lower())) & _SERVICE_WORDS)


def development_file(path: str) -> bool:
    """Whether the name of a Python file says so: ``echo_test_server.py``."""
    return development_name(path.rpartition("/")[2].removesuffix(".py"))


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
        if over and source in tree.folders and tree.holds_python(source):
            return True
    return False
