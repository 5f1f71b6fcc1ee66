"""What one inference executes on an emulated processor."""

from __future__ import annotations

from edgerig.figures import numbers
from edgerig.figures.field import text, whole
from edgerig.figures.figure import Change, Figure, Limit, Trend, counted

INSTRUCTIONS = Figure(
    key="instructions",
    name="instructions",
    unit="instructions",
    value=lambda c: c.cost.instructions,
    reason=lambda c: c.cost.reason,
    field="instructions",
    fields=(
        whole("instructions", lambda c: c.cost.instructions, shown=True),
        whole("instructions_spread", lambda c: c.cost.spread),
        text("instructions_reason", lambda c: c.cost.reason),
    ),
    shown="usual",
    headline=True,
    written=numbers.whole,
    heat="",
    certainty=counted(lambda c: c.cost.spread),
    change=Change(minimum=0.005, on_processor=True),
    limit=Limit("instructions", "whole", "with more than {} instructions", "{} instructions", on="emulated"),
    trend=Trend("instructions", exact=True, minimum=0.005, belongs="processor", without="wrong"),
    notes=(
        (
            "Instructions",
            "what one inference executes on an emulated processor, on one thread: a cost to compare builds by, the "
            "same in every run for LiteRT and ExecuTorch, not a time.",
        ),
    ),
)
