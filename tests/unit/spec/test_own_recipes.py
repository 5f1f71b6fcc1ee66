"""Recipes of a sweep's own: another one with other options, or refused with the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgerig.build.spawn import BuildOutcome
from edgerig.errors import ConfigError
from edgerig.plan import make_plan
from edgerig.results import Artifact, BuildRecord, DeviceRecord
from edgerig.spec import OwnRecipe, RecipeSpec, load_sweep, recipes_with

SWEEP = """
models = ["digits_cnn"]
formats = ["tflite", "onnx"]
recipes = ["own"]
[recipe.own]
like = "{like}"
options = {{ {options} }}
"""


def own(like: str = "int8-static", **options: Any) -> RecipeSpec:
    return recipes_with({"own": OwnRecipe.model_validate({"like": like, "options": options})})["own"]


def planned(folder: Path, like: str, options: str) -> dict[str, str]:
    """Cell → why it is unsupported."""
    (folder / "sweep.toml").write_text(SWEEP.format(like=like, options=options))
    return {cell.id: cell.unsupported for cell in make_plan(load_sweep(folder / "sweep.toml", {})).cells}


def test_it_is_a_recipe_of_the_sweep_under_its_own_name(tmp_path: Path) -> None:
    cells = planned(tmp_path, "int8-static", 'calibration_method = "percentile", percentile = 99.9')
    assert cells == {f"digits_cnn-torch-{name}-own@local/t1": "" for name in ("tflite", "onnx")}


def test_what_a_format_cannot_do_is_known_before_anything_is_built(tmp_path: Path) -> None:
    cells = planned(tmp_path, "int8-static", "reduce_range = true")
    assert cells["digits_cnn-torch-onnx-own@local/t1"] == ""
    assert "no reduce_range = true" in cells["digits_cnn-torch-tflite-own@local/t1"]


@pytest.mark.parametrize(
    ("like", "options", "words"),
    [
        ("int8-statik", "per_tensor = true", 'unknown recipe "int8-statik"'),
        ("int8-static", "", "it is int8-static and nothing else"),
        ("int8-static", 'calibration_method = "median"', "calibration_method"),
        ("int8-static", "percentile = 99.0", '"percentile" goes with calibration_method = "percentile"'),
        ("int8-dynamic", "calibration_samples = 5", "takes no ranges from calibration data"),
    ],
)
def test_a_row_that_cannot_be_is_refused(like: str, options: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        planned(tmp_path, like, options)


def test_options_survive_the_way_to_a_builds_process() -> None:
    recipe = own(calibration_method="mse", calibration_samples=50)
    assert RecipeSpec.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.options.told == {"calibration_method": "mse", "calibration_samples": "50"}
    assert (recipe.kind, recipe.method("onnx"), own(per_tensor=True).method("executorch")) == (
        *("int8-static", "mse", "mse"),
    )


def test_a_range_by_the_device_is_settled_where_products_saturate() -> None:
    recipe = own(reduce_range="auto")
    assert [recipe.by_device(name) for name in ("tflite", "executorch", "onnx")] == [False, False, True]
    assert recipe.with_reduced(True).options.reduce_range is True

    def artifact(key: str) -> Artifact:
        made: dict[str, Any] = {"file": "m.onnx", "sha256": "0" * 64, "size_bytes": 1, "format": "onnx"}
        made |= {"engine": "onnxruntime", "layout": "any", "inputs": (), "outputs": (), "constants": {}, "check": None}
        return Artifact(key=key, recipe="own", **made)

    record = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None, key="whole")
    built = BuildOutcome(
        recipe="own", artifact=artifact("whole"), reduced=artifact("reduced"), record=record, failure=None
    )
    for saturates, key in ((True, "reduced"), (False, "whole"), (None, "whole")):
        found = built.on(DeviceRecord(kind="local", emulated=False, int8_saturates=saturates))
        assert found.artifact is not None
        assert (found.artifact.key, found.record.key) == (key, key)
