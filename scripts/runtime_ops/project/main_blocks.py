"""The ``if __name__ == "__main__":`` of a file, and what stands under it."""

from __future__ import annotations

from collections.abc import Iterable

from runtime_ops.facts import model as m
from runtime_ops.project.model import Module, Site, Step


def in_main_block(site: Site) -> bool:
    """Whether a call stands under ``if __name__ == "__main__":``."""
    return under_main(site.steps, site.function.module)


def under_main(steps: Iterable[Step], module: Module) -> bool:
    """Whether a place of the module's own level, given by what encloses it, stands under ``if __name__ == "__main__":``."""
    blocks = main_blocks(module)
    return bool(blocks) and any(step.stmt is block and step.arm == "body" for step in steps for block in blocks)


def main_block(module: Module) -> m.If | None:
    """The ``if __name__ == "__main__":`` of a module; of several the last: those before it prepare its run."""
    return next(reversed(main_blocks(module)), None)


def main_blocks(module: Module) -> list[m.If]:
    """Every ``if __name__ == "__main__":`` of a module, however it is spelled."""
    return [stmt for stmt in module.level.facts.body if isinstance(stmt, m.If) and _asks_for_main(stmt.test)]


def _asks_for_main(test: m.Expr) -> bool:
    """``__name__ == "__main__"``, ``"__main__" in __name__``, ``__name__ in ("__main__", …)``, also with more after an ``and``."""
    if isinstance(test, m.BoolOp):
        return any(_asks_for_main(value) for value in test.values)
    if not isinstance(test, m.Compare) or not {"==", "in"}.issuperset(test.ops):
        return False
    sides = (test.left, *test.rights)
    named = any(isinstance(side, m.Name) and side.id == "__name__" for side in sides)
    return named and any(isinstance(node, m.Const) and node.value == "__main__" for side in sides for node in m.walk(side))
