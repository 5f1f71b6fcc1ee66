"""Metrics of named outputs, from the command line to the reports."""

import csv
from typing import Any

import numpy as np
import onnx
import pytest
from e2e.commands import QUICK, Edgerig, Ended
from onnx import TensorProto
from onnx_nets import Graph

pytestmark = pytest.mark.e2e
RNG = np.random.default_rng(0)
FORMAT = ("--format", "onnx", "--recipe", "fp32", "--recipe", "fp16")


def two_heads(edgerig: Edgerig) -> None:
    """x (1, 16) → kind (1, 3) and age (1, 2), and data whose labels are classes of the kind, a few of them wrong."""
    net = Graph(17)
    for name, width in (("kind", 3), ("age", 2)):
        net.node(
            "MatMul", ["x", net.constant(RNG.standard_normal((16, width)).astype(np.float32), f"w_{name}")], [name]
        )
    made = net.model(
        {"x": (TensorProto.FLOAT, [1, 16])},
        {"kind": (TensorProto.FLOAT, [1, 3]), "age": (TensorProto.FLOAT, [1, 2])},
    )
    onnx.save(made, edgerig.folder / "heads.onnx")
    weight = onnx.numpy_helper.to_array(made.graph.initializer[0])
    samples = RNG.standard_normal((200, 16)).astype(np.float32)
    labels = (samples @ weight).argmax(axis=1)
    labels[:20] = (labels[:20] + 1) % 3
    np.savez(edgerig.folder / "data.npz", inputs=samples, labels=labels)


def sweep(edgerig: Edgerig, *arguments: str) -> Ended:
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *arguments, "--out", str(edgerig.folder / "reports"))
    assert done.code == 0, done.err
    return done


def of(done: Ended, recipe: str) -> dict[str, Any]:
    (cell,) = [cell for cell in done.results["cells"] if cell["recipe"] == recipe]
    return dict(cell)


def test_a_metric_of_a_named_output_reaches_every_report(edgerig: Edgerig) -> None:
    two_heads(edgerig)
    named = ("--metric", "kind=top1", "--metric", "kind=macro_recall")
    done = sweep(edgerig, "--model", "heads.onnx", "--dataset", "data.npz", *named, *FORMAT)
    cell = of(done, "fp32")
    assert (cell["accuracy"]["metric"], cell["accuracy"]["output"], cell["accuracy"]["value"]) == ("top1", "kind", 0.9)
    assert set(cell["metrics"]) == {"kind=top1", "kind=macro_recall"}
    assert of(done, "fp16")["accuracy"]["delta"] is not None
    (confusion,) = cell["confusion"]
    assert (confusion["output"], sum(confusion["support"]), sum(confusion["right"])) == ("kind", 200, 180)
    assert sum(count for _, _, count in confusion["confused"]) == 20
    (run,) = (found.parent for found in (edgerig.folder / "reports").glob("*/results.csv"))
    row = next(csv.DictReader((run / "results.csv").open()))
    assert (row["accuracy_metric"], float(row["metric_kind=macro_recall"]) > 0.8) == ("kind=top1", True)
    page = (run / "index.html").read_text()
    assert "What is taken for what" in page
    assert "20 samples of 200 wrong" in page
    compared = edgerig("compare", str(run), str(run))
    assert "macro_recall of kind" in compared.out
    budget = edgerig.folder / "budget.toml"
    budget.write_text('[[cells]]\nmatch = "*"\nlimit = { metrics = { "kind=macro_recall" = 0.99 } }\n')
    gated = edgerig("gate", str(run), "--budget", str(budget))
    assert gated.code == 7
    assert "limit.metrics.kind=macro_recall" in gated.err + gated.out


def test_what_names_no_output_is_told_before_anything_is_built(edgerig: Edgerig) -> None:
    two_heads(edgerig)
    chosen = ("--model", "heads.onnx", "--dataset", "data.npz", "--format", "onnx", "--recipe", "fp32")
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *chosen, "--metric", "sort=top1", "--out", "reports")
    (cell,) = done.results["cells"]
    assert (cell["status"], cell["error"]["stage"]) == ("failed", "prepare")
    assert "no output is called sort: there are kind, age" in cell["error"]["message"]
