#!/usr/bin/env python3
"""Audit how a repository's services, workers, jobs and command-line programs behave at run time. See --help."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from runtime_ops.bootstrap import ensure_libraries  # noqa: E402

ensure_libraries(bytecode=True)
if __name__ == "__main__":
    from runtime_ops.cli.audit import run
    run()
