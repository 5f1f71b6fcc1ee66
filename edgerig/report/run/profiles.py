"""Profiles as the page draws them: bars by what operators do, and a table of the operators themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from edgerig.report.run import palette
from edgerig.results import CellResult, Profile

MOST = 60
"""Cells whose operators stand on the page; results.json has all."""
HEADER = (
    "#",
    "operator",
    "what it does",
    "layer",
    "run by",
    "partition",
    "value",
    "share",
    "spread",
    "calls",
    "MACs",
    "bytes",
    "MACs per",
)
"""`MACs per`: nanosecond, which is 10^9 a second, or instruction."""
RUNNERS = {
    "xnnpack": "XNNPACK",
    "kernel": "the runtime's own kernel",
    "ort": "ONNX Runtime",
    "portable": "portable kernel",
}


def payload(cells: Sequence[CellResult], first: Iterable[str]) -> dict[str, Any]:
    """`cells` by place: bars as kind's place, fallback (0 or 1), value, …; operators as the table's rows. Those of the
    cells `first` come first where there are too many. Values are in µs, or in instructions."""
    wanted = set(first)
    having = [place for place, cell in enumerate(cells) if cell.profile.operators]
    chosen = sorted(having, key=lambda place: (cells[place].id not in wanted, place))[:MOST]
    kinds: dict[str, int] = {}
    drawn = {place: _bars(cells[place].profile, kinds) for place in having if not cells[place].profile.shares_only}
    return {
        "kinds": list(kinds),
        "colours": [palette.kind_colour(kind) for kind in kinds],
        "bars": drawn,
        "facts": {place: _facts(cells[place].profile) for place in having},
        "header": HEADER,
        "operators": {place: _operators(cells[place].profile) for place in sorted(chosen)},
        "left": len(having) - len(chosen),
    }


def _scaled(value: float, profile: Profile) -> float:
    """Of a table's reader: µs, or instructions."""
    return float(f"{value / 1000 if profile.unit == 'ns' else value:.5g}")


def _bars(profile: Profile, kinds: dict[str, int]) -> list[float]:
    together: dict[tuple[str, bool], float] = {}
    left = set(profile.fallbacks)
    for each in profile.operators:
        key = (each.kind, each in left)
        together[key] = together.get(key, 0.0) + each.value
    together |= {(name, False): value for name, value in profile.uncovered}
    return [
        number
        for (kind, fallback), value in together.items()
        for number in (kinds.setdefault(kind, len(kinds)), int(fallback), _scaled(value, profile))
    ]


def _facts(profile: Profile) -> dict[str, Any]:
    return {
        "unit": "µs" if profile.unit == "ns" else "instructions",
        "method": profile.method,
        "shares": profile.shares_only,
        "notes": profile.notes,
        "runs": profile.runs,
    }


def _operators(profile: Profile) -> list[list[str | float | None]]:
    """The last rows are what no operator covers."""
    left = set(profile.fallbacks)
    rows: list[list[str | float | None]] = [
        [
            each.index,
            each.name,
            each.kind + (" (fallback)" if each in left else ""),
            each.layer,
            RUNNERS[each.runner],
            each.partition,
            None if profile.shares_only else _scaled(each.value, profile),
            float(f"{100 * each.share:.3g}"),
            None if profile.shares_only else _scaled(each.spread, profile),
            each.calls,
            each.macs,
            each.moved,
            None if profile.shares_only or each.rate is None else float(f"{each.rate:.3g}"),
        ]
        for each in profile.operators
    ]
    if profile.whole and not profile.shares_only:
        for name, value in profile.uncovered:
            share = float(f"{100 * value / profile.whole:.3g}")
            rows.append([len(rows), name, "", "", "", None, _scaled(value, profile), share, *[None] * 5])
    return rows
