"""Framework overhead against runtimes: a framework's own execution against a runtime made for inference alone."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.figures import numbers
from edgerig.study.cells import ALONE, FRAMEWORKS, RUNTIMES
from edgerig.study.finding import Claim, Evidence, Figure, Judged, unheard
from edgerig.study.judge import EAGER, faster, rankable
from edgerig.study.seen import Seen, not_run, of, pairs
from edgerig.study.source import SURVEY


def judge(seen: Sequence[Seen]) -> Judged:
    found: list[Evidence] = []
    missing: list[str] = []
    for framework, source, formats in FRAMEWORKS:
        own = [name for name in formats if name not in ALONE]
        runtimes = [each for name in RUNTIMES for each in of(seen, source, name) if rankable(each)]
        for name in own:
            for ours, theirs in pairs(filter(rankable, of(seen, source, name)), runtimes):
                axes = {"framework": framework, "run by it as": name, "runtime": theirs.cell.format,
                        "network": ours.network, "input": ours.input, "device": ours.cell.device}  # fmt: skip
                found.append(faster(ours, theirs, axes))
                found += _memory(ours, theirs, axes)
        missing += [not_run(seen, source, name) for name in (*own, *RUNTIMES)]
    sides = unheard(found, "framework", {name: name for name, *_ in FRAMEWORKS})
    return Judged(tuple(found), tuple(filter(None, missing)), unheard=sides)


def _memory(ours: Seen, theirs: Seen, axes: dict[str, str]) -> list[Evidence]:
    """Beside the time: what the whole process takes. It is no part of the verdict."""
    before, after = ours.cell.memory.peak_rss_bytes, theirs.cell.memory.peak_rss_bytes
    if not before or not after:
        return []
    figures = tuple(
        Figure(each, f"{numbers.significant(taken / 1e6)} MB") for each, taken in ((ours, before), (theirs, after))
    )
    return [Evidence(axes, figures, f"{numbers.significant(after / before)}× the memory", None, judges=False)]


CLAIM = Claim(
    key="overhead",
    says="A runtime made for inference is faster than the framework the network was written in",
    source=f"{SURVEY}, on deployment (TensorFlow Lite, ONNX, mobile runtimes)",
    tested="The same network, once run by its framework in each of its ways, once by LiteRT, ExecuTorch and ONNX "
    "Runtime, in float32 on as many threads; the memory of the whole process stands beside it. What XLA compiles is "
    "left out: it runs without TensorFlow. What AOTInductor compiles counts as PyTorch: it runs in PyTorch's own "
    f"library (libtorch). {EAGER}",
    judge=judge,
)
