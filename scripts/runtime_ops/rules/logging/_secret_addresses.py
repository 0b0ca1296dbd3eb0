"""Addresses with a user and a password in them: what speaks for one in the function that logs it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.libraries.credentials import words_of
from runtime_ops.project.build import Project
from runtime_ops.project.links import argument_of
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.rules.logging._logged_parts import dotted_name, own_nodes, shown
from runtime_ops.rules.logging._secret_names import MADE_SECRET
from runtime_ops.rules.logging._secret_origins import bound_to, from_source

WITH_PASSWORD = re.compile(r"://[^/\s:@]+:[^@/\s]+@")
LOOKS_UP = re.compile(r"(?:^|\.)get$|_from_env(?:iron(?:ment)?)?$")
SENDS = frozenset("post request send fetch urlopen Request".split())
PARSERS = frozenset({"urlparse", "urlsplit", "make_url"})


def is_plain_address(name: str, func: Func) -> bool:
    """Whether an address is written here, without a user in it: ``f"https://{name}.example.org"``."""
    bound = [b.expr for b in bound_to(name, func) if b.expr is not None]
    return bool(bound) and all(isinstance(e, m.Const | m.Format) and "@" not in "".join(_literals(e)) for e in bound)


def _literals(expr: m.Expr) -> Iterator[str]:
    for node in m.walk(expr):
        if isinstance(node, m.Const) and isinstance(node.value, str):
            yield node.value


def proves_address(project: Project, name: str, site: Site) -> bool:
    """Whether the address is one that somebody configures, as it is with its password: not one that the program makes up."""
    func = site.function
    if MADE_SECRET & set(words_of(name.rpartition(".")[2])):
        return True
    if name.startswith("self.") and func.cls is not None and "webhook" in words_of(name) and _sent_to(name, func.cls):
        return True
    if any(node.id.endswith((".password", ".username")) for node in own_nodes(func) if isinstance(node, m.Name)):
        return True  # what is parsed out of it
    if name.rpartition(".")[0].lower().endswith(("settings", "config")):
        return True
    if any(_configured(b.expr) for b in bound_to(name, func)):
        return True
    param = func.param(name)
    if param is None:
        return False
    given = [(edge, argument_of(edge.site, func, param)) for edge in project.links.callers.get(func, ()) if edge.how == "call"]
    return any(
        _configured(b.expr)
        for edge, expr in given
        if isinstance(expr, m.Name)
        for b in bound_to(expr.id, edge.caller)
    ) or any(_configured(expr) for _, expr in given)


def _sent_to(name: str, klass: Klass) -> bool:
    """Whether a class sends to the address: then it is the one of somebody else's webhook, and no route of the program's own."""
    return any(
        site.method in SENDS and any(isinstance(n, m.Name) and n.id == name for n in m.walk((*site.call.args, *site.call.keywords)))
        for method in klass.methods.values()
        for site in method.sites
    )


def _configured(expr: m.Expr | None) -> bool:
    """A look-up: in the environment, the settings, a store of what users entered."""
    if expr is None:
        return False
    looked = any(isinstance(n, m.Call) and LOOKS_UP.search(dotted_name(n.func)) for n in m.walk(expr))
    return looked or isinstance(expr, m.Subscript) or from_source(expr)


def opened_address(name: str, site: Site) -> str | None:
    """The address in what is logged out of which the program takes a password: the value itself, or one in the text that it is bound
    to (``text = "… at {}".format(self.url)``)."""
    func = site.function
    if _taken_apart(name, func):
        return name
    texts = (b.expr for b in func.bindings.get(name, ()) if b.line <= site.line and isinstance(b.expr, m.Call | m.Format))
    held = (node.id for text in texts for node in shown(text) if isinstance(node, m.Name) and node.id != name)
    return next((each for each in held if _taken_apart(each, func)), None)


def stands_where_it_failed(address: str, site: Site) -> bool:
    """Whether the line stands in an arm of the ``try`` that uses the address: it is that one, with its password, that is logged.
    Elsewhere it may be one of those that were found to have none."""
    return any(
        step.arm == "handler"
        and isinstance(step.stmt, m.Try)
        and any(isinstance(node, m.Name) and node.id == address for call in m.calls(step.stmt.body) for node in m.walk(call.args))
        for step in site.steps
    )


def _taken_apart(name: str, func: Func) -> bool:
    """Whether the function, or one that it hands the value to, takes a password out of it: then the address carries one."""
    if _takes_password(func, name):
        return True
    for site in func.sites:
        given = (*site.call.args, *(value for _, value in site.call.keywords))
        if site.weak or not any(isinstance(expr, m.Name) and expr.id == name for expr in given):
            continue
        for target in site.targets[:1]:
            params = (p for p in target.facts.params if isinstance(e := argument_of(site, target, p), m.Name) and e.id == name)
            if any(_takes_password(target, p.name) for p in params):
                return True
    return False


def _takes_password(func: Func, name: str) -> bool:
    """``parts = urlparse(url)`` and then ``parts.password``, or ``parts.netloc.split("@")``."""
    for parts, bindings in func.bindings.items():
        for expr in (b.expr for b in bindings):
            parsed = isinstance(expr, m.Call) and dotted_name(expr.func).rpartition(".")[2] in PARSERS and bool(expr.args)
            if not parsed or not isinstance(expr, m.Call) or not isinstance(expr.args[0], m.Name) or expr.args[0].id != name:
                continue
            cuts = {f"{parts}.netloc.{method}" for method in ("split", "rsplit", "partition", "rpartition")}
            for node in own_nodes(func):
                if isinstance(node, m.Name) and node.id == f"{parts}.password":
                    return True
                if isinstance(node, m.Call) and dotted_name(node.func) in cuts and node.args == (m.Const("@"),):
                    return True
    return False
