"""What can make a cell slower than one expects: one module per kind of cause, each a function from evidence to a reason
or to None. A new one is a module and its row in the list below, with the kinds of surprise it may explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgerig.explain.causes import (
    borders,
    depthwise,
    device,
    halves,
    kernels,
    memory,
    overhead,
    partitions,
    processor,
    threads,
)
from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import AGAINST_FLOAT, Kind, Reason

_ANY: frozenset[Kind] = frozenset({*AGAINST_FLOAT, "fallback", "threads", "runtime"})


@dataclass(frozen=True)
class Cause:
    find: Callable[[Evidence], Reason | None]
    explains: frozenset[Kind]


CAUSES = (
    Cause(device.held_back, _ANY),
    Cause(device.drifting, _ANY),
    Cause(threads.not_in_force, _ANY),
    Cause(threads.held_to_fewer, _ANY),
    Cause(kernels.no_delegate, _ANY - {"threads"}),
    Cause(kernels.beside_the_delegate, AGAINST_FLOAT | {"fallback"}),
    Cause(partitions.split, AGAINST_FLOAT | {"fallback"}),
    Cause(borders.unfused, AGAINST_FLOAT),
    Cause(borders.conversions, AGAINST_FLOAT),
    Cause(processor.no_dot_products, frozenset({"slower", "little gained"})),
    Cause(depthwise.bound, AGAINST_FLOAT),
    Cause(halves.in_float, frozenset({"slower", "not faster"})),
    Cause(memory.bound, AGAINST_FLOAT),
    Cause(overhead.too_small, AGAINST_FLOAT | {"threads"}),
)


def reasons(evidence: Evidence, kind: Kind) -> list[Reason]:
    """What explains a surprise of the kind, in the order of the list."""
    asked = replace(evidence, kind=kind)
    found = (cause.find(asked) for cause in CAUSES if kind in cause.explains)
    return [each for each in found if each is not None]
