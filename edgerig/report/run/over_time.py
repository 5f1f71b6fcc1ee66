"""What changed while a device was at work: its reference cell, timed again and again, as the page draws it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgerig.figures import numbers
from edgerig.results import Drift, Results


def payload(results: Results) -> dict[str, Any]:
    """Device → its reference's visits as (seconds, p50, low, high, °C, MHz), times in ms; null is what was not told."""
    return {name: _visits(found) for name, found in results.drift.items() if found.visits}


def _visits(found: Drift) -> dict[str, Any]:
    return {
        "reference": found.reference,
        "said": said(found),
        "visits": [
            [
                each.seconds,
                each.p50_ms,
                each.low_ms,
                each.high_ms,
                each.temperature_c,
                None if each.frequency_khz is None else each.frequency_khz / 1000,
            ]
            for each in found.visits
        ],
    }


def said(found: Drift) -> str:
    """Whether the device stayed the same, in a sentence."""
    if found.reason or found.spread is None:
        return found.reason or "the reference cell was timed once"
    times = numbers.counted(len(found.visits), "time")
    spread = f"its medians differ by up to {numbers.percent(found.spread)}"
    judged = "more than counts: the device drifted" if found.shows else "no more than such medians do"
    return f"{found.reference} was timed {times}: {spread}, {judged}"


def sentences(drift: Mapping[str, Drift]) -> list[tuple[str, str]]:
    """(device, sentence) for Markdown."""
    return [(name, said(found)) for name, found in drift.items()]
