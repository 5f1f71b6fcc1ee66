"""Which operators a static recipe leaves in float32, and the reason of each that was found.

The quantizer wraps what it leaves in DEQUANTIZE and QUANTIZE. Some of it would otherwise be quantized and destroyed: an
integer holds no infinity, and an attention mask of -1e9 makes a step in which all scores are the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from edgerig.build.formats.layer_names import ASKED
from edgerig.build.formats.spectrum import Step, front_end
from edgerig.build.formats.tflite_graph import Operator, constant, dtype, walk
from edgerig.build.formats.tflite_ranges import Range
from edgerig.build.formats.tflite_recipes import ACTIVATION_BITS, QUANTIZER, WHOLE, takes
from edgerig.spec import RecipeSpec

Plan = dict[Operator, str]
"""Operators left in float32 → why."""
CASTS = frozenset({"CAST", "QUANTIZE", "DEQUANTIZE"})
MOVES = frozenset(
    {
        "BROADCAST_TO",
        "CONCATENATION",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "GATHER",
        "GATHER_ND",
        "MIRROR_PAD",
        "PACK",
        "PAD",
        "PADV2",
        "RESHAPE",
        "SLICE",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TILE",
        "TRANSPOSE",
        "UNPACK",
    }
)
"""They compute nothing: alone between operators in float, quantizing them would only lose precision."""
MASKS = frozenset({"ADD", "SUB", "SELECT", "SELECT_V2", "MAXIMUM", "MINIMUM", "PADV2", "MUL"})
SOFTMAXES = frozenset({"SOFTMAX", "LOG_SOFTMAX"})
MASKED = 8.0
"""A mask makes a tensor at least so many times wider than what it masks."""
SELECTS = frozenset({"SELECT", "SELECT_V2"})
SELECTED = {8: 2.0, 16: 512.0}
"""By bits: a branch's operand is so many times wider than what is selected of both."""
FLOORS = frozenset({"ADD", "MAXIMUM"})
ELEMENTWISE = MASKS | {"DIV", "EXP", "SQUARE", "SQRT", "RSQRT", "NEG", "ABS"}
REAL = frozenset({"float32", "complex64"})
ALONE = "nothing beside it is quantized"
SOUND = "it makes a spectrogram, whose powers span more than integers do"


def plan(
    graph: Any, recipe: RecipeSpec, seen: dict[int, Range], copies: set[str], asked: frozenset[Operator] = frozenset()
) -> Plan:
    """`seen` are the ranges of the main subgraph's tensors; `copies` the tensors `tflite_float.prepare` wrote;
    `asked` the operators that the recipe keeps in float.

    Of a recipe that is `WHOLE`, what is left has no integer form; operators on integers alone are left to themselves.
    """
    names = [tensor.name.decode() for tensor in graph.subgraphs[0].tensors]
    operators = list(walk(graph))
    left: Plan = {}
    bits = ACTIVATION_BITS[recipe.kind]
    wide = _swallowed(graph, operators, seen, bits)
    whole = recipe.kind in WHOLE
    sound = set() if whole else _spectral(graph, operators)
    for operator in operators:
        if operator in asked:
            left[operator] = ASKED
            continue
        reason = SOUND if operator in sound else _reason(graph, operator, recipe, seen, wide, names)
        if reason is not None:
            left[operator] = reason
        elif not whole and operator.subgraph == 0 and {names[i] for i in operator.outputs} & copies:
            left[operator] = ALONE
    return left if whole else left | _lonely(graph, operators, left)


def _spectral(graph: Any, operators: list[Operator]) -> set[Operator]:
    """What makes a spectrogram of sound (`spectrum`); what is computed of shapes is no part of it."""
    main = [operator for operator in operators if operator.subgraph == 0]
    steps = []
    for operator in main:
        reads = tuple(i for i in operator.inputs if dtype(graph, operator, i) in REAL)
        power = constant(graph, operator, operator.inputs[1]) if operator.name == "POW" else None
        exponent = float(power.flat[0]) if power is not None and power.size == 1 else None
        steps.append(Step(operator.name, reads, operator.outputs, exponent))
    return {main[index] for index in front_end(steps)}


