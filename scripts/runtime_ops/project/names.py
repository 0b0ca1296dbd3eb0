"""What a name or an expression stands for: through imports, re-exports, simple assignments, attributes and classes.

The answers are deliberately shallow: the first binding that says something is believed, arms of conditions are not
told apart, and after a fixed depth the answer is None (unknown). A rule that gets None stays silent.
"""

from __future__ import annotations

import builtins
import re

from runtime_ops.facts import model as m
from runtime_ops.libraries import names as libraries
from runtime_ops.project.elements import element
from runtime_ops.project.model import Binding, Func, Klass, Module, Origin, Value, make
from runtime_ops.project.modules import ModuleIndex
from runtime_ops.project.picked import choices

TRAITLETS = ("traitlets.config.", "jupyter_core.application.", "jupyter_server.")
"""Where applications come from whose ``launch_instance()`` makes one, initializes it and calls its ``start()``
(traitlets 5.14, config/application.py)."""
DEPTH = 12  # steps through assignments, returns and re-exports before the answer is "unknown"
UNASKED = Value("", "")
"""Stands for an answer that is not remembered."""
ANNOTATION_WRAPPERS = re.compile(r"^(?:typing\.)?(?:Optional|Annotated|Final|ClassVar)\[(.+)\]$")
OF_A_CLASS = re.compile(r"^(?:typing\.)?[Tt]ype\[(.+)\]$")
GETATTR = "getattr"
BY_VERB = frozenset(
    "requests requests.api requests.Session requests.sessions.Session httpx httpx.Client httpx.AsyncClient aiohttp.ClientSession".split()
)
"""Clients that have a method for each verb and one ``request`` (requests 2.32.3, api.py; httpx 0.28.1, _api.py, _client.py;
aiohttp 3.11.18, client.py)."""
CASTS = ("typing.cast", "typing_extensions.cast")
STAND_INS = frozenset(
    """werkzeug.local.LocalProxy celery.local.Proxy celery.local.PromiseProxy django.utils.functional.SimpleLazyObject
    lazy_object_proxy.Proxy wrapt.LazyObjectProxy""".split()
)
"""Objects that stand for what the function that they are given returns: each use of theirs is one of that object
(Werkzeug 3.1, local.py; Celery 5.5, local.py; Django 5.2, utils/functional.py; lazy-object-proxy 1.10; wrapt 2.0)."""
APPLICATION = re.compile(r"(?:^|\.)(?:FastAPI|Starlette|app|application)\.state$|^flask\.(?:current_app|Flask)$")
"""Objects on which a program puts what its requests share: ``app.state.client = Client()``, asked for as
``request.app.state.client`` (Starlette 0.46, datastructures.py); ``app.mailer = Mailer()``, asked for as ``current_app.mailer``."""
BUILTINS = frozenset(dir(builtins))
IDLE = re.compile(r"(?:Null|No[Oo]p|Dummy|Fake|Stub|Mock)(?=[A-Z_]|$)")
"""Names of classes whose objects stand where there is nothing to do (``NullProducer``, ``NotifyNullObject``)."""


