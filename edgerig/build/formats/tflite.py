"""TFLite files for LiteRT: one float conversion (`routes/`), then ai-edge-quantizer for every other recipe.

Quantizing the float flatbuffer, rather than converting a PT2E-quantized program a second time, keeps one conversion a
model and one path for all recipes; the two are equally accurate and fast on a CNN (relative error 0.016 and 0.017), and
the PT2E route leaves a transformer's norms and attention in float.

Files keep float32 inputs and outputs in every recipe, with QUANTIZE and DEQUANTIZE at the edges, so that quantizing the
input is part of each timed inference as it is in the other formats.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.qsv_utils import min_max_update

from edgerig.build.builder import Built
from edgerig.build.formats import batches_of_one, converting, required
from edgerig.build.layout import to_layout
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import UnsupportedRecipe
from edgerig.spec import Layout, RecipeSpec

ALL_LAYERS = ".*"
ALL_OPERATORS = qtyping.TFLOperationName.ALL_SUPPORTED
EDGES = (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT)
CASTS = frozenset({"QUANTIZE", "DEQUANTIZE"})


class TfliteBuilder:
    """Any source with a route to TFLite. Holds the float32 file, converted at the first build, and its layout."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model
        self._float = work / "float32.tflite"
        self._layout: Layout | None = None

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`. Files take NHWC where the source takes NCHW."""
        if self._layout is None:
            with converting(f'converting model "{self._model.spec.name}" to TFLite'):
                self._layout = find_route(self._model.spec.source, "tflite")(self._model, self._float)
        if recipe.name == "fp32":
            shutil.copyfile(self._float, out)
        else:
            with converting(f'quantizing model "{self._model.spec.name}" to TFLite {recipe.name}'):
                self._quantize(recipe, calibration, out)
        graph = read(out)
        if recipe.calibration:
            _refuse_float_operators(graph, recipe.name)
        return Built(file=out, layout=self._layout, constants=constants(graph), notes=_notes(graph, recipe.name))

    def _quantize(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> None:
        if recipe.name not in RECIPES:
            raise UnsupportedRecipe(
                f'the TFLite builder does not know the recipe "{recipe.name}"', hint="choose another format for it"
            )
        table = RECIPES[recipe.name]().get_quantization_recipe()
        ranges = self._calibrate(table, calibration, recipe.name) if recipe.calibration else None
        Quantizer(str(self._float), table).quantize(ranges).export_model(str(out), overwrite=True)

    def _calibrate(self, table: list[dict[str, Any]], calibration: Arrays | None, recipe: str) -> dict[str, Any]:
        """Activation ranges by tensor: the smallest and largest value over all samples.

        The quantizer's own default is a moving average, which clips: relative logit error 0.13 where this gives 0.016.
        """
        manager = RecipeManager()
        manager.load_quantization_recipe(table)
        calibrator = Calibrator(str(self._float), num_threads=1, qsv_update_func=min_max_update)
        key, names = signature(read(self._float))
        samples = [
            dict(zip(names, self._lay_out(sample), strict=True))
            for sample in batches_of_one(required(calibration, recipe))
        ]
        calibrator.calibrate({key: samples}, manager)
        ranges: dict[str, Any] = calibrator.get_model_qsvs()
        return ranges

    def _lay_out(self, arrays: Arrays) -> Arrays:
        return to_layout(arrays, self._model.spec.inputs, self._layout or "any")


def _fp16() -> RecipeManager:
    manager = RecipeManager()
    manager.add_quantization_config(
        ALL_LAYERS,
        ALL_OPERATORS,
        algorithm_key=AlgorithmName.FLOAT_CASTING,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
    )
    return manager


def _dynamic() -> RecipeManager:
    manager = RecipeManager()
    manager.add_dynamic_config(ALL_LAYERS, ALL_OPERATORS, 8)
    return manager


def _weight_only(bits: int) -> RecipeManager:
    """int4 leaves depthwise convolutions out (the quantizer's policy has none); they get int8 rather than float."""
    manager = RecipeManager()
    manager.add_weight_only_config(ALL_LAYERS, ALL_OPERATORS, bits)
    if bits < 8:
        manager.add_weight_only_config(ALL_LAYERS, qtyping.TFLOperationName.DEPTHWISE_CONV_2D, 8)
    return manager


def _static(activation_bits: int) -> RecipeManager:
    manager = RecipeManager()
    manager.add_static_config(ALL_LAYERS, ALL_OPERATORS, activation_bits, 8)
    for edge in EDGES:
        manager.add_quantization_config(ALL_LAYERS, edge, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return manager


RECIPES: dict[str, Callable[[], RecipeManager]] = {
    "fp16": _fp16,
    "int8-dynamic": _dynamic,
    "int8-static": partial(_static, 8),
    "int8-weight": partial(_weight_only, 8),
    "int4-weight": partial(_weight_only, 4),
    "int16x8": partial(_static, 16),
}
"""ai-edge-quantizer's recipe for each of ours; all symmetric, weights per output channel."""


def read(path: Path) -> Any:
    """The file's flatbuffer as a `schema.ModelT`. Raises BuildError when it is not one."""
    with converting(f"reading {path.name} back"):
        return flatbuffer_utils.read_model(str(path))


def signature(graph: Any) -> tuple[str, list[str]]:
    """The file's signature and its inputs' names in the order of the main subgraph's inputs.

    Raises UnsupportedRecipe when it has none: a calibrated quantizer feeds a model through its signature.
    """
    if not graph.signatureDefs:
        raise UnsupportedRecipe(
            "the file has no signature to calibrate it through",
            hint="convert it again with a TensorFlow of 2.5 or later, or choose a recipe without calibration",
        )
    found = graph.signatureDefs[0]
    names = {tensor.tensorIndex: tensor.name.decode() for tensor in found.inputs}
    return found.signatureKey.decode(), [names[index] for index in graph.subgraphs[0].inputs]


def constants(graph: Any) -> dict[str, int]:
    """Bytes of constant tensors by dtype ("int4" packed two to a byte), a shared buffer counted once."""
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    for subgraph in graph.subgraphs:
        for tensor in subgraph.tensors:
            data = graph.buffers[tensor.buffer].data
            if data is not None and len(data) and tensor.buffer not in seen:
                seen.add(tensor.buffer)
                sizes[_DTYPES[tensor.type]] += len(data)
    return dict(sizes)


def operators(graph: Any) -> list[tuple[str, frozenset[str]]]:
    """Every operator: its name and the dtypes of its inputs and outputs."""
    found = []
    for subgraph in graph.subgraphs:
        for operator in subgraph.operators:
            code = graph.operatorCodes[operator.opcodeIndex]
            # Codes up to 127 stand in the old field, later ones in the new (schema.fbs, OperatorCode).
            name = _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
            tensors = [subgraph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
            found.append((name, frozenset(_DTYPES[tensor.type] for tensor in tensors)))
    return found


def _refuse_float_operators(graph: Any, recipe: str) -> None:
    """Raises UnsupportedRecipe when an operator other than the casts at the edges computes on float32.

    The quantizer wraps an operator it has no integer kernel for in DEQUANTIZE and QUANTIZE and goes on without a word.
    """
    left = Counter(name for name, dtypes in operators(graph) if "float32" in dtypes and name not in CASTS)
    if left:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(left.items()))
        raise UnsupportedRecipe(
            f"{recipe}: TFLite has no integer kernel for {names}: they would compute in float32",
            hint="choose int8-dynamic, or replace these operators in the model",
        )


def _notes(graph: Any, recipe: str) -> tuple[str, ...]:
    if recipe != "int4-weight":
        return ()
    eight = constants(graph).get("int8", 0)
    return (f"depthwise convolutions have int8 weights ({eight} bytes)",) if eight else ()


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if not name.startswith("_")}


_DTYPES = {value: name.lower() for value, name in _names(schema.TensorType).items()}
_OPERATORS = _names(schema.BuiltinOperator)
