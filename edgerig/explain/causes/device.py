"""A device that was not the same all the while: what was timed on it is no level of anything."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason

_ATTEMPT = "measure it again on a device that is at rest, or held still (conditions, order)"


def held_back(evidence: Evidence) -> Reason | None:
    """By what its verdict has of throttling, under whatever label."""
    found = evidence.cell.verdict.evidence.throttling if evidence.cell.verdict is not None else ()
    if not found:
        return None
    said = "; ".join(found)
    return Reason("throttled", f"the device held its processor back while this was timed: {said}", _ATTEMPT)


def drifting(evidence: Evidence) -> Reason | None:
    """As `held_back`, of what changed in one direction; what a fall of the clock brought is told there."""
    found = evidence.cell.verdict.evidence if evidence.cell.verdict is not None else None
    if found is None or not found.drift or found.throttling:
        return None
    return Reason("drifting", f"it changed while it was timed: {'; '.join(found.drift)}", _ATTEMPT)
