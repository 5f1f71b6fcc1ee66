from __future__ import annotations

import re

import pytest

from edgerig.errors import ConfigError
from edgerig.spec import Shapes, shape_sets
from edgerig.spec.shapes import SHAPED_NAME, label


@pytest.mark.parametrize(
    ("given", "sets"),
    [
        ([], ()),
        (["ids=1x64"], ({"ids": (1, 64)},)),
        (["ids=1x64", "mask=1x64"], ({"ids": (1, 64), "mask": (1, 64)},)),
        (["ids=1x64", "rate=scalar", "ids=1x128"], ({"ids": (1, 64), "rate": ()}, {"ids": (1, 128), "rate": ()})),
        (["a=b:0=7"], ({"a=b:0": (7,)},)),
    ],
)
def test_options_are_sets_of_shapes(given: list[str], sets: tuple[Shapes, ...]) -> None:
    assert shape_sets(given) == sets


@pytest.mark.parametrize("given", ["ids", "=1x2", "ids=", "ids=0x4", "ids=1,4", "ids=1xN", "ids=-1x4"])
def test_what_is_no_shape_is_named(given: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(given)):
        shape_sets([given])


def test_two_and_three_shapes_make_no_sets() -> None:
    with pytest.raises(ConfigError, match='"a" has 2 shapes, another 3'):
        shape_sets(["a=1", "a=2", "b=1", "b=2", "b=3"])


def test_a_label_is_safe_in_a_path_and_in_a_glob() -> None:
    found = label({"serving_default_x:0": (1, 64), "ä/[*]": (2,), "rate": ()})
    assert found == "+serving_default_x_0=1x64+_____=2+rate=scalar"
    assert re.fullmatch(SHAPED_NAME, "net" + found)
    assert re.fullmatch(SHAPED_NAME, "../net" + found) is None
    assert label({}) == ""
