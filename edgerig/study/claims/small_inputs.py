"""PyTorch against TensorFlow, the same network with the same weights, at several sizes of input."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.study.finding import Claim, Judged
from edgerig.study.judge import faster, rankable
from edgerig.study.seen import Seen, not_run, of, pairs
from edgerig.study.source import INFERENCE, SURVEY

MODES = (
    ("eager", "torch_eager", "keras_eager"),
    ("graph", "torchscript", "saved_model"),
    ("compiled", "torch_compile", "xla"),
    ("own runtime", "executorch", "tflite"),
)
"""How each runs what was authored in it: PyTorch's format, TensorFlow's."""


def judge(seen: Sequence[Seen]) -> Judged:
    found = [
        faster(
            theirs,
            ours,
            {"mode": mode, "input": ours.input, "network": ours.network, "device": ours.cell.device,
             "TensorFlow → PyTorch": f"{tensorflow} → {torch}"},
        )
        for mode, torch, tensorflow in MODES
        for theirs, ours in pairs(
            filter(rankable, of(seen, "keras", tensorflow)), filter(rankable, of(seen, "torch", torch))
        )
    ]  # fmt: skip
    wanted = ((source, name) for _, *both in MODES for source, name in zip(("torch", "keras"), both, strict=True))
    return Judged(tuple(found), tuple(filter(None, (not_run(seen, *each) for each in wanted))))


CLAIM = Claim(
    key="small-inputs",
    says="For inference PyTorch takes less time than TensorFlow, with small inputs too",
    source=f"{SURVEY}, inference performance; Novac et al. 2022",
    tested="The same network with the same weights from both frameworks, one sample, images of 8, 28, 64 and 224 "
    "pixels a side: each mode of PyTorch against TensorFlow's of that kind, and each one's own runtime for devices",
    judge=judge,
    cited=INFERENCE,
)
