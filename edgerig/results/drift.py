"""Whether a device stayed the same through a sweep: its reference cell, timed again and again; and where in the order a
cell was run."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Value


class ReferenceVisit(Value):
    """One time the reference cell was timed; what is missing was not told."""

    number: int
    seconds: float | None = Field(default=None, description="since the first one ended")
    p50_ms: float
    low_ms: float | None = Field(default=None, description="of the 95 % interval of the median")
    high_ms: float | None = None
    temperature_c: float | None = None
    frequency_khz: int | None = None


class Drift(Value):
    reference: str = Field(default="", description="the cell's id")
    seed: int | None = Field(default=None, description="of the order the device's cells were run in")
    visits: tuple[ReferenceVisit, ...] = ()
    spread: float | None = Field(default=None, description="its slowest median over its fastest, less 1")
    last_over_first: float | None = Field(default=None, description="its last median over its first, less 1")
    shows: bool = Field(default=False, description="two of them differ by more than counts, their intervals apart")
    reason: str = ""


class CellOrder(Value):
    """Where in its device's order a cell was run, and what the reference did meanwhile."""

    block: int
    number: int
    change: float | None = Field(default=None, description="the reference's median after it over that before, less 1")
    shows: bool = Field(default=False, description="that is more than counts, and their intervals are apart")
