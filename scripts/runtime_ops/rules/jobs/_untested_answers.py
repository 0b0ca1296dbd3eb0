"""HTTP answers whose content is taken though nobody looked whether they are an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.names import spellings
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Place, Site, own_expressions
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.jobs._words import saves, words

ASKS = re.compile(
    r"(?:requests|httpx|niquests|aiohttp)\.(?:(?:sessions\.)?(?:Async|Client)?(?:Session|Client)\.)?(?:get|post|put|patch|request|stream)\Z"
)
"""Calls that give an answer of any status and raise for none."""
CONTENT = frozenset(
    """content text json iter_content iter_lines raw read aread iter_bytes aiter_bytes iter_text aiter_text iter_raw aiter_raw
    aiter_lines""".split()
)
ASIDE = frozenset("headers encoding apparent_encoding close aclose release cookies url elapsed request links".split())
"""Attributes that neither take the content nor tell of the status. What is not named here or above may be a look at it."""
SAME = frozenset(
    """decode encode strip rstrip lstrip read getvalue BytesIO StringIO bytes bytearray str ContentFile File SimpleUploadedFile list join
    b64encode b64decode iter_chunked iter_chunks iter_any readany expandtabs replace""".split()
)
"""Functions and methods that give on what they are given, in another dress."""
BODY_TELLS = frozenset("error errors err ok success succeeded status code message detail result_code errorcode error_code fault".split())
"""Keys by which an answer itself tells how it went."""
MAKES_SURE = re.compile(
    r"(?i)sha\d|md5|checksum|digest|verif|valid|signature|zipfile|tarfile|unpack|extract|gzip|image\.open|imghdr|magic|is_zip|parse|loads?$"
)
"""Names of what finds out by itself that the content is another."""
WRITERS = frozenset("write write_bytes write_text writelines".split())
STORES = frozenset(
    """put_object upload_fileobj upload upload_blob upload_from_string upload_file put_file save_file insert_one insert_many upsert
    setex bulk_create""".split()
)
MANAGED = frozenset("create acreate update_or_create aupdate_or_create get_or_create aget_or_create update aupdate".split())
"""Methods that store, on a manager of Django (``Model.objects``)."""
CONTENT_NAMES = frozenset("download file attachment image media payload key certificate cert archive model document artifact blob".split())
"""Words of functions whose answer is taken as it is."""
CACHES = re.compile(r"(?i)cache|redis|memcache")

MISSING = "takes an empty list where {} is not there"


class Taken(NamedTuple):
    """``site``: the request; ``does``: what becomes of the content; ``line``: where; ``sure``: whether an error surely passes for it:
    what was parsed of an answer may be of no use, and be found out, later."""

    site: Site
    does: str
    line: int
    sure: bool


def untested_answers(project: Project) -> Iterator[Taken]:
    """The first place of each request where what was answered is taken for the content, with no look at the status."""
    for dotted, sites in project.links.by_dotted.items():
        if any(ASKS.match(name) for name in spellings(dotted)):
            for site in sites:
                if not _by_itself(project.links, site):
                    taken = _taken(site)
                    if taken is not None:
                        yield taken


def taken_for_nothing(project: Project) -> Iterator[Taken]:
    """The first place of each request where of what was parsed a list is taken that is empty where it is not there:
    ``answer.json().get("items", [])``, in the function that asks or in those that it gives the whole to."""
    for dotted, sites in project.links.by_dotted.items():
        if any(ASKS.match(name) for name in spellings(dotted)):
            for site in sites:
                if site.used and not _by_itself(project.links, site):
                    found = _empty(project.links, site)
                    if found is not None:
                        yield found


def _empty(links: Links, site: Site) -> Taken | None:
    answer = _Answer(site)
    name = answer.name
    if (name is None and not _chained(site)) or (name is not None and ("." in name or _looked_at(site.function, name))):
        return None
    returned = False
    for place in site.function.places:
        answer.learn(place.stmt)
        for expr in own_expressions(place.stmt):
            for node in m.walk(expr):
                if _empty_part(node) and isinstance(node, m.Call) and answer.grade(node) == "maybe":
                    told = _found_out(answer, place, parsed=True)
                    return None if told else Taken(site, MISSING.format(source_of(node.args[0])), node.line, True)
        if isinstance(place.stmt, m.Return) and answer.grade(place.stmt.value) == "json":
            returned = True
    if not returned or _found_out(answer, place, parsed=True):
        return None
    used = [_part_of(edge.site) for edge in links.callers.get(site.function, ()) if edge.how == "call"]
    first = used[0] if used else None
    return Taken(site, MISSING.format(first[0]), first[1], True) if first is not None and all(used) else None


def _part_of(call: Site) -> tuple[str, int] | None:
    """The key, and line, by which a caller takes a list of what it is given; None where it asks for anything that must be there."""
    stmt = call.stmt
    value = stmt.value if isinstance(stmt, m.Assign) else None
    value = value.value if isinstance(value, m.Await) else value
    if value is not call.call or not isinstance(stmt, m.Assign) or len(stmt.targets) != 1 or not isinstance(stmt.targets[0], m.Name):
        return None
    name, found = stmt.targets[0].id, None
    for place in call.function.places:
        for expr in own_expressions(place.stmt):
            for node in m.walk(expr):
                if isinstance(node, m.Subscript) and isinstance(node.value, m.Name) and node.value.id == name:
                    return None
                if isinstance(node, m.Compare) and any(isinstance(right, m.Name) and right.id == name for right in node.rights):
                    return None
                if isinstance(node, m.Call) and isinstance(node.func, m.Name) and node.func.id == f"{name}.get":
                    if any(text.lower() in BODY_TELLS for text in m.texts(node.args[:1])):
                        return None
                    if _empty_part(node):
                        found = found or (source_of(node.args[0]), node.line)
    return found


def _empty_part(node: object) -> bool:
    """``….get("items", [])``."""
    if not isinstance(node, m.Call) or len(node.args) != 2:
        return False
    method = node.func.id.rpartition(".")[2] if isinstance(node.func, m.Name) else node.func.name if isinstance(node.func, m.Attr) else ""
    default = node.args[1]
    return method == "get" and isinstance(default, m.Sequence) and not default.items


def _by_itself(links: Links, site: Site) -> bool:
    """Whether the session raises, or a hook, an adapter or a class of the project looks at every answer."""
    calls = [site.call] + ([site.origin.call] if site.origin is not None else [])
    if any(call.keyword(k) is not None for call in calls for k in ("raise_for_status", "hooks", "event_hooks")) or site.call.expands:
        return True
    func = site.call.func
    if isinstance(func, m.Name) and "." in func.id:
        value = links.names.name(func.id.rpartition(".")[0], site.function)
        if value is not None and isinstance(value.target, Klass):
            return True
    around = {site.function} | ({site.origin.function} if site.origin is not None else set())
    if any(name.endswith(".hooks") or ".hooks." in name for f in around for name in f.inventory.names):
        return True
    if not any("mount" in name for f in around for name in f.inventory.names):
        return False
    # an adapter of the project that answers itself
    adapters = [k for f in around for k in f.module.classes.values() if any("Adapter" in b for b in k.external_bases)]
    return not adapters or any("status" in method.wording for k in adapters for method in k.methods.values())


class _Answer:
    """One answer within its function."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.func: Func = site.function
        self.name = _name_of(site)
        self.known: dict[str, str] = {}

    def grade(self, expr: object) -> str:
        """``raw``: the body; ``json``: what was parsed of it; ``maybe``: a part that is also there when it is not; else nothing."""
        if isinstance(expr, m.Await | m.Star):
            return self.grade(expr.value)
        if isinstance(expr, m.Name):
            return self.known.get(expr.id) or self._member(expr.id)
        if isinstance(expr, m.Attr):
            return self._of_attribute(expr.name) if self._is_answer(expr.value) else ""
        if isinstance(expr, m.Call):
            return self._of_call(expr)
        if isinstance(expr, m.BoolOp):
            return next((g for v in expr.values if (g := self.grade(v))), "")
        if isinstance(expr, m.IfExp):
            return self.grade(expr.body) or self.grade(expr.orelse)
        if isinstance(expr, m.BinOp):
            return "raw" if "raw" in (self.grade(expr.left), self.grade(expr.right)) else ""
        return ""

    def _is_answer(self, expr: object) -> bool:
        if isinstance(expr, m.Await):
            return self._is_answer(expr.value)
        return expr is self.site.call and self.name is None

    def _of_attribute(self, name: str) -> str:
        return "json" if name == "json" else "raw" if name in CONTENT else ""

    def _member(self, dotted: str) -> str:
        if self.name is None or not dotted.startswith(f"{self.name}."):
            return ""
        return self._of_attribute(dotted[len(self.name) + 1 :].partition(".")[0])

    def _of_call(self, call: m.Call) -> str:
        func = call.func
        if isinstance(func, m.Name):
            own = self._member(func.id)
            if own:
                return own
            head, _, method = func.id.rpartition(".")
            of = self.known.get(head, "")
        elif isinstance(func, m.Attr):
            method, of = func.name, self.grade(func.value)
            if self._is_answer(func.value):
                return self._of_attribute(method)
        else:
            return ""
        if of == "json":
            return "maybe" if method == "get" or (method == "pop" and len(call.args) > 1) else ""
        if of == "maybe":
            return "maybe" if method in ("get", "items", "values", "keys", "strip", "lower") else ""
        if of == "raw":
            return "raw" if method in SAME else ""
        if method in SAME and any(self.grade(a) == "raw" for a in call.args):
            return "raw"
        if method == "loads" and any(self.grade(a) == "raw" for a in call.args):
            return "json"
        return ""

    def holds(self, expr: object, *grades: str) -> bool:
        """Whether something of a grade is handed over as it is: itself, or in a display."""
        if self.grade(expr) in grades:
            return True
        if isinstance(expr, m.Mapping):
            return any(self.holds(v, *grades) for _, v in expr.items)
        if isinstance(expr, m.Sequence):
            return any(self.holds(v, *grades) for v in expr.items)
        return False

    def learn(self, stmt: m.Stmt) -> None:
        """What a statement makes of the content."""
        if isinstance(stmt, m.Assign) and stmt.value is not None:
            grade = self.grade(stmt.value)
            if grade:
                self.known.update((t.id, grade) for t in stmt.targets if isinstance(t, m.Name) and t.id != self.name)
        elif isinstance(stmt, m.AugAssign | m.For) and isinstance(stmt.target, m.Name):  # ``content += chunk``
            grade = self.grade(stmt.value if isinstance(stmt, m.AugAssign) else stmt.iterable)
            self.known.update({stmt.target.id: grade} if grade == "raw" else {})