class Names:
    """Resolves names within the modules of one audited root."""

    def __init__(self, index: ModuleIndex) -> None:
        self.index = index
        self._values: dict[tuple[int, str], Value | None] = {}
        self._busy: set[tuple[int, str]] = set()
        self._heads: dict[Func, frozenset[str]] = {}
        self._put: dict[str, list[tuple[Func, str]]] | None = None
        self.given: dict[tuple[Func, str], Value] = {}
        """What callers hand over for a parameter that nothing else says anything about."""

    def forget_unknown(self) -> None:
        """Drop remembered "unknown" answers, after `given` has learnt something."""
        self._values = {key: value for key, value in self._values.items() if value is not None}
        for module in self.index:
            for func in module.functions.values():
                if None in func.known.values():
                    func.known = {name: value for name, value in func.known.items() if value is not None}

    # ------------------------------------------------------------ names

    def value(self, expr: m.Expr | None, function: Func, depth: int = 0) -> Value | None:
        """What ``expr``, written in ``function``, stands for."""
        if depth > DEPTH or expr is None:
            return None
        if type(expr) is m.Name:
            known = function.known.get(expr.id, UNASKED)
            return self.name(expr.id, function, depth) if known is UNASKED else known
        if isinstance(expr, m.Call):
            return self.result(expr, function, depth) or self.picked(expr, function, depth)
        if isinstance(expr, m.Attr):
            return self.member(self.value(expr.value, function, depth + 1), expr.name, depth + 1)
        if isinstance(expr, m.Const):
            return make(Value, ("const", type(expr.value).__name__, None, None, expr.value))
        if isinstance(expr, m.Await):
            return self.awaited(expr.value, function, depth)
        if isinstance(expr, m.BoolOp):
            return self.first(expr.values, function, depth)
        if isinstance(expr, m.IfExp):
            return self.first((expr.body, expr.orelse), function, depth)
        if isinstance(expr, m.Walrus):
            return self.value(expr.value, function, depth + 1)
        if isinstance(expr, m.Subscript):
            return self.subscripted(expr, function, depth)
        return None

    def first(self, exprs: tuple[m.Expr, ...], function: Func, depth: int) -> Value | None:
        """The first value that is known and more than a constant, else the first known one; one that does nothing by its name
        (``NullProducer``) gives way to the others."""
        found = [v for e in exprs if (v := self.value(e, function, depth + 1)) is not None]
        known = [v for v in found if v.kind != "const"]
        return next((v for v in known if not idle(v)), known[0] if known else found[0] if found else None)

    def awaited(self, expr: m.Expr, function: Func, depth: int) -> Value | None:
        value = self.value(expr, function, depth + 1)
        if value is not None and value.kind == "made" and isinstance(expr, m.Call):
            row = libraries.returned(value.name.removesuffix("()"))
            if row is not None and row.how == "await":
                return Value("made", row.type, origin=value.origin)
        return value

    def subscripted(self, expr: m.Subscript, function: Func, depth: int) -> Value | None:
        held = element(self, expr.value, function, depth + 1) if not isinstance(expr.key, m.Other) else None
        if held is not None:
            return held
        base = self.value(expr.value, function, depth + 1)
        if base is not None and base.kind in ("external", "made"):
            return Value("made", f"{base.name}[]", origin=base.origin)
        return self.picked(expr, function, depth)

    def picked(self, expr: m.Expr, function: Func, depth: int) -> Value | None:
        """The first of the functions of one library that code picks from a table: their arguments, and how they wait, are alike.
        None where the table holds anything else."""
        found = [self.value(each, function, depth + 1) for each in choices(expr, function)]
        first = found[0] if found else None
        if first is None or first.kind != "external" or "." not in first.name:
            return None
        owner = first.name.rpartition(".")[0]
        same = all(v is not None and v.kind == "external" and v.name.rpartition(".")[0] == owner for v in found)
        return first if same else None

    def name(self, dotted: str, function: Func, depth: int = 0) -> Value | None:
        """What a dotted name stands for where it is written. Remembered for each function."""
        known = function.known
        if dotted in known:
            return known[dotted]
        known[dotted] = None  # unknown to whatever asks for it on the way to its own answer
        found: Value | None = None
        try:
            found = self._name(dotted, function, depth)
        finally:
            if depth < DEPTH // 2 or found is not None:
                known[dotted] = found
            else:
                del known[dotted]  # an answer cut short by depth must not be remembered
        return found

    def _name(self, dotted: str, function: Func, depth: int) -> Value | None:
        if "." not in dotted:
            found = self.head(dotted, function, depth)
            empty = function.is_module and found is not None and found.kind == "const" and found.const is None
            return (self.filled(dotted, function.module, depth) if empty else None) or found
        bound = function.bindings.get(dotted)
        if bound is not None and not dotted.startswith("self."):
            found = self.bound(bound, function, depth)
            if found is not None:
                return found
        head, *rest = dotted.split(".")
        # by its remembered answer: of ``rows = rows.filter(…)``, written forty times, each line would ask for all forty again
        value = self.name(head, function, depth) if head in function.bindings else self.head(head, function, depth)
        for attribute in rest:
            if value is None:
                return self._on_untyped_application(dotted, depth)
            value = self.member(value, attribute, depth + 1)
        return value

    def head(self, name: str, function: Func, depth: int) -> Value | None:
        scope: Func | None = function
        while scope is not None:
            if not scope.is_module and name in scope.params:
                return self.parameter(name, scope, depth)
            bindings = scope.bindings.get(name)
            if bindings:  # of a scope around it: asked for by many functions
                return self.bound(bindings, scope, depth) if scope is function else self.name(name, scope, depth)
            if not scope.is_module and name in scope.declared_global:
                scope = scope.module.level
                continue
            scope = scope.parent
        module = function.module
        for binding in module.level.bindings.get("*", ()):
            found = self.star(module, binding, name, depth)
            if found is not None:
                return found
        if name in self._dotted_heads(function) or name in self._dotted_heads(module.level):
            return self.imported(module, name, depth)
        return Value("external", name) if name in BUILTINS else None

    def filled(self, name: str, module: Module, depth: int) -> Value | None:
        """What a function puts into a name of the module that begins as None: ``global client; client = Client()``. None where
        several do, with different things."""
        if depth > DEPTH or name not in module.declared_global:
            return None
        made = [
            value
            for func in module.functions.values()
            if name in func.declared_global and name in func.bindings
            for value in (self.bound(func.bindings[name], func, depth + 1),)
            if value is not None and value.kind != "const"
        ]
        return made[0] if made and all(v.kind == made[0].kind and v.name == made[0].name for v in made) else None

    def _dotted_heads(self, scope: Func) -> frozenset[str]:
        """The first parts of the dotted names that imports in a function, or at a module's level, bind."""
        if scope not in self._heads:
            self._heads[scope] = frozenset(
                name.partition(".")[0]
                for name, bindings in scope.bindings.items()
                if "." in name and bindings[0].kind == "import"
            )
        return self._heads[scope]

    def star(self, module: Module, binding: Binding, name: str, depth: int) -> Value | None:
        other, rest = self.index.find(module, binding.text.removesuffix(".*").removesuffix("*") or ".")
        if other is None or rest or other is module or depth > DEPTH:
            return None
        return self.of_module(other, name, depth + 1)

    def parameter(self, name: str, scope: Func, depth: int) -> Value | None:
        params = scope.facts.params
        if scope.cls is not None and params and params[0].name == name and not is_static(scope):
            kind = "class" if is_classmethod(scope) else "instance"
            return make(Value, (kind, scope.cls.name, scope.cls, None, None))
        param = scope.param(name)
        if param is None:
            return None
        if param.annotation:
            found = self.annotated(param.annotation, scope, depth)
            if found is not None:
                return found
        given = self.given.get((scope, name))
        if given is not None:
            return given
        if param.default is not None and not isinstance(param.default, m.Const):
            return self.value(param.default, scope.parent or scope, depth + 1)
        return self.handed_by_library(name, scope)

    def handed_by_library(self, name: str, method: Func) -> Value | None:
        """The class that a library hands to a method which it calls on the project's own: ``def get_consumers(self, Consumer, …)``."""
        params = method.facts.params
        if method.cls is None or len(params) < 2 or params[1].name != name:
            return None
        for base in method.cls.external_bases:
            row = libraries.returned(f"{base}.{method.name}")
            if row is not None and row.how == "argument":
                return make(Value, ("external", row.type, None, None, None))
        return None

    def annotated(self, text: str, function: Func, depth: int) -> Value | None:
        """An instance of the class that an annotation names (``X``, ``X | None``, ``Optional[X]``, ``"X"``); the class itself
        where it says ``type[X]``, which is called to make one."""
        text = text.strip("'\" ")
        wrapped = ANNOTATION_WRAPPERS.match(text)
        if wrapped:
            text = wrapped.group(1).split(",")[0].strip("'\" ")
        a_class = OF_A_CLASS.match(text)
        if a_class:
            text = a_class.group(1).strip("'\" ")
        options = [o.strip() for o in text.split("|") if o.strip() not in ("None", "")]
        if len(options) != 1:
            return None
        name = options[0].partition("[")[0]
        if not all(part.isidentifier() for part in name.split(".")):
            return None
        scope = function.parent or function.module.level
        value = self.name(name, scope, depth + 1)
        if a_class and value is not None and value.kind == "class":
            return value
        return self.instance(value, None) if value is not None else None

    def bound(self, bindings: list[Binding], scope: Func, depth: int) -> Value | None:
        """The first binding that says something; a mere constant (``x = None``) gives way to a later one, and so does an object
        that does nothing by its name."""
        fallback: Value | None = None
        for binding in bindings:
            value = self.binding(binding, scope, depth + 1)
            if value is None:
                continue
            if value.kind != "const" and not idle(value):
                return value
            fallback = value if fallback is None or (fallback.kind == "const" and value.kind != "const") else fallback
        return fallback

    def binding(self, binding: Binding, scope: Func, depth: int) -> Value | None:
        kind = binding.kind
        if kind == "import":
            return self.imported(scope.module, binding.text, depth)
        if kind == "def":
            target = scope.module.functions.get(binding.text)
            return make(Value, ("function", target.name, target, None, None)) if target else None
        if kind == "class":
            klass = scope.module.classes.get(binding.text)
            return make(Value, ("class", klass.name, klass, None, None)) if klass else None
        if kind in ("assign", "walrus"):
            return self.value(binding.expr, scope, depth)
        if kind == "annotation":
            told = self.annotated(binding.text, scope, depth)
            if told is not None and isinstance(binding.expr, m.Call):
                # ``client: Client = Client(timeout=5)``: the call tells besides how it was made
                made = self.value(binding.expr, scope, depth)
                if made is not None and (made.kind, made.name, made.target) == (told.kind, told.name, told.target):
                    return made
            return told
        if kind == "with":
            return self.entered(self.value(binding.expr, scope, depth), binding.expr, scope, depth)
        if kind == "for":
            return element(self, binding.expr, scope, depth, looped=True)
        if kind == "unpack" and isinstance(binding.expr, m.Call):
            return self.unpacked(binding.expr, scope, depth)
        return None

    def unpacked(self, call: m.Call, scope: Func, depth: int) -> Value | None:
        """One of the things that ``a, b = call()`` binds, where each has the same type (the two ends of a pipe)."""
        callee = self.value(call.func, scope, depth + 1)
        row = libraries.returned(callee.name) if callee is not None and callee.kind == "external" else None
        made = row is not None and row.how == "item"
        return Value("made", row.type, origin=Origin(scope, call)) if row is not None and made else None

    def entered(self, value: Value | None, expr: m.Expr | None, scope: Func, depth: int) -> Value | None:
        """What ``with value as x`` binds."""
        if value is None or value.kind != "made":
            if isinstance(expr, m.Call) and value is None:
                target = self.value(expr.func, scope, depth + 1)
                if target is not None and isinstance(target.target, Func):
                    return self.yielded(target.target, depth + 1)
            return value
        row = libraries.returned(f"{value.name}.__enter__")
        return Value("made", row.type, origin=value.origin) if row is not None else value

    def yielded(self, func: Func, depth: int) -> Value | None:
        """What a context manager function of the project hands over."""
        for place in func.places:
            for node in m.walk(place.stmt) if isinstance(place.stmt, m.ExprStmt | m.Assign) else ():
                if isinstance(node, m.Yield) and node.value is not None:
                    return self.value(node.value, func, depth + 1)
        return None

    # ------------------------------------------------------------ imports

    def imported(self, module: Module, target: str, depth: int) -> Value | None:
        found, rest = self.index.find(module, target)
        if found is None:
            return None if target.startswith(".") else make(Value, ("external", libraries.canonical(target), None, None, None))
        value: Value | None = make(Value, ("module", found.name, found, None, None))
        for part in rest.split(".") if rest else ():
            if value is None:
                return None
            value = self.member(value, part, depth + 1)
        return value

    def imported_before(self, name: str, klass: Klass, scope: Func) -> Value | None:
        """What a name stood for until the class of that name was made below its import."""
        lines = [b.text for b in scope.bindings.get(name, ()) if b.kind == "import" and b.line <= klass.facts.line]
        return self.imported(scope.module, lines[-1], 0) if lines else None

    def of_module(self, module: Module, name: str, depth: int) -> Value | None:
        level = module.level
        if name in level.bindings:
            return self.name(name, level, depth)
        sub = self.index.submodule(module, name)
        if sub is not None:
            return Value("module", sub.name, sub)
        for binding in level.bindings.get("*", ()):
            found = self.star(module, binding, name, depth)
            if found is not None:
                return found
        return None

    # ------------------------------------------------------------ members and calls

    def member(self, value: Value | None, name: str, depth: int) -> Value | None:
        """``value.name``."""
        if value is None or depth > DEPTH * 2:
            return None
        if value.kind == "module" and isinstance(value.target, Module):
            return self.of_module(value.target, name, depth)
        if value.kind in ("class", "instance") and isinstance(value.target, Klass):
            return self.of_class(value, value.target, name, depth)
        if value.kind in ("external", "made"):
            shared = self.put_on_application(value.name, name, depth)
            if shared is not UNASKED:
                return shared
            return self.attribute(f"{value.name}.{name}", value.origin)
        return None

    @property
    def _named_on_applications(self) -> dict[str, list[tuple[Func, str]]]:
        """Each function that puts something on what is called an application, by the name under which it is asked for there,
        with the whole text of the target. By the text alone: nothing may be resolved while something else is."""
        if self._put is None:
            self._put = {}
            for module in self.index:
                for func in module.functions.values():
                    for text in func.bindings:
                        owner, _, name = text.rpartition(".")
                        if owner.endswith(".state") or owner.rpartition(".")[2] in ("app", "application", "current_app"):
                            self._put.setdefault(name, []).append((func, text))
        return self._put

    def _is_application(self, owner: str, func: Func, depth: int) -> bool:
        """Whether ``owner.name = …`` is read elsewhere as the application's: by its text for ``app.state``, else by what it is."""
        if owner.endswith(".state"):
            return APPLICATION.search(owner) is not None
        value = self.name(owner, func, depth)
        if value is not None and isinstance(value.target, Klass):
            return any(APPLICATION.search(base) is not None for base in value.target.external_bases)
        return value is not None and value.kind in ("external", "made") and APPLICATION.search(value.name) is not None

    def put_on_application(self, owner: str, name: str, depth: int) -> Value | None:
        """What every place that puts ``name`` on the application puts there. `UNASKED` where no place does; None where they
        differ, or one is not known."""
        if APPLICATION.search(owner) is None or name not in self._named_on_applications or depth > DEPTH:
            return UNASKED
        key = (-1 if owner.endswith(".state") else -2, name)  # no object's identity
        if key in self._values:
            return self._values[key]
        if key in self._busy:
            return None
        self._busy.add(key)
        try:
            written = [
                (func, text)
                for func, text in self._named_on_applications[name]
                if text.endswith(f".state.{name}") == owner.endswith(".state")
                and self._is_application(text.rpartition(".")[0], func, depth + 1)
            ]
            made = [self.bound(func.bindings[text], func, depth + 1) for func, text in written]
        finally:
            self._busy.discard(key)
        if not made:
            return UNASKED
        told = [value for value in made if value is None or value.kind != "const"]  # ``app.state.client = None`` before the start
        first = told[0] if told else None
        kinds = {(v.kind, v.name, v.target) if v is not None else None for v in told}
        self._values[key] = first if len(kinds) == 1 else None
        return self._values[key]

    def _on_untyped_application(self, dotted: str, depth: int) -> Value | None:
        """``request.app.state.client.get`` where nothing tells what ``request`` is: the text says whose state it is."""
        owner, found, rest = dotted.partition(".state.")
        name, *others = rest.split(".")
        value = self.put_on_application(f"{owner}.state", name, depth + 1) if found else None
        if value is UNASKED:
            return None
        for attribute in others:
            value = self.member(value, attribute, depth + 1)
        return value

    def attribute(self, dotted: str, origin: Origin | None) -> Value:
        row = libraries.returned(dotted)
        if row is not None and row.how == "attribute":
            return Value("made", row.type, origin=origin)
        return make(Value, ("external", libraries.canonical(dotted), None, origin, None))

    def of_class(self, value: Value, klass: Klass, name: str, depth: int) -> Value | None:
        method = klass.method(name)
        if method is not None:
            if any(
                decorator_name(d) in ("property", "cached_property", "functools.cached_property")
                for d in method.facts.decorators
            ):
                return self.returned_by(method, depth + 1)
            return make(Value, ("function", name, method, value.origin, None))
        for base in klass.ancestry:
            if isinstance(base, Klass):
                found = self.class_attribute(base, name, depth)
                if found is not None:
                    return found
        external = klass.external_bases
        if name == "launch_instance" and external and external[0].startswith(TRAITLETS):
            start = klass.method("start")
            return Value("function", "start", start, value.origin) if start is not None else None
        if external:
            # an attribute set by the project but not understood must not be taken for the library's
            if any(isinstance(b, Klass) and name in b.attributes for b in klass.ancestry):
                return None
            return self.attribute(f"{external[0]}.{name}", value.origin)
        return None

    def class_attribute(self, klass: Klass, name: str, depth: int) -> Value | None:
        key = (id(klass), name)
        if key in self._values:
            return self._values[key]
        if key in self._busy or depth > DEPTH:
            return None
        self._busy.add(key)
        fallback: Value | None = None
        told: Value | None = None  # by ``client: Client``, to which a later binding may add how it was made
        try:
            for function, binding in klass.attributes.get(name, ()):
                found = self.binding(binding, function, depth + 1)
                if found is None or (told is not None and not _tells_making(found, told)):
                    continue
                if found.kind == "const":
                    fallback = fallback or found
                    continue
                fallback = found
                if binding.kind != "annotation" or found.kind != "made" or found.origin is not None:
                    break
                told = found
        finally:
            self._busy.discard(key)
        self._values[key] = fallback
        return fallback

    def result(self, call: m.Call, function: Func, depth: int) -> Value | None:
        """What a call gives back."""
        callee = self.value(call.func, function, depth + 1)
        if callee is None:
            return self.of_lambda(call.func, function, depth)
        origin = make(Origin, (function, call))
        if isinstance(callee.target, Func):
            given = _given_back(callee.target, call) if callee.origin is None else None
            handed = self.value(given, function, depth + 1) if given is not None else None
            if handed is not None and handed.kind == "made":
                return handed
            return self._of_receiver(self.returned_by(callee.target, depth + 1), callee.target, call, function, depth + 1)
        if callee.name == GETATTR and len(call.args) >= 2:
            method = self.by_verb(call, function, depth + 1)
            if method is not None:
                return method
        if callee.name in CASTS and len(call.args) == 2:
            return self.value(call.args[1], function, depth + 1) or self.instance(
                self.value(call.args[0], function, depth + 1) or callee, None
            )
        if callee.name in ("super",) and function.cls is not None:
            return self.parent_of(function.cls)
        if callee.kind == "external" and callee.name in STAND_INS and call.args:
            meant = self.given_by(call.args[0], function, depth + 1)
            if meant is not None:
                return meant
        return self.instance(callee, origin)

    def of_lambda(self, callee: m.Expr, function: Func, depth: int) -> Value | None:
        """What a lambda of the module gives that is called by its only name: ``logger = lambda name: logging.getLogger(name)``."""
        if not isinstance(callee, m.Name) or depth > DEPTH:
            return None
        level = function.module.level
        bound = level.bindings.get(callee.id, ())
        made = bound[0].expr if len(bound) == 1 else None
        if not isinstance(made, m.Lambda) or (function is not level and callee.id in function.bindings):
            return None
        called = made.body.func if isinstance(made.body, m.Call) else made.body
        if isinstance(called, m.Name) and called.id.partition(".")[0] in made.params:
            return None  # whatever it is given
        return self.value(made.body, level, depth + 1)

    def by_verb(self, call: m.Call, function: Func, depth: int) -> Value | None:
        """``getattr(requests, method.lower())``: a client's method that is picked by the verb of HTTP. All of them are what its
        ``request`` is with the verb as first argument; their other arguments are the same, and given by name."""
        owner = self.value(call.args[0], function, depth)
        if owner is None or owner.kind not in ("external", "made") or isinstance(call.args[1], m.Const | m.Format):
            return None
        return self.attribute(f"{owner.name}.request", owner.origin) if owner.name in BY_VERB else None

    def given_by(self, maker: m.Expr, function: Func, depth: int) -> Value | None:
        """What calling ``maker`` gives, where that is an object of the project: of a function, a class, a lambda, or an object of
        a library's that was itself given one of these (``PerThread(variable, lambda: Client())``). None for anything else."""
        if depth > DEPTH:
            return None
        if isinstance(maker, m.Lambda):
            found = self.value(maker.body, function, depth + 1)
        else:
            value = self.value(maker, function, depth + 1)
            if value is None:
                return None
            if isinstance(value.target, Func):
                found = self.returned_by(value.target, depth + 1)
            elif value.kind == "class":
                found = self.instance(value, value.origin)
            elif value.kind == "made" and value.origin is not None:
                made = value.origin.call
                given = (*made.args, *(v for _, v in made.keywords))
                all_found = (self.given_by(each, value.origin.function, depth + 1) for each in given if isinstance(each, m.Lambda | m.Name))
                found = next((each for each in all_found if each is not None), None)
            else:
                return None
        return found if found is not None and found.kind == "instance" else None

    def _of_receiver(self, made: Value | None, method: Func, call: m.Call, function: Func, depth: int) -> Value | None:
        """What ``Sub.make()`` gives, where ``make`` is inherited and ends in ``return cls(…)`` or ``return self``: one of the
        class that it is called on, not of the class that it is written in."""
        if made is None or made.kind != "instance" or made.target is not method.cls or not isinstance(call.func, m.Name):
            return made
        receiver = self.name(call.func.id.rpartition(".")[0], function, depth)
        klass = receiver.target if receiver is not None else None
        if not isinstance(klass, Klass) or klass is method.cls or method.cls not in klass.ancestry or not _gives_own(method):
            return made
        return make(Value, ("instance", klass.name, klass, made.origin, None))

    def parent_of(self, klass: Klass) -> Value | None:
        for base in klass.bases:
            if isinstance(base, Klass):
                return Value("instance", base.name, base)
            return Value("made", base)
        return None

    def instance(self, callee: Value, origin: Origin | None) -> Value | None:
        """What calling a class or a library's callable gives."""
        if callee.kind == "class" and isinstance(callee.target, Klass):
            return make(Value, ("instance", callee.name, callee.target, origin, None))
        if callee.kind == "external":
            argument = None
            if origin is not None and origin.call.args and isinstance(origin.call.args[0], m.Const):
                text = origin.call.args[0].value
                argument = text if isinstance(text, str) else None
            known = libraries.returns(callee.name, argument)
            if known is not None:
                return Value("made", known, origin=origin)
            last = callee.name.rpartition(".")[2]
            name = callee.name if last[:1].isupper() else f"{callee.name}()"
            return make(Value, ("made", name, None, origin, None))
        return None

    def returned_by(self, func: Func, depth: int) -> Value | None:
        """What a function of the project returns: its annotation, else its return statements."""
        key = (id(func), "return")
        if key in self._values:
            return self._values[key]
        if key in self._busy or depth > DEPTH:
            return None
        self._busy.add(key)
        found: Value | None = None
        try:
            if func.facts.is_generator:
                return None
            exprs = tuple(
                p.stmt.value for p in func.places if isinstance(p.stmt, m.Return) and p.stmt.value is not None
            )
            found = self.first(exprs, func, depth + 1)
            if (found is None or found.kind == "const") and func.facts.returns:
                found = self.annotated(func.facts.returns, func, depth) or found
        finally:
            self._busy.discard(key)
        self._values[key] = found
        return found

    # ------------------------------------------------------------ constants

    def constant(self, expr: m.Expr | None, function: Func) -> object | None:
        """The literal that an expression comes to (through names bound once), or None when it is no known literal."""
        if isinstance(expr, m.Const):
            return expr.value  # type: ignore[no-any-return]
        value = self.value(expr, function)
        return value.const if value is not None and value.kind == "const" else None


