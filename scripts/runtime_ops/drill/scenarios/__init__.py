"""One module a scenario. A module is found by being in this folder; its `SCENARIO` says what it is.

Adding a scenario is adding a file: `<slug>.py` with `SCENARIO = Scenario("<slug>", …)`, underscores for dashes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.verdict import Finding, Promise


@dataclass(frozen=True)
class Scenario:
    """One scenario of the drill. `run` starts the program on the bench as often as it needs, and judges."""

    name: str
    promise: Promise
    order: int
    """Place in the drill; those that judge what others showed come last."""
    summary: str
    """One sentence: what is done, and when the promise is kept."""
    run: Callable[[Bench], Finding]


def load() -> list[Scenario]:
    """All scenarios in their order. Raises ValueError for a module that does not declare itself properly."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        scenario = getattr(importlib.import_module(f"{__name__}.{module.name}"), "SCENARIO", None)
        if not isinstance(scenario, Scenario):
            raise ValueError(f"{__name__}.{module.name} has no SCENARIO")
        if scenario.name != module.name.replace("_", "-"):
            raise ValueError(f"{__name__}.{module.name}: its scenario is named {scenario.name!r}, not as its file")
        found.append(scenario)
    return sorted(found, key=lambda scenario: scenario.order)