def _name_of(site: Site) -> str | None:
    """The name that the answer gets, where it gets one."""
    stmt = site.stmt
    if isinstance(stmt, m.Assign) and stmt.value is not None:
        value = stmt.value.value if isinstance(stmt.value, m.Await) else stmt.value
        if value is site.call and len(stmt.targets) == 1 and isinstance(stmt.targets[0], m.Name):
            return stmt.targets[0].id
    if isinstance(stmt, m.With):
        for item, bound in stmt.items:
            item = item.value if isinstance(item, m.Await) else item
            if isinstance(item, m.Call) and item is not site.call and source_of(item.func).endswith("closing") and item.args:
                item = item.args[0]
            if item is site.call and isinstance(bound, m.Name):
                return bound.id
    return None


def _taken(site: Site) -> Taken | None:
    func = site.function
    if not site.used:
        return None
    answer = _Answer(site)
    name = answer.name
    if (name is None and not _chained(site)) or (name is not None and ("." in name or _looked_at(func, name))):
        return None
    begun = False
    for place in func.places:
        begun = begun or place.stmt is site.stmt
        if not begun:
            continue
        found = _sink(answer, place.stmt)
        answer.learn(place.stmt)
        if found is not None and not _found_out(answer, place, parsed=found[0] != "raw"):
            grade, does, line = found
            sure = grade != "json" and (not isinstance(place.stmt, m.Return) or _for_content(func))
            return Taken(site, does, line, sure)
    return None


