"""Metrics of named outputs, from the command line to the reports."""

import csv
from typing import Any

import numpy as np
import numpy.typing as npt
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
    samples = RNG.standard_normal((200, 16)).astype(np.float32)
    labels = (samples @ weight(edgerig, "w_kind")).argmax(axis=1)
    labels[:20] = (labels[:20] + 1) % 3
    np.savez(edgerig.folder / "data.npz", inputs=samples, labels=labels)


def weight(edgerig: Edgerig, name: str) -> npt.NDArray[Any]:
    constants = onnx.load(edgerig.folder / "heads.onnx").graph.initializer
    return next(onnx.numpy_helper.to_array(one) for one in constants if one.name == name)


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


def test_each_output_is_held_against_labels_of_its_own(edgerig: Edgerig) -> None:
    two_heads(edgerig)
    data = np.load(edgerig.folder / "data.npz")
    ages = RNG.standard_normal((200, 2)).astype(np.float32)
    np.savez(edgerig.folder / "own.npz", inputs=data["inputs"], labels_kind=data["labels"], labels_age=ages)
    named = ("--metric", "kind=top1", "--metric", "age=mae")
    cell = of(sweep(edgerig, "--model", "heads.onnx", "--dataset", "own.npz", *named, *FORMAT), "fp32")
    assert cell["metrics"]["kind=top1"]["value"] == 0.9
    reference = np.abs(data["inputs"] @ weight(edgerig, "w_age") - ages).mean()
    assert cell["metrics"]["age=mae"]["value"] == pytest.approx(reference, rel=1e-5)
    assert not cell["metrics"]["age=mae"]["higher_is_better"]


def test_boxes_of_samples_own_numbers_reach_coco_map_and_own_metrics(edgerig: Edgerig) -> None:
    """A network that gives its input back as boxes, scores and classes, in a folder with a metric of its own."""
    folder = edgerig.folder / "models" / "detector"
    folder.mkdir(parents=True)
    net = Graph(17)
    cuts = [
        (net.constant(np.array([a]), f"a{a}"), net.constant(np.array([b]), f"b{b}"))
        for a, b in ((0, 4), (4, 5), (5, 6))
    ]
    axis = net.constant(np.array([2]), "axis")
    for name, cut in zip(("boxes", "scores", "classes"), cuts, strict=True):
        net.node("Slice", ["x", *cut, axis], [name])
    shape = TensorProto.FLOAT, [1, 4, 6]
    outputs = {
        name: (TensorProto.FLOAT, [1, 4, width]) for name, width in (("boxes", 4), ("scores", 1), ("classes", 1))
    }
    onnx.save(net.model({"x": shape}, outputs), folder / "net.onnx")
    labels = [np.array([[0, 0, 10, 10, 1.0], [20, 20, 40, 40, 2]]), np.zeros((0, 5)), np.array([[5, 5, 9, 9, 1.0]])] * 4
    seen = np.zeros((12, 4, 6), np.float32)
    for sample, boxes in zip(seen, labels, strict=True):
        sample[: len(boxes)] = np.column_stack([boxes[:, :4], np.full(len(boxes), 0.9), boxes[:, 4]])
    seen[0, 0, :4] += 100  # one of 12 is missed
    np.savez(
        folder / "data.npz", inputs=seen, labels=np.concatenate(labels), labels_lengths=[len(one) for one in labels]
    )
    (folder / "own.py").write_text("def most(outputs, labels):\n    return max(len(boxes) for boxes in labels)\n")
    (folder / "model.toml").write_text(
        'source = "onnx"\nfile = "net.onnx"\nmetric = ["boxes,scores,classes=coco_map", "own.py:most"]\n'
        '[dataset]\nnpz = "data.npz"\nlabels = "boxes"\n'
    )
    cell = of(sweep(edgerig, "--model", "detector", *FORMAT), "fp32")
    found = cell["metrics"]["boxes,scores,classes=coco_map"]
    assert (found["reason"], 0.7 < found["value"] < 1) == ("", True)
    assert cell["metrics"]["own.py:most"]["value"] == 2


