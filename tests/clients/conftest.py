"""The real bundle, installed as a user would, and the clients to look at it with."""

from __future__ import annotations

from pathlib import Path

import pytest
from npm_clients import Client, installed
from shipping import real


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real.release(tmp_path_factory)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def claude(home: Path) -> Client:
    return Client([str(installed("claude") / "@anthropic-ai/claude-code-linux-x64/claude")], home)


@pytest.fixture
def skills_cli(home: Path) -> Client:
    return Client([str(installed("claude") / ".bin/skills")], home)


@pytest.fixture
def codex(home: Path) -> Client:
    return Client([str(installed("others") / ".bin/codex")], home)


@pytest.fixture
def gemini(home: Path) -> Client:
    return Client([str(installed("others") / ".bin/gemini")], home)


@pytest.fixture
def opencode(home: Path) -> Client:
    return Client([str(installed("others") / "opencode-linux-x64/bin/opencode")], home)
