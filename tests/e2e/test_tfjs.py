"""TensorFlow.js: its own converter, in an environment of its own, and its own runtime in a real node and Chromium. The
environment has 67 packages, which are brought once into the user's cache."""

from __future__ import annotations

import pytest
from e2e.commands import QUICK, Edgerig, Ended
from processes import processes

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.needs("chromium", "nodejs", "npm")]

SWEEP = """
models = ["digits_cnn"]
formats = ["tfjs"]
sources = ["torch", "keras"]
recipes = ["fp32", "fp16", "int8-weight", "int8-static"]
devices = ["node", "browser"]
"""
FURTHEST = {"fp32": 1e-5, "fp16": 1e-2, "int8-weight": 0.1}
"""Recipe → relative error that is still its rounding."""
REFUSED = """
import keras


def create():
    given = keras.Input((4, 4), batch_size=1)
    return keras.Model(given, keras.ops.inv(given))
"""
MODEL = """
description = "an operator that TensorFlow.js has no kernel for"
source = "keras"
factory = "model.py:create"
no_accuracy_reason = "made for a test"
inputs = [{ name = "matrix", shape = [1, 4, 4] }]
outputs = [{ name = "inverse", shape = [1, 4, 4] }]
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("tfjs"))
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
    assert done.code == 0, done.err
    return done


def test_every_recipe_is_as_accurate_as_its_source_in_node_and_in_a_page(sweep: Ended) -> None:
    ran = {name: cell for name, cell in sweep.cells.items() if cell["status"] == "ok"}
    assert {(cell["recipe"], cell["device"]) for cell in ran.values()} == {
        (recipe, device) for recipe in FURTHEST for device in ("node", "browser")
    }
    for cell in ran.values():
        assert (cell["source"], cell["engine"]["name"], cell["engine"]["version"]) == ("keras", "tfjs", "4.22.0")
        assert cell["accuracy"]["value"] > 0.98
        assert cell["parity"]["relative_error"] < FURTHEST[cell["recipe"]]
        assert cell["verdict"]["evidence"]["host_relative_error"] < 1e-5, "the same file, where it was built and here"
    sizes = [ran[f"digits_cnn-keras-tfjs-{recipe}@node/t1"]["size_bytes"] for recipe in FURTHEST]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")
def test_on_an_emulated_arm64_processor_it_computes_the_same(edgerig: Edgerig) -> None:
    select = ("--model", "digits_cnn", "--source", "keras", "--format", "tfjs", "--recipe", "fp32")
    done = edgerig("sweep", edgerig.sweep_file(f"{QUICK}limit = 60\n"), *select, "--device", "node-arm64")
    assert done.code == 0, done.err
    (cell,) = done.cells.values()
    assert (cell["verdict"]["label"], cell["parity"]["relative_error"] < 1e-5) == ("emulated", True)


def test_what_has_no_way_there_says_why(sweep: Ended) -> None:
    refused = [cell for cell in sweep.cells.values() if cell["status"] == "unsupported"]
    assert {cell["source"] for cell in refused} == {"torch", "keras"}
    assert all(len(cell["error"]["message"]) > 40 for cell in refused)


def test_a_model_that_the_converter_refuses_is_one_cell_with_its_reason(edgerig: Edgerig) -> None:
    folder = edgerig.folder / "models" / "inverse"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(REFUSED)
    (folder / "model.toml").write_text(MODEL)
    text = 'models = ["inverse"]\nformats = ["tfjs"]\nrecipes = ["fp32"]\ndevices = ["node"]\n'
    done = edgerig("sweep", edgerig.sweep_file(text + QUICK))
    assert done.code == 1
    (cell,) = done.cells.values()
    assert (cell["error"]["stage"], cell["error"]["kind"]) == ("build", "BuildError")
    assert "TensorFlow.js' converter refuses the model" in cell["error"]["message"]
    assert "MatrixInverse" in cell["error"]["message"]
    assert processes("host.mjs") == []
