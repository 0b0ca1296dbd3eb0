"""Finds the repository's file behind a path or module that a started program names."""

from __future__ import annotations

from collections.abc import Iterable

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass
from runtime_ops.project.layout import Layout, Tree, absolute, join
from runtime_ops.project.modules import ModuleIndex

_SYSTEM_FOLDERS = ("/usr/bin/", "/usr/local/bin/", "/bin/", "/sbin/", "/usr/sbin/")
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """From where a program sees files: the layout and working directory of its container, and the folders of the
    repository to look in when the layout does not tell (nearest first)."""

    layout: Layout
    workdir: str | None
    folders: tuple[str, ...]
    import_paths: tuple[str, ...] = ()
    """Folders of the container or the repository that are on the import path (PYTHONPATH, ``--chdir``)."""


class Locator:
    """Looks files and modules up; the same question gives the same answer."""

    def __init__(self, index: ModuleIndex, tree: Tree, package_roots: Iterable[str]) -> None:
        self.index = index
        self.tree = tree
        self.package_roots = tuple(dict.fromkeys(package_roots))
        self._suffixes: dict[str, list[str]] = {}
        for path in sorted(index.modules):
            self._suffixes.setdefault(path.rpartition("/")[2], []).append(path)

    # ------------------------------------------------------------ files

    def file(self, text: str, where: Surroundings) -> str | None:
        """The repository's file that a path names; None when it is none or more than one could be meant."""
        if not text or text.startswith("-") or "{{" in text:
            return None
        if "$" in text:  # ``$APP_HOME/run.py``: what follows the variable is all that is known
            text = text.rpartition("$")[2].partition("/")[2]
            return self._unique(text) if text else None
        found = where.layout.find(absolute(text, where.workdir or "/"), self.tree)
        if found is not None and found in self.tree.files:
            return found
        relative = text.lstrip("/") if text.startswith("/") else text
        parts = relative.split("/")
        starts = range(len(parts)) if text.startswith("/") else range(1)
        for start in starts:
            tail = "/".join(parts[start:])
            for folder in where.folders:
                path = join(folder, tail)
                if path in self.tree.files and (start < len(parts) - 1 or folder or not text.startswith("/")):
                    return path
        beside = join(self._working_folder(where), relative) if not text.startswith("/") else ""
        if beside in self.tree.files:
            return beside
        if (text.startswith(_SYSTEM_FOLDERS) and not text.endswith(".sh")) or ("/bin/" in text and "." not in parts[-1]):
            return None  # an installed program, whatever else has its name; no distribution names one ``run_worker.sh``
        return self._unique(relative)

    def on_path(self, name: str, where: Surroundings) -> str | None:
        """The Python file of the repository that a container has under a bare name where its PATH is looked through
        (``COPY watcher.py /usr/local/bin/watcher``)."""
        placed = (where.layout.find(f"{folder}/{name}", self.tree) for folder in _PATH)
        return next((path for path in placed if path in self.index.modules), None)

    def _working_folder(self, where: Surroundings) -> str:
        """The repository's folder that a working directory ends with, where nothing tells how it came there: a unit's
        ``WorkingDirectory=/opt/shop/web`` is ``web``."""
        parts = [] if where.layout.placed or not where.workdir else where.workdir.strip("/").split("/")
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((tail for tail in tails if tail in self.tree.folders), "")

    def _unique(self, relative: str) -> str | None:
        relative = join(relative)
        candidates = self.tree.named(relative.rpartition("/")[2])
        for tail in (relative, relative.rpartition("/")[2]):
            found = [p for p in candidates if p == tail or p.endswith(f"/{tail}")]
            if len(found) == 1:
                return found[0]
            if found:
                return None
        return None

    # ------------------------------------------------------------ modules

    def module(self, dotted: str, where: Surroundings, main: bool = False) -> str | None:
        """The file of a dotted module; ``main``: as ``python -m`` runs it (``__main__.py`` of a package)."""
        parts = dotted.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        stem = "/".join(parts)
        ends = (f"{stem}/__main__.py", f"{stem}.py") if main else (f"{stem}.py", f"{stem}/__init__.py")
        for base in (*where.import_paths, where.workdir or "/"):
            for end in ends:
                found = where.layout.find(absolute(f"{base.rstrip('/')}/{end}", where.workdir or "/"), self.tree)
                if found in self.index.modules:
                    return found
        for folder in self._bases(where):
            for end in ends:
                if join(folder, end) in self.index.modules:
                    return join(folder, end)
        beside_it = self._working_folder(where)
        for end in ends if beside_it else ():
            if join(beside_it, end) in self.index.modules:
                return join(beside_it, end)
        for folders in self._more_bases(where):
            found_here = {join(f, end) for f in folders for end in ends} & self.index.modules.keys()
            if found_here:
                return found_here.pop() if len(found_here) == 1 else None
        for end in ends:
            found = self._only(end)
            if found is not None:
                return found
        return None

    def _bases(self, where: Surroundings) -> Iterable[str]:
        """Folders that may be import roots, nearest first."""
        relative = [path.lstrip("/") for path in where.import_paths]
        for folder in where.folders:
            yield from (join(folder, path) for path in relative)
            yield folder
            yield join(folder, "src")

    def _more_bases(self, where: Surroundings) -> Iterable[set[str]]:
        """Sets of folders that may be import roots as well, none of a set nearer than another: several answers are none."""
        for folder in where.folders:
            below = {
                root for root in self.package_roots if root == folder or not folder or root.startswith(f"{folder}/")
            }
            yield below
            yield set(self.index.roots(folder)) - below

    def _only(self, end: str) -> str | None:
        found = [p for p in self._suffixes.get(end.rpartition("/")[2], ()) if p.endswith(f"/{end}") or p == end]
        return found[0] if len(found) == 1 and "/" in end else None

    def application(self, text: str, where: Surroundings) -> tuple[str | None, str | None]:
        """The file and attribute of ``module:attribute``, ``module``, or ``package.module.attribute``."""
        name, _, attribute = text.partition(":")
        attribute = attribute.replace(" ", "")
        if name.endswith(".py") or "/" in name:
            return self.file(name, where), attribute or None
        found = self.module(name, where)
        if found is None and not attribute and "." in name:
            name, _, attribute = name.rpartition(".")
            found = self.module(name, where)
        if found is None and attribute and name.isidentifier():
            found = self._holding(name, attribute.partition("(")[0])
        return found, attribute or None

    def _holding(self, name: str, attribute: str) -> str | None:
        """The only file of that name anywhere, where it binds the attribute: the folder it is run from is not known."""
        found = [path for path in self._suffixes.get(f"{name}.py", ()) if attribute in self.index.modules[path].level.bindings]
        return found[0] if len(found) == 1 else None


def package_roots(artifacts: Iterable[a.Artifact]) -> list[str]:
    """The folders in which packaging files say that packages stand, relative to the root."""
    found: list[str] = []
    for artifact in artifacts:
        if isinstance(artifact, a.PackagingFile) and artifact.flavour in ("pyproject", "setup.cfg", "setup.py"):
            folder = artifact.path.rpartition("/")[0]
            found.extend(join(folder, root) for root in artifact.package_roots)
            found.append(folder)
    return found
