"""budget.toml: read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.errors import ConfigError
from edgerig.spec.budget import Budget, load_budget


def test_without_a_file_there_are_the_defaults() -> None:
    assert load_budget(None) == Budget()


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(
        'inconclusive = "pass"\n[regression]\nlatency = 0.08\n'
        '[[cells]]\nmatch = "*int8*"\nlimit.size_bytes = 100_000\nregression.accuracy = 0.005\n'
    )
    found = load_budget(file)
    assert found.inconclusive == "pass"
    assert found.limits("a-int8@b").of("size_bytes") == 100_000
    assert found.minimums("a-int8@b").least("accuracy") == 0.005
    assert found.minimums("a-fp32@b").least("accuracy") == 0.01
    assert found.minimums("a-fp32@b").least("latency") == 0.08


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("inconclusive = 'ignore'", 'key "inconclusive"', ""),
        ("[regression]\nlatncy = 0.1", 'unknown key "regression.latncy"', "latency"),
        ("[[cells]]\nmatch = '*'\nlimit.size = 1", 'unknown key "cells.0.limit.size"', "size_bytes"),
        ("[[cells]]\nlimit.size_bytes = 1", 'key "cells.0.match"', ""),
        ("[regression]\nlatency = -0.1", 'key "regression.latency"', ""),
        ("[regression]\nlatency = nan", 'key "regression.latency"', ""),
        ("[regression]\nlatency = 5", 'key "regression.latency"', ""),
        ("[[cells]]\nmatch = '*'\nlimit.accuracy = 95", 'key "cells.0.limit.accuracy"', ""),
        ("= 1", "not TOML", ""),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_fix(tmp_path: Path, text: str, said: str, hint: str) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_budget(file)
    assert str(file) in caught.value.message
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint
