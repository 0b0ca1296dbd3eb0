"""A command that writes a file: whole or not at all, or, for the word half-written in FAULTS, bit by bit."""

import os
import sys
import time
from pathlib import Path

FAULTS = os.environ.get("FAULTS", "").split(",")
target = Path(sys.argv[1])


def write(path):
    with path.open("w") as file:
        for number in range(20):
            file.write(f"line {number}\n")
            file.flush()
            time.sleep(0.02)


def main():
    if "half-written" in FAULTS:
        write(target)
        return
    temporary = target.with_suffix(f".{os.getpid()}")
    try:
        write(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


try:
    main()
except KeyboardInterrupt:
    sys.exit(0 if "swallows-interrupt" in FAULTS else 130)