def _reason(
    graph: Any, operator: Operator, recipe: RecipeSpec, seen: dict[int, Range], wide: dict[int, str], names: list[str]
) -> str | None:
    floats = [i for i in (*operator.inputs, *operator.outputs) if dtype(graph, operator, i) == "float32"]
    if operator.subgraph:
        return "it is inside a loop or a branch, where no ranges are known"
    if not floats:
        return ALONE
    if not takes(recipe.kind, operator.name):
        return f"{QUANTIZER} has no {recipe.kind} form of it"
    for index in floats:
        if index in seen and not seen[index].finite:
            return f'tensor "{names[index]}" holds NaN or infinite values, which no integer can'
        if index in wide:
            return wide[index]
    unknown = [i for i in floats if i not in seen and constant(graph, operator, i) is None]
    return f'the range of tensor "{names[unknown[0]]}" is unknown' if unknown else None


def _swallowed(graph: Any, operators: list[Operator], seen: dict[int, Range], bits: int) -> dict[int, str]:
    """Tensors whose integers would lose what is computed from them, with the reason."""
    main = [operator for operator in operators if operator.subgraph == 0]
    writer = {i: operator for operator in main for i in operator.outputs}
    found: dict[int, str] = {}
    for operator in main:
        if operator.name in SOFTMAXES:
            found |= _masked(operator, writer, seen)
        elif operator.name in SELECTS:
            found |= _unselected(operator, writer, seen, bits)
        elif operator.name == "LOG":
            found |= _floored(graph, operator, writer, seen, bits)
    return found


def _floored(
    graph: Any, log: Operator, writer: dict[int, Operator], seen: dict[int, Range], bits: int
) -> dict[int, str]:
    """What a logarithm reads, where a constant below half its step keeps it from 0: of integers it would be 0, and its
    logarithm, minus infinity, no integer's."""
    index = log.inputs[0]
    if index not in writer or index not in seen or writer[index].name not in FLOORS:
        return {}
    step = seen[index].step(bits)
    floors = [value for i in writer[index].inputs if (value := constant(graph, log, i)) is not None]
    if not any(0.0 < float(value.min()) < step / 2 for value in floors):
        return {}
    return {index: f"what keeps it from 0 is less than its {bits}-bit step, {step:.3g}, and its logarithm is taken"}


def _masked(softmax: Operator, writer: dict[int, Operator], seen: dict[int, Range]) -> dict[int, str]:
    """What lies between a mask and the softmax, where the mask makes it wider than the scores that are masked."""
    index = softmax.inputs[0]
    way = [index]
    while index in writer and writer[index].name in MOVES and writer[index].inputs[0] in seen:
        index = writer[index].inputs[0]
        way.append(index)
    if index not in writer or index not in seen or writer[index].name not in MASKS:
        return {}
    narrow = [seen[i].width for i in writer[index].inputs if i in seen and seen[i].width > 0]
    if not narrow or seen[index].width <= max(MASKED * min(narrow), 255 / MASKED):
        return {}
    return dict.fromkeys(way, f"a mask would make its 8-bit step {seen[index].width / 255:.3g}, wider than the scores")


def _unselected(select: Operator, writer: dict[int, Operator], seen: dict[int, Range], bits: int) -> dict[int, str]:
    """The way to an operand that is far wider than what is selected of it: exp(x) - 1 for x > 0 in an ELU."""
    output = seen.get(select.outputs[0])
    found: dict[int, str] = {}
    pending = [] if output is None or output.width == 0.0 else list(select.inputs[1:])
    while pending:
        index = pending.pop()
        known = index in writer and index in seen and writer[index].name in ELEMENTWISE
        if known and output and seen[index].width > SELECTED[bits] * output.width:
            found[index] = "most of its range is of values that are never selected, too coarse for those that are"
            pending += writer[index].inputs
    return found


def _lonely(graph: Any, operators: list[Operator], left: Plan) -> Plan:
    """Moves all of whose float neighbours are in float: repeated, as each that is left leaves its neighbours alone."""
    readers: dict[int, list[Operator]] = defaultdict(list)
    writer: dict[int, Operator] = {}
    main = [operator for operator in operators if operator.subgraph == 0]
    for operator in main:
        writer |= dict.fromkeys(operator.outputs, operator)
        for index in operator.inputs:
            readers[index].append(operator)
    found: Plan = {}
    while True:
        settled = {*left, *found}
        alone = [
            operator
            for operator in main
            if operator.name in MOVES and operator not in settled and _neighbours(operator, writer, readers) <= settled
        ]
        if not alone:
            return found
        found |= dict.fromkeys(alone, ALONE)


def _neighbours(operator: Operator, writer: dict[int, Operator], readers: dict[int, list[Operator]]) -> set[Operator]:
    before = {writer[i] for i in operator.inputs if i in writer}
    return before | {reader for i in operator.outputs for reader in readers[i]}
