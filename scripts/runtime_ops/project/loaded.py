"""Modules of the repository that a program imports by names which are put together at run time: plug-ins, commands, routes.

``import_module(f"shop.tools.{name}.parser")``, ``import_module("." + name, __package__)``, all that
``pkgutil.walk_packages(__path__, …)`` finds below a package, and all files of ``glob("shop/tools/*.py")`` whose paths are made
names of modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.development import development_path
from runtime_ops.project.links import Links, argument_of
from runtime_ops.project.model import Func, Module, Site, own_expressions
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import UNKNOWN, text_of
from runtime_ops.project.versions import upward

LOADERS = frozenset(("import_module", "__import__", "import_string", "load_module", "exec_module"))
LISTERS = frozenset(("iter_modules", "walk_packages"))
OWN_NAMES = ("__name__", "__package__", "__spec__.name", "__spec__.parent")
STARS = {"*": "[^/]*", "**": ".*"}
DOTTED = re.compile(r"[a-z_]\w*(?:\.\w+)+")
"""The full name of a package."""
LEAST = 4  # letters of a class's name that are written
DEPTH = 3  # functions that hand on the package that is looked through


def loaded_by_name(links: Links, module: Module) -> Iterator[Module]:
    """The modules that code of ``module`` may import so; none where nothing of their name is written."""
    loads = False
    for func in module.functions.values():
        for site in func.sites:
            if site.method in LOADERS and not site.targets:
                loads = True
                yield from _named(links, site)
                yield from _globbed(links, site)
    if loads:
        for func in module.functions.values():
            for site in func.sites:
                if site.method in LISTERS and not site.targets:
                    yield from _listed(links, site)


def _named(links: Links, site: Site) -> Iterator[Module]:
    """Modules whose names fit what is known of the name that a call is given."""
    given = site.call.args[0] if site.call.args else None
    if given is None:
        return
    if isinstance(given, m.Const):
        target = given.value if isinstance(given.value, str) else ""
        found, rest = links.index.find(site.function.module, target) if target and not target.startswith(".") else (None, target)
        if found is not None and not rest and _may_be(found.path):
            yield found
        return
    for expr in _values(given, site.function):
        text = _text(links, expr, site.function)
        if text.startswith("."):
            beside = site.call.argument("package", 1)
            if beside is None or not isinstance(beside, m.Name) or beside.id not in OWN_NAMES:
                continue
            text = _own_package(site.function.module) + text
        yield from _fitting(links, site.function.module, text)


def taken_from_loaded(links: Links, module: Module) -> frozenset[str]:
    """The names that code of a module takes from what it loads so: ``import_module(name).Plugin``, ``getattr(found, "Plugin")``,
    ``found.Plugin()``, where ``found`` is what a loader gave."""
    names = set()
    for func in module.functions.values():
        loaders = [site.call for site in func.sites if site.method in LOADERS and not site.targets]
        if not loaders:
            continue
        held = {name for name, bindings in func.bindings.items() if any(b.kind == "assign" and b.expr in loaders for b in bindings)}
        for place in func.places:
            for expr in own_expressions(place.stmt):
                for node in m.walk(expr):
                    if isinstance(node, m.Attr) and node.value in loaders:
                        names.add(node.name)
                    elif isinstance(node, m.Name) and node.id.partition(".")[0] in held and node.id.count(".") == 1:
                        names.add(node.id.partition(".")[2])
                    elif isinstance(node, m.Call) and isinstance(node.func, m.Name) and node.func.id == "getattr" and len(node.args) > 1:
                        given, name = node.args[0], node.args[1]
                        loaded = given in loaders or (isinstance(given, m.Name) and given.id in held)
                        if loaded and isinstance(name, m.Const) and isinstance(name.value, str):
                            names.add(name.value)
                        elif loaded:
                            names.update(_classes_called(links, name, func))
    return frozenset(names)


def _classes_called(links: Links, name: m.Expr, func: Func) -> Iterator[str]:
    """The names of classes that a name may be which is put together around some letters: ``getattr(found, f"{kind}Parser")``."""
    for expr in _values(name, func):
        written = [part.value for part in expr.parts if isinstance(part, m.Const)] if isinstance(expr, m.Format) else []
        texts = [text for text in written if isinstance(text, str)]
        if not isinstance(expr, m.Format) or len("".join(texts)) < LEAST:
            continue
        shape = "".join(re.escape(p.value) if isinstance(p, m.Const) and isinstance(p.value, str) else r"\w+" for p in expr.parts)
        for other in links.index:
            yield from (klass for klass in other.classes if re.fullmatch(shape, klass))


def _globbed(links: Links, site: Site) -> Iterator[Module]:
    """``for path in glob("shop/tools/*.py"): import_module(path.replace("/", ".").replace(".py", ""))``: the files below the root, or
    below a folder that the loader stands in, from where the program is started."""
    given = site.call.args[0] if site.call.args else None
    for expr in _values(given, site.function) if given is not None else ():
        if not any(_turns_path_to_name(call) for call in m.calls(expr)):
            continue
        for name in (node.id.partition(".")[0] for node in m.walk(expr) if isinstance(node, m.Name)):
            for binding in site.function.bindings.get(name, ()):
                listed = binding.expr if binding.kind == "for" else None
                if isinstance(listed, m.Call) and _is_glob(links, listed, site.function):
                    for pattern in _patterns(links, listed.args[0], site.function):
                        yield from _files(links, site.function.module, pattern)


def _turns_path_to_name(call: m.Call) -> bool:
    """``path.replace("/", ".")``, also with ``os.sep``."""
    method = call.func.name if isinstance(call.func, m.Attr) else call.func.id.rpartition(".")[2] if isinstance(call.func, m.Name) else ""
    last = call.args[1] if len(call.args) == 2 else None
    return method == "replace" and isinstance(last, m.Const) and last.value == "."


def _is_glob(links: Links, call: m.Call, func: Func) -> bool:
    value = links.names.value(call.func, func)
    return value is not None and value.name in ("glob.glob", "glob.iglob") and bool(call.args)


def _patterns(links: Links, expr: m.Expr, func: Func) -> Iterator[str]:
    """The pattern of a glob, with what callers give for the parameter that it may hold."""
    text = _text(links, expr, func)
    if UNKNOWN not in text:
        yield text
        return
    params = [node.id for node in m.walk(expr) if isinstance(node, m.Name) and func.param(node.id) is not None]
    param = func.param(params[0]) if len(params) == 1 and text.count(UNKNOWN) == 1 else None
    for edge in links.callers.get(func, ()):
        passed = argument_of(edge.site, func, param) if param is not None and edge.how == "call" else None
        if isinstance(passed, m.Const) and isinstance(passed.value, str):
            yield text.replace(UNKNOWN, passed.value)


def _files(links: Links, module: Module, pattern: str) -> Iterator[Module]:
    """The modules whose paths a glob's pattern fits."""
    parts = re.split(r"(\*+)", pattern.removeprefix("./"))
    fits = re.compile("".join(STARS.get(part, re.escape(part)) for part in parts) + r"\Z")
    starts = [f"{folder}/" if folder else "" for folder in upward(module.folder)]
    for path, other in links.index.modules.items():
        if other is not module and _may_be(path) and any(path.startswith(s) and fits.match(path, len(s)) for s in starts):
            yield other


