"""What is done on the host before and after the network: shown beside the latency, and no part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgerig.figures.field import real, text
from edgerig.figures.figure import Figure
from edgerig.figures.numbers import duration

if TYPE_CHECKING:
    from edgerig.results import CellResult, HostStage

NOTE = (
    "Before and after",
    "the model's own preprocess and postprocess functions, timed on this host, one sample at a time, by the median of "
    "their calls; no latency holds them.",
)


def _stage(key: str, get: Callable[[CellResult], HostStage], notes: tuple[tuple[str, str], ...] = ()) -> Figure:
    return Figure(
        key=key,
        name=f"{key} on the host",
        unit="ms",
        value=lambda c: get(c).p50_ms,
        reason=lambda c: get(c).reason,
        field=f"{key}_host_ms",
        fields=(real(f"{key}_host_ms", lambda c: get(c).p50_ms), text(f"{key}_host_reason", lambda c: get(c).reason)),
        shown="sometimes",
        written=duration,
        heat="",
        notes=notes,
    )


PREPROCESS = _stage("preprocess", lambda c: c.stages.preprocess, (NOTE,))
POSTPROCESS = _stage("postprocess", lambda c: c.stages.postprocess)
