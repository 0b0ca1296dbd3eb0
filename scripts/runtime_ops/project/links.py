"""Link call sites to what they call, and classes to their bases: the call graph of the audited root."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries import names as libraries
from runtime_ops.project.dispatch import DISPATCH, dispatched
from runtime_ops.project.handed import Fields, fields_of, made_class, stands_for
from runtime_ops.project.likeness import LIBRARIES_METHODS, fits, kin, near, own_name, words
from runtime_ops.project.model import Func, Klass, Module, Place, Site, Value, make
from runtime_ops.project.modules import ModuleIndex
from runtime_ops.project.names import Names, is_static

# Method names that so many library objects have that a match by name alone says nothing.
COMMON_METHODS = frozenset(
    """get post put patch delete head request send close open read write run start stop join wait set clear add remove
    pop push append extend update items keys values copy format split strip encode decode execute commit rollback
    connect disconnect flush filter all first count index insert find save load dump dumps loads info debug warning error
    exception log critical submit result cancel done acquire release put_nowait get_nowait publish subscribe poll next
    create register name exists render validate init setup reset handle process call apply main""".split()
)
FEW = 4  # functions that one call may mean, each of which is looked at
FAMILY = 4  # methods of one name in one family of classes: one that a caller knows by that name
TELLING = re.compile(r"[a-z0-9](?:_[a-z0-9]|[A-Z])")
"""Names of two words: ``save_project``, ``updateStatus``; one word (``get``, ``run``) is the name of many things."""
HANDED_ON = 3  # functions that hand what they are given on to the next
FAMILY_LIMIT = 120  # a base class with more overriding methods than this is linked like any other; beyond: unknown


PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})
MANAGERS = ("Manager", "QuerySet", "from_queryset()", "as_manager()")
REFERRING = frozenset((m.Name, m.Attr, m.Call, m.Lambda, m.Star, m.Sequence))
"""Kinds of arguments that may hand over a function."""
NAMING = frozenset((m.Name, m.Call, m.Sequence, m.Mapping))
"""Kinds of values that may name one without calling it, or hold what does."""


def _items(data: m.Mapping | m.Sequence) -> Iterator[m.Expr]:
    """The items of a display, nested ones included."""
    for item in data.items if isinstance(data, m.Sequence) else [v for _, v in data.items]:
        if isinstance(item, m.Mapping | m.Sequence):
            yield from _items(item)
        else:
            yield item


class Edge(NamedTuple):
    """``caller`` can run ``callee``. ``how`` is ``call``, ``reference`` (handed to ``via``), ``override`` (found
    by the method's name, and what the receiver is called or the class's family speaks for it), ``guess`` (by the name alone),
    ``kept`` (a field of an object has it), or ``data`` (named in a list, mapping, assignment or return; ``site`` is made
    up)."""

    caller: Func
    callee: Func
    site: Site
    how: str
    via: str


class Links:
    """The call graph. Made once; read by everything after."""

    def __init__(self, index: ModuleIndex, names: Names) -> None:
        self.index = index
        self.names = names
        self.by_dotted: dict[str, list[Site]] = defaultdict(list)
        self.callers: dict[Func, list[Edge]] = defaultdict(list)
        self.callees: dict[Func, list[Edge]] = defaultdict(list)
        self._methods: dict[str, list[Func]] = defaultdict(list)
        self._named: dict[str, tuple[Func, ...]] = {}
        self._by_family: dict[str, dict[frozenset[str], tuple[Func, ...]]] = {}
        self._overridden: dict[Func, tuple[Func, ...]] = {}
        self.fields = Fields(names)
        self.decorated: dict[int, str | None] = {}
        """Libraries' decorators by the identity of their expressions (see `decorators.decorated_by`)."""
        self._put_away: set[int] = set()
        """Arguments (by their identity) that an object only keeps: who makes it does not run them."""
        self._link_classes()
        for module in index:  # looked at while bases were still being linked
            for klass in module.classes.values():
                klass.forget_ancestry()
        names.forget_unknown()
        for module in index:
            for klass in module.classes.values():
                for name, method in klass.methods.items():
                    self._methods[name].append(method)
        all_sites = [s for module in index for func in module.functions.values() for s in func.sites]
        for site in all_sites:
            self._resolve(site)
        if self._learn_parameters(all_sites):
            names.forget_unknown()
            for site in all_sites:
                if site.dotted is None and (site.weak or not site.targets):
                    self._resolve(site)
        for site in all_sites:
            self._keep(site)
        for site in all_sites:
            self._connect(site)
        for module in index:
            for func in module.functions.values():
                self._link_data(func)
                for site, target in dispatched(names, func):
                    self._edge(Edge(func, target, site, "override", DISPATCH))
                if self.fields:
                    self._link_fields(func)

    def _learn_parameters(self, sites: Iterable[Site]) -> bool:
        """Remember for each unannotated parameter what callers hand over, when they hand over one kind of thing."""
        given: dict[tuple[Func, str], Value | None] = {}
        for site in sites:
            self._learn_from(site, given, frozenset())
        for _ in range(HANDED_ON):
            # ``init(app)`` calls ``init_v1(app)``: what a parameter was learnt to be is learnt of the next one
            new = {key: value for key, value in given.items() if value is not None and key not in self.names.given}
            if not new:
                break
            self.names.given.update(new)
            self.names.forget_unknown()
            names: dict[Func, set[str]] = defaultdict(set)
            for func, name in new:
                names[func].add(name)
            for func, own in names.items():
                for site in func.sites:
                    self._learn_from(site, given, frozenset(own))
        for key, found in given.items():
            if found is None:
                self.names.given.pop(key, None)  # a later round found another kind of thing
            else:
                self.names.given[key] = found
        return bool(self.names.given)

    def _learn_from(self, site: Site, given: dict[tuple[Func, str], Value | None], only: frozenset[str]) -> None:
        """What one call hands over; ``only``: arguments of these names alone."""
        if site.weak or site.dotted is not None:
            return
        for target in site.targets[:4]:
            params = [p for p in target.facts.params if p.kind == "positional"]
            if target.cls is not None and not is_static(target):
                params = params[1:]
            pairs = [(p.name, a) for p, a in zip(params, site.call.args, strict=False)]
            pairs += [(k, v) for k, v in site.call.keywords if k is not None]
            for name, expr in pairs:
                if isinstance(expr, m.Const | m.Star | m.Format | m.Mapping | m.Comprehension):
                    continue
                if only and not (isinstance(expr, m.Name) and expr.id in only):
                    continue
                value = self.names.value(expr, site.function)
                # a class is handed over to be called: ``serve(Daemon)`` makes one in ``def serve(cls): cls().run()``
                if value is None or value.kind not in ("instance", "made", "class"):
                    continue
                key = (target, name)
                old = given.get(key, value)
                same = old is not None and (old.kind, old.name, old.target) == (value.kind, value.name, value.target)
                given[key] = old if same else None

    def _link_classes(self) -> None:
        for module in self.index:
            for klass in module.classes.values():
                scope = module.functions.get(klass.facts.parent or "<module>", module.level)
                bases: list[Klass | str] = []
                for expr in klass.facts.bases:
                    value = self.names.value(expr.value if isinstance(expr, m.Subscript) else expr, scope)
                    if value is not None and value.target is klass and isinstance(expr, m.Name):
                        value = self.names.imported_before(expr.id, klass, scope)  # ``class Task(Task)``
                    if value is not None and value.kind == "class" and isinstance(value.target, Klass):
                        if value.target is not klass:
                            bases.append(value.target)
                            value.target.subclasses.append(klass)
                    elif value is not None and value.kind in ("external", "made"):
                        if value.name != "object":  # says nothing: what such a class lacks is not to be found in a library either
                            bases.append(value.name)
                    elif isinstance(expr, m.Name):
                        bases.append(expr.id)
                klass.bases = tuple(bases)

    # ------------------------------------------------------------ sites

    def _resolve(self, site: Site) -> None:
        function = site.function
        value = self.names.value(site.call.func, function)
        if value is None:
            self._bind_by_name(site)
            return
        site.targets, site.weak, site.guessed = (), False, False
        if isinstance(value.target, Func):
            site.targets = (value.target, *(() if _names_its_class(site) else self._overrides(value)))
            site.origin = value.origin
        elif value.kind == "class" and isinstance(value.target, Klass):
            init = value.target.method("__init__")
            site.targets = tuple(f for f in (init, value.target.method("__post_init__")) if f is not None)
            site.made = next(iter(value.target.external_bases), None)
            if value.target.external_bases and (init is None or init.cls is not value.target):
                site.dotted = value.target.external_bases[0]
        elif value.kind == "instance" and isinstance(value.target, Klass):
            call = value.target.method("__call__")
            site.targets = (call,) if call is not None else ()
        elif value.kind in ("external", "made"):
            site.dotted = value.name
            site.origin = value.origin
            site.targets = self._started(site)
            if "()" in value.name and not site.targets and site.method not in COMMON_METHODS:
                # what an unknown call returned may well be an object of the project (a row of an ORM's query)
                self._bind_by_name(site)

    def _started(self, site: Site) -> tuple[Func, ...]:
        """``worker.start()`` on an instance of a project class that extends a library's thread or process runs its ``run``."""
        if site.method not in ("start", "run") or not isinstance(site.call.func, m.Name):
            return ()
        receiver = self.names.name(site.call.func.id.rpartition(".")[0], site.function)
        if receiver is None or not isinstance(receiver.target, Klass):
            return ()
        run = receiver.target.method("run")
        return (run,) if run is not None else ()

    def _connect(self, site: Site) -> None:
        if site.dotted is not None:
            self.by_dotted[site.dotted].append(site)
        for target in site.targets:
            how = (
                "guess"
                if site.guessed
                else "override"
                if site.weak
                else "reference"
                if site.dotted is not None and site.method == "start"
                else "call"
            )
            self._edge(make(Edge, (site.function, target, site, how, site.dotted or site.text)))
        self._link_references(site)

    def _keep(self, site: Site) -> None:
        """Functions that a call puts into the fields of an object of the project."""
        call = site.call
        given: list[tuple[m.Expr, int | None, str | None]] = [(expr, number, None) for number, expr in enumerate(call.args)]
        if call.keywords:
            given += [(value, None, key) for key, value in call.keywords]
        for expr, number, key in given:
            if not self._may_refer(expr, site.function) or (number is None and key is None) or (number is not None and call.expands):
                continue
            funcs = tuple(self.referenced(expr, site.function))
            klass = made_class(self.names, site) if funcs else None
            fields = fields_of(self.names, klass, number, key) if klass is not None else None
            if klass is None or not fields or not (self._read & set(fields) or not klass.external_bases):
                continue
            self._put_away.add(id(expr))
            for field in fields:
                for func in funcs:
                    self.fields.keep(klass, field, func)

    @cached_property
    def _read(self) -> frozenset[str]:
        """Attributes that any function but a constructor names."""
        return frozenset(
            name.rpartition(".")[2]
            for module in self.index
            for func in module.functions.values()
            if func.name != "__init__"
            for name in func.inventory.names
            if "." in name
        )

    def _link_fields(self, func: Func) -> None:
        """Functions in the fields of objects, where a field is called or taken."""
        known = self.fields.words
        named = [text for text in func.inventory.names if text.rpartition(".")[2] in known]
        if not named:
            return
        sites = {site.text: site for site in reversed(func.sites) if isinstance(site.call.func, m.Name)}
        for text in sorted(named):
            targets = self.fields.named(text, func)
            site = sites.get(text) if targets else None
            if targets and site is None:
                site = next((_made_up(func, place, text) for place in func.places if _takes(place.stmt, text)), None)
            if site is not None and not (site.targets and not site.weak):
                sure = self.names.name(text.rpartition(".")[0], func) is not None
                for target in targets:
                    self._edge(Edge(func, target, site, "kept" if sure else "guess", text))

    def _edge(self, edge: Edge) -> None:
        self.callees[edge.caller].append(edge)
        self.callers[edge.callee].append(edge)

    def _overrides(self, value: Value) -> tuple[Func, ...]:
        """Methods of subclasses that a call on an instance of the base may mean."""
        method = value.target
        if not isinstance(method, Func) or method.cls is None:
            return ()
        if method not in self._overridden:
            found = [k.methods[method.name] for k in method.cls.descendants() if method.name in k.methods]
            if PROTOCOLS.intersection(b for b in method.cls.bases if isinstance(b, str)):
                found += [f for f in self._fulfilling(method) if f not in found]
            self._overridden[method] = tuple(found) if len(found) <= FAMILY_LIMIT else ()
        return self._overridden[method]

    def _fulfilling(self, method: Func) -> Iterator[Func]:
        """The methods of classes that fulfil a protocol without being written below it: they have each of its methods, with the same
        parameters by name."""
        asked = method.cls
        assert asked is not None
        wanted = {name: parameters(func) for name, func in asked.methods.items() if not name.startswith("__")}
        for other in self._methods.get(method.name, ()):
            klass = other.cls
            if klass is None or klass is asked or PROTOCOLS.intersection(b for b in klass.bases if isinstance(b, str)):
                continue
            own = {name: klass.method(name) for name in wanted}
            if all(func is not None and parameters(func) == wanted[name] for name, func in own.items()):
                yield other

    def _bind_by_name(self, site: Site) -> None:
        """Link a call on a receiver of unknown type to what its method's name may mean."""
        candidates = self._by_method_name(site)
        if not candidates and site.method in COMMON_METHODS:
            beside = near(site, self._methods.get(site.method, ()))
            below = (f for method in beside for f in self._overrides(Value("function", method.name, method)))
            candidates = tuple(dict.fromkeys((*beside, *below))) or self._of_family(site)
        found = [method for method in candidates if fits(site, method)]
        common = site.method in COMMON_METHODS or site.method in LIBRARIES_METHODS
        alike = kin(site, found, common=common)
        site.targets = alike or (() if common else tuple(found))
        site.weak = bool(site.targets)
        site.guessed = site.weak and not alike and not self._speaks(site)

    def _of_family(self, site: Site) -> tuple[Func, ...]:
        """The methods of a large family of classes whose topmost one has the name of the receiver: ``connector.connect()`` with a
        ``Connector`` that several classes extend, whatever else has a method of that name."""
        called = own_name(site)
        return self._families(site.method).get(called, ()) if called else ()

    def _families(self, method: str) -> dict[frozenset[str], tuple[Func, ...]]:
        """The methods of a name by the words in the name of their topmost class, of large families alone."""
        if method not in self._by_family:
            found: dict[frozenset[str], list[Func]] = {}
            for func in self._methods.get(method, ()):
                root = self._root(func)
                if root is not None:
                    found.setdefault(frozenset(words(root.name)), []).append(func)
            self._by_family[method] = {
                name: tuple(funcs) for name, funcs in found.items() if FAMILY <= len(funcs) <= FAMILY_LIMIT
            }
        return self._by_family[method]

    def _speaks(self, site: Site) -> bool:
        """Whether the name of a method means one thing in this project: all that have it are of one family of classes, and it
        is no word that many things are called by, or the family is large."""
        telling = TELLING.search(site.method) is not None or len(site.targets) >= FAMILY
        return telling and len({self._root(method) for method in site.targets}) == 1

    def _by_method_name(self, site: Site) -> tuple[Func, ...]:
        """For a receiver of unknown type: the methods of that name, when they are few or one family's."""
        func = site.call.func
        if isinstance(func, m.Name) and "." not in func.id:
            return ()
        name = site.method
        if name not in self._named:
            self._named[name] = self._methods_named(name)
        found = self._named[name]
        if found and site.text.endswith(f".objects.{name}"):  # a manager of Django's: the queries of a model
            return tuple(f for f in found if f.cls is not None and any(b.endswith(MANAGERS) for b in f.cls.external_bases))
        return found

    def _methods_named(self, name: str) -> tuple[Func, ...]:
        found = self._methods.get(name, [])
        if not found or name.startswith("__"):
            return ()
        roots = {self._root(method) for method in found}
        if name in COMMON_METHODS:
            return tuple(found) if len(roots) == 1 and len(found) >= FAMILY and len(found) <= FAMILY_LIMIT else ()
        return tuple(found) if len(roots) <= 3 and len(found) <= FAMILY_LIMIT else ()

    @staticmethod
    def _root(method: Func) -> Klass | None:
        """The topmost project class that declares a method of this name."""
        if method.cls is None:
            return None
        return [k for k in method.cls.ancestry if isinstance(k, Klass) and method.name in k.methods][-1]

    def _link_data(self, func: Func) -> None:
        """Functions named in a list, a mapping, an assignment or a return: something may call them from there."""
        level_site: Site | None = None
        for place in func.places:
            stmt = place.stmt
            value = stmt.value if isinstance(stmt, (m.ExprStmt, m.Assign, m.Return)) else None
            if type(value) not in NAMING or (isinstance(stmt, m.Assign) and _exports(stmt)):
                continue
            if isinstance(value, m.Name):
                named: list[m.Expr] = [value]
            else:
                named = list(_items(value)) if isinstance(value, (m.Mapping, m.Sequence)) else []
                if isinstance(value, m.Call):
                    for given in (*value.args, *[v for _, v in value.keywords]):
                        if isinstance(given, (m.Mapping, m.Sequence)):
                            named.extend(_items(given))
            for expr in named:
                if isinstance(expr, m.Name):
                    for target in self.referenced(expr, func):
                        if level_site is None or level_site.stmt is not stmt:
                            level_site = _made_up(func, place, expr.id)
                        self._edge(Edge(func, target, level_site, "data", ""))

    def _link_references(self, site: Site) -> None:
        """Functions handed over as arguments: ``Thread(target=f)``, ``submit(f)``, ``signal.signal(SIGTERM, f)``."""
        call = site.call
        exprs = [*call.args, *[value for _, value in call.keywords]] if call.keywords else call.args
        for expr in exprs:
            if not self._may_refer(expr, site.function) or id(expr) in self._put_away:
                continue
            for part in expr.items if isinstance(expr, m.Sequence) else (expr,):
                for func in self.referenced(part, site.function):
                    self._edge(Edge(site.function, func, site, "reference", site.dotted or site.text))

    def _may_refer(self, expr: m.Expr, function: Func) -> bool:
        """Whether `referenced` can have an answer: most arguments are plain values, and all of them are asked for."""
        if type(expr) is not m.Name:
            return type(expr) in REFERRING
        value = self.names.value(expr, function)
        return (value is not None and value.target is not None) or expr.id.rpartition(".")[2] in self.fields.words

    def referenced(self, expr: m.Expr, function: Func) -> Iterator[Func]:
        """The project's functions that an expression names without calling them (also through partial and lambda)."""
        if isinstance(expr, m.Star):
            expr = expr.value
        if isinstance(expr, (m.Name, m.Attr)):
            value = self.names.value(expr, function)
            if value is not None and isinstance(value.target, Func):
                yield value.target
                yield from self._overrides(value)
            elif value is not None and value.kind == "instance" and isinstance(value.target, Klass):
                call = value.target.method("__call__")
                if call is not None:
                    yield call
            elif value is not None and value.name in ("functools.partial", "functools.partial()") and isinstance(expr, m.Name):
                for binding in function.bindings.get(expr.id, ()):
                    if isinstance(binding.expr, m.Call) and binding.kind == "assign":
                        yield from self.referenced(binding.expr, function)
            elif isinstance(expr, m.Name):
                yield from self.fields.named(expr.id, function)
        elif isinstance(expr, m.Call):
            value = self.names.value(expr.func, function)
            if value is not None and value.name in ("functools.partial", "partial") and expr.args:
                yield from self.referenced(expr.args[0], function)
        elif isinstance(expr, m.Lambda):
            for made in m.calls(expr.body):
                value = self.names.value(made.func, function)
                if value is not None and isinstance(value.target, Func):
                    yield value.target

    # ------------------------------------------------------------ queries

    def sites(self, *patterns: str) -> Iterator[Site]:
        """Sites whose dotted name is one of the patterns; ``x.*`` matches anything below ``x``. Path order."""
        found: dict[int, Site] = {}
        for pattern in patterns:
            if pattern.endswith(".*"):
                prefix = pattern[:-1]
                for dotted, sites in self.by_dotted.items():
                    if dotted.startswith(prefix):
                        found.update((id(s), s) for s in sites)
            else:
                found.update((id(s), s) for s in self.by_dotted.get(libraries.canonical(pattern), ()))
                found.update((id(s), s) for s in self.by_dotted.get(pattern, ()))
        yield from sorted(found.values(), key=lambda s: (s.path, s.line, s.call.col))

    def modules(self) -> Iterable[Module]:
        return self.index.modules.values()


