"""Numbers as people read them, the same in every table and every sentence. Pure.

What programs read (results.json, CSV, Parquet) keeps every digit and the one unit its name says.
"""

from __future__ import annotations

import math

MISSING = "–"
MICROSECONDS_BELOW = 0.1
"""Milliseconds: what is shorter is written in microseconds, where it has digits before the point."""


def significant(value: float | None, digits: int = 3) -> str:
    """`value` to `digits` significant digits, thousands separated by commas; `MISSING` for None."""
    if value is None:
        return MISSING
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent < -4:
        return f"{rounded:.{digits - 1}e}"
    return f"{rounded:,.{max(0, digits - 1 - exponent)}f}"


def duration(milliseconds: float | None, digits: int = 3) -> str:
    """`"5.98 µs"` or `"0.131 ms"`: a time with its unit; `MISSING` for None."""
    if milliseconds is None:
        return MISSING
    if 0 < abs(milliseconds) < MICROSECONDS_BELOW:
        return f"{significant(milliseconds * 1e3, digits)} µs"
    return f"{significant(milliseconds, digits)} ms"


def percent(share: float | None) -> str:
    """`"31.5 %"` for 0.315; `MISSING` for None."""
    return MISSING if share is None else f"{significant(100 * share)} %"


def whole(count: float) -> str:
    """`"1,234,567"`: every digit of what is counted."""
    return f"{count:,.0f}"


def kilobytes(size_bytes: float | None) -> str:
    """`"51.8 kB"` for 51,800 bytes."""
    return f"{significant(None if size_bytes is None else size_bytes / 1e3)} kB"


def counted(number: int, noun: str) -> str:
    """`"1 cell"`, `"24 cells"`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
