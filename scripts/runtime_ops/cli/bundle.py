"""The command line of `bundle.py`: check, build, verify."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime_ops import __version__
from runtime_ops.bundle import archive, build, check
from runtime_ops.bundle.outcome import Outcome
from runtime_ops.bundle.source import BuildError
from runtime_ops.bundle.tree import Tree

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = """examples:
  bundle.py check                                  is this folder a valid skill for every client?
  bundle.py build                                  write dist/: archive, installers, SHA256SUMS
  bundle.py verify dist/python-runtime-operations.zip

exit codes: 0 all well, 1 problems found, 2 wrong usage or nothing could be done"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 all well, 1 problems found, 2 usage or a failed build."""
    options = parser().parse_args(arguments)
    root: Path = options.root
    if not root.is_dir():
        return fail(f"got {root}, expected the skill's folder")
    if options.command == "check":
        return show(check.run(Tree(root)))
    if options.command == "verify":
        if not options.file.is_file():
            return fail(f"got {options.file}, expected an archive that `bundle.py build` made")
        return show([archive.verify(options.file)])
    try:
        built = build.build(root, options.output, options.wheels)
    except BuildError as error:
        return fail(str(error))
    for path in built.files:
        print(path)
    print(f"{built.size:,} bytes, sha256 {built.sha256}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The options, with examples."""
    top = argparse.ArgumentParser(
        prog="bundle.py",
        description="Check and pack this skill.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="check|build|verify")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--root", type=Path, default=ROOT, help="the skill's folder (default: this script's)")
    commands.add_parser("check", parents=[common], help="check the folder against what all clients demand")
    making = commands.add_parser("build", parents=[common], help="build the archive from a clean checkout")
    making.add_argument("--output", type=Path, default=Path("dist"), help="folder to write to (default: dist)")
    making.add_argument("--wheels", type=Path, help="take the libraries from this folder of wheels, without a network")
    verifying = commands.add_parser("verify", parents=[common], help="check an archive against the list inside it")
    verifying.add_argument("file", type=Path, help="the .zip or .skill file")
    return top


def show(outcomes: list[Outcome]) -> int:
    """Print one line a check and one line a problem; 1 when there is a problem."""
    for outcome in outcomes:
        verdict = "ok" if not outcome.problems else f"{len(outcome.problems)} problem(s)"
        print(f"{outcome.name}: {outcome.inspected} {outcome.noun}, {verdict}")
        for problem in outcome.problems:
            print(f"  {problem}")
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def fail(message: str) -> int:
    """Say on stderr why nothing was done."""
    print(f"error: {message}", file=sys.stderr)
    return 2
