"""A network so small that calling it is most of it."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason, amount
from edgerig.figures import numbers

MOST = 0.4
"""Of the inference outside of its operators: from here on their speed decides little."""


def too_small(evidence: Evidence) -> Reason | None:
    profile = evidence.profile
    if profile.shares_only or profile.outside is None or not profile.whole or not profile.operators:
        return None
    share = profile.outside / profile.whole
    if share < MOST:
        return None
    before = None if evidence.twin is None or not evidence.both_profiled else evidence.twin.profile.outside
    if before is not None and evidence.gained(profile.outside, before):
        return None
    count = numbers.counted(len(profile.operators), "operator")
    outside, whole = amount(profile.outside, profile.unit), amount(profile.whole, profile.unit)
    text = (
        f"{outside} of {whole} ({numbers.percent(share)}) are outside of its {count}: "
        "the call itself, which no recipe shortens"
    )
    return Reason("too small", text, "several samples in one call (a larger batch), or the smallest file", share)
