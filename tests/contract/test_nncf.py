"""int8-static-nncf over the real NNCF: what it writes computes in integers, and what must stay in float does."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
from builders_of import builder, digits_data

from edgerig import process
from edgerig.build.check import check_constants
from edgerig.build.source import load_source
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import OwnRecipe, load_engines, load_models, load_recipes, recipes_with

pytestmark = [pytest.mark.contract, pytest.mark.long]
nncf = pytest.importorskip("nncf", reason="pip install 'edgerig[nncf]'")
RECIPE = load_recipes()["int8-static-nncf"]


def computed_by(path: Path, folder: Path) -> Counter[str]:
    """The operators of the graph as ONNX Runtime rewrites it when it is loaded."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)


def test_it_is_loaded_without_what_reports_home(tmp_path: Path) -> None:
    show = "from edgerig.build.formats import onnx_nncf; print(onnx_nncf.loaded().telemetry.wrapper.telemetry)"
    env = {name: value for name, value in os.environ.items() if name != "NNCF_CI"} | {"HOME": str(tmp_path)}
    done = process.run([sys.executable, "-c", show], timeout_s=120, env=env)
    assert b"Mock" in done.stdout, done.stderr
    assert not list(tmp_path.rglob("openvino*"))


def test_convolutions_compute_in_integers_as_those_of_int8_static(tmp_path: Path) -> None:
    digits, model = digits_data(), load_source(load_models("digits_cnn")["torch"])
    made = builder("onnx", model, tmp_path)
    kept = OwnRecipe.model_validate({"like": RECIPE.name, "options": {"float_layers": ["op02_*"]}})
    found = {}
    for recipe in (load_recipes()["int8-static"], RECIPE, recipes_with({"kept": kept})["kept"]):
        out = tmp_path / f"{recipe.name}.onnx"
        built = made.build(recipe, [digits["calibration"]], out)
        check_constants(recipe, "onnx", built.constants)
        engine = engines.create(load_engines()["onnxruntime"].module, {})
        engine.load(str(out), 1)
        given = [digits["inputs"][:64]]
        assert 0 < relative_error(evaluate(engine, given)[0], model.infer(given)[0]) < 0.1
        found[recipe.name] = computed_by(out, tmp_path)["QLinearConv"]
    assert found[RECIPE.name] == found["int8-static"] > 5
    assert 0 < found["kept"] < found["int8-static"]
