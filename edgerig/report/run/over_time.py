"""What changed while a device was at work: its reference cell, timed again and again, and cells kept at work for
minutes, as the page draws them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgerig.figures import numbers
from edgerig.results import CellResult, Drift, Results, Sustained


def payload(results: Results) -> dict[str, Any]:
    """Device → its reference's visits as (seconds, p50, low, high, °C, MHz), times in ms; null is what was not told."""
    return {name: _visits(found) for name, found in results.drift.items() if found.visits}


def sustained(cells: Sequence[CellResult]) -> dict[int, dict[str, Any]]:
    """Place of a cell → its windows as (seconds, p50 in ms, °C, MHz, millijoules, 1 where it is contended); null is
    what was not told."""
    return {
        place: {"said": kept_up(cell.sustained), "windows": _windows(cell.sustained)}
        for place, cell in enumerate(cells)
        if cell.sustained.windows
    }


def _windows(found: Sustained) -> list[list[float | None]]:
    return [
        [
            float(f"{each.at_s:.5g}"),
            float(f"{each.p50_ms:.5g}"),
            each.temperature_c,
            None if each.frequency_khz is None else each.frequency_khz / 1000,
            each.millijoules,
            int(each.contended),
        ]
        for each in found.windows
    ]


def kept_up(found: Sustained) -> str:
    """What minutes of work made of a cell, in a sentence."""
    if found.first_ms is None or found.last_ms is None:
        return found.reason or "too short for a first and a last minute"
    said = f"{numbers.duration(found.first_ms)} at first, {numbers.duration(found.last_ms)} at last"
    if found.throttled_after_s is not None:
        said += f", throttled after {found.throttled_after_s:.0f} s, by {found.throttled_by}"
    if found.contended:
        said += ", other processes took part in the last minute"
    return said


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
