"""A network so small that calling it is most of it."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason, amount
from edgerig.figures import numbers
from edgerig.results import Profile

MOST = 0.4
"""Of the inference outside of its operators: from here on their speed decides little."""


def too_small(evidence: Evidence) -> Reason | None:
    """Without the calls of a delegate's partitions: those are told of with what splits it (`partitions.split`)."""
    profile = evidence.profile
    calls = _outside(profile)
    if profile.shares_only or calls is None or not profile.whole or not profile.operators:
        return None
    share = calls / profile.whole
    if share < MOST:
        return None
    before = None if evidence.twin is None or not evidence.both_profiled else _outside(evidence.twin.profile)
    if before is not None and evidence.gained(calls, before):
        return None
    count = numbers.counted(len(profile.operators), "operator")
    outside, whole = amount(calls, profile.unit), amount(profile.whole, profile.unit)
    text = (
        f"{outside} of {whole} ({numbers.percent(share)}) are outside of its {count}: "
        "the call itself, which no recipe shortens"
    )
    return Reason("too small", text, "several samples in one call (a larger batch), or the smallest file", share)


def _outside(profile: Profile) -> float | None:
    return None if profile.outside is None else profile.outside - (profile.entering or 0.0)
