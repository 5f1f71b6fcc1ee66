"""What a cell is like after minutes of work."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Value


class SustainedWindow(Value):
    """Some seconds of inferences, and the device at their end; what nobody told is null."""

    at_s: float = Field(description="since the beginning, when it ended")
    inferences: int
    p50_ms: float
    p90_ms: float
    millijoules: float | None = Field(default=None, description="of one inference, the idle device's share in it")
    temperature_c: float | None = None
    frequency_khz: int | None = None
    contended: bool = Field(default=False, description="other processes took part in it")


class Sustained(Value):
    """Inferences without a pause; `first` and `last` are the first and the last minute, of less than three minutes a
    third."""

    seconds: float | None = None
    windows: tuple[SustainedWindow, ...] = ()
    first_ms: float | None = Field(default=None, description="median of the first minute's windows' medians")
    last_ms: float | None = None
    last_over_first: float | None = None
    first_millijoules: float | None = None
    last_millijoules: float | None = None
    hottest_c: float | None = None
    contended: bool = Field(
        default=False,
        description="other processes took part in most of the last minute: its figures are theirs as well",
    )
    throttled_after_s: float | None = Field(default=None, description="null with no reason: it was not throttled")
    throttled_by: str = Field(default="", description="what says so: its clock, the firmware, or its latency alone")
    reasons: dict[str, str] = Field(default={})
    reason: str = Field(default="", description="why there is nothing of it")
