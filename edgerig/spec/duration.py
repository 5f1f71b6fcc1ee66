"""Lengths of time as people write them."""

from __future__ import annotations

import re

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def in_seconds(value: object) -> object:
    """`"10m"`, `"90 s"`, `"1.5h"` or `"600"` in seconds; what is no text is left as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(s|m|min|h|)\s*", value, re.ASCII)
    if found is None:
        raise ValueError(f"{value[:40]!r} is no length of time, such as 600, 90s, 10m or 1h")
    return float(found[1]) * UNITS[found[2]]
