"""The claims, one module per kind of evidence; in the order a study tells them."""

from __future__ import annotations

from edgerig.study.claims import bridge, graphs, int8, maturity, outside, overhead, small_inputs
from edgerig.study.finding import Claim

CLAIMS: tuple[Claim, ...] = (
    small_inputs.CLAIM,
    graphs.CLAIM,
    overhead.CLAIM,
    int8.SIZE,
    int8.SPEED,
    maturity.CLAIM,
    bridge.CLAIM,
    *outside.CLAIMS,
)
