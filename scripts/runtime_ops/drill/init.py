"""Writes a first `drill.toml` from the audit's JSON: the command, the probes, the variables, the grace time.

The audit's document is read tolerantly: a key that is missing leaves an option out, with a comment in its place.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from runtime_ops.drill.environment import SECRET
from runtime_ops.drill.options import WrongOption

RUNNABLE = ("service", "worker", "job", "cli")
LAUNCHERS = re.compile(r"^\s*(?:CMD|ENTRYPOINT|ExecStart\s*=|command\s*[:=]|[\w-]+:)\s*", re.IGNORECASE)
READY_WORDS = re.compile(r"read|startup", re.IGNORECASE)
LIVE_WORDS = re.compile(r"live|alive|ping", re.IGNORECASE)


def from_audit(path: Path, entrypoint: str = "") -> str:
    """The text of a `drill.toml` for one entrypoint: the named one, or the first of a kind that is run longest.

    Raises WrongOption when the file is no report of the audit or has no such entrypoint.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongOption(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise WrongOption(f"{path}: is not JSON: {error}") from None
    found = report.get("entrypoints") if isinstance(report, dict) else None
    if not isinstance(found, list) or not found:
        raise WrongOption(f"{path}: has no entrypoints; expected the output of audit.py --format json")
    entrypoints = [e for e in found if isinstance(e, dict)]
    ids = [str(e.get("id", "?")) for e in entrypoints]
    if entrypoint:
        chosen = [e for e in entrypoints if e.get("id") == entrypoint]
        if not chosen:
            raise WrongOption(f"{path}: has no entrypoint {entrypoint!r}; it has {', '.join(ids)}")
    else:
        chosen = sorted(entrypoints, key=lambda e: RUNNABLE.index(e["kind"]) if e.get("kind") in RUNNABLE else 9)
    return _write(chosen[0], [name for name in ids if name != chosen[0].get("id")], report)


def _write(entry: dict[str, Any], others: list[str], report: dict[str, Any]) -> str:
    kind = entry.get("kind") if entry.get("kind") in RUNNABLE else "auto"
    lines = [
        "# Options of the drill, as on its command line without the dashes. Written from the audit; look through it.",
        "# {port} becomes a free port and {scratch} a folder that is removed after each run.",
    ]
    if others:
        lines.append(f"# Other entrypoints (--init --entrypoint ID --config OTHER.toml): {', '.join(others)}")
    lines += ["", f"entrypoint = {_text(str(entry.get('id', '')))}", f"kind = {_text(str(kind))}"]
    command, where, shell = _command(entry, str(report.get("root") or "."))
    if command:
        lines += [f"# from {where}", f"command = [{', '.join(map(_text, command))}]"]
        if shell:
            lines.append("shell-form = true")
    else:
        lines.append('# command = ["python", "…"]  # the audit knows of nothing that starts it')
    rows = [row for row in entry.get("map", []) if isinstance(row, dict)]
    lines += _probes(rows) + _grace(entry, report) + _settings(rows, entry.get("contract", []))
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _command(entry: dict[str, Any], root: str) -> tuple[list[str], str, bool]:
    """What starts it: the words, where that stands, and whether a shell is between."""
    for start in entry.get("started_by", []):
        text = str(start.get("text", "")).strip() if isinstance(start, dict) else ""
        if not text:
            continue
        where = f"{start.get('path', '?')}:{start.get('line', '?')}"
        bare = text
        while (shorter := LAUNCHERS.sub("", bare, count=1)) != bare:
            bare = shorter
        if bare.startswith("["):
            try:
                words = json.loads(bare)
            except ValueError:
                continue
            if words and all(isinstance(word, str) for word in words):
                return words, where, False
            continue
        if re.search(r"[|&;<>$`]", bare):
            return [bare], where, True
        try:
            words = shlex.split(bare)
        except ValueError:
            continue
        if words:
            return words, where, _shell_form(root, start)
    path = entry.get("path")
    if isinstance(path, str) and path.endswith(".py") and entry.get("framework") in (None, "", "script"):
        return ["python", path], path, False
    return [], "", False


def _shell_form(root: str, start: dict[str, Any]) -> bool:
    """Whether a Dockerfile's instruction is written without brackets, so that a shell stands between.

    The audit tells the words of both forms alike, so its place is looked up; where that cannot be read, no.
    """
    try:
        lines = Path(root, str(start["path"])).read_text(encoding="utf-8", errors="replace").splitlines()
        return bool(re.match(r"\s*(CMD|ENTRYPOINT)\s+[^\s\[]", lines[int(start["line"]) - 1], re.IGNORECASE))
    except (OSError, KeyError, ValueError, IndexError, TypeError):
        return False


def _probes(rows: list[dict[str, Any]]) -> list[str]:
    found: dict[str, str] = {}
    for row in rows:
        if row.get("what") != "probe":
            continue
        told = " ".join(str(part) for part in (row.get("name"), row.get("bound"), row.get("question")) if part)
        match = re.search(r"https?://\S+|(?<![\w.])/[\w./-]*", told)
        if not match:
            continue
        if READY_WORDS.search(told):
            found.setdefault("readiness", match[0])
        elif LIVE_WORDS.search(told) or "health" in told.lower():
            found.setdefault("liveness", match[0])
        if "metric" in match[0]:
            found["metrics"] = match[0]
    return [f"{key} = {_text(value)}" for key, value in found.items()]


def _grace(entry: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """The platform's grace time, where the report knows it."""
    for holder in (entry, report):
        for key in ("grace", "grace_seconds", "terminationGracePeriodSeconds"):
            value = holder.get(key)
            if isinstance(value, int | float) and value > 0:
                return [f"grace = {float(value)}"]
    return []


def _settings(rows: list[dict[str, Any]], contract: list[dict[str, Any]]) -> list[str]:
    """The variables: required ones (read without a default) by name, all of them as comments to fill in."""
    names: dict[str, bool] = {}
    for row in rows:
        name = str(row.get("name", ""))
        if row.get("what") != "setting" or not re.fullmatch(r"[A-Za-z_]\w*", name):
            continue
        names[name] = names.get(name, False) or _is_required(row)
    for clause in contract:
        for entry in clause.get("evidence", []) if clause.get("promise") == "startup" else []:
            if match := re.match(r"([A-Za-z_]\w*) is required", str(entry.get("note", ""))):
                names[match[1]] = True
    required = [name for name, needed in names.items() if needed]
    lines = [f"required = [{', '.join(map(_text, required))}]"] if required else []
    if names:
        lines += ["", '[env]  # values for the program; a list `env = ["NAME"]` passes on your own value instead']
        for name, needed in names.items():
            remark = "required" if needed else "has a default"
            remark += ", secret: better pass it on by --env on the command line" if SECRET.search(name) else ""
            lines.append(f'# {name} = ""  # {remark}')
    return lines


def _is_required(row: dict[str, Any]) -> bool:
    """Whether a setting has no default: the row says so, or its read is one that fails when it is missing."""
    for key in ("required", "has_default"):
        if isinstance(row.get(key), bool):
            return bool(row[key]) if key == "required" else not row[key]
    told = " ".join(str(part) for part in (row.get("bound"), row.get("question")) if part)
    told += " ".join(str(s.get("note", "")) for s in row.get("source", []) if isinstance(s, dict))
    return bool(re.search(r"no default|without (a )?default|required|KeyError|must be set", told, re.IGNORECASE))
