from __future__ import annotations

import itertools
import random

from edgerig.decide.pareto import dominated
from edgerig.results import Accuracy, CellResult, Cost, Results, Verdict, VerdictEvidence


def made(results: Results, at: int, cost: float, accuracy: float | None, size: int) -> CellResult:
    cell = results.cells[0]
    assert cell.latency is not None
    return cell.model_copy(
        update={
            "id": f"cell-{at}",
            "latency": cell.latency.model_copy(update={"p50_ms": cost}),
            "accuracy": Accuracy(metric="top1", value=accuracy, samples=9) if accuracy is not None else Accuracy(),
            "size_bytes": size,
        }
    )


def test_who_is_beaten_by_whom(results: Results) -> None:
    cells = [
        made(results, 0, 1.0, 0.9, 100),
        made(results, 1, 2.0, 0.8, 200),  # worse in all
        made(results, 2, 2.0, 0.95, 200),  # more accurate
        made(results, 3, 1.0, 0.9, 100),  # the same: neither beats the other
        made(results, 4, 1.0, 0.9, 101),
        made(results, 5, 9.0, None, 900),  # has no place
    ]
    assert dominated(cells) == {"cell-1": "cell-0", "cell-4": "cell-0"}


def test_it_agrees_with_comparing_every_pair(results: Results) -> None:
    chance = random.Random(1)
    cells = [
        made(results, at, chance.randrange(1, 6), chance.randrange(1, 6) / 10, chance.randrange(1, 6))
        for at in range(80)
    ]
    figures = {c.id: (c.latency.p50_ms, -(c.accuracy.value or 0), c.size_bytes) for c in cells if c.latency}
    expected = {
        mine
        for (mine, ours), (_, theirs) in itertools.permutations(figures.items(), 2)
        if theirs != ours and all(a <= b for a, b in zip(theirs, ours, strict=True))
    }
    assert set(dominated(cells)) == expected


def test_emulated_cells_are_held_by_instructions_and_wrong_ones_not_at_all(results: Results) -> None:
    first, second = (
        made(results, at, cost, 0.9, 100).model_copy(update={"emulated": True}) for at, cost in ((0, 9), (1, 1))
    )
    first = first.model_copy(update={"cost": Cost(instructions=10)})
    second = second.model_copy(update={"cost": Cost(instructions=20)})
    assert dominated([first, second]) == {"cell-1": "cell-0"}
    wrong = first.model_copy(update={"verdict": Verdict(label="wrong", evidence=VerdictEvidence(), advice="")})
    assert dominated([wrong, second]) == {}