def parameters(func: Func) -> tuple[str, ...]:
    """The names of the parameters of a method, its own object's left out."""
    return tuple(param.name for param in func.facts.params[0 if is_static(func) else 1 :])


def argument_of(site: Site, target: Func, param: m.Param) -> m.Expr | None:
    """What a call gives for a parameter of the project's function that it calls."""
    position: int | None = None
    if param.kind == "positional":
        names = [p.name for p in target.facts.params if p.kind == "positional"]
        position = names.index(param.name)
        if target.cls is not None and not is_static(target):
            position -= 1
    return site.call.argument(param.name, position if position is not None and position >= 0 else None)


def _made_up(func: Func, place: Place, text: str) -> Site:
    """A site for a function that a statement names without calling it."""
    return Site(func, m.Call(m.Name(text, place.stmt.line), (), (), place.stmt.line, 0, place.stmt.end_line), place, False, True)


def _takes(stmt: m.Stmt, text: str) -> bool:
    """Whether a statement gives another name to what is named, or gives it back."""
    value = stmt.value if isinstance(stmt, m.Assign | m.Return) else stmt.iterable if isinstance(stmt, m.For) else None
    return value is not None and stands_for(value, text)


def _exports(stmt: m.Assign) -> bool:
    """``__all__ = (f, g)``: names for others to import."""
    return any(isinstance(target, m.Name) and target.id == "__all__" for target in stmt.targets)


def _names_its_class(site: Site) -> bool:
    """``super().run()``: the base's own method is meant, whatever classes below it have."""
    func = site.call.func
    made = func.value.func if isinstance(func, m.Attr) and isinstance(func.value, m.Call) else None
    return isinstance(made, m.Name) and made.id == "super"
