"""One cause in words, and the words that amounts have in all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgerig.figures import numbers
from edgerig.results import OperatorProfile

Kind = Literal["slower", "not faster", "little gained", "fallback", "threads", "runtime"]
"""Of a surprise: how a row is not as one expects."""
AGAINST_FLOAT: frozenset[Kind] = frozenset({"slower", "not faster", "little gained"})
"""Those of a row that is held against its float twin."""
NAMED = 4
"""Operators of a sentence, by name; more are counted."""


@dataclass(frozen=True)
class Reason:
    """`text` is a sentence with its figures, without its full stop; `attempt` one thing to try, "" where nothing is.
    `share` of the inference it accounts for, None where nothing tells: what is known to weigh most is said first."""

    cause: str
    text: str
    attempt: str = ""
    share: float | None = None


def amount(value: float, unit: str) -> str:
    """`"40.5 µs"`, `"12,300 instructions"`; `value` in nanoseconds or instructions."""
    return numbers.duration(value / 1e6) if unit == "ns" else f"{numbers.significant(value)} instructions"


def listed(operators: Iterable[OperatorProfile]) -> str:
    """`"SQUARED_DIFFERENCE ×7 (39.5 %), BATCH_MATMUL ×6 (27 %) and 3 more kinds"`: what takes most first."""
    counts: Counter[str] = Counter()
    shares: dict[str, float] = {}
    for each in operators:
        counts[each.name] += 1
        shares[each.name] = shares.get(each.name, 0.0) + each.share
    ordered = sorted(shares, key=lambda name: (-shares[name], name))
    named = [
        f"{name}{f' ×{counts[name]}' if counts[name] > 1 else ''} ({numbers.percent(shares[name])})"
        for name in ordered[:NAMED]
    ]
    more = len(ordered) - len(named)
    return ", ".join(named) + (f" and {numbers.counted(more, 'more kind')}" if more else "")


def joined(names: Iterable[str]) -> str:
    """Names with how often each comes, the most frequent first: `"EXP ×2, POW"`."""
    counts = Counter(names)
    shown = [f"{name}{f' ×{count}' if count > 1 else ''}" for name, count in counts.most_common(NAMED)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {numbers.counted(more, 'more kind')}" if more else "")
