"""What 8 bits save: size and time of a static int8 build against the float one of the same route."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgerig.figures import numbers
from edgerig.study.cells import FRAMEWORKS, RUNTIMES, SOURCES
from edgerig.study.finding import Claim, Evidence, Figure, Judged, unheard
from edgerig.study.judge import SMALL_BYTES, faster, rankable
from edgerig.study.seen import Seen, not_run, of, pairs
from edgerig.study.source import SURVEY

INT8 = "int8-static"
QUARTER = 0.3
"""Of the float file at most: a quarter for the weights, and a fifth of that again for the graph around them."""

SMALL = "of so small a file much is no weights"
"""Why files below SMALL_BYTES stand beside the verdict: a graph takes some ten kilobytes in either."""


def size(seen: Sequence[Seen]) -> Judged:
    found: dict[tuple[str, ...], Evidence] = {}
    for base, small in _twins(seen):
        before, after = base.cell.size_bytes, small.cell.size_bytes
        if before and after is not None:
            axes = {"network": small.network, "format": small.cell.format, "source": small.cell.source}
            ratio, told = after / before, before >= SMALL_BYTES
            figures = (
                Figure(base, numbers.kilobytes(before)),
                Figure(small, numbers.kilobytes(after)),
            )
            # A file is as large on every device, and in every shape of its input nearly so.
            key = (small.run, *axes.values())
            said, holds = f"{ratio:.2f}× the size{'' if told else ', ' + SMALL}", ratio <= QUARTER if told else None
            found.setdefault(key, Evidence(axes, figures, said, holds, "" if told else SMALL, judges=told))
    return _judged(seen, tuple(found.values()))


def speed(seen: Sequence[Seen]) -> Judged:
    found = [
        faster(
            base,
            small,
            {"device": small.cell.device, "network": small.network, "format": small.cell.format,
             "source": small.cell.source, "input": small.input},
        )
        for base, small in _twins(seen)
        if rankable(base) and rankable(small)
    ]  # fmt: skip
    return _judged(seen, tuple(found))


def _twins(seen: Sequence[Seen]) -> Iterator[tuple[Seen, Seen]]:
    for source in SOURCES:
        for name in RUNTIMES:
            yield from pairs(of(seen, source, name), of(seen, source, name, INT8))


def _judged(seen: Sequence[Seen], found: tuple[Evidence, ...]) -> Judged:
    wanted = ((source, name, recipe) for source in SOURCES for name in RUNTIMES for recipe in ("fp32", INT8))
    sides = unheard(found, "source", {source: name for name, source, _ in FRAMEWORKS})
    return Judged(found, tuple(filter(None, (not_run(seen, *each) for each in wanted))), unheard=sides)


SIZE = Claim(
    key="int8-size",
    says="Quantized to 8 bits a model is about a quarter as large",
    source=f"{SURVEY}, on quantization for mobile deployment",
    tested=f"The file of {INT8} against that of fp32, of the same network through the same route; about a quarter is "
    f"{QUARTER:g} of it at most. Float files below {numbers.kilobytes(SMALL_BYTES)} stand beside it: of them "
    "the graph around the weights is too large a part",
    judge=size,
)
SPEED = Claim(
    key="int8-speed",
    says="Quantized to 8 bits a model infers faster",
    source=f"{SURVEY}, on quantization for mobile deployment",
    tested=f"The median latency of {INT8} against that of fp32, of the same network through the same route, placed "
    "alike",
    judge=speed,
)
