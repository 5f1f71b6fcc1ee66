"""What the processor has no instructions for."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.kinds import by_kind
from edgerig.explain.reason import Reason, amount
from edgerig.figures import numbers

DOT_PRODUCTS = {"aarch64": ("dotprod", "i8mm"), "x86_64": ("avx512_vnni", "avx_vnni", "amx_int8")}
"""By machine, the features that multiply four 8-bit numbers and add them in one instruction (Arm A64: SDOT and UDOT of
FEAT_DotProd, SMMLA of FEAT_I8MM; Intel: VPDPBUSD of AVX-512 VNNI and AVX-VNNI): any of them does."""
PRODUCTS = ("matrix product", "convolution")
_ATTEMPT = "int8 for its size; for its speed a processor that has them"
GAINED = 0.7
"""Integer products that take more than this of the float ones' time have gained little."""


def no_dot_products(evidence: Evidence) -> Reason | None:
    cell, device = evidence.cell, evidence.device
    wanted, features = DOT_PRODUCTS.get(_machine(device.arch)), device.state.features
    if not evidence.in_integers or wanted is None or features is None or set(features) & set(wanted):
        return None
    name, lacking = _written(device.cpu or "this processor"), " or ".join(wanted[:2])
    text = f"{name} has no instructions for dot products of 8-bit numbers ({lacking})"
    share = None
    if evidence.profile.operators:
        share = sum(each.share for each in evidence.profile.operators if each.kind in PRODUCTS)
        text += f"; matrix products and convolutions take {numbers.percent(share)}"
    if evidence.both_profiled and evidence.twin is not None:
        ours, theirs = (sum(by_kind(p).get(k, 0.0) for k in PRODUCTS) for p in (cell.profile, evidence.twin.profile))
        if evidence.gained(ours, theirs, GAINED):
            return None  # they did gain: what makes the cell slow is elsewhere
        text += f", {amount(theirs, cell.profile.unit)} in fp32 and {amount(ours, cell.profile.unit)} here"
    faster = evidence.kind == "slower" and evidence.both_profiled and not cell.emulated
    attempt = "fp32 is the faster on this processor: ship int8 for its size alone" if faster else _ATTEMPT
    return Reason("no dot products", text, attempt, share)


def _written(name: str) -> str:
    """QEMU's names as their makers write them: `Cortex-A72`."""
    return name.title() if name.islower() and "-" in name else name


def _machine(arch: str | None) -> str:
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(arch or "", arch or "")
