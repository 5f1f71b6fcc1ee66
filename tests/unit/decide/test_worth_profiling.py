from unit.made_results import changed

from edgerig.decide.budget import budget_of
from edgerig.decide.decision import decisions
from edgerig.decide.worth_profiling import worth_profiling
from edgerig.results import CellResult, Delegation, Results


def picks(results: Results) -> set[str]:
    return {each.pick.id for each in decisions(results, budget_of(results)) if each.pick is not None}


def slower_than_float(results: Results) -> set[str]:
    """By hand: real cells whose median is over that of the same format's fp32."""
    ok = {cell.id: cell for cell in results.cells if cell.status == "ok" and cell.latency and not cell.emulated}
    found: set[str] = set()
    for cell in ok.values():
        twin = ok.get(cell.id.replace(f"-{cell.recipe}@", "-fp32@"))
        if twin is not None and _p50(cell) > 1.02 * _p50(twin):
            found |= {cell.id, twin.id}
    return found


def _p50(cell: CellResult) -> float:
    assert cell.latency is not None
    return cell.latency.p50_ms


def test_what_is_recommended_and_what_is_slower_than_its_float_twin(results: Results) -> None:
    plain = results.model_copy(
        update={"cells": tuple(changed(cell, delegation=Delegation(reason="r")) for cell in results.cells)}
    )
    found = worth_profiling(plain)
    assert picks(plain) <= found
    assert slower_than_float(plain)
    assert {name for name in found if name in slower_than_float(plain)} == slower_than_float(plain)


def test_a_cell_with_operators_left_to_the_runtime(results: Results) -> None:
    ran = [cell for cell in results.cells if cell.status == "ok"]
    alone = results.model_copy(update={"cells": (changed(ran[0], delegation=Delegation(delegated=3, total=4)),)})
    whole = results.model_copy(update={"cells": (changed(ran[0], delegation=Delegation(delegated=4, total=4)),)})
    assert ran[0].id in worth_profiling(alone)
    assert worth_profiling(whole) == picks(whole)
