"""Dynamic against static graphs: what a framework runs operator by operator against what was made of it first."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.figures import every, numbers
from edgerig.study.cells import FRAMEWORKS
from edgerig.study.finding import Claim, Evidence, Figure, Judged, unheard
from edgerig.study.judge import EAGER, faster, rankable
from edgerig.study.seen import Seen, not_run, of, pairs
from edgerig.study.source import SURVEY

UNTIL_ANSWER = ("load", "compile", "first_inference")
"""Figures that add up to it, once the runtime is imported."""


def judge(seen: Sequence[Seen]) -> Judged:
    found: list[Evidence] = []
    missing: list[str] = []
    for framework, source, (eager, *static) in FRAMEWORKS:
        base = list(filter(rankable, of(seen, source, eager)))
        for name in static:
            for ours, graph in pairs(base, filter(rankable, of(seen, source, name))):
                axes = {"framework": framework, "graph": name, "network": graph.network, "input": graph.input,
                        "device": graph.cell.device}  # fmt: skip
                found.append(faster(ours, graph, axes))
                found += _first_answer(ours, graph, axes)
        missing += [not_run(seen, source, name) for name in (eager, *static)]
    sides = unheard(found, "framework", {name: name for name, *_ in FRAMEWORKS})
    return Judged(tuple(found), tuple(filter(None, missing)), unheard=sides)


def _first_answer(ours: Seen, graph: Seen, axes: dict[str, str]) -> list[Evidence]:
    """Beside it: what each takes until its first answer, compilation in it. Of one process: it ranks nothing."""
    before, after = _until_answer(ours), _until_answer(graph)
    if not before or not after:
        return []
    texts = tuple(f"{numbers.duration(each)} to the first answer" for each in (before, after))
    figures = tuple(Figure(each, text) for each, text in zip((ours, graph), texts, strict=True))
    return [Evidence(axes, figures, f"{numbers.significant(after / before)}× the time", None, judges=False)]


def _until_answer(seen: Seen) -> float | None:
    """Milliseconds, once the runtime is imported; None where loading or the first inference was not timed. What a
    runtime does not do, such as compiling, takes none."""
    parts = [figure.value(seen.cell) for figure in every() if figure.key in UNTIL_ANSWER]
    known = [float(part) for part in parts if part is not None]
    return sum(known) if seen.cell.load_ms is not None and seen.cell.first_inference_ms is not None else None


CLAIM = Claim(
    key="graphs",
    says="A static or compiled graph infers faster than dynamic, eager execution",
    source=f"{SURVEY}, on programming models and on compiler optimizations",
    tested="Eager execution against every graph the same framework makes of the same network: TorchScript, "
    "torch.compile and AOTInductor; tf.function as a SavedModel, and compiled ahead of time by XLA. The steady state, "
    f"without the time it takes to compile, which stands beside it. {EAGER}",
    judge=judge,
)
