"""Methods that code picks by a name which it puts together."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

SHOP = """\
class Base:
    def run(self, event):
        handler = getattr({owner}, {name}, None)
        handler(event)

    @property
    def on_nothing(self):
        return 1

    def on_sale(self, event):
        print(event)


class Shop(Base):
    def on_return(self, event):
        print(event)

    def off_sale(self, event):
        print(event)
"""


@pytest.mark.parametrize(
    ("name", "picked"),
    [
        ('f"on_{event}"', {"on_sale", "on_return"}),
        ('"on_" + event', {"on_sale", "on_return"}),
        ('"on_%s" % event', {"on_sale", "on_return"}),
        ('"on_{}".format(event)', {"on_sale", "on_return"}),
        ('f"{event}_sale"', {"on_sale", "off_sale"}),
        ("event", set()),
        ('f"o{event}"', set()),  # too little is written
        ('"on_sale"', set()),  # a name that is written whole
    ],
)
def test_a_name_that_is_put_together_picks_methods(tmp_path: Path, name: str, picked: set[str]) -> None:
    project = written(tmp_path, {"shop.py": SHOP.format(owner="self", name=name)})
    run = project.index.modules["shop.py"].functions["Base.run"]
    assert {edge.callee.name for edge in project.links.callees.get(run, ()) if edge.via == "getattr"} == picked


def test_an_object_that_nobody_knows_gives_no_method(tmp_path: Path) -> None:
    project = written(tmp_path, {"shop.py": SHOP.format(owner="event", name='f"on_{event}"')})
    run = project.index.modules["shop.py"].functions["Base.run"]
    assert not [edge for edge in project.links.callees.get(run, ()) if edge.via == "getattr"]
