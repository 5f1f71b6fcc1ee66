"""What to ship, by the time of a device that is kept at work."""

from __future__ import annotations

import pytest
from unit.decide.decided import decided, limited, timed, variant
from unit.made_results import changed

from edgerig.decide.budget import said
from edgerig.results import CellOrder, CellResult, Results, Sustained
from edgerig.spec import SweepBudget

WARM = SweepBudget(rank="sustained")


def kept(cell: CellResult, p50_ms: float, last_ms: float | None) -> CellResult:
    interval = (p50_ms * 0.99, p50_ms * 1.01)
    found = Sustained(first_ms=p50_ms, last_ms=last_ms, reason="" if last_ms else "it was not asked for")
    return timed(cell, p50_ms, interval, sustained=found)


@pytest.fixture
def flips(results: Results) -> list[CellResult]:
    """Two cells, of which the one that is faster while it is cool is the slower one after minutes."""
    one, other = [cell for cell in results.cells if cell.status == "ok" and not cell.emulated][:2]
    return [kept(one, 1.0, 2.0), kept(other, 1.5, 1.6)]


def test_a_budget_may_rank_by_it_and_the_choice_flips(results: Results, flips: list[CellResult]) -> None:
    cold, warm = decided(results, flips), decided(results, flips, WARM)
    assert (cold.basis, warm.basis) == ("latency", "sustained")
    assert cold.pick is not None
    assert warm.pick is not None
    assert (cold.pick.id, warm.pick.id) == (flips[0].id, flips[1].id)
    assert warm.why.startswith("Fastest in the last minute of being kept at work of 2 variants")
    assert "sustained latency (2.00 ms)" in warm.tradeoff


def test_a_variant_that_was_not_kept_at_work_may_be_faster_and_the_choice_is_open(
    results: Results, flips: list[CellResult]
) -> None:
    found = decided(results, [flips[0], kept(flips[1], 0.5, None)], WARM)
    assert (found.basis, found.state) == ("sustained", "provisional")
    assert found.pick is not None
    assert found.pick.id == flips[0].id
    assert "1 variant may be faster: not measured at work" in found.cautions
    assert decided(results, flips, WARM).state == "recommended"


def test_one_that_shared_its_last_minute_is_not_ranked_by_it(results: Results, flips: list[CellResult]) -> None:
    shared = changed(flips[1], sustained=flips[1].sustained.model_copy(update={"contended": True}))
    found = decided(results, [flips[0], shared], WARM)
    assert (found.basis, found.state) == ("sustained", "provisional")
    assert found.pick is not None
    assert found.pick.id == flips[0].id
    assert "1 variant may be faster: contended while kept at work, not ranked" in found.cautions
    assert not any("kept at work it takes" in caution for caution in decided(results, [flips[0], shared]).cautions)


def test_a_limit_on_it_is_not_held_against_a_minute_that_was_shared(results: Results, flips: list[CellResult]) -> None:
    budget = limited(sustained_p50_ms=1.7)
    shared = changed(flips[0], sustained=flips[0].sustained.model_copy(update={"contended": True}))
    found = decided(results, [shared, flips[1]], budget)
    assert found.pick is not None
    assert (found.pick.id, found.state) == (shared.id, "provisional")
    assert (
        "whether it stays within 1.70 ms when kept at work is open: other processes took part in it" in found.cautions
    )
    alone = decided(results, flips, budget)
    assert alone.pick is not None
    assert (alone.pick.id, alone.state) == (flips[1].id, "recommended")


def test_a_choice_by_the_cool_device_says_that_another_is_faster_when_warm(
    results: Results, flips: list[CellResult]
) -> None:
    cautions = decided(results, flips).cautions
    said = f"kept at work it takes 2.00 ms, {variant(flips[1])} 1.60 ms"
    assert any(said in caution for caution in cautions), cautions
    assert not any("kept at work" in caution for caution in decided(results, flips, WARM).cautions)


@pytest.mark.parametrize(
    ("blocks", "shows", "told"), [((1, 2), True, True), ((1, 1), True, False), ((1, 2), False, False)]
)
def test_a_choice_between_two_blocks_of_a_device_that_drifted_says_so(
    results: Results, flips: list[CellResult], blocks: tuple[int, int], shows: bool, told: bool
) -> None:
    cells = [
        changed(cell, order=CellOrder(block=block, number=block, change=0.12, shows=shows))
        for cell, block in zip(flips, blocks, strict=True)
    ]
    cautions = decided(results, cells).cautions
    assert any("another block, and the reference cell changed by up to 12 %" in each for each in cautions) == told


def test_the_budget_says_what_it_ranks_by() -> None:
    assert said(WARM).endswith("ranked by the latency of a device kept at work")
    assert "ranked" not in said(SweepBudget())


def test_where_nobody_measured_it_the_choice_is_by_latency_and_open(results: Results, flips: list[CellResult]) -> None:
    found = decided(results, [kept(cell, 1.0, None) for cell in flips], WARM)
    assert (found.basis, found.state) == ("latency", "provisional")
    assert any("when kept at work was not measured: it was not asked for" in caution for caution in found.cautions)
