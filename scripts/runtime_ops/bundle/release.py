"""Where releases are published: the one place that names the owner. `bundle.py check` holds all other uses to it."""

from __future__ import annotations

from runtime_ops.bundle.tree import NAME

OWNER = "python-runtime-operations"
REPOSITORY = f"{OWNER}/{NAME}"
PAGE = f"https://github.com/{REPOSITORY}"
LATEST = f"{PAGE}/releases/latest/download"
