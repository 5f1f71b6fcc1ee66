"""Depthwise convolutions: few products for each value that is loaded, so that smaller numbers gain little."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.kinds import by_kind
from edgerig.explain.reason import Reason, amount
from edgerig.figures import numbers

KIND = "depthwise convolution"
LEAST = 0.25
"""Of the inference: less does not bind it."""
GAINED = 0.5
"""Of what they take in fp32: at less they did gain."""


def bound(evidence: Evidence) -> Reason | None:
    """Those the delegate computes; what its own kernels are left with is told of as such."""
    own = [each for each in evidence.profile.operators if each.kind == KIND and not each.fallback]
    share = sum(each.share for each in own)
    if share < LEAST:
        return None
    text = f"depthwise convolutions ({len(own)}) take {numbers.percent(share)}"
    if evidence.both_profiled and evidence.twin is not None:
        ours, theirs = by_kind(evidence.cell.profile)[KIND], by_kind(evidence.twin.profile).get(KIND, 0.0)
        if evidence.gained(ours, theirs, GAINED):
            return None
        unit = evidence.profile.unit
        text += f": {amount(theirs, unit)} in fp32, {amount(ours, unit)} here, for they load more than they multiply"
    return Reason("depthwise", text, "nothing of the recipe: a network with fewer or narrower depthwise layers", share)
