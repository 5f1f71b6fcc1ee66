"""What a process takes at its most that loads the model and infers."""

from __future__ import annotations

from edgerig.figures.field import text, whole
from edgerig.figures.figure import Change, Figure, Limit, Trend

MEMORY = Figure(
    key="memory",
    name="peak memory",
    unit="bytes",
    value=lambda c: c.memory.peak_rss_bytes,
    reason=lambda c: c.memory.reason,
    field="peak_rss_bytes",
    fields=(
        whole("peak_rss_bytes", lambda c: c.memory.peak_rss_bytes),
        whole("runtime_rss_bytes", lambda c: c.memory.runtime_rss_bytes),
        text("memory_includes", lambda c: c.memory.includes),
        text("memory_reason", lambda c: c.memory.reason),
    ),
    group="footprint",
    shown="optional",
    scale=("MB", 1e6),
    change=Change(minimum=0.10, unit="peak, bytes"),
    limit=Limit("peak_memory_bytes", "whole", "with a peak memory above {}", "a peak memory of {}"),
    trend=Trend("memory", exact=False, minimum=0.05, belongs="processor", without="wrong"),
    notes=(
        (
            "Peak memory",
            "resident memory of a process of its own that loads the model and infers, runtime included; "
            "1 MB is 1,000,000 bytes.",
        ),
    ),
)
