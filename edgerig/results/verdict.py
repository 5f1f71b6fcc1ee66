"""A verdict on a cell, with what it was made of. Which there are, and what follows from each: `figures/verdict.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.value import Sparse, Value

Counted = Literal["all", "undisturbed", "unwaited"]


class VerdictEvidence(Sparse):
    """The figures a verdict was made of, as far as there were any."""

    tolerance: float | None = Field(default=None, description="half of the interval of a median that is stable")
    threads_asked: int | None = None
    threads_in_force: int | None = None
    undelegated_operators: int | None = None
    host_relative_error: float | None = Field(default=None, description="on the device against where it was built")
    host_tolerance: float | None = None
    host_samples: int | None = None
    throttling: tuple[str, ...] = Field(default=(), description="what says that the processor was held back")
    drift: tuple[str, ...] = Field(default=(), description="what says that it changed in one direction meanwhile")
    saturates: bool | None = None
    contention: str | None = Field(default=None, description="what says that samples were disturbed")
    samples_counted: Counted | None = None
    attempts: int | None = None
    median_ci95_ms: tuple[float, float] | None = Field(
        default=None, description="of older runs, which had no `Latency.interval`"
    )
    relative_half_width: float | None = Field(default=None, description="of older runs: half of it over the median")


class Verdict(Value):
    """How far the cell can be trusted, with the figures that say so and what to do about it."""

    label: str = Field(
        pattern=r"^[a-z][a-z0-9 -]{0,39}$", description="one of `figures.verdict.VERDICTS`, or a newer version's"
    )
    evidence: VerdictEvidence
    advice: str
