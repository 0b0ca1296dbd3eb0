#!/usr/bin/env python3
"""Check, build and verify this skill as the archive that users install. See --help."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from runtime_ops.bootstrap import ensure_libraries  # noqa: E402

ensure_libraries()
if __name__ == "__main__":
    from runtime_ops.cli.bundle import main
    sys.exit(main())
