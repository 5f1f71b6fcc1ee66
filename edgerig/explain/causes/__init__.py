"""What can make a cell slower than one expects: one module per kind of cause, each a function from evidence to a reason
or to None. A new one is a module and its row in the list below, with the kinds of surprise it may explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from edgerig.explain.reason import Kind, Reason

_LONGER: frozenset[Kind] = frozenset({"slower", "not faster", "little gained"})
_ANY: frozenset[Kind] = frozenset({*_LONGER, "fallback", "threads", "runtime"})


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
    Cause(kernels.beside_the_delegate, _LONGER | {"fallback"}),
    Cause(partitions.split, _LONGER | {"fallback"}),
    Cause(borders.unfused, _LONGER),
    Cause(borders.conversions, _LONGER),
    Cause(processor.no_dot_products, frozenset({"slower", "little gained"})),
    Cause(depthwise.bound, _LONGER),
    Cause(halves.in_float, frozenset({"slower", "not faster"})),
    Cause(memory.bound, _LONGER),
    Cause(overhead.too_small, _LONGER | {"threads"}),
)


def reasons(evidence: Evidence, kind: Kind) -> list[Reason]:
    """What explains a surprise of the kind, in the order of the list."""
    found = (cause.find(evidence) for cause in CAUSES if kind in cause.explains)
    return [each for each in found if each is not None]
