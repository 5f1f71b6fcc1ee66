"""What is told of a sweep while it goes: a stage of something began or ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CELL, REFERENCE, PROFILE = "cell", "again", "profile"
"""The stage names of a cell's outcome, of a reference cell's that was timed once more, and of a profile; the others are
`prepare` and `build`."""


@dataclass(frozen=True)
class Progress:
    """What just happened, for whoever shows it: a stage of `subject` ended with `status` ("" when it only began)."""

    stage: str
    subject: str
    status: str = ""
    detail: str = ""


Listener = Callable[[Progress], None]