def _values(expr: m.Expr, func: Func) -> Iterator[m.Expr]:
    """An expression, or all that a function gives to the name that it is."""
    if isinstance(expr, m.Name) and "." not in expr.id:
        bound = [b.expr for b in func.bindings.get(expr.id, ()) if b.kind == "assign" and b.expr is not None]
        yield from bound
        if bound:
            return
    yield expr


def _text(links: Links, expr: m.Expr, func: Func) -> str:
    """The name as far as it is written, with `UNKNOWN` for the rest; the module's own name where it stands for itself."""
    if isinstance(expr, m.Name) and expr.id in OWN_NAMES:
        return _own_package(func.module)
    if isinstance(expr, m.Format):
        return "".join(_text(links, part, func) for part in expr.parts)
    if isinstance(expr, m.BinOp) and expr.op == "+":
        return _text(links, expr.left, func) + _text(links, expr.right, func)
    if isinstance(expr, m.BinOp) and expr.op == "%":
        return re.sub(r"%[sd]|%\(\w+\)s", UNKNOWN, _text(links, expr.left, func))
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Attr) and expr.func.name == "format":
        return re.sub(r"\{\w*\}", UNKNOWN, _text(links, expr.func.value, func))
    return text_of(links, expr, func)


def _own_package(module: Module) -> str:
    """``__package__`` of a module; ``__name__`` is the same in the ``__init__`` file of a package, where it is used so."""
    return module.folder.replace("/", ".")


