"""The beginnings of ways: each origin has words, which a trace shows and no rule reads."""

from __future__ import annotations

from typing import get_args

import pytest

from runtime_ops.project.seeds import Origin, Seed


@pytest.mark.parametrize("origin", get_args(Origin))
def test_each_origin_has_words(origin: Origin) -> None:
    assert "sweep" in Seed(origin, "sweep", "shop.Sweeper").text or origin == "made per request"


def test_class_of_a_library_is_told() -> None:
    assert Seed("library class", "emit", "logging.Handler").text == "called by logging.Handler: emit"
    assert Seed("made per request", "__init__", "falcon.Request").text == "falcon.Request is made anew for each request"
