"""int8-dynamic: 8-bit weights, activations quantized as they come, for the operators in which that pays.

Convolutions stay float: a dynamic one becomes ConvInteger (MobileNetV2: 8 times slower than float). ONNX Runtime has no
dynamically quantized GRU or RNN, and what its quantizer makes of products inside loops and branches is wrong (option
EnableSubgraph; a Keras LSTM came out with a relative error of 0.3), so those stay float too.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from edgerig.build.formats.onnx_graph import MATRIX_OPERATORS, has_matrix, held, outside, weights_of
from edgerig.build.formats.onnx_unsigned import sign_tables, widen
from edgerig.build.onnx_weights import external_files, save
from edgerig.errors import UnsupportedRecipe
from edgerig.spec import RecipeSpec

LARGE_TABLE = 16_384
"""Numbers in an embedding table from which storing it in 8 bits is worth a DequantizeLinear behind the look-up."""
OPERATORS = (*MATRIX_OPERATORS, "LSTM", "Gather")


def quantize(prepared: Path, out: Path, recipe: RecipeSpec) -> None:
    """Writes the graph in `prepared` to `out`. Raises UnsupportedRecipe when it has nothing to quantize."""
    model = onnx.load(prepared)
    constants = held(model)
    candidates = [node for node in model.graph.node if node.op_type in OPERATORS]
    left = [node.name for node in candidates if not _worthwhile(node, constants)]
    if len(left) == len(candidates):
        raise UnsupportedRecipe(
            f"{recipe.name}: ONNX Runtime quantizes the weights of MatMul and Gemm only (of two axes), of LSTM and of "
            f"embeddings of {LARGE_TABLE} numbers or more, and the model has none that are constant"
            f"{outside(model)}",
            hint="choose int8-static, or another format",
        )
    quantize_dynamic(
        str(prepared),
        str(out),
        weight_type=QuantType.QInt8,
        per_channel=not recipe.options.per_tensor,
        reduce_range=recipe.options.reduce_range is True,
        use_external_data_format=bool(external_files(prepared)),
        op_types_to_quantize=list(OPERATORS),
        nodes_to_exclude=left,
    )
    quantized = onnx.load(out)
    sign_tables(quantized)
    widen(quantized, shared_only=True)
    save(quantized, out)


def _worthwhile(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type in MATRIX_OPERATORS:
        return has_matrix(node, constants)
    weights = [weight for weight in weights_of(node, constants) if weight.data_type == TensorProto.FLOAT]
    if node.op_type == "Gather":
        return any(numpy_helper.to_array(weight).size >= LARGE_TABLE for weight in weights)
    if node.op_type != "LSTM" or len(weights) != 2:
        return False
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return not attributes.get("layout", 0)  # which the quantizer would forget
