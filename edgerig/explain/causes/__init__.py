"""What can make a cell slower than one expects: one module per kind of cause, each a function from evidence to a reason
or to None. A new one is a module and its name in the list below."""

from __future__ import annotations

from collections.abc import Callable

from edgerig.explain.causes import borders, depthwise, halves, kernels, overhead, partitions, processor, threads
from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason

CAUSES: tuple[Callable[[Evidence], Reason | None], ...] = (
    threads.not_in_force,
    threads.held_to_fewer,
    kernels.beside_the_delegate,
    partitions.split,
    borders.unfused,
    borders.conversions,
    processor.no_dot_products,
    depthwise.bound,
    halves.in_float,
    overhead.too_small,
)
