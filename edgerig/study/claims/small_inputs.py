"""PyTorch against TensorFlow, the same network with the same weights, at several sizes of input."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.study.cells import OWN_SIDES, SIDES
from edgerig.study.finding import Claim, Evidence, Judged
from edgerig.study.judge import EAGER, faster, rankable
from edgerig.study.seen import Seen, not_run, of, pairs
from edgerig.study.source import INFERENCE, SURVEY

MODES = (
    ("eager", "torch_eager", "keras_eager"),
    ("graph", "torchscript", "saved_model"),
    ("compiled ahead", "aoti", "xla"),
    ("own runtime", "executorch", "tflite"),
)
"""How each runs what was authored in it: PyTorch's format, TensorFlow's."""


AT_SIZES = "mobilenet_v2"
"""The study's network that is measured at SIDES beside its own."""
SMALL = 64
"""Pixels a side, at most, of an input that the claim calls small."""


def judge(seen: Sequence[Seen]) -> Judged:
    compared = [
        (ours, faster(theirs, ours, {"mode": _named(mode), "input": ours.input, "network": ours.network,
                                     "device": ours.cell.device}))
        for mode in MODES
        for theirs, ours in pairs(
            filter(rankable, of(seen, "keras", mode[2])), filter(rankable, of(seen, "torch", mode[1]))
        )
    ]  # fmt: skip
    wanted = ((source, name) for _, *both in MODES for source, name in zip(("torch", "keras"), both, strict=True))
    missing = (*filter(None, (not_run(seen, *each) for each in wanted)), *_not_compared(compared))
    return Judged(tuple(each for _, each in compared), missing, unheard=_no_small_input(compared))


def _named(mode: tuple[str, str, str]) -> str:
    kind, torch, tensorflow = mode
    return f"{kind}: {tensorflow} → {torch}"


def _not_compared(compared: Sequence[tuple[Seen, Evidence]]) -> list[str]:
    """Of the network that is measured at several sizes, the modes and sides without a comparison that judges."""
    there = {(each.axes["mode"], ours.side) for ours, each in compared if each.judges and ours.network == AT_SIZES}
    wanted = ((_named(mode), side) for mode in MODES for side in (*SIDES, OWN_SIDES[AT_SIZES]))
    return [f"{mode}, {AT_SIZES} at {side} pixels: not compared" for mode, side in wanted if (mode, side) not in there]


def _no_small_input(compared: Sequence[tuple[Seen, Evidence]]) -> tuple[str, ...]:
    """What a network shows that has one size alone is its own, whichever size that is."""
    sides: dict[str, set[int]] = {}
    for ours, each in compared:
        if each.judges:
            sides.setdefault(ours.network, set()).add(ours.side)
    if any(len(of_one) > 1 and min(of_one) <= SMALL for of_one in sides.values()):
        return ()
    return (f"no network at several sizes of which one is small ({SMALL} pixels a side or less)",)


CLAIM = Claim(
    key="small-inputs",
    says="For inference PyTorch takes less time than TensorFlow, with small inputs too",
    source=f"{SURVEY}, inference performance; Novac et al. 2022",
    tested="The same network with the same weights from both frameworks, one sample, images of 8, 28, 64 and 224 "
    "pixels a side: each mode of PyTorch against TensorFlow's of that kind, and each one's own runtime for devices. "
    "8 pixels are digits_cnn alone, the other sizes MobileNetV2 alone: between the two the network and the size cannot "
    "be told apart, and what is said of small inputs rests on MobileNetV2. "
    f"{EAGER}",
    judge=judge,
    cited=INFERENCE,
)
