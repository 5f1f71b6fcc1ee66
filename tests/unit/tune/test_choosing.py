"""What goes on is what keeps the budget, smallest first; what is said of dominance is so."""

from __future__ import annotations

from collections.abc import Sequence

from unit.made_results import cells_of, changed

from edgerig.decide.decision import compared
from edgerig.results import Accuracy, CellResult, Parity, Results, Verdict, VerdictEvidence
from edgerig.spec import OwnRecipe, RecipeOptions, SweepBudget
from edgerig.tune.choosing import decided, dominance, to_device, to_host, violation
from edgerig.tune.space import Candidate
from edgerig.tune.trial import Trial


def trial(recipe: str, error: float, size: int, *, own: bool = False) -> Trial:
    row = OwnRecipe(like="int8-static", options=RecipeOptions(equalize=True)) if own else None
    candidate = Candidate(format="onnx", recipe=recipe, own=row)
    return Trial(candidate=candidate, seconds=1.0, size_bytes=size, relative_error=error)


TRIALS = [trial("fp16", 0.001, 60), trial("int8-static", 0.9, 30), trial("own", 0.02, 31, own=True)]


def test_what_is_far_from_its_source_or_too_large_goes_on_last() -> None:
    assert to_host(TRIALS, SweepBudget(), 3)[-1] == "onnx-int8-static"
    assert to_host(TRIALS, SweepBudget.model_validate({"size_bytes": 40}), 1) == ["onnx-own"]
    failed = Trial(candidate=Candidate(format="onnx", recipe="int4-weight"), seconds=1.0, failure="no such layer")
    assert to_host([failed], SweepBudget(), 3) == []


def test_dominance_is_claimed_only_of_one_that_beats_every_fixed_recipe() -> None:
    assert dominance(TRIALS).startswith("no variant dominates every fixed recipe")
    better = trial("better", 0.0005, 29, own=True)
    assert "onnx-better is smaller than every fixed recipe" in dominance([*TRIALS, better])
    assert dominance([trial("fp16", 0.001, 60)]).startswith("no variant dominates")


def top1(share: float) -> Accuracy:
    return Accuracy(metric="top1", value=share, unit="fraction", higher_is_better=True)


def ran(results: Results, shares: Sequence[float], sizes: Sequence[int]) -> Results:
    """The made-up run with fp32 and what follows it on one device, of these accuracies and sizes."""
    cells = [
        changed(cell, accuracy=top1(share), size_bytes=size)
        for cell, share, size in zip(
            [cell for cell in cells_of(results, 0, 0) if cell.status == "ok"], shares, sizes, strict=False
        )
    ]
    return results.model_copy(update={"cells": tuple(cells)})


def test_the_device_is_given_the_smallest_that_keeps_the_budget(results: Results) -> None:
    run = ran(results, (0.99, 0.985, 0.97), (100, 60, 30))
    names = [f"{cell.format}-{cell.recipe}" for cell in run.cells]
    assert names[0].endswith("-fp32")
    assert to_device(run, SweepBudget(), 9) == [names[1], names[2]]
    assert to_device(run, SweepBudget(accuracy_drop=0.05), 1) == [names[2]]


def test_a_violation_is_what_is_lost_beyond_the_budget(results: Results) -> None:
    run = ran(results, (0.99, 0.97), (100, 60))
    ((cells, held_to),) = compared(run)
    assert abs(violation(cells[1], SweepBudget(), held_to) - 0.01) < 1e-6
    assert violation(cells[1], SweepBudget(accuracy_drop=0.02), held_to) == 0
    assert violation(cells[1], SweepBudget.model_validate({"accuracy_drop": 0.02, "size_bytes": 30}), held_to) == 1


def unlabelled(cell: CellResult, agreement: float) -> CellResult:
    return changed(cell, accuracy=Accuracy(reason="no labels"), parity=Parity(relative_error=0.1, agreement=agreement))