CODE = """
import numpy as np


def louder(sample):
    (clip,) = sample  # of any length
    return np.resize(clip * 2, 4)


def heard(outputs):
    (scores,) = outputs  # (4,)
    return {"text": " ".join("abcd"[place] for place in np.flatnonzero(scores > 0)), "tops": scores.argmax()}


def broken(outputs):
    return 1 / 0


def words(outputs, labels):
    return max(len(text.split()) for text in outputs[0]) + 0.0 * len(labels)
"""


def listener(edgerig: Edgerig, keys: str) -> None:
    """y = 2 x, of 4 values; samples are clips of 4 to 6 values, labels what is heard of them."""
    folder = edgerig.folder / "models" / "listener"
    folder.mkdir(parents=True)
    net = Graph(17)
    net.node("MatMul", ["x", net.constant(2 * np.eye(4, dtype=np.float32), "w")], ["y"])
    shape = TensorProto.FLOAT, [1, 4]
    onnx.save(net.model({"x": shape}, {"y": shape}), folder / "net.onnx")
    clips = [RNG.standard_normal(4 + place % 3).astype(np.float32) for place in range(20)]
    texts = [" ".join("abcd"[place] for place in np.flatnonzero(clip[:4] > 0)) for clip in clips]
    texts[0] += " and more"
    np.savez(
        folder / "data.npz",
        inputs=np.concatenate(clips),
        inputs_lengths=[len(clip) for clip in clips],
        labels_text=np.array(texts),
        labels_tops=np.array([clip[:4].argmax() for clip in clips]),
    )
    (folder / "code.py").write_text(CODE)
    (folder / "model.toml").write_text(
        f'source = "onnx"\nfile = "net.onnx"\n{keys}\n'
        '[dataset]\nnpz = "data.npz"\nlabels = { text = "text", tops = "any" }\n'
    )


def test_functions_before_and_after_the_network_are_run_and_timed_on_the_host(edgerig: Edgerig) -> None:
    listener(
        edgerig,
        'preprocess = "code.py:louder"\npostprocess = "code.py:heard"\nmetric = { text = ["wer", "code.py:words"] }',
    )
    done = sweep(edgerig, "--model", "listener", *FORMAT)
    cell = of(done, "fp32")
    assert (cell["accuracy"]["metric"], cell["accuracy"]["output"], cell["accuracy"]["reason"]) == ("wer", "text", "")
    assert 0 < cell["accuracy"]["value"] < 0.1  # two words of one sample are missing
    assert cell["metrics"]["text=code.py:words"]["value"] >= 1
    stages = cell["stages"]
    assert stages["preprocess"]["p50_ms"] > 0 < stages["postprocess"]["p50_ms"]
    assert stages["preprocess"]["samples"] == stages["postprocess"]["samples"] == 20
    (run,) = (found.parent for found in (edgerig.folder / "reports").glob("*/results.csv"))
    row = next(csv.DictReader((run / "results.csv").open()))
    assert float(row["postprocess_host_ms"]) == stages["postprocess"]["p50_ms"]
    assert "postprocess on the host" in (run / "report.md").read_text()


def test_a_function_that_fails_costs_the_metrics_alone(edgerig: Edgerig) -> None:
    listener(edgerig, 'preprocess = "code.py:louder"\npostprocess = "code.py:broken"\nmetric = { text = "wer" }')
    cell = of(sweep(edgerig, "--model", "listener", *FORMAT), "fp32")
    assert (cell["status"], cell["accuracy"]["value"]) == ("ok", None)
    assert "ZeroDivisionError" in cell["accuracy"]["reason"]
    assert "ZeroDivisionError" in cell["stages"]["postprocess"]["reason"]
