"""A graph that a delegate takes in several pieces."""

from __future__ import annotations

from collections.abc import Iterator

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason, amount, joined
from edgerig.figures import numbers
from edgerig.results import OperatorProfile, Profile


def split(evidence: Evidence) -> Reason | None:
    """By what stands between the pieces, and by what calling them takes where the runtime tells it: ExecuTorch's
    delegate propagates shapes through a piece at each call. A twin in as many pieces explains nothing."""
    profile, twin = evidence.profile, evidence.twin
    pieces = profile.partitions or 0
    if pieces < 2 or (twin is not None and twin.profile.operators and (twin.profile.partitions or 0) >= pieces):
        return None
    between = list(_between(profile))
    if not between:
        return None
    entering = 0.0 if profile.shares_only or not profile.whole else (profile.entering or 0.0) / profile.whole
    text = f"the delegate has the graph in {pieces} pieces, split by {joined(each.name for each in between)}"
    if twin is not None and twin.profile.operators:
        text += f"; in fp32 in {twin.profile.partitions or 0}"
    if entering:
        text += f"; calling them takes {amount(profile.entering or 0.0, profile.unit)} ({numbers.percent(entering)})"
    share = sum(each.share for each in between) + entering
    return Reason("split", text, "replace what splits it, or leave the layers beside it in one type", share)


def _between(profile: Profile) -> Iterator[OperatorProfile]:
    """What runs outside of a delegate after its first piece and before its last."""
    inside = [place for place, each in enumerate(profile.operators) if each.partition is not None]
    if inside:
        yield from (each for each in profile.operators[inside[0] : inside[-1]] if each.partition is None)
