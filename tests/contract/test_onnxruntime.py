"""What ONNX Runtime's engine makes of files whose shapes are open or wrong, and of an inference that fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_members import run

from edgerig.ondevice.engines import create
from edgerig.spec import load_engines

pytestmark = pytest.mark.contract


def test_onnxruntime_dynamic_batch_is_one(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["batch", "time", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["batch", "time", 2])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "dynamic.onnx")
    engine = create(load_engines()["onnxruntime"].module, {})
    engine.load(str(tmp_path / "dynamic.onnx"), 1)
    found = engine.describe()
    assert (found.inputs[0].shape, found.inputs[0].dtype) == ((1, -1, 2), "float16")
    assert any("dynamic" in note for note in found.notes)
    for length in (3, 5):
        given = np.full((1, length, 2), 1.5, np.float16)
        (doubled,) = run(engine, given)
        np.testing.assert_array_equal(doubled, given * 2)


@pytest.mark.parametrize("declared", [[1, "length"], [1, 4], [2, 1, 9], ["a", "b", "c"]])
def test_onnxruntime_gives_outputs_of_other_shapes_than_declared(declared: list[int | str], tmp_path: Path) -> None:
    """Exporters that take a shape for a constant write such files; the runtime itself only warns."""
    import onnx
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "length"])
    shape = helper.make_tensor_value_info("shape", TensorProto.INT64, [1, "rank"])
    zero = helper.make_tensor("zero", TensorProto.INT64, [], [0])
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, declared),
        helper.make_tensor_value_info("right", TensorProto.FLOAT, [1, 1]),
    ]
    nodes = [
        helper.make_node("Gather", ["shape", "zero"], ["axes"]),
        helper.make_node("Reshape", ["x", "axes"], ["y"]),
        helper.make_node("ReduceSum", ["x"], ["right"], keepdims=1),
    ]
    graph = helper.make_graph(nodes, "g", [x, shape], outputs, [zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "declared.onnx")
    engine = create(load_engines()["onnxruntime"].module, {})
    engine.load(str(tmp_path / "declared.onnx"), 1)
    for count in (2, 3):
        given = np.arange(3 * count, dtype=np.float32).reshape(1, -1)
        engine.set_inputs([given, np.array([[count, 1, 3]], np.int64)])
        for _ in range(3):
            engine.invoke()
        y, total = engine.outputs()
        np.testing.assert_array_equal(y, given.reshape(count, 1, 3))
        np.testing.assert_array_equal(total, [[given.sum()]])
    how = "each inference" if declared != ["a", "b", "c"] else "the first inference on new inputs"
    assert [note.rpartition("(")[2] for note in engine.describe().notes] == [f"y) are allocated in {how}"]


def test_onnxruntime_raises_what_an_inference_raises(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.INT64, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    table = helper.make_tensor("table", TensorProto.FLOAT, [2], [5.0, 6.0])
    graph = helper.make_graph([helper.make_node("Gather", ["table", "x"], ["y"])], "g", [x], [y], [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "gather.onnx")
    engine = create(load_engines()["onnxruntime"].module, {})
    engine.load(str(tmp_path / "gather.onnx"), 1)
    with pytest.raises(RuntimeError, match="indices element out of data bounds"):
        run(engine, np.array([2]))
    assert run(engine, np.array([1]))[0].tolist() == [6.0]
