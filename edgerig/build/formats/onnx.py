"""ONNX graphs for ONNX Runtime: one float export (`routes/`), then ONNX Runtime's own tools for every other recipe.

All files keep float32 inputs and outputs and the source's layout.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from edgerig.build.builder import Built
from edgerig.build.formats import batches_of_one, converting, required
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import UnsupportedRecipe
from edgerig.spec import Layout, RecipeSpec

BLOCK = 32
"""Inputs that share a scale in a block-quantized MatMul."""
FLOAT_COMPUTE = 1
"""MatMulNBits' accuracy_level for float32 activations (4 would quantize them to int8 on the fly)."""
MATRIX_OPERATORS = ("MatMul", "Gemm")
WEIGHTED_OPERATORS = ("Conv", "ConvTranspose", *MATRIX_OPERATORS)


class OnnxBuilder:
    """Any source with a route to ONNX. Holds the float32 graph, exported at the first build, and its optimised form."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model
        self._float = work / "float32.onnx"
        self._prepared = work / "prepared.onnx"
        self._layout: Layout | None = None

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`."""
        with converting(f'exporting model "{self._model.spec.name}" to ONNX'):
            if self._layout is None:
                self._layout = find_route(self._model.spec.source, "onnx")(self._model, self._float)
        with converting(f'lowering model "{self._model.spec.name}" to ONNX {recipe.name}'):
            self._lower(recipe, calibration, out)
        graph = read(out)
        partial = recipe.name in ("int8-dynamic", "int8-weight", "int4-weight")
        return Built(
            file=out,
            layout=self._layout,
            constants=constants(graph),
            notes=_float_weights(graph) if partial else (),
        )

    def _prepare(self) -> Path:
        """The graph after shape inference and fusion, as the quantizers want it."""
        if not self._prepared.exists():
            draft = self._prepared.with_suffix(".draft")
            quant_pre_process(str(self._float), str(draft))
            model = onnx.load(draft)
            # Inferred shapes of values that quantization re-types make quantize_dynamic's own inference fail.
            del model.graph.value_info[:]
            onnx.save(model, self._prepared)
        return self._prepared

    def _lower(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> None:
        match recipe.name:
            case "fp32":
                shutil.copyfile(self._float, out)
            case "fp16":
                onnx.save(convert_float_to_float16(onnx.load(self._float), keep_io_types=True), out)
            case "int8-dynamic":
                self._dynamic(out)
            case "int8-static":
                self._static(calibration, out)
            case "int8-weight":
                self._blocks(8, out)
            case "int4-weight":
                self._blocks(4, out)
            case _:
                raise UnsupportedRecipe(
                    f'the ONNX builder does not know the recipe "{recipe.name}"', hint="choose another format for it"
                )

    def _dynamic(self, out: Path) -> None:
        """MatMul and Gemm only: a dynamic convolution becomes ConvInteger (MobileNetV2: 8 times slower than float)."""
        self._require_matrix_weights("int8-dynamic")
        quantize_dynamic(
            str(self._prepare()),
            str(out),
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=list(MATRIX_OPERATORS),
        )

    def _static(self, calibration: Arrays | None, out: Path) -> None:
        """Weights keep to 7 bits (`reduce_range`): without VNNI, x86's 8-bit multiply-add of unsigned by signed pairs
        saturates at 16 bits (VPMADDUBSW); measured relative error 0.145 against 0.021. Arm and VNNI do not need it, but
        a file must be right wherever it runs.
        """
        reader = _Reader(input_names(onnx.load(self._float)), required(calibration, "int8-static"))
        quantize_static(
            str(self._prepare()),
            str(out),
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
        )

    def _blocks(self, bits: int, out: Path) -> None:
        self._require_matrix_weights(f"int{bits}-weight")
        model = gemms_to_matmuls(onnx.load(self._prepare()))
        quantizer = MatMulNBitsQuantizer(
            model, bits=bits, block_size=BLOCK, is_symmetric=True, accuracy_level=FLOAT_COMPUTE
        )
        quantizer.process()
        onnx.save(quantizer.model.model, out)

    def _require_matrix_weights(self, recipe: str) -> None:
        if not any(node.op_type in MATRIX_OPERATORS for node in weighted(onnx.load(self._prepare()))):
            raise UnsupportedRecipe(
                f"{recipe}: ONNX Runtime quantizes the weights of MatMul and Gemm only, and the model has none with "
                "constant weights",
                hint="choose int8-static, or another format",
            )


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is untyped
    """Feeds one calibration sample a call, by input name."""

    def __init__(self, names: list[str], calibration: Arrays) -> None:
        self._samples = (dict(zip(names, sample, strict=True)) for sample in batches_of_one(calibration))

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)


