"""ai-edge-quantizer at work on a float file, and LiteRT asked whether it runs what came out.

What LiteRT refuses of a quantized file is an operator of a dtype its kernel does not have; it names the operator, which
is then left in float, and the file is made anew.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer.quantizer import Quantizer

from edgerig.build.calibration import Method
from edgerig.build.formats import first_words
from edgerig.build.formats.tflite_graph import Operator, constant, constants, dtype, read, walk, write
from edgerig.build.formats.tflite_layers import QUANTIZED, NamedLayers, tensor_name
from edgerig.build.formats.tflite_plan import MOVES, Plan, plan
from edgerig.build.formats.tflite_ranges import Qsvs, Stream, calibrated, chosen, feed, observe
from edgerig.build.formats.tflite_recipes import ACTIVATION_BITS, QUANTIZER, WHOLE, manager
from edgerig.build.source import Arrays
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.spec import RecipeSpec

BLOCK = 8
"""Input channels XNNPACK's integer kernels with dynamic ranges take at a time (its `kr`)."""
FEW_CHANNELS = (
    f"with fewer than {BLOCK} input channels its integer kernel computes mostly padding, slower than in float"
)
DEPTHWISE = "XNNPACK has no integer kernel for it that takes ranges at run time"
CONVOLUTIONS = frozenset({"CONV_2D", "TRANSPOSE_CONV"})
MOST_REFUSALS = 20
REASONS = 6
"""Told of what is refused, at most."""
NODE = re.compile(r"node #(\d+)|Node number (\d+) \((\w+)\)")
"""As LiteRT names an operator (subgraph.cc, ReportOpError) and XNNPACK's delegate one it could not take."""


def quantize_statically(
    source: Path, recipe: RecipeSpec, stream: Stream, copies: set[str], out: Path
) -> tuple[Plan, tuple[str, ...]]:
    """Writes `source` quantized to `out`; returns what is left in float, and the notes on what the recipe names. Raises
    UnsupportedRecipe when all is left, or when any is and the recipe has no room for it.

    `stream` is the calibration data in the file's layout; `copies` as `tflite_float.prepare` gives.
    """
    seen = observe(source, stream)
    graph = read(source)
    named = NamedLayers.of(graph, recipe)
    left = plan(graph, recipe, seen, copies, frozenset(named.floats))
    if recipe.kind in WHOLE:
        _require_whole(graph, recipe, left)
    if not _computing(graph, left, copies):
        raise _nothing(recipe, left)
    bits = ACTIVATION_BITS[recipe.kind]
    found = chosen(source, stream, seen, Method.of(recipe, "tflite", bits))
    ranges = calibrated(graph, found, bits, per_tensor=recipe.options.per_tensor)
    left = _until_it_runs(source, recipe, left, ranges, stream.samples[0], out, named.wide)
    named.check(graph, read(out), recipe)
    return left, named.notes


def quantize_dynamically(source: Path, recipe: RecipeSpec, sample: Arrays, out: Path) -> Plan:
    """Writes `source` with 8-bit weights in the operators that are worth it to `out`; returns those that are not."""
    graph = read(source)
    left: Plan = {}
    for operator in walk(graph):
        if operator.name == "DEPTHWISE_CONV_2D":
            left[operator] = DEPTHWISE
        elif operator.name in CONVOLUTIONS:
            weights = constant(graph, operator, operator.inputs[1])
            if weights is not None and weights.shape[-1] < BLOCK:
                left[operator] = FEW_CHANNELS
    left = _until_it_runs(source, recipe, left, None, sample, out)
    if not constants(read(out)).get("int8"):
        raise _nothing(recipe, left)
    return left


def quantize_weights(source: Path, recipe: RecipeSpec, sample: Arrays, out: Path) -> Plan:
    """Writes `source` with smaller weights to `out`; returns the operators LiteRT would not run so."""
    return _until_it_runs(source, recipe, {}, None, sample, out)


def _until_it_runs(
    source: Path,
    recipe: RecipeSpec,
    left: Plan,
    ranges: Qsvs | None,
    sample: Arrays,
    out: Path,
    wide: Iterable[Operator] = (),
) -> Plan:
    graph, left = read(source), dict(left)
    wider = [(each.name, [tensor_name(graph, each, i) for i in each.outputs]) for each in wide]
    for _ in range(MOST_REFUSALS):
        in_float = [[tensor_name(graph, each, i) for i in each.outputs] for each in left if each.outputs]
        table = manager(recipe, in_float, wider).get_quantization_recipe()
        quantized = Quantizer(str(source), table).quantize(copy.deepcopy(ranges), enable_progress_report=False)
        quantized.export_model(str(out), overwrite=True)
        made = read(out)
        if _complete(made):
            write(made, out)
        _check(graph, made, left)
        words = refusal(out, sample)
        if words is None:
            if recipe.kind in WHOLE:
                _check_whole(made, recipe)
            _keep_output_names(graph, made)
            write(made, out)
            return left
        operator = _named(words, graph, made)
        if operator is None or operator in left:
            break
        left[operator] = f"LiteRT does not run it so: {words}"
        if recipe.kind in WHOLE:
            _require_whole(graph, recipe, left)
    raise BuildError(
        f"LiteRT does not run the quantized file: {words}",
        hint="choose another recipe; the build's log has LiteRT's own words",
    )


