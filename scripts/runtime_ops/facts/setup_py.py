"""Reads ``setup.py`` by its syntax; it is never executed. Only literals and simple names of the module are followed."""

from __future__ import annotations

import ast
import warnings

from runtime_ops.facts.artifacts import PackagingFile, Requirement, ScriptEntry, Unread
from runtime_ops.facts.requirement_lines import make_requirement

_MAX_DEPTH = 6


def read_setup_py(path: str, text: str) -> PackagingFile:
    """The arguments of the ``setup()`` call as far as they are literals. Never raises on bad text."""
    flavour = "setup.py"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
    except SyntaxError as error:
        return PackagingFile(path=path, unread=(Unread(error.lineno or 1, f"Python: {error.msg}"),), flavour=flavour)
    except (ValueError, RecursionError, MemoryError) as error:
        return PackagingFile(path=path, unread=(Unread(1, f"Python: {error}"),), flavour=flavour)
    names: dict[str, ast.expr] = {}
    call: ast.Call | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, node.value)
        elif isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called == "setup":
                call = node
    if call is None:
        return PackagingFile(path=path, flavour=flavour)
    reader = _Arguments(call, names)
    return PackagingFile(
        path=path,
        flavour=flavour,
        name=reader.text("name"),
        version=reader.text("version"),
        requires_python=reader.text("python_requires"),
        scripts=tuple(reader.scripts()),
        requirements=tuple(reader.requirements()),
        package_roots=tuple(reader.package_roots()),
    )


class _Arguments:
    def __init__(self, call: ast.Call, names: dict[str, ast.expr]) -> None:
        self._names = names
        self._keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}

    def _resolved(self, node: ast.expr | None) -> ast.expr | None:
        """The expression that a simple name of the module stands for."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(node, ast.Name):
                return node
            node = self._names.get(node.id)
        return None

    def _texts(self, node: ast.expr | None) -> list[tuple[str, int]]:
        """The string literals of a list, a tuple, a text of lines, or sums of these."""
        node = self._resolved(node)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [found for item in node.elts for found in self._texts(item)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [*self._texts(node.left), *self._texts(node.right)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            lines = node.value.split("\n")
            return [(line.strip(), node.lineno + at) for at, line in enumerate(lines) if line.strip()]
        return []

    def text(self, keyword: str) -> str | None:
        node = self._resolved(self._keywords.get(keyword))
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def scripts(self) -> list[ScriptEntry]:
        made = []
        points = self._resolved(self._keywords.get("entry_points"))
        groups: list[tuple[str, list[tuple[str, int]]]] = []
        if isinstance(points, ast.Dict):
            for key, value in zip(points.keys, points.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    groups.append((key.value, self._texts(value)))
        else:
            group = ""
            for text, line in self._texts(points):
                if text.startswith("["):
                    group = text.strip("[] ")
                else:
                    groups.append((group, [(text, line)]))
        for group, entries in groups:
            for text, line in entries:
                name, equals, target = text.partition("=")
                if equals:
                    made.append(ScriptEntry(name.strip(), target.strip(), group, line, line))
        for text, line in self._texts(self._keywords.get("scripts")):
            made.append(ScriptEntry(text.rsplit("/", 1)[-1], text, "scripts", line, line))
        return made

    def requirements(self) -> list[Requirement]:
        lists = [("", self._texts(self._keywords.get("install_requires")))]
        extras = self._resolved(self._keywords.get("extras_require"))
        if isinstance(extras, ast.Dict):
            for key, value in zip(extras.keys, extras.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    lists.append((key.value, self._texts(value)))
        made = []
        for group, texts in lists:
            for text, line in texts:
                requirement = make_requirement(text, line, group)
                if requirement is not None:
                    made.append(requirement)
        return made

    def package_roots(self) -> list[str]:
        folders = self._resolved(self._keywords.get("package_dir"))
        made = []
        if isinstance(folders, ast.Dict):
            for key, value in zip(folders.keys, folders.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "":
                    made += [text for text, _ in self._texts(value)]
        packages = self._resolved(self._keywords.get("packages"))
        if isinstance(packages, ast.Call):
            where = next((keyword.value for keyword in packages.keywords if keyword.arg == "where"), None)
            first = packages.args[0] if packages.args else where
            made += [text for text, _ in self._texts(first)]
        return list(dict.fromkeys(root.strip("./") for root in made if root.strip("./")))
