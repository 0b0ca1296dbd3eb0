#!/usr/bin/env python3
"""Run one program through its life and say which promises it keeps. `drill.py --help` tells the options."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from runtime_ops.cli.drill import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
