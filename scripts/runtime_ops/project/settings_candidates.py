"""Which functions may read a setting, told from what is known of their calls and names: the search passes the rest over."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.project.config_files import CONFIG_PARSERS
from runtime_ops.project.env_reads import DECOUPLE, DJANGO_ENVIRON, DYNACONF, ENVIRONS, OPTIONS, STANDARD, STARLETTE
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.settings_classes import is_settings

READERS = frozenset((*STANDARD, *OPTIONS, *DECOUPLE, *STARLETTE, *ENVIRONS, *DJANGO_ENVIRON, *CONFIG_PARSERS))
OWNERS = frozenset((*ENVIRONS, *DJANGO_ENVIRON, *DYNACONF))
FILE_CALLS = frozenset(("open", "Path", "exists", "isfile"))
MAKERS = frozenset(("cls", "model_validate", "model_construct"))


def classes_of_settings(links: Links) -> frozenset[Klass]:
    """The classes whose instantiations matter: settings classes, those below them, and those with a lambda in their body,
    which may be a field's default that reads."""
    found: set[Klass] = set()
    for module in links.index:
        for klass in module.classes.values():
            if is_settings(klass):
                found.update((klass, *klass.descendants()))
            elif any(type(node) is m.Lambda for node in m.walk(klass.facts.body)):
                found.add(klass)
    return frozenset(found)


def may_read(links: Links, func: Func, matter: frozenset[Klass]) -> bool:
    """Whether any expression of a function, its decorators and defaults included, can be a read or make one of the
    classes that matter. True more often than that is so."""
    if "env" in func.wording.lower():
        return True
    for site in func.sites:
        dotted, method = site.dotted, site.method
        if dotted is not None and (dotted in READERS or dotted.rpartition(".")[0] in OWNERS):
            return True
        if method in FILE_CALLS:
            return True
        if type(site.stmt) is m.Pass and not site.steps:
            return True  # of the header: its names are looked up in the scope around the function
        if matter and (method[:1].isupper() or method in MAKERS) and _makes(links, site.text, method, func, matter):
            return True
    return False


def _makes(links: Links, text: str, method: str, func: Func, matter: frozenset[Klass]) -> bool:
    owner = text.rpartition(".")[0] if method in ("model_validate", "parse_obj") else text
    value = links.names.name(owner, func)
    return value is not None and value.target in matter
