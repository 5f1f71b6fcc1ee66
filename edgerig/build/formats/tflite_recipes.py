"""ai-edge-quantizer's recipe for each of ours; weights symmetric, per output channel or, where chosen, per tensor."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.tfl_flatbuffer_utils import TFL_OP_CODE_TO_NAME

from edgerig.build.formats.tflite_graph import OPERATORS
from edgerig.spec import RecipeSpec

ALL_LAYERS = ".*"
WIDE = 16
"""Bits of the activations of layers that `int16_layers` names."""
WIDE_KIND = "int16x8"
"""The recipe all of whose activations are so."""
LONGEST_SCOPE = 10_000
"""Where the quantizer cuts one off (tfl_flatbuffer_utils.get_op_scope)."""
ALL_OPERATORS = qtyping.TFLOperationName.ALL_SUPPORTED
EDGES = (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT)
QUANTIZER = f"ai-edge-quantizer {importlib.metadata.version('ai-edge-quantizer')}"
NAMES = {OPERATORS[code]: name for code, name in TFL_OP_CODE_TO_NAME.items()}
"""The schema's name of an operator → the quantizer's."""
DYNAMIC = tuple(
    getattr(qtyping.TFLOperationName, name)
    for name in ("BATCH_MATMUL", "CONV_2D", "CONV_2D_TRANSPOSE", "EMBEDDING_LOOKUP", "FULLY_CONNECTED")
)
"""The quantizer's dynamic operators but depthwise convolutions, which XNNPACK has no such kernel for: measured 4 times
slower than in float (154 against 34 µs). Those that look up a row compute nothing: a smaller table costs no time."""


def manager(
    recipe: RecipeSpec, in_float: Iterable[Sequence[str]] = (), wide: Iterable[tuple[str, Sequence[str]]] = ()
) -> RecipeManager:
    """The recipe for the quantizer, which leaves some operators as they are: `in_float` has the names of the tensors
    each of them writes, all of them, in order; `wide`, behind the operator's own name, those of operators whose
    activations are of 16 bits: the quantizer puts a QUANTIZE between them and those of 8.
    """
    made, weights = RECIPES[recipe.kind](granularity(recipe)), granularity(recipe)
    for operator, names in wide:
        single = operator == "BATCH_MATMUL"
        given = qtyping.QuantGranularity.TENSORWISE if single else weights
        made.add_static_config(_scope(names), NAMES[operator], WIDE, 8, given)
    for names in in_float:
        made.add_quantization_config(_scope(names), ALL_OPERATORS, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return made


def _scope(names: Sequence[str]) -> str:
    """What the quantizer knows an operator by. A name has semicolons in it: only a whole scope will do."""
    return f"^{re.escape(''.join(f'{name};' for name in names)[:LONGEST_SCOPE])}$"


def granularity(recipe: RecipeSpec) -> qtyping.QuantGranularity:
    """Of weights."""
    return qtyping.QuantGranularity.TENSORWISE if recipe.options.per_tensor else qtyping.QuantGranularity.CHANNELWISE


def takes(kind: str, operator: str) -> bool:
    """Does the quantizer have the operator (the schema's name) in this recipe?"""
    name = NAMES.get(operator)
    if name is None:
        return False
    key, _ = RECIPES[kind](qtyping.QuantGranularity.CHANNELWISE).get_quantization_configs(name, "any;")
    return bool(key != AlgorithmName.NO_QUANTIZE)


def _fp16(_: qtyping.QuantGranularity) -> RecipeManager:
    made = RecipeManager()
    made.add_quantization_config(
        ALL_LAYERS,
        ALL_OPERATORS,
        algorithm_key=AlgorithmName.FLOAT_CASTING,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
    )
    return made


def _dynamic(weights: qtyping.QuantGranularity) -> RecipeManager:
    made = RecipeManager()
    for operator in DYNAMIC:
        made.add_dynamic_config(ALL_LAYERS, operator, 8, weights)
    return made


def _weight_only(bits: int, weights: qtyping.QuantGranularity) -> RecipeManager:
    """int4 leaves some convolutions out (the quantizer's policy has none); they get int8 rather than float."""
    made = RecipeManager()
    made.add_weight_only_config(ALL_LAYERS, ALL_OPERATORS, bits, weights)
    if bits < 8:
        for operator in EIGHT_BITS:
            made.add_weight_only_config(ALL_LAYERS, operator, 8, weights)
    return made


def _static(activation_bits: int, weights: qtyping.QuantGranularity, *, whole: bool = False) -> RecipeManager:
    """`whole`: inputs and outputs too, and no table whose look-up gives floats.

    A BATCH_MATMUL's constant has one scale: its integer kernel reads no more (kernels/batch_matmul.cc), and where there
    are several multiplies by 0.
    """
    made = RecipeManager()
    made.add_static_config(ALL_LAYERS, ALL_OPERATORS, activation_bits, 8, weights)
    product, single = qtyping.TFLOperationName.BATCH_MATMUL, qtyping.QuantGranularity.TENSORWISE
    made.add_static_config(ALL_LAYERS, product, activation_bits, 8, single)
    if whole:
        return made
    for edge in EDGES:
        made.add_quantization_config(ALL_LAYERS, edge, algorithm_key=AlgorithmName.NO_QUANTIZE)
    made.add_dynamic_config(ALL_LAYERS, qtyping.TFLOperationName.EMBEDDING_LOOKUP, 8)
    return made


RECIPES: dict[str, Callable[[qtyping.QuantGranularity], RecipeManager]] = {
    "fp16": _fp16,
    "int8-dynamic": _dynamic,
    "int8-static": partial(_static, 8),
    "int8-full": partial(_static, 8, whole=True),
    "int8-weight": partial(_weight_only, 8),
    "int4-weight": partial(_weight_only, 4),
    "int16x8": partial(_static, 16),
}
EIGHT_BITS = (qtyping.TFLOperationName.DEPTHWISE_CONV_2D, qtyping.TFLOperationName.CONV_2D_TRANSPOSE)
ACTIVATION_BITS = {"int8-static": 8, "int8-full": 8, "int16x8": 16}
WHOLE = frozenset({"int8-full"})
"""Nothing may be left in float, inputs and outputs neither."""
