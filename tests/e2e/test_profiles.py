"""A sweep whose cells are looked into, and `edgerig profile` over its folder: real runtimes, a real network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from e2e.commands import QUICK, Edgerig, Ended
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.e2e

SWEEP = 'models = ["digits_cnn"]\nformats = ["tflite", "executorch", "onnx"]\nrecipes = ["fp32", "int8-static"]\n'
CONDITIONS = '[conditions]\ngovernor = "performance"\n'
MACS = 786_176
"""Of digits_cnn by torch's own counter: `edgerig models show digits_cnn`."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("profiles"))
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK.replace("never", "always") + CONDITIONS))
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("form", ["tflite", "executorch"])
@pytest.mark.parametrize("recipe", ["fp32", "int8-static"])
def test_xnnpack_tells_of_its_operators(swept: Ended, form: str, recipe: str) -> None:
    found = swept.cells[f"digits_cnn-torch-{form}-{recipe}@local/t1"]["profile"]
    assert found["reason"] == ""
    kinds = [each["kind"] for each in found["operators"]]
    assert kinds.count("depthwise convolution") == 4
    assert kinds.count("matrix product") == 5
    assert kinds.count("conversion") == (2 if recipe == "int8-static" else 0)
    assert {each["runner"] for each in found["operators"]} == {"xnnpack"}
    assert found["partitions"] == 1
    assert found["sum"] == pytest.approx(sum(each["value"] for each in found["operators"]))
    assert 0.3 * found["whole"] < found["sum"] < 1.1 * found["whole"]  # the clock's unit is the whole's
    assert sum(each["macs"] or 0 for each in found["operators"]) == MACS
    assert all(each["layer"] for each in found["operators"] if each["macs"])
    assert all(each["moved"] for each in found["operators"] if each["layer"])
    if form == "executorch":
        assert 0 < found["entering"] <= found["outside"]
    else:
        assert found["entering"] is None


def test_a_profile_is_taken_in_the_cells_conditions(swept: Ended) -> None:
    for cell in swept.cells.values():
        told = [note for note in cell["profile"]["notes"] if note.startswith("the device was not as asked: governor: ")]
        held = "governor" not in cell["conditions"]["reasons"]
        assert len(told) == (0 if held or cell["profile"]["reason"] else 1), cell["id"]


def test_what_onnxruntime_adds_to_a_small_network_is_taken_off(swept: Ended) -> None:
    """Without that its operators add up to three times the whole, which is no profile."""
    found = swept.cells["digits_cnn-torch-onnx-fp32@local/t1"]["profile"]
    assert found["reason"] == ""
    assert {"convolution", "matrix product"} <= {each["kind"] for each in found["operators"]}
    assert "in which ONNX Runtime notes it: measured here" in " ".join(found["notes"])


def test_a_run_is_looked_into_again_and_its_table_printed(swept: Ended) -> None:
    edgerig = Edgerig(swept.folder)
    before = swept.cells
    done = edgerig("profile", str(swept.run), "*tflite-int8*", "--again")
    assert done.code == 0, done.err
    assert "outside operators" in done.out
    assert "Fully Connected (NC, QS8, QC8W) GEMM" in done.out
    after = swept.cells
    assert [name for name in after if after[name]["profile"] != before[name]["profile"]] == [
        "digits_cnn-torch-tflite-int8-static@local/t1"
    ]
    told = json.loads(edgerig("profile", str(swept.run), "*executorch*", "--json").out)
    assert [len(each["operators"]) for each in told["profiles"].values()] == [14, 16]


def test_a_cell_that_nobody_ran_is_an_error(swept: Ended) -> None:
    done = Edgerig(swept.folder)("profile", str(swept.run), "nothing*")
    assert (done.code, "no cell that ran matches" in done.err) == (3, True)


def test_the_run_can_be_reported_anew_from_what_was_observed(swept: Ended, tmp_path: Path) -> None:
    results = (swept.run / "results.json").read_bytes()
    assert Edgerig(swept.folder)("report", str(swept.run)).code == 0
    assert (swept.run / "results.json").read_bytes() == results


@pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")
def test_an_emulated_processors_instructions_are_exact(edgerig: Edgerig) -> None:
    """Of a processor of another kind, twice: each operator's count, and together nearly those of an inference."""
    flags = ("--model", "digits_cnn", "--device", "qemu-rpi4", "--recipe", "int8-static", "--limit", "4")
    done = edgerig("sweep", *flags, "--format", "tflite", "--format", "executorch")
    found: list[dict[str, Any]] = []
    for _ in range(2):
        assert edgerig("profile", str(done.run), "--again").code == 0
        found.append({name: cell["profile"] for name, cell in done.cells.items()})
    assert len(found[0]) == 2
    for name, one in found[0].items():
        assert (one["unit"], one["reason"]) == ("instructions", "")
        other = found[1][name]["operators"]
        for each, again in zip(one["operators"], other, strict=True):
            assert (each["name"], each["value"]) == (again["name"], pytest.approx(again["value"], rel=0.001))
        assert 0.9 * one["whole"] < one["sum"] < one["whole"]
        assert done.cells[name]["cost"]["instructions"] == pytest.approx(one["whole"], rel=0.05)


@pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")
def test_a_processor_without_dot_products_is_told_from_one_with(edgerig: Edgerig) -> None:
    """A Cortex-A72 executes more instructions for 8-bit products than for float ones; a Cortex-A76 does not."""
    file = edgerig.sweep_file(
        'models = ["digits_cnn"]\nformats = ["executorch"]\nrecipes = ["fp32", "int8-static"]\n'
        'devices = ["qemu-rpi4", "qemu-rpi5"]\n' + QUICK.replace("never", "auto") + "limit = 4\n"
    )
    done = edgerig("sweep", file)
    assert done.code == 0, done.err
    told = {each["cell"]: each for each in json.loads(edgerig("show", str(done.run), "--json").out)["explained"]}
    slower = told["digits_cnn-torch-executorch-int8-static@qemu-rpi4/t1"]
    reason = next(each for each in slower["reasons"] if each["cause"] == "no dot products")
    assert "has no instructions for dot products of 8-bit numbers (dotprod or i8mm)" in reason["text"]
    assert "instructions in fp32" in reason["text"]
    assert len([each for each in done.cells.values() if each["profile"]["operators"]]) >= 2
    for profile in (each["profile"] for each in done.cells.values() if each["profile"]["operators"]):
        # At each call the partition's shapes are propagated and its addresses set: a constant part of what is left.
        assert profile["sum"] + profile["entering"] == pytest.approx(profile["whole"], rel=0.05)
    other = told.get("digits_cnn-torch-executorch-int8-static@qemu-rpi5/t1", {"reasons": []})
    assert "no dot products" not in [each["cause"] for each in other["reasons"]]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Ended]:
    """Runs of one network before and after somebody widened its second product and put an arcsinh behind it, which
    takes long for what it is."""
    folder = tmp_path_factory.mktemp("twice")
    return run_of(folder / "before", 512, angles=False), run_of(folder / "after", 2048, angles=True)


def run_of(folder: Path, width: int, *, angles: bool) -> Ended:
    folder.mkdir()
    edgerig = Edgerig(folder)
    rng = np.random.default_rng(0)
    shapes = {"w": (1024, 1024), "v": (1024, width)}
    weights = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32) / 32, n) for n, s in shapes.items()]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="first"),
             helper.make_node("MatMul", ["h", "v"], ["s" if angles else "y"], name="second"),
             helper.make_node("Asinh", ["s"], ["y"], name="angles")]  # fmt: skip
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, s]) for n, s in (("x", 1024), ("y", width))]
    graph = helper.make_graph(nodes if angles else nodes[:2], "net", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "net.onnx")
    done = edgerig("sweep", edgerig.sweep_file('models = ["net.onnx"]\n' + QUICK.replace("never", "always")))
    assert done.code == 0, done.err
    return done


def profile_of(run: Ended) -> dict[str, Any]:
    """Whose values count: beside what else this machine may do, at the third try."""
    for _ in range(3):
        (cell,) = run.cells.values()
        found: dict[str, Any] = cell["profile"]
        if not found["reason"] and not found["shares_only"]:
            return found
        Edgerig(run.folder)("profile", str(run.run), "--again")
    pytest.fail(f"operators of {found['sum']} of an inference of {found['whole']}: {found['reason']}")


@pytest.mark.alone
def test_a_comparison_names_the_operators_that_changed(twice: tuple[Ended, Ended]) -> None:
    before, after = twice
    first, second = profile_of(before), profile_of(after)
    assert [(each["layer"], each["macs"]) for each in first["operators"]] == [("first", 2**20), ("second", 2**19)]
    assert second["operators"][1]["macs"] == 2**21
    told = json.loads(Edgerig(before.folder)("compare", str(before.run), str(after.run), "--json").out)
    changed = {each["layer"]: each for cell in told["cells"] for each in cell["operators"]}
    assert (changed["second"]["what"], changed["second"]["unit"]) == ("slower", "ns")
    assert (changed["second"]["base"], changed["second"]["new"]) == tuple(
        p["operators"][1]["value"] for p in (first, second)
    )
    assert changed["angles"]["what"] == "new"


@pytest.mark.alone
def test_a_runs_profile_becomes_spans_one_behind_the_other(twice: tuple[Ended, Ended]) -> None:
    run = twice[1]
    done = Edgerig(run.folder)("export", str(run.run), "--to", "perfetto")
    assert done.code == 0, done.err
    (file,) = (run.run / "export").glob("*.json")
    spans = [each for each in json.loads(file.read_text())["traceEvents"] if each["ph"] == "X"]
    found = profile_of(run)
    operators = [span for span in spans if span["cat"] != "outside"]
    assert [span["args"]["layer"] for span in operators] == ["first", "second", "angles"]
    assert [span["dur"] for span in operators] == pytest.approx([each["value"] / 1e3 for each in found["operators"]])
    ends = [span["ts"] + span["dur"] for span in spans]
    assert [span["ts"] for span in spans[1:]] == pytest.approx(ends[:-1])
    assert ends[-1] == pytest.approx(max(found["whole"], found["sum"]) / 1e3)