def _tells_making(value: Value, told: Value) -> bool:
    """Whether a value is of the type that an annotation has told, and its making is known besides."""
    return value.origin is not None and (value.kind, value.name, value.target) == (told.kind, told.name, told.target)


def idle(value: Value) -> bool:
    """Whether a value is an object of the project whose class stands, by its name, where there is nothing to do."""
    return value.kind == "instance" and isinstance(value.target, Klass) and IDLE.search(value.target.name) is not None


def decorator_name(expr: m.Expr) -> str:
    """The dotted name of a decorator, called or not."""
    if isinstance(expr, m.Call):
        expr = expr.func
    return expr.id if isinstance(expr, m.Name) else expr.name if isinstance(expr, m.Attr) else ""


def _given_back(func: Func, call: m.Call) -> m.Expr | None:
    """The argument that a plain function gives back on some way (``return client`` when there is nothing to add to it)."""
    if func.cls is not None or func.facts.is_generator or func.facts.decorators or func.facts.is_async:
        return None
    for place in func.places:
        value = place.stmt.value if isinstance(place.stmt, m.Return) else None
        if isinstance(value, m.Name) and value.id in func.params and value.id not in func.bindings:
            names = [param.name for param in func.facts.params]
            return call.argument(value.id, names.index(value.id))
    return None


def _gives_own(method: Func) -> bool:
    """Whether a method gives back its own object, or makes one of its own class, by the name of its first parameter."""
    first = method.facts.params[0].name if method.facts.params and not is_static(method) else None
    given = [place.stmt.value for place in method.by_kind.get(m.Return, ()) if isinstance(place.stmt, m.Return)]
    own = [expr.func if isinstance(expr, m.Call) else expr for expr in given]
    return any(isinstance(expr, m.Name) and expr.id == first for expr in own)


def is_static(func: Func) -> bool:
    return any(decorator_name(d) == "staticmethod" for d in func.facts.decorators)


def is_classmethod(func: Func) -> bool:
    return any(decorator_name(d) == "classmethod" for d in func.facts.decorators)