def refusal(file: Path, sample: Arrays) -> str | None:
    """LiteRT's words when it does not run the file, None when it does."""
    try:
        interpreter = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
        feed(interpreter, sample)
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        return first_words(error)
    return None


def _named(words: str, graph: Any, made: Any) -> Operator | None:
    """The operator of the float graph that LiteRT's words on the quantized one are about."""
    operators = [operator for operator in walk(made) if operator.subgraph == 0]
    by_output = {tensor_name(graph, each, each.outputs[0]): each for each in walk(graph) if each.outputs}
    for match in NODE.finditer(words):
        index = int(match[1] or match[2])
        if index < len(operators) and match[3] in (None, operators[index].name) and operators[index].outputs:
            found = by_output.get(tensor_name(made, operators[index], operators[index].outputs[0]))
            if found is not None:
                return found
    return None


def _complete(graph: Any) -> bool:
    """Gives outputs that nothing reads the type of the operator's others: the quantizer forgets them (an unrolled LSTM
    does not read its first forget gate), and no kernel splits integers into floats. Was there any?"""
    changed = False
    for operator in walk(graph):
        tensors = [graph.subgraphs[operator.subgraph].tensors[i] for i in operator.outputs]
        integers = [t for t in tensors if t.quantization is not None and t.quantization.scale is not None]
        if operator.name not in MOVES or not integers:
            continue
        for tensor in tensors:
            if tensor.type != integers[0].type and not any(tensor is each for each in integers):
                tensor.type, tensor.quantization = integers[0].type, copy.deepcopy(integers[0].quantization)
                changed = True
    return changed


def _keep_output_names(graph: Any, made: Any) -> None:
    """The file's outputs bear the float file's names; what was called so, and is now read by a DEQUANTIZE, another."""
    before, after = graph.subgraphs[0], made.subgraphs[0]
    for old, new in zip(before.outputs, after.outputs, strict=True):
        name = before.tensors[old].name
        for tensor in after.tensors:
            if tensor.name == name and tensor is not after.tensors[new]:
                tensor.name = name + QUANTIZED.encode()
        after.tensors[new].name = name


def _check(graph: Any, made: Any, left: Plan) -> None:
    """Raises BuildError when the quantizer did not leave an operator as it was told to."""
    types = {tensor.name: tensor.type for subgraph in made.subgraphs for tensor in subgraph.tensors}
    for operator in left:
        for index in operator.outputs:
            tensor = graph.subgraphs[operator.subgraph].tensors[index]
            if types.get(tensor.name, tensor.type) != tensor.type:
                raise BuildError(
                    f'{QUANTIZER} quantized {operator.name} "{tensor.name.decode()}", which was to stay in float',
                    hint="please report it, with the model",
                )


def _computing(graph: Any, left: Plan, copies: set[str]) -> list[Operator]:
    """What is quantized and computes something."""
    return [
        operator
        for operator in walk(graph)
        if operator not in left and operator.name not in MOVES and "float32" in _dtypes(graph, operator)
    ]


def _require_whole(graph: Any, recipe: RecipeSpec, left: Plan) -> None:
    """Raises UnsupportedRecipe naming the operators on floats that are left."""
    floats = {operator: reason for operator, reason in left.items() if "float32" in _dtypes(graph, operator)}
    if floats:
        raise _not_whole(recipe, floats)


def _check_whole(made: Any, recipe: RecipeSpec) -> None:
    """Raises UnsupportedRecipe when the file written has an operator on floats after all."""
    floats = {operator: f"{QUANTIZER} left it so" for operator in walk(made) if "float32" in _dtypes(made, operator)}
    if floats:
        raise _not_whole(recipe, floats)


def _not_whole(recipe: RecipeSpec, floats: Plan) -> UnsupportedRecipe:
    reasons: dict[str, Counter[str]] = {}
    for operator, reason in floats.items():
        reasons.setdefault(reason, Counter())[operator.name] += 1
    said = [
        f"{', '.join(name if count == 1 else f'{name} ({count})' for name, count in names.items())}: {reason}"
        for reason, names in list(reasons.items())[:REASONS]
    ]
    return UnsupportedRecipe(
        f"{recipe.name}: not everything in the network has integers: {'; '.join(said)}",
        hint="replace these operators in the model, or choose int8-static, which leaves them in float",
    )


def _dtypes(graph: Any, operator: Operator) -> set[str]:
    return {dtype(graph, operator, i) for i in (*operator.inputs, *operator.outputs)}


def _nothing(recipe: RecipeSpec, left: Plan) -> UnsupportedRecipe:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in _by_name(left).items())
    return UnsupportedRecipe(
        f"{recipe.name}: nothing in the network can be quantized: {reasons or 'it has no operator with weights'}",
        hint="choose int8-weight or fp16, or replace these operators in the model",
    )


def _by_name(left: Plan) -> dict[str, str]:
    return {operator.name: reason for operator, reason in left.items() if operator.name not in MOVES}
