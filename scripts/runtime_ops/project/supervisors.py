"""The configurations of programs that start other programs: supervisord, Procfile runners, s6 and runit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from runtime_ops.facts import artifacts as a
from runtime_ops.facts.service_folders import SERVICE_FOLDER
from runtime_ops.project.commands import Words, texts
from runtime_ops.project.layout import join
from runtime_ops.project.locations import Locator, Surroundings

PROCFILE_RUNNERS = frozenset(("honcho", "foreman", "forego", "hivemind", "overmind", "goreman"))
APACHE = frozenset(("httpd", "apache2", "apachectl", "apache2ctl", "httpd-foreground", "apache2-foreground"))
S6_INITS = frozenset(("init", "my_init", "s6-svscan", "runsvdir", "runit"))
# Places of service folders: s6-overlay v3 and v2 (its README), runit (runsvdir(8)).
_SERVICE = re.compile(r"(?:^|/)(?:s6-rc\.d|services\.d|service|sv|runit)/(?P<name>[^/]+)/(?P<file>run|up)\Z")


def goes_to_background(config: a.SupervisordConfig, words: Words) -> bool:
    """Whether supervisord detaches itself: its default, unless ``nodaemon`` or ``-n`` says otherwise."""
    own = next((s for s in config.sections if s.name == "supervisord"), None)
    stays = own.get("nodaemon") if own is not None else None
    if own is None or {"-n", "--nodaemon"} & set(texts(words)):
        return False  # without a section of its own, the configuration is a part of another one
    return stays is None or stays.truth is False


class Supervisors:
    """Finds configurations by the words that name them."""

    def __init__(self, locator: Locator, artifacts: tuple[a.Artifact, ...]) -> None:
        self.locator = locator
        self.configs = {x.path: x for x in artifacts if isinstance(x, a.SupervisordConfig)}
        self.procfiles = {
            x.path: x for x in artifacts if isinstance(x, a.PlatformFile) and x.platform == "procfile"
        }  # fmt: skip
        self.apache = {x.path: x for x in artifacts if isinstance(x, a.PlatformFile) and x.platform == "apache"}
        self.down_signals = {
            x.path.rpartition("/")[0]: x.programs[0].stop_signal
            for x in artifacts
            if isinstance(x, a.PlatformFile) and x.platform == SERVICE_FOLDER and x.programs
        }
        self.scripts = tuple(x for x in artifacts if isinstance(x, a.ShellScript))
        self.paths = {x.path: x for x in artifacts}

    def supervisord(self, words: Words, where: Surroundings) -> a.SupervisordConfig | None:
        """The configuration that ``supervisord`` reads: ``-c``, else one at its own places."""
        given = [w.text for w in words]
        for index, text in enumerate(given):
            name = given[index + 1] if text in ("-c", "--configuration") and index + 1 < len(given) else None
            name = text.partition("=")[2] if text.startswith("--configuration=") else name
            name = text[2:] if text.startswith("-c") and len(text) > 2 else name
            if name:
                return self.configs.get(self.locator.file(name, where) or "") or self._template(name)
        for place in (
            "supervisord.conf",
            "etc/supervisord.conf",
            "/etc/supervisord.conf",
            "/etc/supervisor/supervisord.conf",
        ):
            found = where.layout.find(
                place if place[0] == "/" else f"{(where.workdir or '/').rstrip('/')}/{place}", self.locator.tree
            )
            if found in self.configs:
                return self.configs[found]
        # the distribution's own configuration reads /etc/supervisor/conf.d/*.conf
        placed = [e.source for e in where.layout.placed if "/supervisor" in e.target and e.source in self.configs]
        if placed:
            return self.configs[placed[-1]]
        return next(iter(self.configs.values())) if len(self.configs) == 1 else None

    def _template(self, name: str) -> a.SupervisordConfig | None:
        """The template that a configuration is made from as the container starts: ``supervisord.conf.j2``."""
        start = f"{name.rpartition('/')[2]}."
        found = [x for path, x in self.configs.items() if path.rpartition("/")[2].startswith(start)]
        return found[0] if len(found) == 1 else None

    def included(self, config: a.SupervisordConfig) -> Iterator[a.SupervisordConfig]:
        """The configurations that one includes, by the names of their files."""
        for value in config.includes:
            pattern = value.text.rsplit("/", 1)[-1]
            for path, other in self.configs.items():
                if other is not config and fnmatchcase(path.rsplit("/", 1)[-1], pattern):
                    folder = value.text.rpartition("/")[0].rsplit("/", 1)[-1]
                    if not folder.strip(".") or path.rpartition("/")[0].rsplit("/", 1)[-1] == folder:
                        yield other

    def procfile(self, words: Words, where: Surroundings) -> tuple[a.PlatformFile | None, tuple[str, ...]]:
        """The Procfile and the processes of ``honcho start``; no names for all of them."""
        given = texts(words)[1:]
        file, names, index = "Procfile", [], 0
        while index < len(given):
            text = given[index]
            if text in ("-f", "--procfile", "-d", "-e", "-p", "--env", "--app-root", "-c"):
                if text in ("-f", "--procfile") and index + 1 < len(given):
                    file = given[index + 1]
                index += 1
            elif not text.startswith("-") and text != "start":
                names.append(text)
            index += 1
        return self.procfiles.get(self.locator.file(file, where) or ""), tuple(names)

    def apache_files(self, where: Surroundings) -> list[a.PlatformFile]:
        """The configurations that Apache reads in a container: those that a line of its own copies there, else the only one."""
        sources = [entry.source for entry in where.layout.placed if entry.source]
        found = [x for path, x in self.apache.items() if any(path == s or path.startswith(f"{s}/") for s in sources)]
        return found or (list(self.apache.values()) if len(self.apache) == 1 else [])

    def services(self, where: Surroundings) -> Iterator[tuple[a.ShellScript, bool, a.Value | None]]:
        """The start scripts of service folders that stand in the container; second, whether one runs once only; third, the signal
        that stops it where its folder names one."""
        sources = [entry.source for entry in where.layout.placed]
        for script in self.scripts:
            found = _SERVICE.search(script.path)
            if found is None or not any(s in (script.path, "") or script.path.startswith(f"{s}/") for s in sources):
                continue
            once = found["file"] == "up" or self._oneshot(script.path)
            yield script, once, self.down_signals.get(script.path.rpartition("/")[0])

    def _oneshot(self, path: str) -> bool:
        return join(path.rpartition("/")[0], "up") in self.locator.tree.files
