"""What an inference is made of: the time, or the instructions, of each operator, as the runtime itself tells them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.value import Value

Unit = Literal["ns", "instructions"]
OperatorRunner = Literal["xnnpack", "kernel", "ort", "portable"]
OperatorKind = Literal[
    "convolution",
    "depthwise convolution",
    "transposed convolution",
    "matrix product",
    "pooling",
    "activation",
    "softmax",
    "normalization",
    "arithmetic",
    "reduction",
    "conversion",
    "movement",
    "lookup",
    "recurrent",
    "control",
    "other",
]
FALLBACKS: tuple[OperatorRunner, ...] = ("kernel", "portable")
"""Whose an operator is that the runtime's delegate has not taken, where there is a delegate."""
MOST_OPERATORS = 4096
OUTSIDE = "outside operators"
"""What the row is called that no operator covers."""
ENTERING = "calls of the delegate"
"""And that of what its partitions take beside their operators, where it is told."""


class OperatorProfile(Value):
    """One operator of an inference, in the order in which they run. Values are in the profile's unit, medians over its
    runs; a fused operator is one, under the name the runtime gives it."""

    index: int = Field(ge=0, description="place in the order of execution, from 0")
    name: str = Field(
        description="in the runtime's own words: `Convolution (NHWC, QS8, QC8W) IGEMM`, `SQUARED_DIFFERENCE`"
    )
    kind: OperatorKind = Field(description="the same word in every runtime; `conversion`: between types or layouts")
    layer: str = Field(
        default="", description="the graph's name of what it computes; empty: the graph knows it no more"
    )
    runner: OperatorRunner = Field(
        description="whose code ran: XNNPACK's; LiteRT's own kernel; ONNX Runtime's; ExecuTorch's portable or optimized"
    )
    partition: int | None = Field(default=None, ge=0, description="the delegate's stretch of the graph; null: in none")
    value: float = Field(ge=0, description="of one inference, all its calls together: the median over the runs")
    spread: float = Field(
        ge=0, description="distance of the quartiles over the runs; of instructions largest less least"
    )
    share: float = Field(ge=0, le=1, description="of `whole`, or of `sum` where that is more")
    calls: float = Field(ge=0, description="in one inference; more than 1 inside a loop")
    macs: int | None = Field(
        default=None,
        ge=0,
        description="multiply-accumulates of a call; null: not a convolution or product, or not told",
    )
    moved: int | None = Field(
        default=None, ge=0, description="bytes of its tensors, each once: what a call moves at least; null: not told"
    )

    @property
    def rate(self) -> float | None:
        """Multiply-accumulates a nanosecond (10^9 a second), or an instruction."""
        return None if not self.macs or not self.value else self.macs * self.calls / self.value

    @property
    def traffic(self) -> float | None:
        """Bytes a nanosecond (gigabytes a second), or an instruction: at least."""
        return None if not self.moved or not self.value else self.moved * self.calls / self.value

    @property
    def fallback(self) -> bool:
        """Did it run on the runtime's own kernels? `Profile.fallbacks` are those that a delegate left to them."""
        return self.runner in FALLBACKS


class Profile(Value):
    """Of a cell, from a process of its own that is never timed; `reason` says why there is none, and then the rest is
    empty. `whole = sum + outside` where the operators take less than the whole."""

    method: str = Field(
        default="", description="what told the times, and what they are of, where not of the timed path"
    )
    unit: Unit = "ns"
    whole: float | None = Field(default=None, ge=0, description="median inference in that process, nothing profiled")
    profiled_whole: float | None = Field(default=None, ge=0, description="median inference while it was profiled")
    sum: float | None = Field(default=None, ge=0, description="of the operators' values")
    outside: float | None = Field(
        default=None, ge=0, description="`whole` less `sum`: what no operator covers, calls and the runtime's own work"
    )
    entering: float | None = Field(
        default=None,
        ge=0,
        description="of `outside`: what calling the delegate's partitions takes beside their operators; null: not told",
    )
    floor: float = Field(
        default=0.0, ge=0, description="a value is known no finer than this: the clock's step, or what a reading adds"
    )
    shares_only: bool = Field(
        default=False, description="values are inflated by the profiling itself: `share` alone says something"
    )
    cache_bytes: int | None = Field(
        default=None, ge=0, description="the largest cache the device's first processor has a share in; null: not told"
    )
    runs: int = Field(default=0, ge=0, description="profiled inferences the values are medians of")
    partitions: int | None = Field(
        default=None, ge=0, description="of the graph, that a delegate took; null: no delegate"
    )
    operators: tuple[OperatorProfile, ...] = Field(default=(), max_length=MOST_OPERATORS)
    notes: tuple[str, ...] = Field(default=(), description="what limits the figures, such as a clock of whole µs")
    reason: str = ""

    @property
    def uncovered(self) -> tuple[tuple[str, float], ...]:
        """What no operator covers, by what it is called where more is known; nothing where all of it is covered."""
        entering = self.entering or 0.0
        rows = ((ENTERING, entering), (OUTSIDE, (self.outside or 0.0) - entering))
        return tuple((name, value) for name, value in rows if value > 0)

    @property
    def fallbacks(self) -> tuple[OperatorProfile, ...]:
        """What a delegate left to the runtime's own kernels; nothing where there is no delegate."""
        return () if self.partitions is None else tuple(each for each in self.operators if each.fallback)
