"""Whether a development server runs under its reloader, which ends by SIGTERM of its own accord."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.serving_places import ServingPlace

_ON = frozenset({"1", "true", "yes", "on", "t", "y"})


def reloads(entrypoint: Entrypoint, place: ServingPlace) -> bool:
    """Whether the server that is run at the place starts its reloader. Werkzeug's installs a handler for SIGTERM in the parent
    and in the child, which ends the program at once, also as PID 1.

    It is on with ``use_reloader=True``, else as ``debug`` says, else as the application's own setting says: that of the class
    whose name the starting module holds as a text, or what an artifact gives for FLASK_DEBUG.
    """
    site = place.site
    server = server_run_by(site.dotted) if site is not None and site.dotted is not None else None
    if site is None or server is None or server.sigterm != "reloader":
        return False
    for keyword in ("use_reloader", "debug"):
        given = site.call.keyword(keyword)
        if given is not None:
            return _true(place.function, given)
    if any(name is None for name, _ in site.call.keywords):
        return False  # ``run(**options)``
    variable = [launch.env["FLASK_DEBUG"][0] for launch in entrypoint.production if "FLASK_DEBUG" in launch.env]
    if any(v.value is not None and v.value.text.lower() in _ON for v in variable):
        return True
    return any(_debugs(klass) for klass in _named(place.function, entrypoint))


def _true(func: Func, expr: m.Expr) -> bool:
    """A literal that is true, or a name that the module's own level binds to one alone."""
    if isinstance(expr, m.Name):
        values = [bound.expr for bound in func.module.level.bindings.get(expr.id, ())]
        return len(values) == 1 and isinstance(values[0], m.Const) and values[0].value is True
    return isinstance(expr, m.Const) and bool(expr.value)


def _named(func: Func, entrypoint: Entrypoint) -> list[Klass]:
    """The classes of settings that the starting module names as texts: ``"shop.config.LocalConfig"``."""
    texts = {text for text in func.module.level.inventory.texts if "." in text}
    return [
        klass
        for module in entrypoint.modules
        for klass in module.classes.values()
        if any(text.endswith(f".{klass.name}") for text in texts)
    ]


def _debugs(klass: Klass) -> bool:
    """Whether the class, or the nearest of its bases that says so, sets DEBUG to True."""
    for each in klass.ancestry:
        if isinstance(each, Klass):
            for place in each.places:
                stmt = place.stmt
                if isinstance(stmt, m.Assign) and any(isinstance(t, m.Name) and t.id == "DEBUG" for t in stmt.targets):
                    return isinstance(stmt.value, m.Const) and stmt.value.value is True
    return False
