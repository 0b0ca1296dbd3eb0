"""Machines to install on, and releases to install."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shipping import releases
from shipping.machine import Machine, make_machine
from shipping.toolbox import loopback, toolbox


@pytest.fixture(scope="session")
def old_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return releases.publish(tmp_path_factory.mktemp("old-release"), "1.0.0")


@pytest.fixture(scope="session")
def new_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return releases.publish(tmp_path_factory.mktemp("new-release"), "1.1.0")


@pytest.fixture(scope="session")
def all_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toolbox(tmp_path_factory.mktemp("tools") / "bin")


@pytest.fixture(params=["dash", "bash", "busybox"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, all_tools: Path, new_release: Path) -> Machine:
    """Under each shell."""
    return make_machine(tmp_path, request.param, all_tools, new_release)


@pytest.fixture
def sh(tmp_path: Path, all_tools: Path, new_release: Path) -> Machine:
    """Under /bin/sh only, where the shell makes no difference."""
    return make_machine(tmp_path, "sh", all_tools, new_release)


@pytest.fixture
def server(new_release: Path) -> Iterator[str]:
    with loopback(new_release) as address:
        yield address
