"""Layers of an ONNX graph that a recipe keeps in float by name, and whether the quantized graph has them so."""

from __future__ import annotations

import onnx

from edgerig.build.formats.layer_names import apart_note, layer_names, meant, not_kept
from edgerig.build.formats.onnx_graph import consumers, held, producers, weights_of
from edgerig.spec import RecipeSpec

Asked = dict[str, onnx.NodeProto]
"""Layer's name → its node in the float graph."""


def asked(model: onnx.ModelProto, recipe: RecipeSpec) -> Asked:
    """The nodes that the recipe keeps in float. Raises BuildError for a name that is no node's."""
    nodes = list(model.graph.node)
    names = layer_names(node.op_type for node in nodes)
    kept = set(meant(recipe, "onnx", names))
    return {name: node for name, node in zip(names, nodes, strict=True) if name in kept}


def notes(model: onnx.ModelProto, quantized: onnx.ModelProto, wanted: Asked) -> tuple[str, ...]:
    """What to say of the layers `wanted`, of the graph `model`, as found in `quantized`.

    One without weights that reads integers and gives integers is computed in integers: ONNX Runtime fuses
    DequantizeLinear, operator and QuantizeLinear when it loads the file (onnxruntime's QDQ selectors).
    """
    between = [name for name, node in wanted.items() if _between_integers(_same(quantized, node), quantized)]
    found = [name for name in wanted if name not in between]
    said = apart_note(found, len(model.graph.node))
    if between:
        said += (f"float_layers: ONNX Runtime computes these in integers, as their neighbours: {', '.join(between)}",)
    return said


def check(model: onnx.ModelProto, quantized: onnx.ModelProto, recipe: RecipeSpec, wanted: Asked) -> None:
    """Raises BuildError where one of the layers `wanted` is not in the quantized graph, or its weights not in float."""
    before, after = held(model), held(quantized)
    missing = {
        name
        for name, node in wanted.items()
        if (found := _same(quantized, node)) is None or len(weights_of(found, after)) < len(weights_of(node, before))
    }
    if missing:
        raise not_kept(recipe, missing)


def _same(quantized: onnx.ModelProto, node: onnx.NodeProto) -> onnx.NodeProto | None:
    return next((each for each in quantized.graph.node if (each.name, each.op_type) == (node.name, node.op_type)), None)


def _between_integers(node: onnx.NodeProto | None, model: onnx.ModelProto) -> bool:
    if node is None or weights_of(node, held(model)):
        return False
    makers, readers = producers(model), consumers(model)
    read = [makers[name].op_type for name in node.input if name in makers]
    given = [reader.op_type for name in node.output for reader in readers.get(name, ())]
    return bool(read and given) and set(read) == {"DequantizeLinear"} and set(given) == {"QuantizeLinear"}
