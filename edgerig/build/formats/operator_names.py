"""What users call an operator of a built file's float graph: `op03_CONV_2D`, its place in the graph and its kind."""

from __future__ import annotations

from collections.abc import Iterable


def operator_names(kinds: Iterable[str]) -> tuple[str, ...]:
    """A name for each operator, of its `kinds`, in the order they run: as many digits as the last one needs, two or
    more, so that names sort as operators run."""
    listed = list(kinds)
    digits = max(2, len(str(len(listed) - 1)))
    return tuple(f"op{place:0{digits}}_{kind}" for place, kind in enumerate(listed))