def _for_content(func: Func) -> bool:
    """Whether those who call a function want the content itself, or keep it: what reads a page looks what is on it."""
    kept = any("cache" in source_of(decorator).lower() for decorator in func.facts.decorators)
    return kept or not CONTENT_NAMES.isdisjoint(words(func.name))


def _found_out(answer: _Answer, place: Place, *, parsed: bool) -> bool:
    """Whether the function itself would learn that the content is an error's: by a key of it that tells, or that must be there; by
    what reads or checks the content on the same way."""
    func = answer.func
    if parsed:
        return any(_asks_body(answer, node) for p in func.places for expr in own_expressions(p.stmt) for node in m.walk(expr))
    on_the_way = {id(step.stmt) for step in place.steps}
    for site in func.sites:
        branches = [step for step in site.steps if isinstance(step.stmt, m.If)]
        if MAKES_SURE.search(site.dotted or site.text) and all(id(step.stmt) in on_the_way for step in branches):
            return True
    return False


def _asks_body(answer: _Answer, node: object) -> bool:
    if isinstance(node, m.Subscript):
        return answer.grade(node.value) == "json"  # raises KeyError
    if isinstance(node, m.Compare) and "in" in " ".join(node.ops):
        return any(answer.grade(right) == "json" for right in node.rights)
    if not isinstance(node, m.Call) or answer.grade(node) != "maybe":
        return False
    return any(text.lower() in BODY_TELLS for text in m.texts(node.args[:1]))


