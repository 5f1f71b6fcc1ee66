"""QuantizeLinear/DequantizeLinear pairs that cost more than they give, taken out of a quantized graph again.

ONNX Runtime's quantizer puts one behind every value it marks and lets all readers read the dequantized one.
"""

from __future__ import annotations

from collections.abc import Collection

import onnx

from edgerig.build.formats.onnx_graph import consumers, drop_unread, producers, read_in


def bypass(model: onnx.ModelProto, coarse: Collection[str], integer: Collection[str]) -> None:
    """Lets readers have the float value in place of its 8-bit copy, in place.

    For a value in `coarse`, all of them. For one that is an input of the graph or computed in float, those that compute
    in float: they would read a rounded copy of what is there in full. `integer` names the nodes that compute in
    integers (a pair behind such a node is part of it, and stays).
    """
    graph = model.graph
    makers, readers = producers(model), consumers(model)
    outputs = {output.name for output in graph.output}
    for node in list(graph.node):
        quantized = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if quantized is None or quantized.op_type != "QuantizeLinear":
            continue
        value, copy = quantized.input[0], node.output[0]
        maker = makers.get(value)
        in_float = maker is None or maker.name not in integer
        every = value in coarse or copy in coarse
        for reader in readers.get(copy, ()):
            if every or (in_float and reader.name not in integer and reader.op_type != "QuantizeLinear"):
                reader.input[:] = [value if name == copy else name for name in reader.input]
        if copy in outputs and (every or in_float) and maker is not None:
            _give(maker, value, copy, readers)
            node.output[0] = f"{copy}_unused"
    _drop_pairs(graph)


def _give(maker: onnx.NodeProto, value: str, output: str, readers: dict[str, list[onnx.NodeProto]]) -> None:
    """Makes `maker` compute the graph's `output` itself, under its name."""
    maker.output[:] = [output if name == value else name for name in maker.output]
    for reader in (*readers.get(value, ()), *readers.get(output, ())):
        reader.input[:] = [output if name == value else name for name in reader.input]


def _drop_pairs(graph: onnx.GraphProto) -> None:
    """Takes out pairs nobody reads, and then constants nobody reads."""
    for kind in ("DequantizeLinear", "QuantizeLinear"):
        read = set(read_in(graph))
        for node in [n for n in graph.node if n.op_type == kind and n.output[0] not in read]:
            graph.node.remove(node)
    drop_unread(graph)
