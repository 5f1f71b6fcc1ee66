"""`edgerig debug` of ONNX graphs beyond what digits_cnn has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgerig.build.layers.onnx import side_by_side
from edgerig.build.layers.twins import look

pytestmark = pytest.mark.contract

X = np.random.default_rng(0).standard_normal((4, 4), dtype=np.float32)


def written(path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], rank: int) -> Path:
    """x (4, 4) to y."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 4])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "net", [given], [result], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_an_einsum_of_one_operand_has_no_second(tmp_path: Path) -> None:
    node = helper.make_node("Einsum", ["x"], ["y"], equation="ij->ji")
    one = written(tmp_path / "one.onnx", [node], {}, 2)
    twins = side_by_side(one, one, tmp_path)
    assert twins.weights == {}
    assert look(twins, [[X]]).seen["y"].noise == 0


def test_values_whose_number_the_data_decides_are_left_out_and_named(tmp_path: Path) -> None:
    """Positions of positive values, as numbers: of another count where the quantized network's are others."""

    def nodes(moved: str) -> list[onnx.NodeProto]:
        return [
            helper.make_node("Add", ["x", moved], ["moved"]),
            helper.make_node("Greater", ["moved", "zero"], ["mask"]),
            helper.make_node("NonZero", ["mask"], ["places"]),
            helper.make_node("Cast", ["places"], ["y"], to=TensorProto.FLOAT),
        ]

    constants = {name: np.array(value, np.float32) for name, value in (("zero", 0), ("little", 0), ("much", 0.5))}
    ours = written(tmp_path / "float.onnx", nodes("little"), constants, 2)
    theirs = written(tmp_path / "int8.onnx", nodes("much"), constants, 2)
    looked = look(side_by_side(ours, theirs, tmp_path), [[X], [-X]])
    assert looked.unlike == ("y",)
    assert set(looked.seen) == {"x", "moved"}