def read(path: Path) -> onnx.ModelProto:
    """Raises BuildError when the file is not an ONNX model."""
    with converting(f"reading {path.name} back"):
        return onnx.load(path)


def input_names(model: onnx.ModelProto) -> list[str]:
    """The graph's inputs in order, without the initializers that old files list among them."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [tensor.name for tensor in model.graph.input if tensor.name not in stored]


def weighted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that multiply by a constant weight stored as a float or integer initializer."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [node for node in model.graph.node if node.op_type in WEIGHTED_OPERATORS and node.input[1] in stored]


def gemms_to_matmuls(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with each Gemm by a constant weight as MatMul and Add, the form MatMulNBits replaces.

    Gemm is alpha * A' * B' + beta * C (ONNX operator specification); one with alpha or beta other than 1, or with A
    transposed, stays.
    """
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA", 0)
        if node.op_type != "Gemm" or node.input[1] not in stored or not plain:
            nodes.append(node)
            continue
        weight = numpy_helper.to_array(stored[node.input[1]])
        if attributes.get("transB", 0):
            weight = np.ascontiguousarray(weight.T)
        product = f"{node.output[0]}_product"
        name = f"{product}_weight"
        model.graph.initializer.append(numpy_helper.from_array(weight, name))
        has_bias = len(node.input) > 2 and bool(node.input[2])
        result = product if has_bias else node.output[0]
        nodes.append(helper.make_node("MatMul", [node.input[0], name], [result], name=product))
        if has_bias:
            nodes.append(helper.make_node("Add", [product, node.input[2]], list(node.output), name=f"{product}_bias"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def constants(model: onnx.ModelProto) -> dict[str, int]:
    """Bytes of constants by dtype: initializers and Constant nodes of the main graph.

    The packed weights of a MatMulNBits node are opaque bytes to ONNX; by the node's `bits` they count as "uint4" or
    "uint8" (unsigned around a zero point of 8 or 128: ONNX Runtime's contrib operators, com.microsoft.MatMulNBits).
    """
    packed = {
        node.input[1]: f"uint{helper.get_attribute_value(attribute)}"
        for node in model.graph.node
        if node.op_type == "MatMulNBits"
        for attribute in node.attribute
        if attribute.name == "bits"
    }
    sizes: Counter[str] = Counter()
    held = [a.t for node in model.graph.node if node.op_type == "Constant" for a in node.attribute if a.name == "value"]
    for tensor in (*model.graph.initializer, *held):
        dtype = packed.get(tensor.name) or helper.tensor_dtype_to_np_dtype(tensor.data_type).name
        sizes[dtype] += len(tensor.raw_data) or numpy_helper.to_array(tensor).nbytes
    return dict(sizes)


def _float_weights(model: onnx.ModelProto) -> tuple[str, ...]:
    """A note naming the operators whose weights the recipe leaves in float32."""
    left = Counter(node.op_type for node in weighted(model))
    names = ", ".join(f"{name} ({count})" for name, count in sorted(left.items()))
    return (f"weights left in float32: {names}",) if left else ()