def _chained(site: Site) -> bool:
    """``requests.get(url).content``: what else is asked of the answer is seen there."""
    for expr in own_expressions(site.stmt):
        for node in m.walk(expr):
            if isinstance(node, m.Attr):
                value = node.value.value if isinstance(node.value, m.Await) else node.value
                if value is site.call:
                    return node.name in CONTENT
    return False


def _looked_at(func: Func, name: str) -> bool:
    """Whether anything but the content is asked of an answer, or it goes to somebody who may ask."""
    for place in func.places:
        for expr in own_expressions(place.stmt):
            for node in m.walk(expr):
                if not isinstance(node, m.Name):
                    continue
                if node.id == name and not _bound_here(place.stmt, node):
                    return True
                if node.id.startswith(f"{name}."):
                    member = node.id[len(name) + 1 :].partition(".")[0]
                    if member not in CONTENT and member not in ASIDE:
                        return True
    nested = (f for f in func.module.functions.values() if f.parent is func)
    return any(n.partition(".")[0] == name for f in nested for n in f.inventory.names)


def _bound_here(stmt: m.Stmt, node: m.Name) -> bool:
    if isinstance(stmt, m.Assign):
        return any(t is node for t in stmt.targets)
    return isinstance(stmt, m.With) and any(bound is node for _, bound in stmt.items)


def _sink(answer: _Answer, stmt: m.Stmt) -> tuple[str, str, int] | None:
    """What a statement does with the content, as its grade, the words for it and the line."""
    if isinstance(stmt, m.Return) and answer.grade(stmt.value) == "raw":
        return "raw", f"{answer.func.name}() returns it", stmt.line
    for expr in own_expressions(stmt):
        for node in m.walk(expr):
            if not isinstance(node, m.Call):
                continue
            given = (*node.args, *(v for _, v in node.keywords))
            grade = next((g for g in ("raw", "maybe", "json") if any(answer.holds(a, g) for a in given)), "")
            if not grade:
                continue
            called = source_of(node.func)
            method = called.rpartition(".")[2]
            if grade == "raw" and (method in WRITERS or method == "copyfileobj"):
                return grade, "writes it to a file", node.line
            if method == "dump" and grade == "json" and len(given) > 1:
                return "maybe", "writes it to a file", node.line
            if method == "set" and CACHES.search(called.rpartition(".")[0]):
                return "maybe" if grade == "json" else grade, f"keeps it ({called}())", node.line
            if method in STORES or (method in MANAGED and "objects" in called) or _saves(answer, node):
                return grade, f"stores it ({called}())", node.line
    return None


def _saves(answer: _Answer, call: m.Call) -> bool:
    site = sites_by_call(answer.func).get(id(call))
    return site is not None and saves(site)
