"""Processors as kernels, taskset(1) and people list them: `0-3,6` (kernel: admin-guide/cputopology).

The standard library alone: devices read it too."""

from __future__ import annotations

import re

PART = re.compile(r"\s*(\d{1,4})(?:-(\d{1,4}))?\s*", re.ASCII)


def numbers(text: str) -> list[int]:
    """`"0-2,5"` → [0, 1, 2, 5], in the order they are given. Raises ValueError."""
    found: list[int] = []
    for part in text.split(","):
        match = PART.fullmatch(part)
        numbered = range(int(match[1]), int(match[2] or match[1]) + 1) if match else ()
        if not numbered:
            raise ValueError(f"{text[:80]!r} is no list of processors, such as 2,3 or 0-3")
        found += numbered
    return found
