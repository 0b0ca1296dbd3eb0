"""What speaks for it that a call on a receiver of unknown type means a method of the project that has the same name.

``self.provider.search(text)`` may well mean ``BaseProvider.search`` and what overrides it; ``pattern.search(text)`` does not,
and a call whose arguments the method does not take cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.names import decorator_name, is_static

LIBRARIES_METHODS = frozenset(
    """search match fullmatch sub subn findall finditer group groups groupdict setdefault popitem sort reverse lower upper title
    replace startswith endswith splitlines partition rpartition lstrip rstrip isoformat strftime strptime timestamp total_seconds
    get_size qsize empty full task_done readline readlines writelines seek tell truncate fileno json text content iter_content
    raise_for_status to_dict to_json to_csv to_sql to_list tolist bulk_create bulk_update get_or_create update_or_create in_bulk
    select_related prefetch_related values_list only defer annotate aggregate exclude order_by distinct latest earliest refresh
    refresh_from_db full_clean scalar scalars scalar_one scalar_one_or_none one one_or_none fetchone fetchall fetchmany
    executemany merge expunge filter_by join outerjoin group_by having limit offset union subquery options begin rollback
    getvalue getLogger setLevel addHandler is_alive is_set notify notify_all wait_for send_message read_csv drop fillna
    communicate terminate kill delay apply_async kiq add_argument parse_args""".split()
)
"""Methods of Python's own types, of the queries of its database libraries, of data frames and of answers: on a receiver of unknown
type they mean one of the project's classes only where the receiver is named like it."""
GENERIC = frozenset(
    """self cls obj object item instance inst data result res value val x y i k v p s c o t it elem element entry thing target
    func fn cb callback context ctx it this that other current name id key type kind new old my get the""".split()
)
"""Words of names that say nothing of what the named thing is."""
OF_LIBRARIES = frozenset(
    """client session query queryset queue connection conn cursor response request pattern regex logger log file stream form model
    table column field frame socket thread process event lock future task loop pool parser settings config cache redis pipeline
    db database engine transaction row string text path dict map list set""".split()
)
"""Words for what libraries hand out."""
SHORTEST = 3
PLAIN_DECORATORS = ("staticmethod", "classmethod", "abc.", "abstract", "override", "typing.", "typing_extensions.")
"""Decorators that leave the parameters of a function as they are written."""


def fits(site: Site, method: Func) -> bool:
    """Whether the arguments of a call are such as the method takes; True where that is not seen."""
    facts, call = method.facts, site.call
    if call.expands or any(not decorator_name(d).startswith(PLAIN_DECORATORS) for d in facts.decorators):
        return True
    positional = [p for p in facts.params if p.kind == "positional"]
    if not is_static(method):
        positional = positional[1:]
    kinds = {p.kind for p in facts.params}
    if len(call.args) > len(positional) and "args" not in kinds:
        return False
    named = {p.name for p in facts.params if p.kind not in ("args", "kwargs")}
    given = {key for key, _ in call.keywords if key is not None}
    if not given <= named and "kwargs" not in kinds:
        return False
    return all(p.default is not None or p.name in given for p in positional[len(call.args) :])


def kin(site: Site, methods: Iterable[Func], *, common: bool = False) -> tuple[Func, ...]:
    """The methods of the classes that the receiver of a call is named like: ``self.query_runner.test()`` is one of a
    ``BaseQueryRunner`` and of what derives from it, ``destination.notify()`` one of a class in ``destinations/``. ``common``:
    libraries have methods of that name, so that a name which fits what they hand out says nothing."""
    called = _receiver_words(site.call.func)
    if not called or (common and called <= OF_LIBRARIES):
        return ()
    return tuple(f for f in methods if f.cls is not None and not called.isdisjoint(_words_of_class(f.cls)))


def near(site: Site, methods: Iterable[Func]) -> tuple[Func, ...]:
    """The methods of the one class in the file of a call whose own name the receiver has: ``worker.stop()`` beside
    ``class WorkerThread``."""
    called = _receiver_words(site.call.func)
    found = tuple(
        f for f in methods if f.module is site.function.module and f.cls is not None and not called.isdisjoint(words(f.cls.name))
    )
    return found if len(found) == 1 else ()


def own_name(site: Site) -> frozenset[str]:
    """The words that say what a receiver is, where libraries do not call what they hand out so; else none."""
    called = _receiver_words(site.call.func)
    return called if not called <= OF_LIBRARIES else frozenset()


def _receiver_words(func: m.Expr) -> frozenset[str]:
    """The words that say what a receiver is: the last one of its last name that says anything."""
    if isinstance(func, m.Name):
        parts: list[str] = func.id.split(".")[:-1]
    elif isinstance(func, m.Attr):
        parts = list(_parts(func.value))
    else:
        return frozenset()
    for part in reversed(parts):
        said = [word for word in words(part) if word not in GENERIC]
        if said:
            return frozenset(said[-1:])
    return frozenset()


def _parts(expr: m.Expr) -> Iterator[str]:
    """The names of a receiver, outermost last: of ``self[provider].pool()`` ``self``, ``provider``, ``pool``."""
    if isinstance(expr, m.Name):
        yield from expr.id.split(".")
    elif isinstance(expr, m.Attr):
        yield from _parts(expr.value)
        yield expr.name
    elif isinstance(expr, m.Subscript):
        yield from _parts(expr.value)
        yield from _parts(expr.key)
    elif isinstance(expr, m.Call):
        yield from _parts(expr.func)
    elif isinstance(expr, m.Await):
        yield from _parts(expr.value)


def _words_of_class(klass: Klass) -> frozenset[str]:
    """The words in the names of a class, of those that it derives from, and of the file and folder that it stands in."""
    known: frozenset[str] | None = klass.__dict__.get("_said")
    if known is None:
        names = [k.name if isinstance(k, Klass) else k.rpartition(".")[2] for k in klass.ancestry]
        names += klass.path.removesuffix(".py").removesuffix("/__init__").split("/")[-2:]
        known = klass.__dict__["_said"] = frozenset(word for name in names for word in words(name))
    return known


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a name in small letters, the singular of each."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return tuple(_singular(word.lower()) for word in found if len(word) >= SHORTEST)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > SHORTEST + 1:
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > SHORTEST else word
