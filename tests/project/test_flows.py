import pytest
from made_sources import function, link

from runtime_ops.facts import model as m
from runtime_ops.project.flows import always_raises, ends, never_returns, statements_after
from runtime_ops.project.loops import counts_attempts, has_sleep, is_endless, loop_can_end, loop_ends
from runtime_ops.project.source_text import source_of


def body_of(lines: str) -> str:
    return "import sys, os, time, itertools, asyncio, flask\ndef f(x, stop, q, self=None):\n" + "\n".join(
        f"    {line}" for line in lines.splitlines()
    )


@pytest.mark.parametrize(
    ("lines", "ways"),
    [
        ("pass", "fall"),
        ("return 1", "return"),
        ("raise ValueError", "raise"),
        ("raise SystemExit(1)", "exit"),
        ("sys.exit(2)\nreturn 1", "exit"),
        ("os._exit(1)", "exit"),
        ("flask.abort(404)", "raise"),
        ("if x:\n    return 1", "return fall"),
        ("if x:\n    return 1\nelse:\n    raise ValueError", "return raise"),
        ("while True:\n    pass", ""),
        ("while True:\n    if x:\n        break", "fall"),
        ("while x:\n    return 1", "return fall"),
        ("for i in x:\n    continue", "fall"),
        ("try:\n    return x()\nexcept KeyError:\n    raise", "return raise"),
        ("try:\n    raise KeyError\nexcept Exception:\n    pass", "fall"),
        ("try:\n    x()\nexcept Exception:\n    return 1\nelse:\n    return 2", "return"),
        ("try:\n    raise KeyError\nfinally:\n    return 1", "return"),
        ("try:\n    sys.exit(1)\nexcept Exception:\n    pass", "exit fall"),
        ("try:\n    sys.exit(1)\nexcept:\n    pass", "fall"),
        ("with x:\n    return 1", "return"),
        ("match x:\n    case 1:\n        return 1\n    case _:\n        raise ValueError", "return raise"),
        ("assert False", "raise"),
    ],
)
def test_ends(lines: str, ways: str) -> None:
    func = function(link(body_of(lines)))
    assert ends(func.facts.body, func) == frozenset(ways.split())


def test_calls_of_functions_that_never_come_back() -> None:
    links = link("""
        import sys
        def die(text):
            print(text)
            sys.exit(1)
        def fail(e):
            if e:
                raise ValueError
            raise KeyError
        def again():
            return again()
        class Base:
            def run(self):
                raise NotImplementedError
        def f(x):
            if x:
                die("no")
            fail(x)
    """)
    assert never_returns(function(links, "die")) == "exit"
    assert never_returns(function(links, "fail")) == "raise"
    assert always_raises(function(links))
    assert not always_raises(function(links, "again"))
    assert not always_raises(function(links, "Base.run"))
    func = function(links)
    assert ends(func.facts.body, func) == {"exit", "raise"}


def test_statements_after_a_place() -> None:
    func = function(
        link(
            body_of(
                "try:\n    a = 1\n    b = 2\nexcept KeyError:\n    c = 3\nelse:\n    d = 4\nfinally:\n    e = 5\ng = 6"
            )
        )
    )
    place = next(p for p in func.places if isinstance(p.stmt, m.Assign) and source_of(p.stmt.targets[0]) == "a")
    after = [source_of(s.targets[0]) for s in statements_after(place, func) if isinstance(s, m.Assign)]
    assert after == ["b", "d", "e", "g"]


def loop_of(lines: str) -> tuple:
    links = link(body_of(lines))
    func = function(links)
    return next(p.stmt for p in func.places if isinstance(p.stmt, m.While | m.For)), func, links


@pytest.mark.parametrize(
    ("head", "endless"),
    [
        ("while True:", True),
        ("while 1:", True),
        ("while not stop.is_set():", True),
        ("while not stop.wait(5):", True),
        ("while self.running:", True),
        ("while not self._stop and self.running:", True),
        ("while running == True:", True),
        ("for n in itertools.count():", True),
        ("for _ in iter(int, 1):", True),
        ("while x < 3:", False),
        ("while x:", False),
        ("while timeout.run():", False),
        ("while self.retries.alive():", False),
        ("while server.run():", True),
        ("for n in range(3):", False),
        ("for line in iter(q.readline, b''):", False),
    ],
)
def test_endless(head: str, endless: bool) -> None:
    loop, _, _ = loop_of(f"{head}\n    pass")
    assert is_endless(loop) is endless


@pytest.mark.parametrize(("body", "endless"), [("self.running.pop()", False), ("self.jobs.pop()", True)])
def test_a_collection_that_the_loop_uses_up_is_no_flag(body: str, endless: bool) -> None:
    loop, _, _ = loop_of(f"while self.running:\n    {body}")
    assert is_endless(loop) is endless


def test_ways_a_loop_ends() -> None:
    loop, func, _ = loop_of("while True:\n    try:\n        x()\n        break\n    except OSError:\n        continue")
    assert loop_ends(loop, func) == {"break"}
    loop, func, _ = loop_of("while True:\n    x()")
    assert not loop_can_end(loop, func)
    loop, func, _ = loop_of("while not stop.is_set():\n    x()")
    assert loop_ends(loop, func) == {"test"}


@pytest.mark.parametrize(
    ("call", "sleeps"),
    [
        ("time.sleep(1)", True),
        ("time.sleep(0)", False),
        ("stop.wait(5)", True),
        ("stop.wait()", False),
        ("q.get(timeout=3)", True),
        ("q.get()", False),
        ("x.get('name')", False),
        ("backoff(3)", True),
    ],
)
def test_has_sleep(call: str, sleeps: bool) -> None:
    links = link(body_of(f"while True:\n    {call}") + "\ndef backoff(n):\n    time.sleep(2 ** n)\n")
    func = function(links)
    assert has_sleep(func.facts.body, func, links) is sleeps


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        ("for n in range(5):\n    x()", "range"),
        ("for n in q:\n    x()", "items"),
        ("n = 0\nwhile True:\n    n += 1\n    if n > 5:\n        break", "counter"),
        (
            "n = 0\nwhile True:\n    try:\n        x()\n    except OSError:\n        n = n + 1\n        if n >= 3:\n            raise",
            "counter",
        ),
        ("retries = 3\nwhile retries:\n    retries -= 1", "counter"),
        ("end = time.monotonic() + 5\nwhile time.monotonic() < end:\n    x()", "deadline"),
        ("while True:\n    x()\n    count = 0\n    count += 1", None),
        ("while True:\n    if x():\n        break", None),
        ("for n in itertools.count():\n    if n > 3:\n        break", "counter"),
    ],
)
def test_counts_attempts(lines: str, how: str | None) -> None:
    loop, func, _ = loop_of(lines)
    found = counts_attempts(loop, func)
    assert (found.how if found else None) == how
