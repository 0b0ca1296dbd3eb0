"""Which settings a Django process loads: no statement imports them, the environment or a file of the project names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from runtime_ops.facts import model as m
from runtime_ops.project.development import development_file, development_path
from runtime_ops.project.launch import Launch
from runtime_ops.project.layout import join
from runtime_ops.project.links import Links
from runtime_ops.project.model import Module

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
NAME = re.compile(r"^[A-Za-z_]\w*(?:\.\w+)*$")
NEEDS_SETTINGS = frozenset(("django.core.wsgi.get_wsgi_application", "django.core.asgi.get_asgi_application", "django.setup"))
INCLUDE = "split_settings.tools.include"
MANAGE = "manage.py"


def settings_named(links: Links, module: Module, launches: Iterable[Launch]) -> Iterator[Module]:
    """The settings that a program's file names itself, and what the environment of its launches names beside them. A file that
    takes them from its environment (``wsgi.py`` without ``os.environ.setdefault``) has those of its launches, or where no artifact
    says them, those that the nearest ``manage.py`` names, which production's are kept with."""
    own = _named_in(links, module)
    if not own and not _needs_them(module):
        return
    launches = tuple(launches)
    given = {v[0].value.text for x in launches if not x.development and (v := x.env.get(SETTINGS_VARIABLE)) is not None and v[0].value}
    for text in sorted(own | given):
        named = tuple(_module_of(links, module, text))
        yield from named or tuple(_put_there(links, text, launches)) or _written_at_install(links, text)
    if own | given:
        return
    beside = next((links.index.modules[path] for path in _above(module) if path in links.index.modules), None)
    for text in sorted(_named_in(links, beside)) if beside is not None else ():
        for found in tuple(_module_of(links, beside or module, text)) or _written_at_install(links, text):
            yield from _of_production(links, found)


def included_settings(links: Links, module: Module) -> Iterator[Module]:
    """The files that ``include("base.py", "parts/*.py", optional("local.py"))`` of django-split-settings takes into a settings
    module, by their paths from its folder (django-split-settings 1.3, tools.py)."""
    for site in module.level.sites:
        if site.dotted != INCLUDE:
            continue
        for node in (n for arg in site.call.args for n in m.walk(arg)):
            if not isinstance(node, m.Const) or not isinstance(node.value, str) or not node.value.endswith(".py"):
                continue
            pattern = join(module.folder, node.value)
            if "*" not in pattern:
                found = links.index.modules.get(pattern)
                if found is not None:
                    yield found
                continue
            folder = pattern.rpartition("/")[0]
            yield from (
                other
                for path, other in links.index.modules.items()
                if path.rpartition("/")[0] == folder and fnmatchcase(path, pattern) and not development_file(path)
            )


def _named_in(links: Links, module: Module) -> set[str]:
    """What ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", …)`` of a file gives."""
    found = (
        links.names.constant(site.call.args[1], func)
        for func in module.functions.values()
        for site in func.sites
        if site.method == "setdefault" and len(site.call.args) == 2 and _is_variable(site.call.args[0])
    )
    return {text for text in found if isinstance(text, str)}


def _is_variable(expr: m.Expr) -> bool:
    return isinstance(expr, m.Const) and expr.value == SETTINGS_VARIABLE


def _needs_them(module: Module) -> bool:
    """Whether a file sets Django up without a word of which settings."""
    return not _assigns(module) and any(site.dotted in NEEDS_SETTINGS for site in module.level.sites)


def _assigns(module: Module) -> bool:
    return any(SETTINGS_VARIABLE in func.inventory.texts for func in module.functions.values())


def _above(module: Module) -> Iterator[str]:
    """Where the ``manage.py`` of a file's project may lie, nearest first."""
    folder = module.folder
    while folder:
        yield f"{folder}/{MANAGE}"
        folder = folder.rpartition("/")[0]
    yield MANAGE


def _module_of(links: Links, module: Module, text: str) -> Iterator[Module]:
    found, rest = links.index.find(module, text) if NAME.match(text) else (None, "")
    if found is not None and not rest:
        yield found


def _put_there(links: Links, text: str, launches: Iterable[Launch]) -> Iterator[Module]:
    """The file that the image gets under the settings' name: ``RUN cp docker/config.py settings/config.py``, or a ``COPY`` of it."""
    wanted = f"{text.replace('.', '/')}.py"
    for stage in {id(x.stage): x.stage for x in launches if x.stage is not None and not x.development}.values():
        pairs = [(copy.sources[0], copy.target) for copy in stage.copies if len(copy.sources) == 1 and copy.stage is None]
        for part in (part for run in stage.runs for part in run.parts if part.program in ("cp", "mv", "ln")):
            words = [word for word in part.argv[1:] if not word.startswith("-")]
            pairs += [(words[0], words[1])] if len(words) == 2 else []
        for source, target in pairs:
            if source.endswith(".py") and f"/{target}".endswith(f"/{wanted}"):
                known = links.index.modules
                tail = source.removeprefix("./").lstrip("/")
                alike = [path for path in known if path == tail] or [path for path in known if path.endswith(f"/{tail}")]
                if len(alike) == 1:
                    yield known[alike[0]]


def _written_at_install(links: Links, text: str) -> Iterator[Module]:
    """What stands in for settings that the repository does not hold, because who installs it writes them (``conf/settings.py`` beside
    ``conf/settings.py.example``): the one module of that folder that says which URLs there are, which they build on."""
    folder = text.rpartition(".")[0].replace(".", "/")
    if not folder:
        return
    found = [
        other
        for path, other in links.index.modules.items()
        if f"/{path.rpartition('/')[0]}".endswith(f"/{folder}") and "ROOT_URLCONF" in _bound(other) and not development_file(path)
    ]
    if len(found) == 1:
        yield found[0]


def _of_production(links: Links, settings: Module) -> Iterator[Module]:
    """The settings themselves; for those of development (``settings/local.py``), the ones beside them that are not."""
    if not development_path(settings.path):
        yield settings
    else:
        yield from with_urls(links, settings)


def with_urls(links: Links, settings: Module) -> Iterator[Module]:
    """The settings in the same folder, not for development, that say which URLs there are."""
    for path, other in links.index.modules.items():
        if path.rpartition("/")[0] == settings.folder and "ROOT_URLCONF" in _bound(other) and not development_file(path):
            yield other


def _bound(module: Module) -> Iterable[str]:
    return module.level.bindings
