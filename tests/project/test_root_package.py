from made_sources import link


def test_a_root_that_is_itself_a_package_is_named_without_end() -> None:
    links = link(__init__="", app="from .other import f\nf()\n", other="def f():\n    pass\n")
    assert links.index.modules["app.py"].name == "app"
    assert [s.targets[0].qualname for s in links.index.modules["app.py"].level.sites] == ["f"]
