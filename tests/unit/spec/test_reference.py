"""Figures others measured on their devices: typed, sourced, beside a run's own and never among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.errors import ConfigError
from edgerig.spec import load_models
from edgerig.spec.reference import load_reference

ROW = """[[reference]]
device = "Board"
runtime = "Runtime"
version = "1.2"
threads = 2
recipe = "{recipe}"
value = {value}
unit = "{unit}"
source = {{ title = "A page", url = "https://host/page" }}
"""


def write(folder: Path, recipe: str = "fp32", value: object = 4.5, unit: str = "ms") -> Path:
    (folder / "reference.toml").write_text(ROW.format(recipe=recipe, value=value, unit=unit), encoding="utf-8")
    return folder


def test_rows_are_read_with_their_source(tmp_path: Path) -> None:
    assert load_reference(tmp_path) == ()
    (row,) = load_reference(write(tmp_path))
    assert (row.device, row.version, row.threads, row.value) == ("Board", "1.2", 2, 4.5)
    assert row.source.url == "https://host/page"


@pytest.mark.parametrize(("value", "unit", "said"), [(0, "ms", "greater than 0"), (1, "%", "given in ms")])
def test_a_wrong_row_is_refused_by_file_and_key(tmp_path: Path, value: object, unit: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_reference(write(tmp_path, value=value, unit=unit))
    assert "reference.toml" in caught.value.message


def test_a_shipped_model_has_those_that_are_known() -> None:
    model = load_models("mobilenet_v2")["torch"]
    assert [(row.device.split(" (")[0], row.recipe, row.value) for row in model.reference] == [
        ("Raspberry Pi 5", "fp32", 10.88),
        ("Raspberry Pi 5", "int8-static", 3.98),
        ("Raspberry Pi 4", "fp32", 46),
        ("Raspberry Pi 4", "int8-static", 17),
    ]
    assert model.random_weights
