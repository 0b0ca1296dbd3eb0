"""Merges a drill's report into an audit's: what was unknown gets a verdict, and disagreements are said."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

PROVES = {"kept": "met", "broken": "broken"}


def merge(report: dict[str, Any], drill: dict[str, Any]) -> dict[str, Any]:
    """A copy of the audit's report (its JSON contract) with the drill's verdicts in it.

    For the entrypoint that was drilled, `unknown` becomes `met` or `broken` with the drill's evidence. Where the
    audit had a verdict of its own it stays, except that what broke in a run is broken whatever was read; in both
    cases evidence says where reading and run disagree. Evidence of the drill has `drill:SCENARIO` as its path and
    line 1. A promise is only met by a run when all scenarios of it that could be assessed were kept. The merged
    report has, beside the audit's keys, `drill`: `{"entrypoint", "complete", "settled": [promise],
    "disagreements": [{"promise", "read", "run"}]}`.

    Raises ValueError when either document is not of schema 1, or the drilled entrypoint cannot be told: name it by
    `entrypoint` in drill.toml when the audit found several.
    """
    for name, document in (("audit", report), ("drill", drill)):
        if not isinstance(document, dict) or document.get("schema") != 1:
            found = document.get("schema") if isinstance(document, dict) else type(document).__name__
            raise ValueError(f"the {name}'s report has schema {found!r}; expected 1")
    merged = copy.deepcopy(report)
    entrypoint = _drilled(merged, drill)
    settled, broken, disagreements = [], [], []
    for clause in entrypoint.get("contract", []):
        promise, read = clause["promise"], clause["verdict"]
        scenarios = [s for s in drill.get("scenarios", []) if s["promise"] == promise and s["verdict"] in PROVES]
        if not scenarios:
            continue
        run = "broken" if any(s["verdict"] == "broken" for s in scenarios) else "met"
        if run == "broken":
            broken.append(promise)
        evidence = clause.setdefault("evidence", [])
        if read == "unknown":
            clause["verdict"] = run
            # What the audit gave as its reason for not knowing is answered now.
            clause.pop("reason", None)
            settled.append(promise)
        elif read != run:
            disagreements.append({"promise": promise, "read": read, "run": run})
            clause["verdict"] = "broken" if "broken" in (read, run) else run
            clause.pop("reason", None)
            evidence.append(_evidence(scenarios[0]["name"], f"reading says {read}, the run says {run}"))
        evidence += _notes(scenarios, run)
    merged["drill"] = {
        "entrypoint": entrypoint.get("id"),
        "complete": bool(drill.get("complete")),
        "settled": settled,
        "broken": broken,
        "disagreements": disagreements,
    }
    return merged


def _drilled(report: dict[str, Any], drill: dict[str, Any]) -> dict[str, Any]:
    """The audit's entrypoint that the drill ran: by its id, or the only one, or the one started by this command."""
    entrypoints: list[dict[str, Any]] = report.get("entrypoints", [])
    ids = [str(entrypoint.get("id")) for entrypoint in entrypoints]
    wanted = drill.get("entrypoint")
    if wanted:
        for entrypoint in entrypoints:
            if entrypoint.get("id") == wanted:
                return entrypoint
        raise ValueError(f"the audit has no entrypoint {wanted!r}, which the drill names; it has {', '.join(ids)}")
    if len(entrypoints) == 1:
        return entrypoints[0]
    command = " ".join(drill.get("command", []))
    same = [e for e in entrypoints if any(s.get("text", "").strip() == command for s in e.get("started_by", []))]
    if len(same) == 1:
        return same[0]
    raise ValueError(
        f"which of the audit's {len(entrypoints)} entrypoints was drilled is not known: run the drill with "
        f"--entrypoint ID; there are {', '.join(ids) or 'none'}"
    )


def _evidence(scenario: str, note: str) -> dict[str, Any]:
    """Evidence in the audit's shape; it has no place in the code, so the scenario stands for the path."""
    return {"path": f"drill:{scenario}", "line": 1, "note": note}


def _notes(scenarios: list[dict[str, Any]], run: str) -> Iterator[dict[str, Any]]:
    """One piece of evidence for each scenario that speaks for the verdict."""
    for scenario in scenarios:
        if PROVES[scenario["verdict"]] != run:
            continue
        notes = [entry["note"] for entry in scenario.get("evidence", [])]
        text = scenario.get("reason") or "; ".join(notes[:3]) or scenario["verdict"]
        yield _evidence(scenario["name"], text)