def _fitting(links: Links, module: Module, text: str) -> Iterator[Module]:
    """``shop.tools.{?}.parser``: the modules of the package ``shop.tools`` that may be meant."""
    known, unknown, rest = text.partition(UNKNOWN)
    stem, dot, begun = known.rpartition(".")
    if not unknown or not dot or not stem:
        return
    folder = _folder(links, module, stem)
    if folder is None:
        return
    shape = re.escape(begun) + r"\w+" + "".join(r"\w+" if part is None else re.escape(part) for part in _parts(rest))
    fits = re.compile(shape.replace(r"\.", "/") + r"(?:/__init__)?\.py\Z")
    for path, other in links.index.modules.items():
        if path.startswith(f"{folder}/") and fits.match(path, len(folder) + 1) and _may_be(path):
            yield other


def _may_be(path: str) -> bool:
    """Whether what loads modules by their names may take a file: none for development, no migration, and none that its
    name calls private."""
    folder, _, name = path.rpartition("/")
    if "migrations" in folder.split("/"):
        return False
    return not development_path(path) and (not name.startswith("_") or name == "__init__.py")


def _parts(rest: str) -> Iterator[str | None]:
    """The pieces of what follows the first unknown part; None for each that is unknown as well."""
    for number, piece in enumerate(rest.split(UNKNOWN)):
        if number:
            yield None
        if piece:
            yield piece


def _folder(links: Links, module: Module, dotted: str) -> str | None:
    """The folder of a package that a dotted name means."""
    own = _own_package(module)
    if dotted == own or dotted.startswith(f"{own}."):
        return dotted.replace(".", "/") if own else None
    found, rest = links.index.find(module, dotted)
    return found.folder if found is not None and not rest and found.path.endswith("/__init__.py") else None


def _listed(links: Links, site: Site) -> Iterator[Module]:
    """What ``pkgutil`` finds in the packages that a call looks through."""
    found = tuple(_packages(links, site.call.argument("path", 0), site.function, DEPTH))
    for package in found or _written(links, site.function.module):
        deep = site.method == "walk_packages"
        for path, other in links.index.modules.items():
            if not path.startswith(f"{package}/") or not _may_be(path):
                continue
            below = path[len(package) + 1 :].removesuffix("/__init__.py")
            if deep or "/" not in below:
                yield other


def _written(links: Links, module: Module) -> Iterator[str]:
    """The packages whose full names a module writes that looks through packages by names which are not followed: those of its
    own plug-ins, ``packages["shop.plugins"] = …``, stand in one table with what an operator adds."""
    texts = {text for func in module.functions.values() for text in func.inventory.texts}
    folders = (_folder(links, module, text) for text in sorted(texts) if DOTTED.fullmatch(text))
    yield from dict.fromkeys(folder for folder in folders if folder is not None)


def _packages(links: Links, expr: m.Expr | None, func: Func, depth: int) -> Iterator[str]:
    """The folders of packages that an expression names: ``__path__``, ``[dirname(__file__)]``, ``plugins.__path__``, or a
    parameter that callers give a package or its name."""
    for node in m.walk(expr) if expr is not None else ():
        if not isinstance(node, m.Name):
            continue
        if node.id in ("__path__", "__file__"):
            yield func.module.folder
        elif node.id.endswith((".__path__", ".__file__")):
            yield from _named_package(links, m.Name(node.id.rpartition(".")[0], node.line), func, depth)


def _named_package(links: Links, expr: m.Expr, func: Func, depth: int) -> Iterator[str]:
    value = links.names.value(expr, func)
    if value is not None and value.kind == "module" and isinstance(value.target, Module):
        if value.target.path.endswith("/__init__.py"):
            yield value.target.folder
        return
    if isinstance(expr, m.Name) and expr.id in OWN_NAMES:
        yield func.module.folder
    elif isinstance(expr, m.Const) and isinstance(expr.value, str):
        folder = _folder(links, func.module, expr.value)
        if folder is not None:
            yield folder
    elif isinstance(expr, m.Call) and expr.args:
        # ``import_module(name)``, also within ``reload(…)``
        if source_of(expr.func).rpartition(".")[2] in (*LOADERS, "reload"):
            yield from _named_package(links, expr.args[0], func, depth)
    elif isinstance(expr, m.Name) and depth:
        for binding in func.bindings.get(expr.id, ()):
            if binding.kind == "assign" and isinstance(binding.expr, m.Call):
                yield from _named_package(links, binding.expr, func, depth - 1)
        param = func.param(expr.id)
        for edge in links.callers.get(func, ()):
            passed = param is not None and edge.how == "call" and edge.caller is not func
            given = argument_of(edge.site, func, param) if passed and param is not None else None
            if given is not None:
                yield from _named_package(links, given, edge.caller, depth - 1)
