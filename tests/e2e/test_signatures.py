"""Files with several entries, from the command line to the results: each is listed, chosen by name, fed by its own
tensors' names, and is a model of its own in ids, tables and exports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e
RNG = np.random.default_rng(0)
WEIGHT = RNG.standard_normal((16, 8)).astype(np.float32)
X = RNG.standard_normal((40, 16)).astype(np.float32)
A, B = (RNG.standard_normal((40, 8)).astype(np.float32) for _ in range(2))


def saved_model(folder: Path) -> Path:
    """Two signatures: "encode" from x to e, "decode" from a and b, the larger place of whose difference is asked."""
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(WEIGHT)

        def encode(self, x: Any) -> dict[str, Any]:
            return {"e": tf.nn.relu(x @ self.weight)}

        def decode(self, a: Any, b: Any) -> dict[str, Any]:
            return {"d": 3.0 * a - b}

    net, wide = Net(), tf.TensorSpec((1, 16), tf.float32, name="x")
    narrow = [tf.TensorSpec((1, 8), tf.float32, name=name) for name in ("a", "b")]
    signatures = {
        "encode": tf.function(net.encode).get_concrete_function(wide),
        "decode": tf.function(net.decode).get_concrete_function(*narrow),
    }
    tf.saved_model.save(net, str(folder / "two"), signatures=signatures)
    return folder / "two"


def tflite(folder: Path) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model(folder)), signature_keys=["decode", "encode"])
    (folder / "two.tflite").write_bytes(converter.convert())


def data(folder: Path) -> None:
    """For each signature, by its inputs' names; b first, which the file has first as well."""
    np.savez(folder / "encode.npz", inputs=X, calibration=-X, labels=np.maximum(X @ WEIGHT, 0).argmax(axis=1))
    np.savez(folder / "decode.npz", inputs_b=B, inputs_a=A, labels=(3 * A - B).argmax(axis=1))


def sweep(edgerig: Edgerig, *arguments: str) -> tuple[Ended, dict[str, Any]]:
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *arguments)
    return done, {name.partition("@")[0]: cell for name, cell in done.cells.items()}


def test_a_tflite_files_signatures_are_listed_and_run_by_name(edgerig: Edgerig) -> None:
    tflite(edgerig.folder)
    data(edgerig.folder)
    card = json.loads(edgerig("models", "show", "two.tflite", "--json").out)["network"]["signatures"]
    assert card["encode"]["inputs"] == ["x 1×16 float32"] and card["decode"]["outputs"] == ["d 1×8 float32"]
    assert sorted(name for name, each in card.items() if each["default"]) == ["decode"]

    for name in ("encode", "decode"):
        done, cells = sweep(edgerig, "--model", f"two.tflite:{name}", "--dataset", f"{name}.npz")
        assert done.code == 0, done.err
        (cell,) = cells.values()
        assert (cell["id"], cell["signature"]) == (f"two+{name}-tflite-tflite-as-is@local/t1", name)
        assert cell["accuracy"]["value"] == 1.0
        (row,) = csv.DictReader(io.StringIO((done.run / "results.csv").read_text()))
        assert (row["model"], row["signature"]) == (f"two+{name}", name)
        assert f"two+{name}" in (done.run / "report.md").read_text()

    done, cells = sweep(edgerig, "--model", "two.tflite:train")
    assert "it has no signature" in done.err and "decode, encode" in done.err


def test_a_signature_is_a_source_of_every_recipe(edgerig: Edgerig) -> None:
    """What is built holds what the signature needs, and nothing of the other."""
    tflite(edgerig.folder)
    data(edgerig.folder)
    recipes = ("--recipe", "fp32", "--recipe", "int8-static", "--format", "tflite", "--format", "onnx")
    done, cells = sweep(edgerig, "--model", "two.tflite:encode", "--dataset", "encode.npz", *recipes)
    assert done.code == 0, done.err
    assert {cell["status"] for cell in cells.values()} == {"ok"} and len(cells) == 4
    assert all(cell["signature"] == "encode" and cell["parity"]["relative_error"] < 0.05 for cell in cells.values())


def test_a_saved_models_signature(edgerig: Edgerig) -> None:
    saved_model(edgerig.folder)
    data(edgerig.folder)
    card = json.loads(edgerig("models", "show", "two:decode", "--json").out)["network"]
    assert sorted(card["signatures"]) == ["decode", "encode"]
    assert [tensor["name"] for tensor in card["inputs"]] == ["a", "b"]
    formats = ("--format", "tflite", "--format", "onnx", "--recipe", "fp32")
    done, cells = sweep(edgerig, "--model", "two:decode", "--dataset", "decode.npz", *formats)
    assert done.code == 0, done.err
    for name in ("two+decode-saved_model-tflite-fp32", "two+decode-saved_model-onnx-fp32"):
        assert (cells[name]["signature"], cells[name]["accuracy"]["value"]) == ("decode", 1.0)
    done, _ = sweep(edgerig, "--model", "two", "--format", "onnx")
    assert "it has no signature serving_default (it has: " in done.err
