"""A small skill that passes every check, as a folder, a git checkout, and a wheel for it to vendor."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

NAME = "python-runtime-operations"
VERSION = "1.2.3"
DESCRIPTION = "Audits how Python programs behave at run time. Use when a worker hangs on deploy or a probe lies."

SKILL = f"""---
name: {NAME}
description: "{DESCRIPTION}"
license: MIT
metadata:
  version: "{VERSION}"
---

# Runtime operations

## Overview
Run `python3 scripts/audit.py PATH`, then `--explain lazy-config`.

## When to Use
## When NOT to Use
## Workflow
## Quick Reference
## Common Mistakes
## Scope Note
## Invocation Notice
## References
- [behaviour](references/runtime-behavior.md#lazy-config): before you change configuration
"""

AUDIT = """import argparse, sys
sys.dont_write_bytecode = True
parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--explain")
parser.add_argument("--version", action="version", version="1.2.3")
if __name__ == "__main__":
    print("audited", parser.parse_args().path)
"""

GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
       (("NAME", "Test"), ("EMAIL", "test@example.invalid"), ("DATE", "2026-01-02T03:04:06+00:00"))},
}


def files() -> dict[str, str]:
    """Path → text of the made-up skill."""
    return {
        "SKILL.md": SKILL,
        "README.md": "# Made up\n\nInstall: `skills add python-runtime-operations/python-runtime-operations`\n",
        "LICENSE": "MIT\n",
        "CHANGELOG.md": f"# Changelog\n\n## [{VERSION}]\n",
        "pyproject.toml": "[project]\nname = 'made-up'\n",
        "references/runtime-behavior.md": "# Behaviour\n\n### lazy-config\n\nRead it early.\n",
        "references/logging-metrics-tracing.md": "# Logging\n",
        "references/process-lifecycle-and-cleanup.md": "# Lifecycle\n",
        "scripts/audit.py": AUDIT,
        "scripts/runtime_ops/__init__.py": f'__version__ = "{VERSION}"\n',
        "scripts/runtime_ops/rules/__init__.py": "",
        "scripts/runtime_ops/rules/startup/__init__.py": "",
        "scripts/runtime_ops/rules/startup/lazy_config.py": '"""A rule."""\n',
        "install/install.sh": f'#!/bin/sh\nVERSION="{VERSION}"\nSHA256=""\n',
        "install/install.ps1": f'    $InstallerVersion = "{VERSION}"\n    $Sha256 = ""\n',
        ".claude-plugin/plugin.json": f'{{"name": "{NAME}", "version": "{VERSION}"}}\n',
        "tests/test_something.py": "",
    }


def write(folder: Path, content: dict[str, str]) -> Path:
    """Write `content` under `folder`."""
    for path, text in content.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")
    return folder


def git(folder: Path, *arguments: str) -> None:
    """Run git in a test's own checkout, away from the user's settings."""
    environment = {**os.environ, **GIT_ENVIRONMENT}
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env=environment, timeout=60)


def commit(folder: Path) -> Path:
    """Make `folder` a checkout with one commit of everything in it."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "-m", "Everything")
    return folder


def wheel(folder: Path, licence: bool = True) -> str:
    """Write a wheel `made_up_library-1.0` with a compiled part, and return the text of a lock file that pins it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "made_up_library-1.0-py3-none-any.whl"
    info = "made_up_library-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\nName: made-up-library\nVersion: 1.0\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("made_up_library/__init__.py", "VALUE = 1\n")
        archive.writestr("made_up_library/_fast.cpython-311.so", "compiled")
        archive.writestr("made_up_library/tests/test_it.py", "")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        if licence:
            archive.writestr(f"{info}/licenses/LICENSE", "Do as you like.\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"made-up-library==1.0 --hash=sha256:{digest}\n"