def test_without_labels_agreement_with_the_float_source_is_what_counts(results: Results) -> None:
    cells = [cell for cell in cells_of(results, 0, 0) if cell.status == "ok"][:3]
    run = results.model_copy(
        update={"cells": tuple(unlabelled(cell, share) for cell, share in zip(cells, (1.0, 0.95, 0.5), strict=True))}
    )
    names = [f"{cell.format}-{cell.recipe}" for cell in run.cells]
    assert to_device(run, SweepBudget(), 1) == [names[1]]
    assert to_device(run, SweepBudget(), 9)[-1] == names[2]


def agreeing(cell: CellResult, agreement: float, samples: int, error: float) -> CellResult:
    parity = Parity(relative_error=error, agreement=agreement, samples=samples)
    return changed(cell, accuracy=Accuracy(reason="no labels"), parity=parity)


def test_where_samples_are_too_few_to_tell_the_nearest_to_its_source_goes_on(results: Results) -> None:
    """All that were seen of 16 agree with 80.6 % and more: it is open whether 90 % of others do."""
    cells = [cell for cell in cells_of(results, 0, 0) if cell.status == "ok"][:3]
    asked = SweepBudget(agreement=0.9)
    assert violation(agreeing(cells[1], 1.0, 1000, 0.2), asked, None) == 0.0
    assert violation(agreeing(cells[1], 1.0, 16, 0.2), asked, None, sampled=False) == 0.0
    sizes = zip(cells, (0.0, 0.13, 0.01), (100, 30, 60), strict=True)
    seen = [changed(agreeing(cell, 1.0, 16, error), size_bytes=size) for cell, error, size in sizes]
    run = results.model_copy(update={"cells": tuple(seen)})
    names = [f"{cell.format}-{cell.recipe}" for cell in run.cells]
    assert to_device(run, asked, 9) == [names[2], names[1]]


def test_what_was_timed_beside_others_is_chosen_by_what_is_known_of_it(results: Results) -> None:
    run = ran(results, (0.99, 0.985, 0.99), (100, 60, 50))
    beside = Verdict(label="contended", evidence=VerdictEvidence(), advice="time it again")
    noisy = [changed(cell, verdict=beside) for cell in run.cells[1:]]
    busy = run.model_copy(update={"cells": (run.cells[0], *noisy)})
    found = decided(busy, SweepBudget())
    assert found is not None
    assert found.pick is not None
    assert (found.pick.id, found.state) == (run.cells[2].id, "provisional")
    for limit in ({"latency_p50_ms": 99}, {"peak_memory_bytes": 1}):
        held = decided(busy, SweepBudget.model_validate(limit))
        assert held is not None
        assert held.pick is None, limit


def test_the_most_that_may_be_lost_counts_where_samples_are_few(results: Results) -> None:
    run = ran(results, (0.99, 0.985), (100, 60))
    cell = run.cells[1]
    few = changed(cell, accuracy=cell.accuracy.model_copy(update={"delta": -0.005, "delta_ci95": (-0.03, 0.02)}))
    ((_, held_to),) = compared(run)
    assert abs(violation(few, SweepBudget(), held_to) - 0.02) < 1e-6
    assert violation(few, SweepBudget(), held_to, sampled=False) == 0


def test_what_is_far_from_its_source_is_given_to_the_device_last(results: Results) -> None:
    run = ran(results, (0.99, 0.99, 0.99), (100, 60, 30))
    far = changed(run.cells[2], parity=Parity(relative_error=0.37, agreement=1.0))
    names = [f"{cell.format}-{cell.recipe}" for cell in run.cells]
    assert to_device(run, SweepBudget(), 1) == [names[2]]
    assert to_device(run.model_copy(update={"cells": (*run.cells[:2], far)}), SweepBudget(), 1) == [names[1]]


def test_the_float_variant_is_never_the_winner(results: Results) -> None:
    run = ran(results, (0.99, 0.2), (100, 60))
    found = decided(run, SweepBudget())
    assert found is not None
    assert found.pick is None
    assert "losing more than 1 point" in found.why
    assert decided(run.model_copy(update={"cells": run.cells[:1]}), SweepBudget()) is None
