"""Where a network that takes sound makes a spectrogram of it: what few bits are too few for.

A short-time Fourier transform or a filter bank is a linear operator, its power a sum of squares, and a logarithm or a
root takes the level of that. Sound spans 80 dB and more, which a level shows; 8 bits of amplitude span 48 dB (6.02 dB
per bit), as do 16 bits of power, and what is below one step is silence to all that follows. Relative errors of int8 on
speech and notes, with all of it in integers and with this in float: Silero VAD 0.74 and 0.1, openWakeWord's front end
0.83 and 0.003, Basic Pitch 0.50 and 0.04.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

PRODUCTS = frozenset(
    (
        *("conv", "conv1d", "conv2d", "depthwiseconv2d", "rfft2d"),
        *("matmul", "gemm", "fullyconnected", "batchmatmul", "linear", "mm", "bmm"),
    )
)
MOVES = frozenset(
    (
        *(
            "reshape",
            "view",
            "flatten",
            "squeeze",
            "unsqueeze",
            "expanddims",
            "transpose",
            "permute",
            "identity",
            "cast",
        ),
        *("slice", "stridedslice", "select", "split", "splitv", "getitem", "gather", "unpack"),
        *("pad", "padv2", "mirrorpad", "constantpadnd", "concat", "concatenation", "cat", "pack", "stack", "tile"),
        *("constant", "constantofshape", "shape"),
    )
)
SQUARES = frozenset(("square", "pow", "abs", "complexabs"))
PLAIN = PRODUCTS.union(
    MOVES,
    SQUARES,
    ("add", "sub", "mul", "neg", "div", "max", "min", "clip", "clamp", "clampmin", "maximum", "minimum"),
    ("reducemax", "reducemin", "reversev2"),
)
"""Nothing a network has learnt to decide by: no activation, no normalization, no mean."""
SUMS = frozenset({"reducesum", "sum"})
LOGARITHM, ROOT = "log", "sqrt"
LOGARITHMS = frozenset({"log", "log2", "log10", "log1p"})


@dataclass(frozen=True)
class Step:
    """An operator of a graph, as ONNX, TFLite or ATen call it, and the names of the real values it reads and gives."""

    operator: str
    inputs: tuple[Hashable, ...]
    outputs: tuple[Hashable, ...]
    exponent: float | None = None
    """Of a power, where it is a constant."""

    @property
    def kind(self) -> str:
        """The operator's name as this module writes it; the product of a value and itself is its square, a power below
        a half narrows levels as a logarithm does."""
        kind = self.operator.replace("_", "").lower()
        if kind == "pow" and self.exponent is not None and 0 < self.exponent <= 0.5:
            return ROOT if self.exponent == 0.5 else LOGARITHM
        if kind in LOGARITHMS:
            return LOGARITHM
        return "square" if kind == "mul" and len(set(self.inputs)) == 1 and len(self.inputs) > 1 else kind


def front_end(steps: Sequence[Step]) -> set[int]:
    """The indices of the operators that lie between the graph's inputs and a level, where there are only linear ones
    and squares: a root of two squares' sum, or a logarithm of any, be it of such a root. A root is still as wide as the
    sound: it and the layer that reads it belong to them."""
    writer = {name: index for index, step in enumerate(steps) for name in step.outputs}
    found: set[int] = set()
    for place, level in enumerate(steps):
        if level.kind not in (LOGARITHM, ROOT):
            continue
        before = _before(level, steps, writer)
        kinds = {steps[index].kind for index in before}
        allowed = PLAIN | SUMS | {ROOT} if level.kind == LOGARITHM else PLAIN
        if kinds <= allowed and kinds & PRODUCTS and kinds & SQUARES:
            found |= before | (_readers(place, steps) if level.kind == ROOT else set())
    return found


def _readers(root: int, steps: Sequence[Step]) -> set[int]:
    """The root, what hands it on, and the layers that read it so."""
    found, wide = {root}, set(steps[root].outputs)
    for index, step in enumerate(steps):  # in the order they run
        if wide & set(step.inputs) and step.kind in MOVES | PRODUCTS:
            found.add(index)
            wide |= set(step.outputs) if step.kind in MOVES else set()
    return found


def _before(level: Step, steps: Sequence[Step], writer: dict[Hashable, int]) -> set[int]:
    found: set[int] = set()
    pending = list(_written(level.inputs, writer))
    while pending:
        index = pending.pop()
        if index not in found:
            found.add(index)
            pending += _written(steps[index].inputs, writer)
    return found


def _written(names: Iterable[Hashable], writer: dict[Hashable, int]) -> list[int]:
    return [writer[name] for name in names if name in writer]
