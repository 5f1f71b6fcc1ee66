"""Dynamic against static graphs: what a framework runs operator by operator against what was made of it first."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.study.cells import OF_TENSORFLOW, OF_TORCH
from edgerig.study.finding import Claim, Judged
from edgerig.study.judge import faster, rankable
from edgerig.study.seen import Seen, not_run, of, pairs
from edgerig.study.source import SURVEY

FRAMEWORKS = (("PyTorch", "torch", OF_TORCH), ("TensorFlow", "keras", OF_TENSORFLOW))


def judge(seen: Sequence[Seen]) -> Judged:
    found, missing = [], []
    for framework, source, (eager, *static) in FRAMEWORKS:
        base = list(filter(rankable, of(seen, source, eager)))
        for name in static:
            found += [
                faster(
                    ours,
                    graph,
                    {"framework": framework, "graph": name, "network": graph.network, "input": graph.input,
                     "device": graph.cell.device},
                )
                for ours, graph in pairs(base, filter(rankable, of(seen, source, name)))
            ]  # fmt: skip
        missing += [not_run(seen, source, name) for name in (eager, *static)]
    return Judged(tuple(found), tuple(filter(None, missing)))


CLAIM = Claim(
    key="graphs",
    says="A static or compiled graph infers faster than dynamic, eager execution",
    source=f"{SURVEY}, on programming models and on compiler optimizations (XLA, JIT)",
    tested="Eager execution against every graph the same framework makes of the same network: TorchScript, "
    "torch.compile and AOTInductor; tf.function as a SavedModel, and XLA. The steady state, without the "
    "time it takes to compile",
    judge=judge,
)
