"""Which of the layers asked for are in float in a quantized torch graph and the program made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import fx
from torch.ao.quantization.fx import _decomposed  # registers quantized_decomposed

from edgerig.build.formats.executorch_layers import FloatLayers
from edgerig.build.formats.pte import Program
from edgerig.errors import BuildError
from edgerig.spec import load_recipes

pytestmark = pytest.mark.contract

assert _decomposed is not None
aten, decomposed = torch.ops.aten, torch.ops.quantized_decomposed
INT8 = (0.1, 0, -128, 127, torch.int8)
Between = Callable[[fx.Graph, Any], Any]


def through_integers(graph: fx.Graph, value: Any) -> Any:
    stored = graph.call_function(decomposed.quantize_per_tensor.default, (value, *INT8))
    return graph.call_function(decomposed.dequantize_per_tensor.default, (stored, *INT8))


def in_float(graph: fx.Graph, value: Any) -> Any:
    return value


def network(before: Between, behind: Between, weights: Between, operator: Any = aten.relu.default) -> fx.GraphModule:
    """x → an operator → a linear layer, then another in float."""
    graph = fx.Graph()
    x = before(graph, graph.placeholder("x"))
    kind = str(operator).removeprefix("aten.").partition(".")[0]
    found = behind(graph, graph.create_node("call_function", operator, (x,), name=kind))
    given = (found, weights(graph, graph.get_attr("weight")))
    first = graph.create_node("call_function", aten.linear.default, given, name="linear")
    graph.output(graph.call_function(aten.linear.default, (first, graph.get_attr("other"))))
    root = {name: torch.nn.Parameter(torch.ones(4, 4)) for name in ("weight", "other")}
    return fx.GraphModule(root, graph)


def asked(name: str, operator: Any = aten.relu.default) -> FloatLayers:
    plain = network(in_float, in_float, in_float, operator)
    nodes = {node.name: node for node in plain.graph.nodes}
    return FloatLayers({name: nodes[name.partition("_")[2]]}, 3)


class Floats:
    """A program with so many operators of float weights."""

    def __init__(self, count: int) -> None:
        self.count = count

    def in_float(self, *, every: bool) -> list[str]:
        return ["FullyConnected"] * self.count


def program(count: int) -> Program:
    return cast(Program, Floats(count))


def test_between_integers_an_operator_of_integer_kernels_is_in_integers() -> None:
    (note,) = asked("op00_relu").notes(network(through_integers, through_integers, in_float))
    assert note == "float_layers: XNNPACK computes these in integers, as their neighbours: op00_relu"


@pytest.mark.parametrize(
    ("before", "behind"), [(in_float, through_integers), (through_integers, in_float), (in_float, in_float)]
)
def test_with_a_neighbour_in_float_it_is_in_float(before: Between, behind: Between) -> None:
    (note,) = asked("op00_relu").notes(network(before, behind, in_float))
    assert note == "float_layers: 1 of 3 layers compute in float32: op00_relu"


def added(graph: fx.Graph, value: Any) -> Any:
    read = (through_integers(graph, value), through_integers(graph, value))
    return graph.create_node("call_function", aten.add.Tensor, read, name="add")


def test_a_sum_is_taken_with_its_relu() -> None:
    quantized = network(added, through_integers, in_float)
    relu = asked("op01_relu").asked["op01_relu"]
    add = {node.name: node for node in network(added, in_float, in_float).graph.nodes}["add"]
    (note,) = FloatLayers({"op00_add": add, "op01_relu": relu}, 4).notes(quantized)
    assert note.endswith("in integers, as their neighbours: op00_add, op01_relu")
    (note,) = FloatLayers({"op00_add": add, "op01_relu": relu}, 4).notes(network(added, in_float, in_float))
    assert note.startswith("float_layers: 2 of 4 layers compute in float32")


def test_a_constant_in_float_keeps_an_operator_there() -> None:
    def scaled(graph: fx.Graph, value: Any) -> Any:
        read = (through_integers(graph, value), graph.get_attr("weight"))
        return graph.create_node("call_function", aten.mul.Tensor, read, name="mul")

    quantized = network(scaled, through_integers, in_float)
    mul = {node.name: node for node in quantized.graph.nodes}["mul"]
    (note,) = FloatLayers({"op00_mul": mul}, 4).notes(quantized)
    assert note.endswith("compute in float32: op00_mul")


def test_what_has_no_integer_kernel_is_in_float_between_integers() -> None:
    sigmoid = aten.sigmoid.default
    (note,) = asked("op00_sigmoid", sigmoid).notes(network(through_integers, through_integers, in_float, sigmoid))
    assert note.endswith("compute in float32: op00_sigmoid")


def test_a_layer_with_integer_weights_was_not_kept_whatever_else_is_in_float() -> None:
    quantized = network(in_float, in_float, through_integers)
    with pytest.raises(BuildError, match="op01_linear: not in float32"):
        asked("op01_linear").check(load_recipes()["int8-static"], quantized, program(5))


def test_a_program_has_all_of_its_graphs_float_weights() -> None:
    recipe, quantized = load_recipes()["int8-static"], network(in_float, in_float, in_float)
    asked("op01_linear").check(recipe, quantized, program(2))
    with pytest.raises(BuildError, match="op01_linear: not in float32"):
        asked("op01_linear").check(recipe, quantized, program(1))
